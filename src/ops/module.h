/* module.h: backends that are files of their own, loaded when the program runs. architecture.md 4.3.
 *
 * A module is a shared object with one exported symbol, BACKEND_ENTRY. It stays loaded until the program
 * ends: its table is constant data of it. */
#pragma once

#include "ops/backend.h"

/* The backend of the module at `path`. Errors: ERR_DEVICE when there is no such file, when the system cannot
 * load it (with the system's words), or when it is of another version of this program. */
Status module_open(const Backend **out, const char *path);

/* The backend called `name` ("cuda"): newbie-NAME.so beside the running program, else in the folder gpu/NAME
 * there (the build's own emulated one), else in the package's library directory. Errors: as module_open;
 * missing in both places is the sentence of product.md 12 row 12. */
Status module_find(const Backend **out, const char *name);
