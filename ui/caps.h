/* caps.h: what this terminal can do: colours, cell size, real pixels. Decided in this order: the user's
 * setting; what the terminal answers to one batch of questions at the start; the table of terminals; nothing.
 * Real pixels are never believed without an answer (architecture.md 9.3, product.md F3).
 *
 * It reads and writes no terminal itself. In the order of use:
 *
 *   caps_begin(&caps, &facts);             what the environment and terminfo say
 *   caps_query(&bytes, &caps);             send these
 *   until caps_complete(&caps), at most CAPS_MILLISECONDS:
 *       if (!caps_answer(&caps, unit.bytes, unit.size)) the unit is a key: keep it, it is used afterwards
 *   caps_close(&caps);                     what comes later is still known as an answer, but changes nothing
 *   caps_choose(&caps, setting, depth);    whenever `picture` or the colours in use change
 *
 * Facts: xterm's ctlseqs (DA1, XTVERSION, DECRQSS, XTWINOPS 16, XTSMGRAPHICS), Kitty's graphics protocol,
 * iTerm2's ReportCellSize, tmux(1) allow-passthrough. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define CAPS_MILLISECONDS 250 /* how long answers are waited for */

/* Colours a terminal can show at once, fewest first. */
typedef enum ColorDepth { DEPTH_NONE, DEPTH_8, DEPTH_16, DEPTH_256, DEPTH_24BIT } ColorDepth;

/* How a picture is shown, best last. */
typedef enum ImageProtocol {
    IMAGE_NONE,  /* not at all */
    IMAGE_HALF,  /* half blocks: text with two colours a cell */
    IMAGE_SIXEL, /* real pixels: */
    IMAGE_ITERM,
    IMAGE_KITTY,
} ImageProtocol;

/* What is known before anything is asked. Texts are borrowed for the call; NULL and "" mean unset. */
typedef struct CapsFacts {
    const char *term, *colorterm, *program; /* TERM, COLORTERM, TERM_PROGRAM */
    const char *tmux;                       /* TMUX */
    int colors;                             /* terminfo's number; 0 or less: none */
    int cell_width, cell_height;            /* pixels, as the kernel says (TIOCGWINSZ); 0: it does not */
} CapsFacts;

typedef struct Caps {
    /* for everybody */
    ImageProtocol protocol;      /* set by caps_choose; IMAGE_NONE before */
    ColorDepth depth;            /* of the terminal; whether colour is wanted is the caller's business */
    int cell_width, cell_height; /* pixels of a cell; 0: not known */
    int sixel_width, sixel_height; /* pixels of the largest sixel picture; 0: no limit known */
    bool inside_tmux;            /* Kitty's pictures then go through tmux to the terminal behind it */

    /* for caps.c */
    unsigned quirks;             /* what must not be sent */
    bool kitty, iterm, sixel;    /* proved by an answer */
    bool passthrough;            /* the terminal behind tmux answered */
    bool placeholders;           /* it shows Kitty's pictures inside text, the only kind that tmux can keep in
                                  * its place */
    int answers, answers_wanted; /* of DA1 */
    bool closed;
} Caps;

/* `facts` of this process: its environment and the window size of standard output. */
CapsFacts caps_facts(int colors);

void caps_begin(Caps *caps, const CapsFacts *facts);

/* Appends the batch. Nothing where asking would only leave rubbish (TERM=dumb). */
void caps_query(Buf *out, const Caps *caps);

/* Takes one unit of the terminal, whole, as ui/tty.h cuts it. True: it was an answer (also broken, doubled,
 * or too late), so it is no key. */
bool caps_answer(Caps *caps, const char *unit, size_t size);

/* True when the terminal has said its last word, so that nobody need wait longer. */
bool caps_complete(const Caps *caps);

/* The time is over. Answers from now on change nothing. */
void caps_close(Caps *caps);

/* Sets caps->protocol. `picture`: a value of the setting. `depth`: the colours in use, DEPTH_NONE for
 * NO_COLOR and `color never`. A protocol that the user names is believed, if this build can write it; "auto"
 * takes the best that was proved, else half blocks; without colour there are no pictures. */
void caps_choose(Caps *caps, const char *picture, ColorDepth depth);
