/* recall.h: the text states of the last prompts, so that the same prompt with a new seed does no text work.
 * Kept on the device; the least recently used goes first. */
#pragma once

#include "ops/ops.h"

#define RECALL_MAX 16

typedef struct TextState {
    char *key;            /* Gemma's text, NUL byte, Jina's text; owned */
    size_t key_size;
    Tensor caption;       /* [tokens, caption width] */
    Tensor pooled;        /* [pooled width] */
    int gemma_tokens, gemma_cut; /* read, and cut off by the limit */
    int jina_tokens, jina_cut;
    uint64_t used;        /* age */
} TextState;

typedef struct Recall {
    TextState entry[RECALL_MAX];
    int count;
    uint64_t clock;
} Recall;

/* The state kept under this key, borrowed until the next recall_add; NULL when it is not known. */
const TextState *recall_find(Recall *recall, const void *key, size_t size);

/* Keeps copies of caption and pooled (device memory of its own). Returns the kept entry; NULL with the sticky
 * status set when there is no memory. */
const TextState *recall_add(Recall *recall, Ops *o, const TextState *state);
void recall_clear(Recall *recall, Ops *o);
