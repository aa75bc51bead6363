/* cuda_runtime.h: stands in for NVIDIA's header when the kernels are compiled as C++ for the host.
 *
 * Declares the built-in names that kernels use and the part of the runtime API that gpu/ uses, with NVIDIA's
 * names and numbers. Behind it: fiber.cc runs grids on fibers, runtime.cc plays the runtime, nastily
 * (architecture.md 4.5). What tests may ask of it is in emu.h. */
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <functional>
#include <tuple>
#include <type_traits>

#define NEWBIE_EMULATED 1

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define DEVICE_CALL inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
/* Of functions that only calculate with what they have checked: sanitizers leave them alone, for speed. */
#define EMU_ARITHMETIC __attribute__((no_sanitize("address", "undefined")))

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct int2 { int x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(16) float4 { float x, y, z, w; };

/* ---- inside kernels: fiber.cc -------------------------------------------------------------------------- */

/* What the running thread knows of itself. */
typedef struct EmuThread {
    dim3 thread, block, block_size, grid_size;
} EmuThread;
extern EmuThread *emu_thread; /* of the thread that runs now; NULL outside kernels */

#define threadIdx (emu_thread->thread)
#define blockIdx (emu_thread->block)
#define blockDim (emu_thread->block_size)
#define gridDim (emu_thread->grid_size)

/* All lanes of the warp meet here. Each hands a pointer; the last to arrive calls `work` once with all of
 * them in lane order, then all go on. Meeting at two different `work`s, or with a lane that returned, is told
 * and ends the program. */
typedef void EmuWarpWork(void **lanes, int count);
void emu_warp(EmuWarpWork *work, void *mine);
void emu_block(void);    /* the barrier of the block */

inline void __syncthreads(void) { emu_block(); }
inline void emu_nothing(void **lanes, int count) { (void)lanes, (void)count; }
inline void __syncwarp(unsigned mask = 0xffffffff) { (void)mask; emu_warp(emu_nothing, NULL); }

template <class T> struct EmuShuffle {
    T value, result;
    int source; /* lane; outside the warp: keep the own value */
    static void work(void **lanes, int count) {
        for (int i = 0; i < count; i++) {
            EmuShuffle *mine = (EmuShuffle *)lanes[i];
            bool inside = mine->source >= 0 && mine->source < count;
            mine->result = inside ? ((EmuShuffle *)lanes[mine->source])->value : mine->value;
        }
    }
};
inline int emu_lane(void) {
    const EmuThread *t = emu_thread;
    return (int)((t->thread.x + t->block_size.x * (t->thread.y + t->block_size.y * t->thread.z)) % 32);
}
template <class T> T emu_shuffle(T value, int source) {
    EmuShuffle<T> mine = {value, value, source};
    emu_warp(EmuShuffle<T>::work, &mine);
    return mine.result;
}
template <class T> T __shfl_sync(unsigned, T value, int source) { return emu_shuffle(value, source & 31); }
template <class T> T __shfl_xor_sync(unsigned, T value, int mask) {
    return emu_shuffle(value, emu_lane() ^ mask);
}
template <class T> T __shfl_down_sync(unsigned, T value, unsigned by) {
    return emu_shuffle(value, emu_lane() + (int)by);
}

/* Shared memory of the running block for the declaration `key` stands for; the same for all its threads, full
 * of NaN when the block begins. Key NULL: the dynamic part. */
void *emu_shared(const void *key, size_t bytes);
#define SHARED(type, name, n)     \
    static const char name##_key = 0; \
    type *name = (type *)emu_shared(&name##_key, sizeof(type) * (n))
#define SHARED_DYN(type, name) type *name = (type *)emu_shared(NULL, 0)

/* Addresses in shared memory are counted from the beginning of its window. Only the dynamic part lies there,
 * at an address that is a multiple of 128 and of no more. */
enum { EMU_WINDOW = 256 << 10 };
inline size_t __cvta_generic_to_shared(const void *p) { return (uintptr_t)p % EMU_WINDOW; }
inline char *emu_shared_window(void) {
    char *dynamic = (char *)emu_shared(NULL, 0);
    return dynamic - (uintptr_t)dynamic % EMU_WINDOW;
}

inline float __expf(float x) { return expf(x); }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline float exp2f_device(float x) { return exp2f(x); }
template <class T> T __ldg(const T *p) { return *p; }
using std::max;
using std::min;

/* ---- the runtime: runtime.cc --------------------------------------------------------------------------- */

typedef enum cudaError {
    cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2,
    cudaErrorInsufficientDriver = 35, cudaErrorNoDevice = 100, cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209, cudaErrorECCUncorrectable = 214,
    cudaErrorNvlinkUncorrectable = 220, cudaErrorIllegalAddress = 700, cudaErrorLaunchTimeout = 702,
    cudaErrorAssert = 710,
    cudaErrorHardwareStackError = 714, cudaErrorIllegalInstruction = 715, cudaErrorMisalignedAddress = 716,
    cudaErrorInvalidAddressSpace = 717, cudaErrorInvalidPc = 718, cudaErrorLaunchFailure = 719,
    cudaErrorUnknown = 999,
} cudaError_t;
typedef struct EmuStream *cudaStream_t;
typedef struct EmuEvent *cudaEvent_t;
typedef enum cudaMemcpyKind {
    cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3
} cudaMemcpyKind;
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int major, minor, multiProcessorCount;
};
enum { cudaStreamNonBlocking = 1, cudaEventDefault = 0, cudaEventDisableTiming = 2 };
typedef enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 } cudaFuncAttribute;

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaDeviceReset(void);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaMalloc(void **out, size_t bytes);
cudaError_t cudaFree(void *block);
cudaError_t cudaMallocHost(void **out, size_t bytes);
cudaError_t cudaFreeHost(void *block);
cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaDeviceSynchronize(void);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaGetLastError(void);
cudaError_t cudaPeekAtLastError(void);
const char *cudaGetErrorString(cudaError_t error);

cudaError_t emu_function_attribute(const void *kernel, cudaFuncAttribute attribute, int value);
template <class F> cudaError_t cudaFuncSetAttribute(F *kernel, cudaFuncAttribute attribute, int value) {
    return emu_function_attribute((const void *)kernel, attribute, value);
}

/* Puts work in a stream's queue: a grid of `thread` (one thread of the kernel), or anything else done by the
 * device. A call that was told to fail leaves its error for cudaGetLastError, and so does a launch that a
 * card of this architecture refuses. */
void emu_launch_grid(const void *kernel, dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
                     std::function<void()> thread);
cudaError_t emu_enqueue(cudaStream_t stream, std::function<void()> work);

template <class... P, class... A>
void emu_launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream, A... given) {
    std::tuple<std::decay_t<P>...> arguments(static_cast<std::decay_t<P>>(given)...);
    emu_launch_grid((const void *)kernel, grid, block, shared, stream,
                    [kernel, arguments] { std::apply(kernel, arguments); });
}
#define LAUNCH(kernel, grid, block, shared, stream, ...) \
    emu_launch(kernel, grid, block, shared, stream, __VA_ARGS__)
