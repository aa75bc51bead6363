/* backend.h: the table of functions that a device implements; ops.c checks arguments and calls it.
 *
 * A backend fills in every required entry; entries marked (fused) may be NULL, ops.c then composes them from
 * required ones. Arguments are already checked: types, shapes, aliasing. Activations are of the type that
 * `activation` tells: where ops.h says activation, float32 and that type both come, as ops.c's patterns say.
 * Every function returns a Status; asynchronous backends may report a failure at the next sync.
 * architecture.md 4.3. */
#pragma once

#include "ops/ops.h"

#define BACKEND_VERSION 3

/* Of matrix products; accumulation is float32. INT8, FP8: as BF16, but weights that may be (WeightParts.bits)
 * in 8 bits with activations to match; a backend without them refuses to open. */
typedef enum Precision { PRECISION_F32, PRECISION_BF16, PRECISION_INT8, PRECISION_FP8 } Precision;
const char *precision_name(Precision precision); /* "f32", "bf16", "int8", "fp8" */

/* What a matrix is kept in by a backend that computes in 8 bits: DT_I8 or DT_F8_E4M3, a byte a number and a
 * float32 scale a row (WEIGHT_ALIGNMENT), or `otherwise`, when it must not be or is of a shape that is not
 * done. */
DType weight_eight(const Weight *w, const WeightParts *parts, Precision precision, DType otherwise);

/* Sets type and bytes of a weight whose shape is known as a card keeps it: bf16, or float32 when the
 * precision is that and not all parts are bf16, or 8 bits; the matrix and its scales in a multiple of
 * `alignment` bytes (0: as many as it takes), then the bias. Returns the bytes before the bias. Of parts:
 * types, bits, and whether there is a bias. */
size_t weight_layout(Weight *w, const WeightParts *parts, Precision precision, size_t alignment);

/* Columns of a weight in 8 bits are a multiple of this: int8 rotates so many together (performance.md 3.3).
 */
enum { EIGHT_GROUP = 256, EIGHT_WIDTH_MAX = 24 * 1024 };

/* Matrices of a card, and their biases, begin at multiples of this. */
enum { WEIGHT_ALIGNMENT = 256 };

/* The same input, the same bits, on one machine; or whatever is fastest. A backend may have but the first. */
typedef enum Determinism { DETERMINISTIC, FASTEST } Determinism;

/* A device as it is found, before it is opened. */
typedef struct DeviceInfo {
    char name[96];          /* "NVIDIA GeForce RTX 4090" */
    char driver[48];        /* "driver 580.65, CUDA 13.0" */
    char libraries[256];    /* "cuBLASLt 13.1, /usr/local/cuda/lib64/libcublasLt.so.13" */
    uint64_t total, free;   /* bytes */
    bool bf16;              /* it computes in bf16 */
} DeviceInfo;

struct BackendOptions {
    int device;             /* index among `devices`; 0 for the CPU */
    int threads;            /* CPU: 1 to 1024, 0 = physical cores */
    Precision precision;
    Determinism determinism;
    const char *path; /* CPU: "portable", "avx2", "avx512", "avx512bf16"; NULL = $NEWBIE_ISA, or the best */
};

struct Backend {
    int version;            /* BACKEND_VERSION */
    const char *name;       /* "cpu", "ref", "cuda", "plan", ... */
    bool dry;               /* it computes nothing: of weights and activations only the shapes matter */

    Status (*open)(void **state, const BackendOptions *options);
    void (*close)(void *state);
    /* What the user reads: "cpu, 2 threads, avx512bf16". Borrowed from the state. */
    const char *(*describe)(void *state);
    DType (*activation)(void *state); /* the type of activations; may be NULL: float32 */

    void *(*mem_alloc)(void *state, size_t bytes); /* 64-byte aligned, NULL when there is none */
    void (*mem_free)(void *state, void *block, size_t bytes);
    void (*mem_info)(void *state, MemInfo *info);
    Status (*upload)(void *state, Tensor device, const void *host);
    Status (*download)(void *state, void *host, Tensor device);
    Status (*copy)(void *state, Tensor to, Tensor from);
    Status (*fill)(void *state, Tensor to, float value);
    Status (*sync)(void *state);

    /* Where there is prefetch, the block is one of mem_alloc(bytes), and weight_free gives it to mem_free. */
    Status (*weight_pack)(void *state, Weight *out, const WeightParts *parts);
    void (*weight_free)(void *state, Weight *w);

    Status (*linear)(void *state, Tensor y, Tensor x, const Weight *w, LinearHow how);
    Status (*glu_linear)(void *state, Tensor y, Tensor x, const Weight *w, Activation act);
    Status (*rms_norm)(void *state, Tensor y, Tensor x, const RmsNormHow *how);
    Status (*add_norm)(void *state, Tensor x, Tensor h, Tensor y, const AddNormHow *how);        /* (fused) */
    Status (*layer_norm)(void *state, Tensor y, Tensor x, const LayerNormHow *how);
    Status (*group_norm)(void *state, Tensor y, Tensor x, const GroupNormHow *how);
    Status (*qk_norm_rope)(void *state, Tensor q, Tensor k, const QkNormRopeHow *how);
    Status (*attention)(void *state, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how);
    Status (*embed)(void *state, Tensor y, Tensor host_table, const int32_t *host_ids, float scale);
    Status (*mean_rows)(void *state, Tensor y, Tensor x, const Seqs *seqs);
    Status (*conv2d)(void *state, Tensor y, Tensor x, const Weight *w, ConvHow how);
    Status (*upsample2x)(void *state, Tensor y, Tensor x);
    Status (*upsample2x_conv)(void *state, Tensor y, Tensor x, const Weight *w);                 /* (fused) */
    Status (*patchify)(void *state, Tensor tokens, Tensor latent, int patch);
    Status (*unpatchify)(void *state, Tensor latent, Tensor tokens, int patch);
    Status (*transpose)(void *state, Tensor y, Tensor x, float factor, float offset);
    Status (*unary)(void *state, Tensor y, Tensor x, Activation act);
    Status (*binary)(void *state, Tensor y, Tensor a, Tensor b, BinaryKind kind);
    Status (*lincomb)(void *state, Tensor y, const LincombHow *how);
    Status (*sum_squares)(void *state, Tensor y, Tensor x);
    Status (*cfg_mix)(void *state, Tensor v, Tensor cond, Tensor uncond, GuideHow how);          /* (fused) */
    Status (*cast)(void *state, Tensor y, Tensor x);
    Status (*to_rgb8)(void *state, Tensor bytes, Tensor x);

    /* All below may be NULL. Where prefetch is NULL, weights cannot live on the host: they are then all on
     * the device. sync waits for both streams. */

    /* The devices there are, up to `capacity`, *count of them; may be called before open. NULL: one device,
     * whose memory is the host's. Errors: ERR_DEVICE (no driver, an old one; product.md 12 row 11). */
    Status (*devices)(DeviceInfo *out, int capacity, int *count);
    void *(*host_alloc)(void *state, size_t bytes); /* host memory that copies fast; NULL: malloc does */
    void (*host_free)(void *state, void *block, size_t bytes);
    /* Copies bytes from host_alloc's memory to the device on STREAM_COPY and returns at once. */
    Status (*prefetch)(void *state, void *device, const void *host, size_t bytes);
    /* Where the device gives out memory in large pieces only (a card: 2 MiB, so a small block wastes most of
     * one): what weight_pack and weight_alloc give until the next call lies in one of `bytes` bytes, as far
     * as there is room, which goes back when none of its blocks is left. 0: each by itself, as at first. */
    void (*share)(void *state, size_t bytes);
    /* Of what weight_pack would give. */
    size_t (*weight_bytes)(void *state, const Weight *w, const WeightParts *parts);
    void *(*weight_alloc)(void *state, size_t bytes); /* as mem_alloc, freed with mem_free */

    Status (*event_mark)(void *state, int event, StreamKind stream);
    Status (*event_wait)(void *state, int event, StreamKind stream);
};

/* The one exported symbol of a backend module: the table, or NULL for another version. */
#define BACKEND_ENTRY "nb_backend_entry"
typedef const Backend *BackendEntry(int version);
