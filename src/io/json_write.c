/* json_write.c: writes JSON into a Buf, compact, with commas where they belong.
 *
 * Keeps no state: whether a comma is due is seen from the last byte written. */
#include "config.h"

#include "io/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* A value that follows another value needs a comma. What stands before it tells: values end with a bracket, a
 * quote, a digit or a letter, and nothing else does. */
static void comma(Buf *out) {
    char last = out->size ? out->data[out->size - 1] : '\n';
    bool digit = last >= '0' && last <= '9', letter = last >= 'a' && last <= 'z';
    if (last == '}' || last == ']' || last == '"' || digit || letter)
        buf_byte(out, ',');
}

void json_open(Buf *out, char bracket) {
    comma(out);
    buf_byte(out, (unsigned char)bracket);
}

void json_close(Buf *out, char bracket) {
    buf_byte(out, (unsigned char)bracket);
}

static void quoted(Buf *out, const char *text, size_t size) {
    static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
    buf_byte(out, '"');
    for (size_t i = 0; i < size;) {
        uint32_t code;
        char bytes[4];
        i += utf8_decode(text + i, size - i, &code, NULL);
        const char *value = code && code < 0x80 ? strchr(values, (int)code) : NULL;
        if (value)
            buf_print(out, "\\%c", names[value - values]);
        else if (code < 0x20 || code == 0x7F)
            buf_print(out, "\\u%04x", code);
        else
            buf_add(out, bytes, utf8_encode(bytes, code));
    }
    buf_byte(out, '"');
}

void json_key_bytes(Buf *out, const char *key, size_t size) {
    comma(out);
    quoted(out, key, size);
    buf_byte(out, ':');
}

void json_key(Buf *out, const char *key) {
    json_key_bytes(out, key, strlen(key));
}

void json_put_bytes(Buf *out, const char *text, size_t size) {
    comma(out);
    quoted(out, text, size);
}

void json_put_string(Buf *out, const char *text) {
    json_put_bytes(out, text, strlen(text));
}

void json_put_integer(Buf *out, int64_t value) {
    comma(out);
    buf_print(out, "%lld", (long long)value);
}

void json_put_number(Buf *out, double value) {
    char text[64] = "null";
    const char *local = localeconv()->decimal_point;
    if (value == 0 && signbit(value)) {
        strcpy(text, "-0.0"); /* "-0" would be read as an integer, without its sign */
    } else if (isfinite(value)) {
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, value);
            if (strtod(text, NULL) == value)
                break;
        }
        char *point = strstr(text, local);
        if (point && strcmp(local, ".")) {
            *point = '.';
            memmove(point + 1, point + strlen(local), strlen(point + strlen(local)) + 1);
        }
    }
    comma(out);
    buf_text(out, text);
}

void json_put_bool(Buf *out, bool value) {
    comma(out);
    buf_text(out, value ? "true" : "false");
}

void json_put_null(Buf *out) {
    comma(out);
    buf_text(out, "null");
}
