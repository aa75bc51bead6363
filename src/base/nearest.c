/* nearest.c: optimal string alignment with three rows of the table. */
#include "config.h"

#include "base/nearest.h"

#include <string.h>

static unsigned char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : (unsigned char)c;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t nearest_distance(const char *a, size_t a_size, const char *b, size_t b_size) {
    if (a_size > NEAREST_SIZE_MAX || b_size > NEAREST_SIZE_MAX)
        return NEAREST_SIZE_MAX + 1;
    size_t rows[3][NEAREST_SIZE_MAX + 1]; /* the row being filled, the one above, the one above that */
    size_t *row = rows[0], *above = rows[1], *second = rows[2];
    for (size_t j = 0; j <= b_size; j++)
        above[j] = second[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            unsigned char x = lower(a[i - 1]), y = lower(b[j - 1]);
            size_t best = smaller(above[j - 1] + (x != y), smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y)
                best = smaller(best, second[j - 2] + 1);
            row[j] = best;
        }
        size_t *spare = second;
        second = above;
        above = row;
        row = spare;
    }
    return above[b_size];
}

Nearest nearest_to(const char *word, size_t size) {
    return (Nearest){.word = word,
                     .size = size,
                     .limit = size < 2   ? 0
                              : size < 6 ? (size + 2) / 3
                                         : size / 3};
}

void nearest_try(Nearest *nearest, const char *candidate) {
    size_t distance = nearest_distance(nearest->word, nearest->size, candidate, strlen(candidate));
    if (distance > nearest->limit || (nearest->best && distance >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}
