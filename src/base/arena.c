/* arena.c: see arena.h. */
#include "config.h"

#include "base/arena.h"

#include <assert.h>
#include <stdint.h>

Arena arena_over(void *base, size_t size) {
    assert((uintptr_t)base % ARENA_ALIGN == 0);
    return (Arena){.base = base, .size = size};
}

Arena arena_counting(void) {
    /* Not NULL, because arena_alloc says "does not fit" with NULL. Nothing is ever read or written there. */
    return (Arena){.base = (char *)(uintptr_t)ARENA_ALIGN, .size = SIZE_MAX};
}

void *arena_alloc(Arena *arena, size_t bytes) {
    size_t left = arena->size - arena->used;
    if (bytes > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size_t rounded = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (rounded > left)
        return NULL;
    /* Integer arithmetic: a counting arena has no object to point into. */
    void *slice = (void *)((uintptr_t)arena->base + arena->used);
    arena->used += rounded;
    if (arena->used > arena->peak)
        arena->peak = arena->used;
    return slice;
}

ArenaMark arena_mark(const Arena *arena) {
    return arena->used;
}

void arena_release(Arena *arena, ArenaMark mark) {
    assert(mark <= arena->used);
    arena->used = mark;
}
