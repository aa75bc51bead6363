/* file, where the file system has no hard links: link(2) of this program always says so, and where it is told
 * to, renameat2(2) as well, so that each way of product.md N2 is taken. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/tap.h"

static bool no_replace_known = true;

int link(const char *from, const char *to) {
    (void)from, (void)to;
    errno = EPERM;
    return -1;
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    if (!no_replace_known) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
}

static void test_way(const char *directory) {
    NumberedFile file = {0};
    CHECK_OK(file_make_directories(directory, 0700), directory);
    CHECK_OK(file_write_numbered(&file, directory, "p", "one", 3), "a numbered file is written");
    free(file.path);
    CHECK_OK(file_write_numbered(&file, directory, "p", "two", 3), "and the next one");
    CHECK_EQ(file.number, 2, "it has the next number");
    Status st = file_write_new(file.path, "three", 5);
    CHECK(st && strstr(st->message, "exists"), "a name that exists is refused");
    Buf text = {0};
    CHECK_OK(file_read(&text, file.path, 100), "the file is there");
    CHECK_STR(buf_string(&text), "two", "it has its own bytes");
    buf_done(&text);
    free(file.path);
}

int main(void) {
    const char *temporary = getenv("TMPDIR");
    char *directory = file_join(temporary ? temporary : "/tmp", "claim-XXXXXX");
    if (!mkdtemp(directory) || chdir(directory) != 0)
        return 1;
    test_way("rename");
    no_replace_known = false;
    test_way("create");
    free(directory);
    return tap_end();
}
