/* io/safetensors.h: mapped, checked, borrowed views of the tensors of a safetensors file.
 *
 * Checked at opening: header length against the file, every offset against the data, size against dtype and
 * shape, overlaps, duplicate names. A file that opens can be read without further checks. Nothing is copied,
 * no limit on the number of tensors. Source: model-spec.md 8.1, the format's own README. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/status.h"

#define SAFETENSORS_RANK_MAX 8

typedef struct SafeTensor {
    const char *name;     /* NUL-terminated, borrowed from the file object */
    DType type;
    int rank;             /* 0 to 8; a scalar has rank 0 */
    int64_t dims[SAFETENSORS_RANK_MAX];
    int64_t count;        /* elements */
    const void *data;     /* in the mapping; may be unaligned */
    size_t bytes;
} SafeTensor;

typedef struct SafeTensors SafeTensors;

/* Opens a file, or a "*.safetensors.index.json" with its shards (they then look like one file). *out is owned
 * by the caller. Errors: ERR_IO; ERR_FORMAT with the sentences of product.md 12, rows 2, 3, 8. All problems
 * of a header are collected into one message (the first few with names, the rest counted); ERR_UNSUPPORTED
 * for pickles and GGUF, told from their first bytes. */
Status safetensors_open(SafeTensors **out, const char *path);
void safetensors_close(SafeTensors *file);

const char *safetensors_path(const SafeTensors *file);
size_t safetensors_count(const SafeTensors *file);
const SafeTensor *safetensors_at(const SafeTensors *file, size_t index);          /* in file order */
const SafeTensor *safetensors_find(const SafeTensors *file, const char *name);    /* NULL when absent */
const char *safetensors_metadata(const SafeTensors *file, const char *key);       /* NULL when absent */
uint64_t safetensors_bytes(const SafeTensors *file);                              /* of all mapped files */

/* The mapping that a tensor lies in; NULL for data that is no part of the file. */
const struct FileMap *safetensors_map(const SafeTensors *file, const SafeTensor *tensor);

/* Gives the pages of one tensor back to the system after it was copied elsewhere. */
void safetensors_forget(const SafeTensors *file, const SafeTensor *tensor);

/* Writes a file; `tensors` need name, type, rank, dims, data, bytes. Types of large elements come first, so
 * that every tensor is aligned to its element; otherwise the order is kept. The file is put together in
 * memory: this is for adapters, tests and small models. Errors: ERR_IO. */
Status safetensors_write(const char *path, const SafeTensor *tensors, size_t count);
