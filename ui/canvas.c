/* canvas.c: see canvas.h. */
#include "config.h"

#include "ui/canvas.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define TAB_STOP 8

/* ---- glyphs -------------------------------------------------------------------------------------------- */

static bool is_control(uint32_t code) {
    return code < ' ' || (code >= 0x7f && code < 0xa0);
}

static void control_glyph(Glyph *out, uint32_t code, int column) {
    if (code == '\n')
        *out = (Glyph){.width = 0};
    else if (code == '\t')
        *out = (Glyph){{' '}, TAB_STOP - column % TAB_STOP, .split = true};
    else
        *out = (Glyph){{'^', code < 0x80 ? code ^ 0x40 : '?'}, 2, .split = true};
}

/* Whether a mark is drawn in the cells of `base` at all. Terminals disagree about emoji that are joined into
 * one (U+200D) or asked to be a picture (U+FE0F), and about their width: they are shown apart, as wcwidth
 * counts them. In scripts that write with joiners, below U+2000, those stay. */
static bool is_drawn(uint32_t code, uint32_t base) {
    return code != 0xfe0f && (code != 0x200d || base < 0x2000);
}

size_t glyph_next(Glyph *out, const char *text, size_t size, int column) {
    uint32_t code;
    size_t at = utf8_decode(text, size, &code, NULL);
    if (is_control(code)) {
        control_glyph(out, code, column);
        return at;
    }
    *out = (Glyph){{code}, utf8_width(code), false};
    for (int marks = 1; at < size;) { /* marks belong to the character before them */
        size_t more = utf8_decode(text + at, size - at, &code, NULL);
        if (is_control(code) || utf8_width(code))
            break;
        if (marks < GLYPH_CODES && is_drawn(code, out->code[0]))
            out->code[marks++] = code;
        at += more;
    }
    if (!out->width && !is_drawn(out->code[0], out->code[0]))
        *out = (Glyph){{' '}, 1, false};
    if (!out->width && out->code[0]) { /* a mark without a character stands on a space */
        memmove(out->code + 1, out->code, sizeof out->code - sizeof *out->code);
        out->code[0] = ' ';
        out->width = 1;
    }
    return at;
}

/* ---- cells --------------------------------------------------------------------------------------------- */

void canvas_begin(Canvas *canvas, int rows, int columns) {
    size_t count = (size_t)rows * (size_t)columns;
    if (rows != canvas->rows || columns != canvas->columns)
        canvas->cells = must_realloc(canvas->cells, (count ? count : 1) * sizeof *canvas->cells);
    canvas->rows = rows;
    canvas->columns = columns;
    canvas->cursor_row = canvas->cursor_column = -1;
    for (size_t i = 0; i < count; i++)
        canvas->cells[i] = (Cell){.code = {' '}};
}

void canvas_done(Canvas *canvas) {
    free(canvas->cells);
    *canvas = (Canvas){0};
}

static Cell *cell_at(const Canvas *canvas, int row, int column) {
    return &canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)column];
}

const Cell *canvas_cell(const Canvas *canvas, int row, int column) {
    return cell_at(canvas, row, column);
}

/* What is left of a wide character that is overwritten in part becomes a space. */
static void make_room(Canvas *canvas, int row, int column) {
    if (!cell_at(canvas, row, column)->code[0] && column > 0)
        *cell_at(canvas, row, column - 1) = (Cell){.code = {' '}};
    if (column + 1 < canvas->columns && !cell_at(canvas, row, column + 1)->code[0])
        *cell_at(canvas, row, column + 1) = (Cell){.code = {' '}};
}

static void put_glyph(Canvas *canvas, int row, int column, Style style, const Glyph *glyph) {
    for (int i = 0; i < glyph->width; i++) {
        Cell cell = {.style = (uint8_t)style};
        make_room(canvas, row, column + i);
        if (glyph->split)
            cell.code[0] = i < GLYPH_CODES && glyph->code[i] ? glyph->code[i] : ' ';
        else if (i == 0)
            memcpy(cell.code, glyph->code, sizeof cell.code);
        *cell_at(canvas, row, column + i) = cell;
    }
}

static int right_edge(const Canvas *canvas, Span at) {
    return at.end < canvas->columns ? at.end : canvas->columns;
}

int canvas_text(Canvas *canvas, Span at, Style style, const char *text, size_t size) {
    int end = right_edge(canvas, at), column = at.column;
    if (at.row < 0 || at.row >= canvas->rows || column < 0)
        return column;
    for (size_t i = 0; i < size;) {
        Glyph glyph;
        i += glyph_next(&glyph, text + i, size - i, column);
        if (column + glyph.width > end)
            break;
        put_glyph(canvas, at.row, column, style, &glyph);
        column += glyph.width;
    }
    return column;
}

int canvas_print(Canvas *canvas, Span at, Style style, const char *format, ...) {
    Buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprint(&text, format, args);
    va_end(args);
    int column = canvas_text(canvas, at, style, buf_string(&text), text.size);
    buf_done(&text);
    return column;
}

void canvas_fill(Canvas *canvas, Span at, Style style, uint32_t code) {
    int end = right_edge(canvas, at);
    if (at.row < 0 || at.row >= canvas->rows)
        return;
    for (int column = at.column < 0 ? 0 : at.column; column < end; column++)
        put_glyph(canvas, at.row, column, style, &(Glyph){{code}, 1, false});
}

void canvas_picture(Canvas *canvas, int row, int column, const PicturePart *part) {
    for (int y = 0; y < part->rows; y++)
        for (int x = 0; x < part->columns; x++) {
            if (row + y < 0 || row + y >= canvas->rows || column + x >= canvas->columns)
                continue;
            make_room(canvas, row + y, column + x);
            *cell_at(canvas, row + y, column + x) =
                (Cell){.code = {'#'}, .image = &part->cells[(part->from + y) * part->columns + x]};
        }
}

/* ---- as text ------------------------------------------------------------------------------------------- */

void canvas_dump(Buf *out, const Canvas *canvas) {
    for (int row = 0; row < canvas->rows; row++) {
        size_t end = out->size;
        for (int column = 0; column < canvas->columns; column++) {
            const Cell *cell = cell_at(canvas, row, column);
            for (int i = 0; i < GLYPH_CODES && cell->code[i]; i++) {
                char bytes[4];
                buf_add(out, bytes, utf8_encode(bytes, cell->code[i]));
            }
            if (cell->code[0] && (cell->code[0] != ' ' || cell->code[1]))
                end = out->size;
        }
        buf_truncate(out, end);
        buf_byte(out, '\n');
    }
}
