/* ref.c: the oracle itself, against PyTorch. Values and their formulas: ref_values.py. */
#include "config.h"

#include "base/half.h"
#include "cpu/cpu.h"
#include "tests/ops/ref_values.h"
#include "tests/tap.h"

/* Dense float32 activations full of ((37 i + phase) mod 101 - 50) / 64, dims end at the first 0. */
static Tensor curve(Ops *o, int phase, const int64_t dims[5]) {
    int rank = 1;
    while (dims[rank])
        rank++;
    Tensor t = ops_new(o, DT_F32, rank, dims);
    for (int64_t i = 0; i < tensor_count(t); i++)
        ((float *)t.data)[i] = (float)((37 * i + phase) % 101 - 50) / 64;
    return t;
}
#define DIMS(...) ((const int64_t[5]){__VA_ARGS__})

/* The tensor holds these numbers but for float32 rounding. */
static void agree(Tensor t, const double *expected, const char *name) {
    double error = 0, norm = 0;
    for (int64_t i = 0; i < tensor_count(t); i++) {
        double difference = tensor_number(t, i) - expected[i];
        error += difference * difference;
        norm += expected[i] * expected[i];
    }
    CHECK_NEAR(sqrt(error / norm), 0, 1e-7, name);
}

static Weight pack(Ops *o, WeightKind kind, Tensor first, Tensor bias) {
    Weight w;
    weight_pack(o, &w, &(WeightParts){.kind = kind, .count = 1, .part = {first}, .bias = {bias}});
    return w;
}

static void test_products(Ops *o) {
    Tensor x = curve(o, 1, DIMS(3, 5)), y = ops_matrix(o, 3, 4), first = curve(o, 2, DIMS(4, 5));
    Weight w = pack(o, WEIGHT_LINEAR, first, curve(o, 3, DIMS(4))), glu;
    op_linear(o, y, x, &w, (LinearHow){0});
    agree(y, LINEAR, "linear is x times the transposed matrix, plus bias");
    weight_free(o, &w);
    weight_pack(o, &glu,
                &(WeightParts){.kind = WEIGHT_GLU, .count = 2, .part = {first, curve(o, 4, DIMS(4, 5))}});
    op_glu_linear(o, y, x, &glu, ACT_SILU);
    agree(y, GLU_SILU, "glu activates the first matrix and multiplies by the second");
    weight_free(o, &glu);
    uint16_t half[20];
    for (int i = 0; i < 20; i++)
        half[i] = bf16_from_float((float)(tensor_number(first, i) / 3));
    w = pack(o, WEIGHT_LINEAR, tensor_2d(half, DT_BF16, 4, 5), NO_TENSOR);
    op_linear(o, y, x, &w, (LinearHow){0});
    agree(y, LINEAR_BF16, "bf16 weights are the numbers that they are");
    CHECK_EQ(w.bytes, 40, "and stay two bytes each");
    weight_free(o, &w);
}

static void test_activations(Ops *o) {
    static const struct {
        Activation act;
        float factor;
        const double *expected;
        const char *name;
    } ROWS[] = {
        {ACT_SILU, 8, SILU, "SiLU"},
        {ACT_GELU_TANH, 8, GELU_TANH, "GELU with tanh"},
        {ACT_GELU_ERF, 8, GELU_ERF, "GELU with erf"},
        {ACT_TANH, 1, TANH, "tanh"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        Tensor x = curve(o, 1, DIMS(3, 5));
        op_lincomb(o, x, &(LincombHow){1, {x}, {ROWS[i].factor}});
        op_unary(o, x, x, ROWS[i].act);
        agree(x, ROWS[i].expected, ROWS[i].name);
    }
}

static void test_norms(Ops *o) {
    Seqs seqs = seqs_of(2, (int64_t[]){2, 1});
    Tensor x = curve(o, 1, DIMS(3, 5)), y = curve(o, 7, DIMS(3, 5)), h = ops_matrix(o, 3, 5);
    Tensor scale = curve(o, 5, DIMS(2, 5)), w = curve(o, 6, DIMS(5)), next = curve(o, 9, DIMS(5));
    op_rms_norm(o, h, x, &(RmsNormHow){w, NORM_W, 1e-2f, scale, &seqs});
    agree(h, RMS_NORM, "rms_norm scales each sequence by its row");
    op_rms_norm(o, h, x, &(RmsNormHow){.w = w, .form = NORM_ONE_PLUS_W, .eps = 1e-2f});
    agree(h, RMS_NORM_PLUS, "a weight may be stored less one");
    op_layer_norm(o, h, x, &(LayerNormHow){w, next, y, 1e-2f, scale, &seqs});
    agree(h, LAYER_NORM, "layer_norm adds the residual before and scales after");
    op_add_norm(o, x, h, y, &(AddNormHow){w, curve(o, 8, DIMS(2, 5)), next, scale, NORM_W, 1e-2f, &seqs});
    agree(x, ADD_NORM_X, "add_norm adds the gated norm");
    agree(h, ADD_NORM_H, "add_norm makes the next input");
    Tensor image = curve(o, 10, DIMS(4, 3, 6));
    op_group_norm(o, image, image,
                  &(GroupNormHow){curve(o, 6, DIMS(6)), curve(o, 9, DIMS(6)), 3, 1e-2f, ACT_SILU});
    agree(image, GROUP_NORM, "group_norm takes neighbouring channels together");
}

static void test_convolutions(Ops *o) {
    Tensor image = curve(o, 10, DIMS(4, 3, 6)), b = curve(o, 12, DIMS(4));
    Weight w = pack(o, WEIGHT_CONV, curve(o, 11, DIMS(4, 6, 3, 3)), b);
    Tensor same = ops_cube(o, 4, 3, 4), half = ops_cube(o, 2, 1, 4), twice = ops_cube(o, 2, 4, 4);
    op_conv2d(o, same, image, &w, (ConvHow){1, STORE_SET});
    agree(same, CONV_STRIDE1, "a convolution has zeros all around");
    op_conv2d(o, half, image, &w, (ConvHow){2, STORE_SET});
    agree(half, CONV_STRIDE2, "with stride 2 only at the right and at the bottom");
    Tensor corner = ops_cube(o, 1, 2, 6);
    ops_copy(o, corner, (Tensor){image.data, DT_F32, 3, {1, 2, 6}, {18, 6, 1}});
    op_upsample2x_conv(o, twice, corner, &w);
    agree(twice, UPSAMPLE_CONV, "upsample2x_conv convolves the larger picture");
    weight_free(o, &w);
    w = pack(o, WEIGHT_CONV, curve(o, 11, DIMS(4, 6, 1, 1)), b);
    op_conv2d(o, same, image, &w, (ConvHow){1, STORE_SET});
    agree(same, CONV_1X1, "a 1x1 convolution is a matrix product");
    weight_free(o, &w);
}

static void test_attention(Ops *o) {
    Seqs seqs = seqs_of(2, (int64_t[]){4, 2});
    Tensor q = curve(o, 13, DIMS(6, 4, 4)), k = curve(o, 14, DIMS(6, 2, 4)), v = curve(o, 15, DIMS(6, 2, 4));
    Tensor out = ops_cube(o, 6, 4, 4);
    op_attention(o, out, q, k, v, &(AttentionHow){0.5f, MASK_FULL, 0, &seqs});
    agree(out, ATTENTION_FULL, "attention stays inside a sequence, two query heads share a key head");
    op_attention(o, out, q, k, v, &(AttentionHow){0.5f, MASK_CAUSAL, 0, &seqs});
    agree(out, ATTENTION_CAUSAL, "causal attention looks back");
    op_attention(o, out, q, k, v, &(AttentionHow){0.5f, MASK_CAUSAL, 2, &seqs});
    agree(out, ATTENTION_WINDOW, "a window of two is a token and the one before");
    QkNormRopeHow how = {.eps = 1e-2f, .cos = curve(o, 16, DIMS(6, 2)), .sin = curve(o, 17, DIMS(6, 2))};
    Tensor halves = curve(o, 13, DIMS(6, 4, 4));
    how.style = ROPE_HALVES;
    op_qk_norm_rope(o, halves, curve(o, 14, DIMS(6, 2, 4)), &how);
    agree(halves, ROPE_HALVES_Q, "rotation by halves");
    how.style = ROPE_PAIRS;
    how.q_norm = curve(o, 18, DIMS(4));
    how.k_norm = curve(o, 19, DIMS(4));
    op_qk_norm_rope(o, q, k, &how);
    agree(q, ROPE_PAIRS_Q, "rotation by pairs, after the norm of a head");
    agree(k, ROPE_PAIRS_K, "keys have a norm of their own");
}

static void test_reorderings(Ops *o) {
    Seqs seqs = seqs_of(2, (int64_t[]){2, 1});
    Tensor latent = curve(o, 20, DIMS(3, 4, 6)), tokens = ops_matrix(o, 6, 12), back = ops_cube(o, 3, 4, 6);
    op_patchify(o, tokens, latent, 2);
    agree(tokens, PATCHIFY, "patches run in rows, channels fastest");
    op_unpatchify(o, back, tokens, 2);
    CHECK(!memcmp(back.data, latent.data, 72 * sizeof(float)), "unpatchify undoes patchify");
    Tensor mean = ops_matrix(o, 2, 5);
    op_mean_rows(o, mean, curve(o, 1, DIMS(3, 5)), &seqs);
    agree(mean, MEAN_ROWS, "every sequence has its mean");
}

/* Numbers that need no PyTorch. Source: model-spec.md 5.1 and 7.5. */
static void test_pictures_and_guidance(Ops *o) {
    float levels[6] = {-1.5f, -1, 0, 0.999f, 1, NAN};
    unsigned char bytes[6];
    op_to_rgb8(o, tensor_3d(bytes, DT_U8, 1, 2, 3), tensor_3d(levels, DT_F32, 1, 2, 3));
    CHECK(!memcmp(bytes, (unsigned char[]){0, 0, 127, 254, 255, 0}, 6), "levels are clamped, then truncated");
    float cond[2] = {3, 4}, uncond[2] = {1, 0}, v[2];
    Tensor c = tensor_1d(cond, DT_F32, 2), u = tensor_1d(uncond, DT_F32, 2), out = tensor_1d(v, DT_F32, 2);
    op_cfg_mix(o, out, c, u, (GuideHow){2, 0});
    CHECK(v[0] == 5 && v[1] == 8, "guidance goes on from uncond through cond");
    op_cfg_mix(o, out, c, u, (GuideHow){2, 1});
    CHECK_NEAR(hypot(v[0], v[1]), 5, 1e-6, "renorm 1 gives the length of cond");
    CHECK_NEAR(v[0] / v[1], 5.0 / 8, 1e-6, "and keeps the direction");
    op_cfg_mix(o, out, c, u, (GuideHow){0.5f, 1});
    CHECK(v[0] == 2 && v[1] == 2, "what is shorter is not made longer");
}

int main(void) {
    static _Alignas(ARENA_ALIGN) char memory[1 << 16];
    Arena arena = arena_over(memory, sizeof memory);
    Ops o = {.backend = &REF_BACKEND, .arena = &arena};
    CHECK_OK(REF_BACKEND.open(&o.state, &(BackendOptions){0}), "ref opens");
    test_products(&o);
    test_activations(&o);
    test_norms(&o);
    test_convolutions(&o);
    test_attention(&o);
    test_reorderings(&o);
    test_pictures_and_guidance(&o);
    CHECK_OK(ops_status(&o), "all went well");
    MemInfo info;
    ops_mem_info(&o, &info);
    CHECK_EQ(info.held, 0, "weights were given back");
    REF_BACKEND.close(o.state);
    return tap_end();
}
