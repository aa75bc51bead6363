/* norm.cu: norms over rows, with what stands around them in one pass: gates, residuals, the next norm's
 * modulation.
 *
 * One block has one row. A row is read once, 16 bytes at a time, and stays in registers: between the two
 * norms of add_norm nothing goes back to memory but the new residual. All arithmetic is float32; numbers are
 * rounded when they are stored. */
#include "gpu/ops.cuh"
#include "gpu/runtime.cuh"

/* 512 threads leave each the 96 registers of the widest kernels below. */
enum { NORM_THREADS_MAX = 512, NORM_PACKS_MAX = 4, NORM_SINGLES_MAX = 16 };

/* Which sequence a row belongs to, on the device. */
struct NormSeqs {
    int count;
    int64_t offsets[SEQS_MAX + 1];
};

/* One row per sequence of [sequences, width] float32; data NULL: left out. */
struct NormTable {
    const float *data;
    int64_t stride;
};

static NormSeqs norm_seqs(const Seqs *seqs, int64_t rows) {
    NormSeqs out = {1, {0, rows}};
    if (seqs) {
        out.count = seqs->count;
        memcpy(out.offsets, seqs->offsets, sizeof out.offsets);
    }
    return out;
}

static NormTable norm_table(Tensor t) {
    return NormTable{(const float *)t.data, t.strides[0]};
}

__device__ __forceinline__ const float *norm_row_of(NormTable table, const NormSeqs &seqs, int64_t row) {
    int s = 0;
    while (row >= seqs.offsets[s + 1])
        s++;
    return table.data ? table.data + s * table.stride : NULL;
}

/* The packs of a row that a thread holds: number threadIdx.x + j · threads for j < P. */
template <class T, int N, int P>
__device__ __forceinline__ void norm_load(float (&x)[P][N], const T *row, int packs) {
#pragma unroll
    for (int j = 0; j < P; j++) {
        int i = (int)threadIdx.x + j * (int)blockDim.x;
        if (i < packs)
            load_pack<T, N>(x[j], row + i * N);
        else
            for (int k = 0; k < N; k++)
                x[j][k] = 0;
    }
}

template <class T, int N, int P>
__device__ __forceinline__ void norm_store(T *row, const float (&x)[P][N], int packs) {
#pragma unroll
    for (int j = 0; j < P; j++) {
        int i = (int)threadIdx.x + j * (int)blockDim.x;
        if (i < packs)
            store_pack<T, N>(row + i * N, x[j]);
    }
}

/* rsqrt(mean(x²) + eps) of the row. */
template <int N, int P>
__device__ __forceinline__ float norm_factor(const float (&x)[P][N], int width, float eps) {
    float sum = 0;
#pragma unroll
    for (int j = 0; j < P; j++)
#pragma unroll
        for (int k = 0; k < N; k++)
            sum = fmaf(x[j][k], x[j][k], sum);
    return 1 / sqrtf(block_sum(sum) / (float)width + eps);
}

/* x · factor · (plus + w) · (1 + scale), in place; w and scale may be NULL. */
template <int N, int P>
__device__ __forceinline__ void norm_apply(float (&x)[P][N], float factor, const float *w, float plus,
                                           const float *scale, int packs) {
#pragma unroll
    for (int j = 0; j < P; j++) {
        int i = (int)threadIdx.x + j * (int)blockDim.x;
        if (i >= packs)
            continue;
        float weight[N], by[N];
        load_pack<float, N>(weight, w + i * N);
        if (scale)
            load_pack<float, N>(by, scale + i * N);
#pragma unroll
        for (int k = 0; k < N; k++)
            x[j][k] = x[j][k] * factor * (plus + weight[k]) * (scale ? 1 + by[k] : 1);
    }
}

/* ---- rms_norm, add_norm -------------------------------------------------------------------------------- */

template <class T> struct NormRms {
    T *y;
    const T *x;
    int64_t y_stride, x_stride;
    const float *w;
    float plus, eps; /* plus: what is added to w */
    NormTable scale;
    NormSeqs seqs;
    int width, packs;
};

/* With 16 numbers a thread, one by one, for odd widths and rows that are not aligned, it spills two registers
 * on sm_120; the vectors of the networks' widths do not. */
template <class T, int N, int P>
static __global__ void __launch_bounds__(NORM_THREADS_MAX) norm_rms(NormRms<T> p) {
    int64_t row = blockIdx.x;
    float x[P][N];
    norm_load<T, N, P>(x, p.x + row * p.x_stride, p.packs);
    float factor = norm_factor<N, P>(x, p.width, p.eps);
    norm_apply<N, P>(x, factor, p.w, p.plus, norm_row_of(p.scale, p.seqs, row), p.packs);
    norm_store<T, N, P>(p.y + row * p.y_stride, x, p.packs);
}

template <class T> struct NormAdd {
    T *x, *h; /* h NULL: only the addition */
    const T *y;
    int64_t x_stride, h_stride, y_stride;
    const float *w_post, *w_next;
    float plus, eps;
    NormTable gate, scale;
    NormSeqs seqs;
    int width, packs;
};

template <class T, int N, int P>
static __global__ void __launch_bounds__(NORM_THREADS_MAX) norm_add(NormAdd<T> p) {
    int64_t row = blockIdx.x;
    float x[P][N], y[P][N];
    norm_load<T, N, P>(y, p.y + row * p.y_stride, p.packs);
    norm_load<T, N, P>(x, p.x + row * p.x_stride, p.packs);
    float factor = norm_factor<N, P>(y, p.width, p.eps);
    norm_apply<N, P>(y, factor, p.w_post, p.plus, NULL, p.packs);
    const float *gate = norm_row_of(p.gate, p.seqs, row);
#pragma unroll
    for (int j = 0; j < P; j++) {
        int i = (int)threadIdx.x + j * (int)blockDim.x;
        if (i >= p.packs)
            continue;
        float by[N];
        if (gate)
            load_pack<float, N>(by, gate + i * N);
#pragma unroll
        for (int k = 0; k < N; k++) /* rounded, so that h is the norm of what x holds */
            x[j][k] = to_float(from_float<T>(x[j][k] + (gate ? by[k] * y[j][k] : y[j][k])));
    }
    norm_store<T, N, P>(p.x + row * p.x_stride, x, p.packs);
    if (!p.h) /* the whole block */
        return;
    factor = norm_factor<N, P>(x, p.width, p.eps);
    norm_apply<N, P>(x, factor, p.w_next, p.plus, norm_row_of(p.scale, p.seqs, row), p.packs);
    norm_store<T, N, P>(p.h + row * p.h_stride, x, p.packs);
}

/* ---- layer_norm ---------------------------------------------------------------------------------------- */

template <class T> struct NormLayer {
    T *y;
    const T *x, *residual; /* residual NULL: none */
    int64_t y_stride, x_stride, residual_stride;
    const float *w, *b; /* NULL: none */
    float eps;
    NormTable scale;
    NormSeqs seqs;
    int width, packs;
};

template <class T, int N, int P>
static __global__ void __launch_bounds__(NORM_THREADS_MAX) norm_layer(NormLayer<T> p) {
    int64_t row = blockIdx.x;
    float x[P][N], sum = 0, squares = 0;
    norm_load<T, N, P>(x, p.x + row * p.x_stride, p.packs);
    if (p.residual) {
        float residual[P][N];
        norm_load<T, N, P>(residual, p.residual + row * p.residual_stride, p.packs);
        for (int j = 0; j < P; j++)
            for (int k = 0; k < N; k++)
                x[j][k] += residual[j][k];
    }
#pragma unroll
    for (int j = 0; j < P; j++)
#pragma unroll
        for (int k = 0; k < N; k++)
            sum += x[j][k];
    float mean = block_sum(sum) / (float)p.width;
#pragma unroll
    for (int j = 0; j < P; j++)
#pragma unroll
        for (int k = 0; k < N; k++) {
            x[j][k] -= mean;
            bool inside = (int)threadIdx.x + j * (int)blockDim.x < p.packs;
            squares = inside ? fmaf(x[j][k], x[j][k], squares) : squares;
        }
    float factor = 1 / sqrtf(block_sum(squares) / (float)p.width + p.eps);
    const float *scale = norm_row_of(p.scale, p.seqs, row);
#pragma unroll
    for (int j = 0; j < P; j++) {
        int i = (int)threadIdx.x + j * (int)blockDim.x;
        for (int k = 0; k < N && i < p.packs; k++) {
            float value = x[j][k] * factor * (p.w ? p.w[i * N + k] : 1) + (p.b ? p.b[i * N + k] : 0);
            x[j][k] = value * (scale ? 1 + scale[i * N + k] : 1);
        }
    }
    norm_store<T, N, P>(p.y + row * p.y_stride, x, p.packs);
}

/* ---- launching ----------------------------------------------------------------------------------------- */

/* Whether rows can be read in whole packs: every row of every tensor on 16 bytes, tables on packs of floats.
 */
typedef struct NormAlignment {
    size_t number_bytes;
    bool packed;
} NormAlignment;

static void norm_check(NormAlignment *a, Tensor t) {
    if (t.data)
        a->packed = a->packed && rows_aligned(rows_of(t), a->number_bytes, 16 / (int)a->number_bytes);
}

static void norm_check_table(NormAlignment *a, Tensor t) {
    if (t.data)
        a->packed = a->packed && rows_aligned(rows_of(t), sizeof(float), 16 / (int)a->number_bytes);
}

static int norm_threads(int packs) {
    int threads = (int)divide_up(packs, WARP_LANES) * WARP_LANES;
    return threads < NORM_THREADS_MAX ? threads : NORM_THREADS_MAX;
}

static Status norm_too_wide(const char *op, int64_t width) {
    return fail(ERR_UNSUPPORTED, "%s: rows of %lld numbers, more than a block of a card holds", op,
                (long long)width);
}

/* Launches kernel<T, N, P> over p.width numbers in each of `rows` rows. */
#define NORM_LAUNCH(kernel, T, op, p, rows, is_packed)                                                       \
    do {                                                                                                     \
        const int N_ = 16 / (int)sizeof(T);                                                                  \
        (p).packs = (is_packed) ? (p).width / N_ : (p).width;                                                \
        int threads_ = norm_threads((p).packs), per_ = (int)divide_up((p).packs, threads_);                  \
        unsigned rows_ = (unsigned)(rows);                                                                   \
        if (per_ > ((is_packed) ? NORM_PACKS_MAX : NORM_SINGLES_MAX))                                        \
            return norm_too_wide(op, (p).width);                                                             \
        if ((is_packed) && per_ == 1)                                                                        \
            LAUNCH((kernel<T, N_, 1>), rows_, threads_, 0, cuda->compute, p);                                \
        else if (is_packed)                                                                                  \
            LAUNCH((kernel<T, N_, NORM_PACKS_MAX>), rows_, threads_, 0, cuda->compute, p);                   \
        else                                                                                                 \
            LAUNCH((kernel<T, 1, NORM_SINGLES_MAX>), rows_, threads_, 0, cuda->compute, p);                  \
    } while (0)

static float norm_plus(NormWeight form) {
    return form == NORM_ONE_PLUS_W ? 1 : 0;
}

Status cuda_rms_norm(void *state, Tensor y, Tensor x, const RmsNormHow *how) {
    Cuda *cuda = (Cuda *)state;
    NormAlignment a = {dtype_size(x.type), true};
    norm_check(&a, y);
    norm_check(&a, x);
    norm_check_table(&a, how->w);
    norm_check_table(&a, how->scale);
    WITH_TYPE(x.type, T, {
        NormRms<T> p = {(T *)y.data,
                        (const T *)x.data,
                        y.strides[0],
                        x.strides[0],
                        (const float *)how->w.data,
                        norm_plus(how->form),
                        how->eps,
                        norm_table(how->scale),
                        norm_seqs(how->scale.data ? how->seqs : NULL, x.dims[0]),
                        (int)x.dims[1],
                        0};
        NORM_LAUNCH(norm_rms, T, "rms_norm", p, x.dims[0], a.packed);
    });
    return cuda_launched(cuda, "rms_norm");
}

Status cuda_add_norm(void *state, Tensor x, Tensor h, Tensor y, const AddNormHow *how) {
    Cuda *cuda = (Cuda *)state;
    NormAlignment a = {dtype_size(x.type), true};
    norm_check(&a, x);
    norm_check(&a, h);
    norm_check(&a, y);
    norm_check_table(&a, how->w_post);
    norm_check_table(&a, how->w_next);
    norm_check_table(&a, how->gate);
    norm_check_table(&a, how->scale);
    bool sequences = how->gate.data || how->scale.data;
    WITH_TYPE(x.type, T, {
        NormAdd<T> p = {(T *)x.data,
                        (T *)h.data,
                        (const T *)y.data,
                        x.strides[0],
                        h.strides[0],
                        y.strides[0],
                        (const float *)how->w_post.data,
                        (const float *)how->w_next.data,
                        norm_plus(how->form),
                        how->eps,
                        norm_table(how->gate),
                        norm_table(how->scale),
                        norm_seqs(sequences ? how->seqs : NULL, x.dims[0]),
                        (int)x.dims[1],
                        0};
        NORM_LAUNCH(norm_add, T, "add_norm", p, x.dims[0], a.packed);
    });
    return cuda_launched(cuda, "add_norm");
}

Status cuda_layer_norm(void *state, Tensor y, Tensor x, const LayerNormHow *how) {
    Cuda *cuda = (Cuda *)state;
    NormAlignment a = {dtype_size(x.type), true};
    norm_check(&a, y);
    norm_check(&a, x);
    norm_check(&a, how->residual);
    WITH_TYPE(x.type, T, {
        NormLayer<T> p = {(T *)y.data, (const T *)x.data, (const T *)how->residual.data, y.strides[0],
                          x.strides[0], how->residual.strides[0], (const float *)how->w.data,
                          (const float *)how->b.data, how->eps, norm_table(how->scale),
                          norm_seqs(how->scale.data ? how->seqs : NULL, x.dims[0]), (int)x.dims[1], 0};
        NORM_LAUNCH(norm_layer, T, "layer_norm", p, x.dims[0], a.packed);
    });
    return cuda_launched(cuda, "layer_norm");
}

/* ---- group_norm ---------------------------------------------------------------------------------------- */

/* In three steps: sums of every group over strips of pixels, the strips added in order, then the numbers. The
 * sums are of differences to the group's first number, so that a large mean does not swallow the variance. */
static const int GROUP_THREADS = 256, GROUP_STRIPS_MAX = 1024;

struct GroupSums {
    float sum, squares;
};

struct GroupShape {
    int64_t pixels;
    int channels, groups, size; /* size: channels of a group */
    int strips;
    int64_t strip; /* pixels of a strip */
};

/* Block (strip, group). Threads run over the numbers of the group in their order in memory. */
template <class T>
static __global__ void __launch_bounds__(GROUP_THREADS)
    norm_group_sums(GroupSums *sums, const T *x, GroupShape s) {
    int64_t first = (int64_t)blockIdx.x * s.strip, left = s.pixels - first;
    int64_t count = (left < s.strip ? left : s.strip) * s.size;
    const T *group = x + (int64_t)blockIdx.y * s.size;
    float middle = to_float(group[0]), sum = 0, squares = 0;
    for (int64_t i = threadIdx.x; i < count; i += GROUP_THREADS) {
        float value = to_float(group[(first + i / s.size) * s.channels + i % s.size]) - middle;
        sum += value;
        squares = fmaf(value, value, squares);
    }
    sum = block_sum(sum);
    squares = block_sum(squares);
    if (threadIdx.x == 0)
        sums[(int64_t)blockIdx.y * s.strips + blockIdx.x] = GroupSums{sum, squares};
}

/* Block g: mean and factor of group g, to moments[g] as a GroupSums (sum: mean, squares: 1/sqrt). */
template <class T>
static __global__ void __launch_bounds__(WARP_LANES)
    norm_group_moments(GroupSums *moments, const GroupSums *sums, const T *x, GroupShape s, float eps) {
    double sum = 0, squares = 0, n = (double)s.pixels * s.size;
    for (int i = (int)threadIdx.x; i < s.strips; i += WARP_LANES) {
        sum += sums[(int64_t)blockIdx.x * s.strips + i].sum;
        squares += sums[(int64_t)blockIdx.x * s.strips + i].squares;
    }
    sum = warp_sum(sum) / n;
    squares = warp_sum(squares) / n;
    double variance = squares - sum * sum;
    if (threadIdx.x == 0)
        moments[blockIdx.x] = GroupSums{(float)(sum + (double)to_float(x[(int64_t)blockIdx.x * s.size])),
                                        (float)(1 / sqrt((variance > 0 ? variance : 0) + (double)eps))};
}

template <class T, int N>
static __global__ void __launch_bounds__(GROUP_THREADS)
    norm_group_apply(T *y, const T *x, const GroupSums *moments, const float *w, const float *b, GroupShape s,
                     int act) {
    int64_t packs = s.pixels * s.channels / N;
    for (int64_t i = (int64_t)blockIdx.x * GROUP_THREADS + threadIdx.x; i < packs;
         i += (int64_t)gridDim.x * GROUP_THREADS) {
        int channel = (int)(i * N % s.channels);
        float value[N];
        load_pack<T, N>(value, x + i * N);
#pragma unroll
        for (int k = 0; k < N; k++) {
            GroupSums m = moments[(channel + k) / s.size];
            float normed = fmaf((value[k] - m.sum) * m.squares, w[channel + k], b[channel + k]);
            value[k] = act == DEVICE_SILU ? activate(normed, DEVICE_SILU) : normed;
        }
        store_pack<T, N>(y + i * N, value);
    }
}

Status cuda_group_norm(void *state, Tensor y, Tensor x, const GroupNormHow *how) {
    Cuda *cuda = (Cuda *)state;
    GroupShape s = {x.dims[0] * x.dims[1], (int)x.dims[2], how->groups, (int)x.dims[2] / how->groups, 1, 1};
    int64_t strips = divide_up(s.pixels * s.size, GROUP_THREADS * 8);
    s.strips = (int)(strips < GROUP_STRIPS_MAX ? strips : GROUP_STRIPS_MAX);
    s.strip = divide_up(s.pixels, s.strips);
    s.strips = (int)divide_up(s.pixels, s.strip);
    GroupSums *sums = (GroupSums *)(void *)cuda->scratch, *moments = sums + (int64_t)s.groups * s.strips;
    if ((size_t)s.groups * (size_t)(s.strips + 1) * sizeof *sums > SCRATCH_BYTES)
        return fail(ERR_UNSUPPORTED, "group_norm: %d groups are more than a card's working space holds",
                    s.groups);
    WITH_TYPE(x.type, T, {
        const int N = 16 / sizeof(T);
        bool packed = s.channels % N == 0 && (uintptr_t)x.data % 16 == 0 && (uintptr_t)y.data % 16 == 0;
        const T *from = (const T *)x.data;
        const float *w = (const float *)how->w.data;
        const float *b = (const float *)how->b.data;
        LAUNCH(norm_group_sums<T>, dim3((unsigned)s.strips, (unsigned)s.groups), GROUP_THREADS, 0,
               cuda->compute, sums, from, s);
        LAUNCH(norm_group_moments<T>, (unsigned)s.groups, WARP_LANES, 0, cuda->compute, moments, sums, from,
               s, how->eps);
        unsigned blocks = point_blocks(cuda, s.pixels * s.channels / (packed ? N : 1));
        if (packed)
            LAUNCH((norm_group_apply<T, N>), blocks, GROUP_THREADS, 0, cuda->compute, (T *)y.data, from,
                   moments, w, b, s, (int)how->act);
        else
            LAUNCH((norm_group_apply<T, 1>), blocks, GROUP_THREADS, 0, cuda->compute, (T *)y.data, from,
                   moments, w, b, s, (int)how->act);
    });
    return cuda_launched(cuda, "group_norm");
}
