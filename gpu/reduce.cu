/* reduce.cu: sums over rows and over whole latents, in two steps of a fixed order: no atomics, so the same
 * numbers give the same bits. Sums of squares are double. */
#include "gpu/ops.cuh"
#include "gpu/runtime.cuh"

static const int REDUCE_THREADS = 256, REDUCE_BLOCKS = 256;

/* ---- mean_rows ----------------------------------------------------------------------------------------- */

/* Block (columns, sequence): a thread has one column; neighbours read neighbours. */
template <class T>
static __global__ void __launch_bounds__(REDUCE_THREADS)
    reduce_mean(T *y, int64_t y_stride, const T *x, int64_t x_stride, Seqs seqs, int64_t width) {
    int64_t column = (int64_t)blockIdx.x * REDUCE_THREADS + threadIdx.x;
    int64_t from = seqs.offsets[blockIdx.y], to = seqs.offsets[blockIdx.y + 1];
    if (column >= width)
        return;
    float sum = 0;
    for (int64_t row = from; row < to; row++)
        sum += to_float(x[row * x_stride + column]);
    y[blockIdx.y * y_stride + column] = from_float<T>(sum / (float)(to - from));
}

Status cuda_mean_rows(void *state, Tensor y, Tensor x, const Seqs *seqs) {
    Cuda *cuda = (Cuda *)state;
    dim3 grid((unsigned)divide_up(x.dims[1], REDUCE_THREADS), (unsigned)seqs->count);
    WITH_TYPE(x.type, T, LAUNCH(reduce_mean<T>, grid, REDUCE_THREADS, 0, cuda->compute, (T *)y.data,
                                y.strides[0], (const T *)x.data, x.strides[0], *seqs, x.dims[1]));
    return cuda_launched(cuda, "mean_rows");
}

/* ---- sum_squares, cfg_mix ------------------------------------------------------------------------------ */

static unsigned reduce_blocks(int64_t n) {
    int64_t blocks = divide_up(n, REDUCE_THREADS * 4);
    return (unsigned)(blocks < REDUCE_BLOCKS ? blocks : REDUCE_BLOCKS);
}

static __global__ void __launch_bounds__(REDUCE_THREADS)
    reduce_squares(double *part, const float *x, int64_t n) {
    double sum = 0;
    for (int64_t i = (int64_t)blockIdx.x * REDUCE_THREADS + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * REDUCE_THREADS)
        sum += (double)x[i] * x[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0)
        part[blockIdx.x] = sum;
}

/* One block adds the parts: part[i] of every block, a second row of parts behind them when there is one. */
__device__ __forceinline__ double reduce_parts(const double *part, int count) {
    double sum = 0;
    for (int i = (int)threadIdx.x; i < count; i += REDUCE_THREADS)
        sum += part[i];
    return block_sum(sum);
}

static __global__ void __launch_bounds__(REDUCE_THREADS)
    reduce_squares_end(float *y, const double *part, int count) {
    double sum = reduce_parts(part, count);
    if (threadIdx.x == 0)
        *y = (float)sum;
}

Status cuda_sum_squares(void *state, Tensor y, Tensor x) {
    Cuda *cuda = (Cuda *)state;
    double *part = (double *)(void *)cuda->scratch;
    int64_t n = tensor_count(x);
    unsigned blocks = reduce_blocks(n);
    LAUNCH(reduce_squares, blocks, REDUCE_THREADS, 0, cuda->compute, part, (const float *)x.data, n);
    LAUNCH(reduce_squares_end, 1, REDUCE_THREADS, 0, cuda->compute, (float *)y.data, part, (int)blocks);
    return cuda_launched(cuda, "sum_squares");
}

/* v = uncond + scale · (cond − uncond), and the parts of ‖cond‖² and ‖v‖². v may be cond or uncond. */
static __global__ void __launch_bounds__(REDUCE_THREADS)
    reduce_mix(float *v, double *part, const float *cond, const float *uncond, int64_t n, float scale) {
    double cond_sum = 0, sum = 0;
    for (int64_t i = (int64_t)blockIdx.x * REDUCE_THREADS + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * REDUCE_THREADS) {
        float c = cond[i], u = uncond[i], mixed = u + scale * (c - u);
        v[i] = mixed;
        cond_sum += (double)c * c;
        sum += (double)mixed * mixed;
    }
    cond_sum = block_sum(cond_sum);
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        part[blockIdx.x] = cond_sum;
        part[gridDim.x + blockIdx.x] = sum;
    }
}

/* factor = what v is scaled by so that ‖v‖ is at most renorm · ‖cond‖. Source: model-spec 7.5. */
static __global__ void __launch_bounds__(REDUCE_THREADS)
    reduce_mix_factor(float *factor, const double *part, int count, float renorm) {
    double limit = (double)renorm * sqrt(reduce_parts(part, count));
    double norm = sqrt(reduce_parts(part + count, count));
    if (threadIdx.x == 0)
        *factor = norm > 0 && norm >= limit ? (float)(limit / norm) : 1;
}

static __global__ void __launch_bounds__(REDUCE_THREADS)
    reduce_scale(float *v, const float *factor, int64_t n) {
    for (int64_t i = (int64_t)blockIdx.x * REDUCE_THREADS + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * REDUCE_THREADS)
        v[i] *= *factor;
}

Status cuda_cfg_mix(void *state, Tensor v, Tensor cond, Tensor uncond, GuideHow how) {
    Cuda *cuda = (Cuda *)state;
    double *part = (double *)(void *)cuda->scratch;
    float *factor = (float *)(void *)(part + 2 * REDUCE_BLOCKS);
    int64_t n = tensor_count(v);
    unsigned blocks = reduce_blocks(n);
    LAUNCH(reduce_mix, blocks, REDUCE_THREADS, 0, cuda->compute, (float *)v.data, part,
           (const float *)cond.data, (const float *)uncond.data, n, how.scale);
    if (how.renorm > 0) {
        LAUNCH(reduce_mix_factor, 1, REDUCE_THREADS, 0, cuda->compute, factor, part, (int)blocks, how.renorm);
        LAUNCH(reduce_scale, point_blocks(cuda, n), REDUCE_THREADS, 0, cuda->compute, (float *)v.data, factor,
               n);
    }
    return cuda_launched(cuda, "cfg_mix");
}
