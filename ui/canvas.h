/* canvas.h: a screen full of cells in memory. Everything that the full surface shows is drawn here first: the
 * drawing knows no terminal, can be printed as text (:screen) and is tested without one. Only full.c brings
 * the cells to curses.
 *
 * Rows and columns count from 0. Whatever would be outside is cut off; a wide character that would be cut in
 * two is left out. Control characters show as ^X, so that no text can move the cursor. Widths are those of
 * base/utf8.h (product.md X3). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "ui/image.h"

/* What a cell means; full.c has the table of how each looks. Never told by colour alone (X2). */
typedef enum Style {
    STYLE_TEXT, STYLE_DIM, STYLE_STRONG,
    STYLE_HEADER, STYLE_BADGE, STYLE_RULE, STYLE_PROMPT,
    STYLE_INFO, STYLE_WARN, STYLE_ERROR, STYLE_HINT,           /* marks */
    STYLE_DONE,                                                /* the part of a bar that is done */
    STYLE_WEIGHTS, STYLE_ACTIVATIONS, STYLE_OTHER,             /* memory bars */
    STYLE_TAG, STYLE_TAG_OPEN, STYLE_TAG_UNKNOWN, STYLE_TAG_STRAY, STYLE_COMMAND, /* in the edit area */
    STYLE_SELECTED,
    STYLES
} Style;

/* A character with its combining marks. */
#define GLYPH_CODES 3
typedef struct Glyph {
    uint32_t code[GLYPH_CODES]; /* 0 behind the last; marks beyond are not shown */
    int width;                  /* cells: 0 to 8 (a tab), 2 for ^X whose codes are two characters */
    bool split;                 /* each code is a cell of its own */
} Glyph;

/* The glyph at `text`, size >= 1, when it stands in `column` (tabs). Returns its bytes. A newline is a glyph
 * of width 0. */
size_t glyph_next(Glyph *out, const char *text, size_t size, int column);

typedef struct Cell {
    uint32_t code[GLYPH_CODES]; /* code[0] 0: the right half of the wide character before it */
    uint8_t style;              /* a Style */
    const ImageCell *image;     /* instead of the code; borrowed, NULL for text */
} Cell;

typedef struct Canvas {
    int rows, columns;
    Cell *cells;                /* owned [rows, columns] */
    int cursor_row, cursor_column; /* -1: no cursor */
} Canvas; /* a zeroed one is empty and valid */

/* Takes this size and clears everything. */
void canvas_begin(Canvas *canvas, int rows, int columns);
void canvas_done(Canvas *canvas);

/* Columns [column, end) of a row; `end` may be beyond the edge. */
typedef struct Span {
    int row, column, end;
} Span;

/* Writes text into the span and returns the column behind it. */
int canvas_text(Canvas *canvas, Span at, Style style, const char *text, size_t size);
int canvas_print(Canvas *canvas, Span at, Style style, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Every cell of the span becomes this character (of width 1). */
void canvas_fill(Canvas *canvas, Span at, Style style, uint32_t code);

/* Rows [from, from + rows) of a picture of `columns` cells a row, its first shown row at (row, column).
 * `cells` are borrowed until canvas_begin. */
typedef struct PicturePart {
    const ImageCell *cells;
    int columns, from, rows;
} PicturePart;
void canvas_picture(Canvas *canvas, int row, int column, const PicturePart *part);

const Cell *canvas_cell(const Canvas *canvas, int row, int column);

/* Appends all rows as text without spaces at their ends; a picture's cells as "#". */
void canvas_dump(Buf *out, const Canvas *canvas);
