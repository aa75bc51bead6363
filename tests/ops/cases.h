/* cases.h: the ops and the shapes that every backend is tried with, as a table. */
#pragma once

#include "tests/ops/guarded.h"

enum { CASE_NUMBERS = 8 };

/* One op: a function that sets up its tensors and runs it, and rows of numbers for that function. */
typedef struct OpCases {
    const char *op;      /* row of ops/list.h whose tolerance counts */
    const char *columns; /* what the numbers mean, for messages */
    void (*run)(Run *run, const int *n);
    const int (*rows)[CASE_NUMBERS];
    int count;
    int large;       /* the last rows, which the emulated card leaves out but for weights in 8 bits */
    WeightBits bits; /* its weights may be kept in 8 bits */
} OpCases;

extern const OpCases OP_CASES[]; /* ends with op NULL */
