/* isa.c: chooses code paths by what cpuid says and the system has enabled (the compiler's cpu_supports asks
 * both), and counts cores. */
#include "config.h"

#include "cpu/isa.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/cpu.h"

typedef struct Path {
    const Kernels *kernels;
    bool (*runs)(void);
} Path;

static bool runs_portable(void) {
    return true;
}

#ifdef CPU_X86
static bool runs_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool runs_avx512(void) {
    __builtin_cpu_init();
    return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

static bool runs_avx512bf16(void) {
    return runs_avx512() && __builtin_cpu_supports("avx512bf16");
}
#endif

/* Best first. */
static const Path PATHS[] = {
#ifdef CPU_X86
    {&KERNELS_AVX512BF16, runs_avx512bf16},
    {&KERNELS_AVX512, runs_avx512},
    {&KERNELS_AVX2, runs_avx2},
#endif
    {&KERNELS_PORTABLE, runs_portable},
};
#define PATH_COUNT (sizeof PATHS / sizeof PATHS[0])

/* Every path implies the ones after it, so what runs here is the end of the list from the first that runs. */
static const char *const NAMES[] = {
#ifdef CPU_X86
    "avx512bf16", "avx512", "avx2",
#endif
    "portable", NULL,
};
_Static_assert(sizeof NAMES / sizeof NAMES[0] == PATH_COUNT + 1, "a name for every path");

const char *const *cpu_paths(void) {
    int first = 0;
    while (!PATHS[first].runs())
        first++;
    return NAMES + first;
}

bool cpu_has_bf16(void) {
    for (size_t i = 0; i < PATH_COUNT; i++)
        if (PATHS[i].kernels->tile_dot && PATHS[i].runs())
            return true;
    return false;
}

static Status no_such_path(const char *name, const char *where) {
    char list[80] = "";
    for (const char *const *path = cpu_paths(); *path; path++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "", *path);
    return fail(ERR_USAGE, "%s\"%s\" is no code path of this machine; it has %s", where, name, list);
}

Status isa_choose(const Kernels **out, const char *name) {
    const char *where = "";
    if (!name || !*name) {
        name = getenv("NEWBIE_ISA");
        where = "NEWBIE_ISA=";
    }
    for (size_t i = 0; i < PATH_COUNT; i++) {
        bool wanted = !name || !*name || !strcmp(name, PATHS[i].kernels->name);
        if (wanted && PATHS[i].runs()) {
            *out = PATHS[i].kernels;
            return NULL;
        }
    }
    return no_such_path(name, where);
}

/* The first of the hardware threads that share a core with `cpu`; `cpu` itself when the system does not
 * say. */
static int first_sibling(int cpu) {
    char path[96];
    int first = cpu;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%d", &first) != 1)
            first = cpu;
        fclose(file);
    }
    return first;
}

int cpu_physical_cores(void) {
    cpu_set_t allowed, cores;
    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof allowed, &allowed)) {
        long online = sysconf(_SC_NPROCESSORS_ONLN); /* more than CPU_SETSIZE of them */
        return online > 0 ? (int)online : 1;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            CPU_SET(first_sibling(cpu), &cores);
    int count = CPU_COUNT(&cores);
    return count > 0 ? count : 1;
}
