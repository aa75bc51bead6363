/* meta_newbie.c: the chunk `newbie`, which holds all facts of a run as JSON.
 *
 * One table says which field stands under which key, in the order of product.md M8; writer and reader walk
 * it. */
#include "config.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/meta_parts.h"
#include "io/json.h"

typedef enum Kind {
    KIND_TEXT, KIND_REAL, KIND_COUNT, KIND_BYTES, KIND_SEED, KIND_SIGMAS, KIND_SIZE, KIND_LIST,
    KIND_SYSTEM, KIND_MODEL, KIND_PHASES, KIND_PARENT,
} Kind;

typedef enum Privacy { SHARED, PRIVATE } Privacy; /* PRIVATE: only written by META_FULL (product.md M9) */

typedef struct Row {
    const char *key;
    Kind kind;
    size_t offset; /* into RunMeta; 0 where the kind knows its fields */
    Privacy privacy;
} Row;

static const Row ROWS[] = {
    {"prompt", KIND_TEXT, AT(prompt), SHARED},
    {"negative", KIND_TEXT, AT(negative), SHARED},
    {"system", KIND_SYSTEM, 0, SHARED},
    {"template", KIND_TEXT, AT(prompt_template), SHARED},
    {"seed", KIND_SEED, 0, SHARED},
    {"variation", KIND_TEXT, AT(variation), SHARED},
    {"sampler", KIND_TEXT, AT(sampler), SHARED},
    {"schedule", KIND_TEXT, AT(schedule), SHARED},
    {"sigmas", KIND_SIGMAS, 0, SHARED},
    {"shift", KIND_REAL, AT(shift), SHARED},
    {"cfg", KIND_REAL, AT(cfg), SHARED},
    {"cfg_trunc", KIND_REAL, AT(cfg_trunc), SHARED},
    {"renorm", KIND_REAL, AT(renorm), SHARED},
    {"size", KIND_SIZE, 0, SHARED},
    {"steps", KIND_COUNT, AT(steps), SHARED},
    {"steps_run", KIND_COUNT, AT(steps_run), SHARED},
    {"parity", KIND_TEXT, AT(parity), SHARED},
    {"rng", KIND_TEXT, AT(rng), SHARED},
    {"dtype", KIND_TEXT, AT(dtype), SHARED},
    {"model", KIND_MODEL, 0, SHARED},
    {"lora", KIND_LIST, AT(lora), SHARED},
    {"build", KIND_TEXT, AT(build), SHARED},
    {"device", KIND_TEXT, AT(device), PRIVATE},
    {"libraries", KIND_LIST, AT(libraries), PRIVATE},
    {"seconds", KIND_PHASES, 0, PRIVATE},
    {"peak_bytes", KIND_BYTES, AT(peak_bytes), PRIVATE},
    {"latent_sha256", KIND_TEXT, AT(latent_sha256), SHARED},
    {"parent", KIND_PARENT, AT(parent), PRIVATE},
};

enum {
    ROW_COUNT = sizeof ROWS / sizeof *ROWS,
    ROWS_LIMIT = 256, /* entries read of one list: the lists are searched from the start */
};

/* --- writing `newbie` ----------------------------------------------------------------------------------- */

static void put_text(Buf *out, const char *key, const char *text) {
    if (!text)
        return;
    json_key(out, key);
    json_put_string(out, text);
}

static void put_list(Buf *out, const char *key, const MetaList *list) {
    if (!list->count)
        return;
    json_key(out, key);
    json_open(out, '{');
    for (size_t i = 0; i < list->count; i++)
        put_text(out, list->rows[i].name, list->rows[i].text);
    json_close(out, '}');
}

static void put_system(Buf *out, const char *key, const RunMeta *meta) {
    if (!meta->system_preset && !meta->system_text)
        return;
    json_key(out, key);
    json_open(out, '{');
    put_text(out, "preset", meta->system_preset);
    put_text(out, "text", meta->system_text);
    json_close(out, '}');
}

static void put_model(Buf *out, const char *key, const RunMeta *meta) {
    if (!meta->model_name)
        return;
    json_key(out, key);
    json_open(out, '{');
    put_text(out, "name", meta_base_name(meta->model_name));
    json_key(out, "demo");
    json_put_bool(out, meta->demo);
    put_list(out, "hashes", &meta->hashes);
    json_close(out, '}');
}

static void put_sigmas(Buf *out, const char *key, const RunMeta *meta) {
    if (!meta->sigma_count)
        return;
    json_key(out, key);
    json_open(out, '[');
    for (size_t i = 0; i < meta->sigma_count; i++)
        json_put_number(out, meta->sigmas[i]);
    json_close(out, ']');
}

static void put_phases(Buf *out, const char *key, const RunMeta *meta) {
    if (!meta->phase_count)
        return;
    json_key(out, key);
    json_open(out, '{');
    for (size_t i = 0; i < meta->phase_count; i++) {
        json_key(out, meta->phases[i].name);
        json_put_number(out, meta->phases[i].seconds);
    }
    json_close(out, '}');
}

static void put_real(Buf *out, const char *key, double value) {
    if (isnan(value))
        return;
    json_key(out, key);
    json_put_number(out, value);
}

static void put_integer(Buf *out, const char *key, int64_t value) {
    if (value <= 0)
        return;
    json_key(out, key);
    json_put_integer(out, value);
}

/* A value that is text in JSON although it is made of numbers. */
static void put_seed(Buf *out, const char *key, const RunMeta *meta) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)meta->seed);
    put_text(out, key, meta->has_seed ? text : NULL);
}

static void put_size(Buf *out, const char *key, const RunMeta *meta) {
    char text[32];
    snprintf(text, sizeof text, "%dx%d", meta->width, meta->height);
    put_text(out, key, meta->width > 0 ? text : NULL);
}

static void put_row(Buf *out, const Row *row, const RunMeta *meta) {
    const void *field = field_at(meta, row->offset);
    const char *parent = meta->parent ? meta_base_name(meta->parent) : NULL;
    switch (row->kind) {
    case KIND_TEXT: put_text(out, row->key, *(char *const *)field); break;
    case KIND_REAL: put_real(out, row->key, *(const double *)field); break;
    case KIND_COUNT: put_integer(out, row->key, *(const int *)field); break;
    case KIND_BYTES: put_integer(out, row->key, *(const int64_t *)field); break;
    case KIND_SEED: put_seed(out, row->key, meta); break;
    case KIND_SIGMAS: put_sigmas(out, row->key, meta); break;
    case KIND_SIZE: put_size(out, row->key, meta); break;
    case KIND_LIST: put_list(out, row->key, field); break;
    case KIND_SYSTEM: put_system(out, row->key, meta); break;
    case KIND_MODEL: put_model(out, row->key, meta); break;
    case KIND_PHASES: put_phases(out, row->key, meta); break;
    case KIND_PARENT: put_text(out, row->key, parent); break;
    }
}

void meta_write_newbie(Buf *out, const RunMeta *meta, MetaLevel level) {
    json_open(out, '{');
    json_key(out, "newbie");
    json_put_integer(out, 1);
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (level == META_FULL || ROWS[i].privacy == SHARED)
            put_row(out, &ROWS[i], meta);
    json_close(out, '}');
}

/* --- reading `newbie` ----------------------------------------------------------------------------------- */

/* All readers: false when the value is not of the kind that the key asks for. */
static bool get_text(char **field, const Json *value) {
    size_t size;
    const char *text = json_string(value, &size);
    if (!text || memchr(text, 0, size + 1) != text + size)
        return false;
    meta_set_n(field, text, size);
    return true;
}

static bool get_list(MetaList *list, const Json *value) {
    if (json_kind(value) != JSON_OBJECT)
        return false;
    for (JsonIter i = json_first(value); i.value && list->count < ROWS_LIMIT; json_next(&i))
        if (json_string(i.value, NULL))
            meta_list_add(list, i.key, json_string(i.value, NULL));
    return true;
}

static bool get_system(RunMeta *out, const Json *value) {
    const Json *preset = json_get(value, "preset"), *text = json_get(value, "text");
    return json_kind(value) == JSON_OBJECT && (!preset || get_text(&out->system_preset, preset))
        && (!text || get_text(&out->system_text, text));
}

static bool get_model(RunMeta *out, const Json *value) {
    const Json *hashes = json_get(value, "hashes");
    out->demo = json_bool(json_get(value, "demo"), false);
    return get_text(&out->model_name, json_get(value, "name")) && (!hashes || get_list(&out->hashes, hashes));
}

static bool get_real(double *out, const Json *value) {
    double number = json_number(value, NAN);
    if (!isfinite(number))
        return false;
    *out = number;
    return true;
}

static bool get_sigmas(RunMeta *out, const Json *value) {
    size_t count = json_count(value);
    if (json_kind(value) != JSON_ARRAY || !count)
        return false;
    double *sigmas = must_alloc(count * sizeof *sigmas), *at = sigmas;
    bool good = true;
    for (JsonIter i = json_first(value); i.value && good; json_next(&i))
        good = get_real(at++, i.value);
    if (good)
        meta_sigmas(out, sigmas, count);
    free(sigmas);
    return good;
}

static bool get_phases(RunMeta *out, const Json *value) {
    if (json_kind(value) != JSON_OBJECT)
        return false;
    for (JsonIter i = json_first(value); i.value && out->phase_count < ROWS_LIMIT; json_next(&i)) {
        double seconds;
        if (get_real(&seconds, i.value))
            meta_phase_add(out, i.key, seconds);
    }
    return true;
}

static bool get_integer(int64_t *out, const Json *value, int64_t limit) {
    int64_t number = json_integer(value, -1);
    if (json_kind(value) != JSON_INTEGER || number < 1 || number > limit)
        return false;
    *out = number;
    return true;
}

static bool get_count(int *out, const Json *value) {
    int64_t number;
    if (!get_integer(&number, value, INT_MAX))
        return false;
    *out = (int)number;
    return true;
}

static bool get_row(RunMeta *out, const Row *row, const Json *value) {
    void *field = field_at(out, row->offset);
    const char *text = json_string(value, NULL);
    switch (row->kind) {
    case KIND_TEXT:
    case KIND_PARENT: return get_text(field, value);
    case KIND_REAL: return get_real(field, value);
    case KIND_COUNT: return get_count(field, value);
    case KIND_BYTES: return get_integer(field, value, INT64_MAX);
    case KIND_SEED: return text && meta_parse_seed(out, text);
    case KIND_SIGMAS: return get_sigmas(out, value);
    case KIND_SIZE: return text && meta_parse_size(out, text);
    case KIND_LIST: return get_list(field, value);
    case KIND_SYSTEM: return get_system(out, value);
    case KIND_MODEL: return get_model(out, value);
    case KIND_PHASES: return get_phases(out, value);
    }
    return false;
}

static const Row *find_row(const char *key) {
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (!strcmp(ROWS[i].key, key))
            return &ROWS[i];
    return NULL;
}

bool meta_read_newbie(RunMeta *out, Buf *remarks, const char *text) {
    Json *document;
    Status status = json_parse(&document, text, strlen(text));
    if (status) {
        meta_remark(remarks, "chunk newbie cannot be read: %s", status->message);
        return false;
    }
    int64_t version = json_get_integer(document, "newbie", 0);
    if (version > 1)
        meta_remark(remarks, "written by a later version of newbie (format %lld)", (long long)version);
    for (JsonIter i = json_first(document); i.value; json_next(&i)) {
        const Row *row = find_row(i.key);
        if (!row ? strcmp(i.key, "newbie") != 0 : !get_row(out, row, i.value))
            meta_remark(remarks, "%s: %s", i.key,
                        row ? "its value cannot be read" : "unknown to this version");
    }
    json_free(document);
    if (!out->prompt)
        meta_remark(remarks, "chunk newbie holds no prompt");
    return out->prompt != NULL;
}
