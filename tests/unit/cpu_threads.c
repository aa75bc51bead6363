/* cpu_threads.c: the same inputs give the same bits with any number of threads, on every code path. The
 * shapes are odd and large enough to be cut into many units, with several blocks of rows, columns, depth and
 * keys. */
#include "config.h"

#include <stdlib.h>

#include "cpu/cpu.h"
#include "tests/tap.h"

enum { ROWS = 205, IN = 1100, HEADS = 4, KV_HEADS = 2, HEAD = 40, SIDE = 20 };
enum { OUT = (HEADS + 2 * KV_HEADS) * HEAD };

static float numbers[OUT * IN];

static void fill_numbers(void) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        numbers[i] = sinf((float)i * 0.37f) * 0.1f;
}

typedef struct Results {
    float rows[ROWS * HEADS * HEAD];
    float picture[4 * SIDE * SIDE * HEAD];
} Results;

/* Linear, rotation, attention and norm on rows; convolutions and group norm on a picture. */
static void compute(Ops *o, Results *results) {
    Weight qkv, conv;
    Tensor norm = tensor_1d(numbers, DT_F32, HEADS * HEAD);
    Tensor matrix = tensor_2d(numbers, DT_F32, OUT, IN), taps = tensor_4d(numbers, DT_F32, HEAD, HEAD, 3, 3);
    weight_pack(o, &qkv, &(WeightParts){.kind = WEIGHT_LINEAR, .count = 1, .part = {matrix}});
    weight_pack(o, &conv, &(WeightParts){.kind = WEIGHT_CONV, .count = 1, .part = {taps}});
    Seqs seqs = seqs_of(2, (int64_t[]){ROWS - 70, 70});
    Tensor x = ops_matrix(o, ROWS, IN), y = ops_matrix(o, ROWS, OUT), out = ops_matrix(o, ROWS, HEADS * HEAD);
    ops_upload(o, x, numbers);
    op_linear(o, y, x, &qkv, (LinearHow){ACT_SILU, STORE_SET});
    Tensor q = tensor_heads(tensor_columns(y, 0, HEADS * HEAD), HEADS);
    Tensor k = tensor_heads(tensor_columns(y, HEADS * HEAD, KV_HEADS * HEAD), KV_HEADS);
    Tensor v = tensor_heads(tensor_columns(y, (HEADS + KV_HEADS) * HEAD, KV_HEADS * HEAD), KV_HEADS);
    op_attention(o, tensor_heads(out, HEADS), q, k, v, &(AttentionHow){.scale = 0.2f, .seqs = &seqs});
    op_rms_norm(o, out, out, &(RmsNormHow){.w = norm, .eps = 1e-5f});
    ops_download(o, results->rows, out);
    Tensor small = ops_cube(o, SIDE, SIDE, HEAD), large = ops_cube(o, 2 * SIDE, 2 * SIDE, HEAD);
    ops_upload(o, small, numbers);
    op_upsample2x_conv(o, large, small, &conv);
    Tensor affine = tensor_1d(numbers, DT_F32, HEAD);
    op_group_norm(o, large, large, &(GroupNormHow){affine, affine, 8, 1e-6f, ACT_SILU});
    ops_download(o, results->picture, large);
    weight_free(o, &conv);
    weight_free(o, &qkv);
}

static _Alignas(ARENA_ALIGN) char memory[8 << 20];

static void run(const char *path, Precision precision, int threads, Results *results) {
    Arena arena = arena_over(memory, sizeof memory);
    Ops o = {.backend = &CPU_BACKEND, .arena = &arena};
    BackendOptions options = {.threads = threads, .precision = precision, .path = path};
    CHECK_OK(CPU_BACKEND.open(&o.state, &options), "the backend opens");
    compute(&o, results);
    CHECK_OK(ops_status(&o), "the ops succeed");
    MemInfo info;
    ops_mem_info(&o, &info);
    CHECK_EQ(info.held, 0, "no weight is held afterwards");
    CPU_BACKEND.close(o.state);
}

int main(void) {
    static Results one, many;
    fill_numbers();
    for (const char *const *path = cpu_paths(); *path; path++)
        for (int precision = PRECISION_F32; precision <= PRECISION_BF16; precision++) {
            char name[96];
            run(*path, (Precision)precision, 1, &one);
            for (int threads = 2; threads <= 5; threads += 3) {
                memset(&many, 0, sizeof many);
                run(*path, (Precision)precision, threads, &many);
                snprintf(name, sizeof name, "%s, %s: %d threads give the bits of one", *path,
                         precision == PRECISION_F32 ? "f32" : "bf16", threads);
                CHECK(!memcmp(&one, &many, sizeof one), name);
            }
        }
    return tap_end();
}
