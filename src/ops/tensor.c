/* tensor.c: making views and cutting them. */
#include "config.h"

#include "ops/tensor.h"

#include <stdio.h>

#include "base/half.h"

/* A dense view of any rank. */
static Tensor dense(void *data, DType type, int rank, const int64_t *dims) {
    Tensor t = {.data = data, .type = type, .rank = rank};
    int64_t stride = 1;
    for (int axis = rank - 1; axis >= 0; axis--) {
        t.dims[axis] = dims[axis];
        t.strides[axis] = stride;
        stride = (int64_t)((uint64_t)stride * (uint64_t)dims[axis]); /* wraps only for what ops_new refuses */
    }
    return t;
}

Tensor tensor_dense_view(void *data, DType type, int rank, const int64_t *dims) {
    assert(rank >= 1 && rank <= TENSOR_RANK_MAX);
    return dense(data, type, rank, dims);
}

Tensor tensor_1d(void *data, DType type, int64_t a) {
    return dense(data, type, 1, (int64_t[]){a});
}

Tensor tensor_2d(void *data, DType type, int64_t a, int64_t b) {
    return dense(data, type, 2, (int64_t[]){a, b});
}

Tensor tensor_3d(void *data, DType type, int64_t a, int64_t b, int64_t c) {
    return dense(data, type, 3, (int64_t[]){a, b, c});
}

Tensor tensor_4d(void *data, DType type, int64_t a, int64_t b, int64_t c, int64_t d) {
    return dense(data, type, 4, (int64_t[]){a, b, c, d});
}

int64_t tensor_count(Tensor t) {
    int64_t count = t.rank > 0;
    for (int axis = 0; axis < t.rank; axis++)
        count *= t.dims[axis];
    return count;
}

bool tensor_dense(Tensor t) {
    int64_t stride = 1;
    for (int axis = t.rank - 1; axis >= 0; axis--) {
        if (t.dims[axis] != 1 && t.strides[axis] != stride)
            return false;
        stride *= t.dims[axis];
    }
    return true;
}

int64_t tensor_offset(Tensor t, int64_t index) {
    int64_t offset = 0;
    for (int axis = t.rank - 1; axis >= 0; axis--) {
        offset += index % t.dims[axis] * t.strides[axis];
        index /= t.dims[axis];
    }
    return offset;
}

double tensor_number(Tensor t, int64_t index) {
    const char *from = (const char *)t.data + tensor_offset(t, index) * (int64_t)dtype_size(t.type);
    if (t.type == DT_U8)
        return *(const unsigned char *)from;
    float value = 0;
    if (!float_from_dtype(&value, from, t.type, 1))
        assert(!"a type without numbers");
    return value;
}

/* The address `elements` further on. A missing tensor stays missing: its views are made before anybody asks
 * for the status. */
static void *moved(Tensor t, int64_t elements) {
    return t.data ? (char *)t.data + elements * (int64_t)dtype_size(t.type) : NULL;
}

Tensor tensor_rows(Tensor t, int64_t from, int64_t count) {
    assert(from >= 0 && count >= 0 && from <= t.dims[0] - count);
    t.data = moved(t, from * t.strides[0]);
    t.dims[0] = count;
    return t;
}

Tensor tensor_columns(Tensor t, int64_t from, int64_t count) {
    assert(t.rank == 2 && from >= 0 && count >= 0 && from <= t.dims[1] - count);
    t.data = moved(t, from);
    t.dims[1] = count;
    return t;
}

Tensor tensor_heads(Tensor t, int64_t heads) {
    assert(t.rank == 2 && heads > 0 && t.dims[1] % heads == 0);
    int64_t width = t.dims[1] / heads;
    return (Tensor){t.data, t.type, 3, {t.dims[0], heads, width}, {t.strides[0], width, 1}};
}

Tensor tensor_at(Tensor t, int64_t index) {
    assert(t.rank >= 2 && index >= 0 && index < t.dims[0]);
    Tensor part = {.data = moved(t, index * t.strides[0]), .type = t.type, .rank = t.rank - 1};
    for (int axis = 0; axis < part.rank; axis++) {
        part.dims[axis] = t.dims[axis + 1];
        part.strides[axis] = t.strides[axis + 1];
    }
    return part;
}

Tensor tensor_as_2d(Tensor t, int64_t a, int64_t b) {
    assert(tensor_dense(t) && tensor_count(t) == a * b);
    return tensor_2d(t.data, t.type, a, b);
}

Tensor tensor_as_3d(Tensor t, int64_t a, int64_t b, int64_t c) {
    assert(tensor_dense(t) && tensor_count(t) == a * b * c);
    return tensor_3d(t.data, t.type, a, b, c);
}

void tensor_print(char out[96], Tensor t) {
    int used = snprintf(out, 96, "[");
    for (int axis = 0; axis < t.rank; axis++)
        used += snprintf(out + used, 96 - (size_t)used, "%s%lld", axis ? ", " : "", (long long)t.dims[axis]);
    snprintf(out + used, 96 - (size_t)used, "] %s", dtype_name(t.type));
}

Seqs seqs_one(int64_t rows) {
    return seqs_of(1, &rows);
}

Seqs seqs_of(int count, const int64_t *lengths) {
    assert(count >= 1 && count <= SEQS_MAX);
    Seqs seqs = {.count = count};
    for (int i = 0; i < count; i++)
        seqs.offsets[i + 1] = seqs.offsets[i] + lengths[i];
    return seqs;
}

int64_t seqs_rows(const Seqs *seqs) {
    return seqs->offsets[seqs->count];
}

int64_t seqs_length(const Seqs *seqs, int index) {
    assert(index >= 0 && index < seqs->count);
    return seqs->offsets[index + 1] - seqs->offsets[index];
}
