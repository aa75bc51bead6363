/* buf.c: see buf.h. */
#include "config.h"

#include "base/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *must_alloc(size_t bytes) {
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory)
        abort();
    return memory;
}

void *must_realloc(void *old, size_t bytes) {
    void *memory = realloc(old, bytes ? bytes : 1);
    if (!memory)
        abort();
    return memory;
}

char *must_copy(const char *text) {
    return text ? must_copy_n(text, strlen(text)) : NULL;
}

char *must_copy_n(const char *bytes, size_t count) {
    char *copy = must_alloc(count + 1);
    if (count)
        memcpy(copy, bytes, count);
    return copy;
}

/* Room for `more` bytes and the NUL. */
static void reserve(Buf *buf, size_t more) {
    if (more > SIZE_MAX / 2 - buf->size - 1)
        abort();
    size_t need = buf->size + more + 1;
    if (need <= buf->capacity)
        return;
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    buf->data = must_realloc(buf->data, capacity);
    buf->capacity = capacity;
}

void buf_add(Buf *buf, const void *bytes, size_t count) {
    reserve(buf, count);
    if (count)
        memcpy(buf->data + buf->size, bytes, count);
    buf->size += count;
    buf->data[buf->size] = '\0';
}

void buf_text(Buf *buf, const char *text) {
    buf_add(buf, text, strlen(text));
}

void buf_byte(Buf *buf, unsigned char byte) {
    buf_add(buf, &byte, 1);
}

void buf_print(Buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprint(buf, format, args);
    va_end(args);
}

void buf_vprint(Buf *buf, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int count = vsnprintf(NULL, 0, format, args);
    assert(count >= 0);
    reserve(buf, (size_t)count);
    vsnprintf(buf->data + buf->size, (size_t)count + 1, format, again);
    va_end(again);
    buf->size += (size_t)count;
}

void buf_item(Buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprint(buf, format, args);
    va_end(args);
    buf_byte(buf, 0);
}

void buf_truncate(Buf *buf, size_t size) {
    assert(size <= buf->size);
    buf->size = size;
    if (buf->data)
        buf->data[size] = '\0';
}

const char *buf_string(const Buf *buf) {
    return buf->data ? buf->data : "";
}

char *buf_take(Buf *buf) {
    char *data = buf->data ? buf->data : must_copy("");
    *buf = (Buf){0};
    return data;
}

void buf_done(Buf *buf) {
    free(buf->data);
    *buf = (Buf){0};
}
