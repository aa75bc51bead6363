/* file: mapping, reading, paths, and writing that never overwrites and never leaves half a file. */
#include "config.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/tap.h"

enum { WRITERS = 2, FILES = 50, LONG = 70000 };

/* Names in a directory other than . and ..; those with `part` in them only. */
static int count_names(const char *directory, const char *part) {
    DIR *entries = opendir(directory);
    int count = 0;
    for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                 strstr(entry->d_name, part) != NULL;
    }
    closedir(entries);
    return count;
}

static void put(const char *path, const char *text) {
    CHECK_OK(file_write(path, text, strlen(text), 0644), path);
}

static void test_map(void) {
    FileMap map;
    put("map.bin", "hello");
    CHECK_OK(file_map(&map, "map.bin"), "a file is mapped");
    CHECK(map.size == 5 && memcmp(map.data, "hello", 5) == 0, "the mapping has the bytes");
    CHECK_STR(map.path, "map.bin", "the mapping knows its path");
    file_map_forget(&map, map.data, map.size);
    CHECK(map.data[0] == 'h', "forgotten bytes are read again");
    file_map_forget(&map, map.data + 4, SIZE_MAX - 4);
    file_unmap(&map);
    put("empty.bin", "");
    CHECK_OK(file_map(&map, "empty.bin"), "an empty file is mapped");
    CHECK(map.size == 0 && map.data == NULL, "an empty mapping has no bytes");
    file_unmap(&map);
    Status st = file_map(&map, "nothing.bin");
    CHECK_STR(st ? st->message : "", "cannot open nothing.bin: No such file or directory",
              "a missing file is named");
    st = file_map(&map, ".");
    CHECK_STR(st ? st->message : "", ". is a directory, not a file", "a directory is refused");
    mkfifo("pipe", 0600);
    st = file_map(&map, "pipe");
    CHECK(st && st->code == ERR_IO, "a named pipe is refused without waiting for its other end");
}

static void test_read(void) {
    Buf text = {0};
    buf_text(&text, "<");
    put("read.txt", "0123456789");
    CHECK_OK(file_read(&text, "read.txt", 10), "a file of just the limit is read");
    CHECK_STR(buf_string(&text), "<0123456789", "what was read is appended");
    Status st = file_read(&text, "read.txt", 9);
    CHECK(st && st->code == ERR_FORMAT, "a larger file is refused");
    CHECK_STR(st ? st->message : "", "read.txt is 10 bytes, at most 9 are read", "both sizes are named");
    CHECK_STR(buf_string(&text), "<0123456789", "a refused file adds nothing");
    buf_done(&text);
}

static void test_write(void) {
    Buf text = {0};
    put("w.txt", "old");
    put("w.txt", "new");
    file_read(&text, "w.txt", 100);
    CHECK_STR(buf_string(&text), "new", "writing replaces");
    buf_truncate(&text, 0);
    CHECK_OK(file_append("w.txt", " and more", 9, 0600), "appending works");
    file_read(&text, "w.txt", 100);
    CHECK_STR(buf_string(&text), "new and more", "appending adds at the end");
    buf_done(&text);
    struct stat facts;
    CHECK_OK(file_write("secret", "x", 1, 0600), "a file is written with a mode");
    CHECK(stat("secret", &facts) == 0 && (facts.st_mode & 0777) == 0600, "the mode is the one asked for");
    Status st = file_write("no/such/dir/x", "x", 1, 0644);
    CHECK(st && st->code == ERR_IO, "a missing directory is an error");
    CHECK_OK(file_write_new("fresh", "x", 1), "a new name is written");
    st = file_write_new("fresh", "y", 1);
    CHECK_STR(st ? st->message : "", "fresh exists", "a name that exists is refused");
    CHECK_EQ(count_names(".", ".part"), 0, "no part files stay behind");
}

static void test_paths(void) {
    static const char *const JOINS[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a//", "b", "a/b"},  {"a", "/b", "/b"},
        {"/", "b", "/b"},  {"", "b", "b"},     {".", "b/c", "./b/c"},
    };
    for (size_t i = 0; i < sizeof JOINS / sizeof *JOINS; i++) {
        char *path = file_join(JOINS[i][0], JOINS[i][1]);
        CHECK_STR(path, JOINS[i][2], "paths are joined with one slash");
        free(path);
    }
    static const char *const DIRECTORIES[][2] = {
        {"a", "."}, {"a/b", "a"}, {"/a", "/"}, {"a/", "a"}, {"", "."}};
    for (size_t i = 0; i < sizeof DIRECTORIES / sizeof *DIRECTORIES; i++) {
        char *path = file_directory(DIRECTORIES[i][0]);
        CHECK_STR(path, DIRECTORIES[i][1], "a path has a directory");
        free(path);
    }
    CHECK_STR(file_name("a/b.png"), "b.png", "a path has a name");
    CHECK_STR(file_name("b.png"), "b.png", "also without a slash");
    CHECK_EQ(file_number("output_012.png", "output_"), 12, "N1: a numbered name has a number");
    CHECK_EQ(file_number("output_12.jpg", "output_"), 0, "N1: another has none");
    CHECK_EQ(file_number("output_.png", "output_"), 0, "N1: nor has one without digits");
    CHECK_OK(file_make_directories("d/e//f/", 0700), "a directory is made with its parents");
    CHECK(file_is_directory("d/e/f") && file_exists("d") && !file_exists("d/x"), "it is there");
    CHECK_OK(file_make_directories("d/e/f", 0700), "an existing directory is fine");
    put("plain", "x");
    CHECK(file_make_directories("plain/g", 0700) != NULL, "a file in the way is an error");
    CHECK(!file_is_directory("plain") && file_exists("plain"), "a file is no directory");
    CHECK(file_free_space(".") > 0 && file_free_space("no/such") == UINT64_MAX,
          "free space is told or unknown");
    CHECK_OK(file_check_writable("d"), "a directory can be tested for writing");
    CHECK_EQ(count_names("d", ""), 1, "the test leaves nothing");
    Status st = file_check_writable("no/such");
    CHECK_STR(st ? st->message : "", "cannot write in no/such: No such file or directory",
              "the directory is named");
}

static void test_numbers(void) {
    int64_t number = -1;
    NumberedFile file;
    file_make_directories("n", 0700);
    CHECK_OK(file_highest_number(&number, "n", "output_"), "an empty directory has a highest number");
    CHECK_EQ(number, 0, "it is 0");
    static const char *const NAMES[] = {"output_007.png",   "output_12.png", "output_.png", "output_5.jpg",
                                        "output_99.png.bak", "xoutput_50.png", "output_-60.png",
                                        "output_99999999999999999999.png", "output_1_2.png"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char *name = file_join("n", NAMES[i]);
        put(name, "");
        free(name);
    }
    file_highest_number(&number, "n", "output_");
    CHECK_EQ(number, 12, "only PREFIX digits .png counts");
    CHECK_OK(file_write_numbered(&file, "n", "output_", "abc", 3), "a numbered file is written");
    CHECK_EQ(file.number, 13, "its number is one more than the highest");
    CHECK_STR(file.path, "n/output_013.png", "numbers have three digits at least");
    free(file.path);
    put("n/output_999.png", "");
    file_write_numbered(&file, "n", "output_", "abc", 3);
    CHECK_STR(file.path, "n/output_1000.png", "999 is followed by 1000");
    free(file.path);
    CHECK(file_highest_number(&number, "no/such", "x") != NULL, "a missing directory is an error");
}

/* Writes FILES pictures of LONG bytes that all hold `letter`. */
static int writer(const char *directory, char letter) {
    static char bytes[LONG];
    memset(bytes, letter, sizeof bytes);
    for (int i = 0; i < FILES; i++) {
        NumberedFile file;
        if (file_write_numbered(&file, directory, "p", bytes, sizeof bytes))
            return 1;
        free(file.path);
    }
    return 0;
}

static void test_two_writers(void) {
    pid_t children[WRITERS];
    file_make_directories("two", 0700);
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(writer("two", (char)('a' + i)));
    }
    int failures = 0, whole = 0, by_letter[WRITERS] = {0};
    for (int i = 0; i < WRITERS; i++) {
        int status;
        waitpid(children[i], &status, 0);
        failures += status != 0;
    }
    CHECK_EQ(failures, 0, "two processes write numbered files into one directory without an error");
    CHECK_EQ(count_names("two", ""), WRITERS * FILES,
             "there are as many files as were written and nothing else");
    for (int i = 1; i <= WRITERS * FILES; i++) {
        char path[32];
        FileMap map;
        snprintf(path, sizeof path, "two/p%03d.png", i);
        if (!file_map(&map, path)) {
            whole += map.size == LONG && memcmp(map.data, map.data + 1, LONG - 1) == 0;
            by_letter[map.size ? map.data[0] - 'a' : 0]++;
            file_unmap(&map);
        }
    }
    CHECK_EQ(whole, WRITERS * FILES, "numbers have no gap and every file is whole");
    CHECK(by_letter[0] == FILES && by_letter[1] == FILES, "neither writer lost a file to the other");
}

/* The file size limit stands in for a full disk: writes stop in the middle. */
static void test_no_room(void) {
    static char bytes[LONG];
    struct rlimit old, small;
    put("keep.txt", "old text\n");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){.rlim_cur = 1000, .rlim_max = old.rlim_max};
    file_make_directories("full", 0700);
    setrlimit(RLIMIT_FSIZE, &small);
    NumberedFile file = {.number = -1};
    Status numbered = file_write_numbered(&file, "full", "p", bytes, sizeof bytes);
    int numbered_failed = numbered && numbered->code == ERR_IO && strstr(numbered->message, "full/p001.png");
    int replaced_failed = file_write("keep.txt", bytes, sizeof bytes, 0644) != NULL;
    int appended_failed = file_append("keep.txt", bytes, sizeof bytes, 0644) != NULL;
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(numbered_failed && file.number == -1 && !file.path,
          "a picture that does not fit is an error that names it");
    CHECK_EQ(count_names("full", ""), 0, "it leaves no part file and no number");
    CHECK(replaced_failed && appended_failed, "a text that does not fit is an error");
    Buf text = {0};
    file_read(&text, "keep.txt", 1 << 20);
    CHECK_STR(buf_string(&text), "old text\n", "the old text is untouched, also by half an appended line");
    buf_done(&text);
}

static void test_full_device(void) {
    if (!file_exists("/dev/full")) {
        SKIP("no space is told with need and free space", "no /dev/full here");
        return;
    }
    Status st = file_append("/dev/full", "abc", 3, 0644);
    CHECK_HAS(st ? st->message : "", "cannot write /dev/full: no space left, 0.0 MiB needed, ",
              "no space is told with need and free space");
}

/* In a child, because root may write everywhere and has to become nobody first. */
static void test_read_only(void) {
    mkdir("locked", 0500);
    mkdir("open", 0700);
    chmod(".", 0755);
    chmod("locked", 0555);
    chmod("open", 0777);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        _exit(file_check_writable("locked") != NULL && file_check_writable("open") == NULL ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0, "a read-only directory is an error, an open one is not");
}

static void test_stale_parts(void) {
    Buf removed = {0};
    struct timeval times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    file_make_directories("stale", 0700);
    put("stale/.newbie-1-0.part", "");
    put("stale/.newbie-2-0.part", "");
    put("stale/other.part", "");
    utimes("stale/.newbie-1-0.part", times);
    utimes("stale/other.part", times);
    file_remove_stale_parts(&removed, "stale", 86400);
    CHECK_STR(buf_string(&removed), ".newbie-1-0.part\n",
              "an old part file is removed and named, nothing else");
    CHECK_EQ(count_names("stale", ""), 2, "a young part file and strange files stay");
    buf_done(&removed);
}

int main(void) {
    char scratch[] = "/tmp/newbie-file-XXXXXX";
    const char *temporary = getenv("TMPDIR");
    char *directory = temporary ? file_join(temporary, "file-XXXXXX") : must_copy(scratch);
    if (!mkdtemp(directory) || chdir(directory) != 0)
        return 1;
    umask(022);
    test_map();
    test_read();
    test_write();
    test_paths();
    test_numbers();
    test_two_writers();
    test_no_room();
    test_full_device();
    test_read_only();
    test_stale_parts();
    free(directory);
    return tap_end();
}
