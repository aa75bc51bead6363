/* card.c: every op, every shape of cases.c, on the emulated card, against ref.
 *
 * With its three orders of threads, with float32 and with bf16 activations; ref then begins with the same
 * rounded numbers. Once more for attention on the matrix instructions of Hopper, products without cuBLASLt,
 * and the matrices that may have 8 bits. Where the build has the sanitizers, kernels run under them, and
 * what lies beside a tensor is forbidden. */
#include "config.h"

#include "ops/list.h"
#include "tests/ops/candidates.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"

enum { NO_LIBRARY, LIBRARY, DECLINING }; /* as control->library */

static const Candidate CARDS[] = {
    {.name = "emulated cuda, f32", .options.precision = PRECISION_F32, .limit = LIMIT_F32},
    {.name = "emulated cuda, bf16", .options.precision = PRECISION_BF16, .limit = LIMIT_HALF,
     .library = LIBRARY},
    {.name = "emulated cuda, bf16, wgmma", .options.precision = PRECISION_BF16, .limit = LIMIT_HALF,
     .library = LIBRARY, .only = "attention", .attention = "wgmma"},
    {.name = "emulated cuda, int8", .options.precision = PRECISION_INT8, .limit = LIMIT_HALF,
     .library = LIBRARY, .eight = OPS_INT8, .eight_glu = OPS_INT8_GLU},
    {.name = "emulated cuda, fp8", .options.precision = PRECISION_FP8, .limit = LIMIT_HALF,
     .library = LIBRARY, .eight = OPS_FP8, .eight_glu = OPS_FP8_GLU},
    {.name = "emulated cuda without cuBLASLt, bf16", .options.precision = PRECISION_BF16, .limit = LIMIT_HALF,
     .library = NO_LIBRARY, .only = "linear"},
    {.name = "emulated cuda without cuBLASLt, bf16", .options.precision = PRECISION_BF16, .limit = LIMIT_HALF,
     .library = NO_LIBRARY, .only = "glu_linear"},
    {.name = "emulated cuda, cuBLASLt declines, bf16", .options.precision = PRECISION_BF16,
     .limit = LIMIT_HALF, .library = DECLINING, .only = "linear"},
    {.name = "emulated cuda, cuBLASLt declines, fp8", .options.precision = PRECISION_FP8, .limit = LIMIT_HALF,
     .library = DECLINING, .only = "linear", .eight = OPS_FP8, .eight_glu = OPS_FP8_GLU},
};

static void add_card(Bench *bench, const Backend *card, EmuControl *control, Candidate candidate) {
    candidate.backend = card;
    candidate.control = control;
    candidate.threads = 3; /* orders */
    bench_add(bench, candidate);
}

int main(void) {
    static Bench bench;
    const Backend *card;
    EmuControl *control = emulated_open(&card);
    if (!control) {
        printf("ok 1 - ops of the card # SKIP this build has no emulated CUDA module\n1..1\n");
        return 0;
    }
    bench_open(&bench);
    for (size_t i = 0; i < sizeof CARDS / sizeof *CARDS; i++) {
        add_card(&bench, card, control, CARDS[i]);
        if (CARDS[i].attention)
            CHECK_HAS(card->describe(bench.candidate[i].ops[0].state), "attention by wgmma",
                      "wgmma gives what mma gives, and is used");
    }
    bench_complete(&bench);
    bench_try(&bench);
    bench_close(&bench);
    CHECK_EQ(control->held, 0, "nothing stays on the card");
    return tap_end();
}
