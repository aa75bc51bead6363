/* linear.cu: the matrix products of the networks, and what follows them. By the library where it takes them
 * (gemm.cu), else by our own kernel on matrix instructions (product.cu), else, for odd shapes and float32, by
 * the plain twin (plain.cu). */
#include "gpu/eight.cuh"
#include "gpu/gemm.cuh"
#include "gpu/ops.cuh"
#include "gpu/product.cuh"

/* y = act(y + bias), after a product that the library did; or y += act(from + bias). */
template <class T, class From>
static __global__ void __launch_bounds__(POINT_THREADS)
    linear_finish(T *y, int64_t y_stride, const From *from, int64_t from_stride, const float *bias,
                  int64_t rows, int64_t width, int act, int add) {
    for (int64_t i = (int64_t)blockIdx.x * POINT_THREADS + threadIdx.x; i < rows * width;
         i += (int64_t)gridDim.x * POINT_THREADS) {
        int64_t row = i / width, column = i % width;
        float value = activate(to_float(from[row * from_stride + column]) + (bias ? bias[column] : 0), act);
        T *to = y + row * y_stride + column;
        *to = from_float<T>(add ? to_float(*to) + value : value);
    }
}

template <class T, class From>
static void linear_finish_launch(Cuda *cuda, const Product *p, const From *from, int64_t from_stride) {
    LAUNCH((linear_finish<T, From>), point_blocks(cuda, p->rows * p->out), POINT_THREADS, 0, cuda->compute,
           (T *)p->y, p->y_stride, from, from_stride, p->bias, p->rows, p->out, (int)p->act,
           (int)(p->store == STORE_ADD));
}

/* The library's product and what it does not do itself. An activation that is added needs room of its own: a
 * part of the rows at a time, in float32. */
static Status linear_by_library(Cuda *cuda, const Product *p) {
    if (p->store == STORE_SET || (p->act == ACT_NONE && !p->bias)) {
        TRY(gemm_run(cuda->gemm, cuda, p));
        if (p->bias || p->act != ACT_NONE)
            WITH_TYPE(p->y_type, T, linear_finish_launch<T, T>(cuda, p, (const T *)p->y, p->y_stride));
        return cuda_launched(cuda, "linear");
    }
    int64_t most = (int64_t)(SCRATCH_BYTES / sizeof(float)) / p->out;
    if (most < 1)
        return plain_product(cuda, p);
    for (int64_t from = 0; from < p->rows; from += most) {
        Product part = *p, sum;
        part.rows = p->rows - from < most ? p->rows - from : most;
        part.y = (char *)p->y + (size_t)(from * p->y_stride) * dtype_size(p->y_type);
        part.x = (const char *)p->x + (size_t)(from * p->x_stride) * dtype_size(p->x_type);
        sum = part;
        sum.y = cuda->scratch;
        sum.y_type = DT_F32;
        sum.y_stride = p->out;
        sum.store = STORE_SET;
        TRY(gemm_run(cuda->gemm, cuda, &sum));
        WITH_TYPE(p->y_type, T,
                  linear_finish_launch<T, float>(cuda, &part, (const float *)(void *)cuda->scratch, p->out));
    }
    return cuda_launched(cuda, "linear");
}

Status cuda_linear(void *state, Tensor y, Tensor x, const Weight *w, LinearHow how) {
    Cuda *cuda = (Cuda *)state;
    if (eight_is(w->type))
        return eight_linear(cuda, y, x, w, how);
    Product p = {y.data,       x.data,    w->packed, y.type, x.type,  w->type, y.strides[0],
                 x.strides[0], x.dims[0], w->out,    w->in,  w->bias, how.act, how.store};
    if (gemm_takes(cuda->gemm, &p))
        return linear_by_library(cuda, &p);
    return product_mma_suits(&p) ? product_mma(cuda, &p) : plain_product(cuda, &p);
}

/* ---- gated linear units -------------------------------------------------------------------------------- */

/* y [rows, width] = act(both[2 f] + bias[2 f]) · (both[2 f + 1] + bias[2 f + 1]); N products a thread, from
 * two packs of pairs. both is dense. */
template <class T, int N>
static __global__ void __launch_bounds__(POINT_THREADS)
    glu_numbers(T *y, int64_t y_stride, const T *both, const float *bias, int64_t rows, int64_t width,
                int act) {
    int64_t packs = width / N;
    for (int64_t i = (int64_t)blockIdx.x * POINT_THREADS + threadIdx.x; i < rows * packs;
         i += (int64_t)gridDim.x * POINT_THREADS) {
        int64_t row = i / packs, f = i % packs * N;
        float pairs[2][N], product[N];
        load_pack<T, N>(pairs[0], both + 2 * (row * width + f));
        load_pack<T, N>(pairs[1], both + 2 * (row * width + f) + N);
#pragma unroll
        for (int j = 0; j < N; j++) {
            float gate = pairs[2 * j / N][2 * j % N], up = pairs[(2 * j + 1) / N][(2 * j + 1) % N];
            if (bias) {
                gate += bias[2 * (f + j)];
                up += bias[2 * (f + j) + 1];
            }
            product[j] = activate(gate, act) * up;
        }
        store_pack<T, N>(y + row * y_stride + f, product);
    }
}

template <class T> static void glu_launch(Cuda *cuda, Tensor y, const Weight *w, Activation act) {
    const int N = 16 / sizeof(T);
    int64_t rows = y.dims[0], width = w->out / 2;
    const T *both = (const T *)(void *)cuda->scratch;
    if (rows_aligned(rows_of(y), sizeof(T), N) && width % N == 0)
        LAUNCH((glu_numbers<T, N>), point_blocks(cuda, rows * width / N), POINT_THREADS, 0, cuda->compute,
               (T *)y.data, y.strides[0], both, w->bias, rows, width, (int)act);
    else
        LAUNCH((glu_numbers<T, 1>), point_blocks(cuda, rows * width), POINT_THREADS, 0, cuda->compute,
               (T *)y.data, y.strides[0], both, w->bias, rows, width, (int)act);
}

Status cuda_glu_linear(void *state, Tensor y, Tensor x, const Weight *w, Activation act) {
    Cuda *cuda = (Cuda *)state;
    if (eight_is(w->type))
        return eight_glu_linear(cuda, y, x, w, act);
    Product whole = {y.data,       x.data,    w->packed, y.type, x.type,  w->type, y.strides[0],
                     x.strides[0], x.dims[0], w->out,    w->in,  w->bias, act,     STORE_SET};
    if (!gemm_takes(cuda->gemm, &whole) && product_mma_suits(&whole))
        return product_mma_glu(cuda, &whole);
    size_t row_bytes = (size_t)w->out * dtype_size(y.type);
    int64_t most = (int64_t)(SCRATCH_BYTES / row_bytes);
    if (most < 1)
        return fail(ERR_UNSUPPORTED, "glu_linear: rows of %zu bytes, at most %zu", row_bytes, SCRATCH_BYTES);
    most = most > 128 ? most / 128 * 128 : most;
    for (int64_t from = 0; from < x.dims[0]; from += most) {
        Tensor xs = tensor_rows(x, from, x.dims[0] - from < most ? x.dims[0] - from : most);
        Tensor ys = tensor_rows(y, from, xs.dims[0]);
        Product p = {cuda->scratch, xs.data,    w->packed, y.type, x.type, w->type,  w->out,
                     x.strides[0],  xs.dims[0], w->out,    w->in,  NULL,   ACT_NONE, STORE_SET};
        TRY(gemm_takes(cuda->gemm, &p) ? gemm_run(cuda->gemm, cuda, &p) : plain_product(cuda, &p));
        WITH_TYPE(y.type, T, glu_launch<T>(cuda, ys, w, act));
    }
    return cuda_launched(cuda, "glu_linear");
}
