/* driver.c: runs one fuzz target as an ordinary test.
 *
 * A target is a file fuzz_NAME.c with libFuzzer's entry, LLVMFuzzerTestOneInput. Linked with this driver it
 * becomes a TAP program that runs every file of tests/fuzz/corpus/NAME and then, for a few seconds, mutations
 * of them, under whatever sanitizers the build has. The mutations depend on the seed alone. Linked with
 * clang's -fsanitize=fuzzer instead (`make libfuzzer FUZZ=NAME`) the same target is searched with coverage
 * feedback; what it finds goes into the corpus.
 *
 *   fuzz_NAME                 corpus and mutations; NEWBIE_FUZZ_SECONDS (else 3), NEWBIE_FUZZ_SEED (else 1)
 *   fuzz_NAME FILE...         only these files
 *
 * An input that crashes, or runs longer than 20 seconds, is kept as crash-NAME in the working directory. */
#include "config.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_MAX 65536
#define INPUT_SECONDS 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* What a crash leaves behind must be reachable from a signal handler, which takes no arguments. */
static struct {
    char path[256];
    const uint8_t *data;
    size_t size;
} current;

typedef struct Corpus {
    Buf *files;
    size_t count;
} Corpus;

static void keep_input(void) {
    int fd = open(current.path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0)
        return;
    ssize_t written = write(fd, current.data, current.size);
    (void)written; /* nothing can be done about it while dying */
    close(fd);
}

static void on_signal(int number) {
    keep_input();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_for_crashes(const char *name) {
    snprintf(current.path, sizeof current.path, "crash-%s", name);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], on_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(keep_input);
}

/* The target sees a copy of exactly the right size, so that a sanitizer notices the first byte read behind
 * it. */
static void run(const void *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, bytes, size);
    current.data = copy;
    current.size = size;
    alarm(INPUT_SECONDS);
    LLVMFuzzerTestOneInput(copy, size);
    alarm(0);
    free(copy);
}

static void corpus_read(Corpus *corpus, const char *directory) {
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, NULL, alphasort);
    corpus->files = must_alloc((size_t)(count > 0 ? count : 1) * sizeof *corpus->files);
    for (int i = 0; i < count; i++) {
        char *path = file_join(directory, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && !file_read(&corpus->files[corpus->count], path, INPUT_MAX))
            corpus->count++;
        free(path);
        free(entries[i]);
    }
    free(entries);
}

static void corpus_done(Corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++)
        buf_done(&corpus->files[i]);
    free(corpus->files);
}

/* splitmix64: a small generator whose stream is the same everywhere. */
static uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t random_below(uint64_t *state, size_t limit) {
    return limit ? random_next(state) % limit : 0;
}

static const char *const words[] = {
    "\"", "{", "}", "[", "]", ",", ":", "<", ">", "</", "\\", "\\u0000", "\\ud800", "\n", "\r\n", "\t", " ",
    "  ", "0", "-1", "1e999", "4294967296", "9223372036854775807", "9223372036854775808",
    "18446744073709551615",
    "\xe2\x96\x81", "\xef\xbf\xbd", "\xc3", "\xed\xa0\x80", "\xff", "null", "true", "\"\":", "[[[[[[[[",
    "{\"a\":",
};

static const uint64_t integers[] = {0, 1, 7, 8, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000,
                                    0xffffffff,
                                    (uint64_t)1 << 60, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX};

/* Replaces `removed` bytes at `at` by other bytes. */
static void replace(Buf *buf, size_t at, size_t removed, const void *bytes, size_t count) {
    Buf result = {0};
    buf_add(&result, buf->data, at);
    buf_add(&result, bytes, count);
    buf_add(&result, buf->data + at + removed, buf->size - at - removed);
    buf_done(buf);
    *buf = result;
}

static void mutate_once(Buf *buf, const Corpus *corpus, uint64_t *state) {
    size_t at = random_below(state, buf->size + 1), rest = buf->size - at;
    size_t span = random_below(state, (rest < 32 ? rest : 32) + 1);
    uint64_t value = random_next(state);
    const Buf *other = &corpus->files[random_below(state, corpus->count)];
    const char *word = words[random_below(state, sizeof words / sizeof *words)];
    size_t from = random_below(state, other->size + 1);
    switch (random_below(state, 8)) {
    case 0: /* one bit */
        if (rest)
            buf->data[at] ^= (char)(1 << (value & 7));
        break;
    case 1: /* random bytes over what is there */
        replace(buf, at, span < 8 ? span : 8, &value, span < 8 ? span : 8);
        break;
    case 2: /* an integer in little endian, 1, 2, 4 or 8 bytes */
        if (rest >= 8)
            memcpy(buf->data + at, &integers[value % 16], (size_t)1 << (value >> 8 & 3));
        break;
    case 3: replace(buf, at, span, NULL, 0); break;
    case 4: replace(buf, at, 0, word, strlen(word)); break;
    case 5: replace(buf, at, span, word, strlen(word)); break;
    case 6: replace(buf, at, span, other->data + from, random_below(state, other->size - from + 1)); break;
    default: buf_truncate(buf, value % 16 ? buf->size : at); break;
    }
}

/* One to eight changes to one file of the corpus. */
static void mutate(Buf *out, const Corpus *corpus, uint64_t *state) {
    const Buf *base = &corpus->files[random_below(state, corpus->count)];
    buf_truncate(out, 0);
    buf_add(out, base->data, base->size);
    for (size_t n = random_below(state, 8) + 1; n > 0 && out->size <= INPUT_MAX; n--)
        mutate_once(out, corpus, state);
    if (out->size > INPUT_MAX)
        buf_truncate(out, INPUT_MAX);
}

static long setting(const char *name, long fallback) {
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : fallback;
}

static int run_files(char **paths) {
    for (; *paths; paths++) {
        Buf bytes = {0};
        CHECK_OK(file_read(&bytes, *paths, (size_t)1 << 30), *paths);
        run(bytes.data, bytes.size);
        buf_done(&bytes);
    }
    return tap_end();
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/'), *name = strstr(slash ? slash : argv[0], "fuzz_");
    name = name ? name + strlen("fuzz_") : argv[0];
    watch_for_crashes(name);
    if (argc > 1)
        return run_files(argv + 1);

    char directory[4096], line[200];
    const char *source = getenv("srcdir");
    snprintf(directory, sizeof directory, "%s/tests/fuzz/corpus/%s", source ? source : ".", name);
    Corpus corpus = {0};
    corpus_read(&corpus, directory);
    CHECK(corpus.count > 0, "the corpus is there");
    for (size_t i = 0; i < corpus.count; i++)
        run(corpus.files[i].data, corpus.files[i].size);

    uint64_t state = (uint64_t)setting("NEWBIE_FUZZ_SEED", 1);
    double end = clock_seconds() + (double)setting("NEWBIE_FUZZ_SECONDS", 3);
    size_t count = 0;
    Buf input = {0};
    for (; corpus.count > 0 && clock_seconds() < end; count++) {
        mutate(&input, &corpus, &state);
        run(input.data, input.size);
    }
    snprintf(line, sizeof line, "%s: %zu files and %zu mutations of them did no harm", name, corpus.count,
             count);
    CHECK(corpus.count == 0 || count > 0, line);
    buf_done(&input);
    corpus_done(&corpus);
    return tap_end();
}
