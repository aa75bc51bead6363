/* networks.c: times the networks and whole pictures on one device, and leaves inputs and answers of one step
 * for bench/peer_torch.py to compare. performance.md 4, sections 5 and 6.
 *
 * usage: networks DEVICE FOLDER OUT [PRECISION [main|step|more]]
 *
 * main: the step of the usual picture, text, pixels, kernels, a picture. step: that step alone. more:
 * other sizes and lengths, 50 steps, and the step again, for the error bar. Without either both are done.
 * DEVICE as setting `device` ("cpu", "cuda", "cuda:1", "emu"); FOLDER a model, usually of
 * bench/make_model. Rows are added to OUT/rows.csv, whose columns bench/table.py names; numbers for the
 * comparison are written as raw float32 beside it. Times are of the host's clock around work that is
 * waited for; 3 repetitions are not counted, the median and the 10th and 90th percentile of the next are. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "cpu/cpu.h"
#include "engine/device.h"
#include "engine/run.h"
#include "ops/list.h"
#include "ops/plan.h"
#include "ops/wrap.h"

enum { WARM = 3, TIMED = 10, EVALUATIONS = 28, KERNELS_MAX = 64 };

typedef struct Bench {
    Session *session;
    FILE *rows;
    const char *out, *precision;
    bool full;                /* the published model's size */
} Bench;

/* One row's key: what was computed. */
typedef struct Case {
    const Bench *bench;
    const char *component;
    int width, height, text[2], branches, steps;
    const char *dump;         /* names of the files to leave; NULL: none */
} Case;

/* Times of the repetitions of one case; in a dry run its work. */
typedef struct Laps {
    double seconds[WARM + TIMED];
    int count, wanted;
    PlanCount *plan;          /* NULL: this is real */
    double begun, flops, bytes;
} Laps;

static void must(Status st) {
    if (!st)
        return;
    fprintf(stderr, "networks: %s%s%s\n", st->message, st->hint[0] ? "; " : "", st->hint);
    exit(st->code == ERR_MEMORY ? 4 : 1);
}

static void lap_begin(Laps *laps, Ops *o) {
    ops_sync(o);
    laps->begun = clock_seconds();
    if (laps->plan) {
        laps->flops = laps->plan->flops;
        laps->bytes = laps->plan->bytes;
    }
}

static void lap_end(Laps *laps, Ops *o) {
    ops_sync(o);
    laps->seconds[laps->count++] = clock_seconds() - laps->begun;
    if (laps->plan) {
        laps->flops = laps->plan->flops - laps->flops;
        laps->bytes = laps->plan->bytes - laps->bytes;
    }
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double device_mib(const Bench *bench) {
    MemoryUse host, device;
    session_memory(bench->session, &host, &device);
    const MemoryUse *use = device.total ? &device : &host;
    return (double)(device.total ? use->total - use->free : use->weights + use->activations) / (1 << 20);
}

/* The times [count] are sorted. */
static void put_row(const Case *c, double *seconds, int count, const Laps *work, const char *note) {
    const Bench *bench = c->bench;
    qsort(seconds, (size_t)count, sizeof *seconds, by_size);
    double median = count ? seconds[count / 2] : 0;
    double low = count ? seconds[count / 10] : 0, high = count ? seconds[count * 9 / 10] : 0;
    double tflop = work->flops / 1e12, gbytes = work->bytes / 1e9;
    double tflops = median > 0 ? tflop / median : 0, gbps = median > 0 ? gbytes / median : 0;
    fprintf(bench->rows, "newbie,%s,%d,%d,%d,%d,%d,%d,%s,%d,", bench->precision, c->width, c->height,
            c->text[0], c->text[1], c->branches, c->steps, c->component, count);
    fprintf(bench->rows, "%.4f,%.4f,%.4f,%.5f,%.5f,%.3f,%.2f,,%.0f,,,%s\n", 1e3 * median, 1e3 * low,
            1e3 * high, tflop, gbytes, tflops, gbps, device_mib(bench), note);
    fflush(bench->rows);
    printf("%-20s %s %dx%d text %d+%d: %.2f ms\n", c->component, bench->precision, c->width, c->height,
           c->text[0], c->text[1], 1e3 * median);
}

/* ---- running a case: first over empty kernels, to know its memory and work ----------------------------- */

typedef void Work(const Case *c, Ops *o, Laps *laps);

static void run_case(const Case *c, Work *work) {
    Session *s = c->bench->session;
    PlanRun dry;
    plan_begin(&dry, &s->ops, s->ops.streamed);
    Laps planned = {.wanted = 1, .plan = &dry.count}, laps = {.wanted = WARM + TIMED};
    work(c, &dry.ops, &planned);
    must(session_reserve(s, dry.arena.peak));
    work(c, &s->ops, &laps);
    must(ops_status(&s->ops));
    put_row(c, laps.seconds + WARM, TIMED, &planned, "");
}

static Tensor noise(Ops *o, int rank, const int64_t *dims, uint64_t seed) {
    Tensor t = ops_new(o, DT_F32, rank, dims);
    size_t count = (size_t)tensor_count(t);
    float *host = must_alloc(count * sizeof *host);
    Mt19937 rng;
    mt19937_seed(&rng, seed);
    rng_normal_f32(&rng, host, (int64_t)count);
    ops_upload(o, t, host);
    free(host);
    return t;
}

/* Noise in the type of activations. */
static Tensor states(Ops *o, int64_t rows, int64_t width, uint64_t seed) {
    Tensor t = ops_matrix(o, rows, width);
    ArenaMark mark = ops_mark(o);
    Tensor numbers = noise(o, 2, (int64_t[]){rows, width}, seed);
    if (t.type == DT_F32)
        ops_copy(o, t, numbers);
    else
        op_cast(o, t, numbers);
    ops_release(o, mark);
    return t;
}

/* Leaves a tensor as OUT/PREFIX_NAME.f32, when the case asks for it and this is no dry run. */
static void dump(const Case *c, Ops *o, const Laps *laps, const char *name, Tensor t) {
    if (!c->dump || laps->plan || ops_status(o))
        return;
    size_t count = (size_t)tensor_count(t);
    float *host = must_alloc(count * sizeof *host);
    Buf path = {0};
    buf_print(&path, "%s/%s_%s.f32", c->bench->out, c->dump, name);
    ops_download(o, host, t);
    must(file_write(path.data, host, count * sizeof *host, 0666));
    buf_done(&path);
    free(host);
}

/* ---- the networks -------------------------------------------------------------------------------------- */

static void fill_times(double times[EVALUATIONS]) {
    for (int i = 0; i < EVALUATIONS; i++)
        times[i] = (i + 0.5) / EVALUATIONS;
}

static void step_work(const Case *c, Ops *o, Laps *laps) {
    const DitConfig *config = dit_config(c->bench->session->dit);
    int64_t high = c->height / 8, wide = c->width / 8, lengths[2] = {c->text[0], c->text[1]};
    double times[EVALUATIONS];
    fill_times(times);
    ArenaMark mark = ops_mark(o);
    DitInput input = {.text = seqs_of(c->branches, lengths), .height = high, .width = wide, .times = times,
                      .evaluations = EVALUATIONS};
    input.caption = states(o, seqs_rows(&input.text), config->caption_dim, 1);
    input.pooled = states(o, c->branches, config->pooled_dim, 2);
    Tensor latent = noise(o, 3, (int64_t[]){config->channels, high, wide}, 3);
    Tensor v = ops_new(o, DT_F32, 4, (int64_t[]){c->branches, config->channels, high, wide});
    dump(c, o, laps, "caption", input.caption);
    dump(c, o, laps, "pooled", input.pooled);
    dump(c, o, laps, "latent", latent);
    DitRun run = {0};
    dit_begin(&run, o, c->bench->session->dit, &input);
    for (int i = 0; i < laps->wanted && !ops_status(o); i++) {
        lap_begin(laps, o);
        dit_velocity(o, v, &run, latent, i % EVALUATIONS);
        lap_end(laps, o);
    }
    dump(c, o, laps, "velocity", v); /* of evaluation WARM + TIMED - 1 */
    dit_end(&run, o);
    ops_release(o, mark);
}

static int32_t *ids_of(int64_t count, int64_t vocabulary) {
    int32_t *ids = must_alloc((size_t)count * sizeof *ids);
    for (int64_t i = 0; i < count; i++)
        ids[i] = (int32_t)(3 + i * 7919 % (vocabulary - 3));
    return ids;
}

static void gemma_work(const Case *c, Ops *o, Laps *laps) {
    const Gemma *gemma = c->bench->session->gemma;
    const GemmaConfig *config = gemma_config(gemma);
    Seqs seqs = seqs_of(c->branches, (int64_t[]){c->text[0], c->text[1]});
    int32_t *ids = ids_of(seqs_rows(&seqs), config->vocabulary);
    ArenaMark mark = ops_mark(o);
    Tensor out = ops_matrix(o, seqs_rows(&seqs), config->hidden);
    for (int i = 0; i < laps->wanted && !ops_status(o); i++) {
        lap_begin(laps, o);
        gemma_encode(o, out, gemma, ids, &seqs);
        lap_end(laps, o);
    }
    dump(c, o, laps, "states", out);
    ops_release(o, mark);
    free(ids);
}

static void jina_work(const Case *c, Ops *o, Laps *laps) {
    const Jina *jina = c->bench->session->jina;
    const JinaConfig *config = jina_config(jina);
    Seqs seqs = seqs_of(c->branches, (int64_t[]){c->text[0], c->text[1]});
    int32_t *ids = ids_of(seqs_rows(&seqs), config->vocabulary);
    ArenaMark mark = ops_mark(o);
    Tensor out = ops_matrix(o, c->branches, config->hidden);
    for (int i = 0; i < laps->wanted && !ops_status(o); i++) {
        lap_begin(laps, o);
        jina_encode(o, out, jina, ids, &seqs);
        lap_end(laps, o);
    }
    dump(c, o, laps, "pooled", out);
    ops_release(o, mark);
    free(ids);
}

static void vae_work(const Case *c, Ops *o, Laps *laps) {
    const Vae *vae = c->bench->session->vae;
    ArenaMark mark = ops_mark(o);
    int64_t dims[] = {vae_config(vae)->latent_channels, c->height / 8, c->width / 8};
    Tensor latent = noise(o, 3, dims, 4);
    Tensor image = ops_new(o, o->activation, 3, (int64_t[]){c->height, c->width, 3});
    dump(c, o, laps, "latent", latent);
    for (int i = 0; i < laps->wanted && !ops_status(o); i++) {
        lap_begin(laps, o);
        vae_decode(o, image, vae, latent, LATENT_VAE);
        lap_end(laps, o);
    }
    dump(c, o, laps, "image", image);
    ops_release(o, mark);
}

/* ---- kernels: every op of a step by itself, waited for ------------------------------------------------- */

typedef struct Kernel {
    char name[64];          /* "linear 3840x2304", "attention" */
    int calls;
    double seconds, flops;
} Kernel;

typedef struct Timer {
    Wrap wrap;
    Kernel kernel[KERNELS_MAX];
    int count;
} Timer;

static double count(Tensor t) {
    return (double)tensor_count(t);
}

static double pairs(const AttentionHow *how) {
    double sum = 0;
    for (int i = 0; i < how->seqs->count; i++)
        sum += (double)seqs_length(how->seqs, i) * (double)seqs_length(how->seqs, i);
    return sum; /* every mask of the transformer is full */
}

static void add_call(Timer *timer, const char *op, const Weight *w, double seconds, double flops) {
    char name[64];
    if (w)
        snprintf(name, sizeof name, "%s %lldx%lld", op, (long long)w->out, (long long)w->in);
    else
        snprintf(name, sizeof name, "%s", op);
    int i = 0;
    while (i < timer->count && strcmp(timer->kernel[i].name, name))
        i++;
    if (i == KERNELS_MAX)
        return;
    if (i == timer->count)
        memcpy(timer->kernel[timer->count++].name, name, sizeof name);
    timer->kernel[i].calls++;
    timer->kernel[i].seconds += seconds;
    timer->kernel[i].flops += flops;
}

#define OPS_WEIGHT(w) w
#define CLOCKED(op, outputs, inputs, weight, work, f32, bf16, half, parameters, arguments)   \
    static Status timer_##op(void *state, OPS_OPEN parameters) {                              \
        Timer *timer = state;                                                                 \
        const Backend *inner = timer->wrap.inner;                                             \
        TRY(inner->sync(timer->wrap.inner_state));                                            \
        double begun = clock_seconds();                                                       \
        TRY(inner->op(timer->wrap.inner_state, OPS_OPEN arguments));                          \
        TRY(inner->sync(timer->wrap.inner_state));                                            \
        add_call(timer, #op, weight, clock_seconds() - begun, (work));                        \
        return NULL;                                                                          \
    }
OPS_LIST(CLOCKED)

#define ROW(op, ...) .op = timer_##op,
static const Backend TIMER_BACKEND = {.version = BACKEND_VERSION, .name = "timer", OPS_LIST(ROW)};

static void kernel_rows(const Case *whole) {
    Session *s = whole->bench->session;
    Timer *timer = must_alloc(sizeof *timer);
    Laps laps = {.wanted = 2};
    unsigned streamed = s->ops.streamed;
    if (streamed) {
        printf("kernels: not timed while weights are streamed\n");
        free(timer);
        return;
    }
    wrap_begin(&s->ops, &timer->wrap, &TIMER_BACKEND);
    step_work(whole, &s->ops, &laps);
    must(ops_status(&s->ops));
    wrap_end(&s->ops);
    for (int i = 0; i < timer->count; i++) {
        Kernel *kernel = &timer->kernel[i];
        Case c = *whole;
        c.component = kernel->name;
        c.steps = kernel->calls;
        double each = kernel->seconds / kernel->calls;
        Laps work = {.flops = kernel->flops / kernel->calls};
        put_row(&c, &each, 1, &work, "kernel; mean of all calls; steps is their number");
    }
    free(timer);
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

static void picture_rows(const Bench *bench, int side, int steps) {
    Job job = {.id = 1, .negative = (char *)"", .system_name = (char *)"none", .system_text = (char *)"",
               .seed = 1, .steps = steps, .cfg = 5, .cfg_trunc = 1, .shift = 6, .sampler = (char *)"euler",
               .schedule = (char *)"normal", .width = side, .height = side, .output = OUTPUT_BYTES};
    static char *const prompts[] = {"1girl, w1 w2 w3, beach", "1girl, w4 w5 w6, forest",
                                    "1boy, w7 w8 w9, city"};
    Case c = {bench, "picture", side, side, {0, 0}, 2, steps, NULL};
    double seconds[3];
    char hash[2][65];
    Laps none = {0};
    for (int i = 0; i < 3; i++) {
        RunResult result = {0};
        job.prompt = prompts[i];
        double begun = clock_seconds();
        must(run_job(&result, bench->session, &job, NULL));
        seconds[i] = clock_seconds() - begun;
        run_result_done(&result);
    }
    put_row(&c, seconds + 1, 2, &none, "hot; text; steps; decode; without PNG");
    for (int i = 0; i < 2; i++) {
        RunResult result = {0};
        must(run_job(&result, bench->session, &job, NULL));
        memcpy(hash[i], result.latent_sha256, sizeof hash[i]);
        run_result_done(&result);
    }
    c.component = "repeat";
    bool same = !strcmp(hash[0], hash[1]);
    put_row(&c, seconds, 0, &none, same ? "the same bits" : "OTHER bits from the same seed");
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

/* The usual picture: a step of it, the other networks, the kernels of the step, and all of it. */
static void main_rows(const Bench *bench, int side, int text) {
    Case step = {bench, "step", side, side, {text, 1}, 2, 1, "step"};
    run_case(&step, step_work);
    run_case(&(Case){bench, "gemma", 0, 0, {text, 1}, 2, 0, "gemma"}, gemma_work);
    run_case(&(Case){bench, "jina", 0, 0, {text, 2}, 2, 0, "jina"}, jina_work);
    run_case(&(Case){bench, "vae", side, side, {0, 0}, 1, 0, "vae"}, vae_work);
    kernel_rows(&(Case){bench, "", side, side, {text, 1}, 2, 1, NULL});
    picture_rows(bench, side, 28);
}

static void more_rows(const Bench *bench, int side, int text) {
    const int texts[] = {text / 2, 2 * text}, sides[] = {side / 2, side + side / 2, 2 * side};
    Case step = {bench, "step again", side, side, {text, 1}, 2, 1, NULL}; /* the error bar */
    run_case(&step, step_work);
    step.component = "step";
    for (int i = 0; i < 2; i++) {
        step.text[0] = texts[i];
        run_case(&step, step_work);
    }
    step.text[0] = text;
    for (int i = 0; i < 3; i++) {
        step.width = step.height = sides[i];
        run_case(&step, step_work);
    }
    run_case(&(Case){bench, "step", side, side, {text, 0}, 1, 1, NULL}, step_work);
    picture_rows(bench, side, 50);
}

static PrecisionChoice choice(const char *precision) {
    static const struct { const char *name; PrecisionChoice choice; } rows[] = {
        {"f32", CHOOSE_F32}, {"bf16", CHOOSE_BF16}, {"int8", CHOOSE_INT8}, {"fp8", CHOOSE_FP8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].name, precision))
            return rows[i].choice;
    return CHOOSE_AUTO;
}

int main(int argc, char **argv) {
    const char *part = argc > 5 ? argv[5] : NULL;
    if (argc < 4 || (part && strcmp(part, "main") && strcmp(part, "step") && strcmp(part, "more"))) {
        fprintf(stderr, "usage: networks DEVICE FOLDER OUT [PRECISION [main|step|more]]\n");
        return 2;
    }
    Device device, host = device_host(&CPU_BACKEND, cpu_has_bf16());
    must(device_choose(&device, argv[1], &host));
    SessionOptions options = {.path = argv[2], .precision = choice(argc > 4 ? argv[4] : "auto"),
                              .backend = device.backend, .device = device.index,
                              .bf16_in_hardware = device.info.bf16};
    Bench bench = {.out = argv[3]};
    Buf path = {0};
    buf_print(&path, "%s/rows.csv", argv[3]);
    bench.rows = fopen(path.data, "ae");
    if (!bench.rows)
        must(fail_errno("write %s", path.data));
    must(session_open(&bench.session, &options, NULL));
    bench.precision = bench.session->info.precision;
    bench.full = dit_config(bench.session->dit)->dim > 2000;
    const ModelInfo *info = &bench.session->info;
    const char *plan = bench.session->residency->name;
    printf("%s, %s, plan %s, loaded in %.2f s\n", info->device, info->precision, plan, info->seconds);
    double load = info->seconds;
    Laps read = {.bytes = (double)info->weights_bytes};
    put_row(&(Case){&bench, "load", 0, 0, {0, 0}, 0, 0, NULL}, &load, 1, &read, plan);
    int side = bench.full ? 1024 : 128, text = bench.full ? 256 : 40;
    if (part && !strcmp(part, "step"))
        run_case(&(Case){&bench, "step", side, side, {text, 1}, 2, 1, NULL}, step_work);
    if (!part || !strcmp(part, "main"))
        main_rows(&bench, side, text);
    if (!part || !strcmp(part, "more"))
        more_rows(&bench, side, text);
    session_close(bench.session);
    fclose(bench.rows);
    buf_done(&path);
    return 0;
}
