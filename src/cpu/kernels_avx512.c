/* kernels_avx512.c: the kernels for AVX-512 (F, BW, VL, DQ). The file is empty elsewhere. */
#include "config.h"

#include "cpu/kernels.h"

#ifdef CPU_X86
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512bw,avx512dq,avx512vl,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512bw,avx512dq,avx512vl,fma")
#endif

#define LANES 16
#define ROWS 12
#define TABLE KERNELS_AVX512
#define PATH_NAME "avx512"
#include "cpu/kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
