/* dit.c: the Next-DiT of NewBie-image: configuration from shapes, table of weights, forward pass. model-
 * spec.md 2.
 *
 * Everything that does not depend on the latent is computed in dit_begin: the refined captions, the
 * rotation tables and the modulation rows. The latter are silu(c) of every evaluation and sequence through
 * all adaLN linears, a window of evaluations at a time, with the gates already through tanh. They are kept
 * on the host, where 28 evaluations of the full size take 79 MB, and visit the device one evaluation at a
 * time (performance.md 0, fact 5). */
#include "config.h"

#include "model/dit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/attention.h"
#include "model/expected.h"
#include "model/layout.h"
#include "model/stream.h"

enum {
    TIME_FEATURES = 256, /* half of them cosines, model-spec 2.4 */
    WINDOW_MAX = 64,     /* evaluations whose modulation rows are kept: 180 MB at full size for two texts */
    FFN_ROWS = 9216,     /* that go through a feed-forward at once: a guided 1024x1024 (performance.md 2.1) */
    FFN_TILE = 128,      /* rows of a tile of the matrix products */
    MODULATIONS = 4,     /* per block */
};

static const double FINAL_NORM_EPS = 1e-6; /* model-spec 2.2 */

/* Columns of a block in the modulation rows, in units of dim. */
typedef enum ModulationKind { SCALE_ATTENTION, SCALE_FFN, GATE_ATTENTION, GATE_FFN } ModulationKind;

typedef struct DitBlock {
    ModulationWeights modulation; /* not in the context refiner */
    Weight qkv, out;              /* [Q + 2 K, D], [D, Q] */
    Weight gate_up, down;         /* w1 and w3 [F, D], w2 [D, F] */
    Tensor q_norm, k_norm;        /* [head_dim] */
    Tensor attention_norm1, attention_norm2, ffn_norm1, ffn_norm2; /* [D] */
} DitBlock;

struct Dit {
    DitConfig config;
    WeightList weights;
    Weight x_embedder, time_in, time_out, caption, clip, time_text, final_modulation, final;
    Tensor caption_norm, clip_norm;
    DitBlock *context;   /* [refiners] */
    DitBlock *modulated; /* [refiners + layers]: the noise refiner, then the joint layers */
};

const DitConfig DIT_FULL_SIZE = {
    .dim = 2304, .layers = 36, .refiners = 2, .heads = 24, .kv_heads = 8, .head_dim = 96, .ffn = 9216,
    .caption_dim = 2560, .pooled_dim = 1024, .conditioning_dim = 1024, .channels = 16, .patch = 2,
    .axes_dims = {32, 32, 32}, .theta = 10000, .norm_eps = 1e-5, .qk_norm_eps = 1e-5,
};

/* ---- table of weights: model-spec 2.3, diffusers names 2.11 -------------------------------------------- */

/* D dim, Q and K widths of q and k, H head_dim, F ffn, C caption, P pooled, R conditioning, T token width. */
#define AT(field) offsetof(Dit, field)
static const WeightRow DIT_ROWS[] = {
    {AT(x_embedder), FORM_MATRIX_BIAS, {"x_embedder[D,T]"}},
    {AT(time_in), FORM_MATRIX_BIAS, {"t_embedder.mlp.0[R,256]",
                                     "time_caption_embed.timestep_embedder.linear_1[R,256]"}},
    {AT(time_out), FORM_MATRIX_BIAS, {"t_embedder.mlp.2[R,R]",
                                      "time_caption_embed.timestep_embedder.linear_2[R,R]"}},
    {AT(caption_norm), FORM_VECTOR, {"cap_embedder.0[C]", "time_caption_embed.caption_embedder.0[C]"}},
    {AT(caption), FORM_MATRIX_BIAS, {"cap_embedder.1[D,C]", "time_caption_embed.caption_embedder.1[D,C]"}},
    {AT(clip_norm), FORM_VECTOR, {"clip_text_pooled_proj.0[P]",
                                  "time_caption_embed.clip_text_pooled_proj.0[P]"}},
    {AT(clip), FORM_MATRIX_BIAS, {"clip_text_pooled_proj.1[P,P]",
                                  "time_caption_embed.clip_text_pooled_proj.1[P,P]"}},
    {AT(time_text), FORM_MATRIX_BIAS, {"time_text_embed.1[R,R+P]",
                                       "time_caption_embed.time_text_embed.1[R,R+P]"}},
    {0, FORM_UNUSED, {"norm_final[D]", ""}},
    {AT(final), FORM_MATRIX_BIAS, {"final_layer.linear[T,D]", "norm_out.linear_2[T,D]"}},
    {AT(final_modulation), FORM_MATRIX_BIAS, {"final_layer.adaLN_modulation.1[D,R]",
                                              "norm_out.linear_1[D,R]"}},
};
#undef AT

#define AT(field) offsetof(DitBlock, field)
static const WeightRow BLOCK_ROWS[] = {
    {AT(qkv), FORM_MATRIX, {"attention.qkv[Q+2K,D]", "attn.to_q[Q,D] attn.to_k[K,D] attn.to_v[K,D]"}},
    {AT(out), FORM_MATRIX, {"attention.out[D,Q]", "attn.to_out.0[D,Q]"}},
    {AT(q_norm), FORM_VECTOR, {"attention.q_norm[H]", "attn.norm_q[H]"}},
    {AT(k_norm), FORM_VECTOR, {"attention.k_norm[H]", "attn.norm_k[H]"}},
    {AT(gate_up), FORM_GLU, {"feed_forward.w1[F,D] feed_forward.w3[F,D]",
                             "feed_forward.linear_1[F,D] feed_forward.linear_3[F,D]"}},
    {AT(down), FORM_MATRIX, {"feed_forward.w2[D,F]", "feed_forward.linear_2[D,F]"}},
    {AT(attention_norm2), FORM_VECTOR, {"attention_norm2[D]", "norm2[D]"}},
    {AT(ffn_norm1), FORM_VECTOR, {"ffn_norm1[D]"}},
    {AT(ffn_norm2), FORM_VECTOR, {"ffn_norm2[D]"}},
};

static const WeightRow MODULATED_ROWS[] = {
    {AT(modulation), FORM_MODULATION, {"adaLN_modulation.1[4D,R]", "norm1.linear[4D,R]"}},
    {AT(attention_norm1), FORM_VECTOR, {"attention_norm1[D]", "norm1.norm[D]"}},
};

static const WeightRow PLAIN_ROWS[] = {
    {AT(attention_norm1), FORM_VECTOR, {"attention_norm1[D]", "norm1[D]"}},
};
#undef AT

static void set_symbols(WeightScope *scope, const DitConfig *c) {
    int64_t *symbol = scope->symbol;
    symbol[WEIGHT_SYMBOL('D')] = c->dim;
    symbol[WEIGHT_SYMBOL('Q')] = c->heads * c->head_dim;
    symbol[WEIGHT_SYMBOL('K')] = c->kv_heads * c->head_dim;
    symbol[WEIGHT_SYMBOL('H')] = c->head_dim;
    symbol[WEIGHT_SYMBOL('F')] = c->ffn;
    symbol[WEIGHT_SYMBOL('C')] = c->caption_dim;
    symbol[WEIGHT_SYMBOL('P')] = c->pooled_dim;
    symbol[WEIGHT_SYMBOL('R')] = c->conditioning_dim;
    symbol[WEIGHT_SYMBOL('T')] = c->channels * c->patch * c->patch;
}

/* The weights of one group of so many blocks, as they visit the device once. */
static StreamLayers block_layers(const DitBlock *blocks, int64_t count, unsigned group) {
    StreamLayers layers = {.layers = blocks, .size = sizeof *blocks, .count = count, .group = group,
                           .uses = count, .rows = BLOCK_ROWS,
                           .row_count = sizeof BLOCK_ROWS / sizeof *BLOCK_ROWS};
    if (group == GROUP_MODULATION) {
        layers.rows = MODULATED_ROWS;
        layers.row_count = sizeof MODULATED_ROWS / sizeof *MODULATED_ROWS;
    }
    return layers;
}

typedef struct BlockGroup {
    const char *name;
    unsigned group;
    int64_t count;
    DitBlock *blocks; /* NULL in a list that is only read out */
    const WeightRow *rows;
    int row_count;
    WeightBits bits;  /* of the matrices that all blocks have */
} BlockGroup;

static void list_blocks(WeightList *list, const DitConfig *c, const BlockGroup *group) {
    for (int64_t i = 0; i < group->count; i++) {
        DitBlock *block = group->blocks ? &group->blocks[i] : NULL;
        for (int own = 0; own < 2; own++) {
            WeightScope *scope = own ? weights_scope(list, block, group->rows, group->row_count)
                                     : weights_scope(list, block, WEIGHT_ROWS(BLOCK_ROWS));
            snprintf(scope->prefix[0], sizeof scope->prefix[0], "%s.%lld.", group->name, (long long)i);
            set_symbols(scope, c);
            scope->group = group->group;
            scope->bits = own ? BITS_16_OR_MORE : group->bits;
        }
    }
}

/* All weights of a network of this configuration; dit NULL: to be read out only. */
static void list_weights(WeightList *list, const DitConfig *c, Dit *dit, WeightBits bits) {
    list->part = "transformer";
    set_symbols(weights_scope(list, dit, WEIGHT_ROWS(DIT_ROWS)), c);
    /* The refiners stay in 16 bits: few, and nearest to what the network is told (performance.md 3.3). */
    const BlockGroup groups[] = {
        {"context_refiner", GROUP_CONTEXT, c->refiners, dit ? dit->context : NULL, WEIGHT_ROWS(PLAIN_ROWS),
         BITS_16_OR_MORE},
        {"noise_refiner", GROUP_LAYERS, c->refiners, dit ? dit->modulated : NULL,
         WEIGHT_ROWS(MODULATED_ROWS), BITS_16_OR_MORE},
        {"layers", GROUP_LAYERS, c->layers, dit ? dit->modulated + c->refiners : NULL,
         WEIGHT_ROWS(MODULATED_ROWS), bits},
    };
    for (int i = 0; i < 3; i++)
        list_blocks(list, c, &groups[i]);
}

void dit_expected(const DitConfig *config, int naming, WeightVisit *visit, void *context) {
    WeightList list = {.naming = naming};
    list_weights(&list, config, NULL, BITS_MAY_BE_8);
    weights_each(&list, visit, context);
    free(list.scopes);
}

/* ---- configuration ------------------------------------------------------------------------------------- */

/* A dimension of a block's tensor, from the first block that has it: one missing tensor must not hide its
 * shape. */
static int64_t block_dim(const SafeTensors *file, const char *prefix, const char *name, int axis) {
    static const char *const BLOCKS[] = {"layers.0.", "noise_refiner.0.", "context_refiner.0.", "layers.1."};
    for (int i = 0; i < 4; i++) {
        Buf full = {0};
        buf_print(&full, "%s%s", BLOCKS[i], name);
        int64_t dim = weights_dim(file, prefix, buf_string(&full), axis);
        buf_done(&full);
        if (dim)
            return dim;
    }
    return 0;
}

typedef struct ShapeNames {
    const char *q_norm, *out, *ffn, *caption, *clip, *time;
} ShapeNames;

static const ShapeNames SHAPE_NAMES[] = {
    {"attention.q_norm.weight", "attention.out.weight", "feed_forward.w1.weight", "cap_embedder.1.weight",
     "clip_text_pooled_proj.1.weight", "t_embedder.mlp.2.weight"},
    {"attn.norm_q.weight", "attn.to_out.0.weight", "feed_forward.linear_1.weight",
     "time_caption_embed.caption_embedder.1.weight", "time_caption_embed.clip_text_pooled_proj.1.weight",
     "time_caption_embed.timestep_embedder.linear_2.weight"},
};

/* Width of k: a third part of qkv, or its own tensor. 0 when unknown. */
static int64_t key_width(const SafeTensors *file, const char *prefix, int naming, int64_t query_width) {
    if (naming)
        return block_dim(file, prefix, "attn.to_k.weight", 0);
    int64_t rows = block_dim(file, prefix, "attention.qkv.weight", 0);
    return rows > query_width ? (rows - query_width) / 2 : 0;
}

static Status config_from_shapes(DitConfig *c, const SafeTensors *file, const char *prefix, int naming) {
    const ShapeNames *names = &SHAPE_NAMES[naming];
    c->dim = weights_dim(file, prefix, "x_embedder.weight", 0);
    c->head_dim = block_dim(file, prefix, names->q_norm, 0);
    c->ffn = block_dim(file, prefix, names->ffn, 0);
    c->caption_dim = weights_dim(file, prefix, names->caption, 1);
    c->pooled_dim = weights_dim(file, prefix, names->clip, 1);
    c->conditioning_dim = weights_dim(file, prefix, names->time, 0);
    int64_t noise = weights_layers(file, prefix, "noise_refiner."),
            text = weights_layers(file, prefix, "context_refiner.");
    c->refiners = noise > text ? noise : text;
    c->layers = weights_layers(file, prefix, "layers.");
    int64_t query = block_dim(file, prefix, names->out, 1), key = key_width(file, prefix, naming, query);
    HeadShape heads;
    TRY(heads_from_widths(&heads, "transformer", query, key, c->head_dim));
    c->heads = heads.heads;
    c->kv_heads = heads.kv_heads;
    return NULL;
}

/* What shapes do not tell. */
static Status config_from_json(DitConfig *c, const Json *json, int naming) {
    int64_t width = c->channels; /* set to the token width by the caller */
    c->patch = json_get_integer(json, "patch_size", 2);
    if (c->patch < 1 || c->patch > 16 || width % (c->patch * c->patch))
        return fail(ERR_FORMAT,
                    "x_embedder.weight has %lld columns, expected a multiple of patch_size %lld squared",
                    (long long)width, (long long)c->patch);
    c->channels = width / (c->patch * c->patch);
    c->theta = json_get_number(json, "rope_theta", 10000);
    c->norm_eps = json_get_number(json, "norm_eps", 1e-5);
    /* No file of the original says which eps q_norm, k_norm and clip_text_pooled_proj.0 were trained with
     * (model-spec 2.2): 1e-5 with the fused norms of training, so that is the value without a config. A
     * config that lists the constructor's arguments, norm_eps among them, means the lab's plain class, where
     * norm_eps does not reach these three and they keep the class's own 1e-6. The diffusers class has 1e-5
     * for all. */
    bool plain_class = naming == 0 && json_get(json, "norm_eps");
    c->qk_norm_eps = json_get_number(json, "qk_norm_eps", plain_class ? 1e-6 : 1e-5);
    if (!(c->theta > 0) || !(c->norm_eps > 0) || !(c->qk_norm_eps > 0))
        return fail(ERR_FORMAT,
                    "the transformer's config.json has rope_theta %g, norm_eps %g, qk_norm_eps %g, expected "
                    "numbers above 0", c->theta, c->norm_eps, c->qk_norm_eps);
    return NULL;
}

/* The split of a head over text position, row and column. */
static Status config_axes(DitConfig *c, const Json *json) {
    const Json *axes = json_get(json, "axes_dims");
    if (!axes)
        axes = json_get(json, "axes_dim_rope"); /* diffusers */
    if (!axes && c->head_dim != DIT_FULL_SIZE.head_dim)
        return fail(ERR_FORMAT,
                    "the transformer's heads are %lld wide: expected axes_dims in its config.json, which "
                    "only the published size of %lld can do without", (long long)c->head_dim,
                    (long long)DIT_FULL_SIZE.head_dim);
    int64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        c->axes_dims[i] = axes ? json_integer(json_at(axes, (size_t)i), 0) : DIT_FULL_SIZE.axes_dims[i];
        if (c->axes_dims[i] < 0 || c->axes_dims[i] > c->head_dim || c->axes_dims[i] % 2)
            return fail(ERR_FORMAT,
                        "the transformer's axes_dims has %lld, expected even numbers that add up to %lld",
                        (long long)c->axes_dims[i], (long long)c->head_dim);
        sum += c->axes_dims[i];
    }
    if (sum != c->head_dim || (axes && json_count(axes) != 3))
        return fail(ERR_FORMAT, "the transformer's axes_dims add up to %lld, expected the head size %lld",
                    (long long)sum, (long long)c->head_dim);
    return NULL;
}

static Status read_config(DitConfig *c, const SafeTensors *file, const char *prefix, int naming,
                          const Json *json) {
    *c = (DitConfig){0};
    TRY(config_from_shapes(c, file, prefix, naming));
    c->channels = weights_dim(file, prefix, "x_embedder.weight", 1);
    TRY(config_from_json(c, json, naming));
    return c->head_dim ? config_axes(c, json) : NULL;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

static bool diffusers_naming(const SafeTensors *file, const char *prefix) {
    return weights_find(file, prefix, "time_caption_embed.caption_embedder.1.weight") ||
           weights_find(file, prefix, "time_caption_embed.clip_text_pooled_proj.1.weight");
}

Status dit_load(Dit **out, Ops *o, const SafeTensors *file, const Json *config, const LoadHow *how) {
    char *prefix = model_prefix(file, PART_DIT);
    if (!prefix)
        return model_wrong_kind(file, PART_DIT);
    Dit *dit = must_alloc(sizeof *dit);
    dit->weights.prefix = prefix;
    dit->weights.naming = diffusers_naming(file, prefix);
    DitConfig *c = &dit->config;
    Status st = read_config(c, file, prefix, dit->weights.naming, config);
    if (!st) {
        dit->context = must_alloc(sizeof(DitBlock) * (size_t)(c->refiners + 1));
        dit->modulated = must_alloc(sizeof(DitBlock) * (size_t)(c->refiners + c->layers + 1));
        list_weights(&dit->weights, c, dit, how && how->bits == BITS_INT8 ? BITS_INT8 : BITS_MAY_BE_8);
        st = weights_load(&dit->weights, o, file, how);
    }
    if (!st && (!c->layers || !c->refiners))
        st = fail(ERR_FORMAT,
                  "the transformer has %lld layers and %lld refiners, expected at least one of each",
                  (long long)c->layers, (long long)c->refiners);
    if (st)
        dit_free(dit, o);
    else
        *out = dit;
    return st;
}

void dit_free(Dit *dit, Ops *o) {
    if (!dit)
        return;
    weights_free(&dit->weights, o);
    free(dit->context);
    free(dit->modulated);
    free(dit);
}

const DitConfig *dit_config(const Dit *dit) {
    return &dit->config;
}

size_t dit_bytes(const Dit *dit) {
    return dit->weights.bytes;
}

size_t dit_group_bytes(const Dit *dit, unsigned groups) {
    return dit ? weights_group_bytes(&dit->weights, groups) : 0;
}

void dit_settle(Dit *dit, Ops *o) {
    weights_settle(&dit->weights, o);
}

size_t dit_away_bytes(const Dit *dit) {
    return dit ? weights_away_bytes(&dit->weights) : 0;
}

/* The matrices of joint layer `index` from the end, ROW_COUNT of BLOCK_ROWS at most. */
enum { BLOCK_ROW_COUNT = sizeof BLOCK_ROWS / sizeof *BLOCK_ROWS };

static int last_block(Weight *out[BLOCK_ROW_COUNT], const Dit *dit, int index) {
    DitBlock *block = &dit->modulated[dit->config.refiners + dit->config.layers - 1 - index];
    int count = 0;
    for (int r = 0; r < BLOCK_ROW_COUNT; r++)
        count += weights_of_row(out + count, block, &BLOCK_ROWS[r], GROUP_LAYERS);
    return count;
}

void dit_drop(Dit *dit, Ops *o, int layers) {
    Weight *weight[BLOCK_ROW_COUNT];
    for (int i = 0; i < layers; i++)
        for (int k = last_block(weight, dit, i) - 1; k >= 0; k--) {
            weight[k]->keep_host = true;
            weight_send(o, weight[k]);
        }
}

int dit_drop_most(const Dit *dit) {
    return (int)(dit->config.layers + 3) / 4;
}

size_t dit_drop_bytes(const Dit *dit, int layers) {
    Weight *weight[BLOCK_ROW_COUNT];
    size_t bytes = 0;
    for (int i = 0; i < layers; i++)
        for (int k = last_block(weight, dit, i) - 1; k >= 0; k--)
            bytes += weight[k]->bytes;
    return bytes;
}

/* ---- positions: model-spec 2.6 ------------------------------------------------------------------------- */

/* A cos and a sin table [rows, head_dim / 2] on the host. */
typedef struct RopeTable {
    float *cos, *sin;
    double *frequency; /* [half], of the three axes one after the other */
    int64_t half;
} RopeTable;

static void fill_frequencies(double *frequency, const DitConfig *c) {
    for (int axis = 0; axis < 3; axis++)
        for (int64_t k = 0; k < c->axes_dims[axis] / 2; k++)
            *frequency++ = pow(c->theta, -2.0 * (double)k / (double)c->axes_dims[axis]);
}

/* One token at three-axis position p. Angles are float64 products rounded to float32, as the original has
 * them. */
static void rope_row(const RopeTable *table, int64_t row, const DitConfig *c, const int64_t position[3]) {
    int64_t j = 0;
    for (int axis = 0; axis < 3; axis++)
        for (int64_t k = 0; k < c->axes_dims[axis] / 2; k++, j++) {
            float angle = (float)((double)position[axis] * table->frequency[j]);
            table->cos[row * table->half + j] = cosf(angle);
            table->sin[row * table->half + j] = sinf(angle);
        }
}

/* Rows of one sequence in joint order: `text` tokens at (i, 0, 0), then the image at (text, r, c). */
static void rope_sequence(const RopeTable *table, int64_t row, const DitRun *run, int64_t text) {
    const DitConfig *c = &run->dit->config;
    int64_t high = run->input.height / c->patch, wide = run->input.width / c->patch;
    for (int64_t i = 0; i < text; i++)
        rope_row(table, row++, c, (int64_t[3]){i, 0, 0});
    for (int64_t r = 0; r < high; r++)
        for (int64_t col = 0; col < wide; col++)
            rope_row(table, row++, c, (int64_t[3]){text, r, col});
}

/* Rows of a packed tensor that belong to the text or the image of sequence i. */
static Tensor joint_text(const DitRun *run, Tensor joint, int i) {
    return tensor_rows(joint, run->joint.offsets[i], seqs_length(&run->input.text, i));
}

static Tensor joint_image(const DitRun *run, Tensor joint, int i) {
    int64_t text = seqs_length(&run->input.text, i);
    return tensor_rows(joint, run->joint.offsets[i] + text, seqs_length(&run->joint, i) - text);
}

static Tensor sequence_rows(Tensor packed, const Seqs *seqs, int i) {
    return tensor_rows(packed, seqs->offsets[i], seqs_length(seqs, i));
}

static void fill_rope(DitRun *run, Ops *o) {
    int64_t rows = seqs_rows(&run->joint), half = run->dit->config.head_dim / 2;
    float *host = malloc(sizeof(float) * 2 * (size_t)(rows * half));
    if (!host) {
        ops_fail(o, fail(ERR_MEMORY, "no memory for %lld rows of rotation tables", (long long)rows));
        return;
    }
    RopeTable table = {host, host + rows * half, must_alloc(sizeof(double) * (size_t)half), half};
    fill_frequencies(table.frequency, &run->dit->config);
    for (int i = 0; i < run->joint.count; i++)
        rope_sequence(&table, run->joint.offsets[i], run, seqs_length(&run->input.text, i));
    ops_upload(o, run->cos, table.cos);
    ops_upload(o, run->sin, table.sin);
    free(table.frequency);
    free(host);
    for (int i = 0; i < run->joint.count; i++) {
        ops_copy(o, sequence_rows(run->image_cos, &run->image, i), joint_image(run, run->cos, i));
        ops_copy(o, sequence_rows(run->image_sin, &run->image, i), joint_image(run, run->sin, i));
    }
}

/* ---- modulation: model-spec 2.4 ------------------------------------------------------------------------ */

static int64_t modulation_width(const DitConfig *c) {
    return ((c->refiners + c->layers) * MODULATIONS + 1) * c->dim;
}

/* Sinusoidal features [count, 256] of model times, cosines first. */
static void time_features(float *out, const double *times, int count) {
    const int half = TIME_FEATURES / 2;
    for (int e = 0; e < count; e++)
        for (int i = 0; i < half; i++) {
            float frequency = (float)exp(-log(10000.0) * i / half);
            float angle = (float)times[e] * frequency;
            out[e * TIME_FEATURES + i] = cosf(angle);
            out[e * TIME_FEATURES + half + i] = sinf(angle);
        }
}

/* te [count, R] = mlp2(silu(mlp0(features))) for the evaluations of the window. */
static Tensor time_embedding(Ops *o, const DitRun *run) {
    const Dit *dit = run->dit;
    float host[WINDOW_MAX * TIME_FEATURES];
    time_features(host, run->input.times + run->window_first, run->window_count);
    Tensor te = ops_matrix(o, run->window_count, dit->config.conditioning_dim);
    ArenaMark mark = ops_mark(o);
    Tensor features = ops_matrix(o, run->window_count, TIME_FEATURES);
    Tensor hidden = ops_matrix(o, run->window_count, dit->config.conditioning_dim);
    ops_upload(o, features, host);
    op_linear(o, hidden, features, &dit->time_in, (LinearHow){.act = ACT_SILU});
    op_linear(o, te, hidden, &dit->time_out, (LinearHow){0});
    ops_release(o, mark);
    return te;
}

/* Rows first, first + step, ... of a matrix. */
static Tensor every_row(Tensor t, int64_t first, int64_t step) {
    Tensor view = tensor_rows(t, first, 1);
    view.dims[0] = (t.dims[0] - first + step - 1) / step;
    view.strides[0] = t.strides[0] * step;
    return view;
}

/* silu(c) [evaluations x sequences, R], c = time_text_embed(silu([te ; ce])); row e·S + s. */
static Tensor conditioning(Ops *o, const DitRun *run) {
    const Dit *dit = run->dit;
    int64_t sequences = run->joint.count, rows = run->window_count * sequences,
            time = dit->config.conditioning_dim;
    Tensor c = ops_matrix(o, rows, time);
    ArenaMark mark = ops_mark(o);
    Tensor both = ops_matrix(o, rows, time + dit->config.pooled_dim);
    Tensor te = time_embedding(o, run);
    for (int64_t s = 0; s < sequences; s++)
        ops_copy(o, tensor_columns(every_row(both, s, sequences), 0, time), te);
    for (int64_t e = 0; e < run->window_count; e++)
        ops_copy(o, tensor_columns(tensor_rows(both, e * sequences, sequences), time, dit->config.pooled_dim),
                 run->pooled);
    op_unary(o, both, both, ACT_SILU);
    op_linear(o, c, both, &dit->time_text, (LinearHow){.act = ACT_SILU});
    ops_release(o, mark);
    return c;
}

/* Puts dense rows that were computed into the columns of the host's table from `column` on; host has room for
 * them. */
static void keep_columns(DitRun *run, Ops *o, Tensor rows, int64_t column, float *host) {
    int64_t width = modulation_width(&run->dit->config), size = rows.dims[1];
    ops_download(o, host, rows);
    if (ops_status(o))
        return;
    for (int64_t r = 0; r < rows.dims[0]; r++)
        memcpy(run->table + r * width + column, host + r * size, sizeof *host * (size_t)size);
}

/* Fills the modulation rows of the evaluations from `first` on. */
static void fill_window(DitRun *run, Ops *o, int first) {
    const Dit *dit = run->dit;
    const DitConfig *config = &dit->config;
    int left = run->input.evaluations - first;
    run->window_first = first;
    run->window_count = left < run->window_capacity ? left : run->window_capacity;
    ArenaMark mark = ops_mark(o);
    Stream stream;
    int64_t blocks = config->refiners + config->layers, pair = 2 * config->dim, width = 2 * pair;
    StreamLayers layers = block_layers(dit->modulated, blocks, GROUP_MODULATION);
    stream_begin(&stream, o, &layers);
    Tensor c = conditioning(o, run), rows = ops_table(o, c.dims[0], width);
    float *host = must_alloc(sizeof *host * (size_t)tensor_count(rows));
    for (int64_t i = 0; i < blocks && !ops_status(o); i++) {
        const ModulationWeights *m = &((const DitBlock *)stream_layer(&stream, o, i))->modulation;
        op_linear(o, tensor_columns(rows, 0, pair), c, &m->scale, (LinearHow){0});
        op_linear(o, tensor_columns(rows, pair, pair), c, &m->gate, (LinearHow){.act = ACT_TANH});
        keep_columns(run, o, rows, i * width, host);
    }
    stream_end(&stream, o);
    Tensor last = ops_table(o, c.dims[0], config->dim);
    op_linear(o, last, c, &dit->final_modulation, (LinearHow){0});
    keep_columns(run, o, last, blocks * width, host);
    free(host);
    ops_release(o, mark);
}

/* Brings the rows of an evaluation to the device. */
static void load_modulation(DitRun *run, Ops *o, int evaluation) {
    if (evaluation == run->evaluation)
        return;
    if (evaluation < run->window_first || evaluation >= run->window_first + run->window_count)
        fill_window(run, o, evaluation);
    int64_t row = (int64_t)(evaluation - run->window_first) * run->joint.count;
    ops_upload(o, run->modulation, run->table + row * modulation_width(&run->dit->config));
    run->evaluation = evaluation;
}

/* [sequences, dim] of the present evaluation; block index counts noise refiner and layers. */
static Tensor modulation_at(const DitRun *run, int sequences, int64_t unit) {
    int64_t dim = run->dit->config.dim;
    return tensor_columns(tensor_rows(run->modulation, 0, sequences), unit * dim, dim);
}

/* ---- blocks: model-spec 2.7 ---------------------------------------------------------------------------- */

/* A run of blocks over packed rows. */
typedef struct Stack {
    const DitConfig *config;
    const DitBlock *blocks;
    int64_t count;
    Tensor cos, sin;
    const Seqs *seqs;
    const DitRun *run; /* NULL: blocks without modulation */
    Stream *stream;    /* where their weights come from */
    int64_t first;     /* number of blocks[0] in the stream, which is that among the modulated blocks */
    Tensor h;          /* [rows, dim]: room for what is between x and the layers */
} Stack;

static Tensor stack_modulation(const Stack *s, int64_t block, ModulationKind kind) {
    if (!s->run)
        return NO_TENSOR;
    return modulation_at(s->run, s->seqs->count, (s->first + block) * MODULATIONS + kind);
}

/* attention(h) with normed and rotated q and k; h is used up. */
static Tensor attention(Ops *o, Tensor h, const DitBlock *block, const Stack *s) {
    const DitConfig *c = s->config;
    int64_t query = c->heads * c->head_dim;
    return self_attention(o, NO_TENSOR, h, &(SelfAttention){
        .qkv = &block->qkv, .out = &block->out, .shape = {c->heads, c->kv_heads, c->head_dim},
        .rope = {.q_norm = block->q_norm, .k_norm = block->k_norm, .form = NORM_W,
                 .eps = (float)c->qk_norm_eps, .cos = s->cos, .sin = s->sin, .style = ROPE_PAIRS},
        .how = {.mask = MASK_FULL, .seqs = s->seqs},
        .mixed = query <= h.dims[1] ? tensor_columns(h, 0, query) : NO_TENSOR,
    });
}

/* Rows of one part of a feed-forward: as few equal parts as FFN_ROWS allows, of whole tiles. */
static int64_t part_rows(int64_t rows) {
    int64_t parts = (rows + FFN_ROWS - 1) / FFN_ROWS, part = (rows + parts - 1) / parts;
    return parts > 1 ? (part + FFN_TILE - 1) / FFN_TILE * FFN_TILE : rows;
}

/* h = w2(silu(w1·h) ⊙ (w3·h)). Many rows go in parts: then the attention needs more memory than this. */
static void feed_forward(Ops *o, Tensor h, const DitBlock *block, const Stack *s) {
    int64_t part = part_rows(h.dims[0]);
    ArenaMark mark = ops_mark(o);
    Tensor f = ops_matrix(o, part, s->config->ffn);
    for (int64_t row = 0; row < h.dims[0]; row += part) {
        int64_t rows = h.dims[0] - row < part ? h.dims[0] - row : part;
        Tensor some = tensor_rows(h, row, rows), inner = tensor_rows(f, 0, rows);
        op_glu_linear(o, inner, some, &block->gate_up, ACT_SILU);
        op_linear(o, some, inner, &block->down, (LinearHow){0});
    }
    ops_release(o, mark);
}

static void run_blocks(Ops *o, Tensor x, const Stack *s) {
    float eps = (float)s->config->norm_eps;
    Tensor h = s->h;
    op_rms_norm(o, h, x, &(RmsNormHow){.w = s->blocks[0].attention_norm1, .eps = eps, .seqs = s->seqs,
                                       .scale = stack_modulation(s, 0, SCALE_ATTENTION)});
    for (int64_t i = 0; i < s->count && !ops_status(o); i++) {
        const DitBlock *block = stream_layer(s->stream, o, s->first + i);
        const DitBlock *next = i + 1 < s->count ? &s->blocks[i + 1] : NULL; /* for its vectors only */
        ArenaMark mark = ops_mark(o);
        Tensor y = attention(o, h, block, s);
        op_add_norm(o, x, h, y, &(AddNormHow){.w_post = block->attention_norm2, .w_next = block->ffn_norm1,
                                              .eps = eps, .gate = stack_modulation(s, i, GATE_ATTENTION),
                                              .seqs = s->seqs, .scale = stack_modulation(s, i, SCALE_FFN)});
        ops_release(o, mark);
        feed_forward(o, h, block, s);
        op_add_norm(o, x, next ? h : NO_TENSOR, h,
                    &(AddNormHow){.w_post = block->ffn_norm2,
                                  .w_next = next ? next->attention_norm1 : NO_TENSOR,
                                  .gate = stack_modulation(s, i, GATE_FFN), .eps = eps, .seqs = s->seqs,
                                  .scale = next ? stack_modulation(s, i + 1, SCALE_ATTENTION) : NO_TENSOR});
    }
}

/* ---- a run: model-spec 2.8 ----------------------------------------------------------------------------- */

/* ce = clip_text_pooled_proj(pooled), kept for the later windows. */
static void embed_pooled(DitRun *run, Ops *o) {
    const Dit *dit = run->dit;
    ArenaMark mark = ops_mark(o);
    Tensor normed = ops_matrix(o, run->joint.count, dit->config.pooled_dim);
    op_rms_norm(o, normed, run->input.pooled, &(RmsNormHow){.w = dit->clip_norm,
                                                            .eps = (float)dit->config.qk_norm_eps});
    op_linear(o, run->pooled, normed, &dit->clip, (LinearHow){0});
    ops_release(o, mark);
}

/* text = context_refiner(cap_embedder(caption)); text tokens see their own sequence's text only. */
static void refine_text(DitRun *run, Ops *o) {
    const Dit *dit = run->dit;
    const DitConfig *c = &dit->config;
    int64_t rows = run->text.dims[0];
    ArenaMark mark = ops_mark(o);
    Tensor cos = ops_table(o, rows, c->head_dim / 2), sin = ops_table(o, rows, c->head_dim / 2);
    for (int i = 0; i < run->joint.count; i++) {
        ops_copy(o, sequence_rows(cos, &run->input.text, i), joint_text(run, run->cos, i));
        ops_copy(o, sequence_rows(sin, &run->input.text, i), joint_text(run, run->sin, i));
    }
    ArenaMark inner = ops_mark(o);
    Tensor normed = ops_matrix(o, rows, c->caption_dim);
    op_rms_norm(o, normed, run->input.caption, &(RmsNormHow){.w = dit->caption_norm,
                                                             .eps = (float)c->norm_eps});
    op_linear(o, run->text, normed, &dit->caption, (LinearHow){0});
    ops_release(o, inner);
    Stream stream;
    StreamLayers layers = block_layers(dit->context, c->refiners, GROUP_CONTEXT);
    stream_begin(&stream, o, &layers);
    run_blocks(o, run->text, &(Stack){.config = c, .blocks = dit->context, .count = c->refiners, .cos = cos,
                                      .sin = sin, .seqs = &run->input.text, .stream = &stream,
                                      .h = ops_matrix(o, rows, c->dim)});
    stream_end(&stream, o);
    ops_release(o, mark);
}

/* Where the rows of each sequence are, and the memory that lives as long as the run. */
static void place_run(DitRun *run, Ops *o) {
    const DitConfig *c = &run->dit->config;
    int64_t image = (run->input.height / c->patch) * (run->input.width / c->patch), half = c->head_dim / 2;
    int count = run->input.text.count;
    int64_t joint[SEQS_MAX], images[SEQS_MAX];
    for (int i = 0; i < count; i++) {
        joint[i] = seqs_length(&run->input.text, i) + image;
        images[i] = image;
    }
    run->joint = seqs_of(count, joint);
    run->image = seqs_of(count, images);
    run->window_capacity = run->input.evaluations < WINDOW_MAX ? run->input.evaluations : WINDOW_MAX;
    run->text = ops_matrix(o, seqs_rows(&run->input.text), c->dim);
    run->pooled = ops_matrix(o, count, c->pooled_dim);
    run->cos = ops_table(o, seqs_rows(&run->joint), half);
    run->sin = ops_table(o, seqs_rows(&run->joint), half);
    run->image_cos = ops_table(o, seqs_rows(&run->image), half);
    run->image_sin = ops_table(o, seqs_rows(&run->image), half);
    run->modulation = ops_table(o, count, modulation_width(c));
    size_t rows = (size_t)run->window_capacity, numbers = (size_t)tensor_count(run->modulation);
    run->table = must_alloc(sizeof *run->table * rows * numbers);
}

/* The weights of the modulated blocks, all evaluations through. */
static void begin_stream(DitRun *run, Ops *o) {
    const DitConfig *c = &run->dit->config;
    int64_t blocks = c->refiners + c->layers;
    run->stream = must_alloc(sizeof *run->stream);
    StreamLayers layers = block_layers(run->dit->modulated, blocks, GROUP_LAYERS);
    layers.uses = blocks * run->input.evaluations;
    stream_begin(run->stream, o, &layers);
}

void dit_begin(DitRun *run, Ops *o, const Dit *dit, const DitInput *input) {
    int64_t patch = dit->config.patch;
    *run = (DitRun){.dit = dit, .input = *input, .evaluation = -1};
    assert(input->evaluations > 0);
    if (input->height % patch || input->width % patch)
        ops_fail(o, fail(ERR_USAGE, "the latent is %lld x %lld, expected multiples of the patch size %lld",
                         (long long)input->width, (long long)input->height, (long long)patch));
    if (ops_status(o))
        return;
    place_run(run, o);
    if (ops_status(o))
        return;
    fill_rope(run, o);
    refine_text(run, o);
    embed_pooled(run, o);
    fill_window(run, o, 0);
    begin_stream(run, o);
}

void dit_end(DitRun *run, Ops *o) {
    if (run->stream)
        stream_end(run->stream, o);
    free(run->stream);
    free(run->table);
    run->stream = NULL;
    run->table = NULL;
}

/* first [image tokens, dim]: the patches of the latent. */
static void embed_image(Ops *o, Tensor first, const Dit *dit, Tensor latent) {
    const DitConfig *c = &dit->config;
    ArenaMark mark = ops_mark(o);
    Tensor tokens = ops_matrix(o, first.dims[0], c->channels * c->patch * c->patch);
    op_patchify(o, tokens, latent, (int)c->patch);
    op_linear(o, first, tokens, &dit->x_embedder, (LinearHow){0});
    ops_release(o, mark);
}

/* z [sequences x image tokens, dim]: the embedded patches through the noise refiner, once per sequence; h is
 * room for as much. */
static void refine_image(Ops *o, Tensor z, Tensor h, const DitRun *run, const Stack *joint) {
    const Dit *dit = run->dit;
    const DitConfig *c = &dit->config;
    Seqs seqs = run->image;
    seqs.count = joint->seqs->count;
    for (int i = 1; i < seqs.count; i++)
        ops_copy(o, sequence_rows(z, &seqs, i), sequence_rows(z, &seqs, 0));
    run_blocks(o, z, &(Stack){.config = c, .blocks = dit->modulated, .count = c->refiners,
                              .cos = tensor_rows(run->image_cos, 0, z.dims[0]),
                              .sin = tensor_rows(run->image_sin, 0, z.dims[0]), .seqs = &seqs, .run = run,
                              .stream = joint->stream, .h = h});
}

/* velocity = unpatchify(linear(LayerNorm(image rows) ⊙ (1 + scale))). */
static void final_layer(Ops *o, Tensor velocity, const DitRun *run, Tensor x, const Stack *joint) {
    const DitConfig *c = &run->dit->config;
    Tensor scale = modulation_at(run, joint->seqs->count, (c->refiners + c->layers) * MODULATIONS);
    int64_t rows = seqs_length(&run->image, 0);
    Seqs one = seqs_one(rows);
    ArenaMark mark = ops_mark(o);
    Tensor normed = ops_matrix(o, rows, c->dim);
    Tensor tokens = ops_matrix(o, rows, c->channels * c->patch * c->patch);
    for (int i = 0; i < joint->seqs->count; i++) {
        op_layer_norm(o, normed, joint_image(run, x, i),
                      &(LayerNormHow){.eps = (float)FINAL_NORM_EPS, .seqs = &one,
                                      .scale = tensor_rows(scale, i, 1)});
        op_linear(o, tokens, normed, &run->dit->final, (LinearHow){0});
        op_unpatchify(o, tensor_at(velocity, i), tokens, (int)c->patch);
    }
    ops_release(o, mark);
}

void dit_velocity(Ops *o, Tensor velocity, DitRun *run, Tensor latent, int evaluation) {
    const Dit *dit = run->dit;
    const DitConfig *c = &dit->config;
    assert(evaluation >= 0 && evaluation < run->input.evaluations && velocity.dims[0] <= run->joint.count);
    if (ops_status(o))
        return;
    load_modulation(run, o, evaluation);
    if (ops_status(o))
        return;
    Seqs seqs = run->joint;
    seqs.count = (int)velocity.dims[0];
    int64_t rows = seqs_rows(&seqs);
    ArenaMark mark = ops_mark(o);
    Tensor x = ops_matrix(o, rows, c->dim), h = ops_matrix(o, rows, c->dim);
    Stack joint = {.config = c, .blocks = dit->modulated + c->refiners, .count = c->layers,
                   .cos = tensor_rows(run->cos, 0, rows), .sin = tensor_rows(run->sin, 0, rows),
                   .seqs = &seqs, .run = run, .stream = run->stream, .first = c->refiners, .h = h};
    /* The image alone first, where the joint layers will have h: the two are never needed at once. */
    int64_t image_rows = run->image.offsets[seqs.count];
    Tensor z = tensor_rows(h, 0, image_rows);
    embed_image(o, tensor_rows(z, 0, seqs_length(&run->image, 0)), dit, latent);
    refine_image(o, z, tensor_rows(x, 0, image_rows), run, &joint);
    for (int i = 0; i < seqs.count; i++) {
        ops_copy(o, joint_text(run, x, i), sequence_rows(run->text, &run->input.text, i));
        ops_copy(o, joint_image(run, x, i), sequence_rows(z, &run->image, i));
    }
    run_blocks(o, x, &joint);
    final_layer(o, velocity, run, x, &joint);
    ops_release(o, mark);
}
