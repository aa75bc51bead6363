/* plain.cuh: the plain twins of the fast kernels: any shape, any type of number, float32 arithmetic. Fast
 * launchers fall back on them where addresses or shapes do not suit, and tests compare with them. */
#pragma once

#include "gpu/runtime.cuh"

/* y [rows, out] = or += act(x [rows, in] · w [out, in]ᵀ + bias): a matrix product as gemm.cu wants it too. */
typedef struct Product {
    void *y;
    const void *x, *w;
    DType y_type, x_type, w_type;
    int64_t y_stride, x_stride; /* numbers; w is dense */
    int64_t rows, out, in;
    const float *bias; /* [out] or NULL */
    Activation act;
    StoreMode store;
} Product;

Status plain_product(Cuda *cuda, const Product *p);

Status plain_attention(Cuda *cuda, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how);

/* conv2d; with UPSCALE_TWO of the picture with every pixel four times. */
typedef enum Upscale { UPSCALE_NONE, UPSCALE_TWO } Upscale;
Status plain_conv(Cuda *cuda, Tensor y, Tensor x, const Weight *w, ConvHow how, Upscale upscale);
