/* tile.cuh: the inner loop that matrix products and convolutions share: tiles in shared memory times one
 * another on matrix instructions.
 *
 * A tile has rows of 64 bytes, 32 bf16 or 64 int8 numbers, one step of the depth; x has a row for each row of
 * the result, w one for each column. A block of 256 threads keeps TILE_STAGES of each and has TILE_ROWS rows
 * and 32 or 128 columns of the result; a warp has MT x 16 rows and 32 columns. */
#pragma once

#include "gpu/mma.cuh"

enum {
    TILE_ROWS = 128,
    TILE_STAGES = 3,
    TILE_AHEAD = TILE_STAGES - 1,
    TILE_THREADS = 256,
    TILE_CHUNKS = 4,                         /* of 16 bytes in a row */
    TILE_LINES = TILE_THREADS / TILE_CHUNKS, /* rows that the block brings at once, a chunk a thread */
};

/* Where the 16-byte chunk of a row lies, in bytes: eight neighbouring rows in different banks, as ldmatrix
 * reads them. */
__device__ __forceinline__ int tile_place(int row, int chunk) {
    return row * 64 + (chunk ^ (row >> 1 & 3)) * 16;
}

template <int COLUMNS> struct alignas(16) TileStage { char x[TILE_ROWS * 64], w[COLUMNS * 64]; };

/* How a block with COLUMNS columns is cut among its warps. */
template <int COLUMNS> struct TileShare {
    enum {
        ACROSS = COLUMNS / 32,                              /* warps side by side */
        MT = TILE_ROWS / 16 * ACROSS / (TILE_THREADS / 32), /* 16-row pieces of a warp */
    };
    int row, column; /* first of the warp, in the block */
};

template <int COLUMNS> __device__ __forceinline__ TileShare<COLUMNS> tile_share() {
    typedef TileShare<COLUMNS> Share;
    int warp = (int)threadIdx.x / 32;
    return {warp / Share::ACROSS * Share::MT * 16, warp % Share::ACROSS * 32};
}

/* What a product of two such numbers is summed in, and the instruction. */
__device__ __forceinline__ void tile_mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    mma_16816(c, a, b0, b1);
}
__device__ __forceinline__ void tile_mma(int32_t (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    mma_16832(c, a, b0, b1);
}

/* sums += x · wT of one stage, the warp's part. sums [16-row piece][8-column piece][4] are C fragments. */
template <class Sum, int MT, int COLUMNS>
__device__ __forceinline__ void tile_multiply(Sum (&sums)[MT][4][4], const TileStage<COLUMNS> &stage,
                                              TileShare<COLUMNS> share) {
    int lane = (int)threadIdx.x % 32;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        uint32_t a[MT][4], b[2][4];
#pragma unroll
        for (int m = 0; m < MT; m++)
            ldsm_x4(a[m], stage.x + tile_place(share.row + 16 * m + lane % 16, 2 * half + lane / 16));
#pragma unroll
        for (int n = 0; n < 2; n++) {
            int row = share.column + 16 * n + lane % 8 + lane / 16 * 8;
            ldsm_x4(b[n], stage.w + tile_place(row, 2 * half + lane / 8 % 2));
        }
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int n = 0; n < 4; n++)
                tile_mma(sums[m][n], a[m], b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
    }
}
