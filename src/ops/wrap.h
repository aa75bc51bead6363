/* wrap.h: what the decorators share: standing in front of another backend. A decorator's state begins with a
 * Wrap; it brings functions for the ops (made from list.h) and whatever else it wants to see, the rest is
 * passed on. */
#pragma once

#include "ops/backend.h"

typedef struct Wrap {
    const Backend *inner;
    void *inner_state;
    Backend table; /* what o->backend points to meanwhile */
} Wrap;

/* Puts `wrap`, first member of the decorator's state, in front of o's backend: entries that `table` leaves
 * empty are passed on, and a fused op that the inner backend lacks stays a composition. */
void wrap_begin(Ops *o, Wrap *wrap, const Backend *table);

/* Puts the inner backend back; returns the wrap, whose memory is the decorator's. */
Wrap *wrap_end(Ops *o);
