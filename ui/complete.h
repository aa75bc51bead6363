/* complete.h: what Tab offers: commands, settings and their values, macros, pictures, seeds, jobs, files; in
 * a prompt the closing tag of the innermost open element, the elements that may stand there, and inside
 * elements (and in a prompt without any) the tags of the list that the setting `tags` names. Everything else
 * comes from the tables, and nothing is offered in raw text. product.md 4.5. */
#pragma once

#include "app/app.h"
#include "ui/edit.h"

/* Where the cursor is. All borrowed. */
typedef struct CompletePlace {
    App *app;
    const Reader *reader;  /* for its `pasted` */
    const char *above;     /* [above_size]: the edit area before the line, with the newline at its end */
    size_t above_size;
    const char *line;      /* NUL-terminated */
    size_t point;          /* byte of the line */
} CompletePlace;

/* Fills the zeroed *out (words are owned by the caller). */
void complete_at(Completions *out, const CompletePlace *place);
