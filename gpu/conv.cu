/* conv.cu: which kernel does a convolution. */
#include "gpu/ops.cuh"
#include "gpu/plain.cuh"

Status cuda_conv2d(void *state, Tensor y, Tensor x, const Weight *w, ConvHow how) {
    return plain_conv((Cuda *)state, y, x, w, how, UPSCALE_NONE);
}

Status cuda_upsample2x_conv(void *state, Tensor y, Tensor x, const Weight *w) {
    ConvHow how = {1, STORE_SET};
    return plain_conv((Cuda *)state, y, x, w, how, UPSCALE_TWO);
}
