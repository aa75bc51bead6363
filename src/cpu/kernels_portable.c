/* kernels_portable.c: the kernels for any processor. Four lanes are what every 64-bit machine has (SSE2,
 * NEON). */
#include "config.h"

#include "cpu/kernels.h"

#define LANES 4
#define ROWS 6
#define TABLE KERNELS_PORTABLE
#define PATH_NAME "portable"
#include "cpu/kernels.inc"
