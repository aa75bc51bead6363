/* guarded.h: one run of one op between guards.
 *
 * A case asks a Run for its tensors; the Run fills them with numbers that depend only on the seed, so that
 * the same case run on another backend sees the same inputs. Every tensor lies in a block of its own with a
 * guard zone on both sides and, if asked, gaps between its rows; outputs are full of NaN before the op.
 * run_verify then finds writes outside the outputs, and results that are not finite.
 *
 * On a device of its own memory every block has a twin there: run_tensor gives the twin, run_settle brings
 * all of it back before anything is looked at. Meanwhile the emulated device forbids its kernels to read or
 * write guards and gaps: one that reads beside its tensor is told with its line, right as its result may be.
 */
#pragma once

#include "cpu/cpu.h"
#include "gpu/emu/emu.h"

enum { BLOCKS_MAX = 12, WEIGHTS_MAX = 2 };

typedef enum Role { ROLE_INPUT, ROLE_OUTPUT, ROLE_BOTH } Role;

typedef struct Block {
    Role role;
    Tensor t;     /* on the host, of the type that the device has */
    void *device; /* the twin of memory; NULL when the device is the host */
    char *memory; /* guard, rows with gaps, guard */
    char *before; /* the same before the op */
    size_t bytes;
} Block;

/* Where a backend's tensors are, and how exact the numbers that it is given. */
typedef enum Place { ON_HOST, ON_DEVICE } Place;
typedef enum Numbers { NUMBERS_FULL, NUMBERS_BF16 } Numbers; /* activations are first rounded to bf16 */
typedef struct RunHow {
    uint64_t seed;
    Place place;
    Numbers numbers;
    EmuControl *control; /* of the emulated device; NULL: another */
} RunHow;

typedef struct Run {
    Ops *o;
    Place place;
    Numbers numbers;
    EmuControl *control;
    uint64_t random; /* state of the numbers */
    Block block[BLOCKS_MAX];
    int blocks;
    Weight weight[WEIGHTS_MAX];
    int weights;
    Tensor parameter[BLOCKS_MAX];
    int parameters;
} Run;

Run run_begin(Ops *o, RunHow how);
void run_settle(Run *run);
void run_end(Run *run);

/* FREE: float32 numbers are activations, which a backend may have as bf16. FIXED: of `type` everywhere. HOST:
 * also in host memory everywhere. */
typedef enum Keeping { KEEP_FREE, KEEP_FIXED, KEEP_HOST } Keeping;

/* What a block holds. Zeroed: dense activations, numbers in [-1, 1). */
typedef struct Content {
    DType type;
    Keeping keeping;
    int gap;       /* elements between rows (along the first axis); the first row then begins unaligned */
    double spread; /* numbers in [-spread, spread); 0 means 1, below 0 means all are 0 */
    double middle; /* added to all */
    bool integers; /* rounded to integers: products of small ones are exact */
    int outliers;  /* every number whose place divides by this is 50 times as large; 0: none */
} Content;

/* A tensor of rank 1 to 3 (dims end at the first 0). */
Tensor run_tensor(Run *run, Role role, Content content, const int64_t dims[4]);
#define DIMS(...) ((const int64_t[4]){__VA_ARGS__})

/* A packed weight of random numbers around 1/sqrt(in), with a bias when asked. dims as of one part. */
typedef struct WeightWish {
    WeightKind kind;
    int parts;
    DType type;
    bool bias;
    WeightBits bits;
} WeightWish;
const Weight *run_weight(Run *run, WeightWish wish, const int64_t dims[4]);

/* The next number of the run, 0 <= n < limit. */
uint32_t run_number(Run *run, uint32_t limit);

/* NULL, or what is wrong with the memory after the op (a static text). Blocks of outputs stay as they are. */
const char *run_verify(const Run *run);
