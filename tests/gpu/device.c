/* device: which card there is and whether it can be opened, told in the words of product.md 12 rows 10 to 13.
 * On the emulated device, whose driver, library, memory and number of cards are what the test says. */
#include "config.h"

#include <math.h>

#include "ops/module.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"

static EmuControl *control;
static const Backend *backend;

/* The message of opening card number `device`, or its description. */
static const char *opened(int device, Precision precision) {
    static char text[2400];
    Ops o = {0};
    Status st = ops_open(&o, backend, &(BackendOptions){.device = device, .precision = precision});
    snprintf(text, sizeof text, "%s", st ? st->message : backend->describe(o.state));
    if (!st)
        backend->close(o.state);
    return text;
}

static void check_text(const char *got, const char *expected, const char *name) {
    bool found = strstr(got, expected) != NULL;
    if (!found)
        printf("# got: %s\n# expected to find: %s\n", got, expected);
    CHECK(found, name);
}

static void test_opening(void) {
    check_text(opened(0, PRECISION_BF16), "cuda:0 emulated card", "a card has its number and its name");
    control->library = 0;
    check_text(opened(0, PRECISION_BF16), "without cuBLASLt",
               "without the library it is said, and the card works");
    control->library = 3;
    check_text(opened(0, PRECISION_BF16), "without cuBLASLt (the one found says 1)",
               "with one that does not work, too");
    control->library = 1;
    control->driver = 0;
    check_text(opened(0, PRECISION_BF16), "the NVIDIA driver library libcuda.so.1 was not found",
               "no driver");
    control->driver = 12020;
    check_text(opened(0, PRECISION_BF16), "the driver supports CUDA 12.2, this build needs 13.0",
               "an old driver");
    control->driver = 13000;
    control->devices = 0;
    check_text(opened(0, PRECISION_BF16), "no card was found", "a driver without a card");
    control->devices = 2;
    check_text(opened(1, PRECISION_BF16), "cuda:1 emulated card", "the second card");
    check_text(opened(2, PRECISION_BF16), "cuda:2: there are 2 cards, numbered from 0",
               "a card that is not there");
    control->devices = 1;
    control->taken = control->memory - (1 << 20);
    check_text(opened(0, PRECISION_BF16), "has no memory left for working space: 0.00 of 2.00 GiB are free",
               "a full card is told with numbers");
    control->taken = 0;
    CHECK_EQ(control->held, 0, "whatever failed, nothing stays on the card");
    CHECK_EQ(control->objects, 0, "nor in the runtime");
}

/* 8-bit floats: for cards that have them, with the library that multiplies them. */
static void test_precisions(void) {
    check_text(opened(0, PRECISION_FP8), "cuda:0 emulated card", "fp8 on a card of compute capability 8.9");
    control->architecture = 86;
    check_text(opened(0, PRECISION_FP8),
               "precision fp8: emulated card has compute capability 8.6, expected 8.9 or later",
               "fp8 is refused by an older card");
    check_text(opened(0, PRECISION_INT8), "cuda:0 emulated card", "which has int8");
    control->architecture = 89;
    control->library = 0;
    check_text(opened(0, PRECISION_FP8), "precision fp8: no cuBLASLt was found that works",
               "and without the library");
    Ops o = {0};
    Status st = ops_open(&o, backend, &(BackendOptions){.precision = PRECISION_FP8});
    CHECK_STR(st ? st->hint : "", ":set precision int8 is for this card too, and more exact",
              "with what to type");
    control->library = 1;
    CHECK_EQ(control->held, 0, "a refusal leaves nothing on the card");
    CHECK_EQ(control->objects, 0, "nor in the runtime");
}

static void test_no_code(void) {
    control->architecture = 130;
    check_text(opened(0, PRECISION_BF16), "this build has no code for emulated card, compute capability 13.0",
               "a card that the module was not compiled for is told when it is opened");
    control->architecture = 89;
    CHECK_EQ(control->held + (size_t)control->objects, 0, "and nothing of it stays");
}

/* What the hint is when call `n` from here on, and all later ones, fail with error `lost`; the work: to open
 * a card and fill a number. */
static const char *hint_of_lost(int lost, int64_t n) {
    static char text[400];
    Ops o = {0};
    text[0] = 0;
    control->failure = EMU_FAIL_FOREVER;
    control->lost = lost;
    control->fail_at = control->calls + n;
    Status st = ops_open(&o, backend, &(BackendOptions){.precision = PRECISION_BF16});
    bool open = !st;
    if (open) {
        void *block = ops_mem_alloc(&o, 64);
        control->fail_at = control->calls + 1;
        ops_fill(&o, tensor_1d(block, DT_F32, 16), 1);
        st = ops_status(&o);
        snprintf(text, sizeof text, "%s", st ? st->hint : "no failure");
        ops_clear(&o);
        ops_mem_free(&o, block, 64);
        backend->close(o.state);
    } else
        snprintf(text, sizeof text, "%s", st->hint);
    control->fail_at = control->lost = 0;
    control->failure = EMU_FAIL_ONCE;
    return text;
}

static void test_lost(void) {
    static const int LOST[] = {214, 220, 700, 702, 710, 714, 715, 716, 717, 718, 719, 999};
    int told = 0, count = (int)(sizeof LOST / sizeof *LOST);
    for (int i = 0; i < count; i++)
        told += strstr(hint_of_lost(LOST[i], 1 << 20), ":model reload") != NULL;
    CHECK_EQ(told, count, "every error after which a card answers no more is known as one");
    check_text(hint_of_lost(716, 2), "comes back with a new program",
               "and when it then cannot be opened, what helps is told");
    check_text(opened(0, PRECISION_BF16), "cuda:0 emulated card", "a new program finds the card again");
}

enum { ROWS = 19, WIDTH = 32 };

/* y = gelu(x · wT + bias) in bf16, with the library as it is now. */
static void multiplied(float y[ROWS * WIDTH]) {
    static float x[ROWS * WIDTH], weight[WIDTH * WIDTH], bias[WIDTH];
    Ops o = {0};
    Weight w = {0};
    for (int i = 0; i < ROWS * WIDTH; i++)
        x[i] = (float)(i * 37 % 101) / 50 - 1;
    for (int i = 0; i < WIDTH * WIDTH; i++)
        weight[i] = (float)(i * 53 % 89) / 200 - 0.2f;
    for (int i = 0; i < WIDTH; i++)
        bias[i] = (float)i / 16;
    WeightParts parts = {.kind = WEIGHT_LINEAR, .count = 1, .part = {tensor_2d(weight, DT_F32, WIDTH, WIDTH)},
                         .bias = {tensor_1d(bias, DT_F32, WIDTH)}};
    CHECK_OK(ops_open(&o, backend, &(BackendOptions){.precision = PRECISION_BF16}), "a card opens");
    weight_pack(&o, &w, &parts);
    size_t bytes = ROWS * WIDTH * sizeof(float);
    void *memory = ops_mem_alloc(&o, 2 * bytes);
    Tensor wide = tensor_2d(memory, DT_F32, ROWS, WIDTH), in = tensor_2d(memory, DT_BF16, ROWS, WIDTH),
           out = in;
    in.data = (char *)memory + bytes;
    ops_upload(&o, wide, x);
    op_cast(&o, in, wide);
    op_linear(&o, out, in, &w, (LinearHow){ACT_GELU_ERF, STORE_SET});
    ops_download(&o, y, out);
    CHECK_OK(ops_status(&o), "and multiplies");
    weight_free(&o, &w);
    ops_mem_free(&o, memory, 2 * bytes);
    backend->close(o.state);
}

static void test_declined(void) {
    static float without[ROWS * WIDTH], declined[ROWS * WIDTH];
    control->library = 0;
    multiplied(without);
    control->library = 2;
    multiplied(declined);
    control->library = 1;
    int wrong = 0;
    for (int i = 0; i < ROWS * WIDTH; i++) /* bias and act come a rounding later */
        wrong += !(fabsf(without[i] - declined[i]) <= 0.02f * fabsf(without[i]) + 0.02f);
    CHECK_EQ(wrong, 0,
             "what the library declines is multiplied by our own kernels, and bias and act come once");
}

static void test_list(void) {
    DeviceInfo info[4];
    int count = 0;
    control->devices = 2;
    CHECK_OK(backend->devices(info, 4, &count), "cards are listed before any is opened");
    CHECK_EQ(count, 2, "both of them");
    CHECK_STR(info[1].name, "emulated card", "with their names");
    CHECK_STR(info[0].libraries, "cuBLASLt 13.1", "the library");
    CHECK_STR(info[0].driver, "driver for CUDA 13.0", "and the driver");
    CHECK(info[0].bf16 && info[0].total == control->memory && info[0].free <= info[0].total,
          "and their memory");
    control->devices = 1;
    control->driver = 0;
    Status st = backend->devices(info, 4, &count);
    CHECK(st && st->code == ERR_DEVICE && strstr(st->message, "libcuda.so.1"),
          "without a driver that is the answer");
    control->driver = 13000;
}

static void test_memory(void) {
    Ops o = {0};
    MemInfo before, after;
    CHECK_OK(ops_open(&o, backend, &(BackendOptions){.precision = PRECISION_BF16}), "a card opens");
    CHECK_EQ(o.activation, DT_BF16, "its activations are bf16");
    ops_mem_info(&o, &before);
    void *block = ops_mem_alloc(&o, 2 << 20);
    ops_mem_info(&o, &after);
    CHECK_EQ(before.free - after.free, 2 << 20, "free memory is what the card says");
    CHECK_EQ(after.held - before.held, 2 << 20, "held memory is what was given out");
    CHECK(!ops_mem_alloc(&o, (size_t)3 << 30) && ops_status(&o)->code == ERR_MEMORY, "too much is refused");
    printf("# %s\n", ops_status(&o)->message);
    ops_clear(&o);
    ops_mem_free(&o, block, 2 << 20);
    o.backend->close(o.state);
}

static void test_module(void) {
    const Backend *found = NULL;
    Status st = module_open(&found, "/nonexistent/newbie-cuda.so");
    CHECK(st && st->code == ERR_DEVICE && !found, "a module that is not there is told");
    st = module_find(&found, "nothing");
    CHECK(st && st->code == ERR_DEVICE &&
              !strcmp(st->message, "device nothing: newbie-nothing.so is not installed"),
          "in the words of the product when it is looked for");
    CHECK(st && strstr(st->hint, ":set device cpu"), "with what to type next");
    st = module_open(&found, "/proc/self/exe");
    CHECK(st && st->code == ERR_DEVICE, "what is no module is refused");
}

int main(void) {
    control = emulated_open(&backend);
    if (!control) {
        printf("ok 1 - cards # SKIP this build has no emulated CUDA module\n1..1\n");
        return 0;
    }
    test_opening();
    test_precisions();
    test_no_code();
    test_lost();
    test_declined();
    test_list();
    test_memory();
    test_module();
    return tap_end();
}
