/* queue.h: the two ways threads meet, and nothing else does: a bounded ring of items that must not be lost,
 * and a latest-value slot that may be overwritten. Either writes one byte into a pipe when it goes from empty
 * to not empty, so that poll(2) wakes exactly once. architecture.md 8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Both ends are non-blocking and close-on-exec. */
typedef struct WakePipe {
    int read_end, write_end;
} WakePipe;

Status wake_open(WakePipe *pipe);
void wake_signal(const WakePipe *pipe); /* async-signal-safe */
void wake_drain(const WakePipe *pipe);
void wake_close(WakePipe *pipe);

/* A bounded first-in first-out queue of items of one size, copied in and out. */
typedef struct Queue Queue;

/* wake may be NULL; borrowed, signalled when the queue becomes non-empty. */
Queue *queue_new(size_t item_size, size_t capacity, const WakePipe *wake);
void queue_free(Queue *queue);

/* Waits while full. Returns false when the queue was closed (the item is then not taken). */
bool queue_push(Queue *queue, const void *item);
bool queue_try_pop(Queue *queue, void *item);        /* false when empty; never waits, also after closing */
void queue_close(Queue *queue);                      /* wakes every waiter */

/* The newest value of one size; older ones are overwritten. */
typedef struct Slot Slot;

Slot *slot_new(size_t item_size, const WakePipe *wake);
void slot_free(Slot *slot);
void slot_put(Slot *slot, const void *item);
bool slot_take(Slot *slot, void *item); /* false when nothing new since the last take */
