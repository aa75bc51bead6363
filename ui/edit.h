/* edit.h: the text being edited at the terminal. With GNU readline (the only file that includes it is
 * edit.c), or, built without it, with a few lines of our own: letters, backspace, Ctrl-U.
 *
 * Readline keeps its state in globals, so there is one editor in a program. It never reads the terminal
 * and never waits: the loop feeds it whole units (ui/tty.h), and edit_feed says what the key asked for.
 *
 * Two styles. EDIT_BY_LINE: one line at a time, drawn by the editor itself; it may hold newlines when a
 * prompt of several lines came back from the history. EDIT_WHOLE: all lines of the edit area at once, drawn
 * by somebody else; Enter asks whether it submits, and the keys that mean a line mean one of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

typedef enum EditStyle { EDIT_BY_LINE, EDIT_WHOLE } EditStyle;

/* Words that may stand for the text behind `from`, in the order they are offered. They need not begin with
 * it: it stays as it is then, until one alone is left. */
typedef struct Completions {
    size_t from;     /* byte of the line where the word begins */
    Buf words;       /* each with a NUL behind it */
    Buf labels;      /* as words, what a list of them shows; empty: the words themselves */
    size_t count;
    char append;     /* put behind a word that is the only one; 0 for nothing */
} Completions;

/* Fills the zeroed *out for a cursor at byte `point` of `line`. */
typedef void CompleteFn(void *context, Completions *out, const char *line, size_t point);

/* EDIT_WHOLE: what Enter does to the text with the cursor at `point`. */
typedef enum EnterEffect { ENTER_NEW_LINE, ENTER_TAKES } EnterEffect;
typedef EnterEffect EnterFn(void *context, const char *text, size_t size, size_t point);

/* EDIT_WHOLE: where Up (-1) and Down (1) put the cursor: a byte, or SIZE_MAX to walk in the history. The
 * column to aim for is kept in *goal by the caller's callee; -1: the one it is in. */
typedef size_t StepFn(void *context, int rows, int *goal);

/* EDIT_WHOLE: the words that fit, when there are several. Borrowed for the call. */
typedef void MatchesFn(void *context, char *const *words, size_t count);

/* How the editor works; borrowed for its life. The last three are for EDIT_WHOLE. */
typedef struct EditHow {
    EditStyle style;
    void *context;
    CompleteFn *complete;
    EnterFn *enter;
    StepFn *step;
    MatchesFn *matches;
} EditHow;

/* What a key asked for. The first four take the text out of the editor (edit_taken); EDIT_BY_LINE leaves it
 * on the screen with the cursor below it. EDIT_WHOLE never says EDIT_NEW_LINE. */
typedef enum EditKey {
    EDIT_NOTHING,  /* the editor dealt with it */
    EDIT_ENTER,    /* Enter */
    EDIT_NEW_LINE, /* Ctrl-J */
    EDIT_SUBMIT,   /* Alt-Enter */
    EDIT_END,      /* Ctrl-D */
    EDIT_EXTERNAL, /* Ctrl-G, Ctrl-X Ctrl-E: the whole text in another editor */
    EDIT_HELP,     /* F1 */
    EDIT_STOP,     /* Alt-S */
    EDIT_SKIP,     /* Alt-N */
    EDIT_PREVIEW,  /* Alt-P */
    EDIT_KEEP,     /* Alt-K */
    EDIT_COMMAND,  /* Alt-X: one command line over the text */
    EDIT_REDRAW,   /* Ctrl-L; EDIT_WHOLE only, else readline does it */
} EditKey;

/* Takes over the text. Nothing is shown before edit_show. */
void edit_open(const EditHow *how);
void edit_close(void);

/* One unit of keys; the line is shown. */
EditKey edit_feed(const char *bytes, size_t size);

/* The line that the last edit_feed took. Borrowed until the next. */
const char *edit_taken(size_t *size);

/* The text in front of the line; EDIT_BY_LINE only, like the next two. */
void edit_prompt(const char *prompt);

/* Takes prompt and line off the screen so that something can be printed, and puts them back. Both may be
 * called in any state; edit_show draws only what is not there. */
void edit_hide(void);
void edit_show(void);

/* What the editor itself asks or says, such as a search; "" when nothing. Borrowed until the next call.
 * EDIT_WHOLE shows it; else it stands in place of the prompt. */
const char *edit_message(void);

/* True when the text is an entry of the history that was not changed into another. */
bool edit_recalled(void);

/* Begins an empty text. EDIT_BY_LINE leaves the old one where it is on the screen with `mark` behind it. What
 * was half done (a search, a key sequence) is forgotten. */
void edit_abandon(const char *mark);

/* Draws the line again below what a program that had the terminal left there. */
void edit_redraw(void);

/* The size of the window changed. */
void edit_resize(void);

/* The line, borrowed until the next call of anything here, and the byte the cursor is at (point may be
 * NULL). */
const char *edit_text(size_t *size, size_t *point);
void edit_set(const char *text, size_t point); /* EDIT_WHOLE: can be undone */
void edit_insert(const char *text);  /* at the cursor, one undo step */

/* Makes text the newest entry of the history. */
void edit_history_add(const char *text);
