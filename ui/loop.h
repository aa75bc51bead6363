/* loop.h: the one loop of an interactive session on a terminal: keys, signals and the worker's news, all
 * through one poll(2). It knows no model and draws nothing itself: lines go through a surface, keys
 * through ui/edit.h.
 *
 *   Plain plain = {.stream = {.out = stdout, .err = stderr, .color = ...}};
 *   AppParts parts = {.mode = APP_INTERACTIVE, .surface = &PLAIN_SURFACE, .surface_context = &plain, ...};
 *   TRY(app_open(&app, &parts));
 *   status = loop_run(app, &plain);
 *   app_free(app); */
#pragma once

#include "app/app.h"
#include "ui/plain.h"

/* Runs a session that was opened but not started, to its end: app_start, the loop, app_finish. Standard
 * input and output are a terminal, whose modes come back on every way out. plain is borrowed, and empty
 * (plain_done) afterwards. Returns the exit status. */
int loop_run(App *app, Plain *plain);
