/* xml.c: the only file that includes libxml2, and only to look at a copy. Facts: product.md S5. */
#include "config.h"

#include "prompt/xml.h"

#include <libxml/xmlreader.h>
#include <libxml/xmlversion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ROOT "prompt"
#define PROBLEMS_MAX 100

/* ---- the copy ---- */

/* From the end of the copy on, raw bytes begin at `raw`. */
static void add_shift(XmlShield *shield, size_t raw) {
    size_t copy = shield->text.size;
    if (shield->shift_count) {
        XmlShift last = shield->shifts[shield->shift_count - 1];
        if (copy - last.copy == raw - last.raw)
            return;
    }
    if ((shield->shift_count & (shield->shift_count - 1)) == 0) { /* full at 0, 1, 2, 4, 8 ... */
        size_t capacity = shield->shift_count ? shield->shift_count * 2 : 1;
        shield->shifts = must_realloc(shield->shifts, capacity * sizeof *shield->shifts);
    }
    shield->shifts[shield->shift_count++] = (XmlShift){copy, raw};
}

static const char *escape_for(char c) {
    switch (c) {
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    default: return NULL;
    }
}

static void add_escaped(XmlShield *shield, const char *text, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        const char *escape = escape_for(text[i]);
        if (!escape) {
            buf_byte(&shield->text, (unsigned char)text[i]);
            continue;
        }
        add_shift(shield, i);
        buf_text(&shield->text, escape);
        add_shift(shield, i + 1);
    }
}

void xml_shield(XmlShield *out, const Scan *scan) {
    *out = (XmlShield){0};
    buf_text(&out->text, "<" ROOT ">");
    add_shift(out, 0);
    size_t from = 0;
    for (size_t i = 0; i < scan->tag_count; i++) {
        const Tag *tag = &scan->tags[i];
        if (tag->partner == SCAN_NONE)
            continue;
        add_escaped(out, scan->text, from, tag->begin);
        /* as long as the raw tag: normalising only turns a space into an underscore */
        buf_print(&out->text, "<%s%s%s>", tag->kind == TAG_CLOSE ? "/" : "", tag->name,
                  tag->kind == TAG_EMPTY ? "/" : "");
        from = tag->end;
    }
    add_escaped(out, scan->text, from, scan->size);
    buf_text(&out->text, "</" ROOT ">");
}

size_t xml_raw_offset(const XmlShield *shield, size_t copy_offset) {
    size_t low = 0, high = shield->shift_count; /* the last shift at or before the offset is in [low, high) */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (shield->shifts[middle].copy <= copy_offset)
            low = middle;
        else
            high = middle;
    }
    XmlShift shift = shield->shifts[low];
    if (copy_offset < shift.copy)
        return 0;
    size_t raw = shift.raw + copy_offset - shift.copy;
    if (low + 1 < shield->shift_count && raw >= shield->shifts[low + 1].raw)
        raw = shield->shifts[low + 1].raw - 1; /* inside an escape */
    return raw;
}

void xml_shield_done(XmlShield *shield) {
    buf_done(&shield->text);
    free(shield->shifts);
    *shield = (XmlShield){0};
}

/* ---- libxml2 ---- */

typedef struct Sink {
    XmlProblems *problems;
    const XmlShield *shield;
    const Scan *scan;
} Sink;

/* Byte of the copy at a line and column (in characters) as libxml2 counts them. */
static size_t copy_offset(const Buf *text, int line, int column) {
    size_t at = 0;
    for (; line > 1; line--) {
        const char *newline = memchr(text->data + at, '\n', text->size - at);
        if (!newline)
            break;
        at = (size_t)(newline - text->data) + 1;
    }
    for (; column > 1 && at < text->size && text->data[at] != '\n'; column--)
        do
            at++;
        while (at < text->size && ((unsigned char)text->data[at] & 0xC0) == 0x80);
    return at;
}

#if LIBXML_VERSION >= 21200
typedef const xmlError *LibraryError;
#else
typedef xmlErrorPtr LibraryError;
#endif

static void take_error(void *context, LibraryError error) {
    Sink *sink = context;
    XmlProblems *list = sink->problems;
    if (!error || !error->message || list->count == PROBLEMS_MAX)
        return;
    size_t raw = xml_raw_offset(sink->shield, copy_offset(&sink->shield->text, error->line, error->int2));
    list->problems = must_realloc(list->problems, (list->count + 1) * sizeof *list->problems);
    list->problems[list->count++] = (XmlProblem){
        .message = must_copy_n(error->message, strcspn(error->message, "\n")),
        .place = scan_place(sink->scan, raw < sink->scan->size ? raw : sink->scan->size),
    };
}

void xml_check(XmlProblems *out, const Scan *scan) {
    *out = (XmlProblems){0};
    XmlShield shield;
    xml_shield(&shield, scan);
    Sink sink = {out, &shield, scan};
    int size = shield.text.size > INT_MAX ? 0 : (int)shield.text.size;
    xmlTextReaderPtr reader =
        size ? xmlReaderForMemory(shield.text.data, size, NULL, "UTF-8", XML_PARSE_NONET) : NULL;
    if (reader) {
        xmlTextReaderSetStructuredErrorHandler(reader, take_error, &sink);
        while (xmlTextReaderRead(reader) == 1)
            ;
        xmlFreeTextReader(reader);
    }
    xml_shield_done(&shield);
}

void xml_problems_done(XmlProblems *problems) {
    for (size_t i = 0; i < problems->count; i++)
        free(problems->problems[i].message);
    free(problems->problems);
    *problems = (XmlProblems){0};
}

const char *xml_library(void) {
    return "libxml2 " LIBXML_DOTTED_VERSION;
}
