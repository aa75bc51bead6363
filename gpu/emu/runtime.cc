/* runtime.cc: the runtime API of the emulated device, as nasty as a real one may be.
 *
 * Copies and launches only go into a queue; it runs when somebody waits for the stream or for an event
 * behind it, so a missing wait gives stale numbers. Streams know nothing of each other but what events say.
 * The second stream of a backend may be told to run at once, as far as its events let it: then what it does
 * too early shows. Device memory is one mapping that nobody can read or write but kernels and copies.
 * Allocations are full of NaN, with zones between them that AddressSanitizer knows as forbidden. */
#include <cuda_runtime.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <deque>
#include <map>

#include "gpu/emu/device.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#endif

enum { PAGE = 2 << 20, ALIGNMENT = 256, ZONE = 256, DEVICES_MAX = 8 };
static const size_t HEAP_BYTES = (size_t)4 << 30; /* of addresses; memory is taken when touched */

static cudaError_t last_error;
static bool lost;

EmuControl emu_control = {EMU_FORWARD, 1, 0, 0, EMU_FAIL_ONCE, 0, 1, 13000, 1, 89, (size_t)2 << 30, 0, 0, 0,
                          EMU_LATE,
                          (size_t)2 << 20};

static void forbid(void *memory, size_t bytes) {
    ASAN_POISON_MEMORY_REGION(memory, bytes);
}

static void allow(void *memory, size_t bytes) {
    ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
}

/* Programs that know nothing of an emulated card are told its order by the environment. */
static EmuOrder first_order(void) {
    static const char *const NAMES[] = {"forward", "reverse", "random"};
    const char *name = getenv(EMU_ORDER);
    for (int i = 0; name && i < 3; i++)
        if (!strcmp(name, NAMES[i]))
            return (EmuOrder)i;
    if (name) {
        fprintf(stderr, "%s is \"%s\", expected forward, reverse or random\n", EMU_ORDER, name);
        abort();
    }
    return EMU_FORWARD;
}

__attribute__((constructor)) static void begin(void) {
    emu_control.order = first_order();
    emu_control.forbid = forbid;
    emu_control.allow = allow;
    emu_control.sanitized = SANITIZED;
}

extern "C" __attribute__((visibility("default"))) EmuControl *nb_emu_control(void) {
    return &emu_control;
}

static cudaError_t keep(cudaError_t error) {
    if (error != cudaSuccess)
        last_error = error;
    return error;
}

cudaError_t emu_call(cudaError_t error) {
    cudaError_t of_lost = emu_control.lost ? (cudaError_t)emu_control.lost : cudaErrorIllegalAddress;
    emu_control.calls++;
    if (lost)
        return keep(of_lost);
    if (emu_control.calls != emu_control.fail_at)
        return cudaSuccess;
    lost = emu_control.failure == EMU_FAIL_FOREVER;
    return keep(lost ? of_lost : error);
}

/* ---- device memory ------------------------------------------------------------------------------------- */

static char *heap;
static size_t heap_top; /* all that was ever given out lies below; a whole number of pages */
static std::map<size_t, size_t> given; /* offset: bytes */
static std::map<size_t, size_t> fresh; /* those of them that are still to be filled with NaN */
static int open_count;

static void heap_protect(int protection) {
    if (heap && mprotect(heap, heap_top, protection)) {
        perror("emulated device memory");
        abort();
    }
}

static void device_open(void) {
    if (open_count++)
        return;
    heap_protect(PROT_READ | PROT_WRITE);
    for (const auto &block : fresh)
        memset(heap + block.first, 0xff, block.second);
    fresh.clear();
}

static void device_close(void) {
    if (--open_count == 0)
        heap_protect(PROT_NONE);
}

/* The first hole of `bytes` bytes. */
static size_t heap_find(size_t bytes) {
    size_t at = ZONE;
    for (const auto &block : given) {
        if (block.first >= at + bytes + ZONE)
            break;
        at = (block.first + block.second + ZONE + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    return at;
}

/* What a block takes of the card: small ones share pages with each other, large ones have their own. */
static size_t pages(size_t bytes) {
    size_t page = emu_control.page;
    return bytes < page / 2 ? bytes : (bytes + page - 1) / page * page;
}

cudaError_t cudaMalloc(void **out, size_t bytes) {
    cudaError_t error = emu_call(cudaErrorMemoryAllocation);
    if (error != cudaSuccess)
        return error;
    if (pages(bytes) > emu_control.memory ||
        emu_control.held + emu_control.taken > emu_control.memory - pages(bytes))
        return keep(cudaErrorMemoryAllocation);
    if (!heap) {
        heap = (char *)mmap(NULL, HEAP_BYTES + PAGE, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (heap == MAP_FAILED)
            abort();
        heap += PAGE - (uintptr_t)heap % PAGE;
        madvise(heap, HEAP_BYTES, MADV_HUGEPAGE); /* they are quickly opened and closed; may be refused */
    }
    size_t at = heap_find(bytes);
    if (at + bytes + ZONE > HEAP_BYTES)
        return keep(cudaErrorMemoryAllocation);
    given[at] = bytes;
    if (at + bytes > heap_top)
        heap_top = (at + bytes + PAGE - 1) / PAGE * PAGE;
    emu_control.held += pages(bytes);
    ASAN_POISON_MEMORY_REGION(heap + at - ZONE, ZONE);
    ASAN_UNPOISON_MEMORY_REGION(heap + at, bytes);
    ASAN_POISON_MEMORY_REGION(heap + at + bytes, ZONE);
    *out = heap + at;
    if (bytes <= (size_t)1 << 20) /* larger ones are zero or what was there: filling them would cost more */
        fresh[at] = bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void *block) {
    if (!block)
        return cudaSuccess;
    cudaDeviceSynchronize(); /* as the real one */
    auto found = given.find((size_t)((char *)block - heap));
    if (found == given.end()) {
        fprintf(stderr, "emulated device: cudaFree of %p, which was never given out\n", block);
        abort();
    }
    emu_control.held -= pages(found->second);
    ASAN_POISON_MEMORY_REGION(heap + found->first, found->second);
    fresh.erase(found->first);
    given.erase(found);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **out, size_t bytes) {
    cudaError_t error = emu_call(cudaErrorMemoryAllocation);
    if (error != cudaSuccess)
        return error;
    *out = malloc(bytes ? bytes : 1);
    emu_control.objects++;
    return *out ? cudaSuccess : keep(cudaErrorMemoryAllocation);
}

cudaError_t cudaFreeHost(void *block) {
    if (block) {
        cudaDeviceSynchronize();
        free(block);
        emu_control.objects--;
    }
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
    cudaError_t error = emu_call(cudaErrorUnknown);
    if (error != cudaSuccess)
        return error;
    *total = emu_control.memory;
    *free = emu_control.memory - emu_control.held - emu_control.taken;
    return cudaSuccess;
}

/* ---- streams and events -------------------------------------------------------------------------------- */

struct EmuStream {
    std::deque<std::function<void()>> queue;
    int64_t given, done; /* entries so far */
    bool second;         /* of its backend */
};

struct EmuEvent {
    EmuStream *stream; /* NULL: never recorded, counts as happened */
    int64_t mark;
};

static std::map<EmuStream *, int> streams; /* all there are */

/* Runs a stream's queue up to entry number `mark`. */
static void drain(EmuStream *stream, int64_t mark) {
    if (streams.find(stream) == streams.end()) {
        fprintf(stderr, "emulated device: a wait for a stream that is no more\n");
        abort();
    }
    while (stream->done < mark && !stream->queue.empty()) {
        std::function<void()> work = std::move(stream->queue.front());
        stream->queue.pop_front();
        stream->done++;
        work();
    }
}

static void drain_open(EmuStream *stream, int64_t mark) {
    if (stream->done >= mark)
        return;
    device_open();
    drain(stream, mark);
    device_close();
}

cudaError_t emu_enqueue(cudaStream_t stream, std::function<void()> work) {
    cudaError_t error = emu_call(cudaErrorLaunchFailure);
    if (error != cudaSuccess)
        return error;
    stream->queue.push_back(std::move(work));
    stream->given++;
    if (emu_control.copies == EMU_EARLY && stream->second)
        drain_open(stream, stream->given);
    return cudaSuccess;
}

/* Bytes of shared memory that a block may ask for. Source: CUDA programming guide, technical specifications
 * per compute capability. More than 48 KB only after cudaFuncSetAttribute. */
static size_t shared_limit(void) {
    int architecture = emu_control.architecture;
    return (size_t)(architecture == 80 ? 163 : architecture == 90 || architecture == 100 ? 227 : 99) << 10;
}

static std::map<const void *, size_t> shared_asked; /* of kernels */

cudaError_t emu_function_attribute(const void *kernel, cudaFuncAttribute, int value) {
    if (value < 0 || (size_t)value > shared_limit())
        return keep(cudaErrorInvalidValue);
    shared_asked[kernel] = (size_t)value;
    return cudaSuccess;
}

void emu_launch_grid(const void *kernel, dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
                     std::function<void()> thread) {
    bool fits = grid.x >= 1 && grid.x < 0x80000000 && grid.y >= 1 && grid.y < 65536 && grid.z >= 1 &&
                grid.z < 65536 && block.x * block.y * block.z >= 1 && block.x * block.y * block.z <= 1024;
    size_t asked = shared_asked.count(kernel) ? shared_asked[kernel] : 0, room = (size_t)48 << 10;
    if (!fits || shared > (asked > room ? asked : room)) {
        emu_call(cudaErrorInvalidValue);
        keep(cudaErrorInvalidValue);
        return;
    }
    if (emu_control.architecture >= 130) { /* the module has no code for it */
        keep(cudaErrorNoKernelImageForDevice);
        return;
    }
    emu_enqueue(stream, [=] { emu_run_grid(grid, block, shared, thread); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned) {
    cudaError_t error = emu_call(cudaErrorUnknown);
    if (error != cudaSuccess)
        return error;
    *out = new EmuStream();
    (*out)->second = streams.size() % 2;
    streams[*out] = 1;
    emu_control.objects++;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    drain_open(stream, stream->given);
    streams.erase(stream);
    delete stream;
    emu_control.objects--;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    cudaError_t error = emu_call(cudaErrorLaunchFailure);
    if (error == cudaSuccess)
        drain_open(stream, stream->given);
    return error;
}

cudaError_t cudaDeviceSynchronize(void) {
    for (auto &stream : streams)
        drain_open(stream.first, stream.first->given);
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    EmuStream *other = event->stream;
    int64_t mark = event->mark;
    return emu_enqueue(stream, [other, mark] {
        if (other)
            drain(other, mark);
    });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned) {
    cudaError_t error = emu_call(cudaErrorUnknown);
    if (error != cudaSuccess)
        return error;
    *out = new EmuEvent();
    emu_control.objects++;
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    emu_control.objects--;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    cudaError_t error = emu_call(cudaErrorUnknown);
    if (error != cudaSuccess)
        return error;
    event->stream = stream;
    event->mark = stream->given;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    cudaError_t error = emu_call(cudaErrorLaunchFailure);
    if (error == cudaSuccess && event->stream)
        drain_open(event->stream, event->mark);
    return error;
}

/* Time does not pass on this device; all that is timed is equally fast. */
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t, cudaEvent_t) {
    *milliseconds = 1;
    return emu_call(cudaErrorUnknown);
}

/* ---- copies -------------------------------------------------------------------------------------------- */

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
    return emu_enqueue(stream, [=] { memmove(to, from, bytes); });
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                              size_t height, cudaMemcpyKind, cudaStream_t stream) {
    if (width > to_pitch || width > from_pitch)
        return keep(cudaErrorInvalidValue);
    return emu_enqueue(stream, [=] {
        for (size_t row = 0; row < height; row++)
            memcpy((char *)to + row * to_pitch, (const char *)from + row * from_pitch, width);
    });
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream) {
    return emu_enqueue(stream, [=] { memset(to, value, bytes); });
}

/* ---- devices and errors -------------------------------------------------------------------------------- */

cudaError_t cudaGetDeviceCount(int *count) {
    *count = 0;
    if (emu_control.driver == 0 || emu_control.driver < 13000)
        return keep(cudaErrorInsufficientDriver);
    if (emu_control.devices == 0)
        return keep(cudaErrorNoDevice);
    *count = emu_control.devices;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device) {
    if (device < 0 || device >= emu_control.devices)
        return keep(cudaErrorInvalidDevice);
    *out = cudaDeviceProp();
    snprintf(out->name, sizeof out->name, "emulated card");
    out->totalGlobalMem = emu_control.memory;
    out->major = emu_control.architecture / 10;
    out->minor = emu_control.architecture % 10;
    out->multiProcessorCount = 4;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    return device >= 0 && device < emu_control.devices ? cudaSuccess : keep(cudaErrorInvalidDevice);
}

/* A lost card comes back; what was given out is gone. */
cudaError_t cudaDeviceReset(void) {
    cudaDeviceSynchronize();
    lost = false;
    last_error = cudaSuccess;
    for (const auto &block : given)
        ASAN_POISON_MEMORY_REGION(heap + block.first, block.second);
    given.clear();
    fresh.clear();
    emu_control.held = 0;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) {
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = emu_control.driver;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void) {
    cudaError_t error = last_error;
    if (!lost)
        last_error = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError(void) {
    return last_error;
}

const char *cudaGetErrorString(cudaError_t error) {
    switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorNoKernelImageForDevice: return "no kernel image is available for execution on the device";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    default: break;
    }
    return "unknown error";
}
