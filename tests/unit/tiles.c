/* tiles: a picture that has no room as a whole is decoded in tiles: planned like that, made in that
 * memory, the same on every run, and near the whole. The CPU stands for a card whose memory is pretended. */
#include "config.h"

#include <math.h>

#include "engine/run.h"

#include "tests/tap.h"
#include "tests/unit/demo.h"

/* Three tiles, of which the last is pushed so far inwards that all of them meet. */
enum { WIDTH = 912, HEIGHT = 64, NUMBERS = WIDTH * HEIGHT * 3 };

static Job large_job(void) {
    Job job = demo_job(1, ".");
    job.width = WIDTH;
    job.height = HEIGHT;
    job.steps = 1;
    job.cfg = 1;
    job.output = OUTPUT_BYTES;
    return job;
}

static Session *open_with(uint64_t vram, const char *plan) {
    Session *session = NULL;
    SessionOptions options = demo_options(2);
    options.vram = vram;
    options.residency = plan ? residency_find(plan) : NULL;
    CHECK_OK(session_open(&session, &options, NULL), "the demo model opens");
    session_options_done(&options);
    return session;
}

/* The pixels, owned; *told is the plan as listeners hear it. */
static void on_plan(void *context, const PlanInfo *plan) {
    *(PlanInfo *)context = *plan;
}

static uint8_t *made(PlanInfo *told, Session *session, const Job *job) {
    RunResult result = {0};
    CHECK_OK(run_job(&result, session, job, &(RunHooks){.context = told, .plan = on_plan}),
             "the picture is made");
    uint8_t *pixels = result.pixels;
    result.pixels = NULL;
    run_result_done(&result);
    return pixels ? pixels : must_alloc(NUMBERS);
}

/* Of two pictures: mean and largest distance, in levels of 255. */
static double mean_distance(int *largest, const uint8_t *a, const uint8_t *b) {
    double sum = 0;
    *largest = 0;
    for (int i = 0; i < NUMBERS; i++) {
        int distance = abs(a[i] - b[i]);
        sum += distance;
        *largest = distance > *largest ? distance : *largest;
    }
    return sum / NUMBERS;
}

/* What the whole picture needs under the smallest plan. */
static uint64_t least_for_the_whole(uint8_t **pixels, const Job *job) {
    PlanInfo plan, told;
    Session *session = open_with(0, "e");
    CHECK_OK(run_plan(&plan, session, job), "a large picture is planned");
    CHECK(!plan.tiled, "with room enough it is decoded as a whole");
    *pixels = made(&told, session, job);
    session_close(session);
    return plan.peak_bytes;
}

static void tiles_where_the_whole_does_not_fit(void) {
    Job job = large_job();
    uint8_t *whole, *tiled, *again;
    int largest;
    uint64_t least = least_for_the_whole(&whole, &job);
    Session *session = open_with(least - least / 50, NULL);
    PlanInfo plan, told = {0};
    CHECK_OK(run_plan(&plan, session, &job), "with a little less room than the whole needs it fits still");
    CHECK(plan.tiled && plan.fits, "in tiles");
    tiled = made(&told, session, &job);
    CHECK(told.tiled && told.residency == plan.residency, "of which listeners are told");
    MemInfo memory;
    ops_mem_info(&session->ops, &memory);
    CHECK(memory.held <= session->options.vram, "and within the card");
    double mean = mean_distance(&largest, tiled, whole);
    printf("# tiles and whole: mean %.3f, largest %d of 255; the whole needs %.1f MiB, in tiles %.1f MiB\n",
           mean,
           largest, (double)least / (1 << 20),
           (double)told.peak_bytes / (1 << 20));
    CHECK(mean > 0 && mean < 4, "the picture is near the whole one, and not the same");
    again = made(&told, session, &job);
    CHECK(!memcmp(tiled, again, NUMBERS), "and the same on every run");
    free(again);
    session_close(session);
    session = open_with(least - least / 50, "e");
    again = made(&told, session, &job);
    CHECK(told.tiled && !memcmp(tiled, again, NUMBERS), "and under every plan");
    CHECK_EQ(session->arena.peak, told.activation_bytes, "the planned memory is the real peak");
    session_close(session);
    free(again);
    free(tiled);
    free(whole);
}

static void a_small_picture_is_never_tiled(void) {
    Job job = large_job();
    job.width = VAE_TILE;
    PlanInfo plan;
    Session *session = open_with(0, "e");
    CHECK_OK(run_plan(&plan, session, &job), "a picture of one tile is planned");
    uint64_t least = plan.peak_bytes;
    session_close(session);
    session = open_with(least - least / 50, NULL);
    Status st = run_plan(&plan, session, &job);
    CHECK(st && st->code == ERR_MEMORY && !plan.tiled,
          "where it has no room tiles would not help: it is refused");
    session_close(session);
}

/* The pixels [HEIGHT, 8·cells, 3] of columns [from, from + cells) of a latent [16, HEIGHT/8, all]; owned. */
static float *decoded(Session *session, const float *latent, int all, int from, int cells, bool tiled) {
    Ops *o = &session->ops;
    ArenaMark mark = ops_mark(o);
    int rows = 16 * HEIGHT / 8;
    Tensor part = ops_new(o, DT_F32, 3, (int64_t[]){16, HEIGHT / 8, cells});
    Tensor image = ops_new(o, o->activation, 3, (int64_t[]){HEIGHT, 8 * cells, 3});
    float *numbers = must_alloc((size_t)tensor_count(image) * sizeof *numbers);
    float *columns = must_alloc((size_t)(rows * cells) * sizeof *columns);
    for (int i = 0; i < rows; i++)
        memcpy(columns + i * cells, latent + i * all + from, (size_t)cells * sizeof *columns);
    ops_upload(o, part, columns);
    (tiled ? vae_decode_tiled : vae_decode)(o, image, session->vae, part, LATENT_MODEL);
    ops_download(o, numbers, image);
    CHECK_OK(ops_status(o), "a part of a latent is decoded");
    ops_release(o, mark);
    free(columns);
    return numbers;
}

/* Two tiles: [0, 512) and, pushed inwards, [128, 640). */
static void tiles_go_over_into_each_other(void) {
    enum { ALL = 80, TILE = VAE_TILE / 8, SHIFT = ALL - TILE };
    static float latent[16 * HEIGHT / 8 * ALL];
    Session *session = open_with(0, NULL);
    CHECK_OK(session_reserve(session, 256u << 20), "there is room");
    for (size_t i = 0; i < sizeof latent / sizeof *latent; i++)
        latent[i] = sinf((float)i) * 1.5f;
    float *both = decoded(session, latent, ALL, 0, ALL, true);
    float *left = decoded(session, latent, ALL, 0, TILE, false);
    float *right = decoded(session, latent, ALL, SHIFT, TILE, false);
    int wrong_alone = 0, wrong_between = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int n = 0; n < 3 * 8 * ALL; n++) {
            float got = both[y * 3 * 8 * ALL + n];
            float a = n < 3 * VAE_TILE ? left[y * 3 * VAE_TILE + n] : NAN;
            float b = n >= 3 * 8 * SHIFT ? right[y * 3 * VAE_TILE + n - 3 * 8 * SHIFT] : NAN;
            bool alone = isnan(a) || isnan(b);
            wrong_alone += alone && got != (isnan(a) ? b : a);
            wrong_between += !alone && !(got >= fminf(a, b) - 1e-5f && got <= fmaxf(a, b) + 1e-5f);
        }
    CHECK_EQ(wrong_alone, 0, "where one tile lies alone it is seen unchanged");
    CHECK_EQ(wrong_between, 0, "where two lie each pixel is between theirs");
    free(both);
    free(left);
    free(right);
    session_close(session);
}

int main(void) {
    tiles_where_the_whole_does_not_fit();
    a_small_picture_is_never_tiled();
    tiles_go_over_into_each_other();
    return tap_end();
}
