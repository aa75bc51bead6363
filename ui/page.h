/* page.h: screens that cover the log for a while: the gallery and :top. They draw onto a canvas and get the
 * keys; Escape, q and Ctrl-C close them. product.md 5 (:gallery, :top). */
#pragma once

#include "app/app.h"
#include "ui/canvas.h"
#include "ui/tty.h"

typedef enum PageAnswer {
    PAGE_STAYS,
    PAGE_CLOSES,
} PageAnswer;

/* ---- the gallery: a grid of small pictures ------------------------------------------------------------- */

typedef struct GalleryPage {
    App *app;           /* borrowed */
    size_t selected, first; /* indices of app_gallery_at; `first` stands at the upper left */
    int columns, rows;  /* of tiles that fit */
    ColorDepth depth;
    struct Tile *tiles; /* owned: of the page that is shown */
    int tile_count;
} GalleryPage;

/* Looks at the pictures that app_gallery_open has chosen. */
void gallery_begin(GalleryPage *page, App *app);
void gallery_end(GalleryPage *page);

/* Makes one small picture that is still missing on the page; false when none is. */
bool gallery_load(GalleryPage *page);
bool gallery_waits(const GalleryPage *page); /* one is missing: the page was just drawn, or turned */

void gallery_draw(Canvas *canvas, GalleryPage *page, ColorDepth depth);
PageAnswer gallery_key(GalleryPage *page, const Unit *unit);

/* ---- :top: memory and step times over time ------------------------------------------------------------- */

void top_draw(Canvas *canvas, const View *view);
PageAnswer top_key(const Unit *unit);
