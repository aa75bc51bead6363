/* cases.c: which shapes each op is tried with.
 *
 * Odd on purpose: one row, one column, widths that are no multiple of 8, 16 or 32, rows with gaps, sequences
 * of one token, heads of 12 to 256. Each table stands before the function that reads it; `columns` of
 * OP_CASES names the numbers of a row. Sizes are small, all of it has to run in seconds on two cores; the
 * last row of a table is large enough to be worth several threads. What is larger than an emulated card can
 * bear in three orders stands last and is counted; smaller ones before it have several of that card's tiles.
 */
#include "config.h"

#include "tests/ops/cases.h"

#include <math.h>

/* Spreads that a row may name. */
enum { UNIT, ZERO, TINY, HUNDRED, LARGE, SHIFTED };
static Content content_of(int spread, int gap) {
    static const Content CONTENTS[] = {
        [UNIT] = {0},
        [ZERO] = {.spread = -1},
        [TINY] = {.spread = 1e-12},
        [HUNDRED] = {.spread = 100},
        [LARGE] = {.spread = 1e4},
        [SHIFTED] = {.middle = 30},
    };
    Content content = CONTENTS[spread];
    content.gap = gap;
    return content;
}

static Content gap_of(int gap) {
    return content_of(UNIT, gap);
}

static const Content PLAIN = {0};

/* Float32 whatever the activations are. */
static const Content TABLE = {.keeping = KEEP_FIXED};

static Content table_of(int gap) {
    return (Content){.keeping = KEEP_FIXED, .gap = gap};
}

/* ---- sequences ----------------------------------------------------------------------------------------- */

static const struct {
    int count;
    int64_t lengths[SEQS_MAX];
} SPLITS[] = {
    {1, {1}},     {1, {7}},           {1, {33}},  {3, {5, 1, 9}},
    {2, {64, 3}}, {4, {1, 1, 17, 2}}, {1, {130}}, {8, {1, 2, 3, 4, 5, 6, 7, 8}},
    {2, {300, 257}}, {1, {600}},
};

static Seqs split(int row) {
    return seqs_of(SPLITS[row].count, SPLITS[row].lengths);
}

/* ---- matrix products ----------------------------------------------------------------------------------- */

static const int LINEAR[][CASE_NUMBERS] = {
    /* rows, in, out, gap, act, store, bf16, bias */
    {1, 1, 1, 0, 0, 0, 0, 0},
    {1, 64, 1, 0, 0, 0, 0, 1},
    {3, 1, 5, 0, 0, 0, 0, 1},
    {5, 33, 17, 0, 0, 0, 0, 0},
    {7, 31, 95, 3, 0, 0, 1, 1},
    {13, 100, 33, 5, ACT_SILU, 0, 0, 1},
    {12, 64, 32, 0, 0, 1, 0, 0},
    {25, 129, 70, 1, 0, 1, 1, 1},
    {2, 515, 48, 0, ACT_GELU_TANH, 0, 1, 0},
    {50, 96, 288, 0, 0, 0, 1, 0},
    {9, 40, 40, 7, ACT_GELU_ERF, 0, 0, 1},
    {4, 24, 130, 0, ACT_TANH, 0, 0, 0},
    {61, 256, 97, 0, 0, 0, 0, 1},
    {1, 1030, 65, 0, ACT_SILU, 1, 1, 1},
    {97, 34, 16, 2, 0, 0, 1, 0},
    {6, 4100, 19, 0, 0, 0, 0, 0},
    {144, 72, 129, 0, 0, 0, 0, 0},
    {11, 2, 31, 0, ACT_NONE, 1, 1, 0},
    /* several tiles of a card in rows, columns and depth; more rows than it walks together */
    {139, 203, 137, 1, 0, 0, 1, 1},
    {139, 200, 268, 0, 0, 0, 1, 1},
    {2061, 8, 130, 0, 0, 0, 1, 0},
    /* large: several blocks of a processor in rows, columns and depth */
    {157, 1037, 545, 0, 0, 0, 1, 1},
    {157, 1037, 545, 1, 0, 1, 0, 0},
};
enum { LINEAR_LARGE = 2 };

static void run_linear(Run *run, const int *n) {
    Tensor x = run_tensor(run, ROLE_INPUT, gap_of(n[3]), DIMS(n[0], n[1]));
    Tensor y = run_tensor(run, n[5] ? ROLE_BOTH : ROLE_OUTPUT, gap_of(n[3]), DIMS(n[0], n[2]));
    const Weight *w =
        run_weight(run, (WeightWish){WEIGHT_LINEAR, 1, n[6] ? DT_BF16 : DT_F32, n[7], BITS_16_OR_MORE},
                   DIMS(n[2], n[1]));
    op_linear(run->o, y, x, w, (LinearHow){(Activation)n[4], (StoreMode)n[5]});
}

static const int STACKED[][CASE_NUMBERS] = {
    /* rows, in, out of a part, parts, type, bias */
    {5, 24, 12, 3, DT_F32, 0},
    {3, 33, 7, 4, DT_BF16, 1},
    {17, 65, 33, 2, DT_F16, 1},
    {1, 8, 1, 3, DT_F32, 1},
};

static void run_stacked(Run *run, const int *n) {
    Tensor x = run_tensor(run, ROLE_INPUT, PLAIN, DIMS(n[0], n[1]));
    Tensor y = run_tensor(run, ROLE_OUTPUT, PLAIN, DIMS(n[0], n[2] * n[3]));
    WeightWish wish = {WEIGHT_LINEAR, n[3], (DType)n[4], n[5], BITS_16_OR_MORE};
    const Weight *w = run_weight(run, wish, DIMS(n[2], n[1]));
    op_linear(run->o, y, x, w, (LinearHow){0});
}

static const int GLU[][CASE_NUMBERS] = {
    /* rows, in, out, gap, act, bf16 */
    {1, 1, 1, 0, ACT_SILU, 0},     {1, 96, 512, 0, ACT_SILU, 1},      {5, 33, 17, 3, ACT_GELU_TANH, 0},
    {13, 100, 47, 0, ACT_SILU, 0}, {29, 64, 33, 1, ACT_GELU_TANH, 1}, {60, 130, 95, 0, ACT_SILU, 1},
    {3, 7, 129, 0, ACT_SILU, 0},
};

static void run_glu(Run *run, const int *n) {
    Tensor x = run_tensor(run, ROLE_INPUT, gap_of(n[3]), DIMS(n[0], n[1]));
    Tensor y = run_tensor(run, ROLE_OUTPUT, gap_of(n[3]), DIMS(n[0], n[2]));
    const Weight *w =
        run_weight(run, (WeightWish){WEIGHT_GLU, 2, n[5] ? DT_BF16 : DT_F32, false, BITS_16_OR_MORE},
                   DIMS(n[2], n[1]));
    op_glu_linear(run->o, y, x, w, (Activation)n[4]);
}

static const int EIGHT[][CASE_NUMBERS] = {
    /* rows, in, out, act, store, bias, outliers, gap: matrices that may be kept in 8 bits */
    {1, 256, 1, 0, 0, 0, 0, 0},           {5, 512, 33, ACT_SILU, 0, 1, 128, 8},
    {130, 256, 160, 0, 1, 0, 64, 0},      {4, 100, 16, 0, 0, 0, 0, 0},
    {5, 512, 40, ACT_SILU, 0, 1, 128, 8}, {1, 768, 136, 0, 1, 0, 32, 0},
    {6, 256, 72, 0, 0, 1, 0, 3},
    /* large; the depths of the transformer with 24 columns x50 */
    {3, 1280, 129, 0, 1, 1, 0, 3},        {3, 1280, 128, 0, 1, 1, 0, 3},
    {7, 2304, 31, 0, 0, 1, 128, 0},
    {4, 2304, 64, 0, 0, 0, 96, 0},        {2, 9216, 48, 0, 0, 0, 384, 0},
};
enum { EIGHT_LARGE = 5 };

static void run_eight(Run *run, const int *n) {
    Content content = {.outliers = n[6], .gap = n[7]};
    Tensor x = run_tensor(run, ROLE_INPUT, content, DIMS(n[0], n[1]));
    Tensor y = run_tensor(run, n[4] ? ROLE_BOTH : ROLE_OUTPUT, gap_of(n[7]), DIMS(n[0], n[2]));
    WeightWish wish = {WEIGHT_LINEAR, 1, DT_BF16, n[5], BITS_MAY_BE_8};
    op_linear(run->o, y, x, run_weight(run, wish, DIMS(n[2], n[1])),
              (LinearHow){(Activation)n[3], (StoreMode)n[4]});
}

static void run_eight_glu(Run *run, const int *n) {
    Content content = {.outliers = n[6], .gap = n[7]};
    Tensor x = run_tensor(run, ROLE_INPUT, content, DIMS(n[0], n[1]));
    Tensor y = run_tensor(run, ROLE_OUTPUT, gap_of(n[7]), DIMS(n[0], n[2]));
    WeightWish wish = {WEIGHT_GLU, 2, DT_BF16, n[5], BITS_MAY_BE_8};
    op_glu_linear(run->o, y, x, run_weight(run, wish, DIMS(n[2], n[1])),
                  n[3] ? (Activation)n[3] : ACT_GELU_TANH);
}

static const int MIXED[][CASE_NUMBERS] = {
    /* rows, in, out, gap, act, store, float32 of x, of y: whatever the activations are */
    {7, 256, 40, 0, 0, 0, 0, 1},  {7, 256, 40, 0, ACT_SILU, 1, 0, 1}, {5, 72, 33, 1, 0, 0, 0, 1},
    {5, 72, 33, 3, 0, 1, 0, 1},   {7, 256, 40, 0, 0, 0, 1, 0},        {9, 256, 33, 1, ACT_GELU_TANH, 0, 1, 0},
    {70, 264, 130, 0, 0, 0, 0, 1}, {3, 256, 16, 0, 0, 1, 1, 1},
};

static void run_mixed(Run *run, const int *n) {
    Content x = gap_of(n[3]), y = gap_of(n[3]);
    x.keeping = n[6] ? KEEP_FIXED : KEEP_FREE;
    y.keeping = n[7] ? KEEP_FIXED : KEEP_FREE;
    Tensor from = run_tensor(run, ROLE_INPUT, x, DIMS(n[0], n[1]));
    Tensor to = run_tensor(run, n[5] ? ROLE_BOTH : ROLE_OUTPUT, y, DIMS(n[0], n[2]));
    WeightWish wish = {WEIGHT_LINEAR, 1, DT_BF16, true, BITS_MAY_BE_8};
    op_linear(run->o, to, from, run_weight(run, wish, DIMS(n[2], n[1])),
              (LinearHow){(Activation)n[4], (StoreMode)n[5]});
}

static const int CONV[][CASE_NUMBERS] = {
    /* height, width, in, out, kernel, stride, store, bf16 */
    {1, 1, 1, 1, 3, 1, 0, 0},     {1, 1, 3, 5, 1, 1, 0, 0},    {17, 13, 3, 17, 3, 1, 0, 0},
    {17, 13, 16, 33, 1, 1, 1, 1}, {2, 2, 1, 1, 3, 2, 0, 0},    {3, 5, 7, 9, 3, 2, 0, 1},
    {16, 12, 33, 16, 3, 2, 0, 0}, {17, 13, 5, 40, 3, 2, 1, 0}, {1, 13, 8, 3, 3, 1, 1, 1},
    {17, 1, 24, 31, 3, 1, 0, 0},  {8, 8, 32, 64, 3, 1, 0, 1},  {5, 7, 40, 3, 3, 1, 1, 0},
    {33, 29, 24, 40, 3, 1, 0, 0}, {7, 20, 40, 136, 3, 1, 1, 1}, {9, 15, 16, 129, 1, 1, 0, 1},
};

static void run_conv(Run *run, const int *n) {
    Tensor x = run_tensor(run, ROLE_INPUT, PLAIN, DIMS(n[0], n[1], n[2]));
    Tensor y = run_tensor(run, n[6] ? ROLE_BOTH : ROLE_OUTPUT, PLAIN, DIMS(n[0] / n[5], n[1] / n[5], n[3]));
    WeightWish wish = {WEIGHT_CONV, 1, n[7] ? DT_BF16 : DT_F32, n[3] > 1, BITS_16_OR_MORE};
    const Weight *w = run_weight(run, wish, DIMS(n[3], n[2], n[4], n[4]));
    op_conv2d(run->o, y, x, w, (ConvHow){n[5], (StoreMode)n[6]});
}

static const int UP_CONV[][CASE_NUMBERS] = {
    /* height, width, in, out, bf16 */
    {1, 1, 1, 1, 0},   {1, 3, 5, 7, 1},   {4, 4, 16, 16, 0},
    {9, 5, 24, 33, 0}, {3, 8, 40, 12, 1}, {19, 17, 16, 24, 0}, {9, 8, 72, 130, 1},
};

static void run_up_conv(Run *run, const int *n) {
    Tensor x = run_tensor(run, ROLE_INPUT, PLAIN, DIMS(n[0], n[1], n[2]));
    Tensor y = run_tensor(run, ROLE_OUTPUT, PLAIN, DIMS(2 * n[0], 2 * n[1], n[3]));
    WeightWish wish = {WEIGHT_CONV, 1, n[4] ? DT_BF16 : DT_F32, true, BITS_16_OR_MORE};
    op_upsample2x_conv(run->o, y, x, run_weight(run, wish, DIMS(n[3], n[2], 3, 3)));
}

static const int UPSAMPLE[][CASE_NUMBERS] = {
    /* height, width, channels */ {1, 1, 1}, {3, 2, 5}, {8, 7, 33}, {1, 9, 16}, {32, 31, 33}};

static void run_upsample(Run *run, const int *n) {
    Tensor x = run_tensor(run, ROLE_INPUT, PLAIN, DIMS(n[0], n[1], n[2]));
    op_upsample2x(run->o, run_tensor(run, ROLE_OUTPUT, PLAIN, DIMS(2 * n[0], 2 * n[1], n[2])), x);
}

/* ---- norms --------------------------------------------------------------------------------------------- */

static const int RMS[][CASE_NUMBERS] = {
    /* split, width, gap, form, scale, content, in place */
    {0, 1, 0, 0, 0, UNIT, 0},    {3, 33, 3, 1, 1, UNIT, 0},   {2, 96, 0, 0, 1, UNIT, 1},
    {1, 257, 0, 1, 0, ZERO, 0},  {4, 40, 5, 0, 0, TINY, 0},   {7, 15, 0, 0, 1, LARGE, 1},
    {5, 2304, 0, 0, 1, UNIT, 0}, {6, 7, 1, 1, 1, SHIFTED, 0}, {6, 515, 0, 0, 1, UNIT, 0},
};

static void run_rms(Run *run, const int *n) {
    Seqs seqs = split(n[0]);
    Tensor x =
        run_tensor(run, n[6] ? ROLE_BOTH : ROLE_INPUT, content_of(n[5], n[2]), DIMS(seqs_rows(&seqs), n[1]));
    Tensor y = n[6] ? x : run_tensor(run, ROLE_OUTPUT, gap_of(n[2]), DIMS(seqs_rows(&seqs), n[1]));
    RmsNormHow how = {
        .w = run_tensor(run, ROLE_INPUT, TABLE, DIMS(n[1])), .form = (NormWeight)n[3], .eps = 1e-5f};
    if (n[4]) {
        how.scale = run_tensor(run, ROLE_INPUT, table_of(n[2]), DIMS(seqs.count, n[1]));
        how.seqs = &seqs;
    }
    op_rms_norm(run->o, y, x, &how);
}

enum { ADD_ONLY, H_APART, H_IS_Y };
static const int ADD_NORM[][CASE_NUMBERS] = {
    /* split, width, gap, form, gate, scale, h, content */
    {0, 1, 0, 0, 0, 0, ADD_ONLY, UNIT},  {3, 33, 3, 0, 1, 1, H_APART, UNIT},
    {2, 96, 0, 0, 1, 1, H_IS_Y, UNIT},   {4, 40, 0, 1, 0, 0, H_IS_Y, UNIT},
    {5, 65, 1, 1, 1, 0, ADD_ONLY, TINY}, {7, 129, 0, 0, 0, 1, H_APART, ZERO},
    {1, 768, 0, 1, 0, 0, H_APART, UNIT}, {6, 31, 0, 1, 1, 1, H_IS_Y, LARGE},
    {6, 515, 0, 0, 1, 1, H_IS_Y, UNIT},
};

static void run_add_norm(Run *run, const int *n) {
    Seqs seqs = split(n[0]);
    const int64_t *rows = DIMS(seqs_rows(&seqs), n[1]), *tables = DIMS(seqs.count, n[1]), *width = DIMS(n[1]);
    Tensor x = run_tensor(run, ROLE_BOTH, gap_of(n[2]), rows);
    Tensor y = run_tensor(run, n[6] == H_IS_Y ? ROLE_BOTH : ROLE_INPUT, content_of(n[7], n[2]), rows);
    AddNormHow how = {
        .w_post = run_tensor(run, ROLE_INPUT, TABLE, width), .form = (NormWeight)n[3], .eps = 1e-5f};
    how.seqs = &seqs;
    if (n[4])
        how.gate = run_tensor(run, ROLE_INPUT, table_of(n[2]), tables);
    if (n[5])
        how.scale = run_tensor(run, ROLE_INPUT, table_of(n[2]), tables);
    if (n[6] != ADD_ONLY)
        how.w_next = run_tensor(run, ROLE_INPUT, TABLE, width);
    Tensor h = n[6] == H_APART  ? run_tensor(run, ROLE_OUTPUT, gap_of(n[2]), rows)
               : n[6] == H_IS_Y ? y
                                : NO_TENSOR;
    op_add_norm(run->o, x, h, y, &how);
}

enum { FRESH, OVER_X, OVER_RESIDUAL };
static const int LAYER[][CASE_NUMBERS] = {
    /* split, width, gap, weights, residual, scale, place, content */
    {0, 1, 0, 1, 0, 0, FRESH, UNIT},     {3, 33, 3, 1, 1, 0, FRESH, UNIT},
    {2, 96, 0, 0, 0, 1, OVER_X, UNIT},   {4, 40, 0, 1, 1, 0, OVER_X, LARGE},
    {5, 65, 1, 0, 0, 1, FRESH, SHIFTED}, {1, 1024, 0, 1, 1, 0, OVER_RESIDUAL, SHIFTED},
    {7, 129, 0, 0, 0, 0, FRESH, ZERO},   {6, 12, 0, 1, 0, 1, FRESH, TINY},
    {6, 515, 0, 1, 1, 1, FRESH, UNIT},
};

static void run_layer(Run *run, const int *n) {
    Seqs seqs = split(n[0]);
    const int64_t *rows = DIMS(seqs_rows(&seqs), n[1]), *width = DIMS(n[1]);
    LayerNormHow how = {.eps = 1e-5f, .seqs = &seqs};
    Tensor x = run_tensor(run, n[6] == OVER_X ? ROLE_BOTH : ROLE_INPUT, content_of(n[7], n[2]), rows);
    if (n[4])
        how.residual = run_tensor(run, n[6] == OVER_RESIDUAL ? ROLE_BOTH : ROLE_INPUT, gap_of(n[2]), rows);
    if (n[3]) {
        how.w = run_tensor(run, ROLE_INPUT, TABLE, width);
        how.b = run_tensor(run, ROLE_INPUT, TABLE, width);
    }
    if (n[5])
        how.scale = run_tensor(run, ROLE_INPUT, TABLE, DIMS(seqs.count, n[1]));
    Tensor y = n[6] == OVER_X          ? x
               : n[6] == OVER_RESIDUAL ? how.residual
                                       : run_tensor(run, ROLE_OUTPUT, gap_of(n[2]), rows);
    op_layer_norm(run->o, y, x, &how);
}

static const int GROUP[][CASE_NUMBERS] = {
    /* height, width, channels, groups, act, in place, content */
    {1, 1, 4, 2, ACT_NONE, 0, UNIT},       {3, 5, 33, 3, ACT_SILU, 0, UNIT},
    {17, 13, 32, 32, ACT_NONE, 1, UNIT},   {8, 8, 96, 8, ACT_SILU, 1, SHIFTED},
    {2, 7, 5, 1, ACT_NONE, 0, LARGE},      {1, 9, 128, 32, ACT_SILU, 0, ZERO},
    {40, 31, 24, 2, ACT_NONE, 0, SHIFTED},
};

static void run_group(Run *run, const int *n) {
    const int64_t *size = DIMS(n[0], n[1], n[2]);
    Tensor x = run_tensor(run, n[5] ? ROLE_BOTH : ROLE_INPUT, content_of(n[6], 0), size);
    GroupNormHow how = {.groups = n[3], .eps = 1e-6f, .act = (Activation)n[4]};
    how.w = run_tensor(run, ROLE_INPUT, TABLE, DIMS(n[2]));
    how.b = run_tensor(run, ROLE_INPUT, TABLE, DIMS(n[2]));
    op_group_norm(run->o, n[5] ? x : run_tensor(run, ROLE_OUTPUT, PLAIN, size), x, &how);
}

/* ---- attention ----------------------------------------------------------------------------------------- */

static const int ROPE[][CASE_NUMBERS] = {
    /* rows, heads, kv heads, d, style, norm, form, gap */
    {1, 1, 1, 2, ROPE_PAIRS, 0, 0, 0},    {5, 4, 2, 24, ROPE_PAIRS, 1, 0, 3},
    {7, 3, 1, 12, ROPE_HALVES, 1, 1, 0},  {3, 6, 2, 96, ROPE_PAIRS, 1, 0, 0},
    {4, 2, 1, 256, ROPE_HALVES, 1, 1, 1}, {9, 4, 4, 64, ROPE_HALVES, 0, 0, 0},
    {17, 8, 4, 48, ROPE_PAIRS, 1, 0, 5},  {33, 2, 2, 6, ROPE_HALVES, 1, 0, 0},
    {130, 6, 3, 48, ROPE_PAIRS, 1, 0, 0},
};

/* The q, k, v views of a qkv buffer [rows, (heads + 2 kv) · d]. */
static void cut_qkv(Tensor part[3], Tensor qkv, int heads, int kv, int d) {
    part[0] = tensor_heads(tensor_columns(qkv, 0, heads * d), heads);
    part[1] = tensor_heads(tensor_columns(qkv, heads * d, kv * d), kv);
    part[2] = tensor_heads(tensor_columns(qkv, (heads + kv) * d, kv * d), kv);
}

static void run_rope(Run *run, const int *n) {
    Tensor part[3], qkv = run_tensor(run, ROLE_BOTH, gap_of(n[7]), DIMS(n[0], (n[1] + 2 * n[2]) * n[3]));
    QkNormRopeHow how = {.form = (NormWeight)n[6], .eps = 1e-6f, .style = (RopeStyle)n[4]};
    how.cos = run_tensor(run, ROLE_INPUT, TABLE, DIMS(n[0], n[3] / 2));
    how.sin = run_tensor(run, ROLE_INPUT, TABLE, DIMS(n[0], n[3] / 2));
    if (n[5]) {
        how.q_norm = run_tensor(run, ROLE_INPUT, TABLE, DIMS(n[3]));
        how.k_norm = run_tensor(run, ROLE_INPUT, TABLE, DIMS(n[3]));
    }
    cut_qkv(part, qkv, n[1], n[2], n[3]);
    op_qk_norm_rope(run->o, part[0], part[1], &how);
}

enum { SCORES_SMALL, SCORES_LARGE, SCORES_ZERO };
static const int ATTENTION[][CASE_NUMBERS] = {
    /* split, heads, kv heads, d, mask, window, scores, gap */
    {0, 1, 1, 12, MASK_FULL, 0, 0, 0},
    {3, 4, 2, 24, MASK_FULL, 0, 0, 3},
    {2, 3, 1, 32, MASK_CAUSAL, 0, 0, 0},
    {4, 2, 2, 48, MASK_FULL, 0, 0, 0},
    {5, 4, 1, 64, MASK_CAUSAL, 5, 0, 1},
    {1, 6, 2, 96, MASK_FULL, 0, 0, 0},
    {7, 2, 1, 256, MASK_CAUSAL, 3, 0, 0},
    {6, 2, 1, 24, MASK_CAUSAL, 20, 0, 0},
    {6, 2, 2, 12, MASK_FULL, 0, 0, 0},
    {2, 2, 1, 48, MASK_FULL, 0, SCORES_LARGE, 0},
    {4, 4, 2, 24, MASK_CAUSAL, 7, SCORES_LARGE, 0},
    {3, 1, 1, 96, MASK_CAUSAL, 1, 0, 0},
    {2, 1, 1, 40, MASK_FULL, 0, SCORES_ZERO, 0},
    {1, 1, 1, 512, MASK_FULL, 0, 0, 0},
    {6, 1, 1, 7, MASK_FULL, 0, 0, 0},
    {6, 8, 4, 64, MASK_FULL, 0, 0, 0},
    /* the widths of the matrix kernels of a card, over several tiles of queries and of keys */
    {8, 1, 1, 96, MASK_FULL, 0, 0, 0},
    {6, 2, 1, 96, MASK_FULL, 0, SCORES_LARGE, 8},
    {6, 1, 1, 256, MASK_CAUSAL, 0, 0, 8},
    {6, 1, 1, 512, MASK_FULL, 0, 0, 0},
    {6, 1, 1, 128, MASK_CAUSAL, 70, 0, 0},
    {9, 1, 1, 12, MASK_CAUSAL, 10, 0, 0},
    {9, 1, 1, 48, MASK_CAUSAL, 300, 0, 0},
    /* large: more keys than a block of the cpu backend, windows that end before, within and behind a block */
    {8, 2, 1, 40, MASK_FULL, 0, 0, 0},
    {8, 2, 2, 24, MASK_CAUSAL, 0, 0, 1},
    {9, 2, 1, 20, MASK_CAUSAL, 257, SCORES_LARGE, 0},
    {9, 1, 1, 32, MASK_FULL, 0, SCORES_LARGE, 0},
};
enum { ATTENTION_LARGE = 4 };

/* Large scores, about ±1e4, are made of integers so that they are exact and near ties stay what they are. */
static void run_attention(Run *run, const int *n) {
    static const Content SCORES[] = {[SCORES_SMALL] = {.spread = 2},
                                     [SCORES_LARGE] = {.spread = 60, .integers = true},
                                     [SCORES_ZERO] = {.spread = -1}};
    Seqs seqs = split(n[0]);
    int64_t rows = seqs_rows(&seqs);
    Content content = SCORES[n[6]];
    content.gap = n[7];
    Tensor part[3], qkv = run_tensor(run, ROLE_INPUT, content, DIMS(rows, (n[1] + 2 * n[2]) * n[3]));
    cut_qkv(part, qkv, n[1], n[2], n[3]);
    Tensor out = run_tensor(run, ROLE_OUTPUT, gap_of(n[7]), DIMS(rows, n[1] * n[3]));
    AttentionHow how = {.mask = (MaskKind)n[4], .window = n[5], .seqs = &seqs};
    how.scale = n[6] == SCORES_LARGE ? 0.5f : 1 / sqrtf((float)n[3]);
    op_attention(run->o, tensor_heads(out, n[1]), part[0], part[1], part[2], &how);
}

/* ---- rows and reorderings ------------------------------------------------------------------------------ */

static const int EMBED[][CASE_NUMBERS] = {
    /* rows, vocabulary, width, type, gap */
    {1, 1, 1, DT_F32, 0},     {9, 40, 33, DT_BF16, 0},    {5, 7, 96, DT_F16, 3},
    {33, 100, 17, DT_F32, 0}, {60, 100, 515, DT_BF16, 0},
};

static void run_embed(Run *run, const int *n) {
    int32_t ids[64];
    Tensor table = run_tensor(run, ROLE_INPUT, (Content){.type = (DType)n[3], .keeping = KEEP_HOST},
                              DIMS(n[1], n[2]));
    for (int i = 0; i < n[0]; i++)
        ids[i] = (int32_t)run_number(run, (uint32_t)n[1]);
    op_embed(run->o, run_tensor(run, ROLE_OUTPUT, gap_of(n[4]), DIMS(n[0], n[2])), table, ids, 4.4f);
}

static const int MEAN[][CASE_NUMBERS] = {
    /* split, width, gap */ {0, 1, 0}, {3, 33, 0}, {6, 100, 3}, {7, 16, 0}, {6, 515, 0}};

static void run_mean(Run *run, const int *n) {
    Seqs seqs = split(n[0]);
    Tensor x = run_tensor(run, ROLE_INPUT, gap_of(n[2]), DIMS(seqs_rows(&seqs), n[1]));
    op_mean_rows(run->o, run_tensor(run, ROLE_OUTPUT, gap_of(n[2]), DIMS(seqs.count, n[1])), x, &seqs);
}

static const int PATCH[][CASE_NUMBERS] = {
    /* channels, height, width, patch */
    {1, 1, 1, 1}, {16, 4, 6, 2}, {3, 10, 2, 2}, {5, 6, 9, 3}, {16, 16, 14, 2}, {16, 64, 62, 2},
};

static void run_patchify(Run *run, const int *n) {
    Tensor latent = run_tensor(run, ROLE_INPUT, TABLE, DIMS(n[0], n[1], n[2]));
    const int64_t *tokens = DIMS(n[1] / n[3] * (n[2] / n[3]), n[0] * n[3] * n[3]);
    op_patchify(run->o, run_tensor(run, ROLE_OUTPUT, PLAIN, tokens), latent, n[3]);
}

static void run_unpatchify(Run *run, const int *n) {
    const int64_t *tokens = DIMS(n[1] / n[3] * (n[2] / n[3]), n[0] * n[3] * n[3]);
    Tensor from = run_tensor(run, ROLE_INPUT, PLAIN, tokens);
    op_unpatchify(run->o, run_tensor(run, ROLE_OUTPUT, TABLE, DIMS(n[0], n[1], n[2])), from, n[3]);
}

static const int TRANSPOSE[][CASE_NUMBERS] = {/* rows, columns, gap */ {1, 1, 0},
                                              {16, 35, 0},
                                              {33, 3, 2},
                                              {1, 40, 0},
                                              {65, 17, 0},
                                              {300, 129, 0},
                                              {33000, 3, 0}}; /* more tiles than blocks of a card */

static void run_transpose(Run *run, const int *n) {
    Tensor x = run_tensor(run, ROLE_INPUT, gap_of(n[2]), DIMS(n[0], n[1]));
    op_transpose(run->o, run_tensor(run, ROLE_OUTPUT, gap_of(n[2]), DIMS(n[1], n[0])), x, 2.7693f, 0.1159f);
}

static const int CAST[][CASE_NUMBERS] = {
    /* rows, columns, to, from, gap, content */
    {1, 1, DT_BF16, DT_F32, 0, UNIT},     {7, 33, DT_BF16, DT_F32, 3, LARGE},
    {5, 17, DT_F16, DT_F32, 0, LARGE},    {5, 17, DT_F16, DT_F32, 0, TINY},
    {9, 40, DT_F32, DT_BF16, 0, UNIT},    {3, 65, DT_F32, DT_F16, 1, UNIT},
    {2, 100, DT_F32, DT_F32, 0, UNIT},    {4, 31, DT_BF16, DT_F16, 0, HUNDRED},
    {130, 515, DT_BF16, DT_F32, 0, UNIT},
};

static void run_cast(Run *run, const int *n) {
    Content from = content_of(n[5], n[4]), to = gap_of(n[4]);
    from.type = (DType)n[3];
    to.type = (DType)n[2];
    from.keeping = to.keeping = KEEP_FIXED;
    Tensor x = run_tensor(run, ROLE_INPUT, from, DIMS(n[0], n[1]));
    op_cast(run->o, run_tensor(run, ROLE_OUTPUT, to, DIMS(n[0], n[1])), x);
}

static const int RGB[][CASE_NUMBERS] = {
    /* height, width, channels */ {1, 1, 3}, {17, 13, 3}, {32, 31, 3}, {64, 65, 3}};

static void run_rgb(Run *run, const int *n) {
    Tensor x = run_tensor(run, ROLE_INPUT, (Content){.spread = 1.5}, DIMS(n[0], n[1], n[2]));
    op_to_rgb8(run->o, run_tensor(run, ROLE_OUTPUT, (Content){.type = DT_U8}, DIMS(n[0], n[1], n[2])), x);
}

static const int COPY[][CASE_NUMBERS] = {/* rows, columns, gap, type */ {1, 1, 0, DT_F32},
                                         {7, 33, 3, DT_F32},
                                         {5, 8, 1, DT_BF16},
                                         {130, 515, 3, DT_F32}};

static void run_copy(Run *run, const int *n) {
    Content from = gap_of(n[2]), to = gap_of(0);
    from.type = to.type = (DType)n[3];
    Tensor x = run_tensor(run, ROLE_INPUT, from, DIMS(n[0], n[1]));
    ops_copy(run->o, run_tensor(run, ROLE_OUTPUT, to, DIMS(n[0], n[1])), x);
}

static void run_fill(Run *run, const int *n) {
    if (n[3] == DT_F32)
        ops_fill(run->o, run_tensor(run, ROLE_OUTPUT, gap_of(n[2]), DIMS(n[0], n[1])), 0.7f);
}

/* ---- elementwise and sampling -------------------------------------------------------------------------- */

static const int UNARY[][CASE_NUMBERS] = {
    /* rows, columns, gap, act, in place, content */
    {1, 1, 0, ACT_SILU, 0, UNIT},          {7, 33, 3, ACT_TANH, 0, UNIT},
    {40, 31, 0, ACT_SILU, 1, HUNDRED},     {5, 100, 0, ACT_TANH, 1, HUNDRED},
    {9, 65, 1, ACT_GELU_TANH, 0, HUNDRED}, {9, 65, 0, ACT_GELU_ERF, 0, HUNDRED},
    {130, 17, 0, ACT_GELU_TANH, 1, UNIT},  {3, 129, 0, ACT_GELU_ERF, 1, UNIT},
    {2, 9, 0, ACT_NONE, 0, UNIT},          {6, 50, 0, ACT_SILU, 0, ZERO},
    {6, 50, 2, ACT_TANH, 0, TINY},         {6, 50, 0, ACT_GELU_ERF, 0, TINY},
    {6, 50, 0, ACT_SILU, 0, LARGE},        {6, 50, 0, ACT_GELU_TANH, 0, LARGE},
    {200, 257, 0, ACT_SILU, 0, UNIT},
};

static void run_unary(Run *run, const int *n) {
    Tensor x = run_tensor(run, n[4] ? ROLE_BOTH : ROLE_INPUT, content_of(n[5], n[2]), DIMS(n[0], n[1]));
    Tensor y = n[4] ? x : run_tensor(run, ROLE_OUTPUT, gap_of(n[2]), DIMS(n[0], n[1]));
    op_unary(run->o, y, x, (Activation)n[3]);
}

static const int BINARY[][CASE_NUMBERS] = {
    /* rows, columns, gap, kind, in place */
    {1, 1, 0, BINARY_ADD, 0},        {7, 33, 3, BINARY_MULTIPLY, 0},    {40, 31, 0, BINARY_ADD, 1},
    {9, 129, 1, BINARY_MULTIPLY, 1}, {200, 257, 0, BINARY_MULTIPLY, 0},
};

static void run_binary(Run *run, const int *n) {
    Tensor a = run_tensor(run, n[4] ? ROLE_BOTH : ROLE_INPUT, gap_of(n[2]), DIMS(n[0], n[1]));
    Tensor b = run_tensor(run, ROLE_INPUT, gap_of(n[2]), DIMS(n[0], n[1]));
    Tensor y = n[4] ? a : run_tensor(run, ROLE_OUTPUT, gap_of(n[2]), DIMS(n[0], n[1]));
    op_binary(run->o, y, a, b, (BinaryKind)n[3]);
}

static const int LINCOMB[][CASE_NUMBERS] = {
    /* channels, pixels, terms, in place */
    {1, 1, 1, 0}, {3, 11, 2, 0}, {16, 60, 3, 1}, {5, 13, 4, 0}, {2, 33, 5, 1}, {16, 4099, 3, 0},
};

static void run_lincomb(Run *run, const int *n) {
    static const float FACTORS[LINCOMB_MAX] = {1, 0.3f, 1.25f, 0.7f, 0.01f};
    LincombHow how = {.count = n[2]};
    for (int i = 0; i < n[2]; i++) {
        how.term[i] = run_tensor(run, n[3] && !i ? ROLE_BOTH : ROLE_INPUT,
                                 (Content){.middle = 2, .keeping = KEEP_FIXED}, DIMS(n[0], n[1]));
        how.factor[i] = FACTORS[i];
    }
    op_lincomb(run->o, n[3] ? how.term[0] : run_tensor(run, ROLE_OUTPUT, TABLE, DIMS(n[0], n[1])), &how);
}

static const int SQUARES[][CASE_NUMBERS] = {
    /* numbers, content */ {1, UNIT}, {33, UNIT}, {100003, UNIT}, {70000, SHIFTED}, {9, ZERO}};

static void run_squares(Run *run, const int *n) {
    Content numbers = content_of(n[1], 0);
    numbers.keeping = KEEP_FIXED;
    Tensor x = run_tensor(run, ROLE_INPUT, numbers, DIMS(n[0]));
    op_sum_squares(run->o, run_tensor(run, ROLE_OUTPUT, TABLE, DIMS(1)), x);
}

static const int MIX[][CASE_NUMBERS] = {
    /* numbers, scale in tenths, renorm in tenths, place: 0 fresh, 1 cond, 2 uncond */
    {1, 45, 0, 0},     {33, 45, 10, 0}, {960, 10, 10, 1},   {77, 70, 10, 2},
    {500, 55, 100, 1}, {65, 45, 5, 0},  {66000, 45, 10, 0},
};

static void run_mix(Run *run, const int *n) {
    Tensor cond = run_tensor(run, n[3] == 1 ? ROLE_BOTH : ROLE_INPUT, TABLE, DIMS(n[0]));
    Tensor uncond = run_tensor(run, n[3] == 2 ? ROLE_BOTH : ROLE_INPUT, TABLE, DIMS(n[0]));
    Tensor v = n[3] == 1 ? cond : n[3] == 2 ? uncond : run_tensor(run, ROLE_OUTPUT, TABLE, DIMS(n[0]));
    op_cfg_mix(run->o, v, cond, uncond, (GuideHow){(float)n[1] / 10, (float)n[2] / 10});
}

/* ---- the table ----------------------------------------------------------------------------------------- */

#define ROWS(table)               table, sizeof table / sizeof *table, 0, BITS_16_OR_MORE
#define ROWS_LARGE(table, large)  table, sizeof table / sizeof *table, large, BITS_16_OR_MORE
#define ROWS_OF_8(table, large)   table, sizeof table / sizeof *table, large, BITS_MAY_BE_8

const OpCases OP_CASES[] = {
    {"copy", "rows columns gap type", run_copy, ROWS(COPY)},
    {"fill", "rows columns gap type", run_fill, ROWS(COPY)},
    {"linear", "rows in out gap act store bf16 bias", run_linear, ROWS_LARGE(LINEAR, LINEAR_LARGE)},
    {"linear", "rows in out parts type bias", run_stacked, ROWS(STACKED)},
    {"glu_linear", "rows in out gap act bf16", run_glu, ROWS(GLU)},
    {"linear", "rows in out act store bias outliers gap", run_eight, ROWS_OF_8(EIGHT, EIGHT_LARGE)},
    {"glu_linear", "rows in out act store bias outliers gap", run_eight_glu, ROWS_OF_8(EIGHT, EIGHT_LARGE)},
    {"linear", "rows in out gap act store x-f32 y-f32", run_mixed, ROWS_OF_8(MIXED, 0)},
    {"rms_norm", "split width gap form scale content in-place", run_rms, ROWS(RMS)},
    {"add_norm", "split width gap form gate scale h content", run_add_norm, ROWS(ADD_NORM)},
    {"layer_norm", "split width gap weights residual scale place content", run_layer, ROWS(LAYER)},
    {"group_norm", "height width channels groups act in-place content", run_group, ROWS(GROUP)},
    {"qk_norm_rope", "rows heads kv-heads d style norm form gap", run_rope, ROWS(ROPE)},
    {"attention", "split heads kv-heads d mask window scores gap", run_attention,
     ROWS_LARGE(ATTENTION, ATTENTION_LARGE)},
    {"embed", "rows vocabulary width type gap", run_embed, ROWS(EMBED)},
    {"mean_rows", "split width gap", run_mean, ROWS(MEAN)},
    {"conv2d", "height width in out kernel stride store bf16", run_conv, ROWS(CONV)},
    {"upsample2x", "height width channels", run_upsample, ROWS(UPSAMPLE)},
    {"upsample2x_conv", "height width in out bf16", run_up_conv, ROWS(UP_CONV)},
    {"patchify", "channels height width patch", run_patchify, ROWS(PATCH)},
    {"unpatchify", "channels height width patch", run_unpatchify, ROWS(PATCH)},
    {"transpose", "rows columns gap", run_transpose, ROWS(TRANSPOSE)},
    {"unary", "rows columns gap act in-place content", run_unary, ROWS(UNARY)},
    {"binary", "rows columns gap kind in-place", run_binary, ROWS(BINARY)},
    {"lincomb", "channels pixels terms in-place", run_lincomb, ROWS(LINCOMB)},
    {"sum_squares", "numbers content", run_squares, ROWS(SQUARES)},
    {"cfg_mix", "numbers scale/10 renorm/10 place", run_mix, ROWS(MIX)},
    {"cast", "rows columns to from gap content", run_cast, ROWS(CAST)},
    {"to_rgb8", "height width channels", run_rgb, ROWS(RGB)},
    {0},
};
