/* edit.h: one line of text being edited at the terminal. With GNU readline (the only file that includes
 * it is edit.c), or, built without it, with a few lines of our own: letters, backspace, Ctrl-U.
 *
 * Readline keeps its state in globals, so there is one editor in a program. It never reads the terminal
 * and never waits: the loop feeds it whole units (ui/tty.h), and edit_feed says what the key asked for.
 * The line may hold newlines: a prompt of several lines that came back from the history. */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/* Words that may stand for the text behind `from`, in the order they are offered. */
typedef struct Completions {
    size_t from;     /* byte of the line where the word begins */
    Buf words;       /* each with a NUL behind it */
    size_t count;
    char append;     /* put behind a word that is the only one; 0 for nothing */
} Completions;

/* Fills the zeroed *out for a cursor at byte `point` of `line`. */
typedef void CompleteFn(void *context, Completions *out, const char *line, size_t point);

/* What a key asked for. The first four take the line out of the editor (edit_taken); it stays on the
 * screen, and the cursor stands below it. */
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
} EditKey;

/* Takes over the line. Nothing is shown before edit_show. The context is borrowed. */
void edit_open(CompleteFn *complete, void *context);
void edit_close(void);

/* One unit of keys; the line is shown. */
EditKey edit_feed(const char *bytes, size_t size);

/* The line that the last edit_feed took. Borrowed until the next. */
const char *edit_taken(size_t *size);

/* The text in front of the line. */
void edit_prompt(const char *prompt);

/* Takes prompt and line off the screen so that something can be printed, and puts them back. Both may be
 * called in any state; edit_show draws only what is not there. */
void edit_hide(void);
void edit_show(void);

/* Leaves the line where it is on the screen with `mark` behind it, and begins an empty one below. What
 * was half done (a search, a key sequence) is forgotten. */
void edit_abandon(const char *mark);

/* Draws the line again below what a program that had the terminal left there. */
void edit_redraw(void);

/* The size of the window changed. */
void edit_resize(void);

/* The line, borrowed until the next call of anything here, and the byte the cursor is at (point may be
 * NULL). */
const char *edit_text(size_t *size, size_t *point);
void edit_set(const char *text, size_t point);
void edit_insert(const char *text);  /* at the cursor, one undo step */

/* Makes text the newest entry of the history. */
void edit_history_add(const char *text);
