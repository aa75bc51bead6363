/* library.cuh: finds a shared library of NVIDIA's, also where the system's loader does not look: a machine
 * with PyTorch often has it only among the packages of Python. */
#pragma once

#include <stddef.h>

/* The handle (dlopen) of the first of `names`, ended by NULL, that is there, and at `path` its file. Places
 * in order: the file that the environment variable `variable` names, and then no other; where the loader
 * looks; the folders beside those of PATH (/usr/local/cuda/bin gives /usr/local/cuda/lib64, a virtual
 * environment its packages), of CUDA_HOME, CUDA_PATH, VIRTUAL_ENV and CONDA_PREFIX, of /usr/local/cuda, and
 * ~/.local. NULL: nowhere. */
void *library_open(char *path, size_t size, const char *const *names, const char *variable);
