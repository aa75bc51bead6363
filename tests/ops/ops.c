/* ops.c: every op, every shape of cases.c, every CPU path and the emulated CUDA module, against ref.
 *
 * A row runs once on ref and once on each candidate with 1, 2 and 3 threads, from the same inputs. The
 * candidate must leave guards and inputs alone, give finite numbers within the tolerance of the op's row in
 * list.h, and the same bytes with every number of threads. Two more candidates are ref and cpu without their
 * fused ops: they prove the compositions of ops.c. The emulated module runs with its three orders of threads
 * instead, with float32 and with bf16 activations; ref then begins with the same rounded numbers. Once more
 * for attention on the matrix instructions of Hopper, and for the matrices that may have 8 bits. The worst
 * errors are printed beside the tolerances: that is where those come from.
 *
 * With NEWBIE_OPS_DEVICE=cuda (or another module of the build) the candidates are those of that card alone:
 * what it computes, twice.
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "ops/check.h"
#include "ops/list.h"
#include "ops/module.h"
#include "tests/ops/cases.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"

enum { THREADS_MAX = 3, CANDIDATES_MAX = 24, ARENA_BYTES = 1 << 20 };

typedef struct Candidate {
    char name[64];
    const Backend *backend;
    BackendOptions options;
    int threads;         /* tries 1 to this; orders of the emulated device */
    EmuControl *control; /* of the emulated device; NULL for a CPU */
    int limit;           /* which tolerance counts, and which ref: a Limit */
    const char *only;    /* the one op it is tried with; NULL: all */
    double eight, eight_glu; /* tolerance of linear and of glu_linear in 8 bits; 0: of the op's row */
    const char *attention; /* value of NEWBIE_ATTENTION; NULL: none */
    Ops ops[THREADS_MAX];
    int failures; /* of the present op */
} Candidate;

/* float32 products, bf16 products, bf16 activations. */
typedef enum Limit { LIMIT_F32, LIMIT_BF16, LIMIT_HALF, LIMITS } Limit;

typedef struct Bench {
    Ops ref[LIMITS];
    Candidate candidate[CANDIDATES_MAX];
    int candidates;
    double worst[LIMITS]; /* of the present op, without 8-bit matrices */
    Arena arena;
    char *attention; /* NEWBIE_ATTENTION as the user set it, or NULL */
} Bench;

/* The tolerance of an op by Limit. */
static const double *tolerance_of(const char *op) {
    static const struct {
        const char *op;
        double tolerance[LIMITS];
    } ROWS[] = {
#define ROW(op, outputs, inputs, weight, flops, f32, bf16, half, parameters, arguments) \
    {#op, {f32, bf16, half}},
        OPS_LIST(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (!strcmp(ROWS[i].op, op))
            return ROWS[i].tolerance;
    return NULL;
}

static void open_ops(Ops *o, Arena *arena, const Backend *backend, const BackendOptions *options) {
    *o = (Ops){.arena = arena};
    Status st = ops_open(o, backend, options);
    if (st)
        CHECK_OK(st, "a backend opens");
}

/* What the module asks the environment for, when it opens a card; what the user set there stays for those who
 * want nothing else. */
static void set_attention(const Bench *bench, const Candidate *candidate) {
    const char *attention = candidate->attention ? candidate->attention : bench->attention;
    if (attention)
        setenv("NEWBIE_ATTENTION", attention, 1);
    else
        unsetenv("NEWBIE_ATTENTION");
}

static void add_candidate(Bench *bench, Candidate candidate) {
    assert(bench->candidates < CANDIDATES_MAX);
    Candidate *new = &bench->candidate[bench->candidates++];
    *new = candidate;
    set_attention(bench, new);
    for (int i = 0; i < new->threads; i++) {
        new->options.threads = i + 1;
        open_ops(&new->ops[i], &bench->arena, new->backend, &new->options);
    }
}

static void open_refs(Bench *bench) {
    static _Alignas(ARENA_ALIGN) char memory[ARENA_BYTES];
    bench->arena = arena_over(memory, sizeof memory);
    for (int l = 0; l < LIMITS; l++)
        open_ops(&bench->ref[l], &bench->arena, &REF_BACKEND,
                 &(BackendOptions){.precision = l == LIMIT_F32 ? PRECISION_F32 : PRECISION_BF16});
}

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
        add_candidate(bench, card);
    }
}

static void open_bench(Bench *bench, const Backend composing[2]) {
    add_candidate(bench, (Candidate){.name = "ref, composing", .backend = &composing[0], .threads = 1});
    add_candidate(bench, (Candidate){.name = "cpu, composing", .backend = &composing[1], .threads = 1});
    for (const char *const *path = cpu_paths(); *path; path++)
        for (int p = PRECISION_F32; p <= PRECISION_BF16; p++) {
            Candidate cpu = {.backend = &CPU_BACKEND, .threads = THREADS_MAX};
            snprintf(cpu.name, sizeof cpu.name, "cpu %s, %s", *path, p == PRECISION_F32 ? "f32" : "bf16");
            cpu.options = (BackendOptions){.precision = (Precision)p, .path = *path};
            cpu.limit = p == PRECISION_F32 ? LIMIT_F32 : LIMIT_BF16;
            add_candidate(bench, cpu);
        }
    const Backend *emulated;
    EmuControl *control = emulated_open(&emulated);
    for (int p = PRECISION_F32; control && p <= PRECISION_BF16; p++) {
        Candidate card = {.backend = emulated, .threads = 3, .control = control,
                          .options = {.precision = (Precision)p}};
        snprintf(card.name, sizeof card.name, "emulated cuda, %s", p == PRECISION_F32 ? "f32" : "bf16");
        card.limit = p == PRECISION_F32 ? LIMIT_F32 : LIMIT_HALF;
        add_candidate(bench, card);
    }
    if (control) {
        add_candidate(bench, (Candidate){.name = "emulated cuda, bf16, wgmma", .backend = emulated, .threads = 3,
                                         .control = control, .options = {.precision = PRECISION_BF16},
                                         .limit = LIMIT_HALF, .only = "attention", .attention = "wgmma"});
        CHECK_HAS(emulated->describe(bench->candidate[bench->candidates - 1].ops[0].state), "attention by wgmma",
                  "wgmma gives what mma gives, and is used");
        add_candidate(bench, (Candidate){.name = "emulated cuda, int8", .backend = emulated, .threads = 3,
                                         .control = control, .options = {.precision = PRECISION_INT8},
                                         .limit = LIMIT_HALF, .eight = OPS_INT8, .eight_glu = OPS_INT8_GLU});
        add_candidate(bench, (Candidate){.name = "emulated cuda, fp8", .backend = emulated, .threads = 3,
                                         .control = control, .options = {.precision = PRECISION_FP8},
                                         .limit = LIMIT_HALF, .eight = OPS_FP8, .eight_glu = OPS_FP8_GLU});
    }
    static const char *const PRODUCTS[] = {"linear", "glu_linear"};
    for (int i = 0; control && i < 2; i++) {
        Candidate card = {.name = "emulated cuda without cuBLASLt, bf16", .backend = emulated, .threads = 3,
                          .control = control, .options = {.precision = PRECISION_BF16}, .limit = LIMIT_HALF,
                          .only = PRODUCTS[i]};
        control->library = 0;
        add_candidate(bench, card);
        control->library = 1;
    }
    if (!control)
        printf("# no emulated CUDA module in this build\n");
}

static void close_bench(Bench *bench) {
    for (int l = 0; l < LIMITS; l++)
        REF_BACKEND.close(bench->ref[l].state);
    for (int i = 0; i < bench->candidates; i++)
        for (int t = 0; t < bench->candidate[i].threads; t++)
            bench->candidate[i].backend->close(bench->candidate[i].ops[t].state);
}

/* Runs one row; the run has to be ended. */
static Run run_row(Ops *o, const OpCases *cases, int row, RunHow how) {
    how.seed = (uint64_t)row + 1;
    Run run = run_begin(o, how);
    cases->run(&run, cases->rows[row]);
    run_settle(&run);
    return run;
}

/* The same for thread count or order number `i` of a candidate. */
static Run run_candidate(Candidate *candidate, int i, const OpCases *cases, int row) {
    if (candidate->control)
        candidate->control->order = (EmuOrder)i;
    return run_row(&candidate->ops[i], cases, row,
                   (RunHow){.place = candidate->backend->devices ? ON_DEVICE : ON_HOST,
                            .numbers = candidate->limit == LIMIT_HALF ? NUMBERS_BF16 : NUMBERS_FULL});
}

/* NULL, or what is wrong with a run compared with the one on ref. Raises `worst` to its largest error. */
static const char *judge(double *worst, const Run *run, const Run *ref, double tolerance) {
    static char text[2200];
    Status st = ops_status(run->o);
    if (st) {
        snprintf(text, sizeof text, "%s", st->message);
        return text;
    }
    for (int i = 0; i < run->blocks; i++) {
        if (run->block[i].role == ROLE_INPUT)
            continue;
        double difference = check_difference(run->block[i].t, ref->block[i].t);
        *worst = fmax(*worst, difference);
        if (!(difference <= tolerance)) {
            char shape[96];
            tensor_print(shape, run->block[i].t);
            snprintf(text, sizeof text, "%s differs by %.3g, expected at most %.3g", shape, difference,
                     tolerance);
            return text;
        }
    }
    return run_verify(run);
}

static const char *same_bytes(const Run *run, const Run *first) {
    for (int i = 0; i < run->blocks; i++)
        if (memcmp(run->block[i].memory, first->block[i].memory, run->block[i].bytes))
            return "other bytes than with one thread, or in another order";
    return NULL;
}

/* Says which row failed, once in a while. */
static void complain(Candidate *candidate, const OpCases *cases, int row, const char *wrong) {
    if (candidate->failures++ >= 5)
        return;
    printf("# %s (%s:", cases->op, cases->columns);
    for (int i = 0; i < CASE_NUMBERS; i++)
        printf(" %d", cases->rows[row][i]);
    printf(") on %s: %s\n", candidate->name, wrong);
}

static double allowed(const Candidate *candidate, const OpCases *cases) {
    if (!candidate->eight)
        return tolerance_of(cases->op)[candidate->limit];
    return strcmp(cases->op, "glu_linear") ? candidate->eight : candidate->eight_glu;
}

static void try_candidate(double *worst, Candidate *candidate, const OpCases *cases, int row,
                          const Run *ref) {
    double tolerance = allowed(candidate, cases), of_8_bits = 0;
    Run first = run_candidate(candidate, 0, cases, row);
    const char *wrong = judge(candidate->eight ? &of_8_bits : worst, &first, ref, tolerance);
    for (int t = 1; !wrong && t < candidate->threads; t++) {
        Run run = run_candidate(candidate, t, cases, row);
        wrong = same_bytes(&run, &first);
        run_end(&run);
    }
    if (wrong)
        complain(candidate, cases, row, wrong);
    run_end(&first);
    for (int t = 0; t < candidate->threads; t++)
        ops_clear(&candidate->ops[t]);
}

static bool takes(const Candidate *candidate, const OpCases *cases) {
    if (candidate->options.precision > PRECISION_BF16)
        return cases->bits == BITS_MAY_BE_8;
    return !candidate->only || !strcmp(candidate->only, cases->op);
}

static void report_worst(const Bench *bench, const OpCases *cases) {
    const double *tolerance = tolerance_of(cases->op);
    printf("# %s: worst %.2g of %.2g in float32, %.2g of %.2g with bf16 products, %.2g of %.2g in bf16\n",
           cases->op, bench->worst[LIMIT_F32], tolerance[LIMIT_F32], bench->worst[LIMIT_BF16],
           tolerance[LIMIT_BF16], bench->worst[LIMIT_HALF], tolerance[LIMIT_HALF]);
}

static void try_op(Bench *bench, const OpCases *cases) {
    memset(bench->worst, 0, sizeof bench->worst);
    for (int i = 0; i < bench->candidates; i++)
        bench->candidate[i].failures = 0;
    for (int row = 0; row < cases->count; row++) {
        Run ref[LIMITS];
        for (int l = 0; l < LIMITS; l++) {
            Numbers numbers = l == LIMIT_HALF ? NUMBERS_BF16 : NUMBERS_FULL;
            ref[l] = run_row(&bench->ref[l], cases, row, (RunHow){.numbers = numbers});
            const char *wrong = judge(&bench->worst[l], &ref[l], &ref[l], 0);
            if (wrong)
                printf("# %s on ref, row %d\n", cases->op, row);
            if (wrong)
                CHECK_STR(wrong, "", "ref itself runs");
        }
        for (int i = 0; i < bench->candidates; i++) {
            int l = bench->candidate[i].limit;
            if (takes(&bench->candidate[i], cases))
                try_candidate(&bench->worst[l], &bench->candidate[i], cases, row, &ref[l]);
        }
        for (int l = 0; l < LIMITS; l++)
            run_end(&ref[l]);
    }
    report_worst(bench, cases);
    for (int i = 0; i < bench->candidates; i++) {
        char name[160];
        if (!takes(&bench->candidate[i], cases))
            continue;
        snprintf(name, sizeof name, "%s (%s) agrees with ref in %d shapes on %s", cases->op, cases->columns,
                 cases->count, bench->candidate[i].name);
        CHECK_EQ(bench->candidate[i].failures, 0, name);
    }
}

/* Every row of list.h has cases. */
static void test_complete(void) {
#define ROW(op, ...) #op,
    static const char *const NAMES[] = {OPS_LIST(ROW)};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const OpCases *cases = OP_CASES;
        while (cases->op && strcmp(cases->op, NAMES[i]))
            cases++;
        CHECK_STR(cases->op, NAMES[i], "an op of the table is tried");
    }
}

int main(void) {
    static Bench bench;
    const char *attention = getenv("NEWBIE_ATTENTION");
    bench.attention = attention ? strdup(attention) : NULL;
    Backend composing[2] = {REF_BACKEND, CPU_BACKEND};
#define LEAVE_OUT(op) composing[0].op = composing[1].op = NULL;
    OPS_FUSED(LEAVE_OUT)
    const char *card = getenv("NEWBIE_OPS_DEVICE");
    open_refs(&bench);
    if (card)
        open_card(&bench, card);
    else
        open_bench(&bench, composing);
    test_complete();
    for (const OpCases *cases = OP_CASES; cases->op; cases++)
        try_op(&bench, cases);
    close_bench(&bench);
    return tap_end();
}
