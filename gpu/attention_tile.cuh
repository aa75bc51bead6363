/* attention_tile.cuh: what the two matrix kernels of attention share: which queries and keys a block has, the
 * softmax of one tile, and the store.
 *
 * Scores and sums of a warp are the C fragments of mma.cuh, [columns / 8][4]: a lane has two queries, eight
 * rows apart, and of each the columns 2t and 2t + 1 of every eight. wgmma has the same layout. */
#pragma once

#include "gpu/attention.cuh"
#include "gpu/mma.cuh"

__device__ __forceinline__ int attention_least(int a, int b) {
    return a < b ? a : b;
}

/* What a block works on. Rows count from the beginning of the sequence. */
struct AttentionWork {
    int head, kv_head;
    int64_t first;  /* row of the sequence in the packed tensors */
    int rows;       /* of the sequence */
    int query, end; /* of the block: its first, and the one behind its last */
    int from, to;   /* keys that some query of the block sees; from is a multiple of the tile */
};

__device__ __forceinline__ AttentionWork attention_work_of(const AttentionCall &a, int block_rows, int keys) {
    AttentionWork w;
    int tiles = gridDim.x / a.heads, tile = blockIdx.x % tiles;
    w.head = blockIdx.x / tiles;
    w.kv_head = w.head / a.group;
    int sequence = 0;
    for (; sequence + 1 < a.sequences; sequence++) {
        int blocks = (a.offsets[sequence + 1] - a.offsets[sequence] + block_rows - 1) / block_rows;
        if (tile < blocks)
            break;
        tile -= blocks;
    }
    w.first = a.offsets[sequence];
    w.rows = a.offsets[sequence + 1] - a.offsets[sequence];
    w.query = tile * block_rows;
    w.end = w.query + block_rows;
    w.to = a.causal && w.end < w.rows ? w.end : w.rows;
    w.from = a.window && w.query >= a.window ? (w.query - a.window + 1) / keys * keys : 0;
    return w;
}

/* The A fragments of 16 queries from global memory, once; rows outside the sequence are zeros. */
template <int STEPS>
__device__ __forceinline__ void attention_load_queries(uint32_t (&q)[STEPS][4], const bf16_t *from,
                                                       int64_t stride, int rows) {
    int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
#pragma unroll
    for (int i = 0; i < STEPS; i++)
#pragma unroll
        for (int r = 0; r < 4; r++) {
            int row = g + r % 2 * 8, column = 16 * i + 2 * t + r / 2 * 8;
            q[i][r] = row < rows ? *(const uint32_t *)(from + row * stride + column) : 0;
        }
}

/* Scores of pairs that do not see each other become -infinity. `row`: of the lane's first query; the second
 * is 8 below. */
template <int N>
__device__ __forceinline__ void attention_scores_mask(float (&s)[N][4], const AttentionCall &a,
                                                      const AttentionWork &w, int row, int key) {
#pragma unroll
    for (int i = 0; i < N * 4; i++) {
        int query = row + i / 2 % 2 * 8, j = key + i / 4 * 8 + threadIdx.x % 4 * 2 + i % 2;
        bool seen = j < (a.causal ? attention_least(w.rows, query + 1) : w.rows) &&
                    (!a.window || query - j < a.window);
        if (!seen)
            s[i / 4][i % 4] = -INFINITY;
    }
}

/* True when every query of the block sees every key of the tile. */
__device__ __forceinline__ bool attention_all_seen(const AttentionCall &a, const AttentionWork &w, int key,
                                                   int keys) {
    int limit = a.causal ? attention_least(w.rows, w.query + 1) : w.rows;
    return key + keys <= limit && (!a.window || w.end - 1 - key < a.window);
}

/* Scores become weights, 2 to the power of scale · score - base, where base is the running maximum times
 * scale; a query that has seen no key yet keeps -infinity. sum takes them in; factor is what sums of earlier
 * tiles must shrink by. All per lane for its two queries. */
template <int N>
__device__ __forceinline__ void attention_soften(float (&s)[N][4], float (&base)[2], float (&sum)[2],
                                                 float (&factor)[2], float scale) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float largest = -INFINITY, total = 0;
#pragma unroll
        for (int n = 0; n < N; n++)
            largest = fmaxf(largest, fmaxf(s[n][2 * h], s[n][2 * h + 1]));
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffff, largest, 1));
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffff, largest, 2));
        float now = fmaxf(base[h], largest * scale), minus = now == -INFINITY ? 0 : -now;
        factor[h] = exp2_fast(base[h] + minus);
        base[h] = now;
#pragma unroll
        for (int n = 0; n < N; n++) {
            s[n][2 * h] = exp2_fast(fmaf(s[n][2 * h], scale, minus));
            s[n][2 * h + 1] = exp2_fast(fmaf(s[n][2 * h + 1], scale, minus));
            total += s[n][2 * h] + s[n][2 * h + 1];
        }
        sum[h] = sum[h] * factor[h] + total;
    }
}

template <int N>
__device__ __forceinline__ void attention_shrink(float (&o)[N][4], const float (&factor)[2]) {
#pragma unroll
    for (int i = 0; i < 4 * N; i++)
        o[i / 4][i % 4] *= factor[i / 2 % 2];
}

/* Two neighbouring numbers of the result, those of the padding left out. */
__device__ __forceinline__ void attention_put(const AttentionCall &a, int64_t place, int column, float x,
                                              float y) {
    bf16_t *out = a.out + place + column;
    if (a.out_pairs && column + 1 < a.width) {
        *(uint32_t *)(void *)out = bf16_pair(x, y);
        return;
    }
    if (column < a.width)
        out[0] = from_float<bf16_t>(x);
    if (column + 1 < a.width)
        out[1] = from_float<bf16_t>(y);
}

/* Divides the sums by the totals of their rows and stores them. row: the lane's first query; column: the
 * first of the warp. */
template <int N>
__device__ __forceinline__ void attention_store_rows(const float (&o)[N][4], const float (&sum)[2],
                                                     const AttentionCall &a, const AttentionWork &w, int row,
                                                     int column) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float total = sum[h] + __shfl_xor_sync(0xffffffff, sum[h], 1);
        total += __shfl_xor_sync(0xffffffff, total, 2);
        if (row + 8 * h >= w.rows)
            continue;
        int64_t place = (w.first + row + 8 * h) * a.out_row + w.head * a.out_head;
        float factor = 1.0f / total;
#pragma unroll
        for (int n = 0; n < N; n++)
            attention_put(a, place, column + 8 * n + (int)threadIdx.x % 4 * 2, o[n][2 * h] * factor,
                          o[n][2 * h + 1] * factor);
    }
}
