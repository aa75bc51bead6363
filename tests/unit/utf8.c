/* utf8: RFC 3629, sections 3, 4 and 10, and the widths of what people type. */
#include "config.h"

#include "base/utf8.h"
#include "tests/tap.h"

/* Strings that are no UTF-8; `at` is the first byte that is wrong. */
static const struct {
    const char *text;
    size_t at;
    const char *name;
} INVALID[] = {
    {"a\x80", 1, "a lone continuation byte"},
    {"\xC0\x80", 0, "NUL in two bytes"},
    {"\xC1\xBF", 0, "an overlong two-byte form"},
    {"\xE0\x9F\xBF", 0, "an overlong three-byte form"},
    {"\xF0\x8F\xBF\xBF", 0, "an overlong four-byte form"},
    {"\xED\xA0\x80", 0, "a surrogate"},
    {"\xED\xBF\xBF", 0, "the last surrogate"},
    {"\xF4\x90\x80\x80", 0, "a value above U+10FFFF"},
    {"\xF5\x80\x80\x80", 0, "a first byte that never occurs"},
    {"ab\xE4\xB8", 2, "a character cut off at the end"},
    {"\xE4\xB8zz", 0, "a character cut off by another"},
    {"\xFF", 0, "the byte FF"},
};

static const struct {
    const char *text;
    uint32_t code;
    int width;
    const char *name;
} VALID[] = {
    {"A", 'A', 1, "a Latin letter is one cell"},
    {"\xC2\x80", 0x80, 0, "a control character takes no cell"},
    {"\xC3\xA9", 0xE9, 1, "an accented letter is one cell"},
    {"\xDF\xBF", 0x7FF, 1, "the last two-byte character"},
    {"\xCC\x81", 0x301, 0, "a combining accent takes no cell"},
    {"\xE0\xA0\x80", 0x800, 1, "the first three-byte character"},
    {"\xE2\x80\x8D", 0x200D, 0, "a joiner takes no cell"},
    {"\xE2\x89\xA2", 0x2262, 1, "RFC 3629 section 7: not identical to"},
    {"\xE6\x97\xA5", 0x65E5, 2, "a Chinese character is two cells"},
    {"\xE3\x81\x82", 0x3042, 2, "a Japanese character is two cells"},
    {"\xED\x95\x9C", 0xD55C, 2, "a Korean syllable is two cells"},
    {"\xEF\xBD\xB1", 0xFF71, 1, "half-width katakana is one cell"},
    {"\xEF\xBC\xA1", 0xFF21, 2, "a full-width letter is two cells"},
    {"\xEF\xB8\x8F", 0xFE0F, 0, "a variation selector takes no cell"},
    {"\xEE\x80\x80", 0xE000, 1, "a private character is one cell"},
    {"\xF0\x9F\x98\x80", 0x1F600, 2, "an emoji is two cells"},
    {"\xF0\xA3\x8E\xB4", 0x233B4, 2, "RFC 3629 section 7: stump of tree"},
    {"\xF4\x8F\xBF\xBF", 0x10FFFF, 1, "the last character"},
};

static void test_every_code(void) {
    int good = 0, refused = 0;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char bytes[4];
        uint32_t back;
        bool valid;
        size_t size = utf8_encode(bytes, code);
        int same = utf8_decode(bytes, size, &back, &valid) == size && valid && back == code;
        if (code >= 0xD800 && code <= 0xDFFF)
            refused += back == UTF8_REPLACEMENT;
        else
            good += same;
    }
    CHECK_EQ(good, 0x110000 - 0x800, "every code survives encoding and decoding");
    CHECK_EQ(refused, 0x800, "every surrogate is written as U+FFFD");
}

static void test_strings(void) {
    const char *text = "a\xE6\x97\xA5" "e\xCC\x81\xFF" "b"; /* a, two cells, e with accent, a bad byte, b */
    size_t size = strlen(text);
    CHECK_EQ(utf8_text_width(text, size), 6, "an invalid byte counts one cell");
    CHECK_EQ(utf8_count(text, size), 6, "characters are counted, bad bytes too");
    CHECK_EQ(utf8_fit(text, size, 2), 1, "half of a wide character does not fit");
    CHECK_EQ(utf8_fit(text, size, 3), 4, "a wide character fits whole");
    CHECK_EQ(utf8_fit(text, size, 4), 7, "a combining mark stays with its base");
    CHECK_EQ(utf8_fit(text, size, 100), size, "everything fits");
    CHECK_EQ(utf8_fit(text, 0, 5), 0, "nothing fits of nothing");
}

int main(void) {
    for (size_t i = 0; i < sizeof INVALID / sizeof *INVALID; i++) {
        const char *text = INVALID[i].text + INVALID[i].at;
        uint32_t code;
        bool valid;
        CHECK_EQ(utf8_check(INVALID[i].text, strlen(INVALID[i].text)), INVALID[i].at, INVALID[i].name);
        CHECK(utf8_decode(text, strlen(text), &code, &valid) == 1 && !valid && code == UTF8_REPLACEMENT,
              "a bad byte is decoded as U+FFFD and only itself is eaten");
    }
    CHECK_EQ(utf8_check("\xC0\x80", 0), 0, "no bytes are valid");
    for (size_t i = 0; i < sizeof VALID / sizeof *VALID; i++) {
        size_t size = strlen(VALID[i].text);
        uint32_t code;
        CHECK(utf8_decode(VALID[i].text, size, &code, NULL) == size && code == VALID[i].code, "it decodes");
        CHECK_EQ(utf8_check(VALID[i].text, size), size, "it is valid");
        CHECK_EQ(utf8_width(code), VALID[i].width, VALID[i].name);
    }
    CHECK(utf8_width('\n') == 0 && utf8_width(0) == 0 && utf8_width(0x7F) == 0,
          "control characters take no cell");
    CHECK_EQ(utf8_width(0xAD), 1, "a soft hyphen is one cell");
    test_every_code();
    test_strings();
    return tap_end();
}
