/* mma.cc: each matrix instruction of gpu/mma.cuh and gpu/wgmma.cuh, on the emulated device in three orders,
 * equals a plain matrix product. The kernels fill fragments number by number, as the tables of mma.cuh say
 * where they lie; the inputs are small integers, so products are exact. */
#include "gpu/wgmma.cuh"

#include <vector>

#include "gpu/emu/emu.h"
#include "tests/tap.h"

extern "C" EmuControl *nb_emu_control(void);

static cudaStream_t stream;

/* A small integer that depends on its place. */
static int number_at(int i) {
    return i * 7919 % 31 % 13 - 6;
}

static bf16_t bf16_at(int i) {
    return from_float<bf16_t>((float)number_at(i));
}

static uint32_t two(bf16_t low, bf16_t high) {
    return low.bits | (uint32_t)high.bits << 16;
}

/* c [16][8] of a lane to memory. */
template <class T> static void put_sums(T *c, const T (&sum)[4], int columns) {
    int g = (int)threadIdx.x % 32 / 4, t = (int)threadIdx.x % 4;
    for (int i = 0; i < 4; i++)
        c[(g + i / 2 * 8) * columns + 2 * t + i % 2] += sum[i];
}

static void mma_16816_kernel(float *c, const bf16_t *a, const bf16_t *b) {
    int g = (int)threadIdx.x / 4, t = (int)threadIdx.x % 4;
    uint32_t fragment[4], column[2];
    for (int i = 0; i < 4; i++) {
        const bf16_t *from = a + (g + i % 2 * 8) * 16 + 2 * t + i / 2 * 8;
        fragment[i] = two(from[0], from[1]);
    }
    for (int i = 0; i < 2; i++)
        column[i] = two(b[(2 * t + 8 * i) * 8 + g], b[(2 * t + 8 * i + 1) * 8 + g]);
    float sum[4] = {};
    mma_16816(sum, fragment, column[0], column[1]);
    mma_16816(sum, fragment, column[0], column[1]); /* the second adds the same once more */
    put_sums(c, sum, 8);
}

static void mma_16832_kernel(int32_t *c, const int8_t *a, const int8_t *b) {
    int g = (int)threadIdx.x / 4, t = (int)threadIdx.x % 4;
    uint32_t fragment[4] = {}, column[2] = {};
    for (int i = 0; i < 16; i++)
        fragment[i / 4] |= (uint32_t)(uint8_t)a[(g + i / 4 % 2 * 8) * 32 + 4 * t + i / 8 * 16 + i % 4]
                           << i % 4 * 8;
    for (int i = 0; i < 8; i++)
        column[i / 4] |= (uint32_t)(uint8_t)b[(4 * t + i / 4 * 16 + i % 4) * 8 + g] << i % 4 * 8;
    int32_t sum[4] = {};
    mma_16832(sum, fragment, column[0], column[1]);
    mma_16832(sum, fragment, column[0], column[1]);
    put_sums(c, sum, 8);
}

/* The same product as mma_16816_kernel, a and b through shared memory: copied behind the scenes, fetched with
 * ldsm_x4 (a by rows; b by rows, which turns it, with _trans). */
static void loaded_kernel(float *c, const bf16_t *a, const bf16_t *b) {
    SHARED_DYN(bf16_t, x);
    bf16_t *y = x + 256, *nothing = x + 384;
    int lane = (int)threadIdx.x;
    cp_async16(x + lane * 8, a + lane * 8, 16);
    if (lane < 16)
        cp_async16(y + lane * 8, b + lane * 8, 16);
    cp_async_commit();
    if (lane < 16)
        cp_async16(nothing + lane * 8, NULL, 0);
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    uint32_t fragment[4], column[4];
    float sum[4] = {};
    ldsm_x4(fragment, x + lane % 16 * 16 + lane / 16 * 8);
    ldsm_x4_trans(column, lane < 16 ? y + lane * 8 : nothing + lane % 16 * 8);
    mma_16816(sum, fragment, column[0], column[1]);
    mma_16816(sum, fragment, column[0], column[1]);
    mma_16816(sum, fragment, column[2], column[3]); /* of the zeros */
    put_sums(c, sum, 8);
}

/* c [64][128] = a [64][32] · bT, b [128][32] as a tile; two instructions of 16 columns each. Then d [64][96]
 * = a (its first 16 columns) · e, e [16][96] as a tile of three blocks. */
static void wgmma_kernel(float *c, float *d, const bf16_t *a, const bf16_t *b, const bf16_t *e) {
    SHARED_DYN(bf16_t, shared);
    bf16_t *x = (bf16_t *)(((uintptr_t)shared + 1023) / 1024 * 1024), *y = x + 128 * 32;
    int thread = (int)threadIdx.x, g = thread % 32 / 4, t = thread % 4, first = thread / 32 * 16;
    for (int i = thread; i < 128 * 4; i += 128)
        cp_async16(x + wgmma_place(128, i / 4, i % 4), b + i * 8, 16);
    for (int i = thread; i < 16 * 12; i += 128)
        cp_async16(y + wgmma_place(16, i / 12, i % 12), e + i * 8, 16);
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    float sum[16][4], across[12][4] = {};
    for (int k = 0; k < 2; k++) {
        uint32_t fragment[4];
        for (int i = 0; i < 4; i++) {
            const bf16_t *from = a + (first + g + i % 2 * 8) * 32 + 16 * k + 2 * t + i / 2 * 8;
            fragment[i] = two(from[0], from[1]);
        }
        wgmma_n128(sum, fragment, wgmma_ahead(wgmma_tile(x, 0), 32 * k), k);
        if (k == 0)
            wgmma_n96_across(across, fragment, wgmma_tile(y, 16 * 64));
    }
    for (int n = 0; n < 16; n++)
        put_sums(c + first * 128 + 8 * n, sum[n], 128);
    for (int n = 0; n < 12; n++)
        put_sums(d + first * 96 + 8 * n, across[n], 96);
}

/* ---- comparison ---------------------------------------------------------------------------------------- */

/* Device memory of n numbers given by make. */
template <class T> static T *device(int n, T (*make)(int)) {
    std::vector<T> host((size_t)n);
    for (int i = 0; i < n; i++)
        host[(size_t)i] = make(i);
    void *block;
    cudaMalloc(&block, host.size() * sizeof(T));
    cudaMemcpyAsync(block, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice, stream);
    cudaStreamSynchronize(stream);
    return (T *)block;
}

/* How many numbers of c differ from times · a [m][k] · b [k][n]; rows of a are `a_row` apart. turned: b is
 * [n][k]. */
enum Turned { AS_IT_IS, TURNED };
struct Shape {
    int m, n, k, a_row, times;
    Turned turned;
};
template <class T> static int wrong(const T *c, const Shape &s) {
    std::vector<T> host((size_t)(s.m * s.n));
    cudaMemcpyAsync(host.data(), c, host.size() * sizeof(T), cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    int count = 0;
    for (int i = 0; i < s.m * s.n; i++) {
        int sum = 0;
        for (int k = 0; k < s.k; k++)
            sum += number_at(i / s.n * s.a_row + k) *
                   number_at(s.turned ? i % s.n * s.k + k : k * s.n + i % s.n);
        count += host[(size_t)i] != (T)(s.times * sum);
    }
    return count;
}

template <class T> static T zero(int) {
    return T(0);
}

static int8_t byte_at(int i) {
    return (int8_t)number_at(i);
}

static void test_mma(const char *order) {
    char name[160];
    bf16_t *a = device(512, bf16_at);
    int8_t *bytes = device(512, byte_at);
    float *c = device(128, zero<float>), *d = device(128, zero<float>);
    int32_t *e = device(128, zero<int32_t>);
    LAUNCH(mma_16816_kernel, 1, 32, 0, stream, c, a, a);
    LAUNCH(mma_16832_kernel, 1, 32, 0, stream, e, bytes, bytes);
    LAUNCH(loaded_kernel, 1, 32, 1024, stream, d, a, a);
    snprintf(name, sizeof name, "mma_16816 is a product of 16x16 and 16x8, lanes %s", order);
    CHECK_EQ(wrong(c, {16, 8, 16, 16, 2, AS_IT_IS}), 0, name);
    snprintf(name, sizeof name, "mma_16832 is a product of 16x32 and 32x8 in integers, lanes %s", order);
    CHECK_EQ(wrong(e, {16, 8, 32, 32, 2, AS_IT_IS}), 0, name);
    snprintf(name, sizeof name, "cp_async16, ldsm_x4 and ldsm_x4_trans bring the same fragments, lanes %s",
             order);
    CHECK_EQ(wrong(d, {16, 8, 16, 16, 2, AS_IT_IS}), 0, name);
}

static void test_wgmma(const char *order) {
    char name[160];
    bf16_t *a = device(4096, bf16_at);
    float *c = device(64 * 128, zero<float>), *d = device(64 * 96, zero<float>);
    LAUNCH(wgmma_kernel, 1, 128, (128 * 32 + 16 * 96) * 2 + 1024, stream, c, d, a, a, a);
    snprintf(name, sizeof name, "wgmma_n128 is a product with the rows of a tile, lanes %s", order);
    CHECK_EQ(wrong(c, {64, 128, 32, 32, 1, TURNED}), 0, name);
    snprintf(name, sizeof name, "wgmma_n96_across is a product with its columns, lanes %s", order);
    CHECK_EQ(wrong(d, {64, 96, 16, 32, 1, AS_IT_IS}), 0, name);
}

int main(void) {
#ifdef __SANITIZE_THREAD__
    SKIP("matrix instructions of the emulated device", "the thread sanitizer does not bear its fibers");
    return tap_end();
#endif
    static const char *const ORDERS[] = {"forward", "in reverse", "at random"};
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    for (int order = EMU_FORWARD; order <= EMU_RANDOM; order++) {
        nb_emu_control()->order = (EmuOrder)order;
        test_mma(ORDERS[order]);
        test_wgmma(ORDERS[order]);
    }
    return tap_end();
}
