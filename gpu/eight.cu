/* eight.cu: see eight.cuh. The products are those of product.cu and gemm.cu; here is how rows become bytes,
 * and results what they stand for. */
#include "gpu/eight.cuh"

#include "gpu/gemm.cuh"
#include "gpu/product.cuh"

enum { EIGHT_THREADS = 256 };

/* Four numbers times H4 / 2, whose rows are (1, 1, 1, -1), (1, 1, -1, 1), (1, -1, 1, 1), (-1, 1, 1, 1): half
 * the sum of all less the number opposite. */
__device__ __forceinline__ float eight_turn(float sum, float opposite) {
    return 0.5f * sum - opposite;
}

/* Rotates 256 numbers of a warp, lane l having numbers 8 l to 8 l + 7. A number's place has four digits of
 * two bits; each is turned by itself. The lowest is j % 4, the next j / 4 and the lowest bit of the lane. */
__device__ __forceinline__ void eight_rotate(float (&x)[8]) {
#pragma unroll
    for (int half = 0; half < 8; half += 4) {
        float a = x[half], b = x[half + 1], c = x[half + 2], d = x[half + 3], sum = (a + b) + (c + d);
        x[half] = eight_turn(sum, d);
        x[half + 1] = eight_turn(sum, c);
        x[half + 2] = eight_turn(sum, b);
        x[half + 3] = eight_turn(sum, a);
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
        float low = __shfl_xor_sync(0xffffffff, x[j], 1), high = __shfl_xor_sync(0xffffffff, x[j + 4], 1);
        float sum = (x[j] + x[j + 4]) + (low + high);
        x[j] = eight_turn(sum, high);
        x[j + 4] = eight_turn(sum, low);
    }
#pragma unroll
    for (int bit = 2; bit <= 8; bit *= 4)
#pragma unroll
        for (int j = 0; j < 8; j++) {
            float next = __shfl_xor_sync(0xffffffff, x[j], bit),
                  far = __shfl_xor_sync(0xffffffff, x[j], 2 * bit);
            float opposite = __shfl_xor_sync(0xffffffff, x[j], 3 * bit);
            x[j] = eight_turn((x[j] + opposite) + (next + far), opposite);
        }
}

/* The largest number of a block, for every thread. */
__device__ __forceinline__ float eight_block_max(float x) {
    SHARED(float, part, EIGHT_THREADS / 32);
    x = warp_max(x);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = x;
    __syncthreads();
    return warp_max(part[threadIdx.x % (EIGHT_THREADS / 32)]);
}

/* What numbers are made of: rotated or not, the largest that a byte holds, and the byte. */
template <class Number> struct EightKind;
template <> struct EightKind<int8_t> {
    static __device__ __forceinline__ void prepare(float (&x)[8]) {
        eight_rotate(x);
    }
    static __device__ __forceinline__ int8_t number(float x) {
        return (int8_t)rintf(x);
    }
    static __device__ __forceinline__ float largest() {
        return 127;
    }
};
template <> struct EightKind<e4m3_t> {
    static __device__ __forceinline__ void prepare(float (&)[8]) {
    }
    static __device__ __forceinline__ e4m3_t number(float x) {
        return from_float<e4m3_t>(x);
    }
    static __device__ __forceinline__ float largest() {
        return 448;
    }
};

/* A block has one row: prepares it in shared memory, finds the largest, writes bytes. A row that is nearly
 * nothing becomes zeros, so that no factor is infinite. */
template <class T, class Number>
static __global__ void __launch_bounds__(EIGHT_THREADS)
    eight_quantise_rows(Number *to, float *scales, const T *from, int64_t stride, int width) {
    typedef EightKind<Number> Kind;
    SHARED_DYN(float, row);
    int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const T *numbers = from + (int64_t)blockIdx.x * stride;
    float largest = 0;
    for (int group = warp * EIGHT_GROUP; group < width; group += EIGHT_THREADS / 32 * EIGHT_GROUP) {
        float x[8];
#pragma unroll
        for (int j = 0; j < 8; j++)
            x[j] = to_float(numbers[group + 8 * lane + j]);
        Kind::prepare(x);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            largest = fmaxf(largest, fabsf(x[j]));
            row[group + 8 * lane + j] = x[j];
        }
    }
    largest = eight_block_max(largest);
    float factor = largest > 1e-30f ? Kind::largest() / largest : 0;
    for (int i = (int)threadIdx.x * 4; i < width; i += EIGHT_THREADS * 4) {
        Pack<Number, 4> pack;
#pragma unroll
        for (int j = 0; j < 4; j++)
            pack.x[j] = Kind::number(row[i + j] * factor);
        *(Pack<Number, 4> *)(to + (int64_t)blockIdx.x * width + i) = pack;
    }
    if (threadIdx.x == 0)
        scales[blockIdx.x] = largest / Kind::largest();
}

template <class T, class Number>
static Status eight_quantise_as(Cuda *cuda, Number *to, float *scales, const EightRows *rows) {
    int bytes = (int)(rows->width * (int64_t)sizeof(float));
    CUDA_TRY(cuda,
             cudaFuncSetAttribute(eight_quantise_rows<T, Number>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  bytes),
             "quantise");
    LAUNCH((eight_quantise_rows<T, Number>), (unsigned)rows->rows, EIGHT_THREADS, (size_t)bytes,
           cuda->compute, to, scales, (const T *)rows->from, rows->stride, (int)rows->width);
    return cuda_launched(cuda, "quantise");
}

Status eight_quantise(Cuda *cuda, void *to, float *scales, const EightRows *rows) {
    Status st = NULL;
    if (rows->to_type == DT_I8)
        WITH_TYPE(rows->type, T, st = eight_quantise_as<T>(cuda, (int8_t *)to, scales, rows));
    else
        WITH_TYPE(rows->type, T, st = eight_quantise_as<T>(cuda, (e4m3_t *)to, scales, rows));
    return st;
}

Status eight_try(const Cuda *cuda) {
    if (cuda->precision != PRECISION_FP8)
        return NULL;
    const char *next = ":set precision int8 is for this card too, and more exact";
    if (cuda->architecture < 89)
        return hint(fail(ERR_UNSUPPORTED,
                         "precision fp8: %s has compute capability %d.%d, expected 8.9 or later", cuda->card,
                         cuda->architecture / 10, cuda->architecture % 10),
                    "%s", next);
    return cuda->gemm ? NULL
                      : hint(fail(ERR_UNSUPPORTED, "precision fp8: no cuBLASLt was found that works"),
                             "%s", next);
}

/* ---- what is done with a product of the library -------------------------------------------------------- */

/* The scales of a product's rows and columns, and what comes after them. */
typedef struct EightEnd {
    const float *x_scale, *w_scale, *bias; /* bias or NULL */
    int64_t y_stride, from_stride, rows, width;
    int act, add;
} EightEnd;

/* y = or += act(from · scales + bias), N numbers a thread; from may be y. */
template <class T, class From, int N>
static __global__ void __launch_bounds__(POINT_THREADS) eight_finish(T *y, const From *from, EightEnd a) {
    int64_t packs = a.width / N;
    for (int64_t i = (int64_t)blockIdx.x * POINT_THREADS + threadIdx.x; i < a.rows * packs;
         i += (int64_t)gridDim.x * POINT_THREADS) {
        int64_t row = i / packs, column = i % packs * N;
        float value[N], before[N];
        load_pack<From, N>(value, from + row * a.from_stride + column);
        if (a.add)
            load_pack<T, N>(before, y + row * a.y_stride + column);
#pragma unroll
        for (int j = 0; j < N; j++) {
            value[j] *= a.x_scale[row] * a.w_scale[column + j];
            value[j] = activate(value[j] + (a.bias ? a.bias[column + j] : 0), a.act);
            value[j] += a.add ? before[j] : 0;
        }
        store_pack<T, N>(y + row * a.y_stride + column, value);
    }
}

/* y [rows][width / 2] = act(gate) · up of the columns 2 f and 2 f + 1 of from, N numbers a thread. */
template <int N>
static __global__ void __launch_bounds__(POINT_THREADS)
    eight_glu_finish(bf16_t *y, const bf16_t *from, EightEnd a) {
    int64_t packs = a.width / 2 / N;
    for (int64_t i = (int64_t)blockIdx.x * POINT_THREADS + threadIdx.x; i < a.rows * packs;
         i += (int64_t)gridDim.x * POINT_THREADS) {
        int64_t row = i / packs, f = i % packs * N;
        float pairs[2][N], product[N];
        load_pack<bf16_t, N>(pairs[0], from + row * a.from_stride + 2 * f);
        load_pack<bf16_t, N>(pairs[1], from + row * a.from_stride + 2 * f + N);
#pragma unroll
        for (int j = 0; j < 2 * N; j++) {
            float *x = &pairs[j / N][j % N];
            *x = *x * (a.x_scale[row] * a.w_scale[2 * f + j]) + (a.bias ? a.bias[2 * f + j] : 0);
        }
#pragma unroll
        for (int j = 0; j < N; j++)
            product[j] = activate(pairs[2 * j / N][2 * j % N], a.act) *
                         pairs[(2 * j + 1) / N][(2 * j + 1) % N];
        store_pack<bf16_t, N>(y + row * a.y_stride + f, product);
    }
}

template <class T, class From, int N>
static void eight_finish_launch(Cuda *cuda, void *y, const void *from, const EightEnd *end) {
    LAUNCH((eight_finish<T, From, N>), point_blocks(cuda, end->rows * end->width / N), POINT_THREADS, 0,
           cuda->compute, (T *)y, (const From *)from, *end);
}

/* ---- products ------------------------------------------------------------------------------------------ */

/* A product of rows whose bytes are there: x_bytes [rows][in], x_scale [rows]; memory for what lies between.
 */
typedef struct EightCall {
    const Weight *w;
    const void *x_bytes;
    const float *x_scale;
    char *between; /* on a multiple of 256 */
    Activation act;
    StoreMode store;
    ProductEnd glu;
} EightCall;

static const float *eight_scales(const Weight *w) {
    return (const float *)(const void *)((const char *)w->packed + w->out * w->in);
}

static Status eight_by_mma(Cuda *cuda, Tensor y, const EightCall *c) {
    ProductBytes how = {(const int8_t *)c->x_bytes,
                        (const int8_t *)c->w->packed,
                        c->x_scale,
                        eight_scales(c->w),
                        c->act,
                        c->store,
                        c->glu};
    return product_mma_bytes(cuda, y, c->w, &how);
}

/* The product goes where its result belongs, and is finished there; or, when that is no place for the
 * library, is added to what is there, or is a gated unit, between the two. */
static Status eight_by_library(Cuda *cuda, Tensor y, const EightCall *c) {
    int64_t rows = y.dims[0], out = c->w->out;
    EightEnd end = {c->x_scale, eight_scales(c->w), c->w->bias, y.strides[0], out, rows, out, (int)c->act,
                    c->store == STORE_ADD};
    Product p = {y.data,   c->x_bytes, c->w->packed, y.type,   DT_F8_E4M3, DT_F8_E4M3, y.strides[0],
                 c->w->in, rows,       out,          c->w->in, NULL,       ACT_NONE,   STORE_SET};
    bool there = c->glu == PRODUCT_PLAIN && c->store == STORE_SET && gemm_takes(cuda->gemm, &p);
    if (!there) {
        p.y = c->between;
        p.y_type = c->glu == PRODUCT_GLU ? DT_BF16 : DT_F32;
        p.y_stride = out;
    }
    end.from_stride = p.y_stride;
    TRY(gemm_run(cuda->gemm, cuda, &p));
    if (c->glu == PRODUCT_GLU && rows_aligned(rows_of(y), sizeof(bf16_t), 8))
        LAUNCH(eight_glu_finish<8>, point_blocks(cuda, rows * out / 16), POINT_THREADS, 0, cuda->compute,
               (bf16_t *)y.data, (const bf16_t *)p.y, end);
    else if (c->glu == PRODUCT_GLU)
        LAUNCH(eight_glu_finish<1>, point_blocks(cuda, rows * out / 2), POINT_THREADS, 0, cuda->compute,
               (bf16_t *)y.data, (const bf16_t *)p.y, end);
    else if (there && y.type == DT_BF16)
        eight_finish_launch<bf16_t, bf16_t, 8>(cuda, y.data, p.y, &end);
    else if (there)
        eight_finish_launch<float, float, 4>(cuda, y.data, p.y, &end);
    else
        WITH_TYPE(y.type, T, eight_finish_launch<T, float, 1>(cuda, y.data, p.y, &end));
    return cuda_launched(cuda, "linear");
}

/* Bytes of scratch memory that a row of a product takes: of x, its scale, and what lies between. */
static size_t eight_row_bytes(const EightCall *call) {
    size_t between = call->w->type == DT_I8 ? 0 : (size_t)call->w->out * sizeof(float);
    if (call->glu == PRODUCT_GLU)
        between /= 2;
    return (size_t)call->w->in + sizeof(float) + between;
}

/* The product of some rows at a time, as many as scratch memory has room for. */
static Status eight_product(Cuda *cuda, Tensor y, Tensor x, EightCall call) {
    const Weight *w = call.w;
    int64_t most = (int64_t)((SCRATCH_BYTES - WEIGHT_ALIGNMENT) / eight_row_bytes(&call));
    if (most < 1)
        return fail(ERR_UNSUPPORTED, "linear: %lld columns in 8 bits are too many", (long long)w->out);
    most = most > 128 ? most / 128 * 128 : most;
    for (int64_t from = 0; from < x.dims[0]; from += most) {
        Tensor xs = tensor_rows(x, from, x.dims[0] - from < most ? x.dims[0] - from : most);
        Tensor ys = tensor_rows(y, from, xs.dims[0]);
        float *scales = (float *)(void *)(cuda->scratch + xs.dims[0] * w->in); /* in is a multiple of 256 */
        EightRows rows = {xs.data, xs.type, w->type, xs.strides[0], xs.dims[0], w->in};
        TRY(eight_quantise(cuda, cuda->scratch, scales, &rows));
        call.x_bytes = cuda->scratch;
        call.x_scale = scales;
        call.between = (char *)(scales + divide_up(xs.dims[0], 64) * 64);
        TRY(w->type == DT_I8 ? eight_by_mma(cuda, ys, &call) : eight_by_library(cuda, ys, &call));
    }
    return NULL;
}

Status eight_linear(Cuda *cuda, Tensor y, Tensor x, const Weight *w, LinearHow how) {
    EightCall call = {w, NULL, NULL, NULL, how.act, how.store, PRODUCT_PLAIN};
    return eight_product(cuda, y, x, call);
}

Status eight_glu_linear(Cuda *cuda, Tensor y, Tensor x, const Weight *w, Activation act) {
    EightCall call = {w, NULL, NULL, NULL, act, STORE_SET, PRODUCT_GLU};
    return eight_product(cuda, y, x, call);
}
