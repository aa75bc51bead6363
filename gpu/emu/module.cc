/* module.cc: the module as C++, for the emulated device. */
#include "gpu/all.cu"
