/* solver.h: from noise to latent, one interval of the schedule after the other. model-spec.md 7.4.
 *
 * A solver says at which noise levels it evaluates the network, and moves the state with op_lincomb only; it
 * knows nothing of guidance, text or pictures. State and velocity are float32 tensors on the device. */
#pragma once

#include "ops/ops.h"

/* Fills velocity (as x) at state x for evaluation number `evaluation`; failures go to the sticky status
 * of o. */
typedef void VelocityFn(void *context, Ops *o, Tensor velocity, Tensor x, int evaluation);

/* Fills noise (as x) with fresh standard normal numbers; only ancestral solvers ask. */
typedef void NoiseFn(void *context, Ops *o, Tensor noise);

typedef struct Solver Solver;
struct Solver {
    const char *name;
    const char *aliases;         /* another name, "" for none */
    const char *help;            /* one line */
    const char *label;           /* for PNG metadata: "Euler" */
    int stages;                  /* evaluations per interval */
    const struct SolverTable *table; /* private */
};

extern const Solver SOLVERS[];   /* ends with a row whose name is NULL */
const Solver *solver_find(const char *name);

/* Number of evaluations for `intervals` intervals. */
int solver_evaluations(const Solver *solver, int intervals);

/* levels [solver_evaluations]: sigma of each evaluation, in order. sigma [intervals + 1]. */
void solver_levels(const Solver *solver, double *levels, const double *sigma, int intervals);

typedef struct SolverRun {
    const Solver *solver;
    const double *sigma;         /* [intervals + 1], borrowed */
    int intervals;
    Tensor x;                    /* the state, dense, moved in place */
    Tensor denoised;             /* x + sigma·velocity of the present interval's first evaluation */
    Tensor previous;             /* that of the interval before (multistep solvers) */
    Tensor work[4];              /* velocities of the stages */
    Tensor scratch;              /* state of an inner stage, or fresh noise */
    VelocityFn *velocity;
    NoiseFn *noise;
    void *context;
} SolverRun;

/* Takes its temporaries from the arena (they live until the caller's mark is released). solver, sigma,
 * intervals, x, velocity, noise and context are set by the caller before. */
void solver_begin(SolverRun *run, Ops *o);

/* Moves x from sigma[interval] to sigma[interval + 1]; intervals in order. Afterwards run->denoised is the
 * estimate of the picture, in model scale, and run->work[0] the velocity of the first evaluation. */
void solver_step(SolverRun *run, Ops *o, int interval);
