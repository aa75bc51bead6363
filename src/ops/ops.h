/* ops.h: the operations that the networks are written in. architecture.md 4.
 *
 * Rules
 * - Every op takes Ops first, then outputs, inputs, weights, a struct of scalars.
 * - Ops holds a STICKY status: the first failure is kept, later ops do nothing. Model code asks ops_status
 *   once a layer.
 * - Shapes are checked in ops.c before the backend is called; a mismatch is our bug and names the op and both
 *   shapes.
 * - Activations are of the backend's type, Ops.activation: float32, or bf16 on a card. Model code never
 * looks. Latents, velocities, tables (rotation, modulation) and small vectors are float32 everywhere.
 *   Accumulation is at least float32 with a fixed order: the same inputs give the same bits on one machine,
 *   whatever the number of threads.
 * - Outputs never alias inputs unless the op says so.
 * - Rows of every [rows, width] argument may be strided (columns of a wider buffer), also of unary and
 *   binary. Images, latents, table rows and the terms of lincomb are dense. No dimension is 0.
 * - Host memory is touched only by ops_upload, ops_download and where a parameter is called "host".
 * - Several sequences are packed into one tensor of rows; `Seqs` says where each begins. `scale`, `gate`
 *   tensors have one row per sequence.
 */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "ops/tensor.h"

typedef struct Backend Backend;
typedef struct BackendOptions BackendOptions;

typedef struct Ops {
    const Backend *backend;
    void *state;                 /* of the backend */
    unsigned streamed;           /* groups of weights that visit the device: model/stream.h */
    DType activation;            /* type of activations; 0 is DT_F32 */
    Arena *arena;                /* activations; borrowed. Device memory (or a counting arena under plan) */
    bool (*cancelled)(void *);   /* asked before every op; true makes the status ERR_CANCELLED. May be NULL */
    void *cancelled_context;
    Fault fault;                 /* the sticky status; code ERR_NONE while all is well */
} Ops;

/* Opens a backend for o: sets backend, state and activation, nothing on failure. The arena and the rest are
 * the caller's. o->backend->close(o->state) ends it. */
Status ops_open(Ops *o, const Backend *backend, const BackendOptions *options);

/* NULL while all is well, else the first failure (borrowed from o). */
Status ops_status(Ops *o);
void ops_clear(Ops *o);               /* forgets the failure */
void ops_fail(Ops *o, Status st);     /* keeps st if it is the first; NULL does nothing */

/* ---- memory -------------------------------------------------------------------------------------------- */

/* Activations from the arena, of type o->activation; freed by releasing a mark. When the arena is full the
 * status becomes ERR_MEMORY and data is NULL (ops then do nothing). Contents are undefined. */
Tensor ops_vector(Ops *o, int64_t n);
Tensor ops_matrix(Ops *o, int64_t rows, int64_t width);
Tensor ops_cube(Ops *o, int64_t a, int64_t b, int64_t c);
/* Float32 whatever the activations are: rotation and modulation tables. */
Tensor ops_table(Ops *o, int64_t rows, int64_t width);
Tensor ops_new(Ops *o, DType type, int rank, const int64_t *dims);
ArenaMark ops_mark(Ops *o);
void ops_release(Ops *o, ArenaMark mark);

/* Long-lived device memory (weights, kept embeddings), 64-byte aligned; NULL and a sticky ERR_MEMORY when
 * there is none. */
void *ops_mem_alloc(Ops *o, size_t bytes);
void ops_mem_free(Ops *o, void *block, size_t bytes);

typedef struct MemInfo {
    uint64_t total, free;      /* bytes of the device (host RAM for the CPU: MemAvailable), 0 when unknown */
    uint64_t held;             /* bytes given out by ops_mem_alloc and packed weights now */
} MemInfo;
void ops_mem_info(Ops *o, MemInfo *info);

/* Host to device and back; `host` holds tensor_count dense elements: float32 for any float type of the tensor
 * (rounded on the way up, exact on the way down), else of the tensor's type. Waits until done. */
void ops_upload(Ops *o, Tensor device, const void *host);
void ops_download(Ops *o, void *host, Tensor device);
void ops_copy(Ops *o, Tensor to, Tensor from);       /* same shape and type; strides may differ */
void ops_fill(Ops *o, Tensor to, float value);       /* float32 or activations */
void ops_sync(Ops *o);

/* ---- weights that visit the device --------------------------------------------------------------------- */

/* Host memory for copies that run beside the computing (page-locked where the backend can). NULL and a sticky
 * ERR_MEMORY when there is none. */
void *ops_host_alloc(Ops *o, size_t bytes);
void ops_host_free(Ops *o, void *block, size_t bytes);

/* A device has two streams: what is asked of it, in order, and copies from the host beside that. Events
 * order the two: mark says "all that `stream` was given so far", wait lets `stream` begin nothing more
 * before that. An event that was never marked has happened. Where there are no streams, everything happens
 * at once. */
typedef enum StreamKind { STREAM_COMPUTE, STREAM_COPY } StreamKind;
#define OPS_EVENTS 17
void ops_event_mark(Ops *o, int event, StreamKind stream);
void ops_event_wait(Ops *o, int event, StreamKind stream);

/* Copies host memory of ops_host_alloc to the device on STREAM_COPY. `host` must not change until an event
 * marked after it has happened. */
void ops_prefetch(Ops *o, void *device, const void *host, size_t bytes);

/* ---- weights ------------------------------------------------------------------------------------------- */

typedef enum WeightKind {
    WEIGHT_LINEAR,   /* [out, in]; several parts are stacked by rows (q, k, v) */
    WEIGHT_GLU,      /* two parts [F, in]: gate and up, stored interleaved for op_glu_linear; out = 2F */
    WEIGHT_CONV,     /* [out, in, k, k] with k 1 or 3, PyTorch order */
} WeightKind;

/* A matrix as the backend keeps it. Model code treats it as opaque but for out, in and bytes.
 *
 * Its numbers, the bias included, are one block of `bytes` bytes at `packed` without pointers inside, so a
 * copy of these bytes at another 64-byte aligned address is the same weight there. */
typedef struct Weight {
    WeightKind kind;
    DType type;          /* of the stored numbers: f32, bf16, i8 or f8_e4m3 */
    int64_t out, in;     /* rows (2F for GLU) and columns; for CONV the channel counts */
    int kernel;          /* 1 or 3 for CONV, else 1 */
    int layout;          /* backend-private */
    void *packed;        /* the block on the device; NULL while it is on the host */
    size_t bytes;        /* of the block */
    float *bias;         /* [out] float32 in the block, wherever that is, or NULL */
    void *host;          /* the block on the host (weight_send): while it is only there, or beside that on the
                            device, or NULL */
    bool keep_host;      /* the block on the host stays when the weight comes back: it will leave again */
} Weight;

/* Whether a matrix may be kept in 8 bits when the backend's precision says so, or is int8 beside those of
 * bf16 already: wherever a backend has that. */
typedef enum WeightBits { BITS_16_OR_MORE, BITS_MAY_BE_8, BITS_INT8 } WeightBits;

/* Where a packed weight is wanted. PLACE_HOST, for one that will visit the device: there already when the
 * backend can pack it there (Weight.host, and not packed), else on the device, from where weight_send takes
 * it. */
typedef enum WeightPlace { PLACE_DEVICE, PLACE_HOST } WeightPlace;

#define WEIGHT_PARTS_MAX 4
typedef struct WeightParts {
    WeightKind kind;
    int count;
    Tensor part[WEIGHT_PARTS_MAX]; /* dense HOST views of f32, f16 or bf16 numbers (unaligned data is fine) */
    Tensor bias[WEIGHT_PARTS_MAX]; /* HOST [out of the part] or NO_TENSOR; all or none */
    const struct FileMap *file[WEIGHT_PARTS_MAX]; /* the mapping that a part lies in; NULL: memory */
    WeightBits bits;
    WeightPlace place;
} WeightParts;

/* Makes the backend's form of a matrix. bf16 stays bf16 (exact); f32 stays f32 when the backend's precision
 * is f32 and is rounded to bf16 when it is bf16; f16 likewise (exact in f32). *out is freed with weight_free.
 * Errors are sticky. */
void weight_pack(Ops *o, Weight *out, const WeightParts *parts);

/* The weights that are packed or fetched from now on, together at most so many bytes with each on a multiple
 * of WEIGHT_ALIGNMENT, may share a piece of device memory (Backend.share). 0 ends that. */
void ops_share(Ops *o, size_t bytes);
void weight_free(Ops *o, Weight *w);

/* Moves a packed weight to the host, where no op may use it, and back. A weight that is there already
 * stays. After an error (sticky; ERR_MEMORY) it is where it was. Only for backends that can prefetch.
 * What is fetched arrives with STREAM_COPY: no op may use it before an event marked there was waited for, and
 * until then it is on the host too, where weight_forget_host frees it unless keep_host. */
void weight_send(Ops *o, Weight *w);
void weight_fetch(Ops *o, Weight *w);
void weight_forget_host(Ops *o, Weight *w);

/* The same weight with its block at `block` on the device, for ops only: it is not freed. */
Weight weight_at(const Weight *w, void *block);

/* A host vector (norm weight, bias) as float32 device memory [n], long-lived; freed with
 * ops_mem_free(n * 4). */
Tensor ops_parameter(Ops *o, Tensor host);

/* ---- ops ----------------------------------------------------------------------------------------------- */

typedef enum Activation { ACT_NONE, ACT_SILU, ACT_GELU_TANH, ACT_GELU_ERF, ACT_TANH } Activation;
typedef enum StoreMode { STORE_SET, STORE_ADD } StoreMode; /* y = result, or y += result */

/* y [rows, out] = act(x [rows, in] · Wᵀ + bias), or y += the same. Rows of x and y may be strided. */
typedef struct LinearHow { Activation act; StoreMode store; } LinearHow;
void op_linear(Ops *o, Tensor y, Tensor x, const Weight *w, LinearHow how);

/* y [rows, F] = act(x · gateᵀ) ⊙ (x · upᵀ) for a WEIGHT_GLU. act is SILU or GELU_TANH. */
void op_glu_linear(Ops *o, Tensor y, Tensor x, const Weight *w, Activation act);

typedef enum NormWeight { NORM_W, NORM_ONE_PLUS_W } NormWeight;

/* y [rows, width] = x · rsqrt(mean(x²) + eps) · w, or · (1 + w); times (1 + scale[sequence]) when scale is
 * given. y may be x. */
typedef struct RmsNormHow {
    Tensor w;          /* [width] */
    NormWeight form;
    float eps;
    Tensor scale;      /* [sequences, width] or NO_TENSOR */
    const Seqs *seqs;  /* host; needed with scale */
} RmsNormHow;
void op_rms_norm(Ops *o, Tensor y, Tensor x, const RmsNormHow *how);

/* The joint between two sub-layers:
 *   x += gate[sequence] ⊙ rms(y)·w_post ;  h = rms(x)·w_next · (1 + scale[sequence])
 * Left out (NO_TENSOR): gate (factor 1), scale (factor 1), and h with w_next (only the addition). h may be y.
 * Source: model-spec 2.7, 3.2. */
typedef struct AddNormHow {
    Tensor w_post;     /* [width] */
    Tensor gate;       /* [sequences, width], already through tanh, or NO_TENSOR */
    Tensor w_next;     /* [width] or NO_TENSOR */
    Tensor scale;      /* [sequences, width] or NO_TENSOR */
    NormWeight form;   /* of both norms */
    float eps;         /* of both norms */
    const Seqs *seqs;  /* host; needed with gate or scale */
} AddNormHow;
void op_add_norm(Ops *o, Tensor x, Tensor h, Tensor y, const AddNormHow *how);

/* y = LayerNorm(x [+ residual]) with biased variance, then ·w + b when given, then · (1 + scale[sequence]).
 * y may be x or residual. */
typedef struct LayerNormHow {
    Tensor w, b;       /* [width] or NO_TENSOR */
    Tensor residual;   /* as x or NO_TENSOR */
    float eps;
    Tensor scale;      /* [sequences, width] or NO_TENSOR */
    const Seqs *seqs;
} LayerNormHow;
void op_layer_norm(Ops *o, Tensor y, Tensor x, const LayerNormHow *how);

/* y, x [height, width, channels]: statistics over height x width x (channels / groups); then ·w + b, then
 * SiLU if asked. y may be x. act is NONE or SILU. */
typedef struct GroupNormHow {
    Tensor w, b;       /* [channels] */
    int groups;
    float eps;
    Activation act;
} GroupNormHow;
void op_group_norm(Ops *o, Tensor y, Tensor x, const GroupNormHow *how);

/* Which two numbers are rotated together: (2j, 2j+1), or (d, d + half). */
typedef enum RopeStyle { ROPE_PAIRS, ROPE_HALVES } RopeStyle;

/* In place on q [rows, heads, d] and k [rows, kv_heads, d] (views): RMS norm per head (left out when the
 * weight is NO_TENSOR), then rotation by cos, sin [rows, d/2]. */
typedef struct QkNormRopeHow {
    Tensor q_norm, k_norm; /* [d] or NO_TENSOR */
    NormWeight form;
    float eps;
    Tensor cos, sin;       /* [rows, d/2] */
    RopeStyle style;
} QkNormRopeHow;
void op_qk_norm_rope(Ops *o, Tensor q, Tensor k, const QkNormRopeHow *how);

typedef enum MaskKind { MASK_FULL, MASK_CAUSAL } MaskKind;

/* out [rows, heads, d] = softmax(scale · q kᵀ) v inside each sequence; query head h reads kv head h /
 * (heads/kv_heads). Causal: a query at i sees keys j <= i, and with window > 0 only those with i - j <
 * window. No score matrix is kept. (Six parameters: the formula has four tensors.) */
typedef struct AttentionHow {
    float scale;
    MaskKind mask;
    int64_t window;        /* 0: none */
    const Seqs *seqs;      /* host */
} AttentionHow;
void op_attention(Ops *o, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how);

/* y [n, width] = table[ids[i]] · scale. table [vocabulary, width] f32, bf16 or f16 in HOST memory (often the
 * mapping); ids [n] host, each checked against the table. */
void op_embed(Ops *o, Tensor y, Tensor host_table, const int32_t *host_ids, float scale);

/* y [sequences, width] = mean of the rows of each sequence of x. */
void op_mean_rows(Ops *o, Tensor y, Tensor x, const Seqs *seqs);

/* y [h', w', out] = conv(x [h, w, in]) + bias, k 1 or 3; y = or y +=.
 * Stride 1: zero border of 1 for k = 3. Stride 2 (k = 3): zero border right and bottom only, h' = h/2
 * (model-spec 5.1). */
typedef struct ConvHow { int stride; StoreMode store; } ConvHow;
void op_conv2d(Ops *o, Tensor y, Tensor x, const Weight *w, ConvHow how);

/* y [2h, 2w, c]: every pixel of x [h, w, c] four times; and the same followed by a 3x3 convolution (fused op;
 * the default composes the two with an arena temporary). */
void op_upsample2x(Ops *o, Tensor y, Tensor x);
void op_upsample2x_conv(Ops *o, Tensor y, Tensor x, const Weight *w);

/* tokens [(h/p)·(w/p), p·p·c] from latent [c, h, w] and back: token (r, col) at r·(w/p)+col, element
 * (ph·p + pw)·c + channel. Source: model-spec 2.5. */
void op_patchify(Ops *o, Tensor tokens, Tensor latent, int patch);
void op_unpatchify(Ops *o, Tensor latent, Tensor tokens, int patch);

/* y [b, a] = factor · transpose(x [a, b]) + offset. [channels, h·w] to [h·w, channels] and back. */
void op_transpose(Ops *o, Tensor y, Tensor x, float factor, float offset);

/* y = act(x), elementwise, same shape; y may be x. */
void op_unary(Ops *o, Tensor y, Tensor x, Activation act);

/* y = a + b, y = a · b, elementwise, same shape; y may be a or b. */
typedef enum BinaryKind { BINARY_ADD, BINARY_MULTIPLY } BinaryKind;
void op_binary(Ops *o, Tensor y, Tensor a, Tensor b, BinaryKind kind);

/* y = Σ factor[i] · term[i], 1 to 5 terms, same shape, dense; y may be a term. Computed in the order of the
 * terms: every solver step and guidance are this. */
#define LINCOMB_MAX 5
typedef struct LincombHow {
    int count;
    Tensor term[LINCOMB_MAX];
    float factor[LINCOMB_MAX];
} LincombHow;
void op_lincomb(Ops *o, Tensor y, const LincombHow *how);

/* y [1] = Σ x², accumulated in a fixed order with at least the accuracy of double; any dense x. */
void op_sum_squares(Ops *o, Tensor y, Tensor x);

/* v = uncond + scale·(cond − uncond); with renorm > 0 and ‖v‖ >= renorm·‖cond‖: v scaled down to that norm.
 * Fused; default: lincomb, sum_squares, download, lincomb. v may be cond or uncond. Source:
 * model-spec 7.5. */
typedef struct GuideHow { float scale, renorm; } GuideHow;
void op_cfg_mix(Ops *o, Tensor v, Tensor cond, Tensor uncond, GuideHow how);

/* y = x converted to y's type (f32, bf16, f16). */
void op_cast(Ops *o, Tensor y, Tensor x);

/* bytes [h, w, 3] u8 = clamp((x + 1)/2, 0, 1)·255, truncated. model-spec 5.1. */
void op_to_rgb8(Ops *o, Tensor bytes, Tensor x);
