/* attention.cuh: what the matrix kernels of attention are told, and which of them there are. */
#pragma once

#include "gpu/runtime.cuh"

/* The widest head that a matrix kernel does. */
enum { ATTENTION_WIDTH_MAX = 512 };

/* q, k, v [rows, heads, padded] bf16 by strides (in numbers): heads padded with zeros to a width the kernels
 * know, rows and heads that begin at 16 bytes. */
typedef struct AttentionCall {
    const bf16_t *q, *k, *v;
    bf16_t *out; /* without padding, anywhere */
    int64_t q_row, q_head, k_row, k_head, v_row, v_head, out_row, out_head;
    int heads, group; /* query heads; how many of them share a kv head */
    int width;        /* of a head in `out` */
    int sequences, offsets[SEQS_MAX + 1];
    int causal, window; /* window 0: none */
    float scale;        /* of the scores, times log2(e); above 0 */
    int out_pairs;      /* not 0: pairs of columns may be stored at once */
} AttentionCall;

/* Blocks of `rows` queries that one head has. */
int attention_blocks(const AttentionCall *call, int rows);

/* Enqueues a call on the matrix instructions of sm_80 and later. `padded`: 32, 64, 96, 128, 256 or 512. */
Status attention_mma(Cuda *cuda, const AttentionCall *call, int padded);

/* The same on those of Hopper. _try: finds out whether this card has them and whether they give what
 * attention_mma gives, once, when the card is opened (cuda->wgmma); errors: ERR_DEVICE. _can: whether this
 * call suits too. */
Status attention_wgmma_try(Cuda *cuda);
bool attention_wgmma_can(const Cuda *cuda, const AttentionCall *call, int padded);
Status attention_wgmma(Cuda *cuda, const AttentionCall *call, int padded);
