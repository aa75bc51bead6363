/* kernels_avx2.c: the kernels for AVX2 with fused multiply-add. The file is empty elsewhere. */
#include "config.h"

#include "cpu/kernels.h"

#ifdef CPU_X86
#define TARGET "avx2,fma"
#define LANES 8
#define ROWS 6
#define TABLE KERNELS_AVX2
#define PATH_NAME "avx2"
#include "cpu/kernels.inc"
#endif
