/* parity_logits.c: the runs gemma_logits of tests/parity: the complete language model, next-token logits and
 * 16 greedy tokens. The program itself never runs the last layer and the output head, so they are put
 * together here: a copy of the file that pretends to have one layer more lets the encoder run all real ones,
 * and the final norm and the tied embedding are a few lines of float64. It shows that every layer of Gemma is
 * right, the last one too.
 *
 * Every token is looked for behind the stored ones, so that one that differs does not change the next. In
 * bf16 another token is right too when it beats the stored one by no more than the error that the difference
 * of two logits is allowed; how many did is printed. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/half.h"
#include "model/gemma.h"
#include "model/layout.h"
#include "tests/model/parity.h"

enum { GREEDY = 16, TOKENS_MAX = 4096 };

typedef struct Model {
    SafeTensors *file;   /* the copy */
    Gemma *gemma;
    float *embedding;    /* [vocabulary, hidden] */
    float *norm;         /* [hidden] */
    int64_t vocabulary, hidden;
} Model;

/* Writes the tensors of `file` and one of a layer that is not there. */
static Status write_longer(const char *path, const SafeTensors *file, const char *prefix, int64_t layers) {
    static const float nothing[1] = {0};
    size_t count = safetensors_count(file);
    SafeTensor *tensors = must_alloc(sizeof *tensors * (count + 1));
    for (size_t i = 0; i < count; i++)
        tensors[i] = *safetensors_at(file, i);
    Buf name = {0};
    buf_print(&name, "%slayers.%lld.input_layernorm.weight", prefix, (long long)layers);
    tensors[count] = (SafeTensor){.name = buf_string(&name), .type = DT_F32, .rank = 1, .dims = {1},
                                  .count = 1, .data = nothing, .bytes = sizeof nothing};
    Status st = safetensors_write(path, tensors, count + 1);
    free(tensors);
    buf_done(&name);
    return st;
}

static Status read_floats(float **out, const SafeTensors *file, const char *prefix, const char *name) {
    Buf full = {0};
    buf_print(&full, "%s%s", prefix, name);
    const SafeTensor *tensor = safetensors_find(file, buf_string(&full));
    buf_done(&full);
    if (!tensor)
        return fail(ERR_FORMAT, "%s is missing", name);
    *out = must_alloc(sizeof(float) * (size_t)(tensor->count + 1));
    float_from_dtype(*out, tensor->data, tensor->type, tensor->count);
    return NULL;
}

static Status open_model(Model *m, Ops *o, const Gemma *encoder, const SafeTensors *file,
                         const Json *config) {
    const char *folder = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    char *prefix = model_prefix(file, PART_GEMMA);
    Buf path = {0};
    buf_print(&path, "%s/parity-%ld.safetensors", folder, (long)getpid());
    *m = (Model){.vocabulary = gemma_config(encoder)->vocabulary, .hidden = gemma_config(encoder)->hidden};
    Status st = write_longer(buf_string(&path), file, prefix, gemma_config(encoder)->layers);
    if (!st)
        st = safetensors_open(&m->file, buf_string(&path));
    unlink(buf_string(&path));
    st = st ? st : gemma_load(&m->gemma, o, m->file, config, NULL);
    st = st ? st : read_floats(&m->embedding, file, prefix, "embed_tokens.weight");
    st = st ? st : read_floats(&m->norm, file, prefix, "norm.weight");
    free(prefix);
    buf_done(&path);
    return st;
}

static void close_model(Model *m, Ops *o) {
    gemma_free(m->gemma, o);
    safetensors_close(m->file);
    free(m->embedding);
    free(m->norm);
}

typedef struct Encoding {
    const Model *model;
    const int32_t *ids;
    int64_t count;
    float *last; /* [hidden]: state of the last token after all layers */
} Encoding;

static void encode(void *context, Ops *o) {
    Encoding *e = context;
    Seqs seqs = seqs_one(e->count);
    Tensor states = ops_matrix(o, e->count, e->model->hidden);
    gemma_encode(o, states, e->model->gemma, e->ids, &seqs);
    ops_download(o, e->last, tensor_rows(states, e->count - 1, 1));
}

/* logits [vocabulary] = E · (rms(state) · (1 + w)). */
static void output_head(float *logits, const Model *m, const float *state) {
    double squares = 0;
    for (int64_t i = 0; i < m->hidden; i++)
        squares += (double)state[i] * state[i];
    double scale = 1 / sqrt(squares / (double)m->hidden + gemma_config(m->gemma)->norm_eps);
    for (int64_t v = 0; v < m->vocabulary; v++) {
        double sum = 0;
        for (int64_t i = 0; i < m->hidden; i++)
            sum += state[i] * scale * (1.0 + m->norm[i]) * m->embedding[v * m->hidden + i];
        logits[v] = (float)sum;
    }
}

static int32_t best(const float *logits, int64_t count) {
    int64_t at = 0;
    for (int64_t i = 1; i < count; i++)
        if (logits[i] > logits[at])
            at = i;
    return (int32_t)at;
}

typedef struct Greedy {
    const int32_t *expected; /* [GREEDY] */
    double allowed;          /* error of a logit in relation to the size of all */
    int wrong, near;         /* tokens that differ, and those of them that are nearly as good */
} Greedy;

/* The root of the mean square. */
static double size_of(const float *logits, int64_t count) {
    double squares = 0;
    for (int64_t i = 0; i < count; i++)
        squares += (double)logits[i] * logits[i];
    return sqrt(squares / (double)count);
}

static void judge_token(Greedy *greedy, const float *logits, int64_t count, int32_t expected) {
    int32_t got = best(logits, count);
    double allowed = M_SQRT2 * greedy->allowed * size_of(logits, count);
    bool near = logits[got] - logits[expected] <= allowed;
    greedy->wrong += got != expected && !near;
    greedy->near += got != expected && near;
}

/* first [vocabulary]: the logits behind the given ids; then what follows them and the expected tokens. */
static Status generate(float *first, Greedy *greedy, const Model *m, Ops *o, const SafeTensor *ids) {
    int32_t *all = must_alloc(sizeof *all * (size_t)(ids->count + GREEDY));
    float *logits = must_alloc(sizeof *logits * (size_t)m->vocabulary),
            *state = must_alloc(sizeof *state * (size_t)m->hidden);
    memcpy(all, ids->data, sizeof *all * (size_t)ids->count);
    memcpy(all + ids->count, greedy->expected, sizeof *all * GREEDY);
    Status st = NULL;
    for (int i = 0; i < GREEDY && !st; i++) {
        Encoding encoding = {.model = m, .ids = all, .count = ids->count + i, .last = state};
        st = compute(o, encode, &encoding);
        output_head(i ? logits : first, m, state);
        judge_token(greedy, i ? logits : first, m->vocabulary, greedy->expected[i]);
    }
    free(all);
    free(logits);
    free(state);
    return st;
}

/* Whether all are ids of a vocabulary of this size. */
static bool tokens_valid(const SafeTensor *greedy, int64_t vocabulary) {
    for (int64_t i = 0; i < greedy->count; i++) {
        int32_t id = ((const int32_t *)greedy->data)[i];
        if (id < 0 || id >= vocabulary)
            return false;
    }
    return true;
}

void parity_logits(const Case *c, int run, Ops *o, const GemmaCase *gemma) {
    const SafeTensor *ids = case_tensor(c, run, "ids"), *logits = case_tensor(c, run, "logits");
    const SafeTensor *greedy = case_tensor(c, run, "greedy");
    Model m = {0};
    Status st = NULL;
    if (!ids || !logits || !greedy || ids->type != DT_I32 || greedy->type != DT_I32 ||
        greedy->count != GREEDY || ids->count > TOKENS_MAX)
        st = fail(ERR_FORMAT, "run %d lacks one of ids, logits, greedy", run);
    st = st ? st : open_model(&m, o, gemma->gemma, gemma->file, gemma->config);
    if (!st && logits->count != m.vocabulary)
        st = fail(ERR_FORMAT, "run %d has %lld logits", run, (long long)logits->count);
    if (!st && !tokens_valid(greedy, m.vocabulary))
        st = fail(ERR_FORMAT, "run %d has greedy tokens that are no ids", run);
    float *first = must_alloc(sizeof *first * (size_t)(m.vocabulary + 1));
    Greedy found = {.expected = greedy ? greedy->data : NULL};
    if (c->path->precision == PRECISION_BF16)
        found.allowed = case_limit(c, run, "logits");
    st = st ? st : generate(first, &found, &m, o, ids);
    if (st) {
        report_failure(c, run, "logits", st);
        report_failure(c, run, "greedy", st);
    } else {
        report_error(c, run, "logits", error_relative(first, logits->data, logits->count),
                     case_limit(c, run, "logits"));
        report_error(c, run, "greedy", found.wrong, 0);
        if (found.near)
            printf("# %d of %d tokens are others that are nearly as good\n", found.near, GREEDY);
    }
    free(first);
    close_model(&m, o);
}
