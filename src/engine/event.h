/* event.h: what the worker tells. Strings and buffers of an event belong to the receiver (event_done). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "engine/job.h"

typedef enum Phase { PHASE_TEXT, PHASE_DENOISE, PHASE_VAE, PHASE_SAVE, PHASE_COUNT } Phase;
extern const char *const PHASE_NAMES[PHASE_COUNT]; /* "text" "denoise" "vae" "save" */

/* Memory of one device in bytes. */
typedef struct MemoryUse {
    uint64_t weights, activations, other, free, total;
} MemoryUse;

/* What the user may know of a loaded model. All strings owned by the struct (model_info_done,
 * model_info_copy). */
typedef struct ModelInfo {
    char *name, *about, *licence, *trained, *layout, *path;
    bool demo;
    char *device;          /* "cpu, 2 threads, avx512bf16" */
    char where[24];        /* "cpu", "cuda:0" */
    char *precision;       /* "f32", "bf16" */
    const struct Residency *residency; /* the plan; NULL where there is one memory and all is hot in it */
    double seconds;        /* loading time */
    bool pace_follows;     /* EVENT_PACE comes when there is a moment for it */
    uint64_t weights_bytes, network_bytes[4]; /* packed, wherever they are; DiT, Gemma, Jina, VAE */
    uint64_t device_weights; /* of these on the device under the plan */
    uint64_t device_peak;    /* with the activations of a picture of the default size */
    uint64_t device_other;   /* what the driver and other programs held there when it was loaded */
    uint64_t device_total;   /* memory of the device; 0: not known */
    int default_width, default_height, default_steps; /* 0: not said by the model */
    double default_cfg, default_shift;                /* NAN: not said */
    char *default_system;  /* the model's own system prompt text ("" is a valid one), NULL: not said */
    int largest_width, largest_height; /* 0: not said */
    char **words;          /* words the demo model knows, owned, NULL-terminated; NULL: not said */
    char hash[65];         /* SHA-256 of the transformer file; "" until it is known */
} ModelInfo;
void model_info_copy(ModelInfo *out, const ModelInfo *from);
void model_info_done(ModelInfo *info);

typedef enum EventKind {
    EVENT_LOADING,  /* `text` is the network being loaded, with bytes so far (at most twice a second) */
    EVENT_MODEL,    /* loaded: `model` */
    EVENT_NO_MODEL, /* loading failed: `fault`; the old model, if any, is still there (`kept`) */
    EVENT_PACE,     /* how fast the card is is known now, or will not be before a picture was made */
    EVENT_HASH,     /* `text` is the SHA-256 of the transformer file */
    EVENT_STARTED,  /* a job left the queue */
    EVENT_PLAN,     /* `plan` */
    EVENT_PHASE,    /* `phase` ended after `seconds` */
    EVENT_STEP,     /* `step` */
    EVENT_SAVED,    /* `saved` */
    EVENT_UNSAVED,  /* finished but not written: `fault` says why, `saved.png` holds the picture; the queue is
                     * now paused, worker_resume goes on */
    EVENT_KEPT,     /* a step of the running job is a picture: `saved`; where it was not written, `fault` says
                     * why, and `saved.png` holds it, if it could be made. The job goes on */
    EVENT_STOPPED,  /* stopped by the user after `step.step` steps; `kept` says whether a picture follows */
    EVENT_FAILED,   /* `fault`; after ERR_DEVICE the queue is paused, and EVENT_NO_MODEL follows */
    EVENT_FINISHED, /* the last event of every job */
} EventKind;

typedef struct StepInfo {
    int step, total;       /* 1 to total */
    double sigma;          /* level at which the step began */
    double seconds;        /* of this step */
    double eta;            /* seconds left of the job, VAE included */
    double velocity_norm;
    bool guided;
} StepInfo;

/* How a job came to its residency plan. */
typedef enum PlanWhy {
    PLAN_AS_BEFORE,
    PLAN_CHOSEN,       /* another than before, by what is needed and what is free */
    PLAN_STEPPED_DOWN, /* a larger one should have fitted, but the device had no room */
} PlanWhy;

typedef struct PlanInfo {
    const struct Residency *residency; /* engine/residency.h */
    PlanWhy why;
    bool fits;
    bool tiled;                 /* the picture is decoded in tiles: as a whole it fits under no plan */
    int dropped;                /* layers of the transformer that leave the device during decoding */
    uint64_t weights_bytes;     /* on the device under it */
    uint64_t dropped_bytes;     /* of these in the layers that leave */
    uint64_t steps_bytes;       /* arena of the texts and the steps */
    uint64_t decode_bytes;      /* arena of decoding the picture */
    uint64_t activation_bytes;  /* the larger of the two */
    uint64_t free_bytes;        /* for activations under it, when it was asked */
    uint64_t peak_bytes;        /* on the device at the highest: weights, activations, part-filled pages */
    double copied_bytes;        /* weights that visit the device while it runs */
    double flops[PHASE_COUNT];
    double seconds;             /* estimate; 0 when nothing was measured yet */
} PlanInfo;

typedef struct SavedInfo {
    int64_t number;        /* 0 when not numbered */
    char *path;            /* NULL for OUTPUT_BYTES and what was not written */
    char *png;             /* the file's bytes; only for OUTPUT_BYTES and what was not written, else NULL */
    size_t png_size;
    char sha256[65];       /* of the file */
    char latent_sha256[65];
    int steps_run;
    double seconds[PHASE_COUNT], total_seconds;
    uint64_t peak_bytes;
    uint8_t *pixels;       /* [height, width, 3] */
    int width, height;
} SavedInfo;

typedef struct Event {
    EventKind kind;
    int job;               /* 0 when about no job */
    double time;           /* clock_seconds when it happened */
    Phase phase;
    double seconds;
    bool kept;
    char *text;
    uint64_t bytes_done, bytes_total;
    StepInfo step;
    PlanInfo plan;
    SavedInfo saved;
    ModelInfo *model;
    Fault *fault;
} Event;
void event_done(Event *event);

/* The latest-value slot: overwritten freely. */
#define PREVIEW_MAX 128
typedef struct Progress {
    int job;               /* 0: idle */
    Phase phase;
    StepInfo step;
    MemoryUse host, device; /* device.total 0: no GPU in use */
    unsigned preview_count; /* rises with each new preview: a snapshot that is overwritten loses none */
    int preview_width, preview_height; /* 0: this job has none yet */
    uint8_t preview[PREVIEW_MAX * PREVIEW_MAX * 3];
} Progress;
