/* loading: matrices larger than the upload ring's units come out the same whoever reads them: one thread or
 * several, from memory or from a file, by way of the card or straight to the host; and a file that cannot be
 * read, a call that fails and a job that is stopped leave the card usable. On the emulated device. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/half.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"

static EmuControl *control;
static const Backend *card;

/* Numbers of a file: enough for two matrices of an odd number of rows, more than a unit each. */
enum { ROWS = 1025, WIDTH = 1032, NUMBERS = 2 * ROWS * WIDTH, BIAS = 2 * ROWS };

typedef struct Source {
    DType type;
    FileMap map;
    char *path;   /* owned */
    void *memory; /* the same bytes, owned */
} Source;

static void must(Status st) {
    if (st) {
        printf("Bail out! %s\n", st->message);
        exit(1);
    }
}

static Source source_of(DType type) {
    Source source = {.type = type, .path = must_copy("/tmp/newbie-test-XXXXXX")};
    size_t bytes = (size_t)(NUMBERS + BIAS) * dtype_size(type);
    source.memory = must_alloc(bytes);
    for (int i = 0; i < NUMBERS + BIAS; i++) {
        float value = (float)((i * 7919LL) % 4099 - 2049) / 1024;
        if (type == DT_F32)
            ((float *)source.memory)[i] = value;
        else
            ((uint16_t *)source.memory)[i] = type == DT_BF16 ? bf16_from_float(value) : f16_from_float(value);
    }
    int file = mkstemp(source.path);
    if (file < 0)
        must(fail_errno("make %s", source.path));
    close(file);
    must(file_write(source.path, source.memory, bytes, 0600));
    must(file_map(&source.map, source.path));
    return source;
}

static void source_done(Source *source) {
    file_unmap(&source->map);
    unlink(source->path);
    free(source->path);
    free(source->memory);
}

typedef enum From { FROM_MEMORY, FROM_FILE } From;

/* Three parts of different sizes, or gate and up, with biases. */
static WeightParts parts_of(const Source *source, WeightKind kind, From from) {
    const char *bytes = from == FROM_FILE ? (const char *)source->map.data : source->memory;
    const int64_t linear[3] = {700, 1, 2 * ROWS - 701}, glu[2] = {ROWS, ROWS};
    const int64_t *rows = kind == WEIGHT_GLU ? glu : linear;
    WeightParts parts = {.kind = kind, .count = kind == WEIGHT_GLU ? 2 : 3};
    size_t size = dtype_size(source->type);
    for (int64_t i = 0, row = 0; i < parts.count; row += rows[i++]) {
        char *matrix = (char *)(uintptr_t)bytes + (size_t)(row * WIDTH) * size;
        char *bias = (char *)(uintptr_t)bytes + (size_t)(NUMBERS + row) * size;
        parts.part[i] = tensor_2d(matrix, source->type, rows[i], WIDTH);
        parts.bias[i] = tensor_1d(bias, source->type, rows[i]);
        parts.file[i] = from == FROM_FILE ? &source->map : NULL;
    }
    return parts;
}

/* The packed block on the host, owned; NULL after an error, which is then o's. */
static char *packed(Ops *o, size_t *bytes, const WeightParts *parts) {
    Weight w;
    weight_pack(o, &w, parts);
    bool there = !ops_status(o);
    if (there && (parts->place == PLACE_HOST) != (w.host != NULL))
        ops_fail(o, fail(ERR_BUG, "the weight is not where it is wanted"));
    weight_send(o, &w);
    char *copy = NULL;
    if (!ops_status(o)) {
        *bytes = w.bytes;
        copy = must_alloc(w.bytes);
        memcpy(copy, w.host, w.bytes);
    }
    weight_free(o, &w);
    return copy;
}

static Ops opened(int threads, Precision precision) {
    Ops o = {0};
    must(ops_open(&o, card, &(BackendOptions){.precision = precision, .threads = threads}));
    return o;
}

static void check_same(const Source *source, WeightKind kind, Precision precision) {
    size_t expected_bytes = 0, bytes = 0;
    Ops one = opened(1, precision), three = opened(3, precision);
    WeightParts parts = parts_of(source, kind, FROM_MEMORY);
    char *expected = packed(&one, &expected_bytes, &parts);
    char sentence[128];
    int wrong = 0;
    for (int way = 0; way < 8; way++) {
        Ops *o = way & 1 ? &three : &one;
        parts = parts_of(source, kind, way & 2 ? FROM_FILE : FROM_MEMORY);
        parts.place = way & 4 ? PLACE_HOST : PLACE_DEVICE;
        char *block = packed(o, &bytes, &parts);
        if (!block)
            printf("# %s\n", ops_status(o)->message);
        wrong += !block || !expected || bytes != expected_bytes || memcmp(block, expected, bytes) != 0;
        free(block);
    }
    snprintf(sentence, sizeof sentence, "%s, %s of %s: one thread or three, memory or file, card or host",
             precision_name(precision), kind == WEIGHT_GLU ? "gate and up" : "three parts",
             dtype_name(source->type));
    CHECK_EQ(wrong, 0, sentence);
    free(expected);
    card->close(one.state);
    card->close(three.state);
}

/* The file becomes shorter than when it was mapped: reading it must not end the program. */
static void check_short_file(Source *source) {
    Ops o = opened(3, PRECISION_BF16);
    size_t bytes;
    WeightParts parts = parts_of(source, WEIGHT_GLU, FROM_FILE);
    CHECK(!truncate(source->path, NUMBERS), "a file loses its second half while it is open");
    for (int place = 0; place < 2; place++) {
        parts.place = (WeightPlace)place;
        parts.bias[0] = parts.bias[1] = NO_TENSOR;
        CHECK(!packed(&o, &bytes, &parts), "a matrix of it cannot be loaded");
        Status st = ops_status(&o);
        CHECK_EQ(st ? st->code : ERR_NONE, ERR_IO, "which is told as an error of the file");
        CHECK_HAS(st ? st->message : "", "has become shorter: it ends before byte", "in these words");
        ops_clear(&o);
    }
    parts = parts_of(source, WEIGHT_GLU, FROM_MEMORY);
    char *block = packed(&o, &bytes, &parts);
    CHECK(block != NULL, "and the next matrix loads");
    free(block);
    card->close(o.state);
}

static uint64_t free_bytes(Ops *o) {
    MemInfo info;
    ops_mem_info(o, &info);
    return info.free;
}

/* Three matrices of 4.04 MiB on a card that gives pages of 2 MiB. */
static void check_pieces(const Source *source) {
    enum { COUNT = 3, MIB = 1 << 20 };
    Ops o = opened(1, PRECISION_BF16);
    Weight w[COUNT];
    WeightParts parts = parts_of(source, WEIGHT_GLU, FROM_MEMORY);
    uint64_t before = free_bytes(&o);
    for (int shared = 0; shared < 2; shared++) {
        weight_pack(&o, &w[0], &parts);
        size_t bytes = w[0].bytes;
        weight_free(&o, &w[0]);
        ops_share(&o, shared ? COUNT * (bytes + WEIGHT_ALIGNMENT) : 0);
        for (int i = 0; i < COUNT; i++)
            weight_pack(&o, &w[i], &parts);
        ops_share(&o, 0);
        CHECK_EQ((before - free_bytes(&o)) / MIB, shared ? 14 : 18,
                 shared ? "in one piece they waste less than a page" : "each by itself wastes most of one");
        weight_free(&o, &w[1]);
        weight_send(&o, &w[0]);
        CHECK_EQ((before - free_bytes(&o)) / MIB, shared ? 14 : 6,
                 "a piece stays as long as a part of it is used");
        weight_free(&o, &w[0]);
        weight_free(&o, &w[2]);
        CHECK_EQ(before - free_bytes(&o), 0, "and goes back with the last one");
    }
    ops_share(&o, 1 << 20);
    CHECK_EQ(before - free_bytes(&o), 2 * MIB, "a piece is taken when it is asked for");
    ops_share(&o, 0);
    CHECK_EQ(before - free_bytes(&o), 0, "and goes back when nothing came");
    CHECK_OK(ops_status(&o), "all of that without an error");
    card->close(o.state);
}

/* Where nothing can be pinned, ordinary memory does. */
static void check_unpinned(const Source *source) {
    Ops o = opened(1, PRECISION_BF16);
    size_t expected_bytes, bytes;
    WeightParts parts = parts_of(source, WEIGHT_LINEAR, FROM_FILE);
    char *expected = packed(&o, &expected_bytes, &parts);
    parts.place = PLACE_HOST;
    control->calls = 0;
    control->fail_at = 1;
    Weight w;
    weight_pack(&o, &w, &parts);
    CHECK_EQ(control->calls, 1, "memory for a weight that will visit the card cannot be pinned");
    control->fail_at = 0;
    CHECK(w.host && !memcmp(w.host, expected, expected_bytes), "it is in ordinary memory then");
    weight_fetch(&o, &w);
    ops_sync(&o);
    weight_forget_host(&o, &w);
    CHECK(w.packed && !w.host, "from where it comes to the card");
    weight_send(&o, &w);
    bytes = w.bytes;
    CHECK(w.host && bytes == expected_bytes && !memcmp(w.host, expected, bytes), "as it was");
    CHECK_OK(ops_status(&o), "all of that without an error");
    weight_free(&o, &w);
    free(expected);
    card->close(o.state);
}

static bool stopped(void *context) {
    return --*(int *)context < 0;
}

static void check_stop(const Source *source) {
    Ops o = opened(3, PRECISION_BF16);
    size_t bytes;
    int asked = 1;
    WeightParts parts = parts_of(source, WEIGHT_LINEAR, FROM_FILE);
    o.cancelled = stopped;
    o.cancelled_context = &asked;
    CHECK(!packed(&o, &bytes, &parts), "loading can be stopped");
    CHECK_EQ(ops_status(&o)->code, ERR_CANCELLED, "as a stop, not as a failure");
    o.cancelled = NULL;
    ops_clear(&o);
    char *block = packed(&o, &bytes, &parts);
    CHECK(block != NULL, "after which the next matrix loads");
    free(block);
    card->close(o.state);
}

/* Every runtime call of a load fails once. */
static void check_failing(const Source *source) {
    size_t bytes, expected_bytes;
    WeightParts parts = parts_of(source, WEIGHT_GLU, FROM_FILE);
    Ops o = opened(3, PRECISION_BF16);
    char *expected = packed(&o, &expected_bytes, &parts);
    control->calls = 0;
    free(packed(&o, &bytes, &parts));
    int64_t calls = control->calls;
    int wrong = 0, failed = 0;
    for (int64_t n = 1; n <= calls; n++) {
        control->calls = 0;
        control->fail_at = n;
        char *block = packed(&o, &bytes, &parts);
        control->fail_at = 0;
        failed += !block;
        wrong += block && memcmp(block, expected, bytes) != 0;
        free(block);
        ops_clear(&o);
        block = packed(&o, &bytes, &parts);
        wrong += !block || memcmp(block, expected, bytes) != 0;
        free(block);
    }
    printf("# %lld calls, %d failures\n", (long long)calls, failed);
    CHECK_EQ(wrong, 0, "whichever call fails, the next load is as ever");
    CHECK(failed > 0, "and failures are noticed");
    free(expected);
    card->close(o.state);
}

int main(void) {
    control = emulated_open(&card);
    if (!control) {
        printf("ok 1 - loading # SKIP this build has no emulated CUDA module\n1..1\n");
        return 0;
    }
    static const DType TYPES[] = {DT_BF16, DT_F32, DT_F16};
    for (int i = 0; i < 3; i++) {
        Source source = source_of(TYPES[i]);
        check_same(&source, WEIGHT_LINEAR, PRECISION_BF16);
        check_same(&source, WEIGHT_GLU, PRECISION_BF16);
        if (TYPES[i] == DT_F32)
            check_same(&source, WEIGHT_GLU, PRECISION_F32);
        if (TYPES[i] == DT_BF16) {
            check_pieces(&source);
            check_unpinned(&source);
            check_stop(&source);
            check_failing(&source);
            check_short_file(&source);
        }
        source_done(&source);
    }
    CHECK_EQ(control->held, 0, "nothing stays on the card");
    CHECK_EQ(control->objects, 0, "nor in the runtime");
    return tap_end();
}
