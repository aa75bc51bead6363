/* runtime.cu: streams, memory, the upload ring and errors of the CUDA backend. No kernels.
 *
 * Two streams: `compute` runs every op in the order it was given; `copy` brings weights up beside it. Numbers
 * from the host go through a ring of pinned buffers, so that a caller's memory is free as soon as the call
 * returns and the device copies while the host fills the next buffer. */
#include "gpu/runtime.cuh"

#include "gpu/attention.cuh"
#include "gpu/gemm.cuh"
#include "gpu/ops.cuh"

/* ---- errors -------------------------------------------------------------------------------------------- */

/* After these the context is lost: every later call fails too. Source: driver_types.h, the errors that leave
 * "the process in an inconsistent state", and those of broken memory. */
static bool cuda_is_lost(cudaError_t error) {
    static const cudaError_t LOST[] = {
        cudaErrorECCUncorrectable,   cudaErrorNvlinkUncorrectable, cudaErrorIllegalAddress,
        cudaErrorLaunchTimeout,      cudaErrorAssert,              cudaErrorHardwareStackError,
        cudaErrorIllegalInstruction, cudaErrorMisalignedAddress,   cudaErrorInvalidAddressSpace,
        cudaErrorInvalidPc,          cudaErrorLaunchFailure,       cudaErrorUnknown,
    };
    for (cudaError_t lost : LOST)
        if (error == lost)
            return true;
    return false;
}

Status cuda_status(Cuda *cuda, cudaError_t error, const char *doing) {
    cudaGetLastError(); /* an error that is not sticky is forgotten here */
    if (error == cudaSuccess)
        return NULL;
    if (error == cudaErrorMemoryAllocation) {
        size_t free_bytes = 0, total = 0;
        if (cudaMemGetInfo(&free_bytes, &total) != cudaSuccess)
            cudaGetLastError();
        return hint(
            fail(ERR_MEMORY, "cuda:%d has no memory left for %s: %.2f of %.2f GiB are free", cuda->device,
                 doing, (double)free_bytes / (1 << 30), (double)total / (1 << 30)),
            "close other programs that use the card; a smaller :size needs less; :set device cpu needs none");
    }
    if (error == cudaErrorNoKernelImageForDevice)
        return hint(fail(ERR_DEVICE,
                         "device cuda:%d: this build has no code for %s, compute capability %d.%d",
                         cuda->device, cuda->card, cuda->architecture / 10, cuda->architecture % 10),
                    ":set device cpu; or build newbie with an nvcc that knows the card");
    /* kernels run later than they are launched: such an error shows up at whatever comes next */
    const char *where = cuda_is_lost(error) ? "at or before" : "in";
    Status st = fail(ERR_DEVICE, "cuda:%d failed %s %s: %s", cuda->device, where, doing,
                     cudaGetErrorString(error));
    cuda->lost = cuda->lost || cuda_is_lost(error);
    return cuda_is_lost(error)
               ? hint(st, "the model is unloaded; :model reload, then :again; :doctor helps to report it")
               : st;
}

Status cuda_launched(Cuda *cuda, const char *op) {
    snprintf(cuda->op, sizeof cuda->op, "%s", op);
    cudaError_t error = cudaGetLastError();
    return error == cudaSuccess ? NULL : cuda_status(cuda, error, op);
}

/* What a failed wait is about: the wait shows the error of some op before it. */
static Status cuda_waited(Cuda *cuda, cudaError_t error) {
    return cuda_status(cuda, error, cuda->op[0] ? cuda->op : "a copy");
}

static Status cuda_sync(void *state) {
    Cuda *cuda = (Cuda *)state;
    cudaError_t error = cudaStreamSynchronize(cuda->copy);
    cudaError_t second = cudaStreamSynchronize(cuda->compute);
    return cuda_waited(cuda, error != cudaSuccess ? error : second);
}

/* ---- views --------------------------------------------------------------------------------------------- */

Rows rows_of(Tensor t) {
    int64_t width = tensor_count(t) / t.dims[0];
    if (t.rank == 1)
        return Rows{t.data, 1, t.dims[0], t.dims[0]};
    return Rows{t.data, t.dims[0], width, t.strides[0]};
}

Rows rows_flat(Tensor t) {
    Rows rows = rows_of(t);
    if (rows.stride == rows.width || rows.count == 1)
        rows = Rows{rows.data, 1, rows.count * rows.width, rows.count * rows.width};
    return rows;
}

/* ---- memory -------------------------------------------------------------------------------------------- */

void *cuda_mem_alloc(void *state, size_t bytes) {
    Cuda *cuda = (Cuda *)state;
    void *block = NULL;
    if (cudaMalloc(&block, bytes ? bytes : 1) != cudaSuccess) {
        cudaGetLastError();
        return NULL;
    }
    cuda->held += bytes;
    return block;
}

/* Gives a piece back that nobody has a part of. */
static void slab_free(Cuda *cuda, Slab *slab) {
    Slab **at = &cuda->slabs;
    while (*at != slab)
        at = &(*at)->next;
    *at = slab->next;
    cudaFree(slab->memory);
    free(slab);
}

static void cuda_share(void *state, size_t bytes) {
    Cuda *cuda = (Cuda *)state;
    void *memory;
    Slab *before = cuda->open, *slab = bytes ? (Slab *)calloc(1, sizeof *slab) : NULL;
    cuda->open = NULL;
    if (before && !before->blocks)
        slab_free(cuda, before);
    if (!slab)
        return;
    if (cudaMalloc(&memory, bytes) != cudaSuccess) { /* then each weight tries by itself */
        cudaGetLastError();
        free(slab);
        return;
    }
    *slab = Slab{(char *)memory, bytes, 0, 0, cuda->slabs};
    cuda->slabs = cuda->open = slab;
}

void *cuda_weight_alloc(void *state, size_t bytes) {
    Cuda *cuda = (Cuda *)state;
    Slab *slab = cuda->open;
    if (!slab || slab->bytes - slab->used < bytes)
        return cuda_mem_alloc(state, bytes);
    void *block = slab->memory + slab->used;
    size_t taken = (bytes + WEIGHT_ALIGNMENT - 1) / WEIGHT_ALIGNMENT * WEIGHT_ALIGNMENT;
    slab->used += taken < slab->bytes - slab->used ? taken : slab->bytes - slab->used;
    slab->blocks++;
    cuda->held += bytes;
    return block;
}

static Slab *slab_of(const Cuda *cuda, const void *block) {
    for (Slab *slab = cuda->slabs; slab; slab = slab->next)
        if ((const char *)block >= slab->memory && (const char *)block < slab->memory + slab->bytes)
            return slab;
    return NULL;
}

void cuda_mem_free(void *state, void *block, size_t bytes) {
    Cuda *cuda = (Cuda *)state;
    if (!block)
        return;
    cuda->held -= bytes;
    Slab *slab = slab_of(cuda, block);
    if (!slab)
        cudaFree(block);
    else if (--slab->blocks == 0 && slab != cuda->open)
        slab_free(cuda, slab);
}

static void cuda_mem_info(void *state, MemInfo *info) {
    Cuda *cuda = (Cuda *)state;
    size_t free_bytes = 0, total = 0;
    cudaSetDevice(cuda->device); /* the asking thread may never have chosen one */
    if (cudaMemGetInfo(&free_bytes, &total) != cudaSuccess)
        cudaGetLastError();
    info->total = total;
    info->free = free_bytes;
    info->held = cuda->held;
}

/* ---- the ring ------------------------------------------------------------------------------------------ */

Status ring_take(Cuda *cuda, RingSlot **out) {
    RingSlot *slot = &cuda->ring[cuda->ring_next];
    if (!slot->memory) {
        void *memory;
        CUDA_TRY(cuda, cudaMallocHost(&memory, RING_BYTES), "an upload buffer");
        slot->memory = (char *)memory;
    } else {
        cudaError_t error = cudaEventSynchronize(slot->taken);
        if (error != cudaSuccess)
            return cuda_waited(cuda, error);
    }
    cuda->ring_next = (cuda->ring_next + 1) % RING_SLOTS;
    *out = slot;
    return NULL;
}

Status ring_given(Cuda *cuda, RingSlot *slot, cudaStream_t stream) {
    CUDA_TRY(cuda, cudaEventRecord(slot->taken, stream), "a copy");
    return NULL;
}

Team *cuda_loaders(Cuda *cuda) {
    long count = cuda->threads > 0 ? cuda->threads : sysconf(_SC_NPROCESSORS_ONLN);
    count = count > LOADERS ? (long)LOADERS : count;
    if (!cuda->loaders && count > 1 && team_open(&cuda->loaders, (int)count))
        cuda->threads = 1; /* the worker alone loads, too */
    return cuda->loaders;
}

/* The parts of a tensor that travel: `row_bytes` at a time from or to rows `pitch` bytes apart. */
typedef struct Travel {
    char *device;
    size_t rows, row_bytes, pitch;
} Travel;

static Travel travel_of(Tensor t) {
    Rows rows = rows_flat(t);
    size_t size = dtype_size(t.type);
    return Travel{(char *)rows.data, (size_t)rows.count, (size_t)rows.width * size,
                  (size_t)rows.stride * size};
}

typedef enum Direction { TRAVEL_UP, TRAVEL_DOWN } Direction;

static Status move_piece(Cuda *cuda, char *device, size_t pitch, char *host, size_t row_bytes, size_t rows,
                         Direction direction) {
    RingSlot *slot;
    TRY(ring_take(cuda, &slot));
    if (direction == TRAVEL_UP) {
        memcpy(slot->memory, host, row_bytes * rows);
        CUDA_TRY(cuda, cudaMemcpy2DAsync(device, pitch, slot->memory, row_bytes, row_bytes, rows,
                                         cudaMemcpyHostToDevice, cuda->compute), "upload");
        return ring_given(cuda, slot, cuda->compute);
    }
    CUDA_TRY(cuda, cudaMemcpy2DAsync(slot->memory, row_bytes, device, pitch, row_bytes, rows,
                                     cudaMemcpyDeviceToHost, cuda->compute), "download");
    TRY(ring_given(cuda, slot, cuda->compute));
    cudaError_t error = cudaEventSynchronize(slot->taken);
    if (error != cudaSuccess)
        return cuda_waited(cuda, error);
    memcpy(host, slot->memory, row_bytes * rows);
    return NULL;
}

static Status move_tensor(Cuda *cuda, Tensor t, char *host, Direction direction) {
    Travel travel = travel_of(t);
    if (travel.row_bytes > RING_BYTES) { /* pieces of a row; rows are then one, or rare */
        for (size_t row = 0; row < travel.rows; row++)
            for (size_t at = 0; at < travel.row_bytes; at += RING_BYTES) {
                size_t bytes = travel.row_bytes - at < RING_BYTES ? travel.row_bytes - at : RING_BYTES;
                TRY(move_piece(cuda, travel.device + row * travel.pitch + at, bytes,
                               host + row * travel.row_bytes + at, bytes, 1, direction));
            }
        return NULL;
    }
    size_t most = RING_BYTES / travel.row_bytes;
    for (size_t row = 0; row < travel.rows; row += most) {
        size_t rows = travel.rows - row < most ? travel.rows - row : most;
        TRY(move_piece(cuda, travel.device + row * travel.pitch, travel.pitch, host + row * travel.row_bytes,
                       travel.row_bytes, rows, direction));
    }
    return NULL;
}

static Status cuda_upload(void *state, Tensor device, const void *host) {
    return move_tensor((Cuda *)state, device, (char *)(uintptr_t)host, TRAVEL_UP);
}

static Status cuda_download(void *state, void *host, Tensor device) {
    return move_tensor((Cuda *)state, device, (char *)host, TRAVEL_DOWN);
}

Status cuda_copy(void *state, Tensor to, Tensor from) {
    Cuda *cuda = (Cuda *)state;
    size_t size = dtype_size(to.type);
    Rows a = rows_of(to), b = rows_of(from);
    CUDA_TRY(cuda, cudaMemcpy2DAsync(a.data, (size_t)a.stride * size, b.data, (size_t)b.stride * size,
                                     (size_t)a.width * size, (size_t)a.count, cudaMemcpyDeviceToDevice,
                                     cuda->compute), "copy");
    return cuda_launched(cuda, "copy");
}

/* ---- two streams --------------------------------------------------------------------------------------- */

/* In front of a block of host memory: how it was got. */
enum { HOST_HEAD = 256 };
typedef struct HostHead {
    bool pinned;
} HostHead;

/* Where no memory can be pinned (there may be a limit, as under WSL), copies come from ordinary memory:
 * slower, and the host waits for them, but in the same order. */
void *cuda_host_alloc(void *state, size_t bytes) {
    void *block = NULL;
    (void)state;
    bool pinned = cudaMallocHost(&block, HOST_HEAD + bytes) == cudaSuccess;
    if (!pinned) {
        cudaGetLastError();
        block = aligned_alloc(HOST_HEAD, (HOST_HEAD + bytes + HOST_HEAD - 1) / HOST_HEAD * HOST_HEAD);
    }
    if (!block)
        return NULL;
    ((HostHead *)block)->pinned = pinned;
    return (char *)block + HOST_HEAD;
}

void cuda_host_free(void *state, void *block, size_t bytes) {
    (void)bytes;
    if (!block)
        return;
    HostHead *head = (HostHead *)(void *)((char *)block - HOST_HEAD);
    if (head->pinned) {
        cudaFreeHost(head);
        return;
    }
    cuda_sync(state); /* cudaFreeHost does: nobody reads it any more */
    free(head);
}

static cudaStream_t cuda_stream(const Cuda *cuda, StreamKind stream) {
    return stream == STREAM_COPY ? cuda->copy : cuda->compute;
}

static Status cuda_prefetch(void *state, void *device, const void *host, size_t bytes) {
    Cuda *cuda = (Cuda *)state;
    CUDA_TRY(cuda, cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, cuda->copy), "prefetch");
    return NULL;
}

static Status cuda_event_mark(void *state, int event, StreamKind stream) {
    Cuda *cuda = (Cuda *)state;
    CUDA_TRY(cuda, cudaEventRecord(cuda->event[event], cuda_stream(cuda, stream)), "prefetch");
    cuda->marked[event] = true;
    return NULL;
}

static Status cuda_event_wait(void *state, int event, StreamKind stream) {
    Cuda *cuda = (Cuda *)state;
    if (cuda->marked[event])
        CUDA_TRY(cuda, cudaStreamWaitEvent(cuda_stream(cuda, stream), cuda->event[event], 0), "prefetch");
    return NULL;
}

/* ---- opening and closing ------------------------------------------------------------------------------- */

/* No card that this build can use: why, in the words of product.md 12 row 11. */
static Status no_device(cudaError_t error) {
    int driver = 0, runtime = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    cudaGetLastError();
    const char *advice = "install or update the NVIDIA driver, or :set device cpu";
    if (driver == 0)
        return hint(fail(ERR_DEVICE, "device cuda: the NVIDIA driver library libcuda.so.1 was not found"),
                    "%s", advice);
    if (error == cudaErrorInsufficientDriver)
        return hint(fail(ERR_DEVICE, "device cuda: the driver supports CUDA %d.%d, this build needs %d.%d",
                         driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10),
                    "%s", advice);
    return hint(fail(ERR_DEVICE, "device cuda: no card was found: %s", cudaGetErrorString(error)), "%s",
                advice);
}

static Status count_devices(int *count) {
    *count = 0;
    cudaError_t error = cudaGetDeviceCount(count);
    return error == cudaSuccess && *count > 0 ? NULL
                                              : no_device(error != cudaSuccess ? error : cudaErrorNoDevice);
}

/* A card's free memory is known only to who uses it: this opens every card for a moment. */
static Status cuda_devices(DeviceInfo *out, int capacity, int *count) {
    int driver = 0, present = 0;
    TRY(count_devices(count));
    cudaDriverGetVersion(&driver);
    cudaGetDevice(&present);
    for (int i = 0; i < *count && i < capacity; i++) {
        cudaDeviceProp card;
        size_t free_bytes = 0, total = 0;
        out[i] = DeviceInfo();
        if (cudaGetDeviceProperties(&card, i) != cudaSuccess || cudaSetDevice(i) != cudaSuccess)
            continue;
        if (cudaMemGetInfo(&free_bytes, &total) != cudaSuccess)
            total = card.totalGlobalMem;
        snprintf(out[i].name, sizeof out[i].name, "%.95s", card.name);
        snprintf(out[i].driver, sizeof out[i].driver, "driver for CUDA %d.%d", driver / 1000,
                 driver % 1000 / 10);
        gemm_library_name(out[i].libraries, sizeof out[i].libraries);
        out[i].total = total;
        out[i].free = free_bytes;
        out[i].bf16 = card.major >= 8;
    }
    cudaSetDevice(present);
    cudaGetLastError();
    return NULL;
}

static Status choose_device(Cuda *cuda, int device) {
    int count;
    TRY(count_devices(&count));
    if (device < 0 || device >= count)
        return hint(fail(ERR_DEVICE, "device cuda:%d: there %s %d card%s, numbered from 0", device,
                         count == 1 ? "is" : "are", count, count == 1 ? "" : "s"),
                    ":set device cuda:0, or :set device auto");
    cudaDeviceProp card;
    cuda->device = device;
    CUDA_TRY(cuda, cudaSetDevice(device), "opening the card");
    CUDA_TRY(cuda, cudaGetDeviceProperties(&card, device), "opening the card");
    if (card.major < 8)
        return hint(fail(ERR_DEVICE, "device cuda:%d: %s has compute capability %d.%d, expected 8.0 or later",
                         device, card.name, card.major, card.minor), ":set device cpu");
    snprintf(cuda->card, sizeof cuda->card, "%s", card.name);
    cuda->architecture = card.major * 10 + card.minor;
    cuda->multiprocessors = card.multiProcessorCount;
    snprintf(cuda->description, sizeof cuda->description, "cuda:%d %s", device, card.name);
    return NULL;
}

static void cuda_close(void *state) {
    Cuda *cuda = (Cuda *)state;
    if (!cuda)
        return;
    if (cuda->compute)
        cudaStreamSynchronize(cuda->compute);
    if (cuda->copy)
        cudaStreamSynchronize(cuda->copy);
    for (int i = 0; i < RING_SLOTS; i++) {
        cudaFreeHost(cuda->ring[i].memory);
        if (cuda->ring[i].taken)
            cudaEventDestroy(cuda->ring[i].taken);
    }
    for (int i = 0; i < OPS_EVENTS; i++)
        if (cuda->event[i])
            cudaEventDestroy(cuda->event[i]);
    while (cuda->slabs)
        slab_free(cuda, cuda->slabs);
    gemm_close(cuda->gemm);
    team_close(cuda->loaders);
    cudaFree(cuda->scratch);
    if (cuda->compute)
        cudaStreamDestroy(cuda->compute);
    if (cuda->copy)
        cudaStreamDestroy(cuda->copy);
    cudaGetLastError();
    if (cuda->lost) /* its context with all that was in it; the next opening makes a new one */
        cudaDeviceReset();
    free(cuda);
}

static Status open_parts(Cuda *cuda, const BackendOptions *options) {
    void *scratch;
    cuda->precision = options->precision;
    cuda->threads = options->threads;
    TRY(choose_device(cuda, options->device));
    CUDA_TRY(cuda, cudaStreamCreateWithFlags(&cuda->compute, cudaStreamNonBlocking), "opening the card");
    CUDA_TRY(cuda, cudaStreamCreateWithFlags(&cuda->copy, cudaStreamNonBlocking), "opening the card");
    for (int i = 0; i < RING_SLOTS; i++)
        CUDA_TRY(cuda, cudaEventCreateWithFlags(&cuda->ring[i].taken, cudaEventDisableTiming),
                 "opening the card");
    for (int i = 0; i < OPS_EVENTS; i++)
        CUDA_TRY(cuda, cudaEventCreateWithFlags(&cuda->event[i], cudaEventDisableTiming), "opening the card");
    CUDA_TRY(cuda, cudaMalloc(&scratch, SCRATCH_BYTES), "working space");
    cuda->scratch = (char *)scratch;
    TRY(cuda_fill(cuda, tensor_1d(scratch, DT_F32, 1), 0)); /* is there code for this card? */
    TRY(gemm_open(&cuda->gemm, cuda, options->determinism));
    TRY(eight_try(cuda));
    return attention_wgmma_try(cuda);
}

static Status cuda_open(void **state, const BackendOptions *options) {
    Cuda *cuda = (Cuda *)calloc(1, sizeof *cuda);
    if (!cuda)
        return fail(ERR_MEMORY, "no memory to open the card");
    Status st = open_parts(cuda, options);
    if (st && cuda->lost)
        st = hint(st, "a card that was lost comes back with a new program: :quit, then newbie again%s",
                  cuda->architecture == 90 ? "; NEWBIE_ATTENTION=mma leaves out what is tried first" : "");
    if (st)
        cuda_close(cuda);
    else
        *state = cuda;
    return st;
}

static const char *cuda_describe(void *state) {
    return ((Cuda *)state)->description;
}

static DType cuda_activation(void *state) {
    return ((Cuda *)state)->precision == PRECISION_F32 ? DT_F32 : DT_BF16;
}

void runtime_entries(Backend *table) {
    table->open = cuda_open;
    table->close = cuda_close;
    table->describe = cuda_describe;
    table->activation = cuda_activation;
    table->mem_alloc = cuda_mem_alloc;
    table->mem_free = cuda_mem_free;
    table->share = cuda_share;
    table->weight_alloc = cuda_weight_alloc;
    table->mem_info = cuda_mem_info;
    table->upload = cuda_upload;
    table->download = cuda_download;
    table->sync = cuda_sync;
    table->devices = cuda_devices;
    table->host_alloc = cuda_host_alloc;
    table->host_free = cuda_host_free;
    table->prefetch = cuda_prefetch;
    table->event_mark = cuda_event_mark;
    table->event_wait = cuda_event_wait;
}
