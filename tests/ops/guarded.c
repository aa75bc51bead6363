/* guarded.c: blocks with guards, see guarded.h. */
#include "config.h"

#include "tests/ops/guarded.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/half.h"

enum { GUARD = 256, POISON = 0xff }; /* bytes of a guard zone; 0xff.. is a NaN in every float type */

/* splitmix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint32_t run_number(Run *run, uint32_t limit) {
    return (uint32_t)((next_random(&run->random) >> 32) * limit >> 32);
}

static double number(Run *run, const Content *content) {
    double spread = content->spread == 0 ? 1 : content->spread < 0 ? 0 : content->spread;
    double value = spread * (2 * (double)(next_random(&run->random) >> 11) * 0x1p-53 - 1) + content->middle;
    return content->integers ? rint(value) : value;
}

/* Tensors of a Run are dense but for the gaps between their rows, along the first axis. */
static int64_t row_numbers(Tensor t) {
    return tensor_count(t) / t.dims[0];
}

static char *row_start(Tensor t, int64_t row) {
    return (char *)t.data + row * t.strides[0] * (int64_t)dtype_size(t.type);
}

static void put_number(char *to, DType type, double value) {
    float f = (float)value;
    uint16_t half = type == DT_F32 ? 0 : type == DT_BF16 ? bf16_from_float(f) : f16_from_float(f);
    if (type == DT_F32)
        memcpy(to, &f, sizeof f);
    else
        memcpy(to, &half, sizeof half);
}

Run run_begin(Ops *o, RunHow how) {
    return (Run){.o = o, .random = how.seed, .place = how.place, .numbers = how.numbers,
                 .control = how.control};
}

/* All bytes of a block's twin. */
static Tensor twin(const Block *block) {
    return tensor_1d(block->device, DT_U8, (int64_t)block->bytes);
}

/* Kernels may not touch what lies beside the tensor in a block's twin. */
static void forbid_guards(const Run *run, const Block *block) {
    Tensor t = block->t;
    size_t row = (size_t)row_numbers(t) * dtype_size(t.type), at = 0;
    for (int64_t i = 0; i < t.dims[0]; i++) {
        size_t begin = (size_t)(row_start(t, i) - block->memory);
        run->control->forbid((char *)block->device + at, begin - at);
        at = begin + row;
    }
    run->control->forbid((char *)block->device + at, block->bytes - at);
}

void run_settle(Run *run) {
    ops_sync(run->o);
    for (int i = 0; i < run->blocks; i++) {
        Block *block = &run->block[i];
        if (block->device && run->control)
            run->control->allow(block->device, block->bytes);
        if (block->device)
            ops_download(run->o, block->memory, twin(block));
    }
}

static void block_free(Run *run, Block *block) {
    free(block->memory);
    free(block->before);
    ops_mem_free(run->o, block->device, block->bytes);
    *block = (Block){0};
}

void run_end(Run *run) {
    for (int i = 0; i < run->blocks; i++)
        block_free(run, &run->block[i]);
    for (int i = 0; i < run->weights; i++)
        weight_free(run->o, &run->weight[i]);
}

static double rounded(double value, Numbers numbers) {
    return numbers == NUMBERS_BF16 ? bf16_to_float(bf16_from_float((float)value)) : value;
}

/* Makes the twin of a block; the tensor in it. */
static Tensor on_device(Run *run, Block *block) {
    Tensor t = block->t;
    block->device = ops_mem_alloc(run->o, block->bytes);
    if (!block->device)
        return t;
    ops_upload(run->o, twin(block), block->memory);
    ops_sync(run->o);
    if (run->control)
        forbid_guards(run, block);
    t.data = (char *)block->device + ((char *)t.data - block->memory);
    return t;
}

/* Puts the numbers of a run into an input. */
static void fill(Run *run, Tensor t, const Content *content, Numbers numbers) {
    int64_t place = 0, inner = row_numbers(t);
    for (int64_t i = 0; i < t.dims[0]; i++) {
        char *to = row_start(t, i);
        for (int64_t j = 0; j < inner; j++, place++, to += dtype_size(t.type)) {
            double value = number(run, content);
            if (content->outliers && place % content->outliers == 0)
                value *= 50;
            put_number(to, t.type, rounded(value, numbers));
        }
    }
}

Tensor run_tensor(Run *run, Role role, Content content, const int64_t dims[4]) {
    assert(run->blocks < BLOCKS_MAX);
    int rank = 1;
    while (rank < 3 && dims[rank])
        rank++;
    Block *block = &run->block[run->blocks++];
    bool activation = content.type == DT_F32 && content.keeping == KEEP_FREE;
    Tensor t = tensor_dense_view(NULL, activation ? run->o->activation : content.type, rank, dims);
    int64_t row = rank > 1 ? t.strides[0] + content.gap : 1;
    size_t bytes = 2 * GUARD + (size_t)(dims[0] * row) * dtype_size(t.type);
    block->bytes = (bytes + 63) / 64 * 64;
    block->memory = aligned_alloc(64, block->bytes);
    block->before = malloc(block->bytes);
    assert(block->memory && block->before);
    memset(block->memory, POISON, block->bytes);
    t.strides[0] = row;
    t.data = block->memory + GUARD + (size_t)(content.gap > 0) * dtype_size(t.type);
    if (role != ROLE_OUTPUT)
        fill(run, t, &content, activation ? run->numbers : NUMBERS_FULL);
    memcpy(block->before, block->memory, block->bytes);
    block->role = role;
    block->t = t;
    return run->place == ON_DEVICE && content.keeping != KEEP_HOST ? on_device(run, block) : t;
}

/* The numbers of a dense tensor moved by one byte into the guard, as a file may hold them. */
static void *misaligned(Tensor dense) {
    return memmove((char *)dense.data + 1, dense.data, (size_t)tensor_count(dense) * dtype_size(dense.type));
}

const Weight *run_weight(Run *run, WeightWish wish, const int64_t dims[4]) {
    assert(run->weights < WEIGHTS_MAX);
    WeightParts parts = {.kind = wish.kind, .count = wish.parts, .bits = wish.bits};
    int first = run->blocks;
    int64_t terms = dims[1] * (wish.kind == WEIGHT_CONV ? dims[2] * dims[3] : 1);
    int rank = wish.kind == WEIGHT_CONV ? 4 : 2;
    for (int i = 0; i < wish.parts; i++) {
        Content content = {.type = wish.type, .spread = 1.7 / sqrt((double)terms), .keeping = KEEP_HOST};
        Tensor flat = run_tensor(run, ROLE_INPUT, content, DIMS(dims[0] * terms));
        parts.part[i] = tensor_dense_view(misaligned(flat), wish.type, rank, dims);
        if (wish.bias)
            parts.bias[i] = run_tensor(run, ROLE_INPUT, (Content){.keeping = KEEP_HOST}, DIMS(dims[0]));
    }
    Weight *w = &run->weight[run->weights++];
    weight_pack(run->o, w, &parts);
    for (int i = first; i < run->blocks; i++) /* a packed weight must not need its parts any more */
        block_free(run, &run->block[i]);
    run->blocks = first;
    return w;
}

static bool all_finite(const char *from, DType type, int64_t count) {
    float number = 0;
    for (int64_t i = 0; type != DT_U8 && i < count; i++, from += dtype_size(type))
        if (!float_from_dtype(&number, from, type, 1) || !isfinite(number))
            return false;
    return true;
}

/* What is wrong with one block; its bytes outside an output must be those of before. */
static const char *verify(const Block *block) {
    Tensor t = block->t;
    char *now = must_alloc(block->bytes);
    memcpy(now, block->memory, block->bytes);
    const char *wrong = NULL;
    int64_t inner = row_numbers(t);
    for (int64_t i = 0; block->role != ROLE_INPUT && i < t.dims[0]; i++) {
        char *row = row_start(t, i);
        size_t at = (size_t)(row - block->memory);
        if (!all_finite(row, t.type, inner))
            wrong = "a result is not finite";
        memcpy(now + at, block->before + at, (size_t)inner * dtype_size(t.type));
    }
    if (memcmp(now, block->before, block->bytes))
        wrong = block->role == ROLE_INPUT ? "an input or its guard was written" : "a write beside the output";
    free(now);
    return wrong;
}

const char *run_verify(const Run *run) {
    for (int i = 0; i < run->blocks; i++) {
        const char *wrong = verify(&run->block[i]);
        if (wrong)
            return wrong;
    }
    return NULL;
}
