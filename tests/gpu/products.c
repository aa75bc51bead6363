/* products: what the card keeps about matrix products. More shapes than there are places for are all right
 * and all given back; the winner of a contest is written to a file, and the next session does as the file
 * says. On the emulated card, whose candidates are equally fast and of which one cannot do it. */
#include "config.h"

#include <stdlib.h>

#include "base/file.h"
#include "ops/ops.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"

enum { WIDTH = 16, ROWS_MAX = 300, BYTES = ROWS_MAX * WIDTH * 2 /* of bf16 */ };

static const Backend *card;
static EmuControl *control;
static char file[512];

typedef struct Bench {
    Ops o;
    Weight w;
    Tensor x, y;
} Bench;

/* x and w are all ones, so each number of y is WIDTH. */
static void bench_open(Bench *b) {
    static float ones[ROWS_MAX * WIDTH];
    for (int i = 0; i < ROWS_MAX * WIDTH; i++)
        ones[i] = 1;
    *b = (Bench){0};
    CHECK_OK(ops_open(&b->o, card, &(BackendOptions){.precision = PRECISION_BF16}), "a card opens");
    WeightParts parts = {.kind = WEIGHT_LINEAR, .count = 1};
    parts.part[0] = tensor_2d(ones, DT_F32, WIDTH, WIDTH);
    weight_pack(&b->o, &b->w, &parts);
    b->x = tensor_2d(ops_mem_alloc(&b->o, BYTES), DT_BF16, ROWS_MAX, WIDTH);
    b->y = tensor_2d(ops_mem_alloc(&b->o, BYTES), DT_BF16, ROWS_MAX, WIDTH);
    ops_upload(&b->o, b->x, ones);
}

static void bench_close(Bench *b) {
    ops_mem_free(&b->o, b->x.data, BYTES);
    ops_mem_free(&b->o, b->y.data, BYTES);
    weight_free(&b->o, &b->w);
    card->close(b->o.state);
}

/* True when a product of that many rows is right. */
static bool right(Bench *b, int rows) {
    float numbers[ROWS_MAX * WIDTH];
    Tensor y = tensor_rows(b->y, 0, rows);
    ops_fill(&b->o, y, 0);
    op_linear(&b->o, y, tensor_rows(b->x, 0, rows), &b->w, (LinearHow){0});
    ops_download(&b->o, numbers, y);
    bool good = !ops_status(&b->o);
    for (int i = 0; good && i < rows * WIDTH; i++)
        good = numbers[i] == WIDTH;
    return good;
}

static void test_many_shapes(void) {
    Bench b;
    int wrong = 0;
    bench_open(&b);
    for (int again = 0; again < 2; again++)
        for (int rows = 1; rows <= ROWS_MAX; rows++)
            wrong += !right(&b, rows);
    CHECK_EQ(wrong, 0, "300 shapes are more than are kept, and all are right, also when they come back");
    CHECK(control->objects < 5 * ROWS_MAX, "those that made way have given back what they held");
    bench_close(&b);
    CHECK_EQ(control->objects, 0, "and closing gives back the rest");
    CHECK_EQ(control->held, 0, "memory, too");
}

static Buf written(void) {
    Buf text = {0};
    Status st = file_read(&text, file, 1 << 20);
    if (st)
        printf("# %s\n", st->message);
    return text;
}

static void rewrite(const char *text, size_t size, const char *more) {
    FILE *out = fopen(file, "w");
    assert(out);
    fwrite(text, 1, size, out);
    fputs(more, out);
    fclose(out);
}

/* The sentence of a first product when the file is what it is now; "" when it is right. */
static const char *first_product(void) {
    static char said[2100];
    Bench b;
    bench_open(&b);
    bool good = right(&b, 5);
    Status st = ops_status(&b.o);
    snprintf(said, sizeof said, "%s", st ? st->message : good ? "" : "wrong numbers");
    ops_clear(&b.o);
    bench_close(&b);
    return said;
}

static void test_file(void) {
    remove(file);
    CHECK_STR(first_product(), "", "a contest is held and won by one that can do it");
    Buf line = written();
    CHECK_HAS(buf_string(&line), "emulated card, cuBLASLt ",
              "the winner is written down, with card and library");
    CHECK_HAS(buf_string(&line), " = 0\n", "the first, as all are equally fast");
    size_t size = line.size > 2 ? line.size - 2 : 0;
    CHECK_STR(first_product(), "", "the next session finds it");
    Buf again = written();
    CHECK_STR(buf_string(&again), buf_string(&line), "and holds no contest");
    rewrite(line.data, size, "2\n");
    CHECK_HAS(first_product(), "cuBLASLt says 13",
              "it does as the file says, also where that cannot be done");
    rewrite(line.data, size, "77\nnonsense\nanother card | 1 16 16 1 1 = 2\n");
    CHECK_STR(first_product(), "",
              "a number that is no candidate, nonsense and another card's lines are passed over");
    rewrite("", 0, "");
    CHECK_STR(first_product(), "", "an empty file is as none");
    buf_done(&line);
    buf_done(&again);
}

int main(void) {
    control = emulated_open(&card);
    if (!control) {
        printf("ok 1 - products on the card # SKIP this build has no emulated CUDA module\n1..1\n");
        return 0;
    }
    char folder[] = "/tmp/newbie-products-XXXXXX", command[200];
    assert(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
    snprintf(file, sizeof file, "%s/newbie/products.txt", folder);
    test_many_shapes();
    test_file();
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK_EQ(system(command), 0, "nothing stays behind");
    return tap_end();
}
