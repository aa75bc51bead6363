/* shapes.c: what ops.c refuses, and how it says so; views; the sticky status. Runs on the ref backend. */
#include "config.h"

#include "cpu/cpu.h"
#include "tests/tap.h"

static const char *message(Ops *o) {
    Status st = ops_status(o);
    return st ? st->message : "no failure";
}

/* The message of an op's failure; forgets the failure. */
#define SAYS(o, call, text)                \
    do {                                   \
        call;                              \
        CHECK_HAS(message(o), text, text); \
        ops_clear(o);                      \
    } while (0)

static void test_views(void) {
    float data[60];
    Tensor t = tensor_2d(data, DT_F32, 5, 12), columns = tensor_columns(t, 4, 6);
    CHECK(tensor_dense(t) && !tensor_dense(columns), "columns of a wider buffer have gaps");
    CHECK(tensor_dense(tensor_rows(columns, 2, 1)), "one row of them has none");
    Tensor heads = tensor_heads(columns, 3);
    CHECK(heads.dims[1] == 3 && heads.dims[2] == 2 && heads.strides[0] == 12 && heads.strides[1] == 2,
          "heads are neighbours in a row");
    CHECK((float *)tensor_at(heads, 2).data == data + 2 * 12 + 4,
          "an entry of the first axis begins in its row");
    CHECK_EQ(tensor_offset(columns, 13), 2 * 12 + 1,
             "the fourteenth number of six columns is in the third row");
    CHECK(!tensor_rows(tensor_2d(NULL, DT_F32, 5, 12), 2, 1).data, "a view of a missing tensor is missing");
    char text[96];
    tensor_print(text, columns);
    CHECK_STR(text, "[5, 6] f32", "a tensor is printed as shape and type");
    Seqs seqs = seqs_of(3, (int64_t[]){4, 1, 7});
    CHECK(seqs_rows(&seqs) == 12 && seqs_length(&seqs, 1) == 1 && seqs.offsets[2] == 5, "sequences add up");
}

static Weight pack(Ops *o, WeightKind kind, Tensor part) {
    Weight w;
    weight_pack(o, &w, &(WeightParts){.kind = kind, .count = 1, .part = {part}});
    return w;
}

static void test_messages(Ops *o) {
    static float numbers[4096];
    Weight w = pack(o, WEIGHT_LINEAR, tensor_2d(numbers, DT_F32, 6, 8));
    Tensor x = ops_matrix(o, 5, 9), y = ops_matrix(o, 5, 6), row = ops_vector(o, 9);
    SAYS(o, op_linear(o, y, x, &w, (LinearHow){0}),
         "linear: input is [5, 9], weight is [6, 8] (bug in newbie)");
    op_linear(o, y, x, &w, (LinearHow){0});
    CHECK(ops_status(o)->code == ERR_BUG && strstr(ops_status(o)->hint, ":doctor"), "it asks for a report");
    op_unary(o, x, y, ACT_TANH);
    CHECK_HAS(message(o), "linear", "the first failure is kept");
    ops_clear(o);
    SAYS(o, op_linear(o, y, NO_TENSOR, &w, (LinearHow){0}), "linear: input is missing");
    SAYS(o, op_rms_norm(o, y, y, &(RmsNormHow){.w = row}),
         "rms_norm: output is [5, 6], weight is [9]");
    SAYS(o, op_rms_norm(o, x, x, &(RmsNormHow){.w = row, .scale = tensor_2d(numbers, DT_F32, 1, 9)}),
         "sequences is missing");
    SAYS(o,
         op_attention(o, tensor_heads(x, 3), tensor_heads(x, 3), tensor_heads(x, 3), tensor_heads(x, 3),
                      &(AttentionHow){.seqs = &(Seqs){1, {0, 5}}}),
         "attention: output and query are the same memory");
    SAYS(o, op_upsample2x(o, ops_cube(o, 2, 4, 3), ops_cube(o, 1, 3, 3)),
         "input is [1, 3, 3], output is [2, 4, 3]");
    SAYS(o, op_patchify(o, y, ops_cube(o, 3, 4, 4), 2),
         "patchify: latent is [3, 4, 4], tokens is [5, 6], patch is 2");
    SAYS(o, op_embed(o, y, tensor_2d(numbers, DT_F32, 10, 6), (int32_t[]){0, 1, 2, 3, 10}, 1),
         "embed: id is 10, table has 10 rows");
    SAYS(o, op_cast(o, tensor_2d(numbers, DT_U8, 5, 9), x), "cast: output is u8, input is f32");
    SAYS(o, op_unary(o, tensor_2d(numbers, DT_BF16, 5, 9), x, ACT_SILU), "unary: output is [5, 9] bf16");
    weight_free(o, &w);
    SAYS(o, w = pack(o, WEIGHT_CONV, tensor_4d(numbers, DT_F32, 2, 3, 3, 2)),
         "weight_pack: part is [2, 3, 3, 2] f32");
    CHECK(!w.packed, "a weight that was refused is empty");
}

static bool yes(void *context) {
    return *(int *)context;
}

static void test_stops(Ops *o) {
    int stop = 1;
    Tensor x = ops_vector(o, 3);
    o->cancelled = yes;
    o->cancelled_context = &stop;
    op_unary(o, x, x, ACT_TANH);
    CHECK(ops_status(o) && ops_status(o)->code == ERR_CANCELLED, "a cancelled run stops before its next op");
    o->cancelled = NULL;
    ops_clear(o);
    ArenaMark mark = ops_mark(o);
    Tensor large = ops_matrix(o, 1 << 20, 1 << 20);
    op_unary(o, tensor_columns(large, 4, 2), tensor_columns(large, 2, 2), ACT_TANH);
    CHECK(ops_status(o) && ops_status(o)->code == ERR_MEMORY, "a full arena is the failure that is kept");
    ops_clear(o);
    CHECK(!ops_new(o, DT_F32, 2, (int64_t[]){INT64_MAX / 2, 9}).data, "a size beyond all numbers is refused");
    ops_clear(o);
    ops_release(o, mark);
}

int main(void) {
    static _Alignas(ARENA_ALIGN) char memory[1 << 16];
    Arena arena = arena_over(memory, sizeof memory);
    Ops o = {.backend = &REF_BACKEND, .arena = &arena};
    CHECK_OK(REF_BACKEND.open(&o.state, &(BackendOptions){0}), "ref opens");
    test_views();
    test_messages(&o);
    test_stops(&o);
    MemInfo info;
    ops_mem_info(&o, &info);
    CHECK_EQ(info.held, 0, "all device memory was given back");
    REF_BACKEND.close(o.state);
    return tap_end();
}
