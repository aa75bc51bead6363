/* worker.h: the thread that owns the model. Takes jobs, posts events. architecture.md 8.
 *
 * Everything here may be called from the UI thread and never blocks on the model. */
#pragma once

#include "engine/run.h"

typedef struct Worker Worker;

/* Starts the thread (all signals blocked in it). Owned by the caller. `build` is put into metadata: "newbie
 * 0.1.0". */
Status worker_start(Worker **out, const char *build);

/* Stops what runs, drops what waits, joins the thread, frees everything. */
void worker_free(Worker *worker);

/* Readable when an event or a progress snapshot waits. Take events until there is none, then the snapshot. */
int worker_fd(const Worker *worker);
bool worker_event(Worker *worker, Event *out);       /* the receiver owns it: event_done */
bool worker_progress(Worker *worker, Progress *out); /* the newest snapshot; false when nothing new */

/* Asks for another model; answered by EVENT_MODEL or EVENT_NO_MODEL. Jobs submitted later wait for it.
 * options are copied. */
void worker_load(Worker *worker, const SessionOptions *options);
void worker_unload(Worker *worker); /* answered by EVENT_NO_MODEL with a NULL fault */

/* Copies the job into the mailbox. Errors: ERR_USAGE when 64 wait already. Its events end with
 * EVENT_FINISHED. */
#define WORKER_JOBS_MAX 64
Status worker_submit(Worker *worker, const Job *job);

/* Asks job `id` to stop. Compared by id, so a stop that arrives early or late never hits another job. */
void worker_stop(Worker *worker, int id, StopKind kind);

/* Asks for the next step of job `id` as a picture: EVENT_KEPT when it is written. Nothing comes of it when no
 * step but the last is left. A file named by the job (OUTPUT_FILE) would be taken by the step: such jobs are
 * not to be asked. */
void worker_keep(Worker *worker, int id);

/* Asks for a preview of the next step of job `id`, whatever its preview_every says. */
void worker_preview(Worker *worker, int id);

/* When snapshots of the memory come: with the steps of a job, and when a model was loaded or a job ended; or
 * also once a second while nothing runs. */
typedef enum WatchWhen { WATCH_STEPS, WATCH_ALWAYS } WatchWhen;
void worker_watch(Worker *worker, WatchWhen when);

/* Takes a waiting job back; false when it is not waiting (any more). Nothing is posted for it. */
bool worker_withdraw(Worker *worker, int id);

/* Holds the queue: the running job goes on, the next one waits until worker_resume. */
void worker_pause(Worker *worker);
void worker_resume(Worker *worker);

/* Moves a waiting job to the front; false when it is not waiting. */
bool worker_promote(Worker *worker, int id);

/* Tokens of a text by the present model's tokenizer. Errors: ERR_USAGE when no model is loaded. */
Status worker_tokens(Worker *worker, TokenList *out, TokenRule rule, const char *text, size_t size);

/* What a job would need with the present model: a dry run on the calling thread, also while another job runs.
 * Errors: ERR_USAGE when no model is loaded, and those of run_plan. */
Status worker_plan(Worker *worker, PlanInfo *out, const Job *job);
