/* gemm.cuh: matrix products through cuBLASLt, behind five functions. performance.md 3.2.
 *
 * The library is loaded when a card is opened, so that a build needs its header only; without it product.cu
 * does the work and the description of the device says so. Descriptors are made once for each shape and kept.
 */
#pragma once

#include "gpu/plain.cuh"

typedef struct Gemm Gemm;

/* *out stays NULL for PRECISION_F32, which needs no library, and when there is none. Errors: ERR_DEVICE,
 * ERR_MEMORY. */
Status gemm_open(Gemm **out, Cuda *cuda, Determinism determinism);
void gemm_close(Gemm *gemm);

/* True when gemm_run can do it: bf16 or e4m3 numbers on 16-byte addresses in rows of whole 16 bytes. */
bool gemm_takes(const Gemm *gemm, const Product *p);

/* y = or += x · wᵀ; bias and act of p are the caller's business. */
Status gemm_run(Gemm *gemm, Cuda *cuda, const Product *p);

/* "cuBLASLt 13.1, FILE", or that it was not found and what that means. */
void gemm_library_name(char *out, size_t size);
