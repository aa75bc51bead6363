/* utf8.c: see utf8.h. Source of what is valid: RFC 3629, section 3 and 4. The width table is
 * in utf8_width.c. */
#include "config.h"

#include "base/utf8.h"

/* Length by the first byte, the smallest code such a length may hold, and the bits of the first byte that
 * count. */
static size_t sequence_length(unsigned char first, uint32_t *smallest, uint32_t *bits) {
    if (first < 0x80) {
        *smallest = 0, *bits = first;
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        *smallest = 0x80, *bits = first & 0x1F;
        return 2;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        *smallest = 0x800, *bits = first & 0x0F;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        *smallest = 0x10000, *bits = first & 0x07;
        return 4;
    }
    return 0;
}

/* The character at text, or 0 when the bytes there are not one. */
static size_t decode_valid(const char *text, size_t size, uint32_t *code) {
    uint32_t smallest, value;
    size_t length = sequence_length((unsigned char)text[0], &smallest, &value);
    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (byte & 0x3F);
    }
    if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *code = value;
    return length;
}

size_t utf8_decode(const char *text, size_t size, uint32_t *code, bool *valid) {
    uint32_t value = UTF8_REPLACEMENT;
    size_t length = decode_valid(text, size, &value);
    if (code)
        *code = value;
    if (valid)
        *valid = length > 0;
    return length > 0 ? length : 1;
}

size_t utf8_encode(char out[4], uint32_t code) {
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        code = UTF8_REPLACEMENT;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    static const unsigned char FIRST[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(FIRST[length] | code);
    return length;
}

size_t utf8_check(const char *text, size_t size) {
    uint32_t code;
    size_t at = 0;
    while (at < size) {
        size_t length = decode_valid(text + at, size - at, &code);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

size_t utf8_text_width(const char *text, size_t size) {
    size_t cells = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        at += utf8_decode(text + at, size - at, &code, NULL);
        cells += (size_t)utf8_width(code); /* U+FFFD, an invalid byte, is one cell wide */
    }
    return cells;
}

size_t utf8_count(const char *text, size_t size) {
    size_t count = 0;
    for (size_t at = 0; at < size; count++)
        at += utf8_decode(text + at, size - at, NULL, NULL);
    return count;
}

size_t utf8_fit(const char *text, size_t size, size_t cells) {
    size_t at = 0;
    while (at < size) {
        uint32_t code;
        size_t length = utf8_decode(text + at, size - at, &code, NULL);
        size_t width = (size_t)utf8_width(code);
        if (width > cells)
            break;
        cells -= width;
        at += length;
    }
    return at;
}
