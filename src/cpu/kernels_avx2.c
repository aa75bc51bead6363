/* kernels_avx2.c: the kernels for AVX2 with fused multiply-add. The file is empty elsewhere. */
#include "config.h"

#include "cpu/kernels.h"

#ifdef CPU_X86
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define LANES 8
#define ROWS 6
#define TABLE KERNELS_AVX2
#define PATH_NAME "avx2"
#include "cpu/kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
