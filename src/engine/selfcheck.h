/* selfcheck.h: a whole small picture on two backends: the first thing to run on a new machine.
 * architecture.md 4.4. */
#pragma once

#include "engine/device.h"
#include "engine/session.h"

/* Loads the model of `options` and makes a picture of SELFCHECK_SIDE pixels in one step with guidance, on
 * options->backend and on `other`. Where both work in host memory, every op runs on both from the same
 * inputs, and the first that differs by more than its tolerance ends it (ops/check.h). A card has memory
 * of its own: then every stage of the picture is made on each by itself and compared, text states,
 * velocity, latents, pixels; the limit is that of performance.md 3.8 for a model in bf16. When a device
 * makes what is no number, the picture is made once more there to name the first op that does
 * (ops/finite.h). *seconds is set on success. Errors: ERR_BUG naming the op or the stage and the
 * difference; those of session_open and run_job. */
#define SELFCHECK_SIDE 64
Status selfcheck_run(double *seconds, const SessionOptions *options, const Device *other);
