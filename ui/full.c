/* full.c: the full surface on curses. It composes a canvas from what the session says, gives it to curses,
 * which sends what differs, and paints pictures over placeholder cells itself. Facts: product.md 2,
 * architecture.md 9, ncurses(3x).
 *
 * Curses knows nothing of picture cells: it has put PLACEHOLDER there, and `shown` remembers what was painted
 * over it. Inserting and deleting of characters is switched off, so a cell that curses believes unchanged is
 * unchanged. */
#include "config.h"

#include "ui/full.h"

#ifdef HAVE_CURSES

#define NCURSES_NOMACROS
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "app/hint.h"
#include "app/signals.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "prompt/paint.h"
#include "ui/area.h"
#include "ui/caps.h"
#include "ui/page.h"
#include "ui/panel.h"
#include "ui/scrollback.h"

#define LEAST_ROWS 16    /* F9 */
#define LEAST_COLUMNS 60
#define PAINT_SECONDS 0.1   /* F7 */
#define HINT_SECONDS 0.15   /* of peace before the text is looked at for hints */
#define MENU_ROWS 8
#define PLACEHOLDER 0x2580  /* UPPER HALF BLOCK: where a picture is; whatever follows it differs */

struct Full {
    Console *console;
    SCREEN *screen;
    bool up;                 /* curses has the terminal */
    Caps caps;
    double asked;            /* clock when the terminal was asked; 0: no answer is awaited */
    ColorDepth depth;        /* of pictures, by terminal and settings */
    bool colored;            /* text has colours */

    Canvas canvas;
    Scrollback log;
    int log_top, log_rows;   /* where the log was drawn */
    ImageCell *shown;        /* owned [rows, columns]: painted over placeholders */
    bool *is_shown;          /* owned [rows, columns] */
    PicturePlace pixels;     /* of a picture in real pixels that is on the screen; row -1: none */
    unsigned pixels_id;
    int pixel_rows;
    bool pixels_fresh;       /* not sent yet */
    Buf bytes;               /* for the terminal */

    Buf text;                /* of the edit area, as it was drawn last */
    size_t point, top;
    Scan scan;               /* of text */
    PaintList paints;
    Hint hint;
    double typed;            /* clock of the newest change of the text that has no hint yet; 0: none */
    Buf message;
    Buf menu;                /* words that Tab offered, each with a NUL */
    size_t menu_count;

    enum { PAGE_NONE, PAGE_GALLERY, PAGE_TOP } page; /* what covers the log */
    GalleryPage gallery;
    bool loading;            /* another small picture is to be made */

    View view;               /* as it was drawn last */
    unsigned preview_seen;
    const Question *question;
    enum { CLEAN, SOON, NOW } dirty;
    double painted;          /* clock */
    Buf title;

    bool titled;             /* the terminal takes a title */
    struct sigaction on_stop; /* what Ctrl-Z does, while a child has the terminal */
    int error_file, error_saved; /* descriptors; -1: not redirected */
};

/* ---- how styles look ------------------------------------------------------------------------------------ */

/* On terminals with colour, the pair's foreground besides. */
static const struct { attr_t attributes; short color; } LOOKS[STYLES] = {
    [STYLE_TEXT] = {A_NORMAL, -1},           [STYLE_DIM] = {A_DIM, -1},
    [STYLE_STRONG] = {A_BOLD, -1},           [STYLE_HEADER] = {A_REVERSE, -1},
    [STYLE_BADGE] = {A_REVERSE | A_BOLD, -1}, [STYLE_RULE] = {A_DIM, -1},
    [STYLE_PROMPT] = {A_BOLD, -1},           [STYLE_INFO] = {A_NORMAL, COLOR_GREEN},
    [STYLE_WARN] = {A_BOLD, COLOR_YELLOW},   [STYLE_ERROR] = {A_BOLD, COLOR_RED},
    [STYLE_HINT] = {A_NORMAL, COLOR_CYAN},   [STYLE_DONE] = {A_BOLD, COLOR_GREEN},
    [STYLE_WEIGHTS] = {A_NORMAL, COLOR_BLUE}, [STYLE_ACTIVATIONS] = {A_NORMAL, COLOR_MAGENTA},
    [STYLE_OTHER] = {A_NORMAL, COLOR_YELLOW}, [STYLE_TAG] = {A_NORMAL, COLOR_CYAN},
    [STYLE_TAG_OPEN] = {A_BOLD, COLOR_CYAN}, [STYLE_TAG_UNKNOWN] = {A_UNDERLINE, COLOR_YELLOW},
    [STYLE_TAG_STRAY] = {A_BOLD | A_UNDERLINE, COLOR_RED},
    [STYLE_COMMAND] = {A_BOLD, COLOR_BLUE},  [STYLE_SELECTED] = {A_REVERSE, -1},
};

static void use_colors(Full *full) {
    const Settings *settings = app_settings(full->console->app);
    const char *no_color = getenv("NO_COLOR");
    bool always = settings_is(settings, SET_COLOR, "always");
    bool wanted = always || (settings_is(settings, SET_COLOR, "auto") && !(no_color && *no_color));
    full->colored = wanted && has_colors();
    full->depth = wanted ? full->caps.depth : DEPTH_NONE;
    caps_choose(&full->caps, settings_text(settings, SET_PICTURE), full->depth);
    if (full->caps.protocol == IMAGE_NONE)
        full->depth = DEPTH_NONE;
}

static void make_pairs(void) {
    if (!has_colors())
        return;
    start_color();
    use_default_colors();
    for (short color = 0; color < 8 && color < COLORS; color++)
        init_pair((short)(color + 1), color, -1);
}

/* ---- the canvas to curses ------------------------------------------------------------------------------- */

/* The characters of one cell as the C library measures them: where it disagrees about a width, something of
 * the right width stands in. Returns how many elements of `out` were filled: a cell that is wide for us but
 * not for the library takes a space behind it. */
static int put_cell(cchar_t out[2], const Full *full, const Cell *cell, int cells) {
    wchar_t text[GLYPH_CODES + 1] = {0};
    attr_t attributes = LOOKS[cell->style].attributes;
    short color = full->colored && LOOKS[cell->style].color >= 0 ? (short)(LOOKS[cell->style].color + 1) : 0;
    for (int i = 0; i < GLYPH_CODES && cell->code[i]; i++)
        text[i] = (wchar_t)cell->code[i];
    int width = wcwidth(text[0]);
    if (cell->image) {
        text[0] = PLACEHOLDER;
        text[1] = 0;
    } else if (width < 1 || width > cells) {
        text[0] = UTF8_REPLACEMENT;
        text[1] = 0;
        width = 1;
    }
    setcchar(&out[0], text, attributes, color, NULL);
    if (cell->image || width == cells)
        return 1;
    setcchar(&out[1], L" ", attributes, color, NULL);
    return 2;
}

static void put_row(const Full *full, int row) {
    const Canvas *canvas = &full->canvas;
    cchar_t *line = must_alloc((size_t)(canvas->columns + 1) * sizeof *line);
    int count = 0;
    for (int column = 0; column < canvas->columns;) {
        bool wide = column + 1 < canvas->columns && !canvas_cell(canvas, row, column + 1)->code[0];
        count += put_cell(line + count, full, canvas_cell(canvas, row, column), wide ? 2 : 1);
        column += wide ? 2 : 1;
    }
    mvadd_wchnstr(row, 0, line, count);
    free(line);
}

/* ---- pictures over it ----------------------------------------------------------------------------------- */

static void forget_shown(Full *full) {
    memset(full->is_shown, 0, (size_t)full->canvas.rows * (size_t)full->canvas.columns * sizeof(bool));
    full->pixels = (PicturePlace){.row = -1};
}

static void make_shown(Full *full) {
    size_t count = (size_t)full->canvas.rows * (size_t)full->canvas.columns;
    full->shown = must_realloc(full->shown, (count + 1) * sizeof *full->shown);
    full->is_shown = must_realloc(full->is_shown, (count + 1) * sizeof *full->is_shown);
    forget_shown(full);
}

static bool same_cell(const ImageCell *a, const ImageCell *b) {
    return a->top == b->top && a->bottom == b->bottom;
}

/* True when this cell must be painted; notes what will be there. */
static bool must_paint(Full *full, int row, int column) {
    size_t index = (size_t)row * (size_t)full->canvas.columns + (size_t)column;
    const ImageCell *image = canvas_cell(&full->canvas, row, column)->image;
    bool same = image && full->is_shown[index] && same_cell(&full->shown[index], image);
    full->is_shown[index] = image != NULL;
    if (image)
        full->shown[index] = *image;
    return image && !same;
}

/* Appends what paints the picture cells of a row that are not right yet. */
static void paint_row(Full *full, ImagePen *pen, int row) {
    int columns = full->canvas.columns;
    for (int column = 0; column < columns; column++) {
        int begin = column;
        ImageCell run[512];
        while (column < columns && column - begin < 512 && must_paint(full, row, column)) {
            run[column - begin] = *canvas_cell(&full->canvas, row, column)->image;
            column++;
        }
        if (column == begin)
            continue;
        buf_print(&full->bytes, "\033[%d;%dH", row + 1, begin + 1);
        image_paint(&full->bytes, pen, run, column - begin, full->depth);
        column--; /* the cell that ended the run was looked at, and needs nothing */
    }
}

static void paint_cells(Full *full) {
    ImagePen pen = IMAGE_PEN;
    size_t before = full->bytes.size;
    buf_text(&full->bytes, "\0337\033[m");
    size_t start = full->bytes.size;
    for (int row = 0; row < full->canvas.rows; row++)
        paint_row(full, &pen, row);
    if (full->bytes.size == start)
        buf_truncate(&full->bytes, before);
    else
        buf_text(&full->bytes, "\033[m\0338");
}

/* Real pixels: only the newest picture, only while it is wholly visible (F3). Its cells are blank for curses,
 * which writes their rows again once the picture is gone. */
static void place_pixels(Full *full, const PicturePlace *newest) {
    PicturePlace *old = &full->pixels;
    bool same = newest->row >= 0 && old->row == newest->row && full->pixels_id == newest->entry->id;
    if (same)
        return;
    if (old->row >= 0) {
        image_erase(&full->bytes, &full->caps);
        wredrawln(stdscr, old->row, full->pixel_rows);
        size_t first = (size_t)old->row * (size_t)full->canvas.columns;
        memset(full->is_shown + first, 0, (size_t)full->pixel_rows * (size_t)full->canvas.columns * sizeof(bool));
    }
    *old = *newest;
    full->pixels_fresh = newest->row >= 0;
    if (newest->row < 0)
        return;
    full->pixels_id = newest->entry->id;
    full->pixel_rows = newest->entry->box.rows;
}

/* After curses has written the blank cells. */
static void add_pixels(Full *full) {
    const PicturePlace *place = &full->pixels;
    if (!full->pixels_fresh)
        return;
    full->pixels_fresh = false;
    buf_print(&full->bytes, "\0337\033[%d;%dH", place->row + 1, place->column + 1);
    image_escape(&full->bytes, &place->entry->image, place->entry->box, &full->caps);
    buf_text(&full->bytes, "\0338");
}

static void send(Full *full) {
    size_t at = 0;
    while (at < full->bytes.size) {
        ssize_t written = write(STDOUT_FILENO, full->bytes.data + at, full->bytes.size - at);
        if (written < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, 1000);
        } else if (written < 0 && errno != EINTR) {
            break; /* a terminal that is gone: reading will say so */
        } else if (written > 0) {
            at += (size_t)written;
        }
    }
    buf_truncate(&full->bytes, 0);
}

/* ---- composing ------------------------------------------------------------------------------------------ */

static const Style PAINT_STYLES[] = {
    [PAINT_TEXT] = STYLE_TEXT,          [PAINT_BRACKET] = STYLE_DIM,       [PAINT_KNOWN] = STYLE_TAG,
    [PAINT_UNKNOWN] = STYLE_TAG_UNKNOWN, [PAINT_OPEN] = STYLE_TAG_OPEN,      [PAINT_STRAY] = STYLE_TAG_STRAY,
    [PAINT_MARKER] = STYLE_STRONG,      [PAINT_RAW] = STYLE_TEXT,          [PAINT_COMMAND] = STYLE_COMMAND,
};

static AreaText area_text(const Full *full) {
    return (AreaText){&full->console->reader, &full->scan, buf_string(&full->text), full->text.size,
                      full->point, full->canvas.columns};
}

/* Index of the first span that ends behind `at`. */
static size_t span_from(const PaintList *paints, size_t at) {
    size_t low = 0, high = paints->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (paints->spans[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Bytes [row->begin, row->end) in their colours. */
static void draw_spans(Full *full, Span at, const AreaRow *row) {
    const char *text = buf_string(&full->text);
    size_t from = row->begin;
    for (size_t i = span_from(&full->paints, from); from < row->end; i++) {
        bool more = i < full->paints.count && full->paints.spans[i].begin < row->end;
        size_t begin = more ? full->paints.spans[i].begin : row->end;
        size_t end = more && full->paints.spans[i].end < row->end ? full->paints.spans[i].end : row->end;
        if (begin > from)
            at.column = canvas_text(&full->canvas, at, STYLE_TEXT, text + from, begin - from);
        if (begin < from)
            begin = from;
        if (more)
            at.column = canvas_text(&full->canvas, at, PAINT_STYLES[full->paints.spans[i].kind], text + begin,
                                    end - begin);
        from = end;
    }
}

static void draw_area_row(Full *full, int row, const AreaRow *part) {
    Span at = {row, 0, full->canvas.columns};
    AreaText area = area_text(full);
    if (part->first && part->column) {
        Buf prompt = {0};
        area_prompt(&prompt, &area, part->begin);
        canvas_text(&full->canvas, at, STYLE_PROMPT, buf_string(&prompt), prompt.size);
        buf_done(&prompt);
    }
    at.column = part->column;
    draw_spans(full, at, part);
}

/* The edit area in the rows above `bottom`. Returns its first row. */
static int draw_area(Full *full, int bottom, int rows_max) {
    static AreaView view; /* 10 KB, of the one surface there can be */
    AreaText area = area_text(full);
    area_layout(&view, &area, rows_max, &full->top);
    int first = bottom - view.rows;
    for (int i = 0; i < view.rows; i++)
        draw_area_row(full, first + i, &view.row[i]);
    full->canvas.cursor_row = first + view.cursor_row;
    full->canvas.cursor_column =
        view.cursor_column < full->canvas.columns ? view.cursor_column : full->canvas.columns - 1;
    if (view.above)
        canvas_print(&full->canvas, (Span){first, full->canvas.columns - 14, full->canvas.columns}, STYLE_DIM,
                     " %zu more above", view.above);
    if (view.below && view.rows > 1)
        canvas_print(&full->canvas, (Span){bottom - 1, full->canvas.columns - 14, full->canvas.columns},
                     STYLE_DIM, " %zu more below", view.below);
    return first;
}

/* ---- the row of hints ----------------------------------------------------------------------------------- */

/* Adds words of the hint row, three spaces apart. */
static void add_words(Buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_words(Buf *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprint(out, format, args);
    va_end(args);
    buf_byte(out, 0);
}

static void add_text_facts(Buf *words, const Hint *hint) {
    static const char *const levels[] = {"", ", many", ", too many: details collapse"};
    if (hint->open[0])
        add_words(words, "open: %s", hint->open);
    if (hint->attributes)
        add_words(words, "%s: %zu attribute%s%s", hint->path, hint->attributes, hint->attributes == 1 ? "" : "s",
                  levels[hint->level]);
    if (hint->tokens)
        add_words(words, "%s%zu of %zu tokens", hint->tokens_at_least ? "over " : "", hint->tokens,
                  hint->token_limit);
}

/* What is worth knowing now, the most useful first. */
static void add_hints(Buf *words, const Full *full) {
    const View *view = app_view(full->console->app);
    const Hint *hint = &full->hint;
    bool typing = full->text.size > 0;
    if (typing && hint->is_command && hint->command) {
        add_words(words, "%s", hint->command->help);
        add_words(words, "%s", hint->command->example);
    } else if (typing) {
        add_text_facts(words, hint);
        add_words(words, hint->open[0] ? "Alt-Enter renders anyway" : "Alt-Enter renders");
    }
    if (view->job && !typing) {
        add_words(words, view->stopping ? "Ctrl-C drops the picture" : "Ctrl-C stops after this step");
        add_words(words, "Alt-P preview");
        add_words(words, "Alt-K keep");
        add_words(words, "Alt-S stop and decode");
        add_words(words, "Alt-N next");
    } else if (!typing) {
        add_words(words, "Alt-Enter renders");
        add_words(words, "Ctrl-J new line");
        add_words(words, "Ctrl-G editor");
        add_words(words, "Tab completes");
        add_words(words, "Up earlier prompts");
    } else {
        add_words(words, view->job ? "Ctrl-C stops the picture" : "Ctrl-C clears");
        add_words(words, "Tab completes");
        add_words(words, "Ctrl-G editor");
    }
    buf_byte(words, 0);
}

static void draw_words(Canvas *canvas, int row, const char *words) {
    static const char help[] = ":? help";
    Span at = {row, 1, canvas->columns - 1 - (int)sizeof help - 2};
    while (*words) {
        size_t size = strlen(words);
        if (at.column + (int)utf8_text_width(words, size) > at.end)
            break;
        at.column = canvas_text(canvas, at, STYLE_DIM, words, size) + 3;
        words += size + 1;
    }
    at.end = canvas->columns;
    canvas_text(canvas, at, STYLE_DIM, help, sizeof help - 1);
}

static void draw_hints(Full *full, int row) {
    Canvas *canvas = &full->canvas;
    Span at = {row, 1, canvas->columns};
    if (full->question) {
        at.column = canvas_text(canvas, at, STYLE_STRONG, full->question->text, strlen(full->question->text));
        canvas->cursor_row = row;
        canvas->cursor_column = at.column < canvas->columns ? at.column : canvas->columns - 1;
    } else if (full->message.size) {
        canvas_text(canvas, at, STYLE_STRONG, full->message.data, full->message.size);
    } else {
        Buf words = {0};
        add_hints(&words, full);
        draw_words(canvas, row, words.data);
        buf_done(&words);
    }
}

/* ---- the words that Tab offers, over the last rows of the log -------------------------------------------- */

static void draw_menu(Full *full, int bottom, int rows_max) {
    Canvas *canvas = &full->canvas;
    int width = 0, index = 0;
    for (size_t at = 0; at < full->menu.size; at += strlen(full->menu.data + at) + 1) {
        int cells = (int)utf8_text_width(full->menu.data + at, strlen(full->menu.data + at)) + 2;
        width = cells > width ? cells : width;
    }
    width = width < canvas->columns - 2 ? width : canvas->columns - 2;
    int across = width > 0 ? (canvas->columns - 1) / width : 1, most = rows_max < MENU_ROWS ? rows_max : MENU_ROWS;
    int rows = (int)((full->menu_count + (size_t)across - 1) / (size_t)across);
    rows = rows < most ? rows : most;
    for (int row = bottom - rows; row < bottom; row++)
        canvas_fill(canvas, (Span){row, 0, canvas->columns}, STYLE_TEXT, ' ');
    for (size_t at = 0; at < full->menu.size && index < rows * across; index++) {
        Span cell = {bottom - rows + index / across, 1 + index % across * width, 1 + (index % across + 1) * width - 1};
        const char *word = full->menu.data + at;
        canvas_text(canvas, cell, STYLE_STRONG, word, strlen(word));
        at += strlen(word) + 1;
    }
    if ((size_t)(rows * across) < full->menu_count)
        canvas_print(canvas, (Span){bottom - 1, canvas->columns - 14, canvas->columns}, STYLE_DIM, " %zu more ",
                     full->menu_count - (size_t)(rows * across));
}

/* ---- the whole screen ----------------------------------------------------------------------------------- */

static bool is_small(int rows, int columns) {
    return rows < LEAST_ROWS || columns < LEAST_COLUMNS;
}

/* F9: the edit area and one row of status. */
static void compose_small(Full *full) {
    Canvas *canvas = &full->canvas;
    int first = draw_area(full, canvas->rows, canvas->rows > 1 ? canvas->rows - 1 : 1);
    if (first < 1)
        return;
    if (full->question)
        draw_hints(full, first - 1);
    else
        panel_status_short(canvas, first - 1, &full->view);
}

static void show_pixels(Full *full, const PicturePlace *newest) {
    if (newest->row >= 0)
        for (int row = 0; row < newest->entry->box.rows; row++)
            canvas_fill(&full->canvas, (Span){newest->row + row, newest->column,
                        newest->column + newest->entry->box.columns}, STYLE_TEXT, ' ');
    place_pixels(full, newest);
}

static void compose_log(Full *full, int top, int rows) {
    PicturePlace newest;
    full->log_top = top;
    full->log_rows = rows;
    scrollback_draw(&full->canvas, &full->log, top, rows, &newest);
    bool real = full->caps.protocol > IMAGE_HALF && !full->menu_count;
    if (!real)
        newest.row = -1;
    show_pixels(full, &newest);
}

/* True when a page covers everything else. */
static bool compose_page(Full *full) {
    if (full->page == PAGE_NONE || full->question)
        return false;
    show_pixels(full, &(PicturePlace){.row = -1});
    if (full->page == PAGE_GALLERY)
        gallery_draw(&full->canvas, &full->gallery, full->depth);
    else
        top_draw(&full->canvas, &full->view);
    return true;
}

static void compose(Full *full) {
    Canvas *canvas = &full->canvas;
    canvas_begin(canvas, canvas->rows, canvas->columns);
    if (compose_page(full))
        return;
    if (is_small(canvas->rows, canvas->columns)) {
        compose_small(full);
        return;
    }
    int status = panel_status_rows(&full->view), bottom = canvas->rows - 1;
    int area = draw_area(full, bottom, canvas->rows / 2 < bottom - status - 4 ? canvas->rows / 2 : bottom - status - 4);
    int rule = area - status - 1;
    panel_header(canvas, 0, &full->view);
    compose_log(full, 1, rule - 1);
    if (full->menu_count)
        draw_menu(full, rule, rule - 1);
    panel_rule(canvas, rule, scrollback_newer(&full->log));
    panel_status(canvas, rule + 1, &full->view, app_settings(full->console->app));
    draw_hints(full, bottom);
}

static void update_title(Full *full) {
    Buf title = {0};
    panel_title(&title, &full->view);
    if (full->titled && strcmp(buf_string(&title), buf_string(&full->title))) {
        buf_print(&full->bytes, "\033]2;%s\033\\", title.data);
        buf_done(&full->title);
        full->title = title;
        return;
    }
    buf_done(&title);
}

/* Brings the screen up to date. One frame for terminals that know such a thing: no half of it is seen. */
static void paint(Full *full) {
    compose(full);
    for (int row = 0; row < full->canvas.rows; row++)
        put_row(full, row);
    bool cursor = full->canvas.cursor_row >= 0;
    curs_set(cursor);
    if (cursor)
        wmove(stdscr, full->canvas.cursor_row, full->canvas.cursor_column);
    send(full); /* what must go before curses writes: pictures that are erased */
    wrefresh(stdscr);
    if (full->depth != DEPTH_NONE)
        paint_cells(full);
    add_pixels(full);
    update_title(full);
    send(full);
    full->dirty = CLEAN;
    full->painted = clock_seconds();
}

/* ---- sizes ---------------------------------------------------------------------------------------------- */

static void look_again(Full *full) {
    int rows = full->canvas.rows;
    scrollback_look(&full->log, &(ScrollLook){
        .columns = full->canvas.columns, .picture_rows = rows > 14 ? (rows - 8) / 2 : 3,
        .large_rows = rows > 12 ? rows - 8 : 3, .depth = full->depth, .caps = &full->caps});
}

/* The size the kernel says; curses' own when it says none. */
static void take_size(Full *full) {
    struct winsize size;
    int rows = LINES, columns = COLS;
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
        rows = size.ws_row;
        columns = size.ws_col;
    }
    if (rows != LINES || columns != COLS)
        resize_term(rows, columns);
    canvas_begin(&full->canvas, rows, columns);
    make_shown(full);
    clearok(curscr, TRUE);
    look_again(full);
    full->dirty = NOW;
}

/* ---- changes -------------------------------------------------------------------------------------------- */

static void note_dirty(Full *full, int how) {
    if (how > (int)full->dirty)
        full->dirty = how;
}

/* While something runs ten times a second are enough (F7). */
static void note_line(Full *full) {
    note_dirty(full, full->view.job ? SOON : NOW);
}

static void take_text(Full *full) {
    size_t size, point;
    const char *text = edit_text(&size, &point), *message = edit_message();
    bool same = size == full->text.size && !memcmp(text, buf_string(&full->text), size);
    if (same && point == full->point && !strcmp(message, buf_string(&full->message)))
        return;
    if (!same) {
        buf_truncate(&full->text, 0);
        buf_add(&full->text, text, size);
        scan_done(&full->scan);
        scan_text(&full->scan, buf_string(&full->text), full->text.size);
        paint_area(&full->paints, &full->console->reader, buf_string(&full->text), full->text.size);
    }
    full->point = point;
    full->typed = clock_seconds();
    buf_truncate(&full->message, 0);
    buf_text(&full->message, message);
    note_dirty(full, NOW);
}

static void take_preview(Full *full, const View *view) {
    if (view->preview_width && view->preview_count != full->preview_seen) {
        full->preview_seen = view->preview_count;
        scrollback_preview(&full->log, &(Image){
            .pixels = view->preview, .width = view->preview_width, .height = view->preview_height,
            .kind = IMAGE_PREVIEW});
        note_dirty(full, SOON);
    } else if (!view->preview_width) {
        scrollback_drop_preview(&full->log);
    }
}

static void take_view(Full *full) {
    const View *view = app_view(full->console->app);
    take_preview(full, view);
    if (!memcmp(view, &full->view, sizeof *view))
        return;
    bool last = view->step != full->view.step && view->step == view->steps;
    note_dirty(full, last || !view->job ? NOW : SOON);
    memcpy(&full->view, view, sizeof *view);
}

static void take_hint(Full *full) {
    if (full->typed <= 0 || clock_seconds() - full->typed < HINT_SECONDS)
        return;
    full->typed = 0;
    Hint hint;
    memset(&hint, 0, sizeof hint); /* compared as bytes */
    app_hint(full->console->app, &hint, buf_string(&full->text), full->text.size, full->point);
    if (memcmp(&hint, &full->hint, sizeof hint))
        note_dirty(full, NOW);
    full->hint = hint;
}

/* Settings and answers of the terminal. */
static void take_look(Full *full) {
    if (full->asked > 0 && (caps_complete(&full->caps) || clock_seconds() - full->asked > CAPS_MILLISECONDS / 1e3)) {
        full->asked = 0;
        caps_close(&full->caps);
    }
    ColorDepth depth = full->depth;
    ImageProtocol protocol = full->caps.protocol;
    bool colored = full->colored;
    use_colors(full);
    if (depth != full->depth || protocol != full->caps.protocol) {
        look_again(full);
        forget_shown(full);
        note_dirty(full, NOW);
    }
    if (colored != full->colored)
        note_dirty(full, NOW);
}

static void full_show(void *context) {
    Full *full = context;
    take_look(full);
    take_text(full);
    take_view(full);
    take_hint(full);
    full->loading = full->page == PAGE_GALLERY && gallery_load(&full->gallery);
    if (full->loading)
        note_dirty(full, SOON);
    if (full->dirty == NOW || (full->dirty == SOON && clock_seconds() - full->painted >= PAINT_SECONDS))
        paint(full);
}

static int until(double from, double seconds) {
    double left = from + seconds - clock_seconds();
    return left > 0 ? (int)(left * 1000) + 1 : 0;
}

static int full_wait(const void *context) {
    const Full *full = context;
    int wait = -1;
    if (full->loading)
        return 0;
    if (full->dirty == SOON)
        wait = until(full->painted, PAINT_SECONDS);
    if (full->typed > 0) {
        int hint = until(full->typed, HINT_SECONDS);
        wait = wait < 0 || hint < wait ? hint : wait;
    }
    if (full->asked > 0) {
        int answers = until(full->asked, CAPS_MILLISECONDS / 1e3);
        wait = wait < 0 || answers < wait ? answers : wait;
    }
    return wait;
}

/* ---- what the session says ------------------------------------------------------------------------------ */

static void full_line(void *context, LineKind kind, const char *text) {
    Full *full = context;
    if (!full->up) { /* F8: the summary goes to the normal screen */
        stream_line(&(Stream){.out = stdout, .err = stderr}, kind, text);
        return;
    }
    scrollback_line(&full->log, kind, text);
    if (kind == LINE_ERROR)
        note_dirty(full, NOW);
    note_line(full);
}

static void full_image(void *context, const Image *image) {
    Full *full = context;
    scrollback_picture(&full->log, image, image->kind == IMAGE_VIEW ? PICTURE_LARGE : PICTURE_NORMAL);
    full->preview_seen = app_view(full->console->app)->preview_count;
    note_dirty(full, NOW);
}

static void full_edit(void *context, const char *text, size_t size) {
    console_request_edit(((Full *)context)->console, text, size);
}

static void full_bell(void *context) {
    (void)context;
    beep();
    fflush(stdout);
}

/* F2: a long prompt as one row, a short one as it was typed. */
#define ECHO_LINES 3

static void echo_lines(Full *full, size_t lines, const Buf *text) {
    if (lines > ECHO_LINES) {
        size_t fits = utf8_fit(text->data, text->size, (size_t)(full->canvas.columns > 12 ? full->canvas.columns - 12 : 1));
        Buf row = {0};
        buf_add(&row, text->data, fits);
        if (fits < text->size)
            buf_text(&row, " ...");
        scrollback_echo(&full->log, "newbie> ", row.data, row.size);
        buf_done(&row);
        return;
    }
    Scan scan;
    scan_text(&scan, buf_string(text), text->size);
    for (size_t at = 0; at < text->size;) {
        const char *newline = memchr(text->data + at, '\n', text->size - at);
        size_t end = newline ? (size_t)(newline - text->data) : text->size;
        Buf prompt = {0};
        reader_area_prompt(&prompt, &full->console->reader, &scan, at);
        scrollback_echo(&full->log, buf_string(&prompt), text->data + at, end - at);
        buf_done(&prompt);
        at = end + 1;
    }
    scan_done(&scan);
}

static void full_echo(void *context, const char *text, size_t size) {
    Full *full = context;
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n' && i + 1 < size;
    Buf one = {0};
    if (lines > ECHO_LINES)
        buf_print(&one, "(%zu lines) ", lines);
    for (size_t i = 0; i < size && one.size < 4096; i++)
        if (lines <= ECHO_LINES || text[i] != '\n')
            buf_byte(&one, (unsigned char)text[i]);
        else if (one.size && one.data[one.size - 1] != ' ')
            buf_byte(&one, ' ');
    echo_lines(full, lines, &one);
    buf_done(&one);
    scrollback_to_end(&full->log);
    note_dirty(full, NOW);
}

static void full_matches(void *context, char *const *words, size_t count) {
    Full *full = context;
    buf_truncate(&full->menu, 0);
    full->menu_count = count;
    for (size_t i = 0; i < count; i++)
        buf_add(&full->menu, words[i], strlen(words[i]) + 1);
    note_dirty(full, NOW);
}

static void full_screen(void *context, Buf *out) {
    Full *full = context;
    full_show(full);
    compose(full);
    canvas_dump(out, &full->canvas);
}

/* The text may be newer than what was drawn: several keys come in one turn. */
static size_t full_step(void *context, int rows, int *goal) {
    Full *full = context;
    take_text(full);
    AreaText area = area_text(full);
    if (*goal < 0)
        *goal = area_column(&area);
    return area_step(&area, rows < 0 ? AREA_UP : AREA_DOWN, *goal);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static bool is_key(const Unit *unit, const char *bytes) {
    return unit->size == strlen(bytes) && !memcmp(unit->bytes, bytes, unit->size);
}

/* F2: a page is the log's height but two rows. */
static bool scroll_key(Full *full, const Unit *unit) {
    int page = full->log_rows > 3 ? full->log_rows - 2 : 1;
    if (is_key(unit, "\033[5~"))
        scrollback_move(&full->log, page, full->log_rows);
    else if (is_key(unit, "\033[6~"))
        scrollback_move(&full->log, -page, full->log_rows);
    else
        return false;
    note_dirty(full, NOW);
    return true;
}

static void full_gallery(void *context) {
    Full *full = context;
    gallery_begin(&full->gallery, full->console->app);
    full->page = PAGE_GALLERY;
    note_dirty(full, NOW);
}

static void full_top(void *context) {
    Full *full = context;
    full->page = PAGE_TOP;
    note_dirty(full, NOW);
}

static void close_page(Full *full) {
    if (full->page == PAGE_GALLERY)
        gallery_end(&full->gallery);
    if (full->page == PAGE_TOP)
        app_top_end(full->console->app);
    full->page = PAGE_NONE;
}

/* A page takes what is typed. */
static bool page_unit(Full *full, const Unit *unit) {
    if (full->page == PAGE_NONE || unit->kind == UNIT_END)
        return false;
    if (unit->kind == UNIT_KEY && unit->bytes[0] == KEY_STOP)
        return false;
    PageAnswer answer = full->page == PAGE_GALLERY ? gallery_key(&full->gallery, unit) : top_key(unit);
    if (answer == PAGE_CLOSES)
        close_page(full);
    note_dirty(full, NOW);
    return true;
}

static bool full_unit(void *context, const Unit *unit) {
    Full *full = context;
    if (unit->kind != UNIT_PASTE && caps_answer(&full->caps, unit->bytes, unit->size))
        return true;
    if (page_unit(full, unit))
        return true;
    if (full->menu_count) {
        full->menu_count = 0;
        buf_truncate(&full->menu, 0);
        note_dirty(full, NOW);
    }
    return unit->kind == UNIT_KEY && scroll_key(full, unit);
}

/* ---- the terminal comes and goes ------------------------------------------------------------------------ */

static void full_resized(void *context) {
    take_size(context);
}

static void full_redraw(void *context) {
    take_size(context); /* whatever happened, also a change of size that nobody told */
}

/* F8: libraries print; that must not land on the screen. */
static void catch_errors(Full *full) {
    fflush(stderr);
    full->error_saved = dup(STDERR_FILENO);
    if (full->error_file >= 0 && full->error_saved >= 0)
        dup2(full->error_file, STDERR_FILENO);
}

static void release_errors(Full *full) {
    fflush(stderr);
    if (full->error_saved < 0)
        return;
    dup2(full->error_saved, STDERR_FILENO);
    close(full->error_saved);
    full->error_saved = -1;
}

static void leave_screen(Full *full) {
    if (full->caps.protocol > IMAGE_HALF)
        image_erase(&full->bytes, &full->caps);
    if (full->titled)
        buf_text(&full->bytes, "\033]2;\033\\\033[23;2t");
    send(full);
    endwin();
    release_errors(full);
}

static void enter_screen(Full *full) {
    catch_errors(full);
    if (full->titled) {
        buf_text(&full->bytes, "\033[22;2t");
        buf_done(&full->title);
    }
    send(full);
    take_size(full);
    wrefresh(stdscr);
}

/* Ctrl-Z now stops this program together with the child. */
static void full_suspend(void *context) {
    Full *full = context;
    struct sigaction stop = {.sa_handler = SIG_DFL};
    leave_screen(full);
    tty_suspend();
    sigaction(SIGTSTP, &stop, &full->on_stop);
}

/* A line of Enter, with the terminal in the modes of a shell. */
static void full_linger(void *context) {
    char byte;
    (void)context;
    fputs("[Enter goes back to newbie] ", stdout);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        continue;
}

/* Ctrl-C was meant for the child. */
static void full_resume(void *context) {
    Full *full = context;
    int fatal = 0;
    sigaction(SIGTSTP, &full->on_stop, NULL);
    tty_resume();
    for (int number; (number = signals_next());)
        fatal = number == SIGHUP || number == SIGTERM ? number : fatal;
    if (fatal)
        raise(fatal);
    enter_screen(full);
}

static void full_stop(void *context) {
    Full *full = context;
    leave_screen(full);
    tty_stop();
    enter_screen(full);
}

static void on_signal(void *context, int number) {
    Full *full = context;
    if (number == SIGTSTP)
        full_stop(full);
    else if (number == SIGCONT)
        tty_resume();
    take_size(full);
    paint(full);
}

static char full_ask(void *context, const Question *question) {
    Full *full = context;
    full->question = question;
    full_show(full);
    paint(full);
    char answer = console_ask(full->console, question, on_signal, full);
    full->question = NULL;
    Buf line = {0};
    buf_print(&line, "%s%.1s", question->text, answer > ' ' ? &answer : "");
    scrollback_line(&full->log, LINE_PLAIN, line.data);
    buf_done(&line);
    note_dirty(full, NOW);
    return answer;
}

/* Terminals that take a title, by the beginning of TERM; others might print it. */
static bool takes_title(void) {
    static const char *const names[] = {"xterm", "tmux", "screen", "rxvt", "alacritty", "foot", "wezterm",
                                        "konsole", "vte", "st-", "contour", "ghostty"};
    const char *term = getenv("TERM");
    for (size_t i = 0; term && i < sizeof names / sizeof *names; i++)
        if (!strncmp(term, names[i], strlen(names[i])))
            return true;
    return false;
}

/* For a crash: what brings the normal screen back. */
static void prepare_restore(void) {
    const char *normal = tigetstr("rmcup"), *visible = tigetstr("cnorm");
    Buf bytes = {0};
    buf_text(&bytes, "\033[m");
    if (visible && visible != (char *)-1)
        buf_text(&bytes, visible);
    if (normal && normal != (char *)-1)
        buf_text(&bytes, normal);
    tty_also_restore(buf_string(&bytes));
    buf_done(&bytes);
}

/* An unknown TERM, or one that cannot move its cursor, is an error. */
static Status open_screen(Full *full) {
    const char *term = getenv("TERM");
    use_env(TRUE);
    use_tioctl(TRUE);
    full->screen = newterm(NULL, stdout, stdin);
    if (!full->screen)
        return fail(ERR_IO, "the terminal type %s is not known here", term ? term : "(none)");
    const char *move = tigetstr("cup");
    if (move && move != (char *)-1)
        return NULL;
    endwin();
    return fail(ERR_IO, "a terminal of type %s cannot move its cursor", term);
}

static Status full_open(void *context, Console *console) {
    static const int caught[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
    Full *full = context;
    full->console = console;
    TRY(open_screen(full));
    TRY(signals_open(&console->signals, caught, sizeof caught / sizeof *caught)); /* curses took them */
    idcok(stdscr, FALSE);
    idlok(stdscr, FALSE);
    leaveok(stdscr, FALSE);
    make_pairs();
    prepare_restore();
    full->up = true;
    full->titled = takes_title();
    CapsFacts facts = caps_facts(tigetnum("colors"));
    caps_begin(&full->caps, &facts);
    use_colors(full);
    enter_screen(full);
    caps_query(&full->bytes, &full->caps);
    full->asked = clock_seconds();
    send(full);
    return NULL;
}

static void full_close(void *context) {
    Full *full = context;
    if (!full->up)
        return;
    leave_screen(full);
    tty_also_restore("");
    full->up = false;
}

void full_show_errors(Full *full) {
    char bytes[4096];
    if (!full || full->error_file < 0 || lseek(full->error_file, 0, SEEK_SET))
        return;
    for (ssize_t got; (got = read(full->error_file, bytes, sizeof bytes)) > 0;)
        fwrite(bytes, 1, (size_t)got, stderr);
}

/* ---- choosing it ---------------------------------------------------------------------------------------- */

static bool is_dumb(void) {
    const char *term = getenv("TERM");
    return !term || !*term || !strcmp(term, "dumb");
}

static bool is_accessible(void) {
    const char *wish = getenv("ACCESSIBLE");
    return wish && *wish && strcmp(wish, "0");
}

static bool window_is_small(void) {
    struct winsize size;
    return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col &&
           is_small(size.ws_row, size.ws_col);
}

bool full_wanted(Buf *why, const App *app, SurfaceWish wish) {
    const Settings *settings = app_settings(app);
    if (wish != SURFACE_AUTO)
        return wish == SURFACE_FULL;
    if (is_accessible() || is_dumb() || settings_is(settings, SET_SURFACE, "plain"))
        return false;
    if (settings_is(settings, SET_SURFACE, "full") || !window_is_small())
        return true;
    buf_print(why, "The window is smaller than %dx%d, so lines are printed; --full takes the screen anyway",
              LEAST_COLUMNS, LEAST_ROWS);
    return false;
}

/* ---- the surface ---------------------------------------------------------------------------------------- */

static const Surface FULL_SURFACE = {
    .name = "full", .live = true, .line = full_line, .image = full_image, .ask = full_ask, .edit = full_edit,
    .suspend = full_suspend, .resume = full_resume, .linger = full_linger, .bell = full_bell,
    .screen = full_screen, .gallery = full_gallery, .top = full_top,
};

const Face FULL_FACE = {
    .surface = &FULL_SURFACE, .style = EDIT_WHOLE, .open = full_open, .close = full_close, .show = full_show,
    .wait = full_wait, .unit = full_unit, .resized = full_resized, .redraw = full_redraw, .stop = full_stop,
    .echo = full_echo, .matches = full_matches, .step = full_step,
};

Full *full_new(void) {
    Full *full = must_alloc(sizeof *full);
    full->pixels.row = -1;
    full->error_saved = -1;
    FILE *errors = tmpfile();
    full->error_file = errors ? dup(fileno(errors)) : -1;
    if (errors)
        fclose(errors);
    scan_text(&full->scan, "", 0);
    return full;
}

void full_free(Full *full) {
    if (!full)
        return;
    if (full->screen)
        delscreen(full->screen);
    if (full->error_file >= 0)
        close(full->error_file);
    gallery_end(&full->gallery);
    canvas_done(&full->canvas);
    scrollback_done(&full->log);
    scan_done(&full->scan);
    paint_done(&full->paints);
    free(full->shown);
    free(full->is_shown);
    buf_done(&full->bytes);
    buf_done(&full->text);
    buf_done(&full->message);
    buf_done(&full->menu);
    buf_done(&full->title);
    free(full);
}

#else /* configure --without-curses */

struct Full {
    int nothing;
};

const Face FULL_FACE = {0};

Full *full_new(void) {
    return must_alloc(sizeof(Full));
}

void full_free(Full *full) {
    free(full);
}

void full_show_errors(Full *full) {
    (void)full;
}

bool full_wanted(Buf *why, const App *app, SurfaceWish wish) {
    (void)app;
    if (wish == SURFACE_FULL)
        buf_text(why, "This build has no full screen (configure --without-curses), so lines are printed");
    return false;
}

#endif
