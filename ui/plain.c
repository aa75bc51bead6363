/* plain.c: see plain.h. */
#include "config.h"

#include "ui/plain.h"

#include <stdlib.h>

#include "app/signals.h"

static Status plain_open(void *context, Console *console) {
    ((Plain *)context)->console = console;
    return NULL;
}

static void plain_line(void *context, LineKind kind, const char *text) {
    Plain *plain = context;
    edit_hide();
    stream_line(&plain->stream, kind, text);
}

static void plain_stop(void *context) {
    (void)context;
    edit_hide();
    tty_stop();
    edit_resize();
}

static void on_signal(void *context, int number) {
    if (number == SIGTSTP)
        plain_stop(context);
    else if (number == SIGCONT)
        tty_resume();
    else
        edit_resize();
}

static char plain_ask(void *context, const Question *question) {
    Plain *plain = context;
    edit_hide();
    fputs(question->text, plain->stream.out);
    fflush(plain->stream.out);
    char answer = console_ask(plain->console, question, on_signal, plain);
    fprintf(plain->stream.out, "%.1s\n", answer > ' ' ? &answer : "");
    fflush(plain->stream.out);
    return answer;
}

static void plain_edit(void *context, const char *text, size_t size) {
    console_request_edit(((Plain *)context)->console, text, size);
}

/* Ctrl-Z now stops this program together with the child. */
static void plain_suspend(void *context) {
    Plain *plain = context;
    struct sigaction stop = {.sa_handler = SIG_DFL};
    edit_hide();
    tty_suspend();
    sigaction(SIGTSTP, &stop, &plain->on_stop);
}

/* Ctrl-C was meant for the child. */
static void plain_resume(void *context) {
    Plain *plain = context;
    int fatal = 0;
    sigaction(SIGTSTP, &plain->on_stop, NULL);
    tty_resume();
    for (int number; (number = signals_next());)
        fatal = number == SIGHUP || number == SIGTERM ? number : fatal;
    if (fatal)
        raise(fatal);
    edit_resize(); /* the window may have changed meanwhile */
}

static void plain_bell(void *context) {
    Plain *plain = context;
    fputc('\a', plain->stream.out);
    fflush(plain->stream.out);
}

/* ---- the loop's side ----------------------------------------------------------------------------------- */

static void plain_show(void *context) {
    Plain *plain = context;
    plain->stream.color = settings_is(app_settings(plain->console->app), SET_COLOR, "always");
    edit_show();
}

static void plain_resized(void *context) {
    (void)context;
    edit_resize();
}

static void plain_redraw(void *context) {
    (void)context;
    edit_redraw();
}

static const Surface PLAIN_SURFACE = {
    .name = "plain", .line = plain_line, .ask = plain_ask, .edit = plain_edit,
    .suspend = plain_suspend, .resume = plain_resume, .bell = plain_bell,
};

const Face PLAIN_FACE = {
    .surface = &PLAIN_SURFACE, .style = EDIT_BY_LINE, .open = plain_open,
    .show = plain_show, .resized = plain_resized, .redraw = plain_redraw, .stop = plain_stop,
};
