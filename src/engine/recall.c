/* recall.c: a handful of text states in device memory; a scan finds one, the oldest makes room. */
#include "config.h"

#include "engine/recall.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

const TextState *recall_find(Recall *recall, const void *key, size_t size) {
    for (int i = 0; i < recall->count; i++) {
        TextState *entry = &recall->entry[i];
        if (entry->key_size == size && !memcmp(entry->key, key, size)) {
            entry->used = ++recall->clock;
            return entry;
        }
    }
    return NULL;
}

static size_t tensor_bytes(Tensor t) {
    return t.data ? (size_t)tensor_count(t) * dtype_size(t.type) : 0;
}

static void entry_done(TextState *entry, Ops *o) {
    ops_mem_free(o, entry->caption.data, tensor_bytes(entry->caption));
    ops_mem_free(o, entry->pooled.data, tensor_bytes(entry->pooled));
    free(entry->key);
    *entry = (TextState){0};
}

static TextState *oldest(Recall *recall) {
    TextState *found = &recall->entry[0];
    for (int i = 1; i < recall->count; i++)
        if (recall->entry[i].used < found->used)
            found = &recall->entry[i];
    return found;
}

static Tensor keep(Ops *o, Tensor from) {
    Tensor copy = from;
    copy.data = ops_mem_alloc(o, tensor_bytes(from));
    ops_copy(o, copy, from);
    return copy;
}

const TextState *recall_add(Recall *recall, Ops *o, const TextState *state) {
    TextState *entry = recall->count < RECALL_MAX ? &recall->entry[recall->count++] : oldest(recall);
    entry_done(entry, o);
    *entry = *state;
    entry->key = must_copy_n(state->key, state->key_size);
    entry->caption = keep(o, state->caption);
    entry->pooled = keep(o, state->pooled);
    entry->used = ++recall->clock;
    if (!ops_status(o))
        return entry;
    entry_done(entry, o); /* a half-kept state must not be found again */
    *entry = recall->entry[--recall->count];
    recall->entry[recall->count] = (TextState){0};
    return NULL;
}

void recall_clear(Recall *recall, Ops *o) {
    for (int i = 0; i < recall->count; i++)
        entry_done(&recall->entry[i], o);
    *recall = (Recall){0};
}
