/* gemma.h: the Gemma 3 text encoder: token ids to one state per token (after the last layer but one, no final
 * norm). model-spec.md 3. */
#pragma once

#include "model/dit.h"

typedef struct GemmaConfig {
    int64_t hidden, ffn, layers, heads, kv_heads, head_dim, vocabulary;
    int64_t window;          /* of sliding layers */
    int64_t pattern;         /* layer i is full when (i + 1) % pattern == 0 */
    double theta_full, theta_sliding, rope_factor; /* rope_factor divides the frequencies of full layers */
    double attention_scale;  /* query_pre_attn_scalar^-1/2 */
    double norm_eps;
} GemmaConfig;

typedef struct Gemma Gemma;

/* config: text_encoder/config.json (text-only or with text_config) or NULL (then the values of the 4B model,
 * model-spec 3.1, beside what shapes tell). The last layer and the final norm are not loaded. The embedding
 * table stays in the mapping, so `file` must outlive the model. Ownership, progress and errors as dit_load;
 * also ERR_UNSUPPORTED for a rope type or layer pattern that is not run here. */
Status gemma_load(Gemma **out, Ops *o, const SafeTensors *file, const Json *config, const LoadHow *how);
void gemma_free(Gemma *gemma, Ops *o);
const GemmaConfig *gemma_config(const Gemma *gemma);
size_t gemma_bytes(const Gemma *gemma); /* device memory of the weights; the table is not in it */
size_t gemma_group_bytes(const Gemma *gemma, unsigned groups); /* as dit_group_bytes, dit_settle */
size_t gemma_away_bytes(const Gemma *gemma);
void gemma_settle(Gemma *gemma, Ops *o);

/* states [rows, hidden] on the device from ids [rows] on the host, several texts packed. Ids must be below
 * vocabulary. Uses the arena above the present mark and releases it. Errors are sticky in o. */
void gemma_encode(Ops *o, Tensor states, const Gemma *gemma, const int32_t *host_ids, const Seqs *seqs);
