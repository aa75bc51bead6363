/* items.c: splitting values into items and captions into words. Facts: product.md 9.1. */
#include "config.h"

#include "prompt/items.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of the comma that stands here: one of "," "，" "、"; 0 when there is none. */
static size_t comma_size(const char *text, size_t size) {
    static const char *const commas[] = {",", "，", "、"};
    for (size_t i = 0; i < sizeof commas / sizeof *commas; i++) {
        size_t length = strlen(commas[i]);
        if (size >= length && !memcmp(text, commas[i], length))
            return length;
    }
    return 0;
}

static void add_item(ItemList *list, const char *text, size_t begin, size_t end) {
    while (begin < end && is_space(text[begin]))
        begin++;
    while (end > begin && is_space(text[end - 1]))
        end--;
    if (begin == end)
        return;
    if ((list->count & (list->count - 1)) == 0) /* full at 0, 1, 2, 4, 8 ... */
        list->items = must_realloc(list->items, (list->count ? list->count * 2 : 1) * sizeof *list->items);
    list->items[list->count++] = (Item){text + begin, end - begin, begin};
}

/* Marks the "(" of text[begin, end) that have a ")": seen from the right, one that finds a ")" still free. */
static bool *closing_parentheses(const char *text, size_t begin, size_t end) {
    if (!memchr(text + begin, '(', end - begin))
        return NULL;
    bool *closes = must_alloc((end - begin) * sizeof *closes);
    size_t free_closers = 0;
    for (size_t i = end; i-- > begin;) {
        if (text[i] == ')') {
            free_closers++;
        } else if (text[i] == '(' && free_closers) {
            free_closers--;
            closes[i - begin] = true;
        }
    }
    return closes;
}

void items_split(ItemList *out, const char *text, size_t begin, size_t end) {
    *out = (ItemList){0};
    if (begin == end)
        return;
    bool *closes = closing_parentheses(text, begin, end);
    size_t depth = 0, first = begin;
    for (size_t i = begin; i < end; i++) {
        if (text[i] == '(' && closes && closes[i - begin])
            depth++;
        else if (text[i] == ')' && depth)
            depth--;
        size_t comma = depth ? 0 : comma_size(text + i, end - i);
        if (!comma)
            continue;
        add_item(out, text, first, i);
        first = i + comma;
        i = first - 1;
    }
    add_item(out, text, first, end);
    free(closes);
}

void items_words(ItemList *out, const char *text, size_t begin, size_t end) {
    *out = (ItemList){0};
    size_t first = begin;
    for (size_t i = begin; i < end; i++) {
        size_t gap = is_space(text[i]) ? 1 : comma_size(text + i, end - i);
        if (!gap)
            continue;
        add_item(out, text, first, i);
        first = i + gap;
        i = first - 1;
    }
    add_item(out, text, first, end);
}

void items_done(ItemList *list) {
    free(list->items);
    *list = (ItemList){0};
}
