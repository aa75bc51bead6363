/* rope.h: rotation tables of the text encoders, which rotate halves of a head by the position in the text.
 * (The transformer's three-axis positions are in dit.c.) model-spec.md 3.2, 4.1. */
#pragma once

#include "ops/ops.h"

typedef struct RopeHalves {
    int64_t head_dim;
    double theta;
    double factor; /* divides all frequencies; 1 for none */
} RopeHalves;

/* *cos, *sin [rows, head_dim / 2] from the arena: angles p · theta^(-2 d / head_dim) / factor, positions p
 * counted from 0 in each sequence. */
void rope_halves(Ops *o, Tensor *cos, Tensor *sin, const RopeHalves *how, const Seqs *seqs);
