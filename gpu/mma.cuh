/* mma.cuh: matrix instructions and asynchronous copies, one function an instruction.
 *
 * Under nvcc each is its line of PTX. On the host shim (emu/) each is plain C with the fragment layout that
 * the PTX manual documents ("Matrix Fragments for mma.m16n8k16" and the sections beside it). That this file
 * does not misread it in both places, tests/ops/mma.cc shows with the layouts that CUTLASS publishes as data.
 *
 * A fragment is what one lane of a warp holds of a small matrix. With g = lane / 4 and t = lane % 4:
 *
 *   mma_16816   A [16][16] bf16  a[0] (g, 2t..)   a[1] (g+8, 2t..)   a[2] (g, 2t+8..)   a[3] (g+8, 2t+8..)
 *               B [16][8]  bf16  b0 (2t.., g)     b1 (2t+8.., g)      as (row, column); B is read by columns
 *               C [16][8]  f32   c[0], c[1] (g, 2t..)   c[2], c[3] (g+8, 2t..)
 *   mma_16832   A [16][32] s8    a[0] (g, 4t..)   a[1] (g+8, 4t..)   a[2] (g, 4t+16..)   a[3] (g+8, 4t+16..)
 *               B [32][8]  s8    b0 (4t.., g)     b1 (4t+16.., g)
 *               C as above, s32
 *
 * "2t.." are the two, "4t.." the four numbers from there on, the first in the low bits. All lanes of a warp
 * call together. */
#pragma once

#include "gpu/device.cuh"

__device__ __forceinline__ uint32_t shared_address(const void *p) {
    return (uint32_t)__cvta_generic_to_shared(p);
}

#ifndef NEWBIE_EMULATED

/* Two floats rounded to bf16, the first in the low half. */
__device__ __forceinline__ uint32_t bf16_pair(float low, float high) {
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

/* 2 to the x. */
__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/* c += a · b */
__device__ __forceinline__ void mma_16816(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ void mma_16832(int32_t (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Four 8x8 matrices of 16-bit numbers from shared memory. Lane l gives the address of row l % 8 of matrix
 * l / 8 (16 bytes, aligned) and gets the numbers (g, 2t..) of each; _trans gets the numbers (2t.., g). */
__device__ __forceinline__ void ldsm_x4(uint32_t (&r)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ __forceinline__ void ldsm_x4_trans(uint32_t (&r)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/* Copies 16 bytes to shared memory behind the scenes; both ends aligned to 16. With bytes 0 it writes zeros
 * and does not read. Copies belong to the next commit; wait<n> returns when all but the n newest commits of
 * this thread have arrived. Other threads see them after a barrier. */
__device__ __forceinline__ void cp_async16(void *shared, const void *global, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(shared_address(shared)), "l"(global), "r"(bytes)
                 : "memory");
}

__device__ __forceinline__ void cp_async_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int PENDING> __device__ __forceinline__ void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

#else /* the emulated device */

inline uint32_t bf16_pair(float low, float high) {
    return from_float<bf16_t>(low).bits | (uint32_t)from_float<bf16_t>(high).bits << 16;
}

inline float exp2_fast(float x) {
    return exp2f(x);
}

/* What a lane brings to a matrix instruction. */
template <class Sum> struct MmaLane {
    Sum *c;
    uint32_t a[4], b[2];
};

/* The numbers of a word, the first in its low bits. */
EMU_ARITHMETIC inline void mma_numbers(float *to, uint32_t word) { /* bf16 */
    uint32_t bits[2] = {word << 16, word & 0xffff0000};
    memcpy(to, bits, sizeof bits);
}
EMU_ARITHMETIC inline void mma_numbers(int32_t *to, uint32_t word) { /* s8 */
    for (int i = 0; i < 4; i++)
        to[i] = (int8_t)(word >> 8 * i);
}

/* sum [16][N] = a [16][K] · b [K][N], eight columns of four rows at a time, so that sums need not wait. */
template <class Sum, int K, int N>
EMU_ARITHMETIC void mma_multiply(Sum (*sum)[N], const Sum (*a)[K], const Sum (*b)[N]) {
    typedef Sum Eight __attribute__((vector_size(8 * sizeof(Sum))));
    for (int n = 0; n < N; n += 8)
        for (int row = 0; row < 16; row += 4) {
            Eight s0 = {}, s1 = {}, s2 = {}, s3 = {}, columns;
            for (int k = 0; k < K; k++) {
                memcpy(&columns, &b[k][n], sizeof columns);
                s0 += a[row][k] * columns;
                s1 += a[row + 1][k] * columns;
                s2 += a[row + 2][k] * columns;
                s3 += a[row + 3][k] * columns;
            }
            memcpy(&sum[row][n], &s0, sizeof s0);
            memcpy(&sum[row + 1][n], &s1, sizeof s1);
            memcpy(&sum[row + 2][n], &s2, sizeof s2);
            memcpy(&sum[row + 3][n], &s3, sizeof s3);
        }
}

/* The last lane to arrive does the arithmetic for its warp: Sum float of bf16, int32_t of s8. */
template <class Sum> EMU_ARITHMETIC void mma_work(void **given, int) {
    enum { WORD = std::is_same<Sum, float>::value ? 2 : 4, K = 8 * WORD };
    MmaLane<Sum> **lane = (MmaLane<Sum> **)given;
    Sum a[16][K], b[K][8], sum[16][8];
    for (int l = 0; l < 32; l++) {
        int g = l / 4, t = l % 4;
        for (int r = 0; r < 4; r++)
            mma_numbers(&a[g + r % 2 * 8][WORD * t + r / 2 * K / 2], lane[l]->a[r]);
        for (int r = 0; r < 2; r++) {
            Sum column[WORD];
            mma_numbers(column, lane[l]->b[r]);
            for (int i = 0; i < WORD; i++)
                b[WORD * t + r * K / 2 + i][g] = column[i];
        }
    }
    mma_multiply<Sum, K, 8>(sum, a, b);
    for (int row = 0; row < 16; row++)
        for (int n = 0; n < 8; n++)
            lane[row % 8 * 4 + n / 2]->c[row / 8 * 2 + n % 2] += sum[row][n];
}

inline void mma_16816(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    MmaLane<float> mine = {c, {a[0], a[1], a[2], a[3]}, {b0, b1}};
    emu_warp(mma_work<float>, &mine);
}

inline void mma_16832(int32_t (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    MmaLane<int32_t> mine = {c, {a[0], a[1], a[2], a[3]}, {b0, b1}};
    emu_warp(mma_work<int32_t>, &mine);
}

struct LdsmLane {
    const uint16_t *row;
    uint32_t *r;
};

inline void ldsm_work(void **given, int) {
    LdsmLane **lane = (LdsmLane **)given;
    for (int m = 0; m < 4; m++)
        for (int l = 0; l < 32; l++)
            memcpy(&lane[l]->r[m], lane[8 * m + l / 4]->row + l % 4 * 2, 4);
}

inline void ldsm_trans_work(void **given, int) {
    LdsmLane **lane = (LdsmLane **)given;
    for (int m = 0; m < 4; m++)
        for (int l = 0; l < 32; l++) {
            const LdsmLane *low = lane[8 * m + l % 4 * 2], *high = lane[8 * m + l % 4 * 2 + 1];
            lane[l]->r[m] = low->row[l / 4] | (uint32_t)high->row[l / 4] << 16;
        }
}

inline void ldsm_x4(uint32_t (&r)[4], const void *row) {
    assert((uintptr_t)row % 16 == 0);
    LdsmLane mine = {(const uint16_t *)row, r};
    emu_warp(ldsm_work, &mine);
}

inline void ldsm_x4_trans(uint32_t (&r)[4], const void *row) {
    assert((uintptr_t)row % 16 == 0);
    LdsmLane mine = {(const uint16_t *)row, r};
    emu_warp(ldsm_trans_work, &mine);
}

/* Copies of odd threads happen at once, those of even threads when they are waited for: a missing wait and a
 * tile that is overwritten too early both show. */
struct AsyncCopy {
    void *to;
    const void *from;
    int bytes;
};
struct AsyncCopies {
    AsyncCopy copy[256]; /* ring of those made and not done */
    unsigned made, done;
    unsigned commit[16]; /* ring: `made` at each commit */
    unsigned commits, arrived;
};
inline AsyncCopies async_copies[1024];

inline void async_copy(const AsyncCopy &c) {
    if (c.bytes)
        memcpy(c.to, c.from, (size_t)c.bytes);
    memset((char *)c.to + c.bytes, 0, (size_t)(16 - c.bytes));
}

inline void cp_async16(void *shared, const void *global, int bytes) {
    assert((uintptr_t)shared % 16 == 0 && (uintptr_t)global % 16 == 0 && bytes >= 0 && bytes <= 16);
    AsyncCopies *mine = &async_copies[threadIdx.x];
    if (threadIdx.x % 2) {
        async_copy({shared, global, bytes});
        return;
    }
    assert(mine->made - mine->done < 256);
    mine->copy[mine->made++ % 256] = {shared, global, bytes};
}

inline void cp_async_commit() {
    AsyncCopies *mine = &async_copies[threadIdx.x];
    assert(mine->commits - mine->arrived < 15);
    mine->commit[mine->commits++ % 16] = mine->made;
}

template <int PENDING> void cp_async_wait() {
    AsyncCopies *mine = &async_copies[threadIdx.x];
    for (; (int)(mine->commits - mine->arrived) > PENDING; mine->arrived++)
        for (; mine->done != mine->commit[mine->arrived % 16]; mine->done++)
            async_copy(mine->copy[mine->done % 256]);
}

#endif
