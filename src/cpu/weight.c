/* weight.c: packs weights into panels (kernels.h) straight from the mapped file, reading it once.
 *
 * Columns of the panels are rows of the weight: 32 of them in order; for a GLU 16 gates and the same 16 ups,
 * so that the epilogue finds both in one tile. The depth of a convolution runs over taps, then channels. */
#include "config.h"

#include <string.h>

#include "base/half.h"
#include "cpu/state.h"

#define CHUNK 128 /* rows of a panel packed at a time: reads of 256 bytes, writes that fit the caches */

typedef struct Packing {
    CpuState *state;
    const WeightParts *parts;
    const Weight *weight;
    int64_t depth, panel_depth; /* panel_depth: even for pairs */
} Packing;

/* Where a column of the panels comes from: row `row` of part `part`; part is -1 in the padding. */
typedef struct Source {
    int part;
    int64_t row;
} Source;

static Source column_source(const Packing *p, int64_t column) {
    const WeightParts *parts = p->parts;
    if (parts->kind == WEIGHT_GLU) {
        int64_t in_panel = column % PANEL, half = PANEL / 2;
        Source source = {(int)(in_panel / half), column / PANEL * half + in_panel % half};
        if (source.row >= parts->part[source.part].dims[0])
            source.part = -1;
        return source;
    }
    for (int i = 0; i < parts->count; i++) {
        if (column < parts->part[i].dims[0])
            return (Source){i, column};
        column -= parts->part[i].dims[0];
    }
    return (Source){-1, 0};
}

/* Numbers [k, k + n) of a row, in the order of the panels, as floats. */
static void read_numbers(const Packing *p, Source source, int64_t k, float *out, int64_t n) {
    const Tensor *part = &p->parts->part[source.part];
    size_t size = dtype_size(part->type);
    const char *from = (const char *)part->data + (size_t)(source.row * p->depth) * size;
    if (p->weight->kernel == 1) {
        float_from_dtype(out, from + (size_t)k * size, part->type, n);
        return;
    }
    int64_t taps = p->weight->kernel * p->weight->kernel, in = p->weight->in;
    for (int64_t i = 0; i < n; i++) {
        int64_t tap = (k + i) / in, channel = (k + i) % in;
        float_from_dtype(out + i, from + (size_t)(channel * taps + tap) * size, part->type, 1);
    }
}

/* Column `lane` of a chunk of a panel, f32: out [n][32]. */
static void put_f32(float *out, const float *in, int64_t lane, int64_t n) {
    for (int64_t k = 0; k < n; k++)
        out[k * PANEL + lane] = in[k];
}

/* The same for pairs: out [n / 2][32][2]. */
static void put_pairs(uint16_t *out, const uint16_t *in, int64_t lane, int64_t n) {
    for (int64_t k = 0; k < n; k += 2)
        memcpy(out + k * PANEL + 2 * lane, in + k, 4);
}

static void pack_column_chunk(const Packing *p, int64_t column, int64_t k, int64_t n, char *out) {
    float numbers[CHUNK] = {0};
    uint16_t halves[CHUNK] = {0};
    int64_t real = least(n, p->depth - k);
    bool pairs = p->weight->type == DT_BF16;
    Source source = column_source(p, column);
    const Tensor *part = source.part < 0 ? NULL : &p->parts->part[source.part];
    if (part && pairs && part->type == DT_BF16 && p->weight->kernel == 1) { /* nearly all of a large model */
        const char *from = (const char *)part->data + (size_t)(source.row * p->depth + k) * 2;
        memcpy(halves, from, (size_t)real * 2);
    } else if (part) {
        read_numbers(p, source, k, numbers, real);
        if (pairs)
            p->state->kernels->to_bf16(halves, numbers, n);
    }
    if (pairs)
        put_pairs((uint16_t *)out, halves, column % PANEL, n);
    else
        put_f32((float *)out, numbers, column % PANEL, n);
}

static void pack_panel(void *job, int64_t panel, int thread) {
    const Packing *p = job;
    (void)thread;
    size_t depth_bytes = PANEL * dtype_size(p->weight->type);
    char *out = (char *)p->weight->packed + (size_t)(panel * p->panel_depth) * depth_bytes;
    for (int64_t k = 0; k < p->panel_depth; k += CHUNK) {
        int64_t n = least(p->panel_depth - k, CHUNK);
        for (int64_t lane = 0; lane < PANEL; lane++)
            pack_column_chunk(p, panel * PANEL + lane, k, n, out + (size_t)k * depth_bytes);
    }
}

/* The bias in the order of the panels' columns. */
static void pack_bias(const Packing *p, int64_t columns) {
    for (int64_t column = 0; column < columns; column++) {
        Source source = column_source(p, column);
        p->weight->bias[column] = 0;
        if (source.part < 0)
            continue;
        const Tensor *bias = &p->parts->bias[source.part];
        const char *from = (const char *)bias->data + (size_t)source.row * dtype_size(bias->type);
        float_from_dtype(p->weight->bias + column, from, bias->type, 1);
    }
}

/* bf16 only if every part is, or if the backend computes in bf16 anyway. */
static DType stored_type(const CpuState *state, const WeightParts *parts) {
    for (int i = 0; i < parts->count; i++)
        if (parts->part[i].type != DT_BF16 && state->precision == PRECISION_F32)
            return DT_F32;
    return DT_BF16;
}

int64_t weight_panels(const Weight *w) {
    return w->kind == WEIGHT_GLU ? ceil_divide(w->out / 2, PANEL / 2) : ceil_divide(w->out, PANEL);
}

Status cpu_weight_pack(void *opaque, Weight *out, const WeightParts *parts) {
    CpuState *state = opaque;
    const Tensor *first = &parts->part[0];
    int kernel = parts->kind == WEIGHT_CONV ? (int)first->dims[2] : 1;
    Weight w = {.kind = parts->kind, .in = first->dims[1], .kernel = kernel};
    w.type = stored_type(state, parts);
    for (int i = 0; i < parts->count; i++)
        w.out += parts->part[i].dims[0];
    Packing packing = {state, parts, &w, w.in * kernel * kernel, w.in * kernel * kernel};
    if (w.type == DT_BF16)
        packing.panel_depth = (packing.depth + 1) / 2 * 2;
    int64_t panels = weight_panels(&w);
    size_t numbers = (size_t)(panels * packing.panel_depth) * PANEL * dtype_size(w.type);
    w.bytes = numbers + (parts->bias[0].data ? (size_t)panels * PANEL * 4 : 0);
    w.packed = block_alloc(w.bytes);
    if (!w.packed)
        return fail(ERR_MEMORY, "not enough memory for a weight of %zu bytes", w.bytes);
    atomic_fetch_add(&state->held, w.bytes);
    team_run(state->team, pack_panel, &packing, panels);
    if (parts->bias[0].data) {
        w.bias = (float *)((char *)w.packed + numbers);
        pack_bias(&packing, panels * PANEL);
    }
    *out = w;
    return NULL;
}

void cpu_weight_free(void *opaque, Weight *w) {
    CpuState *state = opaque;
    if (w->packed) {
        block_free(w->packed, w->bytes);
        atomic_fetch_sub(&state->held, w->bytes);
    }
    *w = (Weight){0};
}
