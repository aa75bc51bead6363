/* input.c: checks and clean-ups of text that comes in. Facts: product.md A3, I4, I6, I7. */
#include "config.h"

#include "prompt/input.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

Status input_check(const char *name, const char *text, size_t size, size_t offset) {
    if (offset + size > PROMPT_SIZE_MAX)
        return fail(ERR_FORMAT, "%s has %zu bytes, at most %zu are read", name, offset + size,
                    PROMPT_SIZE_MAX);
    const char *nul = size ? memchr(text, 0, size) : NULL;
    if (nul)
        return fail(ERR_FORMAT, "%s holds a NUL byte at offset %zu", name, offset + (size_t)(nul - text));
    size_t bad = size ? utf8_check(text, size) : size;
    if (bad < size)
        return fail(ERR_FORMAT, "%s is not UTF-8: byte 0x%02X at offset %zu", name, (unsigned char)text[bad],
                    offset + bad);
    return NULL;
}

size_t input_mark(const char *bytes, size_t size) {
    return size >= 3 && !memcmp(bytes, "\xEF\xBB\xBF", 3) ? 3 : 0;
}

Status input_from_file(Buf *out, const char *name, const char *bytes, size_t size) {
    size_t begin = input_mark(bytes, size);
    Status st = input_check(name, bytes, size, 0);
    if (st && size <= PROMPT_SIZE_MAX && !memchr(bytes, 0, size)) /* only the encoding is left to blame */
        hint(st, "iconv -f GB18030 -t UTF-8 %s", name);
    TRY(st);
    size_t first = out->size;
    for (size_t i = begin; i < size; i++)
        if (bytes[i] != '\r' || i + 1 == size || bytes[i + 1] != '\n')
            buf_byte(out, (unsigned char)bytes[i]);
    if (out->size > first && out->data[out->size - 1] == '\n')
        buf_truncate(out, out->size - 1);
    return NULL;
}

static bool is_control(uint32_t code) {
    return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code <= 0x9F);
}

size_t input_from_paste(Buf *out, const char *bytes, size_t size) {
    size_t dropped = 0;
    for (size_t i = 0; i < size;) {
        uint32_t code;
        bool valid;
        size_t length = utf8_decode(bytes + i, size - i, &code, &valid);
        if (code == '\r' && valid) {
            if (i + 1 == size || bytes[i + 1] != '\n')
                buf_byte(out, '\n');
        } else if (valid && is_control(code)) {
            dropped++;
        } else {
            buf_add(out, bytes + i, length);
        }
        i += length;
    }
    return dropped;
}
