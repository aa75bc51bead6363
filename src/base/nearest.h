/* nearest.h: which known word did the user mean? Edit distance over bytes: insert, delete, replace and swap
 * of two neighbours cost one each; ASCII letters compare without case. Used for commands, settings, options,
 * elements.
 *
 *   Nearest n = nearest_to("stpes", 5);
 *   for (each command) nearest_try(&n, command->name);
 *   if (n.best) ... "did you mean " n.best
 *
 * Source: optimal string alignment (Boytsov 2011, section 2.2). */
#pragma once

#include <stddef.h>

/* Words longer than this are never compared: nobody mistypes them, and the cost is quadratic. */
#define NEAREST_SIZE_MAX 64

typedef struct Nearest {
    const char *word;  /* borrowed */
    size_t size;
    size_t limit;      /* distances above this are no typing error: a third of the word, at least 1 */
    const char *best;  /* borrowed from the caller of nearest_try; NULL while nothing is near enough */
    size_t distance;   /* of `best` */
} Nearest;

Nearest nearest_to(const char *word, size_t size);

/* Takes `candidate` (NUL-terminated, must outlive the search) when it is nearer than all before it. */
void nearest_try(Nearest *nearest, const char *candidate);

/* The distance of two words; NEAREST_SIZE_MAX + 1 when either is longer than NEAREST_SIZE_MAX. */
size_t nearest_distance(const char *a, size_t a_size, const char *b, size_t b_size);
