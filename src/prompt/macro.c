/* macro.c: NAME.nbm files. Facts: product.md H6. */
#include "config.h"

#include "prompt/macro.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "prompt/input.h"

#define MAGIC "newbie-macro 1"
#define RULE "---"
#define FILE_SIZE_MAX (PROMPT_SIZE_MAX + 65536) /* a prompt and a generous head */

/* ---- names ---- */

/* Characters above 127 that are no letters or marks of a script: punctuation, symbols, spaces, emoji, private
 * use. Blocks of the Unicode standard. */
static bool is_foreign_symbol(uint32_t code) {
    static const uint32_t ranges[][2] = {
        {0x80, 0xA9},     {0xAB, 0xB4},     {0xB6, 0xB9},       {0xBB, 0xBF},        {0xD7, 0xD7},
        {0xF7, 0xF7},     {0x1680, 0x1680}, {0x2000, 0x206F},   {0x20A0, 0x20CF},    {0x2190, 0x2BFF},
        {0x2E00, 0x2E7F}, {0x2FF0, 0x3004}, {0x3008, 0x3020},   {0x3030, 0x3030},    {0xD800, 0xF8FF},
        {0xFE00, 0xFE1F}, {0xFE30, 0xFE6F}, {0xFEFF, 0xFF0F},   {0xFF1A, 0xFF20},    {0xFF3B, 0xFF40},
        {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF}, {0x1F000, 0x1FBFF}, {0xE0000, 0x10FFFF},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return true;
    return false;
}

static bool is_name_character(uint32_t code) {
    if (code > 127)
        return !is_foreign_symbol(code);
    return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || (code >= '0' && code <= '9') ||
           code == '_' || code == '-';
}

Status macro_name_check(const char *name) {
    size_t size = strlen(name), count = 0;
    if (!size)
        return hint(fail(ERR_USAGE, "a macro needs a name"), ":save miku");
    for (size_t i = 0; i < size; count++) {
        uint32_t code;
        bool valid;
        size_t length = utf8_decode(name + i, size - i, &code, &valid);
        if (!valid || !is_name_character(code))
            return hint(fail(ERR_USAGE,
                             "the macro name \"%s\" holds \"%.*s\", expected letters, digits, _ and -", name,
                             (int)length, name + i),
                        ":save miku");
        i += length;
    }
    if (count > MACRO_NAME_MAX)
        return fail(ERR_USAGE, "the macro name has %zu characters, at most %d are allowed", count,
                    MACRO_NAME_MAX);
    return NULL;
}

/* ---- reading ---- */

void macro_set(Macro *macro, const char *name, const char *value) {
    macro->settings = must_realloc(macro->settings, (macro->setting_count + 1) * sizeof *macro->settings);
    macro->settings[macro->setting_count++] = (MacroSetting){must_copy(name), must_copy(value)};
}

static void replace(char **field, const char *value) {
    free(*field);
    *field = must_copy(value);
}

/* A further line of the negative prompt. */
static void add_negative(Macro *macro, const char *value) {
    Buf text = {0};
    if (macro->negative)
        buf_print(&text, "%s\n", macro->negative);
    buf_text(&text, value);
    free(macro->negative);
    macro->negative = buf_take(&text);
}

/* One "key: value" line, NUL-terminated, which is cut apart. False when it is none that the format knows. */
static bool take_line(Macro *macro, char *line) {
    char *value = strchr(line, ':');
    if (!value)
        return false;
    *value++ = 0;
    if (*value == ' ')
        value++;
    if (!strcmp(line, "note"))
        replace(&macro->note, value);
    else if (!strcmp(line, "element"))
        replace(&macro->element, value);
    else if (!strcmp(line, "neg"))
        add_negative(macro, value);
    else if (!strncmp(line, "set ", 4) && line[4])
        macro_set(macro, line + 4, value);
    else
        return false;
    return true;
}

/* Copies the line at *at without its newline (and CR), and moves *at behind it. NULL at the end of the
 * bytes. */
static char *next_line(const char *bytes, size_t size, size_t *at) {
    if (*at >= size)
        return NULL;
    const char *begin = bytes + *at;
    const char *newline = memchr(begin, '\n', size - *at);
    size_t length = newline ? (size_t)(newline - begin) : size - *at;
    *at += length + (newline != NULL);
    if (length && begin[length - 1] == '\r')
        length--;
    return must_copy_n(begin, length);
}

/* Reads the lines up to the rule; *at is then behind it. */
static Status read_head(Macro *macro, const char *name, const char *bytes, size_t size, size_t *at) {
    char *line = next_line(bytes, size, at);
    bool good = line && !strcmp(line, MAGIC);
    free(line);
    if (!good)
        return fail(ERR_FORMAT, "%s is not a macro: its first line is not \"" MAGIC "\"", name);
    for (int number = 2; (line = next_line(bytes, size, at)); number++) {
        bool end = !strcmp(line, RULE);
        good = end || take_line(macro, line);
        free(line);
        if (!good)
            return fail(ERR_FORMAT,
                        "%s:%d: expected note, element, set NAME or neg with a colon, or the line " RULE,
                        name, number);
        if (end)
            return NULL;
    }
    return fail(ERR_FORMAT, "%s has no line " RULE " before its prompt", name);
}

Status macro_parse(Macro *out, const char *name, const char *bytes, size_t size) {
    Macro macro = {0};
    size_t at = 0;
    Status st = size && memchr(bytes, 0, size) ? fail(ERR_FORMAT, "%s holds a NUL byte", name) : NULL;
    if (!st)
        st = read_head(&macro, name, bytes, size, &at);
    if (!st)
        st = note(input_check("its prompt", bytes + at, size - at, 0), "%s", name);
    if (!st && utf8_check(bytes, at) < at)
        st = fail(ERR_FORMAT, "%s is not UTF-8: byte at offset %zu", name, utf8_check(bytes, at));
    if (st) {
        macro_done(&macro);
        return st;
    }
    buf_add(&macro.prompt, bytes + at, size - at);
    *out = macro;
    return NULL;
}

/* ---- writing ---- */

static void add_flat(Buf *out, const char *text) {
    for (; *text; text++)
        buf_byte(out, *text == '\n' || *text == '\r' ? ' ' : (unsigned char)*text);
}

static void add_line(Buf *out, const char *key, const char *value) {
    add_flat(out, key);
    buf_text(out, ": ");
    add_flat(out, value);
    buf_byte(out, '\n');
}

void macro_print(Buf *out, const Macro *macro) {
    buf_text(out, MAGIC "\n");
    if (macro->note)
        add_line(out, "note", macro->note);
    if (macro->element)
        add_line(out, "element", macro->element);
    for (size_t i = 0; i < macro->setting_count; i++) {
        buf_text(out, "set ");
        add_line(out, macro->settings[i].name, macro->settings[i].value);
    }
    for (const char *line = macro->negative; line;) {
        size_t length = strcspn(line, "\n");
        char *copy = must_copy_n(line, length);
        add_line(out, "neg", copy);
        free(copy);
        line = line[length] ? line + length + 1 : NULL;
    }
    buf_text(out, RULE "\n");
    buf_add(out, macro->prompt.data, macro->prompt.size);
}

/* ---- files ---- */

char *macro_path(const char *directory, const char *name) {
    Buf file = {0};
    buf_print(&file, "%s" MACRO_SUFFIX, name);
    char *path = file_join(directory, buf_string(&file));
    buf_done(&file);
    return path;
}

Status macro_load(Macro *out, const char *directory, const char *name) {
    TRY(macro_name_check(name));
    char *path = macro_path(directory, name);
    Buf bytes = {0};
    Status st = file_read(&bytes, path, FILE_SIZE_MAX);
    if (!st)
        st = macro_parse(out, path, buf_string(&bytes), bytes.size);
    buf_done(&bytes);
    free(path);
    return st;
}

Status macro_save(const Macro *macro, const char *directory, const char *name) {
    TRY(macro_name_check(name));
    TRY(file_make_directories(directory, 0777));
    char *path = macro_path(directory, name);
    Buf bytes = {0};
    macro_print(&bytes, macro);
    Status st = file_write(path, bytes.data, bytes.size, 0666);
    buf_done(&bytes);
    free(path);
    return st;
}

void macro_done(Macro *macro) {
    for (size_t i = 0; i < macro->setting_count; i++) {
        free(macro->settings[i].name);
        free(macro->settings[i].value);
    }
    free(macro->settings);
    free(macro->note);
    free(macro->element);
    free(macro->negative);
    buf_done(&macro->prompt);
    *macro = (Macro){0};
}
