/* run.h: one job from text to pixels. Runs on the thread that owns the session; reports through hooks. */
#pragma once

#include "engine/session.h"

typedef enum StopKind { STOP_NOT, STOP_GENTLY, STOP_NOW } StopKind;

/* What the user wants of a step that has just been made; both at once are possible. */
typedef enum RunWish { WISH_NOTHING = 0, WISH_PREVIEW = 1, WISH_KEEP = 2 } RunWish;

struct RunResult;

/* All may be NULL. */
typedef struct RunHooks {
    void *context;
    StopKind (*stop)(void *context);                       /* asked between ops and steps */
    void (*phase)(void *context, Phase phase, double seconds); /* a phase ended */
    void (*plan)(void *context, const PlanInfo *plan);
    RunWish (*wish)(void *context);                        /* asked once after every step but the last */
    /* denoised [16, h/8, w/8] on the host, only when a preview is due, else NULL */
    void (*step)(void *context, const StepInfo *step, const float *denoised);
    /* WISH_KEEP: the picture as it would be had the run been stopped gently then; the run goes on. Comes at
     * once, or, where there is no memory for both, when the steps are done (not after a drop). The callee may
     * take the pixels (and set them to NULL). */
    void (*kept)(void *context, struct RunResult *result);
    void (*text)(void *context, const TextState *positive); /* token counts and cuts */
    /* Intermediate tensors for tests and dumps: "gemma_ids" and "jina_ids" come through `ids`; "caption",
     * "pooled", "caption_negative", "pooled_negative", "noise", "velocity" (every evaluation 0), "latents"
     * (every step), "image". */
    void (*tap)(void *context, const char *name, int step, Ops *o, Tensor tensor);
    void (*ids)(void *context, const char *name, const int32_t *ids, size_t count);
} RunHooks;

typedef struct RunResult {
    uint8_t *pixels;       /* [height, width, 3], owned; NULL when the run was dropped */
    int steps_run;
    bool stopped;          /* gently */
    double *sigmas;        /* [sigma_count], owned */
    int sigma_count;
    double seconds[PHASE_COUNT];
    uint64_t peak_bytes;   /* in use on the device, or resident of the process, at its highest */
    char latent_sha256[65];
} RunResult;
void run_result_done(RunResult *result);

/* Counts what a job needs under a plan, its picture decoded whole, without asking whether it fits:
 * out->free_bytes is left 0. Errors: ERR_USAGE. */
Status run_count(PlanInfo *out, Session *session, const Job *job, const Residency *residency);

/* Says what a job needs without doing it, under the first residency plan in which it fits; in tiles
 * (out->tiled) when as a whole it fits under none. Errors: ERR_MEMORY "does not fit" with need and free
 * (product.md 12 rows 9, 10), ERR_USAGE. */
Status run_plan(PlanInfo *out, Session *session, const Job *job);

/* Runs the job. *result is set on success and when stopped. ERR_DEVICE: the device is lost, and the
 * session with it. Errors: ERR_CANCELLED (dropped), ERR_BUG "step 5/28 produced values that are not
 * numbers", ERR_MEMORY. */
Status run_job(RunResult *result, Session *session, const Job *job, const RunHooks *hooks);
