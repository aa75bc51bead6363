/* attention.cu: which kernel does an attention. */
#include "gpu/ops.cuh"
#include "gpu/plain.cuh"

Status cuda_attention(void *state, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how) {
    return plain_attention((Cuda *)state, out, q, k, v, how);
}
