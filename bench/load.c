/* load.c: how fast host threads fill the buffers through which weights travel to a card: every matrix of a
 * file is packed into host memory by the CUDA module's own code, on the emulated device, so that no copy
 * takes part.
 *
 * usage: load MODULE FILE [ROUNDS]
 *
 * FILE: a safetensors file. MODULE: the emulated module without its sanitizers,
 * make EMU_CXXFLAGS= EMU_MODULE_LDFLAGS= gpu/emu/newbie-emu.so
 *
 * Ways: the pages of the mapping touched by one thread, the file read by one, by two, by four. Rounds of all
 * ways after each other; a row has the best round and the median, by the clock and by the processor's time.
 */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "io/safetensors.h"
#include "ops/backend.h"
#include "ops/module.h"

enum { ROUNDS_MAX = 20 };

typedef struct Way {
    const char *name;
    int threads;
    bool reads;
    double wall[ROUNDS_MAX], cpu[ROUNDS_MAX]; /* seconds */
} Way;

static Way ways[] = {
    {.name = "pages of the mapping, 1 thread", .threads = 1},
    {.name = "file read, 1 thread", .threads = 1, .reads = true},
    {.name = "file read, 2 threads", .threads = 2, .reads = true},
    {.name = "file read, 4 threads", .threads = 4, .reads = true},
};
enum { WAYS = sizeof ways / sizeof *ways };

static void must(Status st) {
    if (!st)
        return;
    fprintf(stderr, "load: %s\n", st->message);
    exit(1);
}

static double processor_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Packs every matrix; bytes of the file. */
static uint64_t pack_all(Ops *o, const SafeTensors *file, const Way *way) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const SafeTensor *tensor = safetensors_at(file, i);
        if (tensor->rank != 2)
            continue;
        Weight w;
        WeightParts parts = {.kind = WEIGHT_LINEAR, .count = 1, .place = PLACE_HOST};
        parts.part[0] = tensor_2d((void *)(uintptr_t)tensor->data, tensor->type, tensor->dims[0],
                                  tensor->dims[1]);
        parts.file[0] = way->reads ? safetensors_map(file, tensor) : NULL;
        weight_pack(o, &w, &parts);
        weight_free(o, &w);
        must(ops_status(o));
        bytes += tensor->bytes;
        safetensors_forget(file, tensor);
    }
    return bytes;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void one_round(Way *way, int round, const Backend *card, const SafeTensors *file, uint64_t *bytes) {
    Ops o = {0};
    must(ops_open(&o, card, &(BackendOptions){.precision = PRECISION_BF16, .threads = way->threads}));
    double wall = clock_seconds(), cpu = processor_seconds();
    *bytes = pack_all(&o, file, way);
    way->wall[round] = clock_seconds() - wall;
    way->cpu[round] = processor_seconds() - cpu;
    card->close(o.state);
}

int main(int argc, char **argv) {
    const Backend *card;
    SafeTensors *file;
    uint64_t bytes = 0;
    int rounds = argc > 3 ? atoi(argv[3]) : 5;
    if (argc < 3 || argc > 4 || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: load MODULE FILE [ROUNDS]\n");
        return 2;
    }
    mallopt(M_MMAP_THRESHOLD, 1 << 30); /* the same memory again for every matrix, as the ring's is */
    mallopt(M_TRIM_THRESHOLD, INT32_MAX);
    must(module_open(&card, argv[1]));
    must(safetensors_open(&file, argv[2]));
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < WAYS; i++)
            one_round(&ways[i], round, card, file, &bytes);
    printf("%.2f GB, %d rounds; GB/s by the clock: best, median; GB for a second of the processors: median\n",
           (double)bytes / 1e9, rounds);
    for (size_t i = 0; i < WAYS; i++) {
        qsort(ways[i].wall, (size_t)rounds, sizeof(double), by_size);
        qsort(ways[i].cpu, (size_t)rounds, sizeof(double), by_size);
        printf("%-32s %6.2f %6.2f %6.2f\n", ways[i].name, (double)bytes / ways[i].wall[0] / 1e9,
               (double)bytes / ways[i].wall[rounds / 2] / 1e9, (double)bytes / ways[i].cpu[rounds / 2] / 1e9);
    }
    safetensors_close(file);
    return 0;
}
