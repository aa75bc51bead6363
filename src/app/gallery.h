/* gallery.h: the index of all pictures that this program saved: what each was made from. It outlives the
 * pictures: one that was deleted is `missing`, and its prompt and settings are still there. product.md H5.
 *
 * The file holds one JSON object a line: time, number, file, sha256, prompt, negative, settings, star. Lines
 * are only appended, under a lock, so that several programs share it; of a file that appears again the last
 * line counts: a newer picture of that name, or another star. Damaged lines are skipped and counted. The
 * pictures remain the truth: what the index does not know is read from them (app_gallery_open).
 *
 * Private to the room; surfaces see app.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/meta.h"

/* One picture. */
typedef struct GalleryEntry {
    int64_t time;      /* Unix seconds, when it was saved; 0: unknown */
    int64_t number;    /* 0: without number */
    char *file;        /* absolute path, owned */
    char sha256[65];   /* of the file; "" when unknown */
    RunMeta meta;      /* owned: prompt, negative, settings; all unknown for a picture without data */
    bool star;
    bool missing;      /* the file is gone; known for shown entries only */
} GalleryEntry;
void gallery_entry_done(GalleryEntry *entry);

typedef struct Gallery {
    char *path;              /* of the index, owned; NULL: nothing is written */
    GalleryEntry *entries;   /* owned, sorted by file */
    size_t count, capacity;
    size_t damaged, first_damaged; /* lines; line number from 1 */
    int64_t seen_bytes;      /* size of the index when it was read; -1: not read yet */
} Gallery;
void gallery_init(Gallery *gallery, const char *path);
void gallery_done(Gallery *gallery);

/* Reads the index when another program has changed it since. A file that is not there is empty. Errors:
 * ERR_IO, ERR_FORMAT (larger than 256 MiB); what was known stays. */
Status gallery_refresh(Gallery *gallery);

/* Takes over an entry, in memory (when the index was read) and in the file. A picture of the same file is
 * replaced. Errors: ERR_IO; it is in memory all the same. */
Status gallery_add(Gallery *gallery, GalleryEntry *take);

/* In memory alone: pictures that others made, found in a directory. */
void gallery_know(Gallery *gallery, GalleryEntry *take);

/* Sets or takes away the star, here and in the file. Errors: ERR_IO. */
Status gallery_star(Gallery *gallery, GalleryEntry *entry, bool star);

/* Copies what the index keeps of a picture. *out is owned (meta_done). */
void gallery_copy_meta(RunMeta *out, const RunMeta *meta);

/* The entry of a file (absolute path), borrowed until the gallery changes; NULL when there is none. */
GalleryEntry *gallery_find(const Gallery *gallery, const char *file);
