/* stream.h: layers whose weights are on the host and visit the device one after the other.
 *
 * Which weights that is, is a residency plan's business (engine/residency.h): Ops.streamed holds the
 * groups, and whoever changes it moves the weights (weights_settle). Here the layers of such a group come
 * and go: a ring of slots, taken from the arena, so that a dry run counts it; while one layer computes,
 * the next ones are copied into the other slots. The model itself is not changed by that: a layer is
 * handed out as a copy of its struct whose weights lie in a slot. Facts: performance.md 2.3 and 3.6. */
#pragma once

#include "model/weights.h"

/* What can be on the host, in Ops.streamed. Only matrices are: vectors and tables are small or there
 * anyway. */
enum {
    GROUP_MODULATION = 1, /* the adaLN projections of all blocks: needed once per prompt */
    GROUP_GEMMA = 2,      /* its layers: once per prompt */
    GROUP_JINA = 4,       /* its layers: once per prompt */
    GROUP_CONTEXT = 8,    /* the context refiner: once per prompt */
    GROUP_LAYERS = 16,    /* noise refiner and joint layers: every step */
    GROUPS_ALL = 31,
};

/* Slots of a ring at most. What is needed once per prompt has two: it takes longer to copy than to compute,
 * so the copies never wait, and two layers of Gemma are 0.4 GB. */
#define STREAM_SLOTS 4
#define STREAM_SLOTS_ONCE 2

/* The event that says that what came back to the device is there (weights_settle); those before it are the
 * slots'. */
#define EVENT_SETTLED (OPS_EVENTS - 1)

/* The layers of one group: an array of structs, and the rows of the table of weights that say where in a
 * struct the weights are. */
typedef struct StreamLayers {
    const void *layers;
    size_t size;            /* of one */
    int64_t count;
    const WeightRow *rows;  /* rows of other groups among them are passed over */
    int row_count;
    unsigned group;
    int64_t uses;           /* how often a layer will be asked for in all: nothing is copied beyond that */
} StreamLayers;

/* A zeroed Stream is no stream: it hands out nothing and may be ended. */
typedef struct Stream {
    StreamLayers of;
    int slots;                  /* 0: the group is on the device, layers are handed out as they are */
    Tensor memory;              /* [slots, bytes of the largest layer], in the arena */
    char *copy[STREAM_SLOTS];   /* the layers that are in the slots, owned */
    int64_t copied, given;      /* layers so far */
} Stream;

/* Takes the slots from the arena, above the mark that the caller took, and begins to copy. Errors are
 * sticky. */
void stream_begin(Stream *stream, Ops *o, const StreamLayers *layers);

/* Layer `index`, for the ops that are asked for from now until the next call. Layers are asked for in
 * order, again from 0 after the last. Never NULL. */
const void *stream_layer(Stream *stream, Ops *o, int64_t index);

/* What is asked of the device after this finds no copy under way in the slots. */
void stream_end(Stream *stream, Ops *o);
