/* scrollback.c: see scrollback.h. */
#include "config.h"

#include "ui/scrollback.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define PICTURE_COLUMN 3 /* pictures stand a little to the right, as in a text */

/* Pixels kept of a picture: what a large one could show on any screen of ours. */
#define KEPT_SIDE 2048

/* Of pictures beyond so many bytes, counted from the newest, only so much is kept: they are half blocks from
 * then on, and a session of a thousand pictures must not fill the memory. */
#define KEPT_BYTES ((size_t)64 << 20)
#define OLD_SIDE 128

static const Style MARK_STYLES[LINE_KINDS] = {
    [LINE_INFO] = STYLE_INFO, [LINE_WARN] = STYLE_WARN, [LINE_ERROR] = STYLE_ERROR, [LINE_HINT] = STYLE_HINT,
};

/* ---- entries ------------------------------------------------------------------------------------------- */

static Entry *entry_at(const Scrollback *log, int index) {
    return &log->entries[(log->first + index) % SCROLLBACK_LINES];
}

static void entry_done(Entry *entry) {
    free(entry->text);
    free((uint8_t *)entry->image.pixels);
    free(entry->cells);
    *entry = (Entry){0};
}

void scrollback_done(Scrollback *log) {
    for (int i = 0; i < log->count; i++)
        entry_done(entry_at(log, i));
    free(log->entries);
    *log = (Scrollback){0};
}

/* ---- lines into rows ----------------------------------------------------------------------------------- */

/* Bytes of the text that fit into a row of `columns`: broken behind the last space when that leaves more than
 * half of the row, and the space is not shown. *skip: bytes between this row and the next. */
static size_t row_bytes(size_t *skip, const char *text, size_t size, int columns) {
    int column = 0;
    size_t at = 0, space = 0;
    *skip = 0;
    while (at < size) {
        Glyph glyph;
        size_t bytes = glyph_next(&glyph, text + at, size - at, column);
        if (column + glyph.width > columns && at > 0)
            break;
        if (text[at] == ' ' && column > columns / 2)
            space = at;
        column += glyph.width;
        at += bytes;
    }
    if (at == size)
        return at;
    *skip = text[at] == ' ' ? 1 : 0;
    if (*skip || !space)
        return at;
    *skip = 1;
    return space;
}

static int line_rows(const char *text, int columns) {
    size_t size = strlen(text), skip;
    int rows = 0;
    do {
        size_t bytes = row_bytes(&skip, text, size, columns);
        text += bytes + skip;
        size -= bytes + skip;
        rows++;
    } while (size);
    return rows;
}

/* ---- layout -------------------------------------------------------------------------------------------- */

static int at_least(int number, int least) {
    return number < least ? least : number;
}

static void lay_out(Entry *entry, const ScrollLook *look) {
    free(entry->cells);
    entry->cells = NULL;
    if (entry->text) {
        entry->rows = line_rows(entry->text, at_least(look->columns, 1));
        return;
    }
    int most = entry->large ? look->large_rows : look->picture_rows;
    /* a preview has few pixels: as half blocks it is larger, and sent in fewer bytes, several times a job */
    static const Caps half = {.protocol = IMAGE_HALF};
    const Caps *caps = entry->kind == ENTRY_PREVIEW ? &half : look->caps;
    ImageBox box = {at_least(look->columns - 2 * PICTURE_COLUMN, 1), at_least(most, 1)};
    Image whole = {.width = entry->width, .height = entry->height};
    bool shown = look->depth != DEPTH_NONE && look->caps;
    entry->box = shown ? image_fit(&whole, box, caps) : (ImageBox){0};
    entry->rows = entry->box.rows;
}

static void make_cells(Entry *entry, const ScrollLook *look) {
    if (entry->cells)
        return;
    entry->cells = must_alloc((size_t)entry->box.rows * (size_t)entry->box.columns * sizeof *entry->cells);
    image_cells(entry->cells, &entry->image, entry->box, look->depth);
}

static long rows_behind(const Scrollback *log, int index) {
    long rows = 0;
    for (int i = index + 1; i < log->count; i++)
        rows += entry_at(log, i)->rows;
    return rows;
}

/* Index of the entry that the lower edge of the view cuts or touches from above; -1 without entries. */
static int lowest_seen(const Scrollback *log) {
    long rows = 0;
    for (int i = log->count - 1; i >= 0; i--)
        if ((rows += entry_at(log, i)->rows) > log->below)
            return i;
    return -1;
}

void scrollback_look(Scrollback *log, const ScrollLook *look) {
    int lowest = log->below ? lowest_seen(log) : -1;
    long hidden = lowest < 0 ? 0 : log->below - rows_behind(log, lowest); /* rows of that entry */
    log->look = *look;
    for (int i = 0; i < log->count; i++)
        lay_out(entry_at(log, i), look);
    if (lowest < 0)
        return;
    if (hidden >= entry_at(log, lowest)->rows)
        hidden = at_least(entry_at(log, lowest)->rows - 1, 0);
    log->below = rows_behind(log, lowest) + hidden;
}

/* ---- adding -------------------------------------------------------------------------------------------- */

/* Takes over what the entry owns. */
static void add_take(Scrollback *log, Entry entry) {
    if (!log->entries)
        log->entries = must_alloc(SCROLLBACK_LINES * sizeof *log->entries);
    if (log->count == SCROLLBACK_LINES) {
        entry_done(entry_at(log, 0));
        log->first = (log->first + 1) % SCROLLBACK_LINES;
        log->count--;
    }
    entry.id = ++log->next_id;
    lay_out(&entry, &log->look);
    *entry_at(log, log->count++) = entry;
    if (log->below)
        log->below += entry.rows;
}

void scrollback_line(Scrollback *log, LineKind kind, const char *text) {
    Buf whole = {0};
    buf_text(&whole, LINE_MARKS[kind]);
    buf_text(&whole, text);
    add_take(log, (Entry){.kind = ENTRY_LINE, .line = kind, .text = buf_take(&whole)});
}

void scrollback_echo(Scrollback *log, const char *prompt, const char *text, size_t size) {
    Buf whole = {0};
    buf_text(&whole, prompt);
    buf_add(&whole, text, size);
    add_take(log, (Entry){.kind = ENTRY_ECHO, .text = buf_take(&whole), .prompt = (int)strlen(prompt)});
}

/* The copy that is kept. One pixel of each square of `step`, when it is larger than any screen: rough, but
 * nothing that large is shown anywhere but reduced again. */
static Image copy_image(const Image *image) {
    int step = 1;
    while (image->width / step > KEPT_SIDE || image->height / step > KEPT_SIDE)
        step++;
    Image copy = *image;
    copy.width = image->width / step;
    copy.height = image->height / step;
    uint8_t *pixels = must_alloc(3 * (size_t)copy.width * (size_t)copy.height), *to = pixels;
    for (int y = 0; y < copy.height; y++) {
        const uint8_t *row = image->pixels + 3 * (size_t)(y * step) * (size_t)image->width;
        if (step == 1)
            memcpy(to + 3 * (size_t)y * (size_t)copy.width, row, 3 * (size_t)copy.width);
        else
            for (int x = 0; x < copy.width; x++)
                memcpy(to + 3 * ((size_t)y * (size_t)copy.width + (size_t)x), row + 3 * (size_t)(x * step),
                       3);
    }
    copy.pixels = pixels;
    return copy;
}

static void set_image(Entry *entry, const Image *image) {
    free((uint8_t *)entry->image.pixels);
    entry->image = copy_image(image);
    entry->width = entry->image.width;
    entry->height = entry->image.height;
}

static void reduce_old(Scrollback *log) {
    size_t bytes = 0;
    for (int i = log->count - 1; i >= 0; i--) {
        Entry *entry = entry_at(log, i);
        if (entry->kind != ENTRY_PICTURE)
            continue;
        bytes += 3 * (size_t)entry->image.width * (size_t)entry->image.height;
        if (bytes <= KEPT_BYTES || (entry->image.width <= OLD_SIDE && entry->image.height <= OLD_SIDE))
            continue;
        Image old = image_reduced(&entry->image, OLD_SIDE);
        free((uint8_t *)entry->image.pixels);
        entry->image = old;
    }
}

/* Index of the preview, -1 without. */
static int preview_index(const Scrollback *log) {
    for (int i = log->count - 1; i >= 0; i--)
        if (entry_at(log, i)->kind == ENTRY_PREVIEW)
            return i;
    return -1;
}

void scrollback_drop_preview(Scrollback *log) {
    int index = preview_index(log);
    if (index < 0)
        return;
    if (log->below > rows_behind(log, index))
        log->below -= entry_at(log, index)->rows;
    if (log->below < 0)
        log->below = 0;
    entry_done(entry_at(log, index));
    for (int i = index; i + 1 < log->count; i++)
        *entry_at(log, i) = *entry_at(log, i + 1);
    *entry_at(log, --log->count) = (Entry){0};
}

void scrollback_picture(Scrollback *log, const Image *image, PictureSize size) {
    scrollback_drop_preview(log);
    Entry entry = {.kind = ENTRY_PICTURE, .large = size == PICTURE_LARGE};
    set_image(&entry, image);
    add_take(log, entry);
    reduce_old(log);
}

void scrollback_preview(Scrollback *log, const Image *image) {
    int index = preview_index(log);
    if (index < 0) {
        Entry entry = {.kind = ENTRY_PREVIEW};
        set_image(&entry, image);
        add_take(log, entry);
        return;
    }
    Entry *entry = entry_at(log, index);
    int before = entry->rows;
    set_image(entry, image);
    entry->id = ++log->next_id;
    lay_out(entry, &log->look);
    if (log->below > rows_behind(log, index))
        log->below += entry->rows - before;
}

/* ---- looking ------------------------------------------------------------------------------------------- */

static long all_rows(const Scrollback *log) {
    return rows_behind(log, -1);
}

void scrollback_move(Scrollback *log, long rows, int height) {
    long most = all_rows(log) - height;
    log->below += rows;
    if (log->below > most)
        log->below = most;
    if (log->below < 0)
        log->below = 0;
}

void scrollback_to_end(Scrollback *log) {
    log->below = 0;
}

void scrollback_to_echo(Scrollback *log, int height) {
    for (int i = log->count - 1; i >= 0; i--) {
        if (entry_at(log, i)->kind != ENTRY_ECHO)
            continue;
        long rows = rows_behind(log, i - 1);
        if (rows > height)
            log->below = rows - height;
        return;
    }
}

long scrollback_newer(const Scrollback *log) {
    if (!log->below)
        return 0;
    int lowest = lowest_seen(log);
    bool cut = lowest >= 0 && rows_behind(log, lowest) < log->below;
    return log->count - 1 - lowest + cut;
}

const Entry *scrollback_newest(const Scrollback *log) {
    for (int i = log->count - 1; i >= 0; i--)
        if (entry_at(log, i)->kind == ENTRY_PICTURE)
            return entry_at(log, i);
    return NULL;
}

/* ---- drawing ------------------------------------------------------------------------------------------- */

/* A row of an entry's text, with the mark or the prompt string at its beginning in a style of its own. */
static void draw_text_row(Canvas *canvas, int row, const Entry *entry, const char *text, size_t size) {
    Span at = {row, 0, canvas->columns};
    size_t head = 0;
    Style style = STYLE_TEXT;
    if (text == entry->text) {
        head = entry->kind == ENTRY_ECHO ? (size_t)entry->prompt : strlen(LINE_MARKS[entry->line]);
        style = entry->kind == ENTRY_ECHO ? STYLE_PROMPT : MARK_STYLES[entry->line];
        head = head < size ? head : size;
    }
    at.column = canvas_text(canvas, at, style, text, head);
    canvas_text(canvas, at, STYLE_TEXT, text + head, size - head);
}

/* Rows [from, from + count) of an entry at `row`. */
static void draw_lines(Canvas *canvas, int row, const Entry *entry, int from, int count) {
    const char *text = entry->text;
    size_t size = strlen(text), skip;
    for (int i = 0; i < from + count; i++) {
        size_t bytes = row_bytes(&skip, text, size, at_least(canvas->columns, 1));
        if (i >= from)
            draw_text_row(canvas, row + i - from, entry, text, bytes);
        text += bytes + skip;
        size -= bytes + skip;
    }
}

static void draw_entry(Canvas *canvas, int row, Entry *entry, const ScrollLook *look, Span part) {
    if (entry->text) {
        draw_lines(canvas, row, entry, part.column, part.end - part.column);
        return;
    }
    make_cells(entry, look);
    canvas_picture(canvas, row, PICTURE_COLUMN,
                   &(PicturePart){entry->cells, entry->box.columns, part.column, part.end - part.column});
}

void scrollback_draw(Canvas *canvas, Scrollback *log, int top, int height, PicturePlace *newest) {
    const Entry *picture = scrollback_newest(log);
    long bottom = top + height + log->below; /* the row behind the entry's last */
    long all = all_rows(log);
    if (all < height + log->below && !log->below)
        bottom = top + all; /* a short log begins at the top */
    if (newest)
        *newest = (PicturePlace){.row = -1};
    for (int i = log->count - 1; i >= 0 && bottom > top; i--) {
        Entry *entry = entry_at(log, i);
        long begin = bottom - entry->rows;
        int from = begin < top ? (int)(top - begin) : 0;
        int to = bottom > top + height ? (int)(top + height - begin) : entry->rows;
        if (from < to)
            draw_entry(canvas, (int)begin + from, entry, &log->look, (Span){.column = from, .end = to});
        if (newest && entry == picture && from == 0 && to == entry->rows)
            *newest = (PicturePlace){entry, (int)begin, PICTURE_COLUMN};
        bottom = begin;
    }
}
