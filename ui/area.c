/* area.c: see area.h. Lines are laid out one at a time, from the cursor's line outwards. */
#include "config.h"

#include "ui/area.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "ui/canvas.h"

/* ---- prompts ------------------------------------------------------------------------------------------- */

void area_prompt(Buf *out, const AreaText *area, size_t begin) {
    reader_area_prompt(out, area->reader, area->scan, begin);
}

/* Columns of the prompt; one that leaves no room for text is not shown. */
static int prompt_width(const AreaText *area, size_t begin) {
    Buf prompt = {0};
    area_prompt(&prompt, area, begin);
    int width = (int)utf8_text_width(buf_string(&prompt), prompt.size);
    buf_done(&prompt);
    return width + 4 > area->columns ? 0 : width;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

static size_t line_begin(const AreaText *area, size_t at) {
    const char *newline = at ? memrchr(area->text, '\n', at) : NULL;
    return newline ? (size_t)(newline + 1 - area->text) : 0;
}

static size_t line_end(const AreaText *area, size_t at) {
    const char *newline = memchr(area->text + at, '\n', area->size - at);
    return newline ? (size_t)(newline - area->text) : area->size;
}

/* Rows of one line, in a list that grows. */
typedef struct Rows {
    AreaRow *row;
    int count, room;
} Rows;

static void add_row(Rows *rows, AreaRow row) {
    if (rows->count == rows->room) {
        rows->room = rows->room ? 2 * rows->room : 64;
        rows->row = must_realloc(rows->row, (size_t)rows->room * sizeof *rows->row);
    }
    rows->row[rows->count++] = row;
}

/* A cursor behind the last column stands in a row of its own. */
static void add_line(Rows *rows, const AreaText *area, size_t begin) {
    size_t end = line_end(area, begin), at = begin;
    AreaRow row = {.begin = begin, .column = prompt_width(area, begin), .first = true};
    int column = row.column;
    while (at < end) {
        Glyph glyph;
        size_t size = glyph_next(&glyph, area->text + at, end - at, column);
        if (column + glyph.width > area->columns && column > 0) {
            row.end = at;
            add_row(rows, row);
            row = (AreaRow){.begin = at};
            column = 0;
            continue; /* a tab is narrower or wider there */
        }
        column += glyph.width;
        at += size;
    }
    row.end = end;
    add_row(rows, row);
    if (column >= area->columns)
        add_row(rows, (AreaRow){.begin = end, .end = end});
}

/* Index of the row the cursor is in; of two that it could be in, the later one. */
static int cursor_row(const Rows *rows, size_t point) {
    int index = 0;
    for (int i = 0; i < rows->count; i++)
        if (rows->row[i].begin <= point)
            index = i;
    return index;
}

static int column_of(const AreaText *area, const AreaRow *row, size_t point) {
    int column = row->column;
    for (size_t at = row->begin; at < point;) {
        Glyph glyph;
        at += glyph_next(&glyph, area->text + at, row->end - at, column);
        column += glyph.width;
    }
    return column;
}

/* The byte of the row nearest to a column from the left. */
static size_t point_at(const AreaText *area, const AreaRow *row, int goal) {
    int column = row->column;
    size_t at = row->begin;
    while (at < row->end) {
        Glyph glyph;
        size_t size = glyph_next(&glyph, area->text + at, row->end - at, column);
        if (column + glyph.width > goal)
            break;
        column += glyph.width;
        at += size;
    }
    bool goes_on = row->end < area->size && area->text[row->end] != '\n';
    if (at == row->end && goes_on && at > row->begin) { /* that byte is the next row's first */
        do
            at--;
        while (at > row->begin && ((unsigned char)area->text[at] & 0xc0) == 0x80);
    }
    return at;
}

/* ---- the window ---------------------------------------------------------------------------------------- */

/* Rows around the cursor: at least `count` above and below it, as far as there are any. *cursor is the index
 * of the cursor's. */
static Rows rows_around(int *cursor, const AreaText *area, int count) {
    Rows above = {0}, rows = {0};
    size_t begin = line_begin(area, area->point);
    size_t *begins = NULL;
    int lines = 0, enough = 0;
    for (size_t at = begin; at > 0 && enough < count; lines++, enough++) {
        at = line_begin(area, at - 1);
        begins = must_realloc(begins, (size_t)(lines + 1) * sizeof *begins);
        begins[lines] = at;
    }
    while (lines > 0)
        add_line(&above, area, begins[--lines]);
    free(begins);
    add_line(&rows, area, begin);
    int own = cursor_row(&rows, area->point);
    *cursor = above.count + own;
    size_t at = line_end(area, begin);
    while (at < area->size && rows.count - own <= count) {
        add_line(&rows, area, at + 1);
        at = line_end(area, at + 1);
    }
    for (int i = 0; i < rows.count; i++)
        add_row(&above, rows.row[i]);
    free(rows.row);
    return above;
}

static size_t count_newlines(const char *text, size_t from, size_t to) {
    size_t count = 0;
    for (const char *at = text + from, *end = text + to;
         at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        count++;
    return count;
}

/* The first row of the window: where it was, moved as little as the cursor and the ends allow. */
static int window_top(const Rows *rows, int cursor, int height, size_t old_top) {
    int top = 0;
    for (int i = 0; i < rows->count; i++)
        if (rows->row[i].begin <= old_top)
            top = i;
    if (top > cursor)
        top = cursor;
    if (top < cursor - height + 1)
        top = cursor - height + 1;
    if (top > rows->count - height) /* as full as it can be */
        top = rows->count - height;
    return top < 0 ? 0 : top;
}

void area_layout(AreaView *out, const AreaText *area, int rows_max, size_t *top) {
    int cursor, height = rows_max < 1 ? 1 : rows_max > AREA_ROWS_MAX ? AREA_ROWS_MAX : rows_max;
    Rows rows = rows_around(&cursor, area, height);
    int first = window_top(&rows, cursor, height, *top);
    out->rows = rows.count - first < height ? rows.count - first : height;
    memcpy(out->row, rows.row + first, (size_t)out->rows * sizeof *out->row);
    out->cursor_row = cursor - first;
    out->cursor_column = column_of(area, &rows.row[cursor], area->point);
    const AreaRow *last = &out->row[out->rows - 1];
    out->above = count_newlines(area->text, 0, out->row[0].begin) + !out->row[0].first;
    out->below = count_newlines(area->text, last->end, area->size);
    *top = out->row[0].begin;
    free(rows.row);
}

size_t area_step(const AreaText *area, AreaStep step, int goal) {
    int cursor;
    Rows rows = rows_around(&cursor, area, 1);
    int to = cursor + (int)step;
    size_t point = to < 0 || to >= rows.count ? SIZE_MAX : point_at(area, &rows.row[to], goal);
    free(rows.row);
    return point;
}

int area_column(const AreaText *area) {
    int cursor;
    Rows rows = rows_around(&cursor, area, 0);
    int column = column_of(area, &rows.row[cursor], area->point);
    free(rows.row);
    return column;
}
