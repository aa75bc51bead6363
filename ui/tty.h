/* tty.h: the terminal as a device: its modes, restored on every way out, and its bytes cut into units.
 *
 * A unit is what must not be torn apart: a whole UTF-8 character, a whole escape sequence, or a whole
 * paste. Readline asks for the rest of such a thing at once and would find nothing (architecture.md 9.2,
 * steps 5 to 7). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

/* Puts standard input into character mode (no echo, no line editing) and turns bracketed paste on. Ctrl-C
 * and Ctrl-Z are then keys: as signals they would overtake what was typed before them, strike from within
 * a paste, and make the system throw away what is on its way to the screen. The old modes come back at
 * tty_close, at exit and on a fatal signal. Errors: ERR_IO. */
Status tty_open(void);
void tty_close(void);

/* What is sent besides when the modes come back on a fatal signal or at exit; "" for nothing. Copied, cut to
 * 255 bytes. */
void tty_also_restore(const char *bytes);

/* For a child that gets the terminal, and back again. */
void tty_suspend(void);
void tty_resume(void);

/* Stops the process group as Ctrl-Z does; returns after it was continued. */
void tty_stop(void);

/* Columns of the terminal; 80 when it does not say. */
size_t tty_columns(void);

/* Its rows; 24 when it does not say. */
size_t tty_rows(void);

#define KEY_INTERRUPT '\003' /* Ctrl-C */
#define KEY_STOP '\032'      /* Ctrl-Z */
#define KEY_END '\004'       /* Ctrl-D */

/* ---- units --------------------------------------------------------------------------------------------- */

typedef enum UnitKind {
    UNIT_NONE,
    UNIT_KEY,    /* also a control sequence, which may be an answer: caps_answer knows */
    UNIT_STRING, /* an answer of the terminal as DCS, APC or OSC, with its terminator; cut off without one.
                  * Never a key */
    UNIT_PASTE,
    UNIT_END,
} UnitKind;

typedef struct Unit {
    UnitKind kind;
    const char *bytes; /* borrowed until the next call. A paste comes as it was sent, without its brackets */
    size_t size;
    size_t whole;      /* bytes that were sent: more than size for a paste above PASTE_MAX */
} Unit;

/* A paste above this many bytes is cut there; the rest is read and thrown away, and `size` is then this
 * limit. */
#define PASTE_MAX ((size_t)4 << 20)

/* A string above this many bytes was none: it is cut off there. */
#define STRING_MAX 4096

/* How long a sequence may stay unfinished before CUTTER_GIVES_UP. */
#define CUTTER_KEY_MILLISECONDS 50
#define CUTTER_STRING_MILLISECONDS 250

typedef struct UnitCutter {
    Buf pending;     /* bytes read and not yet given out */
    size_t given;    /* of them, given out */
    bool pasting;    /* inside a paste; `paste` grows */
    Buf paste;
    size_t paste_size; /* all bytes of the paste, also those thrown away */
    bool ended;      /* the input is closed */
} UnitCutter;        /* a zeroed one is valid */

void cutter_done(UnitCutter *cutter);

/* Adds bytes that were read; size 0 means that the input was closed. */
void cutter_add(UnitCutter *cutter, const char *bytes, size_t size);

typedef enum CutterPatience {
    CUTTER_WAITS,    /* an unfinished sequence may still go on */
    CUTTER_GIVES_UP, /* cutter_limit has passed: a lone ESC is the ESC key, a string is cut off */
} CutterPatience;

/* The next unit; UNIT_NONE when there is none (yet). */
Unit cutter_next(UnitCutter *cutter, CutterPatience patience);

/* Milliseconds to wait for the rest of something unfinished before CUTTER_GIVES_UP; -1 when nothing is. */
int cutter_limit(const UnitCutter *cutter);
