/* candidates.h: backends against ref, op by op: what tests/ops/ops (CPU paths, a real card) and
 * tests/ops/card (the emulated one) share.
 *
 * A row of cases.c runs once on ref and once on each candidate with 1, 2 and 3 threads, or in three orders of
 * the emulated device, from the same inputs. The candidate must leave guards and inputs alone, give finite
 * numbers within the tolerance of the op's row in list.h, and the same bytes every time. The worst errors are
 * printed beside the tolerances: that is where those come from. */
#pragma once

#include "gpu/emu/emu.h"
#include "tests/ops/cases.h"

enum { THREADS_MAX = 3, CANDIDATES_MAX = 24 };

/* float32 products, bf16 products, bf16 activations. */
typedef enum Limit { LIMIT_F32, LIMIT_BF16, LIMIT_HALF, LIMITS } Limit;

typedef struct Candidate {
    char name[64];
    const Backend *backend;
    BackendOptions options;
    int threads;             /* tries 1 to this; orders of the emulated device */
    EmuControl *control;     /* of the emulated device; NULL for a CPU */
    int library;             /* what its cuBLASLt is, as in EmuControl */
    int limit;               /* which tolerance counts, and which ref: a Limit */
    const char *only;        /* the one op it is tried with; NULL: all */
    double eight, eight_glu; /* tolerance of linear and of glu_linear in 8 bits; 0: of the op's row */
    const char *attention;   /* value of NEWBIE_ATTENTION; NULL: none */
    Ops ops[THREADS_MAX]; /* by threads; an emulated device has only the first */
    int failures;         /* of the present op */
} Candidate;

typedef struct Bench {
    Ops ref[LIMITS];
    Candidate candidate[CANDIDATES_MAX];
    int candidates;
    double worst[LIMITS]; /* of the present op, without 8-bit matrices */
    Arena arena;
    char *attention; /* NEWBIE_ATTENTION as the user set it, or NULL */
} Bench;

void bench_open(Bench *bench);
void bench_add(Bench *bench, Candidate candidate);
void bench_close(Bench *bench);

/* One result for each op and candidate. */
void bench_try(Bench *bench);

/* Every row of list.h has cases that a candidate runs. */
void bench_complete(const Bench *bench);
