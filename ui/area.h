/* area.h: the text of the edit area as rows of a screen: wrapped by display width, each line with the prompt
 * string that says what is open there (product.md F6, X3). Pure layout: it draws nothing and knows no editor.
 *
 * Work grows with the rows asked for and with one scan of the text, not with the rows of the whole text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "prompt/reader.h"

#define AREA_ROWS_MAX 256

typedef struct AreaText {
    const Reader *reader;  /* for its `pasted` */
    const Scan *scan;      /* of the whole text */
    const char *text;      /* NUL-terminated, [size] */
    size_t size, point;    /* point: byte of the cursor */
    int columns;           /* of the screen, at least 1 */
} AreaText;

typedef struct AreaRow {
    size_t begin, end;     /* bytes of the text shown in it, without the newline */
    int column;            /* where they begin: behind the prompt, 0 in continued rows */
    bool first;            /* of its line: the prompt stands before it */
} AreaRow;

typedef struct AreaView {
    AreaRow row[AREA_ROWS_MAX];
    int rows;              /* at least 1 */
    int cursor_row, cursor_column;
    size_t above, below;   /* lines of the text that are not shown, also in part */
} AreaView;

/* The window of at most rows_max rows (1 to AREA_ROWS_MAX, cut to that) that shows the cursor. `top` is the
 * byte its first row began with last time: the window moves no more than it must; it is brought up to date.
 */
void area_layout(AreaView *out, const AreaText *area, int rows_max, size_t *top);

/* Appends the prompt string of the line that begins at `begin`. */
void area_prompt(Buf *out, const AreaText *area, size_t begin);

typedef enum AreaStep { AREA_UP = -1, AREA_DOWN = 1 } AreaStep;

/* The byte where the cursor goes by one row up or down, as near as possible to column `goal`; SIZE_MAX when
 * there is no such row. */
size_t area_step(const AreaText *area, AreaStep step, int goal);

/* The column the cursor is in. */
int area_column(const AreaText *area);
