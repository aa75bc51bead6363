/* norm.c: norms and rotation: each op hands its rows to the kernels of norm.inc. Group norm needs two passes
 * and the statistics between them. */
#include "config.h"

#include <math.h>

#include "cpu/state.h"

Status cpu_rms_norm(void *state, Tensor y, Tensor x, const RmsNormHow *how) {
    RmsNormJob job = {y, x, how};
    run_range(state, ((CpuState *)state)->kernels->rms_norm, &job, x.dims[0], x.dims[1]);
    return NULL;
}

Status cpu_add_norm(void *state, Tensor x, Tensor h, Tensor y, const AddNormHow *how) {
    AddNormJob job = {x, h, y, how};
    run_range(state, ((CpuState *)state)->kernels->add_norm, &job, x.dims[0], x.dims[1]);
    return NULL;
}

Status cpu_layer_norm(void *state, Tensor y, Tensor x, const LayerNormHow *how) {
    LayerNormJob job = {y, x, how};
    run_range(state, ((CpuState *)state)->kernels->layer_norm, &job, x.dims[0], x.dims[1]);
    return NULL;
}

Status cpu_qk_norm_rope(void *state, Tensor q, Tensor k, const QkNormRopeHow *how) {
    QkNormRopeJob job = {q, k, how};
    int64_t width = (q.dims[1] + k.dims[1]) * q.dims[2];
    run_range(state, ((CpuState *)state)->kernels->qk_norm_rope, &job, q.dims[0], width);
    return NULL;
}

Status cpu_mean_rows(void *state, Tensor y, Tensor x, const Seqs *seqs) {
    MeanRowsJob job = {y, x, seqs};
    run_range(state, ((CpuState *)state)->kernels->mean_rows, &job, seqs->count, x.dims[1]);
    return NULL;
}

/* ---- group norm ---------------------------------------------------------------------------------------- */

/* Sums of lines [h][2][channels] into the first line, in the order of the lines. */
static void add_lines(double *sums, int64_t lines, int64_t numbers) {
    for (int64_t line = 1; line < lines; line++)
        for (int64_t i = 0; i < numbers; i++)
            sums[i] += sums[line * numbers + i];
}

/* Per channel: y = (x - mean) · factor + shift, with the statistics of its group. */
static void fold_groups(const GroupNormHow *how, const double *sums, int64_t channels, double pixels,
                        float *folded) {
    int64_t width = channels / how->groups;
    double count = pixels * (double)width;
    for (int64_t group = 0; group < how->groups; group++) {
        double sum = 0, squares = 0;
        for (int64_t c = group * width; c < (group + 1) * width; c++) {
            sum += sums[c];
            squares += sums[channels + c];
        }
        double mean = sum / count, variance = squares / count - mean * mean;
        double inverse = 1 / sqrt((variance < 0 ? 0 : variance) + (double)how->eps);
        for (int64_t c = group * width; c < (group + 1) * width; c++) {
            folded[c] = (float)mean;
            folded[channels + c] = (float)(((const float *)how->w.data)[c] * inverse);
            folded[2 * channels + c] = ((const float *)how->b.data)[c];
        }
    }
}

Status cpu_group_norm(void *opaque, Tensor y, Tensor x, const GroupNormHow *how) {
    CpuState *state = opaque;
    int64_t lines = x.dims[0], width = x.dims[1], channels = x.dims[2];
    size_t sums_bytes = (size_t)(lines * channels) * 2 * sizeof(double);
    void *scratch;
    TRY(scratch_get(state, &scratch, sums_bytes + (size_t)channels * 3 * sizeof(float)));
    double *sums = scratch;
    float *folded = (float *)(sums + lines * 2 * channels);
    GroupStatsJob stats = {x, sums};
    run_range(state, state->kernels->group_stats, &stats, lines, width * channels);
    add_lines(sums, lines, 2 * channels);
    fold_groups(how, sums, channels, (double)lines * (double)width, folded);
    GroupApplyJob apply = {y, x, folded, folded + channels, folded + 2 * channels, how->act};
    run_range(state, state->kernels->group_apply, &apply, lines, width * channels);
    return NULL;
}
