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

static void put_number(Tensor t, int64_t i, double value) {
    char *to = (char *)t.data + tensor_offset(t, i) * (int64_t)dtype_size(t.type);
    float f = (float)value;
    uint16_t half = t.type == DT_BF16 ? bf16_from_float(f) : f16_from_float(f);
    if (t.type == DT_F32)
        memcpy(to, &f, sizeof f);
    else
        memcpy(to, &half, sizeof half);
}

Run run_begin(Ops *o, RunHow how) {
    return (Run){.o = o, .random = how.seed, .place = how.place, .numbers = how.numbers};
}

/* All bytes of a block's twin. */
static Tensor twin(const Block *block) {
    return tensor_1d(block->device, DT_U8, (int64_t)block->bytes);
}

void run_settle(Run *run) {
    ops_sync(run->o);
    for (int i = 0; i < run->blocks; i++)
        if (run->block[i].device)
            ops_download(run->o, run->block[i].memory, twin(&run->block[i]));
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
    t.data = (char *)block->device + ((char *)t.data - block->memory);
    return t;
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
    for (int64_t i = 0; role != ROLE_OUTPUT && i < tensor_count(t); i++) {
        double value = number(run, &content) * (content.outliers && i % content.outliers == 0 ? 50 : 1);
        put_number(t, i, rounded(value, activation ? run->numbers : NUMBERS_FULL));
    }
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

/* What is wrong with one block; its bytes outside an output must be those of before. */
static const char *verify(const Block *block) {
    Tensor t = block->t;
    char *now = must_alloc(block->bytes);
    memcpy(now, block->memory, block->bytes);
    const char *wrong = NULL;
    for (int64_t i = 0; block->role != ROLE_INPUT && i < tensor_count(t); i++) {
        if (!isfinite(tensor_number(t, i)))
            wrong = "a result is not finite";
        size_t at =
            (size_t)((char *)t.data - block->memory) + (size_t)tensor_offset(t, i) * dtype_size(t.type);
        memcpy(now + at, block->before + at, dtype_size(t.type));
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
