/* plain.cu: see plain.cuh. Written to be obviously right; only memory access is kept decent. */
#include "gpu/plain.cuh"

#include "gpu/ops.cuh"

/* ---- matrix product ------------------------------------------------------------------------------------ */

/* A block of 256 threads makes 64 x 64 results, a thread 4 x 4 of them, 16 columns of x and w at a time. */
enum { PLAIN_TILE = 64, PLAIN_DEPTH = 16, PLAIN_THREADS = 256, PLAIN_PITCH = PLAIN_TILE + 4 };

/* Columns [k, k + 16) of 64 rows, transposed into shared memory, zeros outside. */
template <class T>
__device__ __forceinline__ void plain_load(float *tile, const T *rows, int64_t stride, int64_t first,
                                           int64_t count, int64_t k, int64_t depth) {
    for (int i = (int)threadIdx.x; i < PLAIN_TILE * PLAIN_DEPTH; i += PLAIN_THREADS) {
        int64_t row = first + i / PLAIN_DEPTH, column = k + i % PLAIN_DEPTH;
        bool inside = row < count && column < depth;
        tile[i % PLAIN_DEPTH * PLAIN_PITCH + i / PLAIN_DEPTH] =
            inside ? to_float(rows[row * stride + column]) : 0;
    }
}

template <class Y, class X, class W>
static __global__ void __launch_bounds__(PLAIN_THREADS) plain_product_tiles(Product p) {
    SHARED(float, x_tile, PLAIN_DEPTH * PLAIN_PITCH);
    SHARED(float, w_tile, PLAIN_DEPTH * PLAIN_PITCH);
    int64_t first = (int64_t)blockIdx.y * PLAIN_TILE, left = (int64_t)blockIdx.x * PLAIN_TILE;
    int row = (int)threadIdx.x / 16 * 4, column = (int)threadIdx.x % 16 * 4;
    float sum[4][4] = {};
    for (int64_t k = 0; k < p.in; k += PLAIN_DEPTH) {
        plain_load(x_tile, (const X *)p.x, p.x_stride, first, p.rows, k, p.in);
        plain_load(w_tile, (const W *)p.w, p.in, left, p.out, k, p.in);
        __syncthreads();
        for (int d = 0; d < PLAIN_DEPTH; d++)
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sum[i][j] = fmaf(x_tile[d * PLAIN_PITCH + row + i], w_tile[d * PLAIN_PITCH + column + j],
                                     sum[i][j]);
        __syncthreads();
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            int64_t r = first + row + i, c = left + column + j;
            if (r >= p.rows || c >= p.out)
                continue;
            Y *y = (Y *)p.y + r * p.y_stride + c;
            float value = sum[i][j] + (p.bias ? p.bias[c] : 0);
            if (p.act != ACT_NONE)
                value = activate_called(value, (int)p.act);
            *y = from_float<Y>(p.store == STORE_ADD ? to_float(*y) + value : value);
        }
}

Status plain_product(Cuda *cuda, const Product *p) {
    int64_t down = divide_up(p->rows, PLAIN_TILE), most = 32768;
    for (int64_t from = 0; from < down; from += most) { /* a grid's y axis is short */
        Product part = *p;
        int64_t rows = p->rows - from * PLAIN_TILE;
        part.y = (char *)p->y + (size_t)(from * PLAIN_TILE * p->y_stride) * dtype_size(p->y_type);
        part.x = (const char *)p->x + (size_t)(from * PLAIN_TILE * p->x_stride) * dtype_size(p->x_type);
        part.rows = rows < most * PLAIN_TILE ? rows : most * PLAIN_TILE;
        dim3 grid((unsigned)divide_up(p->out, PLAIN_TILE), (unsigned)divide_up(part.rows, PLAIN_TILE));
        if (p->x_type == DT_F8_E4M3) {
            WITH_TYPE(p->y_type, Y,
                      LAUNCH((plain_product_tiles<Y, e4m3_t, e4m3_t>), grid, PLAIN_THREADS, 0, cuda->compute,
                             part));
            continue;
        }
        WITH_TYPE(p->y_type, Y,
            WITH_TYPE(p->x_type, X,
                WITH_TYPE(p->w_type, W,
                    LAUNCH((plain_product_tiles<Y, X, W>), grid, PLAIN_THREADS, 0, cuda->compute, part))));
    }
    return cuda_launched(cuda, "linear");
}

/* ---- attention ----------------------------------------------------------------------------------------- */

static const int PLAIN_KEYS = 128, PLAIN_HEAD_MAX = 1024;

template <class T> struct PlainAttention {
    T *out;
    const T *q, *k, *v;
    int64_t out_row, out_head, q_row, q_head, k_row, k_head, v_row, v_head;
    Seqs seqs;
    float scale;
    int causal, group, d; /* group: query heads of a key head */
    int64_t window;
};

/* A block has one query of one head. 128 keys at a time: every thread scores one, then sums columns. */
template <class T>
static __global__ void __launch_bounds__(PLAIN_KEYS) plain_attention_rows(PlainAttention<T> p) {
    SHARED(float, query, PLAIN_HEAD_MAX);
    SHARED(float, sum, PLAIN_HEAD_MAX);
    SHARED(float, weight, PLAIN_KEYS);
    int64_t row = blockIdx.x, head = blockIdx.y, kv = head / p.group;
    int s = 0, thread = (int)threadIdx.x;
    while (row >= p.seqs.offsets[s + 1])
        s++;
    int64_t first = p.seqs.offsets[s], last = p.causal ? row + 1 : p.seqs.offsets[s + 1];
    if (p.window > 0 && row - p.window + 1 > first)
        first = row - p.window + 1;
    for (int c = thread; c < p.d; c += PLAIN_KEYS) {
        query[c] = to_float(p.q[row * p.q_row + head * p.q_head + c]) * p.scale;
        sum[c] = 0;
    }
    float largest = -INFINITY, total = 0;
    for (int64_t key = first; key < last; key += PLAIN_KEYS) {
        int count = (int)(last - key < PLAIN_KEYS ? last - key : PLAIN_KEYS);
        float score = -INFINITY;
        __syncthreads();
        if (thread < count) {
            const T *numbers = p.k + (key + thread) * p.k_row + kv * p.k_head;
            score = 0;
            for (int c = 0; c < p.d; c++)
                score = fmaf(query[c], to_float(numbers[c]), score);
        }
        weight[thread] = score;
        __syncthreads();
        float next = largest;
        for (int i = 0; i < count; i++)
            next = fmaxf(next, weight[i]);
        __syncthreads();
        weight[thread] = thread < count ? expf(score - next) : 0;
        __syncthreads();
        float shrink = expf(largest - next);
        largest = next;
        total *= shrink;
        for (int i = 0; i < count; i++)
            total += weight[i];
        for (int c = thread; c < p.d; c += PLAIN_KEYS) {
            float part = sum[c] * shrink;
            for (int i = 0; i < count; i++)
                part = fmaf(weight[i], to_float(p.v[(key + i) * p.v_row + kv * p.v_head + c]), part);
            sum[c] = part;
        }
    }
    for (int c = thread; c < p.d; c += PLAIN_KEYS)
        p.out[row * p.out_row + head * p.out_head + c] = from_float<T>(sum[c] / total);
}

Status plain_attention(Cuda *cuda, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how) {
    if (q.dims[2] > PLAIN_HEAD_MAX)
        return fail(ERR_UNSUPPORTED, "attention: heads of %lld numbers, at most %d on a card",
                    (long long)q.dims[2], PLAIN_HEAD_MAX);
    dim3 grid((unsigned)q.dims[0], (unsigned)q.dims[1]);
    WITH_TYPE(q.type, T, {
        PlainAttention<T> p = {(T *)out.data, (const T *)q.data, (const T *)k.data, (const T *)v.data,
                               out.strides[0], out.strides[1], q.strides[0], q.strides[1], k.strides[0],
                               k.strides[1], v.strides[0], v.strides[1], *how->seqs, how->scale,
                               how->mask == MASK_CAUSAL, (int)(q.dims[1] / k.dims[1]), (int)q.dims[2],
                               how->window};
        LAUNCH(plain_attention_rows<T>, grid, PLAIN_KEYS, 0, cuda->compute, p);
    });
    return cuda_launched(cuda, "attention");
}

/* ---- convolution --------------------------------------------------------------------------------------- */

struct PlainConv {
    void *y;
    const void *x, *w;
    const float *bias;
    int64_t height, width, x_height, x_width; /* of y, and of x as the kernel sees it */
    int in, out, kernel, stride, border, shift;
    StoreMode store;
};

/* A thread has one number of y; neighbours share a pixel of x and have rows of w. */
template <class T, class W>
static __global__ void __launch_bounds__(POINT_THREADS) plain_conv_numbers(PlainConv p) {
    int64_t n = p.height * p.width * p.out;
    for (int64_t i = (int64_t)blockIdx.x * POINT_THREADS + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * POINT_THREADS) {
        int o = (int)(i % p.out);
        int64_t column = i / p.out % p.width, row = i / p.out / p.width;
        float sum = 0;
        for (int tap = 0; tap < p.kernel * p.kernel; tap++) {
            int64_t y = row * p.stride - p.border + tap / p.kernel,
                    x = column * p.stride - p.border + tap % p.kernel;
            if (y < 0 || y >= p.x_height || x < 0 || x >= p.x_width)
                continue;
            const T *pixel =
                (const T *)p.x + ((y >> p.shift) * (p.x_width >> p.shift) + (x >> p.shift)) * p.in;
            const W *weight = (const W *)p.w + ((int64_t)o * p.kernel * p.kernel + tap) * p.in;
            for (int c = 0; c < p.in; c++)
                sum = fmaf(to_float(pixel[c]), to_float(weight[c]), sum);
        }
        sum += p.bias ? p.bias[o] : 0;
        T *to = (T *)p.y + i;
        *to = from_float<T>(p.store == STORE_ADD ? to_float(*to) + sum : sum);
    }
}

Status plain_conv(Cuda *cuda, Tensor y, Tensor x, const Weight *w, ConvHow how, Upscale upscale) {
    int shift = upscale == UPSCALE_TWO;
    PlainConv p = {y.data, x.data, w->packed, w->bias, y.dims[0], y.dims[1], x.dims[0] << shift,
                   x.dims[1] << shift, (int)w->in, (int)w->out, w->kernel, how.stride,
                   how.stride == 1 ? w->kernel / 2 : 0, shift, how.store};
    WITH_TYPE(x.type, T,
        WITH_TYPE(w->type, W,
            LAUNCH((plain_conv_numbers<T, W>), point_blocks(cuda, tensor_count(y)), POINT_THREADS, 0,
                   cuda->compute, p)));
    return cuda_launched(cuda, upscale == UPSCALE_TWO ? "upsample2x_conv" : "conv2d");
}
