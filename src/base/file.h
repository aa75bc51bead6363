/* file.h: read-only mapping, whole-file reading, write-to-temporary-and-rename, next free number by exclusive
 * create. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct FileMap {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;               /* bytes */
    char *path;                /* owned copy, as the user gave it */
    int descriptor;            /* of the file, open as long as it is mapped */
} FileMap;

/* Maps a file read-only. Errors: ERR_IO (missing, unreadable, a directory). */
Status file_map(FileMap *out, const char *path);
void file_unmap(FileMap *map);

/* Tells the system that these bytes of the mapping are not needed any more (they can be read again from the
 * file). Partial pages at both ends are kept. */
void file_map_forget(const FileMap *map, const void *from, size_t bytes);

/* Rows of bytes, one after the other at `from`, and where they go: `stride` bytes apart. */
typedef struct FileRows {
    char *to;
    size_t stride;
    const char *from;
    size_t row_bytes, rows;
} FileRows;

/* Copies rows, from any thread. Where `from` is in the mapping (NULL: there is none) the file is read and
 * its pages are not touched: that is 1.25 times as fast (bench/NOTES.md), and a disk that fails is an error
 * and not the end of the program. Errors: ERR_IO. */
Status file_map_rows(const FileMap *map, const FileRows *rows);

/* Reads a whole file ("-": standard input) of at most `limit` bytes, appended to *out. Errors: ERR_IO,
 * ERR_FORMAT when it is larger (the sentence names both sizes). */
Status file_read(Buf *out, const char *path, size_t limit);

/* As file_read, also from what is no regular file, as a shell's <(...) is; waits for the other end. */
Status file_read_stream(Buf *out, const char *path, size_t limit);

/* Writes a whole file durably: temporary file beside it, fsync, rename over `path`. mode as for open(2).
 * Errors: ERR_IO with need and free space in the sentence when the disk is full; the old file is then
 * untouched. */
Status file_write(const char *path, const void *bytes, size_t size, unsigned mode);

/* Appends to a file under an exclusive lock, in one write, creating it with `mode`. Errors: ERR_IO. */
Status file_append(const char *path, const void *bytes, size_t size, unsigned mode);

bool file_exists(const char *path);
bool file_is_directory(const char *path);

/* Creates a directory and its parents with `mode`; an existing one is fine. */
Status file_make_directories(const char *path, unsigned mode);

/* "a/b" joined with exactly one slash; owned by the caller. An absolute `name` replaces `directory`. */
char *file_join(const char *directory, const char *name);

/* A path as a person types it: "~" and "~/..." become $HOME, where that is set; owned by the caller. */
char *file_expand(const char *path);

/* The directory part of a path: "." for a name without a slash; owned by the caller. */
char *file_directory(const char *path);

/* The part behind the last slash, all of it without one; borrowed from `path`. */
const char *file_name(const char *path);

/* Bytes an unprivileged user can still write in the file system of `directory`; UINT64_MAX when unknown. */
uint64_t file_free_space(const char *directory);

/* Errors with ERR_IO unless a file can be created in `directory` (it is created, and removed).
 * product.md R4. */
Status file_check_writable(const char *directory);

/* N of a name PREFIX digits ".png"; 0 for every other name. product.md N1. */
int64_t file_number(const char *name, const char *prefix);

/* Highest N among such names in `directory`, 0 when there is none. */
Status file_highest_number(int64_t *out, const char *directory, const char *prefix);

typedef struct NumberedFile {
    int64_t number;
    char *path; /* owned by the caller */
} NumberedFile;

/* Writes PREFIX NNN .png (three digits at least) under the next free number, never overwriting, safe against
 * other programs doing the same: .newbie-PID-K.part, fsync, link (else no-replace rename, else exclusive
 * create and rename), retry with the next number. product.md N1, N2. Errors: ERR_IO; the part file is then
 * removed. */
Status file_write_numbered(NumberedFile *out, const char *directory, const char *prefix, const void *bytes,
                           size_t size);

/* As file_write, but refuses to replace (ERR_IO "PATH exists"). The test and the naming are one step. */
Status file_write_new(const char *path, const void *bytes, size_t size);

/* Removes .newbie-*.part files older than `seconds` in `directory`; appends their names, one a line, to
 * removed. */
void file_remove_stale_parts(Buf *removed, const char *directory, double seconds);
