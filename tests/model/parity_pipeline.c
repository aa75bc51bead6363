/* parity_pipeline.c: the kind pipeline of tests/parity: a whole job through the engine, with its intermediate
 * tensors compared as they pass by. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "engine/run.h"
#include "tests/model/parity.h"

enum { OUTPUTS_MAX = 32 };

/* What came by in one run: the largest error of each output. */
typedef struct Seen {
    const Case *c;
    int run, count;
    struct Output { char name[64]; double error; } output[OUTPUTS_MAX];
} Seen;

static void see(Seen *seen, const char *name, double error) {
    int i = 0;
    while (i < seen->count && strcmp(seen->output[i].name, name))
        i++;
    if (i == OUTPUTS_MAX)
        return;
    if (i == seen->count) {
        seen->count++;
        snprintf(seen->output[i].name, sizeof seen->output[i].name, "%s", name);
        seen->output[i].error = 0;
    }
    if (!(error <= seen->output[i].error))
        seen->output[i].error = error;
}

/* [height, width, 3] as [3, height, width]. */
static void to_planes(float *out, const float *picture, int64_t cells) {
    for (int64_t i = 0; i < cells; i++)
        for (int64_t k = 0; k < 3; k++)
            out[k * cells + i] = picture[3 * i + k];
}

static void on_tensor(void *context, const char *name, int step, Ops *o, Tensor tensor) {
    Seen *seen = context;
    const SafeTensor *expected = case_tensor(seen->c, seen->run, name);
    int64_t count = tensor_count(tensor);
    bool every_step = !strcmp(name, "latents");
    if (!expected || expected->type != DT_F32)
        return;
    if (expected->count < count * (every_step ? step + 1 : 1)) {
        see(seen, name, INFINITY);
        return;
    }
    float *got = must_alloc(sizeof(float) * 2 * (size_t)count);
    ops_download(o, got, tensor);
    if (!strcmp(name, "image")) {
        to_planes(got + count, got, count / 3);
        memcpy(got, got + count, sizeof(float) * (size_t)count);
    }
    const float *stored = (const float *)expected->data + (every_step ? step * count : 0);
    see(seen, name, strcmp(name, "noise") ? error_relative(got, stored, count)
                                          : error_largest(got, stored, count));
    free(got);
}

static void on_ids(void *context, const char *name, const int32_t *ids, size_t count) {
    Seen *seen = context;
    const SafeTensor *expected = case_tensor(seen->c, seen->run, name);
    if (!expected || expected->type != DT_I32)
        return;
    double bad = (double)((size_t)expected->count > count ? (size_t)expected->count - count
                                                          : count - (size_t)expected->count);
    for (size_t i = 0; i < count && i < (size_t)expected->count; i++)
        bad += ids[i] != ((const int32_t *)expected->data)[i];
    see(seen, name, bad);
}

typedef enum BytesOrder { BYTES_INTERLEAVED, BYTES_PLANAR } BytesOrder;

/* The README's rule for bytes: at most one level apart, in at most 2 % of the values. The error is the
 * largest level difference; more than 2 % of differing values count as infinite. got is [pixels, 3]. */
static double bytes_error_as(const uint8_t *got, const SafeTensor *expected, BytesOrder order) {
    const uint8_t *stored = expected->data;
    int64_t differing = 0, pixels = expected->count / 3;
    int largest = 0;
    for (int64_t i = 0; i < expected->count; i++) {
        int64_t at = order == BYTES_INTERLEAVED ? i : i / 3 + i % 3 * pixels;
        int d = abs(got[i] - stored[at]);
        differing += d > 0;
        largest = d > largest ? d : largest;
    }
    return differing > expected->count * 2 / 100 ? INFINITY : largest;
}

/* The bytes are [H, W, 3] as the README says, but those of pipeline-demo lie in the file as [3, H, W] under
 * that shape (a transposed view that was saved as it lay in memory). Either order will do: in the wrong one a
 * picture differs almost everywhere, so nothing is hidden by trying both. */
static double bytes_error(const uint8_t *got, const SafeTensor *expected) {
    return fmin(bytes_error_as(got, expected, BYTES_INTERLEAVED),
                bytes_error_as(got, expected, BYTES_PLANAR));
}

/* The root of the mean squared difference of levels: what bf16 is judged by. */
static double bytes_distance(const uint8_t *got, const SafeTensor *expected) {
    const uint8_t *stored = expected->data;
    double sum[2] = {0};
    int64_t pixels = expected->count / 3;
    for (int64_t i = 0; i < expected->count; i++) {
        double interleaved = got[i] - stored[i], planar = got[i] - stored[i / 3 + i % 3 * pixels];
        sum[BYTES_INTERLEAVED] += interleaved * interleaved;
        sum[BYTES_PLANAR] += planar * planar;
    }
    return sqrt(fmin(sum[0], sum[1]) / (double)expected->count);
}

static void see_result(Seen *seen, const RunResult *result, const Job *job) {
    const SafeTensor *sigmas = case_tensor(seen->c, seen->run, "sigmas");
    const SafeTensor *bytes = case_tensor(seen->c, seen->run, "image_u8");
    if (sigmas && sigmas->type == DT_F32) {
        double largest = result->sigma_count == sigmas->count ? 0 : INFINITY;
        for (int i = 0; i < result->sigma_count && isfinite(largest); i++)
            largest = fmax(largest, fabs(result->sigmas[i] - ((const float *)sigmas->data)[i]));
        see(seen, "sigmas", largest);
    }
    if (bytes && result->pixels)
        see(seen, "image_u8", bytes->count != (int64_t)job->width * job->height * 3 ? INFINITY
                              : seen->c->path->precision == PRECISION_BF16
                                  ? bytes_distance(result->pixels, bytes)
                                  : bytes_error(result->pixels, bytes));
}

/* Every stored output of the run is reported, also those that never came by. */
static void report_seen(const Seen *seen, Status st) {
    char prefix[16];
    snprintf(prefix, sizeof prefix, "%d.", seen->run);
    for (size_t i = 0; i < safetensors_count(seen->c->data); i++) {
        const char *name = safetensors_at(seen->c->data, i)->name;
        if (strncmp(name, prefix, strlen(prefix)))
            continue;
        name += strlen(prefix);
        int k = 0;
        while (k < seen->count && strcmp(seen->output[k].name, name))
            k++;
        if (st || k == seen->count)
            report_failure(seen->c, seen->run, name, st);
        else
            report_error(seen->c, seen->run, name, seen->output[k].error,
                         case_limit(seen->c, seen->run, name));
    }
}

/* A number, or a decimal string where it exceeds what JSON readers keep. */
static uint64_t seed_of(const Json *run) {
    const char *text = json_get_string(run, "seed", NULL);
    return text ? strtoull(text, NULL, 10) : (uint64_t)json_get_integer(run, "seed", 0);
}

static Job job_of(const Json *run, double shift) {
    return (Job){.id = 1,
                 .prompt = must_copy(json_get_string(run, "prompt", "")),
                 .negative = must_copy(json_get_string(run, "negative", "")),
                 .system_name = must_copy("custom"),
                 .system_text = must_copy(json_get_string(run, "system_prompt", "")),
                 .seed = seed_of(run),
                 .steps = (int)json_get_integer(run, "steps", 0),
                 .cfg = json_get_number(run, "cfg", 1),
                 .cfg_trunc = json_get_number(run, "cfg_trunc", 100),
                 .renorm = json_get_number(run, "renorm", 0),
                 .shift = shift,
                 .sampler = must_copy(json_get_string(run, "solver", "euler")),
                 .schedule = must_copy(json_get_string(run, "schedule", "normal")),
                 .width = (int)json_get_integer(run, "width", 0),
                 .height = (int)json_get_integer(run, "height", 0),
                 .output = OUTPUT_BYTES};
}

/* A session of its own for every run, so that no text is remembered from the run before. */
static void run_pipeline(const Case *c, int run, char *model) {
    Seen seen = {.c = c, .run = run};
    SessionOptions options = {.path = model, .backend = c->path->backend, .device = c->path->device,
                              .precision = c->path->precision == PRECISION_F32 ? CHOOSE_F32 : CHOOSE_BF16};
    Session *session = NULL;
    Status st = session_open(&session, &options, NULL);
    if (!st) {
        Job job = job_of(case_run(c, run), model_shift(&session->files)), *copy = job_copy(&job);
        RunResult result = {0};
        RunHooks hooks = {.context = &seen, .tap = on_tensor, .ids = on_ids};
        st = run_job(&result, session, copy, &hooks);
        if (!st)
            see_result(&seen, &result, copy);
        report_seen(&seen, st);
        run_result_done(&result);
        job_free(copy);
        char *const texts[] = {job.prompt, job.negative, job.system_name, job.system_text, job.sampler,
                               job.schedule};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            free(texts[i]);
        session_close(session);
    } else {
        report_seen(&seen, st);
    }
}

void parity_pipeline(const Case *c) {
    char *model = case_path(c, json_get_string(c->json, "model", "model"));
    if (c->path->backend->name && strcmp(c->path->name, "ref"))
        setenv("NEWBIE_ISA", c->path->name, 1); /* the session opens the backend itself */
    for (size_t run = 0; run < json_count(json_get(c->json, "runs")); run++)
        run_pipeline(c, (int)run, model);
    free(model);
}
