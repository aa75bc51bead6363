/* meta_a1111.c: the chunk `parameters`: prompt, negative prompt and one line of settings, as A1111's web
 * UI writes it and as most galleries and readers expect it.
 *
 * The rows of SETTINGS are the line, in order; writer and reader walk them. Facts: product.md M3 to M7 and
 * 10.2; the behaviour of A1111's parse_generation_parameters, of which tests/unit/meta_readers.h holds a
 * port. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/meta_parts.h"
#include "io/json.h"

typedef enum Kind {
    KIND_TEXT, KIND_NAME, KIND_REAL, KIND_STEPS, KIND_SEED, KIND_SIZE, KIND_HASH, KIND_MODEL, KIND_SYSTEM,
    KIND_INTERRUPTED, KIND_LORA,
} Kind;

typedef struct Setting {
    const char *key;
    Kind kind;
    size_t offset;         /* into RunMeta; 0 where the kind knows its fields */
    MetaNames *names;      /* KIND_NAME */
    double usual;          /* KIND_REAL: left out when it has this value; NaN: always written */
} Setting;

static const Setting SETTINGS[] = {
    {"Steps", KIND_STEPS, 0, NULL, NAN},
    {"Sampler", KIND_NAME, AT(sampler), meta_samplers, NAN},
    {"Schedule type", KIND_NAME, AT(schedule), meta_schedules, NAN},
    {"CFG scale", KIND_REAL, AT(cfg), NULL, NAN},
    {"Seed", KIND_SEED, 0, NULL, NAN},
    {"Size", KIND_SIZE, 0, NULL, NAN},
    {"Model hash", KIND_HASH, 0, NULL, NAN},
    {"Model", KIND_MODEL, 0, NULL, NAN},
    {"Shift", KIND_REAL, AT(shift), NULL, NAN},
    {"RNG", KIND_NAME, AT(rng), meta_generators, NAN},
    {"System prompt", KIND_SYSTEM, 0, NULL, NAN},
    {"Parity", KIND_TEXT, AT(parity), NULL, NAN},
    {"CFG trunc", KIND_REAL, AT(cfg_trunc), NULL, 1},
    {"Renorm", KIND_REAL, AT(renorm), NULL, 0},
    {"Interrupted", KIND_INTERRUPTED, 0, NULL, NAN},
    {"Lora hashes", KIND_LORA, 0, NULL, NAN},
    {"Version", KIND_TEXT, AT(build), NULL, NAN},
};

enum {
    SETTING_COUNT = sizeof SETTINGS / sizeof *SETTINGS,
    FIELDS_NEEDED = 3,    /* a last line with fewer is not a settings line (A1111's rule) */
    FIELDS_LIMIT = 256,
    SHOWN = 60,           /* terminal cells of a foreign value that a remark repeats */
    SHORT_HASH = 10,      /* hex digits of a hash in the line (M7) */
    CLOSED_LIMIT = 65536, /* bytes of a value in quotes or brackets: keeps a hostile line from taking long */
};

/* The two words that mean something at the start of a line (M6). */
static const char STEPS[] = "Steps:", NEGATIVE[] = "Negative prompt:";

static const char HEX_DIGITS[] = "0123456789abcdefABCDEF";

static bool starts_with(const char *text, const char *start) {
    return !strncmp(text, start, strlen(start));
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* The prompt with a space in front of lines that a reader would take for the negative prompt or the
 * settings. */
static void add_lines(Buf *out, const char *text) {
    for (;;) {
        if (starts_with(text, STEPS) || starts_with(text, NEGATIVE))
            buf_byte(out, ' ');
        size_t size = strcspn(text, "\n");
        buf_add(out, text, size);
        if (!text[size])
            return;
        buf_byte(out, '\n');
        text += size + 1;
    }
}

/* A value without what readers split at, and without what looks like JSON or a path (M5). */
static void add_plain(Buf *out, const char *text) {
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        buf_byte(out, byte < ' ' || byte == 0x7F || strchr(",:\"{}[]/\\", byte) ? '_' : byte);
    }
}

static void add_name(Buf *out, MetaNames *names, const char *name) {
    MetaName row = meta_find_name(names, name);
    add_plain(out, row.ours ? row.label : name);
}

static void add_real(Buf *out, double value) {
    Buf digits = {0}; /* apart, as the JSON writer looks at what stands before */
    json_put_number(&digits, value);
    buf_text(out, buf_string(&digits));
    buf_done(&digits);
}

static void add_short_hash(Buf *out, const char *hash) {
    size_t size = strspn(hash, HEX_DIGITS);
    buf_add(out, hash, size < SHORT_HASH ? size : SHORT_HASH);
}

static void add_lora(Buf *out, const MetaList *lora) {
    buf_byte(out, '"');
    for (size_t i = 0; i < lora->count; i++) {
        buf_text(out, i ? ", " : "");
        add_plain(out, meta_base_name(lora->rows[i].name));
        buf_text(out, ": ");
        add_short_hash(out, lora->rows[i].text);
    }
    buf_byte(out, '"');
}

static void add_system(Buf *out, const RunMeta *meta) {
    if (meta->system_preset)
        add_plain(out, meta->system_preset);
    else if (meta->system_text)
        buf_text(out, "custom");
}

/* Appends the value of one setting; nothing when it is unknown or as usual. */
static void add_value(Buf *out, const Setting *row, const RunMeta *meta) {
    const void *field = field_at(meta, row->offset);
    const char *text = row->kind == KIND_TEXT || row->kind == KIND_NAME ? *(char *const *)field : NULL;
    const char *hash = meta_list_get(&meta->hashes, "transformer");
    int steps = meta->steps_run > 0 ? meta->steps_run : meta->steps;
    switch (row->kind) {
    case KIND_TEXT: add_plain(out, text ? text : ""); break;
    case KIND_NAME: add_name(out, row->names, text ? text : ""); break;
    case KIND_REAL:
        if (!isnan(*(const double *)field) && *(const double *)field != row->usual)
            add_real(out, *(const double *)field);
        break;
    case KIND_STEPS: buf_print(out, "%d", steps); break;
    case KIND_SEED:
        if (meta->has_seed)
            buf_print(out, "%llu", (unsigned long long)meta->seed);
        break;
    case KIND_SIZE: buf_print(out, "%dx%d", meta->width, meta->height); break;
    case KIND_HASH: add_short_hash(out, hash ? hash : ""); break;
    case KIND_MODEL: add_plain(out, meta->model_name ? meta_base_name(meta->model_name) : ""); break;
    case KIND_SYSTEM: add_system(out, meta); break;
    case KIND_INTERRUPTED:
        if (meta->steps_run > 0 && meta->steps_run < meta->steps)
            buf_print(out, "%d of %d", meta->steps_run, meta->steps);
        break;
    case KIND_LORA:
        if (meta->lora.count)
            add_lora(out, &meta->lora);
        break;
    }
}

void meta_write_parameters(Buf *out, const RunMeta *meta) {
    if (meta->prompt)
        add_lines(out, meta->prompt);
    if (meta->negative && *meta->negative) {
        buf_print(out, "\n%s ", NEGATIVE);
        add_lines(out, meta->negative);
    }
    Buf value = {0};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        buf_truncate(&value, 0);
        add_value(&value, &SETTINGS[i], meta);
        if (value.size)
            buf_print(out, "%s%s: %s", i ? ", " : "\n", SETTINGS[i].key, buf_string(&value));
    }
    buf_done(&value);
}

/* --- reading -------------------------------------------------------------------------------------------- */

typedef struct Field {
    const char *key;
    size_t key_size;
    const char *value; /* with its quotes */
    size_t value_size;
} Field;

/* Bytes of a value in quotes or brackets, which may hold commas; 0 when it does not end. */
static size_t closed_size(const char *text) {
    int depth = 0;
    bool quoted = false;
    for (const char *at = text; *at && at < text + CLOSED_LIMIT; at++) {
        if (quoted && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += (*at == '[' || *at == '{') - (*at == ']' || *at == '}');
        if (!quoted && depth <= 0)
            return (size_t)(at + 1 - text);
    }
    return 0;
}

/* Takes the next "key: value" of the line and moves behind its comma. False at the end of the line. */
static bool next_field(Field *field, const char **line) {
    const char *at = *line;
    while (*at) {
        at += strspn(at, " ,");
        size_t key_size = strcspn(at, ":,");
        if (at[key_size] == ':' && key_size > 0)
            break;
        at += key_size;
        at += *at == ':';
    }
    if (!*at)
        return false;
    field->key = at;
    field->key_size = strcspn(at, ":");
    at += field->key_size + 1;
    at += strspn(at, " ");
    field->value = at;
    size_t closed = strchr("\"[{", *at) && *at ? closed_size(at) : 0;
    field->value_size = at[closed] == ',' || !at[closed] ? closed : 0;
    if (!field->value_size)
        field->value_size = strcspn(at, ",");
    *line = at + field->value_size;
    while (field->value_size && field->value[field->value_size - 1] == ' ')
        field->value_size--;
    return true;
}

static bool read_hash(RunMeta *out, const char *text) {
    if (!*text || text[strspn(text, HEX_DIGITS)])
        return false;
    meta_list_add(&out->hashes, "transformer", text);
    return true;
}

static bool read_lora(RunMeta *out, const char *text) {
    size_t size = strlen(text);
    if (size < 2 || *text != '"')
        return false;
    char *list = must_copy_n(text + 1, size - 2);
    const char *rest = list;
    Field field;
    while (next_field(&field, &rest)) {
        char *name = must_copy_n(field.key, field.key_size),
             *hash = must_copy_n(field.value, field.value_size);
        meta_list_add(&out->lora, name, hash);
        free(name);
        free(hash);
    }
    free(list);
    return true;
}

static bool read_interrupted(RunMeta *out, const char *text) {
    const char *of = strstr(text, " of ");
    return of && meta_parse_count(&out->steps, of + 4);
}

/* False when the value cannot be honoured. */
static bool read_value(RunMeta *out, const Setting *row, const char *text) {
    void *field = field_at(out, row->offset);
    switch (row->kind) {
    case KIND_TEXT: meta_set(field, text); return true;
    case KIND_NAME: return meta_set_name(field, row->names, text);
    case KIND_REAL: return meta_parse_real(field, text);
    case KIND_STEPS: return meta_parse_count(&out->steps_run, text);
    case KIND_SEED: return meta_parse_seed(out, text);
    case KIND_SIZE: return meta_parse_size(out, text);
    case KIND_HASH: return read_hash(out, text);
    case KIND_MODEL: meta_set(&out->model_name, text); return true;
    case KIND_SYSTEM: meta_set(&out->system_preset, text); return strcmp(text, "custom") != 0;
    case KIND_INTERRUPTED: return read_interrupted(out, text);
    case KIND_LORA: return read_lora(out, text);
    }
    return false;
}

static const Setting *find_setting(const char *key) {
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (!strcmp(SETTINGS[i].key, key))
            return &SETTINGS[i];
    return NULL;
}

/* Reads one field; true when it says that the text is of Civitai, whose prompts have escaped parentheses. */
static bool read_field(RunMeta *out, Buf *remarks, const Field *field) {
    char *key = must_copy_n(field->key, field->key_size),
         *value = must_copy_n(field->value, field->value_size);
    const Setting *row = find_setting(key);
    size_t shown = utf8_fit(value, field->value_size, SHOWN);
    if (!row || !read_value(out, row, value))
        meta_remark(remarks, "%s cannot be honoured: %.*s%s", key, (int)shown, value,
                    value[shown] ? "..." : "");
    bool civitai = starts_with(key, "Civitai ");
    free(key);
    free(value);
    return civitai;
}

/* A line of the text as it was before add_lines, with its LF. */
static void add_original_line(Buf *out, const char *line, size_t size) {
    size_t escape = size && *line == ' ' && (starts_with(line + 1, STEPS) || starts_with(line + 1, NEGATIVE));
    buf_text(out, out->data ? "\n" : "");
    buf_add(out, line + escape, size - escape);
}

/* Everything before the settings line: prompt, then negative prompt from the line that says so. */
static void read_prompts(RunMeta *out, const char *text, size_t size) {
    Buf parts[2] = {{0}, {0}}, *part = parts;
    for (const char *line = text; line <= text + size;) {
        const char *end = memchr(line, '\n', (size_t)(text + size - line));
        size_t line_size = (size_t)((end ? end : text + size) - line);
        if (starts_with(line, NEGATIVE)) {
            part = &parts[1];
            size_t skip = strlen(NEGATIVE) + (line[strlen(NEGATIVE)] == ' ');
            add_original_line(part, line + (skip < line_size ? skip : line_size),
                              skip < line_size ? line_size - skip : 0);
        } else {
            add_original_line(part, line, line_size);
        }
        line += line_size + 1;
    }
    meta_set(&out->prompt, buf_string(&parts[0]));
    if (part == &parts[1])
        meta_set(&out->negative, buf_string(&parts[1]));
    buf_done(&parts[0]);
    buf_done(&parts[1]);
}

static bool is_settings_line(const char *line) {
    Field field;
    int count = 0;
    while (count < FIELDS_NEEDED && next_field(&field, &line))
        count++;
    return count == FIELDS_NEEDED;
}

bool meta_read_parameters(RunMeta *out, Buf *remarks, const char *text) {
    size_t size = strlen(text);
    while (size && strchr(" \t\r\n", text[size - 1]))
        size--;
    char *body = must_copy_n(text, size);
    char *line = strrchr(body, '\n');
    line = line ? line + 1 : body;
    bool settings = is_settings_line(line);
    if (settings) {
        read_prompts(out, body, line > body ? (size_t)(line - 1 - body) : 0);
        bool civitai = false;
        Field field;
        const char *rest = line;
        for (int i = 0; i < FIELDS_LIMIT && next_field(&field, &rest); i++)
            civitai |= read_field(out, remarks, &field);
        if (civitai) {
            meta_plain_parentheses(&out->prompt, remarks);
            meta_plain_parentheses(&out->negative, remarks);
        }
        if (!out->steps)
            out->steps = out->steps_run;
    } else {
        meta_remark(remarks, "chunk parameters has no line of settings, so it is not read");
    }
    free(body);
    return settings;
}
