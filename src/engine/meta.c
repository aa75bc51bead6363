/* meta.c: the facts of a run as a struct, and the chunk `newbie`, which holds all of them as JSON.
 *
 * One table says which field stands under which key, in the order of product.md M8; writer and reader walk
 * it. The chunks of other programs are in meta_a1111.c and meta_comfy.c. */
#include "config.h"

#include "engine/meta.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/meta_parts.h"
#include "io/json.h"
#include "sample/schedule.h"
#include "sample/solver.h"

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

#define AT(field) offsetof(RunMeta, field)

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

/* All owned strings, for freeing and copying. */
static const size_t TEXTS[] = {
    AT(prompt),  AT(negative), AT(system_preset), AT(system_text),   AT(prompt_template), AT(variation),
    AT(sampler), AT(schedule), AT(rng),           AT(parity),        AT(dtype),           AT(model_name),
    AT(build),   AT(device),   AT(parent),        AT(latent_sha256),
};

static const size_t LISTS[] = {AT(hashes), AT(lora), AT(libraries)};

enum { TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS, LIST_COUNT = sizeof LISTS / sizeof *LISTS };

static void *field_at(const RunMeta *meta, size_t offset) {
    return (char *)meta + offset;
}

/* --- the struct ----------------------------------------------------------------------------------------- */

void meta_begin(RunMeta *meta) {
    *meta = (RunMeta){.shift = NAN, .cfg = NAN, .cfg_trunc = NAN, .renorm = NAN};
}

static void list_done(MetaList *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->rows[i].name);
        free(list->rows[i].text);
    }
    free(list->rows);
    *list = (MetaList){0};
}

void meta_done(RunMeta *meta) {
    for (size_t i = 0; i < TEXT_COUNT; i++)
        free(*(char **)field_at(meta, TEXTS[i]));
    for (size_t i = 0; i < LIST_COUNT; i++)
        list_done(field_at(meta, LISTS[i]));
    for (size_t i = 0; i < meta->phase_count; i++)
        free(meta->phases[i].name);
    free(meta->phases);
    free(meta->sigmas);
    meta_begin(meta);
}

void meta_set(char **field, const char *text) {
    char *copy = must_copy(text);
    free(*field);
    *field = copy;
}

void meta_set_n(char **field, const char *text, size_t size) {
    char *copy = must_copy_n(text, size);
    free(*field);
    *field = copy;
}

const char *meta_list_get(const MetaList *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->rows[i].name, name))
            return list->rows[i].text;
    return NULL;
}

void meta_list_add(MetaList *list, const char *name, const char *text) {
    if (meta_list_get(list, name))
        return;
    list->rows = must_realloc(list->rows, (list->count + 1) * sizeof *list->rows);
    list->rows[list->count++] = (struct MetaPair){must_copy(name), must_copy(text)};
}

void meta_phase_add(RunMeta *meta, const char *name, double seconds) {
    for (size_t i = 0; i < meta->phase_count; i++)
        if (!strcmp(meta->phases[i].name, name)) {
            meta->phases[i].seconds += seconds;
            return;
        }
    meta->phases = must_realloc(meta->phases, (meta->phase_count + 1) * sizeof *meta->phases);
    meta->phases[meta->phase_count++] = (MetaPhase){must_copy(name), seconds};
}

void meta_sigmas(RunMeta *meta, const double *sigmas, size_t count) {
    free(meta->sigmas);
    meta->sigmas = NULL;
    meta->sigma_count = count;
    if (!count)
        return;
    meta->sigmas = must_alloc(count * sizeof *sigmas);
    memcpy(meta->sigmas, sigmas, count * sizeof *sigmas);
}

void meta_copy(RunMeta *to, const RunMeta *from) {
    *to = *from;
    for (size_t i = 0; i < TEXT_COUNT; i++)
        *(char **)field_at(to, TEXTS[i]) = must_copy(*(char **)field_at(from, TEXTS[i]));
    for (size_t i = 0; i < LIST_COUNT; i++) {
        const MetaList *list = field_at(from, LISTS[i]);
        MetaList *copy = field_at(to, LISTS[i]);
        *copy = (MetaList){0};
        for (size_t row = 0; row < list->count; row++)
            meta_list_add(copy, list->rows[row].name, list->rows[row].text);
    }
    to->phases = NULL;
    to->phase_count = 0;
    for (size_t i = 0; i < from->phase_count; i++)
        meta_phase_add(to, from->phases[i].name, from->phases[i].seconds);
    to->sigmas = NULL;
    meta_sigmas(to, from->sigmas, from->sigma_count);
}

void meta_missing(Buf *out, const RunMeta *meta) {
    const struct { const char *name; bool known;
    } needed[] = {
        {"prompt", meta->prompt != NULL},
        {"seed", meta->has_seed},
        {"size", meta->width > 0},
        {"steps", meta->steps > 0},
        {"cfg", !isnan(meta->cfg)},
        {"shift", !isnan(meta->shift)},
        {"sampler", meta->sampler},
        {"schedule", meta->schedule},
        {"sys", meta->system_preset != NULL},
        {"rng", meta->rng != NULL},
        {"model", meta->model_name != NULL},
    };
    const char *comma = "";
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].known) {
            buf_print(out, "%s%s", comma, needed[i].name);
            comma = ", ";
        }
}

/* --- parts that the other files use too ----------------------------------------------------------------- */

MetaName meta_samplers(int index) {
    const Solver *row = &SOLVERS[index];
    return (MetaName){row->name, row->label, row->aliases};
}

MetaName meta_schedules(int index) {
    const Schedule *row = &SCHEDULES[index];
    return (MetaName){row->name, row->label, row->aliases};
}

MetaName meta_generators(int index) {
    static const MetaName NAMES[] = {
        {"cpu", "CPU", ""}, {"cuda", "GPU", ""}, {"a1111", "NV", ""}, {NULL, NULL, NULL}};
    return NAMES[index];
}

/* Whether `word` is one of the words of `list`, which have spaces between them. */
static bool has_word(const char *list, const char *word) {
    size_t size = strlen(word);
    for (; *list; list += strspn(list, " ")) {
        size_t length = strcspn(list, " ");
        if (length == size && !strncasecmp(list, word, size))
            return true;
        list += length;
    }
    return false;
}

MetaName meta_find_name(MetaNames *names, const char *text) {
    MetaName row = names(0);
    for (int i = 1; row.ours; row = names(i++))
        if (!strcasecmp(text, row.ours) || !strcasecmp(text, row.label) || has_word(row.aliases, text))
            break;
    return row;
}

bool meta_set_name(char **field, MetaNames *names, const char *text) {
    MetaName row = meta_find_name(names, text);
    if (row.ours)
        meta_set(field, row.ours);
    return row.ours != NULL;
}

/* A decimal number without sign up to `limit`, and what follows it. */
static bool take_decimal(uint64_t *out, const char **text, uint64_t limit) {
    const char *at = *text;
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == *text)
        return false;
    *out = value;
    *text = at;
    return true;
}

bool meta_parse_seed(RunMeta *meta, const char *text) {
    uint64_t seed;
    if (!take_decimal(&seed, &text, UINT64_MAX) || *text)
        return false;
    meta->seed = seed;
    meta->has_seed = true;
    return true;
}

bool meta_parse_real(double *out, const char *text) {
    Json *number; /* strtod would obey the locale */
    if (json_parse(&number, text, strlen(text)))
        return false;
    double value = json_number(number, NAN);
    json_free(number);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

bool meta_parse_count(int *out, const char *text) {
    uint64_t value;
    if (!take_decimal(&value, &text, INT_MAX) || *text || value < 1)
        return false;
    *out = (int)value;
    return true;
}

bool meta_parse_size(RunMeta *meta, const char *text) {
    uint64_t width, height;
    if (!take_decimal(&width, &text, INT_MAX) || *text++ != 'x' || !take_decimal(&height, &text, INT_MAX)
        || *text || width < 1 || height < 1)
        return false;
    meta->width = (int)width;
    meta->height = (int)height;
    return true;
}

void meta_plain_parentheses(char **field, Buf *remarks) {
    if (!*field)
        return;
    char *to = *field;
    for (const char *from = *field; *from; from++)
        if (from[0] != '\\' || (from[1] != '(' && from[1] != ')'))
            *to++ = *from;
    if (*to)
        meta_remark(remarks, "\\( and \\) were turned into plain parentheses");
    *to = 0;
}

void meta_remark(Buf *remarks, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprint(remarks, format, args);
    va_end(args);
    buf_byte(remarks, '\n');
}

const char *meta_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

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

static void write_newbie(Buf *out, const RunMeta *meta, MetaLevel level) {
    json_open(out, '{');
    json_key(out, "newbie");
    json_put_integer(out, 1);
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (level == META_FULL || ROWS[i].privacy == SHARED)
            put_row(out, &ROWS[i], meta);
    json_close(out, '}');
}

void meta_write(Buf *parameters, Buf *newbie, const RunMeta *meta, MetaLevel level) {
    if (level == META_OFF)
        return;
    meta_write_parameters(parameters, meta);
    write_newbie(newbie, meta, level);
}

Status meta_encode(Buf *png, const uint8_t *pixels, const RunMeta *meta, MetaLevel level) {
    Buf parameters = {0}, newbie = {0};
    meta_write(&parameters, &newbie, meta, level);
    PngText texts[3] = {
        {"parameters", buf_string(&parameters), parameters.size, PNG_AS_NEEDED},
        {"newbie", buf_string(&newbie), newbie.size, PNG_INTERNATIONAL},
    };
    size_t count = 2;
    if (meta->build)
        texts[count++] = (PngText){"Software", meta->build, strlen(meta->build), PNG_AS_NEEDED};
    Status status = png_encode(png, pixels, meta->width, meta->height, texts, level == META_OFF ? 0 : count);
    buf_done(&parameters);
    buf_done(&newbie);
    return status;
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
    double *sigmas = must_alloc(count * sizeof *sigmas);
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good = good && get_real(&sigmas[i], json_at(value, i));
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

static bool read_newbie(RunMeta *out, Buf *remarks, const char *text, size_t size) {
    Json *document;
    Status status = json_parse(&document, text, size);
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

/* --- reading any picture -------------------------------------------------------------------------------- */

const char *meta_chunk(MetaSource source) {
    static const char *const NAMES[] = {[META_NONE] = NULL,
                                        [META_NEWBIE] = "newbie",
                                        [META_PARAMETERS] = "parameters",
                                        [META_COMFY] = "prompt"};
    return NAMES[source];
}

static bool read_source(RunMeta *out, Buf *remarks, MetaSource source, const char *text) {
    switch (source) {
    case META_NEWBIE: return read_newbie(out, remarks, text, strlen(text));
    case META_PARAMETERS: return meta_read_parameters(out, remarks, text);
    case META_COMFY: return meta_read_comfy(out, remarks, text);
    case META_NONE: break;
    }
    return false;
}

MetaSource meta_read(RunMeta *out, Buf *remarks, const PngInfo *png) {
    static const MetaSource ORDER[] = {META_NEWBIE, META_PARAMETERS, META_COMFY};
    meta_begin(out);
    for (size_t i = 0; i < sizeof ORDER / sizeof *ORDER; i++) {
        const char *text = png_text(png, meta_chunk(ORDER[i]));
        if (text && read_source(out, remarks, ORDER[i], text))
            return ORDER[i];
        meta_done(out); /* what an unreadable chunk left behind */
    }
    return META_NONE;
}
