/* dit.h: Next-DiT, the network that predicts the velocity of the latent. model-spec.md 2.
 *
 * One prompt is prepared once (caption embedder, context refiner, rotation tables); each evaluation then runs
 * the noise refiner, the joint layers and the final layer. The sequences of a run share the latent and the
 * time and differ in text: sequence 0 is the conditional branch, 1 the unconditional one. */
#pragma once

#include "io/json.h"
#include "io/safetensors.h"
#include "ops/ops.h"

typedef struct DitConfig {
    int64_t dim, layers, refiners, heads, kv_heads, head_dim, ffn; /* refiners: of each of the two kinds */
    int64_t caption_dim;      /* width of Gemma's states */
    int64_t pooled_dim;       /* width of Jina's vector */
    int64_t conditioning_dim; /* min(dim, 1024) */
    int64_t channels, patch;  /* 16, 2 */
    int64_t axes_dims[3];     /* rope dims per axis, sum = head_dim */
    double theta;             /* 10000 */
    double norm_eps;          /* block and caption norms */
    double qk_norm_eps;       /* q_norm, k_norm, clip_text_pooled_proj.0 */
} DitConfig;

typedef struct Dit Dit;

/* What a loader tells while it works: bytes of the file that are packed, of all that will be. */
typedef void LoadProgress(void *context, uint64_t bytes_done, uint64_t bytes_total);
typedef struct LoadHow {
    LoadProgress *progress; /* may be NULL */
    void *context;
    WeightBits bits; /* BITS_INT8: the layers' matrices are int8 where the backend has that, whatever the
                        precision; else the network's own choice */
} LoadHow;

/* Binds, checks and packs all weights of `file` (lab names, any prefix of model-spec 2.11, or diffusers
 * names) into the backend. config: transformer/config.json or NULL; shapes win where both speak. how may be
 * NULL. *out is owned (dit_free, with the same backend still open). Pages of the file are given back as they
 * are packed. Errors: ERR_FORMAT with every missing or misshapen tensor in one message (product.md 12 rows
 * 4-6), ERR_MEMORY, what the backend says; nothing is then held. */
Status dit_load(Dit **out, Ops *o, const SafeTensors *file, const Json *config, const LoadHow *how);
void dit_free(Dit *dit, Ops *o);
const DitConfig *dit_config(const Dit *dit);
size_t dit_bytes(const Dit *dit);        /* device memory of the weights, when all are there */

/* Bytes of the weights in these groups (model/stream.h), and moving them to where o->streamed says
 * (weights_settle). */
size_t dit_group_bytes(const Dit *dit, unsigned groups); /* 0 for NULL */
size_t dit_away_bytes(const Dit *dit);                   /* of those that are on the host only; 0 for NULL */
void dit_settle(Dit *dit, Ops *o);

/* Sends the last joint layers to the host, so that something else has their room for a while; dit_settle
 * brings them back. Their copies on the host stay: the next time costs nothing. Errors are sticky; what has
 * left then comes back with dit_settle, too. */
void dit_drop(Dit *dit, Ops *o, int layers);
int dit_drop_most(const Dit *dit);                  /* layers that may leave: a quarter of all */
size_t dit_drop_bytes(const Dit *dit, int layers);  /* device memory that they free */

typedef struct DitInput {
    Tensor caption;        /* [rows, caption_dim]: Gemma's states of all sequences, packed, on the device */
    Tensor pooled;         /* [sequences, pooled_dim], on the device */
    Seqs text;             /* rows of each sequence in caption */
    int64_t height, width; /* of the latent, multiples of patch */
    const double *times;   /* host: model time of every evaluation of the run, in order */
    int evaluations;
} DitInput;

/* What stays the same over the steps of one run. Lives in the arena, above the mark the caller took
 * before. */
typedef struct DitRun {
    const Dit *dit;
    DitInput input;        /* as given; times are borrowed for the life of the run */
    Tensor text;           /* [rows, dim]: refined captions */
    Tensor pooled;         /* [sequences, pooled_dim]: through clip_text_pooled_proj */
    Tensor cos, sin;       /* [text + image rows of every sequence, head_dim/2], joint order */
    Tensor image_cos, image_sin;
    float *table;          /* host, owned: modulation rows of the evaluations from window_first on */
    int window_first, window_count, window_capacity;
    Tensor modulation;     /* [sequences, width]: those of `evaluation`, on the device */
    int evaluation;        /* -1: none yet */
    struct Stream *stream; /* of the modulated blocks, owned */
    Seqs joint, image;     /* rows of each sequence: text + image, image only */
} DitRun;

/* Prepares a run; device memory comes from the arena and stays until the caller releases its mark, host
 * memory until dit_end, which is owed also after an error and comes before the release. Errors are sticky
 * in o. */
void dit_begin(DitRun *run, Ops *o, const Dit *dit, const DitInput *input);
void dit_end(DitRun *run, Ops *o); /* a zeroed DitRun may be ended, too */

/* velocity [sequences, channels, height, width] = dx/dt at `latent` [channels, height, width] for evaluation
 * number `evaluation`, for the first `sequences` sequences of the run (1 when guidance is truncated). Uses
 * the arena above the present mark and releases it; how much that is, a dry run tells (engine/run). Errors
 * are sticky in o. */
void dit_velocity(Ops *o, Tensor velocity, DitRun *run, Tensor latent, int evaluation);
