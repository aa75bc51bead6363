/* insert.c: see insert.h. The scanner finds the place, then three pieces are joined. */
#include "config.h"

#include "prompt/insert.h"

#include <stdio.h>
#include <string.h>

#include "prompt/known.h"
#include "prompt/scan.h"

/* What is being joined: bytes [begin, end) of the prompt give way to `piece`. */
typedef struct Join {
    const Scan *scan;
    const Insertion *what;
    const char *name;      /* of the element, as stored */
    size_t begin, end;
    Buf piece;
    Inserted *done;
} Join;

/* ---- the piece ----------------------------------------------------------------------------------------- */

/* The element under another name; `name` may be its own. */
static void put_piece(Join *join, const Scan *piece, const char *name) {
    const Element *e = &piece->elements[0];
    if (!strcmp(name, e->name) || e->inner_begin == e->end)
        buf_add(&join->piece, join->what->element, join->what->size);
    else {
        buf_print(&join->piece, "<%s>", name);
        buf_add(&join->piece, piece->text + e->inner_begin, e->inner_end - e->inner_begin);
        buf_print(&join->piece, "</%s>", name);
    }
}

static bool is_one_element(const Scan *piece) {
    return piece->element_count && piece->elements[0].begin == 0 && piece->elements[0].end == piece->size;
}

/* ---- places -------------------------------------------------------------------------------------------- */

static void replace(Join *join, int32_t element) {
    join->begin = join->scan->elements[element].begin;
    join->end = join->scan->elements[element].end;
    join->done->replaced = true;
}

/* The first character whose number is above `number`, or the last one below; SCAN_NONE: there is none. */
static int32_t character_beside(const Scan *scan, int number, bool above) {
    int32_t best = SCAN_NONE;
    int best_number = 0;
    for (int32_t i = 0; i < (int32_t)scan->element_count; i++) {
        int other = known_character(scan->elements[i].name);
        bool fits = other && (above ? other > number : other < number);
        if (fits && (best == SCAN_NONE || (above ? other < best_number : other >= best_number))) {
            best = i;
            best_number = other;
        }
    }
    return best;
}

/* Between blocks stands what stands between the others: one line break, or an empty line. */
static const char *gap_of(const Scan *scan) {
    return scan->element_count && memmem(scan->text, scan->size, ">\n\n<", 4) ? "\n\n" : "\n";
}

static void place_behind(Join *join, size_t offset) {
    Buf piece = {0};
    buf_print(&piece, "%s", offset ? gap_of(join->scan) : "");
    buf_add(&piece, join->piece.data, join->piece.size);
    buf_done(&join->piece);
    join->piece = piece;
    join->begin = join->end = offset;
}

static void place_before(Join *join, size_t offset) {
    buf_text(&join->piece, gap_of(join->scan));
    join->begin = join->end = offset;
}

static void place_at_end(Join *join) {
    const Scan *scan = join->scan;
    size_t end = scan->size;
    while (end > scan->start && strchr(" \t\r\n", scan->text[end - 1]))
        end--;
    place_behind(join, end);
}

/* A new character beside its neighbours in number, else before the general tags. */
static void place_character(Join *join, int number) {
    const Scan *scan = join->scan;
    int32_t below = character_beside(scan, number, false), above = character_beside(scan, number, true);
    int32_t general = scan_find(scan, SCAN_NONE, "general_tags");
    if (below != SCAN_NONE)
        place_behind(join, scan->elements[below].end);
    else if (above != SCAN_NONE || general != SCAN_NONE)
        place_before(join, scan->elements[above != SCAN_NONE ? above : general].begin);
    else
        place_at_end(join);
}

/* Behind the last child, in the way the children stand there. */
static void place_last_in(Join *join, int32_t block) {
    const Scan *scan = join->scan;
    const Element *e = &scan->elements[block];
    size_t end = e->inner_end, indent = 0;
    while (end > e->inner_begin && strchr(" \t\r\n", scan->text[end - 1]))
        end--;
    bool lines = memchr(scan->text + e->inner_begin, '\n', e->inner_end - e->inner_begin);
    int32_t child = block + 1 < e->next ? block + 1 : SCAN_NONE;
    if (child != SCAN_NONE)
        while (scan->elements[child].begin > indent &&
               scan->text[scan->elements[child].begin - indent - 1] == ' ')
            indent++;
    Buf piece = {0};
    if (lines)
        buf_print(&piece, "\n%*s", (int)(indent < 64 ? indent : 64), "");
    buf_add(&piece, join->piece.data, join->piece.size);
    buf_done(&join->piece);
    join->piece = piece;
    join->begin = join->end = lines ? end : e->inner_end;
}

/* ---- where it belongs ---------------------------------------------------------------------------------- */

static Status into_block(Join *join, int32_t block) {
    const Element *e = &join->scan->elements[block];
    if (e->inner_begin == e->end)
        return fail(ERR_USAGE, "<%s/> is closed at once, nothing can be put into it", e->name);
    snprintf(join->done->path, sizeof join->done->path, "%s/%s", e->name, join->name);
    int32_t there = scan_find(join->scan, block, join->name);
    if (there != SCAN_NONE)
        replace(join, there);
    else
        place_last_in(join, block);
    return NULL;
}

static Status as_character(Join *join, const Scan *piece, int number) {
    char name[24];
    if (number < 1 || number > KNOWN_CHARACTERS_MAX)
        return fail(ERR_USAGE, "the prompt has character_%d already, and no number is left", number - 1);
    snprintf(name, sizeof name, "character_%d", number);
    snprintf(join->done->path, sizeof join->done->path, "%s", name);
    put_piece(join, piece, name);
    int32_t there = scan_find(join->scan, SCAN_NONE, name);
    if (there != SCAN_NONE)
        replace(join, there);
    else
        place_character(join, number);
    return NULL;
}

static Status into_top(Join *join) {
    snprintf(join->done->path, sizeof join->done->path, "%s", join->name);
    int32_t there = scan_find(join->scan, SCAN_NONE, join->name);
    if (there != SCAN_NONE)
        replace(join, there);
    else
        place_at_end(join);
    return NULL;
}

static Status into_character(Join *join) {
    const Scan *scan = join->scan;
    int32_t first = character_beside(scan, 0, true), last = character_beside(scan, 1 << 20, false);
    if (first == SCAN_NONE)
        return hint(fail(ERR_USAGE, "<%s> belongs inside a character, and the prompt has none", join->name),
                    ":insert NAME into general_tags puts it there");
    if (strcmp(scan->elements[first].name, scan->elements[last].name))
        return hint(fail(ERR_USAGE, "<%s> could go into %s or %s", join->name, scan->elements[first].name,
                         scan->elements[last].name),
                    ":insert NAME into %s", scan->elements[first].name);
    return into_block(join, first);
}

/* In general_tags, which is made where there is none. */
static Status into_general(Join *join) {
    int32_t general = scan_find(join->scan, SCAN_NONE, "general_tags");
    if (general != SCAN_NONE)
        return into_block(join, general);
    Buf block = {0};
    buf_print(&block, "<general_tags>\n%s\n</general_tags>", join->piece.data);
    buf_done(&join->piece);
    join->piece = block;
    snprintf(join->done->path, sizeof join->done->path, "general_tags/%s", join->name);
    place_at_end(join);
    return NULL;
}

static Status where_it_belongs(Join *join, const Scan *piece) {
    const Scan *scan = join->scan;
    if (known_character(join->name)) {
        int32_t last = character_beside(scan, 1 << 20, false);
        return as_character(join, piece,
                            last == SCAN_NONE ? 1 : known_character(scan->elements[last].name) + 1);
    }
    unsigned places = known_places(join->name);
    bool general = scan_find(scan, SCAN_NONE, "general_tags") != SCAN_NONE;
    put_piece(join, piece, join->name);
    if (places & PLACE_CHARACTER && !(places & PLACE_GENERAL))
        return into_character(join);
    if (places & PLACE_GENERAL && (general || !(places & PLACE_TOP)))
        return into_general(join);
    return into_top(join);
}

/* `into` names a character that it becomes, or a block that takes it. */
static Status where_it_is_told(Join *join, const Scan *piece) {
    const char *into = join->what->into;
    if (known_character(into) && known_character(join->name))
        return as_character(join, piece, known_character(into));
    put_piece(join, piece, join->name);
    if (!strcmp(into, join->name))
        return into_top(join);
    if (!strcmp(into, "general_tags"))
        return into_general(join);
    if (known_inside(into) == PLACE_NOWHERE)
        return fail(ERR_USAGE, "<%s> cannot go into %s, expected a character or general_tags", join->name,
                    into);
    int32_t block = scan_find(join->scan, SCAN_NONE, into);
    if (block == SCAN_NONE)
        return hint(fail(ERR_USAGE, "the prompt has no element %s", into), ":show prints it");
    return into_block(join, block);
}

Status insert_element(Buf *out, Inserted *done, const char *text, size_t size, const Insertion *what) {
    Scan scan, piece;
    scan_text(&scan, size ? text : "", size);
    scan_text(&piece, what->size ? what->element : "", what->size);
    *done = (Inserted){0};
    Join join = {.scan = &scan, .what = what, .done = done};
    Status st = NULL;
    if (!is_one_element(&piece))
        st = fail(ERR_USAGE, "what is stored is not one element");
    else {
        join.name = piece.elements[0].name;
        st = what->into ? where_it_is_told(&join, &piece) : where_it_belongs(&join, &piece);
    }
    if (!st) {
        buf_add(out, scan.text, join.begin);
        buf_add(out, join.piece.data, join.piece.size);
        buf_add(out, scan.text + join.end, size - join.end);
    }
    buf_done(&join.piece);
    scan_done(&scan);
    scan_done(&piece);
    return st;
}
