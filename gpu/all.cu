/* all.cu: the whole module as one file: headers are read once for each kind of card, which halves the time of
 * the build, and the emulated device compiles the very same text (gpu/emu/module.cc). */
#include "gpu/attention.cu"
#include "gpu/conv.cu"
#include "gpu/linear.cu"
#include "gpu/module.cu"
#include "gpu/norm.cu"
#include "gpu/plain.cu"
#include "gpu/point.cu"
#include "gpu/reduce.cu"
#include "gpu/rope.cu"
#include "gpu/runtime.cu"
#include "gpu/weight.cu"
