/* check: every op of a whole picture on the emulated card against the CPU, as `newbie check` does on a new
 * card; and a kernel that is a little wrong is found and named. */
#include "config.h"

#include "engine/run.h"
#include "engine/selfcheck.h"
#include "engine/session.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"
#include "tests/unit/demo.h"

static const Backend *card;

static Status wrong_rope(void *state, Tensor q, Tensor k, const QkNormRopeHow *how) {
    QkNormRopeHow other = *how;
    other.eps += 0.2f;
    return card->qk_norm_rope(state, q, k, &other);
}

/* NULL, or what the check found while a small picture was made. */
static const char *checked(const Backend *backend, PrecisionChoice precision) {
    static char text[2100];
    SessionOptions options = demo_options(1);
    options.backend = backend;
    options.check = &CPU_BACKEND;
    options.precision = precision;
    Session *session = NULL;
    Job job = demo_job(1, ".");
    job.width = job.height = 32;
    job.steps = 1;
    job.output = OUTPUT_BYTES;
    RunResult result = {0};
    Status st = session_open(&session, &options, NULL);
    if (!st)
        st = run_job(&result, session, &job, NULL);
    snprintf(text, sizeof text, "%s", st ? st->message : "");
    run_result_done(&result);
    session_close(session);
    session_options_done(&options);
    return text;
}

/* Gated units with one NaN among their weights, as a damaged file would give them to this backend. */
static const Backend *damaged;

static Status damaged_pack(void *state, Weight *out, const WeightParts *given) {
    WeightParts parts = *given;
    void *copy = NULL;
    if (parts.kind == WEIGHT_GLU) {
        size_t bytes = (size_t)tensor_count(parts.part[0]) * dtype_size(parts.part[0].type);
        copy = must_alloc(bytes);
        memcpy(copy, parts.part[0].data, bytes);
        memset(copy, 0xff, dtype_size(parts.part[0].type));
        parts.part[0].data = copy;
    }
    Status st = damaged->weight_pack(state, out, &parts);
    free(copy);
    return st;
}

/* What `newbie check cpu,cuda` says of a CPU and a card; "" when they agree. */
static const char *self_checked(const Backend *cpu, const Backend *backend) {
    static char text[2100];
    SelfCheck check;
    Device device = {.backend = backend, .name = "cuda:0", .info.bf16 = true};
    SessionOptions options = demo_options(1);
    options.backend = cpu;
    Status st = selfcheck_run(&check, &options, &device);
    snprintf(text, sizeof text, "%s", st ? st->message : "");
    session_options_done(&options);
    return text;
}

int main(void) {
    EmuControl *control = emulated_open(&card);
    if (!control) {
        printf("ok 1 - the card against the CPU # SKIP this build has no emulated CUDA module\n1..1\n");
        return 0;
    }
    CHECK_STR(checked(card, CHOOSE_BF16), "", "every op of a picture agrees between card and CPU");
    CHECK_STR(checked(card, CHOOSE_INT8), "", "and in int8, each product within its gate");
    CHECK_STR(checked(card, CHOOSE_FP8), "", "and in fp8");
    Backend wrong = *card;
    wrong.qk_norm_rope = wrong_rope;
    CHECK_HAS(checked(&wrong, CHOOSE_BF16), "qk_norm_rope: cuda and cpu differ by",
              "a wrong kernel is found and named");
    CHECK_HAS(self_checked(&wrong, &CPU_BACKEND), "qk_norm_rope: cuda and cpu differ by",
              "newbie check with a card in the first place goes op by op");
    CHECK_STR(self_checked(&CPU_BACKEND, card), "", "every stage agrees, too");
    Backend bad = *card;
    damaged = card;
    bad.weight_pack = damaged_pack;
    CHECK_HAS(self_checked(&CPU_BACKEND, &bad), "cuda:0: glu_linear gives nan, number 0 of its output [",
              "the first op that gives a NaN on the card is named");
    bad = CPU_BACKEND;
    damaged = &CPU_BACKEND;
    bad.weight_pack = damaged_pack;
    CHECK_HAS(self_checked(&bad, card), "cpu: glu_linear gives nan, number 0 of its output [",
              "or on the CPU");
    CHECK_EQ(control->held, 0, "nothing stays on the card");
    return tap_end();
}
