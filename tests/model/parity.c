/* parity.c: compares this program's arithmetic with numbers that the original code produced.
 *
 * usage: parity [--backend PATH | --all-paths | --device DEVICE] [--f32 | --bf16] [--order ORDER] [--tap]
 *               CASE_DIR...
 *
 * A case folder holds case.json and usually data.safetensors and model/, in the format of the reference
 * data's README. Prints one line for each output,
 *
 *   ok|not ok|skip KIND-NAME RUN OUTPUT rel=ERROR limit=LIMIT
 *
 * with --all-paths the path behind it, with --tap a plan at the end; reasons follow in lines that begin with
 * "#". Ends with 1 if any is not ok. A case is known by what its files say, not by its name, so new cases
 * need no rebuild. PATH is ref, portable, avx2, avx512 or avx512bf16; without one the best of the CPU. DEVICE
 * is cuda, cuda:1, ... or emu, the module on the emulated device of this build, whose threads run in ORDER:
 * forward, reverse or random. A CPU computes in float32 and a device in bf16, unless the other is asked for;
 * the limits of the case are meant for float32, those of bf16 are in ops/list.h. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "cpu/cpu.h"
#include "ops/list.h"
#include "ops/module.h"
#include "ops/plan.h"
#include "tests/model/parity.h"
#include "tests/ops/emulated.h"

enum { PATHS_MAX = 8 };

/* ---- reporting ----------------------------------------------------------------------------------------- */

void report_error(const Case *c, int run, const char *output, double error, double limit) {
    bool good = error <= limit; /* false for NaN */
    c->report->count++;
    c->report->bad += !good;
    printf("%s %s %d %s rel=%.3g limit=%.3g", good ? "ok" : "not ok", c->name, run, output, error, limit);
    if (c->report->several_paths)
        printf(" path=%s", c->path->name);
    putchar('\n');
}

void report_skip(const Case *c, int run, const char *output, const char *reason) {
    c->report->count++;
    if (c->report->form == REPORT_TAP)
        printf("ok %s %d %s # SKIP %s\n", c->name, run, output, reason);
    else
        printf("skip %s %d %s rel=nan limit=%.3g\n# %s\n", c->name, run, output, case_limit(c, run, output),
               reason);
}

void report_failure(const Case *c, int run, const char *output, Status st) {
    report_error(c, run, output, NAN, case_limit(c, run, output));
    printf("# %s\n", st ? st->message : "no such output");
}

/* ---- a case -------------------------------------------------------------------------------------------- */

const Json *case_run(const Case *c, int run) {
    return json_at(json_get(c->json, "runs"), (size_t)run);
}

/* The limit of an output in bf16, of a run of this kind; 0: what the case says, for host arithmetic. */
static double half_limit(const char *output, const char *kind) {
#define ROW(name, kind, original) {#name, kind, OPS_HALF_MARGIN * (original)},
    static const struct {
        const char *name, *kind;
        double limit;
    } ROWS[] = {OPS_HALF_OUTPUTS(ROW)};
#undef ROW
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (!strcmp(ROWS[i].name, output) && (!*ROWS[i].kind || !strcmp(ROWS[i].kind, kind)))
            return ROWS[i].limit;
    return 0;
}

double case_limit(const Case *c, int run, const char *output) {
    double half = half_limit(output, json_get_string(case_run(c, run), "kind", ""));
    if (c->path && c->path->precision == PRECISION_BF16 && half > 0)
        return half;
    double of_case = json_get_number(json_get(c->json, "limits"), output, 0);
    return json_get_number(case_run(c, run), "limit", of_case);
}

const SafeTensor *case_tensor(const Case *c, int run, const char *name) {
    char full[128];
    snprintf(full, sizeof full, "%d.%s", run, name);
    return c->data ? safetensors_find(c->data, full) : NULL;
}

char *case_path(const Case *c, const char *name) {
    return file_join(c->folder, name);
}

double error_relative(const float *got, const float *expected, int64_t n) {
    double difference = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = (double)got[i] - expected[i];
        difference += d * d;
        size += (double)expected[i] * expected[i];
    }
    return size > 0 ? sqrt(difference / size) : sqrt(difference);
}

double error_largest(const float *got, const float *expected, int64_t n) {
    double largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - expected[i]);
        if (!(d <= largest)) /* keeps NaN */
            largest = d;
    }
    return largest;
}

/* ---- computing ----------------------------------------------------------------------------------------- */

Status path_open(Ops *o, const Path *path) {
    *o = (Ops){0};
    BackendOptions options = {.device = path->device, .precision = path->precision,
                              .path = path->backend == &CPU_BACKEND ? path->name : NULL};
    return ops_open(o, path->backend, &options);
}

void path_close(Ops *o) {
    o->backend->close(o->state);
}

Status compute(Ops *o, Work *work, void *context) {
    Arena counting = arena_counting();
    PlanCount count = {0};
    Ops plan = {.backend = &PLAN_BACKEND, .state = &count, .activation = o->activation, .arena = &counting};
    work(context, &plan);
    if (ops_status(&plan)) {
        ops_fail(o, ops_status(&plan));
        return ops_status(o);
    }
    void *block = ops_mem_alloc(o, counting.peak + 1);
    if (!block)
        return ops_status(o);
    Arena arena = arena_over(block, counting.peak);
    o->arena = &arena;
    work(context, o);
    o->arena = NULL;
    ops_mem_free(o, block, counting.peak + 1);
    return ops_status(o);
}

/* ---- kinds --------------------------------------------------------------------------------------------- */

typedef enum Where { ON_EVERY_PATH, ON_THE_HOST } Where;

typedef struct Kind {
    const char *name;
    void (*run)(const Case *c); /* NULL: not done by this version */
    Where where;                /* host arithmetic is the same on every path: once is enough */
    const char *reason;
} Kind;

static const Kind KINDS[] = {
    {"dit", parity_dit, ON_EVERY_PATH, NULL},
    {"gemma", parity_gemma, ON_EVERY_PATH, NULL},
    {"jina", parity_jina, ON_EVERY_PATH, NULL},
    {"vae", parity_vae, ON_EVERY_PATH, NULL},
    {"tokens", parity_tokens, ON_THE_HOST, NULL},
    {"schedule", parity_schedule, ON_THE_HOST, NULL},
    {"noise", parity_noise, ON_THE_HOST, NULL},
    {"solver", parity_solver, ON_EVERY_PATH, NULL},
    {"pipeline", parity_pipeline, ON_EVERY_PATH, NULL},
    {"lora", NULL, ON_THE_HOST, "LoRA is not read yet"},
    {"gguf", NULL, ON_THE_HOST, "GGUF is not read yet"},
};

static void skip_runs(const Case *c, const char *reason) {
    const Json *limits = json_get(c->json, "limits");
    for (size_t run = 0; run < json_count(json_get(c->json, "runs")); run++)
        for (JsonIter output = json_first(limits); output.value; json_next(&output))
            report_skip(c, (int)run, output.key, reason);
}

static const Kind UNKNOWN_KIND = {"", NULL, ON_THE_HOST, "a kind this program does not know"};

static const Kind *kind_of(const Case *c) {
    const char *name = json_get_string(c->json, "kind", "");
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (!strcmp(name, KINDS[i].name))
            return &KINDS[i];
    return &UNKNOWN_KIND;
}

static void run_on_paths(Case *c, const Path *paths, int path_count) {
    static const Path host = {.name = "host"};
    const Kind *kind = kind_of(c);
    for (int i = 0; i < (kind->where == ON_THE_HOST ? 1 : path_count); i++) {
        c->path = kind->where == ON_THE_HOST ? &host : &paths[i];
        if (kind->run)
            kind->run(c);
        else
            skip_runs(c, kind->reason);
    }
}

/* The last component of a path, owned. */
static char *folder_name(const char *folder) {
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && folder[start - 1] != '/')
        start--;
    return must_copy_n(folder + start, end - start);
}

/* One case on all chosen paths. A folder that is no case is not ok. */
static void run_case(const char *folder, const Path *paths, int path_count, Report *report) {
    char *name = folder_name(folder);
    Case c = {.name = name, .folder = folder, .report = report, .path = paths};
    char *json_path = case_path(&c, "case.json"), *data_path = case_path(&c, "data.safetensors");
    Json *json = NULL;
    SafeTensors *data = NULL;
    Status st = json_read(&json, json_path);
    if (!st && file_exists(data_path))
        st = safetensors_open(&data, data_path);
    c.json = json;
    c.data = data;
    if (st)
        report_failure(&c, 0, "case", st);
    else
        run_on_paths(&c, paths, path_count);
    safetensors_close(data);
    json_free(json);
    free(json_path);
    free(data_path);
    free(name);
}

/* ---- command line -------------------------------------------------------------------------------------- */

static int all_paths(Path out[PATHS_MAX]) {
    int count = 0;
    out[count++] = (Path){.name = "ref", .backend = &REF_BACKEND};
    for (const char *const *name = cpu_paths(); *name && count < PATHS_MAX; name++)
        out[count++] = (Path){.name = *name, .backend = &CPU_BACKEND};
    return count;
}

static int usage(void) {
    fprintf(stderr, "usage: parity [--backend ref|portable|avx2|avx512|avx512bf16 | --all-paths | "
                    "--device cuda|cuda:N|emu] [--f32 | --bf16] [--order forward|reverse|random] [--tap] "
                    "CASE_DIR...\n");
    return 2;
}

/* What the arguments chose: `count` of the paths, from number `from`. */
typedef struct Choice {
    Path paths[PATHS_MAX];
    int known, from, count;
    Report report;
} Choice;

static bool choose_backend(Choice *choice, const char *name) {
    for (choice->from = 0; choice->from < choice->known; choice->from++)
        if (!strcmp(name, choice->paths[choice->from].name))
            return true;
    fprintf(stderr, "parity: %s does not run on this machine\n", name);
    return false;
}

/* One path instead of those of the CPU. */
static bool choose_device(Choice *choice, const char *name) {
    const char *colon = strchr(name, ':');
    Path *path = &choice->paths[0];
    *path = (Path){.name = name, .precision = PRECISION_BF16, .device = colon ? atoi(colon + 1) : 0};
    choice->from = 0;
    choice->count = 1;
    if (!strcmp(name, "emu"))
        return emulated_open(&path->backend) || (fprintf(stderr, "parity: this build has no emu\n"), false);
    Status st = module_find(&path->backend, "cuda");
    if (st)
        fprintf(stderr, "parity: %s\n", st->message);
    return !st;
}

static bool choose_order(Choice *choice, const char *name) {
    (void)choice;
    static const char *const NAMES[] = {[EMU_FORWARD] = "forward", [EMU_REVERSE] = "reverse",
                                        [EMU_RANDOM] = "random"};
    const Backend *emulated;
    EmuControl *control = emulated_open(&emulated);
    for (int i = 0; control && i < 3; i++)
        if (!strcmp(name, NAMES[i])) {
            control->order = (EmuOrder)i;
            return true;
        }
    fprintf(stderr, "parity: no order %s\n", name);
    return false;
}

/* An argument that stands alone. */
static bool choose(Choice *choice, const char *argument) {
    if (!strcmp(argument, "--tap")) {
        choice->report.form = REPORT_TAP;
    } else if (!strcmp(argument, "--all-paths")) {
        choice->from = 0;
        choice->count = choice->known;
        choice->report.several_paths = true;
    } else if (!strcmp(argument, "--f32") || !strcmp(argument, "--bf16")) {
        for (int p = 0; p < choice->known; p++)
            choice->paths[p].precision = strcmp(argument, "--f32") ? PRECISION_BF16 : PRECISION_F32;
    } else {
        return false;
    }
    return true;
}

/* Arguments followed by a value. */
static const struct {
    const char *name;
    bool (*choose)(Choice *choice, const char *value);
} WITH_VALUE[] = {{"--backend", choose_backend}, {"--device", choose_device}, {"--order", choose_order}};

/* Number of arguments that were understood at argv[i]; 0: none. A value nobody knows ends the program. */
static int choose_at(Choice *choice, int argc, char **argv, int i) {
    for (size_t k = 0; k < sizeof WITH_VALUE / sizeof *WITH_VALUE; k++)
        if (!strcmp(argv[i], WITH_VALUE[k].name) && i + 1 < argc) {
            if (!WITH_VALUE[k].choose(choice, argv[i + 1]))
                exit(2);
            return 2;
        }
    return choose(choice, argv[i]);
}

int main(int argc, char **argv) {
    Choice choice = {.count = 1};
    choice.known = all_paths(choice.paths);
    choice.from = 1 < choice.known ? 1 : 0;
    int i = 1;
    while (i < argc && !strncmp(argv[i], "--", 2)) {
        int taken = choose_at(&choice, argc, argv, i);
        if (!taken)
            return usage();
        i += taken;
    }
    if (i == argc)
        return usage();
    for (; i < argc; i++)
        run_case(argv[i], choice.paths + choice.from, choice.count, &choice.report);
    if (choice.report.form == REPORT_TAP)
        printf("1..%d\n", choice.report.count);
    return choice.report.bad ? 1 : 0;
}
