/* selfcheck.c: see selfcheck.h. */
#include "config.h"

#include "engine/selfcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/run.h"
#include "ops/check.h"

/* Of the relative difference of a stage, with bf16 on a card: performance.md 3.8; measured on the emulated
 * card with the demo model: 4e-3. Guidance multiplies the difference of two nearly equal velocities, and
 * with it their error: measured 4.6e-2. */
#define STAGE_LIMIT 2e-2
#define GUIDED_LIMIT 1e-1

static const Job JOB = {
    .id = 1,
    .prompt = (char *)"<character_1>\n<n>miku</n>\n</character_1>\n1girl, 蓝发, waving",
    .negative = (char *)"low_quality", /* so that the second branch has text of its own */
    .system_name = (char *)"none",
    .system_text = (char *)"",
    .seed = 42,
    .steps = 1,
    .cfg = 4,
    .cfg_trunc = 1,
    .renorm = 1,
    .shift = 6,
    .sampler = (char *)"euler",
    .schedule = (char *)"normal",
    .width = SELFCHECK_SIDE,
    .height = SELFCHECK_SIDE,
    .output = OUTPUT_BYTES,
};

static Status make(const SessionOptions *options, const RunHooks *hooks) {
    Session *session;
    TRY(session_open(&session, options, NULL));
    RunResult result = {0};
    Status st = run_job(&result, session, &JOB, hooks);
    run_result_done(&result);
    Fault kept;
    fault_copy(&kept, st); /* it may live in the session */
    session_close(session);
    return fault_raise(&kept);
}

/* ---- stage by stage ------------------------------------------------------------------------------------ */

enum { STAGES_MAX = 32 };

typedef struct Stage {
    char name[32];
    Tensor values;      /* float32 on the host, owned */
} Stage;

typedef struct Stages {
    Stage stage[STAGES_MAX];
    int count, compared;
    const char *first, *second; /* names of the devices */
    Fault fault;                /* the first that differs */
    bool broken;                /* because it holds what is no number */
} Stages;

/* The numbers of a tensor as float32 on the host, owned by the caller. */
static Tensor fetch(Ops *o, Tensor tensor) {
    float *values = must_alloc((size_t)tensor_count(tensor) * sizeof *values);
    ops_download(o, values, tensor);
    return tensor_dense_view(values, DT_F32, tensor.rank, tensor.dims);
}

static void keep_stage(void *context, const char *name, int step, Ops *o, Tensor tensor) {
    Stages *stages = context;
    (void)step;
    if (stages->count == STAGES_MAX)
        return;
    Stage *stage = &stages->stage[stages->count++];
    snprintf(stage->name, sizeof stage->name, "%s", name);
    stage->values = fetch(o, tensor);
}

static double limit_of(const char *name) {
    bool guided = !strcmp(name, "velocity") || !strcmp(name, "latents") || !strcmp(name, "image");
    return guided ? GUIDED_LIMIT : STAGE_LIMIT;
}

static void compare_stage(void *context, const char *name, int step, Ops *o, Tensor tensor) {
    Stages *stages = context;
    (void)step;
    const Stage *expected = &stages->stage[stages->compared];
    if (stages->fault.code != ERR_NONE || stages->compared++ >= stages->count)
        return;
    Tensor values = fetch(o, tensor);
    double difference = check_difference(values, expected->values);
    free(values.data);
    log_line(LOG_INFO, "%s: %s and %s differ by %.2g", name, stages->second, stages->first, difference);
    stages->broken = !isfinite(difference);
    if (!(difference <= limit_of(name)))
        fault_copy(&stages->fault, fail(ERR_BUG, "%s: %s and %s differ by %.2g, expected at most %.2g", name,
                                        stages->second, stages->first, difference, limit_of(name)));
}

/* The picture once more with a look at each result: NULL, or the first op that gives what is no number.
 * Not done at first, since a download after every op would hide what only goes wrong without. */
static Status find_broken_op(const SessionOptions *options, const char *device) {
    SessionOptions watched = *options;
    watched.finite = true;
    Status st = make(&watched, NULL);
    return st ? note(st, "%s", device) : NULL;
}

static Status stage_by_stage(int *compared, const SessionOptions *options, const Device *other) {
    Stages stages = {.first = options->backend->name, .second = other->name};
    const SessionOptions *broken = NULL;
    Status st = make(options, &(RunHooks){.context = &stages, .tap = keep_stage});
    if (st && st->code == ERR_BUG)
        broken = options;
    SessionOptions second = *options;
    second.backend = other->backend;
    second.device = other->index;
    if (other->backend->devices && other->info.bf16)
        second.precision = CHOOSE_BF16;
    if (!st) {
        st = make(&second, &(RunHooks){.context = &stages, .tap = compare_stage});
        if (st ? st->code == ERR_BUG : stages.broken)
            broken = &second;
    }
    if (!st && stages.compared != stages.count)
        st = fail(ERR_BUG, "%s made %d stages, %s made %d", stages.first, stages.count, stages.second,
                  stages.compared);
    for (int i = 0; i < stages.count; i++)
        free(stages.stage[i].values.data);
    *compared = stages.compared;
    st = st ? st : fault_raise(&stages.fault);
    if (!broken)
        return st;
    Fault kept;
    fault_copy(&kept, st);
    st = find_broken_op(broken, broken == options ? stages.first : stages.second);
    return st ? st : fault_raise(&kept);
}

Status selfcheck_run(SelfCheck *out, const SessionOptions *options, const Device *other) {
    double start = clock_seconds();
    SessionOptions checked = *options;
    int stages = 0;
    checked.check = other->backend;
    TRY(other->backend->devices ? stage_by_stage(&stages, options, other) : make(&checked, &(RunHooks){0}));
    *out = (SelfCheck){clock_seconds() - start, stages};
    return NULL;
}
