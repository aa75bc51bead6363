/* verify.c: is a card right? The first programs to run on a new one, where there is no terminal library for
 * the program itself: what `newbie check` does, and layers of the published width. performance.md 3.8 and 4,
 * section 5.
 *
 * usage: verify open DEVICE
 *        verify stages|ops|layers DEVICE FOLDER [OUT]
 *
 * DEVICE as setting `device`. open: the device opens, and what it is. stages: a small picture of the model in
 * FOLDER on the CPU and on the device, compared stage by stage. ops: the same on the device alone, where each
 * op is also done by the CPU from the same inputs. layers: the transformer in FOLDER (bench/make_model FOLDER
 * 2) predicts one velocity in bf16 on the device and in float32 on the CPU; OUT/rows.csv gets how near they
 * are. Ends with 1 when something is not as it should be. */
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
#include "engine/run.h"
#include "engine/selfcheck.h"
#include "ops/check.h"
#include "ops/plan.h"

/* performance.md 3.8: a model in bf16 against float32. */
#define COSINE_LEAST 0.9995
#define DIFFERENCE_MOST 2e-2

static void must(Status st) {
    if (!st)
        return;
    fprintf(stderr, "verify: %s%s%s\n", st->message, st->hint[0] ? "; " : "", st->hint);
    exit(1);
}

/* ---- is it there? -------------------------------------------------------------------------------------- */

static void verify_open(const Device *device) {
    Ops o = {0};
    must(ops_open(&o, device->backend,
                  &(BackendOptions){.device = device->index, .precision = PRECISION_BF16}));
    printf("%s; %s\n", o.backend->describe(o.state), device->info.libraries);
    o.backend->close(o.state);
}

/* ---- a small picture ----------------------------------------------------------------------------------- */

static void verify_stages(const Device *device, const char *folder) {
    SessionOptions options = {.path = (char *)folder, .precision = CHOOSE_F32, .backend = &CPU_BACKEND};
    SelfCheck check;
    must(selfcheck_run(&check, &options, device));
    printf("cpu and %s agree on %d stages, %.1f s\n", device->name, check.stages, check.seconds);
}

static void verify_ops(const Device *device, const char *folder) {
    SessionOptions options = {.path = (char *)folder, .precision = CHOOSE_BF16, .backend = device->backend,
                              .device = device->index, .check = &CPU_BACKEND};
    Job job = {.id = 1, .prompt = (char *)"1girl, waving", .negative = (char *)"",
               .system_name = (char *)"none",
               .system_text = (char *)"", .seed = 7, .steps = 1, .cfg = 4, .cfg_trunc = 1, .shift = 3,
               .sampler = (char *)"euler", .schedule = (char *)"normal", .width = 128, .height = 128,
               .output = OUTPUT_BYTES};
    double begun = clock_seconds();
    Session *session;
    RunResult result = {0};
    must(session_open(&session, &options, NULL));
    must(run_job(&result, session, &job, NULL));
    run_result_done(&result);
    session_close(session);
    printf("%s and cpu agree on every op, %.1f s\n", device->name, clock_seconds() - begun);
}

/* ---- layers of the published width --------------------------------------------------------------------- */

typedef struct Layers {
    Ops ops;
    Arena arena;
    Dit *dit;
    int side, text;         /* pixels, tokens */
} Layers;

static Tensor noise(Ops *o, int rank, const int64_t *dims, uint64_t seed) {
    Tensor t = ops_new(o, DT_F32, rank, dims);
    float *host = must_alloc((size_t)tensor_count(t) * sizeof *host);
    Mt19937 rng;
    mt19937_seed(&rng, seed);
    rng_normal_f32(&rng, host, tensor_count(t));
    ops_upload(o, t, host);
    free(host);
    return t;
}

/* Noise in the type of activations. */
static Tensor states(Ops *o, int64_t rows, int64_t width, uint64_t seed) {
    Tensor t = ops_matrix(o, rows, width), numbers = noise(o, 2, (int64_t[]){rows, width}, seed);
    if (t.type == DT_F32)
        ops_copy(o, t, numbers);
    else
        op_cast(o, t, numbers);
    return t;
}

/* The velocity [channels, high, wide] at t = 0.5 into `host`, or nothing of it in a dry run. */
static void velocity(float *host, Ops *o, const Layers *layers) {
    const DitConfig *config = dit_config(layers->dit);
    const int64_t high = layers->side / 8, wide = layers->side / 8;
    const double half = 0.5;
    ArenaMark mark = ops_mark(o);
    DitInput input = {.text = seqs_one(layers->text), .height = high, .width = wide, .times = &half,
                      .evaluations = 1};
    input.caption = states(o, layers->text, config->caption_dim, 1);
    input.pooled = states(o, 1, config->pooled_dim, 2);
    Tensor latent = noise(o, 3, (int64_t[]){config->channels, high, wide}, 3);
    Tensor v = ops_new(o, DT_F32, 4, (int64_t[]){1, config->channels, high, wide});
    DitRun run = {0};
    dit_begin(&run, o, layers->dit, &input);
    dit_velocity(o, v, &run, latent, 0);
    if (host)
        ops_download(o, host, v);
    dit_end(&run, o);
    ops_release(o, mark);
}

/* The velocity of the transformer in `file` on one device; owned. *count numbers. */
static float *velocity_on(size_t *count, const Device *device, Precision precision, const SafeTensors *file,
                          Layers layers) {
    BackendOptions options = {.device = device->index, .precision = precision};
    double begun = clock_seconds();
    layers.ops.arena = &layers.arena;
    must(ops_open(&layers.ops, device->backend, &options));
    must(dit_load(&layers.dit, &layers.ops, file, NULL, NULL));
    PlanRun dry;
    plan_begin(&dry, &layers.ops, 0);
    velocity(NULL, &dry.ops, &layers);
    size_t bytes = dry.arena.peak;
    void *block = ops_mem_alloc(&layers.ops, bytes);
    must(ops_status(&layers.ops));
    layers.arena = arena_over(block, bytes);
    *count = (size_t)dit_config(layers.dit)->channels * (size_t)(layers.side / 8) * (size_t)(layers.side / 8);
    float *host = must_alloc(*count * sizeof *host);
    velocity(host, &layers.ops, &layers);
    must(ops_status(&layers.ops));
    printf("%s: %lld joint layers of width %lld, %dx%d, %d text tokens, %.1f s\n", device->name,
           (long long)dit_config(layers.dit)->layers, (long long)dit_config(layers.dit)->dim, layers.side,
           layers.side, layers.text, clock_seconds() - begun);
    dit_free(layers.dit, &layers.ops);
    ops_mem_free(&layers.ops, block, bytes);
    layers.ops.backend->close(layers.ops.state);
    return host;
}

static void verify_layers(const Device *device, const char *folder, const char *out) {
    Device host = device_host(&CPU_BACKEND, true);
    Layers layers = {.side = device->backend->devices ? 1024 : 256, .text = 256};
    SafeTensors *file;
    size_t count;
    char *path = file_join(folder, "transformer/diffusion_pytorch_model.safetensors");
    must(safetensors_open(&file, path));
    float *exact = velocity_on(&count, &host, PRECISION_F32, file, layers);
    float *found = velocity_on(&count, device, PRECISION_BF16, file, layers);
    safetensors_close(file);
    Tensor a = tensor_1d(found, DT_F32, (int64_t)count), b = tensor_1d(exact, DT_F32, (int64_t)count);
    double cosine = check_cosine(a, b), difference = check_difference(a, b);
    printf("cosine %.6f, relative L2 %.4g; expected at least %g, at most %g\n", cosine, difference,
           COSINE_LEAST,
           DIFFERENCE_MOST);
    Buf row = {0};
    buf_print(&row, "%s/rows.csv", out);
    FILE *rows = fopen(row.data, "ae");
    if (!rows)
        must(fail_errno("write %s", row.data));
    fprintf(rows, "newbie,bf16,%d,%d,%d,0,1,1,layers vs cpu f32,0,,,,,,,,,,%.4e,%.6f,\n", layers.side,
            layers.side,
            layers.text, difference, cosine);
    fclose(rows);
    buf_done(&row);
    free(path);
    free(exact);
    free(found);
    if (!(cosine >= COSINE_LEAST && difference <= DIFFERENCE_MOST))
        exit(1);
}

int main(int argc, char **argv) {
    const char *what = argc >= 4 ? argv[1] : "";
    bool open = argc == 3 && !strcmp(argv[1], "open");
    bool stages = !strcmp(what, "stages"), ops = !strcmp(what, "ops");
    bool layers = !strcmp(what, "layers") && argc == 5;
    if (!open && !stages && !ops && !layers) {
        fprintf(stderr, "usage: verify open DEVICE, or verify stages|ops|layers DEVICE FOLDER [OUT]\n");
        return 2;
    }
    Device device, host = device_host(&CPU_BACKEND, true);
    must(device_choose(&device, argv[2], &host));
    if (open)
        verify_open(&device);
    else if (stages)
        verify_stages(&device, argv[3]);
    else if (ops)
        verify_ops(&device, argv[3]);
    else
        verify_layers(&device, argv[3], argv[4]);
    return 0;
}
