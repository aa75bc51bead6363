/* prompt/edit.h: what was, and what changed: undo of prompt and settings (product.md H3), difference of two
 * prompts (H4). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define UNDO_STATES_MAX 200

/* A state: the current prompt and the settings, which are a string that only the caller understands. */
typedef struct UndoState {
    char *prompt;     /* owned by the list; NUL behind the last byte */
    size_t size;
    char *settings;   /* owned by the list; NUL-terminated */
} UndoState;

/* States 0 .. count-1, oldest first; `now` is the one the user sees. A zeroed list is empty and valid. */
typedef struct UndoList {
    UndoState *states; /* owned */
    size_t count, now;
} UndoList;

/* Makes a state the current one; everything that could be redone is dropped, and the oldest beyond
 * UNDO_STATES_MAX. A state equal to the current one changes nothing. The bytes are copied. Call it once at
 * start with the first state. */
void undo_push(UndoList *list, const char *prompt, size_t size, const char *settings);

/* Walks `steps` states back (negative: forward), as far as there are any. Returns how many were walked; 0:
 * nothing to undo (redo). The new current state is list->states[list->now]. */
size_t undo_walk(UndoList *list, long steps);

/* The current state; NULL when nothing was pushed. */
const UndoState *undo_now(const UndoList *list);

void undo_done(UndoList *list);

/* One line of a difference. */
typedef struct DiffRow {
    char *path;     /* "character_1/gender", "text" for loose text, "prompt", "setting" */
    char *removed;  /* "girl"; NULL when nothing was */
    char *added;    /* "1girl"; NULL when nothing was */
    char *remark;   /* instead of both: "order", "white space", "was character_2", "seed 42 -> 43"; else
                     * NULL */
} DiffRow;

typedef struct DiffList {
    DiffRow *rows;  /* owned, with their strings */
    size_t count;
} DiffList; /* a zeroed list is empty and valid */

/* Appends the rows that lead from the old prompt to the new one: by element in the order of the newer, then
 * what was removed. Comma lists are compared as sets of items, captions and loose text by words; characters
 * are matched by number, else by name. No rows: the bytes are equal. */
void diff_prompts(DiffList *list, const char *old_text, size_t old_size, const char *new_text,
                  size_t new_size);

/* Appends the row "setting NAME OLD -> NEW". */
void diff_setting(DiffList *list, const char *name, const char *old_value, const char *new_value);

/* Appends the rows as aligned lines with a newline each, or "no difference\n":
 *   character_1/gender  - girl            + 1girl */
void diff_print(Buf *out, const DiffList *list);

void diff_done(DiffList *list);
