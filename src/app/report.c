/* report.c: see report.h. Formats what is said, hands it to the surface and to the copy that `:log` asked
 * for. */
#include "config.h"

#include "app/report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

const char *const LINE_MARKS[LINE_KINDS] = {"", "[INFO] ", "[WARN] ", "[ERROR] ", "[HINT] "};

#define RECENT_BYTES ((size_t)64 << 10) /* are left when twice as many have come together */

/* What :screen writes where the surface keeps nothing. */
static void remember(Report *report, LineKind kind, const char *text) {
    Buf *recent = &report->recent;
    buf_print(recent, "%s%s\n", LINE_MARKS[kind], text);
    if (recent->size < 2 * RECENT_BYTES)
        return;
    const char *from = recent->data + recent->size - RECENT_BYTES, *line = strchr(from, '\n');
    size_t size = recent->size - (size_t)(line + 1 - recent->data);
    memmove(recent->data, line + 1, size);
    buf_truncate(recent, size);
}

static void say(Report *report, LineKind kind, const char *text) {
    report->surface->line(report->context, kind, text);
    remember(report, kind, text);
    if (report->copy) {
        fprintf(report->copy, "%s%s\n", LINE_MARKS[kind], text);
        fflush(report->copy);
    }
}

void report_line(Report *report, LineKind kind, const char *format, ...) {
    Buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprint(&text, format, args);
    va_end(args);
    say(report, kind, buf_string(&text));
    buf_done(&text);
}

void report_lines(Report *report, LineKind kind, const char *text) {
    while (*text) {
        size_t size = strcspn(text, "\n");
        report_line(report, kind, "%.*s", (int)size, text);
        text += size + (text[size] == '\n');
    }
}

/* Bytes of the first line of a paragraph: up to a space, or up to where it fits when a word is too long. */
static size_t line_size(const char *text, size_t columns) {
    size_t fits = utf8_fit(text, strlen(text), columns), size = fits;
    while (text[fits] && size && text[size] != ' ')
        size--;
    return size ? size : fits ? fits : 1;
}

void report_wrapped(Report *report, LineKind kind, const char *text) {
    size_t columns = REPORT_COLUMNS - strlen(LINE_MARKS[kind]);
    while (*text) {
        size_t size = line_size(text, columns);
        report_line(report, kind, "%.*s", (int)size, text);
        text += size;
        text += strspn(text, " ");
    }
}

/* Where a fault was made is for the log alone. */
static void copy_origin(Report *report, Status st) {
    if (report->copy)
        fprintf(report->copy, "[LOG] %s error, %s:%d\n", error_name(st->code), st->file, st->line);
}

void report_fault(Report *report, Status st) {
    if (!st || st->code == ERR_CANCELLED)
        return;
    copy_origin(report, st);
    if (st->code == ERR_BUG) {
        report_line(report, LINE_ERROR, "%s (bug in newbie)", st->message);
        say(report, LINE_HINT, st->hint[0] ? st->hint : "please report it with :doctor and the log");
        return;
    }
    say(report, LINE_ERROR, st->message);
    if (st->hint[0])
        say(report, LINE_HINT, st->hint);
}

void put_bytes(Buf *out, uint64_t bytes) {
    char text[24];
    buf_text(out, memory_print(text, bytes));
}

void report_image(Report *report, const Image *image) {
    if (report->surface->image)
        report->surface->image(report->context, image);
}

char report_ask(Report *report, const Question *question) {
    return report->surface->ask ? report->surface->ask(report->context, question) : question->otherwise;
}

/* ---- tables -------------------------------------------------------------------------------------------- */

Table table_of(size_t columns) {
    assert(columns >= 1 && columns <= TABLE_COLUMNS_MAX);
    return (Table){.columns = columns};
}

void table_cell(Table *table, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprint(&table->cells, format, args);
    va_end(args);
    buf_byte(&table->cells, 0);
    table->count++;
}

static void table_widths(size_t width[TABLE_COLUMNS_MAX], const Table *table) {
    memset(width, 0, TABLE_COLUMNS_MAX * sizeof *width);
    const char *cell = table->cells.data;
    for (size_t i = 0; i < table->count; i++) {
        size_t size = strlen(cell), cells = utf8_text_width(cell, size);
        if (cells > width[i % table->columns])
            width[i % table->columns] = cells;
        cell += size + 1;
    }
}

void report_table(Report *report, Table *table, int indent) {
    size_t width[TABLE_COLUMNS_MAX];
    table_widths(width, table);
    Buf line = {0};
    const char *cell = table->cells.data;
    for (size_t i = 0; i < table->count; i++) {
        size_t size = strlen(cell), column = i % table->columns;
        if (column == 0) {
            buf_truncate(&line, 0);
            buf_print(&line, "%*s", indent, "");
        }
        buf_add(&line, cell, size);
        if (column + 1 < table->columns)
            buf_print(&line, "%*s", (int)(width[column] - utf8_text_width(cell, size) + 2), "");
        else {
            while (line.size && line.data[line.size - 1] == ' ')
                buf_truncate(&line, line.size - 1);
            say(report, LINE_PLAIN, buf_string(&line));
        }
        cell += size + 1;
    }
    buf_done(&line);
    buf_done(&table->cells);
    *table = (Table){0};
}
