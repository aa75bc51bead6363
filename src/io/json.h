/* io/json.h: reading JSON and writing it in a fixed key order. Source: RFC 8259.
 *
 * A document is read whole and borrowed piece by piece. Looking into something that is not there, or is of
 * another kind, gives NULL or the fallback, so that optional fields need no ladder of checks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct Json Json; /* one value; all borrowed from the document */

typedef enum JsonKind {
    JSON_NONE, JSON_NULL, JSON_BOOL, JSON_INTEGER, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT
} JsonKind;

/* Parses one value; nothing but white space may follow. Duplicate keys are refused. *out is owned by the
 * caller (json_free). Errors: ERR_FORMAT with line and column, ERR_MEMORY. */
Status json_parse(Json **out, const void *bytes, size_t size);

/* Reads and parses a file of at most 256 MiB. Errors: ERR_IO, ERR_FORMAT naming the path. */
Status json_read(Json **out, const char *path);

void json_free(Json *document);

JsonKind json_kind(const Json *value);                       /* JSON_NONE for NULL */
const Json *json_get(const Json *object, const char *key);   /* NULL when absent or not an object */
const Json *json_at(const Json *array, size_t index);
size_t json_count(const Json *value);                        /* of an array or object, else 0 */
const char *json_string(const Json *value, size_t *size);    /* NULL when none; size may be NULL */
int64_t json_integer(const Json *value, int64_t fallback);
double json_number(const Json *value, double fallback);      /* integers too */
bool json_bool(const Json *value, bool fallback);
const char *json_get_string(const Json *object, const char *key, const char *fallback);
int64_t json_get_integer(const Json *object, const char *key, int64_t fallback);
double json_get_number(const Json *object, const char *key, double fallback);

/* Walks the members of an object or the elements of an array, in file order and in linear time (json_at
 * walks too):
 *   for (JsonIter i = json_first(o); i.value; json_next(&i)) */
typedef struct JsonIter {
    const char *key;       /* NUL-terminated; NULL in an array */
    size_t key_size;
    const Json *value;     /* NULL at the end */
    const Json *container;
    const Json *next;      /* private, with `left`: where the next member begins, and how many there are */
    size_t left;
} JsonIter;
JsonIter json_first(const Json *container);
void json_next(JsonIter *iter);

/* Writer: appends to a Buf, compact, adding commas by itself.
 *   json_open(b, '{'); json_key(b, "seed"); json_put_string(b, "42"); json_close(b, '}');
 * Numbers use a point and the shortest form that reads back equal, whatever the locale; non-finite numbers
 * become null. Invalid UTF-8 in strings becomes U+FFFD. */
void json_open(Buf *out, char bracket);
void json_close(Buf *out, char bracket);
void json_key(Buf *out, const char *key);
void json_key_bytes(Buf *out, const char *key, size_t size);
void json_put_string(Buf *out, const char *text);
void json_put_bytes(Buf *out, const char *text, size_t size);
void json_put_integer(Buf *out, int64_t value);
void json_put_number(Buf *out, double value);
void json_put_bool(Buf *out, bool value);
void json_put_null(Buf *out);
