/* device.h: what the parts of the emulated device share. */
#pragma once

#include <cuda_runtime.h>

#include "gpu/emu/emu.h"

extern EmuControl emu_control;

/* Counts a call that may fail: cudaSuccess, or the error it was told to have, which is `error` the first
 * time. */
cudaError_t emu_call(cudaError_t error);

/* Runs every thread of a grid, now. Device memory must be open. fiber.cc. */
void emu_run_grid(dim3 grid, dim3 block, size_t shared, const std::function<void()> &thread);
