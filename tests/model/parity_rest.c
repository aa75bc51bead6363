/* parity_rest.c: the kinds of tests/parity without a network: tokens, schedule, noise, solver. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/half.h"
#include "base/rng.h"
#include "sample/schedule.h"
#include "sample/solver.h"
#include "tests/model/parity.h"
#include "text/tokenize.h"

/* ---- tokens -------------------------------------------------------------------------------------------- */

static int hex_digit(char c) {
    return c >= 'a' ? c - 'a' + 10 : c >= 'A' ? c - 'A' + 10 : c - '0';
}

/* The bytes to encode: "text" as it is, or "hex". */
static void run_text(Buf *out, const Json *run) {
    size_t size = 0;
    const char *text = json_string(json_get(run, "text"), &size);
    if (text) {
        buf_add(out, text, size);
        return;
    }
    const char *hex = json_get_string(run, "hex", "");
    for (size_t i = 0; hex[i] && hex[i + 1]; i += 2)
        buf_byte(out, (unsigned char)(16 * hex_digit(hex[i]) + hex_digit(hex[i + 1])));
}

/* How many ids differ, those that only one list has included. */
static double differing(const TokenList *list, const Json *ids) {
    size_t expected = json_count(ids), longer = expected > list->count ? expected : list->count, bad = 0;
    for (size_t i = 0; i < longer; i++)
        bad += i >= expected || i >= list->count || json_integer(json_at(ids, i), -1) != list->ids[i];
    return (double)bad;
}

void parity_tokens(const Case *c) {
    TokenRule rule = !strcmp(json_get_string(c->json, "rule", ""), "jina") ? TOKENS_JINA : TOKENS_GEMMA;
    char *path = case_path(c, json_get_string(c->json, "file", "tokenizer.model"));
    Tokenizer *tokenizer = NULL;
    Status opened = tokenizer_open(&tokenizer, rule, path);
    for (size_t run = 0; run < json_count(json_get(c->json, "runs")); run++) {
        const Json *json = case_run(c, (int)run);
        Buf text = {0};
        TokenList list = {0};
        run_text(&text, json);
        Status st = opened ? opened : tokenizer_encode(tokenizer, &list, buf_string(&text), text.size);
        if (st)
            report_failure(c, (int)run, "ids", st);
        else
            report_error(c, (int)run, "ids", differing(&list, json_get(json, "ids")),
                         case_limit(c, (int)run, "ids"));
        token_list_done(&list);
        buf_done(&text);
    }
    tokenizer_free(tokenizer);
    free(path);
}

/* ---- schedule ------------------------------------------------------------------------------------------ */

/* The largest difference of a level, or infinity when the lists are not equally long. values "t" are model
 * times. */
static double levels_error(const Sigmas *sigmas, const Json *run) {
    const Json *expected = json_get(run, "sigmas");
    bool times = !strcmp(json_get_string(run, "values", "sigma"), "t");
    double largest = (size_t)sigmas->count == json_count(expected) ? 0 : INFINITY;
    for (int i = 0; i < sigmas->count && isfinite(largest); i++) {
        double level = times ? 1 - sigmas->value[i] : sigmas->value[i];
        largest = fmax(largest, fabs(level - json_number(json_at(expected, (size_t)i), NAN)));
    }
    return largest;
}

void parity_schedule(const Case *c) {
    for (size_t run = 0; run < json_count(json_get(c->json, "runs")); run++) {
        const Json *json = case_run(c, (int)run);
        const char *name = json_get_string(json, "name", "");
        const Schedule *row = schedule_find(name);
        Sigmas sigmas = {0};
        Status st = row ? schedule_fill(&sigmas, row, (int)json_get_integer(json, "steps", 0),
                                        json_get_number(json, "shift", 1))
                        : fail(ERR_UNSUPPORTED, "no schedule %s", name);
        if (st)
            report_failure(c, (int)run, "sigmas", st);
        else
            report_error(c, (int)run, "sigmas", levels_error(&sigmas, json),
                         case_limit(c, (int)run, "sigmas"));
        sigmas_done(&sigmas);
    }
}

/* ---- noise --------------------------------------------------------------------------------------------- */

/* Units in the last place of bfloat16 between two numbers of that type. */
static double bf16_steps(const float *got, const float *expected, int64_t n) {
    double largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double unit = ldexp(1, ilogb(expected[i] != 0 ? expected[i] : 1) - 7);
        largest = fmax(largest, fabs((double)got[i] - expected[i]) / unit);
    }
    return largest;
}

void parity_noise(const Case *c) {
    for (size_t run = 0; run < json_count(json_get(c->json, "runs")); run++) {
        const Json *json = case_run(c, (int)run);
        const SafeTensor *expected = case_tensor(c, (int)run, "noise");
        if (!expected) {
            report_failure(c, (int)run, "noise", NULL);
            continue;
        }
        bool bf16 = !strcmp(json_get_string(json, "dtype", "float32"), "bfloat16");
        float *noise = must_alloc(sizeof(float) * (size_t)expected->count);
        Mt19937 rng;
        mt19937_seed(&rng, strtoull(json_get_string(json, "seed", "0"), NULL, 10));
        if (bf16)
            rng_normal_bf16(&rng, noise, expected->count);
        else
            rng_normal_f32(&rng, noise, expected->count);
        /* The limit of a bfloat16 draw is one unit in its last place, in such units. */
        double error = bf16 ? bf16_steps(noise, expected->data, expected->count)
                            : error_largest(noise, expected->data, expected->count);
        report_error(c, (int)run, "noise", error, bf16 ? 1 : case_limit(c, (int)run, "noise"));
        free(noise);
    }
}

/* ---- solver -------------------------------------------------------------------------------------------- */

/* dx/dt = a x + b t + c, elementwise, where t = 1 - sigma. */
typedef struct Field {
    const SafeTensor *a, *b, *c, *start;
    const Solver *solver;
    double *sigma;  /* [intervals + 1] */
    double *levels; /* sigma of every evaluation */
    int intervals;
    Tensor device_a, device_b, device_c;
    float *final;
} Field;

static void field_velocity(void *context, Ops *o, Tensor velocity, Tensor x, int evaluation) {
    Field *f = context;
    float t = (float)(1 - f->levels[evaluation]);
    op_binary(o, velocity, f->device_a, x, BINARY_MULTIPLY);
    op_lincomb(o, velocity, &(LincombHow){3, {velocity, f->device_b, f->device_c}, {1, t, 1}});
}

static Tensor field_tensor(Ops *o, const SafeTensor *stored) {
    Tensor t = ops_new(o, DT_F32, 1, &stored->count);
    ops_upload(o, t, stored->data);
    return t;
}

static void solver_work(void *context, Ops *o) {
    Field *f = context;
    f->device_a = field_tensor(o, f->a);
    f->device_b = field_tensor(o, f->b);
    f->device_c = field_tensor(o, f->c);
    SolverRun run = {.solver = f->solver, .sigma = f->sigma, .intervals = f->intervals,
                     .x = field_tensor(o, f->start), .velocity = field_velocity, .context = f};
    solver_begin(&run, o);
    for (int i = 0; i < f->intervals; i++)
        solver_step(&run, o, i);
    ops_download(o, f->final, run.x);
}

static Status read_field(Field *f, const Case *c, int run) {
    const char *name = json_get_string(case_run(c, run), "solver", "");
    const SafeTensor *sigmas = case_tensor(c, run, "sigmas");
    *f = (Field){.a = case_tensor(c, run, "a"), .b = case_tensor(c, run, "b"), .c = case_tensor(c, run, "c"),
                 .start = case_tensor(c, run, "x"), .solver = solver_find(name)};
    if (!f->solver)
        return fail(ERR_UNSUPPORTED, "no solver %s", name);
    if (!f->a || !f->b || !f->c || !f->start || !sigmas || sigmas->count < 2 || sigmas->type != DT_F32)
        return fail(ERR_FORMAT, "run %d lacks one of a, b, c, x, sigmas", run);
    f->intervals = (int)sigmas->count - 1;
    f->sigma = must_alloc(sizeof(double) * (size_t)sigmas->count);
    for (int64_t i = 0; i < sigmas->count; i++)
        f->sigma[i] = ((const float *)sigmas->data)[i];
    f->levels = must_alloc(sizeof(double) * (size_t)solver_evaluations(f->solver, f->intervals));
    solver_levels(f->solver, f->levels, f->sigma, f->intervals);
    f->final = must_alloc(sizeof(float) * (size_t)f->start->count);
    return NULL;
}

void parity_solver(const Case *c) {
    Ops o;
    Status opened = path_open(&o, c->path);
    for (size_t run = 0; run < json_count(json_get(c->json, "runs")); run++) {
        const SafeTensor *expected = case_tensor(c, (int)run, "final");
        Field field = {0};
        Status st = opened ? opened : read_field(&field, c, (int)run);
        if (!st && !expected)
            st = fail(ERR_FORMAT, "run %zu has no final", run);
        if (!st)
            st = compute(&o, solver_work, &field);
        if (st)
            report_failure(c, (int)run, "final", st);
        else
            report_error(c, (int)run, "final", error_relative(field.final, expected->data, expected->count),
                         case_limit(c, (int)run, "final"));
        free(field.sigma);
        free(field.levels);
        free(field.final);
    }
    if (!opened)
        path_close(&o);
}
