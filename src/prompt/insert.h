/* prompt/insert.h: puts a stored element into a prompt (product.md :insert). The rest of the prompt keeps its
 * bytes; characters are renumbered, an element that is there already is replaced. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

/* What to put where. */
typedef struct Insertion {
    const char *element; /* [size], borrowed: exactly one element, "<character_1>...</character_1>" */
    size_t size;
    const char *into;    /* "character_2": as which character, or in which block; NULL: where it belongs: a
                          * character as the next number, others in the only character, in general_tags, or
                          * at the end */
} Insertion;

/* Where it went. */
typedef struct Inserted {
    char path[96];       /* "character_2", "character_1/clothing" */
    bool replaced;
} Inserted;

/* Appends the new prompt to *out. Errors, *out is unchanged then: ERR_USAGE: the element is none or several;
 * `into` is not there, or nothing that could take it; two characters and not said which. */
Status insert_element(Buf *out, Inserted *done, const char *text, size_t size, const Insertion *what);
