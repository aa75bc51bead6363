/* weight.cu: packs weights: rows travel from the mapped file through the upload ring into device memory.
 *
 * A weight is one block of Weight.bytes bytes at Weight.packed: the matrix, and on the next multiple of 256
 * the bias as float32. The matrix is row-major: LINEAR [out][in]; GLU [2F][in], gate 0, up 0, gate 1, up 1,
 * ..., so that both numbers of a product lie side by side; CONV [out][ky][kx][in], as an implicit matrix
 * product reads it. In 8 bits the scales of the rows are part of the matrix (eight.cuh): rows are uploaded as
 * bf16, and the card makes bytes of them.
 *
 * Several host threads read and convert a slot's rows, in units of about UNIT_BYTES (performance.md 2.3).
 * They call nothing of the runtime. */
#include "gpu/eight.cuh"
#include "gpu/runtime.cuh"

static const size_t UNIT_BYTES = (size_t)1 << 20;

/* What a thread that fills buffers has for itself. */
typedef struct Lane {
    float *row; /* [2 * width], for numbers that change their type or order */
    char *raw;  /* a row as the file has it */
    Fault fault;
} Lane;

/* A matrix on its way: row r of the packed matrix is a row of one of the parts (source_of). */
typedef struct Packing {
    Cuda *cuda;
    const WeightParts *parts;
    const Weight *weight;
    DType type;    /* of the numbers that travel: of the weight, or bf16 when that has bytes */
    int64_t width; /* numbers of a row */
    Lane lane[LOADERS];
} Packing;

/* Rows of one part that follow each other there, and in the packed matrix every `step` rows. */
typedef struct Run {
    int part;
    int64_t from, count, step;
} Run;

/* The run that packed row `row` begins, of at most `most` packed rows. Of the two parts of a GLU this is the
 * half of the rows that have the parity of `row`. */
static Run run_at(const Packing *p, int64_t row, int64_t most) {
    if (p->parts->kind == WEIGHT_GLU)
        return Run{(int)(row % 2), row / 2, (most + 1) / 2, 2};
    int part = 0;
    for (; row >= p->parts->part[part].dims[0]; part++)
        row -= p->parts->part[part].dims[0];
    int64_t left = p->parts->part[part].dims[0] - row;
    return Run{part, row, left < most ? left : most, 1};
}

/* [in][ky][kx] to [ky][kx][in]. */
static void taps_first(float *out, const float *in, int64_t channels, int64_t taps) {
    for (int64_t tap = 0; tap < taps; tap++)
        for (int64_t channel = 0; channel < channels; channel++)
            out[tap * channels + channel] = in[channel * taps + tap];
}

/* A row as the file has it to one of the packed matrix. */
static void convert_row(const Packing *p, char *out, Lane *lane, DType type) {
    const Weight *w = p->weight;
    float *ordered = lane->row;
    float_from_dtype(lane->row, lane->raw, type, p->width);
    if (w->kernel > 1) {
        ordered = lane->row + p->width;
        taps_first(ordered, lane->row, w->in, (int64_t)w->kernel * w->kernel);
    }
    if (p->type == DT_F32)
        memcpy(out, ordered, (size_t)p->width * sizeof(float));
    for (int64_t i = 0; p->type == DT_BF16 && i < p->width; i++)
        ((uint16_t *)(void *)out)[i] = bf16_from_float(ordered[i]);
}

/* The rows of a run, from `out` on. */
static Status fill_run(const Packing *p, char *out, Lane *lane, const Run *run) {
    const Tensor *part = &p->parts->part[run->part];
    const struct FileMap *file = p->parts->file[run->part];
    size_t row_bytes = (size_t)p->width * dtype_size(p->type), stride = row_bytes * (size_t)run->step;
    size_t source_bytes = (size_t)p->width * dtype_size(part->type);
    const char *from = (const char *)part->data + (size_t)run->from * source_bytes;
    if (part->type == p->type && p->weight->kernel == 1) { /* nearly all of a large model */
        FileRows rows = {out, stride, from, row_bytes, (size_t)run->count};
        return file_map_rows(file, &rows);
    }
    for (int64_t i = 0; i < run->count; i++) {
        FileRows rows = {lane->raw, source_bytes, from + (size_t)i * source_bytes, source_bytes, 1};
        TRY(file_map_rows(file, &rows));
        convert_row(p, out + (size_t)i * stride, lane, part->type);
    }
    return NULL;
}

/* Packed rows [row, row + count) at `out`. */
static Status fill_rows(const Packing *p, char *out, Lane *lane, int64_t row, int64_t count) {
    size_t row_bytes = (size_t)p->width * dtype_size(p->type);
    for (int64_t done = 0; done < count;) {
        Run run = run_at(p, row + done, count - done);
        TRY(fill_run(p, out + (size_t)done * row_bytes, lane, &run));
        if (run.step == 2 && count - done > 1) {
            Run other = run_at(p, row + done + 1, count - done - 1);
            TRY(fill_run(p, out + (size_t)(done + 1) * row_bytes, lane, &other));
            run.count += other.count;
        }
        done += run.count;
    }
    return NULL;
}

/* Packed rows [row, row + count) at `out`, in units of so many rows that any thread may take. */
typedef struct Fill {
    Packing *packing;
    char *out;
    int64_t row, count, unit_rows;
} Fill;

static void fill_unit(void *job, int64_t unit, int thread) {
    const Fill *fill = (const Fill *)job;
    Lane *lane = &fill->packing->lane[thread];
    int64_t first = unit * fill->unit_rows, left = fill->count - first;
    size_t row_bytes = (size_t)fill->packing->width * dtype_size(fill->packing->type);
    if (lane->fault.code != ERR_NONE)
        return;
    Status st = fill_rows(fill->packing, fill->out + (size_t)first * row_bytes, lane, fill->row + first,
                          left < fill->unit_rows ? left : fill->unit_rows);
    fault_copy(&lane->fault, st); /* it lives in this thread */
}

/* Host threads share the rows: what each does is the same whoever does it, so is the result. */
static Status fill(Packing *p, char *out, int64_t row, int64_t count) {
    size_t row_bytes = (size_t)p->width * dtype_size(p->type);
    int64_t unit_rows = (int64_t)(UNIT_BYTES / row_bytes);
    unit_rows = unit_rows < 2 ? 2 : unit_rows / 2 * 2; /* a GLU's pairs stay together */
    Fill job = {p, out, row, count, unit_rows};
    int64_t units = divide_up(count, unit_rows);
    Team *team = units > 1 ? cuda_loaders(p->cuda) : NULL;
    if (team)
        team_run(team, fill_unit, &job, units);
    for (int64_t unit = 0; unit < units && !team; unit++)
        fill_unit(&job, unit, 0);
    for (int i = 0; i < LOADERS; i++)
        if (p->lane[i].fault.code != ERR_NONE)
            return fault_raise(&p->lane[i].fault);
    return NULL;
}

/* Rows [row, row + count), which are in scratch memory as bf16, to bytes and scales. */
static Status pack_bytes(const Packing *p, int64_t row, int64_t count) {
    char *bytes = (char *)p->weight->packed;
    float *scales = (float *)(void *)(bytes + p->weight->out * p->width);
    EightRows rows = {p->cuda->scratch, DT_BF16, p->weight->type, p->width, count, p->width};
    return eight_quantise(p->cuda, bytes + row * p->width, scales + row, &rows);
}

/* Up through the ring: while the card copies from one slot, the threads fill the next. */
static Status pack_rows(Packing *p) {
    size_t row_bytes = (size_t)p->width * dtype_size(p->type);
    if (row_bytes > RING_BYTES)
        return fail(ERR_UNSUPPORTED, "a weight has rows of %zu bytes, at most %zu on a card", row_bytes,
                    RING_BYTES);
    int64_t most = (int64_t)(RING_BYTES / row_bytes);
    for (int64_t row = 0; row < p->weight->out; row += most) {
        int64_t count = p->weight->out - row < most ? p->weight->out - row : most;
        RingSlot *slot;
        TRY(ring_take(p->cuda, &slot));
        TRY(fill(p, slot->memory, row, count));
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

/* The biases of the parts one after the other, of a GLU in turn, as float32 at `out`. */
static Status fill_bias(Packing *p, float *out) {
    for (int64_t i = 0; i < p->weight->out; i++) {
        Run run = run_at(p, i, 1);
        const Tensor *bias = &p->parts->bias[run.part];
        const char *from = (const char *)bias->data + (size_t)run.from * dtype_size(bias->type);
        float_from_dtype(out + i, from, bias->type, 1);
    }
    return NULL;
}

static Status pack_bias(Packing *p) {
    RingSlot *slot;
    const Weight *w = p->weight;
    if (!w->bias)
        return NULL;
    if ((size_t)w->out * sizeof(float) > RING_BYTES)
        return fail(ERR_UNSUPPORTED, "a bias has %lld numbers", (long long)w->out);
    TRY(ring_take(p->cuda, &slot));
    TRY(fill_bias(p, (float *)(void *)slot->memory));
    CUDA_TRY(p->cuda, cudaMemcpyAsync(w->bias, slot->memory, (size_t)w->out * sizeof(float),
                                      cudaMemcpyHostToDevice, p->cuda->compute), "loading a weight");
    return ring_given(p->cuda, slot, p->cuda->compute);
}

static void cuda_weight_free(void *state, Weight *w) {
    cuda_mem_free(state, w->packed, w->bytes);
    *w = Weight();
}

static Status lanes_open(Packing *p) {
    for (int i = 0; i < LOADERS; i++) {
        p->lane[i].row = (float *)malloc(2 * sizeof(float) * (size_t)p->width);
        p->lane[i].raw = (char *)malloc(sizeof(float) * (size_t)p->width);
        if (!p->lane[i].row || !p->lane[i].raw)
            return fail(ERR_MEMORY, "no memory to pack a weight");
    }
    return NULL;
}

static void lanes_close(Packing *p) {
    for (int i = 0; i < LOADERS; i++) {
        free(p->lane[i].row);
        free(p->lane[i].raw);
    }
}

/* Into host memory, from where it will visit the card: not by way of the card. */
static Status pack_on_host(Packing *p, Weight *w, size_t matrix) {
    w->host = cuda_host_alloc(p->cuda, w->bytes);
    if (!w->host)
        return fail(ERR_MEMORY, "the host has no room for %zu bytes of weights", w->bytes);
    Status st = fill(p, (char *)w->host, 0, w->out);
    if (!st && p->parts->bias[0].data) {
        w->bias = (float *)(void *)((char *)w->host + matrix);
        st = fill_bias(p, w->bias);
    }
    if (st)
        cuda_host_free(p->cuda, w->host, w->bytes);
    return st;
}

static Status pack_on_card(Packing *p, Weight *w, size_t matrix) {
    w->packed = cuda_weight_alloc(p->cuda, w->bytes);
    if (!w->packed)
        return cuda_status(p->cuda, cudaErrorMemoryAllocation, "a weight");
    if (p->parts->bias[0].data)
        w->bias = (float *)(void *)((char *)w->packed + matrix);
    Status st = pack_rows(p);
    if (!st)
        st = pack_bias(p);
    if (st)
        cuda_weight_free(p->cuda, w);
    return st;
}

static Status cuda_weight_pack(void *state, Weight *out, const WeightParts *parts) {
    Cuda *cuda = (Cuda *)state;
    Weight w = *out;
    size_t matrix = weight_layout(&w, parts, cuda->precision, WEIGHT_ALIGNMENT);
    Packing p = {cuda, parts, &w, eight_is(w.type) ? DT_BF16 : w.type, w.in * w.kernel * w.kernel, {}};
    bool on_host = parts->place == PLACE_HOST && !eight_is(w.type); /* the card makes the bytes */
    Status st = lanes_open(&p);
    if (!st)
        st = on_host ? pack_on_host(&p, &w, matrix) : pack_on_card(&p, &w, matrix);
    lanes_close(&p);
    if (!st)
        *out = w;
    return st;
}

static size_t cuda_weight_bytes(void *state, const Weight *w, const WeightParts *parts) {
    Weight sized = *w;
    weight_layout(&sized, parts, ((const Cuda *)state)->precision, WEIGHT_ALIGNMENT);
    return sized.bytes;
}

void weight_entries(Backend *table) {
    table->weight_pack = cuda_weight_pack;
    table->weight_free = cuda_weight_free;
    table->weight_bytes = cuda_weight_bytes;
}
