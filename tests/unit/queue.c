/* queue: nothing is lost between threads, and poll wakes exactly once. */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "base/queue.h"
#include "tests/tap.h"

enum { PRODUCERS = 3, ITEMS = 4000 };

static int wake_bytes(const WakePipe *pipe) {
    char bytes[64];
    ssize_t got = read(pipe->read_end, bytes, sizeof bytes);
    return got < 0 ? 0 : (int)got;
}

static void *produce(void *queue) {
    for (int i = 1; i <= ITEMS; i++)
        queue_push(queue, &i);
    return NULL;
}

static void test_threads(void) {
    Queue *queue = queue_new(sizeof(int), 8, NULL);
    pthread_t threads[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++)
        pthread_create(&threads[i], NULL, produce, queue);
    long long sum = 0;
    for (int i = 0; i < PRODUCERS * ITEMS; i++) {
        int item = 0;
        while (!queue_try_pop(queue, &item))
            sched_yield();
        sum += item;
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(sum, (long long)PRODUCERS * ITEMS * (ITEMS + 1) / 2,
             "three producers lose nothing in a full ring");
    int item;
    CHECK(!queue_try_pop(queue, &item), "what was taken is gone");
    queue_free(queue);
}

/* Returns the queue when its item was taken, NULL when not. */
static void *push_one(void *queue) {
    int item = 2;
    return queue_push(queue, &item) ? queue : NULL;
}

static void test_close(void) {
    Queue *queue = queue_new(sizeof(int), 1, NULL);
    pthread_t thread;
    void *result = queue;
    int item = 1;
    queue_push(queue, &item);
    pthread_create(&thread, NULL, push_one, queue);
    usleep(10000);
    queue_close(queue);
    pthread_join(thread, &result);
    CHECK(result == NULL, "closing wakes who waits for room");
    CHECK(queue_try_pop(queue, &item) && item == 1, "what was taken before can still be had");
    CHECK(!queue_push(queue, &item), "a closed queue takes nothing");
    queue_free(queue);
}

static void test_order(const WakePipe *wake) {
    Queue *queue = queue_new(sizeof(int), 2, wake);
    int item = 1, out = 0;
    CHECK(!queue_try_pop(queue, &out), "an empty queue gives nothing");
    queue_push(queue, &item);
    item = 2;
    CHECK(queue_push(queue, &item), "there is room for two");
    struct pollfd wait = {.fd = wake->read_end, .events = POLLIN};
    CHECK_EQ(poll(&wait, 1, 0), 1, "an item wakes poll");
    CHECK_EQ(wake_bytes(wake), 1, "two items wake once");
    CHECK(queue_try_pop(queue, &out) && out == 1, "the first in is the first out");
    CHECK(queue_try_pop(queue, &out) && out == 2, "then the second");
    CHECK(!queue_try_pop(queue, &out), "then nothing");
    queue_free(queue);
}

static void test_slot(const WakePipe *wake) {
    Slot *slot = slot_new(sizeof(int), wake);
    int item = 1, out = 0;
    CHECK(!slot_take(slot, &out), "a new slot is empty");
    slot_put(slot, &item);
    item = 2;
    slot_put(slot, &item);
    CHECK_EQ(wake_bytes(wake), 1, "two values wake once");
    CHECK(slot_take(slot, &out) && out == 2, "the newest value is taken");
    CHECK(!slot_take(slot, &out), "it is taken once");
    slot_put(slot, &item);
    CHECK_EQ(wake_bytes(wake), 1, "a value after a take wakes again");
    slot_free(slot);
}

int main(void) {
    WakePipe wake;
    CHECK_OK(wake_open(&wake), "a wake pipe opens");
    for (int i = 0; i < 100000; i++)
        wake_signal(&wake);
    CHECK(1, "signalling a full pipe does not block");
    wake_drain(&wake);
    CHECK_EQ(wake_bytes(&wake), 0, "draining empties the pipe");
    test_order(&wake);
    test_slot(&wake);
    test_threads();
    test_close();
    wake_close(&wake);
    queue_free(NULL);
    slot_free(NULL);
    return tap_end();
}
