/* product.cuh: matrix products of our own on matrix instructions, for cards without cuBLASLt, for the fused
 * gated linear unit, and for 8-bit weights. */
#pragma once

#include "gpu/plain.cuh"

/* True when product_mma can do it: x and w bf16, rows that begin at 16 bytes. */
bool product_mma_suits(const Product *p);

/* Enqueues a product. p->y [rows, out] f32 or bf16. */
Status product_mma(Cuda *cuda, const Product *p);

/* y [rows, out / 2] = act(gate) · up, where columns 2f and 2f + 1 of the product (and of the bias, where
 * there is one) are gate and up of f; p->act is act. p->store is ignored. */
Status product_mma_glu(Cuda *cuda, const Product *p);

/* Whether two neighbouring columns of a product become two numbers, or act(first) · second. */
typedef enum ProductEnd { PRODUCT_PLAIN, PRODUCT_GLU } ProductEnd;

/* x [rows][in] and w [out][in] int8 with a scale for each row of either: y = act(x · wT · scales + bias of
 * w), or a gated linear unit. `in` is a multiple of 16. */
typedef struct ProductBytes {
    const int8_t *x, *w;
    const float *x_scale, *w_scale;
    Activation act;
    StoreMode store;
    ProductEnd glu;
} ProductBytes;
Status product_mma_bytes(Cuda *cuda, Tensor y, const Weight *w, const ProductBytes *how);
