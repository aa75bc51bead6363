/* scene.h: the full surface without a terminal: what it knows, composed onto a canvas. Lines, pictures, keys
 * and questions come in; whoever has a terminal (full.c) asks how soon it wants to be shown, calls
 * scene_compose and brings the canvas to the screen. product.md 2. */
#pragma once

#include "app/hint.h"
#include "prompt/paint.h"
#include "ui/console.h"
#include "ui/page.h"
#include "ui/scrollback.h"

#define SCENE_LEAST_ROWS 16 /* F9 */
#define SCENE_LEAST_COLUMNS 60

/* How soon something that changed should be seen (F7). */
typedef enum SceneHaste { SCENE_CLEAN, SCENE_SOON, SCENE_NOW } SceneHaste;

typedef struct Scene {
    Console *console;
    const Caps *caps;        /* borrowed */
    ColorDepth depth;        /* of pictures; DEPTH_NONE: there are none */
    SceneHaste haste;        /* set back by whoever has shown it */

    Canvas canvas;
    PicturePlace pixels;     /* where scene_compose left room for a picture in real pixels; row -1: nowhere */
    Scrollback log;
    int log_rows;            /* that were drawn */

    Buf text;                /* of the edit area, as it was last seen */
    size_t point, top;
    Scan scan;               /* of text */
    PaintList paints;
    Hint hint;
    double typed;            /* clock of the newest change of the text that has no hint yet; 0: none */
    Buf message;             /* of the editor */
    Buf menu;                /* words that Tab offered, each with a NUL */
    size_t menu_count;

    enum { PAGE_NONE, PAGE_GALLERY, PAGE_TOP } page; /* what covers everything */
    GalleryPage gallery;

    View view;               /* as it was last seen */
    unsigned preview_seen;
    const Question *question; /* being asked, NULL: none; borrowed */
} Scene;

void scene_begin(Scene *scene, Console *console, const Caps *caps);
void scene_done(Scene *scene);

bool scene_is_small(int rows, int columns);
void scene_size(Scene *scene, int rows, int columns);
void scene_look(Scene *scene, ColorDepth depth); /* colours, or what caps->protocol says, have changed */

/* Looks at the editor and the session for changes. */
void scene_update(Scene *scene);
/* Milliseconds until it should do so though nothing happens; -1: no need. */
int scene_wait(const Scene *scene);
void scene_note(Scene *scene, SceneHaste haste);
void scene_compose(Scene *scene);

/* What Surface and Face are told (app/report.h, ui/console.h). */
void scene_line(Scene *scene, LineKind kind, const char *text);
void scene_image(Scene *scene, const Image *image);
void scene_echo(Scene *scene, const char *text, size_t size);
void scene_read_answer(Scene *scene);
void scene_matches(Scene *scene, char *const *words, size_t count);
size_t scene_step(Scene *scene, int rows, int *goal);
void scene_gallery(Scene *scene);
void scene_top(Scene *scene);
bool scene_unit(Scene *scene, const Unit *unit);

/* A question takes the last row until it is answered. */
void scene_ask(Scene *scene, const Question *question);
void scene_answered(Scene *scene, char answer);
