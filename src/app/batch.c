/* batch.c: see batch.h. One poll loop over the worker, the signals and, for a pipe, standard input.
 *
 * Input is read no faster than it can be acted on: an answer of the reader that must wait for the model or
 * for room in the queue is held, and nothing more is read meanwhile. */
#include "config.h"

#include "app/batch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/signals.h"
#include "app/state.h"
#include "base/file.h"
#include "prompt/input.h"

typedef struct Batch {
    App *app;
    const Arguments *arguments;
    Stream *stream;
    int signal_fd;
    bool interrupted;     /* once already */

    Reader reader;
    Buf line;             /* bytes read and not yet given to the reader, from `taken` on */
    size_t taken;
    bool reading, at_end; /* standard input is input, and ended */
    ReaderAnswer answer;
    bool held;            /* `answer` waits to be acted on */
    Buf text;             /* a prompt from the command line */
} Batch;

Status batch_check(const Arguments *arguments) {
    const char *output = arguments->output;
    if (output && file_is_directory(output))
        return hint(fail(ERR_IO, "%s is a directory, expected a file name", output),
                    "--outdir=%s puts numbered pictures there", output);
    if (!output || !strcmp(output, "-") || arguments->force || !file_exists(output))
        return NULL;
    return hint(fail(ERR_IO, "%s exists", output), "--force replaces it");
}

/* ---- signals ------------------------------------------------------------------------------------------- */

static void on_signal(Batch *batch, int number) {
    LeaveHow how = batch->interrupted ? LEAVE_NOW : LEAVE_STOPPED;
    batch->interrupted = true;
    batch->held = batch->reading = false;
    app_leave(batch->app, how, 128 + number);
}

/* ---- input --------------------------------------------------------------------------------------------- */

static void hold(Batch *batch, Status st) {
    AnswerKind kind = batch->answer.kind;
    if (st)
        app_bad_input(batch->app, note(st, "standard input:%zu", batch->reader.lines));
    else
        batch->held = kind == ANSWER_PROMPT || kind == ANSWER_COMMAND || kind == ANSWER_LEAVE;
}

/* Gives whole lines to the reader until it answers something. */
static void read_lines(Batch *batch) {
    bool go = settings_is(app_settings(batch->app), SET_SUBMIT, "go");
    batch->reader.submit = go ? SUBMIT_GO : SUBMIT_BLANK;
    while (!batch->held && batch->reading) {
        char *begin = batch->line.data + batch->taken;
        size_t rest = batch->line.size - batch->taken;
        char *newline = rest ? memchr(begin, '\n', rest) : NULL;
        if (!newline && !(batch->at_end && rest))
            break;
        size_t size = newline ? (size_t)(newline - begin) : rest;
        size_t mark = batch->reader.lines ? 0 : input_mark(begin, size);
        begin += mark;
        size -= mark;
        batch->taken += mark + size + (newline != NULL);
        if (size && begin[size - 1] == '\r')
            size--;
        hold(batch, reader_line(&batch->answer, &batch->reader, begin, size));
    }
    if (batch->held || !batch->at_end || !batch->reading)
        return;
    reader_end(&batch->answer, &batch->reader);
    hold(batch, NULL);
    batch->reading = false;
}

static void read_input(Batch *batch) {
    char bytes[65536];
    ssize_t size = read(STDIN_FILENO, bytes, sizeof bytes);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (size <= 0)
        batch->at_end = true;
    else {
        Buf rest = {0}; /* drop what was taken */
        buf_add(&rest, batch->line.data ? batch->line.data + batch->taken : "",
                batch->line.size - batch->taken);
        buf_add(&rest, bytes, (size_t)size);
        buf_done(&batch->line);
        batch->line = rest;
        batch->taken = 0;
    }
}

/* Acts on what is held as soon as it may, then reads on. */
static void pump_input(Batch *batch) {
    for (;;) {
        if (!batch->held)
            read_lines(batch);
        if (!batch->held)
            break;
        const char *command = batch->answer.kind == ANSWER_PROMPT ? NULL : batch->answer.text;
        if (batch->app->script || (batch->answer.kind != ANSWER_LEAVE && app_must_wait(batch->app, command)))
            return;
        batch->held = false;
        app_answer(batch->app, &batch->answer);
        if (batch->app->leave_when_done)
            batch->reading = false; /* quit: what follows is not read */
        if (app_leaving(batch->app))
            return;
    }
    bool over = !batch->reading;
    if (over && !batch->interrupted)
        app_leave(batch->app, LEAVE_WHEN_DONE, EXIT_DONE);
}

/* ---- one prompt ---------------------------------------------------------------------------------------- */

static Status prompt_text(Batch *batch) {
    const Arguments *arguments = batch->arguments;
    if (arguments->prompt) {
        TRY(input_check("the prompt", arguments->prompt, strlen(arguments->prompt), 0));
        buf_text(&batch->text, arguments->prompt);
        return NULL;
    }
    Buf bytes = {0};
    const char *name = strcmp(arguments->prompt_file, "-") ? arguments->prompt_file : "standard input";
    Status st = file_read_stream(&bytes, arguments->prompt_file, PROMPT_SIZE_MAX + 4096);
    if (!st)
        st = input_from_file(&batch->text, name, buf_string(&bytes), bytes.size);
    buf_done(&bytes);
    return st;
}

static Status begin_input(Batch *batch) {
    switch (batch->arguments->task) {
    case TASK_PROMPT:
        TRY(prompt_text(batch));
        batch->answer = (ReaderAnswer){ANSWER_PROMPT, buf_string(&batch->text), batch->text.size, 1};
        batch->held = true;
        return NULL;
    case TASK_DOCTOR:
        batch->answer = (ReaderAnswer){ANSWER_COMMAND, "doctor", 6, 1};
        batch->held = true;
        return NULL;
    case TASK_BENCH:
        buf_text(&batch->text, "bench");
        for (int i = 0; i < batch->arguments->operand_count; i++)
            buf_print(&batch->text, " %s", batch->arguments->operands[i]);
        batch->answer = (ReaderAnswer){ANSWER_COMMAND, buf_string(&batch->text), batch->text.size, 1};
        batch->held = true;
        return NULL;
    case TASK_FILE: return app_run_file(batch->app, batch->arguments->command_file);
    default: batch->reading = true; return NULL;
    }
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

static void wait_for_something(Batch *batch) {
    bool hungry = batch->reading && !batch->held && !batch->at_end;
    struct pollfd fds[] = {
        {.fd = app_fd(batch->app), .events = POLLIN},
        {.fd = batch->signal_fd, .events = POLLIN},
        {.fd = hungry ? STDIN_FILENO : -1, .events = POLLIN},
    };
    if (poll(fds, sizeof fds / sizeof *fds, app_timeout(batch->app)) < 0)
        return; /* a signal; its byte is in the pipe */
    for (int number; fds[1].revents && (number = signals_next());)
        on_signal(batch, number);
    if (fds[2].revents)
        read_input(batch);
}

/* A reader that went away, or a full disk behind a redirection. */
static void check_output(Batch *batch) {
    if (!ferror(stdout) || app_leaving(batch->app))
        return;
    if (batch->arguments->output && !strcmp(batch->arguments->output, "-"))
        return; /* the picture's: said as the fault of its job */
    int error = batch->stream && batch->stream->failed ? batch->stream->failed : batch->app->output_error;
    fprintf(stderr, "newbie: cannot write to standard output: %s\n", strerror(error ? error : EIO));
    app_leave(batch->app, LEAVE_NOW, EXIT_OUTPUT);
}

static bool one_shot_without_model(const Batch *batch) {
    bool needs = batch->arguments->task == TASK_PROMPT;
    return needs && batch->held && app_view(batch->app)->model == VIEW_NO_MODEL;
}

static void loop(Batch *batch) {
    while (!app_leaving(batch->app)) {
        app_drain(batch->app);
        if (batch->stream)
            batch->stream->color = settings_is(app_settings(batch->app), SET_COLOR, "always");
        if (one_shot_without_model(batch)) {
            app_leave(batch->app, LEAVE_NOW, EXIT_DONE); /* said already, with its status */
            break;
        }
        pump_input(batch);
        check_output(batch);
        if (!app_leaving(batch->app))
            wait_for_something(batch);
    }
}

int batch_run(App *app, const Arguments *arguments, Stream *stream) {
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
    Batch batch = {.app = app, .arguments = arguments, .stream = stream};
    Status st = signals_open(&batch.signal_fd, NULL, 0);
    reader_init(&batch.reader, READER_FILE);
    app_start(app);
    if (!st)
        st = begin_input(&batch); /* may wait for a pipe; nothing is there yet that a signal has to save */
    if (!st)
        st = signals_open(&batch.signal_fd, caught, sizeof caught / sizeof *caught);
    if (st) {
        app_bad_input(app, st);
        app_leave(app, LEAVE_NOW, EXIT_DONE);
    } else
        loop(&batch);
    int status = app_finish(app);
    if (ferror(stdout) && !status)
        status = EXIT_OUTPUT;
    reader_done(&batch.reader);
    buf_done(&batch.line);
    buf_done(&batch.text);
    return status;
}

/* ---- newbie info --------------------------------------------------------------------------------------- */

int batch_info(const Arguments *arguments, Report *report) {
    int status = EXIT_DONE;
    for (int i = 0; i < arguments->operand_count; i++) {
        RunMeta meta;
        PictureFacts facts = {0};
        Status st = picture_file_meta(&meta, &facts, arguments->operands[i]);
        if (st) {
            status = st->code == ERR_UNSUPPORTED && status != EXIT_INPUT ? EXIT_SOME : EXIT_INPUT;
            report_fault(report, st);
            continue;
        }
        say_picture(report, arguments->operands[i], &meta, &facts);
        meta_done(&meta);
        picture_facts_done(&facts);
    }
    return status;
}
