/* point.cu: elementwise ops, reorderings and lookups: one pass over memory each, 16 bytes at a time where the
 * addresses allow it. All are bound by memory; none has to be clever. */
#include "gpu/ops.cuh"
#include "gpu/runtime.cuh"

/* This thread's first item and the step to its next, in a grid along x. */
__device__ __forceinline__ int64_t point_first(void) {
    return (int64_t)blockIdx.x * POINT_THREADS + threadIdx.x;
}

__device__ __forceinline__ int64_t point_step(void) {
    return (int64_t)gridDim.x * POINT_THREADS;
}

/* ---- y = f(a, b) --------------------------------------------------------------------------------------- */

/* Rows of packs of N numbers; a grid's y axis strides over rows, x over packs of a row. */
template <class T> struct PointMap {
    T *y;
    const T *a, *b; /* b is not read when the function has one argument */
    int64_t y_stride, a_stride, b_stride, rows, packs;
};

template <class T, int N, class F>
static __global__ void __launch_bounds__(POINT_THREADS) point_map(PointMap<T> p, F f) {
    for (int64_t row = blockIdx.y; row < p.rows; row += gridDim.y)
        for (int64_t i = point_first(); i < p.packs; i += point_step()) {
            float a[N], b[N];
            load_pack<T, N>(a, p.a + row * p.a_stride + i * N);
            if (F::inputs == 2)
                load_pack<T, N>(b, p.b + row * p.b_stride + i * N);
#pragma unroll
            for (int j = 0; j < N; j++)
                a[j] = f(a[j], F::inputs == 2 ? b[j] : 0);
            store_pack<T, N>(p.y + row * p.y_stride + i * N, a);
        }
}

template <int act> struct PointActivate {
    enum { inputs = 1 };
    __device__ __forceinline__ float operator()(float a, float) const { return activate(a, act); }
};
struct PointAdd {
    enum { inputs = 2 };
    __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};
struct PointMultiply {
    enum { inputs = 2 };
    __device__ __forceinline__ float operator()(float a, float b) const { return a * b; }
};

template <class T, class F> static void point_launch(Cuda *cuda, Tensor y, Tensor a, Tensor b, F f) {
    const int N = 16 / sizeof(T);
    Rows ry = rows_of(y), ra = rows_of(a), rb = rows_of(b);
    if (tensor_dense(y) && tensor_dense(a) && tensor_dense(b)) {
        ry = rows_flat(y);
        ra = rows_flat(a);
        rb = rows_flat(b);
    }
    PointMap<T> p = {(T *)ry.data, (const T *)ra.data, (const T *)rb.data, ry.stride, ra.stride, rb.stride,
                     ry.count, ry.width};
    bool packed = rows_aligned(ry, sizeof(T), N) && rows_aligned(ra, sizeof(T), N) &&
                  rows_aligned(rb, sizeof(T), N);
    if (packed)
        p.packs /= N;
    dim3 grid(point_blocks(cuda, p.packs), (unsigned)(p.rows < 32768 ? p.rows : 32768));
    if (packed)
        LAUNCH((point_map<T, N, F>), grid, POINT_THREADS, 0, cuda->compute, p, f);
    else
        LAUNCH((point_map<T, 1, F>), grid, POINT_THREADS, 0, cuda->compute, p, f);
}

Status cuda_unary(void *state, Tensor y, Tensor x, Activation act) {
    Cuda *cuda = (Cuda *)state;
    WITH_TYPE(y.type, T, switch (act) {
        case ACT_NONE: point_launch<T>(cuda, y, x, x, PointActivate<DEVICE_NONE>()); break;
        case ACT_SILU: point_launch<T>(cuda, y, x, x, PointActivate<DEVICE_SILU>()); break;
        case ACT_GELU_TANH: point_launch<T>(cuda, y, x, x, PointActivate<DEVICE_GELU_TANH>()); break;
        case ACT_GELU_ERF: point_launch<T>(cuda, y, x, x, PointActivate<DEVICE_GELU_ERF>()); break;
        case ACT_TANH: point_launch<T>(cuda, y, x, x, PointActivate<DEVICE_TANH>()); break;
    });
    return cuda_launched(cuda, "unary");
}

Status cuda_binary(void *state, Tensor y, Tensor a, Tensor b, BinaryKind kind) {
    Cuda *cuda = (Cuda *)state;
    WITH_TYPE(y.type, T, {
        if (kind == BINARY_ADD)
            point_launch<T>(cuda, y, a, b, PointAdd());
        else
            point_launch<T>(cuda, y, a, b, PointMultiply());
    });
    return cuda_launched(cuda, "binary");
}

/* ---- linear combinations: float32 latents -------------------------------------------------------------- */

struct PointTerms {
    const float *term[LINCOMB_MAX];
    float factor[LINCOMB_MAX];
    int count;
};

template <int N>
static __global__ void __launch_bounds__(POINT_THREADS)
    point_lincomb(float *y, PointTerms terms, int64_t packs) {
    for (int64_t i = point_first(); i < packs; i += point_step()) {
        float sum[N] = {}, x[N];
        for (int term = 0; term < terms.count; term++) {
            load_pack<float, N>(x, terms.term[term] + i * N);
#pragma unroll
            for (int j = 0; j < N; j++)
                sum[j] = fmaf(terms.factor[term], x[j], sum[j]);
        }
        store_pack<float, N>(y + i * N, sum);
    }
}

Status cuda_lincomb(void *state, Tensor y, const LincombHow *how) {
    Cuda *cuda = (Cuda *)state;
    int64_t n = tensor_count(y);
    PointTerms terms = {};
    terms.count = how->count;
    bool packed = n % 4 == 0 && (uintptr_t)y.data % 16 == 0;
    for (int i = 0; i < how->count; i++) {
        terms.term[i] = (const float *)how->term[i].data;
        terms.factor[i] = how->factor[i];
        packed = packed && (uintptr_t)how->term[i].data % 16 == 0;
    }
    if (packed)
        LAUNCH(point_lincomb<4>, point_blocks(cuda, n / 4), POINT_THREADS, 0, cuda->compute, (float *)y.data,
               terms, n / 4);
    else
        LAUNCH(point_lincomb<1>, point_blocks(cuda, n), POINT_THREADS, 0, cuda->compute, (float *)y.data,
               terms, n);
    return cuda_launched(cuda, "lincomb");
}

/* ---- constants and conversions ------------------------------------------------------------------------- */

template <class T>
static __global__ void __launch_bounds__(POINT_THREADS)
    point_fill(T *y, int64_t stride, int64_t rows, int64_t width, float value) {
    for (int64_t i = point_first(); i < rows * width; i += point_step())
        y[i / width * stride + i % width] = from_float<T>(value);
}

Status cuda_fill(void *state, Tensor to, float value) {
    Cuda *cuda = (Cuda *)state;
    Rows r = rows_flat(to);
    WITH_TYPE(to.type, T, LAUNCH(point_fill<T>, point_blocks(cuda, r.count * r.width), POINT_THREADS, 0,
                                 cuda->compute, (T *)r.data, r.stride, r.count, r.width, value));
    return cuda_launched(cuda, "fill");
}

/* y = x · factor, from one type to another. */
template <class To, class From>
static __global__ void __launch_bounds__(POINT_THREADS)
    point_convert(To *y, int64_t y_stride, const From *x, int64_t x_stride, int64_t rows, int64_t width,
                  float factor) {
    for (int64_t i = point_first(); i < rows * width; i += point_step()) {
        int64_t row = i / width, column = i % width;
        y[row * y_stride + column] = from_float<To>(to_float(x[row * x_stride + column]) * factor);
    }
}

static void point_convert_launch(Cuda *cuda, Rows y, DType to, Rows x, DType from, float factor) {
    WITH_ANY_TYPE(to, To,
        WITH_ANY_TYPE(from, From,
            LAUNCH((point_convert<To, From>), point_blocks(cuda, y.count * y.width), POINT_THREADS, 0,
                   cuda->compute, (To *)y.data, y.stride, (const From *)x.data, x.stride, y.count, y.width,
                   factor)));
}

Status cuda_cast(void *state, Tensor y, Tensor x) {
    Cuda *cuda = (Cuda *)state;
    point_convert_launch(cuda, rows_of(y), y.type, rows_of(x), x.type, 1);
    return cuda_launched(cuda, "cast");
}

/* Rows of a table in host memory: gathered into a pinned buffer, converted on the device. */
Status cuda_embed(void *state, Tensor y, Tensor table, const int32_t *ids, float scale) {
    Cuda *cuda = (Cuda *)state;
    size_t row_bytes = (size_t)table.dims[1] * dtype_size(table.type);
    if (row_bytes > RING_BYTES)
        return fail(ERR_UNSUPPORTED, "embed: rows of %zu bytes, at most %zu on a card", row_bytes,
                    RING_BYTES);
    int64_t most = (int64_t)(RING_BYTES / row_bytes);
    for (int64_t from = 0; from < y.dims[0]; from += most) {
        int64_t count = y.dims[0] - from < most ? y.dims[0] - from : most;
        RingSlot *slot;
        TRY(ring_take(cuda, &slot));
        for (int64_t i = 0; i < count; i++)
            memcpy(slot->memory + (size_t)i * row_bytes,
                   (const char *)table.data + (size_t)ids[from + i] * row_bytes, row_bytes);
        CUDA_TRY(cuda, cudaMemcpyAsync(cuda->scratch, slot->memory, (size_t)count * row_bytes,
                                       cudaMemcpyHostToDevice, cuda->compute), "embed");
        TRY(ring_given(cuda, slot, cuda->compute));
        Rows gathered = {cuda->scratch, count, table.dims[1], table.dims[1]};
        Rows to = rows_of(y);
        to.data = (char *)y.data + (size_t)(from * y.strides[0]) * dtype_size(y.type);
        to.count = count;
        point_convert_launch(cuda, to, y.type, gathered, table.type, scale);
    }
    return cuda_launched(cuda, "embed");
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

/* y [2h, 2w, packs of N] = x [h, w, packs of N]. */
template <class T, int N>
static __global__ void __launch_bounds__(POINT_THREADS)
    point_upsample(T *y, const T *x, int64_t height, int64_t width, int64_t packs) {
    for (int64_t i = point_first(); i < 4 * height * width * packs; i += point_step()) {
        int64_t pack = i % packs, column = i / packs % (2 * width), row = i / packs / (2 * width);
        float numbers[N];
        load_pack<T, N>(numbers, x + ((row / 2 * width + column / 2) * packs + pack) * N);
        store_pack<T, N>(y + i * N, numbers);
    }
}

Status cuda_upsample2x(void *state, Tensor y, Tensor x) {
    Cuda *cuda = (Cuda *)state;
    int64_t height = x.dims[0], width = x.dims[1], channels = x.dims[2];
    WITH_TYPE(x.type, T, {
        const int N = 16 / sizeof(T);
        bool packed = channels % N == 0 && (uintptr_t)x.data % 16 == 0 && (uintptr_t)y.data % 16 == 0;
        int64_t packs = packed ? channels / N : channels;
        unsigned blocks = point_blocks(cuda, 4 * height * width * packs);
        if (packed)
            LAUNCH((point_upsample<T, N>), blocks, POINT_THREADS, 0, cuda->compute, (T *)y.data,
                   (const T *)x.data, height, width, packs);
        else
            LAUNCH((point_upsample<T, 1>), blocks, POINT_THREADS, 0, cuda->compute, (T *)y.data,
                   (const T *)x.data, height, width, packs);
    });
    return cuda_launched(cuda, "upsample2x");
}

/* Where latent element (channel, row, column) lies among the tokens. Source: model-spec 2.5. */
typedef struct PointPatch {
    int64_t channels, height, width;
    int patch;
} PointPatch;

__device__ __forceinline__ int64_t point_token(PointPatch p, int64_t channel, int64_t row, int64_t column) {
    int64_t token = row / p.patch * (p.width / p.patch) + column / p.patch;
    int64_t place = row % p.patch * p.patch + column % p.patch;
    return (token * p.patch * p.patch + place) * p.channels + channel;
}

template <class T>
static __global__ void __launch_bounds__(POINT_THREADS)
    point_patchify(T *tokens, const float *latent, PointPatch p) {
    for (int64_t i = point_first(); i < p.channels * p.height * p.width; i += point_step()) {
        int64_t channel = i / (p.height * p.width), row = i / p.width % p.height, column = i % p.width;
        tokens[point_token(p, channel, row, column)] = from_float<T>(latent[i]);
    }
}

template <class T>
static __global__ void __launch_bounds__(POINT_THREADS)
    point_unpatchify(float *latent, const T *tokens, PointPatch p) {
    for (int64_t i = point_first(); i < p.channels * p.height * p.width; i += point_step()) {
        int64_t channel = i / (p.height * p.width), row = i / p.width % p.height, column = i % p.width;
        latent[i] = to_float(tokens[point_token(p, channel, row, column)]);
    }
}

Status cuda_patchify(void *state, Tensor tokens, Tensor latent, int patch) {
    Cuda *cuda = (Cuda *)state;
    PointPatch p = {latent.dims[0], latent.dims[1], latent.dims[2], patch};
    WITH_TYPE(tokens.type, T,
              LAUNCH(point_patchify<T>, point_blocks(cuda, tensor_count(latent)), POINT_THREADS, 0,
                     cuda->compute, (T *)tokens.data, (const float *)latent.data, p));
    return cuda_launched(cuda, "patchify");
}

Status cuda_unpatchify(void *state, Tensor latent, Tensor tokens, int patch) {
    Cuda *cuda = (Cuda *)state;
    PointPatch p = {latent.dims[0], latent.dims[1], latent.dims[2], patch};
    WITH_TYPE(tokens.type, T, LAUNCH(point_unpatchify<T>, point_blocks(cuda, tensor_count(latent)),
                                     POINT_THREADS, 0, cuda->compute, (float *)latent.data,
                                     (const T *)tokens.data, p));
    return cuda_launched(cuda, "unpatchify");
}

/* ---- transpose ----------------------------------------------------------------------------------------- */

enum { TRANSPOSE_TILE = 32, TRANSPOSE_ROWS = 8 };
static const int64_t TRANSPOSE_DOWN = 1024; /* blocks down a grid; they walk on from there */

/* Tiles go through shared memory, so that both sides see whole lines of memory; one column of padding keeps
 * the banks apart. */
template <class To, class From>
static __global__ void __launch_bounds__(TRANSPOSE_TILE *TRANSPOSE_ROWS)
    point_transpose(To *y, int64_t y_stride, const From *x, int64_t x_stride, int64_t rows, int64_t columns,
                    float factor, float offset) {
    SHARED(float, tile, TRANSPOSE_TILE * (TRANSPOSE_TILE + 1));
    int64_t left = (int64_t)blockIdx.x * TRANSPOSE_TILE, top = (int64_t)blockIdx.y * TRANSPOSE_TILE;
    int lane = (int)threadIdx.x;
    for (; top < rows; top += (int64_t)gridDim.y * TRANSPOSE_TILE) {
        for (int r = (int)threadIdx.y; r < TRANSPOSE_TILE; r += TRANSPOSE_ROWS)
            if (top + r < rows && left + lane < columns)
                tile[r * (TRANSPOSE_TILE + 1) + lane] =
                    fmaf(factor, to_float(x[(top + r) * x_stride + left + lane]), offset);
        __syncthreads();
        for (int c = (int)threadIdx.y; c < TRANSPOSE_TILE; c += TRANSPOSE_ROWS)
            if (left + c < columns && top + lane < rows)
                y[(left + c) * y_stride + top + lane] =
                    from_float<To>(tile[lane * (TRANSPOSE_TILE + 1) + c]);
        __syncthreads(); /* the tile has been read */
    }
}

Status cuda_transpose(void *state, Tensor y, Tensor x, float factor, float offset) {
    Cuda *cuda = (Cuda *)state;
    int64_t rows = x.dims[0], columns = x.dims[1], down = divide_up(rows, TRANSPOSE_TILE);
    dim3 grid((unsigned)divide_up(columns, TRANSPOSE_TILE),
              (unsigned)(down < TRANSPOSE_DOWN ? down : TRANSPOSE_DOWN));
    dim3 block(TRANSPOSE_TILE, TRANSPOSE_ROWS);
    WITH_TYPE(y.type, To,
        WITH_TYPE(x.type, From,
            LAUNCH((point_transpose<To, From>), grid, block, 0, cuda->compute, (To *)y.data, y.strides[0],
                   (const From *)x.data, x.strides[0], rows, columns, factor, offset)));
    return cuda_launched(cuda, "transpose");
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

template <class T>
static __global__ void __launch_bounds__(POINT_THREADS) point_rgb(uint8_t *bytes, const T *x, int64_t n) {
    for (int64_t i = point_first(); i < n; i += point_step()) {
        float level = (to_float(x[i]) + 1) / 2;
        bytes[i] = (uint8_t)(255 * (level > 0 ? fminf(level, 1) : 0)); /* NaN: 0 */
    }
}

Status cuda_to_rgb8(void *state, Tensor bytes, Tensor x) {
    Cuda *cuda = (Cuda *)state;
    int64_t n = tensor_count(x);
    WITH_TYPE(x.type, T, LAUNCH(point_rgb<T>, point_blocks(cuda, n), POINT_THREADS, 0, cuda->compute,
                                (uint8_t *)bytes.data, (const T *)x.data, n));
    return cuda_launched(cuda, "to_rgb8");
}
