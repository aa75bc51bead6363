/* ops.c: every op, every shape of cases.c, on every CPU path, against ref.
 *
 * Two more candidates are ref and cpu without their fused ops: they prove the compositions of ops.c. The
 * emulated card has a program of its own, card.c.
 *
 * With NEWBIE_OPS_DEVICE=cuda (or another module of the build) the candidates are those of that card alone:
 * what it computes, twice.
 */
#include "config.h"

#include <stdlib.h>

#include "ops/list.h"
#include "ops/module.h"
#include "tests/ops/candidates.h"
#include "tests/tap.h"

/* The real card of module `name`. */
static void open_card(Bench *bench, const char *name) {
    static const Candidate CARDS[] = {
        {.name = "f32", .options.precision = PRECISION_F32, .limit = LIMIT_F32},
        {.name = "bf16", .options.precision = PRECISION_BF16, .limit = LIMIT_HALF},
        {.name = "bf16, mma", .options.precision = PRECISION_BF16, .limit = LIMIT_HALF, .only = "attention",
         .attention = "mma"},
        {.name = "int8", .options.precision = PRECISION_INT8, .limit = LIMIT_HALF, .eight = OPS_INT8,
         .eight_glu = OPS_INT8_GLU},
        {.name = "fp8", .options.precision = PRECISION_FP8, .limit = LIMIT_HALF, .eight = OPS_FP8,
         .eight_glu = OPS_FP8_GLU},
    };
    const Backend *backend = NULL;
    Status st = module_find(&backend, name);
    CHECK_OK(st, "the module of the card is loaded");
    for (size_t i = 0; !st && i < sizeof CARDS / sizeof *CARDS; i++) {
        Candidate card = CARDS[i];
        Ops first = {0};
        st = ops_open(&first, backend, &card.options);
        if (st && st->code == ERR_UNSUPPORTED) { /* a card without fp8 */
            printf("# %s\n", st->message);
            st = NULL;
            continue;
        }
        CHECK_OK(st, "the card can be used");
        if (st)
            break;
        backend->close(first.state);
        snprintf(card.name, sizeof card.name, "%.16s, %.32s", name, CARDS[i].name);
        card.backend = backend;
        card.threads = 2;
        bench_add(bench, card);
    }
}

static void add_paths(Bench *bench, const Backend composing[2]) {
    bench_add(bench, (Candidate){.name = "ref, composing", .backend = &composing[0], .threads = 1});
    bench_add(bench, (Candidate){.name = "cpu, composing", .backend = &composing[1], .threads = 1});
    for (const char *const *path = cpu_paths(); *path; path++)
        for (int p = PRECISION_F32; p <= PRECISION_BF16; p++) {
            Candidate cpu = {.backend = &CPU_BACKEND, .threads = THREADS_MAX};
            snprintf(cpu.name, sizeof cpu.name, "cpu %s, %s", *path, p == PRECISION_F32 ? "f32" : "bf16");
            cpu.options = (BackendOptions){.precision = (Precision)p, .path = *path};
            cpu.limit = p == PRECISION_F32 ? LIMIT_F32 : LIMIT_BF16;
            bench_add(bench, cpu);
        }
}

int main(void) {
    static Bench bench;
    Backend composing[2] = {REF_BACKEND, CPU_BACKEND};
#define LEAVE_OUT(op) composing[0].op = composing[1].op = NULL;
    OPS_FUSED(LEAVE_OUT)
    const char *card = getenv("NEWBIE_OPS_DEVICE");
    bench_open(&bench);
    if (card)
        open_card(&bench, card);
    else
        add_paths(&bench, composing);
    bench_complete(&bench);
    bench_try(&bench);
    bench_close(&bench);
    return tap_end();
}
