/* view.h: what a surface may show of a session besides the lines it is given. Filled by app_drain from what
 * the worker says, so that a surface never sees the engine. product.md F1, F4, F5. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ViewPhase { VIEW_TEXT, VIEW_DENOISE, VIEW_VAE, VIEW_SAVE, VIEW_PHASES } ViewPhase;

typedef enum ViewModel { VIEW_NO_MODEL, VIEW_LOADING, VIEW_READY, VIEW_BENCH } ViewModel;

/* Bytes. total 0: this device is not in use. */
typedef struct ViewMemory {
    uint64_t weights, activations, other, free, total;
} ViewMemory;

/* What was at one moment: for :top. At most one a second, and none while nothing happens, unless :top is
 * on. */
typedef struct ViewSample {
    double time;                  /* clock_seconds */
    ViewMemory host, device_memory;
    int job, step;                /* 0: none */
    double step_seconds;          /* mean of that job so far */
} ViewSample;
#define VIEW_SAMPLES_MAX 600
#define VIEW_STEPS_MAX 1000

typedef struct View {
    ViewModel model;
    const char *name, *device, *precision; /* of the model, borrowed, "" without one */
    const char *plan;             /* "plan B, all hot but ..."; "" where there is but one memory. Borrowed */
    bool demo;

    int job;                      /* running now; 0: none */
    ViewPhase phase;              /* of that job */
    int step, steps;              /* 0 before the first step ended */
    double sigma;
    double step_seconds;          /* of a step, mean over this job */
    double eta;                   /* seconds left of the job */
    double phase_seconds[VIEW_PHASES]; /* negative: not yet reached; of the present phase so far */
    bool stopping;                /* asked to stop after this step */

    int waiting;                  /* pictures behind it */
    const int *waiting_ids;       /* [waiting_id_count], borrowed: those that have an id yet, next first */
    int waiting_id_count;
    double queue_eta;             /* seconds until all of them are done, 0: unknown */
    bool paused;
    double last_seconds;          /* of the newest picture; 0: none yet */
    int pictures;                 /* saved in this session */

    ViewMemory host, device_memory; /* of a job that runs or ran last, or of the model when it was loaded */

    int preview_width, preview_height; /* 0: none */
    const uint8_t *preview;       /* [height, width, 3], borrowed; newest preview of the running job */
    unsigned preview_count;       /* rises with each new preview */

    const ViewSample *samples;    /* [sample_count], oldest first, borrowed */
    int sample_count;
    const float *step_times;      /* [step_time_count], seconds of each step of the newest job, borrowed */
    int step_time_count;
} View;
