/* stream.c: see stream.h. */
#include "config.h"

#include "model/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Two rings are alive at once at most: the layers of a run, and what is needed once per prompt. Each slot
 * has two events. */
static int event_of(const Stream *s, int slot, int which) {
    int ring = s->of.group == GROUP_LAYERS ? 0 : 1;
    return (ring * STREAM_SLOTS + slot) * 2 + which;
}
enum { LOADED, FREE };
_Static_assert(2 * 2 * STREAM_SLOTS <= EVENT_SETTLED, "events for two rings");

static size_t aligned(size_t bytes) {
    return (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

/* Bytes of one layer in a slot. */
static size_t layer_bytes(const StreamLayers *of, int64_t index) {
    const char *layer = (const char *)of->layers + (size_t)index * of->size;
    Weight *weight[WEIGHTS_PER_ROW];
    size_t bytes = 0;
    for (int r = 0; r < of->row_count; r++)
        for (int i = weights_of_row(weight, (char *)layer, &of->rows[r], of->group); i > 0; i--)
            bytes += aligned(weight[i - 1]->bytes);
    return bytes;
}

/* Copies the next layer into its slot, as soon as the slot is free. */
static void copy_next(Stream *s, Ops *o) {
    int slot = (int)(s->copied % s->slots);
    char *layer = s->copy[slot], *to = tensor_rows(s->memory, slot, 1).data;
    memcpy(layer, (const char *)s->of.layers + (size_t)(s->copied % s->of.count) * s->of.size, s->of.size);
    ops_event_wait(o, event_of(s, slot, FREE), STREAM_COPY);
    Weight *weight[WEIGHTS_PER_ROW];
    for (int r = 0; r < s->of.row_count; r++) {
        int count = weights_of_row(weight, layer, &s->of.rows[r], s->of.group);
        for (int i = 0; i < count; i++) {
            ops_prefetch(o, to, weight[i]->host, weight[i]->bytes);
            *weight[i] = weight_at(weight[i], to);
            to += aligned(weight[i]->bytes);
        }
    }
    ops_event_mark(o, event_of(s, slot, LOADED), STREAM_COPY);
    s->copied++;
}

void stream_begin(Stream *s, Ops *o, const StreamLayers *layers) {
    *s = (Stream){.of = *layers};
    if (!(o->streamed & layers->group) || ops_status(o))
        return;
    size_t largest = 0;
    for (int64_t i = 0; i < layers->count; i++) {
        size_t bytes = layer_bytes(layers, i);
        largest = bytes > largest ? bytes : largest;
    }
    int64_t most = layers->group == GROUP_LAYERS ? STREAM_SLOTS : STREAM_SLOTS_ONCE;
    int64_t slots = layers->uses < most ? layers->uses : most;
    s->memory = ops_new(o, DT_U8, 2, (int64_t[]){slots, (int64_t)largest});
    if (ops_status(o))
        return;
    s->slots = (int)slots;
    for (int i = 0; i < s->slots; i++) {
        s->copy[i] = must_alloc(layers->size);
        /* what was asked for so far may still use this memory */
        ops_event_mark(o, event_of(s, i, FREE), STREAM_COMPUTE);
        copy_next(s, o);
    }
}

const void *stream_layer(Stream *s, Ops *o, int64_t index) {
    if (!s->slots)
        return (const char *)s->of.layers + (size_t)index * s->of.size;
    assert(index == s->given % s->of.count);
    if (s->given > 0) {
        ops_event_mark(o, event_of(s, (int)((s->given - 1) % s->slots), FREE), STREAM_COMPUTE);
        if (s->copied < s->of.uses)
            copy_next(s, o);
    }
    if (s->copied == s->given) /* asked for more often than was said */
        copy_next(s, o);
    int slot = (int)(s->given++ % s->slots);
    ops_event_wait(o, event_of(s, slot, LOADED), STREAM_COMPUTE);
    return s->copy[slot];
}

void stream_end(Stream *s, Ops *o) {
    for (int i = 0; i < s->slots; i++) {
        ops_event_wait(o, event_of(s, i, LOADED), STREAM_COMPUTE);
        free(s->copy[i]);
    }
    *s = (Stream){0};
}
