/* plan.h: the dry run. A backend with empty kernels that counts work; together with a counting arena the same
 * forward code tells the peak of activations, FLOPs and bytes before anything is allocated.
 * architecture.md 4.4. */
#pragma once

#include "ops/backend.h"

typedef struct PlanCount {
    double flops; /* a multiply-add is 2 */
    double bytes; /* weights and activations read and written */
    double copied; /* bytes of weights that are copied from the host while it runs */
    int64_t ops;
    Precision precision; /* to be set by the caller: what weights are packed for */
    size_t alignment;    /* of a matrix and its bias, to be set by the caller; 0: none */
} PlanCount;

/* Device pointers are never touched; downloads fill the host buffer with zeros. state is a PlanCount* owned
 * by the caller: do not call open, set o->state = &count. */
extern const Backend PLAN_BACKEND;

/* PLAN_BACKEND without the fused entries, the prefetch and the sharing that `real` lacks: their compositions
 * need temporaries, and the peak that a dry run finds is the real one only when both compose the same ops.
 * */
Backend plan_like(const Backend *real);

/* A dry run: ops over empty kernels, and what they count. Not to be moved after plan_begin. */
typedef struct PlanRun {
    Ops ops;         /* of no device; nothing has to be closed */
    PlanCount count; /* of the work */
    Arena arena;     /* whose peak is that of the activations */
    Backend backend;
} PlanRun;

/* Begins a dry run of what `real` would do, with these groups of weights streamed (model/stream.h). Reads
 * only the backend and the activations of `real`, which may be at work on another thread. */
void plan_begin(PlanRun *out, const Ops *real, unsigned streamed);
