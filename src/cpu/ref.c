/* ref.c: every op in plain double precision; slow, obvious, the oracle of the tests.
 *
 * One thread, no instruction sets, no blocking: each function is its formula from ops.h with the loops
 * written out. Numbers come from float32 memory (or stored bf16 weights, whose values are exactly the bf16
 * numbers), are computed in double and rounded once when stored. Arguments are checked by ops.c.
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "cpu/cpu.h"
#include "ops/list.h"

typedef struct Ref {
    Precision precision;
    size_t held; /* bytes given out */
} Ref;

/* ---- opening and memory -------------------------------------------------------------------------------- */

static Status no_memory(size_t bytes) {
    return fail(ERR_MEMORY, "no memory for %zu bytes", bytes);
}

static Status ref_open(void **state, const BackendOptions *options) {
    if (options && options->precision > PRECISION_BF16)
        return hint(fail(ERR_UNSUPPORTED, "precision %s: the ref backend computes in f32 or bf16",
                         precision_name(options->precision)), ":set precision auto");
    Ref *ref = calloc(1, sizeof *ref);
    if (!ref)
        return no_memory(sizeof *ref);
    ref->precision = options ? options->precision : PRECISION_F32;
    *state = ref;
    return NULL;
}

static void ref_close(void *state) {
    free(state);
}

static const char *ref_describe(void *state) {
    (void)state;
    return "ref, 1 thread, double";
}

static void *ref_mem_alloc(void *state, size_t bytes) {
    Ref *ref = state;
    void *block = bytes > SIZE_MAX - 63 ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64);
    ref->held += block ? bytes : 0;
    return block;
}

static void ref_mem_free(void *state, void *block, size_t bytes) {
    Ref *ref = state;
    ref->held -= bytes;
    free(block);
}

static void ref_mem_info(void *state, MemInfo *info) {
    const Ref *ref = state;
    *info = (MemInfo){.held = ref->held};
}

static Status ref_sync(void *state) {
    (void)state;
    return NULL;
}

/* Element `index` of t in row-major order. */
static char *element(Tensor t, int64_t index) {
    return (char *)t.data + tensor_offset(t, index) * (int64_t)dtype_size(t.type);
}

static Status ref_copy(void *state, Tensor to, Tensor from) {
    (void)state;
    for (int64_t i = 0; i < tensor_count(to); i++)
        memcpy(element(to, i), element(from, i), dtype_size(to.type));
    return NULL;
}

static Status ref_upload(void *state, Tensor device, const void *host) {
    return ref_copy(state, device, tensor_dense_view((void *)host, device.type, device.rank, device.dims));
}

static Status ref_download(void *state, void *host, Tensor device) {
    return ref_copy(state, tensor_dense_view(host, device.type, device.rank, device.dims), device);
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

/* Row `row` of the first axis of a float32 tensor. */
static float *row_of(Tensor t, int64_t row) {
    return (float *)t.data + row * t.strides[0];
}

/* Rounds to the float type of t. */
static void put(Tensor t, int64_t index, double value) {
    void *to = element(t, index);
    float rounded = (float)value;
    uint16_t half = t.type == DT_BF16 ? bf16_from_float(rounded) : f16_from_float(rounded);
    if (t.type == DT_F32)
        memcpy(to, &rounded, sizeof rounded);
    else
        memcpy(to, &half, sizeof half);
}

static double activate(double x, Activation act) {
    switch (act) {
    case ACT_NONE:
        return x;
    case ACT_SILU:
        return x / (1 + exp(-x));
    case ACT_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case ACT_GELU_ERF:
        return 0.5 * x * (1 + erf(x / M_SQRT2));
    case ACT_TANH:
        return tanh(x);
    }
    return NAN;
}

static void store(float *to, double value, StoreMode mode) {
    *to = (float)(mode == STORE_ADD ? *to + value : value);
}

/* The sequence that row belongs to. */
static int sequence_of(const Seqs *seqs, int64_t row) {
    int index = 0;
    while (row >= seqs->offsets[index + 1])
        index++;
    return index;
}

/* factor [width] of a row's sequence (a row of scale or gate); NULL when it is left out. */
static const float *of_sequence(Tensor table, const Seqs *seqs, int64_t row) {
    return table.data ? row_of(table, sequence_of(seqs, row)) : NULL;
}

/* ---- weights: rows as they come, bf16 or float32; CONV as [out, in, k, k]; GLU gate, then up --- */

/* bf16 when asked for or when nothing is lost; float32 otherwise. */
static DType stored_type(const Ref *ref, const WeightParts *parts) {
    for (int i = 0; i < parts->count; i++)
        if (parts->part[i].type != DT_BF16 && ref->precision == PRECISION_F32)
            return DT_F32;
    return DT_BF16;
}

static void ref_weight_free(void *state, Weight *w) {
    size_t bias_bytes = w->bias ? (size_t)w->out * sizeof *w->bias : 0;
    ref_mem_free(state, w->packed, w->bytes - bias_bytes);
    if (w->bias)
        ref_mem_free(state, w->bias, bias_bytes);
    *w = (Weight){0};
}

/* Appends the numbers of `part` at element *filled of `to`. */
static void append(Tensor to, int64_t *filled, Tensor part) {
    for (int64_t i = 0; i < tensor_count(part); i++)
        put(to, (*filled)++, tensor_number(part, i));
}

static Status ref_weight_pack(void *state, Weight *w, const WeightParts *parts) {
    Ref *ref = state;
    int64_t count = w->out * w->in * w->kernel * w->kernel, filled = 0, biases = 0;
    w->type = stored_type(ref, parts);
    w->bytes = (size_t)count * dtype_size(w->type);
    w->packed = ref_mem_alloc(ref, w->bytes);
    if (!w->packed)
        return no_memory(w->bytes);
    if (parts->bias[0].data) {
        size_t bias_bytes = (size_t)w->out * sizeof *w->bias;
        w->bias = ref_mem_alloc(ref, bias_bytes);
        w->bytes += w->bias ? bias_bytes : 0;
        if (!w->bias) {
            ref_weight_free(ref, w);
            return no_memory(bias_bytes);
        }
    }
    for (int i = 0; i < parts->count; i++) {
        append(tensor_1d(w->packed, w->type, count), &filled, parts->part[i]);
        if (w->bias)
            append(tensor_1d(w->bias, DT_F32, w->out), &biases, parts->bias[i]);
    }
    return NULL;
}

/* Matrix row `row` (all of its in·k·k numbers) as floats at out. */
static void weight_row(float *out, const Weight *w, int64_t row) {
    int64_t width = w->in * w->kernel * w->kernel;
    const char *from = (const char *)w->packed + (size_t)(row * width) * dtype_size(w->type);
    float_from_dtype(out, from, w->type, width);
}

static double bias_of(const Weight *w, int64_t row) {
    return w->bias ? w->bias[row] : 0;
}

static double dot(const float *a, const float *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* ---- matrix products ----------------------------------------------------------------------------------- */

static Status ref_linear(void *state, Tensor y, Tensor x, const Weight *w, LinearHow how) {
    (void)state;
    float *weight = malloc((size_t)w->in * sizeof *weight);
    if (!weight)
        return no_memory((size_t)w->in * sizeof *weight);
    for (int64_t o = 0; o < w->out; o++) {
        weight_row(weight, w, o);
        for (int64_t r = 0; r < x.dims[0]; r++)
            store(&row_of(y, r)[o], activate(dot(row_of(x, r), weight, w->in) + bias_of(w, o), how.act),
                  how.store);
    }
    free(weight);
    return NULL;
}

static Status ref_glu_linear(void *state, Tensor y, Tensor x, const Weight *w, Activation act) {
    (void)state;
    int64_t half = w->out / 2;
    float *gate = malloc(2 * (size_t)w->in * sizeof *gate), *up = gate + w->in;
    if (!gate)
        return no_memory(2 * (size_t)w->in * sizeof *gate);
    for (int64_t f = 0; f < half; f++) {
        weight_row(gate, w, f);
        weight_row(up, w, f + half);
        for (int64_t r = 0; r < x.dims[0]; r++) {
            double g = dot(row_of(x, r), gate, w->in) + bias_of(w, f);
            row_of(y, r)[f] =
                (float)(activate(g, act) * (dot(row_of(x, r), up, w->in) + bias_of(w, f + half)));
        }
    }
    free(gate);
    return NULL;
}

/* An image as a convolution sees it: [h << shift, w << shift, c], every pixel 2^shift wide and high, with
 * zeros around. */
typedef struct Picture {
    Tensor x;
    int shift, kernel;
} Picture;

/* Σ over the kernel x kernel window whose upper left corner is (top, left), weight [in, kernel, kernel]. */
static double window_sum(const Picture *picture, const float *weight, int64_t top, int64_t left) {
    Tensor x = picture->x;
    int kernel = picture->kernel, shift = picture->shift;
    double sum = 0;
    for (int ky = 0; ky < kernel; ky++)
        for (int kx = 0; kx < kernel; kx++) {
            int64_t row = top + ky, column = left + kx;
            if (row < 0 || row >= x.dims[0] << shift || column < 0 || column >= x.dims[1] << shift)
                continue;
            const float *pixel = row_of(x, row >> shift) + (column >> shift) * x.strides[1];
            for (int64_t c = 0; c < x.dims[2]; c++)
                sum += (double)pixel[c] * weight[(c * kernel + ky) * kernel + kx];
        }
    return sum;
}

static Status convolve(Tensor y, const Picture *picture, const Weight *w, ConvHow how) {
    size_t bytes = (size_t)(w->in * w->kernel * w->kernel) * sizeof(float);
    float *weight = malloc(bytes);
    if (!weight)
        return no_memory(bytes);
    int64_t border = how.stride == 1 ? w->kernel / 2 : 0;
    for (int64_t o = 0; o < w->out; o++) {
        weight_row(weight, w, o);
        for (int64_t r = 0; r < y.dims[0]; r++)
            for (int64_t c = 0; c < y.dims[1]; c++) {
                double sum = window_sum(picture, weight, r * how.stride - border, c * how.stride - border);
                store(row_of(y, r) + c * y.strides[1] + o, sum + bias_of(w, o), how.store);
            }
    }
    free(weight);
    return NULL;
}

static Status ref_conv2d(void *state, Tensor y, Tensor x, const Weight *w, ConvHow how) {
    (void)state;
    return convolve(y, &(Picture){x, 0, w->kernel}, w, how);
}

static Status ref_upsample2x_conv(void *state, Tensor y, Tensor x, const Weight *w) {
    (void)state;
    return convolve(y, &(Picture){x, 1, w->kernel}, w, (ConvHow){1, STORE_SET});
}

/* ---- norms --------------------------------------------------------------------------------------------- */

static double rms_factor(const float *x, int64_t n, double eps) {
    return 1 / sqrt(dot(x, x, n) / (double)n + eps);
}

static double norm_weight(Tensor w, NormWeight form, int64_t column) {
    double value = ((const float *)w.data)[column];
    return form == NORM_ONE_PLUS_W ? 1 + value : value;
}

static double one_plus(const float *scale, int64_t column) {
    return scale ? 1 + (double)scale[column] : 1;
}

static Status ref_rms_norm(void *state, Tensor y, Tensor x, const RmsNormHow *how) {
    (void)state;
    for (int64_t r = 0; r < x.dims[0]; r++) {
        const float *from = row_of(x, r), *scale = of_sequence(how->scale, how->seqs, r);
        double factor = rms_factor(from, x.dims[1], how->eps);
        for (int64_t c = 0; c < x.dims[1]; c++)
            row_of(y, r)[c] =
                (float)(from[c] * factor * norm_weight(how->w, how->form, c) * one_plus(scale, c));
    }
    return NULL;
}

static Status ref_add_norm(void *state, Tensor x, Tensor h, Tensor y, const AddNormHow *how) {
    for (int64_t r = 0; r < x.dims[0]; r++) {
        float *sum = row_of(x, r);
        const float *from = row_of(y, r), *gate = of_sequence(how->gate, how->seqs, r);
        double factor = rms_factor(from, x.dims[1], how->eps);
        for (int64_t c = 0; c < x.dims[1]; c++)
            sum[c] +=
                (float)((gate ? gate[c] : 1) * from[c] * factor * norm_weight(how->w_post, how->form, c));
    }
    RmsNormHow next = {how->w_next, how->form, how->eps, how->scale, how->seqs};
    return h.data ? ref_rms_norm(state, h, x, &next) : NULL;
}

/* Mean and 1/sqrt(variance + eps) of sums over n numbers. */
typedef struct Moments {
    double mean, factor;
} Moments;

static Moments moments(double sum, double squares, int64_t n, double eps) {
    double mean = sum / (double)n, variance = squares / (double)n - mean * mean;
    return (Moments){mean, 1 / sqrt((variance > 0 ? variance : 0) + eps)};
}

static Status ref_layer_norm(void *state, Tensor y, Tensor x, const LayerNormHow *how) {
    (void)state;
    int64_t width = x.dims[1];
    for (int64_t r = 0; r < x.dims[0]; r++) {
        const float *from = row_of(x, r), *scale = of_sequence(how->scale, how->seqs, r);
        const float *residual = how->residual.data ? row_of(how->residual, r) : NULL;
        double sum = 0, squares = 0;
        for (int64_t c = 0; c < width; c++) {
            double value = from[c] + (residual ? (double)residual[c] : 0);
            sum += value;
            squares += value * value;
        }
        Moments m = moments(sum, squares, width, how->eps);
        for (int64_t c = 0; c < width; c++) {
            double value = (from[c] + (residual ? (double)residual[c] : 0) - m.mean) * m.factor;
            double w = how->w.data ? tensor_number(how->w, c) : 1,
                   b = how->b.data ? tensor_number(how->b, c) : 0;
            row_of(y, r)[c] = (float)((value * w + b) * one_plus(scale, c));
        }
    }
    return NULL;
}

static Status ref_group_norm(void *state, Tensor y, Tensor x, const GroupNormHow *how) {
    (void)state;
    int64_t pixels = x.dims[0] * x.dims[1], channels = x.dims[2], size = channels / how->groups;
    const float *from = x.data;
    float *to = y.data;
    for (int64_t first = 0; first < channels; first += size) {
        double sum = 0, squares = 0;
        for (int64_t p = 0; p < pixels; p++)
            for (int64_t c = first; c < first + size; c++) {
                sum += from[p * channels + c];
                squares += (double)from[p * channels + c] * from[p * channels + c];
            }
        Moments m = moments(sum, squares, pixels * size, how->eps);
        for (int64_t p = 0; p < pixels; p++)
            for (int64_t c = first; c < first + size; c++) {
                double value = (from[p * channels + c] - m.mean) * m.factor * tensor_number(how->w, c) +
                               tensor_number(how->b, c);
                to[p * channels + c] = (float)activate(value, how->act);
            }
    }
    return NULL;
}

/* ---- attention ----------------------------------------------------------------------------------------- */

/* One head [d]: norm (left out when weight is no tensor), then rotation by cos, sin [d/2]. */
static void norm_and_rotate(float *head, int64_t d, Tensor weight, const QkNormRopeHow *how, int64_t row) {
    double factor = weight.data ? rms_factor(head, d, how->eps) : 1;
    int64_t half = d / 2;
    for (int64_t j = 0; j < half; j++) {
        int64_t first = how->style == ROPE_PAIRS ? 2 * j : j,
                second = how->style == ROPE_PAIRS ? 2 * j + 1 : j + half;
        double a = head[first] * factor * (weight.data ? norm_weight(weight, how->form, first) : 1);
        double b = head[second] * factor * (weight.data ? norm_weight(weight, how->form, second) : 1);
        double cosine = row_of(how->cos, row)[j], sine = row_of(how->sin, row)[j];
        head[first] = (float)(a * cosine - b * sine);
        head[second] = (float)(a * sine + b * cosine);
    }
}

static Status ref_qk_norm_rope(void *state, Tensor q, Tensor k, const QkNormRopeHow *how) {
    (void)state;
    for (int64_t r = 0; r < q.dims[0]; r++) {
        for (int64_t h = 0; h < q.dims[1]; h++)
            norm_and_rotate(row_of(q, r) + h * q.strides[1], q.dims[2], how->q_norm, how, r);
        for (int64_t h = 0; h < k.dims[1]; h++)
            norm_and_rotate(row_of(k, r) + h * k.strides[1], k.dims[2], how->k_norm, how, r);
    }
    return NULL;
}

/* One query of one head over the keys [first, last) of k, v [rows, d]; weights has room for the keys. */
static void attend(float *out, const float *query, Tensor k, Tensor v, double scale, double *weights) {
    int64_t keys = k.dims[0], d = k.dims[1];
    double largest = -INFINITY, total = 0;
    for (int64_t j = 0; j < keys; j++) {
        weights[j] = scale * dot(query, row_of(k, j), d);
        largest = fmax(largest, weights[j]);
    }
    for (int64_t j = 0; j < keys; j++)
        total += weights[j] = exp(weights[j] - largest);
    for (int64_t c = 0; c < d; c++) {
        double sum = 0;
        for (int64_t j = 0; j < keys; j++)
            sum += weights[j] * row_of(v, j)[c];
        out[c] = (float)(sum / total);
    }
}

/* Rows [from, to) of one head as [rows, d]. */
static Tensor head_rows(Tensor t, int64_t head, int64_t from, int64_t to) {
    float *data = row_of(t, from) + head * t.strides[1];
    return (Tensor){data, DT_F32, 2, {to - from, t.dims[2]}, {t.strides[0], 1}};
}

static Status ref_attention(void *state, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how) {
    (void)state;
    size_t bytes = (size_t)q.dims[0] * sizeof(double);
    double *weights = malloc(bytes);
    if (!weights)
        return no_memory(bytes);
    for (int64_t i = 0; i < q.dims[0]; i++) {
        int sequence = sequence_of(how->seqs, i);
        int64_t first = how->seqs->offsets[sequence], last = how->seqs->offsets[sequence + 1];
        if (how->mask == MASK_CAUSAL)
            last = i + 1;
        if (how->window > 0 && i - how->window + 1 > first)
            first = i - how->window + 1;
        for (int64_t h = 0; h < q.dims[1]; h++) {
            int64_t kv = h / (q.dims[1] / k.dims[1]);
            attend(row_of(out, i) + h * out.strides[1], row_of(q, i) + h * q.strides[1],
                   head_rows(k, kv, first, last), head_rows(v, kv, first, last), how->scale, weights);
        }
    }
    free(weights);
    return NULL;
}

/* ---- rows and reorderings ------------------------------------------------------------------------------ */

static Status ref_embed(void *state, Tensor y, Tensor table, const int32_t *ids, float scale) {
    (void)state;
    for (int64_t i = 0; i < y.dims[0]; i++)
        for (int64_t c = 0; c < y.dims[1]; c++)
            row_of(y, i)[c] = (float)(tensor_number(table, ids[i] * table.dims[1] + c) * scale);
    return NULL;
}

static Status ref_mean_rows(void *state, Tensor y, Tensor x, const Seqs *seqs) {
    (void)state;
    for (int s = 0; s < seqs->count; s++)
        for (int64_t c = 0; c < x.dims[1]; c++) {
            double sum = 0;
            for (int64_t r = seqs->offsets[s]; r < seqs->offsets[s + 1]; r++)
                sum += row_of(x, r)[c];
            row_of(y, s)[c] = (float)(sum / (double)seqs_length(seqs, s));
        }
    return NULL;
}

static Status ref_upsample2x(void *state, Tensor y, Tensor x) {
    (void)state;
    for (int64_t r = 0; r < y.dims[0]; r++)
        for (int64_t c = 0; c < y.dims[1]; c++)
            memcpy(row_of(y, r) + c * y.strides[1], row_of(x, r / 2) + c / 2 * x.strides[1],
                   (size_t)x.dims[2] * sizeof(float));
    return NULL;
}

/* Element of the tokens that holds latent element `index`. */
static int64_t token_index(Tensor latent, int64_t index, int patch) {
    int64_t channels = latent.dims[0], height = latent.dims[1], width = latent.dims[2];
    int64_t channel = index / (height * width), row = index / width % height, column = index % width;
    int64_t token = row / patch * (width / patch) + column / patch;
    int64_t place = row % patch * patch + column % patch;
    return (token * patch * patch + place) * channels + channel;
}

static Status ref_patchify(void *state, Tensor tokens, Tensor latent, int patch) {
    (void)state;
    for (int64_t i = 0; i < tensor_count(latent); i++)
        put(tokens, token_index(latent, i, patch), tensor_number(latent, i));
    return NULL;
}

static Status ref_unpatchify(void *state, Tensor latent, Tensor tokens, int patch) {
    (void)state;
    for (int64_t i = 0; i < tensor_count(latent); i++)
        put(latent, i, tensor_number(tokens, token_index(latent, i, patch)));
    return NULL;
}

static Status ref_transpose(void *state, Tensor y, Tensor x, float factor, float offset) {
    (void)state;
    for (int64_t r = 0; r < x.dims[0]; r++)
        for (int64_t c = 0; c < x.dims[1]; c++)
            row_of(y, c)[r] = (float)((double)factor * row_of(x, r)[c] + offset);
    return NULL;
}

/* ---- elementwise and sampling -------------------------------------------------------------------------- */

static Status ref_fill(void *state, Tensor to, float value) {
    (void)state;
    for (int64_t i = 0; i < tensor_count(to); i++)
        put(to, i, value);
    return NULL;
}

static Status ref_unary(void *state, Tensor y, Tensor x, Activation act) {
    (void)state;
    for (int64_t i = 0; i < tensor_count(y); i++)
        put(y, i, activate(tensor_number(x, i), act));
    return NULL;
}

static Status ref_binary(void *state, Tensor y, Tensor a, Tensor b, BinaryKind kind) {
    (void)state;
    for (int64_t i = 0; i < tensor_count(y); i++)
        put(y, i,
            kind == BINARY_ADD ? tensor_number(a, i) + tensor_number(b, i)
                               : tensor_number(a, i) * tensor_number(b, i));
    return NULL;
}

static Status ref_lincomb(void *state, Tensor y, const LincombHow *how) {
    (void)state;
    for (int64_t i = 0; i < tensor_count(y); i++) {
        double sum = 0;
        for (int term = 0; term < how->count; term++)
            sum += how->factor[term] * tensor_number(how->term[term], i);
        put(y, i, sum);
    }
    return NULL;
}

static double squares_of(Tensor x) {
    double sum = 0;
    for (int64_t i = 0; i < tensor_count(x); i++)
        sum += tensor_number(x, i) * tensor_number(x, i);
    return sum;
}

static Status ref_sum_squares(void *state, Tensor y, Tensor x) {
    (void)state;
    put(y, 0, squares_of(x));
    return NULL;
}

static Status ref_cfg_mix(void *state, Tensor v, Tensor cond, Tensor uncond, GuideHow how) {
    (void)state;
    double limit = how.renorm * sqrt(squares_of(cond));
    for (int64_t i = 0; i < tensor_count(v); i++)
        put(v, i, tensor_number(uncond, i) + how.scale * (tensor_number(cond, i) - tensor_number(uncond, i)));
    double norm = sqrt(squares_of(v));
    if (how.renorm > 0 && norm > 0 && norm >= limit)
        for (int64_t i = 0; i < tensor_count(v); i++)
            put(v, i, tensor_number(v, i) * (limit / norm));
    return NULL;
}

static Status ref_cast(void *state, Tensor y, Tensor x) {
    (void)state;
    for (int64_t i = 0; i < tensor_count(y); i++)
        put(y, i, tensor_number(x, i));
    return NULL;
}

static Status ref_to_rgb8(void *state, Tensor bytes, Tensor x) {
    (void)state;
    for (int64_t i = 0; i < tensor_count(x); i++) {
        double level = (tensor_number(x, i) + 1) / 2;
        *(unsigned char *)element(bytes, i) =
            (unsigned char)(255 * (level > 0 ? fmin(level, 1) : 0)); /* NaN: 0 */
    }
    return NULL;
}

#define ENTRY(op, ...) .op = ref_##op,

const Backend REF_BACKEND = {
    .version = BACKEND_VERSION,
    .name = "ref",
    ENTRY(open) ENTRY(close) ENTRY(describe) ENTRY(mem_alloc) ENTRY(mem_free) ENTRY(mem_info) ENTRY(upload)
    ENTRY(download) ENTRY(sync) ENTRY(weight_pack) ENTRY(weight_free)
    OPS_LIST(ENTRY)
};
