/* kernels_avx512.c: the kernels for AVX-512 (F, BW, VL, DQ). The file is empty elsewhere. */
#include "config.h"

#include "cpu/kernels.h"

#ifdef CPU_X86
#define TARGET "avx512bw,avx512dq,avx512vl,fma"
#define LANES 16
#define ROWS 12
#define TABLE KERNELS_AVX512
#define PATH_NAME "avx512"
#include "cpu/kernels.inc"
#endif
