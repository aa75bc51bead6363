/* product.cuh: matrix products of our own on matrix instructions, for cards without cuBLASLt, for the fused
 * gated linear unit, and for 8-bit weights. */
#pragma once

#include "gpu/plain.cuh"

/* True when product_mma can do it: x and w bf16, rows that begin at 16 bytes. */
bool product_mma_suits(const Product *p);

/* Enqueues a product. p->y [rows, out] f32 or bf16. */
Status product_mma(Cuda *cuda, const Product *p);

/* y [rows, out / 2] = act(gate) · up, where columns 2f and 2f + 1 of the product are gate and up of f; p->act
 * is act, p->bias, if there, has all gates, then all ups. p->store is ignored. */
Status product_mma_glu(Cuda *cuda, const Product *p);
