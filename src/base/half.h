/* half.h: 16-bit floats to and from float. bf16 is the upper half of an IEEE float, f16 is IEEE binary16.
 * Rounding is to nearest, ties to even; NaN stays NaN. Source: IEEE 754-2008. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/dtype.h"

static inline float bf16_to_float(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

uint16_t bf16_from_float(float f);
float f16_to_float(uint16_t h);
uint16_t f16_from_float(float f);

/* out [n] from n elements of `type` (f32, f16 or bf16) at `in`, which need not be aligned.
 * False when the type is another one; out is then left alone. */
bool float_from_dtype(float *out, const void *in, DType type, int64_t n);
