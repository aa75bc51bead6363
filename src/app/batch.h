/* batch.h: the program without a terminal: one-shot, command files, input from a pipe. product.md A5, I5,
 * K1. */
#pragma once

#include "app/app.h"

/* What must be right before a session is made: -o may be written. Errors: ERR_IO. */
Status batch_check(const Arguments *arguments);

/* Runs a session that was opened but not started, to its end. Input, by task: the prompt of the command line,
 * -p, -f, or lines of standard input. `stream` is what the session's surface writes to, for its colour; may
 * be NULL. Returns the exit status. */
int batch_run(App *app, const Arguments *arguments, Stream *stream);

/* newbie check [BACKEND,BACKEND]: every op of the model (the small one, unless another is named) on two of
 * `backends`, which end with NULL. Returns the exit status: EXIT_SOME when they differ. */
int batch_backends(const Arguments *arguments, Report *report, const struct Backend *const *backends);

/* newbie info FILE...; needs no session. Returns the exit status. */
int batch_info(const Arguments *arguments, Report *report);
