/* attention_wgmma.cu: the attention of the DiT (heads of 96, every key seen) on the matrix instructions of
 * Hopper. The twin of attention_mma.cu: same call, same softmax, other tiles. performance.md 3.4, rank 2.
 *
 * 128 queries of one head, 64 for each of two groups of four warps, over tiles of 128 keys. The softmax of
 * one tile is done while the values of the tile before are multiplied (the order of steps of
 * FlashAttention-3, Shah and others 2024): keys are one tile ahead of values. Tiles come by cp.async; no warp
 * is kept for loading, and no barrier but the one of the block, once a tile.
 *
 * Not measured: no such card was at hand when it was written. Therefore a card is put to the proof when it is
 * opened: a small attention by both twins, and where they differ this one is not used; the description of the
 * device says which way it went. NEWBIE_ATTENTION=mma keeps it from being used, NEWBIE_ATTENTION=wgmma asks
 * for it on the emulated device. */
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
    WgmmaTile tile = wgmma_tile(x.tiles + key / WGMMA_KEYS % 2 * WGMMA_TILE, 16);
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

Status attention_wgmma(Cuda *cuda, const AttentionCall *call, int) {
    CUDA_TRY(cuda,
             cudaFuncSetAttribute(attention_wgmma_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  WGMMA_SHARED_BYTES),
             "attention");
    LAUNCH(attention_wgmma_kernel, (unsigned)(call->heads * attention_blocks(call, WGMMA_ROWS)),
           WGMMA_THREADS, WGMMA_SHARED_BYTES, cuda->compute, *call);
    return cuda_launched(cuda, "attention");
}

/* ---- when it is used ------------------------------------------------------------------------------------
 */

/* Two sequences, of one tile and of two and a half; three query heads of one kv head. */
enum { TRIAL_FIRST = 70, TRIAL_ROWS = TRIAL_FIRST + 300, TRIAL_HEADS = 3, TRIAL_THREADS = 256 };

/* Numbers in [-2, 2) that look random. */
static __global__ void __launch_bounds__(TRIAL_THREADS) wgmma_trial_fill(bf16_t *to, int n) {
    int i = (int)(blockIdx.x * TRIAL_THREADS + threadIdx.x);
    uint32_t x = (uint32_t)i * 2654435761u;
    x = (x ^ x >> 15) * 2246822519u;
    if (i < n)
        to[i] = from_float<bf16_t>((float)(x >> 16) / 16384 - 2);
}

/* sums [2] = Σ (a - b)², Σ b². One block. */
static __global__ void __launch_bounds__(TRIAL_THREADS)
    wgmma_trial_compare(float *sums, const bf16_t *a, const bf16_t *b, int n) {
    float difference = 0, size = 0;
    for (int i = (int)threadIdx.x; i < n; i += TRIAL_THREADS) {
        float x = to_float(a[i]), y = to_float(b[i]);
        difference += (x - y) * (x - y);
        size += y * y;
    }
    difference = block_sum(difference);
    size = block_sum(size);
    if (threadIdx.x == 0) {
        sums[0] = difference;
        sums[1] = size;
    }
}

/* The call of the trial, its numbers in scratch memory: q, k, v, and two results. */
static AttentionCall wgmma_trial_call(bf16_t *scratch) {
    int64_t row = TRIAL_HEADS * WGMMA_WIDTH;
    AttentionCall call = {};
    call.q = scratch;
    call.k = scratch + TRIAL_ROWS * row;
    call.v = call.k + TRIAL_ROWS * WGMMA_WIDTH;
    call.out = scratch + TRIAL_ROWS * (row + 2 * WGMMA_WIDTH);
    call.q_row = call.out_row = row;
    call.k_row = call.v_row = WGMMA_WIDTH;
    call.q_head = call.out_head = call.k_head = call.v_head = call.width = WGMMA_WIDTH;
    call.heads = call.group = TRIAL_HEADS;
    call.sequences = 2;
    call.offsets[1] = TRIAL_FIRST;
    call.offsets[2] = TRIAL_ROWS;
    call.scale = 0.15f;
    call.out_pairs = 1;
    return call;
}

Status attention_wgmma_try(Cuda *cuda) {
    const char *asked = getenv("NEWBIE_ATTENTION");
#ifdef NEWBIE_EMULATED
    bool wanted = asked && !strcmp(asked, "wgmma");
#else
    bool wanted = cuda->architecture == 90 && !(asked && !strcmp(asked, "mma"));
#endif
    if (!wanted)
        return NULL;
    AttentionCall call = wgmma_trial_call((bf16_t *)(void *)cuda->scratch), twin = call;
    int inputs = TRIAL_ROWS * (TRIAL_HEADS + 2) * WGMMA_WIDTH,
        results = TRIAL_ROWS * TRIAL_HEADS * WGMMA_WIDTH;
    float *sums = (float *)(void *)(call.out + 2 * results), host[2] = {1, 0};
    twin.out += results;
    LAUNCH(wgmma_trial_fill, (unsigned)divide_up(inputs, TRIAL_THREADS), TRIAL_THREADS, 0, cuda->compute,
           (bf16_t *)(void *)cuda->scratch, inputs);
    TRY(attention_wgmma(cuda, &call, WGMMA_WIDTH));
    TRY(attention_mma(cuda, &twin, WGMMA_WIDTH));
    LAUNCH(wgmma_trial_compare, 1, TRIAL_THREADS, 0, cuda->compute, sums, (const bf16_t *)call.out,
           (const bf16_t *)twin.out, results);
    CUDA_TRY(cuda, cudaMemcpyAsync(host, sums, sizeof host, cudaMemcpyDeviceToHost, cuda->compute),
             "attention");
    CUDA_TRY(cuda, cudaStreamSynchronize(cuda->compute), "attention");
    cuda->wgmma = host[0] <= 2.5e-5f * host[1] && host[1] > 0; /* 5e-3, as for bf16 results in ops/list.h */
    size_t length = strlen(cuda->description), room = sizeof cuda->description - length;
    if (cuda->wgmma)
        snprintf(cuda->description + length, room, ", attention by wgmma");
    else
        snprintf(cuda->description + length, room, ", attention without wgmma (it differs by %.2g)",
                 sqrt(host[0] / host[1]));
    return NULL;
}

bool attention_wgmma_can(const Cuda *cuda, const AttentionCall *call, int padded) {
    return cuda->wgmma && padded == WGMMA_WIDTH && !call->causal;
}
