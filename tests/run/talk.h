/* talk.h: a session without a terminal, for tests: lines go in through app_answer as a person would type
 * them, what is said comes out through a surface that keeps it. The demo model, the CPU, one thread. */
#pragma once

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/app.h"
#include "cpu/cpu.h"
#include "tests/tap.h"

typedef struct Talk {
    App *app;
    Arguments arguments;
    Buf said;      /* lines with their marks */
    Buf edited;    /* what :history N put into the edit area */
    Buf asked;     /* questions */
    char answer;   /* to every question; 0: the first that is offered */
    int images;
} Talk;

static void keep_line(void *context, LineKind kind, const char *text) {
    buf_print(&((Talk *)context)->said, "%s%s\n", LINE_MARKS[kind], text);
}

static void keep_image(void *context, const Image *image) {
    ((Talk *)context)->images += image->width > 0 && image->pixels;
}

static char answer_question(void *context, const Question *question) {
    Talk *talk = context;
    buf_print(&talk->asked, "%s\n", question->text);
    return talk->answer ? talk->answer : *question->answers ? *question->answers : question->otherwise;
}

static void keep_edit(void *context, const char *text, size_t size) {
    buf_add(&((Talk *)context)->edited, text, size);
}

static const Surface TALK_SURFACE = {
    .name = "talk", .line = keep_line, .image = keep_image, .ask = answer_question, .edit = keep_edit};

static void drain(Talk *talk) {
    poll(&(struct pollfd){.fd = app_fd(talk->app), .events = POLLIN}, 1, 100);
    app_drain(talk->app);
}

/* Runs until nothing is left to do, at most a minute. */
static void settle(Talk *talk) {
    app_drain(talk->app);
    for (int i = 0; i < 600; i++) {
        if (app_idle(talk->app) || app_leaving(talk->app))
            return;
        drain(talk);
    }
    printf("# the session did not come to rest:\n# %s\n", buf_string(&talk->said));
}

static void begin(Talk *talk) {
    *talk = (Talk){0};
    static char program[4096];
    snprintf(program, sizeof program, "%s/newbie", getenv("builddir") ? getenv("builddir") : ".");
    AppParts parts = {.mode = APP_INTERACTIVE, .surface = &TALK_SURFACE, .surface_context = talk,
                      .arguments = &talk->arguments, .backend = &CPU_BACKEND, .cpu_path = "any", .cores = 1,
                      .program = program};
    CHECK_OK(app_open(&talk->app, &parts), "a session opens");
    app_start(talk->app);
    settle(talk);
}

static inline int end(Talk *talk) {
    app_leave(talk->app, LEAVE_NOW, EXIT_DONE);
    int status = app_finish(talk->app);
    app_free(talk->app);
    buf_done(&talk->said);
    buf_done(&talk->edited);
    buf_done(&talk->asked);
    return status;
}

/* Types a command (without colon) or a prompt; what is said from here on is in talk->said. */
static bool type(Talk *talk, AnswerKind kind, const char *text) {
    buf_truncate(&talk->said, 0);
    ReaderAnswer answer = {kind, text, strlen(text), 1};
    return app_answer(talk->app, &answer);
}

static inline const char *command(Talk *talk, const char *line) {
    type(talk, ANSWER_COMMAND, line);
    settle(talk);
    return buf_string(&talk->said);
}

static inline const char *prompt(Talk *talk, const char *text) {
    type(talk, ANSWER_PROMPT, text);
    settle(talk);
    return buf_string(&talk->said);
}

/* Goes to a new directory that is also home, so that nothing of the person's is seen or changed. */
static inline bool scratch(const char *name) {
    static char place[64];
    snprintf(place, sizeof place, "/tmp/newbie-%s-XXXXXX", name);
    if (!mkdtemp(place) || chdir(place))
        return false;
    setenv("HOME", place, 1);
    setenv("TMPDIR", place, 1);
    static const char *const others[] = {"NEWBIE_MODEL", "XDG_CONFIG_HOME", "XDG_STATE_HOME",
                                         "XDG_DATA_HOME"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        unsetenv(others[i]);
    return true;
}
