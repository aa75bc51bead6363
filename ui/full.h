/* full.h: the full-screen surface: header, log with pictures, status, the edit area, a row of hints. The only
 * file that includes curses is full.c. What is drawn where: ui/panel.h, ui/scrollback.h, ui/area.h, all onto
 * ui/canvas.h. product.md 2. */
#pragma once

#include "ui/console.h"

typedef struct Full Full;

Full *full_new(void); /* never NULL */
void full_free(Full *full);

/* Its context is a Full. */
extern const Face FULL_FACE;

/* A4, for a program whose standard input and output are a terminal: true for the full surface. Appends to
 * *why what the user should know, if anything. */
bool full_wanted(Buf *why, const App *app, SurfaceWish wish);

/* F8: what libraries wrote to standard error meanwhile. To be called after all else was said. */
void full_show_errors(Full *full);
