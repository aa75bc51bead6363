/* queue.c: see queue.h. One mutex each: a few hundred operations a second need nothing cleverer. */
#include "config.h"

#include "base/queue.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

Status wake_open(WakePipe *pipe) {
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return fail_errno("make a pipe");
    *pipe = (WakePipe){.read_end = ends[0], .write_end = ends[1]};
    return NULL;
}

void wake_signal(const WakePipe *pipe) {
    int saved = errno;
    /* A full pipe is fine: whoever polls will wake. */
    ssize_t ignored = write(pipe->write_end, "", 1);
    (void)ignored;
    errno = saved;
}

void wake_drain(const WakePipe *pipe) {
    char bytes[64];
    while (read(pipe->read_end, bytes, sizeof bytes) > 0) {
    }
}

void wake_close(WakePipe *pipe) {
    close(pipe->read_end);
    close(pipe->write_end);
    *pipe = (WakePipe){.read_end = -1, .write_end = -1};
}

struct Queue {
    pthread_mutex_t lock;
    pthread_cond_t not_full;
    const WakePipe *wake;
    size_t item_size, capacity, first, count;
    bool closed;
    char *items; /* [capacity, item_size] */
};

Queue *queue_new(size_t item_size, size_t capacity, const WakePipe *wake) {
    assert(item_size > 0 && capacity > 0 && capacity <= SIZE_MAX / item_size);
    Queue *queue = must_alloc(sizeof *queue);
    queue->wake = wake;
    queue->item_size = item_size;
    queue->capacity = capacity;
    queue->items = must_alloc(item_size * capacity);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->not_full, NULL);
    return queue;
}

void queue_free(Queue *queue) {
    if (!queue)
        return;
    pthread_cond_destroy(&queue->not_full);
    pthread_mutex_destroy(&queue->lock);
    free(queue->items);
    free(queue);
}

static char *item_at(Queue *queue, size_t index) {
    return queue->items + (queue->first + index) % queue->capacity * queue->item_size;
}

bool queue_push(Queue *queue, const void *item) {
    pthread_mutex_lock(&queue->lock);
    while (!queue->closed && queue->count == queue->capacity)
        pthread_cond_wait(&queue->not_full, &queue->lock);
    bool open = !queue->closed;
    if (open) {
        memcpy(item_at(queue, queue->count), item, queue->item_size);
        queue->count++;
        if (queue->count == 1 && queue->wake)
            wake_signal(queue->wake);
    }
    pthread_mutex_unlock(&queue->lock);
    return open;
}

bool queue_try_pop(Queue *queue, void *item) {
    pthread_mutex_lock(&queue->lock);
    bool there = queue->count > 0;
    if (there) {
        memcpy(item, item_at(queue, 0), queue->item_size);
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        pthread_cond_signal(&queue->not_full);
    }
    pthread_mutex_unlock(&queue->lock);
    return there;
}

void queue_close(Queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_full);
    pthread_mutex_unlock(&queue->lock);
}

struct Slot {
    pthread_mutex_t lock;
    const WakePipe *wake;
    size_t item_size;
    bool filled;
    char *item;
};

Slot *slot_new(size_t item_size, const WakePipe *wake) {
    Slot *slot = must_alloc(sizeof *slot);
    slot->wake = wake;
    slot->item_size = item_size;
    slot->item = must_alloc(item_size);
    pthread_mutex_init(&slot->lock, NULL);
    return slot;
}

void slot_free(Slot *slot) {
    if (!slot)
        return;
    pthread_mutex_destroy(&slot->lock);
    free(slot->item);
    free(slot);
}

void slot_put(Slot *slot, const void *item) {
    pthread_mutex_lock(&slot->lock);
    memcpy(slot->item, item, slot->item_size);
    if (!slot->filled && slot->wake)
        wake_signal(slot->wake);
    slot->filled = true;
    pthread_mutex_unlock(&slot->lock);
}

bool slot_take(Slot *slot, void *item) {
    pthread_mutex_lock(&slot->lock);
    bool fresh = slot->filled;
    if (fresh) {
        memcpy(item, slot->item, slot->item_size);
        slot->filled = false;
    }
    pthread_mutex_unlock(&slot->lock);
    return fresh;
}
