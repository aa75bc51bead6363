/* state.h: what an open CPU backend is, and how its ops split work. Shared by the files of this room only. */
#pragma once

#include <stdatomic.h>

#include "cpu/kernels.h"
#include "base/team.h"

/* Private memory of one thread while it works on a unit of a matrix product, convolution or attention. */
#define BLOCK_ROWS 144   /* rows of A in a block: 12 tiles of 12 or 24 of 6 */
#define BLOCK_PANELS 16  /* panels of a block: 512 columns; A and its sums take 600 KB of a core's cache */
typedef struct Workspace {
    _Alignas(64) float a[BLOCK_ROWS * A_STRIDE];
    _Alignas(64) float acc[BLOCK_PANELS * BLOCK_ROWS * PANEL];
    _Alignas(64) float panel[BLOCK_DEPTH * PANEL]; /* of B, expanded */
    _Alignas(64) float scores[BLOCK_DEPTH * TILE_ROWS];
    _Alignas(64) float weights[TILE_ROWS * A_STRIDE];
} Workspace;

typedef struct CpuState {
    const Kernels *kernels;
    Team *team;
    Precision precision;
    Workspace *workspaces;    /* [team_size] */
    char *scratch;            /* shared memory of the op that runs now, grown when an op needs more */
    size_t scratch_size;
    _Atomic uint64_t held;    /* bytes of long-lived blocks */
    char description[80];
} CpuState;

/* Memory: 64-byte aligned, large blocks as maps that may use huge pages; NULL when there is none. cpu.c. */
void *block_alloc(size_t bytes);
void block_free(void *block, size_t bytes);

/* The shared scratch memory, at least `bytes`; its old contents are lost. Errors: ERR_MEMORY. */
Status scratch_get(CpuState *state, void **out, size_t bytes);

/* Items [0, count) through a range kernel, in slices of roughly equal size; `weight` is the work of one item
 * in elements: small jobs stay on the calling thread. */
void run_range(CpuState *state, RangeKernel *kernel, const void *job, int64_t count, int64_t weight);

/* ---- matrix products over blocks (gemm.c), used by linear and convolution ------------------------------ */

/* Floats [k, k + n) of row `row` of the left matrix, whatever that matrix is: where they are, or gathered in
 * `room`. */
typedef const float *GatherRow(const void *source, float *room, int64_t row, int64_t k, int64_t n);

typedef struct Product {
    const Weight *weight;
    GatherRow *gather;
    const void *source;   /* for gather */
    int64_t rows, depth;  /* depth: columns of the weight's rows, k·k·in for a convolution */
    float *y;
    int64_t y_stride;     /* between rows */
    Activation act;
    StoreMode store;
} Product;

void product_run(CpuState *state, const Product *product);

/* Panels of 32 columns of a packed weight (weight.c). */
int64_t weight_panels(const Weight *w);

/* ---- ops, in the order of backend.h -------------------------------------------------------------------- */

Status cpu_weight_pack(void *state, Weight *out, const WeightParts *parts);
void cpu_weight_free(void *state, Weight *w);
Status cpu_linear(void *state, Tensor y, Tensor x, const Weight *w, LinearHow how);
Status cpu_glu_linear(void *state, Tensor y, Tensor x, const Weight *w, Activation act);
Status cpu_rms_norm(void *state, Tensor y, Tensor x, const RmsNormHow *how);
Status cpu_add_norm(void *state, Tensor x, Tensor h, Tensor y, const AddNormHow *how);
Status cpu_layer_norm(void *state, Tensor y, Tensor x, const LayerNormHow *how);
Status cpu_group_norm(void *state, Tensor y, Tensor x, const GroupNormHow *how);
Status cpu_qk_norm_rope(void *state, Tensor q, Tensor k, const QkNormRopeHow *how);
Status cpu_attention(void *state, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how);
Status cpu_embed(void *state, Tensor y, Tensor host_table, const int32_t *host_ids, float scale);
Status cpu_mean_rows(void *state, Tensor y, Tensor x, const Seqs *seqs);
Status cpu_conv2d(void *state, Tensor y, Tensor x, const Weight *w, ConvHow how);
Status cpu_upsample2x(void *state, Tensor y, Tensor x);
Status cpu_upsample2x_conv(void *state, Tensor y, Tensor x, const Weight *w);
Status cpu_patchify(void *state, Tensor tokens, Tensor latent, int patch);
Status cpu_unpatchify(void *state, Tensor latent, Tensor tokens, int patch);
Status cpu_transpose(void *state, Tensor y, Tensor x, float factor, float offset);
Status cpu_copy(void *state, Tensor to, Tensor from);
Status cpu_fill(void *state, Tensor to, float value);
Status cpu_unary(void *state, Tensor y, Tensor x, Activation act);
Status cpu_binary(void *state, Tensor y, Tensor a, Tensor b, BinaryKind kind);
Status cpu_lincomb(void *state, Tensor y, const LincombHow *how);
Status cpu_sum_squares(void *state, Tensor y, Tensor x);
Status cpu_cast(void *state, Tensor y, Tensor x);
Status cpu_to_rgb8(void *state, Tensor bytes, Tensor x);
