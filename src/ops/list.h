/* list.h: the ops as a table, for everything that treats them all alike: plan, trace, check and the tests.
 * One row an op; a new op is a row here, an entry of Backend and a function of ops.c.
 *
 *   X(op, outputs, inputs, weight, flops, f32, bf16, half, parameters, arguments)
 *
 *   outputs, inputs   tensors in parentheses, from the parameters; those left out (data NULL) are skipped
 *   weight            the Weight parameter, or NULL
 *   flops             work of one call, a double (only plan.c expands it, with its helpers)
 *   f32, bf16         tolerance of ‖a−b‖/‖b‖ against double arithmetic, with float32 and with bf16 products
 *   half              the same with bf16 activations, from the same rounded inputs
 *   parameters        of the Backend entry after state
 *   arguments         the same as a call; a weight is OPS_WEIGHT(w), which the user of the list defines
 *
 * Tolerances are about three times the worst error of the op test on any CPU path (x86-64, all four paths)
 * and the emulated card, which the test prints; none is above the gates of performance.md 3.8, 1e-5 for
 * float32 and 5e-3 for bf16:
 *   0        moves or rounds numbers, must be equal
 *   EXACTLY  a few float32 roundings; worst 1.1e-7 (add_norm)
 *   MEANS    float32 sums: means, or products of few hundred; worst 1.1e-6 (group_norm), attention 1.0e-6
 *   SUMS     deep float32 sums; worst 2.5e-6 (layer_norm of numbers around 30), gated units 2.4e-6
 *   BF16     the gate. A number rounded to bf16 is at most 2^-8 off, 1.7e-3 on average. Worst with rounded
 *            inputs 2.7e-3 (linear) and 4.8e-3 (glu_linear, a product of two such); with bf16 activations,
 *            from the same rounded inputs, 3.2e-3 (linear that adds) and 3.7e-3 (glu_linear)
 */
#pragma once

#include "ops/backend.h"

#define OPS_OPEN(...) __VA_ARGS__

/* Tensors of one call; the unused ones have data NULL. */
typedef struct OpTensors {
    Tensor item[8];
} OpTensors;
#define OPS_TENSORS(...) ((OpTensors){{OPS_OPEN __VA_ARGS__}})

/* Term i of a linear combination, or none. */
static inline Tensor lincomb_term(const LincombHow *how, int i) {
    return i < how->count ? how->term[i] : NO_TENSOR;
}

#define OPS_EXACTLY 4e-7
#define OPS_MEANS 3.5e-6
#define OPS_SUMS 8e-6
#define OPS_BF16 5e-3

/* The gates of products whose numbers have 8 bits (performance.md 3.8): relative error against double
 * arithmetic of random numbers, some columns 50 times as large. A gated unit multiplies two such products
 * whose errors know nothing of each other, so they add as squares; and where the gate is small, the
 * activation makes the error of that one larger in relation, by a quarter over random numbers: it may differ
 * by 1.6 times as much. Worst on the emulated card: int8 1.15e-2 and 1.41e-2, fp8 3.92e-2 and 6.43e-2. */
#define OPS_INT8 2e-2
#define OPS_INT8_GLU 3.2e-2
#define OPS_FP8 4.5e-2
#define OPS_FP8_GLU 7.2e-2

/* The gate of a product with this weight; 0 when its numbers have 16 bits or more. */
static inline double ops_gate(const Weight *w) {
    bool glu = w->kind == WEIGHT_GLU;
    if (w->type == DT_I8)
        return glu ? OPS_INT8_GLU : OPS_INT8;
    return w->type != DT_F8_E4M3 ? 0 : glu ? OPS_FP8_GLU : OPS_FP8;
}

/* What outputs of whole networks (tests/parity) may differ from float32 by in bf16: OPS_HALF_MARGIN times
 * what the original differs by when it computes in bf16. Its figures are the worst over the reference cases,
 * for runs of the given kind ("": of any; a text and its negative count alike), and over the two ways it is
 * run: all in bf16, or under autocast (bench/torch_bf16.py; bench/NOTES.md has the table). They are relative
 * errors, and of image_u8 the root of the mean squared difference of levels. Where the original is above the
 * 2e-2 of performance.md 3.8 (texts, means, images of a whole run, guided velocities, whose error guidance
 * multiplies), these limits are too. Ours is below the original's in every row; worst on the emulated card:
 * hidden 2.8e-2, logits 5.2e-2, mean 2.6e-2, velocity 0.99e-2, 2.0e-2, 2.9e-2. The margin is for cards that
 * add in another order. */
#define OPS_HALF_MARGIN 1.25
#define OPS_HALF_OUTPUTS(X)                                                                                  \
    X(velocity, "dit", 1.05e-2) X(velocity, "cfg", 2.41e-2) X(velocity, "pipeline", 3.09e-2)                 \
    X(hidden, "", 3.70e-2) X(caption, "", 3.47e-2) X(caption_negative, "", 3.47e-2) X(logits, "", 7.89e-2)   \
    X(pooled, "", 1.14e-2) X(pooled_negative, "", 1.14e-2) X(mean, "", 2.95e-2)                              \
    X(image, "vae_decode", 1.18e-2) X(image, "pipeline", 2.48e-2)                                            \
    X(latents, "", 1.99e-2) X(image_u8, "", 1.56)

#define OPS_LIST(X)                                                                                          \
    X(copy, (to), (from), NULL, 0, 0, 0, 0, (Tensor to, Tensor from), (to, from))                            \
    X(fill, (to), (NO_TENSOR), NULL, 0, 0, 0, OPS_BF16, (Tensor to, float value), (to, value))               \
    X(linear, (y), (x), w, 2 * count(x) * w->out, OPS_SUMS, OPS_BF16, OPS_BF16,                              \
      (Tensor y, Tensor x, const Weight *w, LinearHow how), (y, x, OPS_WEIGHT(w), how))                      \
    X(glu_linear, (y), (x), w, 2 * count(x) * w->out + 8 * count(y), OPS_SUMS, OPS_BF16, OPS_BF16,           \
      (Tensor y, Tensor x, const Weight *w, Activation act), (y, x, OPS_WEIGHT(w), act))                     \
    X(rms_norm, (y), (x, how->w, how->scale), NULL, 4 * count(x), OPS_EXACTLY, OPS_EXACTLY, OPS_BF16,        \
      (Tensor y, Tensor x, const RmsNormHow *how), (y, x, how))                                              \
    X(add_norm, (x, h), (y, how->w_post, how->gate, how->w_next, how->scale), NULL, 10 * count(x),           \
      OPS_EXACTLY, OPS_EXACTLY, OPS_BF16, (Tensor x, Tensor h, Tensor y, const AddNormHow *how),             \
      (x, h, y, how))                                                                                        \
    X(layer_norm, (y), (x, how->residual, how->w, how->b, how->scale), NULL, 8 * count(x), OPS_SUMS,         \
      OPS_SUMS, OPS_BF16, (Tensor y, Tensor x, const LayerNormHow *how), (y, x, how))                        \
    X(group_norm, (y), (x, how->w, how->b), NULL, 8 * count(x), OPS_MEANS, OPS_MEANS, OPS_BF16,              \
      (Tensor y, Tensor x, const GroupNormHow *how), (y, x, how))                                            \
    X(qk_norm_rope, (q, k), (how->q_norm, how->k_norm, how->cos, how->sin), NULL,                            \
      7 * (count(q) + count(k)), OPS_EXACTLY, OPS_EXACTLY, OPS_BF16,                                         \
      (Tensor q, Tensor k, const QkNormRopeHow *how), (q, k, how))                                           \
    X(attention, (out), (q, k, v), NULL, 4 * (double)(q.dims[1] * q.dims[2]) * pairs(how), OPS_MEANS,        \
      OPS_MEANS, OPS_BF16, (Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how),              \
      (out, q, k, v, how))                                                                                   \
    X(embed, (y), (NO_TENSOR), NULL, count(y), OPS_EXACTLY, OPS_EXACTLY, OPS_BF16,                           \
      (Tensor y, Tensor table, const int32_t *ids, float scale), (y, table, ids, scale))                     \
    X(mean_rows, (y), (x), NULL, count(x), OPS_MEANS, OPS_MEANS, OPS_BF16,                                   \
      (Tensor y, Tensor x, const Seqs *seqs), (y, x, seqs))                                                  \
    X(conv2d, (y), (x), w, 2 * count(y) * w->in * w->kernel * w->kernel, OPS_MEANS, OPS_BF16, OPS_BF16,      \
      (Tensor y, Tensor x, const Weight *w, ConvHow how), (y, x, OPS_WEIGHT(w), how))                        \
    X(upsample2x, (y), (x), NULL, 0, 0, 0, 0, (Tensor y, Tensor x), (y, x))                                  \
    X(upsample2x_conv, (y), (x), w, 2 * count(y) * w->in * 9, OPS_MEANS, OPS_BF16, OPS_BF16,                 \
      (Tensor y, Tensor x, const Weight *w), (y, x, OPS_WEIGHT(w)))                                          \
    X(patchify, (tokens), (latent), NULL, 0, 0, 0, OPS_BF16, (Tensor tokens, Tensor latent, int patch),      \
      (tokens, latent, patch))                                                                               \
    X(unpatchify, (latent), (tokens), NULL, 0, 0, 0, 0, (Tensor latent, Tensor tokens, int patch),           \
      (latent, tokens, patch))                                                                               \
    X(transpose, (y), (x), NULL, 2 * count(x), OPS_EXACTLY, OPS_EXACTLY, OPS_BF16,                           \
      (Tensor y, Tensor x, float factor, float offset), (y, x, factor, offset))                              \
    X(unary, (y), (x), NULL, 8 * count(x), OPS_EXACTLY, OPS_EXACTLY, OPS_BF16,                               \
      (Tensor y, Tensor x, Activation act), (y, x, act))                                                     \
    X(binary, (y), (a, b), NULL, count(y), OPS_EXACTLY, OPS_EXACTLY, OPS_BF16,                               \
      (Tensor y, Tensor a, Tensor b, BinaryKind kind), (y, a, b, kind))                                      \
    X(lincomb, (y),                                                                                          \
      (lincomb_term(how, 0), lincomb_term(how, 1), lincomb_term(how, 2), lincomb_term(how, 3),               \
       lincomb_term(how, 4)), NULL, 2 * count(y) * how->count, OPS_EXACTLY, OPS_EXACTLY, OPS_EXACTLY,        \
      (Tensor y, const LincombHow *how), (y, how))                                                           \
    X(sum_squares, (y), (x), NULL, 2 * count(x), OPS_EXACTLY, OPS_EXACTLY, OPS_EXACTLY,                      \
      (Tensor y, Tensor x), (y, x))                                                                          \
    X(cfg_mix, (v), (cond, uncond), NULL, 8 * count(v), OPS_EXACTLY, OPS_EXACTLY, OPS_EXACTLY,               \
      (Tensor v, Tensor cond, Tensor uncond, GuideHow how), (v, cond, uncond, how))                          \
    X(cast, (y), (x), NULL, count(y), 0, 0, 0, (Tensor y, Tensor x), (y, x))                                 \
    X(to_rgb8, (bytes), (x), NULL, 3 * count(x), 1e-3, 1e-3, 1e-3, (Tensor bytes, Tensor x), (bytes, x))

/* The rows that a backend may leave out. */
#define OPS_FUSED(X) X(add_norm) X(upsample2x_conv) X(cfg_mix)

/* Empties the fused entries of `table` that `like` leaves empty: ops.c then composes the same for both. */
static inline void ops_match_fused(Backend *table, const Backend *like) {
#define MATCH(op)                                                                                            \
    if (!like->op)                                                                                           \
        table->op = NULL;
    OPS_FUSED(MATCH)
#undef MATCH
}
