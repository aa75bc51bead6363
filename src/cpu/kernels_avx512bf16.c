/* kernels_avx512bf16.c: the kernels for AVX-512 with the bf16 dot product. The file is empty elsewhere. */
#include "config.h"

#include "cpu/kernels.h"

#ifdef CPU_X86
#define TARGET "avx512bf16,avx512dq,avx512vl,fma"
#define LANES 16
#define ROWS 12
#define TABLE KERNELS_AVX512BF16
#define PATH_NAME "avx512bf16"
#define HAVE_DOT
#include "cpu/kernels.inc"
#endif
