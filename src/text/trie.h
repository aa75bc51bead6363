/* text/trie.h: byte strings by their beginnings, for "which pieces start here". Internal to the room.
 *
 * Built once from a list, read-only afterwards. The children of a node stand side by side in order of their
 * bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct TrieKey {
    const char *text; /* [size], borrowed while building */
    uint32_t size;    /* at least 1 */
    int32_t value;    /* 0 or more */
} TrieKey;

typedef struct TrieNode {
    uint32_t first;  /* index of the first child */
    uint16_t count;  /* children */
    uint8_t label;   /* the byte that leads here */
    int32_t value;   /* of the key that ends here; -1 when none does */
} TrieNode;

typedef struct Trie {
    TrieNode *nodes;    /* owned; node 0 is the root. NULL in an empty trie, which matches nothing */
    uint32_t root[256]; /* children of the root; 0 where there is none */
} Trie; /* zeroed = empty and valid */

/* Sorts keys [count] in place and builds. Of equal keys the one with the smallest value stays.
 * Errors: ERR_MEMORY; *trie is then empty. */
Status trie_build(Trie *trie, TrieKey *keys, size_t count);
void trie_done(Trie *trie);

/* The child of `node` along `byte`; 0 when there is none. Start with node 0. */
uint32_t trie_step(const Trie *trie, uint32_t node, unsigned char byte);

/* Bytes of the longest key that text [size] begins with, and its value; 0 when none does. value may be
 * NULL. */
size_t trie_longest(const Trie *trie, const char *text, size_t size, int32_t *value);
