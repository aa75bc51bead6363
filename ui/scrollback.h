/* scrollback.h: everything said, in order, as the log of the full surface: lines wrapped by display width,
 * pictures that scroll with them, one preview that is replaced in place. product.md F2, F3.
 *
 * Drawn from the bottom: while nobody has scrolled, the newest row is the last one; a scrolled view stays
 * where it is whatever is added below. */
#pragma once

#include "app/report.h"
#include "ui/canvas.h"

#define SCROLLBACK_LINES 5000

typedef enum EntryKind {
    ENTRY_LINE,
    ENTRY_ECHO,     /* what the user sent: begins with a prompt string */
    ENTRY_PICTURE,
    ENTRY_PREVIEW,  /* at most one, the newest entry that is no line of its job */
} EntryKind;

typedef struct Entry {
    EntryKind kind;
    LineKind line;
    char *text;         /* owned; of lines */
    int prompt;         /* of an echo: bytes of its prompt string */
    Image image;        /* of pictures: pixels owned, of an old one fewer than it had */
    int width, height;  /* that it had */
    ImageBox box;       /* its cells at the present size of the screen */
    ImageCell *cells;   /* owned [rows, columns]; NULL: not made yet */
    bool large;         /* may take the whole log */
    int rows;           /* it takes at the present width */
    unsigned id;        /* of this entry, never used again */
} Entry;

/* The window that the log is seen through. */
typedef struct ScrollLook {
    int columns;        /* of the screen */
    int picture_rows;   /* most rows of a picture, of a large one, */
    int large_rows;
    ColorDepth depth;   /* and how pictures look; DEPTH_NONE: not at all */
    const Caps *caps;   /* borrowed */
} ScrollLook;

typedef struct Scrollback {
    Entry *entries;     /* owned ring [SCROLLBACK_LINES] */
    int first, count;
    ScrollLook look;
    long below;         /* rows below the view; 0: the newest is seen */
    unsigned next_id;
} Scrollback; /* a zeroed one is empty and valid */

void scrollback_done(Scrollback *log);

/* A change of size or colours: everything is laid out again. The entry at the lower edge stays there. */
void scrollback_look(Scrollback *log, const ScrollLook *look);

void scrollback_line(Scrollback *log, LineKind kind, const char *text);
void scrollback_echo(Scrollback *log, const char *prompt, const char *text, size_t size);

/* pixels are copied; all of them are kept of the newest pictures only, and enough for half blocks of the
 * others. A preview replaces the one before it, a picture too. */
typedef enum PictureSize { PICTURE_NORMAL, PICTURE_LARGE } PictureSize;
void scrollback_picture(Scrollback *log, const Image *image, PictureSize size);
void scrollback_preview(Scrollback *log, const Image *image);
void scrollback_drop_preview(Scrollback *log);

/* Moves the view up (positive) or down by rows, for a window of `height` rows. */
void scrollback_move(Scrollback *log, long rows, int height);
void scrollback_to_end(Scrollback *log);

/* Puts the newest echo into the first row of a window of `height` rows, when what was said since is longer
 * than that: long answers are read from their beginning. */
void scrollback_to_echo(Scrollback *log, int height);

/* Lines below the view, in part or wholly. */
long scrollback_newer(const Scrollback *log);

/* Draws into rows [top, top + height). *newest gets where the newest finished picture lies when it is wholly
 * visible, else a row of -1; NULL: not asked. */
typedef struct PicturePlace {
    const Entry *entry;
    int row, column;
} PicturePlace;
void scrollback_draw(Canvas *canvas, Scrollback *log, int top, int height, PicturePlace *newest);

/* The newest finished picture, or NULL: previews are always half blocks. Borrowed. */
const Entry *scrollback_newest(const Scrollback *log);
