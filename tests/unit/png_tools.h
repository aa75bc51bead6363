/* png_tools.h: PNG files for tests, made and judged without src/io/png.c.
 *
 * make_* builds files of any kind, broken ones too; strict_png finds everything that is wrong with a file;
 * text_early is a reader that stops at the first IDAT, as some programs do. Source: PNG specification,
 * W3C, third edition. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/utf8.h"

/* CRC of annex D, bit by bit, so that the checker does not share the code it checks. */
static inline uint32_t tools_crc(const void *bytes, size_t size) {
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= ((const unsigned char *)bytes)[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? 0xEDB88320 ^ crc >> 1 : crc >> 1;
    }
    return ~crc;
}

static inline uint32_t tools_u32(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline void make_u32(Buf *out, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_byte(out, value >> shift & 255);
}

static inline void make_chunk(Buf *out, const char *kind, const void *data, size_t size) {
    make_u32(out, (uint32_t)size);
    size_t start = out->size;
    buf_add(out, kind, 4);
    buf_add(out, data, size);
    make_u32(out, tools_crc(out->data + start, out->size - start));
}

/* Signature and IHDR of a picture of 1x1 pixels. */
static inline void make_start(Buf *out) {
    buf_add(out, "\x89PNG\r\n\x1A\n", 8);
    make_chunk(out, "IHDR", "\0\0\0\1\0\0\0\1\10\2\0\0\0", 13);
}

static inline void make_deflated(Buf *out, const void *bytes, size_t size) {
    uLongf room = compressBound(size);
    unsigned char *packed = must_alloc(room);
    compress(packed, &room, bytes, size);
    buf_add(out, packed, room);
    free(packed);
}

static inline void make_pixels(Buf *out) {
    Buf data = {0};
    make_deflated(&data, "\0rgb", 4);
    make_chunk(out, "IDAT", data.data, data.size);
    buf_done(&data);
}

/* A text chunk from keyword (with its NUL), the bytes between, and the text. */
static inline void make_text(Buf *out, const char *kind, const char *keyword, const Buf *rest) {
    Buf data = {0};
    buf_add(&data, keyword, strlen(keyword) + 1);
    buf_add(&data, rest->data ? rest->data : "", rest->size);
    make_chunk(out, kind, data.data, data.size);
    buf_done(&data);
}

/* The text of `keyword` in a tEXt or plain iTXt chunk before the first IDAT, owned; NULL when there is
 * none. */
static inline char *text_early(const Buf *png, const char *keyword) {
    const unsigned char *bytes = (const unsigned char *)png->data;
    for (size_t at = 8; at + 12 <= png->size;) {
        size_t size = tools_u32(bytes + at), skip = strlen(keyword) + 1;
        const char *kind = png->data + at + 4, *data = png->data + at + 8;
        if (!memcmp(kind, "IDAT", 4))
            break;
        skip += !memcmp(kind, "iTXt", 4) ? 4 : 0;
        if ((!memcmp(kind, "tEXt", 4) || !memcmp(kind, "iTXt", 4)) && size >= skip && !strcmp(data, keyword))
            return must_copy_n(data + skip, size - skip);
        at += size + 12;
    }
    return NULL;
}

/* --- the strict checker --------------------------------------------------------------------------------- */

typedef struct Strict {
    Buf *faults;      /* one a line */
    Buf keywords;     /* those seen, each with its NUL */
    Buf pixels;       /* data of all IDAT */
    int order;        /* 0 before IHDR, 1 before IDAT, 2 in IDAT, 3 behind it, 4 behind IEND */
    uint32_t width, height;
} Strict;

static inline void strict_keyword(Strict *strict, const char *data, size_t size) {
    const char *end = memchr(data, 0, size);
    size_t length = end ? (size_t)(end - data) : 0;
    if (length < 1 || length > 79) {
        buf_text(strict->faults, "a keyword is not 1 to 79 bytes\n");
        return;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)data[i];
        if (byte < 32 || (byte > 126 && byte < 161)
            || (byte == ' ' && (i == 0 || !data[i + 1] || data[i + 1] == ' ')))
            buf_print(strict->faults, "keyword %s has a byte that is not allowed\n", data);
    }
    for (size_t at = 0; at < strict->keywords.size; at += strlen(strict->keywords.data + at) + 1)
        if (!strcmp(strict->keywords.data + at, data))
            buf_print(strict->faults, "keyword %s appears twice\n", data);
    buf_add(&strict->keywords, data, length + 1);
}

static inline void strict_text(Strict *strict, const char *kind, const char *data, size_t size) {
    strict_keyword(strict, data, size);
    const char *end = memchr(data, 0, size);
    if (!end)
        return;
    const char *text = end + 1;
    size_t left = size - (size_t)(text - data);
    if (!strcmp(kind, "iTXt")) {
        if (left < 4 || memcmp(text, "\0\0\0\0", 4) != 0)
            buf_text(strict->faults, "iTXt is compressed or has a language\n");
        else if (utf8_check(text + 4, left - 4) != left - 4)
            buf_text(strict->faults, "iTXt is not UTF-8\n");
        text += left < 4 ? left : 4;
        left -= left < 4 ? left : 4;
    }
    for (size_t i = 0; i < left; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (!byte || (!strcmp(kind, "tEXt") && byte != '\n' && (byte < 32 || byte > 126))) {
            buf_print(strict->faults, "%s has byte %02X\n", kind, byte);
            break;
        }
    }
}

static inline void strict_pixels(Strict *strict) {
    size_t row = 3 * (size_t)strict->width + 1;
    uLongf size = row * strict->height + 1;
    unsigned char *bytes = must_alloc(size);
    int result = uncompress(bytes, &size, (const unsigned char *)strict->pixels.data, strict->pixels.size);
    if (result != Z_OK || size != row * strict->height)
        buf_text(strict->faults, "the pixels are not as many as IHDR says\n");
    for (size_t at = 0; at < size; at += row)
        if (bytes[at] > 4)
            buf_text(strict->faults, "a row has an unknown filter\n");
    free(bytes);
}

/* Order of chunks: IHDR, text, IDAT (one run), IEND, nothing else and nothing behind. */
static inline void strict_order(Strict *strict, const char *kind, const char *data, size_t size) {
    int order = !strcmp(kind, "IHDR") ? 1 : !strcmp(kind, "IDAT") ? 2 : !strcmp(kind, "IEND") ? 4 : 0;
    if (order == 1 && strict->order == 0 && size == 13 && !memcmp(data + 8, "\10\2\0\0\0", 5)) {
        strict->width = tools_u32((const unsigned char *)data);
        strict->height = tools_u32((const unsigned char *)data + 4);
    } else if (order == 2 && (strict->order == 1 || strict->order == 2)) {
        buf_add(&strict->pixels, data, size);
    } else if (order == 4 && strict->order == 2 && size == 0) {
        strict_pixels(strict);
    } else if (order == 0 && strict->order == 1 && (!strcmp(kind, "tEXt") || !strcmp(kind, "iTXt"))) {
        strict_text(strict, kind, data, size);
    } else {
        buf_print(strict->faults, "chunk %s should not be here\n", kind);
    }
    if (order)
        strict->order = order;
}

/* Appends everything that is wrong with an 8-bit RGB file of ours, one a line; nothing when it is right. */
static inline void strict_png(Buf *faults, const Buf *png) {
    Strict strict = {.faults = faults};
    if (png->size < 8 || memcmp(png->data, "\x89PNG\r\n\x1A\n", 8) != 0)
        buf_text(faults, "wrong signature\n");
    size_t at = 8;
    while (at + 12 <= png->size) {
        size_t size = tools_u32((const unsigned char *)png->data + at);
        char kind[5] = "";
        memcpy(kind, png->data + at + 4, 4);
        if (size > png->size - at - 12) {
            buf_print(faults, "chunk %s is longer than the file\n", kind);
            break;
        }
        if (tools_crc(png->data + at + 4, size + 4)
            != tools_u32((const unsigned char *)png->data + at + 8 + size))
            buf_print(faults, "chunk %s has a wrong CRC\n", kind);
        strict_order(&strict, kind, png->data + at + 8, size);
        at += size + 12;
    }
    if (strict.order != 4 || at != png->size)
        buf_text(faults, "the file does not end with IEND\n");
    buf_done(&strict.keywords);
    buf_done(&strict.pixels);
}
