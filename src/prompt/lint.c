/* lint.c: runs the rules of lint_rules.c over one prompt, merges what they find and writes it down.
 * Facts: product.md 9.2. */
#include "config.h"

#include "prompt/lint.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/utf8.h"
#include "prompt/known.h"
#include "prompt/lint_check.h"

#define EXCERPT_HALF 40
#define MATE_DEPTH 16 /* openers looked at for a closer that fits none */

/* ---- findings ---- */

void lint_add(LintCheck *check, size_t offset, const char *format, ...) {
    Buf message = {0};
    va_list args;
    va_start(args, format);
    buf_vprint(&message, format, args);
    va_end(args);
    LintList *list = check->list;
    int64_t seen;
    if (map_get(&check->seen, buf_string(&message), message.size, &seen)) {
        list->findings[seen].count++;
        buf_done(&message);
        return;
    }
    if (list->count == check->capacity) {
        check->capacity = check->capacity ? check->capacity * 2 : 8;
        list->findings = must_realloc(list->findings, check->capacity * sizeof *list->findings);
    }
    LintFinding finding = {.rule = check->rule, .offset = offset, .count = 1};
    size_t length = message.size;
    finding.message = buf_take(&message);
    if (offset != SIZE_MAX) {
        Place place = scan_place(check->scan, offset);
        finding.line = place.line;
        finding.column = place.column;
    }
    map_put(&check->seen, finding.message, length, (int64_t)list->count);
    list->findings[list->count++] = finding;
}

/* Appends characters [first, last) of a text. */
static void add_characters(Buf *out, const char *text, size_t size, size_t first, size_t last) {
    size_t index = 0;
    for (size_t i = 0; i < size && index < last; index++) {
        uint32_t code;
        size_t length = utf8_decode(text + i, size - i, &code, NULL);
        i += length;
        if (index < first)
            continue;
        char bytes[4];
        if (code < 0x20 || (code >= 0x7F && code <= 0x9F))
            code = ' ';
        buf_add(out, bytes, utf8_encode(bytes, code));
    }
}

void lint_excerpt(Buf *out, const char *text, size_t size) {
    size_t count = utf8_count(text, size);
    if (count <= 2 * EXCERPT_HALF) {
        add_characters(out, text, size, 0, count);
        return;
    }
    add_characters(out, text, size, 0, EXCERPT_HALF);
    buf_text(out, " ... ");
    add_characters(out, text, size, count - EXCERPT_HALF, count);
}

/* ---- facts about the structure that several rules share ---- */

/* Length of a name without the digits at its end: what <character_1> and <character_2> have in common. */
static size_t base_size(const char *name) {
    size_t size = strlen(name);
    while (size && name[size - 1] >= '0' && name[size - 1] <= '9')
        size--;
    return size;
}

static bool near_names(const char *a, const char *b) {
    size_t a_base = base_size(a), b_base = base_size(b);
    if (a_base == b_base && !memcmp(a, b, a_base))
        return true;
    Nearest nearest = nearest_to(a, strlen(a));
    nearest_try(&nearest, b);
    return nearest.best != NULL;
}

/* The unmatched opener near the top of the stack that a closer without partner was probably meant for. */
static int32_t find_mate(const LintCheck *check, const int32_t *stack, size_t depth, const Tag *closer) {
    for (size_t i = 0; i < MATE_DEPTH && i < depth; i++) {
        int32_t index = stack[depth - 1 - i];
        const Tag *opener = &check->scan->tags[index];
        if (opener->partner == SCAN_NONE && check->mates[index] == SCAN_NONE &&
            near_names(closer->name, opener->name))
            return index;
    }
    return SCAN_NONE;
}

/* Replays the scanner's stack to see what was open where a closer found nothing. */
static void find_mates(LintCheck *check) {
    const Scan *scan = check->scan;
    check->mates = must_alloc((scan->tag_count + 1) * sizeof *check->mates);
    int32_t *stack = must_alloc((scan->tag_count + 1) * sizeof *stack);
    size_t depth = 0;
    for (int32_t i = 0; i < (int32_t)scan->tag_count; i++)
        check->mates[i] = SCAN_NONE;
    for (int32_t i = 0; i < (int32_t)scan->tag_count; i++) {
        const Tag *tag = &scan->tags[i];
        if (tag->kind == TAG_OPEN)
            stack[depth++] = i;
        if (tag->kind != TAG_CLOSE)
            continue;
        if (tag->partner != SCAN_NONE) {
            while (stack[--depth] != tag->partner)
                ;
            continue;
        }
        int32_t mate = find_mate(check, stack, depth, tag);
        check->mates[i] = mate;
        if (mate != SCAN_NONE)
            check->mates[mate] = i;
    }
    free(stack);
}

static void survey(LintCheck *check) {
    const Scan *scan = check->scan;
    for (size_t i = 0; i < scan->element_count && !check->structured; i++)
        check->structured = known_places(scan->elements[i].name) != PLACE_NOWHERE;
    check->broken = SIZE_MAX;
    for (size_t i = scan->tag_count; i-- > 0;)
        if (scan->tags[i].kind == TAG_OPEN && scan->tags[i].holds && scan->tags[i].partner == SCAN_NONE)
            check->broken = scan->tags[i].begin;
    find_mates(check);
}

/* ---- the run ---- */

static int compare_findings(const void *a, const void *b) {
    const LintFinding *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1; /* SIZE_MAX, the settings, last */
    return (x->rule > y->rule) - (x->rule < y->rule);
}

void lint_prompt(LintList *list, const char *text, size_t size, const LintFacts *facts) {
    static const LintFacts nothing_known = {0};
    Scan scan;
    scan_text(&scan, text, size);
    lint_done(list);
    LintCheck check = {
        .text = text, .size = size, .scan = &scan, .facts = facts ? facts : &nothing_known, .list = list,
    };
    survey(&check);
    for (const LintRule *rule = LINT_RULES; rule->id; rule++) {
        check.rule = rule;
        rule->check(&check);
        map_done(&check.seen);
        check.seen = (Map){0};
    }
    if (list->count)
        qsort(list->findings, list->count, sizeof *list->findings, compare_findings);
    free(check.mates);
    scan_done(&scan);
}

void lint_done(LintList *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->findings[i].message);
    free(list->findings);
    *list = (LintList){0};
}

/* ---- words for it ---- */

LintLevel lint_worst(const LintList *list) {
    LintLevel worst = LINT_NOTE;
    for (size_t i = 0; i < list->count; i++)
        if (list->findings[i].rule->level > worst)
            worst = list->findings[i].rule->level;
    return worst;
}

const char *lint_level_name(LintLevel level) {
    static const char *const names[] = {[LINT_NOTE] = "note", [LINT_WARN] = "warn", [LINT_ERROR] = "error"};
    return names[level];
}

void lint_message(Buf *out, const LintFinding *finding) {
    buf_text(out, finding->message);
    if (finding->line && finding->count > 1)
        buf_print(out, " (%u:%u, %u times)", finding->line, finding->column, finding->count);
    else if (finding->line)
        buf_print(out, " (%u:%u)", finding->line, finding->column);
}

void lint_format(Buf *out, const LintFinding *finding) {
    static const char *const heads[] = {
        [LINT_NOTE] = "[INFO] Note: ", [LINT_WARN] = "[WARN] ", [LINT_ERROR] = "[ERROR] ",
    };
    buf_text(out, heads[finding->rule->level]);
    lint_message(out, finding);
}

void lint_format_full(Buf *out, const LintFinding *finding) {
    lint_format(out, finding);
    buf_print(out, "  %s: %s", finding->rule->id, finding->rule->cure);
}
