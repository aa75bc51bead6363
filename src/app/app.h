/* app.h: a session as the user sees it: prompt, settings, jobs, pictures, macros, history. Everything that a
 * command does happens here; a surface draws and reads keys. One thread (the UI's) calls all of this.
 *
 * A loop around it, on any surface:
 *
 *   app_start(app);
 *   while (!app_leaving(app)) {
 *       poll on app_fd(app), the input and the signals, at most app_timeout(app) milliseconds;
 *       app_drain(app);                                    what the worker said; command files go on
 *       a line or an edit area came:  app_answer(app, &answer)   what the reader made of it
 *       Ctrl-C:                       app_interrupt(app)
 *       Ctrl-D, quit:                 app_leave(app, LEAVE_ASKING)
 *       end of the input:             app_leave(app, LEAVE_WHEN_DONE)
 *   }
 *   status = app_finish(app);  app_free(app);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/arguments.h"
#include "app/commands.h"
#include "app/options.h"
#include "app/report.h"
#include "app/view.h"
#include "prompt/reader.h"
#include "prompt/tags.h"

struct Backend;

/* Exit statuses, product.md A5. */
typedef enum ExitStatus {
    EXIT_DONE = 0, EXIT_SOME = 1, EXIT_USAGE = 2, EXIT_MODEL = 3, EXIT_MEMORY = 4, EXIT_OUTPUT = 5,
    EXIT_INPUT = 6, EXIT_DEVICE = 7, EXIT_BUG = 8, EXIT_HANGUP = 129, EXIT_INTERRUPT = 130,
    EXIT_TERMINATED = 143
} ExitStatus;

/* Who is there. */
typedef enum AppMode {
    APP_INTERACTIVE, /* a person at a terminal: questions are asked, history and autosave are kept */
    APP_BATCH,       /* a file or a pipe */
    APP_ONE_SHOT,    /* one prompt from the command line */
} AppMode;

/* What main picks. All borrowed for the life of the App. */
typedef struct AppParts {
    AppMode mode;
    const Surface *surface;
    void *surface_context;
    const Arguments *arguments;
    const struct Backend *backend;
    bool bf16_in_hardware;      /* what precision auto asks */
    const char *cpu_path;       /* for :doctor: "avx512bf16" */
    int cores;                  /* physical */
    const char *program;        /* path of the program, for :bench; NULL: not known */
} AppParts;

/* Makes a session; nothing is said and no model is loaded yet. *out is owned (app_free). Errors: ERR_MEMORY,
 * ERR_IO (no thread, no pipe). */
Status app_open(App **out, const AppParts *parts);
void app_free(App *app);

/* Reads the start file, applies the command line, says hello, begins to load the model, restores an
 * autosave. */
void app_start(App *app);

/* ---- the loop ------------------------------------------------------------------------------------------ */

int app_fd(const App *app);          /* readable: call app_drain */
void app_drain(App *app);            /* never waits */
int app_timeout(const App *app);     /* milliseconds until app_drain should be called anyway; -1: no need */

/* Acts on what the reader made of the input: prompts, commands, quit. The words of ANSWER_MORE, NOTHING and
 * DROPPED do nothing. Faults are reported. Returns false when a typed command is unknown or ambiguous and
 * should stay in the edit area (C2). */
bool app_answer(App *app, const ReaderAnswer *answer);

/* Reports a fault of the reader (a bad line) and counts it as a failure of the session's input. */
void app_bad_input(App *app, Status st);

/* Begins to run a command file; app_drain goes on with it. Errors: ERR_IO, ERR_FORMAT, ERR_USAGE (nested too
 * deep). */
Status app_run_file(App *app, const char *path);

/* True while nothing runs, waits, loads or is being read by :run. */
bool app_idle(const App *app);

/* True when a running or waiting job, or the loading of the model, would have to be awaited before `line` (a
 * command without its colon, or NULL for a prompt) may run in input that nobody types. */
bool app_must_wait(const App *app, const char *line);

/* Ctrl-C on anything but text being typed (K1): the first stops the running job gently and pauses the queue,
 * the second drops it. A command file in progress ends. Returns false when nothing was running. */
bool app_interrupt(App *app);

/* Alt-K: the next step of the running job becomes a numbered picture, and the job goes on. Errors: ERR_USAGE
 * (nothing runs, its steps are done, its picture has no numbered name). */
Status app_keep(App *app);

/* Alt-P: a preview of the next step, whatever the setting says. Errors: ERR_USAGE (nothing runs, its steps
 * are done), ERR_UNSUPPORTED (the surface shows no pictures). */
Status app_preview_now(App *app);

/* A surface has closed what its `top` opened, or :top is to print no more. */
void app_top_end(App *app);

typedef enum LeaveHow {
    LEAVE_ASKING,    /* with jobs: asks on a terminal, waits where nobody can be asked */
    LEAVE_WHEN_DONE, /* when the queue is empty */
    LEAVE_STOPPED,   /* HUP, TERM, Ctrl-C in batch: stops the running job gently, drops the others */
    LEAVE_NOW,
} LeaveHow;
/* status: EXIT_DONE, unless a signal or failed output says otherwise. */
void app_leave(App *app, LeaveHow how, int status);

bool app_leaving(const App *app);    /* the loop should end */

/* Says the session summary and the last event. Returns the exit status. */
int app_finish(App *app);

/* ---- what a surface asks ------------------------------------------------------------------------------- */

const View *app_view(const App *app);              /* borrowed, changes with every app_drain */
Report *app_report(App *app);
const Settings *app_settings(const App *app);
bool app_shows_pictures(const App *app);
const char *app_prompt(const App *app, size_t *size); /* the current prompt, borrowed; "" without */

/* Saved text of the edit area that was restored at start; NULL without. Borrowed. */
const char *app_restored(const App *app);

/* H2: tells what is in the edit area. The file is written by app_drain when nothing changed for a second (see
 * app_timeout), or at once. */
typedef enum AutosaveWhen { AUTOSAVE_LATER, AUTOSAVE_AT_ONCE } AutosaveWhen;
void app_autosave(App *app, const char *text, size_t size, AutosaveWhen when);

/* History, oldest first: whole prompts and commands (":set steps 20"). Borrowed until the next app_answer. */
size_t app_history_count(const App *app);
const char *app_history(const App *app, size_t index);

/* Names of the stored macros, sorted, one a line. */
void app_macro_names(Buf *out, const App *app);

/* Seeds of this session's pictures, the newest first, one a line. */
void app_seeds(Buf *out, const App *app);

/* The list of tags that the setting `tags` names, read when it is first asked for; borrowed until the setting
 * changes. Empty when it cannot be read, which is said once. */
const TagList *app_tags(App *app);

/* Opens the editor of `editor`, $VISUAL or $EDITOR, else vi, on a copy of text, between suspend and resume of
 * the surface. *out gets what was saved (product.md A3). Errors: ERR_USAGE (editor ended with a status),
 * ERR_FORMAT, ERR_IO. */
Status app_edit(App *app, Buf *out, const char *text, size_t size);

/* ---- the gallery --------------------------------------------------------------------------------------- */

/* Pictures of outdir and of this session, also those whose file was deleted, newest first. They are chosen by
 * app_gallery_open and stay as they are until it is called again. :gallery calls it and then the surface's
 * `gallery`; a surface calls it itself to look again.
 *
 * filter: NULL or "" for all, "starred", or a text in the prompt or the file name (upper and lower case are
 * one). Reads the index, and from the pictures what the index does not know. Errors: ERR_IO, ERR_FORMAT. */
Status app_gallery_open(App *app, const char *filter);
size_t app_gallery_count(const App *app);

typedef struct GalleryPicture {
    const char *path;     /* of the file, absolute */
    const char *name;     /* "output_012.png" */
    int64_t number;       /* 0: without number */
    int64_t time;         /* Unix seconds when it was saved; 0: unknown */
    bool star, missing;   /* missing: the file is gone, prompt and settings are known */
    bool has_prompt;      /* false: a picture without data, app_gallery_take refuses it */
    const char *caption;  /* the prompt in at most 48 cells, without tags; "" without one */
    const char *facts;    /* "seed 42, 128x128, 28 steps" */
} GalleryPicture;

/* Picture `index` below app_gallery_count; texts are borrowed until the next call. */
void app_gallery_at(GalleryPicture *out, App *app, size_t index);

/* It in small: at most side x side pixels (1 to 1024), never enlarged, borrowed until the next call. Kept for
 * the 128 used last; a new one of 1024x1024 takes tens of milliseconds, so ask for one a turn of the loop.
 * Errors: ERR_IO (missing), ERR_FORMAT (broken), ERR_UNSUPPORTED (too large), ERR_MEMORY. */
Status app_thumbnail(Image *out, App *app, size_t index, int side);

/* Its prompt and settings become current, as :fetch does it, and the prompt goes into the edit area. What
 * could not be honoured is said. Errors: ERR_FORMAT: it says no prompt. */
Status app_gallery_take(App *app, size_t index);

/* Gives it a star, or takes it away, and says so. */
Status app_gallery_star(App *app, size_t index);
