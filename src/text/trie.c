/* trie.c: a trie laid out level by level from sorted keys. */
#include "config.h"

#include "text/trie.h"

#include <stdlib.h>
#include <string.h>

/* While building: the keys below a node, and how many bytes of them lead to it. */
typedef struct Range {
    uint32_t begin, end, depth;
} Range;

static int by_text(const void *a, const void *b) {
    const TrieKey *left = a, *right = b;
    int order = memcmp(left->text, right->text, left->size < right->size ? left->size : right->size);
    if (!order)
        order = (left->size > right->size) - (left->size < right->size);
    return order ? order : (left->value > right->value) - (left->value < right->value);
}

/* Gives node `index` its value and its children, one for every byte that occurs behind it. Returns how many
 * nodes there are then. */
static size_t add_children(TrieNode *nodes, Range *ranges, size_t count, size_t index, const TrieKey *keys) {
    Range range = ranges[index];
    TrieNode *node = &nodes[index];
    if (range.begin < range.end && keys[range.begin].size == range.depth)
        node->value = keys[range.begin].value;
    while (range.begin < range.end && keys[range.begin].size == range.depth)
        range.begin++;
    node->first = (uint32_t)count;
    for (uint32_t i = range.begin, begin; i < range.end;) {
        uint8_t label = (uint8_t)keys[i].text[range.depth];
        for (begin = i; i < range.end && (uint8_t)keys[i].text[range.depth] == label;)
            i++;
        nodes[count] = (TrieNode){.label = label, .value = -1};
        ranges[count++] = (Range){begin, i, range.depth + 1};
        node->count++;
    }
    return count;
}

Status trie_build(Trie *trie, TrieKey *keys, size_t count) {
    size_t limit = 1, nodes = 1;
    *trie = (Trie){0};
    for (size_t i = 0; i < count; i++)
        limit += keys[i].size;
    trie->nodes = limit < UINT32_MAX ? malloc(limit * sizeof *trie->nodes) : NULL;
    Range *ranges = trie->nodes ? malloc(limit * sizeof *ranges) : NULL;
    if (!ranges) {
        trie_done(trie);
        return fail(ERR_MEMORY, "no memory for a table of %zu pieces", count);
    }
    qsort(keys, count, sizeof *keys, by_text);
    trie->nodes[0] = (TrieNode){.value = -1};
    ranges[0] = (Range){0, (uint32_t)count, 0};
    for (size_t i = 0; i < nodes; i++)
        nodes = add_children(trie->nodes, ranges, nodes, i, keys);
    free(ranges);
    for (uint32_t i = 0; i < trie->nodes[0].count; i++)
        trie->root[trie->nodes[trie->nodes[0].first + i].label] = trie->nodes[0].first + i;
    return NULL;
}

void trie_done(Trie *trie) {
    free(trie->nodes);
    *trie = (Trie){0};
}

uint32_t trie_step(const Trie *trie, uint32_t node, unsigned char byte) {
    if (!node)
        return trie->root[byte];
    uint32_t low = trie->nodes[node].first, end = low + trie->nodes[node].count, high = end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (trie->nodes[middle].label < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && trie->nodes[low].label == byte ? low : 0;
}

size_t trie_longest(const Trie *trie, const char *text, size_t size, int32_t *value) {
    size_t longest = 0;
    uint32_t node = 0;
    for (size_t i = 0; i < size; i++) {
        node = trie_step(trie, node, (unsigned char)text[i]);
        if (!node)
            break;
        if (trie->nodes[node].value >= 0) {
            longest = i + 1;
            if (value)
                *value = trie->nodes[node].value;
        }
    }
    return longest;
}
