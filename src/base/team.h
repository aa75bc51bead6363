/* team.h: the compute team: threads that run slices of one op for the worker, on the processor, or fill the
 * buffers through which weights travel to a card. Each backend has its own. architecture.md 8.
 *
 * A job is a function and a number of units; whoever is free takes the next unit, the caller too. Which
 * thread runs a unit must not change what it computes: then the same inputs give the same bits with any
 * number of threads. Late or sleeping helpers cost nothing, because the caller does not wait for threads that
 * took no unit.
 *
 * Helpers spin for some tens of microseconds after a job, then sleep: an idle program uses no CPU. All
 * signals are blocked in them. One thread means no helper at all. */
#pragma once

#include <stdint.h>

#include "base/status.h"

#define TEAM_MAX 1024

typedef struct Team Team;

/* Runs unit `unit` of a job; `thread` is in [0, team_size), to index private scratch memory. */
typedef void TeamUnit(void *job, int64_t unit, int thread);

/* A team of `threads` (1 to TEAM_MAX) including the caller of team_run. Errors: ERR_MEMORY. */
Status team_open(Team **out, int threads);
void team_close(Team *team); /* NULL does nothing */
int team_size(const Team *team);

/* Runs all units and returns when they are done. Only one thread at a time may call it, and never from inside
 * a unit. */
void team_run(Team *team, TeamUnit *unit, void *job, int64_t units);
