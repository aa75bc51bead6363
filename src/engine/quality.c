/* quality.c: see quality.h. */
#include "config.h"

#include "engine/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "engine/run.h"
#include "ops/check.h"
#include "ops/plan.h"

static const double TIMES[QUALITY_TIMES] = {0.1, 0.5, 0.9};

static char *const PROMPTS[] = {
    (char *)"1girl, blue_hair, twintails, school_uniform, waving, beach",
    (char *)"1boy, black_hair, kimono, standing, forest",
    (char *)"<character_1>\n<n>miku</n>\n<pose>jumping</pose>\n</character_1>",
    (char *)"1girl, silver_hair, black_jacket, sitting, city, night",
    (char *)"2girls, pink_hair, blonde_hair, dress, classroom",
    (char *)"<general_tags>\n<background>mountain, sky</background>\n</general_tags>",
    (char *)"1girl, red_hair, smile, sunset, watercolor",
    (char *)"1boy, headphones, leaning_against_wall, street",
    (char *)"1girl, green_eyes, long_hair, portrait, simple_background",
    (char *)"猫, 女孩, 蓝发, 海滩",
};
enum { PROMPT_COUNT = sizeof PROMPTS / sizeof *PROMPTS, SEEDS = 2, PICTURES = PROMPT_COUNT * SEEDS };

/* What one precision made. */
typedef struct Made {
    uint8_t *pixels;                     /* [PICTURES, height, width, 3], owned */
    float *velocity[QUALITY_TIMES];      /* [16, h/8, w/8] each, owned */
} Made;

/* What both precisions' velocities start from: host copies of the reference's. All owned; NULL until it
 * made them. */
typedef struct Origin {
    float *caption, *pooled, *latent;    /* of the first picture; the latent when it is finished */
    int64_t tokens, caption_width, pooled_width;
} Origin;

static Job picture(const Job *like, int number) {
    return (Job){.id = 1, .prompt = PROMPTS[number / SEEDS], .negative = (char *)"",
                 .system_name = (char *)"none",
                 .system_text = (char *)"", .seed = (uint64_t)(1 + number % SEEDS), .steps = like->steps,
                 .cfg = 4, .cfg_trunc = 1, .renorm = 1, .shift = 6, .sampler = (char *)"euler",
                 .schedule = (char *)"normal",
                 .width = like->width, .height = like->height, .output = OUTPUT_BYTES};
}

static float *fetch(Ops *o, Tensor tensor) {
    float *numbers = must_alloc((size_t)tensor_count(tensor) * sizeof *numbers);
    ops_download(o, numbers, tensor);
    return numbers;
}

/* Keeps text states and the last latents of the reference's first picture. */
static void keep_origin(void *context, const char *name, int step, Ops *o, Tensor tensor) {
    Origin *origin = context;
    (void)step;
    if (!strcmp(name, "caption")) {
        origin->caption = fetch(o, tensor);
        origin->tokens = tensor.dims[0];
        origin->caption_width = tensor.dims[1];
    } else if (!strcmp(name, "pooled")) {
        origin->pooled = fetch(o, tensor);
        origin->pooled_width = tensor_count(tensor);
    } else if (!strcmp(name, "latents")) {
        free(origin->latent);
        origin->latent = fetch(o, tensor);
    }
}

static Status make_pictures(Made *made, Session *session, const Job *like, Origin *origin) {
    size_t size = (size_t)like->width * (size_t)like->height * 3;
    bool reference = !origin->latent;
    for (int i = 0; i < PICTURES; i++) {
        Job job = picture(like, i);
        RunResult result = {0};
        bool first = reference && i == 0;
        TRY(run_job(&result, session, &job, &(RunHooks){.context = origin,
                                                        .tap = first ? keep_origin : NULL}));
        memcpy(made->pixels + (size_t)i * size, result.pixels, size);
        run_result_done(&result);
    }
    return NULL;
}

/* ---- velocities ---------------------------------------------------------------------------------------- */

/* Those at TIMES into made->velocity, or nothing of it in a dry run (made NULL). On the way the latent is
 * (1 - t) noise + t picture: model-spec.md 7. */
static void velocities(Made *made, Ops *o, const Session *session, const Job *like, const Origin *origin) {
    const DitConfig *config = dit_config(session->dit);
    int64_t high = like->height / 8, wide = like->width / 8, count = config->channels * high * wide;
    float *noise = must_alloc((size_t)count * sizeof *noise);
    float *mixed = must_alloc((size_t)count * sizeof *mixed);
    Mt19937 rng;
    mt19937_seed(&rng, 1);
    rng_normal_f32(&rng, noise, count);
    ArenaMark mark = ops_mark(o);
    Tensor caption = ops_matrix(o, origin->tokens, origin->caption_width);
    Tensor pooled = ops_matrix(o, 1, origin->pooled_width);
    Tensor latent = ops_new(o, DT_F32, 3, (int64_t[]){config->channels, high, wide});
    Tensor v = ops_new(o, DT_F32, 4, (int64_t[]){1, config->channels, high, wide});
    ops_upload(o, caption, origin->caption);
    ops_upload(o, pooled, origin->pooled);
    DitInput input = {.caption = caption, .pooled = pooled, .text = seqs_one(origin->tokens), .height = high,
                      .width = wide, .times = TIMES, .evaluations = QUALITY_TIMES};
    DitRun run = {0};
    dit_begin(&run, o, session->dit, &input);
    for (int i = 0; i < QUALITY_TIMES && !ops_status(o); i++) {
        for (int64_t n = 0; n < count; n++)
            mixed[n] = (float)((1 - TIMES[i]) * noise[n] + TIMES[i] * origin->latent[n]);
        ops_upload(o, latent, mixed);
        dit_velocity(o, v, &run, latent, i);
        if (made)
            made->velocity[i] = fetch(o, v);
    }
    dit_end(&run, o);
    ops_release(o, mark);
    free(noise);
    free(mixed);
}

static Status make_velocities(Made *made, Session *session, const Job *like, const Origin *origin) {
    PlanRun dry;
    plan_begin(&dry, &session->ops, session->ops.streamed);
    velocities(NULL, &dry.ops, session, like, origin);
    TRY(session_reserve(session, dry.arena.peak));
    velocities(made, &session->ops, session, like, origin);
    return ops_status(&session->ops);
}

/* All of one precision. The first call fills *origin. */
static Status make(Made *made, const SessionOptions *options, const Job *like, Origin *origin) {
    Session *session;
    made->pixels = must_alloc(PICTURES * (size_t)like->width * (size_t)like->height * 3);
    TRY(session_open(&session, options, NULL));
    Status st = make_pictures(made, session, like, origin);
    if (!st)
        st = make_velocities(made, session, like, origin);
    Fault kept;
    fault_copy(&kept, st); /* it may live in the session */
    session_close(session);
    return fault_raise(&kept);
}

static void made_done(Made *made) {
    free(made->pixels);
    for (int i = 0; i < QUALITY_TIMES; i++)
        free(made->velocity[i]);
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

static VelocityGate compare_velocities(double time, float *asked, float *exact, int64_t count) {
    Tensor a = tensor_1d(asked, DT_F32, count), b = tensor_1d(exact, DT_F32, count);
    return (VelocityGate){.time = time, .difference = check_difference(a, b), .cosine = check_cosine(a, b)};
}

static double psnr(const uint8_t *a, const uint8_t *b, size_t size) {
    double squares = 0;
    for (size_t i = 0; i < size; i++)
        squares += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return 10 * log10(255.0 * 255 * (double)size / squares); /* infinite for equal ones */
}

static bool flat(const uint8_t *pixels, size_t size) {
    for (size_t i = 3; i < size; i++)
        if (pixels[i] != pixels[i % 3])
            return false;
    return true;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* performance.md 3.8. */
static void fill_gates(Quality *quality, PrecisionChoice precision) {
    static const struct { PrecisionChoice precision; double most, least; } rows[] = {
        {CHOOSE_INT8, 3e-2, 0.998}, {CHOOSE_FP8, 6e-2, 0.998},
    };
    quality->most = 2e-2; /* of a model in bf16 */
    quality->least = 0.9995;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].precision == precision) {
            quality->most = rows[i].most;
            quality->least = rows[i].least;
        }
}

static void compare_pictures(Quality *out, const Made *asked, const Made *exact, size_t size) {
    double decibels[PICTURES];
    out->pictures = PICTURES;
    for (int i = 0; i < PICTURES; i++) {
        decibels[i] = psnr(asked->pixels + (size_t)i * size, exact->pixels + (size_t)i * size, size);
        out->black += flat(asked->pixels + (size_t)i * size, size);
    }
    qsort(decibels, PICTURES, sizeof *decibels, by_size);
    out->worst = decibels[0];
    out->median = decibels[PICTURES / 2];
}

Status quality_run(Quality *out, const SessionOptions *options, const Job *like) {
    SessionOptions reference = *options;
    reference.precision = CHOOSE_BF16;
    Made exact = {0}, asked = {0};
    Origin origin = {0};
    Status st = make(&exact, &reference, like, &origin);
    if (!st)
        st = make(&asked, options, like, &origin);
    if (!st) {
        int64_t count = 16 * (like->height / 8) * (like->width / 8);
        *out = (Quality){0};
        fill_gates(out, options->precision);
        compare_pictures(out, &asked, &exact, (size_t)like->width * (size_t)like->height * 3);
        for (int i = 0; i < QUALITY_TIMES; i++)
            out->velocity[i] = compare_velocities(TIMES[i], asked.velocity[i], exact.velocity[i], count);
    }
    made_done(&exact);
    made_done(&asked);
    free(origin.caption);
    free(origin.pooled);
    free(origin.latent);
    return st;
}

Status quality_judge(const Quality *quality) {
    for (int i = 0; i < QUALITY_TIMES; i++) {
        const VelocityGate *gate = &quality->velocity[i];
        if (!(gate->difference <= quality->most && gate->cosine >= quality->least))
            return hint(fail(ERR_BUG,
                             "the velocity at t = %g differs by %.2g, cosine %.5f: expected at most %g, at "
                                      "least %g", gate->time, gate->difference, gate->cosine, quality->most,
                             quality->least), ":set precision bf16");
    }
    if (!(quality->median >= QUALITY_PSNR) || quality->black)
        return hint(fail(ERR_BUG,
                         "the pictures differ too much: PSNR %.1f dB (median), %d of one colour: expected at "
                                  "least %.0f dB, and none", quality->median, quality->black, QUALITY_PSNR),
                    ":set precision bf16");
    return NULL;
}
