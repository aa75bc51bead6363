/* preview.c: what a step preview costs, beside a step of the demo model at several sizes.
 *
 *   bench/preview [SIDE...]        sides in pixels; 128 256 512 without any
 *
 * A preview is a download of the denoised estimate and the projection of model-spec.md 11 to at most
 * PREVIEW_MAX pixels. Both are timed a thousand times on the latent that a run left; the step is the mean of
 * the steps of that run after the first. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cpu/cpu.h"
#include "engine/run.h"
#include "sample/preview.h"

#define REPEATS 1000

typedef struct Run {
    double step_seconds; /* sum, without the first */
    int steps;
    float *latent;       /* copy of the last one shown */
    size_t count;
} Run;

static void on_step(void *context, const StepInfo *step, const float *denoised) {
    Run *run = context;
    if (step->step > 1)
        run->step_seconds += step->seconds;
    run->steps = step->step;
    if (denoised)
        memcpy(run->latent, denoised, run->count * sizeof *run->latent);
}

static double project_seconds(const Run *run, int cells, const PreviewFactors *factors) {
    static uint8_t rgb[PREVIEW_MAX * PREVIEW_MAX * 3];
    int side = cells < PREVIEW_MAX ? cells : PREVIEW_MAX;
    float *copy = must_alloc(run->count * sizeof *copy);
    double begun = clock_seconds();
    for (int i = 0; i < REPEATS; i++) {
        memcpy(copy, run->latent, run->count * sizeof *copy); /* the download of a CPU */
        preview_project(rgb, (PreviewSize){side, side}, copy, (PreviewSize){cells, cells}, factors);
    }
    free(copy);
    return (clock_seconds() - begun) / REPEATS;
}

static Status measure(Session *session, int side) {
    Job job = {.id = 1, .prompt = "1girl, beach", .negative = "", .system_name = "none", .system_text = "",
               .seed = 7, .steps = 9, .cfg = 4, .cfg_trunc = 1, .shift = 3, .sampler = "euler",
               .schedule = "normal", .width = side, .height = side, .preview_every = 1,
               .output = OUTPUT_BYTES};
    Run run = {.count = (size_t)16 * (size_t)(side / 8) * (size_t)(side / 8)};
    run.latent = must_alloc(run.count * sizeof *run.latent);
    RunResult result = {0};
    Status st = run_job(&result, session, &job, &(RunHooks){.context = &run, .step = on_step});
    if (!st) {
        double step = run.step_seconds / (run.steps - 1);
        double preview = project_seconds(&run, side / 8, &session->preview);
        printf("%4dx%-4d  step %8.3f ms  preview %7.4f ms  %.3f %% of a step\n", side, side, step * 1e3,
               preview * 1e3, preview / step * 100);
    }
    run_result_done(&result);
    free(run.latent);
    return st;
}

int main(int argc, char **argv) {
    static char *usual[] = {"128", "256", "512"};
    char **sides = argc > 1 ? argv + 1 : usual;
    int count = argc > 1 ? argc - 1 : 3;
    const char *source = getenv("srcdir");
    char *model = file_join(source ? source : ".", "samples/demo-model");
    SessionOptions options = {.precision = CHOOSE_F32, .threads = cpu_physical_cores(),
                              .backend = &CPU_BACKEND, .path = model};
    Session *session = NULL;
    Status st = session_open(&session, &options, NULL);
    for (int i = 0; i < count && !st; i++)
        st = measure(session, atoi(sides[i]));
    if (st)
        fprintf(stderr, "preview: %s\n", st->message);
    session_close(session);
    free(model);
    return st != NULL;
}
