/* status: faults carry a code, a sentence and a hint, and survive as long as status.h promises. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/status.h"
#include "base/utf8.h"
#include "tests/tap.h"

static Status inner(int broken) {
    return broken ? fail(ERR_FORMAT, "header is %d bytes but the file has only %d", 9, 3) : NULL;
}

static Status outer(int broken) {
    TRY(inner(broken));
    return NULL;
}

static void *fail_elsewhere(void *copy) {
    fault_copy(copy, fail(ERR_MEMORY, "from another thread"));
    return NULL;
}

static void test_ring(void) {
    Status first = fail(ERR_IO, "first");
    for (int i = 0; i < 15; i++)
        fail(ERR_IO, "number %d", i);
    CHECK_STR(first->message, "first", "a fault is readable until 16 more have been made");
    pthread_t thread;
    Fault copy;
    pthread_create(&thread, NULL, fail_elsewhere, &copy);
    pthread_join(thread, NULL);
    CHECK_STR(first->message, "first", "another thread's faults leave this thread's alone");
    Status raised = fault_raise(&copy);
    CHECK_STR(raised->message, "from another thread", "a copied fault can be raised in another thread");
    CHECK_EQ(raised->code, ERR_MEMORY, "a raised fault keeps its code");
    fault_copy(&copy, NULL);
    CHECK(fault_raise(&copy) == NULL, "a copy of success raises success");
}

static void test_long_text(void) {
    char text[4001];
    for (int i = 0; i < 2000; i++)
        memcpy(text + 2 * i, "\xC3\xA9", 2);
    text[4000] = '\0';
    Status st = fail(ERR_USAGE, "x%s", text);
    size_t size = strlen(st->message);
    CHECK(size >= 1990 && size < sizeof st->message, "a sentence that is too long is cut");
    CHECK_EQ(utf8_check(st->message, size), size, "the cut is between characters");
    st = note(st, "y%s", "z");
    CHECK(strncmp(st->message, "yz: x", 5) == 0, "a note stands in front even when there is no room");
    size = strlen(st->message);
    CHECK_EQ(utf8_check(st->message, size), size, "a note cuts the end between characters");
}

int main(void) {
    CHECK(outer(0) == NULL, "TRY goes on after success");
    Status st = outer(1);
    CHECK(st && st->code == ERR_FORMAT, "TRY returns a fault upward");
    CHECK_STR(st->message, "header is 9 bytes but the file has only 3", "the sentence is formatted");
    CHECK(st->line > 0 && strstr(st->file, "status.c"), "a fault knows where it was made");
    st = hint(note(st, "loading %s", "a.bin"), "try %s", "again");
    CHECK_STR(st->message, "loading a.bin: header is 9 bytes but the file has only 3",
              "note puts context in front");
    CHECK_STR(st->hint, "try again", "hint sets the hint");
    CHECK(note(NULL, "x") == NULL && hint(NULL, "x") == NULL, "note and hint leave success alone");
    st = fail(ERR_IO, "again: %s", st->message);
    CHECK_HAS(st->message, "again: loading a.bin", "a sentence may quote an older fault");
    errno = ENOENT;
    st = fail_errno("open %s", "b.bin");
    CHECK_STR(st->message, "cannot open b.bin: No such file or directory", "errno becomes a sentence");
    CHECK_EQ(st->code, ERR_IO, "errno gives an input or output fault");
    CHECK_STR(error_name(ERR_CANCELLED), "cancelled", "codes have names");
    CHECK_STR(error_name((ErrorCode)99), "unknown", "a wrong code has a name too");
    test_ring();
    test_long_text();
    return tap_end();
}
