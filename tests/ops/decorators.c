/* decorators.c: plan, trace, check and finite around the ref backend, on a few ops that resemble a
 * network. */
#include "config.h"

#include <stdlib.h>

#include "cpu/cpu.h"
#include "io/json.h"
#include "ops/check.h"
#include "ops/finite.h"
#include "ops/plan.h"
#include "ops/trace.h"
#include "tests/tap.h"

enum { ROWS = 7, WIDTH = 24, HEADS = 3 };

static float numbers[3 * WIDTH * WIDTH]; /* weights of everything: a smooth curve will do */

static void fill_numbers(void) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        numbers[i] = sinf((float)i * 0.7f) * 0.3f;
}

/* One layer of attention and a glance at every fused op; the result is a number that depends on all of them.
 */
static void small_network(Ops *o, float *result) {
    Weight qkv, conv;
    Tensor square = tensor_2d(numbers, DT_F32, WIDTH, WIDTH);
    weight_pack(o, &qkv, &(WeightParts){.kind = WEIGHT_LINEAR, .count = 3, .part = {square, square, square}});
    weight_pack(o, &conv,
                &(WeightParts){.kind = WEIGHT_CONV, .count = 1,
                               .part = {tensor_4d(numbers, DT_F32, 4, 6, 3, 3)}});
    Tensor norm = ops_parameter(o, tensor_1d(numbers, DT_F32, WIDTH));
    ArenaMark mark = ops_mark(o);
    Seqs seqs = seqs_of(2, (int64_t[]){4, 3});
    Tensor x = ops_matrix(o, ROWS, WIDTH), h = ops_matrix(o, ROWS, WIDTH),
           three = ops_matrix(o, ROWS, 3 * WIDTH);
    ops_upload(o, x, numbers);
    op_linear(o, three, x, &qkv, (LinearHow){0});
    Tensor q = tensor_heads(tensor_columns(three, 0, WIDTH), HEADS);
    Tensor k = tensor_heads(tensor_columns(three, WIDTH, WIDTH), HEADS);
    Tensor v = tensor_heads(tensor_columns(three, 2 * WIDTH, WIDTH), HEADS);
    op_attention(o, tensor_heads(h, HEADS), q, k, v, &(AttentionHow){.scale = 0.3f, .seqs = &seqs});
    op_add_norm(o, x, h, h, &(AddNormHow){.w_post = norm, .w_next = norm, .eps = 1e-5f});
    Tensor picture = ops_cube(o, 2, 3, 6), larger = ops_cube(o, 4, 6, 4);
    ops_copy(o, picture, tensor_as_3d(tensor_rows(tensor_as_2d(h, ROWS * WIDTH / 6, 6), 0, 6), 2, 3, 6));
    op_upsample2x_conv(o, larger, picture, &conv);
    op_cfg_mix(o, x, x, h, (GuideHow){4.5f, 1});
    op_sum_squares(o, ops_vector(o, 1), larger);
    Tensor sum = ops_vector(o, 1);
    op_sum_squares(o, sum, x);
    ops_download(o, result, sum);
    ops_release(o, mark);
    ops_mem_free(o, norm.data, WIDTH * sizeof(float));
    weight_free(o, &conv);
    weight_free(o, &qkv);
}

static _Alignas(ARENA_ALIGN) char memory[1 << 16];

/* A fresh ref backend over all of `memory`. */
static Ops open_ref(Arena *arena, const Backend *table) {
    *arena = arena_over(memory, sizeof memory);
    Ops o = {.backend = table, .arena = arena};
    CHECK_OK(table->open(&o.state, &(BackendOptions){0}), "ref opens");
    return o;
}

static void test_plan(const Backend *table, const char *name) {
    Arena arena, counting = arena_counting();
    float result = -1;
    PlanCount count = {0};
    Backend plan = plan_like(table);
    Ops dry = {.backend = &plan, .state = &count, .arena = &counting};
    small_network(&dry, &result);
    CHECK_OK(ops_status(&dry), "the dry run goes through");
    CHECK_EQ(result, 0, "a download of the dry run gives zeros");
    Ops o = open_ref(&arena, table);
    small_network(&o, &result);
    CHECK_OK(ops_status(&o), "so does the run");
    CHECK_EQ(counting.peak, arena.peak, name);
    Arena exact = arena_over(memory, counting.peak);
    o.arena = &exact;
    small_network(&o, &result);
    CHECK_OK(ops_status(&o), "an arena of the planned size is enough");
    table->close(o.state);
    CHECK(count.bytes > 4.0 * ROWS * WIDTH * 3 && count.ops >= 8, "bytes and ops are counted");
}

static void test_plan_flops(void) {
    Arena counting = arena_counting();
    PlanCount count = {0};
    Ops dry = {.backend = &PLAN_BACKEND, .state = &count, .arena = &counting};
    Weight w;
    weight_pack(&dry, &w,
                &(WeightParts){.kind = WEIGHT_LINEAR, .count = 1,
                               .part = {tensor_2d(numbers, DT_F32, 10, 20)}});
    op_linear(&dry, ops_matrix(&dry, 5, 10), ops_matrix(&dry, 5, 20), &w, (LinearHow){0});
    CHECK_EQ(count.flops, 2 * 5 * 10 * 20, "a multiply-add of linear is two");
    CHECK_EQ(count.bytes, 4 * (5 * 10 + 5 * 20 + 10 * 20),
             "linear reads input and weight and writes its output");
    count.flops = 0;
    Seqs seqs = seqs_of(2, (int64_t[]){5, 2});
    Tensor out = ops_cube(&dry, 7, 4, 8), q = ops_cube(&dry, 7, 4, 8), k = ops_cube(&dry, 7, 2, 8);
    op_attention(&dry, out, q, k, ops_cube(&dry, 7, 2, 8), &(AttentionHow){1, MASK_CAUSAL, 3, &seqs});
    CHECK_OK(ops_status(&dry), "attention is planned");
    CHECK_EQ(count.flops, 4 * 4 * 8 * ((1 + 2 + 3 + 3 + 3) + (1 + 2)),
             "attention counts the pairs its mask lets through");
}

static Status wrong_attention(void *state, Tensor out, Tensor q, Tensor k, Tensor v,
                              const AttentionHow *how) {
    AttentionHow other = *how;
    other.scale *= 1.01f;
    return REF_BACKEND.attention(state, out, q, k, v, &other);
}

enum { LINES = 8 }; /* ops of small_network */

/* The lines of a traced run on `table`, NUL-terminated each; the result must be that of an untraced one. */
static void traced(char lines[LINES + 1][1000], const Backend *table) {
    Arena arena;
    float result, plain;
    Ops o = open_ref(&arena, table);
    small_network(&o, &plain);
    FILE *file = tmpfile();
    trace_begin(&o, file);
    small_network(&o, &result);
    trace_end(&o);
    CHECK_OK(ops_status(&o), "a traced run goes through");
    CHECK(o.backend == table && result == plain, "tracing changes nothing");
    table->close(o.state);
    rewind(file);
    int count = 0;
    while (count <= LINES && fgets(lines[count], sizeof lines[count], file))
        count++;
    CHECK_EQ(count, LINES, "every op is one line");
    fclose(file);
}

static void test_trace(void) {
    static char lines[LINES + 1][1000], other[LINES + 1][1000];
    traced(lines, &REF_BACKEND);
    CHECK_HAS(lines[0],
              "{\"n\":0,\"op\":\"linear\",\"inputs\":[[7,24]],\"weight\":[72,24],\"outputs\":"
              "[{\"shape\":[7,72],\"type\":\"f32\",\"mean\":",
              "a line has name, shapes and statistics");
    int parsed = 0;
    for (int i = 0; i < LINES; i++) {
        Json *json = NULL;
        Status st = json_parse(&json, lines[i], strlen(lines[i]));
        const Json *output = st ? NULL : json_at(json_get(json, "outputs"), 0);
        parsed += json_get_integer(json, "n", -1) == i && json_get_number(output, "norm", 0) > 0 &&
                  strlen(json_get_string(output, "hash", "")) == 16;
        json_free(json);
    }
    CHECK_EQ(parsed, LINES, "every line is JSON with a norm and a hash");

    Backend wrong = REF_BACKEND;
    wrong.attention = wrong_attention;
    traced(other, &wrong);
    int first = 0;
    while (first < LINES && !strcmp(lines[first], other[first]))
        first++;
    CHECK_HAS(other[first], "\"op\":\"attention\"", "the first line that differs is the op that was changed");
}

static Status wrong_sum(void *state, Tensor y, Tensor x) {
    Status st = REF_BACKEND.sum_squares(state, y, x);
    *(float *)y.data = NAN;
    return st;
}

/* The network on ref and `other`; what the check found. */
static const char *checked(const Backend *other, float *result) {
    static char text[2000];
    Arena arena;
    Ops o = open_ref(&arena, &REF_BACKEND);
    CHECK_OK(check_begin(&o, other, &(BackendOptions){0}), "check begins");
    small_network(&o, result);
    check_end(&o);
    snprintf(text, sizeof text, "%s", ops_status(&o) ? ops_status(&o)->message : "");
    ops_clear(&o);
    MemInfo info;
    ops_mem_info(&o, &info);
    CHECK(o.backend == &REF_BACKEND && info.held == 0, "check leaves no memory behind");
    REF_BACKEND.close(o.state);
    return text;
}

static void test_check(void) {
    float plain, result;
    Arena arena;
    Ops o = open_ref(&arena, &REF_BACKEND);
    small_network(&o, &plain);
    REF_BACKEND.close(o.state);
    CHECK_STR(checked(&REF_BACKEND, &result), "", "two equal backends agree");
    CHECK(result == plain, "the first backend's results are kept");
    Backend wrong = REF_BACKEND;
    wrong.name = "wrong";
    wrong.add_norm = NULL;
    CHECK_STR(checked(&wrong, &result), "", "a fused op that one lacks is compared as its composition");
    wrong.attention = wrong_attention;
    CHECK_HAS(checked(&wrong, &result), "attention: ref and wrong differ by 0.0", "a wrong scale is caught");
    CHECK_HAS(checked(&wrong, &result), "outputs [7, 3, 8] f32, inputs [7, 3, 8] f32",
              "and named with its shapes");
    wrong.attention = REF_BACKEND.attention;
    wrong.sum_squares = wrong_sum;
    CHECK_HAS(checked(&wrong, &result), "sum_squares: ref and wrong differ by inf", "not a number is caught");
}

static void test_finite(void) {
    float plain, result;
    Arena arena;
    Ops o = open_ref(&arena, &REF_BACKEND);
    small_network(&o, &plain);
    finite_begin(&o);
    small_network(&o, &result);
    CHECK_OK(ops_status(&o), "a look at every result finds nothing in a network that is well");
    CHECK(result == plain, "and changes nothing");
    finite_end(&o);
    CHECK(o.backend == &REF_BACKEND, "finite puts the backend back");
    REF_BACKEND.close(o.state);
    Backend wrong = REF_BACKEND;
    wrong.sum_squares = wrong_sum;
    o = open_ref(&arena, &wrong);
    finite_begin(&o);
    small_network(&o, &result);
    Status st = ops_status(&o);
    CHECK_HAS(st ? st->message : "", "sum_squares gives ", "the op whose result is no number is named");
    CHECK_HAS(st ? st->message : "", ", number 0 of its output [1] f32; inputs [", "with place and shapes");
    finite_end(&o);
    wrong.close(o.state);
}

int main(void) {
    fill_numbers();
    Backend composing = REF_BACKEND;
    composing.add_norm = NULL;
    composing.upsample2x_conv = NULL;
    composing.cfg_mix = NULL;
    test_plan(&REF_BACKEND, "planned peak equals the real one");
    test_plan(&composing, "planned peak equals the real one when fused ops are composed");
    test_plan_flops();
    test_trace();
    test_check();
    test_finite();
    return tap_end();
}
