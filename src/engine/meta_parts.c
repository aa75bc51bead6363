/* meta_parts.c: names and numbers as the chunks of different programs write them. */
#include "config.h"

#include "engine/meta_parts.h"

#include <limits.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "io/json.h"
#include "sample/schedule.h"
#include "sample/solver.h"

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
