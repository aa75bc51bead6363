/* paint.c: see paint.h. The tolerant scanner knows the tags; this gives each a kind. */
#include "config.h"

#include "prompt/paint.h"

#include <stdlib.h>
#include <string.h>

#include "prompt/known.h"
#include "prompt/scan.h"

static void add(PaintList *list, size_t begin, size_t end, PaintKind kind) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 64;
        list->spans = must_realloc(list->spans, list->capacity * sizeof *list->spans);
    }
    list->spans[list->count++] = (PaintSpan){begin, end, kind};
}

/* Known, and where it belongs. What stands in an element that nobody knows is anybody's. `open`: the newest
 * opener without a closer, NULL for none: text that is still being typed is in it. */
static PaintKind kind_of_name(const Scan *scan, const Element *element, const char *open) {
    unsigned places = known_places(element->name);
    const char *parent = element->parent == SCAN_NONE ? open : scan->elements[element->parent].name;
    bool foreign = parent && known_places(parent) == PLACE_NOWHERE;
    return (places & known_inside(parent)) || (foreign && places) ? PAINT_KNOWN : PAINT_UNKNOWN;
}

static void paint_pair(PaintList *list, const Scan *scan, const Tag *tag, const char *open) {
    size_t name = tag->begin + (tag->kind == TAG_CLOSE ? 2 : 1);
    size_t after = tag->end - (tag->kind == TAG_EMPTY ? 2 : 1);
    add(list, tag->begin, name, PAINT_BRACKET);
    add(list, name, after, kind_of_name(scan, &scan->elements[tag->element], open));
    add(list, after, tag->end, PAINT_BRACKET);
}

static void paint_tags(PaintList *list, const char *text, size_t size) {
    Scan scan;
    size_t marker;
    scan_text(&scan, text, size);
    if (scan_marker(text, size, &marker) != SIZE_MAX)
        add(list, marker, scan.start, PAINT_MARKER);
    const char *open = NULL;
    for (size_t i = 0; i < scan.tag_count; i++) {
        const Tag *tag = &scan.tags[i];
        if (tag->partner != SCAN_NONE) {
            paint_pair(list, &scan, tag, open);
        } else if (tag->kind == TAG_CLOSE) {
            add(list, tag->begin, tag->end, PAINT_STRAY);
        } else if (tag->holds) {
            add(list, tag->begin, tag->end, PAINT_OPEN);
            open = tag->name;
        }
    }
    scan_done(&scan);
}

void paint_area(PaintList *list, const Reader *reader, const char *text, size_t size) {
    list->count = 0;
    if (!size)
        return;
    bool one_line = !memchr(text, '\n', size);
    size_t word = one_line && !reader->pasted ? reader_command(text, size) : 0;
    if (word) {
        const char *space = memchr(text, ' ', size);
        size_t end = text[word] == '!' ? word + 1 : space ? (size_t)(space - text) : size;
        add(list, 0, end, PAINT_COMMAND);
        return;
    }
    size_t fence = reader_area_fence(reader, text, size);
    paint_tags(list, text, fence < size ? fence : size);
    if (fence < size)
        add(list, fence, size, PAINT_RAW);
}

void paint_done(PaintList *list) {
    free(list->spans);
    *list = (PaintList){0};
}
