/* linear.cu: the matrix products of the networks, over product.cu or plain.cu, and what follows them. */
#include "gpu/ops.cuh"
#include "gpu/product.cuh"

Status cuda_linear(void *state, Tensor y, Tensor x, const Weight *w, LinearHow how) {
    Product p = {y.data, x.data, w->packed, y.type, x.type, w->type, y.strides[0], x.strides[0], x.dims[0], w->out,
                 w->in, w->bias, how.act, how.store};
    return product_mma_suits(&p) ? product_mma((Cuda *)state, &p) : plain_product((Cuda *)state, &p);
}

/* ---- gated linear units -------------------------------------------------------------------------------- */

/* y [rows, width] = act(both[2 f] + bias[2 f]) · (both[2 f + 1] + bias[2 f + 1]). */
template <class T>
static __global__ void __launch_bounds__(POINT_THREADS)
    glu_numbers(T *y, int64_t y_stride, const T *both, const float *bias, int64_t rows, int64_t width, int act) {
    for (int64_t i = (int64_t)blockIdx.x * POINT_THREADS + threadIdx.x; i < rows * width;
         i += (int64_t)gridDim.x * POINT_THREADS) {
        int64_t row = i / width, f = i % width;
        float gate = to_float(both[2 * i]), up = to_float(both[2 * i + 1]);
        if (bias) {
            gate += bias[f];
            up += bias[width + f];
        }
        y[row * y_stride + f] = from_float<T>(activate(gate, act) * up);
    }
}

Status cuda_glu_linear(void *state, Tensor y, Tensor x, const Weight *w, Activation act) {
    Cuda *cuda = (Cuda *)state;
    Product whole = {y.data, x.data, w->packed, y.type, x.type, w->type, y.strides[0], x.strides[0], x.dims[0],
                     w->out, w->in, w->bias, act, STORE_SET};
    if (product_mma_suits(&whole))
        return product_mma_glu(cuda, &whole);
    size_t row_bytes = (size_t)w->out * dtype_size(y.type);
    int64_t most = (int64_t)(SCRATCH_BYTES / row_bytes);
    if (most < 1)
        return fail(ERR_UNSUPPORTED, "glu_linear: rows of %zu bytes, at most %zu", row_bytes, SCRATCH_BYTES);
    most = most > 128 ? most / 128 * 128 : most;
    for (int64_t from = 0; from < x.dims[0]; from += most) {
        Tensor xs = tensor_rows(x, from, x.dims[0] - from < most ? x.dims[0] - from : most);
        Tensor ys = tensor_rows(y, from, xs.dims[0]);
        Product p = {cuda->scratch, xs.data, w->packed, y.type, x.type, w->type, w->out, x.strides[0], xs.dims[0],
                     w->out, w->in, NULL, ACT_NONE, STORE_SET};
        TRY(plain_product(cuda, &p));
        WITH_TYPE(y.type, T, LAUNCH(glu_numbers<T>, point_blocks(cuda, xs.dims[0] * w->out / 2), POINT_THREADS, 0,
                                    cuda->compute, (T *)ys.data, ys.strides[0], (const T *)(void *)cuda->scratch,
                                    w->bias, xs.dims[0], w->out / 2, (int)act));
    }
    return cuda_launched(cuda, "glu_linear");
}
