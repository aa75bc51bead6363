/* report.h: the sink that everything said goes to. A handler says lines, tables, pictures and questions; a
 * surface decides how they look. Nothing here knows a terminal.
 *
 * Texts are UTF-8 without the newline at the end. Marks ("[WARN] ") are the surface's business: a line's kind
 * says which. product.md 3, A5. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/status.h"

typedef enum LineKind { LINE_PLAIN, LINE_INFO, LINE_WARN, LINE_ERROR, LINE_HINT, LINE_KINDS } LineKind;

/* "", "[INFO] ", "[WARN] ", "[ERROR] ", "[HINT] ". */
extern const char *const LINE_MARKS[LINE_KINDS];

typedef enum ImageKind {
    IMAGE_NEW,     /* finished now: a place in the log, at most half of it */
    IMAGE_PREVIEW, /* of a step: replaced by the next and by the finished one */
    IMAGE_VIEW,    /* asked for (:view): as large as there is room */
} ImageKind;

/* A finished picture or a preview, borrowed for the call. */
typedef struct Image {
    const uint8_t *pixels; /* [height, width, 3] */
    int width, height;
    int64_t number;        /* of the picture; 0 for a preview or a picture without number */
    ImageKind kind;
    const char *name;      /* file, as people are told; NULL for a preview */
} Image;

typedef struct Question {
    const char *text;      /* "2 jobs wait: [w]ait for them, [d]rop them, [s]tay? "; printed as it is */
    const char *answers;   /* "wds": one letter each; "" waits for Enter */
    char otherwise;        /* the answer where nobody can be asked, and for the end of input */
    char refusal;          /* what Esc, Ctrl-C and Ctrl-D stand for; 0: `otherwise` */
} Question;

/* What a surface can do. Entries marked (optional) may be NULL. All are called from the UI thread. */
typedef struct Surface {
    const char *name;                                                  /* "plain", "full", "json" */
    bool live; /* shows steps, times and previews by itself, so that no lines need tell them (F7) */
    bool by_request; /* shows pictures only where the setting `picture` names a way, and no previews */
    void (*line)(void *context, LineKind kind, const char *text);
    void (*image)(void *context, const Image *image);                  /* (optional) */
    bool (*shows)(const void *context); /* (optional) can pictures be seen now? NULL: yes */
    char (*ask)(void *context, const Question *question);              /* (optional) waits for the answer */
    void (*edit)(void *context, const char *text, size_t size); /* (optional) puts text into the edit area */
    void (*suspend)(void *context); /* (optional) before a child gets the terminal */
    void (*linger)(void *context);  /* (optional) after it, so that what the child printed can be read */
    void (*resume)(void *context);                                     /* (optional) then */
    void (*bell)(void *context);                                       /* (optional) */
    void (*top)(void *context); /* (optional) opens its screen over View.samples; app_top_end when closed */
    void (*screen)(void *context, Buf *out); /* (optional) appends what it shows as text, line by line */
    void (*gallery)(void *context); /* (optional) opens its screen over app_gallery_count, ..._at */
} Surface;

/* Where everything goes: the surface, and a copy of all lines when `:log FILE` asked for one. */
typedef struct Report {
    const Surface *surface; /* borrowed, like context */
    void *context;
    FILE *copy;             /* owned; NULL without */
    Buf recent;             /* owned: the newest lines that were said, with their marks; at most 128 KiB */
} Report;

void report_line(Report *report, LineKind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a text of several lines, each said as a line of this kind. */
void report_lines(Report *report, LineKind kind, const char *text);

/* One paragraph in lines of at most REPORT_COLUMNS cells, broken at spaces, for terminals that would break it
 * anywhere. */
#define REPORT_COLUMNS 79
void report_wrapped(Report *report, LineKind kind, const char *text);

/* [ERROR] and, where there is one, [HINT]. NULL and ERR_CANCELLED say nothing; ERR_BUG gets "(bug in newbie)"
 * and the hint to report it. */
void report_fault(Report *report, Status st);

/* Appends a size for people: "3.0 GiB", "640 MiB" (product.md F5). */
void put_bytes(Buf *out, uint64_t bytes);

void report_image(Report *report, const Image *image);

/* The letter of the answer; question->otherwise where the surface cannot ask. */
char report_ask(Report *report, const Question *question);

/* ---- tables: columns as wide as their widest cell, two spaces between them ----------------------------- */

typedef struct Table {
    Buf cells;      /* NUL-terminated cells, row by row */
    size_t columns; /* 1 to 8 */
    size_t count;   /* cells so far */
} Table;

/* An empty table of so many columns (1 to TABLE_COLUMNS_MAX, asserted). */
#define TABLE_COLUMNS_MAX 8
Table table_of(size_t columns);
void table_cell(Table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says the rows with `indent` spaces before each, as plain lines, and frees the table. */
void report_table(Report *report, Table *table, int indent);

/* ---- the surface of streams: one-shot, batch, pipes, and what ui/plain prints through ------------------ */

typedef enum StreamVoice {
    VOICE_ALL,
    VOICE_QUIET, /* no [INFO] lines: -q */
} StreamVoice;

/* Lines on two streams, flushed line by line so that both together keep their order. */
typedef struct Stream {
    FILE *out, *err;      /* [INFO] and answers; [WARN], [ERROR], [HINT]. Borrowed */
    StreamVoice voice;
    bool color;           /* marks in colour: setting `color` */
    int failed;           /* errno of the first write that failed, else 0 */
} Stream;

/* context is a Stream. Asks nobody. */
extern const Surface STREAM_SURFACE;

/* What STREAM_SURFACE.line does, for surfaces built on it. */
void stream_line(Stream *stream, LineKind kind, const char *text);
