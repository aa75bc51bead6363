/* eight.cu: see eight.cuh. The products are those of product.cu; here is how rows become bytes. */
#include "gpu/eight.cuh"

#include "gpu/product.cuh"

enum { EIGHT_THREADS = 256, EIGHT_WIDTH_MAX = 24 * 1024 };

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

/* A block has one row: rotates it into shared memory, finds the largest, writes bytes. */
template <class T>
static __global__ void __launch_bounds__(EIGHT_THREADS)
    eight_quantise_rows(int8_t *to, float *scales, const T *from, int64_t stride, int width) {
    SHARED_DYN(float, row);
    int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const T *numbers = from + (int64_t)blockIdx.x * stride;
    float largest = 0;
    for (int group = warp * EIGHT_GROUP; group < width; group += EIGHT_THREADS / 32 * EIGHT_GROUP) {
        float x[8];
#pragma unroll
        for (int j = 0; j < 8; j++)
            x[j] = to_float(numbers[group + 8 * lane + j]);
        eight_rotate(x);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            largest = fmaxf(largest, fabsf(x[j]));
            row[group + 8 * lane + j] = x[j];
        }
    }
    largest = eight_block_max(largest);
    float factor = largest > 0 ? 127 / largest : 0;
    for (int i = (int)threadIdx.x * 4; i < width; i += EIGHT_THREADS * 4) {
        Pack<int8_t, 4> pack;
#pragma unroll
        for (int j = 0; j < 4; j++)
            pack.x[j] = (int8_t)rintf(row[i + j] * factor);
        *(Pack<int8_t, 4> *)(to + (int64_t)blockIdx.x * width + i) = pack;
    }
    if (threadIdx.x == 0)
        scales[blockIdx.x] = largest / 127;
}

template <class T>
static Status eight_quantise_as(Cuda *cuda, int8_t *to, float *scales, const EightRows *rows) {
    int bytes = (int)(rows->width * (int64_t)sizeof(float));
    CUDA_TRY(cuda,
             cudaFuncSetAttribute(eight_quantise_rows<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
             "quantise");
    LAUNCH(eight_quantise_rows<T>, (unsigned)rows->rows, EIGHT_THREADS, (size_t)bytes, cuda->compute, to,
           scales, (const T *)rows->from, rows->stride, (int)rows->width);
    return cuda_launched(cuda, "quantise");
}

Status eight_quantise(Cuda *cuda, int8_t *to, float *scales, const EightRows *rows) {
    Status st = NULL;
    WITH_TYPE(rows->type, T, st = eight_quantise_as<T>(cuda, to, scales, rows));
    return st;
}

DType eight_type(const Cuda *cuda, const WeightParts *parts, int64_t width, DType otherwise) {
    bool suits = width % EIGHT_GROUP == 0 && width <= EIGHT_WIDTH_MAX && parts->kind != WEIGHT_CONV;
    return cuda->precision == PRECISION_INT8 && parts->bits == BITS_MAY_BE_8 && suits ? DT_I8 : otherwise;
}

/* The product of some rows at a time, as many as scratch memory has room for. */
static Status eight_product(Cuda *cuda, Tensor y, Tensor x, const Weight *w, ProductBytes how) {
    int64_t most = (int64_t)(SCRATCH_BYTES / (size_t)(w->in + (int64_t)sizeof(float)));
    int8_t *bytes = (int8_t *)(void *)cuda->scratch;
    how.w = (const int8_t *)w->packed;
    how.w_scale = (const float *)(const void *)(how.w + w->out * w->in);
    for (int64_t from = 0; from < x.dims[0]; from += most) {
        Tensor xs = tensor_rows(x, from, x.dims[0] - from < most ? x.dims[0] - from : most);
        float *scales = (float *)(void *)(bytes + xs.dims[0] * w->in); /* in is a multiple of 256 */
        EightRows rows = {xs.data, xs.type, xs.strides[0], xs.dims[0], w->in};
        TRY(eight_quantise(cuda, bytes, scales, &rows));
        how.x = bytes;
        how.x_scale = scales;
        TRY(product_mma_bytes(cuda, tensor_rows(y, from, xs.dims[0]), w, &how));
    }
    return NULL;
}

Status eight_linear(Cuda *cuda, Tensor y, Tensor x, const Weight *w, LinearHow how) {
    ProductBytes bytes = {};
    bytes.act = how.act;
    bytes.store = how.store;
    return eight_product(cuda, y, x, w, bytes);
}

Status eight_glu_linear(Cuda *cuda, Tensor y, Tensor x, const Weight *w, Activation act) {
    ProductBytes bytes = {};
    bytes.act = act;
    bytes.glu = PRODUCT_GLU;
    return eight_product(cuda, y, x, w, bytes);
}
