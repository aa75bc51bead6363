/* rope.cu: the norm of every query and key head and its rotation, in place in the qkv buffer. A warp has a
 * head; its numbers stay in registers, so that each is read and written once. */
#include "gpu/ops.cuh"
#include "gpu/runtime.cuh"

enum { ROPE_WARPS = 8, ROPE_PAIRS_MAX = 8 }; /* pairs of a lane: heads of up to 512 */

template <class T> struct RopeJob {
    T *q, *k;
    int64_t q_row, q_head, k_row, k_head; /* strides */
    int64_t rows;
    int heads, kv_heads, half; /* half: pairs of a head */
    const float *q_norm, *k_norm; /* NULL: none */
    float plus, eps;
    const float *cosines, *sines;
    int64_t cos_stride, sin_stride;
    int by_halves;
};

template <class T, int P>
static __global__ void __launch_bounds__(ROPE_WARPS *WARP_LANES) rope_heads(RopeJob<T> p) {
    int lane = (int)threadIdx.x % WARP_LANES;
    int64_t unit = (int64_t)blockIdx.x * ROPE_WARPS + threadIdx.x / WARP_LANES;
    int all = p.heads + p.kv_heads, head = (int)(unit % all);
    int64_t row = unit / all;
    if (row >= p.rows) /* the whole warp */
        return;
    bool query = head < p.heads;
    T *numbers = query ? p.q + row * p.q_row + head * p.q_head
                       : p.k + row * p.k_row + (head - p.heads) * p.k_head;
    const float *norm = query ? p.q_norm : p.k_norm;
    float a[P], b[P], sum = 0;
#pragma unroll
    for (int j = 0; j < P; j++) {
        int pair = lane + j * WARP_LANES;
        int first = p.by_halves ? pair : 2 * pair, second = p.by_halves ? pair + p.half : 2 * pair + 1;
        a[j] = pair < p.half ? to_float(numbers[first]) : 0;
        b[j] = pair < p.half ? to_float(numbers[second]) : 0;
        sum = fmaf(a[j], a[j], fmaf(b[j], b[j], sum));
    }
    sum = warp_sum(sum);
    float factor = norm ? 1 / sqrtf(sum / (float)(2 * p.half) + p.eps) : 1;
#pragma unroll
    for (int j = 0; j < P; j++) {
        int pair = lane + j * WARP_LANES;
        if (pair >= p.half)
            continue;
        int first = p.by_halves ? pair : 2 * pair, second = p.by_halves ? pair + p.half : 2 * pair + 1;
        float x = a[j] * factor * (norm ? p.plus + norm[first] : 1);
        float y = b[j] * factor * (norm ? p.plus + norm[second] : 1);
        float cosine = p.cosines[row * p.cos_stride + pair], sine = p.sines[row * p.sin_stride + pair];
        numbers[first] = from_float<T>(x * cosine - y * sine);
        numbers[second] = from_float<T>(x * sine + y * cosine);
    }
}

Status cuda_qk_norm_rope(void *state, Tensor q, Tensor k, const QkNormRopeHow *how) {
    Cuda *cuda = (Cuda *)state;
    int half = (int)(q.dims[2] / 2);
    if (half > ROPE_PAIRS_MAX * WARP_LANES)
        return fail(ERR_UNSUPPORTED, "qk_norm_rope: heads of %d numbers, at most %d on a card", 2 * half,
                    2 * ROPE_PAIRS_MAX * WARP_LANES);
    int64_t units = q.dims[0] * (q.dims[1] + k.dims[1]);
    unsigned blocks = (unsigned)divide_up(units, ROPE_WARPS), threads = ROPE_WARPS * WARP_LANES;
    WITH_TYPE(q.type, T, {
        RopeJob<T> p = {(T *)q.data, (T *)k.data, q.strides[0], q.strides[1], k.strides[0], k.strides[1],
                        q.dims[0], (int)q.dims[1], (int)k.dims[1], half, (const float *)how->q_norm.data,
                        (const float *)how->k_norm.data, how->form == NORM_ONE_PLUS_W ? 1.0f : 0.0f, how->eps,
                        (const float *)how->cos.data, (const float *)how->sin.data, how->cos.strides[0],
                        how->sin.strides[0], how->style == ROPE_HALVES};
        if (half <= 2 * WARP_LANES)
            LAUNCH((rope_heads<T, 2>), blocks, threads, 0, cuda->compute, p);
        else
            LAUNCH((rope_heads<T, ROPE_PAIRS_MAX>), blocks, threads, 0, cuda->compute, p);
    });
    return cuda_launched(cuda, "qk_norm_rope");
}
