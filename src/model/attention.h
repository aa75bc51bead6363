/* attention.h: the attention that all four networks have: one matrix for q, k and v, heads, one matrix out.
 * What differs (norms of q and k, rotation, mask, number of heads) comes in as data.
 * model-spec.md 2.7, 3.2, 4.2, 5.1. */
#pragma once

#include "ops/ops.h"

typedef struct HeadShape {
    int64_t heads, kv_heads, head_dim;
} HeadShape;

typedef struct SelfAttention {
    const Weight *qkv;   /* [q + 2 k, width], rows q, k, v */
    const Weight *out;   /* [width, q] */
    HeadShape shape;
    QkNormRopeHow rope;  /* cos NO_TENSOR: neither norm nor rotation */
    AttentionHow how;    /* scale 0: head_dim^-1/2 */
    StoreMode store;
    Tensor mixed;        /* [rows, q], room for what the heads give: x when nobody needs that afterwards;
                            NO_TENSOR: in the arena */
} SelfAttention;

/* y [rows, width] = or += out(softmax(scale · q kᵀ) v) of q, k, v = qkv·x; y is neither x nor mixed. Without
 * y (NO_TENSOR) the result comes to lie over q, k and v, in the arena above the present mark. Returns it. */
Tensor self_attention(Ops *o, Tensor y, Tensor x, const SelfAttention *a);

/* Heads from the widths of q and k and the size of a head, as a file's shapes give them; any may be 0,
 * unknown: the heads are then 0 and the missing tensor is told by the check of the weights. `part` is for the
 * message. Errors: ERR_FORMAT when there are no whole heads, or when heads do not share k evenly. */
Status heads_from_widths(HeadShape *out, const char *part, int64_t query, int64_t key, int64_t head_dim);
