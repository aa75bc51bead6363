/* warm.c: see warm.h. */
#include "config.h"

#include "engine/warm.h"

#include "base/clock.h"

#define STEPS 3
#define SIDE_MIN 32
#define LONG_ENOUGH 0.25 /* seconds */

typedef struct Warming {
    Session *session;
    StopKind (*stop)(void *context);
    void *context;
    PlanInfo plan;
    double fastest; /* seconds of a step: the first one also loads and tries */
    bool done;      /* the steps are: nobody wants the picture */
} Warming;

static void on_plan(void *context, const PlanInfo *plan) {
    ((Warming *)context)->plan = *plan;
}

static void on_step(void *context, const StepInfo *step, const float *denoised) {
    (void)denoised;
    Warming *warming = context;
    if (step->step == 1 || step->seconds < warming->fastest)
        warming->fastest = step->seconds;
    warming->done = step->step == STEPS;
}

static StopKind stop_of(void *context) {
    Warming *warming = context;
    return warming->done || warming->stop(warming->context) != STOP_NOT ? STOP_NOW : STOP_NOT;
}

bool warm_wanted(const Session *session) {
    return session->options.backend->devices && session->flops_per_second == 0;
}

/* Whether all its steps were made. */
static bool steps_of(Warming *warming, int side, Status *st) {
    Job job = session_usual_job(warming->session);
    job.steps = STEPS;
    job.width = job.width < side ? job.width : side;
    job.height = job.height < side ? job.height : side;
    RunHooks hooks = {.context = warming, .plan = on_plan, .step = on_step, .stop = stop_of};
    RunResult result = {0};
    warming->done = false;
    *st = run_job(&result, warming->session, &job, &hooks);
    run_result_done(&result);
    if (warming->done && warming->fastest > 0)
        warming->session->flops_per_second = warming->plan.flops[PHASE_DENOISE] / STEPS / warming->fastest;
    return warming->done;
}

Status warm_up(Session *session, StopKind (*stop)(void *context), void *context) {
    Warming warming = {.session = session, .stop = stop, .context = context};
    Job usual = session_usual_job(session);
    int largest = usual.width > usual.height ? usual.width : usual.height;
    for (int side = SIDE_MIN;; side *= 2) {
        double begun = clock_seconds();
        Status st;
        if (!steps_of(&warming, side, &st))
            return st && st->code == ERR_DEVICE ? st : NULL;
        if (side >= largest || clock_seconds() - begun > LONG_ENOUGH)
            return NULL;
    }
}
