/* complete.h: what Tab offers: commands, settings and their values, macros, pictures, files; in a prompt the closing tag
 * of the innermost open element and the elements that may stand there. Everything comes from the tables. product.md 4.5. */
#pragma once

#include "app/app.h"
#include "ui/edit.h"

/* Fills *out for a cursor at byte `point` of `line`. above: the edit area's lines before this one, [above_size]; a command
 * is completed only on the first line. */
void complete_at(Completions *out, App *app, const char *above, size_t above_size, const char *line, size_t point);
