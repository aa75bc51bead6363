/* emulated.h: the CUDA module on the emulated device, as tests see it. */
#pragma once

#include "gpu/emu/emu.h"
#include "ops/backend.h"

/* Loads gpu/emu/newbie-emu.so of the build folder. NULL when this build has none (no C++ compiler, or a
 * sanitizer that its fibers cannot bear); anything else that goes wrong is printed and ends the program. A
 * program that calls this is linked with $(emulated_ldflags), tests/ops.am: the module needs the sanitizers.
 */
EmuControl *emulated_open(const Backend **out);
