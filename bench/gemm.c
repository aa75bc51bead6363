/* gemm.c: how close the matrix products come to this machine's peak.
 *
 *   bench/gemm [PATH [THREADS [NAME]]]     PATH as for NEWBIE_ISA (default: the best), THREADS (default: 1,
 *                                          then all cores), only shapes whose name contains NAME
 *
 * First the peak of a thread: register-only multiply-adds, f32 or bf16. Then the shapes of the full-size
 * model (performance.md 1.1) and of the demo model through the public ops, best of several runs: GFLOP/s,
 * percent of the peak of all threads by the clock, and percent by processor time, which tells what the
 * kernels do on a machine that has other work as well. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "bench/peak.h"
#include "cpu/cpu.h"
#include "ops/ops.h"

typedef struct Shape {
    const char *name;
    int64_t rows, out, in;
    WeightKind kind;
} Shape;

static const Shape SHAPES[] = {
    {"full: qkv", 4352, 3840, 2304, WEIGHT_LINEAR},
    {"full: attention out", 4352, 2304, 2304, WEIGHT_LINEAR},
    {"full: gate, up", 4352, 18432, 2304, WEIGHT_GLU},
    {"full: down", 4352, 2304, 9216, WEIGHT_LINEAR},
    {"gemma: qkv", 512, 4096, 2560, WEIGHT_LINEAR},
    {"gemma: gate, up", 512, 20480, 2560, WEIGHT_GLU},
    {"gemma: down", 512, 2560, 10240, WEIGHT_LINEAR},
    {"256 rows", 256, 2304, 2304, WEIGHT_LINEAR},
    {"demo 128x128: qkv", 80, 384, 192, WEIGHT_LINEAR},
    {"demo 128x128: out", 80, 192, 192, WEIGHT_LINEAR},
    {"demo 128x128: gate, up", 80, 1536, 192, WEIGHT_GLU},
    {"demo 128x128: down", 80, 192, 768, WEIGHT_LINEAR},
    {"demo 256x256: gate, up", 272, 1536, 192, WEIGHT_GLU},
    {"demo 256x256: down", 272, 192, 768, WEIGHT_LINEAR},
    {"one row: modulation", 1, 9216, 1024, WEIGHT_LINEAR},
};

/* A weight of `rows` x `width` bf16 numbers around 0.01, all different enough. */
static uint16_t *make_weight(int64_t count) {
    uint16_t *numbers = malloc((size_t)count * 2);
    for (int64_t i = 0; numbers && i < count; i++)
        numbers[i] = (uint16_t)(0x3c00 + i * 2654435761u % 512);
    return numbers;
}

static void multiply(Ops *o, const Shape *shape, Tensor y, Tensor x, const Weight *w) {
    if (shape->kind == WEIGHT_GLU)
        op_glu_linear(o, y, x, w, ACT_SILU);
    else
        op_linear(o, y, x, w, (LinearHow){0});
}

typedef struct Times {
    double wall, cpu; /* seconds of the best of several runs; processor seconds of all threads */
} Times;

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* About half a second of runs. */
static Times best_times(Ops *o, const Shape *shape, Tensor y, Tensor x, const Weight *w) {
    Times best = {1e9, 1e9};
    double begin = clock_seconds();
    for (int i = 0; i < 3 || clock_seconds() - begin < 0.5; i++) {
        double wall = clock_seconds(), cpu = cpu_seconds();
        multiply(o, shape, y, x, w);
        wall = clock_seconds() - wall;
        cpu = cpu_seconds() - cpu;
        best.wall = wall < best.wall ? wall : best.wall;
        best.cpu = cpu < best.cpu ? cpu : best.cpu;
    }
    return best;
}

#define SECONDS_TO_TELL 2e-3 /* the processor clock of a running helper is read late */

/* peak: of one thread. */
static void measure(Ops *o, const Shape *shape, const uint16_t *numbers, double peak, int threads) {
    bool glu = shape->kind == WEIGHT_GLU;
    int64_t part = glu ? shape->out / 2 : shape->out;
    ArenaMark mark = ops_mark(o);
    Tensor y = ops_matrix(o, shape->rows, part), x = ops_matrix(o, shape->rows, shape->in);
    Tensor half = tensor_2d((void *)numbers, DT_BF16, part, shape->in);
    Weight w;
    weight_pack(o, &w, &(WeightParts){.kind = shape->kind, .count = glu ? 2 : 1, .part = {half, half}});
    ops_fill(o, x, 0.5f);
    multiply(o, shape, y, x, &w);
    if (!ops_status(o)) {
        Times best = best_times(o, shape, y, x, &w);
        double flops = 2.0 * (double)shape->rows * (double)shape->out * (double)shape->in;
        printf("  %-24s %5lld x %5lld x %5lld %9.3f ms %7.1f GFLOP/s %5.1f %%", shape->name,
               (long long)shape->rows, (long long)shape->out, (long long)shape->in, best.wall * 1e3,
               flops / best.wall * 1e-9,
               flops / best.wall / (peak * threads) * 100);
        if (best.wall > SECONDS_TO_TELL)
            printf("  %5.1f %% by processor time", flops / best.cpu / peak * 100);
        printf("\n");
    }
    weight_free(o, &w);
    ops_release(o, mark);
}

static Status run(const BackendOptions *options, Arena *arena, const uint16_t *numbers, const char *name) {
    Ops o = {.backend = &CPU_BACKEND, .arena = arena};
    TRY(o.backend->open(&o.state, options));
    double peak = peak_flops(options->path, options->precision);
    printf("%s, %s: peak of a thread %.1f GFLOP/s\n", o.backend->describe(o.state),
           options->precision == PRECISION_BF16 ? "bf16" : "f32", peak * 1e-9);
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++)
        if (strstr(SHAPES[i].name, name))
            measure(&o, &SHAPES[i], numbers, peak, options->threads);
    Fault fault;
    fault_copy(&fault, ops_status(&o));
    o.backend->close(o.state);
    return fault_raise(&fault);
}

#define ARENA_BYTES ((size_t)512 << 20)
#define WEIGHT_NUMBERS (20480 * 2560)

int main(int argc, char **argv) {
    int first = argc > 2 ? atoi(argv[2]) : 1, last = argc > 2 ? first : cpu_physical_cores();
    void *memory = aligned_alloc(ARENA_ALIGN, ARENA_BYTES);
    uint16_t *numbers = make_weight(WEIGHT_NUMBERS);
    Status st = memory && numbers ? NULL : fail(ERR_MEMORY, "not enough memory");
    for (int threads = first; !st && threads <= last; threads = threads < last ? last : last + 1)
        for (int precision = PRECISION_F32; !st && precision <= PRECISION_BF16; precision++) {
            Arena arena = arena_over(memory, ARENA_BYTES);
            BackendOptions options = {.threads = threads, .precision = (Precision)precision,
                                      .path = argc > 1 ? argv[1] : *cpu_paths()};
            st = run(&options, &arena, numbers, argc > 3 ? argv[3] : "");
        }
    if (st)
        fprintf(stderr, "bench/gemm: %s\n", st->message);
    free(memory);
    free(numbers);
    return st != NULL;
}
