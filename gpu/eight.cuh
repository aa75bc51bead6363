/* eight.cuh: linears in 8 bits: int8 numbers of weights and activations, one scale for each row of either,
 * after a rotation in groups of 256 columns that spreads outliers (performance.md 3.3).
 *
 * The rotation is the regular Hadamard matrix H4 x H4 x H4 x H4 / 16: symmetric, orthogonal, its own inverse.
 * Both sides of a product are rotated, so the product stays what it was. A weight of type DT_I8 is [out][in]
 * bytes, then the scales [out] float32. */
#pragma once

#include "gpu/runtime.cuh"

/* Columns that are rotated together; a weight whose width is no multiple of it is kept in 16 bits. */
enum { EIGHT_GROUP = 256 };

/* The type a weight is kept in, given what it would be otherwise. */
DType eight_type(const Cuda *cuda, const WeightParts *parts, int64_t width, DType otherwise);

/* Enqueues: to [rows][width] int8 and scales [rows] from rows of float32 or bf16, `stride` numbers apart. */
typedef struct EightRows {
    const void *from;
    DType type;
    int64_t stride, rows, width;
} EightRows;
Status eight_quantise(Cuda *cuda, int8_t *to, float *scales, const EightRows *rows);

/* As cuda_linear and cuda_glu_linear, for a weight of type DT_I8. */
Status eight_linear(Cuda *cuda, Tensor y, Tensor x, const Weight *w, LinearHow how);
Status eight_glu_linear(Cuda *cuda, Tensor y, Tensor x, const Weight *w, Activation act);
