/* adapter.h: the low-rank adapters inside the original Jina checkpoint, merged into the weight they belong
 * to. model-spec.md 4.3. */
#pragma once

#include "base/team.h"
#include "io/safetensors.h"
#include "ops/tensor.h"

/* The weight of a module on the host: a view into the mapping, or a merged copy. */
typedef struct HostWeight {
    const SafeTensor *source; /* NULL: the file has no such weight */
    Tensor view;              /* first 4 dimensions of the source */
    void *owned;              /* float32 copy, NULL for a view; freed by the caller */
} HostWeight;

/* A view of a tensor of rank 0 to 4; rank 0 becomes [1]. */
Tensor host_view(const SafeTensor *tensor);

/* MODULE.weight, else MODULE.parametrizations.weight.original. */
const SafeTensor *adapter_weight(const SafeTensors *file, const char *module);

/* Whether any weight of the file has an adapter beside it. */
bool adapter_any(const SafeTensors *file);

typedef enum AdapterWork {
    ADAPTER_MERGE,
    ADAPTER_CHECK, /* all but the numbers: the view then only has the shape and type of the merged weight */
} AdapterWork;

typedef struct AdapterHow {
    AdapterWork work;
    Team *team; /* threads that share the rows; NULL: the caller's alone */
} AdapterHow;

/* Sets *out to the weight of `module`, with adapter 0 merged at scaling 1: W + B·A for linears (lora_A [1, r,
 * in], lora_B [1, out, r]), W + A·B for embeddings (lora_A [1, n, r], lora_B [1, r, width]). Errors:
 * ERR_FORMAT (adapter does not fit the weight), ERR_UNSUPPORTED (several tasks), ERR_MEMORY. */
Status adapter_merge(HostWeight *out, const SafeTensors *file, const char *module, const AdapterHow *how);
