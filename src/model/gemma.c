/* gemma.c: the Gemma 3 text encoder: configuration, table of weights, forward pass. model-spec.md 3.
 *
 * The state after the last layer but one is wanted, so the last layer and the final norm are neither loaded
 * nor run. */
#include "config.h"

#include "model/gemma.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/attention.h"
#include "model/expected.h"
#include "model/layout.h"
#include "model/rope.h"
#include "model/stream.h"

typedef struct GemmaLayer {
    Weight qkv, out;      /* q, k, v stacked; [hidden, q width] */
    Weight gate_up, down;
    Tensor q_norm, k_norm;
    Tensor input_norm, post_attention_norm, pre_ffn_norm, post_ffn_norm;
} GemmaLayer;

struct Gemma {
    GemmaConfig config;
    WeightList weights;
    HostTable embedding; /* [vocabulary, hidden] */
    GemmaLayer *layers;  /* [config.layers - 1] */
};

const GemmaConfig GEMMA_FULL_SIZE = {
    .hidden = 2560, .ffn = 10240, .layers = 34, .heads = 8, .kv_heads = 4, .head_dim = 256,
    .vocabulary = 262208, .window = 1024, .pattern = 6, .theta_full = 1e6, .theta_sliding = 1e4,
    .rope_factor = 8, .attention_scale = 0.0625, .norm_eps = 1e-6,
};

/* ---- table of weights: model-spec 3.5 ------------------------------------------------------------------ */

/* C hidden, F ffn, Q and K widths of q and k, H head_dim, V vocabulary. */
static const WeightRow GEMMA_ROWS[] = {
    {offsetof(Gemma, embedding), FORM_TABLE, {"embed_tokens[V,C]"}},
};

#define AT(field) offsetof(GemmaLayer, field)
static const WeightRow LAYER_ROWS[] = {
    {AT(input_norm), FORM_VECTOR, {"input_layernorm[C]"}},
    {AT(qkv), FORM_MATRIX, {"self_attn.q_proj[Q,C] self_attn.k_proj[K,C] self_attn.v_proj[K,C]"}},
    {AT(q_norm), FORM_VECTOR, {"self_attn.q_norm[H]"}},
    {AT(k_norm), FORM_VECTOR, {"self_attn.k_norm[H]"}},
    {AT(out), FORM_MATRIX, {"self_attn.o_proj[C,Q]"}},
    {AT(post_attention_norm), FORM_VECTOR, {"post_attention_layernorm[C]"}},
    {AT(pre_ffn_norm), FORM_VECTOR, {"pre_feedforward_layernorm[C]"}},
    {AT(gate_up), FORM_GLU, {"mlp.gate_proj[F,C] mlp.up_proj[F,C]"}},
    {AT(down), FORM_MATRIX, {"mlp.down_proj[C,F]"}},
    {AT(post_ffn_norm), FORM_VECTOR, {"post_feedforward_layernorm[C]"}},
};
#undef AT

/* What the whole language model has beside the layers that are used here. */
static const WeightRow REST_ROWS[] = {
    {0, FORM_UNUSED, {"norm[C]"}},
};

static void set_symbols(WeightScope *scope, const GemmaConfig *c) {
    int64_t *symbol = scope->symbol;
    symbol[WEIGHT_SYMBOL('C')] = c->hidden;
    symbol[WEIGHT_SYMBOL('F')] = c->ffn;
    symbol[WEIGHT_SYMBOL('Q')] = c->heads * c->head_dim;
    symbol[WEIGHT_SYMBOL('K')] = c->kv_heads * c->head_dim;
    symbol[WEIGHT_SYMBOL('H')] = c->head_dim;
    symbol[WEIGHT_SYMBOL('V')] = c->vocabulary;
}

/* The embedding and the first `layers` layers; gemma NULL: to be read out only. */
static void list_weights(WeightList *list, const GemmaConfig *c, Gemma *gemma, int64_t layers,
                         WeightBits bits) {
    list->part = "text encoder";
    set_symbols(weights_scope(list, gemma, WEIGHT_ROWS(GEMMA_ROWS)), c);
    for (int64_t i = 0; i < layers; i++) {
        WeightScope *scope = weights_scope(list, gemma ? &gemma->layers[i] : NULL, WEIGHT_ROWS(LAYER_ROWS));
        snprintf(scope->prefix[0], sizeof scope->prefix[0], "layers.%lld.", (long long)i);
        set_symbols(scope, c);
        scope->group = GROUP_GEMMA;
        scope->bits = bits;
    }
}

void gemma_expected(const GemmaConfig *config, WeightVisit *visit, void *context) {
    WeightList list = {.prefix = must_copy("model.")};
    list_weights(&list, config, NULL, config->layers, BITS_16_OR_MORE);
    set_symbols(weights_scope(&list, NULL, WEIGHT_ROWS(REST_ROWS)), config);
    weights_each(&list, visit, context);
    free(list.prefix);
    free(list.scopes);
}

/* ---- configuration ------------------------------------------------------------------------------------- */

static Status config_from_shapes(GemmaConfig *c, const SafeTensors *file, const char *prefix) {
    c->vocabulary = weights_dim(file, prefix, "embed_tokens.weight", 0);
    c->hidden = weights_dim(file, prefix, "embed_tokens.weight", 1);
    c->ffn = weights_dim(file, prefix, "layers.0.mlp.gate_proj.weight", 0);
    c->head_dim = weights_dim(file, prefix, "layers.0.self_attn.q_norm.weight", 0);
    c->layers = weights_layers(file, prefix, "layers.");
    int64_t query = weights_dim(file, prefix, "layers.0.self_attn.q_proj.weight", 0);
    int64_t key = weights_dim(file, prefix, "layers.0.self_attn.k_proj.weight", 0);
    HeadShape heads;
    TRY(heads_from_widths(&heads, "text encoder", query, key, c->head_dim));
    c->heads = heads.heads;
    c->kv_heads = heads.kv_heads;
    return NULL;
}

/* The linear factor of a rope description; only "linear" and "default" are understood. */
static Status rope_factor(double *factor, const Json *rope) {
    const char *type = json_get_string(rope, "rope_type", json_get_string(rope, "type", "default"));
    bool linear = !strcmp(type, "linear");
    if (!linear && strcmp(type, "default"))
        return fail(ERR_UNSUPPORTED,
                    "the text encoder's config.json asks for rope_type %.40s, expected linear", type);
    *factor = linear ? json_get_number(rope, "factor", 1) : 1;
    return NULL;
}

/* Rotation per layer kind: the flat keys, or rope_parameters with one object per kind (newer
 * transformers). */
static Status config_rope(GemmaConfig *c, const Json *json) {
    const Json *nested = json_get(json, "rope_parameters");
    const Json *full = json_get(nested, "full_attention"), *sliding = json_get(nested, "sliding_attention");
    const Json *scaling = json_get(json, "rope_scaling");
    c->theta_full = json_get_number(full, "rope_theta", json_get_number(json, "rope_theta", 1e6));
    c->theta_sliding = json_get_number(sliding, "rope_theta",
                                       json_get_number(json, "rope_local_base_freq", 1e4));
    return rope_factor(&c->rope_factor, full ? full : scaling);
}

/* layer_types spelled out must repeat every `pattern` layers, for that is what the forward pass does. */
static Status config_pattern(GemmaConfig *c, const Json *json) {
    const Json *types = json_get(json, "layer_types");
    c->pattern = json_get_integer(json, "sliding_window_pattern",
                                  json_get_integer(json, "_sliding_window_pattern", 6));
    size_t count = json_count(types);
    if (count) {
        size_t first = 0;
        while (first < count && strcmp(json_string(json_at(types, first), NULL) ?: "", "full_attention"))
            first++;
        c->pattern = (int64_t)first + 1;
    }
    if (c->pattern < 1)
        return fail(ERR_FORMAT, "the text encoder's sliding_window_pattern is %lld, expected at least 1",
                    (long long)c->pattern);
    for (size_t i = 0; i < count; i++) {
        const char *type = json_string(json_at(types, i), NULL);
        const char *expected = (int64_t)(i + 1) % c->pattern ? "sliding_attention" : "full_attention";
        if (!type || strcmp(type, expected))
            return fail(ERR_UNSUPPORTED, "the text encoder's layer_types has %.40s at %zu, expected %s",
                        type ? type : "no text", i, expected);
    }
    return NULL;
}

/* What shapes do not tell: the file's values, else those of the 4B model (model-spec 3.1). A config that
 * leaves a value out means the default of its class: no scaling, scale head_dim^-1/2. */
static Status config_from_json(GemmaConfig *c, const Json *json) {
    const Json *inner = json_get(json, "text_config");
    json = inner ? inner : json;
    c->window = json_get_integer(json, "sliding_window", json ? 4096 : GEMMA_FULL_SIZE.window);
    c->norm_eps = json_get_number(json, "rms_norm_eps", 1e-6);
    /* unknown heads are told by the check of the weights */
    double query_scalar = json_get_number(json, "query_pre_attn_scalar",
                                          c->head_dim ? (double)c->head_dim : 1);
    TRY(config_pattern(c, json));
    TRY(config_rope(c, json));
    if (!json)
        c->rope_factor = GEMMA_FULL_SIZE.rope_factor;
    if (c->window < 1 || !(c->norm_eps > 0) || !(c->theta_full > 0) || !(c->theta_sliding > 0) ||
        !(c->rope_factor > 0) || !(query_scalar > 0))
        return fail(ERR_FORMAT,
                    "the text encoder's config.json has sliding_window %lld, rms_norm_eps %g, rope_theta %g, "
                    "rope_local_base_freq %g, rope factor %g, query_pre_attn_scalar %g, expected numbers "
                    "above 0", (long long)c->window, c->norm_eps, c->theta_full, c->theta_sliding,
                    c->rope_factor, query_scalar);
    c->attention_scale = 1 / sqrt(query_scalar);
    return NULL;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

Status gemma_load(Gemma **out, Ops *o, const SafeTensors *file, const Json *config, const LoadHow *how) {
    char *prefix = model_prefix(file, PART_GEMMA);
    if (!prefix)
        return model_wrong_kind(file, PART_GEMMA);
    Gemma *gemma = must_alloc(sizeof *gemma);
    gemma->weights.prefix = prefix;
    GemmaConfig *c = &gemma->config;
    Status st = config_from_shapes(c, file, prefix);
    if (!st)
        st = config_from_json(c, config);
    if (!st && c->layers < 2)
        st = fail(ERR_FORMAT, "the text encoder has %lld layers, expected at least 2", (long long)c->layers);
    if (!st) {
        gemma->layers = must_alloc(sizeof(GemmaLayer) * (size_t)(c->layers - 1));
        list_weights(&gemma->weights, c, gemma, c->layers - 1, how ? how->bits : BITS_16_OR_MORE);
        st = weights_load(&gemma->weights, o, file, how);
    }
    if (st)
        gemma_free(gemma, o);
    else
        *out = gemma;
    return st;
}

void gemma_free(Gemma *gemma, Ops *o) {
    if (!gemma)
        return;
    weights_free(&gemma->weights, o);
    free(gemma->layers);
    free(gemma);
}

const GemmaConfig *gemma_config(const Gemma *gemma) {
    return &gemma->config;
}

size_t gemma_bytes(const Gemma *gemma) {
    return gemma->weights.bytes;
}

size_t gemma_group_bytes(const Gemma *gemma, unsigned groups) {
    return gemma ? weights_group_bytes(&gemma->weights, groups) : 0;
}

size_t gemma_away_bytes(const Gemma *gemma) {
    return gemma ? weights_away_bytes(&gemma->weights) : 0;
}

void gemma_settle(Gemma *gemma, Ops *o) {
    weights_settle(&gemma->weights, o);
}

/* ---- forward: model-spec 3.2 --------------------------------------------------------------------------- */

/* Rotation of one layer kind, [rows, head_dim / 2]. */
typedef struct Rotation {
    Tensor cos, sin;
} Rotation;

/* Everything a layer needs beside its weights. */
typedef struct Pass {
    const GemmaConfig *config;
    const Seqs *seqs;
    Rotation full, sliding;
} Pass;

static bool is_full(const GemmaConfig *c, int64_t layer) {
    return (layer + 1) % c->pattern == 0;
}

/* attention(h), causal, with normed and rotated q and k. */
static Tensor attention(Ops *o, Tensor h, const GemmaLayer *layer, const Pass *pass, bool full) {
    const GemmaConfig *c = pass->config;
    const Rotation *rotation = full ? &pass->full : &pass->sliding;
    return self_attention(o, NO_TENSOR, h, &(SelfAttention){
        .qkv = &layer->qkv, .out = &layer->out, .shape = {c->heads, c->kv_heads, c->head_dim},
        .rope = {.q_norm = layer->q_norm, .k_norm = layer->k_norm, .form = NORM_ONE_PLUS_W,
                 .eps = (float)c->norm_eps, .cos = rotation->cos, .sin = rotation->sin, .style = ROPE_HALVES},
        .how = {.scale = (float)c->attention_scale, .mask = MASK_CAUSAL, .window = full ? 0 : c->window,
                .seqs = pass->seqs},
    });
}

/* h = down(gelu(gate·h) ⊙ (up·h)). */
static void feed_forward(Ops *o, Tensor h, const GemmaLayer *layer, const Pass *pass) {
    ArenaMark mark = ops_mark(o);
    Tensor f = ops_matrix(o, h.dims[0], pass->config->ffn);
    op_glu_linear(o, f, h, &layer->gate_up, ACT_GELU_TANH);
    op_linear(o, h, f, &layer->down, (LinearHow){0});
    ops_release(o, mark);
}

static void run_layers(Ops *o, Tensor x, const GemmaLayer *layers, const Pass *pass) {
    const GemmaConfig *c = pass->config;
    float eps = (float)c->norm_eps;
    ArenaMark mark = ops_mark(o);
    Stream stream;
    stream_begin(&stream, o, &(StreamLayers){.layers = layers, .size = sizeof *layers, .count = c->layers - 1,
                                             .rows = LAYER_ROWS, .group = GROUP_GEMMA, .uses = c->layers - 1,
                                             .row_count = sizeof LAYER_ROWS / sizeof *LAYER_ROWS});
    Tensor h = ops_matrix(o, x.dims[0], x.dims[1]);
    op_rms_norm(o, h, x, &(RmsNormHow){.w = layers[0].input_norm, .form = NORM_ONE_PLUS_W, .eps = eps});
    for (int64_t i = 0; i + 1 < c->layers && !ops_status(o); i++) {
        const GemmaLayer *layer = stream_layer(&stream, o, i);
        const GemmaLayer *next = i + 2 < c->layers ? &layers[i + 1] : NULL; /* for its vectors only */
        ArenaMark inner = ops_mark(o);
        Tensor y = attention(o, h, layer, pass, is_full(c, i));
        op_add_norm(o, x, h, y, &(AddNormHow){.w_post = layer->post_attention_norm,
                                              .w_next = layer->pre_ffn_norm, .form = NORM_ONE_PLUS_W,
                                              .eps = eps});
        ops_release(o, inner);
        feed_forward(o, h, layer, pass);
        op_add_norm(o, x, next ? h : NO_TENSOR, h,
                    &(AddNormHow){.w_post = layer->post_ffn_norm,
                                  .w_next = next ? next->input_norm : NO_TENSOR,
                                  .form = NORM_ONE_PLUS_W, .eps = eps});
    }
    stream_end(&stream, o);
    ops_release(o, mark);
}

void gemma_encode(Ops *o, Tensor states, const Gemma *gemma, const int32_t *host_ids, const Seqs *seqs) {
    const GemmaConfig *c = &gemma->config;
    ArenaMark mark = ops_mark(o);
    Pass pass = {.config = c, .seqs = seqs};
    RopeHalves full = {c->head_dim, c->theta_full, c->rope_factor};
    RopeHalves sliding = {c->head_dim, c->theta_sliding, 1};
    rope_halves(o, &pass.full.cos, &pass.full.sin, &full, seqs);
    rope_halves(o, &pass.sliding.cos, &pass.sliding.sin, &sliding, seqs);
    /* The factor is not rounded to the weights' type: text encoders are computed in float32 (model-spec
     * 3.2). */
    op_embed(o, states, gemma->embedding.view, host_ids, (float)sqrt((double)c->hidden));
    run_layers(o, states, gemma->layers, &pass);
    ops_release(o, mark);
}
