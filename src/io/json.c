/* json.c: reads a JSON document into one flat list of nodes over one copy of its text.
 *
 * Why not a library: Gemma's tokenizer.json has 33 MB, 1.8 million values, and one second from file to
 * tokenizer. A reader that allocates every value (jansson 2.14) takes 0.5 to 0.7 s of it on a machine where
 * this one takes 0.2 s; and one reader for all files is less than two. Nodes stand in the order of the text;
 * `span` leads over a value's children to the next one. Strings are unescaped where they stand (they only get
 * shorter) and end with a NUL in place of the quote.
 *
 * Strict RFC 8259: no comments, no trailing commas, valid UTF-8, no lone surrogates; duplicate keys are
 * refused. Numbers do not depend on the locale. */
#include "config.h"

#include "io/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "base/utf8.h"

#define FILE_LIMIT ((size_t)256 << 20)
#define DEPTH_MAX 200
#define NODES_MAX UINT32_MAX
#define FEW_KEYS 16 /* up to here a duplicate key is found by comparing, above by a map */

struct Json {
    uint32_t span;  /* nodes of this value: 1 + those of its children, keys included */
    uint32_t size;  /* bytes of a string; children of an array; members of an object */
    uint8_t kind;   /* JsonKind */
    union {
        int64_t integer;
        double real;
        const char *text;
        bool truth;
    } as;
};

/* What json_parse returns is the first node; the rest of the document hides in front of it. */
typedef struct Document {
    char *text; /* owned */
    Json nodes[];
} Document;

typedef struct Parser {
    char *text, *at, *end;
    const char *original; /* the caller's bytes, for line and column: the copy changes while it is read */
    Document *document;
    size_t count, capacity;
    int depth;
} Parser;

/* ---- reading ---- */

static Status wrong_at(const Parser *p, const char *at, const char *what) {
    size_t line = 1, column = 1, offset = (size_t)(at - p->text);
    for (size_t i = 0; i < offset; i++) {
        line += p->original[i] == '\n';
        column = p->original[i] == '\n' ? 1 : column + ((p->original[i] & 0xC0) != 0x80);
    }
    return fail(ERR_FORMAT, "line %zu column %zu: %s", line, column, what);
}

static Status wrong(const Parser *p, const char *what) {
    return wrong_at(p, p->at, p->at == p->end ? "the text ends too early" : what);
}

/* Appends a node and gives its index, because the list moves when it grows. */
static Status add_node(Parser *p, JsonKind kind, size_t *index) {
    if (p->count == p->capacity) {
        size_t capacity = p->capacity ? p->capacity * 2 : 64;
        Document *grown = p->count < NODES_MAX / 2
                              ? realloc(p->document, sizeof *grown + capacity * sizeof *grown->nodes)
                              : NULL;
        if (!grown)
            return fail(ERR_MEMORY, "no memory for a JSON document of more than %zu values", p->count);
        p->document = grown;
        p->capacity = capacity;
    }
    p->document->nodes[p->count] = (Json){.span = 1, .kind = (uint8_t)kind};
    *index = p->count++;
    return NULL;
}

static void skip_space(Parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

/* Four hex digits at p->at; false when they are not there. */
static bool read_hex4(Parser *p, uint32_t *code) {
    if (p->end - p->at < 4)
        return false;
    *code = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)*p->at++, lower = c | 0x20;
        if (c >= '0' && c <= '9')
            *code = *code << 4 | (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            *code = *code << 4 | (lower - 'a' + 10u);
        else
            return false;
    }
    return true;
}

/* After "\u": one code, or two that form a surrogate pair. */
static Status read_unicode(Parser *p, char **out) {
    uint32_t code, low;
    if (!read_hex4(p, &code))
        return wrong(p, "expected four hex digits after \\u");
    if (code >= 0xD800 && code < 0xDC00) {
        if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u')
            return wrong(p, "half of a surrogate pair");
        p->at += 2;
        if (!read_hex4(p, &low) || low < 0xDC00 || low > 0xDFFF)
            return wrong(p, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        return wrong(p, "half of a surrogate pair");
    }
    *out += utf8_encode(*out, code); /* at most 4 bytes where at least 6 were read */
    return NULL;
}

static Status read_escape(Parser *p, char **out) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    p->at++;
    if (p->at == p->end)
        return wrong(p, "");
    char c = *p->at;
    if (c == 'u') {
        p->at++;
        return read_unicode(p, out);
    }
    const char *name = c ? strchr(names, c) : NULL;
    if (!name)
        return wrong(p, "unknown escape in a string");
    *(*out)++ = values[name - names];
    p->at++;
    return NULL;
}

/* p->at is behind the opening quote. Unescapes in place. */
static Status read_string(Parser *p, Json *node) {
    char *start = p->at, *out;
    bool ascii = true;
    while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (unsigned char)*p->at >= 0x20)
        ascii &= !(*p->at++ & 0x80);
    out = p->at;
    while (p->at < p->end && *p->at != '"') {
        if (*p->at == '\\') {
            TRY(read_escape(p, &out));
        } else if ((unsigned char)*p->at < 0x20) {
            return wrong(p, "a control character in a string");
        } else {
            ascii &= !(*p->at & 0x80);
            *out++ = *p->at++;
        }
    }
    if (p->at == p->end)
        return wrong(p, "");
    size_t size = (size_t)(out - start);
    if (!ascii && utf8_check(start, size) != size)
        return wrong_at(p, start, "a string is not valid UTF-8");
    p->at++;
    *out = '\0'; /* at the latest in place of the closing quote */
    node->size = (uint32_t)size;
    node->as.text = start;
    return NULL;
}

/* strtod of a number that is known to be well-formed. It wants the locale's decimal point. */
static double read_real(const char *text, size_t size) {
    char small[64], *copy = size < 56 ? small : must_alloc(size + 8), *point;
    memcpy(copy, text, size);
    copy[size] = '\0';
    const char *local = localeconv()->decimal_point;
    if (strcmp(local, ".") && strlen(local) < 8 && (point = strchr(copy, '.'))) {
        memmove(point + strlen(local), point + 1, strlen(point + 1) + 1);
        memcpy(point, local, strlen(local));
    }
    double value = strtod(copy, NULL);
    if (copy != small)
        free(copy);
    return value;
}

static bool skip_digits(Parser *p) {
    char *start = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        p->at++;
    return p->at > start;
}

/* Reads '-'? digits as an integer; false when it does not fit 64 bits. */
static bool to_integer(const char *at, const char *end, int64_t *value) {
    bool negative = *at == '-';
    *value = 0;
    for (at += negative; at < end; at++) {
        int digit = *at - '0';
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, negative ? -digit : digit, value))
            return false;
    }
    return true;
}

static Status read_number(Parser *p, Json *node) {
    char *start = p->at;
    bool whole = true;
    p->at += *p->at == '-';
    if (p->at < p->end && *p->at == '0')
        p->at++;
    else if (!skip_digits(p))
        return wrong(p, "expected a value");
    if (p->at < p->end && *p->at == '.') {
        whole = false;
        p->at++;
        if (!skip_digits(p))
            return wrong(p, "expected a digit after the point");
    }
    if (p->at < p->end && (*p->at | 0x20) == 'e') {
        whole = false;
        p->at++;
        p->at += p->at < p->end && (*p->at == '+' || *p->at == '-');
        if (!skip_digits(p))
            return wrong(p, "expected a digit in the exponent");
    }
    if (whole && to_integer(start, p->at, &node->as.integer)) {
        node->kind = JSON_INTEGER;
        return NULL;
    }
    node->kind = JSON_REAL;
    node->as.real = read_real(start, (size_t)(p->at - start));
    return isfinite(node->as.real) ? NULL : wrong_at(p, start, "a number is too large");
}

static Status read_word(Parser *p, Json *node) {
    static const struct { const char *text; JsonKind kind; bool truth; } words[] = {
        {"true", JSON_BOOL, true}, {"false", JSON_BOOL, false}, {"null", JSON_NULL, false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = strlen(words[i].text);
        if ((size_t)(p->end - p->at) >= size && !memcmp(p->at, words[i].text, size)) {
            p->at += size;
            node->kind = (uint8_t)words[i].kind;
            node->as.truth = words[i].truth;
            return NULL;
        }
    }
    return wrong(p, "expected a value");
}

static Status repeated_key(const Parser *p, const Json *key) {
    char what[160];
    snprintf(what, sizeof what, "the key \"%.*s\" appears twice", (int)(key->size < 100 ? key->size : 100),
             key->as.text);
    return wrong_at(p, key->as.text, what);
}

static Status check_keys(const Parser *p, const Json *object) {
    Map keys = {0};
    Status st = NULL;
    if (object->size > FEW_KEYS)
        map_reserve(&keys, object->size);
    const Json *key = object + 1, *end = object + object->span;
    for (; key < end && !st; key += 1 + key[1].span) {
        if (object->size > FEW_KEYS) {
            if (!map_put(&keys, key->as.text, key->size, 0))
                st = repeated_key(p, key);
            continue;
        }
        for (const Json *old = object + 1; old < key && !st; old += 1 + old[1].span)
            if (old->size == key->size && !memcmp(old->as.text, key->as.text, key->size))
                st = repeated_key(p, key);
    }
    map_done(&keys);
    return st;
}

static Status read_value(Parser *p);

static Status read_key(Parser *p) {
    size_t index;
    if (p->at == p->end || *p->at != '"')
        return wrong(p, "expected a key in quotes");
    p->at++;
    TRY(add_node(p, JSON_STRING, &index));
    TRY(read_string(p, &p->document->nodes[index]));
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return wrong(p, "expected : after a key");
    p->at++;
    return NULL;
}

static Status read_container(Parser *p, JsonKind kind) {
    size_t index, count = 0;
    char close = kind == JSON_OBJECT ? '}' : ']';
    if (p->depth == DEPTH_MAX)
        return wrong(p, "nested too deeply");
    p->depth++;
    p->at++;
    TRY(add_node(p, kind, &index));
    skip_space(p);
    if (p->at < p->end && *p->at == close) {
        p->at++;
    } else {
        for (bool more = true; more; count++) {
            skip_space(p);
            if (kind == JSON_OBJECT)
                TRY(read_key(p));
            TRY(read_value(p));
            skip_space(p);
            if (p->at == p->end || (*p->at != ',' && *p->at != close))
                return wrong(p, kind == JSON_OBJECT ? "expected , or }" : "expected , or ]");
            more = *p->at++ == ',';
        }
    }
    p->depth--;
    Json *node = &p->document->nodes[index];
    node->span = (uint32_t)(p->count - index);
    node->size = (uint32_t)count;
    return kind == JSON_OBJECT ? check_keys(p, node) : NULL;
}

static Status read_value(Parser *p) {
    size_t index;
    skip_space(p);
    if (p->at == p->end)
        return wrong(p, "");
    if (*p->at == '{' || *p->at == '[')
        return read_container(p, *p->at == '{' ? JSON_OBJECT : JSON_ARRAY);
    TRY(add_node(p, JSON_STRING, &index));
    Json *node = &p->document->nodes[index];
    if (*p->at == '"') {
        p->at++;
        return read_string(p, node);
    }
    return *p->at == '-' || (*p->at >= '0' && *p->at <= '9') ? read_number(p, node) : read_word(p, node);
}

Status json_parse(Json **out, const void *bytes, size_t size) {
    if (size > FILE_LIMIT)
        return fail(ERR_FORMAT, "a JSON text has %zu bytes, expected at most %zu", size, FILE_LIMIT);
    char *text = malloc(size + 1);
    if (!text)
        return fail(ERR_MEMORY, "no memory for a JSON text of %zu bytes", size);
    if (size)
        memcpy(text, bytes, size);
    text[size] = '\0';
    Parser p = {.text = text, .at = text, .end = text + size, .original = bytes};
    Status st = read_value(&p);
    if (!st) {
        skip_space(&p);
        st = p.at < p.end ? wrong(&p, "more text after the end of the value") : NULL;
    }
    if (st) {
        free(text);
        free(p.document);
        return st;
    }
    p.document->text = text;
    *out = p.document->nodes;
    return NULL;
}

Status json_read(Json **out, const char *path) {
    FileMap map;
    TRY(file_map(&map, path));
    Status st = note(json_parse(out, map.data, map.size), "%s", path);
    file_unmap(&map);
    return st;
}

void json_free(Json *document) {
    if (!document)
        return;
    Document *whole = (Document *)((char *)document - offsetof(Document, nodes));
    free(whole->text);
    free(whole);
}

/* ---- looking ---- */

JsonKind json_kind(const Json *value) {
    return value ? (JsonKind)value->kind : JSON_NONE;
}

size_t json_count(const Json *value) {
    JsonKind kind = json_kind(value);
    return kind == JSON_ARRAY || kind == JSON_OBJECT ? value->size : 0;
}

JsonIter json_first(const Json *container) {
    JsonIter iter = {.container = container, .left = json_count(container)};
    if (iter.left) {
        iter.next = container + 1;
        json_next(&iter);
    }
    return iter;
}

void json_next(JsonIter *iter) {
    iter->value = NULL;
    iter->key = NULL;
    if (!iter->left)
        return;
    iter->left--;
    if (json_kind(iter->container) == JSON_OBJECT) {
        iter->key = iter->next->as.text;
        iter->key_size = iter->next->size;
        iter->next++;
    }
    iter->value = iter->next;
    iter->next += iter->next->span;
}

const Json *json_get(const Json *object, const char *key) {
    size_t size = strlen(key);
    if (json_kind(object) != JSON_OBJECT)
        return NULL;
    for (JsonIter i = json_first(object); i.value; json_next(&i))
        if (i.key_size == size && !memcmp(i.key, key, size))
            return i.value;
    return NULL;
}

const Json *json_at(const Json *array, size_t index) {
    if (json_kind(array) != JSON_ARRAY || index >= json_count(array))
        return NULL;
    JsonIter i = json_first(array);
    while (index--)
        json_next(&i);
    return i.value;
}

const char *json_string(const Json *value, size_t *size) {
    if (json_kind(value) != JSON_STRING)
        return NULL;
    if (size)
        *size = value->size;
    return value->as.text;
}

int64_t json_integer(const Json *value, int64_t fallback) {
    return json_kind(value) == JSON_INTEGER ? value->as.integer : fallback;
}

double json_number(const Json *value, double fallback) {
    if (json_kind(value) == JSON_INTEGER)
        return (double)value->as.integer;
    return json_kind(value) == JSON_REAL ? value->as.real : fallback;
}

bool json_bool(const Json *value, bool fallback) {
    return json_kind(value) == JSON_BOOL ? value->as.truth : fallback;
}

const char *json_get_string(const Json *object, const char *key, const char *fallback) {
    const char *text = json_string(json_get(object, key), NULL);
    return text ? text : fallback;
}

int64_t json_get_integer(const Json *object, const char *key, int64_t fallback) {
    return json_integer(json_get(object, key), fallback);
}

double json_get_number(const Json *object, const char *key, double fallback) {
    return json_number(json_get(object, key), fallback);
}
