/* jina.h: the text tower of Jina CLIP v2: token ids to one pooled vector (mean over all tokens, not
 * normalised). model-spec.md 4. */
#pragma once

#include "model/dit.h"

typedef struct JinaConfig {
    int64_t hidden, ffn, layers, heads, vocabulary;
    double rotary_base, norm_eps;
} JinaConfig;

typedef struct Jina Jina;

/* Single-file names, or the original ones with the adapter (merged in float32). config may be NULL: head size
 * 64, base 20000, eps 1e-5. The embedding table stays in the mapping unless an adapter had to be merged into
 * it, so `file` must outlive the model. Ownership, progress and errors as dit_load; also ERR_UNSUPPORTED for
 * adapters of several tasks. */
Status jina_load(Jina **out, Ops *o, const SafeTensors *file, const Json *config, const LoadHow *how);
void jina_free(Jina *jina, Ops *o);
const JinaConfig *jina_config(const Jina *jina);
size_t jina_bytes(const Jina *jina); /* device memory of the weights; the tables are not in it */
size_t jina_group_bytes(const Jina *jina, unsigned groups); /* as dit_group_bytes, dit_settle */
size_t jina_away_bytes(const Jina *jina);
void jina_settle(Jina *jina, Ops *o);

/* pooled [sequences, hidden] on the device from packed ids on the host, which must be below vocabulary. Uses
 * the arena above the present mark and releases it. Errors are sticky in o. */
void jina_encode(Ops *o, Tensor pooled, const Jina *jina, const int32_t *host_ids, const Seqs *seqs);
