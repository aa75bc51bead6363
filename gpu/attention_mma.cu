/* attention_mma.cu: softmax(scale · q kT) v of packed sequences without a score matrix, on matrix
 * instructions that every card since sm_80 has. The twin for Hopper is attention_wgmma.cu; attention.cu
 * chooses.
 *
 * A block of threads takes 64 queries of one head and walks over the keys of their sequence in tiles, with a
 * running maximum and sum per query (Milakov and Gimelshein 2018; Dao and others 2022 and 2023). Two tiles of
 * keys and values are in shared memory: one is being used, the next is on its way. Queries and sums stay in
 * registers. All heads of a group come one after the other, so that their keys are still in the second-level
 * cache.
 *
 * Heads up to 128 numbers wide: four warps of 16 queries. Wider ones (Gemma 256, VAE 512): eight warps, two
 * to the same queries; each multiplies one half of the head's width for the scores, the halves are added
 * through shared memory, and each then owns one half of the output's columns.
 *
 * Numbers are bf16, sums float32, weights of the softmax are rounded to bf16 for the second product. Every
 * sum has one order: the same input gives the same bits. */
#include "gpu/attention_tile.cuh"

enum { ATTENTION_ROWS = 64 };

template <int D> struct AttentionTiling {
    static const int SPLIT = D > 128 ? 2 : 1; /* warps to the same queries */
    static const int KEYS = D > 256 ? 16 : D > 128 ? 32 : 64;
    static const int WARPS = ATTENTION_ROWS / 16 * SPLIT, THREADS = 32 * WARPS;
    static const int CHUNKS = D / 8;    /* of 16 bytes in a row */
    static const int WIDTH = D / SPLIT; /* of the head, for one warp */
    static const int TILE = KEYS * D;   /* numbers of a tile of keys, or of values */
    static const int STAGE_BYTES = 2 * TILE * 2;
    static const int SHARED_BYTES = 2 * STAGE_BYTES + (SPLIT > 1 ? WARPS * 16 * KEYS * 4 : 0);
};

/* Where a row keeps its 16-byte chunk: ldmatrix reads eight neighbouring rows at once, and they must lie in
 * different banks (performance.md 3.4). */
template <int CHUNKS> __device__ __forceinline__ int attention_swizzle(int row, int chunk) {
    return CHUNKS % 8 ? chunk ^ (row >> 1 & 3) : chunk ^ (row & 7);
}

template <int D>
__device__ __forceinline__ const bf16_t *attention_tile_chunk(const bf16_t *tile, int row, int chunk) {
    return tile + row * D + attention_swizzle<D / 8>(row, chunk) * 8;
}

/* Begins to copy a tile; rows from `rows` on become zeros, because 0 · garbage need not be 0. */
template <int D>
__device__ __forceinline__ void attention_tile_load(bf16_t *tile, const bf16_t *from, int64_t stride,
                                                    int rows) {
    typedef AttentionTiling<D> T;
#pragma unroll
    for (int i = 0; i < T::KEYS * T::CHUNKS / T::THREADS; i++) {
        int place = i * T::THREADS + threadIdx.x, row = place / T::CHUNKS, chunk = place % T::CHUNKS;
        cp_async16(tile + row * D + attention_swizzle<T::CHUNKS>(row, chunk) * 8,
                   from + row * stride + chunk * 8, row < rows ? 16 : 0);
    }
}

/* s = queries · keys of the tile, over the warp's part of the width. */
template <int D>
__device__ __forceinline__ void attention_scores_of(float (&s)[AttentionTiling<D>::KEYS / 8][4],
                                                    const uint32_t (&q)[AttentionTiling<D>::WIDTH / 16][4],
                                                    const bf16_t *keys, int chunk) {
    int lane = threadIdx.x % 32, row = lane % 8 + lane / 16 * 8;
    chunk += lane / 8 % 2;
#pragma unroll
    for (int n = 0; n < AttentionTiling<D>::KEYS / 8; n++)
        s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
#pragma unroll
    for (int i = 0; i < AttentionTiling<D>::WIDTH / 16; i++)
#pragma unroll
        for (int n = 0; n < AttentionTiling<D>::KEYS / 16; n++) {
            uint32_t b[4];
            ldsm_x4(b, attention_tile_chunk<D>(keys, 16 * n + row, chunk + 2 * i));
            mma_16816(s[2 * n], q[i], b[0], b[1]);
            mma_16816(s[2 * n + 1], q[i], b[2], b[3]);
        }
}

/* Adds the scores of the warp that has the other half of the width. */
template <int N>
__device__ __forceinline__ void attention_scores_add(float (&s)[N][4], float *exchange, int warps) {
    int warp = threadIdx.x / 32, other = (warp + warps / 2) % warps, lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < N * 4; i++)
        exchange[(warp * N * 4 + i) * 32 + lane] = s[i / 4][i % 4];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < N * 4; i++)
        s[i / 4][i % 4] += exchange[(other * N * 4 + i) * 32 + lane];
}

/* o += weights · values of the tile, the warp's columns. */
template <int D>
__device__ __forceinline__ void attention_values_add(float (&o)[AttentionTiling<D>::WIDTH / 8][4],
                                                     const float (&p)[AttentionTiling<D>::KEYS / 8][4],
                                                     const bf16_t *values, int chunk) {
    int lane = threadIdx.x % 32, row = lane % 16;
    chunk += lane / 16;
#pragma unroll
    for (int i = 0; i < AttentionTiling<D>::KEYS / 16; i++) {
        uint32_t a[4] = {bf16_pair(p[2 * i][0], p[2 * i][1]), bf16_pair(p[2 * i][2], p[2 * i][3]),
                         bf16_pair(p[2 * i + 1][0], p[2 * i + 1][1]),
                         bf16_pair(p[2 * i + 1][2], p[2 * i + 1][3])};
#pragma unroll
        for (int n = 0; n < AttentionTiling<D>::WIDTH / 16; n++) {
            uint32_t b[4];
            ldsm_x4_trans(b, attention_tile_chunk<D>(values, 16 * i + row, chunk + 2 * n));
            mma_16816(o[2 * n], a, b[0], b[1]);
            mma_16816(o[2 * n + 1], a, b[2], b[3]);
        }
    }
}

/* With 512 numbers a warp keeps 128 registers of sums and 64 of queries, and the compiler spills 25 of the
 * others on sm_120 (gpu/resources.txt): it runs once for a picture, in the decoder. No other width spills on
 * any card. */
template <int D>
__global__ void __launch_bounds__(AttentionTiling<D>::THREADS) attention_mma_kernel(AttentionCall a) {
    typedef AttentionTiling<D> T;
    SHARED_DYN(bf16_t, tiles);
    float *exchange = (float *)(tiles + 4 * T::TILE);
    AttentionWork w = attention_work_of(a, ATTENTION_ROWS, T::KEYS);
    int warp = threadIdx.x / 32, half = warp / (ATTENTION_ROWS / 16),
        row = w.query + warp % (ATTENTION_ROWS / 16) * 16;
    const bf16_t *keys = a.k + w.first * a.k_row + w.kv_head * a.k_head;
    const bf16_t *values = a.v + w.first * a.v_row + w.kv_head * a.v_head;
    uint32_t q[T::WIDTH / 16][4];
    float o[T::WIDTH / 8][4] = {}, base[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

    attention_tile_load<D>(tiles, keys + w.from * a.k_row, a.k_row, w.to - w.from);
    attention_tile_load<D>(tiles + T::TILE, values + w.from * a.v_row, a.v_row, w.to - w.from);
    cp_async_commit();
    attention_load_queries(q, a.q + (w.first + row) * a.q_row + w.head * a.q_head + half * T::WIDTH, a.q_row,
                           w.rows - row);
    row += threadIdx.x % 32 / 4;
    int stage = 0;
    for (int key = w.from; key < w.to; key += T::KEYS, stage ^= 1) {
        const bf16_t *tile = tiles + stage * 2 * T::TILE;
        bf16_t *next = tiles + (stage ^ 1) * 2 * T::TILE;
        cp_async_wait<0>();
        __syncthreads(); /* the tile is there for all, and nobody uses the other one any more */
        if (key + T::KEYS < w.to) {
            int ahead = key + T::KEYS;
            attention_tile_load<D>(next, keys + ahead * a.k_row, a.k_row, w.to - ahead);
            attention_tile_load<D>(next + T::TILE, values + ahead * a.v_row, a.v_row, w.to - ahead);
            cp_async_commit();
        }
        float s[T::KEYS / 8][4], factor[2];
        attention_scores_of<D>(s, q, tile, half * T::WIDTH / 8);
        if (T::SPLIT > 1)
            attention_scores_add(s, exchange, T::WARPS);
        if (!attention_all_seen(a, w, key, T::KEYS))
            attention_scores_mask(s, a, w, row, key);
        attention_soften(s, base, sum, factor, a.scale);
        attention_shrink(o, factor);
        attention_values_add<D>(o, s, tile + T::TILE, half * T::WIDTH / 8);
    }
    attention_store_rows(o, sum, a, w, row, half * T::WIDTH);
}

template <int D> static Status attention_mma_launch(Cuda *cuda, const AttentionCall *call) {
    typedef AttentionTiling<D> T;
    CUDA_TRY(cuda,
             cudaFuncSetAttribute(attention_mma_kernel<D>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  T::SHARED_BYTES),
             "attention");
    LAUNCH(attention_mma_kernel<D>, call->heads * attention_blocks(call, ATTENTION_ROWS), T::THREADS,
           T::SHARED_BYTES, cuda->compute, *call);
    return cuda_launched(cuda, "attention");
}

Status attention_mma(Cuda *cuda, const AttentionCall *call, int padded) {
    switch (padded) {
    case 32: return attention_mma_launch<32>(cuda, call);
    case 64: return attention_mma_launch<64>(cuda, call);
    case 96: return attention_mma_launch<96>(cuda, call);
    case 128: return attention_mma_launch<128>(cuda, call);
    case 256: return attention_mma_launch<256>(cuda, call);
    default: return attention_mma_launch<512>(cuda, call);
    }
}
