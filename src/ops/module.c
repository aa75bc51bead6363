/* module.c: see module.h. */
#include "config.h"

#include "ops/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef NEWBIE_MODULE_DIR
#define NEWBIE_MODULE_DIR "/usr/local/libexec/newbie"
#endif

static Status refuse(Status st) {
    return hint(st, "install newbie again, program and module together; :set device cpu needs none");
}

Status module_open(const Backend **out, const char *path) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return refuse(fail(ERR_DEVICE, "%s cannot be loaded: %s", path, dlerror()));
    BackendEntry *entry = NULL;
    void *symbol = dlsym(handle, BACKEND_ENTRY);
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from object to function */
    const Backend *backend = entry ? entry(BACKEND_VERSION) : NULL;
    if (!backend || backend->version != BACKEND_VERSION) {
        dlclose(handle);
        return refuse(fail(ERR_DEVICE, "%s is %s, expected a module of version %d", path,
                           entry ? "of another version" : "no module of newbie", BACKEND_VERSION));
    }
    *out = backend;
    return NULL;
}

/* Writes the path of file `name` in the folder of the running program; false when that is unknown. */
static bool beside_program(char out[PATH_MAX], const char *name) {
    ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (length <= 0)
        return false;
    out[length] = 0;
    char *slash = strrchr(out, '/');
    size_t folder = slash ? (size_t)(slash - out) + 1 : 0;
    return snprintf(out + folder, PATH_MAX - folder, "%s", name) < (int)(PATH_MAX - folder);
}

Status module_find(const Backend **out, const char *name) {
    char file[64], path[PATH_MAX];
    snprintf(file, sizeof file, "newbie-%s.so", name);
    if (beside_program(path, file) && access(path, F_OK) == 0)
        return module_open(out, path);
    char nested[96];
    snprintf(nested, sizeof nested, "gpu/%s/%s", name, file);
    if (beside_program(path, nested) && access(path, F_OK) == 0)
        return module_open(out, path);
    snprintf(path, sizeof path, "%s/%s", NEWBIE_MODULE_DIR, file);
    if (access(path, F_OK) == 0)
        return module_open(out, path);
    return hint(fail(ERR_DEVICE, "device %s: %s is not installed", name, file),
                "this build is --without-cuda; :set device cpu");
}
