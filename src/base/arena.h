/* arena.h: a bump allocator with marks; the only temporary memory of hot code.
 *
 * An arena hands out slices of one block and takes them back in order: take a mark, allocate, release the
 * mark. It also counts: an arena without a block (a fake base, size SIZE_MAX) gives out addresses that must
 * not be touched and records the peak, which is how the dry run finds the size to allocate
 * (architecture.md 4.4).
 */
#pragma once

#include <stddef.h>

#define ARENA_ALIGN 64

typedef struct Arena {
    char *base;    /* first byte; borrowed. A fake, never dereferenced address in a counting arena */
    size_t size;   /* bytes there are */
    size_t used;   /* bytes given out now */
    size_t peak;   /* largest `used` so far */
} Arena;

typedef size_t ArenaMark;

/* An arena over [base, base + size); base must be ARENA_ALIGN-aligned. */
Arena arena_over(void *base, size_t size);

/* An arena that only counts. */
Arena arena_counting(void);

/* `bytes` bytes aligned to ARENA_ALIGN, or NULL when they do not fit (used and peak then stay as
 * they were). */
void *arena_alloc(Arena *arena, size_t bytes);

ArenaMark arena_mark(const Arena *arena);
void arena_release(Arena *arena, ArenaMark mark);
