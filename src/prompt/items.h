/* prompt/items.h: the comma lists inside elements. Items are split at "," "，" "、" and trimmed, empty ones do
 * not count, and a comma inside parentheses that close again does not split (product.md 9.1). */
#pragma once

#include <stddef.h>

typedef struct Item {
    const char *text;  /* borrowed from the split text, not NUL-terminated */
    size_t size;
    size_t offset;     /* of `text` in the text given */
} Item;

typedef struct ItemList {
    Item *items;       /* owned */
    size_t count;
} ItemList;

/* Splits text[begin, end); offsets are those of `text`. */
void items_split(ItemList *out, const char *text, size_t begin, size_t end);

/* Splits at white space and at the same commas: words of a caption. */
void items_words(ItemList *out, const char *text, size_t begin, size_t end);

void items_done(ItemList *list);
