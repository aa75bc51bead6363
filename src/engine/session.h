/* session.h: which networks are resident, in what precision, within what budget.
 *
 * Owned by the worker thread. While the session is open another thread may use the tokenizers and call
 * run_plan: what these read does not change after session_open, is atomic, is the backend's mem_info, or
 * changes under `lock`. */
#pragma once

#include <pthread.h>

#include "engine/event.h"
#include "engine/recall.h"
#include "engine/residency.h"
#include "model/dit.h"
#include "model/gemma.h"
#include "model/jina.h"
#include "model/layout.h"
#include "model/vae.h"
#include "ops/backend.h"
#include "sample/preview.h"
#include "text/tokenize.h"

typedef enum PrecisionChoice {
    CHOOSE_AUTO,
    CHOOSE_F32,
    CHOOSE_BF16,
    CHOOSE_INT8,
    CHOOSE_FP8
} PrecisionChoice;

typedef struct SessionOptions {
    char *path; /* folder or all-in-one file, or NULL when the parts are given. Strings owned */
    char *part[PART_COUNT];        /* or NULL */
    PrecisionChoice precision;
    int threads;                   /* 0: physical cores */
    const Backend *backend;
    int device;                    /* index among the backend's */
    uint64_t vram;                 /* bytes that the device is to be taken for; 0: what it has */
    const Residency *residency;    /* the only plan; NULL: what fits */
    Determinism determinism;
    bool bf16_in_hardware;         /* what CHOOSE_AUTO asks */
    const Backend *check;          /* every op is compared with this one too (ops/check.h); NULL: none */
    bool finite;                   /* every op's results are looked at (ops/finite.h); not with check */
} SessionOptions;
void session_options_copy(SessionOptions *out, const SessionOptions *from);
void session_options_done(SessionOptions *options);

struct Session {
    SessionOptions options;
    ModelFiles files;
    Ops ops;
    bool checked;                  /* between check_begin and check_end */
    bool watched;                  /* between finite_begin and finite_end */
    Arena arena;                   /* over arena_block */
    void *arena_block;
    _Atomic size_t arena_size;     /* of arena_block; run_plan reads it on other threads */
    Dit *dit;
    Gemma *gemma;
    Jina *jina;
    Vae *vae;
    Tokenizer *tokenizer[2];       /* by TokenRule */
    PreviewFactors preview;
    _Atomic double flops_per_second; /* of the last denoising, 0 before the first; run_plan reads it, too */
    Recall recall;
    pthread_mutex_t lock;          /* held while weights move, and by run_plan */
    const Residency *residency;    /* the plan that the weights are placed by */
    bool settled;                  /* and they are where it wants them */
    unsigned eight;                /* networks that are loaded in 8 bits (residency_eight) */
    char where[24];                /* "cpu", "cuda:0", for messages */
    ModelInfo info;
};

/* Told while weights are loaded: "text encoder", and its bytes. */
typedef void NetworkProgress(void *context, const char *network, uint64_t done, uint64_t total);
typedef struct SessionHow {
    NetworkProgress *progress;
    bool (*cancelled)(void *context); /* asked between weights; true ends the loading with ERR_CANCELLED */
    void *context;
} SessionHow;

/* Opens the backend, loads everything; how may be NULL. *out is owned (session_close). Errors: those of
 * model/layout.h and the loaders; ERR_MEMORY before anything is loaded when the weights cannot fit
 * (product.md 12 row 9). */
Status session_open(Session **out, const SessionOptions *options, const SessionHow *how);
void session_close(Session *session);

/* Makes the arena at least this large (the old one is given back first). Errors: ERR_MEMORY. */
Status session_reserve(Session *session, size_t bytes);
void session_release(Session *session); /* gives the arena back */

/* What is asked of most models: a guided picture of their default size, in one step. Its texts are constants.
 */
Job session_usual_job(const Session *session);

/* Memory of the device as the session may use it: what there is, or what `vram` pretends. */
void session_device_memory(Session *session, MemInfo *info);

/* What the driver and other programs hold of it, bytes. */
uint64_t session_others(const MemInfo *memory);

/* Weights, activations, others and free memory of the host now, and of the device; a total of 0: the
 * device is the host. */
void session_memory(Session *session, MemoryUse *host, MemoryUse *device);
