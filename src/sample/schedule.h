/* schedule.h: the noise levels (sigma) of one run. model-spec.md 7.2, 7.3. */
#pragma once

#include "base/status.h"

#define SCHEDULE_STEPS_MAX 1000

typedef struct Sigmas {
    double *value; /* [count], owned: falls from about 1 to 0 */
    int count;     /* levels; a run has count - 1 intervals */
} Sigmas;

typedef struct Schedule {
    const char *name;
    const char *aliases; /* space-separated other names, "" for none */
    const char *help;    /* one line */
    const char *label;   /* what PNG metadata calls it: "Normal" */
    /* Writes at most 2 * SCHEDULE_STEPS_MAX + 2 values; returns how many. */
    int (*levels)(double *out, int steps, double shift);
} Schedule;

extern const Schedule SCHEDULES[]; /* ends with a row whose name is NULL */

/* The row called `name` or an alias of it, borrowed; NULL when there is none. */
const Schedule *schedule_find(const char *name);

/* The noise levels for `steps` (1 to SCHEDULE_STEPS_MAX) and timestep `shift` (above 0; 6 for the published
 * model). Most lists have steps + 1 levels; beta, ddim_uniform and lab have their original's own length. *out
 * is set on success (sigmas_done). Errors: ERR_USAGE with the range. */
Status schedule_fill(Sigmas *out, const Schedule *row, int steps, double shift);
void sigmas_done(Sigmas *sigmas);
