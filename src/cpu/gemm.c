/* gemm.c: matrix products by blocks, and the two ops that are nothing else.
 *
 * A unit of work is a block of rows times some panels of the weight. A thread copies its rows of the left
 * matrix, up to BLOCK_DEPTH columns at a time, into its workspace (rounding them to bf16 where the dot
 * product wants it), multiplies the block with every panel of the unit by register tiles, and finishes: bias,
 * activation, store. The copy costs about 4 / columns of the products; what it buys is constant offsets in
 * the inner loop, no cache-set conflicts at row lengths that are powers of two, and one loop for linear
 * layers and convolutions.
 *
 * Each element of y is one sum in the order of k, continued over blocks of depth: the same bits for every
 * split. Design and measured rates: performance.md 5, bench/NOTES.md. */
#include "config.h"

#include <string.h>

#include "cpu/state.h"

/* How a product is cut. Rows are cut into tiles of at most tile_rows and these into blocks, both as evenly as
 * can be. */
typedef struct Cut {
    CpuState *state;
    const Product *product;
    void (*multiply)(const Tile *);
    bool bf16_rows;                   /* A is rounded to bf16 */
    bool expand;                      /* pairs are expanded a panel at a time, not in the kernel */
    int64_t tiles, row_blocks;        /* of all rows */
    int64_t panels, panel_blocks;
    int64_t depth, block_depth;       /* depth is even for pairs */
    size_t panel_bytes, depth_bytes;  /* of a panel; of one row of it */
} Cut;

static int64_t tile_first_row(const Cut *cut, int64_t tile) {
    return tile * cut->product->rows / cut->tiles;
}

/* What a unit does: tiles and panels [first, last). */
typedef struct Block {
    int64_t tiles[2], panels[2];
} Block;

/* Copies rows [first, last), span[1] columns from span[0] on, into the workspace; behind the matrix is 0. */
static void copy_block(const Cut *cut, Workspace *w, int64_t first, int64_t last, const int64_t span[2]) {
    const Product *p = cut->product;
    int64_t k = span[0], n = span[1], real = least(n, p->depth - k);
    float room[2 * BLOCK_DEPTH];
    for (int64_t row = first; row < last; row++) {
        float *out = w->a + (row - first) * A_STRIDE;
        if (cut->bf16_rows) {
            uint16_t *halves = (uint16_t *)out;
            cut->state->kernels->to_bf16(halves, p->gather(p->source, room, row, k, real), real);
            if (real < n)
                halves[real] = 0;
            continue;
        }
        const float *from = p->gather(p->source, out, row, k, real);
        if (from != out)
            memcpy(out, from, (size_t)real * 4);
        if (real < n)
            out[real] = 0;
    }
}

static void finish_tile(const Cut *cut, const float *acc, int64_t first, int64_t last, int64_t panel) {
    const Product *p = cut->product;
    bool glu = p->weight->kind == WEIGHT_GLU;
    int64_t width = glu ? PANEL / 2 : PANEL, column = panel * width;
    int64_t columns = (glu ? p->weight->out / 2 : p->weight->out) - column;
    Finish finish = {
        .acc = acc, .bias = p->weight->bias ? p->weight->bias + panel * PANEL : NULL,
        .y = p->y + first * p->y_stride + column, .y_stride = p->y_stride,
        .rows = (int)(last - first), .columns = (int)least(columns, width), .act = p->act, .store = p->store,
    };
    (glu ? cut->state->kernels->finish_glu : cut->state->kernels->finish)(&finish);
}

/* From this many tiles on it pays to expand a panel of pairs before they read it. */
#define TILES_WORTH_EXPANDING 3

/* The panel from row k on as the kernel wants it. */
static const void *panel_at(const Cut *cut, Workspace *w, int64_t panel, const int64_t span[2]) {
    const char *b = (const char *)cut->product->weight->packed + (size_t)panel * cut->panel_bytes +
                    (size_t)span[0] * cut->depth_bytes;
    if (!cut->expand)
        return b;
    cut->state->kernels->expand_pairs(w->panel, (const uint16_t *)b, span[1]);
    return w->panel;
}

/* One panel times the tiles of a block over span[1] columns from span[0] on; the last columns also finish. */
static void panel_times_tiles(const Cut *cut, Workspace *w, const Block *block, int64_t panel,
                              const int64_t span[2]) {
    int64_t block_row = tile_first_row(cut, block->tiles[0]), k = span[0], n = span[1];
    int64_t slot = panel - block->panels[0];
    bool whole = n == cut->depth, last_part = k + n == cut->depth;
    const void *b = panel_at(cut, w, panel, span);
    for (int64_t tile = block->tiles[0]; tile < block->tiles[1]; tile++) {
        int64_t first = tile_first_row(cut, tile), last = tile_first_row(cut, tile + 1);
        float *acc = whole ? w->acc : w->acc + (slot * BLOCK_ROWS + first - block_row) * PANEL;
        Tile t = {
            .acc = acc, .a = w->a + (first - block_row) * A_STRIDE, .b = b,
            .rows = (int)(last - first), .depth = n, .start = k ? TILE_CONTINUE : TILE_ZERO,
        };
        cut->multiply(&t);
        if (last_part)
            finish_tile(cut, acc, first, last, panel);
    }
}

/* Row blocks run fastest over the units, so that the panels of a unit are still in the shared cache for the
 * next. */
static void product_unit(void *job, int64_t unit, int thread) {
    const Cut *cut = job;
    Workspace *w = &cut->state->workspaces[thread];
    int64_t row = unit % cut->row_blocks, group = unit / cut->row_blocks;
    const Block block = {
        {row * cut->tiles / cut->row_blocks, (row + 1) * cut->tiles / cut->row_blocks},
        {group * cut->panels / cut->panel_blocks, (group + 1) * cut->panels / cut->panel_blocks},
    };
    int64_t first = tile_first_row(cut, block.tiles[0]), last = tile_first_row(cut, block.tiles[1]);
    for (int64_t k = 0; k < cut->depth; k += cut->block_depth) {
        const int64_t span[2] = {k, least(cut->block_depth, cut->depth - k)};
        copy_block(cut, w, first, last, span);
        for (int64_t panel = block.panels[0]; panel < block.panels[1]; panel++)
            panel_times_tiles(cut, w, &block, panel, span);
    }
}

#define UNIT_PRODUCTS 10e6 /* what a unit should have at least: 40 to 80 us of a core */
#define TINY_PRODUCT 1e6   /* below this one thread is best */
#define UNITS_PER_THREAD 8 /* and at most, so that the end is even */
#define UNIT_TILES 4       /* panels are split before rows get finer than this: reading a panel is worth it */
#define WHOLE_PANELS 64    /* panels of a unit that keeps no sums; each block of rows reads them again */

/* Enough units for the team, as even as can be, but no more than needed: each copies its rows again. */
static void cut_units(Cut *cut) {
    int64_t threads = team_size(cut->state->team), most_tiles = BLOCK_ROWS / cut->state->kernels->tile_rows;
    double products = (double)cut->product->rows * (double)cut->depth * (double)cut->panels * PANEL;
    int64_t share = (int64_t)(products / UNIT_PRODUCTS) / threads; /* units per thread */
    int64_t wanted = products < TINY_PRODUCT ? 1 : threads * (share < 1 ? 1 : least(share, UNITS_PER_THREAD));
    cut->row_blocks = ceil_divide(cut->tiles, most_tiles);
    cut->panel_blocks = ceil_divide(cut->panels, cut->depth > cut->block_depth ? BLOCK_PANELS : WHOLE_PANELS);
    if (cut->row_blocks * cut->panel_blocks < wanted && cut->row_blocks < cut->tiles / UNIT_TILES)
        cut->row_blocks = least(cut->tiles / UNIT_TILES, ceil_divide(wanted, cut->panel_blocks));
    if (cut->row_blocks * cut->panel_blocks < wanted)
        cut->panel_blocks = least(cut->panels, ceil_divide(wanted, cut->row_blocks));
    if (cut->row_blocks * cut->panel_blocks < wanted)
        cut->row_blocks = least(cut->tiles, ceil_divide(wanted, cut->panel_blocks));
}

void product_run(CpuState *state, const Product *product) {
    const Kernels *kernels = state->kernels;
    const Weight *w = product->weight;
    bool pairs = w->type == DT_BF16;
    bool dot = pairs && state->precision == PRECISION_BF16 && kernels->tile_dot;
    if (product->rows == 0)
        return;
    Cut cut = {
        .state = state, .product = product, .bf16_rows = dot,
        .tiles = ceil_divide(product->rows, kernels->tile_rows),
        .panels = weight_panels(w),
        .depth = pairs ? (product->depth + 1) / 2 * 2 : product->depth,
        .block_depth = dot ? 2 * BLOCK_DEPTH : BLOCK_DEPTH,
        .depth_bytes = PANEL * dtype_size(w->type),
    };
    cut.expand = pairs && !dot && kernels->expand_pairs && cut.tiles >= TILES_WORTH_EXPANDING;
    cut.multiply = dot ? kernels->tile_dot : pairs && !cut.expand ? kernels->tile_pairs : kernels->tile_f32;
    cut.panel_bytes = (size_t)cut.depth * cut.depth_bytes;
    cut_units(&cut);
    team_run(state->team, product_unit, &cut, cut.row_blocks * cut.panel_blocks);
}

static const float *gather_linear(const void *source, float *room, int64_t row, int64_t k, int64_t n) {
    (void)room;
    (void)n;
    return row_of(*(const Tensor *)source, row) + k;
}

Status cpu_linear(void *state, Tensor y, Tensor x, const Weight *w, LinearHow how) {
    Product product = {
        .weight = w, .gather = gather_linear, .source = &x, .rows = x.dims[0], .depth = w->in,
        .y = y.data, .y_stride = y.strides[0], .act = how.act, .store = how.store,
    };
    product_run(state, &product);
    return NULL;
}

Status cpu_glu_linear(void *state, Tensor y, Tensor x, const Weight *w, Activation act) {
    return cpu_linear(state, y, x, w, (LinearHow){act, STORE_SET});
}
