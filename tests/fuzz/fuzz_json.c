/* fuzz_json.c: any bytes as a JSON document. What parses is walked, written and parsed again, with the same
 * text. */
#include "config.h"

#include "io/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void write_value(Buf *out, const Json *value);

static void write_members(Buf *out, const Json *value) {
    int is_object = json_kind(value) == JSON_OBJECT;
    json_open(out, is_object ? '{' : '[');
    for (JsonIter i = json_first(value); i.value; json_next(&i)) {
        if (is_object)
            json_key_bytes(out, i.key, i.key_size);
        write_value(out, i.value);
    }
    json_close(out, is_object ? '}' : ']');
}

static void write_value(Buf *out, const Json *value) {
    size_t size;
    const char *text;
    switch (json_kind(value)) {
    case JSON_BOOL: json_put_bool(out, json_bool(value, false)); break;
    case JSON_INTEGER: json_put_integer(out, json_integer(value, 0)); break;
    case JSON_REAL: json_put_number(out, json_number(value, 0)); break;
    case JSON_STRING:
        text = json_string(value, &size);
        json_put_bytes(out, text, size);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT: write_members(out, value); break;
    default: json_put_null(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Json *document, *again;
    if (json_parse(&document, data, size))
        return 0;
    Buf first = {0}, second = {0};
    write_value(&first, document);
    if (json_parse(&again, first.data, first.size))
        abort();
    write_value(&second, again);
    if (first.size != second.size || memcmp(first.data, second.data, first.size))
        abort();
    json_free(again);
    json_free(document);
    buf_done(&first);
    buf_done(&second);
    return 0;
}
