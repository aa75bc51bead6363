/* gallery.c: the gallery screen of page.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "ui/page.h"

/* A tile: a picture, one row of words below it, and a gap. */
#define TILE_COLUMNS 26
#define TILE_ROWS 13
#define PICTURE_COLUMNS (TILE_COLUMNS - 2)
#define PICTURE_ROWS (TILE_ROWS - 2)
#define THUMBNAIL_SIDE 96 /* pixels: reduced once more to cells */
#define FRAME_ROWS 3      /* title, words about the selected one, keys */

typedef struct Tile {
    size_t index;        /* of its picture */
    enum { TILE_WAITS, TILE_SHOWN, TILE_BROKEN } state;
    ImageBox box;
    ImageCell *cells;    /* owned [rows, columns] */
} Tile;

/* ---- tiles --------------------------------------------------------------------------------------------- */

static void forget_tiles(GalleryPage *page) {
    for (int i = 0; i < page->tile_count; i++)
        free(page->tiles[i].cells);
    free(page->tiles);
    page->tiles = NULL;
    page->tile_count = 0;
}

void gallery_begin(GalleryPage *page, App *app) {
    *page = (GalleryPage){.app = app, .columns = 1, .rows = 1};
}

void gallery_end(GalleryPage *page) {
    forget_tiles(page);
}

static size_t page_size(const GalleryPage *page) {
    return (size_t)page->columns * (size_t)page->rows;
}

/* Whole rows of tiles are shown; the selected one is among them. */
static void arrange(GalleryPage *page, const Canvas *canvas, ColorDepth depth) {
    int columns = canvas->columns / TILE_COLUMNS, rows = (canvas->rows - FRAME_ROWS) / TILE_ROWS;
    size_t count = app_gallery_count(page->app), first = page->first;
    page->columns = columns > 0 ? columns : 1;
    page->rows = rows > 0 ? rows : 1;
    if (page->selected >= count)
        page->selected = count ? count - 1 : 0;
    size_t across = (size_t)page->columns, row = page->selected / across;
    first = first / across * across;
    if (row < first / across)
        first = row * across;
    if (row >= first / across + (size_t)page->rows)
        first = (row - (size_t)page->rows + 1) * across;
    size_t shown = count - first < page_size(page) ? count - first : page_size(page);
    if (first == page->first && (int)shown == page->tile_count && depth == page->depth)
        return;
    forget_tiles(page);
    page->first = first;
    page->depth = depth;
    page->tile_count = (int)shown;
    page->tiles = must_alloc((shown + 1) * sizeof *page->tiles);
    for (size_t i = 0; i < shown; i++)
        page->tiles[i].index = first + i;
}

/* Smaller than a tile, half blocks like everything here. */
static void fill_tile(Tile *tile, const Image *image, ColorDepth depth) {
    Caps half = {.protocol = IMAGE_HALF, .depth = depth};
    tile->box = image_fit(image, (ImageBox){PICTURE_COLUMNS, PICTURE_ROWS}, &half);
    tile->cells = must_alloc((size_t)tile->box.rows * (size_t)tile->box.columns * sizeof *tile->cells);
    image_cells(tile->cells, image, tile->box, depth);
    tile->state = TILE_SHOWN;
}

bool gallery_load(GalleryPage *page) {
    for (int i = 0; i < page->tile_count; i++) {
        Tile *tile = &page->tiles[i];
        Image image;
        if (tile->state != TILE_WAITS)
            continue;
        tile->state = TILE_BROKEN;
        if (page->depth != DEPTH_NONE && !app_thumbnail(&image, page->app, tile->index, THUMBNAIL_SIDE))
            fill_tile(tile, &image, page->depth);
        return true;
    }
    return false;
}

bool gallery_waits(const GalleryPage *page) {
    for (int i = 0; i < page->tile_count; i++)
        if (page->tiles[i].state == TILE_WAITS)
            return true;
    return false;
}

/* ---- drawing ------------------------------------------------------------------------------------------- */

static void put(Canvas *canvas, Span at, Style style, const char *text) {
    canvas_text(canvas, at, style, text, strlen(text));
}

static const char *words_for(const Tile *tile, const GalleryPicture *picture, ColorDepth depth) {
    if (picture->missing)
        return "(the file is gone)";
    if (depth == DEPTH_NONE)
        return "(no colours, no pictures)";
    return tile->state == TILE_BROKEN ? "(cannot be read)" : "...";
}

/* The selected one is marked by brackets as well as by its look (X2). */
static void draw_tile(Canvas *canvas, GalleryPage *page, int position) {
    const Tile *tile = &page->tiles[position];
    int row = 1 + position / page->columns * TILE_ROWS, column = 1 + position % page->columns * TILE_COLUMNS;
    bool selected = tile->index == page->selected;
    GalleryPicture picture;
    app_gallery_at(&picture, page->app, tile->index);
    if (tile->state == TILE_SHOWN)
        canvas_picture(canvas, row, column,
                       &(PicturePart){tile->cells, tile->box.columns, 0, tile->box.rows});
    else
        put(canvas, (Span){row + PICTURE_ROWS / 2, column, column + PICTURE_COLUMNS}, STYLE_DIM,
            words_for(tile, &picture, page->depth));
    Buf words = {0};
    if (picture.number)
        buf_print(&words, "%s#%lld%s %s%s", selected ? "[" : " ", (long long)picture.number,
                  picture.star ? " *" : "", picture.caption, selected ? "]" : "");
    else
        buf_print(&words, "%s%s%s%s", selected ? "[" : " ", picture.name, picture.star ? " *" : "",
                  selected ? "]" : "");
    put(canvas, (Span){row + PICTURE_ROWS, column - 1, column + PICTURE_COLUMNS},
        selected ? STYLE_SELECTED : STYLE_TEXT, words.data);
    buf_done(&words);
}

static void draw_selected(Canvas *canvas, GalleryPage *page) {
    GalleryPicture picture;
    Span at = {canvas->rows - 2, 1, canvas->columns};
    app_gallery_at(&picture, page->app, page->selected);
    at.column = canvas_print(canvas, at, STYLE_STRONG, "%s%s", picture.name, picture.star ? " *" : "") + 2;
    at.column =
        canvas_print(canvas, at, STYLE_TEXT, "%s", picture.missing ? "the file is gone" : picture.facts) + 2;
    canvas_print(canvas, at, STYLE_DIM, "%s",
                 picture.has_prompt ? picture.caption : "no prompt is stored in it");
}

static void draw_frame(Canvas *canvas, const GalleryPage *page) {
    size_t count = app_gallery_count(page->app);
    canvas_fill(canvas, (Span){0, 0, canvas->columns}, STYLE_HEADER, ' ');
    int place = count ? canvas->columns - 14 : canvas->columns; /* of the number at the right */
    canvas_print(canvas, (Span){0, 1, place - (count > 0)}, STYLE_HEADER, "gallery | %zu picture%s%s", count,
                 count == 1 ? "" : "s", count ? ", newest first" : ": what you render appears here");
    if (count)
        canvas_print(canvas, (Span){0, place, canvas->columns}, STYLE_HEADER, "%zu of %zu",
                     page->selected + 1, count);
    put(canvas, (Span){canvas->rows - 1, 1, canvas->columns}, STYLE_DIM,
        count ? "arrows choose   Enter takes prompt and settings   v view   s star   Esc back" : "Esc back");
}

void gallery_draw(Canvas *canvas, GalleryPage *page, ColorDepth depth) {
    arrange(page, canvas, depth);
    for (int i = 0; i < page->tile_count; i++)
        draw_tile(canvas, page, i);
    for (int row = canvas->rows - 2; row < canvas->rows; row++) /* a tile that is cut off */
        canvas_fill(canvas, (Span){row, 0, canvas->columns}, STYLE_TEXT, ' ');
    if (app_gallery_count(page->app))
        draw_selected(canvas, page);
    draw_frame(canvas, page);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static void say(const GalleryPage *page, Status st) {
    report_fault(app_report(page->app), st);
}

static PageAnswer take(GalleryPage *page) {
    say(page, app_gallery_take(page->app, page->selected));
    return PAGE_CLOSES; /* also with a fault: it is in the log */
}

static PageAnswer view(GalleryPage *page) {
    GalleryPicture picture;
    Buf line = {0};
    app_gallery_at(&picture, page->app, page->selected);
    buf_text(&line, "view \"");
    for (const char *at = picture.path; *at; at++) {
        if (*at == '"' || *at == '\\')
            buf_byte(&line, '\\');
        buf_byte(&line, (unsigned char)*at);
    }
    buf_byte(&line, '"');
    say(page, command_run(page->app, line.data, SOURCE_TYPED));
    buf_done(&line);
    return PAGE_CLOSES;
}

static PageAnswer star(GalleryPage *page) {
    say(page, app_gallery_star(page->app, page->selected));
    return PAGE_STAYS;
}

static PageAnswer leave(GalleryPage *page) {
    (void)page;
    return PAGE_CLOSES;
}

static const struct { const char *key; PageAnswer (*act)(GalleryPage *page); } ACTIONS[] = {
    {"\r", take}, {"v", view}, {"s", star}, {"q", leave}, {"\033", leave}, {"\003", leave}, {"\004", leave},
};

/* Steps of keys, in tiles, rows and pages. */
#define FAR 1000000 /* pages */
static const struct { const char *key; int tiles, rows, pages; } MOVES[] = {
    {"\033[C", 1, 0, 0},  {"\033OC", 1, 0, 0},  {"l", 1, 0, 0},        /* right */
    {"\033[D", -1, 0, 0}, {"\033OD", -1, 0, 0}, {"h", -1, 0, 0},       /* left */
    {"\033[B", 0, 1, 0},  {"\033OB", 0, 1, 0},  {"j", 0, 1, 0},        /* down */
    {"\033[A", 0, -1, 0}, {"\033OA", 0, -1, 0}, {"k", 0, -1, 0},       /* up */
    {"\033[6~", 0, 0, 1}, {" ", 0, 0, 1},       {"\033[5~", 0, 0, -1}, /* pages */
    {"\033[H", 0, 0, -FAR}, {"\033OH", 0, 0, -FAR}, {"\033[1~", 0, 0, -FAR},
    {"\033[F", 0, 0, FAR},  {"\033OF", 0, 0, FAR},  {"\033[4~", 0, 0, FAR},
};

static bool is_key(const Unit *unit, const char *bytes) {
    return unit->kind == UNIT_KEY && unit->size == strlen(bytes) && !memcmp(unit->bytes, bytes, unit->size);
}

static void move(GalleryPage *page, long steps) {
    long count = (long)app_gallery_count(page->app), to = (long)page->selected + steps;
    page->selected = to < 0 || !count ? 0 : (size_t)(to < count ? to : count - 1);
}

PageAnswer gallery_key(GalleryPage *page, const Unit *unit) {
    for (size_t i = 0; i < sizeof MOVES / sizeof *MOVES; i++)
        if (is_key(unit, MOVES[i].key))
            move(page, MOVES[i].tiles + (long)MOVES[i].rows * page->columns +
                           MOVES[i].pages * (long)page_size(page));
    for (size_t i = 0; i < sizeof ACTIONS / sizeof *ACTIONS; i++)
        if (is_key(unit, ACTIONS[i].key) && (app_gallery_count(page->app) || ACTIONS[i].act == leave))
            return ACTIONS[i].act(page);
    return PAGE_STAYS;
}
