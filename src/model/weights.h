/* weights.h: tables of weights. Each network lists its tensors once, and the list drives everything: which
 * names a file must hold, the shapes they must have, how they are packed for the backend, what is freed, how
 * many bytes that is, and what a synthetic checkpoint contains.
 *
 * A row names the modules that make up one field of a struct, with their shapes in symbols:
 *
 *   {offsetof(DitBlock, qkv), FORM_MATRIX, {"attention.qkv[Q+2K,D]",
 * "attn.to_q[Q,D] attn.to_k[K,D] attn.to_v[K,D]"}}
 *
 * The second text is the same weight in another naming, here as three tensors that are stacked. The file's
 * tensors are MODULE.weight and, where the form says so, MODULE.bias [first dimension]. Shapes are sums of
 * products of one number and one capital letter; the values of the letters belong to the scope. A letter of
 * value 0 is unknown (the tensor it would come from is missing) and is not compared; a file that lacks
 * nothing and leaves one unknown is refused. Trailing dimensions of 1 are optional in the file.
 *
 * A scope is a table applied to one object: the network itself, or one of its blocks, with the prefix of its
 * names.
 *
 * A module that is stored as MODULE.parametrizations.weight.original with an adapter beside it is merged
 * in float32 while loading (model-spec.md 4.3). */
#pragma once

#include "model/dit.h"

typedef enum WeightForm {
    FORM_MATRIX,      /* Weight */
    FORM_MATRIX_BIAS, /* Weight */
    FORM_GLU,         /* Weight of kind GLU; modules: gate, up */
    FORM_MODULATION,  /* ModulationWeights: row blocks scale, gate, scale, gate of one module with bias */
    FORM_CONV_BIAS,   /* Weight of kind CONV */
    FORM_VECTOR,      /* Tensor [n] float32 on the device */
    FORM_NORM,        /* NormWeights, both on the device */
    FORM_TABLE,       /* HostTable, left in the mapping */
    FORM_UNUSED,      /* nothing: known, not needed, may be missing */
} WeightForm;

typedef struct NormWeights {
    Tensor w, b; /* [n] float32 */
} NormWeights;

typedef struct ModulationWeights {
    Weight scale, gate; /* [2 D, R] each: of the attention, then of the feed-forward */
} ModulationWeights;

typedef struct HostTable {
    Tensor view; /* [rows, width] in host memory */
    void *owned; /* NULL while the view is in the mapping; else freed with the list */
} HostTable;

#define WEIGHT_NAMINGS 3
#define WEIGHT_NAME_MAX 256

typedef struct WeightRow {
    size_t field; /* offset in the object of the scope */
    WeightForm form;
    const char *modules[WEIGHT_NAMINGS]; /* NULL: as in the naming before */
} WeightRow;

typedef struct WeightScope {
    void *object; /* borrowed; NULL in a list that is only read out */
    const WeightRow *rows;
    int row_count;
    char prefix[WEIGHT_NAMINGS][96]; /* an empty one: as in the naming before */
    unsigned group;                  /* of its matrices, model/stream.h; 0: they stay on the device */
    WeightBits bits;                 /* of its matrices */
    int64_t symbol[26];              /* values of A to Z */
} WeightScope;

/* A zeroed WeightList is empty and valid. */
typedef struct WeightList {
    const char *part;    /* "transformer", for messages; static */
    char *prefix;        /* in front of all names in the file; owned */
    int naming;          /* which of the row's texts */
    WeightScope *scopes; /* owned */
    int count, capacity;
    size_t bytes;        /* of device memory, after loading, when everything is there */
} WeightList;

#define WEIGHT_ROWS(table) (table), (int)(sizeof(table) / sizeof((table)[0]))
#define WEIGHT_SYMBOL(letter) ((letter) - 'A')

/* Adds a scope with empty prefixes and unknown symbols for the caller to fill in. Valid until the next
 * call. */
WeightScope *weights_scope(WeightList *list, void *object, const WeightRow *rows, int row_count);

/* Loads every field of the list from the file into the backend. Everything wrong with the file comes in one
 * sentence: missing tensors ("the transformer lacks 3 of 535 tensors: A and 2 more"), wrong shapes,
 * unreadable types; each also as a log line. Pages of the file are given back as they are packed. Tensors of
 * the file under the list's prefix that are not in the list are named in the log. how may be NULL. After an
 * error no device memory is held; the list itself is the caller's either way (weights_free). Errors:
 * ERR_FORMAT (product.md 12 rows 5, 6, 8), ERR_MEMORY, what the backend says. */
Status weights_load(WeightList *list, Ops *o, const SafeTensors *file, const LoadHow *how);

/* Bytes of the matrices of these groups, and of those that are on the host only. */
size_t weights_group_bytes(const WeightList *list, unsigned groups);
size_t weights_away_bytes(const WeightList *list);

/* Moves the matrices of o->streamed to the host and all others to the device: weights_load begins with that,
 * and whoever changes o->streamed asks for it. Those that are where they should be stay; first what goes,
 * then what comes, beside what the device computes meanwhile: ops asked for afterwards wait for it. After an
 * error (sticky) each is on one side or the other, and asking again goes on. */
void weights_settle(WeightList *list, Ops *o);

/* The weights of one row in `object` that belong to `group`; returns how many. */
#define WEIGHTS_PER_ROW 2
int weights_of_row(Weight *out[WEIGHTS_PER_ROW], void *object, const WeightRow *row, unsigned group);

/* Frees the device memory of all fields and the list itself. */
void weights_free(WeightList *list, Ops *o);

/* Every tensor a file of this list holds, in the order of the table. */
typedef struct ExpectedTensor {
    const char *name; /* borrowed for the call */
    int rank;
    int64_t dims[4];
    WeightForm form;
} ExpectedTensor;
typedef void WeightVisit(void *context, const ExpectedTensor *tensor);
void weights_each(const WeightList *list, WeightVisit *visit, void *context);

/* ---- shapes of a file, for deriving a configuration ---------------------------------------------------- */

/* The tensor PREFIX NAME, or its adapter form when NAME ends in ".weight". NULL when it is not there. */
const SafeTensor *weights_find(const SafeTensors *file, const char *prefix, const char *name);

/* Dimension `axis` of PREFIX NAME; 0 when the tensor or the axis is not there, or the tensor is empty: an
 * empty one may claim any size, the others have no more numbers than the file. */
int64_t weights_dim(const SafeTensors *file, const char *prefix, const char *name, int axis);

/* One more than the highest N in names that begin with PREFIX STEM N "."; at most 1000. 0 when there is
 * none. */
int64_t weights_layers(const SafeTensors *file, const char *prefix, const char *stem);
