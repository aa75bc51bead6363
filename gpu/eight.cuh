/* eight.cuh: linears in 8 bits: numbers of a byte for weights and activations, one scale for each row of
 * either (performance.md 3.3). A weight of type DT_I8 or DT_F8_E4M3 is [out][in] bytes, then the scales [out]
 * float32.
 *
 * int8: after a rotation in groups of EIGHT_GROUP columns that spreads outliers, by our own kernel
 * (product_mma_bytes), which scales the sums. The rotation is the regular Hadamard matrix H4 x H4 x H4 x H4 /
 * 16: symmetric, orthogonal, its own inverse. Both sides of a product are rotated, so the product stays what
 * it was.
 *
 * fp8 (e4m3): not rotated, because finer scales do not make its 3 bits of mantissa more exact. By cuBLASLt
 * without scales, which every card from 8.9 on takes (scales of rows only Hopper does), and a kernel of ours
 * scales the result where it lies; a gated unit does it while it multiplies. */
#pragma once

#include "gpu/runtime.cuh"

/* NULL when the card and its libraries can do what its precision asks for. Errors: ERR_UNSUPPORTED. */
Status eight_try(const Cuda *cuda);

static inline bool eight_is(DType type) {
    return type == DT_I8 || type == DT_F8_E4M3;
}

/* Enqueues: to [rows][width] of type `to_type`, a byte a number, and scales [rows], from rows of float32 or
 * bf16, `stride` numbers apart. */
typedef struct EightRows {
    const void *from;
    DType type, to_type;
    int64_t stride, rows, width;
} EightRows;
Status eight_quantise(Cuda *cuda, void *to, float *scales, const EightRows *rows);

/* As cuda_linear and cuda_glu_linear, for a weight in 8 bits. */
Status eight_linear(Cuda *cuda, Tensor y, Tensor x, const Weight *w, LinearHow how);
Status eight_glu_linear(Cuda *cuda, Tensor y, Tensor x, const Weight *w, Activation act);
