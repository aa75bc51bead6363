/* history.h: what was typed, kept across sessions: one JSON object per line with `t` (UTC) and `text`
 * (exact). Appended under a lock when entered, so that two programs share it and a kill loses nothing.
 * product.md H1. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct History {
    char *path;      /* owned; NULL: nothing is written */
    char **entries;  /* owned texts, oldest first */
    size_t count, capacity;
} History; /* a zeroed History is empty and valid */

/* Reads the file, which need not exist, and trims it to the newest `keep` entries (0: nothing is read or
 * written). Appends a sentence to *warning when lines were damaged; a file with no good line is renamed to
 * history.bad-N. Errors: ERR_IO; the history then works in memory only. */
Status history_open(History *history, const char *path, size_t keep, Buf *warning);

/* Adds an entry unless it equals the newest. Errors: ERR_IO; it is in memory all the same. */
Status history_add(History *history, const char *text);

void history_done(History *history);
