/* selfcheck.c: see selfcheck.h. */
#include "config.h"

#include "engine/selfcheck.h"

#include "base/clock.h"
#include "engine/run.h"

Status selfcheck_run(double *seconds, const SessionOptions *options) {
    static const Job job = {
        .id = 1,
        .prompt = "<character_1>\n<n>miku</n>\n</character_1>\n1girl, 蓝发, waving",
        .negative = "low_quality", /* so that the second branch has text of its own */
        .system_name = "none",
        .system_text = "",
        .seed = 42,
        .steps = 1,
        .cfg = 4,
        .cfg_trunc = 1,
        .renorm = 1,
        .shift = 6,
        .sampler = "euler",
        .schedule = "normal",
        .width = SELFCHECK_SIDE,
        .height = SELFCHECK_SIDE,
        .output = OUTPUT_BYTES,
    };
    double start = clock_seconds();
    Session *session;
    TRY(session_open(&session, options, NULL));
    RunResult result = {0};
    Status st = run_job(&result, session, &job, &(RunHooks){0});
    run_result_done(&result);
    session_close(session);
    if (!st)
        *seconds = clock_seconds() - start;
    return st;
}
