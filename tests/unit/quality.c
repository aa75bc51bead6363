/* quality: the gates of a precision: one that is near bf16 passes, a kernel that is a little wrong in it
 * does not. */
#include "config.h"

#include "engine/quality.h"

#include <math.h>

#include "tests/tap.h"
#include "tests/unit/demo.h"

/* The CPU, whose norms have an epsilon that is too large by `wrong` in float32. */
static float wrong;
static bool exact;

static Status spoilt_open(void **state, const BackendOptions *options) {
    exact = options->precision == PRECISION_F32;
    return CPU_BACKEND.open(state, options);
}

static Status spoilt_rms_norm(void *state, Tensor y, Tensor x, const RmsNormHow *how) {
    RmsNormHow other = *how;
    other.eps += exact ? wrong : 0;
    return CPU_BACKEND.rms_norm(state, y, x, &other);
}

/* What the gates say of float32 beside bf16. */
static Status judged(Quality *quality, float by) {
    Backend backend = CPU_BACKEND;
    backend.open = spoilt_open;
    backend.rms_norm = spoilt_rms_norm;
    SessionOptions options = demo_options(2);
    options.backend = &backend;
    Job like = demo_job(1, ".");
    like.width = like.height = 32;
    like.steps = 2;
    wrong = by;
    CHECK_OK(quality_run(quality, &options, &like), "two precisions are compared");
    session_options_done(&options);
    return quality_judge(quality);
}

int main(void) {
    Quality quality = {0};
    CHECK_OK(judged(&quality, 0), "float32 is near bf16");
    for (int i = 0; i < QUALITY_TIMES; i++) {
        const VelocityGate *gate = &quality.velocity[i];
        printf("# t = %g: relative L2 %.3g, cosine %.6f\n", gate->time, gate->difference, gate->cosine);
        bool near = gate->difference < 2e-2 && gate->cosine > 0.9995 && gate->cosine <= 1 + 1e-9;
        CHECK(gate->difference > 0 && near, "in its velocity, and not the same");
    }
    CHECK(quality.velocity[0].time == 0.1 && quality.velocity[2].time == 0.9,
          "from near noise to near the picture");
    Status st = judged(&quality, 3);
    CHECK(st && st->code == ERR_BUG, "a wrong kernel does not pass");
    CHECK_HAS(st ? st->message : "", "the velocity at t = 0.1 differs by", "the gate is named, with numbers");
    printf("# %s\n", st ? st->message : "");
    Quality good = {.median = 40, .worst = 30, .pictures = 20, .most = 1, .least = 0}, bad = good;
    CHECK_OK(quality_judge(&good), "pictures that are near pass");
    bad.median = 24;
    st = quality_judge(&bad);
    CHECK_HAS(st ? st->message : "", "PSNR 24.0 dB (median)", "pictures that are not do not");
    bad = good;
    bad.black = 1;
    CHECK(quality_judge(&bad) != NULL, "nor one of one colour");
    bad = good;
    bad.velocity[1].difference = NAN;
    CHECK(quality_judge(&bad) != NULL, "nor a velocity that is no number");
    return tap_end();
}
