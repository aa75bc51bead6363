/* fuzz_scan.c: any bytes as a prompt. Pairs must nest, a text fed by lines must give the same scan, and the
 * shielded copy must keep its promise: libxml2 parses it, and every offset maps into the raw text. Colours
 * and places follow from the scan. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prompt/convert.h"
#include "prompt/format.h"
#include "prompt/insert.h"
#include "prompt/paint.h"
#include "prompt/scan.h"
#include "prompt/xml.h"

static void require(int condition) {
    if (!condition)
        abort();
}

static void check_nesting(const Scan *scan) {
    for (size_t i = 0; i < scan->element_count; i++) {
        const Element *e = &scan->elements[i];
        require(e->begin < e->inner_begin && e->inner_begin <= e->inner_end && e->inner_end <= e->end);
        require(e->end <= scan->size && (size_t)e->next > i && (size_t)e->next <= scan->element_count);
        if (e->parent == SCAN_NONE)
            continue;
        const Element *parent = &scan->elements[e->parent];
        require((size_t)e->parent < i && parent->inner_begin <= e->begin && e->end <= parent->inner_end);
    }
}

static void check_lines(const Scan *whole, const char *text, size_t size) {
    Scan grown;
    scan_begin(&grown);
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\n')
            scan_extend(&grown, text, i + 1);
    scan_extend(&grown, text, size);
    scan_finish(&grown);
    require(grown.tag_count == whole->tag_count && grown.element_count == whole->element_count);
    require(grown.open_count == whole->open_count && grown.start == whole->start);
    scan_done(&grown);
}

static void check_shield(const Scan *scan) {
    XmlShield shield;
    XmlProblems problems;
    xml_shield(&shield, scan);
    size_t last = 0;
    for (size_t i = 0; i < shield.text.size; i++) {
        size_t raw = xml_raw_offset(&shield, i);
        require(raw >= last);
        last = raw;
    }
    xml_shield_done(&shield);
    xml_check(&problems, scan);
    xml_problems_done(&problems);
}

/* Spans in order, inside the text, none empty. */
static void check_paint(const char *text, size_t size) {
    Reader reader;
    PaintList list = {0};
    size_t at = 0;
    reader_init(&reader, READER_TYPED);
    paint_area(&list, &reader, text, size);
    for (size_t i = 0; i < list.count; i++) {
        require(list.spans[i].begin >= at && list.spans[i].end > list.spans[i].begin);
        at = list.spans[i].end;
    }
    require(at <= size);
    paint_done(&list);
    reader_done(&reader);
}

/* What is around an offset begins before it and has not ended. */
static void check_around(const Scan *scan, size_t offset) {
    int32_t tag = scan_around(scan, offset);
    if (tag == SCAN_NONE)
        return;
    const Tag *opener = &scan->tags[tag];
    require(opener->kind == TAG_OPEN && opener->end <= offset);
    require(opener->partner == SCAN_NONE || scan->tags[opener->partner].end > offset);
}

/* A layout that was made is a layout; an element that was inserted can be replaced; any list makes XML. */
static void check_writers(const char *text, size_t size) {
    Buf once = {0}, twice = {0};
    if (!format_prompt(&once, text, size, FORMAT_KEEP)) {
        require(!format_prompt(&twice, buf_string(&once), once.size, FORMAT_KEEP));
        require(once.size == twice.size && !memcmp(buf_string(&once), buf_string(&twice), once.size));
    }
    buf_truncate(&once, 0);
    buf_truncate(&twice, 0);
    const Insertion what = {"<character_1>x</character_1>", 28, "character_2"};
    Inserted done;
    if (!insert_element(&once, &done, text, size, &what))
        require(!insert_element(&twice, &done, buf_string(&once), once.size, &what));
    convert_tags(&twice, NULL, text, size);
    buf_done(&once);
    buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = size ? (const char *)data : "";
    Scan scan;
    Buf path = {0};
    scan_text(&scan, text, size);
    check_nesting(&scan);
    check_lines(&scan, text, size);
    check_shield(&scan);
    check_paint(text, size);
    check_writers(text, size);
    for (size_t i = 0; i <= size; i += 7) {
        require(scan_place(&scan, i).line >= 1);
        buf_truncate(&path, 0);
        scan_prompt(&path, &scan, i);
        check_around(&scan, i);
    }
    require(scan_jina_text(text, size) <= size);
    buf_done(&path);
    scan_done(&scan);
    return 0;
}
