/* file_rows.c: parts of a mapped file by reading instead of touching pages. A file of its own, so that a
 * module can have it without the rest of file.c. */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "base/file.h"

enum {
    PIECES = 256,         /* of one call; IOV_MAX is 1024 on Linux */
    READ_AHEAD = 8 << 20, /* bytes asked of a disk before they are needed */
};

/* Whether a byte lies in the mapping, and where. */
static bool offset_of(off_t *out, const FileMap *map, const void *from) {
    uintptr_t base = map ? (uintptr_t)map->data : 0, at = (uintptr_t)from;
    if (!base || at < base || at - base >= map->size)
        return false;
    *out = (off_t)(at - base);
    return true;
}

/* As preadv. What the system has in memory is copied; for the rest the disk is asked for it and for what
 * will be wanted next before anybody waits for it. To ask each time would cost a tenth of the speed of a
 * file in memory. */
static ssize_t read_ahead(const FileMap *map, const struct iovec *piece, int count, off_t at) {
#ifdef RWF_NOWAIT
    ssize_t got = preadv2(map->descriptor, piece, count, at, RWF_NOWAIT);
    if (got > 0)
        return got;
    posix_fadvise(map->descriptor, at, READ_AHEAD, POSIX_FADV_WILLNEED); /* advice: no harm when refused */
#endif
    return preadv(map->descriptor, piece, count, at);
}

/* Reads all pieces, which are used up. */
static Status read_pieces(const FileMap *map, struct iovec *piece, int count, off_t at) {
    while (count) {
        ssize_t got = read_ahead(map, piece, count, at);
        if (got < 0)
            return fail_errno("read %s", map->path);
        if (got == 0)
            return fail(ERR_IO, "%s has become shorter: it ends before byte %lld of %zu", map->path,
                        (long long)at, map->size);
        at += got;
        for (; count && (size_t)got >= piece->iov_len; piece++, count--)
            got -= (ssize_t)piece->iov_len;
        if (count) {
            piece->iov_base = (char *)piece->iov_base + got;
            piece->iov_len -= (size_t)got;
        }
    }
    return NULL;
}

static void copy_rows(const FileRows *rows) {
    for (size_t i = 0; i < rows->rows; i++)
        memcpy(rows->to + i * rows->stride, rows->from + i * rows->row_bytes, rows->row_bytes);
}

Status file_map_rows(const FileMap *map, const FileRows *rows) {
    off_t at;
    struct iovec piece[PIECES];
    bool dense = rows->stride == rows->row_bytes;
    if (!offset_of(&at, map, rows->from)) {
        copy_rows(rows);
        return NULL;
    }
    size_t size = dense ? rows->rows * rows->row_bytes : rows->row_bytes, count = dense ? 1 : rows->rows;
    for (size_t row = 0; row < count; row += PIECES) {
        int some = count - row < PIECES ? (int)(count - row) : PIECES;
        for (int i = 0; i < some; i++)
            piece[i] = (struct iovec){rows->to + (row + (size_t)i) * rows->stride, size};
        TRY(read_pieces(map, piece, some, at + (off_t)(row * size)));
    }
    return NULL;
}
