/* ops.c: every op, every shape of cases.c, every CPU path, against ref.
 *
 * A row runs once on ref and once on each candidate with 1, 2 and 3 threads, from the same inputs. The
 * candidate must leave guards and inputs alone, give finite numbers within the tolerance of the op's row in
 * list.h, and the same bytes with every number of threads. Two more candidates are ref and cpu without their
 * fused ops: they prove the compositions of ops.c.
 */
#include "config.h"

#include "ops/check.h"
#include "ops/list.h"
#include "tests/ops/cases.h"
#include "tests/tap.h"

enum { THREADS_MAX = 3, CANDIDATES_MAX = 12, ARENA_BYTES = 1 << 20 };

typedef struct Candidate {
    char name[64];
    const Backend *backend;
    BackendOptions options;
    int threads; /* tries 1 to this */
    Ops ops[THREADS_MAX];
    int failures; /* of the present op */
} Candidate;

typedef struct Bench {
    Ops ref[2]; /* by Precision */
    Candidate candidate[CANDIDATES_MAX];
    int candidates;
    Arena arena;
} Bench;

/* The tolerance of an op by Precision. */
static const double *tolerance_of(const char *op) {
    static const struct {
        const char *op;
        double tolerance[2];
    } ROWS[] = {
#define ROW(op, outputs, inputs, weight, flops, f32, bf16, parameters, arguments) {#op, {f32, bf16}},
        OPS_LIST(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (!strcmp(ROWS[i].op, op))
            return ROWS[i].tolerance;
    return NULL;
}

static void open_ops(Ops *o, Arena *arena, const Backend *backend, const BackendOptions *options) {
    *o = (Ops){.backend = backend, .arena = arena};
    Status st = backend->open(&o->state, options);
    if (st)
        CHECK_OK(st, "a backend opens");
}

static void add_candidate(Bench *bench, Candidate candidate) {
    Candidate *new = &bench->candidate[bench->candidates++];
    *new = candidate;
    for (int i = 0; i < new->threads; i++) {
        new->options.threads = i + 1;
        open_ops(&new->ops[i], &bench->arena, new->backend, &new->options);
    }
}

static void open_bench(Bench *bench, const Backend composing[2]) {
    static _Alignas(ARENA_ALIGN) char memory[ARENA_BYTES];
    bench->arena = arena_over(memory, sizeof memory);
    for (int p = PRECISION_F32; p <= PRECISION_BF16; p++)
        open_ops(&bench->ref[p], &bench->arena, &REF_BACKEND, &(BackendOptions){.precision = (Precision)p});
    add_candidate(bench, (Candidate){.name = "ref, composing", .backend = &composing[0], .threads = 1});
    add_candidate(bench, (Candidate){.name = "cpu, composing", .backend = &composing[1], .threads = 1});
    for (const char *const *path = cpu_paths(); *path; path++)
        for (int p = PRECISION_F32; p <= PRECISION_BF16; p++) {
            Candidate cpu = {.backend = &CPU_BACKEND, .threads = THREADS_MAX};
            snprintf(cpu.name, sizeof cpu.name, "cpu %s, %s", *path, p == PRECISION_F32 ? "f32" : "bf16");
            cpu.options = (BackendOptions){.precision = (Precision)p, .path = *path};
            add_candidate(bench, cpu);
        }
}

static void close_bench(Bench *bench) {
    for (int p = PRECISION_F32; p <= PRECISION_BF16; p++)
        REF_BACKEND.close(bench->ref[p].state);
    for (int i = 0; i < bench->candidates; i++)
        for (int t = 0; t < bench->candidate[i].threads; t++)
            bench->candidate[i].backend->close(bench->candidate[i].ops[t].state);
}

/* Runs one row; the run has to be ended. */
static Run run_row(Ops *o, const OpCases *cases, int row) {
    Run run = run_begin(o, (uint64_t)row + 1);
    cases->run(&run, cases->rows[row]);
    ops_sync(o);
    return run;
}

/* NULL, or what is wrong with a run compared with the one on ref. */
static const char *judge(const Run *run, const Run *ref, double tolerance) {
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
            return "other bytes than with one thread";
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

static void try_candidate(Candidate *candidate, const OpCases *cases, int row, const Run *ref) {
    const double *tolerance = tolerance_of(cases->op);
    Run first = run_row(&candidate->ops[0], cases, row);
    const char *wrong = judge(&first, ref, tolerance[candidate->options.precision]);
    for (int t = 1; !wrong && t < candidate->threads; t++) {
        Run run = run_row(&candidate->ops[t], cases, row);
        wrong = same_bytes(&run, &first);
        run_end(&run);
    }
    if (wrong)
        complain(candidate, cases, row, wrong);
    run_end(&first);
    for (int t = 0; t < candidate->threads; t++)
        ops_clear(&candidate->ops[t]);
}

static void try_op(Bench *bench, const OpCases *cases) {
    for (int i = 0; i < bench->candidates; i++)
        bench->candidate[i].failures = 0;
    for (int row = 0; row < cases->count; row++) {
        Run ref[2] = {run_row(&bench->ref[0], cases, row), run_row(&bench->ref[1], cases, row)};
        for (int p = 0; p < 2; p++) {
            const char *wrong = judge(&ref[p], &ref[p], 0);
            if (wrong)
                printf("# %s on ref, row %d\n", cases->op, row);
            if (wrong)
                CHECK_STR(wrong, "", "ref itself runs");
        }
        for (int i = 0; i < bench->candidates; i++)
            try_candidate(&bench->candidate[i], cases, row, &ref[bench->candidate[i].options.precision]);
        run_end(&ref[0]);
        run_end(&ref[1]);
    }
    for (int i = 0; i < bench->candidates; i++) {
        char name[160];
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
    Backend composing[2] = {REF_BACKEND, CPU_BACKEND};
#define LEAVE_OUT(op) composing[0].op = composing[1].op = NULL;
    OPS_FUSED(LEAVE_OUT)
    open_bench(&bench, composing);
    test_complete();
    for (const OpCases *cases = OP_CASES; cases->op; cases++)
        try_op(&bench, cases);
    close_bench(&bench);
    return tap_end();
}
