/* selfcheck.h: a whole small picture on two backends: the first thing to run on a new machine.
 * architecture.md 4.4. */
#pragma once

#include "engine/device.h"
#include "engine/session.h"

/* What was compared. */
typedef struct SelfCheck {
    double seconds;
    int stages; /* of the picture; 0: every op, one by one */
} SelfCheck;

/* Loads the model of `options` and makes a picture of SELFCHECK_SIDE pixels in one step with guidance, on
 * options->backend and on `other`. Where the second works in host memory, every op runs on both from the same
 * inputs, and the first that differs by more than its tolerance ends it (ops/check.h). A card in the second
 * place makes the picture by itself, and every stage is compared: text states, velocity, latents, pixels; the
 * limit is that of performance.md 3.8 for a model in bf16. When a device makes what is no number, the picture
 * is made once more there to name the first op that does (ops/finite.h). *out is set on success. Errors:
 * ERR_BUG naming the op or the stage and the difference; those of session_open and run_job. */
#define SELFCHECK_SIDE 64
Status selfcheck_run(SelfCheck *out, const SessionOptions *options, const Device *other);
