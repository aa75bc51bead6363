/* mma.cc: each matrix instruction of gpu/mma.cuh and gpu/wgmma.cuh, on the emulated device in three orders,
 * equals a plain matrix product, where its numbers lie as CUTLASS publishes it. The kernels fill fragments
 * and tiles number by number from those tables, and know nothing of what mma.cuh says of them; the inputs are
 * small integers, so products are exact. */
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

/* ---- layouts as they are published -------------------------------------------------------------------- */

/* A layout of CuTe, shape:stride. A number i is taken apart by the shapes, the first counting fastest, and
 * its digits are weighed with the strides. */
struct Mode {
    int shape, stride;
};
struct Layout {
    Mode mode[4];
};

static int at(const Layout &layout, int i) {
    int sum = 0;
    for (const Mode &m : layout.mode)
        if (m.shape) {
            sum += i % m.shape * m.stride;
            i /= m.shape;
        }
    return sum;
}

/* Fragments: (thread, number of the thread) to a place in the matrix, A [m, k] as m + M k, B [n, k] as n + N
 * k, C as m + M n; two or four numbers of A and B to a register. Source: CUTLASS 4,
 * cute/atom/mma_traits_sm80.hpp, ALayout, BLayout and CLayout of MMA_Traits<SM80_16x8x16_F32BF16BF16F32_TN>
 * and <SM80_16x8x32_S32S8S8S32_TN>. */
struct Fragments {
    Layout a_thread, a_number, b_thread, b_number, c_thread, c_number;
};
static const Fragments MMA_16816 = {
    {{{4, 32}, {8, 1}}}, {{{2, 16}, {2, 8}, {2, 128}}},
    {{{4, 16}, {8, 1}}}, {{{2, 8}, {2, 64}}},
    {{{4, 32}, {8, 1}}}, {{{2, 16}, {2, 8}}},
};
static const Fragments MMA_16832 = {
    {{{4, 64}, {8, 1}}}, {{{4, 16}, {2, 8}, {2, 256}}},
    {{{4, 32}, {8, 1}}}, {{{4, 8}, {2, 128}}},
    {{{4, 32}, {8, 1}}}, {{{2, 16}, {2, 8}}},
};

/* ldmatrix: (thread, bit of its four registers) to a bit of the 32 rows of 128 bits, row l at the address
 * that thread l gives. Source: cute/atom/copy_traits_sm75.hpp, DstLayout of SM75_U32x4_LDSM_N and
 * SM75_U16x8_LDSM_T. */
struct Loaded {
    Layout thread, bit;
};
static const Loaded LDSM = {{{{32, 32}}}, {{{32, 1}, {4, 1024}}}};
static const Loaded LDSM_TRANS = {{{{4, 256}, {8, 16}}}, {{{16, 1}, {2, 128}, {4, 1024}}}};

/* wgmma: fragments of 128 threads, A [64, 16] as m + 64 k and C [64, n] as m + 64 n. Source:
 * cute/atom/mma_traits_sm90_gmma.hpp, ALayout_64x16 and CLayout_64xN. */
static const Layout WGMMA_THREAD = {{{4, 128}, {8, 1}, {4, 16}}}, WGMMA_A = {{{2, 64}, {2, 8}, {2, 512}}},
                    WGMMA_C = {{{2, 64}, {2, 8}, {16, 512}}};

/* The tiles of attention_wgmma.cu, 128 rows of 96 bf16, in numbers before the swizzle, which is Sw<2,4,3> of
 * the bytes: bits 4 and 5 are those XOR bits 7 and 8. Source: the same file, tile_to_shape of
 * Layout_K_SW64_Atom<bfloat16_t> to (128, 96), rows first, and of Layout_MN_SW64_Atom<bfloat16_t> to (96,
 * 128), its second axis first, printed: ((8,16),(32,3)):((32,256),(1,4096)) and
 * ((32,3),(8,16)):((1,4096),(32,256)). */
enum { TILE_ROWS = 128, TILE_COLUMNS = 96, TILE_BLOCK = TILE_ROWS * 64 };
static const Layout WGMMA_ROW = {{{8, 32}, {16, 256}}}, WGMMA_COLUMN = {{{32, 1}, {3, 4096}}};

static int swizzled(int number) {
    return (2 * number ^ (2 * number >> 7 & 3) << 4) / 2;
}

/* What make_gmma_desc<Major::K> of 128 x 16 of the first and make_gmma_desc<Major::MN> of 96 x 16 of the
 * second give, at address 0, and how many bytes further the next 16 columns, or rows, begin. */
static const uint64_t WGMMA_ALONG = 0x8000002000010000, WGMMA_ACROSS = 0x8000002002000000;
static const int WGMMA_ALONG_STEP[] = {0, 32, 8192, 8224, 16384, 16416},
                 WGMMA_ACROSS_STEP[] = {0, 1024, 2048, 3072, 4096, 5120, 6144, 7168};

/* ---- kernels ------------------------------------------------------------------------------------------- */

/* Fragment of a matrix whose place i is number (i % major, i / major), at [i % major][i / major] or, by
 * columns, at [i / major][i % major] of rows `stride` apart. */
template <class Number>
static void fill(uint32_t *fragment, int registers, const Layout &thread, const Layout &number, int major,
                 const Number *from, int down, int right) {
    for (int i = 0; i < registers * 4 / (int)sizeof(Number); i++) {
        int place = at(thread, (int)threadIdx.x) + at(number, i);
        const Number *one = from + place % major * down + place / major * right;
        memcpy((char *)fragment + i * (int)sizeof(Number), one, sizeof(Number));
    }
}

/* Adds the C fragment of a thread to memory, rows `columns` apart. */
template <class T>
static void put(T *c, const T *sum, int count, const Layout &thread, const Layout &number, int major,
                int columns) {
    for (int i = 0; i < count; i++) {
        int place = at(thread, (int)threadIdx.x) + at(number, i);
        c[place % major * columns + place / major] += sum[i];
    }
}

/* c [16][8] = twice a [16][K] · b [K][8]. */
static void mma_16816_kernel(float *c, const bf16_t *a, const bf16_t *b) {
    const Fragments &f = MMA_16816;
    uint32_t fragment[4], column[2];
    float sum[4] = {};
    fill(fragment, 4, f.a_thread, f.a_number, 16, a, 16, 1);
    fill(column, 2, f.b_thread, f.b_number, 8, b, 1, 8);
    mma_16816(sum, fragment, column[0], column[1]);
    mma_16816(sum, fragment, column[0], column[1]); /* the second adds the same once more */
    put(c, sum, 4, f.c_thread, f.c_number, 16, 8);
}

static void mma_16832_kernel(int32_t *c, const int8_t *a, const int8_t *b) {
    const Fragments &f = MMA_16832;
    uint32_t fragment[4], column[2];
    int32_t sum[4] = {};
    fill(fragment, 4, f.a_thread, f.a_number, 16, a, 32, 1);
    fill(column, 2, f.b_thread, f.b_number, 8, b, 1, 8);
    mma_16832(sum, fragment, column[0], column[1]);
    mma_16832(sum, fragment, column[0], column[1]);
    put(c, sum, 4, f.c_thread, f.c_number, 16, 8);
}

/* counts [0] and [1]: numbers that ldsm_x4 and ldsm_x4_trans bring from another place than is published. */
static void ldsm_kernel(int32_t *counts, const bf16_t *rows) {
    SHARED_DYN(bf16_t, x);
    int lane = (int)threadIdx.x, row = (lane * 5 + 3) % 32; /* rows in no order */
    for (int i = 0; i < 8; i++)
        x[row * 8 + i] = rows[lane * 8 + i];
    __syncthreads();
    uint32_t plain[4], trans[4];
    ldsm_x4(plain, x + row * 8);
    ldsm_x4_trans(trans, x + row * 8);
    for (int i = 0; i < 8; i++) {
        int place = (at(LDSM.thread, lane) + at(LDSM.bit, 16 * i)) / 16,
            turned = (at(LDSM_TRANS.thread, lane) + at(LDSM_TRANS.bit, 16 * i)) / 16;
        counts[0] += (uint16_t)(plain[i / 2] >> i % 2 * 16) != rows[place].bits;
        counts[1] += (uint16_t)(trans[i / 2] >> i % 2 * 16) != rows[turned].bits;
    }
}

/* counts [0]: bytes that cp_async16 with 0, 5 and 16 bytes leaves other than PTX says: the rest of 16 is
 * zero. */
static void copy_kernel(int32_t *counts, const int8_t *from) {
    SHARED_DYN(int8_t, x);
    static const int BYTES[] = {0, 5, 16};
    int lane = (int)threadIdx.x;
    for (int i = 0; i < 3; i++)
        cp_async16(x + (lane * 3 + i) * 16, from, BYTES[i]);
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    for (int i = 0; i < 48; i++)
        counts[0] += x[lane * 48 + i] != (i % 16 < BYTES[i / 16] ? from[i % 16] : 0);
}

static void *wgmma_start(void *shared) {
    return (void *)(((uintptr_t)shared + 1023) / 1024 * 1024);
}

/* c [64][128] = a [64][96] · bT, b [128][96]; d [64][96] = a [64][128] · b. wrong [0]: descriptors that are
 * not CUTLASS's; [1]: chunks that wgmma_place has elsewhere. */
static void wgmma_kernel(float *c, float *d, int32_t *wrong, const bf16_t *a, const bf16_t *b) {
    SHARED_DYN(char, shared);
    bf16_t *x = (bf16_t *)wgmma_start(shared);
    for (int i = (int)threadIdx.x; i < TILE_ROWS * TILE_COLUMNS; i += 128) {
        int row = i / TILE_COLUMNS, column = i % TILE_COLUMNS,
            place = swizzled(at(WGMMA_ROW, row) + at(WGMMA_COLUMN, column));
        x[place] = b[i];
        wrong[1] += place != wgmma_place(TILE_ROWS, row, column / 8) + column % 8;
    }
    __syncthreads();
    float sum[16][4], across[12][4] = {};
    WgmmaTile tile = wgmma_tile(x, 16), wide = wgmma_tile(x, TILE_BLOCK), start = shared_address(x) >> 4;
    wrong[0] += (tile != (WGMMA_ALONG | start)) + (wide != (WGMMA_ACROSS | start));
    uint32_t fragment[4];
    for (int k = 0; k < TILE_COLUMNS / 16; k++) {
        fill(fragment, 4, WGMMA_THREAD, WGMMA_A, 64, a + 16 * k, TILE_ROWS, 1);
        wgmma_n128(sum, fragment, wgmma_ahead(tile, WGMMA_ALONG_STEP[k]), k);
        wgmma_commit();
        wgmma_wait<0>(); /* the fragment is filled anew */
    }
    for (int k = 0; k < TILE_ROWS / 16; k++) {
        fill(fragment, 4, WGMMA_THREAD, WGMMA_A, 64, a + 16 * k, TILE_ROWS, 1);
        wgmma_n96_across(across, fragment, wgmma_ahead(wide, WGMMA_ACROSS_STEP[k]));
        wgmma_commit();
        wgmma_wait<0>();
    }
    put(c, &sum[0][0], 64, WGMMA_THREAD, WGMMA_C, 64, TILE_ROWS);
    put(d, &across[0][0], 48, WGMMA_THREAD, WGMMA_C, 64, TILE_COLUMNS);
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

/* The only number at c is 0. */
static void check_none(const int32_t *c, const char *what, const char *order) {
    char name[160];
    int32_t count;
    cudaMemcpyAsync(&count, c, sizeof count, cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    snprintf(name, sizeof name, "%s, lanes %s", what, order);
    CHECK_EQ(count, 0, name);
}

template <class T>
static void check_product(const T *c, const Shape &shape, const char *what, const char *order) {
    char name[160];
    snprintf(name, sizeof name, "%s, lanes %s", what, order);
    CHECK_EQ(wrong(c, shape), 0, name);
}

static void test_mma(const char *order) {
    bf16_t *a = device(512, bf16_at);
    int8_t *bytes = device(512, byte_at);
    float *c = device(128, zero<float>);
    int32_t *e = device(128, zero<int32_t>), *counts = device(4, zero<int32_t>);
    LAUNCH(mma_16816_kernel, 1, 32, 0, stream, c, a, a);
    LAUNCH(mma_16832_kernel, 1, 32, 0, stream, e, bytes, bytes);
    LAUNCH(ldsm_kernel, 1, 32, 512, stream, counts, a);
    LAUNCH(copy_kernel, 1, 32, 32 * 48, stream, counts + 2, bytes);
    check_product(c, {16, 8, 16, 16, 2, AS_IT_IS}, "mma_16816 multiplies as CUTLASS lays numbers out", order);
    check_product(e, {16, 8, 32, 32, 2, AS_IT_IS}, "mma_16832 multiplies as CUTLASS lays numbers out", order);
    check_none(counts, "ldsm_x4 brings what CUTLASS says", order);
    check_none(counts + 1, "ldsm_x4_trans brings what CUTLASS says", order);
    check_none(counts + 2, "cp_async16 fills up with zeros", order);
}

static void test_wgmma(const char *order) {
    bf16_t *a = device(TILE_ROWS * TILE_ROWS, bf16_at);
    float *c = device(64 * TILE_ROWS, zero<float>), *d = device(64 * TILE_COLUMNS, zero<float>);
    int32_t *counts = device(2, zero<int32_t>);
    LAUNCH(wgmma_kernel, 1, 128, TILE_ROWS * TILE_COLUMNS * 2 + 1024, stream, c, d, counts, a, a);
    check_none(counts, "wgmma_tile makes the descriptors of CUTLASS", order);
    check_none(counts + 1, "wgmma_place is the 64-byte swizzle of CUTLASS, along and across", order);
    check_product(c, {64, TILE_ROWS, TILE_COLUMNS, TILE_ROWS, 1, TURNED},
                  "wgmma_n128 multiplies a tile that lies as CUTLASS says", order);
    check_product(d, {64, TILE_COLUMNS, TILE_ROWS, TILE_ROWS, 1, AS_IT_IS},
                  "wgmma_n96_across multiplies its transpose", order);
}

/* More than 48 KB of shared memory have to be asked for, and there is no more than a card of this kind
 * has. */
static void test_shared(void) {
    int32_t *counts = device(1, zero<int32_t>);
    int8_t *bytes = device(512, byte_at);
    int room = 48 << 10, most = 99 << 10;
    LAUNCH(copy_kernel, 1, 32, room + 1, stream, counts, bytes);
    CHECK_EQ(cudaGetLastError(), cudaErrorInvalidValue, "a block has 48 KB of shared memory unless it asks");
    cudaFuncSetAttribute(copy_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most);
    LAUNCH(copy_kernel, 1, 32, most, stream, counts, bytes);
    CHECK_EQ(cudaGetLastError(), cudaSuccess, "then 99 KB on a card of 8.9");
    CHECK_EQ(cudaFuncSetAttribute(copy_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most + 1),
             cudaErrorInvalidValue, "and no more");
    cudaStreamSynchronize(stream);
}

int main(void) {
#ifdef __SANITIZE_THREAD__
    SKIP("matrix instructions of the emulated device", "the thread sanitizer does not bear its fibers");
    return tap_end();
#endif
    static const char *const ORDERS[] = {"forward", "in reverse", "at random"};
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    test_shared();
    cudaGetLastError();
    for (int order = EMU_FORWARD; order <= EMU_RANDOM; order++) {
        nb_emu_control()->order = (EmuOrder)order;
        test_mma(ORDERS[order]);
        test_wgmma(ORDERS[order]);
    }
    return tap_end();
}
