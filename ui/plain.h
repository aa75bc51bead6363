/* plain.h: the append-only surface on a terminal: lines go above the line being edited, nothing is ever rewritten but
 * that line. Pipes and files need no surface of ui: app/report.h has one. product.md 3. */
#pragma once

#include "app/report.h"
#include "ui/tty.h"

typedef struct Plain {
    Stream stream;
    UnitCutter keys;      /* what was typed and not yet used */
    Buf edit_request;     /* text for the edit area that a command asked for; the loop takes it */
    bool has_edit_request;
} Plain;

/* context is a Plain. */
extern const Surface PLAIN_SURFACE;

/* Reads what the terminal has. False when it is gone. */
bool plain_read(Plain *plain);

/* Frees what it holds (the streams are borrowed). */
void plain_done(Plain *plain);
