/* state.h: what a session consists of. Private to the room: surfaces see app.h and view.h. */
#pragma once

#include "app/app.h"
#include "app/autosave.h"
#include "app/gallery.h"
#include "app/history.h"
#include "app/places.h"
#include "app/thumbnail.h"
#include "engine/meta.h"
#include "engine/worker.h"
#include "prompt/edit.h"
#include "prompt/lint.h"
#include "prompt/tags.h"
#include "prompt/macro.h"

/* "gcc 12.2.0"; clang's version says its name itself. */
#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* Tokens that the encoders read (model-spec.md 6). */
enum { GEMMA_LIMIT = 512, JINA_LIMIT = 2048 };

/* What was asked for and is not yet all in the worker's queue: one submitted prompt, `count` pictures.
 * Settings are those of the moment of submission; they become jobs when a model is there and the queue has
 * room. */
typedef struct Order {
    Settings settings;
    char *prompt;       /* owned */
    int count, made;    /* pictures asked for; jobs made so far */
    uint64_t seed;      /* of the first, when `fixed` */
    bool fixed;
    bool draft;         /* :draft: fewer steps, smaller */
    bool checked;       /* advice given, directory tested */
} Order;

typedef enum Purpose {
    PURPOSE_PICTURE,
    PURPOSE_SAME,       /* :same: compared with `like`, not kept */
} Purpose;

/* A job in the worker's queue, oldest first; the first may be running. */
typedef struct Ticket {
    Job *job;               /* owned copy */
    Purpose purpose;
    int like;               /* index in App.pictures, -1: compare with like_latent */
    char like_latent[65];
    char *like_name;        /* owned: "#3" */
    bool started, failed;
    bool drawn;             /* its seed was drawn at random */
    bool over;              /* saved, dropped or failed: only EVENT_FINISHED is still to come */
    int stopping;           /* a StopKind */
    Phase phase;            /* now */
    double phase_began, phase_seconds[PHASE_COUNT]; /* negative: not yet */
    StepInfo step;          /* newest */
    double seconds;         /* that its picture took; 0: none yet */
    double line_time;       /* clock of the newest step line or heartbeat */
} Ticket;

/* A finished picture of this session. */
typedef struct Shot {
    int64_t number;         /* 0: -o, or not saved */
    char *path;             /* owned; NULL while unsaved */
    Job *job;               /* owned */
    char *model;            /* owned: name of the model that made it */
    bool drawn;             /* its seed was drawn at random */
    int steps_run;
    StepInfo step;          /* the last */
    double seconds, phase_seconds[PHASE_COUNT];
    uint8_t *pixels;        /* owned; only of the newest ones, else NULL */
    char latent[65];
    Buf png;                /* only while unsaved (N4) */
} Shot;

#define SHOTS_WITH_PIXELS 8

/* A command file being read. */
typedef struct Script {
    char *name, *directory; /* owned; as the user gave it, and where it lies */
    Buf bytes;
    size_t at;              /* next byte */
    Reader reader;
    CommandSource source;
    bool keep_going;
    ReaderAnswer answer;    /* read, and waiting to be acted on when `held` */
    bool held, ended;
    size_t line;            /* of what was acted on last */
    struct Script *below;
} Script;

struct App {
    AppParts parts;
    Report report;
    Worker *worker;
    Places places;
    Settings settings;
    Buf prompt;             /* current prompt */
    UndoList undo;
    History history;

    /* model */
    bool loaded, loading, greeted;
    ModelInfo model;        /* when loaded */
    Buf plan;               /* of the view */
    struct Bench *bench;    /* owned; NULL: none runs (cmd_bench.c) */
    char *model_before;     /* setting `model` before a change that is being tried; owned, NULL: none */
    double load_began, load_line;

    /* jobs */
    Order *orders;          /* owned */
    size_t order_count;
    Ticket *tickets;        /* owned */
    size_t ticket_count;
    int next_job;
    double busy_since;      /* clock when the queue was last begun */
    bool paused;
    Shot *shots;            /* owned */
    size_t shot_count;
    Job *last_job;          /* owned copy of the newest job started; NULL: none */

    /* gallery */
    Gallery gallery;
    char **gallery_shown;   /* files of its entries, [gallery_shown_count], newest first; owned */
    size_t gallery_shown_count;
    bool gallery_warned;    /* that the index cannot be written: said once */
    Buf gallery_caption, gallery_facts; /* of the newest app_gallery_at */
    Thumbnails thumbnails;

    /* completion */
    TagList tags;
    char *tags_file;        /* value of the setting that it was read for, owned; NULL: not read yet */

    /* input */
    Script *script;         /* innermost */
    const char *running;    /* directory that file names of the running command are relative to; NULL: here */

    /* autosave */
    Buf edit, saved;        /* what is in the edit area; what the file holds */
    double changed;         /* clock of the newest change that is not saved, 0: none */
    Saved restored;

    /* end */
    bool started, leaving, leave_when_done;
    int status;             /* exit status so far */
    int fault_status;       /* of the command that is failing, when its code does not tell; 0: by code */
    size_t failures;
    double began;

    int output_error;       /* errno of the first event that could not be written, else 0 */
    FILE *events;           /* NDJSON of :log json FILE, owned */
    View view;
    ViewSample samples[VIEW_SAMPLES_MAX];
    float step_times[VIEW_STEPS_MAX];
    bool topping;           /* :top prints lines */
    double top_line;        /* clock of the newest */
    Progress progress;
    int *waiting_ids;       /* for the view, owned */
};

/* ---- saying (app.c) ------------------------------------------------------------------------------------ */

/* What the worker's events are turned into; not repeated as a line where NDJSON tells it. */
void app_tell(App *app, LineKind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Reports a fault, as a line and as an event, and counts it. `otherwise` is the status where the code does
 * not tell. */
void app_fault(App *app, Status st, ExitStatus otherwise);

/* For handlers: the exit status that this fault means. Returns st. */
Status app_fault_as(App *app, ExitStatus status, Status st);

/* The path of a file named in a command: relative to the command file that runs, if one does. Owned by the
 * caller. */
char *app_path(const App *app, const char *name);

/* A path for people: without the "./" of the default directory. */
const char *shown_path(const char *path);

/* Runs a shell command ("$1" is the argument) with the terminal to itself. Returns its exit status, -1 when
 * it could not be started. */
typedef enum ShellUse {
    SHELL_PROGRAM, /* with a screen of its own, or none */
    SHELL_COMMAND, /* whose output a person wants to read before the surface comes back */
} ShellUse;
int app_shell(App *app, ShellUse use, const char *command, const char *argument);

/* ---- prompt and settings (app.c) ----------------------------------------------------------------------- */

/* The current prompt changes; makes an undo state. */
void app_set_prompt(App *app, const char *text, size_t size);

/* Makes an undo state of what is there now. */
void app_remember(App *app);

/* Changes a setting as the user would: hooks run, an undo state is made. Errors: as settings_set. */
Status app_set(App *app, SettingId id, const char *value, Origin origin);

/* Reads the list of tags that a value of the setting `tags` means; the old one stays on errors (those of
 * tags_load). */
Status app_tags_try(App *app, const char *value);

/* Writes the autosave when it is time (H2). */
void app_autosave_due(App *app);

/* ---- model (model.c) ----------------------------------------------------------------------------------- */

/* Asks the worker for the model that the settings name. */
void app_load_model(App *app);

/* Takes over what a loaded model says about itself; its defaults. */
void app_take_model(App *app, const ModelInfo *info);
void model_defaults(Settings *settings, const ModelInfo *info);

/* :bench goes on: the model is gone, a child said something or ended, a second is over. app_bench_end ends
 * it, says what was measured, and loads the model again; false when none runs (cmd_bench.c). */
typedef struct Bench Bench;
void app_bench_due(App *app);
bool app_bench_end(App *app);

/* A table of sizes: what each needs, its plan, its time (cmd_model.c). Errors: those of worker_plan but
 * "does not fit", which is said in the table. */
Status say_sizes(App *app);

/* The precision of this name; `otherwise` for NULL and "auto". */
PrecisionChoice precision_named(const char *name, PrecisionChoice otherwise);

/* The plan of app->model into the view; "plan B, all hot but the adaLN projections". */
void app_show_plan(App *app);
void put_plan(Buf *out, const Residency *residency);

/* Loading failed, or the model was unloaded; `kept`: the one before is still there. */
void app_lose_model(App *app, bool kept);

/* ---- jobs (jobs.c) ------------------------------------------------------------------------------------- */

/* A prompt is to be rendered `count` times with the present settings. Errors: ERR_USAGE (empty, queue full).
 * What is found out later (no model, advice strict, directory) is reported, not returned. */
Status app_order(App *app, const char *prompt, int count);

/* The same quick and small, as draft_steps and draft_size say. */
Status app_order_draft(App *app, const char *prompt, int count);

/* The same from a given job with other seeds (:again), or exactly (:same). */
Status app_order_again(App *app, int count);

/* Lets the jobs of a paused queue write into the present outdir (N4). */
void app_redirect_waiting(App *app);
Status app_submit_job(App *app, Job *take_job, const Ticket *how);

/* Turns orders into jobs as far as there is a model and room. */
void app_feed(App *app);
void app_drop_orders(App *app);

/* Stops the running job. Errors: ERR_USAGE: nothing is running. */
Status app_stop(App *app, StopKind kind);
Ticket *app_ticket(App *app, int id);         /* NULL when there is none */
Ticket *app_running(App *app);                /* NULL when nothing runs */
size_t app_waiting(const App *app);           /* jobs behind the running one, those not yet made included */
void app_remove_ticket(App *app, Ticket *ticket);
void app_remove_waiting(App *app);            /* all that wait: from the worker's queue, and the orders */
void app_say_paused(App *app);                 /* that it is, and how to go on */
double app_queue_seconds(const App *app);     /* estimate until all is done; 0: unknown */
void app_keep_shot(App *app, const Ticket *ticket, SavedInfo *saved);
void order_done(Order *order);
void shot_done(Shot *shot);

/* Ends :log in both forms. */
void app_close_logs(App *app);

/* Everything about a prompt under these settings: facts for the rules, then the rules. */
void app_lint(App *app, LintList *out, const Settings *settings, const char *prompt, size_t size);

/* The system prompt that `sys` means for a prompt: name and text, borrowed. */
void system_prompt_for(const char **name, const char **text, const App *app, const Settings *settings,
                       const char *prompt, size_t size);

/* ---- command files (script.c) -------------------------------------------------------------------------- */

/* Begins to read a file; what was being read goes on after it. Errors: ERR_IO, ERR_FORMAT, ERR_USAGE (nested
 * too deep). */
Status script_begin(App *app, const char *path, CommandSource source);
void script_pump(App *app);                   /* goes on as far as nothing must be waited for */
void script_stop(App *app);                   /* ends all of them */

/* Reports a fault, naming FILE:LINE when it comes from a command file, which then ends unless it is to keep
 * going. */
void script_fault(App *app, Status st, ExitStatus otherwise);

/* Leaves, as the words quit and exit do. Ends the command files that are being read. */
void app_quit(App *app, CommandSource source);

/* Runs what a reader answered; faults are returned. */
Status app_act(App *app, const ReaderAnswer *answer, CommandSource source);

/* ---- pictures (reference.c) ---------------------------------------------------------------------------- */

/* The file that a picture reference means (#12, #-1, last, or a file name). Owned by the caller. Errors:
 * ERR_USAGE, ERR_IO
 * "#12: there is no output_012.png in .". */
Status picture_path(char **out, App *app, const char *reference);

/* The shot of this session that it means; NULL when it is another. */
Shot *picture_shot(App *app, const char *reference);

/* What a picture file says. *out is owned (meta_done); facts may be NULL (picture_facts_done). Errors: as
 * picture_path; "X is not a PNG"; "X has no generation data". */
typedef struct PictureFacts {
    MetaSource source;
    bool missing;          /* the file is gone: this is what the gallery index knows */
    int width, height;
    Buf remarks, problems; /* lines */
} PictureFacts;
Status picture_meta(RunMeta *out, PictureFacts *facts, App *app, const char *reference);
Status picture_file_meta(RunMeta *out, PictureFacts *facts,
                         const char *path); /* the same of a file, without a session */
void picture_facts_done(PictureFacts *facts);

/* Says all of it: prompt, settings, what is missing, remarks. */
void say_picture(Report *report, const char *name, const RunMeta *meta, const PictureFacts *facts);

/* A macro by its name, without "@". *out is set on success and owned by the caller (macro_done). Errors:
 * ERR_USAGE (a bad name, none of this name), as macro_load. */
Status reference_macro(Macro *out, const App *app, const char *name);

/* Appends the prompt of a picture, a macro (@name) or a job (j4). Errors: as recipe_of. (recipe.c) */
Status reference_prompt(Buf *out, App *app, const char *reference);

/* DIRECTORY/PREFIX NNN .png as the settings say. Owned by the caller. */
char *picture_numbered_path(const App *app, long long number);

/* The prompt and the settings of a picture become current, as one undo state; says what changed and what
 * could not be honoured. `name` is for the sentences. Errors: ERR_FORMAT: it says no prompt. (fetch.c) */
Status app_take_meta(App *app, const char *name, const RunMeta *meta);

/* ---- the gallery (album.c) ----------------------------------------------------------------------------- */

/* A picture was saved: it goes into the index. */
void app_gallery_saved(App *app, const Job *job, const SavedInfo *saved);

/* What the index knows of a picture that may be gone; borrowed until the gallery changes. NULL: nothing. */
const RunMeta *app_gallery_meta(App *app, const char *path);

/* The entry that a reference means, borrowed until the gallery changes; a picture that is there and not known
 * yet is read. Errors: as picture_path; ERR_FORMAT: it is no PNG. */
Status app_gallery_find(GalleryEntry **out, App *app, const char *reference);

/* Gives an entry a star, or takes it away, and says so. */
Status app_set_star(App *app, GalleryEntry *entry);

/* N of a path whose name is PREFIX N .png, else 0. */
int64_t picture_number(const App *app, const char *path);

/* Forgets what app_gallery_open has chosen. */
void app_gallery_close(App *app);

/* ---- watching (cmd_watch.c) ---------------------------------------------------------------------------- */

void app_sample(App *app);    /* takes a sample for the view when a second has passed */
void app_note_step(App *app, const StepInfo *step);
void app_top_due(App *app);   /* prints the next line of :top when it is time */

/* ---- NDJSON (emit.c) ----------------------------------------------------------------------------------- */


void emit_hello(App *app);
void emit_model(App *app);
void emit_job(App *app, const Job *job);
void emit_lint(App *app, const LintFinding *finding);
void emit_phase(App *app, int job, Phase phase, double seconds);
void emit_step(App *app, int job, const StepInfo *step);
void emit_memory(App *app);
void emit_saved(App *app, int job, const SavedInfo *saved);
void emit_stopped(App *app, int job, int step, bool kept);
void emit_error(App *app, Status st, int status);
void emit_bye(App *app, int status);
extern const Surface JSON_SURFACE;            /* context is the App */
