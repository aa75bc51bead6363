/* prompt/input.h: what text may come in, and in what form: the checks and clean-ups at the door (product.md
 * I4, I6, I7, A3). Everything behind this door is valid UTF-8 without NUL, and is never changed again
 * (P0). */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

#define PROMPT_SIZE_MAX ((size_t)1 << 20)

/* I6: UTF-8, no NUL, at most PROMPT_SIZE_MAX bytes. `name` is what the sentence calls it ("prompt", a file
 * name). `offset` is added to offsets in the sentence (for a line of a longer text).
 * Errors: ERR_FORMAT "NAME is not UTF-8: byte 0xC4 at offset 112", "NAME holds a NUL byte at offset 7",
 * "NAME has 10485760 bytes, at most 1048576 are read". */
Status input_check(const char *name, const char *text, size_t size, size_t offset);

/* The size of a byte order mark at the beginning of a text: 3, or 0 without one. */
size_t input_mark(const char *bytes, size_t size);

/* A3, for files that are one prompt (-p, :edit): appends `bytes` to *out without a byte order mark, with CR
 * LF as LF, without one final newline; then I6. Errors: as input_check; *out is then unchanged. */
Status input_from_file(Buf *out, const char *name, const char *bytes, size_t size);

/* I4 and I7, for a paste from a terminal: appends `bytes` to *out with CR LF and CR as LF, without control
 * characters other than newline and tab (C0, DEL and U+0080 to U+009F), and returns how many were dropped.
 * Does not check UTF-8. */
size_t input_from_paste(Buf *out, const char *bytes, size_t size);
