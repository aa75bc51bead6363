/* wgmma.cuh: the matrix instructions of Hopper (sm_90a), which four warps give together and which work on
 * while these go on. A comes from registers, the A fragment of mma.cuh in each warp's 16 rows; B from shared
 * memory; C is as in mma.cuh, [columns / 8][4].
 *
 * B lies in blocks of 32 columns, each [rows][32] bf16 with rows of 64 bytes one behind the other; the four
 * 16-byte chunks of a row change places: chunk c is at c ^ (row / 2 % 4). In NVIDIA's words the 64-byte
 * swizzle; a tile begins at a multiple of 512 bytes. Sources: PTX manual, "Asynchronous Warpgroup Level
 * Matrix Instructions", sections on the matrix descriptor and on strides; CUTLASS, make_gmma_desc in
 * cute/atom/mma_traits_sm90_gmma.hpp.
 *
 * On the emulated device they are plain C that reads the bits of the descriptor as a card does and knows
 * nothing else of where a tile lies. Warps of even number do them when they are waited for, with the
 * registers and tiles as they are then, the others at once. */
#pragma once

#include "gpu/mma.cuh"

#if defined(NEWBIE_EMULATED) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define WGMMA_HERE 1
#endif

/* Where a chunk of 8 columns lies in a tile of `rows` rows, in numbers. */
__device__ __forceinline__ int wgmma_place(int rows, int row, int chunk) {
    return (chunk / 4 * rows + row) * 32 + (chunk % 4 ^ (row >> 1 & 3)) * 8;
}

#ifdef WGMMA_HERE

typedef uint64_t WgmmaTile;

/* The matrix descriptor. block_bytes: from one block of 32 columns to the next; only _across looks at it, for
 * the other instruction CUTLASS has 16. */
__device__ __forceinline__ WgmmaTile wgmma_tile(const bf16_t *start, int block_bytes) {
    uint64_t address = shared_address(start) >> 4 & 0x3fff, leading = block_bytes >> 4, stride = 512 >> 4;
    return address | leading << 16 | stride << 32 | (uint64_t)2 << 62;
}

/* The same, `bytes` further on (a multiple of 16 that does not change the place in the swizzle). */
__device__ __forceinline__ WgmmaTile wgmma_ahead(WgmmaTile tile, int bytes) {
    return tile + (bytes >> 4);
}

#endif

#ifdef NEWBIE_EMULATED

typedef struct WgmmaLane {
    float *c;
    const uint32_t *a; /* [4] */
    WgmmaTile b;
    int keep;
} WgmmaLane;

/* Number (k, n) of the matrix that a descriptor tells of, n numbers or, ACROSS, k numbers lying apart.
 * Swizzled forms only: rows of 128, 64 or 32 bytes. The swizzle is one of addresses, not of places in the
 * tile. */
template <int ACROSS> float wgmma_number(const char *window, WgmmaTile b, int k, int n) {
    int start = (int)(b & 0x3fff) << 4, leading = (int)(b >> 16 & 0x3fff) << 4,
        stride = (int)(b >> 32 & 0x3fff) << 4, mode = (int)(b >> 62), row = 256 >> mode, across = row / 2;
    assert(mode > 0 && (b >> 49 & 7) == 0 && (b & 0x3ff1c000c000c000) == 0);
    int address = start + (ACROSS ? n % across * 2 + n / across * leading + k % 8 * row + k / 8 * stride
                                  : n % 8 * row + n / 8 * stride + k * 2);
    address ^= (address >> 7 & (row / 16 - 1)) << 4;
    return to_float(*(const bf16_t *)(const void *)(window + address));
}

template <int N, int ACROSS> void wgmma_work(void **given, int) {
    WgmmaLane **lane = (WgmmaLane **)given;
    float a[16][16], b[16][N], sum[16][N];
    for (int i = 0; i < 16 * 16; i++) {
        int row = i / 16, k = i % 16;
        uint32_t word = lane[row % 8 * 4 + k % 8 / 2]->a[row / 8 + k / 8 * 2];
        bf16_t number = {(uint16_t)(k % 2 ? word >> 16 : word)};
        a[row][k] = to_float(number);
    }
    const char *window = emu_shared_window();
    for (int l = 1; l < 32; l++)
        assert(lane[l]->b == lane[0]->b);
    for (int i = 0; i < 16 * N; i++)
        b[i / N][i % N] = wgmma_number<ACROSS>(window, lane[0]->b, i / N, i % N);
    mma_multiply<float, 16, N>(sum, a, b);
    for (int row = 0; row < 16; row++)
        for (int n = 0; n < N; n++) {
            WgmmaLane *l = lane[row % 8 * 4 + n % 8 / 2];
            float *c = &l->c[n / 8 * 4 + row / 8 * 2 + n % 2];
            *c = (l->keep ? *c : 0) + sum[row][n];
        }
}

/* Those that a thread has given and that are not done. */
typedef struct WgmmaGiven {
    WgmmaLane lane[32];
    EmuWarpWork *work[32];
    int given, commit[8], commits; /* commit: `given` at each */
} WgmmaGiven;
inline WgmmaGiven wgmma_queue[1024];

inline void wgmma_give(EmuWarpWork *work, WgmmaLane mine) {
    WgmmaGiven *queue = &wgmma_queue[threadIdx.x];
    if (threadIdx.x / 32 % 2) {
        emu_warp(work, &mine);
        return;
    }
    assert(queue->given < 32);
    queue->lane[queue->given] = mine;
    queue->work[queue->given++] = work;
}

inline void wgmma_n128(float (&c)[16][4], const uint32_t (&a)[4], WgmmaTile b, int keep) {
    wgmma_give(wgmma_work<128, 0>, {&c[0][0], a, b, keep});
}

inline void wgmma_n96_across(float (&c)[12][4], const uint32_t (&a)[4], WgmmaTile b) {
    wgmma_give(wgmma_work<96, 1>, {&c[0][0], a, b, 1});
}

inline void wgmma_begin() {
}

inline void wgmma_commit() {
    WgmmaGiven *queue = &wgmma_queue[threadIdx.x];
    assert(queue->commits < 8);
    queue->commit[queue->commits++] = queue->given;
}

template <int PENDING> void wgmma_wait() {
    WgmmaGiven *queue = &wgmma_queue[threadIdx.x];
    int groups = queue->commits - PENDING, done = groups > 0 ? queue->commit[groups - 1] : 0;
    for (int i = 0; i < done; i++)
        emu_warp(queue->work[i], &queue->lane[i]);
    for (int i = done; i < queue->given; i++) {
        queue->lane[i - done] = queue->lane[i];
        queue->work[i - done] = queue->work[i];
    }
    queue->given -= done;
    for (int i = groups; groups > 0 && i < queue->commits; i++)
        queue->commit[i - groups] = queue->commit[i] - done;
    queue->commits -= groups > 0 ? groups : 0;
}

template <int N> void wgmma_hold(float (&)[N][4]) {
}
inline void shared_for_wgmma() {
}

#elif defined(WGMMA_HERE)

#define WGMMA_4(c, i)  "+f"(c[i][0]), "+f"(c[i][1]), "+f"(c[i][2]), "+f"(c[i][3])
#define WGMMA_16(c, i) WGMMA_4(c, i), WGMMA_4(c, i + 1), WGMMA_4(c, i + 2), WGMMA_4(c, i + 3)

/* c [64][128] = a [64][16] · bT, plus what c was when keep is not 0. Rows of the tile b are the columns of c,
 * its columns the 16 of a. */
__device__ __forceinline__ void wgmma_n128(float (&c)[16][4], const uint32_t (&a)[4], WgmmaTile b, int keep) {
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %69, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
                 "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
                 "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
                 "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
                 "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63},"
                 "{%64,%65,%66,%67}, %68, p, 1, 1, 0;\n}"
                 : WGMMA_16(c, 0), WGMMA_16(c, 4), WGMMA_16(c, 8), WGMMA_16(c, 12)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(keep));
}

/* c [64][96] += a [64][16] · b. The 16 rows of the tile b go with the columns of a; its columns, in three
 * blocks, are those of c. */
__device__ __forceinline__ void wgmma_n96_across(float (&c)[12][4], const uint32_t (&a)[4], WgmmaTile b) {
    asm volatile("{\n.reg .pred p;\nsetp.eq.b32 p, 0, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n96k16.f32.bf16.bf16 "
                 "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
                 "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
                 "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47},"
                 "{%48,%49,%50,%51}, %52, p, 1, 1, 1;\n}"
                 : WGMMA_16(c, 0), WGMMA_16(c, 4), WGMMA_16(c, 8)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

/* Before the first instruction that reads registers which other instructions wrote. */
__device__ __forceinline__ void wgmma_begin() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/* Until all but the newest commits are done. */
template <int PENDING> __device__ __forceinline__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}

/* Keeps the compiler from moving uses of c over this place. */
template <int N> __device__ __forceinline__ void wgmma_hold(float (&c)[N][4]) {
#pragma unroll
    for (int i = 0; i < 4 * N; i++)
        asm volatile("" : "+f"(c[i / 4][i % 4])::"memory");
}

/* What this thread wrote to shared memory (copies that it waited for included) may be read by wgmma, once it
 * has passed a barrier. */
__device__ __forceinline__ void shared_for_wgmma() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

#endif
