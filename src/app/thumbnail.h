/* thumbnail.h: pictures made small: by the mean of the area that each pixel covers, and kept for a while.
 * product.md F3. Private to the room. */
#pragma once

#include "app/report.h"
#include "base/status.h"

#define THUMBNAILS_MAX 128

typedef struct Thumbnail {
    char *file;       /* owned; NULL: free */
    int64_t changed;  /* nanoseconds: the file's time when it was read */
    int side;         /* that was asked for */
    uint8_t *pixels;  /* [height, width, 3], owned */
    int width, height;
    uint64_t used;    /* rises with each use: the one that was not used longest goes first */
} Thumbnail;

typedef struct Thumbnails {
    Thumbnail all[THUMBNAILS_MAX];
    uint64_t uses;
} Thumbnails; /* a zeroed one is empty and valid */
void thumbnails_done(Thumbnails *thumbnails);

/* The picture in a file, at most `side` (1 to 1024) pixels wide and high, never enlarged; borrowed until the
 * next call. Errors: those of png_load. */
Status thumbnail_of(const Thumbnail **out, Thumbnails *thumbnails, const char *file, int side);
