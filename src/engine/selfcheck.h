/* selfcheck.h: a whole small picture with every op on two backends: the first thing to run on a new machine.
 * architecture.md 4.4. */
#pragma once

#include "engine/session.h"

/* Loads the model of `options` and makes a picture of SELFCHECK_SIDE pixels in one step with guidance; every
 * op runs on options->backend and on options->check, and the first that differs by more than its tolerance
 * ends it. *seconds is set on success. Errors: ERR_BUG naming the op, its shapes and the difference; those of
 * session_open and run_job. */
#define SELFCHECK_SIDE 64
Status selfcheck_run(double *seconds, const SessionOptions *options);
