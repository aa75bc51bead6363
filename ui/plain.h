/* plain.h: the append-only surface on a terminal: lines go above the line being edited, nothing is ever
 * rewritten but that line. Pipes and files need no surface of ui: app/report.h has one. product.md 3. */
#pragma once

#include <signal.h>

#include "app/report.h"
#include "ui/tty.h"

typedef struct Plain {
    Stream stream;
    UnitCutter keys;      /* what was typed and not yet used */
    int signals;          /* where signals arrive: they end the wait for an answer. Set by the loop */
    Buf edit_request;     /* text for the edit area that a command asked for; the loop takes it */
    bool has_edit_request;
    struct sigaction on_stop; /* what Ctrl-Z does, while a child has the terminal */
} Plain;

/* context is a Plain. */
extern const Surface PLAIN_SURFACE;

/* Reads what the terminal has, without waiting when poll said so. At the end of the input the cutter gives
 * UNIT_END. */
void plain_read(Plain *plain);

/* Frees what it holds (the streams are borrowed). */
void plain_done(Plain *plain);
