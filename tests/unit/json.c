/* json.c: the JSON reader and writer. Expected values are from RFC 8259 and from reading them by eye. */
#include "config.h"

#include "io/json.h"
#include "tests/tap.h"

#include <locale.h>
#include <stdlib.h>

static Json *parsed(const char *text) {
    Json *json = NULL;
    CHECK_OK(json_parse(&json, text, strlen(text)), text);
    return json;
}

static void refused(const char *text, const char *part) {
    Json *json = NULL;
    Status st = json_parse(&json, text, strlen(text));
    CHECK_HAS(st ? st->message : "it was taken", part, part);
    if (!st)
        json_free(json);
}

static void reading(void) {
    size_t size;
    Json *json = parsed("{\"a\": [1, -2.5e3, true, null, \"x\\u00e9\\ud83d\\ude00\\n\\u0000y\"], "
                        "\"b\": {\"c\": 7}, \"d\": 0.1}");
    const Json *list = json_get(json, "a");
    CHECK_EQ(json_count(json), 3, "an object counts its members");
    CHECK_EQ(json_count(list), 5, "an array counts its elements");
    CHECK_EQ(json_integer(json_at(list, 0), -1), 1, "an integer is read");
    CHECK_NEAR(json_number(json_at(list, 1), 0), -2500, 0, "a real is read");
    CHECK(json_bool(json_at(list, 2), false), "true is read");
    CHECK_EQ(json_kind(json_at(list, 3)), JSON_NULL, "null is a value of its own kind");
    CHECK_EQ(json_kind(json_at(list, 5)), JSON_NONE, "there is nothing behind the end of an array");
    const char *text = json_string(json_at(list, 4), &size);
    CHECK(size == 10 && !memcmp(text, "x\xc3\xa9\xf0\x9f\x98\x80\n\0y", 11),
          "escapes become UTF-8, a zero byte stays");
    CHECK_EQ(json_get_integer(json_get(json, "b"), "c", 0), 7, "nested members are found");
    CHECK_EQ(json_get_integer(json, "absent", 42), 42, "an absent member gives the fallback");
    CHECK_EQ(json_get_integer(json_get(json, "nope"), "c", 42), 42,
             "looking into nothing gives the fallback");
    CHECK_STR(json_get_string(json, "d", "?"), "?", "a number is not a string");
    CHECK_EQ(json_get_integer(json, "d", 5), 5, "0.1 is not an integer");
    const char *keys[] = {"a", "b", "d"};
    size_t n = 0;
    for (JsonIter i = json_first(json); i.value; json_next(&i), n++)
        CHECK_STR(i.key, keys[n], "members come in file order");
    CHECK_EQ(n, 3, "the walk ends after the last member");
    json_free(json);

    json = parsed("[9223372036854775807, -9223372036854775808, 9223372036854775808]");
    CHECK_EQ(json_integer(json_at(json, 0), 0), INT64_MAX, "the largest 64-bit integer is exact");
    CHECK(json_integer(json_at(json, 1), 0) == INT64_MIN, "the smallest one too");
    CHECK_EQ(json_kind(json_at(json, 2)), JSON_REAL, "a larger one becomes a real");
    json_free(json);
    json_free(parsed(" 17 "));
}

static void refusing(void) {
    char deep[1000];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    refused("", "the text ends too early");
    refused("{\"a\": 1,}", "line 1 column 9: expected a key in quotes");
    refused("{\n  \"a\": 1\n  \"b\": 2}", "line 3 column 3: expected , or }");
    refused("[1, 2", "the text ends too early");
    refused("[1] x", "more text after the end");
    refused("{\"a\": 1, \"a\": 2}", "the key \"a\" appears twice");
    refused("{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"j\":0,\"k\":0,"
            "\"l\":0,\"m\":0,\"n\":0,\"o\":0,\"p\":0,\"q\":0,\"c\":0}", "the key \"c\" appears twice");
    refused("\"\\ud800\"", "half of a surrogate pair");
    refused("\"\\ud83d\\u0041\"", "half of a surrogate pair");
    refused("\"\xff\"", "not valid UTF-8");
    refused("\"a\nb\"", "control character");
    refused("\"\\x\"", "unknown escape");
    refused("01", "more text");
    refused("1.x", "digit after the point");
    refused("1e999", "too large");
    refused("-x", "expected a value");
    refused("nul", "expected a value");
    refused(deep, "nested too deeply");
}

static void number(double value, const char *expected) {
    Buf out = {0};
    json_put_number(&out, value);
    CHECK_STR(buf_string(&out), expected, "a number has its shortest form that reads back equal");
    buf_done(&out);
}

static void numbers(void) {
    number(0.1, "0.1");
    number(5e-324, "5e-324");
    number(1.0 / 3, "0.3333333333333333");
    number(1e21, "1e+21");
    number(3, "3");
    number(-0.0, "-0.0");
    number(HUGE_VAL, "null");
    number(NAN, "null");
}

static void writing(void) {
    Buf out = {0};
    json_open(&out, '{');
    json_key(&out, "name");
    json_put_string(&out, "a\"\\\n\x01\xff\xc3\xa9");
    json_key(&out, "list");
    json_open(&out, '[');
    json_put_integer(&out, -5);
    json_put_number(&out, 0.5);
    json_put_bool(&out, true);
    json_put_null(&out);
    json_open(&out, '{');
    json_close(&out, '}');
    json_open(&out, '[');
    json_close(&out, ']');
    json_close(&out, ']');
    json_close(&out, '}');
    buf_text(&out, "\n");
    json_open(&out, '[');
    json_close(&out, ']');
    CHECK_STR(buf_string(&out),
              "{\"name\":\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\",\"list\":[-5,0.5,true,null,{},[]]}\n[]",
              "commas, escapes and replaced bytes are where they belong");
    buf_done(&out);
}

/* A locale with a decimal comma, when the system has one. */
static void locales(void) {
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
        SKIP("numbers do not depend on the locale", "no locale with a decimal comma is installed");
        return;
    }
    number(0.1, "0.1");
    Json *json = parsed("12.25");
    CHECK_NEAR(json_number(json, 0), 12.25, 0, "numbers do not depend on the locale");
    json_free(json);
    setlocale(LC_NUMERIC, "C");
}

int main(void) {
    reading();
    refusing();
    numbers();
    writing();
    locales();
    return tap_end();
}
