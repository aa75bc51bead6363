/* kernels_avx512bf16.c: the kernels for AVX-512 with the bf16 dot product. The file is empty elsewhere. */
#include "config.h"

#include "cpu/kernels.h"

#ifdef CPU_X86
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512bf16,avx512dq,avx512vl,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512bf16,avx512dq,avx512vl,fma")
#endif

#define LANES 16
#define ROWS 12
#define TABLE KERNELS_AVX512BF16
#define PATH_NAME "avx512bf16"
#define HAVE_DOT
#include "cpu/kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
