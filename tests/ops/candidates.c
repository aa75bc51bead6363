/* candidates.c: see candidates.h. */
#include "config.h"

#include "tests/ops/candidates.h"

#include <math.h>
#include <stdlib.h>

#include "ops/check.h"
#include "ops/list.h"
#include "tests/tap.h"

enum { ARENA_BYTES = 1 << 20 };

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

static int opened(const Candidate *candidate) {
    return candidate->control ? 1 : candidate->threads;
}

void bench_add(Bench *bench, Candidate candidate) {
    assert(bench->candidates < CANDIDATES_MAX);
    Candidate *new = &bench->candidate[bench->candidates++];
    *new = candidate;
    set_attention(bench, new);
    if (new->control)
        new->control->library = new->library;
    for (int i = 0; i < opened(new); i++) {
        new->options.threads = i + 1;
        open_ops(&new->ops[i], &bench->arena, new->backend, &new->options);
    }
}

void bench_open(Bench *bench) {
    static _Alignas(ARENA_ALIGN) char memory[ARENA_BYTES];
    const char *attention = getenv("NEWBIE_ATTENTION");
    bench->attention = attention ? strdup(attention) : NULL;
    bench->arena = arena_over(memory, sizeof memory);
    for (int l = 0; l < LIMITS; l++)
        open_ops(&bench->ref[l], &bench->arena, &REF_BACKEND,
                 &(BackendOptions){.precision = l == LIMIT_F32 ? PRECISION_F32 : PRECISION_BF16});
}

void bench_close(Bench *bench) {
    for (int l = 0; l < LIMITS; l++)
        REF_BACKEND.close(bench->ref[l].state);
    for (int i = 0; i < bench->candidates; i++)
        for (int t = 0; t < opened(&bench->candidate[i]); t++)
            bench->candidate[i].backend->close(bench->candidate[i].ops[t].state);
    free(bench->attention);
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
    if (candidate->control) {
        candidate->control->order = (EmuOrder)i;
        candidate->control->library = candidate->library;
    }
    return run_row(&candidate->ops[candidate->control ? 0 : i], cases, row,
                   (RunHow){.place = candidate->backend->devices ? ON_DEVICE : ON_HOST,
                            .control = candidate->control,
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
    for (int t = 0; t < opened(candidate); t++)
        ops_clear(&candidate->ops[t]);
}

static bool takes(const Candidate *candidate, const OpCases *cases) {
    if (candidate->options.precision > PRECISION_BF16 && cases->bits != BITS_MAY_BE_8)
        return false;
    return !candidate->only || !strcmp(candidate->only, cases->op);
}

static int rows_of(const Candidate *candidate, const OpCases *cases) {
    bool all = !candidate->control || (candidate->eight && !candidate->only);
    return !takes(candidate, cases) ? 0 : all ? cases->count : cases->count - cases->large;
}

/* What the candidates of a row are compared with. The row has to be ended on each that was run. */
static void run_refs(Bench *bench, Run ref[LIMITS], const OpCases *cases, int row) {
    bool wanted[LIMITS] = {false};
    for (int i = 0; i < bench->candidates; i++)
        wanted[bench->candidate[i].limit] |= row < rows_of(&bench->candidate[i], cases);
    for (int l = 0; l < LIMITS; l++) {
        ref[l] = (Run){0};
        if (!wanted[l])
            continue;
        Numbers numbers = l == LIMIT_HALF ? NUMBERS_BF16 : NUMBERS_FULL;
        ref[l] = run_row(&bench->ref[l], cases, row, (RunHow){.numbers = numbers});
        const char *wrong = judge(&bench->worst[l], &ref[l], &ref[l], 0);
        if (wrong)
            printf("# %s on ref, row %d\n", cases->op, row);
        if (wrong)
            CHECK_STR(wrong, "", "ref itself runs");
    }
}

static void report_worst(const Bench *bench, const OpCases *cases) {
    static const char *const NAMES[LIMITS] = {"in float32", "with bf16 products", "in bf16"};
    const double *tolerance = tolerance_of(cases->op);
    for (int l = 0; l < LIMITS; l++)
        if (bench->worst[l] > 0)
            printf("# %s: worst %.2g of %.2g %s\n", cases->op, bench->worst[l], tolerance[l], NAMES[l]);
}

static void try_op(Bench *bench, const OpCases *cases) {
    memset(bench->worst, 0, sizeof bench->worst);
    for (int i = 0; i < bench->candidates; i++)
        bench->candidate[i].failures = 0;
    for (int row = 0; row < cases->count; row++) {
        Run ref[LIMITS];
        run_refs(bench, ref, cases, row);
        for (int i = 0; i < bench->candidates; i++) {
            int l = bench->candidate[i].limit;
            if (row < rows_of(&bench->candidate[i], cases))
                try_candidate(&bench->worst[l], &bench->candidate[i], cases, row, &ref[l]);
        }
        for (int l = 0; l < LIMITS; l++)
            run_end(&ref[l]);
    }
    report_worst(bench, cases);
    for (int i = 0; i < bench->candidates; i++) {
        char name[160];
        int rows = rows_of(&bench->candidate[i], cases);
        if (!rows)
            continue;
        snprintf(name, sizeof name, "%s (%s) agrees with ref in %d shapes on %s", cases->op, cases->columns,
                 rows, bench->candidate[i].name);
        CHECK_EQ(bench->candidate[i].failures, 0, name);
    }
}

/* True when a candidate runs a row of this op. */
static bool tried(const Bench *bench, const char *op) {
    for (const OpCases *cases = OP_CASES; cases->op; cases++)
        for (int i = 0; i < bench->candidates; i++)
            if (!strcmp(cases->op, op) && rows_of(&bench->candidate[i], cases) > 0)
                return true;
    return false;
}

void bench_complete(const Bench *bench) {
#define ROW(op, ...) #op,
    static const char *const NAMES[] = {OPS_LIST(ROW)};
#undef ROW
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char name[80];
        snprintf(name, sizeof name, "op %s of the table is tried", NAMES[i]);
        CHECK(tried(bench, NAMES[i]), name);
    }
}

void bench_try(Bench *bench) {
    for (const OpCases *cases = OP_CASES; cases->op; cases++)
        try_op(bench, cases);
}
