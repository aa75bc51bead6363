/* keys.h: what keys do, one table row each; :help keys, :help KEY and the manual page come from it. Which
 * bytes a key sends, and the binding, are the terminal's business (ui/edit.c). product.md 4.4. */
#pragma once

#include <stddef.h>

typedef struct Key {
    const char *name; /* as it is written: "Ctrl-G, Ctrl-X Ctrl-E" */
    const char *help; /* one line, no full stop */
} Key;

extern const Key KEYS[]; /* ends with a row whose name is NULL; in the order of :help keys */

/* The row of a key by one of its names, in any case; NULL when there is none. */
const Key *key_find(const char *name);
