/* attention.c: see attention.h. */
#include "config.h"

#include "model/attention.h"

#include <math.h>

Tensor self_attention(Ops *o, Tensor y, Tensor x, const SelfAttention *a) {
    const HeadShape *s = &a->shape;
    int64_t rows = x.dims[0], query = s->heads * s->head_dim, key = s->kv_heads * s->head_dim;
    int64_t width = query + 2 * key > a->out->out ? query + 2 * key : a->out->out;
    AttentionHow how = a->how;
    if (how.scale == 0)
        how.scale = (float)(1 / sqrt((double)s->head_dim));
    ArenaMark mark = ops_mark(o);
    Tensor room = ops_matrix(o, rows, width), qkv = tensor_columns(room, 0, query + 2 * key);
    Tensor mixed = a->mixed.data ? a->mixed : ops_matrix(o, rows, query);
    Tensor q = tensor_heads(tensor_columns(qkv, 0, query), s->heads);
    Tensor k = tensor_heads(tensor_columns(qkv, query, key), s->kv_heads);
    Tensor v = tensor_heads(tensor_columns(qkv, query + key, key), s->kv_heads);
    op_linear(o, qkv, x, a->qkv, (LinearHow){0});
    if (a->rope.cos.data)
        op_qk_norm_rope(o, q, k, &a->rope);
    op_attention(o, tensor_heads(mixed, s->heads), q, k, v, &how);
    Tensor result = y.data ? y : tensor_columns(room, 0, a->out->out);
    op_linear(o, result, mixed, a->out, (LinearHow){.store = a->store});
    if (y.data)
        ops_release(o, mark);
    return result;
}

Status heads_from_widths(HeadShape *out, const char *part, int64_t query, int64_t key, int64_t head_dim) {
    *out = (HeadShape){.head_dim = head_dim};
    if (!head_dim || !query || !key)
        return NULL;
    out->heads = query / head_dim;
    out->kv_heads = key / head_dim;
    if (!out->kv_heads || query % head_dim || key % head_dim || out->heads % out->kv_heads || head_dim % 2)
        return fail(ERR_FORMAT,
                    "the %s's attention has q of %lld and k of %lld with heads of %lld, expected whole heads",
                    part, (long long)query, (long long)key, (long long)head_dim);
    return NULL;
}
