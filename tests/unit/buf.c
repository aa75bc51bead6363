/* buf: a growable byte string. */
#include "config.h"

#include <stdlib.h>

#include "base/buf.h"
#include "tests/tap.h"

int main(void) {
    Buf buf = {0};
    CHECK_STR(buf_string(&buf), "", "an empty buffer reads as an empty string");
    buf_text(&buf, "abc");
    buf_byte(&buf, 'd');
    buf_print(&buf, "%d-%s", 42, "x");
    CHECK_STR(buf_string(&buf), "abcd42-x", "text, bytes and prints follow each other");
    buf_add(&buf, "\0z", 2);
    CHECK(buf.size == 10 && memcmp(buf.data, "abcd42-x\0z", 11) == 0, "NUL bytes are kept and a NUL follows");
    buf_truncate(&buf, 3);
    CHECK_STR(buf_string(&buf), "abc", "truncating shortens the string");
    buf_item(&buf, "%d", 7);
    CHECK(buf.size == 5 && !strcmp(buf.data + 3, "7"), "an item ends in a NUL that counts");
    buf_truncate(&buf, 3);
    for (int i = 0; i < 10000; i++)
        buf_print(&buf, "%d,", i);
    CHECK_EQ(buf.size, 3 + 48890, "ten thousand prints are all there");
    CHECK(buf.data[buf.size] == '\0', "a long string ends in NUL");
    char *taken = buf_take(&buf);
    CHECK(strncmp(taken, "abc0,1,2,", 9) == 0 && buf.size == 0 && !buf.data, "taking leaves an empty buffer");
    free(taken);
    taken = buf_take(&buf);
    CHECK_STR(taken, "", "taking from an empty buffer gives an empty string");
    free(taken);
    buf_add(&buf, NULL, 0);
    CHECK_STR(buf_string(&buf), "", "adding nothing is fine");
    buf_done(&buf);

    CHECK(must_copy(NULL) == NULL, "a copy of NULL is NULL");
    char *copy = must_copy_n("abcdef", 3);
    CHECK_STR(copy, "abc", "a copy of three bytes has three bytes");
    free(copy);
    return tap_end();
}
