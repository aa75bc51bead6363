/* prompt/macro.h: prompts under a name, as files NAME.nbm (product.md H6). Text only; a macro never runs
 * commands.
 *
 *   newbie-macro 1
 *   note: on the beach
 *   element: character_1
 *   set steps: 28
 *   neg: low_quality
 *   ---
 *   <n>miku</n>
 *
 * Behind the line "---" every byte to the end of the file is the prompt. A negative prompt of several lines
 * is several `neg` lines. One space behind the colon belongs to the format. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

#define MACRO_NAME_MAX 64 /* characters */
#define MACRO_SUFFIX ".nbm"

typedef struct MacroSetting {
    char *name, *value; /* owned */
} MacroSetting;

typedef struct Macro {
    char *note;             /* owned; NULL when there is none */
    char *element;          /* owned; the element the text is, NULL for a whole prompt */
    char *negative;         /* owned; NULL when the macro says nothing about it, "" when it empties it */
    MacroSetting *settings; /* owned; in file order */
    size_t setting_count;
    Buf prompt;
} Macro; /* a zeroed Macro is empty and valid */

/* Letters of any script, digits, "_" and "-", 1 to MACRO_NAME_MAX characters. Errors: ERR_USAGE. */
Status macro_name_check(const char *name);

/* Adds a setting (copied). */
void macro_set(Macro *macro, const char *name, const char *value);

/* Reads the bytes of a macro file; `name` is used in sentences. *out is set on success and owned by the
 * caller (macro_done). Errors: ERR_FORMAT with the line; the prompt is checked as product.md I6. */
Status macro_parse(Macro *out, const char *name, const char *bytes, size_t size);

/* Appends the bytes of the file. Newlines in note, element, names and values become spaces; macro_parse of
 * the result gives the same macro otherwise. */
void macro_print(Buf *out, const Macro *macro);

/* DIRECTORY/NAME.nbm, owned by the caller; NULL never. */
char *macro_path(const char *directory, const char *name);

/* Read and write such a file. macro_save creates the directory. Errors: as macro_name_check, macro_parse,
 * ERR_IO. */
Status macro_load(Macro *out, const char *directory, const char *name);
Status macro_save(const Macro *macro, const char *directory, const char *name);

void macro_done(Macro *macro);
