/* app.c: the life of a session: opening, starting, autosave, leaving. What it does in between is in jobs.c
 * (pictures to make), drain.c (what the worker says), script.c (command files), model.c, and the commands. */
#include "config.h"

#include "app/app.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/state.h"
#include "base/clock.h"
#include "base/file.h"
#include "prompt/input.h"

#define AUTOSAVE_SECONDS 1.0
#define STALE_PART_SECONDS 86400.0

/* ---- saying -------------------------------------------------------------------------------------------- */

void app_tell(App *app, LineKind kind, const char *format, ...) {
    if (app->parts.arguments->json && kind <= LINE_INFO)
        return;
    Buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprint(&text, format, args);
    va_end(args);
    report_line(&app->report, kind, "%s", buf_string(&text));
    buf_done(&text);
}

/* What a fault means for the exit status (product.md A5). */
static int status_of(Status st, ExitStatus otherwise) {
    static const int statuses[] = {[ERR_USAGE] = EXIT_USAGE,
                                   [ERR_MEMORY] = EXIT_MEMORY,
                                   [ERR_DEVICE] = EXIT_DEVICE,
                                   [ERR_BUG] = EXIT_BUG};
    size_t known = sizeof statuses / sizeof *statuses;
    int status = (size_t)st->code < known ? statuses[st->code] : 0;
    return status ? status : (int)otherwise;
}

/* Nobody can type a command after one prompt from the command line: the hint names the option. */
static void advise_command_line(Fault *fault) {
    Buf text = {0};
    arguments_hint(&text, fault->hint);
    snprintf(fault->hint, sizeof fault->hint, "%s", buf_string(&text));
    buf_done(&text);
}

void app_fault(App *app, Status st, ExitStatus otherwise) {
    if (!st || st->code == ERR_CANCELLED)
        return;
    int status = app->fault_status ? app->fault_status : status_of(st, otherwise);
    app->fault_status = 0;
    app->failures += app->started; /* a mistake in the start file is no failure of what was asked for (W1) */
    if (app->started && app->parts.mode != APP_INTERACTIVE && !app->status)
        app->status = status;
    Fault kept;
    fault_copy(&kept, st); /* saying it may make faults of its own */
    if (app->parts.mode == APP_ONE_SHOT)
        advise_command_line(&kept);
    report_fault(&app->report, &kept);
    emit_error(app, &kept, status);
}

const char *shown_path(const char *path) {
    return !strncmp(path, "./", 2) ? path + 2 : path;
}

Status app_fault_as(App *app, ExitStatus status, Status st) {
    if (st)
        app->fault_status = status;
    return st;
}

char *app_path(const App *app, const char *name) {
    char *path = file_expand(name);
    if (!app->running)
        return path;
    char *below = file_join(app->running, path);
    free(path);
    return below;
}

/* ---- prompt and settings ------------------------------------------------------------------------------- */

static void note_change(App *app) {
    app->changed = clock_seconds();
}

void app_remember(App *app) {
    Buf settings = {0};
    settings_store(&settings, &app->settings);
    undo_push(&app->undo, buf_string(&app->prompt), app->prompt.size, buf_string(&settings));
    buf_done(&settings);
    note_change(app);
}

void app_set_prompt(App *app, const char *text, size_t size) {
    Buf copy = {0}; /* the text may be the prompt itself */
    buf_add(&copy, text, size);
    buf_done(&app->prompt);
    app->prompt = copy;
    app_remember(app);
}

Status app_set(App *app, SettingId id, const char *value, Origin origin) {
    char *before = must_copy(settings_text(&app->settings, id));
    Status st = id == SET_TAGS && origin == FROM_USER ? app_tags_try(app, value) : NULL;
    if (!st)
        st = settings_set(&app->settings, id, value, origin);
    bool changed = !st && strcmp(before, settings_text(&app->settings, id));
    if (changed && app->started) {
        app_remember(app);
        if (SETTINGS[id].effect == EFFECT_RELOAD) {
            if (id == SET_MODEL) {
                free(app->model_before);
                app->model_before = must_copy(before);
            }
            app_load_model(app);
        }
    }
    free(before);
    return st;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

Status app_open(App **out, const AppParts *parts) {
    App *app = must_alloc(sizeof *app);
    app->parts = *parts;
    app->report = (Report){.surface = parts->surface, .context = parts->surface_context};
    if (parts->arguments->json)
        app->report = (Report){.surface = &JSON_SURFACE, .context = app};
    app->began = clock_seconds();
    app->next_job = 1;
    settings_init(&app->settings);
    places_find(&app->places);
    gallery_init(&app->gallery, app->places.gallery);
    Status st = worker_start(&app->worker, "newbie " PACKAGE_VERSION);
    if (st) {
        Fault kept;
        fault_copy(&kept, st);
        app_free(app);
        return fault_raise(&kept);
    }
    *out = app;
    return NULL;
}

void app_free(App *app) {
    if (!app)
        return;
    script_stop(app);
    app->leaving = true;
    app_bench_end(app);
    worker_free(app->worker);
    app_drop_orders(app);
    while (app->ticket_count)
        app_remove_ticket(app, &app->tickets[app->ticket_count - 1]);
    for (size_t i = 0; i < app->shot_count; i++)
        shot_done(&app->shots[i]);
    free(app->shots);
    free(app->tickets);
    free(app->orders);
    free(app->waiting_ids);
    job_free(app->last_job);
    model_info_done(&app->model);
    free(app->model_before);
    settings_done(&app->settings);
    undo_done(&app->undo);
    history_done(&app->history);
    saved_done(&app->restored);
    places_done(&app->places);
    gallery_done(&app->gallery);
    thumbnails_done(&app->thumbnails);
    tags_done(&app->tags);
    free(app->tags_file);
    app_gallery_close(app);
    buf_done(&app->gallery_caption);
    buf_done(&app->gallery_facts);
    buf_done(&app->prompt);
    buf_done(&app->plan);
    buf_done(&app->edit);
    buf_done(&app->saved);
    app_close_logs(app);
    buf_done(&app->report.recent);
    free(app);
}

/* ---- starting ------------------------------------------------------------------------------------------ */

static void read_start_file(App *app) {
    const Arguments *arguments = app->parts.arguments;
    const char *path = arguments->start_file ? arguments->start_file : app->places.start_file;
    if (arguments->no_start_file || !path || (!arguments->start_file && !file_exists(path)))
        return;
    Status st = script_begin(app, path, SOURCE_START_FILE);
    if (st)
        app_fault(app, st, EXIT_INPUT);
    script_pump(app);
}

static void apply_command_line(App *app) {
    const Arguments *arguments = app->parts.arguments;
    const char *model = getenv("NEWBIE_MODEL");
    if (model && *model)
        app_fault(app, app_set(app, SET_MODEL, model, FROM_ENVIRONMENT), EXIT_USAGE);
    for (int i = 0; i < SETTING_COUNT; i++)
        if (arguments->setting[i])
            app_fault(app, app_set(app, i, arguments->setting[i], FROM_COMMAND_LINE), EXIT_USAGE);
    if (arguments->demo)
        app_fault(app, app_set(app, SET_MODEL, "", FROM_COMMAND_LINE), EXIT_USAGE);
    if (arguments->verbosity == VERBOSITY_VERBOSE)
        app_fault(app, app_set(app, SET_PROGRESS, "all", FROM_ENVIRONMENT), EXIT_USAGE);
}

static void open_history(App *app) {
    Buf warning = {0};
    size_t keep = (size_t)settings_number(&app->settings, SET_HISTORY);
    Status st = history_open(&app->history, app->places.history, keep, &warning);
    if (st)
        report_line(&app->report, LINE_WARN, "%s; nothing typed is kept", st->message);
    else if (!app->places.history)
        report_line(&app->report, LINE_WARN, "HOME is not set; nothing typed is kept");
    if (warning.size)
        report_line(&app->report, LINE_WARN, "%s", warning.data);
    buf_done(&warning);
}

static void restore(App *app) {
    if (!app->places.autosave)
        return;
    autosave_take(&app->restored, app->places.autosave);
    Saved *saved = &app->restored;
    if (!saved->edit || (!*saved->edit && !*saved->prompt && !*saved->settings))
        return;
    char when[24]; /* local on screen, UTC in files (X4) */
    time_t time = (time_t)saved->time;
    struct tm local;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M", localtime_r(&time, &local));
    settings_restore(&app->settings, saved->settings);
    buf_text(&app->prompt, saved->prompt);
    report_line(&app->report, LINE_INFO, "Restored from %s: prompt, settings%s", when,
                *saved->edit ? " and the text that was not sent" : "");
}

static void tidy_pictures(App *app) {
    Buf removed = {0};
    const char *directory = settings_text(&app->settings, SET_OUTDIR);
    file_remove_stale_parts(&removed, directory, STALE_PART_SECONDS);
    if (removed.size)
        report_line(&app->report, LINE_INFO, "Removed unfinished files of an earlier run:");
    report_lines(&app->report, LINE_INFO, buf_string(&removed));
    if (app->parts.mode == APP_INTERACTIVE && file_is_directory(directory)) {
        Status st = file_check_writable(directory);
        if (st)
            report_line(&app->report, LINE_WARN, "%s is not writable, set another with :set outdir DIR",
                        directory);
    }
    buf_done(&removed);
}

void app_start(App *app) {
    emit_hello(app);
    if (app->parts.mode == APP_INTERACTIVE)
        app_tell(app, LINE_PLAIN, "newbie %s: text to anime pictures. :? lists commands, :tour shows around.",
                 PACKAGE_VERSION);
    read_start_file(app);
    apply_command_line(app);
    if (app->parts.mode == APP_INTERACTIVE) {
        open_history(app);
        restore(app);
    }
    tidy_pictures(app);
    app_remember(app);
    app->changed = 0;
    app->started = true;
    if (app->parts.arguments->task != TASK_BENCH) /* whose children do that */
        app_load_model(app);
}

/* ---- autosave ------------------------------------------------------------------------------------------ */

/* The three texts in one, to see whether anything changed. */
static void autosave_state(Buf *out, const App *app) {
    buf_add(out, buf_string(&app->edit), app->edit.size);
    buf_byte(out, 0);
    buf_add(out, buf_string(&app->prompt), app->prompt.size);
    buf_byte(out, 0);
    settings_store(out, &app->settings);
}

static void write_autosave(App *app) {
    app->changed = 0;
    Buf state = {0}, settings = {0};
    autosave_state(&state, app);
    settings_store(&settings, &app->settings);
    bool same = state.size == app->saved.size && !memcmp(state.data, app->saved.data, state.size);
    Saved saved = {.time = clock_unix(), .edit = app->edit.data, .prompt = app->prompt.data,
                   .settings = settings.data};
    if (!same && !autosave_write(app->places.autosave, &saved)) {
        buf_done(&app->saved);
        app->saved = state;
        state = (Buf){0};
    }
    buf_done(&state);
    buf_done(&settings);
}

static bool keeps_autosave(const App *app) {
    return app->parts.mode == APP_INTERACTIVE && app->places.autosave;
}

void app_autosave_due(App *app) {
    if (keeps_autosave(app) && app->changed > 0 && clock_seconds() - app->changed >= AUTOSAVE_SECONDS)
        write_autosave(app);
}

void app_autosave(App *app, const char *text, size_t size, AutosaveWhen when) {
    if (!keeps_autosave(app))
        return;
    if (size != app->edit.size || (size && memcmp(text, app->edit.data, size))) {
        buf_truncate(&app->edit, 0);
        buf_add(&app->edit, text, size);
        note_change(app);
    }
    if (when == AUTOSAVE_AT_ONCE)
        write_autosave(app);
}

const char *app_restored(const App *app) {
    return app->restored.edit && *app->restored.edit ? app->restored.edit : NULL;
}

/* ---- leaving ------------------------------------------------------------------------------------------- */

bool app_idle(const App *app) {
    return !app->ticket_count && !app->order_count && !app->loading && !app->script && !app->bench;
}

static LeaveHow ask_about_jobs(App *app) {
    const Ticket *running = app_running(app);
    size_t jobs = app_waiting(app) + (running && !running->over);
    if (!jobs)
        return running ? LEAVE_WHEN_DONE : LEAVE_NOW;
    Buf text = {0};
    if (jobs == 1)
        buf_text(&text, "1 job waits: [w]ait for it, [d]rop it, [s]tay? ");
    else
        buf_print(&text, "%zu jobs wait: [w]ait for them, [d]rop them, [s]tay? ", jobs);
    char answer = report_ask(&app->report, &(Question){text.data, "wds", .otherwise = 'w', .refusal = 's'});
    buf_done(&text);
    if (answer == 's')
        return LEAVE_ASKING;
    if (app->paused && answer == 'w') {
        app->paused = false;
        worker_resume(app->worker);
    }
    return answer == 'd' ? LEAVE_NOW : LEAVE_WHEN_DONE;
}

/* What could not be withdrawn runs, even where its first event has not come yet. */
static void stop_the_rest(App *app) {
    if (app_running(app))
        app_stop(app, STOP_GENTLY);
    for (size_t i = 0; i < app->ticket_count; i++)
        if (!app->tickets[i].started)
            worker_stop(app->worker, app->tickets[i].job->id, STOP_GENTLY);
}

void app_leave(App *app, LeaveHow how, int status) {
    if (status)
        app->status = status;
    if (how == LEAVE_ASKING && (how = ask_about_jobs(app)) == LEAVE_ASKING)
        return; /* stays */
    if (how == LEAVE_STOPPED || how == LEAVE_NOW)
        app_bench_end(app);
    if (how == LEAVE_STOPPED) {
        script_stop(app);
        app_remove_waiting(app);
        stop_the_rest(app);
    }
    if (how == LEAVE_NOW)
        app->leaving = true;
    app->leave_when_done = true;
}

bool app_shows_pictures(const App *app) {
    const Surface *surface = app->report.surface;
    bool wanted = !settings_is(&app->settings, SET_PICTURE, "auto") &&
                  !settings_is(&app->settings, SET_PICTURE, "none");
    return surface->image && (!surface->by_request || wanted);
}

bool app_leaving(const App *app) {
    if (app->leaving || !app->leave_when_done)
        return app->leaving;
    bool nothing_to_do =
        !app->script && !app->ticket_count && !app->order_count && !app->bench; /* no model is waited for */
    bool stuck = app->paused && !app_running((App *)app);
    return nothing_to_do || stuck;
}

static void say_summary(App *app) {
    char total[24], seconds[24];
    clock_format(total, clock_seconds() - app->began);
    app_tell(app, LINE_PLAIN, "newbie: %d picture%s in %s", app->view.pictures,
             app->view.pictures == 1 ? "" : "s", total);
    Table table = table_of(6);
    for (size_t i = 0; i < app->shot_count; i++) {
        const Shot *shot = &app->shots[i];
        if (!shot->path)
            continue;
        clock_format(seconds, shot->seconds);
        if (shot->number)
            table_cell(&table, "#%lld", (long long)shot->number);
        else
            table_cell(&table, "-");
        table_cell(&table, "%s", shown_path(shot->path));
        table_cell(&table, "seed %llu", (unsigned long long)shot->job->seed);
        table_cell(&table, "%dx%d", shot->job->width, shot->job->height);
        if (shot->steps_run < shot->job->steps)
            table_cell(&table, "%d of %d steps", shot->steps_run, shot->job->steps);
        else
            table_cell(&table, "%d step%s", shot->steps_run, shot->steps_run == 1 ? "" : "s");
        table_cell(&table, "%s", seconds);
    }
    if (app->parts.arguments->json)
        buf_done(&table.cells);
    else
        report_table(&app->report, &table, 2);
}

/* The end of N4: what nobody exported lies in the directory for temporary files, and is named. */
static void rescue_unsaved(App *app) {
    const char *chosen = getenv("TMPDIR"), *directory = chosen && *chosen ? chosen : "/tmp";
    for (size_t i = 0; i < app->shot_count; i++) {
        Shot *shot = &app->shots[i];
        if (shot->path || !shot->png.size)
            continue;
        NumberedFile file = {0};
        Status st = file_write_numbered(&file, directory, "newbie_rescued_", shot->png.data, shot->png.size);
        if (st) {
            app_tell(app, LINE_WARN, "A picture could not be saved anywhere: %s", st->message);
            continue;
        }
        app_tell(app, LINE_WARN, "The picture that could not be saved is kept as %s",
                 shown_path(file.path));
        shot->path = file.path;
        buf_done(&shot->png);
        app->view.pictures++;
    }
}

int app_finish(App *app) {
    rescue_unsaved(app);
    if (keeps_autosave(app)) {
        bool unsent = app->status == EXIT_HANGUP || app->status == EXIT_TERMINATED;
        if (!unsent)
            autosave_remove(app->places.autosave);
    }
    if (app->parts.mode != APP_ONE_SHOT && app->parts.arguments->verbosity != VERBOSITY_QUIET)
        say_summary(app);
    bool kept_going = app->parts.mode == APP_BATCH && app->failures && app->status < EXIT_HANGUP &&
                      (app->parts.arguments->task == TASK_SESSION || app->parts.arguments->keep_going);
    bool faulty = app->parts.arguments->task == TASK_DOCTOR && app->status && app->status < EXIT_HANGUP;
    if (kept_going || faulty)
        app->status = EXIT_SOME;
    emit_bye(app, app->status);
    return app->status;
}

/* ---- what a surface asks ------------------------------------------------------------------------------- */

Status app_run_file(App *app, const char *path) {
    return script_begin(app, path, SOURCE_FILE);
}

const View *app_view(const App *app) {
    return &app->view;
}

Report *app_report(App *app) {
    return &app->report;
}

const Settings *app_settings(const App *app) {
    return &app->settings;
}

const char *app_prompt(const App *app, size_t *size) {
    *size = app->prompt.size;
    return buf_string(&app->prompt);
}

size_t app_history_count(const App *app) {
    return app->history.count;
}

const char *app_history(const App *app, size_t index) {
    assert(index < app->history.count);
    return app->history.entries[index];
}

int app_fd(const App *app) {
    return worker_fd(app->worker);
}

int app_timeout(const App *app) {
    if (app->changed > 0 && keeps_autosave(app)) {
        double left = AUTOSAVE_SECONDS - (clock_seconds() - app->changed);
        return left > 0 ? (int)(left * 1000) + 1 : 0;
    }
    if (app->topping || app->bench)
        return 250;
    return app->loading || app->ticket_count || app->order_count ? 500 : -1; /* heartbeats */
}

/* ---- the editor ---------------------------------------------------------------------------------------- */

/* NULL when none was chosen and nobody is there to type into vi. */
static const char *editor_command(const App *app) {
    const char *candidates[] = {settings_text(&app->settings, SET_EDITOR), getenv("VISUAL"), getenv("EDITOR"),
                                isatty(STDIN_FILENO) ? "vi" : NULL};
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        if (candidates[i] && *candidates[i])
            return candidates[i];
    return NULL;
}

int app_shell(App *app, ShellUse use, const char *command, const char *argument) {
    const Surface *surface = app->report.surface;
    if (surface->suspend)
        surface->suspend(app->report.context);
    fflush(stdout);
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        signal(SIGXFSZ, SIG_DFL);
        execl("/bin/sh", "sh", "-c", command, "newbie", argument, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0)
        ; /* a signal came; the child is still there */
    if (surface->linger && use == SHELL_COMMAND)
        surface->linger(app->report.context);
    if (surface->resume)
        surface->resume(app->report.context);
    if (child < 0 || status == -1)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A file of our own with the text in it; its name is owned by the caller. */
static Status temporary_file(char **path, const char *text, size_t size) {
    const char *directory = getenv("TMPDIR");
    *path = file_join(directory && *directory ? directory : "/tmp", "newbie-XXXXXX.xml");
    int fd = mkstemps(*path, 4);
    if (fd < 0)
        return fail_errno("make the file %s", *path);
    close(fd);
    return file_write(*path, text, size, 0600);
}

Status app_edit(App *app, Buf *out, const char *text, size_t size) {
    char *path = NULL;
    Buf command = {0}, bytes = {0};
    const char *editor = editor_command(app);
    if (!editor)
        return hint(fail(ERR_USAGE, "no editor is chosen, and there is no terminal for vi"),
                    ":set editor COMMAND");
    Status st = temporary_file(&path, text, size);
    if (st)
        goto out;
    buf_print(&command, "%s \"$1\"", editor);
    int status = app_shell(app, SHELL_PROGRAM, command.data, path);
    if (status) {
        st = hint(fail(ERR_USAGE, "the editor \"%s\" ended with status %d; the prompt is unchanged", editor,
                       status),
                  ":set editor COMMAND");
        app_fault_as(app, EXIT_SOME, st);
        goto out;
    }
    st = file_read(&bytes, path, PROMPT_SIZE_MAX + 4096);
    if (!st)
        st = input_from_file(out, "the edited text", buf_string(&bytes), bytes.size);
out:
    if (path)
        unlink(path);
    free(path);
    buf_done(&command);
    buf_done(&bytes);
    return st;
}
