/* attention.c: softmax(scale q kT) v without a score matrix: blocks of queries over blocks of keys with a
 * running maximum and sum per query (Milakov and Gimelshein 2018; Dao and others 2022).
 *
 * Keys and values of a sequence are first copied into panels, so that both products are the tile kernels of
 * gemm.inc:
 *   keys    per kv head [ceil(n / 32)][d][32]      scores  [rows][32]  = q [rows][d] · panel
 *   values  per kv head [ceil(d / 32)][n][32]      out     [rows][32] += weights [rows][keys] · panel
 * The blocks of keys do not depend on the split, hence neither do the bits. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "cpu/state.h"

/* Of a block: with a head of 96, its keys and values take 230 KB of the second-level cache. */
#define KEYS 256
#define HEAD_MAX BLOCK_DEPTH
#define QUERY_TILES 8 /* of a unit at most */

typedef struct Attention {
    CpuState *state;
    Tensor out, q, k, v;       /* of one sequence: [n, heads, d] */
    const AttentionHow *how;
    float *keys, *values;      /* panels */
    int64_t n, head, panels;   /* rows; head size; panels of 32 along the head */
    int64_t key_size, value_size; /* floats of a kv head in keys and values */
    int64_t tiles, tiles_per_unit, units_per_head;
} Attention;

/* What a thread keeps of a unit: its queries are in the workspace's a, its sums in acc
 * [tile][panel][TILE_ROWS][32]. */
typedef struct Rows {
    Workspace *w;
    int64_t head, kv_head;
    int64_t first, last;       /* rows of the tile at hand */
    int64_t in_block;          /* first row's place in the workspace */
    float *sums;               /* of the tile: [panel][TILE_ROWS][32] */
    float *maximum, *sum;      /* [rows of the tile] */
} Rows;

static int64_t panels_of(int64_t n) {
    return ceil_divide(n, PANEL);
}

static float *head_row(Tensor t, int64_t row, int64_t head) {
    return row_of(t, row) + head * t.strides[1];
}

/* Panel `panel` of 32 keys, transposed, and the same 32 values. */
static void pack_unit(void *job, int64_t unit, int thread) {
    const Attention *a = job;
    int64_t blocks = panels_of(a->n), kv_head = unit / blocks, first = unit % blocks * PANEL;
    int64_t rows = least(a->n - first, PANEL);
    float *keys = a->keys + kv_head * a->key_size + first * a->head;
    float *values = a->values + kv_head * a->value_size + first * PANEL;
    (void)thread;
    for (int64_t c = 0; c < a->head; c++) {
        const float *from = head_row(a->k, first, kv_head) + c;
        for (int64_t r = 0; r < rows; r++)
            keys[c * PANEL + r] = from[r * a->k.strides[0]];
        for (int64_t r = rows; r < PANEL; r++)
            keys[c * PANEL + r] = 0;
    }
    for (int64_t panel = 0; panel < a->panels; panel++) {
        int64_t width = least(a->head - panel * PANEL, PANEL);
        for (int64_t r = 0; r < rows; r++) {
            float *to = values + (panel * a->n + r) * PANEL;
            memcpy(to, head_row(a->v, first + r, kv_head) + panel * PANEL, (size_t)width * 4);
            memset(to + width, 0, (size_t)(PANEL - width) * 4);
        }
    }
}

/* The keys that a row sees: [*from, *to). */
static void seen_keys(const Attention *a, int64_t row, int64_t *from, int64_t *to) {
    const AttentionHow *how = a->how;
    *from = 0;
    *to = how->mask == MASK_CAUSAL ? row + 1 : a->n;
    if (how->mask == MASK_CAUSAL && how->window > 0 && row + 1 > how->window)
        *from = row + 1 - how->window;
}

/* Scores of the tile's rows for keys [key, key + keys) become weights; earlier sums shrink to the new
 * maximum. */
static void soften(const Attention *a, const Rows *rows, int64_t key, int64_t keys) {
    for (int64_t r = 0; r < rows->last - rows->first; r++) {
        int64_t from, to;
        seen_keys(a, rows->first + r, &from, &to);
        SoftmaxRow row = {
            .scores = rows->w->scores + r * PANEL, .panel_stride = TILE_ROWS * PANEL,
            .weights = rows->w->weights + r * A_STRIDE, .keys = keys,
            .from = from > key ? from - key : 0, .to = least(to - key, keys),
            .maximum = &rows->maximum[r], .sum = &rows->sum[r],
        };
        float factor = a->state->kernels->softmax_row(&row);
        if (factor == 1)
            continue;
        for (int64_t panel = 0; panel < a->panels; panel++) {
            float *sums = rows->sums + (panel * TILE_ROWS + r) * PANEL;
            a->state->kernels->scale(sums, sums, factor, PANEL);
        }
    }
}

/* A tile of rows with one block of keys. */
static void tile_with_keys(const Attention *a, const Rows *rows, int64_t key, int64_t keys) {
    int count = (int)(rows->last - rows->first);
    int64_t from, to, unused;
    seen_keys(a, rows->first, &from, &unused);
    seen_keys(a, rows->last - 1, &unused, &to);
    if (key >= to || key + keys <= from)
        return; /* no row of the tile sees a key of the block */
    const float *k = a->keys + rows->kv_head * a->key_size + key * a->head;
    const float *v = a->values + rows->kv_head * a->value_size + key * PANEL;
    for (int64_t panel = 0; panel < panels_of(keys); panel++)
        a->state->kernels->tile_f32(&(Tile){
            .acc = rows->w->scores + panel * TILE_ROWS * PANEL, .a = rows->w->a + rows->in_block * A_STRIDE,
            .b = k + panel * PANEL * a->head, .rows = count, .depth = a->head, .start = TILE_ZERO,
        });
    soften(a, rows, key, keys);
    for (int64_t panel = 0; panel < a->panels; panel++)
        a->state->kernels->tile_f32(&(Tile){
            .acc = rows->sums + panel * TILE_ROWS * PANEL, .a = rows->w->weights,
            .b = v + panel * a->n * PANEL, .rows = count, .depth = keys, .start = TILE_CONTINUE,
        });
}

static int64_t first_row(const Attention *a, int64_t tile) {
    return tile * a->n / a->tiles;
}

/* out = sums / sum */
static void store_tile(const Attention *a, const Rows *rows) {
    for (int64_t r = 0; r < rows->last - rows->first; r++) {
        float *out = head_row(a->out, rows->first + r, rows->head);
        for (int64_t panel = 0; panel < a->panels; panel++)
            a->state->kernels->scale(out + panel * PANEL, rows->sums + (panel * TILE_ROWS + r) * PANEL,
                                     1.0f / rows->sum[r], least(a->head - panel * PANEL, PANEL));
    }
}

/* The tile's rows, ready to begin: nothing seen, nothing summed. */
static Rows begin_tile(const Attention *a, Rows unit, int64_t tile, int64_t place, int64_t block_row) {
    unit.first = first_row(a, tile);
    unit.last = first_row(a, tile + 1);
    unit.in_block = unit.first - block_row;
    unit.sums = unit.w->acc + place * a->panels * TILE_ROWS * PANEL;
    unit.maximum += place * TILE_ROWS;
    unit.sum += place * TILE_ROWS;
    return unit;
}

/* Some tiles of queries of one head against all keys: the block of keys stays in the cache for all tiles. */
static void attention_unit(void *job, int64_t index, int thread) {
    const Attention *a = job;
    int64_t part = index % a->units_per_head, first_tile = part * a->tiles_per_unit;
    int64_t tiles = least(a->tiles - first_tile, a->tiles_per_unit);
    int64_t block_row = first_row(a, first_tile), block_end = first_row(a, first_tile + tiles);
    float maximum[QUERY_TILES * TILE_ROWS], sum[QUERY_TILES * TILE_ROWS] = {0};
    Rows unit = {.w = &a->state->workspaces[thread], .maximum = maximum, .sum = sum};
    unit.head = index / a->units_per_head;
    unit.kv_head = unit.head / (a->q.dims[1] / a->k.dims[1]);
    for (int64_t row = block_row; row < block_end; row++)
        a->state->kernels->scale(unit.w->a + (row - block_row) * A_STRIDE, head_row(a->q, row, unit.head),
                                 a->how->scale, a->head);
    for (int i = 0; i < QUERY_TILES * TILE_ROWS; i++)
        maximum[i] = -INFINITY;
    memset(unit.w->acc, 0, (size_t)(tiles * a->panels) * TILE_ROWS * PANEL * 4);
    for (int64_t key = 0; key < a->n; key += KEYS)
        for (int64_t t = 0; t < tiles; t++) {
            Rows rows = begin_tile(a, unit, first_tile + t, t, block_row);
            tile_with_keys(a, &rows, key, least(a->n - key, KEYS));
        }
    for (int64_t t = 0; t < tiles; t++) {
        Rows rows = begin_tile(a, unit, first_tile + t, t, block_row);
        store_tile(a, &rows);
    }
}

static Status attend(Attention *a) {
    int64_t heads = a->q.dims[1], kv_heads = a->k.dims[1];
    int64_t threads = team_size(a->state->team), tile_rows = a->state->kernels->tile_rows;
    a->head = a->q.dims[2];
    a->panels = panels_of(a->head);
    a->key_size = panels_of(a->n) * PANEL * a->head;
    a->value_size = a->panels * a->n * PANEL;
    void *scratch;
    TRY(scratch_get(a->state, &scratch, (size_t)(kv_heads * (a->key_size + a->value_size)) * 4));
    a->keys = scratch;
    a->values = a->keys + kv_heads * a->key_size;
    a->tiles = ceil_divide(a->n, tile_rows);
    a->tiles_per_unit = QUERY_TILES;
    while (a->tiles_per_unit > 1 && heads * a->tiles < 4 * threads * a->tiles_per_unit)
        a->tiles_per_unit /= 2;
    a->units_per_head = ceil_divide(a->tiles, a->tiles_per_unit);
    team_run(a->state->team, pack_unit, a, kv_heads * panels_of(a->n));
    team_run(a->state->team, attention_unit, a, heads * a->units_per_head);
    return NULL;
}

Status cpu_attention(void *state, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how) {
    if (q.dims[2] > HEAD_MAX)
        return fail(ERR_UNSUPPORTED, "attention heads of %lld numbers; the cpu backend has at most %d",
                    (long long)q.dims[2], HEAD_MAX);
    for (int s = 0; s < how->seqs->count; s++) {
        int64_t first = how->seqs->offsets[s], n = seqs_length(how->seqs, s);
        Attention a = {
            .state = state, .how = how, .n = n,
            .out = tensor_rows(out, first, n), .q = tensor_rows(q, first, n),
            .k = tensor_rows(k, first, n), .v = tensor_rows(v, first, n),
        };
        if (n > 0)
            TRY(attend(&a));
    }
    return NULL;
}
