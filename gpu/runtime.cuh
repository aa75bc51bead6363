/* runtime.cuh: the host side of the CUDA backend that every op uses: state, streams, memory, upload ring,
 * errors. */
#pragma once

#include "gpu/device.cuh"
#include "gpu/host.h"

struct Gemm;

enum { RING_SLOTS = 4, LOADERS = 4 /* at most */ };

/* Pinned host memory through which numbers travel. */
typedef struct RingSlot {
    char *memory;      /* [RING_BYTES], NULL before its first use */
    cudaEvent_t taken; /* the device has what was in it */
} RingSlot;

/* A piece of device memory for weights that come and go together. */
typedef struct Slab {
    char *memory;
    size_t bytes, used;
    int64_t blocks;    /* given out and not yet back */
    struct Slab *next;
} Slab;

typedef struct Cuda {
    int device;
    Precision precision;
    char description[400], card[256];
    int architecture;       /* 89 for 8.9 */
    int multiprocessors;
    bool wgmma;             /* attention may use the matrix instructions of Hopper */
    cudaStream_t compute, copy;
    cudaEvent_t event[OPS_EVENTS];
    bool marked[OPS_EVENTS];
    RingSlot ring[RING_SLOTS];
    int ring_next;
    char *scratch;          /* [SCRATCH_BYTES] device memory; an op may use it between its own launches */
    bool lost;              /* an error after which only opening the card anew helps */
    size_t held;            /* bytes given out by mem_alloc and packed weights */
    struct Gemm *gemm;
    struct Slab *slabs;     /* pieces of device memory that weights share */
    struct Slab *open;      /* the one of them that the next weights go into; NULL: none */
    Team *loaders;          /* threads that fill the ring; NULL before they are needed */
    int threads;            /* that they may be, 0: as many as the machine has processors */
    char op[32];            /* the last op launched, for the message of an error that shows up later */
} Cuda;

static const size_t RING_BYTES = (size_t)16 << 20;
static const size_t SCRATCH_BYTES = (size_t)64 << 20;

/* Ends an op: NULL, or why its launches were refused. */
Status cuda_launched(Cuda *cuda, const char *op);

/* NULL for cudaSuccess, else a Status that names `doing`: ERR_MEMORY when memory is short, else ERR_DEVICE.
 * Clears the runtime's record of it. */
Status cuda_status(Cuda *cuda, cudaError_t error, const char *doing);

#define CUDA_TRY(cuda, call, doing)                                 \
    do {                                                            \
        cudaError_t cuda_error_ = (call);                           \
        if (cuda_error_ != cudaSuccess)                             \
            return cuda_status((cuda), cuda_error_, (doing));       \
    } while (0)

/* The next slot of the ring, free to be filled. */
Status ring_take(Cuda *cuda, RingSlot **out);
/* Says that the device has the slot when `stream` gets here. */
Status ring_given(Cuda *cuda, RingSlot *slot, cudaStream_t stream);

/* A tensor as rows: first axis, and all others together, which must lie without gaps. */
typedef struct Rows {
    void *data;
    int64_t count, width, stride; /* numbers */
} Rows;
Rows rows_of(Tensor t);
/* The same for elementwise work: one long row when there are no gaps. */
Rows rows_flat(Tensor t);

static inline int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* True when rows of this type can be read `numbers` at a time. */
static inline bool rows_aligned(Rows r, size_t number_bytes, int numbers) {
    return (uintptr_t)r.data % (number_bytes * (size_t)numbers) == 0 && r.stride % numbers == 0 &&
           r.width % numbers == 0;
}

/* Runs the statement with T as the C++ type of float numbers of `type`: float or bf16_t. */
#define WITH_TYPE(type, T, ...)         \
    do {                                \
        if ((type) == DT_BF16) {        \
            typedef bf16_t T;           \
            __VA_ARGS__;                \
        } else {                        \
            typedef float T;            \
            __VA_ARGS__;                \
        }                               \
    } while (0)

/* The same for f16 too. */
#define WITH_ANY_TYPE(type, T, ...)     \
    do {                                \
        if ((type) == DT_F16) {         \
            typedef f16_t T;            \
            __VA_ARGS__;                \
        } else {                        \
            WITH_TYPE(type, T, __VA_ARGS__); \
        }                               \
    } while (0)

enum { POINT_THREADS = 256 };

/* Blocks for `items` independent items in a grid-stride loop: enough to fill a card several times. */
static inline unsigned point_blocks(const Cuda *cuda, int64_t items) {
    int64_t blocks = divide_up(items, POINT_THREADS), most = (int64_t)cuda->multiprocessors * 32;
    return (unsigned)(blocks < most ? blocks : most);
}

/* The threads that fill the ring with weights; NULL where there is one processor, or no thread to be had. */
Team *cuda_loaders(Cuda *cuda);

/* Host memory from which copies run beside the computing. */
void *cuda_host_alloc(void *state, size_t bytes);
void cuda_host_free(void *state, void *block, size_t bytes);

/* Device memory of the backend. */
void *cuda_mem_alloc(void *state, size_t bytes);
void cuda_mem_free(void *state, void *block, size_t bytes);
/* The same for weights, from the piece they share where there is room. */
void *cuda_weight_alloc(void *state, size_t bytes);
