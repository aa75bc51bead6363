/* emulated.c: see emulated.h. */
#include "config.h"

#include "tests/ops/emulated.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/module.h"

/* AddressSanitizer asks for this when the program begins. Stacks that it moves to its own memory do not go
 * with fibers. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_stack_use_after_return=0";
}

EmuControl *emulated_open(const Backend **out) {
    char path[4096];
    const char *build = getenv("builddir");
    snprintf(path, sizeof path, "%s/gpu/emu/newbie-emu.so", build ? build : ".");
#ifdef __SANITIZE_THREAD__
    return NULL;
#endif
    if (access(path, F_OK))
        return NULL;
    Status st = module_open(out, path);
    void *handle = st ? NULL : dlopen(path, RTLD_NOW);
    void *symbol = handle ? dlsym(handle, EMU_ENTRY) : NULL;
    if (!symbol) {
        printf("# %s: %s\n", path, st ? st->message : "no control");
        exit(1);
    }
    EmuEntry *entry;
    memcpy(&entry, &symbol, sizeof entry);
    return entry();
}
