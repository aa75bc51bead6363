/* cublas.cc: the library of matrix products on the emulated device: bf16 or e4m3 numbers, float32 sums, or,
 * of e4m3 when the caller allows it, sums that keep 14 bits. It refuses what the real one refuses (addresses,
 * rows and sizes that the caller's preference does not promise, e4m3 on old cards), writes over its
 * workspace, and names three candidates of which one cannot do it. */
#include <cublasLt.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <vector>

struct EmuLtHandle { int unused; };
struct EmuLtProduct {
    cublasOperation_t a;
    int8_t fast;
};
struct EmuLtLayout {
    cudaDataType_t type;
    int64_t rows, columns, stride;
};
struct EmuLtPreference { uint32_t alignment; uint64_t workspace; };

enum { CANDIDATES = 3, ALIGNMENT = 16 };

template <class T> static cublasStatus_t made(T **out, T *object) {
    if (emu_call(cudaErrorMemoryAllocation) != cudaSuccess) {
        delete object;
        return CUBLAS_STATUS_ALLOC_FAILED;
    }
    *out = object;
    emu_control.objects++;
    return CUBLAS_STATUS_SUCCESS;
}

template <class T> static cublasStatus_t gone(T *object) {
    delete object;
    emu_control.objects--;
    return CUBLAS_STATUS_SUCCESS;
}

bool emu_library_missing(void) { return !emu_control.library; }
size_t cublasLtGetVersion(void) { return 130100; }
cublasStatus_t cublasLtCreate(cublasLtHandle_t *out) {
    return emu_control.library == 3 ? CUBLAS_STATUS_NOT_INITIALIZED : made(out, new EmuLtHandle());
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return gone(handle); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, cublasComputeType_t, cudaDataType_t) {
    return made(out, new EmuLtProduct{CUBLAS_OP_N, 0});
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) { return gone(product); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product,
                                              cublasLtMatmulDescAttributes_t name, const void *value,
                                              size_t size) {
    bool fast = name == CUBLASLT_MATMUL_DESC_FAST_ACCUM;
    if (size != (fast ? sizeof product->fast : sizeof product->a))
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(fast ? (void *)&product->fast : (void *)&product->a, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t stride) {
    if (stride < (int64_t)rows)
        return CUBLAS_STATUS_INVALID_VALUE;
    return made(out, new EmuLtLayout{type, (int64_t)rows, (int64_t)columns, stride});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return gone(layout); }

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out) {
    return made(out, new EmuLtPreference{256, 0});
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
    return gone(preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t name,
                                                    const void *value, size_t size) {
    if (name == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES && size == 8)
        memcpy(&preference->workspace, value, size);
    else if (name >= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES && size == 4)
        memcpy(&preference->alignment, value, size);
    else if (size != 4)
        return CUBLAS_STATUS_INVALID_VALUE;
    return CUBLAS_STATUS_SUCCESS;
}

static bool row_fits(const EmuLtLayout *layout) {
    int64_t bytes = layout->type == CUDA_R_32F ? 4 : layout->type == CUDA_R_16BF ? 2 : 1;
    return layout->stride * bytes % ALIGNMENT == 0;
}

static bool numbers_fit(const EmuLtLayout *a, const EmuLtLayout *b, const EmuLtLayout *d) {
    if (a->type != b->type || d->type == CUDA_R_8F_E4M3)
        return false;
    return a->type == CUDA_R_16BF || (a->type == CUDA_R_8F_E4M3 && emu_control.architecture >= 89);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t *out, int *count) {
    *count = 0;
    if (product->a != CUBLAS_OP_T || a->rows != b->rows || d->rows != a->columns ||
        d->columns != b->columns || !numbers_fit(a, b, d) || !row_fits(a) || !row_fits(b) || !row_fits(d) ||
        preference->alignment > ALIGNMENT || emu_control.library == 2)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    for (; *count < CANDIDATES && *count < wanted; ++*count) {
        out[*count] = cublasLtMatmulHeuristicResult_t();
        out[*count].algo.data[0] = 1 + (uint64_t)*count;
        out[*count].workspaceSize = preference->workspace;
    }
    if (*count < wanted) { /* one that it thinks better of */
        out[*count] = cublasLtMatmulHeuristicResult_t();
        out[(*count)++].state = CUBLAS_STATUS_NOT_SUPPORTED;
    }
    return CUBLAS_STATUS_SUCCESS;
}

/* One product, as the device does it when its turn comes. */
typedef struct Multiply {
    const void *a, *b;
    char *d;
    EmuLtLayout al, bl, dl;
    float beta;
    int8_t fast;
} Multiply;

static float widen(uint16_t x) {
    uint32_t bits = (uint32_t)x << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static float widen8(uint8_t x) {
    int exponent = x >> 3 & 15, mantissa = x & 7;
    float f = (x & 0x7f) == 0x7f ? NAN : exponent ? ldexpf((float)(8 + mantissa), exponent - 10)
                                                  : ldexpf((float)mantissa, -9);
    return x & 0x80 ? -f : f;
}

/* Number `at` of a matrix. */
static float number(const EmuLtLayout &layout, const void *data, int64_t at) {
    return layout.type == CUDA_R_16BF ? widen(((const uint16_t *)data)[at])
                                      : widen8(((const uint8_t *)data)[at]);
}

static uint16_t narrow(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return x != x ? (uint16_t)0x7fff : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

enum { SUMS = 16 }; /* side by side */
typedef float Sums __attribute__((vector_size(SUMS * sizeof(float))));

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("avx2", "default")))
#endif
EMU_ARITHMETIC static float dot(const float *a, const float *b, int64_t n) {
    Sums sums = {}, x, y;
    int64_t i = 0;
    for (; i + SUMS <= n; i += SUMS) {
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        sums += x * y;
    }
    float sum = sums[0];
    for (; i < n; i++)
        sum += a[i] * b[i];
    for (int j = 1; j < SUMS; j++)
        sum += sums[j];
    return sum;
}

/* As a card does that keeps 14 bits of a sum: those of 32 products are added at a time, what is beyond is
 * lost. */
static float dot_fast(const float *a, const float *b, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; i += 32) {
        uint32_t bits;
        sum += dot(a + i, b + i, n - i < 32 ? n - i : 32);
        memcpy(&bits, &sum, 4);
        bits &= ~(uint32_t)0x3ff;
        memcpy(&sum, &bits, 4);
    }
    return sum;
}

static void multiply(const Multiply &m) {
    int64_t depth = m.al.rows;
    std::vector<float> x((size_t)(m.bl.columns * depth)), w((size_t)depth);
    for (int64_t row = 0; row < m.bl.columns; row++)
        for (int64_t k = 0; k < depth; k++)
            x[(size_t)(row * depth + k)] = number(m.bl, m.b, row * m.bl.stride + k);
    for (int64_t column = 0; column < m.al.columns; column++) {
        for (int64_t k = 0; k < depth; k++)
            w[(size_t)k] = number(m.al, m.a, column * m.al.stride + k);
        for (int64_t row = 0; row < m.bl.columns; row++) {
            const float *xs = &x[(size_t)(row * depth)];
            float value = m.fast ? dot_fast(xs, w.data(), depth) : dot(xs, w.data(), depth);
            int64_t at = row * m.dl.stride + column;
            if (m.dl.type == CUDA_R_32F) {
                float *y = (float *)(void *)m.d + at;
                *y = m.beta == 0 ? value : m.beta * *y + value;
            } else {
                uint16_t *y = (uint16_t *)(void *)m.d + at;
                *y = narrow(m.beta == 0 ? value : m.beta * widen(*y) + value);
            }
        }
    }
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t product, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t a_layout, const void *b,
                              cublasLtMatrixLayout_t b_layout, const void *beta, const void *c,
                              cublasLtMatrixLayout_t, void *d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t *algorithm, void *workspace, size_t workspace_bytes,
                              cudaStream_t stream) {
    uintptr_t addresses = (uintptr_t)a | (uintptr_t)b | (uintptr_t)c | (uintptr_t)d;
    if (addresses % ALIGNMENT || *(const float *)alpha != 1 || c != d || algorithm->data[0] == 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (algorithm->data[0] == CANDIDATES)
        return CUBLAS_STATUS_EXECUTION_FAILED;
    Multiply m = {a, b, (char *)d, *a_layout, *b_layout, *d_layout, *(const float *)beta, product->fast};
    cudaError_t error = emu_enqueue(stream, [=] {
        memset(workspace, 0xff, workspace_bytes < 4096 ? workspace_bytes : 4096);
        multiply(m);
    });
    return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
