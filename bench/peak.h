/* peak.h: the most multiply-adds this machine does, from registers alone. */
#pragma once

#include "ops/backend.h"

/* Floating point operations a second (a multiply-add is two) of one thread, in the vectors of the code path:
 * f32 multiply-adds, or bf16 dot products for PRECISION_BF16 on a path that has them. The best of a hundred
 * short runs. */
double peak_flops(const char *path, Precision precision);
