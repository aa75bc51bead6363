/* point.c: elementwise ops, copies and reorderings. What is arithmetic on long rows is in point.inc; what
 * only moves numbers, or touches few, is plain C here. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "cpu/state.h"

/* ---- spans --------------------------------------------------------------------------------------------- */

/* Rows along the last axis. */
static int64_t row_count(Tensor t) {
    return t.dims[t.rank - 1] ? tensor_count(t) / t.dims[t.rank - 1] : 0;
}

static int64_t span_count(const SpanJob *job) {
    return job->dense ? ceil_divide(tensor_count(job->x[0]), SPAN) : row_count(job->x[0]);
}

static void run_spans(CpuState *state, RangeKernel *kernel, SpanJob *job) {
    job->dense = !job->y.data || tensor_dense(job->y) || job->sums;
    for (int i = 0; i < job->inputs; i++)
        job->dense = job->dense && tensor_dense(job->x[i]);
    int64_t last = job->x[0].dims[job->x[0].rank - 1];
    run_range(state, kernel, job, span_count(job), job->dense ? SPAN : last);
}

Status cpu_unary(void *state, Tensor y, Tensor x, Activation act) {
    SpanJob job = {.y = y, .x = {x}, .inputs = 1, .kind = (int)act};
    run_spans(state, ((CpuState *)state)->kernels->unary, &job);
    return NULL;
}

Status cpu_binary(void *state, Tensor y, Tensor a, Tensor b, BinaryKind kind) {
    SpanJob job = {.y = y, .x = {a, b}, .inputs = 2, .kind = (int)kind};
    run_spans(state, ((CpuState *)state)->kernels->binary, &job);
    return NULL;
}

Status cpu_lincomb(void *state, Tensor y, const LincombHow *how) {
    SpanJob job = {.y = y, .inputs = how->count};
    memcpy(job.x, how->term, sizeof job.x);
    memcpy(job.factor, how->factor, sizeof job.factor);
    run_spans(state, ((CpuState *)state)->kernels->lincomb, &job);
    return NULL;
}

Status cpu_sum_squares(void *opaque, Tensor y, Tensor x) {
    CpuState *state = opaque;
    SpanJob job = {.x = {x}, .inputs = 1, .dense = true};
    void *scratch;
    int64_t spans = span_count(&job);
    TRY(scratch_get(state, &scratch, (size_t)spans * sizeof(double)));
    job.sums = scratch;
    run_spans(state, state->kernels->sum_squares, &job);
    double sum = 0;
    for (int64_t i = 0; i < spans; i++)
        sum += job.sums[i];
    *(float *)y.data = (float)sum;
    return NULL;
}

/* ---- moving numbers ------------------------------------------------------------------------------------ */

typedef struct MoveJob {
    Tensor y, x;
    const int32_t *ids;
    float factor, offset;
    int patch;
} MoveJob;

/* Row `index` along the last axis of a tensor of any type. */
static char *any_row(Tensor t, int64_t index) {
    return (char *)t.data + (size_t)tensor_offset(t, index * t.dims[t.rank - 1]) * dtype_size(t.type);
}

static void copy_rows(const void *job, int64_t from, int64_t to) {
    const MoveJob *j = job;
    size_t bytes = (size_t)j->x.dims[j->x.rank - 1] * dtype_size(j->x.type);
    for (int64_t r = from; r < to; r++)
        memmove(any_row(j->y, r), any_row(j->x, r), bytes);
}

Status cpu_copy(void *state, Tensor to, Tensor from) {
    if (tensor_dense(to) && tensor_dense(from)) {
        memmove(to.data, from.data, (size_t)tensor_count(from) * dtype_size(from.type));
        return NULL;
    }
    MoveJob job = {.y = to, .x = from};
    run_range(state, copy_rows, &job, row_count(from), from.dims[from.rank - 1]);
    return NULL;
}

static void fill_rows(const void *job, int64_t from, int64_t to) {
    const MoveJob *j = job;
    for (int64_t r = from; r < to; r++) {
        float *y = (float *)any_row(j->y, r);
        for (int64_t i = 0; i < j->y.dims[j->y.rank - 1]; i++)
            y[i] = j->offset;
    }
}

Status cpu_fill(void *state, Tensor to, float value) {
    MoveJob job = {.y = to, .offset = value};
    run_range(state, fill_rows, &job, row_count(to), to.dims[to.rank - 1]);
    return NULL;
}

static void transpose_rows(const void *job, int64_t from, int64_t to) {
    const MoveJob *j = job;
    for (int64_t r = from; r < to; r++) {
        const float *x = (const float *)j->x.data + r;
        float *y = row_of(j->y, r);
        for (int64_t i = 0; i < j->x.dims[0]; i++)
            y[i] = j->factor * x[i * j->x.strides[0]] + j->offset;
    }
}

Status cpu_transpose(void *state, Tensor y, Tensor x, float factor, float offset) {
    MoveJob job = {.y = y, .x = x, .factor = factor, .offset = offset};
    run_range(state, transpose_rows, &job, y.dims[0], y.dims[1]);
    return NULL;
}

static void double_line(const void *job, int64_t from, int64_t to) {
    const MoveJob *j = job;
    size_t bytes = (size_t)j->x.dims[2] * 4;
    for (int64_t line = from; line < to; line++)
        for (int64_t column = 0; column < j->y.dims[1]; column++)
            memcpy(row_of(j->y, line) + column * j->y.strides[1],
                   row_of(j->x, line / 2) + column / 2 * j->x.strides[1], bytes);
}

Status cpu_upsample2x(void *state, Tensor y, Tensor x) {
    MoveJob job = {.y = y, .x = x};
    run_range(state, double_line, &job, y.dims[0], y.dims[1] * y.dims[2]);
    return NULL;
}

/* Where element (token, ph, pw, channel) of the tokens is in the latent [c, h, w]. */
static float *latent_at(Tensor latent, int patch, int64_t token, int64_t element) {
    int64_t channels = latent.dims[0], columns = latent.dims[2] / patch;
    int64_t channel = element % channels, pw = element / channels % patch, ph = element / channels / patch;
    int64_t line = token / columns * patch + ph, column = token % columns * patch + pw;
    return row_of(latent, channel) + line * latent.strides[1] + column;
}

Status cpu_patchify(void *state, Tensor tokens, Tensor latent, int patch) {
    (void)state;
    for (int64_t token = 0; token < tokens.dims[0]; token++)
        for (int64_t i = 0; i < tokens.dims[1]; i++)
            row_of(tokens, token)[i] = *latent_at(latent, patch, token, i);
    return NULL;
}

Status cpu_unpatchify(void *state, Tensor latent, Tensor tokens, int patch) {
    (void)state;
    for (int64_t token = 0; token < tokens.dims[0]; token++)
        for (int64_t i = 0; i < tokens.dims[1]; i++)
            *latent_at(latent, patch, token, i) = row_of(tokens, token)[i];
    return NULL;
}

/* ---- types --------------------------------------------------------------------------------------------- */

static void embed_rows(const void *job, int64_t from, int64_t to) {
    const MoveJob *j = job;
    int64_t width = j->y.dims[1];
    for (int64_t r = from; r < to; r++) {
        float *y = row_of(j->y, r);
        float_from_dtype(y, any_row(j->x, j->ids[r]), j->x.type, width);
        for (int64_t i = 0; i < width; i++)
            y[i] *= j->factor;
    }
}

Status cpu_embed(void *state, Tensor y, Tensor host_table, const int32_t *host_ids, float scale) {
    for (int64_t i = 0; i < y.dims[0]; i++)
        if (host_ids[i] < 0 || host_ids[i] >= host_table.dims[0])
            return fail(ERR_FORMAT, "token id %d; the embedding table has %lld rows", host_ids[i],
                        (long long)host_table.dims[0]);
    MoveJob job = {.y = y, .x = host_table, .ids = host_ids, .factor = scale};
    run_range(state, embed_rows, &job, y.dims[0], y.dims[1]);
    return NULL;
}

static void to_halves(uint16_t *out, const float *in, DType type, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        out[i] = type == DT_BF16 ? bf16_from_float(in[i]) : f16_from_float(in[i]);
}

/* Any of f32, bf16, f16 to any of them, by way of float. */
static void cast_rows(const void *job, int64_t from, int64_t to) {
    const MoveJob *j = job;
    int64_t width = j->x.dims[j->x.rank - 1];
    float line[512];
    for (int64_t r = from; r < to; r++)
        for (int64_t i = 0; i < width; i += 512) {
            int64_t n = least(width - i, 512);
            float_from_dtype(line, any_row(j->x, r) + (size_t)i * dtype_size(j->x.type), j->x.type, n);
            char *y = any_row(j->y, r) + (size_t)i * dtype_size(j->y.type);
            if (j->y.type == DT_F32)
                memcpy(y, line, (size_t)n * 4);
            else
                to_halves((uint16_t *)y, line, j->y.type, n);
        }
}

Status cpu_cast(void *state, Tensor y, Tensor x) {
    MoveJob job = {.y = y, .x = x};
    run_range(state, cast_rows, &job, row_count(x), x.dims[x.rank - 1]);
    return NULL;
}

static void rgb_lines(const void *job, int64_t from, int64_t to) {
    const MoveJob *j = job;
    int64_t numbers = j->x.dims[1] * j->x.dims[2]; /* pictures are dense */
    for (int64_t line = from; line < to; line++) {
        const float *x = row_of(j->x, line);
        unsigned char *y = (unsigned char *)j->y.data + line * j->y.strides[0];
        for (int64_t i = 0; i < numbers; i++) {
            float v = (x[i] + 1) / 2;
            y[i] = (unsigned char)((v > 0 ? v < 1 ? v : 1 : 0) * 255); /* NaN becomes 0 */
        }
    }
}

Status cpu_to_rgb8(void *state, Tensor bytes, Tensor x) {
    MoveJob job = {.y = bytes, .x = x};
    run_range(state, rgb_lines, &job, x.dims[0], x.dims[1] * x.dims[2]);
    return NULL;
}
