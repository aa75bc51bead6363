/* synthetic.h: small made-up checkpoints for the tests of the networks. Values come from the tensor's name,
 * so the same name always has the same numbers; scales are such that activations stay near 1. */
#pragma once

#include "model/expected.h"
#include "model/layout.h"

/* The tensors of one file to be; names and data are owned. */
typedef struct Synthetic {
    SafeTensor *tensors;
    size_t count;
    const char *prefix; /* put in front of every name that is added, or NULL */
} Synthetic;

/* The file of a nano network (below), in the naming most files have, `prefix` (or NULL) in front of every
 * name. */
Synthetic synthetic_nano(ModelPart part, const char *prefix);

/* A WeightVisit; context is a Synthetic. Adds the tensor in float32. */
void synthetic_add(void *context, const ExpectedTensor *tensor);

/* Adds one with given numbers, [rows] or [rows, columns] (columns 0: a vector). The numbers are copied. */
void synthetic_put(Synthetic *file, const char *name, const float *data, int64_t rows, int64_t columns);

/* The tensor called `name`, NULL when it is not there. */
SafeTensor *synthetic_find(Synthetic *file, const char *name);

/* Takes a tensor out. It must be there. */
void synthetic_remove(Synthetic *file, const char *name);

/* Rounds every number to what `type` (bf16 or f16) can hold, and stores it as that type, or still as
 * float32. */
typedef enum StoreAs { AS_FLOAT32, AS_ROUNDED_TYPE } StoreAs;
void synthetic_round(Synthetic *file, DType type, StoreAs as);

/* Calls the tensor `from` `to` instead. It must be there. */
void synthetic_rename(Synthetic *file, const char *from, const char *to);

void synthetic_done(Synthetic *file);

/* Writes it as a new file in the directory for temporary files and opens it. The path is in *path, owned,
 * when path is not NULL; else the file has no name any more. Stops the program when that fails. */
SafeTensors *synthetic_open(const Synthetic *file, char **path);

/* Nano networks: 2 layers, width 96, 4 and 2 heads of 24; a VAE of 4 levels. */
extern const DitConfig DIT_NANO;
extern const GemmaConfig GEMMA_NANO;
extern const JinaConfig JINA_NANO;
extern const VaeConfig VAE_NANO;

/* The config.json that says what shapes do not: rope axes for DIT_NANO, groups for VAE_NANO, and so on.
 * Owned. */
Json *nano_json(ModelPart part);
