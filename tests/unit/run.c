/* One job from text to pixels on the demo model: what is planned is what happens, known text costs nothing,
 * and the same seed gives the same bytes whatever the number of threads. Numbers are checked
 * by tests/parity. */
#include "config.h"

#include "engine/run.h"

#include "tests/tap.h"
#include "tests/unit/demo.h"

typedef struct Watch {
    int texts, steps, phases, previews;
    double last_sigma;
    StopKind stop;
    int stop_after; /* steps */
} Watch;

static void on_ids(void *context, const char *name, const int32_t *ids, size_t count) {
    (void)name, (void)ids, (void)count;
    ((Watch *)context)->texts++;
}

static void on_phase(void *context, Phase phase, double seconds) {
    Watch *watch = context;
    watch->phases += seconds >= 0 && (int)phase == watch->phases;
}

static void on_step(void *context, const StepInfo *step, const float *denoised) {
    Watch *watch = context;
    watch->steps++;
    watch->last_sigma = step->sigma;
    watch->previews += denoised != NULL;
}

static StopKind on_stop(void *context) {
    Watch *watch = context;
    return watch->steps >= watch->stop_after ? watch->stop : STOP_NOT;
}

static RunHooks hooks_of(Watch *watch) {
    return (RunHooks){.context = watch, .stop = on_stop, .phase = on_phase, .step = on_step, .ids = on_ids};
}

static Session *open_demo(int threads) {
    Session *session = NULL;
    SessionOptions options = demo_options(threads);
    CHECK_OK(session_open(&session, &options, NULL), "the demo model opens");
    session_options_done(&options);
    return session;
}

/* A machine of 64 MiB. */
static void small_mem_info(void *state, MemInfo *info) {
    CPU_BACKEND.mem_info(state, info);
    info->total = 64u << 20;
    info->free = info->held < info->total ? info->total - info->held : 0;
}

static void check_too_large(void) {
    Backend small = CPU_BACKEND;
    small.mem_info = small_mem_info;
    SessionOptions options = demo_options(1);
    options.backend = &small;
    Session *session = NULL;
    CHECK_OK(session_open(&session, &options, NULL), "the demo model opens on a small machine");
    session_options_done(&options);
    Job job = demo_job(1, ".");
    PlanInfo plan;
    job.width = job.height = 2048;
    Status st = run_plan(&plan, session, &job);
    CHECK(st && st->code == ERR_MEMORY, "a picture too large for the machine is refused before it starts");
    CHECK_HAS(st ? st->message : "", "2048x2048 does not fit: it needs",
              "and the sentence says what it needs");
    CHECK_HAS(st ? st->hint : "", ":size 1024x1024 needs about a quarter", "and what would need less");
    session_close(session);
}

static void check_plan(Session *session) {
    Job job = demo_job(1, ".");
    PlanInfo plan;
    RunResult result;
    CHECK_OK(run_plan(&plan, session, &job), "a small job is planned");
    CHECK(plan.flops[PHASE_DENOISE] > plan.flops[PHASE_TEXT] && plan.flops[PHASE_TEXT] > 0,
          "work is counted by phase");
    CHECK_OK(run_job(&result, session, &job, NULL), "a job without listeners runs");
    CHECK_EQ(session->arena.peak, plan.activation_bytes, "the planned memory is the real peak");
    run_result_done(&result);
    job.steps = 70; /* modulation rows are computed for 64 evaluations at a time */
    CHECK_OK(run_plan(&plan, session, &job), "a job of many steps is planned");
    CHECK_OK(run_job(&result, session, &job, NULL), "and runs");
    CHECK_EQ(session->arena.peak, plan.activation_bytes, "in the planned memory");
    run_result_done(&result);
    PlanInfo whole, part;
    job.width = job.height = 512;
    CHECK_OK(run_plan(&whole, session, &job), "a larger job is planned");
    job.width = job.height = 256;
    CHECK_OK(run_plan(&part, session, &job), "and one of half its sides");
    double share = (double)part.activation_bytes / (double)whole.activation_bytes;
    CHECK(share > 0.2 && share < 0.3, "which needs about a quarter");
}

static void check_recall(Session *session) {
    Job job = demo_job(2, ".");
    job.prompt = (char *)"1girl, beach";
    Watch watch = {.stop = STOP_NOT};
    RunHooks hooks = hooks_of(&watch);
    RunResult first, second;
    CHECK_OK(run_job(&first, session, &job, &hooks), "a new prompt runs");
    CHECK(watch.texts > 0, "its text is encoded");
    CHECK_EQ(watch.steps, 4, "every step is told");
    CHECK_EQ(watch.phases, 3, "phases are told in their order");
    watch = (Watch){.stop = STOP_NOT};
    job.seed = 8;
    CHECK_OK(run_job(&second, session, &job, &hooks), "the same prompt with another seed runs");
    CHECK_EQ(watch.texts, 0, "known text is not encoded again");
    CHECK(memcmp(first.pixels, second.pixels, 64 * 48 * 3) != 0, "another seed makes another picture");
    run_result_done(&first);
    run_result_done(&second);
}

static void check_stops(Session *session) {
    Job job = demo_job(3, ".");
    job.steps = 20;
    job.preview_every = 2;
    Watch watch = {.stop = STOP_GENTLY, .stop_after = 5};
    RunHooks hooks = hooks_of(&watch);
    RunResult result = {0};
    CHECK_OK(run_job(&result, session, &job, &hooks), "a run that is stopped gently succeeds");
    CHECK(result.stopped && result.steps_run == 5 && result.pixels,
          "it keeps the steps really run and a picture");
    CHECK_EQ(watch.previews, 2, "previews come every second step, as asked");
    run_result_done(&result);
    watch = (Watch){.stop = STOP_NOW, .stop_after = 3};
    Status st = run_job(&result, session, &job, &hooks);
    CHECK(st && st->code == ERR_CANCELLED, "a run that is dropped says so");
    CHECK_EQ(watch.steps, 3, "and ends within the step");
    CHECK(!result.pixels, "without a picture");
    job.steps = 2;
    CHECK_OK(run_job(&result, session, &job, NULL), "the next job runs as if nothing had been");
    run_result_done(&result);
}

/* Does a decoder fit beside the steps? */
typedef enum MemoryThere { MEMORY_AMPLE, MEMORY_SCARCE } MemoryThere;

typedef struct Keeping {
    int keep_after, asked, kept_at;  /* steps; kept_at: steps made when the picture came */
    MemoryThere memory;
    int steps;
    RunResult kept;
} Keeping;

static void keeping_step(void *context, const StepInfo *step, const float *denoised) {
    (void)denoised;
    ((Keeping *)context)->steps = step->step;
}

static RunWish keeping_wish(void *context) {
    Keeping *keeping = context;
    return ++keeping->asked == keeping->keep_after ? WISH_KEEP : WISH_NOTHING;
}

static void keeping_kept(void *context, RunResult *result) {
    Keeping *keeping = context;
    keeping->kept = *result;
    keeping->kept_at = keeping->steps;
    *result = (RunResult){0}; /* all of it is taken */
}

/* The run reads the plan again behind this: a machine with no byte to spare. */
static void keeping_plan(void *context, const PlanInfo *plan) {
    if (((Keeping *)context)->memory == MEMORY_SCARCE)
        ((PlanInfo *)(uintptr_t)plan)->decode_bytes = UINT64_MAX;
}

static void check_keeping(MemoryThere memory) {
    Session *session = open_demo(2);
    Job job = demo_job(6, ".");
    job.steps = 6;
    RunResult plain = {0}, stopped = {0}, result = {0};
    Watch watch = {.stop = STOP_GENTLY, .stop_after = 3};
    RunHooks stop = hooks_of(&watch);
    CHECK_OK(run_job(&stopped, session, &job, &stop), "a run is stopped after step 3");
    CHECK_OK(run_job(&plain, session, &job, NULL), "another is not");
    session_close(session); /* which has memory enough by now */
    session = open_demo(2);
    Keeping keeping = {.keep_after = 3, .memory = memory};
    RunHooks hooks = {.context = &keeping, .plan = keeping_plan, .step = keeping_step, .wish = keeping_wish,
                      .kept = keeping_kept};
    CHECK_OK(run_job(&result, session, &job, &hooks), "a third keeps step 3");
    if (memory == MEMORY_SCARCE)
        CHECK_EQ(keeping.kept_at, 6, "without memory to spare the picture comes at the end");
    else
        CHECK_EQ(keeping.kept_at, 3, "the picture comes at once");
    CHECK(keeping.kept.pixels && !memcmp(keeping.kept.pixels, stopped.pixels, 64 * 48 * 3),
          "it is what the stop would have given");
    CHECK_STR(keeping.kept.latent_sha256, stopped.latent_sha256, "to the last bit");
    CHECK(keeping.kept.steps_run == 3 && keeping.kept.stopped, "and says how many steps were made");
    CHECK_STR(result.latent_sha256, plain.latent_sha256, "the run itself does not notice");
    CHECK(!memcmp(result.pixels, plain.pixels, 64 * 48 * 3), "in no pixel");
    RunResult *all[] = {&plain, &stopped, &result, &keeping.kept};
    for (int i = 0; i < 4; i++)
        run_result_done(all[i]);
    session_close(session);
}

/* Same pixels and latents with one thread and with two, twice. */
static void check_determinism(Session *two) {
    Session *one = open_demo(1);
    Session *sessions[] = {one, two, one, two};
    Job job = demo_job(4, ".");
    RunResult result[4] = {0};
    for (int i = 0; i < 4 && one; i++)
        CHECK_OK(run_job(&result[i], sessions[i], &job, NULL), "the job runs");
    for (int i = 1; i < 4 && one; i++) {
        CHECK(!memcmp(result[0].pixels, result[i].pixels, 64 * 48 * 3),
              "the same seed gives the same pixels");
        CHECK_STR(result[i].latent_sha256, result[0].latent_sha256, "and the same latent, to the last bit");
    }
    for (int i = 0; i < 4; i++)
        run_result_done(&result[i]);
    session_close(one);
}

int main(void) {
    Session *session = open_demo(2);
    if (session) {
        CHECK_STR(session->info.name, "demo world", "the model says its name");
        CHECK(session->info.demo && session->info.default_steps == 28, "and its defaults");
        check_plan(session);
        check_too_large();
        check_recall(session);
        check_stops(session);
        check_determinism(session);
        check_keeping(MEMORY_AMPLE);
        check_keeping(MEMORY_SCARCE);
    }
    session_close(session);
    return tap_end();
}
