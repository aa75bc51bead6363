/* plain.h: the append-only surface on a terminal: lines go above the line being edited, nothing is ever
 * rewritten but that line. Pipes and files need no surface of ui: app/report.h has one. product.md 3. */
#pragma once

#include <signal.h>

#include "ui/console.h"

typedef struct Plain {
    Stream stream;
    Console *console;         /* set by open; borrowed */
    struct sigaction on_stop; /* what Ctrl-Z does, while a child has the terminal */
} Plain;

/* Its context is a Plain. */
extern const Face PLAIN_FACE;
