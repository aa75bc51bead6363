/* file.c: mapping, reading, paths and directories. Writing is in file_write.c. */
#include "config.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Opens a regular file for reading and tells its size. */
static Status open_regular(int *out, size_t *size, const char *path) {
    /* not to wait for the other end of a named pipe */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return fail_errno("open %s", path);
    struct stat facts;
    Status st = NULL;
    if (fstat(file, &facts) != 0)
        st = fail_errno("look at %s", path);
    else if (S_ISDIR(facts.st_mode))
        st = fail(ERR_IO, "%s is a directory, not a file", path);
    else if (!S_ISREG(facts.st_mode))
        st = fail(ERR_IO, "%s is not a regular file", path);
    if (st) {
        close(file);
        return st;
    }
    *out = file;
    *size = (size_t)facts.st_size;
    return NULL;
}

Status file_map(FileMap *out, const char *path) {
    int file;
    size_t size;
    TRY(open_regular(&file, &size, path));
    void *data = NULL;
    Status st = NULL;
    if (size > 0) {
        data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
        if (data == MAP_FAILED)
            st = fail_errno("map %s", path);
    }
    if (st)
        close(file);
    else
        *out = (FileMap){.data = data, .size = size, .path = must_copy(path), .descriptor = file};
    return st;
}

void file_unmap(FileMap *map) {
    if (map->data)
        munmap((void *)map->data, map->size);
    if (map->path) /* else it was never mapped */
        close(map->descriptor);
    free(map->path);
    *map = (FileMap){0};
}

void file_map_forget(const FileMap *map, const void *from, size_t bytes) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t base = (uintptr_t)map->data, start = (uintptr_t)from;
    if (!map->data || start < base || start - base > map->size || bytes > map->size - (start - base))
        return;
    uintptr_t first = (start + page - 1) / page * page, end = (start + bytes) / page * page;
    if (first < end)
        madvise((void *)first, end - first, MADV_DONTNEED); /* advice: nothing to do when it is not taken */
}

/* Reads to the end of `file`, at most `limit` bytes. */
static Status read_all(Buf *out, int file, const char *path, size_t limit) {
    char chunk[65536];
    size_t total = 0;
    for (;;) {
        ssize_t got = read(file, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno("read %s", path);
        if (got == 0)
            return NULL;
        if ((size_t)got > limit - total) {
            return fail(ERR_FORMAT, "%s is larger than %zu bytes: more than %zu were read", path, limit,
                        total + (size_t)got - 1);
        }
        buf_add(out, chunk, (size_t)got);
        total += (size_t)got;
    }
}

Status file_read_stream(Buf *out, const char *path, size_t limit) {
    struct stat facts;
    bool stream = strcmp(path, "-") != 0 && stat(path, &facts) == 0 && !S_ISREG(facts.st_mode) &&
                  !S_ISDIR(facts.st_mode);
    if (!stream) {
        return file_read(out, path, limit);
    }
    size_t before = out->size;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return fail_errno("open %s", path);
    }
    Status st = read_all(out, file, path, limit);
    close(file);
    if (st) {
        buf_truncate(out, before);
    }
    return st;
}

Status file_read(Buf *out, const char *path, size_t limit) {
    size_t before = out->size, size;
    int file;
    Status st;
    if (strcmp(path, "-") == 0) {
        st = read_all(out, STDIN_FILENO, "standard input", limit);
    } else {
        TRY(open_regular(&file, &size, path));
        st = size > limit ? fail(ERR_FORMAT, "%s is %zu bytes, at most %zu are read", path, size, limit)
                          : read_all(out, file, path, limit);
        close(file);
    }
    if (st)
        buf_truncate(out, before);
    return st;
}

bool file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

bool file_is_directory(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

Status file_make_directories(const char *path, unsigned mode) {
    char *partial = must_copy(path);
    Status st = NULL;
    for (char *at = partial; !st && *at; ) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char rest = *at;
        *at = '\0';
        if (*partial && mkdir(partial, (mode_t)mode) != 0 && !file_is_directory(partial))
            st = fail_errno("make the directory %s", partial);
        *at = rest;
    }
    free(partial);
    return st;
}

char *file_join(const char *directory, const char *name) {
    Buf path = {0};
    if (*name != '/' && *directory) {
        size_t size = strlen(directory);
        while (size > 1 && directory[size - 1] == '/')
            size--;
        buf_add(&path, directory, size);
        if (directory[size - 1] != '/')
            buf_byte(&path, '/');
    }
    buf_text(&path, name);
    return buf_take(&path);
}

char *file_expand(const char *path) {
    const char *home = getenv("HOME");
    if (path[0] != '~' || (path[1] && path[1] != '/') || !home || !*home)
        return must_copy(path);
    return path[1] ? file_join(home, path + 1 + strspn(path + 1, "/")) : must_copy(home);
}

char *file_directory(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? must_copy_n(path, slash == path ? 1 : (size_t)(slash - path)) : must_copy(".");
}

const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

uint64_t file_free_space(const char *directory) {
    struct statvfs facts;
    if (statvfs(directory, &facts) != 0)
        return UINT64_MAX;
    uint64_t bytes;
    if (__builtin_mul_overflow((uint64_t)facts.f_bavail, (uint64_t)facts.f_frsize, &bytes))
        return UINT64_MAX;
    return bytes;
}
