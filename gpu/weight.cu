/* weight.cu: packs weights: rows travel from the mapped file through the upload ring into device memory.
 *
 * A weight is one block of Weight.bytes bytes at Weight.packed: the matrix, and on the next multiple of 256 the
 * bias as float32. The matrix is row-major: LINEAR [out][in]; GLU [2F][in], gate 0, up 0, gate 1, up 1, ..., so
 * that both numbers of a product lie side by side; CONV [out][ky][kx][in], as an implicit matrix product reads
 * it. In 8 bits the scales of the rows are part of the matrix (eight.cuh): rows are uploaded as bf16, and the card
 * makes bytes of them. */
#include "gpu/eight.cuh"
#include "gpu/runtime.cuh"

/* A matrix on its way: row r of the packed matrix is row `source_row` of part `source_part`. */
typedef struct Packing {
    Cuda *cuda;
    const WeightParts *parts;
    const Weight *weight;
    DType type;    /* of the numbers that travel: of the weight, or bf16 when that has bytes */
    int64_t width; /* numbers of a row */
    float *row;    /* [2 * width] host scratch */
} Packing;

static int source_part(const Packing *p, int64_t *row) {
    if (p->parts->kind == WEIGHT_GLU) {
        int part = (int)(*row % 2);
        *row /= 2;
        return part;
    }
    int part = 0;
    while (*row >= p->parts->part[part].dims[0])
        *row -= p->parts->part[part++].dims[0];
    return part;
}

/* [in][ky][kx] to [ky][kx][in]. */
static void taps_first(float *out, const float *in, int64_t channels, int64_t taps) {
    for (int64_t tap = 0; tap < taps; tap++)
        for (int64_t channel = 0; channel < channels; channel++)
            out[tap * channels + channel] = in[channel * taps + tap];
}

/* Row `row` of the packed matrix, as bytes at `out`. */
static void pack_row(const Packing *p, char *out, int64_t row) {
    int part = source_part(p, &row);
    const Tensor *from = &p->parts->part[part];
    const Weight *w = p->weight;
    const char *numbers = (const char *)from->data + (size_t)(row * p->width) * dtype_size(from->type);
    if (from->type == p->type && w->kernel == 1) { /* nearly all of a large model */
        memcpy(out, numbers, (size_t)p->width * dtype_size(p->type));
        return;
    }
    float *ordered = p->row;
    float_from_dtype(p->row, numbers, from->type, p->width);
    if (w->kernel > 1) {
        ordered = p->row + p->width;
        taps_first(ordered, p->row, w->in, (int64_t)w->kernel * w->kernel);
    }
    if (p->type == DT_F32)
        memcpy(out, ordered, (size_t)p->width * sizeof(float));
    for (int64_t i = 0; p->type == DT_BF16 && i < p->width; i++)
        ((uint16_t *)(void *)out)[i] = bf16_from_float(ordered[i]);
}

/* Rows [row, row + count), which are in scratch memory as bf16, to bytes and scales. */
static Status pack_bytes(const Packing *p, int64_t row, int64_t count) {
    char *bytes = (char *)p->weight->packed;
    float *scales = (float *)(void *)(bytes + p->weight->out * p->width);
    EightRows rows = {p->cuda->scratch, DT_BF16, p->weight->type, p->width, count, p->width};
    return eight_quantise(p->cuda, bytes + row * p->width, scales + row, &rows);
}

static Status pack_rows(const Packing *p) {
    size_t row_bytes = (size_t)p->width * dtype_size(p->type);
    if (row_bytes > RING_BYTES)
        return fail(ERR_UNSUPPORTED, "a weight has rows of %zu bytes, at most %zu on a card", row_bytes, RING_BYTES);
    int64_t most = (int64_t)(RING_BYTES / row_bytes);
    for (int64_t row = 0; row < p->weight->out; row += most) {
        int64_t count = p->weight->out - row < most ? p->weight->out - row : most;
        RingSlot *slot;
        TRY(ring_take(p->cuda, &slot));
        for (int64_t i = 0; i < count; i++)
            pack_row(p, slot->memory + (size_t)i * row_bytes, row + i);
        bool eight = eight_is(p->weight->type);
        char *to = eight ? p->cuda->scratch : (char *)p->weight->packed + (size_t)row * row_bytes;
        CUDA_TRY(p->cuda, cudaMemcpyAsync(to, slot->memory, (size_t)count * row_bytes, cudaMemcpyHostToDevice,
                                          p->cuda->compute), "loading a weight");
        TRY(ring_given(p->cuda, slot, p->cuda->compute));
        if (eight)
            TRY(pack_bytes(p, row, count));
    }
    return NULL;
}

static Status pack_bias(const Packing *p) {
    RingSlot *slot;
    const Weight *w = p->weight;
    if (!w->bias)
        return NULL;
    if ((size_t)w->out * sizeof(float) > RING_BYTES)
        return fail(ERR_UNSUPPORTED, "a bias has %lld numbers", (long long)w->out);
    TRY(ring_take(p->cuda, &slot));
    for (int64_t i = 0; i < w->out; i++) {
        int64_t row = i;
        const Tensor *bias = &p->parts->bias[source_part(p, &row)];
        float_from_dtype((float *)(void *)slot->memory + i,
                         (const char *)bias->data + (size_t)row * dtype_size(bias->type), bias->type, 1);
    }
    CUDA_TRY(p->cuda, cudaMemcpyAsync(w->bias, slot->memory, (size_t)w->out * sizeof(float),
                                      cudaMemcpyHostToDevice, p->cuda->compute), "loading a weight");
    return ring_given(p->cuda, slot, p->cuda->compute);
}

/* bf16 only if every part is, or if the backend computes in bf16 anyway. */
static DType weight_type(const Cuda *cuda, const WeightParts *parts) {
    for (int i = 0; i < parts->count; i++)
        if (parts->part[i].type != DT_BF16 && cuda->precision == PRECISION_F32)
            return DT_F32;
    return DT_BF16;
}

static void cuda_weight_free(void *state, Weight *w) {
    cuda_mem_free(state, w->packed, w->bytes);
    *w = Weight();
}

static Status cuda_weight_pack(void *state, Weight *out, const WeightParts *parts) {
    Cuda *cuda = (Cuda *)state;
    Weight w = *out;
    Packing p = {cuda, parts, &w, weight_type(cuda, parts), w.in * w.kernel * w.kernel, NULL};
    w.type = weight_eight(&w, parts, cuda->precision, p.type);
    size_t matrix = (size_t)(w.out * p.width) * dtype_size(w.type);
    matrix += eight_is(w.type) ? (size_t)w.out * sizeof(float) : 0;
    matrix = (matrix + WEIGHT_ALIGNMENT - 1) / WEIGHT_ALIGNMENT * WEIGHT_ALIGNMENT;
    w.bytes = matrix + (parts->bias[0].data ? (size_t)w.out * sizeof(float) : 0);
    w.packed = cuda_mem_alloc(cuda, w.bytes);
    if (!w.packed)
        return cuda_status(cuda, cudaErrorMemoryAllocation, "a weight");
    if (parts->bias[0].data)
        w.bias = (float *)(void *)((char *)w.packed + matrix);
    p.row = (float *)malloc(2 * sizeof(float) * (size_t)p.width);
    Status st = p.row ? pack_rows(&p) : fail(ERR_MEMORY, "no memory to pack a weight");
    if (!st)
        st = pack_bias(&p);
    free(p.row);
    if (st)
        cuda_weight_free(cuda, &w);
    else
        *out = w;
    return st;
}

void weight_entries(Backend *table) {
    table->weight_pack = cuda_weight_pack;
    table->weight_free = cuda_weight_free;
}
