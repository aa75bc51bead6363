/* edit.h: one line of text being edited at the terminal. With GNU readline (the only file that includes it is edit.c),
 * or, built without it, with a few lines of our own: letters, backspace, Ctrl-U.
 *
 * Readline keeps its state in globals, so there is one editor in a program. It never reads the terminal and never waits:
 * the loop feeds it whole units (ui/tty.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Words that may stand for the text behind `from`, in the order they are offered. */
typedef struct Completions {
    size_t from;     /* byte of the line where the word begins */
    Buf words;       /* each with a NUL behind it */
    size_t count;
    char append;     /* put behind a word that is the only one; 0 for nothing */
} Completions;

/* What the editor asks for or tells. Called from within edit_feed. */
typedef struct EditHooks {
    void *context;
    /* Enter. The cursor stands on a fresh line; the editor is empty and hidden. */
    void (*line)(void *context, const char *text, size_t size);
    /* Alt-Enter or Ctrl-D, in the same state; text may be empty. */
    void (*submit)(void *context, const char *text, size_t size);
    /* Ctrl-G or Ctrl-X Ctrl-E. */
    void (*external)(void *context, const char *text, size_t size);
    /* F1. */
    void (*help)(void *context);
    void (*complete)(void *context, Completions *out, const char *line, size_t point);
} EditHooks;

/* Takes over the line; hooks are borrowed. Nothing is shown before edit_show. */
void edit_open(const EditHooks *hooks);
void edit_close(void);

/* One unit of keys. */
void edit_feed(const char *bytes, size_t size);

/* The text in front of the line. */
void edit_prompt(const char *prompt);

/* Takes prompt and line off the screen so that something can be printed, and puts them back. Both may be called in any
 * state; edit_show draws only what is not there. */
void edit_hide(void);
void edit_show(void);

/* Leaves the line where it is on the screen and begins an empty one below it. */
void edit_abandon(const char *mark);

/* The size of the window changed. */
void edit_resize(void);

const char *edit_text(size_t *size); /* borrowed until the next call of anything here */
void edit_set(const char *text);
void edit_insert(const char *text);  /* at the cursor, one undo step */

void edit_history_add(const char *text);
