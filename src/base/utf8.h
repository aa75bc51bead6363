/* utf8.h: decoding, checking and display width of UTF-8. Overlong forms, surrogates and values above U+10FFFF
 * are invalid (RFC 3629). Width follows wcwidth-like rules with our own table, so that it does not depend on
 * the locale. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xFFFDu

/* Decodes one character of [text, text + size), size >= 1. Returns the bytes consumed, 1 to 4; an invalid
 * byte consumes 1 and gives *code = UTF8_REPLACEMENT with *valid = false. code and valid may be NULL. */
size_t utf8_decode(const char *text, size_t size, uint32_t *code, bool *valid);

/* Writes 1 to 4 bytes, returns how many. Invalid codes become U+FFFD. */
size_t utf8_encode(char out[4], uint32_t code);

/* Offset of the first invalid byte, or `size` when all is valid. */
size_t utf8_check(const char *text, size_t size);

/* Terminal cells of a character: 0 combining, 2 wide, else 1; control characters give 0. */
int utf8_width(uint32_t code);

/* Sum over a string of `size` bytes; invalid bytes count 1. */
size_t utf8_text_width(const char *text, size_t size);

/* Number of characters. */
size_t utf8_count(const char *text, size_t size);

/* Longest prefix of at most `cells` cells that ends between characters (combining marks stay with their
 * base). */
size_t utf8_fit(const char *text, size_t size, size_t cells);
