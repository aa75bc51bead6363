/* Every solver on fields whose exact solution is known. The originals' own numbers are reference case
 * solver-linear. */
#include "config.h"

#include "sample/solver.h"

#include <stdlib.h>

#include "cpu/cpu.h"
#include "sample/guide.h"
#include "sample/schedule.h"
#include "tests/tap.h"

#define N 24

typedef struct Field {
    const double *times;
    float target[N], last[N]; /* picture; newest velocity */
    int calls, order_kept;
} Field;

/* v = (x1 − x)/(1 − t): the field of a single picture x1. The path to it is straight, so v does not change
 * along it; at t = 1, where the formula is 0/0 (rk4 looks there), the limit is the velocity just before. */
static void toward_target(void *context, Ops *o, Tensor velocity, Tensor x, int evaluation) {
    Field *field = context;
    float state[N];
    ops_download(o, state, x);
    double left = 1 - field->times[evaluation];
    for (int i = 0; i < N && left > 1e-9; i++)
        field->last[i] = (float)((field->target[i] - state[i]) / left);
    ops_upload(o, velocity, field->last);
    field->order_kept &= evaluation == field->calls++;
}

static void no_noise(void *context, Ops *o, Tensor noise) {
    (void)context;
    ops_fill(o, noise, 0);
}

/* Largest distance from x1 after the run, negative when something failed. */
static double run_solver(Ops *o, const Solver *solver, const Schedule *schedule, Field *field) {
    Sigmas sigmas = {0};
    if (schedule_fill(&sigmas, schedule, 12, 6))
        return -1;
    int intervals = sigmas.count - 1, evaluations = solver_evaluations(solver, intervals);
    double *times = calloc((size_t)evaluations, sizeof *times);
    solver_levels(solver, times, sigmas.value, intervals);
    for (int i = 0; i < evaluations; i++)
        times[i] = 1 - times[i];
    field->times = times;
    ArenaMark mark = ops_mark(o);
    float x[N];
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i % 5) - 2;
        field->target[i] = (float)(i % 7) / 3 - 1;
    }
    SolverRun run = {.solver = solver, .sigma = sigmas.value, .intervals = intervals, .x = ops_vector(o, N),
                     .velocity = toward_target, .noise = no_noise, .context = field};
    ops_upload(o, run.x, x);
    solver_begin(&run, o);
    for (int i = 0; i < intervals; i++)
        solver_step(&run, o, i);
    ops_download(o, x, run.x);
    ops_release(o, mark);
    double worst = ops_status(o) ? -1 : 0;
    for (int i = 0; i < N && worst >= 0; i++)
        worst = fmax(worst, fabs(x[i] - field->target[i]));
    field->order_kept &= field->calls == evaluations;
    sigmas_done(&sigmas);
    free(times);
    return worst;
}

static void check_guidance(Ops *o) {
    const Guidance always = {4, 1, 0}, early = {4, 0.25, 0}, off = {1, 1, 0};
    CHECK(guide_needed(&always, 1), "truncation at 1 means always, also at the very end");
    CHECK(guide_needed(&early, 0.2) && !guide_needed(&early, 0.25), "guidance stops at the truncation time");
    CHECK(!guide_needed(&off, 0), "a scale of 1 needs no second branch");
    ArenaMark mark = ops_mark(o);
    Tensor branches = ops_matrix(o, 2, 2), v = ops_vector(o, 2);
    float got[2];
    ops_upload(o, branches, (float[]){3, 4, 1, 2});
    guide_mix(o, v, branches, &always);
    ops_download(o, got, v);
    CHECK(got[0] == 9 && got[1] == 10, "v = uncond + scale (cond - uncond)");
    guide_mix(o, v, branches, &(Guidance){4, 1, 1});
    ops_download(o, got, v);
    CHECK_NEAR(hypot(got[0], got[1]), 5, 1e-5,
               "renorm 1 clamps the length to that of the conditional velocity");
    guide_mix(o, v, tensor_rows(branches, 0, 1), &always);
    ops_download(o, got, v);
    CHECK(got[0] == 3 && got[1] == 4, "one branch is taken as it is");
    ops_release(o, mark);
}

int main(void) {
    static _Alignas(64) char block[1 << 16];
    Arena arena = arena_over(block, sizeof block);
    Ops o = {.backend = &REF_BACKEND, .arena = &arena};
    CHECK_OK(REF_BACKEND.open(&o.state, &(BackendOptions){0}), "the reference backend opens");
    for (const Solver *solver = SOLVERS; solver->name; solver++)
        for (const Schedule *schedule = SCHEDULES; schedule->name; schedule++) {
            char title[128];
            Field field = {.order_kept = 1};
            double worst = run_solver(&o, solver, schedule, &field);
            snprintf(title, sizeof title, "%s with %s ends at the picture of a straight field", solver->name,
                     schedule->name);
            CHECK_NEAR(worst, 0, 1e-5, title);
            CHECK(field.order_kept, "and evaluates each level once, in order");
        }
    check_guidance(&o);
    CHECK(solver_find("dpmpp_2m_lab") == solver_find("dpm2m"), "an alias finds its row");
    CHECK(!solver_find("dpm"), "half a name finds nothing");
    REF_BACKEND.close(o.state);
    return tap_end();
}
