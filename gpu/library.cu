/* library.cu: see library.cuh. */
#include "gpu/library.cuh"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Library {
    void *handle;
    char path[PATH_MAX];
} Library;

static bool library_load(Library *out, const char *file) {
    out->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    snprintf(out->path, sizeof out->path, "%s", file);
    return out->handle != NULL;
}

/* The loader finds it, and knows where. */
static bool library_load_known(Library *out, const char *name) {
    struct link_map *map;
    if (!library_load(out, name))
        return false;
    if (dlinfo(out->handle, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0])
        snprintf(out->path, sizeof out->path, "%s", map->l_name);
    return true;
}

/* In the folders for libraries of one that has bin, lib and such like. */
static bool library_load_under(Library *out, const char *root, const char *name) {
    static const char *const FOLDERS[] = {"lib64", "lib", "lib/python3*/site-packages/nvidia/*/lib",
                                          "lib/python3*/dist-packages/nvidia/*/lib"};
    for (const char *folder : FOLDERS) {
        char pattern[PATH_MAX];
        glob_t found;
        if (snprintf(pattern, sizeof pattern, "%s/%s/%s", root, folder, name) >= (int)sizeof pattern ||
            glob(pattern, 0, NULL, &found))
            continue;
        bool loaded = false;
        for (size_t i = 0; i < found.gl_pathc && !loaded; i++)
            loaded = library_load(out, found.gl_pathv[i]);
        globfree(&found);
        if (loaded)
            return true;
    }
    return false;
}

/* Beside every folder of PATH that is called bin. */
static bool library_load_beside(Library *out, const char *name) {
    const char *folder = getenv("PATH");
    while (folder && *folder) {
        size_t length = strcspn(folder, ":"), bare = length;
        char root[PATH_MAX];
        while (bare > 1 && folder[bare - 1] == '/')
            bare--;
        if (bare > 4 && bare < sizeof root && !strncmp(folder + bare - 4, "/bin", 4)) {
            snprintf(root, sizeof root, "%.*s", (int)bare - 4, folder);
            if (library_load_under(out, root, name))
                return true;
        }
        folder += length + (folder[length] == ':');
    }
    return false;
}

static bool library_find(Library *out, const char *name) {
    static const char *const VARIABLES[] = {"CUDA_HOME", "CUDA_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"};
    if (library_load_known(out, name) || library_load_beside(out, name))
        return true;
    for (const char *variable : VARIABLES) {
        const char *root = getenv(variable);
        if (root && *root && library_load_under(out, root, name))
            return true;
    }
    char local[PATH_MAX];
    const char *home = getenv("HOME");
    snprintf(local, sizeof local, "%s/.local", home ? home : "");
    return library_load_under(out, "/usr/local/cuda", name) || (home && library_load_under(out, local, name));
}

void *library_open(char *path, size_t size, const char *const *names, const char *variable) {
    Library library = {};
    const char *told = getenv(variable);
    bool found = told && *told && library_load(&library, told);
    for (; !(told && *told) && !found && *names; names++)
        found = library_find(&library, *names);
    snprintf(path, size, "%s", found ? library.path : "");
    return found ? library.handle : NULL;
}
