/* adapter.c: see adapter.h. Scaling is alpha / rank = 1 and the task index is 0 for jina-clip-v2
 * ("retrieval.query" is its only adapter and always on). Source: model-spec.md 4.3, reference case
 * jina-adapters. */
#include "config.h"

#include "model/adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"

enum { NAME_ROOM = 400 };

static const SafeTensor *find(const SafeTensors *file, const char *module, const char *suffix) {
    char name[NAME_ROOM];
    snprintf(name, sizeof name, "%s%s", module, suffix);
    return safetensors_find(file, name);
}

Tensor host_view(const SafeTensor *tensor) {
    /* read only: weights are never written through their view */
    void *data = (void *)(uintptr_t)tensor->data;
    const int64_t *d = tensor->dims;
    switch (tensor->rank) {
    case 0: return tensor_1d(data, tensor->type, 1);
    case 1: return tensor_1d(data, tensor->type, d[0]);
    case 2: return tensor_2d(data, tensor->type, d[0], d[1]);
    case 3: return tensor_3d(data, tensor->type, d[0], d[1], d[2]);
    default: return tensor_4d(data, tensor->type, d[0], d[1], d[2], d[3]);
    }
}

const SafeTensor *adapter_weight(const SafeTensors *file, const char *module) {
    const SafeTensor *plain = find(file, module, ".weight");
    return plain ? plain : find(file, module, ".parametrizations.weight.original");
}

/* The two factors as L [rows, rank] · R [rank, width], float32. */
typedef struct Factors {
    float *left, *right;
    int64_t rank;
} Factors;

static Status readable(const SafeTensor *tensor) {
    if (tensor->type != DT_F32 && tensor->type != DT_F16 && tensor->type != DT_BF16)
        return fail(ERR_FORMAT, "%s is stored as %s; readable are f32 f16 bf16", tensor->name,
                    dtype_name(tensor->type));
    return NULL;
}

/* The numbers as float32, owned. */
static Status as_floats(float **out, const SafeTensor *tensor) {
    TRY(readable(tensor));
    *out = malloc(sizeof(float) * (size_t)(tensor->count ? tensor->count : 1));
    if (!*out)
        return fail(ERR_MEMORY, "no memory to merge the adapter with %s", tensor->name);
    float_from_dtype(*out, tensor->data, tensor->type, tensor->count);
    return NULL;
}

/* Which of lora_A and lora_B stands left follows from their shapes against the weight [rows, width]. */
static Status read_factors(Factors *out, const SafeTensor *weight, const SafeTensor *a, const SafeTensor *b) {
    if (weight->rank != 2 || a->rank != 3 || b->rank != 3)
        return fail(ERR_FORMAT, "the adapter of %s is not a pair of matrices", weight->name);
    if (a->dims[0] != 1 || b->dims[0] != 1)
        return fail(ERR_UNSUPPORTED, "%s holds adapters for %lld tasks, expected 1", a->name,
                    (long long)a->dims[0]);
    int64_t rows = weight->dims[0], width = weight->dims[1];
    const SafeTensor *left = b, *right = a; /* a linear: B [out, r] · A [r, in] */
    if (b->dims[1] != rows || a->dims[2] != width || b->dims[2] != a->dims[1]) {
        left = a, right = b; /* an embedding: A [n, r] · B [r, width] */
        if (a->dims[1] != rows || b->dims[2] != width || a->dims[2] != b->dims[1])
            return fail(ERR_FORMAT, "%s does not fit its weight [%lld, %lld]", a->name, (long long)rows,
                        (long long)width);
    }
    out->rank = left->dims[2];
    TRY(as_floats(&out->left, left));
    return as_floats(&out->right, right);
}

/* One weight, row by row: a row is short enough to stay in the cache while the factors' rows are added. */
typedef struct Merge {
    float *out; /* [rows, width] */
    const SafeTensor *weight;
    const Factors *factors;
    int64_t rows, width;
} Merge;

enum { UNIT_ROWS = 64 };

static void merge_row(const Merge *m, int64_t row) {
    const Factors *f = m->factors;
    float *out = m->out + row * m->width;
    const char *from = (const char *)m->weight->data + (size_t)(row * m->width) * dtype_size(m->weight->type);
    float_from_dtype(out, from, m->weight->type, m->width);
    for (int64_t k = 0; k < f->rank; k++) {
        float factor = f->left[row * f->rank + k];
        for (int64_t j = 0; j < m->width; j++)
            out[j] += factor * f->right[k * m->width + j];
    }
}

static void merge_unit(void *job, int64_t unit, int thread) {
    const Merge *m = job;
    (void)thread;
    for (int64_t row = unit * UNIT_ROWS; row < m->rows && row < (unit + 1) * UNIT_ROWS; row++)
        merge_row(m, row);
}

/* The merged weight, owned; NULL without memory. */
static float *merged(const SafeTensor *weight, const Factors *factors, Team *team) {
    Merge m = {malloc(sizeof(float) * (size_t)(weight->count ? weight->count : 1)), weight, factors,
               weight->dims[0], weight->dims[1]};
    int64_t units = m.out ? (m.rows + UNIT_ROWS - 1) / UNIT_ROWS : 0;
    if (team)
        team_run(team, merge_unit, &m, units);
    for (int64_t unit = 0; unit < units && !team; unit++)
        merge_unit(&m, unit, 0);
    return m.out;
}

bool adapter_any(const SafeTensors *file) {
    for (size_t i = 0; i < safetensors_count(file); i++)
        if (strstr(safetensors_at(file, i)->name, ".parametrizations.weight.0.lora_A"))
            return true;
    return false;
}

Status adapter_merge(HostWeight *out, const SafeTensors *file, const char *module, const AdapterHow *how) {
    const SafeTensor *weight = adapter_weight(file, module);
    *out = (HostWeight){.source = weight};
    if (!weight)
        return NULL;
    out->view = host_view(weight);
    const SafeTensor *a = find(file, module, ".parametrizations.weight.0.lora_A");
    const SafeTensor *b = find(file, module, ".parametrizations.weight.0.lora_B");
    if (!a || !b)
        return NULL;
    Factors factors = {0};
    Status st = readable(weight);
    if (!st)
        st = read_factors(&factors, weight, a, b);
    if (!st)
        out->view.type = DT_F32;
    if (!st && how->work == ADAPTER_MERGE) {
        out->owned = merged(weight, &factors, how->team);
        out->view.data = out->owned;
        if (!out->owned)
            st = fail(ERR_MEMORY, "no memory to merge the adapter with %s", weight->name);
    }
    free(factors.left);
    free(factors.right);
    return st;
}
