/* script.c: command files: what :run, -f and the start file read. product.md 8.4, W1.
 *
 * A file is read as a person would type it (prompt/reader.h), one line when app_drain has the time. It waits
 * where the next line needs what is still being made; it stops at the first failure and says where. */
#include "config.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "app/state.h"
#include "base/file.h"
#include "prompt/input.h"

#define NESTING_MAX 16
#define SCRIPT_BYTES_MAX ((size_t)16 << 20)

static size_t depth(const App *app) {
    size_t count = 0;
    for (const Script *script = app->script; script; script = script->below)
        count++;
    return count;
}

Status script_begin(App *app, const char *path, CommandSource source) {
    if (depth(app) >= NESTING_MAX)
        return fail(ERR_USAGE, "%s: command files are nested more than %d deep", path, NESTING_MAX);
    Script *script = must_alloc(sizeof *script);
    bool asked = !app->script && app->parts.arguments->task == TASK_FILE; /* -f: nobody types meanwhile */
    Status st = asked ? file_read_stream(&script->bytes, path, SCRIPT_BYTES_MAX)
                      : file_read(&script->bytes, path, SCRIPT_BYTES_MAX);
    if (st) {
        buf_done(&script->bytes);
        free(script);
        return st;
    }
    script->at = input_mark(buf_string(&script->bytes), script->bytes.size);
    char *copy = must_copy(path);
    script->name = must_copy(shown_path(path));
    script->directory = must_copy(strcmp(path, "-") ? dirname(copy) : ".");
    free(copy);
    script->source = source;
    script->keep_going = source == SOURCE_START_FILE || app->parts.arguments->keep_going;
    reader_init(&script->reader, READER_FILE);
    script->below = app->script;
    app->script = script;
    return NULL;
}

static void end_script(App *app) {
    Script *script = app->script;
    app->script = script->below;
    reader_done(&script->reader);
    buf_done(&script->bytes);
    free(script->name);
    free(script->directory);
    free(script);
}

void script_stop(App *app) {
    while (app->script)
        end_script(app);
}

void script_fault(App *app, Status st, ExitStatus otherwise) {
    const Script *script = app->script;
    if (st && script && st->code != ERR_CANCELLED) {
        bool own = script->source == SOURCE_START_FILE;
        const char *name = own ? file_name(script->name) : script->name;
        size_t line = script->line;
        st = note(st, "%s:%zu", name, line);
        if (!script->keep_going) {
            st = line > 1 ? hint(st, "the %zu line%s before it %s done", line - 1, line == 2 ? "" : "s",
                                 line == 2 ? "was" : "were") : st;
            app_fault(app, st, otherwise);
            script_stop(app);
            if (app->parts.arguments->task == TASK_FILE)
                app_leave(app, LEAVE_WHEN_DONE, app->status);
            return;
        }
    }
    app_fault(app, st, otherwise);
}

/* The next line of the file, without its newline; false at the end. CR LF counts as a newline. */
static bool next_line(Script *script, const char **line, size_t *size) {
    if (script->at >= script->bytes.size)
        return false;
    *line = script->bytes.data + script->at;
    size_t rest = script->bytes.size - script->at;
    const char *newline = memchr(*line, '\n', rest);
    *size = newline ? (size_t)(newline - *line) : rest;
    script->at += *size + (newline != NULL);
    if (*size && (*line)[*size - 1] == '\r')
        --*size;
    return true;
}

/* Reads until there is something to act on; false at the end of the file. */
static bool read_answer(App *app, Script *script) {
    const char *line;
    size_t size;
    script->reader.submit = settings_is(&app->settings, SET_SUBMIT, "go") ? SUBMIT_GO : SUBMIT_BLANK;
    while (!script->ended) {
        script->ended = !next_line(script, &line, &size);
        Status st = NULL;
        if (script->ended)
            reader_end(&script->answer, &script->reader);
        else
            st = reader_line(&script->answer, &script->reader, line, size);
        if (st) {
            script->line = script->reader.lines;
            script_fault(app, st, EXIT_INPUT);
            return app->script == script;
        }
        AnswerKind kind = script->answer.kind;
        script->held = kind == ANSWER_PROMPT || kind == ANSWER_COMMAND || kind == ANSWER_LEAVE;
        if (script->held)
            return true;
    }
    return false;
}

/* Without --keep-going every job is awaited, so that a failure names its line. */
static bool must_wait(const App *app, const Script *script) {
    if (script->source == SOURCE_START_FILE)
        return false;
    bool busy = app->ticket_count || app->order_count;
    const char *command = script->answer.kind == ANSWER_PROMPT ? NULL : script->answer.text;
    return (!script->keep_going && busy && !app->paused) ||
           (script->answer.kind != ANSWER_LEAVE && app_must_wait(app, command));
}

static void act(App *app, Script *script) {
    const char *outer = app->running;
    script->held = false;
    script->line = script->answer.line;
    app->running = script->directory;
    Status st = app_act(app, &script->answer, script->source);
    app->running = outer;
    if (st)
        script_fault(app, st, EXIT_INPUT);
}

void script_pump(App *app) {
    while (app->script && !app->leaving) {
        Script *script = app->script;
        if (!script->held && !read_answer(app, script)) {
            if (app->script != script)
                continue; /* a failure ended it */
            bool busy = !script->keep_going && (app->ticket_count || app->order_count) && !app->paused;
            if (busy)
                return; /* the last prompt may still fail, and is this file's */
            end_script(app);
            continue;
        }
        if (app->script != script || !script->held)
            continue;
        if (must_wait(app, script))
            return;
        act(app, script);
    }
}

/* ---- what an answer means ------------------------------------------------------------------------------ */

/* Does the first word after the command stand for a picture: #12, #-1, last, and +1 from its seed? */
static bool names_picture(const char *line) {
    const char *word = line + strcspn(line, " \t");
    word += strspn(word, " \t");
    return (*word && strchr("#+-", *word)) || !strncmp(word, "last", 4);
}

bool app_must_wait(const App *app, const char *line) {
    bool full = app->order_count > 0 || app->ticket_count >= WORKER_JOBS_MAX;
    if (!line)
        return app->loading || app->bench || full;
    const Command *command = command_of(line, SOURCE_FILE);
    bool busy = app->loading || app->bench || (!app->paused && (app->order_count || app->ticket_count));
    switch (command ? command->wait : WAIT_NOTHING) {
    case WAIT_NOTHING: return false;
    case WAIT_MODEL: return app->loading || full;
    case WAIT_JOBS: return busy;
    case WAIT_PACE: return busy || (app->loaded && app->model.pace_follows);
    case WAIT_PICTURE: return busy && names_picture(line);
    }
    return false;
}

static Status submit(App *app, const ReaderAnswer *answer) {
    app_set_prompt(app, answer->text, answer->size);
    return app_order(app, answer->text, (int)settings_number(&app->settings, SET_COUNT));
}

void app_quit(App *app, CommandSource source) {
    script_stop(app);
    app_leave(app, source == SOURCE_TYPED ? LEAVE_ASKING : LEAVE_WHEN_DONE, EXIT_DONE);
}

Status app_act(App *app, const ReaderAnswer *answer, CommandSource source) {
    switch (answer->kind) {
    case ANSWER_PROMPT:
        if (source == SOURCE_START_FILE)
            return fail(ERR_USAGE, "a prompt in the start file, expected commands");
        return submit(app, answer);
    case ANSWER_COMMAND: return command_run(app, answer->text, source);
    case ANSWER_LEAVE: app_quit(app, source); return NULL;
    case ANSWER_MORE:
    case ANSWER_NOTHING:
    case ANSWER_DROPPED: return NULL;
    }
    return NULL;
}

static void remember_input(App *app, const ReaderAnswer *answer) {
    if (app->parts.mode != APP_INTERACTIVE ||
        (answer->kind != ANSWER_PROMPT && answer->kind != ANSWER_COMMAND))
        return;
    Buf text = {0};
    buf_print(&text, "%s%s", answer->kind == ANSWER_COMMAND ? ":" : "", answer->text);
    Status st = history_add(&app->history, text.data);
    if (st)
        report_line(&app->report, LINE_WARN, "%s; the history is kept in memory only", st->message);
    buf_done(&text);
}

bool app_answer(App *app, const ReaderAnswer *answer) {
    bool typed = app->parts.mode == APP_INTERACTIVE;
    Status st = app_act(app, answer, typed ? SOURCE_TYPED : SOURCE_FILE);
    if (!st) {
        remember_input(app, answer);
        return true;
    }
    Fault kept;
    fault_copy(&kept, st);
    bool stays = typed && answer->kind == ANSWER_COMMAND && !command_of(answer->text, SOURCE_TYPED); /* C2 */
    if (!stays)
        remember_input(app, answer);
    st = fault_raise(&kept);
    if (app->parts.mode == APP_BATCH)
        st = note(st, "standard input:%zu", answer->line);
    app_fault(app, st, EXIT_INPUT);
    return !stays;
}

void app_bad_input(App *app, Status st) {
    app_fault(app, st, EXIT_INPUT);
}
