/* arena: slices in order, marks, and counting without memory. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "tests/tap.h"

int main(void) {
    char *block = aligned_alloc(ARENA_ALIGN, 1024);
    Arena arena = arena_over(block, 1024);
    char *a = arena_alloc(&arena, 1), *b = arena_alloc(&arena, 100);
    CHECK(a == block && (uintptr_t)b % ARENA_ALIGN == 0, "slices are aligned");
    CHECK(b >= a + 1, "slices do not overlap");
    ArenaMark mark = arena_mark(&arena);
    size_t used = arena.used;
    CHECK(arena_alloc(&arena, 512) != NULL, "what fits is given");
    CHECK(arena_alloc(&arena, 4096) == NULL, "what does not fit is NULL");
    CHECK(arena_alloc(&arena, SIZE_MAX) == NULL, "a size that would overflow is NULL");
    CHECK_EQ(arena.used, used + 512, "a refused slice changes nothing");
    arena_release(&arena, mark);
    CHECK_EQ(arena.used, used, "releasing a mark gives back what came after it");
    CHECK_EQ(arena.peak, used + 512, "the peak stays");
    CHECK(arena_alloc(&arena, 1024 - used) != NULL, "the last byte can be used");
    free(block);

    Arena counting = arena_counting();
    CHECK(arena_alloc(&counting, (size_t)1 << 50) != NULL, "a counting arena gives out more than there is");
    arena_release(&counting, 0);
    CHECK_EQ(counting.peak, (long long)1 << 50, "a counting arena records the peak");
    return tap_end();
}
