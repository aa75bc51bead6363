/* tensor.h: a view of numbers in memory. Passed by value; owns nothing.
 *
 * Row-major with explicit strides in elements, so that q, k and v are views into one buffer and nothing is
 * transposed. Activations are [rows, width], images [height, width, channels], latents [channels, height,
 * width]. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"

#define TENSOR_RANK_MAX 4

typedef struct Tensor {
    void *data;   /* on the backend's device; NULL: no tensor (an optional argument left out) */
    DType type;
    int rank;     /* 1 to 4 */
    int64_t dims[TENSOR_RANK_MAX];
    int64_t strides[TENSOR_RANK_MAX]; /* elements; the last is always 1 */
} Tensor;

#define NO_TENSOR ((Tensor){0})

/* Dense views. */
Tensor tensor_1d(void *data, DType type, int64_t a);
Tensor tensor_2d(void *data, DType type, int64_t a, int64_t b);
Tensor tensor_3d(void *data, DType type, int64_t a, int64_t b, int64_t c);
Tensor tensor_4d(void *data, DType type, int64_t a, int64_t b, int64_t c, int64_t d);
Tensor tensor_dense_view(void *data, DType type, int rank, const int64_t *dims);

int64_t tensor_count(Tensor t);          /* elements */
bool tensor_dense(Tensor t);             /* no gaps between rows */

/* Where element `index` (counted in row-major order) lies, in elements from data. For code that may
 * be slow. */
int64_t tensor_offset(Tensor t, int64_t index);

/* The number of element `index`, of a float type or bytes, in host memory. Slow too. */
double tensor_number(Tensor t, int64_t index);

/* Rows [from, from + count) along the first axis. */
Tensor tensor_rows(Tensor t, int64_t from, int64_t count);

/* Columns [from, from + count) of a [rows, width] tensor. */
Tensor tensor_columns(Tensor t, int64_t from, int64_t count);

/* A [rows, width] view as [rows, heads, width / heads]. */
Tensor tensor_heads(Tensor t, int64_t heads);

/* One entry of the first axis with the axis removed: [a, b, c] gives [b, c]. */
Tensor tensor_at(Tensor t, int64_t index);

/* The same dense numbers with another shape. */
Tensor tensor_as_2d(Tensor t, int64_t a, int64_t b);
Tensor tensor_as_3d(Tensor t, int64_t a, int64_t b, int64_t c);

/* "[8449, 2304] f32" for messages. */
void tensor_print(char out[96], Tensor t);

/* Packed sequences: rows of sequence i are [offsets[i], offsets[i + 1]). The two guidance branches are two
 * sequences. */
#define SEQS_MAX 8
typedef struct Seqs {
    int count;
    int64_t offsets[SEQS_MAX + 1];
} Seqs;

Seqs seqs_one(int64_t rows);
Seqs seqs_of(int count, const int64_t *lengths);
int64_t seqs_rows(const Seqs *seqs);     /* offsets[count] */
int64_t seqs_length(const Seqs *seqs, int index);
