/* autosave.h: what would be lost when the program dies: the text in the edit area, the current prompt, the
 * changed settings. One file per process, named by its number; a normal exit removes it. product.md H2. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct Saved {
    int64_t time;      /* clock_unix */
    char *edit;        /* owned, like the other two */
    char *prompt;
    char *settings;    /* of settings_store */
    int64_t start; /* of the process that wrote it, whose number may be given out again; 0: not known. Only
                    * autosave_take fills it */
} Saved; /* a zeroed Saved is empty and valid */

/* Writes DIRECTORY/PID. Errors: ERR_IO. */
Status autosave_write(const char *directory, const Saved *saved);

/* Removes this process's file. */
void autosave_remove(const char *directory);

/* Takes the newest file of a dead process: *out is filled and the files of dead processes are removed.
 * out->edit stays NULL when there is none. Damaged files count as none. */
void autosave_take(Saved *out, const char *directory);

void saved_done(Saved *saved);
