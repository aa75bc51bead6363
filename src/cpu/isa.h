/* isa.h: which of our code paths this machine can run. A path is one compilation of the kernels
 * (kernels.h). */
#pragma once

#include "cpu/kernels.h"

/* The kernels called `name`; for NULL or "" those of $NEWBIE_ISA, else the best. Errors: ERR_USAGE when there
 * is no such path or this machine cannot run it; the sentence lists what it can. */
Status isa_choose(const Kernels **out, const char *name);
