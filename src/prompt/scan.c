/* scan.c: tags by one pass from left to right.
 *
 * Openers wait on a stack. A closer looks for its name from the top; what stood above it then has no closer
 * any more. Each name counts its openers on the stack, so a closer without any is told without a search, and
 * every opener is pushed and popped once: linear, however the tags are nested. Facts: product.md 4.2.
 */
#include "config.h"

#include "prompt/scan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/utf8.h"
#include "prompt/known.h"

#define PATH_COLUMNS_MAX 24 /* F6 */
#define MARK_STEP 1024      /* bytes between remembered places: a place costs at most that many to find */

typedef struct Name {
    char *text;      /* owned */
    bool known;
    size_t waiting;  /* openers of this name on the stack */
} Name;

struct ScanState {
    Map indices;     /* normalised name -> index in names */
    Name *names;
    size_t name_count, name_capacity;
    Buf spelling;    /* the name being normalised */
    int32_t *stack;  /* tags of the waiting openers */
    size_t depth, stack_capacity, tag_capacity, element_capacity;
    size_t next;     /* first byte that was not judged yet */
    bool comment;    /* it is inside <!-- */
    size_t no_instruction_end; /* no "?>" stands before this offset: saves searching a long line again and
                                  again */
    Place *marks;    /* of the offsets 0, MARK_STEP, 2 MARK_STEP ... */
    size_t mark_count, mark_capacity;
    Place counted;   /* of the offset scan->size */
};

/* Room for one more item in an array that doubles. */
static void *grown(void *items, size_t count, size_t *capacity, size_t item_size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 16;
    return must_realloc(items, *capacity * item_size);
}

/* ---- spelling of a tag (S1) ---- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c > 127;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name(char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

/* Offset behind a run of name characters. */
static size_t skip_name(const char *text, size_t at, size_t size) {
    while (at < size && is_name(text[at]))
        at++;
    return at;
}

/* The second word of a name with a space in it: digits ("character 1"), or what makes a known name ("general
 * tags"). */
static bool joins(Buf *spelling, const char *word, size_t size) {
    size_t first = spelling->size;
    buf_byte(spelling, '_');
    buf_add(spelling, word, size);
    size_t digits = 0;
    while (digits < size && is_digit(word[digits]))
        digits++;
    if (size && (digits == size || known_places(buf_string(spelling))))
        return true;
    buf_truncate(spelling, first);
    return false;
}

/* Reads the tag that may begin at `at`, a "<", and leaves its normalised name in `spelling`. Returns the
 * offset behind it, or 0 when it is none. */
static size_t read_tag(Tag *tag, Buf *spelling, const char *text, size_t at, size_t size) {
    size_t i = at + 1;
    tag->kind = TAG_OPEN;
    if (i < size && text[i] == '/') {
        tag->kind = TAG_CLOSE;
        i++;
    }
    if (i >= size || !is_letter(text[i]))
        return 0;
    size_t end = skip_name(text, i, size);
    buf_truncate(spelling, 0);
    buf_add(spelling, text + i, end - i);
    if (end < size && text[end] == ' ') {
        size_t second = skip_name(text, end + 1, size);
        if (!joins(spelling, text + end + 1, second - end - 1))
            return 0;
        end = second;
    }
    if (end < size && text[end] == '/') {
        if (tag->kind == TAG_CLOSE)
            return 0;
        tag->kind = TAG_EMPTY;
        end++;
    }
    return end < size && text[end] == '>' ? end + 1 : 0;
}

/* ---- names ---- */

static int32_t name_index(struct ScanState *state) {
    int64_t index;
    if (map_get(&state->indices, buf_string(&state->spelling), state->spelling.size, &index))
        return (int32_t)index;
    state->names = grown(state->names, state->name_count, &state->name_capacity, sizeof *state->names);
    Name *name = &state->names[state->name_count];
    name->text = must_copy_n(buf_string(&state->spelling), state->spelling.size);
    name->known = known_places(name->text) != PLACE_NOWHERE;
    name->waiting = 0;
    map_put(&state->indices, name->text, state->spelling.size, (int64_t)state->name_count);
    return (int32_t)state->name_count++;
}

/* ---- matching (S2) ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Nothing but blanks stands beside it in its line. */
static bool stands_alone(const Scan *scan, const Tag *tag) {
    size_t before = tag->begin, after = tag->end;
    while (before > 0 && is_blank(scan->text[before - 1]))
        before--;
    while (after < scan->size && is_blank(scan->text[after]))
        after++;
    return (before == 0 || scan->text[before - 1] == '\n') &&
           (after == scan->size || scan->text[after] == '\n');
}

static void push_opener(Scan *scan, int32_t index) {
    struct ScanState *state = scan->state;
    state->stack = grown(state->stack, state->depth, &state->stack_capacity, sizeof *state->stack);
    state->stack[state->depth++] = index;
    state->names[scan->tags[index].name_index].waiting++;
    scan->open_count += scan->tags[index].holds;
}

static void match_closer(Scan *scan, int32_t index) {
    struct ScanState *state = scan->state;
    Tag *closer = &scan->tags[index], *opener;
    if (!state->names[closer->name_index].waiting)
        return;
    do {
        opener = &scan->tags[state->stack[--state->depth]];
        state->names[opener->name_index].waiting--;
    } while (opener->name_index != closer->name_index);
    opener->partner = index;
    closer->partner = state->stack[state->depth];
    scan->open_count -= opener->holds;
}

static void take_tag(Scan *scan, Tag tag) {
    struct ScanState *state = scan->state;
    int32_t index = (int32_t)scan->tag_count;
    tag.name_index = name_index(state);
    tag.name = state->names[tag.name_index].text;
    tag.partner = tag.kind == TAG_EMPTY ? index : SCAN_NONE;
    tag.element = SCAN_NONE;
    tag.holds = tag.kind == TAG_OPEN && (state->names[tag.name_index].known || stands_alone(scan, &tag));
    scan->tags = grown(scan->tags, scan->tag_count, &state->tag_capacity, sizeof *scan->tags);
    scan->tags[scan->tag_count++] = tag;
    if (tag.kind == TAG_OPEN)
        push_opener(scan, index);
    else if (tag.kind == TAG_CLOSE)
        match_closer(scan, index);
}

/* ---- the walk ---- */

/* Offset behind <?name ... ?> within its line, or 0. */
static size_t read_instruction(Scan *scan, size_t at) {
    struct ScanState *state = scan->state;
    if (at + 2 >= scan->size || scan->text[at + 1] != '?' || !is_letter(scan->text[at + 2]) ||
        at < state->no_instruction_end)
        return 0;
    const char *begin = scan->text + at;
    const char *line_end = memchr(begin, '\n', scan->size - at);
    size_t rest = line_end ? (size_t)(line_end - begin) : scan->size - at;
    const char *end = memmem(begin, rest, "?>", 2);
    if (end)
        return (size_t)(end - scan->text) + 2;
    state->no_instruction_end = at + rest;
    return 0;
}

/* Skips to behind the comment's end; to the end of the text when it is not there yet. */
static void skip_comment(Scan *scan) {
    struct ScanState *state = scan->state;
    const char *end = memmem(scan->text + state->next, scan->size - state->next, "-->", 3);
    state->comment = !end;
    state->next = end ? (size_t)(end - scan->text) + 3 : scan->size;
}

/* Judges what begins at scan->state->next, a "<". */
static void judge(Scan *scan) {
    struct ScanState *state = scan->state;
    size_t at = state->next;
    if (scan->size - at >= 4 && !memcmp(scan->text + at, "<!--", 4)) {
        state->next = at + 4;
        state->comment = true;
        return;
    }
    Tag tag = {.begin = at, .end = read_instruction(scan, at)};
    if (!tag.end) {
        tag.end = read_tag(&tag, &state->spelling, scan->text, at, scan->size);
        if (tag.end)
            take_tag(scan, tag);
    }
    state->next = tag.end ? tag.end : at + 1;
}

static void forget_structure(Scan *scan) {
    struct ScanState *state = scan->state;
    for (size_t i = 0; i < state->name_count; i++)
        state->names[i].waiting = 0;
    state->depth = 0;
    state->comment = false;
    scan->tag_count = scan->element_count = scan->open_count = 0;
}

/* ---- places ---- */

static void step_place(Place *place, char c) {
    if (c == '\n') {
        place->line++;
        place->column = 1;
    } else if (((unsigned char)c & 0xC0) != 0x80) { /* not a continuation byte */
        place->column++;
    }
}

static void count_places(Scan *scan, size_t from) {
    struct ScanState *state = scan->state;
    for (size_t i = from; i < scan->size; i++) {
        if (i % MARK_STEP == 0) {
            state->marks =
                grown(state->marks, state->mark_count, &state->mark_capacity, sizeof *state->marks);
            state->marks[state->mark_count++] = state->counted;
        }
        step_place(&state->counted, scan->text[i]);
    }
}

Place scan_place(const Scan *scan, size_t offset) {
    assert(offset <= scan->size);
    const struct ScanState *state = scan->state;
    if (offset == scan->size)
        return state->counted;
    Place place = state->marks[offset / MARK_STEP];
    for (size_t i = offset / MARK_STEP * MARK_STEP; i < offset; i++)
        step_place(&place, scan->text[i]);
    return place;
}

/* ---- the scan ---- */

void scan_begin(Scan *scan) {
    *scan = (Scan){.text = "", .state = must_alloc(sizeof *scan->state)};
    scan->state->counted = (Place){1, 1};
}

void scan_extend(Scan *scan, const char *text, size_t size) {
    assert(size <= INT32_MAX && size >= scan->size);
    struct ScanState *state = scan->state;
    size_t old = scan->size;
    scan->text = text;
    scan->size = size;
    count_places(scan, old);
    size_t after = scan_marker(text + old, size - old, NULL);
    if (after != SIZE_MAX) {
        forget_structure(scan);
        scan->start = state->next = old + after;
    }
    while (state->next < size) {
        if (state->comment) {
            skip_comment(scan);
            continue;
        }
        const char *found = memchr(text + state->next, '<', size - state->next);
        state->next = found ? (size_t)(found - text) : size;
        if (found)
            judge(scan);
    }
}

static int32_t begin_element(Scan *scan, int32_t tag_index, int32_t parent) {
    Tag *tag = &scan->tags[tag_index];
    const Tag *partner = &scan->tags[tag->partner];
    size_t *capacity = &scan->state->element_capacity;
    scan->elements = grown(scan->elements, scan->element_count, capacity, sizeof *scan->elements);
    int32_t index = tag->element = (int32_t)scan->element_count++;
    scan->elements[index] = (Element){
        .name = tag->name, .parent = parent, .tag = tag_index, .next = index + 1,
        .begin = tag->begin, .end = partner->end,
        .inner_begin = tag->end, .inner_end = tag->kind == TAG_EMPTY ? tag->end : partner->begin,
    };
    return index;
}

void scan_finish(Scan *scan) {
    int32_t inside = SCAN_NONE; /* the element we are in; pairs nest, so its parents are the stack */
    scan->element_count = 0;
    for (int32_t i = 0; i < (int32_t)scan->tag_count; i++) {
        Tag *tag = &scan->tags[i];
        if (tag->partner == SCAN_NONE)
            continue;
        if (tag->kind == TAG_CLOSE) {
            tag->element = inside;
            scan->elements[inside].next = (int32_t)scan->element_count;
            inside = scan->elements[inside].parent;
        } else {
            int32_t element = begin_element(scan, i, inside);
            inside = tag->kind == TAG_OPEN ? element : inside;
        }
    }
}

void scan_text(Scan *scan, const char *text, size_t size) {
    scan_begin(scan);
    scan_extend(scan, text, size);
    scan_finish(scan);
}

void scan_done(Scan *scan) {
    struct ScanState *state = scan->state;
    if (state) {
        for (size_t i = 0; i < state->name_count; i++)
            free(state->names[i].text);
        map_done(&state->indices);
        buf_done(&state->spelling);
        free(state->names);
        free(state->stack);
        free(state->marks);
        free(state);
    }
    free(scan->tags);
    free(scan->elements);
    *scan = (Scan){0};
}

bool scan_balanced(const Scan *scan) {
    return scan->open_count == 0;
}

/* ---- what is open (S3, F6) ---- */

static bool open_at(const Scan *scan, const Tag *tag, size_t offset) {
    return tag->kind == TAG_OPEN && tag->holds && tag->begin < offset &&
           (tag->partner == SCAN_NONE || scan->tags[tag->partner].begin >= offset);
}

/* Appends the path and returns the innermost name, NULL when nothing is open. */
static const char *add_path(Buf *out, const Scan *scan, size_t offset) {
    const char *last = NULL;
    for (size_t i = 0; i < scan->tag_count; i++) {
        if (!open_at(scan, &scan->tags[i], offset))
            continue;
        if (last)
            buf_byte(out, '/');
        last = scan->tags[i].name;
        buf_text(out, last);
    }
    return last;
}

void scan_path(Buf *out, const Scan *scan, size_t offset) {
    add_path(out, scan, offset);
}

void scan_prompt(Buf *out, const Scan *scan, size_t offset) {
    size_t begin = out->size;
    const char *last = add_path(out, scan, offset);
    if (!last) {
        buf_text(out, "   ...> ");
        return;
    }
    if (utf8_text_width(out->data + begin, out->size - begin) > PATH_COLUMNS_MAX) {
        buf_truncate(out, begin);
        buf_text(out, ".../");
        buf_add(out, last, utf8_fit(last, strlen(last), PATH_COLUMNS_MAX - 4));
    }
    buf_text(out, "> ");
}

int32_t scan_around(const Scan *scan, size_t offset) {
    int32_t low = 0, high = (int32_t)scan->tag_count; /* the tags before `low` end at or before `offset` */
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (scan->tags[middle].end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    for (int32_t i = low - 1; i >= 0; i--) {
        const Tag *tag = &scan->tags[i];
        if (tag->kind == TAG_CLOSE && tag->partner != SCAN_NONE)
            i = tag->partner; /* a whole element before the offset, and all that is in it */
        else if (tag->kind == TAG_OPEN && (tag->partner != SCAN_NONE || tag->holds))
            return i;
    }
    return SCAN_NONE;
}

/* ---- the marker (S4) ---- */

size_t scan_marker(const char *text, size_t size, size_t *marker) {
    const size_t length = sizeof PROMPT_START - 1;
    size_t after = SIZE_MAX;
    const char *from = text;
    const char *found;
    while (size && (found = memmem(from, size - (size_t)(from - text), PROMPT_START, length))) {
        from = found + length;
        after = (size_t)(from - text);
    }
    if (marker && after != SIZE_MAX)
        *marker = after - length;
    return after;
}

size_t scan_jina_text(const char *text, size_t size) {
    size_t begin = scan_marker(text, size, NULL);
    if (begin == SIZE_MAX)
        return 0;
    return begin < size && (text[begin] == ' ' || text[begin] == '\n') ? begin + 1 : begin;
}

/* ---- looking for an element ---- */

int32_t scan_find(const Scan *scan, int32_t parent, const char *name) {
    int32_t end = parent == SCAN_NONE ? (int32_t)scan->element_count : scan->elements[parent].next;
    for (int32_t i = parent + 1; i < end;) {
        const Element *element = &scan->elements[i];
        if (!strcmp(element->name, name))
            return i;
        bool wrapper = parent == SCAN_NONE && known_inside(element->name) == PLACE_TOP;
        i = wrapper ? i + 1 : element->next;
    }
    return SCAN_NONE;
}
