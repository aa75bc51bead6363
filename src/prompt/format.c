/* format.c: see format.h. The scanner says what an element is; every other byte is copied. */
#include "config.h"

#include "prompt/format.h"

#include <string.h>

#include "prompt/known.h"
#include "prompt/scan.h"

typedef struct Layout {
    Buf *out;
    const Scan *scan;
    FormatLoose loose;
    Buf moved;       /* text that still has to go into a caption */
} Layout;

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes [*begin, *end) without white space at both ends. */
static void trim(const char *text, size_t *begin, size_t *end) {
    while (*begin < *end && is_space(text[*begin]))
        ++*begin;
    while (*end > *begin && is_space(text[*end - 1]))
        --*end;
}

/* Appends bytes [begin, end) in one line: white space with a line break in it becomes one space. */
static void put_line(Buf *out, const char *text, size_t begin, size_t end) {
    trim(text, &begin, &end);
    while (begin < end) {
        size_t word = begin, gap;
        while (word < end && !is_space(text[word]))
            word++;
        for (gap = word; gap < end && is_space(text[gap]);)
            gap++;
        buf_add(out, text + begin, word - begin);
        if (memchr(text + word, '\n', gap - word))
            buf_byte(out, ' ');
        else
            buf_add(out, text + word, gap - word);
        begin = gap;
    }
}

static void put_indent(Layout *layout, int depth) {
    for (int i = 0; i < depth; i++)
        buf_text(layout->out, "  ");
}

/* "<!-- -->" and "<? ?>" alone are no text that somebody forgot to put somewhere. */
static bool is_comment(const char *text, size_t begin, size_t end) {
    size_t size = end - begin;
    const char *at = text + begin;
    return (size >= 7 && !memcmp(at, "<!--", 4) && !memcmp(at + size - 3, "-->", 3)) ||
           (size >= 4 && !memcmp(at, "<?", 2) && !memcmp(at + size - 2, "?>", 2));
}

/* Text beside elements, each of its lines on a line of its own. Returns whether there was any. */
static bool put_loose(Layout *layout, size_t begin, size_t end, int depth) {
    const char *text = layout->scan->text;
    trim(text, &begin, &end);
    bool moves = depth == 0 && layout->loose == FORMAT_CAPTION && !is_comment(text, begin, end);
    if (begin == end || moves)
        return false;
    while (begin < end) {
        const char *newline = memchr(text + begin, '\n', end - begin);
        size_t next = newline ? (size_t)(newline - text) + 1 : end, first = begin, last = next;
        trim(text, &first, &last);
        if (first < last) {
            put_indent(layout, depth);
            buf_add(layout->out, text + first, last - first);
            buf_byte(layout->out, '\n');
        }
        begin = next;
    }
    return true;
}

static bool empty_tag(const Layout *layout, int32_t element) {
    return layout->scan->tags[layout->scan->elements[element].tag].kind == TAG_EMPTY;
}

static bool is_leaf(const Layout *layout, int32_t element) {
    return layout->scan->elements[element].next == element + 1;
}

static void put_content(Layout *layout, int32_t parent, int depth);

static void put_element(Layout *layout, int32_t index, int depth) {
    const Element *element = &layout->scan->elements[index];
    const char *text = layout->scan->text;
    put_indent(layout, depth);
    buf_add(layout->out, text + element->begin, element->inner_begin - element->begin);
    if (is_leaf(layout, index)) {
        put_line(layout->out, text, element->inner_begin, element->inner_end);
        if (depth == 0 && layout->moved.size && !strcmp(element->name, "caption") &&
            !empty_tag(layout, index)) {
            buf_print(layout->out, "%s%s", element->inner_end > element->inner_begin ? " " : "",
                      layout->moved.data);
            buf_truncate(&layout->moved, 0);
        }
    } else {
        buf_byte(layout->out, '\n');
        put_content(layout, index, depth + 1);
        put_indent(layout, depth);
    }
    if (!empty_tag(layout, index))
        buf_add(layout->out, text + element->inner_end, element->end - element->inner_end);
    buf_byte(layout->out, '\n');
}

/* All that stands in an element (SCAN_NONE: in the prompt). Blocks have an empty line between them. */
static void put_content(Layout *layout, int32_t parent, int depth) {
    const Scan *scan = layout->scan;
    const Element *around = parent == SCAN_NONE ? NULL : &scan->elements[parent];
    size_t at = around ? around->inner_begin : scan->start, end = around ? around->inner_end : scan->size;
    int32_t last = around ? around->next : (int32_t)scan->element_count;
    const char *gap = known_inside(around ? around->name : NULL) == PLACE_TOP ? "\n" : "";
    size_t begin = layout->out->size;
    for (int32_t child = parent + 1; child < last; child = scan->elements[child].next) {
        if (layout->out->size > begin)
            buf_text(layout->out, gap);
        if (put_loose(layout, at, scan->elements[child].begin, depth))
            buf_text(layout->out, gap);
        put_element(layout, child, depth);
        at = scan->elements[child].end;
    }
    size_t before = layout->out->size;
    buf_text(layout->out, gap);
    if (!put_loose(layout, at, end, depth))
        buf_truncate(layout->out, before);
}

/* What else had to go into a caption, when there is none to take it. */
static void put_caption(Layout *layout) {
    if (!layout->moved.size)
        return;
    if (layout->out->size)
        buf_byte(layout->out, '\n');
    buf_print(layout->out, "<caption>%s</caption>\n", layout->moved.data);
}

static Status check(const Scan *scan) {
    if (!scan->element_count)
        return hint(fail(ERR_USAGE, "the prompt has no elements to lay out"), ":xml TEXT makes some of tags");
    for (size_t i = 0; i < scan->tag_count; i++)
        if (scan->tags[i].holds && scan->tags[i].partner == SCAN_NONE)
            return hint(fail(ERR_USAGE, "<%s> of line %u is never closed", scan->tags[i].name,
                             scan_place(scan, scan->tags[i].begin).line),
                        ":lint shows all that is wrong");
    for (size_t i = 0; i < scan->element_count; i++) {
        int depth = 0;
        for (int32_t at = (int32_t)i; at != SCAN_NONE && depth <= FORMAT_DEPTH_MAX; depth++)
            at = scan->elements[at].parent;
        if (depth > FORMAT_DEPTH_MAX)
            return fail(ERR_USAGE, "the elements are nested more than %d deep", FORMAT_DEPTH_MAX);
    }
    return NULL;
}

/* Appends what stands outside all elements, in one line. */
static void collect_loose(Buf *out, const Scan *scan) {
    size_t at = scan->start;
    for (int32_t child = 0;; child = scan->elements[child].next) {
        bool more = child < (int32_t)scan->element_count;
        size_t begin = at, end = more ? scan->elements[child].begin : scan->size;
        trim(scan->text, &begin, &end);
        if (begin < end && !is_comment(scan->text, begin, end)) {
            if (out->size)
                buf_byte(out, ' ');
            put_line(out, scan->text, begin, end);
        }
        if (!more)
            return;
        at = scan->elements[child].end;
    }
}

void format_loose(Buf *out, const char *text, size_t size) {
    Scan scan;
    Buf loose = {0};
    scan_text(&scan, size ? text : "", size);
    collect_loose(&loose, &scan);
    buf_add(out, buf_string(&loose), loose.size);
    buf_done(&loose);
    scan_done(&scan);
}

/* A "<o>" that was text in a line is an opener where it stands alone (S3): such a text keeps its layout. */
static Status check_result(const Buf *body) {
    Scan scan;
    scan_text(&scan, buf_string(body), body->size);
    Status st = check(&scan);
    scan_done(&scan);
    return st ? hint(fail(ERR_USAGE, "text outside elements would stand alone in a line and count as a tag"),
                     "put it into an element first")
              : NULL;
}

Status format_prompt(Buf *out, const char *text, size_t size, FormatLoose loose) {
    Scan scan;
    scan_text(&scan, size ? text : "", size);
    Status st = check(&scan);
    if (!st) {
        Buf body = {0};
        Layout layout = {.out = &body, .scan = &scan, .loose = loose};
        if (loose == FORMAT_CAPTION)
            collect_loose(&layout.moved, &scan);
        put_content(&layout, SCAN_NONE, 0);
        put_caption(&layout);
        buf_truncate(&body, body.size - (body.size && body.data[body.size - 1] == '\n'));
        st = check_result(&body);
        if (!st) {
            buf_add(out, text, scan.start ? scan_jina_text(text, size) : 0); /* a system prompt of its own */
            buf_add(out, body.data, body.size);
        }
        buf_done(&layout.moved);
        buf_done(&body);
    }
    scan_done(&scan);
    return st;
}
