/* prompt/format.h: the house layout of an XML prompt (product.md :format; model-spec.md 10.1): one element a
 * line, two spaces of indent inside blocks, an empty line between blocks.
 *
 *   <character_1>
 *     <n>miku</n>
 *     <appearance>teal_hair, twintails</appearance>
 *   </character_1>
 *
 *   <general_tags>
 *     <style>anime_style</style>
 *   </general_tags>
 *
 * Only white space changes: no tag, no word, no comma. What stands before "<Prompt Start>" stays as it is. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

#define FORMAT_DEPTH_MAX 32

typedef enum FormatLoose {
    FORMAT_KEEP,    /* text outside elements stays where it is, on lines of its own */
    FORMAT_CAPTION, /* it goes into <caption>, which comes last when there was none */
} FormatLoose;

/* Appends text [size] in that layout. Errors: ERR_USAGE, *out is unchanged then: no element is there, one is
 * never closed, they are nested more than FORMAT_DEPTH_MAX deep; text beside them would become a tag. */
Status format_prompt(Buf *out, const char *text, size_t size, FormatLoose loose);

/* Appends the text that stands outside all elements, comments not counted, in one line. */
void format_loose(Buf *out, const char *text, size_t size);
