/* hint.c: see hint.h. The scanner says where the cursor is, the tokenizer of the loaded model how long the
 * prompt would be. */
#include "config.h"

#include "app/hint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/state.h"
#include "base/utf8.h"
#include "prompt/items.h"
#include "prompt/known.h"
#include "prompt/reader.h"

#define PATH_COLUMNS_MAX 24
#define TEXT_COUNTED ((size_t)16 << 10) /* bytes; always above Gemma's 512 tokens */

/* ---- where the cursor is ------------------------------------------------------------------------------- */

/* Copies a path into [HINT_PATH_MAX] bytes; a long one as ".../" and its last name, cut where it must be. */
static void take_path(char *out, const Buf *path) {
    const char *text = buf_string(path), *prefix = "";
    if (utf8_text_width(text, path->size) > PATH_COLUMNS_MAX) {
        const char *slash = strrchr(text, '/');
        prefix = slash ? ".../" : "";
        text = slash ? slash + 1 : text;
    }
    size_t fits = utf8_fit(text, strlen(text), PATH_COLUMNS_MAX - strlen(prefix));
    if (fits > HINT_PATH_MAX - 5)
        fits = 0; /* marks upon marks, in no columns at all */
    snprintf(out, HINT_PATH_MAX, "%s%.*s", prefix, (int)fits, text);
}

/* Appends the names from the outermost opener to `tag`; of deep ones only the last few. */
static void put_chain(Buf *out, const Scan *scan, int32_t tag) {
    int32_t chain[8];
    int depth = 0;
    for (; tag != SCAN_NONE && depth < 8; tag = scan_around(scan, scan->tags[tag].begin))
        chain[depth++] = tag;
    while (depth--) {
        buf_text(out, scan->tags[chain[depth]].name);
        if (depth)
            buf_byte(out, '/');
    }
}

/* The content of an element that holds no others; false when it does, or when its text is no list. */
static bool list_inside(size_t *begin, size_t *end, const Scan *scan, int32_t tag) {
    const Tag *opener = &scan->tags[tag];
    if (!strcmp(opener->name, "caption") || !strcmp(opener->name, "system") ||
        known_inside(opener->name) != PLACE_NOWHERE)
        return false;
    *begin = opener->end;
    if (opener->partner != SCAN_NONE) {
        *end = scan->tags[opener->partner].begin;
        return scan->elements[opener->element].next == opener->element + 1;
    }
    *end = (size_t)tag + 1 < scan->tag_count ? scan->tags[tag + 1].begin : scan->size;
    return true;
}

static HintLevel level_of(const Scan *scan, int32_t tag, size_t attributes) {
    int32_t around = scan_around(scan, scan->tags[tag].begin);
    if (strcmp(scan->tags[tag].name, "appearance") || around == SCAN_NONE ||
        !known_character(scan->tags[around].name) || attributes <= APPEARANCE_SAFE)
        return HINT_FINE;
    return attributes > APPEARANCE_MOST ? HINT_TOO_MANY : HINT_MANY;
}

static void hint_place(Hint *out, const Scan *scan, size_t point) {
    Buf open = {0}, path = {0};
    scan_path(&open, scan, scan->size);
    take_path(out->open, &open);
    int32_t tag = scan_around(scan, point);
    size_t begin, end;
    if (tag != SCAN_NONE) {
        put_chain(&path, scan, tag);
        take_path(out->path, &path);
        if (list_inside(&begin, &end, scan, tag)) {
            ItemList items;
            items_split(&items, scan->text, begin, end);
            out->attributes = items.count;
            items_done(&items);
            out->level = level_of(scan, tag, out->attributes);
        }
    }
    buf_done(&open);
    buf_done(&path);
}

/* ---- how long it is ------------------------------------------------------------------------------------ */

static void hint_tokens(App *app, Hint *out, const char *text, size_t size) {
    const char *system_name, *system_text;
    system_prompt_for(&system_name, &system_text, app, &app->settings, text, size);
    Buf whole = {0};
    size_t counted = size > TEXT_COUNTED ? TEXT_COUNTED : size;
    buf_text(&whole, system_text);
    buf_add(&whole, text, counted);
    TokenList tokens;
    if (!worker_tokens(app->worker, &tokens, TOKENS_GEMMA, buf_string(&whole), whole.size)) {
        out->tokens = tokens.count;
        out->token_limit = GEMMA_LIMIT;
        out->tokens_at_least = counted < size;
        token_list_done(&tokens);
    }
    buf_done(&whole);
}

void app_hint(App *app, Hint *out, const char *text, size_t size, size_t point) {
    *out = (Hint){0};
    size_t line = size && memchr(text, '\n', size) ? 0 : size; /* a command is one line */
    size_t at = line ? reader_command(text, line) : 0;
    if (at) {
        char *word = must_copy_n(text + at, size - at);
        out->is_command = true;
        out->command = command_of(word, SOURCE_TYPED);
        free(word);
    } else if (size) {
        Scan scan;
        scan_text(&scan, text, size);
        hint_place(out, &scan, point < size ? point : size);
        scan_done(&scan);
        if (app->loaded)
            hint_tokens(app, out, text, size);
    }
}
