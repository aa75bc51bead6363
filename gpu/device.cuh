/* device.cuh: what kernels are written in, so that the same file compiles with nvcc for a card and with g++
 * for the emulated device of tests (architecture.md 4.5).
 *
 * In kernels use only what stands here and the built-ins that gpu/emu/cuda_runtime.h lists. All g++ sees is
 * one file (gpu/emu/module.cc includes every .cu), so names of one file begin with its family. Threads of a
 * block must all reach every barrier, and lanes of a warp every warp_* call: no thread returns early before
 * one. */
#pragma once

#include <cuda_runtime.h>

#include "gpu/host.h"

#ifndef NEWBIE_EMULATED
#define DEVICE_CALL __device__ __noinline__
#define LAUNCH(kernel, grid, block, shared, stream, ...) \
    (kernel)<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__)
#define SHARED(type, name, n) __shared__ type name[n]
#define SHARED_DYN(type, name)                                             \
    extern __shared__ __align__(128) unsigned char shared_dynamic_bytes[]; \
    type *name = (type *)shared_dynamic_bytes
#endif

enum { WARP_LANES = 32, BLOCK_WARPS_MAX = 32 };

/* ---- numbers ------------------------------------------------------------------------------------------- */

/* The same bits as the other. */
__device__ __forceinline__ float float_of_bits(uint32_t bits) {
#ifdef NEWBIE_EMULATED
    float f;
    memcpy(&f, &bits, 4);
    return f;
#else
    return __uint_as_float(bits);
#endif
}
__device__ __forceinline__ uint32_t bits_of_float(float f) {
#ifdef NEWBIE_EMULATED
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
#else
    return __float_as_uint(f);
#endif
}

/* The upper half of a float. */
struct bf16_t {
    uint16_t bits;
};

__device__ __forceinline__ float to_float(float x) {
    return x;
}

__device__ __forceinline__ float to_float(bf16_t x) {
    return float_of_bits((uint32_t)x.bits << 16);
}

/* IEEE half precision; only embedding tables and casts have it. */
struct f16_t {
    uint16_t bits;
};

__device__ __forceinline__ float to_float(f16_t x) {
#ifdef NEWBIE_EMULATED
    return f16_to_float(x.bits);
#else
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(x.bits));
    return f;
#endif
}

/* 8 bits: sign, 4 of exponent, 3 of mantissa; no infinity, 0x7f is NaN. In whole-number arithmetic, because
 * the instruction is not there on every card that the module is compiled for. */
struct e4m3_t {
    uint8_t bits;
};

__device__ __forceinline__ float to_float(e4m3_t x) {
    uint32_t magnitude = x.bits & 0x7f, bits = magnitude << 20 | (uint32_t)(x.bits & 0x80) << 24;
    float f = float_of_bits(bits) * 0x1p120f; /* the exponent is biased by 7 instead of 127 */
    return magnitude == 0x7f ? NAN : f;
}

/* Rounded to nearest, ties to even. */
template <class T> __device__ __forceinline__ T from_float(float x);

template <> __device__ __forceinline__ float from_float<float>(float x) {
    return x;
}

template <> __device__ __forceinline__ bf16_t from_float<bf16_t>(float x) {
    bf16_t y;
#ifdef NEWBIE_EMULATED
    uint32_t bits;
    memcpy(&bits, &x, 4);
    y.bits = x != x ? (uint16_t)0x7fff : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
#else
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
#endif
    return y;
}

template <> __device__ __forceinline__ f16_t from_float<f16_t>(float x) {
    f16_t y;
#ifdef NEWBIE_EMULATED
    y.bits = f16_from_float(x);
#else
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
#endif
    return y;
}

/* What is too large becomes 448, the largest. */
template <> __device__ __forceinline__ e4m3_t from_float<e4m3_t>(float x) {
    float magnitude = fminf(fabsf(x), 448);
    uint32_t bits = bits_of_float(magnitude), sign = bits_of_float(x) >> 24 & 0x80;
    uint32_t number = magnitude < 0x1p-6f ? (uint32_t)(int)rintf(magnitude * 512)
                                          : (bits + 0x7ffff + (bits >> 20 & 1) - (120u << 23)) >> 20;
    e4m3_t y;
    y.bits = (uint8_t)(sign | (x != x ? 0x7f : number));
    return y;
}

/* ---- vectors: N numbers that one thread loads at once, at most 16 bytes -------------------------------- */

template <class T, int N> struct alignas(sizeof(T) * N) Pack {
    T x[N];
};

/* N numbers at p, which is aligned to all of them, as floats; and back. */
template <class T, int N> __device__ __forceinline__ void load_pack(float (&out)[N], const T *p) {
    Pack<T, N> pack = *(const Pack<T, N> *)p;
#pragma unroll
    for (int i = 0; i < N; i++)
        out[i] = to_float(pack.x[i]);
}

template <class T, int N> __device__ __forceinline__ void store_pack(T *p, const float (&in)[N]) {
    Pack<T, N> pack;
#pragma unroll
    for (int i = 0; i < N; i++)
        pack.x[i] = from_float<T>(in[i]);
    *(Pack<T, N> *)p = pack;
}

/* ---- reductions: the same order for the same shape, so the same bits ----------------------------------- */

#ifdef NEWBIE_EMULATED
/* One meeting of the lanes instead of five; the additions are those of the card. */
template <class T> void warp_sum_work(void **lanes, int count) {
    T value[WARP_LANES] = {}, next[WARP_LANES];
    for (int i = 0; i < count; i++)
        value[i] = *(T *)lanes[i];
    for (int mask = 16; mask; mask /= 2) {
        for (int i = 0; i < WARP_LANES; i++)
            next[i] = value[i] + value[i ^ mask];
        memcpy(value, next, sizeof value);
    }
    for (int i = 0; i < count; i++)
        *(T *)lanes[i] = value[i];
}

inline void warp_max_work(void **lanes, int count) {
    float largest = *(float *)lanes[0];
    for (int i = 1; i < count; i++)
        largest = fmaxf(largest, *(float *)lanes[i]);
    for (int i = 0; i < count; i++)
        *(float *)lanes[i] = largest;
}

template <class T> T warp_sum(T x) {
    emu_warp(warp_sum_work<T>, &x);
    return x;
}

inline float warp_max(float x) {
    emu_warp(warp_max_work, &x);
    return x;
}
#else
/* The sum over the 32 lanes, for every lane. */
template <class T> __device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
    for (int mask = 16; mask; mask /= 2)
        x += __shfl_xor_sync(0xffffffff, x, mask);
    return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
    for (int mask = 16; mask; mask /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, mask));
    return x;
}
#endif

/* The sum over a block of whole warps along x, for every thread. May be called again and again. */
template <class T> __device__ __forceinline__ T block_sum(T x) {
    SHARED(T, part, BLOCK_WARPS_MAX);
    int lane = (int)threadIdx.x % WARP_LANES, warp = (int)threadIdx.x / WARP_LANES;
    int warps = (int)blockDim.x / WARP_LANES;
    x = warp_sum(x);
    __syncthreads(); /* the last call's parts have been read */
    if (lane == 0)
        part[warp] = x;
    __syncthreads();
    return warp_sum(lane < warps ? part[lane] : T(0));
}

/* ---- elementary functions ------------------------------------------------------------------------------ */

/* The numbers of Activation (ops.h). */
enum { DEVICE_NONE, DEVICE_SILU, DEVICE_GELU_TANH, DEVICE_GELU_ERF, DEVICE_TANH };

/* The rare and long ones are called, not copied into every kernel. */
DEVICE_CALL float activate_rarely(float x, int act) {
    return act == DEVICE_TANH ? tanhf(x) : 0.5f * x * (1 + erff(x * 0.70710678118654752f));
}

__device__ __forceinline__ float activate(float x, int act);

/* The same as a call, for the ends of matrix products, which seldom have an activation and would copy it for
 * each of a thread's many numbers: that is most of what such a kernel takes to compile. */
DEVICE_CALL float activate_called(float x, int act) {
    return activate(x, act);
}

__device__ __forceinline__ float activate(float x, int act) {
    if (act == DEVICE_NONE)
        return x;
    if (act == DEVICE_TANH || act == DEVICE_GELU_ERF)
        return activate_rarely(x, act);
    float s =
        act == DEVICE_SILU ? x : 1.5957691216057308f * (x + 0.044715f * x * x * x); /* (1 + tanh(s/2))/2 */
    return x / (1 + expf(-s));
}
