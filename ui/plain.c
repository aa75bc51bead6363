/* plain.c: see plain.h. */
#include "config.h"

#include "ui/plain.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "ui/edit.h"

static void plain_line(void *context, LineKind kind, const char *text) {
    Plain *plain = context;
    edit_hide();
    stream_line(&plain->stream, kind, text);
}

bool plain_read(Plain *plain) {
    char bytes[4096];
    ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    cutter_add(&plain->keys, bytes, got > 0 ? (size_t)got : 0);
    return got > 0;
}

/* Waits for one of the letters; Enter where none is asked for. Other keys are not answers. */
static char wait_for_answer(Plain *plain, const Question *question) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        Unit unit = cutter_next(&plain->keys, CUTTER_WAITS);
        if (unit.kind == UNIT_END)
            return question->otherwise;
        if (unit.kind == UNIT_KEY && unit.size == 1) {
            char key = unit.bytes[0] >= 'A' && unit.bytes[0] <= 'Z' ? (char)(unit.bytes[0] + 32) : unit.bytes[0];
            if (key == 3 || key == 4)
                return question->otherwise;
            if (question->answers[0] ? strchr(question->answers, key) != NULL : key == '\r' || key == '\n')
                return key;
        }
        if (unit.kind == UNIT_NONE && poll(&input, 1, -1) < 0)
            return question->otherwise; /* a signal: the loop wants to see it */
        if (unit.kind == UNIT_NONE)
            plain_read(plain);
    }
}

static char plain_ask(void *context, const Question *question) {
    Plain *plain = context;
    edit_hide();
    fputs(question->text, plain->stream.out);
    fflush(plain->stream.out);
    char answer = wait_for_answer(plain, question);
    fprintf(plain->stream.out, "%c\n", answer >= ' ' ? answer : ' ');
    fflush(plain->stream.out);
    return answer;
}

static void plain_edit(void *context, const char *text, size_t size) {
    Plain *plain = context;
    buf_truncate(&plain->edit_request, 0);
    buf_add(&plain->edit_request, text, size);
    plain->has_edit_request = true;
}

static void plain_suspend(void *context) {
    (void)context;
    edit_hide();
    tty_suspend();
}

static void plain_resume(void *context) {
    (void)context;
    tty_resume();
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
