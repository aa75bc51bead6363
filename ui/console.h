/* console.h: what the loop and a surface on a terminal share: the keyboard, and what the loop asks of a
 * surface beyond saying lines (app/report.h). */
#pragma once

#include "app/app.h"
#include "ui/edit.h"
#include "ui/tty.h"

/* Owned by the loop. */
typedef struct Console {
    App *app;             /* borrowed */
    Reader reader;        /* rules only: it holds no text */
    UnitCutter keys;      /* what was typed and not yet used */
    int signals;          /* where signals arrive */
    Buf edit_request;     /* text for the edit area that a command asked for; the loop takes it */
    bool has_edit_request;
} Console;

/* Reads what the terminal has, without waiting when poll said so. At the end of the input the cutter gives
 * UNIT_END. */
void console_read(Console *console);

/* The shorter of two times in milliseconds, of which -1 is the longest. */
int console_sooner(int a, int b);

/* What Surface.edit does on a terminal. */
void console_request_edit(Console *console, const char *text, size_t size);

/* Waits for the answer to a question that the surface shows. Signals that change the screen (SIGTSTP, also by
 * its key, SIGCONT, SIGWINCH) go to on_signal. Everything else that is typed is no answer and lost. */
typedef void SignalFn(void *context, int number);
char console_ask(Console *console, const Question *question, SignalFn *on_signal, void *context);

/* A surface on a terminal. `context` is that of its Surface. Entries marked (optional) may be NULL. */
typedef struct Face {
    const Surface *surface;
    EditStyle style;

    /* Takes the terminal, whose modes are set and whose signals arrive. Errors: ERR_IO, the terminal is then
     * as before. */
    Status (*open)(void *context, Console *console);              /* (optional) */
    void (*close)(void *context);                                 /* (optional) */

    /* One turn of the loop is over: bring the screen up to date. */
    void (*show)(void *context);
    /* Milliseconds until show should be called though nothing happens; -1: no need. */
    int (*wait)(const void *context);                             /* (optional) */

    /* What was typed, pasted or answered, before the editor sees it. True: it was for the surface. */
    bool (*unit)(void *context, const Unit *unit);                /* (optional) */
    void (*resized)(void *context);
    void (*redraw)(void *context);     /* everything, whatever is on the screen */
    void (*stop)(void *context);       /* Ctrl-Z: returns after the program was continued */

    /* The text was taken by Enter and its like, and is gone from the edit area. */
    void (*echo)(void *context, const char *text, size_t size);   /* (optional) */
    void (*answered)(void *context);   /* (optional) and what it did at once was said */
    void (*matches)(void *context, char *const *words, size_t count); /* (optional) EDIT_WHOLE */
    size_t (*step)(void *context, int rows, int *goal);           /* (optional) EDIT_WHOLE */
} Face;
