/* lint_rules.c: the rules of product.md 9.2, one function each, and their table at the end of the file.
 *
 * A rule looks at the check and adds findings; it changes nothing and knows nothing of the other rules.
 * Wording is normative: "falling back to standing" describes what the model tends to draw, nothing parses the
 * XML.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "prompt/items.h"
#include "prompt/known.h"
#include "prompt/lint_check.h"

/* ---- helpers ---- */

static bool item_is(const Item *item, const char *word) {
    return item->size == strlen(word) && !memcmp(item->text, word, item->size);
}

static bool begins(const char *text, size_t size, const char *word) {
    size_t length = strlen(word);
    return size >= length && !memcmp(text, word, length);
}

/* Adds a finding whose format has one %s, the excerpt of a piece of text. */
#define add_about(check, offset, format, text, size)         \
    do {                                                     \
        Buf excerpt_ = {0};                                  \
        lint_excerpt(&excerpt_, (text), (size));             \
        lint_add((check), (offset), (format), buf_string(&excerpt_)); \
        buf_done(&excerpt_);                                 \
    } while (0)

static void add_name(Buf *out, const char *name) {
    lint_excerpt(out, name, strlen(name));
}

typedef void VisitItem(LintCheck *check, const Item *item);

/* Visits the items of all elements called `name`. */
static void each_item(LintCheck *check, const char *name, VisitItem *visit) {
    for (size_t i = 0; i < check->scan->element_count; i++) {
        const Element *element = &check->scan->elements[i];
        if (strcmp(element->name, name))
            continue;
        ItemList list;
        items_split(&list, check->text, element->inner_begin, element->inner_end);
        for (size_t k = 0; k < list.count; k++)
            visit(check, &list.items[k]);
        items_done(&list);
    }
}

/* The first or next element of the top row, seen through the wrappers; the count at the end. */
static int32_t next_top(const Scan *scan, int32_t element) {
    int32_t next = 0;
    if (element != SCAN_NONE) {
        bool wrapper = known_inside(scan->elements[element].name) == PLACE_TOP;
        next = wrapper ? element + 1 : scan->elements[element].next;
    }
    return next;
}

/* The next character of the top row behind `element` (SCAN_NONE: the first), or SCAN_NONE. */
static int32_t next_character(const Scan *scan, int32_t element) {
    while ((element = next_top(scan, element)) < (int32_t)scan->element_count)
        if (known_character(scan->elements[element].name))
            return element;
    return SCAN_NONE;
}

/* Content of an element without white space around it. */
static Item trimmed(const LintCheck *check, const Element *element) {
    size_t begin = element->inner_begin, end = element->inner_end;
    while (begin < end && strchr(" \t\r\n", check->text[begin]) && check->text[begin])
        begin++;
    while (end > begin && strchr(" \t\r\n", check->text[end - 1]) && check->text[end - 1])
        end--;
    return (Item){check->text + begin, end - begin, begin};
}

/* ---- genders and counts ---- */

enum { GIRLS, BOYS, OTHERS, KIND_COUNT };

/* How many there are, or at least are. */
typedef struct Headcount {
    long exactly[KIND_COUNT];
    bool or_more[KIND_COUNT];
} Headcount;

/* The kind named by [text, text + size): girl, boy or other, plural or not, or the Chinese words; KIND_COUNT
 * if none. */
static int kind_of(const char *text, size_t size) {
    static const struct {
        const char *word;
        int kind;
    } words[] = {
        {"girl", GIRLS},   {"girls", GIRLS},   {"boy", BOYS},   {"boys", BOYS},
        {"other", OTHERS}, {"others", OTHERS}, {"女孩", GIRLS}, {"男孩", BOYS},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (size == strlen(words[i].word) && !memcmp(text, words[i].word, size))
            return words[i].kind;
    return KIND_COUNT;
}

/* Adds what "2girls", "multiple_boys", "6+girls", "女孩" or "no_humans" says. False when it is none of
 * these. */
static bool count_item(Headcount *heads, const Item *item) {
    if (item_is(item, "no_humans"))
        return true;
    const char *text = item->text;
    size_t size = item->size, digits = 0;
    long number = 0;
    bool or_more = false;
    for (; digits < size && text[digits] >= '0' && text[digits] <= '9'; digits++)
        number = number < 1000 ? number * 10 + text[digits] - '0' : number;
    if (begins(text, size, "multiple_")) {
        digits = strlen("multiple_");
        number = 2;
        or_more = true;
    } else if (digits && digits < size && text[digits] == '+') {
        digits++;
        or_more = true;
    }
    bool chinese = !digits && size && (unsigned char)text[0] > 127;
    int kind = kind_of(text + digits, size - digits);
    if (kind == KIND_COUNT || (!digits && !chinese))
        return false;
    heads->exactly[kind] += chinese ? 1 : number;
    heads->or_more[kind] |= or_more;
    return true;
}

static bool holds_word(const Item *item, const char *word) {
    return memmem(item->text, item->size, word, strlen(word)) != NULL;
}

/* "boy", "male" or 男, but not the "male" of "female". */
static bool sounds_male(const Item *item) {
    Buf lower = {0};
    for (size_t i = 0; i < item->size; i++) {
        char c = item->text[i];
        buf_byte(&lower, (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
    Item folded = {buf_string(&lower), lower.size, 0};
    bool male = holds_word(&folded, "boy") || holds_word(&folded, "男") ||
                (holds_word(&folded, "male") && !holds_word(&folded, "female"));
    buf_done(&lower);
    return male;
}

static void visit_gender(LintCheck *check, const Item *item) {
    Headcount unused = {0};
    if (count_item(&unused, item))
        return;
    if (sounds_male(item))
        add_about(check, item->offset, "Unknown gender tag \"%s\", using default male prior", item->text,
                  item->size);
    else
        add_about(check, item->offset, "Unknown gender tag \"%s\", using default female prior", item->text,
                  item->size);
}

static void check_gender(LintCheck *check) {
    each_item(check, "gender", visit_gender);
}

/* Appends the items of a list that are counts, joined with " and " or a list of the given words, and sums
 * them. Returns false when there was none. */
static bool sum_counts(Headcount *heads, Buf *said, const char *text, const Element *element) {
    ItemList list;
    size_t first = said->size;
    items_split(&list, text, element->inner_begin, element->inner_end);
    for (size_t i = 0; i < list.count; i++) {
        if (!count_item(heads, &list.items[i]))
            continue;
        if (said->size)
            buf_text(said, " and ");
        lint_excerpt(said, list.items[i].text, list.items[i].size);
    }
    items_done(&list);
    return said->size > first;
}

/* Sums the genders of the characters. False when there is no character, or one of unknown gender. */
static bool sum_characters(Headcount *heads, Buf *said, const LintCheck *check) {
    const Scan *scan = check->scan;
    bool any = false;
    for (int32_t i = SCAN_NONE; (i = next_character(scan, i)) != SCAN_NONE; any = true) {
        int32_t gender = scan_find(scan, i, "gender");
        if (gender == SCAN_NONE || !sum_counts(heads, said, check->text, &scan->elements[gender]))
            return false;
    }
    return any;
}

static void check_count(LintCheck *check) {
    const Scan *scan = check->scan;
    int32_t general = scan_find(scan, SCAN_NONE, "general_tags");
    int32_t count = general == SCAN_NONE ? SCAN_NONE : scan_find(scan, general, "count");
    if (count == SCAN_NONE)
        return;
    Headcount wanted = {0}, found = {0};
    Buf said = {0}, there = {0};
    if (sum_counts(&wanted, &said, check->text, &scan->elements[count]) &&
        sum_characters(&found, &there, check)) {
        bool differs = false;
        for (int kind = 0; kind < KIND_COUNT; kind++) {
            bool fits = found.exactly[kind] == wanted.exactly[kind] ||
                        (wanted.or_more[kind] && found.exactly[kind] > wanted.exactly[kind]) ||
                        found.or_more[kind];
            differs |= !fits;
        }
        if (differs)
            lint_add(check, trimmed(check, &scan->elements[count]).offset,
                     "count says %s, the characters are %s", buf_string(&said), buf_string(&there));
    }
    buf_done(&said);
    buf_done(&there);
}

/* ---- poses, positions, appearance ---- */

static void visit_pose(LintCheck *check, const Item *item) {
    static const char *const poses[] = {"standing", "sitting", "jumping", "waving", "leaning_against_wall"};
    static const char *const chinese[] = {"站立", "坐着", "跳跃", "挥手", "靠墙"};
    for (size_t i = 0; i < sizeof poses / sizeof *poses; i++) {
        size_t length = strlen(poses[i]);
        if (begins(item->text, item->size, poses[i]) && (item->size == length || item->text[length] == '_'))
            return;
        if (item_is(item, chinese[i]))
            return;
    }
    add_about(check, item->offset, "Unknown pose \"%s\", falling back to standing", item->text, item->size);
}

static void check_pose(LintCheck *check) {
    each_item(check, "pose", visit_pose);
}

static const char *const POSITION_WORDS[] = {
    "left", "right", "center", "middle", "top", "bottom", "upper", "lower", "front", "back", "foreground",
    "background", NULL,
};

/* Appends the nearest word of the list, or the word itself when none is near. Returns whether it was
 * known. */
static bool add_position_word(Buf *closest, const char *word, size_t size) {
    Nearest nearest = nearest_to(word, size);
    bool known = false;
    for (const char *const *row = POSITION_WORDS; *row; row++) {
        known |= size == strlen(*row) && !memcmp(word, *row, size);
        nearest_try(&nearest, *row);
    }
    if (nearest.best)
        buf_text(closest, nearest.best);
    else
        buf_add(closest, word, size);
    return known;
}

static void visit_position(LintCheck *check, const Item *item) {
    if (item_is(item, "左边") || item_is(item, "中间") || item_is(item, "右边"))
        return;
    Buf closest = {0}, given = {0}, shown = {0};
    bool known = true;
    for (size_t i = 0, end; i <= item->size; i = end + 1) {
        for (end = i; end < item->size && item->text[end] != '_';)
            end++;
        known &= add_position_word(&closest, item->text + i, end - i);
        if (end < item->size)
            buf_byte(&closest, '_');
    }
    lint_excerpt(&given, item->text, item->size);
    lint_excerpt(&shown, buf_string(&closest), closest.size); /* far words in it are the user's bytes */
    bool corrected = closest.size != item->size || memcmp(closest.data, item->text, item->size);
    if (!known && corrected)
        lint_add(check, item->offset, "Unknown position \"%s\", closest is %s", buf_string(&given),
                 buf_string(&shown));
    else if (!known)
        lint_add(check, item->offset, "Unknown position \"%s\"", buf_string(&given));
    buf_done(&closest);
    buf_done(&given);
    buf_done(&shown);
}

static void check_position(LintCheck *check) {
    each_item(check, "position", visit_position);
}

static void check_position_shared(LintCheck *check) {
    const Scan *scan = check->scan;
    Map places = {0};
    for (int32_t i = SCAN_NONE; (i = next_character(scan, i)) != SCAN_NONE;) {
        int32_t position = scan_find(scan, i, "position");
        if (position == SCAN_NONE)
            continue;
        Item value = trimmed(check, &scan->elements[position]);
        int64_t other;
        if (!value.size || map_put(&places, value.text, value.size, i))
            continue;
        map_get(&places, value.text, value.size, &other);
        if (scan->elements[other].name == scan->elements[i].name)
            continue;
        Buf where = {0};
        lint_excerpt(&where, value.text, value.size);
        lint_add(check, value.offset, "%s and %s are both at %s and may overlap", scan->elements[other].name,
                 scan->elements[i].name, buf_string(&where));
        buf_done(&where);
    }
    map_done(&places);
}

/* Adds a finding for each character whose appearance has from `least` to `most` items. */
static void check_appearance(LintCheck *check, size_t least, size_t most, const char *format) {
    const Scan *scan = check->scan;
    for (size_t i = 0; i < scan->element_count; i++) {
        const Element *element = &scan->elements[i];
        if (strcmp(element->name, "appearance") || element->parent == SCAN_NONE ||
            !known_character(scan->elements[element->parent].name))
            continue;
        ItemList list;
        items_split(&list, check->text, element->inner_begin, element->inner_end);
        if (list.count >= least && list.count <= most) {
            Buf message = {0};
            buf_print(&message, "appearance of %s has %zu attributes%s", scan->elements[element->parent].name,
                      list.count, format);
            lint_add(check, element->begin, "%s", buf_string(&message));
            buf_done(&message);
        }
        items_done(&list);
    }
}

static void check_appearance_collapse(LintCheck *check) {
    check_appearance(check, APPEARANCE_MOST + 1, SIZE_MAX, ", details collapse above 8; keep 5 or fewer");
}

static void check_appearance_many(LintCheck *check) {
    check_appearance(check, APPEARANCE_SAFE + 1, APPEARANCE_MOST, "; 5 or fewer are safest");
}

/* ---- names and nesting ---- */

/* The known name nearest to an unknown one, written into `buffer` where it has a number; NULL when none is
 * near. */
static const char *nearest_element(const char *name, char buffer[16]) {
    size_t size = strlen(name), base = size;
    while (base && name[base - 1] >= '0' && name[base - 1] <= '9')
        base--;
    Nearest nearest = nearest_to(name, size);
    if (base < size) {
        long number = strtol(name + base, NULL, 10);
        snprintf(buffer, 16, "character_%ld", number < 1 ? 1 : number > KNOWN_CHARACTERS_MAX ? 99 : number);
        nearest_try(&nearest, buffer);
    }
    for (const KnownElement *row = KNOWN_ELEMENTS; row->name; row++)
        nearest_try(&nearest, row->name);
    return nearest.best;
}

static void check_element_unknown(LintCheck *check) {
    const Scan *scan = check->scan;
    for (size_t i = 0; check->structured && i < scan->element_count; i++) {
        const Element *element = &scan->elements[i];
        if (known_places(element->name) != PLACE_NOWHERE)
            continue;
        char buffer[16];
        const char *closest = nearest_element(element->name, buffer);
        Buf name = {0};
        add_name(&name, element->name);
        if (closest)
            lint_add(check, element->begin, "Unknown element <%s>, closest is <%s>", buf_string(&name),
                     closest);
        else
            lint_add(check, element->begin, "Unknown element <%s>", buf_string(&name));
        buf_done(&name);
    }
}

/* An unmatched tag that is worth a word: in an XML prompt all that are not emoticons, elsewhere known names
 * only. */
static bool concerns(const LintCheck *check, const Tag *tag) {
    return tag->partner == SCAN_NONE && (check->structured || known_places(tag->name) != PLACE_NOWHERE);
}

static void check_element_unclosed(LintCheck *check) {
    for (size_t i = 0; i < check->scan->tag_count; i++) {
        const Tag *tag = &check->scan->tags[i];
        if (tag->kind == TAG_OPEN && tag->holds && concerns(check, tag) && check->mates[i] == SCAN_NONE)
            add_about(check, tag->begin, "<%s> is never closed", tag->name, strlen(tag->name));
    }
}

static void check_close_mismatch(LintCheck *check) {
    for (size_t i = 0; i < check->scan->tag_count; i++) {
        const Tag *tag = &check->scan->tags[i];
        if (tag->kind != TAG_CLOSE || !concerns(check, tag) || check->mates[i] == SCAN_NONE)
            continue;
        const Tag *opener = &check->scan->tags[check->mates[i]];
        Buf names[2] = {0};
        add_name(&names[0], tag->name);
        add_name(&names[1], opener->name);
        lint_add(check, tag->begin, "</%s> does not match the open <%s> of line %u", buf_string(&names[0]),
                 buf_string(&names[1]), scan_place(check->scan, opener->begin).line);
        buf_done(&names[0]);
        buf_done(&names[1]);
    }
}

static void check_close_stray(LintCheck *check) {
    for (size_t i = 0; i < check->scan->tag_count; i++) {
        const Tag *tag = &check->scan->tags[i];
        if (tag->kind == TAG_CLOSE && concerns(check, tag) && check->mates[i] == SCAN_NONE)
            add_about(check, tag->begin, "</%s> closes nothing", tag->name, strlen(tag->name));
    }
}

/* Whether an element stands where it may. Inside an unknown element, or behind an opener without closer,
 * nobody knows. */
static bool well_placed(const LintCheck *check, const Element *element) {
    unsigned places = known_places(element->name);
    if (places == PLACE_NOWHERE || element->begin > check->broken)
        return true;
    const char *parent = element->parent == SCAN_NONE ? NULL : check->scan->elements[element->parent].name;
    if (parent && known_places(parent) == PLACE_NOWHERE)
        return true;
    return (places & known_inside(parent)) != 0;
}

static void check_element_misplaced(LintCheck *check) {
    static const struct {
        KnownPlace place;
        const char *words;
    } rows[] = {
        {PLACE_CHARACTER, "inside a character"},
        {PLACE_GENERAL, "inside general_tags"},
        {PLACE_TOP, "at the top level"},
    };
    for (size_t i = 0; i < check->scan->element_count; i++) {
        const Element *element = &check->scan->elements[i];
        if (well_placed(check, element))
            continue;
        Buf where = {0};
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
            if (known_places(element->name) & rows[k].place)
                buf_print(&where, "%s%s", where.size ? " or " : "", rows[k].words);
        lint_add(check, element->begin, "<%s> belongs %s", element->name, buf_string(&where));
        buf_done(&where);
    }
}

/* ---- characters ---- */

static void check_character_number(LintCheck *check) {
    const Scan *scan = check->scan;
    bool seen[KNOWN_CHARACTERS_MAX + 1] = {false};
    Buf found = {0}, expected = {0};
    int count = 0;
    size_t wrong = SIZE_MAX;
    for (int32_t i = SCAN_NONE; (i = next_character(scan, i)) != SCAN_NONE;) {
        int number = known_character(scan->elements[i].name);
        if (seen[number])
            continue; /* character-twice tells */
        seen[number] = true;
        if (number != ++count && wrong == SIZE_MAX)
            wrong = scan->elements[i].begin;
        buf_print(&found, "%s%d", count > 1 ? ", " : "", number);
        buf_print(&expected, "%s%d", count > 1 ? ", " : "", count);
    }
    if (wrong != SIZE_MAX)
        lint_add(check, wrong, "Characters are numbered %s; expected %s", buf_string(&found),
                 buf_string(&expected));
    buf_done(&found);
    buf_done(&expected);
}

static void check_character_twice(LintCheck *check) {
    const Scan *scan = check->scan;
    bool seen[KNOWN_CHARACTERS_MAX + 1] = {false};
    for (int32_t i = SCAN_NONE; (i = next_character(scan, i)) != SCAN_NONE;) {
        int number = known_character(scan->elements[i].name);
        if (seen[number])
            lint_add(check, scan->elements[i].begin, "<%s> appears twice", scan->elements[i].name);
        seen[number] = true;
    }
}

/* ---- text outside elements ---- */

/* Offset behind the comment or instruction that begins at `at`, or `at` when there is none. */
static size_t skip_unread(const char *text, size_t at, size_t end) {
    static const char *const pairs[][2] = {{"<!--", "-->"}, {"<?", "?>"}};
    for (size_t i = 0; i < 2; i++) {
        if (!begins(text + at, end - at, pairs[i][0]))
            continue;
        const char *found = memmem(text + at, end - at, pairs[i][1], strlen(pairs[i][1]));
        if (found)
            return (size_t)(found - text) + strlen(pairs[i][1]);
        if (i == 0)
            return end;
    }
    return at;
}

static void report_outside(LintCheck *check, size_t begin, size_t end) {
    Element piece = {.inner_begin = begin, .inner_end = end};
    Item loose = trimmed(check, &piece);
    if (loose.size)
        add_about(check, loose.offset, "Text outside elements: \"%s\"", loose.text, loose.size);
}

/* Reports the text of a gap between elements, without comments. */
static void report_gap(LintCheck *check, size_t begin, size_t end) {
    if (end > check->broken)
        end = check->broken;
    size_t first = begin;
    bool skipping = true; /* until a "<?" without end shows that no other has one */
    for (size_t i = begin; i < end; i++) {
        size_t after = check->text[i] == '<' && skipping ? skip_unread(check->text, i, end) : i;
        if (after == i) {
            skipping &= check->text[i] != '<' || i + 1 >= end || check->text[i + 1] != '?';
            continue;
        }
        report_outside(check, first, i);
        first = after;
        i = after - 1;
    }
    if (first < end)
        report_outside(check, first, end);
}

static void check_text_outside(LintCheck *check) {
    const Scan *scan = check->scan;
    if (!check->structured)
        return;
    size_t from = scan->start;
    for (size_t i = 0; i < scan->tag_count; i++) {
        const Tag *tag = &scan->tags[i];
        if (tag->begin < from || (tag->partner == SCAN_NONE && !tag->holds && !known_places(tag->name)))
            continue; /* inside an element, or an emoticon */
        report_gap(check, from, tag->begin);
        bool wrapper = !strcmp(tag->name, "image") || !strcmp(tag->name, "document");
        bool whole = tag->partner != SCAN_NONE && tag->kind == TAG_OPEN && !wrapper;
        from = whole ? scan->elements[tag->element].end : tag->end;
    }
    report_gap(check, from, check->size);
}

/* ---- what reaches the encoders ---- */

static void check_gemma_cut(LintCheck *check) {
    const LintFacts *facts = check->facts;
    if (!facts->gemma_limit || facts->gemma_tokens <= facts->gemma_limit || facts->gemma_cut > check->size)
        return;
    bool system = facts->system_preset && strcmp(facts->system_preset, "none") && check->scan->start == 0;
    Buf cut = {0};
    lint_excerpt(&cut, check->text + facts->gemma_cut, check->size - facts->gemma_cut);
    lint_add(check, facts->gemma_cut, "Prompt has %zu tokens%s, Gemma reads %zu; cut: \"%s\" (%zu tokens)",
             facts->gemma_tokens, system ? " with the system prompt" : "", facts->gemma_limit,
             buf_string(&cut), facts->gemma_tokens - facts->gemma_limit);
    buf_done(&cut);
}

static void check_jina_cut(LintCheck *check) {
    const LintFacts *facts = check->facts;
    if (facts->jina_limit && facts->jina_tokens > facts->jina_limit)
        lint_add(check, SIZE_MAX, "Jina reads %zu tokens, the prompt has %zu", facts->jina_limit,
                 facts->jina_tokens);
}

static void check_paren_comfy(LintCheck *check) {
    size_t count = 0, first = 0;
    for (size_t i = check->size; i-- > 0;) {
        if (check->text[i] != '(' && check->text[i] != ')')
            continue;
        count++;
        first = i;
    }
    if (count)
        lint_add(check, first,
                 "Parentheses are sent as typed; ComfyUI would change %zu of them (parity comfy)", count);
}

/* Where the text before the marker is more than white space: the prompt's own system prompt. */
static bool marker_place(const LintCheck *check, size_t *marker, bool *bare) {
    if (scan_marker(check->text, check->size, marker) == SIZE_MAX)
        return false;
    Element before = {.inner_end = *marker};
    *bare = trimmed(check, &before).size == 0;
    return true;
}

static void check_prompt_start(LintCheck *check) {
    size_t marker;
    bool bare;
    if (marker_place(check, &marker, &bare) && !bare)
        lint_add(check, marker, "The prompt brings its own system prompt, none is added");
}

static void check_prompt_start_bare(LintCheck *check) {
    const char *preset = check->facts->system_preset;
    size_t marker;
    bool bare;
    if (!marker_place(check, &marker, &bare) || !bare)
        return;
    if (preset && strcmp(preset, "none"))
        lint_add(check, marker,
                 "The prompt starts with " PROMPT_START ", so no system prompt is used; remove the marker "
                 "to get %s",
                 preset);
    else
        lint_add(check, marker, "The prompt starts with " PROMPT_START ", so no system prompt is used");
}

/* Bytes of the XML entity that begins at text[at], a "&"; 0 when there is none. */
static size_t entity_size(const char *text, size_t at, size_t size) {
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (begins(text + at, size - at, names[i]))
            return strlen(names[i]);
    if (!begins(text + at, size - at, "&#"))
        return 0;
    size_t i = at + 2;
    const char *digits = "0123456789";
    if (i < size && text[i] == 'x') {
        digits = "0123456789abcdefABCDEF";
        i++;
    }
    size_t first = i;
    while (i < size && i < first + 8 && text[i] && strchr(digits, text[i]))
        i++;
    return i > first && i < size && text[i] == ';' ? i + 1 - at : 0;
}

static void check_entity(LintCheck *check) {
    for (size_t i = 0; i < check->size; i++) {
        size_t length = check->text[i] == '&' ? entity_size(check->text, i, check->size) : 0;
        if (length)
            lint_add(check, i, "%.*s is sent as written, the model does not decode it", (int)length,
                     check->text + i);
    }
}

/* ---- settings ---- */

static void check_size_large(LintCheck *check) {
    const LintFacts *facts = check->facts;
    if (facts->largest_width > 0 && (int64_t)facts->width * facts->height >
                                        (int64_t)facts->largest_width * facts->largest_height)
        lint_add(check, SIZE_MAX, "%dx%d is above the model's %dx%d; expect repeated or broken parts",
                 facts->width, facts->height, facts->largest_width, facts->largest_height);
}

enum { SIZE_STEP = 16 };

static int rounded_down(int pixels) {
    return pixels < SIZE_STEP ? SIZE_STEP : pixels / SIZE_STEP * SIZE_STEP;
}

static int rounded_up(int pixels) {
    return pixels % SIZE_STEP ? pixels / SIZE_STEP * SIZE_STEP + SIZE_STEP : pixels;
}

static void check_size_step(LintCheck *check) {
    int width = check->facts->width, height = check->facts->height;
    if (width % SIZE_STEP || height % SIZE_STEP)
        lint_add(check, SIZE_MAX, "%dx%d is not a multiple of 16; nearest are %dx%d and %dx%d", width, height,
                 rounded_down(width), rounded_down(height), rounded_up(width), rounded_up(height));
}

static void check_negative_unused(LintCheck *check) {
    const LintFacts *facts = check->facts;
    if (!facts->negative || !*facts->negative || facts->cfg > 1)
        return;
    char cfg[32];
    snprintf(cfg, sizeof cfg, "%g", facts->cfg);
    for (char *c = cfg; *c; c++) /* a point whatever the locale (L3) */
        *c = *c == ',' ? '.' : *c;
    lint_add(check, SIZE_MAX, "Negative prompt has no effect at cfg %s", cfg);
}

static void check_seed_32(LintCheck *check) {
    const LintFacts *facts = check->facts;
    if (facts->seed_fixed && facts->seed > UINT32_MAX && facts->rng && !strcmp(facts->rng, "cpu"))
        lint_add(check, SIZE_MAX, "Seed %llu makes the same noise as %llu (rng cpu uses 32 bits)",
                 (unsigned long long)facts->seed, (unsigned long long)(facts->seed & UINT32_MAX));
}

/* ---- the table ---- */

const LintRule LINT_RULES[] = {
    {"gender-unknown", LINT_WARN, "write 1girl, 1boy, 2girls, 1other, multiple_girls or no_humans",
     check_gender},
    {"pose-unknown", LINT_WARN, "use standing, sitting, jumping, waving or leaning_against_wall, or <action>",
     check_pose},
    {"appearance-collapse", LINT_WARN, "move clothes, mood and pose into their own elements",
     check_appearance_collapse},
    {"appearance-many", LINT_NOTE, "keep the attributes that matter most", check_appearance_many},
    {"element-unknown", LINT_WARN, "spell it as :help xml lists it, in lower case", check_element_unknown},
    {"element-unclosed", LINT_WARN, "close it with </NAME>", check_element_unclosed},
    {"close-mismatch", LINT_WARN, "give both tags the same name and number", check_close_mismatch},
    {"close-stray", LINT_WARN, "remove it, or add the opening tag", check_close_stray},
    {"element-misplaced", LINT_WARN, "move it there", check_element_misplaced},
    {"position-unknown", LINT_WARN, "join left, right, center, top, bottom, front, back with _",
     check_position},
    {"position-shared", LINT_NOTE, "give each character its own place", check_position_shared},
    {"character-number", LINT_NOTE, "number the characters 1, 2, 3 in order", check_character_number},
    {"character-twice", LINT_WARN, "give the second one the next number", check_character_twice},
    {"count-mismatch", LINT_NOTE, "make <count> and the genders agree", check_count},
    {"text-outside", LINT_WARN, "put it into <caption> or <general_tags>", check_text_outside},
    {"gemma-cut", LINT_WARN, "shorten the prompt; :tokens shows the border", check_gemma_cut},
    {"jina-cut", LINT_NOTE, "shorten the prompt; :tokens jina shows the border", check_jina_cut},
    {"size-large", LINT_WARN, "choose a :size with a smaller area", check_size_large},
    {"size-step", LINT_ERROR, "choose a :size in steps of 16", check_size_step},
    {"neg-unused", LINT_WARN, "set cfg above 1, or :neg \"\"", check_negative_unused},
    {"paren-comfy", LINT_NOTE, "nothing to do unless the picture must match ComfyUI", check_paren_comfy},
    {"prompt-start", LINT_NOTE, "nothing to do if that is what you want", check_prompt_start},
    {"prompt-start-bare", LINT_WARN, "remove the marker", check_prompt_start_bare},
    {"entity", LINT_NOTE, "write the character itself: &, <, >", check_entity},
    {"seed-32", LINT_NOTE, "choose a seed below 4294967296", check_seed_32},
    {0},
};
