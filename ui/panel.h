/* panel.h: the rows of the full surface that are not the log and not the text being typed: header, rule,
 * status and memory bars. Drawn from what app/view.h and the settings say. product.md F1, F2, F4, F5. */
#pragma once

#include "app/app.h"
#include "ui/canvas.h"

void panel_header(Canvas *canvas, int row, const View *view);

/* The line below the log; newer: lines below the view while it is scrolled, else 0. */
void panel_rule(Canvas *canvas, int row, long newer);

/* Rows of the status block: 2 to 4. */
int panel_status_rows(const View *view);
void panel_status(Canvas *canvas, int row, const View *view, const Settings *settings);

/* F9: the one row that is left when the screen is too small. */
void panel_status_short(Canvas *canvas, int row, const View *view);

/* Appends "newbie 12/28 43%" for the title of the terminal's window. */
void panel_title(Buf *out, const View *view);

/* 0 to 1: how much of the running job's steps is done. */
double panel_progress(const View *view);
