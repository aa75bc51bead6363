/* plain.c: see plain.h. */
#include "config.h"

#include "ui/plain.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app/signals.h"
#include "ui/edit.h"

static void plain_line(void *context, LineKind kind, const char *text) {
    Plain *plain = context;
    edit_hide();
    stream_line(&plain->stream, kind, text);
}

void plain_read(Plain *plain) {
    char bytes[4096];
    ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    cutter_add(&plain->keys, bytes, got > 0 ? (size_t)got : 0); /* a terminal that is gone gives EIO */
}

static char refusal(const Question *question) {
    return question->refusal ? question->refusal : question->otherwise;
}

/* True when the key is an answer: *answer. Everything else that is typed is none. */
static bool is_answer(char *answer, const Question *question, const Unit *unit) {
    char key = unit->kind == UNIT_KEY && unit->size == 1 ? unit->bytes[0] : 0;
    if (key >= 'A' && key <= 'Z')
        key = (char)(key + 'a' - 'A');
    bool refused = key == KEY_INTERRUPT || key == KEY_END;
    *answer = refused ? refusal(question) : key;
    if (!question->answers[0])
        return key == '\r' || key == '\n' || refused;
    return refused || (key && strchr(question->answers, key));
}

/* SIGINT refuses, and stops nothing else. True when there will be no other answer. */
static bool signal_answers(char *answer, const Question *question) {
    int number = signals_next();
    *answer = number == SIGINT ? refusal(question) : question->otherwise;
    if (number == SIGTSTP)
        tty_stop();
    else if (number == SIGCONT)
        tty_resume();
    else if (number == SIGWINCH)
        edit_resize();
    if (number == SIGHUP || number == SIGTERM)
        raise(number); /* the loop deals with it */
    return number == SIGINT || number == SIGHUP || number == SIGTERM;
}

static char wait_for_answer(Plain *plain, const Question *question) {
    struct pollfd from[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = plain->signals, .events = POLLIN}};
    for (;;) {
        char answer;
        Unit unit = cutter_next(&plain->keys, CUTTER_WAITS);
        if (is_answer(&answer, question, &unit))
            return answer;
        if (unit.kind == UNIT_END)
            return question->otherwise;
        if (unit.kind == UNIT_KEY && unit.bytes[0] == KEY_STOP)
            tty_stop();
        if (unit.kind != UNIT_NONE)
            continue;
        int ready = poll(from, 2, -1);
        if (ready > 0 && from[0].revents)
            plain_read(plain);
        if (ready <= 0 || !from[1].revents)
            continue;
        if (signal_answers(&answer, question))
            return answer;
    }
}

static char plain_ask(void *context, const Question *question) {
    Plain *plain = context;
    edit_hide();
    fputs(question->text, plain->stream.out);
    fflush(plain->stream.out);
    char answer = wait_for_answer(plain, question);
    fprintf(plain->stream.out, "%.1s\n", answer > ' ' ? &answer : "");
    fflush(plain->stream.out);
    return answer;
}

static void plain_edit(void *context, const char *text, size_t size) {
    Plain *plain = context;
    buf_truncate(&plain->edit_request, 0);
    buf_add(&plain->edit_request, text, size);
    plain->has_edit_request = true;
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

const Surface PLAIN_SURFACE = {
    .name = "plain", .line = plain_line, .ask = plain_ask, .edit = plain_edit,
    .suspend = plain_suspend, .resume = plain_resume, .bell = plain_bell,
};

void plain_done(Plain *plain) {
    cutter_done(&plain->keys);
    buf_done(&plain->edit_request);
}
