/* file_write.c: writing files so that a name is never half a file and nothing is overwritten by accident.
 *
 * Everything is first written to a part file ".newbie-PID-K.part" in the same directory and synced. It then
 * either replaces the old file (rename) or claims a new name in one step that fails when the name
 * is taken. */
#include "config.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024.0 * 1024.0)

/* What errno says about writing `size` bytes to `path`: need and free space when there is no room. */
static Status write_failed(const char *path, size_t size) {
    if (errno != ENOSPC && errno != EDQUOT)
        return fail_errno("write %s", path);
    char *directory = file_directory(path);
    uint64_t space = file_free_space(directory);
    free(directory);
    return fail(ERR_IO, "cannot write %s: no space left, %.1f MiB needed, %.1f MiB free", path,
                (double)size / MIB, space == UINT64_MAX ? 0.0 : (double)space / MIB);
}

static int write_all(int file, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t done = write(file, at, size);
        if (done < 0 && errno != EINTR)
            return -1;
        if (done > 0) {
            at += done;
            size -= (size_t)done;
        }
    }
    return 0;
}

/* Creates the first free part file of this process in `directory`. *path is owned by the caller. -1: see
 * errno. */
static int create_part(char **path, const char *directory, unsigned mode) {
    for (int k = 0; k < 10000; k++) {
        Buf name = {0};
        buf_print(&name, ".newbie-%ld-%d.part", (long)getpid(), k);
        *path = file_join(directory, buf_string(&name));
        buf_done(&name);
        int file = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
        if (file >= 0 || errno != EEXIST)
            return file;
        free(*path);
        *path = NULL;
    }
    errno = EEXIST;
    return -1;
}

/* What is to be written where. */
typedef struct Content {
    const char *path;      /* for the sentence: the name the file shall have */
    const char *directory;
    const void *bytes;
    size_t size;
    unsigned mode;
} Content;

/* Writes and syncs a part file; *part is owned by the caller, who gives it a name or removes it. */
static Status write_part(char **part, const Content *content) {
    char *path = NULL;
    int file = create_part(&path, content->directory, content->mode);
    if (file < 0) {
        Status st = write_failed(content->path, content->size);
        free(path);
        return st;
    }
    Status st = NULL;
    if (write_all(file, content->bytes, content->size) != 0 || fsync(file) != 0)
        st = write_failed(content->path, content->size);
    if (close(file) != 0 && !st)
        st = write_failed(content->path, content->size);
    if (st) {
        unlink(path);
        free(path);
        return st;
    }
    *part = path;
    return NULL;
}

/* Makes a new name survive a power cut. Some file systems cannot; the file is whole either way. */
static void sync_directory(const char *directory) {
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0) {
        fsync(file);
        close(file);
    }
}

Status file_append(const char *path, const void *bytes, size_t size, unsigned mode) {
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, (mode_t)mode);
    if (file < 0)
        return fail_errno("open %s", path);
    Status st = NULL;
    struct stat facts;
    if (flock(file, LOCK_EX) != 0 || fstat(file, &facts) != 0) {
        st = fail_errno("lock %s", path);
    } else if (write_all(file, bytes, size) != 0) {
        st = write_failed(path, size);
        /* No half line stays behind. The lock is held, so the end is still ours. */
        if (S_ISREG(facts.st_mode) && ftruncate(file, facts.st_size) != 0)
            st = note(st, "half a line is left");
    }
    if (close(file) != 0 && !st) /* gives the lock back */
        st = write_failed(path, size);
    return st;
}

Status file_check_writable(const char *directory) {
    char *path = NULL;
    int file = create_part(&path, directory, 0600);
    Status st = NULL;
    if (file < 0) {
        st = fail_errno("write in %s", directory);
    } else {
        close(file);
        unlink(path);
    }
    free(path);
    return st;
}

int64_t file_number(const char *name, const char *prefix) {
    size_t skip = strlen(prefix);
    if (strncmp(name, prefix, skip) != 0)
        return 0;
    size_t digits = strspn(name + skip, "0123456789");
    if (digits == 0 || strcmp(name + skip + digits, ".png") != 0)
        return 0;
    int64_t number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (number > INT64_MAX / 100)
            return 0; /* no number that we would follow with the next */
        number = 10 * number + (name[skip + i] - '0');
    }
    return number;
}

Status file_highest_number(int64_t *out, const char *directory, const char *prefix) {
    DIR *entries = opendir(directory);
    if (!entries)
        return fail_errno("read the directory %s", directory);
    int64_t highest = 0;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        int64_t number = file_number(entry->d_name, prefix);
        highest = number > highest ? number : highest;
    }
    closedir(entries);
    *out = highest;
    return NULL;
}

/* A way to give a part file its name: 0, or -1 with errno. */
typedef int GiveName(const char *part, const char *path);

/* Ways that refuse a name that is taken (EEXIST). */
static int claim_by_link(const char *part, const char *path) {
    if (link(part, path) != 0)
        return -1;
    unlink(part);
    return 0;
}

static int claim_by_rename(const char *part, const char *path) {
    return renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE);
}

static int claim_by_create(const char *part, const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return -1;
    close(file);
    if (rename(part, path) != 0) {
        int saved = errno;
        unlink(path); /* our own empty file */
        errno = saved;
        return -1;
    }
    return 0;
}

/* A file system may know no hard links (FAT, some network shares), an old one no renameat2 flags. */
static int claim(const char *part, const char *path) {
    static GiveName *const WAYS[] = {claim_by_link, claim_by_rename, claim_by_create};
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        if (WAYS[i](part, path) == 0)
            return 0;
        if (errno == EEXIST || errno == ENOSPC || errno == EDQUOT || errno == EROFS || errno == ENOENT)
            break;
    }
    return -1;
}

static char *numbered_path(const char *directory, const char *prefix, int64_t number) {
    Buf name = {0};
    buf_print(&name, "%s%03" PRId64 ".png", prefix, number);
    char *path = file_join(directory, buf_string(&name));
    buf_done(&name);
    return path;
}

Status file_write_numbered(NumberedFile *out, const char *directory, const char *prefix, const void *bytes,
                           size_t size) {
    NumberedFile file;
    TRY(file_highest_number(&file.number, directory, prefix));
    file.path = numbered_path(directory, prefix, ++file.number);
    char *part = NULL;
    Status st = write_part(&part, &(Content){file.path, directory, bytes, size, 0666});
    while (!st && claim(part, file.path) != 0) {
        if (errno == EEXIST) {
            free(file.path);
            file.path = numbered_path(directory, prefix, ++file.number);
        } else {
            st = write_failed(file.path, size);
            unlink(part);
        }
    }
    free(part);
    if (st) {
        free(file.path);
        return st;
    }
    sync_directory(directory);
    *out = file;
    return NULL;
}

static Status write_named(const char *path, const void *bytes, size_t size, unsigned mode, GiveName *give) {
    char *directory = file_directory(path), *part = NULL;
    Status st = write_part(&part, &(Content){path, directory, bytes, size, mode});
    if (!st && give(part, path) != 0) {
        st = errno == EEXIST ? fail(ERR_IO, "%s exists", path) : write_failed(path, size);
        unlink(part);
    }
    if (!st)
        sync_directory(directory);
    free(part);
    free(directory);
    return st;
}

Status file_write(const char *path, const void *bytes, size_t size, unsigned mode) {
    return write_named(path, bytes, size, mode, rename);
}

Status file_write_new(const char *path, const void *bytes, size_t size) {
    if (file_exists(path)) /* the answer that counts is the claim; this one saves the writing */
        return fail(ERR_IO, "%s exists", path);
    return write_named(path, bytes, size, 0666, claim);
}

static bool is_part_name(const char *name) {
    static const char FIRST[] = ".newbie-", LAST[] = ".part";
    size_t size = strlen(name);
    return size > strlen(FIRST) + strlen(LAST) && strncmp(name, FIRST, strlen(FIRST)) == 0 &&
           strcmp(name + size - strlen(LAST), LAST) == 0;
}

void file_remove_stale_parts(Buf *removed, const char *directory, double seconds) {
    DIR *entries = opendir(directory);
    if (!entries)
        return;
    double now = (double)time(NULL); /* against file times, so never the fake clock */
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        struct stat facts;
        if (is_part_name(entry->d_name) &&
            fstatat(dirfd(entries), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(facts.st_mode) && now - (double)facts.st_mtime > seconds &&
            unlinkat(dirfd(entries), entry->d_name, 0) == 0) {
            buf_print(removed, "%s\n", entry->d_name);
        }
    }
    closedir(entries);
}
