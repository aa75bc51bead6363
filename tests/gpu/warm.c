/* warm: the first small job on a card, on the emulated one. It leaves a pace from which the time of a picture
 * follows, gives way to whoever asks, and where it fails the session is as before. */
#include "config.h"

#include "engine/warm.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"
#include "tests/unit/demo.h"

static EmuControl *control;
static const Backend *backend;

static double seconds_of_a_picture(Session *session) {
    PlanInfo plan = {0};
    Job job = session_usual_job(session);
    CHECK_OK(run_plan(&plan, session, &job), "a picture is planned");
    return plan.seconds;
}

static int asked;

static StopKind never(void *context) {
    (void)context;
    asked++;
    return STOP_NOT;
}

/* Somebody asks a little after the beginning. */
static StopKind soon(void *context) {
    (void)context;
    return ++asked > 20 ? STOP_NOW : STOP_NOT;
}

static void pace_is_found(Session *session) {
    CHECK(warm_wanted(session) && seconds_of_a_picture(session) == 0, "how fast a card is is not guessed");
    asked = 0;
    CHECK_OK(warm_up(session, soon, NULL), "somebody who asks is no fault");
    CHECK(asked > 20 && asked < 25, "and need not wait");
    CHECK(warm_wanted(session), "the pace is still to be found");
    CHECK_OK(warm_up(session, never, NULL), "the card is warmed");
    CHECK(!warm_wanted(session) && asked > 25, "then the pace is known");
    CHECK(seconds_of_a_picture(session) > 0, "and how long a picture takes");
}

static void failures_are_survived(Session *session) {
    control->calls = 0;
    session->flops_per_second = 0;
    CHECK_OK(warm_up(session, never, NULL), "it can be done again");
    int64_t calls = control->calls, lost = 0, bad = 0;
    for (int64_t n = 5; n < calls; n += calls / 4) {
        session->flops_per_second = 0;
        control->calls = 0;
        control->fail_at = n;
        Status st = warm_up(session, never, NULL);
        control->fail_at = 0;
        lost += st != NULL;
        bad += st && st->code != ERR_DEVICE;
    }
    CHECK_EQ(bad, 0, "a call that fails is a lost card or no fault");
    CHECK(lost > 0, "a lost card is told");
    CHECK_OK(warm_up(session, never, NULL), "one that came back is warmed as ever");
}

int main(void) {
    control = emulated_open(&backend);
    if (!control) {
        printf("ok 1 - warming # SKIP this build has no emulated CUDA module\n1..1\n");
        return 0;
    }
    Session *session = demo_session(backend);
    CHECK(session != NULL, "the demo model opens on the emulated card");
    if (session) {
        pace_is_found(session);
        failures_are_survived(session);
        session_close(session);
        CHECK_EQ(control->objects, 0, "nothing stays in the runtime");
    }
    return tap_end();
}
