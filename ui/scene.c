/* scene.c: see scene.h. */
#include "config.h"

#include "ui/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "ui/area.h"
#include "ui/hints.h"
#include "ui/panel.h"

#define HINT_SECONDS 0.15 /* of peace before the text is looked at for hints */
#define MENU_ROWS 8

/* ---- the edit area ------------------------------------------------------------------------------------- */

static const Style PAINT_STYLES[] = {
    [PAINT_TEXT] = STYLE_TEXT,          [PAINT_BRACKET] = STYLE_DIM,       [PAINT_KNOWN] = STYLE_TAG,
    [PAINT_UNKNOWN] = STYLE_TAG_UNKNOWN, [PAINT_OPEN] = STYLE_TAG_OPEN,      [PAINT_STRAY] = STYLE_TAG_STRAY,
    [PAINT_MARKER] = STYLE_STRONG,      [PAINT_RAW] = STYLE_TEXT,          [PAINT_COMMAND] = STYLE_COMMAND,
};

static AreaText area_text(const Scene *scene) {
    return (AreaText){&scene->console->reader, &scene->scan, buf_string(&scene->text), scene->text.size,
                      scene->point, scene->canvas.columns};
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
static void draw_spans(Scene *scene, Span at, const AreaRow *row) {
    const char *text = buf_string(&scene->text);
    size_t from = row->begin;
    for (size_t i = span_from(&scene->paints, from); from < row->end; i++) {
        bool more = i < scene->paints.count && scene->paints.spans[i].begin < row->end;
        size_t begin = more ? scene->paints.spans[i].begin : row->end;
        size_t end = more && scene->paints.spans[i].end < row->end ? scene->paints.spans[i].end : row->end;
        if (begin > from)
            at.column = canvas_text(&scene->canvas, at, STYLE_TEXT, text + from, begin - from);
        if (begin < from)
            begin = from;
        if (more)
            at.column = canvas_text(&scene->canvas, at, PAINT_STYLES[scene->paints.spans[i].kind],
                                    text + begin, end - begin);
        from = end;
    }
}

static void draw_area_row(Scene *scene, int row, const AreaRow *part) {
    Span at = {row, 0, scene->canvas.columns};
    AreaText area = area_text(scene);
    if (part->first && part->column) {
        Buf prompt = {0};
        area_prompt(&prompt, &area, part->begin);
        canvas_text(&scene->canvas, at, STYLE_PROMPT, buf_string(&prompt), prompt.size);
        buf_done(&prompt);
    }
    at.column = part->column;
    draw_spans(scene, at, part);
}

/* Over the end of a row. */
static void draw_more(Canvas *canvas, int row, size_t lines, const char *where) {
    char text[40];
    int width = snprintf(text, sizeof text, " %zu more %s", lines, where);
    canvas_text(canvas, (Span){row, canvas->columns - width, canvas->columns}, STYLE_DIM, text,
                (size_t)width);
}

/* The edit area in the rows above `bottom`. Returns its first row. */
static int draw_area(Scene *scene, int bottom, int rows_max) {
    static AreaView view; /* 10 KB, of the one surface there can be */
    AreaText area = area_text(scene);
    area_layout(&view, &area, rows_max, &scene->top);
    int first = bottom - view.rows;
    for (int i = 0; i < view.rows; i++)
        draw_area_row(scene, first + i, &view.row[i]);
    scene->canvas.cursor_row = first + view.cursor_row;
    scene->canvas.cursor_column =
        view.cursor_column < scene->canvas.columns ? view.cursor_column : scene->canvas.columns - 1;
    if (view.above)
        draw_more(&scene->canvas, first, view.above, "above");
    if (view.below && view.rows > 1)
        draw_more(&scene->canvas, bottom - 1, view.below, "below");
    return first;
}


/* ---- the words that Tab offers, over the last rows of the log ------------------------------------------ */

static void draw_menu(Scene *scene, int bottom, int rows_max) {
    Canvas *canvas = &scene->canvas;
    int width = 0, index = 0;
    for (size_t at = 0; at < scene->menu.size; at += strlen(scene->menu.data + at) + 1) {
        int cells = (int)utf8_text_width(scene->menu.data + at, strlen(scene->menu.data + at)) + 2;
        width = cells > width ? cells : width;
    }
    width = width < canvas->columns - 2 ? width : canvas->columns - 2;
    int across = width > 0 ? (canvas->columns - 1) / width : 1,
        most = rows_max < MENU_ROWS ? rows_max : MENU_ROWS;
    int rows = (int)((scene->menu_count + (size_t)across - 1) / (size_t)across);
    rows = rows < most ? rows : most;
    for (int row = bottom - rows; row < bottom; row++)
        canvas_fill(canvas, (Span){row, 0, canvas->columns}, STYLE_TEXT, ' ');
    for (size_t at = 0; at < scene->menu.size && index < rows * across; index++) {
        Span cell = {bottom - rows + index / across, 1 + index % across * width,
                     1 + (index % across + 1) * width - 1};
        const char *word = scene->menu.data + at;
        canvas_text(canvas, cell, STYLE_STRONG, word, strlen(word));
        at += strlen(word) + 1;
    }
    if ((size_t)(rows * across) < scene->menu_count)
        canvas_print(canvas, (Span){bottom - 1, canvas->columns - 14, canvas->columns}, STYLE_DIM,
                     " %zu more ", scene->menu_count - (size_t)(rows * across));
}

/* ---- the whole screen ---------------------------------------------------------------------------------- */

static void draw_last_row(Scene *scene, int row) {
    Canvas *canvas = &scene->canvas;
    Span at = {row, 1, canvas->columns};
    if (scene->question) {
        at.column =
            canvas_text(canvas, at, STYLE_STRONG, scene->question->text, strlen(scene->question->text));
        canvas->cursor_row = row;
        canvas->cursor_column = at.column < canvas->columns ? at.column : canvas->columns - 1;
    } else if (scene->message.size) {
        canvas_text(canvas, at, STYLE_STRONG, scene->message.data, scene->message.size);
    } else {
        hints_draw(canvas, row, &scene->view, &scene->hint, scene->text.size ? HINT_TYPED : HINT_EMPTY);
    }
}

bool scene_is_small(int rows, int columns) {
    return rows < SCENE_LEAST_ROWS || columns < SCENE_LEAST_COLUMNS;
}

/* F9: the edit area and one row of status. */
static void compose_small(Scene *scene) {
    Canvas *canvas = &scene->canvas;
    int first = draw_area(scene, canvas->rows, canvas->rows > 1 ? canvas->rows - 1 : 1);
    if (first < 1)
        return;
    if (scene->question)
        draw_last_row(scene, first - 1);
    else
        panel_status_short(canvas, first - 1, &scene->view);
}

/* F3: a picture in real pixels needs free cells: the newest one, wholly visible, with nothing over it. */
static void compose_log(Scene *scene, int top, int rows) {
    PicturePlace newest;
    scene->log_rows = rows;
    scrollback_draw(&scene->canvas, &scene->log, top, rows, &newest);
    if (newest.row < 0 || scene->caps->protocol <= IMAGE_HALF || scene->menu_count)
        return;
    scene->pixels = newest;
    /* no blanks, which curses would take for a place to scroll to, pixels and all: NO-BREAK SPACE */
    for (int row = newest.row; row < newest.row + newest.entry->box.rows; row++)
        canvas_fill(&scene->canvas, (Span){row, newest.column, newest.column + newest.entry->box.columns},
                    STYLE_TEXT, 0xa0);
}

/* True when a page covers everything else. */
static bool compose_page(Scene *scene) {
    if (scene->page == PAGE_NONE || scene->question)
        return false;
    if (scene->page == PAGE_GALLERY)
        gallery_draw(&scene->canvas, &scene->gallery, scene->depth);
    else
        top_draw(&scene->canvas, &scene->view);
    return true;
}

void scene_compose(Scene *scene) {
    Canvas *canvas = &scene->canvas;
    canvas_begin(canvas, canvas->rows, canvas->columns);
    scene->pixels.row = -1;
    if (compose_page(scene))
        return;
    if (scene_is_small(canvas->rows, canvas->columns)) {
        compose_small(scene);
        return;
    }
    int status = panel_status_rows(&scene->view), bottom = canvas->rows - 1;
    int most = bottom - status - 4; /* header, rule and two rows of the log stay */
    int area = draw_area(scene, bottom, canvas->rows / 2 < most ? canvas->rows / 2 : most);
    int rule = area - status - 1;
    panel_header(canvas, 0, &scene->view);
    compose_log(scene, 1, rule - 1);
    if (scene->menu_count)
        draw_menu(scene, rule, rule - 1);
    panel_rule(canvas, rule, scrollback_newer(&scene->log));
    panel_status(canvas, rule + 1, &scene->view, app_settings(scene->console->app));
    draw_last_row(scene, bottom);
}

void scene_size(Scene *scene, int rows, int columns) {
    canvas_begin(&scene->canvas, rows, columns);
    scrollback_look(&scene->log, &(ScrollLook){
        .columns = columns, .picture_rows = rows > 14 ? (rows - 8) / 2 : 3,
        .large_rows = rows > 12 ? rows - 8 : 3, .depth = scene->depth, .caps = scene->caps});
    scene_note(scene, SCENE_NOW);
}

void scene_look(Scene *scene, ColorDepth depth) {
    scene->depth = depth;
    scene_size(scene, scene->canvas.rows, scene->canvas.columns);
}

/* ---- changes ------------------------------------------------------------------------------------------- */

void scene_note(Scene *scene, SceneHaste haste) {
    if (haste > scene->haste)
        scene->haste = haste;
}

static void take_text(Scene *scene) {
    size_t size, point;
    const char *text = edit_text(&size, &point), *message = edit_message();
    bool same = size == scene->text.size && !memcmp(text, buf_string(&scene->text), size);
    if (same && point == scene->point && !strcmp(message, buf_string(&scene->message)))
        return;
    if (!same) {
        buf_truncate(&scene->text, 0);
        buf_add(&scene->text, text, size);
        scan_done(&scene->scan);
        scan_text(&scene->scan, buf_string(&scene->text), scene->text.size);
        paint_area(&scene->paints, &scene->console->reader, buf_string(&scene->text), scene->text.size);
    }
    scene->point = point;
    scene->typed = clock_seconds();
    buf_truncate(&scene->message, 0);
    buf_text(&scene->message, message);
    scene_note(scene, SCENE_NOW);
}

static void take_preview(Scene *scene, const View *view) {
    if (view->preview_width && view->preview_count != scene->preview_seen) {
        scene->preview_seen = view->preview_count;
        scrollback_preview(&scene->log, &(Image){
            .pixels = view->preview, .width = view->preview_width, .height = view->preview_height,
            .kind = IMAGE_PREVIEW});
        scene_note(scene, SCENE_SOON);
    } else if (!view->preview_width) {
        scrollback_drop_preview(&scene->log);
    }
}

static void take_view(Scene *scene) {
    const View *view = app_view(scene->console->app);
    take_preview(scene, view);
    if (!memcmp(view, &scene->view, sizeof *view))
        return;
    bool last = view->step != scene->view.step && view->step == view->steps;
    scene_note(scene, last || !view->job ? SCENE_NOW : SCENE_SOON);
    memcpy(&scene->view, view, sizeof *view);
}

static void take_hint(Scene *scene) {
    if (scene->typed <= 0 || clock_seconds() - scene->typed < HINT_SECONDS)
        return;
    scene->typed = 0;
    Hint hint;
    memset(&hint, 0, sizeof hint); /* compared as bytes */
    app_hint(scene->console->app, &hint, buf_string(&scene->text), scene->text.size, scene->point);
    if (memcmp(&hint, &scene->hint, sizeof hint))
        scene_note(scene, SCENE_NOW);
    scene->hint = hint;
}

void scene_update(Scene *scene) {
    take_text(scene);
    take_view(scene);
    take_hint(scene);
    if (scene->page == PAGE_GALLERY && gallery_load(&scene->gallery))
        scene_note(scene, SCENE_SOON);
}

int scene_wait(const Scene *scene) {
    if (scene->page == PAGE_GALLERY && gallery_waits(&scene->gallery))
        return 0;
    if (scene->typed <= 0)
        return -1;
    double left = scene->typed + HINT_SECONDS - clock_seconds();
    return left > 0 ? (int)(left * 1000) + 1 : 0;
}

/* ---- what is said -------------------------------------------------------------------------------------- */

/* While something runs ten times a second are enough (F7). */
void scene_line(Scene *scene, LineKind kind, const char *text) {
    scrollback_line(&scene->log, kind, text);
    scene_note(scene, scene->view.job && kind != LINE_ERROR ? SCENE_SOON : SCENE_NOW);
}

void scene_image(Scene *scene, const Image *image) {
    scrollback_picture(&scene->log, image, image->kind == IMAGE_VIEW ? PICTURE_LARGE : PICTURE_NORMAL);
    scene->preview_seen = app_view(scene->console->app)->preview_count;
    scene_note(scene, SCENE_NOW);
}

#define ECHO_LINES 3

static void echo_lines(Scene *scene, size_t lines, const Buf *text) {
    if (lines > ECHO_LINES) {
        size_t fits = utf8_fit(text->data, text->size,
                               (size_t)(scene->canvas.columns > 12 ? scene->canvas.columns - 12 : 1));
        Buf row = {0};
        buf_add(&row, text->data, fits);
        if (fits < text->size)
            buf_text(&row, " ...");
        scrollback_echo(&scene->log, "newbie> ", row.data, row.size);
        buf_done(&row);
        return;
    }
    Scan scan;
    scan_text(&scan, buf_string(text), text->size);
    for (size_t at = 0; at < text->size;) {
        const char *newline = memchr(text->data + at, '\n', text->size - at);
        size_t end = newline ? (size_t)(newline - text->data) : text->size;
        Buf prompt = {0};
        reader_area_prompt(&prompt, &scene->console->reader, &scan, at);
        scrollback_echo(&scene->log, buf_string(&prompt), text->data + at, end - at);
        buf_done(&prompt);
        at = end + 1;
    }
    scan_done(&scan);
}

void scene_echo(Scene *scene, const char *text, size_t size) {
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
    echo_lines(scene, lines, &one);
    buf_done(&one);
    scrollback_to_end(&scene->log);
    scene_note(scene, SCENE_NOW);
}

void scene_read_answer(Scene *scene) {
    scrollback_to_echo(&scene->log, scene->log_rows);
}

void scene_matches(Scene *scene, char *const *words, size_t count) {
    buf_truncate(&scene->menu, 0);
    scene->menu_count = count;
    for (size_t i = 0; i < count; i++)
        buf_add(&scene->menu, words[i], strlen(words[i]) + 1);
    scene_note(scene, SCENE_NOW);
}

/* The text may be newer than what was drawn: several keys come in one turn. */
size_t scene_step(Scene *scene, int rows, int *goal) {
    take_text(scene);
    AreaText area = area_text(scene);
    if (*goal < 0)
        *goal = area_column(&area);
    return area_step(&area, rows < 0 ? AREA_UP : AREA_DOWN, *goal);
}

void scene_ask(Scene *scene, const Question *question) {
    scene->question = question;
    scene_note(scene, SCENE_NOW);
}

void scene_answered(Scene *scene, char answer) {
    Buf line = {0};
    buf_print(&line, "%s%.1s", scene->question->text, answer > ' ' ? &answer : "");
    scrollback_line(&scene->log, LINE_PLAIN, line.data);
    buf_done(&line);
    scene->question = NULL;
    scene_note(scene, SCENE_NOW);
}

/* ---- pages --------------------------------------------------------------------------------------------- */

void scene_gallery(Scene *scene) {
    gallery_begin(&scene->gallery, scene->console->app);
    scene->page = PAGE_GALLERY;
    scene_note(scene, SCENE_NOW);
}

void scene_top(Scene *scene) {
    scene->page = PAGE_TOP;
    scene_note(scene, SCENE_NOW);
}

static void close_page(Scene *scene) {
    if (scene->page == PAGE_GALLERY)
        gallery_end(&scene->gallery);
    if (scene->page == PAGE_TOP)
        app_top_end(scene->console->app);
    scene->page = PAGE_NONE;
}

/* A page takes what is typed. */
static bool page_unit(Scene *scene, const Unit *unit) {
    if (scene->page == PAGE_NONE || unit->kind == UNIT_END)
        return false;
    if (unit->kind == UNIT_KEY && unit->bytes[0] == KEY_STOP)
        return false;
    PageAnswer answer = scene->page == PAGE_GALLERY ? gallery_key(&scene->gallery, unit) : top_key(unit);
    if (answer == PAGE_CLOSES)
        close_page(scene);
    scene_note(scene, SCENE_NOW);
    return true;
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static bool is_key(const Unit *unit, const char *bytes) {
    return unit->size == strlen(bytes) && !memcmp(unit->bytes, bytes, unit->size);
}

/* F2: a page is the log's height but two rows. */
static bool scroll_key(Scene *scene, const Unit *unit) {
    int page = scene->log_rows > 3 ? scene->log_rows - 2 : 1;
    if (is_key(unit, "\033[5~"))
        scrollback_move(&scene->log, page, scene->log_rows);
    else if (is_key(unit, "\033[6~"))
        scrollback_move(&scene->log, -page, scene->log_rows);
    else
        return false;
    scene_note(scene, SCENE_NOW);
    return true;
}

bool scene_unit(Scene *scene, const Unit *unit) {
    if (page_unit(scene, unit))
        return true;
    if (scene->menu_count) {
        scene->menu_count = 0;
        buf_truncate(&scene->menu, 0);
        scene_note(scene, SCENE_NOW);
    }
    return unit->kind == UNIT_KEY && scroll_key(scene, unit);
}

/* ---- beginning and end --------------------------------------------------------------------------------- */

void scene_begin(Scene *scene, Console *console, const Caps *caps) {
    *scene = (Scene){.console = console, .caps = caps, .pixels.row = -1};
    scan_text(&scene->scan, "", 0);
}

void scene_done(Scene *scene) {
    gallery_end(&scene->gallery);
    canvas_done(&scene->canvas);
    scrollback_done(&scene->log);
    scan_done(&scene->scan);
    paint_done(&scene->paints);
    buf_done(&scene->text);
    buf_done(&scene->message);
    buf_done(&scene->menu);
}
