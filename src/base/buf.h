/* buf.h: a growable byte string; the only string builder.
 *
 * `data` is always NUL-terminated once something was added (and "" before), so it can be read as a C string
 * when the bytes hold no NUL. Out of memory aborts: it is a builder of small strings, not of tensors. A
 * zeroed Buf is empty and valid. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

typedef struct Buf {
    char *data; /* owned; NULL while empty and nothing was added */
    size_t size, capacity;
} Buf;

void buf_add(Buf *buf, const void *bytes, size_t count);
void buf_text(Buf *buf, const char *text);
void buf_byte(Buf *buf, unsigned char byte);
void buf_print(Buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprint(Buf *buf, const char *format, va_list args);

/* The same and a NUL: one of a list of texts that are walked by strlen. */
void buf_item(Buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_truncate(Buf *buf, size_t size); /* size <= buf->size */
const char *buf_string(const Buf *buf);   /* borrowed; "" when empty */
char *buf_take(Buf *buf); /* the string, owned by the caller (free); buf is empty afterwards. Never NULL */
void buf_done(Buf *buf);

/* malloc, realloc, strdup and strndup that never return NULL (they abort). For small things only. */
void *must_alloc(size_t bytes);              /* zeroed */
void *must_realloc(void *old, size_t bytes);
char *must_copy(const char *text);           /* NULL gives NULL */
char *must_copy_n(const char *bytes, size_t count);
