/* diff.c: what changed between two prompts (edit.h). Facts: product.md H4.
 *
 * Both texts are cut into leaves: the content of each innermost element, and the text that stands beside
 * elements. A leaf has a path, "character_1/gender"; leaves of equal path are compared, as lists of items or
 * of words.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/utf8.h"
#include "prompt/edit.h"
#include "prompt/items.h"
#include "prompt/known.h"
#include "prompt/scan.h"

#define PATH_DEPTH_MAX 6  /* names in a path; deeper ones begin with "..." */
#define REMOVED_COLUMNS_MIN 14
#define REMOVED_COLUMNS_MAX 40

typedef enum LeafKind { LEAF_ITEMS, LEAF_WORDS } LeafKind;

typedef struct Leaf {
    char *path;  /* owned, unique in its prompt */
    Buf text;
    LeafKind kind;
    int copies;  /* further leaves that would have this path: they are called "PATH (2)", "PATH (3)" ... */
    bool seen;   /* it has a partner in the other prompt */
} Leaf;

typedef struct Leaves {
    Leaf *leaves; /* owned */
    size_t count, capacity;
    Map index;    /* path -> leaf */
} Leaves;

/* What the characters of the older prompt are called in the newer one; 0: nothing. */
typedef int Renumbering[KNOWN_CHARACTERS_MAX + 1];

/* ---- cutting into leaves ---- */

static void add_leaf(Leaves *list, Buf *path, LeafKind kind, const char *text, size_t size) {
    int64_t first;
    if (map_get(&list->index, buf_string(path), path->size, &first))
        buf_print(path, " (%d)", ++list->leaves[first].copies + 1);
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 32;
        list->leaves = must_realloc(list->leaves, list->capacity * sizeof *list->leaves);
    }
    Leaf *leaf = &list->leaves[list->count];
    *leaf = (Leaf){.path = must_copy_n(buf_string(path), path->size), .kind = kind};
    buf_add(&leaf->text, text, size);
    map_put(&list->index, leaf->path, path->size, (int64_t)list->count++);
}

static bool is_wrapper(const Scan *scan, int32_t element) {
    return known_inside(scan->elements[element].name) == PLACE_TOP &&
           scan->elements[element].next > element + 1;
}

static void add_path(Buf *out, const Scan *scan, int32_t element, const int *renumbered) {
    int32_t chain[PATH_DEPTH_MAX];
    int depth = 0;
    for (; element != SCAN_NONE && depth < PATH_DEPTH_MAX; element = scan->elements[element].parent)
        if (!is_wrapper(scan, element))
            chain[depth++] = element;
    if (element != SCAN_NONE)
        buf_text(out, ".../");
    while (depth--) {
        const char *name = scan->elements[chain[depth]].name;
        int number = known_character(name);
        if (number && renumbered[number])
            buf_print(out, "character_%d", renumbered[number]);
        else
            buf_text(out, name);
        if (depth)
            buf_byte(out, '/');
    }
}

static bool is_blank(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n' && text[i] != '\r')
            return false;
    return true;
}

/* The text that stands in an element (SCAN_NONE: in the prompt) beside its child elements. */
static void add_loose(Leaves *list, const Scan *scan, int32_t element, const int *renumbered) {
    size_t from = element == SCAN_NONE ? 0 : scan->elements[element].inner_begin;
    size_t end = element == SCAN_NONE ? scan->size : scan->elements[element].inner_end;
    int32_t last = element == SCAN_NONE ? (int32_t)scan->element_count : scan->elements[element].next;
    Buf text = {0}, path = {0};
    for (int32_t child = element + 1; child < last; child = scan->elements[child].next) {
        buf_add(&text, scan->text + from, scan->elements[child].begin - from);
        from = scan->elements[child].end;
    }
    buf_add(&text, scan->text + from, end - from);
    if (!is_blank(text.data, text.size)) {
        add_path(&path, scan, element, renumbered);
        if (!path.size)
            buf_text(&path, "text"); /* at the top, or in a wrapper */
        add_leaf(list, &path, LEAF_WORDS, text.data, text.size);
    }
    buf_done(&text);
    buf_done(&path);
}

static void cut(Leaves *list, const Scan *scan, const int *renumbered) {
    *list = (Leaves){0};
    add_loose(list, scan, SCAN_NONE, renumbered);
    for (int32_t i = 0; i < (int32_t)scan->element_count; i++) {
        const Element *element = &scan->elements[i];
        if (element->next > i + 1) {
            add_loose(list, scan, i, renumbered);
            continue;
        }
        Buf path = {0};
        bool words = !strcmp(element->name, "caption") || !strcmp(element->name, "system");
        add_path(&path, scan, i, renumbered);
        add_leaf(list, &path, words ? LEAF_WORDS : LEAF_ITEMS, scan->text + element->inner_begin,
                 element->inner_end - element->inner_begin);
        buf_done(&path);
    }
}

static void leaves_done(Leaves *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->leaves[i].path);
        buf_done(&list->leaves[i].text);
    }
    free(list->leaves);
    map_done(&list->index);
}

/* ---- characters by number, else by name ---- */

/* Elements of the characters, by number; SCAN_NONE where there is none. */
static void find_characters(const Scan *scan, int32_t found[KNOWN_CHARACTERS_MAX + 1]) {
    for (int number = 0; number <= KNOWN_CHARACTERS_MAX; number++)
        found[number] = SCAN_NONE;
    for (int32_t i = 0; i < (int32_t)scan->element_count; i++) {
        int number = known_character(scan->elements[i].name);
        if (number && found[number] == SCAN_NONE)
            found[number] = i;
    }
}

/* The content of <n>, else <name>, of a character; size 0 when it has none. */
static Item character_name(const Scan *scan, int32_t character) {
    int32_t name = scan_find(scan, character, "n");
    if (name == SCAN_NONE)
        name = scan_find(scan, character, "name");
    Item first = {0};
    ItemList list = {0};
    if (name != SCAN_NONE)
        items_split(&list, scan->text, scan->elements[name].inner_begin, scan->elements[name].inner_end);
    if (list.count)
        first = list.items[0];
    items_done(&list);
    return first;
}

/* Finds for each character of the older prompt whose number is gone the one of the same name whose number is
 * new. */
static void renumber(Renumbering out, const Scan *old, const Scan *new) {
    int32_t before[KNOWN_CHARACTERS_MAX + 1], after[KNOWN_CHARACTERS_MAX + 1];
    find_characters(old, before);
    find_characters(new, after);
    memset(out, 0, sizeof(Renumbering));
    for (int from = 1; from <= KNOWN_CHARACTERS_MAX; from++) {
        if (before[from] == SCAN_NONE || after[from] != SCAN_NONE)
            continue;
        Item name = character_name(old, before[from]);
        for (int to = 1; name.size && to <= KNOWN_CHARACTERS_MAX && !out[from]; to++) {
            if (after[to] == SCAN_NONE || before[to] != SCAN_NONE)
                continue;
            Item other = character_name(new, after[to]);
            if (other.size == name.size && !memcmp(other.text, name.text, name.size)) {
                out[from] = to;
                after[to] = SCAN_NONE;
            }
        }
    }
}

/* ---- comparing two leaves ---- */

typedef struct Counted {
    const Item *item;
    size_t position;
} Counted;

static int compare_items(const Item *a, const Item *b) {
    size_t shorter = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->text, b->text, shorter);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static int compare_counted(const void *a, const void *b) {
    const Counted *x = a, *y = b;
    int order = compare_items(x->item, y->item);
    return order ? order : (x->position > y->position) - (x->position < y->position);
}

static Counted *sorted(const ItemList *list) {
    Counted *all = must_alloc((list->count + 1) * sizeof *all);
    for (size_t i = 0; i < list->count; i++)
        all[i] = (Counted){&list->items[i], i};
    qsort(all, list->count, sizeof *all, compare_counted);
    return all;
}

/* Clears the text of every item that both lists have. */
static void strike_common(ItemList *old, ItemList *new) {
    Counted *a = sorted(old), *b = sorted(new);
    for (size_t i = 0, j = 0; i < old->count && j < new->count;) {
        int order = compare_items(a[i].item, b[j].item);
        if (order == 0)
            old->items[a[i].position].text = new->items[b[j].position].text = NULL;
        i += order <= 0;
        j += order >= 0;
    }
    free(a);
    free(b);
}

/* The items that were not struck, in order; NULL when all were. Owned by the caller. */
static char *rest_of(const ItemList *list, const char *separator) {
    Buf out = {0};
    for (size_t i = 0; i < list->count; i++) {
        if (!list->items[i].text)
            continue;
        if (out.size)
            buf_text(&out, separator);
        buf_add(&out, list->items[i].text, list->items[i].size);
    }
    return out.size ? buf_take(&out) : NULL;
}

static bool same_order(const ItemList *old, const ItemList *new) {
    bool same = old->count == new->count;
    for (size_t i = 0; same && i < old->count; i++)
        same = !compare_items(&old->items[i], &new->items[i]);
    return same;
}

/* Equal but for white space. */
static bool same_ink(const char *a, size_t a_size, const char *b, size_t b_size) {
    size_t i = 0, j = 0;
    for (;; i++, j++) {
        while (i < a_size && is_blank(a + i, 1))
            i++;
        while (j < b_size && is_blank(b + j, 1))
            j++;
        if (i == a_size || j == b_size)
            return i == a_size && j == b_size;
        if (a[i] != b[j])
            return false;
    }
}

static void split_leaf(ItemList *out, const Leaf *leaf) {
    if (leaf->kind == LEAF_WORDS)
        items_words(out, buf_string(&leaf->text), 0, leaf->text.size);
    else
        items_split(out, buf_string(&leaf->text), 0, leaf->text.size);
}

/* One line: control characters become spaces. */
static void flatten(char *text) {
    for (; text && *text; text++)
        if ((unsigned char)*text < 0x20)
            *text = ' ';
}

/* Takes the strings of the row. */
static void add_row_take(DiffList *list, DiffRow row) {
    flatten(row.removed);
    flatten(row.added);
    flatten(row.remark);
    if ((list->count & (list->count - 1)) == 0) /* full at 0, 1, 2, 4, 8 ... */
        list->rows = must_realloc(list->rows, (list->count ? list->count * 2 : 1) * sizeof *list->rows);
    list->rows[list->count++] = row;
}

static void add_remark(DiffList *list, const char *path, const char *remark) {
    add_row_take(list, (DiffRow){.path = must_copy(path), .remark = must_copy(remark)});
}

static void compare_leaves(DiffList *list, const Leaf *old, const Leaf *new) {
    const Buf *a = &old->text, *b = &new->text;
    if (a->size == b->size && (!a->size || !memcmp(a->data, b->data, a->size)))
        return;
    const char *separator = new->kind == LEAF_WORDS ? " " : ", ";
    ItemList was, is;
    split_leaf(&was, old);
    split_leaf(&is, new);
    bool ordered = same_order(&was, &is);
    strike_common(&was, &is);
    char *removed = rest_of(&was, separator), *added = rest_of(&is, separator);
    if (removed || added)
        add_row_take(list, (DiffRow){.path = must_copy(new->path), .removed = removed, .added = added});
    else if (!ordered)
        add_remark(list, new->path, "order");
    else
        add_remark(list, new->path, same_ink(a->data, a->size, b->data, b->size) ? "white space" : "commas");
    items_done(&was);
    items_done(&is);
}

/* ---- two prompts ---- */

/* The content of a leaf on one side only. Owned by the caller. */
static char *whole_leaf(const Leaf *leaf) {
    ItemList list;
    split_leaf(&list, leaf);
    char *text = rest_of(&list, leaf->kind == LEAF_WORDS ? " " : ", ");
    items_done(&list);
    return text ? text : must_copy("(empty)");
}

static void compare_all(DiffList *list, Leaves *old, const Leaves *new) {
    for (size_t i = 0; i < new->count; i++) {
        const Leaf *leaf = &new->leaves[i];
        int64_t partner;
        if (map_get(&old->index, leaf->path, strlen(leaf->path), &partner)) {
            old->leaves[partner].seen = true;
            compare_leaves(list, &old->leaves[partner], leaf);
        } else {
            add_row_take(list, (DiffRow){.path = must_copy(leaf->path), .added = whole_leaf(leaf)});
        }
    }
    for (size_t i = 0; i < old->count; i++)
        if (!old->leaves[i].seen)
            add_row_take(list, (DiffRow){.path = must_copy(old->leaves[i].path),
                                         .removed = whole_leaf(&old->leaves[i])});
}

/* What differs when every leaf is the same. Both texts are not equal. */
static const char *remark_on_rest(const Scan *old, const Scan *new, const Leaves *before,
                                  const Leaves *after) {
    if (same_ink(old->text, old->size, new->text, new->size))
        return "white space";
    for (size_t i = 0; i < after->count && i < before->count; i++)
        if (strcmp(before->leaves[i].path, after->leaves[i].path))
            return "order";
    return "markup";
}

void diff_prompts(DiffList *list, const char *old_text, size_t old_size, const char *new_text,
                  size_t new_size) {
    if (old_size == new_size && (!new_size || !memcmp(old_text, new_text, new_size)))
        return;
    Scan old, new;
    Leaves before, after;
    Renumbering renumbered;
    static const Renumbering as_they_are = {0};
    size_t first = list->count;
    scan_text(&old, old_size ? old_text : "", old_size);
    scan_text(&new, new_size ? new_text : "", new_size);
    renumber(renumbered, &old, &new);
    for (int from = 1; from <= KNOWN_CHARACTERS_MAX; from++) {
        if (!renumbered[from])
            continue;
        Buf path = {0}, remark = {0};
        buf_print(&path, "character_%d", renumbered[from]);
        buf_print(&remark, "was character_%d", from);
        add_row_take(list, (DiffRow){.path = buf_take(&path), .remark = buf_take(&remark)});
    }
    cut(&before, &old, renumbered);
    cut(&after, &new, as_they_are);
    compare_all(list, &before, &after);
    if (list->count == first)
        add_remark(list, "prompt", remark_on_rest(&old, &new, &before, &after));
    leaves_done(&before);
    leaves_done(&after);
    scan_done(&old);
    scan_done(&new);
}

void diff_setting(DiffList *list, const char *name, const char *old_value, const char *new_value) {
    Buf remark = {0};
    buf_print(&remark, "%s %s -> %s", name, old_value, new_value);
    add_row_take(list, (DiffRow){.path = must_copy("setting"), .remark = buf_take(&remark)});
}

/* ---- on paper ---- */

static size_t width_of(const char *text) {
    return text ? utf8_text_width(text, strlen(text)) : 0;
}

/* Appends text and spaces up to `columns` cells. */
static void add_padded(Buf *out, const char *text, size_t columns) {
    buf_text(out, text);
    for (size_t width = width_of(text); width < columns; width++)
        buf_byte(out, ' ');
}

void diff_print(Buf *out, const DiffList *list) {
    size_t path_columns = 0, removed_columns = REMOVED_COLUMNS_MIN;
    for (size_t i = 0; i < list->count; i++) {
        size_t path = width_of(list->rows[i].path), removed = width_of(list->rows[i].removed);
        path_columns = path > path_columns ? path : path_columns;
        if (removed > removed_columns && removed <= REMOVED_COLUMNS_MAX)
            removed_columns = removed;
    }
    for (size_t i = 0; i < list->count; i++) {
        const DiffRow *row = &list->rows[i];
        buf_text(out, "  ");
        add_padded(out, row->path, path_columns + 2);
        if (row->remark)
            buf_text(out, row->remark);
        if (row->removed) {
            buf_text(out, "- ");
            add_padded(out, row->removed, row->added ? removed_columns + 2 : 0);
        }
        if (row->added)
            buf_print(out, "+ %s", row->added);
        buf_byte(out, '\n');
    }
    if (!list->count)
        buf_text(out, "no difference\n");
}

void diff_done(DiffList *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->rows[i].path);
        free(list->rows[i].removed);
        free(list->rows[i].added);
        free(list->rows[i].remark);
    }
    free(list->rows);
    *list = (DiffList){0};
}
