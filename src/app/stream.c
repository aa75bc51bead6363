/* stream.c: the surface of two streams: lines only, appended, never rewritten (product.md L1, A5). */
#include "config.h"

#include "app/report.h"

#include <errno.h>

/* SGR numbers of the marks. The word in the mark carries the meaning, colour only repeats it (X2). */
static const char *const MARK_COLORS[LINE_KINDS] = {"", "\033[32m", "\033[33m", "\033[31m", "\033[36m"};

static void write_line(Stream *stream, FILE *to, LineKind kind, const char *text) {
    if (stream->color && kind != LINE_PLAIN)
        fprintf(to, "%s%s\033[0m%s\n", MARK_COLORS[kind], LINE_MARKS[kind], text);
    else
        fprintf(to, "%s%s\n", LINE_MARKS[kind], text);
    if (fflush(to) == EOF && !stream->failed)
        stream->failed = errno;
}

void stream_line(Stream *stream, LineKind kind, const char *text) {
    if (kind == LINE_INFO && stream->voice == VOICE_QUIET)
        return;
    bool fault = kind == LINE_WARN || kind == LINE_ERROR || kind == LINE_HINT;
    write_line(stream, fault ? stream->err : stream->out, kind, text);
}

static void surface_line(void *context, LineKind kind, const char *text) {
    stream_line(context, kind, text);
}

const Surface STREAM_SURFACE = {.name = "plain", .line = surface_line};
