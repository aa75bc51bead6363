/* console.c: see console.h. */
#include "config.h"

#include "ui/console.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app/signals.h"

void console_read(Console *console) {
    char bytes[4096];
    ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    cutter_add(&console->keys, bytes, got > 0 ? (size_t)got : 0); /* a terminal that is gone gives EIO */
}

int console_sooner(int a, int b) {
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

void console_request_edit(Console *console, const char *text, size_t size) {
    buf_truncate(&console->edit_request, 0);
    buf_add(&console->edit_request, text, size);
    console->has_edit_request = true;
}

/* ---- questions ----------------------------------------------------------------------------------------- */

static char refusal(const Question *question) {
    return question->refusal ? question->refusal : question->otherwise;
}

/* True when the key is an answer: *answer. Everything else that is typed is none. */
static bool is_answer(char *answer, const Question *question, const Unit *unit) {
    char key = unit->kind == UNIT_KEY && unit->size == 1 ? unit->bytes[0] : 0;
    if (key >= 'A' && key <= 'Z')
        key = (char)(key + 'a' - 'A');
    bool refused = key == KEY_INTERRUPT || key == KEY_END || key == '\033';
    *answer = refused ? refusal(question) : key;
    if (!question->answers[0])
        return key == '\r' || key == '\n' || refused;
    return refused || (key && strchr(question->answers, key));
}

/* SIGINT refuses, and stops nothing else. True when there will be no other answer. */
static bool signal_answers(char *answer, const Question *question, SignalFn *on_signal, void *context) {
    int number = signals_next();
    *answer = number == SIGINT ? refusal(question) : question->otherwise;
    if (number == SIGTSTP || number == SIGCONT || number == SIGWINCH)
        on_signal(context, number);
    if (number == SIGHUP || number == SIGTERM)
        raise(number); /* the loop deals with it */
    return number == SIGINT || number == SIGHUP || number == SIGTERM;
}

char console_ask(Console *console, const Question *question, SignalFn *on_signal, void *context) {
    struct pollfd from[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = console->signals, .events = POLLIN}};
    for (CutterPatience patience = CUTTER_WAITS;;) {
        char answer;
        Unit unit = cutter_next(&console->keys, patience);
        if (is_answer(&answer, question, &unit))
            return answer;
        if (unit.kind == UNIT_END)
            return question->otherwise;
        if (unit.kind == UNIT_KEY && unit.bytes[0] == KEY_STOP)
            on_signal(context, SIGTSTP);
        if (unit.kind != UNIT_NONE)
            continue;
        int ready = poll(from, 2, cutter_limit(&console->keys));
        patience = ready == 0 ? CUTTER_GIVES_UP : CUTTER_WAITS;
        if (ready > 0 && from[0].revents)
            console_read(console);
        if (ready <= 0 || !from[1].revents)
            continue;
        if (signal_answers(&answer, question, on_signal, context))
            return answer;
    }
}
