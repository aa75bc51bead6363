/* loop.h: the one loop of an interactive session on a terminal: keys, signals and the worker's news, all
 * through one poll(2). It knows no model and draws nothing itself: it chooses a surface (product.md A4),
 * says lines through it and edits through ui/edit.h.
 *
 *   Loop *loop = loop_new(&parts);
 *   app_parts.surface = loop_surface();
 *   app_parts.surface_context = loop;
 *   TRY(app_open(&app, &app_parts));
 *   status = loop_run(loop, app);
 *   app_free(app);
 *   loop_free(loop); */
#pragma once

#include "app/app.h"

typedef struct LoopParts {
    Stream stream;    /* of the plain surface; borrowed streams */
    SurfaceWish wish; /* --plain, --full */
} LoopParts;

typedef struct Loop Loop;
Loop *loop_new(const LoopParts *parts); /* never NULL */
void loop_free(Loop *loop);

/* Keeps what is said until loop_run has chosen a surface, which then says it: the start file may choose. Its
 * context is the Loop. */
const Surface *loop_surface(void);

/* Runs a session that was opened but not started, to its end: app_start, the loop, app_finish. Standard
 * input and output are a terminal, whose modes come back on every way out. Returns the exit status. */
int loop_run(Loop *loop, App *app);
