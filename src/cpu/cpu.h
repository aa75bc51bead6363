/* cpu.h: the CPU backends. "cpu" chooses its kernels by cpuid (or BackendOptions.path, or $NEWBIE_ISA); "ref"
 * computes every op in plain double precision, slow and obvious: the oracle of the tests. */
#pragma once

#include "ops/backend.h"

extern const Backend CPU_BACKEND;
extern const Backend REF_BACKEND;

/* Names of the code paths that run on this machine, best first, NULL-terminated: "avx512bf16", "avx512",
 * "avx2", "portable". Static. */
const char *const *cpu_paths(void);

/* Physical cores this process may use. */
int cpu_physical_cores(void);

/* True when this machine multiplies bf16 in hardware (what precision auto asks). */
bool cpu_has_bf16(void);
