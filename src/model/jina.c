/* jina.c: the text tower of Jina CLIP v2: configuration, table of weights, forward pass. model-spec.md 4. */
#include "config.h"

#include "model/jina.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/attention.h"
#include "model/expected.h"
#include "model/layout.h"
#include "model/rope.h"
#include "model/stream.h"

enum { HEAD_SIZE = 64 }; /* without a config, model-spec 4.1 */

typedef struct JinaLayer {
    Weight qkv, out, fc1, fc2;
    NormWeights norm1, norm2;
} JinaLayer;

struct Jina {
    JinaConfig config;
    WeightList weights;
    HostTable words, types; /* [vocabulary, hidden], [1, hidden] */
    NormWeights norm;
    JinaLayer *layers;
};

const JinaConfig JINA_FULL_SIZE = {
    .hidden = 1024, .ffn = 4096, .layers = 24, .heads = 16, .vocabulary = 250002, .rotary_base = 20000,
    .norm_eps = 1e-5,
};

/* ---- table of weights: model-spec 4.3, 4.4 ------------------------------------------------------------- */

/* C hidden, F ffn, V vocabulary. */
#define AT(field) offsetof(Jina, field)
static const WeightRow JINA_ROWS[] = {
    {AT(words), FORM_TABLE, {"embeddings.word_embeddings[V,C]"}},
    {AT(types), FORM_TABLE, {"embeddings.token_type_embeddings[1,C]"}},
    {AT(norm), FORM_NORM, {"emb_ln[C]"}},
};
#undef AT

#define AT(field) offsetof(JinaLayer, field)
static const WeightRow LAYER_ROWS[] = {
    {AT(qkv), FORM_MATRIX_BIAS, {"mixer.Wqkv[3C,C]"}},
    {AT(out), FORM_MATRIX_BIAS, {"mixer.out_proj[C,C]"}},
    {AT(norm1), FORM_NORM, {"norm1[C]"}},
    {AT(fc1), FORM_MATRIX_BIAS, {"mlp.fc1[F,C]"}},
    {AT(fc2), FORM_MATRIX_BIAS, {"mlp.fc2[C,F]"}},
    {AT(norm2), FORM_NORM, {"norm2[C]"}},
};
#undef AT

static void set_symbols(WeightScope *scope, const JinaConfig *c) {
    scope->symbol[WEIGHT_SYMBOL('C')] = c->hidden;
    scope->symbol[WEIGHT_SYMBOL('F')] = c->ffn;
    scope->symbol[WEIGHT_SYMBOL('V')] = c->vocabulary;
}

static void list_weights(WeightList *list, const JinaConfig *c, Jina *jina) {
    list->part = "pooled text encoder";
    set_symbols(weights_scope(list, jina, WEIGHT_ROWS(JINA_ROWS)), c);
    for (int64_t i = 0; i < c->layers; i++) {
        WeightScope *scope = weights_scope(list, jina ? &jina->layers[i] : NULL, WEIGHT_ROWS(LAYER_ROWS));
        snprintf(scope->prefix[0], sizeof scope->prefix[0], "encoder.layers.%lld.", (long long)i);
        set_symbols(scope, c);
        scope->group = GROUP_JINA;
    }
}

void jina_expected(const JinaConfig *config, WeightVisit *visit, void *context) {
    WeightList list = {.prefix = must_copy("model.")};
    list_weights(&list, config, NULL);
    weights_each(&list, visit, context);
    free(list.prefix);
    free(list.scopes);
}

/* ---- loading ------------------------------------------------------------------------------------------- */

static Status read_config(JinaConfig *c, const SafeTensors *file, const char *prefix, const Json *json) {
    c->vocabulary = weights_dim(file, prefix, "embeddings.word_embeddings.weight", 0);
    c->hidden = weights_dim(file, prefix, "embeddings.word_embeddings.weight", 1);
    c->ffn = weights_dim(file, prefix, "encoder.layers.0.mlp.fc1.weight", 0);
    c->layers = weights_layers(file, prefix, "encoder.layers.");
    c->heads = json_get_integer(json, "num_attention_heads", c->hidden / HEAD_SIZE);
    c->rotary_base = json_get_number(json, "rotary_emb_base", 20000);
    c->norm_eps = json_get_number(json, "layer_norm_eps", 1e-5);
    if (!c->hidden)
        return NULL; /* the check of the list will name what is missing */
    if (c->heads < 1 || c->heads > c->hidden || c->hidden % (2 * c->heads))
        return fail(ERR_FORMAT,
                    "the pooled text encoder is %lld wide with %lld heads, expected heads of an even size",
                    (long long)c->hidden, (long long)c->heads);
    if (!(c->rotary_base > 0) || !(c->norm_eps > 0) || c->layers < 1)
        return fail(ERR_FORMAT,
                    "the pooled text encoder has rotary_emb_base %g, layer_norm_eps %g, %lld layers, "
                    "expected numbers above 0", c->rotary_base, c->norm_eps, (long long)c->layers);
    return NULL;
}

/* The config of the original checkpoint keeps the text tower's values one level down. */
static const Json *text_config(const Json *config) {
    const Json *inner = json_get(config, "text_config");
    return inner ? inner : config;
}

Status jina_load(Jina **out, Ops *o, const SafeTensors *file, const Json *config, const LoadHow *how) {
    char *prefix = model_prefix(file, PART_JINA);
    if (!prefix)
        return model_wrong_kind(file, PART_JINA);
    Jina *jina = must_alloc(sizeof *jina);
    jina->weights.prefix = prefix;
    Status st = read_config(&jina->config, file, prefix, text_config(config));
    if (!st) {
        jina->layers = must_alloc(sizeof(JinaLayer) * (size_t)(jina->config.layers + 1));
        list_weights(&jina->weights, &jina->config, jina);
        st = weights_load(&jina->weights, o, file, how);
    }
    if (st)
        jina_free(jina, o);
    else
        *out = jina;
    return st;
}

void jina_free(Jina *jina, Ops *o) {
    if (!jina)
        return;
    weights_free(&jina->weights, o);
    free(jina->layers);
    free(jina);
}

const JinaConfig *jina_config(const Jina *jina) {
    return &jina->config;
}

size_t jina_bytes(const Jina *jina) {
    return jina->weights.bytes;
}

size_t jina_group_bytes(const Jina *jina, unsigned groups) {
    return jina ? weights_group_bytes(&jina->weights, groups) : 0;
}

size_t jina_away_bytes(const Jina *jina) {
    return jina ? weights_away_bytes(&jina->weights) : 0;
}

void jina_settle(Jina *jina, Ops *o) {
    weights_settle(&jina->weights, o);
}

/* ---- forward: model-spec 4.2 --------------------------------------------------------------------------- */

typedef struct Pass {
    const JinaConfig *config;
    const Seqs *seqs;
    Tensor cos, sin;
} Pass;

/* x = LN(w·h + b + x). */
static void add_norm(Ops *o, Tensor x, Tensor y, const NormWeights *norm, const Pass *pass) {
    op_layer_norm(o, x, y, &(LayerNormHow){.w = norm->w, .b = norm->b, .residual = x,
                                           .eps = (float)pass->config->norm_eps});
}

static void attention(Ops *o, Tensor y, Tensor x, const JinaLayer *layer, const Pass *pass) {
    const JinaConfig *c = pass->config;
    self_attention(o, y, x, &(SelfAttention){
        .qkv = &layer->qkv, .out = &layer->out, .shape = {c->heads, c->heads, c->hidden / c->heads},
        .rope = {.cos = pass->cos, .sin = pass->sin, .style = ROPE_HALVES},
        .how = {.mask = MASK_FULL, .seqs = pass->seqs},
    });
}

static void feed_forward(Ops *o, Tensor y, Tensor x, const JinaLayer *layer, const Pass *pass) {
    ArenaMark mark = ops_mark(o);
    Tensor f = ops_matrix(o, x.dims[0], pass->config->ffn);
    op_linear(o, f, x, &layer->fc1, (LinearHow){.act = ACT_GELU_ERF});
    op_linear(o, y, f, &layer->fc2, (LinearHow){0});
    ops_release(o, mark);
}

/* x = LN(word[id] + type[0]). */
static void embed(Ops *o, Tensor x, const Jina *jina, const int32_t *host_ids, const Pass *pass) {
    ArenaMark mark = ops_mark(o);
    Tensor kind = ops_matrix(o, x.dims[0], x.dims[1]);
    int32_t *zeros = calloc((size_t)x.dims[0] + 1, sizeof *zeros);
    if (zeros) {
        op_embed(o, x, jina->words.view, host_ids, 1);
        op_embed(o, kind, jina->types.view, zeros, 1);
        add_norm(o, x, kind, &jina->norm, pass);
    } else {
        ops_fail(o, fail(ERR_MEMORY, "no memory for %lld token types", (long long)x.dims[0]));
    }
    free(zeros);
    ops_release(o, mark);
}

void jina_encode(Ops *o, Tensor pooled, const Jina *jina, const int32_t *host_ids, const Seqs *seqs) {
    const JinaConfig *c = &jina->config;
    ArenaMark mark = ops_mark(o);
    Pass pass = {.config = c, .seqs = seqs};
    rope_halves(o, &pass.cos, &pass.sin, &(RopeHalves){c->hidden / c->heads, c->rotary_base, 1}, seqs);
    Tensor x = ops_matrix(o, seqs_rows(seqs), c->hidden), y = ops_matrix(o, seqs_rows(seqs), c->hidden);
    embed(o, x, jina, host_ids, &pass);
    Stream stream;
    stream_begin(&stream, o, &(StreamLayers){.layers = jina->layers, .size = sizeof *jina->layers,
                                             .count = c->layers, .uses = c->layers, .rows = LAYER_ROWS,
                                             .row_count = sizeof LAYER_ROWS / sizeof *LAYER_ROWS,
                                             .group = GROUP_JINA});
    for (int64_t i = 0; i < c->layers && !ops_status(o); i++) {
        const JinaLayer *layer = stream_layer(&stream, o, i);
        attention(o, y, x, layer, &pass);
        add_norm(o, x, y, &layer->norm1, &pass);
        feed_forward(o, y, x, layer, &pass);
        add_norm(o, x, y, &layer->norm2, &pass);
    }
    stream_end(&stream, o);
    op_mean_rows(o, pooled, x, seqs);
    ops_release(o, mark);
}
