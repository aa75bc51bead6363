/* kernels.h: the table of inner loops that exist once per instruction set.
 *
 * Every kernels_*.c compiles the same text, kernels.inc, for another instruction set and vector length.
 * Within one path each output element is computed by the same additions in the same order whatever the split
 * over units and threads.
 *
 * Range kernels do items [from, to) of a job; what an item is (a row, an image line, a span) stands beside
 * each. */
#pragma once

#include "ops/backend.h"

#if defined(__x86_64__)
#define CPU_X86 1
#endif

/* ---- matrix tiles -----------------------------------------------------------------------------------
 *
 * acc [rows, 32] (+)= A [rows, depth] · B [depth, 32]: the one kernel under linear, convolution, attention.
 *
 * A is a block of copied rows with a fixed stride, so that every operand has a constant offset; the stride is
 * no power of two, so that the rows fall into different cache sets. B is a panel of 32 columns:
 *   f32    [depth][32]
 *   pairs  [depth / 2][32][2] bf16: rows k and k + 1 side by side. vdpbf16ps multiplies them as they are;
 *          other paths get both as exact floats with a shift and a mask. Odd depths are padded with zeros, in
 *          A too. */
#define PANEL 32
#define TILE_ROWS 12               /* most rows of any path */
#define BLOCK_DEPTH 512            /* floats of a row of A in one block; twice as many bf16 */
#define A_STRIDE (BLOCK_DEPTH + 16) /* floats */

typedef enum TileStart { TILE_ZERO, TILE_CONTINUE } TileStart; /* acc = or acc += */

typedef struct Tile {
    float *acc;         /* [rows][32], 64-byte aligned */
    const void *a, *b;
    int rows;           /* 1 to tile_rows */
    int64_t depth;      /* rows of B; even for pairs */
    TileStart start;
} Tile;

/* What happens to finished accumulators: columns [0, columns) of `rows` rows go to y. */
typedef struct Finish {
    const float *acc;   /* [rows][32] */
    const float *bias;  /* [32] or NULL */
    float *y;
    int64_t y_stride;
    int rows, columns;
    Activation act;
    StoreMode store;
} Finish;

/* ---- attention ----------------------------------------------------------------------------------------- */

/* One row of scores of one block of keys becomes weights exp(s - maximum), and the running maximum and sum
 * follow. */
typedef struct SoftmaxRow {
    const float *scores; /* key 32 i + j at scores[i * panel_stride + j] */
    int64_t panel_stride;
    float *weights;      /* [keys] */
    int64_t keys;        /* of the block */
    int64_t from, to;    /* keys that the query sees, within the block */
    float *maximum, *sum; /* running, of the row */
} SoftmaxRow;

/* ---- range jobs ---------------------------------------------------------------------------------------- */

typedef void RangeKernel(const void *job, int64_t from, int64_t to);

typedef struct RmsNormJob { Tensor y, x; const RmsNormHow *how; } RmsNormJob;          /* items: rows */
typedef struct AddNormJob { Tensor x, h, y; const AddNormHow *how; } AddNormJob;       /* rows */
typedef struct LayerNormJob { Tensor y, x; const LayerNormHow *how; } LayerNormJob;    /* rows */
typedef struct QkNormRopeJob { Tensor q, k; const QkNormRopeHow *how; } QkNormRopeJob; /* rows */

typedef struct GroupStatsJob { Tensor x; double *sums; } GroupStatsJob; /* lines; sums [h][2][channels] */
typedef struct GroupApplyJob {                                          /* image lines */
    Tensor y, x;
    const float *mean, *factor, *shift; /* [channels]: y = (x - mean) · factor + shift */
    Activation act;
} GroupApplyJob;

/* Elementwise over spans: 1-dimensional pieces of equally shaped tensors (point.c cuts them). */
#define SPAN_INPUTS LINCOMB_MAX
typedef struct SpanJob {
    Tensor y, x[SPAN_INPUTS];
    float factor[SPAN_INPUTS];
    int inputs;
    int kind;            /* Activation or BinaryKind */
    bool dense;          /* spans are SPAN elements of the flat numbers, else rows along the last axis */
    double *sums;        /* [spans], of sum_squares */
} SpanJob;
#define SPAN 4096

typedef struct MeanRowsJob { Tensor y, x; const Seqs *seqs; } MeanRowsJob; /* items: sequences */

typedef struct Kernels {
    const char *name;
    int tile_rows;       /* rows of a tile that fill the registers */

    void (*tile_f32)(const Tile *tile);   /* A f32, B f32 */
    void (*tile_pairs)(const Tile *tile); /* A f32, B pairs */
    void (*tile_dot)(const Tile *tile);   /* A bf16, B pairs; NULL without such an instruction */
    /* Pairs as f32, for tile_f32; NULL where tile_pairs loses nothing by doing it in its loop. */
    void (*expand_pairs)(float *out, const uint16_t *pairs, int64_t depth);
    void (*finish)(const Finish *finish);
    void (*finish_glu)(const Finish *finish); /* acc holds 16 gates, then 16 ups; columns <= 16 */
    void (*to_bf16)(uint16_t *out, const float *in, int64_t n);

    /* Returns the factor for what was summed with the old maximum. */
    float (*softmax_row)(const SoftmaxRow *row);
    void (*scale)(float *out, const float *in, float factor, int64_t n); /* out may be in */

    RangeKernel *rms_norm, *add_norm, *layer_norm, *qk_norm_rope, *group_stats, *group_apply;
    RangeKernel *unary, *binary, *lincomb, *sum_squares, *mean_rows;
} Kernels;

extern const Kernels KERNELS_PORTABLE;
#ifdef CPU_X86
extern const Kernels KERNELS_AVX2, KERNELS_AVX512, KERNELS_AVX512BF16;
#endif

static inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t ceil_divide(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* The sequence that a row belongs to. */
static inline int64_t seq_of_row(const Seqs *seqs, int64_t row) {
    int64_t i = 0;
    while (row >= seqs->offsets[i + 1])
        i++;
    return i;
}

/* Entry `row` of the first axis. */
static inline float *row_of(Tensor t, int64_t row) {
    return (float *)t.data + row * t.strides[0];
}
