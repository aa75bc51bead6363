/* attention_wgmma.cu: the attention of the DiT (heads of 96, every key seen) on the matrix instructions of
 * Hopper. The twin of attention_mma.cu: same call, same softmax, other tiles. performance.md 3.4, rank 2.
 *
 * 128 queries of one head, 64 for each of two groups of four warps, over tiles of 128 keys. The softmax of
 * one tile is done while the values of the tile before are multiplied (the order of steps of
 * FlashAttention-3, Shah and others 2024): keys are one tile ahead of values. Tiles come by cp.async; no warp
 * is kept for loading, and no barrier but the one of the block, once a tile.
 *
 * Not measured: no such card was at hand when it was written. On the emulated device it runs with wgmma done
 * at once, which shows the tiles, the order of the steps and the masks, not the descriptors of the real
 * instruction; `newbie check` on a card compares it with attention_mma. NEWBIE_ATTENTION=mma keeps it from
 * being used, NEWBIE_ATTENTION=wgmma asks for it on the emulated device. */
#include "gpu/attention_tile.cuh"
#include "gpu/wgmma.cuh"

enum {
    WGMMA_WIDTH = 96,
    WGMMA_ROWS = 128,
    WGMMA_KEYS = 128,
    WGMMA_THREADS = 256,
    WGMMA_TILE = WGMMA_KEYS * WGMMA_WIDTH, /* numbers */
    WGMMA_BLOCK_BYTES = WGMMA_KEYS * 64,   /* of 32 columns */
    WGMMA_ALIGN = 1024,
    WGMMA_SHARED_BYTES = 4 * WGMMA_TILE * 2 + WGMMA_ALIGN,
};

#if defined(WGMMA_HERE)

__device__ __forceinline__ void wgmma_load(bf16_t *tile, const bf16_t *from, int64_t stride, int rows) {
    enum { CHUNKS = WGMMA_WIDTH / 8 };
#pragma unroll
    for (int i = 0; i < WGMMA_KEYS * CHUNKS / WGMMA_THREADS; i++) {
        int place = i * WGMMA_THREADS + (int)threadIdx.x, row = place / CHUNKS, chunk = place % CHUNKS;
        cp_async16(tile + wgmma_place(WGMMA_KEYS, row, chunk), from + row * stride + chunk * 8,
                   row < rows ? 16 : 0);
    }
}

/* What a thread keeps through the walk over the keys. */
struct WgmmaWalk {
    AttentionWork w;
    const bf16_t *keys, *values; /* of the sequence and head, in global memory */
    bf16_t *tiles;               /* keys 0, keys 1, values 0, values 1 */
    int row;                     /* of the lane's first query */
    uint32_t q[WGMMA_WIDTH / 16][4];
    float o[WGMMA_WIDTH / 8][4], base[2], sum[2];
};

/* Begins to bring the keys from row `key` on, and the values from `value` on; nothing behind the end. */
__device__ __forceinline__ void wgmma_bring(WgmmaWalk &x, const AttentionCall &a, int key, int value) {
    bf16_t *k = x.tiles + key / WGMMA_KEYS % 2 * WGMMA_TILE,
           *v = x.tiles + (2 + value / WGMMA_KEYS % 2) * WGMMA_TILE;
    if (key < x.w.to)
        wgmma_load(k, x.keys + key * a.k_row, a.k_row, x.w.to - key);
    if (value < x.w.to)
        wgmma_load(v, x.values + value * a.v_row, a.v_row, x.w.to - value);
    cp_async_commit();
}

/* What was brought is there for all threads and for wgmma. */
__device__ __forceinline__ void wgmma_arrive() {
    cp_async_wait<0>();
    shared_for_wgmma();
    __syncthreads();
}

/* Begins s = queries · keys from row `key` on. */
__device__ __forceinline__ void wgmma_scores(float (&s)[16][4], WgmmaWalk &x, int key) {
    WgmmaTile tile = wgmma_tile(x.tiles + key / WGMMA_KEYS % 2 * WGMMA_TILE, WGMMA_BLOCK_BYTES);
    wgmma_hold(s);
    wgmma_begin();
#pragma unroll
    for (int i = 0; i < WGMMA_WIDTH / 16; i++)
        wgmma_n128(s, x.q[i], wgmma_ahead(tile, i / 2 * WGMMA_BLOCK_BYTES + i % 2 * 32), i);
    wgmma_commit();
}

/* Begins o += weights · values from row `value` on. */
__device__ __forceinline__ void wgmma_values(WgmmaWalk &x, const uint32_t (&p)[8][4], int value) {
    WgmmaTile tile = wgmma_tile(x.tiles + (2 + value / WGMMA_KEYS % 2) * WGMMA_TILE, WGMMA_BLOCK_BYTES);
    wgmma_hold(x.o);
    wgmma_begin();
#pragma unroll
    for (int i = 0; i < WGMMA_KEYS / 16; i++)
        wgmma_n96_across(x.o, p[i], wgmma_ahead(tile, i * 16 * 64));
    wgmma_commit();
}

/* Weights as the A fragments of 16 keys each. */
__device__ __forceinline__ void wgmma_weights(uint32_t (&p)[8][4], const float (&s)[16][4]) {
#pragma unroll
    for (int i = 0; i < 32; i++)
        p[i / 4][i % 4] = bf16_pair(s[i / 2][i % 2 * 2], s[i / 2][i % 2 * 2 + 1]);
}

__device__ __forceinline__ void wgmma_soften(float (&s)[16][4], float (&factor)[2], WgmmaWalk &x,
                                             const AttentionCall &a, int key) {
    if (!attention_all_seen(a, x.w, key, WGMMA_KEYS))
        attention_scores_mask(s, a, x.w, x.row, key);
    attention_soften(s, x.base, x.sum, factor, a.scale);
}

#endif

__global__ void __launch_bounds__(WGMMA_THREADS, 1) attention_wgmma_kernel(AttentionCall a) {
#if defined(WGMMA_HERE)
    SHARED_DYN(char, shared);
    WgmmaWalk x;
    float s[16][4], factor[2];
    uint32_t p[8][4];
    x.tiles = (bf16_t *)(((uintptr_t)shared + WGMMA_ALIGN - 1) / WGMMA_ALIGN * WGMMA_ALIGN);
    x.w = attention_work_of(a, WGMMA_ROWS, WGMMA_KEYS);
    x.keys = a.k + x.w.first * a.k_row + x.w.kv_head * a.k_head;
    x.values = a.v + x.w.first * a.v_row + x.w.kv_head * a.v_head;
    x.row = x.w.query + (int)threadIdx.x / 32 * 16;
    wgmma_bring(x, a, 0, x.w.to);
    attention_load_queries(x.q, a.q + (x.w.first + x.row) * a.q_row + x.w.head * a.q_head, a.q_row,
                           x.w.rows - x.row);
    x.row += (int)threadIdx.x % 32 / 4;
#pragma unroll
    for (int i = 0; i < 48; i++)
        x.o[i / 4][i % 4] = 0;
    x.base[0] = x.base[1] = -INFINITY;
    x.sum[0] = x.sum[1] = 0;
    wgmma_arrive();
    wgmma_bring(x, a, WGMMA_KEYS, 0);
    wgmma_scores(s, x, 0);
    wgmma_wait<0>();
    wgmma_hold(s);
    wgmma_soften(s, factor, x, a, 0);
    wgmma_weights(p, s);
    int key = WGMMA_KEYS;
    for (; key < x.w.to; key += WGMMA_KEYS) {
        wgmma_arrive(); /* also: nobody reads the tiles any more that are brought now */
        wgmma_bring(x, a, key + WGMMA_KEYS, key);
        wgmma_scores(s, x, key);
        wgmma_values(x, p, key - WGMMA_KEYS);
        wgmma_wait<1>();
        wgmma_hold(s);
        wgmma_soften(s, factor, x, a, key);
        wgmma_wait<0>();
        wgmma_hold(x.o);
        attention_shrink(x.o, factor);
        wgmma_weights(p, s);
    }
    wgmma_arrive();
    wgmma_values(x, p, key - WGMMA_KEYS);
    wgmma_wait<0>();
    wgmma_hold(x.o);
    attention_store_rows(x.o, x.sum, a, x.w, x.row, 0);
#endif
}

bool attention_wgmma_can(const Cuda *cuda, const AttentionCall *call, int padded) {
    const char *asked = getenv("NEWBIE_ATTENTION");
    if (padded != WGMMA_WIDTH || call->causal || (asked && !strcmp(asked, "mma")))
        return false;
#ifdef NEWBIE_EMULATED
    (void)cuda;
    return asked && !strcmp(asked, "wgmma");
#else
    return cuda->architecture == 90;
#endif
}

Status attention_wgmma(Cuda *cuda, const AttentionCall *call, int) {
    CUDA_TRY(cuda,
             cudaFuncSetAttribute(attention_wgmma_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  WGMMA_SHARED_BYTES),
             "attention");
    LAUNCH(attention_wgmma_kernel, call->heads * attention_blocks(call, WGMMA_ROWS), WGMMA_THREADS,
           WGMMA_SHARED_BYTES, cuda->compute, *call);
    return cuda_launched(cuda, "attention");
}
