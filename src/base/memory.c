/* memory.c: see memory.h; reads /proc/meminfo. */
#include "config.h"

#include "base/memory.h"

#include <stdio.h>

void memory_of_host(uint64_t *total, uint64_t *free) {
    char line[128];
    unsigned long long kib;
    *total = *free = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemTotal: %llu", &kib) == 1)
            *total = (uint64_t)kib * 1024;
        else if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
            *free = (uint64_t)kib * 1024;
    }
    if (file)
        fclose(file);
}

char *memory_print(char out[24], uint64_t bytes) {
    const double mib = 1 << 20, gib = 1 << 30;
    snprintf(out, 24, "%.*f %s", bytes < gib ? 0 : 1, (double)bytes / (bytes < gib ? mib : gib),
             bytes < gib ? "MiB" : "GiB");
    return out;
}
