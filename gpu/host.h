/* host.h: the C headers of the other rooms, for C++. */
#pragma once

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include "base/half.h"
#include "base/status.h"
#include "ops/backend.h"
#include "ops/list.h"
}
