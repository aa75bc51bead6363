/* adapter.c: see adapter.h. Scaling is alpha / rank = 1 and the task index is 0 for jina-clip-v2
 * ("retrieval.query" is its only adapter and always on). Source: model-spec.md 4.3, reference case
 * jina-adapters. */
#include "config.h"

#include "model/adapter.h"

#include <stdio.h>
#include <stdlib.h>

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

/* The numbers as float32, owned. */
static Status as_floats(float **out, const SafeTensor *tensor) {
    if (tensor->type != DT_F32 && tensor->type != DT_F16 && tensor->type != DT_BF16)
        return fail(ERR_FORMAT, "%s is stored as %s; readable are f32 f16 bf16", tensor->name,
                    dtype_name(tensor->type));
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

static void add_product(float *weight, const Factors *f, int64_t rows, int64_t width) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < f->rank; k++) {
            float factor = f->left[i * f->rank + k];
            for (int64_t j = 0; j < width; j++)
                weight[i * width + j] += factor * f->right[k * width + j];
        }
}

Status adapter_merge(HostWeight *out, const SafeTensors *file, const char *module) {
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
    Status st = read_factors(&factors, weight, a, b);
    float *merged = NULL;
    if (!st)
        st = as_floats(&merged, weight);
    if (!st) {
        add_product(merged, &factors, weight->dims[0], weight->dims[1]);
        out->owned = merged;
        out->view = tensor_2d(merged, DT_F32, weight->dims[0], weight->dims[1]);
    }
    free(factors.left);
    free(factors.right);
    return st;
}
