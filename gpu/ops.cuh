/* ops.cuh: the ops of the CUDA backend, one function for each row of ops/list.h, with its parameters. */
#pragma once

#include "gpu/host.h"

#define CUDA_OP(op, outputs, inputs, weight, flops, f32, bf16, half, parameters, arguments) \
    Status cuda_##op(void *state, OPS_OPEN parameters);
OPS_LIST(CUDA_OP)
#undef CUDA_OP
