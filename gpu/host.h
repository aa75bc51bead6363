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
#include <unistd.h>

extern "C" {
#include "base/file.h"
#include "base/half.h"
#include "base/status.h"
#include "base/team.h"
#include "ops/backend.h"
#include "ops/list.h"
}
