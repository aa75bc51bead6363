/* meta_readers.h: what three public programs make of the text `parameters`, written from their described
 * behaviour:
 *   A1111      AUTOMATIC1111/stable-diffusion-webui, parse_generation_parameters
 *   SD Reader  receyuki/stable-diffusion-prompt-reader, format a1111
 *   Civitai    civitai/civitai, automatic metadata; without its JSON resources, which we never write
 * They are tests of what we write, not examples of how to read it: oddities are theirs and kept. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

typedef struct Reading {
    Buf prompt, negative;
    struct { char key[64], value[256]; } fields[64];
    int count;
} Reading;

static inline void reading_done(Reading *reading) {
    buf_done(&reading->prompt);
    buf_done(&reading->negative);
}

/* The value of a field as a dictionary would have it: the last one counts. "" when absent. */
static inline const char *reading_field(const Reading *reading, const char *key) {
    for (int i = reading->count - 1; i >= 0; i--)
        if (!strcmp(reading->fields[i].key, key))
            return reading->fields[i].value;
    return "";
}

static inline void reading_add(Reading *reading, const char *key, size_t key_size, const char *value,
                               size_t size) {
    if (reading->count == 64)
        return;
    snprintf(reading->fields[reading->count].key, 64, "%.*s", (int)key_size, key);
    snprintf(reading->fields[reading->count++].value, 256, "%.*s", (int)size, value);
}

/* The bounds of text without white space at both ends. */
static inline void strip(const char **start, const char **end) {
    static const char SPACES[] = " \t\n\r\v\f";
    while (*start < *end && memchr(SPACES, **start, 6))
        ++*start;
    while (*start < *end && memchr(SPACES, (*end)[-1], 6))
        --*end;
}

static inline void add_stripped(Buf *out, const char *start, const char *end) {
    strip(&start, &end);
    buf_add(out, start, (size_t)(end - start));
}

static inline bool is_word(char byte) {
    return (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z') || byte == '_'
           || byte & 0x80;
}

/* --- A1111: findall of  \s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)  on one line --------------- */

/* The end of a value in quotes that a comma or the end of the line follows; NULL when it is none. */
static inline const char *a1111_quoted(const char *at, const char *end) {
    const char *first = at + 1;
    if (at == end || *at != '"')
        return NULL;
    for (at = first; at < end && *at != '"'; at++)
        at += *at == '\\' && at + 1 < end;
    return at < end && at > first && (at + 1 == end || at[1] == ',') ? at + 1 : NULL;
}

static inline int a1111_fields(Reading *reading, const char *at, const char *end) {
    int found = 0;
    while (at < end) {
        const char *key = at;
        while (key < end && strchr(" \t\r\v\f", *key))
            key++;
        const char *colon = key + (key < end && is_word(*key));
        while (colon > key && colon < end && (is_word(*colon) || strchr(" -/", *colon)))
            colon++;
        if (colon < key + 2 || colon == end || *colon != ':') {
            at++;
            continue;
        }
        const char *value = colon + 1;
        while (value < end && strchr(" \t\r\v\f", *value))
            value++;
        const char *value_end = a1111_quoted(value, end);
        if (!value_end)
            for (value_end = value; value_end < end && *value_end != ',';)
                value_end++;
        if (reading)
            reading_add(reading, key, (size_t)(colon - key), value, (size_t)(value_end - value));
        found++;
        at = value_end + 1;
    }
    return found;
}

static inline void read_a1111(Reading *out, const char *text) {
    *out = (Reading){0};
    const char *start = text, *end = text + strlen(text);
    strip(&start, &end);
    const char *last = end;
    while (last > start && last[-1] != '\n')
        last--;
    bool settings = a1111_fields(NULL, last, end) >= 3;
    const char *body_end = !settings ? end : last > start ? last - 1 : start;
    Buf *part = &out->prompt;
    for (const char *line = start; line <= body_end && (settings ? line < last : true);) {
        const char *line_end = memchr(line, '\n', (size_t)(body_end - line));
        line_end = line_end ? line_end : body_end;
        const char *from = line, *to = line_end;
        strip(&from, &to);
        if (to - from >= 16 && !memcmp(from, "Negative prompt:", 16)) {
            part = &out->negative;
            from += 16;
        }
        buf_text(part, part->size ? "\n" : "");
        add_stripped(part, from, to);
        line = line_end + 1;
    }
    if (settings)
        a1111_fields(out, last, end);
}

/* --- SD Prompt Reader ----------------------------------------------------------------------------------- */

/* findall of  \s*([^:,]+):\s*([^,]+) */
static inline void sd_fields(Reading *out, const char *at) {
    while (*at) {
        const char *key = at + strspn(at, " \t\r\n");
        size_t key_size = strcspn(key, ":,");
        if (!key_size || key[key_size] != ':') {
            at = key + key_size + (key[key_size] != 0);
            continue;
        }
        const char *value = key + key_size + 1;
        value += strspn(value, " \t\r\n");
        size_t size = strcspn(value, ",");
        if (size)
            reading_add(out, key, key_size, value, size);
        at = value + size;
    }
}

static inline void read_sd_reader(Reading *out, const char *text) {
    *out = (Reading){0};
    const char *end = text + strlen(text), *steps = strstr(text, "\nSteps:");
    const char *negative = strstr(text, "Negative prompt:") ? strstr(text, "\nNegative prompt:") : NULL;
    bool mentioned = strstr(text, "Negative prompt:") != NULL;
    const char *body_end = steps ? steps : end;
    if (negative && negative + 17 <= body_end)
        add_stripped(&out->negative, negative + 17, body_end);
    /* where the words appear but not at the start of a line, Python's index -1 cuts the last byte of
     * everything */
    add_stripped(&out->prompt, text, negative ? negative : mentioned ? end - 1 : body_end);
    if (steps)
        sd_fields(out, steps);
}

/* --- Civitai -------------------------------------------------------------------------------------------- */

/* Splits at colons; what stands behind the last comma of a part is the key of the next. */
static inline void civitai_fields(Reading *out, const char *line, const char *end) {
    char key[64] = "";
    while (line < end) {
        const char *colon = memchr(line, ':', (size_t)(end - line));
        const char *part_end = colon ? colon : end, *comma = part_end, *from = line;
        while (comma > line && *comma != ',')
            comma--;
        bool has_comma = comma > line && colon;
        const char *value_end = has_comma ? comma : part_end, *next = has_comma ? comma + 1 : line;
        strip(&from, &value_end);
        if (*key && (has_comma || !colon))
            reading_add(out, key, strlen(key), from, (size_t)(value_end - from));
        strip(&next, &part_end);
        snprintf(key, sizeof key, "%.*s", (int)(part_end - next), next);
        line = colon ? colon + 1 : end;
    }
}

static inline void read_civitai(Reading *out, const char *text) {
    *out = (Reading){0};
    Buf lines = {0};
    bool details = false;
    for (const char *line = text; *line;) {
        const char *end = strchr(line, '\n') ? strchr(line, '\n') : line + strlen(line);
        const char *from = line, *to = end;
        strip(&from, &to);
        if (!details && !strncmp(line, "Steps: ", 7)) {
            civitai_fields(out, line, end);
            details = true;
        } else if (from < to) {
            buf_print(&lines, "%s%.*s", lines.size ? "\n" : "", (int)(end - line), line);
        }
        line = end + (*end != 0);
    }
    const char *at = buf_string(&lines);
    for (Buf *part = &out->prompt; at; part = &out->negative) {
        const char *mark = strstr(at, "Negative prompt:");
        buf_text(part, part->size ? " " : "");
        add_stripped(part, at, mark ? mark : at + strlen(at));
        at = mark ? mark + 16 : NULL;
    }
    buf_done(&lines);
}
