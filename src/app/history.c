/* history.c: see history.h. */
#include "config.h"

#include "app/history.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "io/json.h"

#define HISTORY_BYTES_MAX ((size_t)256 << 20)

static void keep_entry(History *history, const char *text) {
    if (history->count == history->capacity) {
        history->capacity = history->capacity ? 2 * history->capacity : 64;
        history->entries = must_realloc(history->entries, history->capacity * sizeof *history->entries);
    }
    history->entries[history->count++] = must_copy(text);
}

static void put_entry(Buf *out, const char *text) {
    char now[24];
    clock_iso(now, clock_unix());
    json_open(out, '{');
    json_key(out, "t");
    json_put_string(out, now);
    json_key(out, "text");
    json_put_string(out, text);
    json_close(out, '}');
    buf_byte(out, '\n');
}

/* The newest `keep` good lines of a file, as they stand; the damaged ones are counted. */
typedef struct Lines {
    size_t damaged, first_damaged; /* line number */
    Buf good;
} Lines;

static void read_lines(History *history, Lines *lines, const Buf *file) {
    size_t number = 0;
    for (const char *line = file->data, *end = file->data + file->size; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((newline ? newline : end) - line);
        Json *json = NULL;
        number++;
        const char *text = json_parse(&json, line, size) ? NULL : json_get_string(json, "text", NULL);
        if (text) {
            keep_entry(history, text);
            buf_add(&lines->good, line, size);
            buf_byte(&lines->good, '\n');
        } else if (!lines->damaged++)
            lines->first_damaged = number;
        json_free(json);
        line += size + (newline != NULL);
    }
}

/* Renames a file that holds nothing good to history.bad-N. */
static Status set_aside(const History *history, size_t line, Buf *warning) {
    char *copy = must_copy(history->path), *bad = NULL;
    for (int n = 1; !bad || file_exists(bad); n++) {
        char name[32];
        snprintf(name, sizeof name, "history.bad-%d", n);
        free(bad);
        bad = file_join(dirname(copy), name);
        strcpy(copy, history->path); /* dirname may have cut it */
    }
    Status st = rename(history->path, bad) ? fail_errno("rename %s", history->path) : NULL;
    if (!st)
        buf_print(warning, "history was damaged at line %zu, kept as %s", line, file_name(bad));
    free(bad);
    free(copy);
    return st;
}

/* Drops all but the newest `keep` entries, here and in the file. */
static Status trim(History *history, size_t keep, const Buf *good) {
    size_t drop = history->count - keep;
    const char *rest = good->data;
    for (size_t i = 0; i < drop; i++) {
        rest = strchr(rest, '\n') + 1;
        free(history->entries[i]);
    }
    memmove(history->entries, history->entries + drop, keep * sizeof *history->entries);
    history->count = keep;
    return file_write(history->path, rest, good->size - (size_t)(rest - good->data), 0600);
}

static Status load(History *history, size_t keep, Buf *warning) {
    Buf file = {0};
    Lines lines = {0};
    Status st = file_read(&file, history->path, HISTORY_BYTES_MAX);
    if (st || !file.size)
        goto out;
    read_lines(history, &lines, &file);
    if (!history->count)
        st = set_aside(history, lines.first_damaged, warning);
    else if (lines.damaged)
        buf_print(warning, "history has %zu damaged line%s, the first is line %zu", lines.damaged,
                  lines.damaged == 1 ? "" : "s", lines.first_damaged);
    if (!st && history->count > keep)
        st = trim(history, keep, &lines.good);
out:
    buf_done(&lines.good);
    buf_done(&file);
    return st;
}

Status history_open(History *history, const char *path, size_t keep, Buf *warning) {
    *history = (History){0};
    if (!path || !keep)
        return NULL;
    char *copy = must_copy(path);
    Status st = file_make_directories(dirname(copy), 0700);
    free(copy);
    TRY(st);
    history->path = must_copy(path);
    st = file_exists(path) ? load(history, keep, warning) : NULL;
    if (st) {
        free(history->path);
        history->path = NULL;
    }
    return st;
}

Status history_add(History *history, const char *text) {
    if (history->count && !strcmp(history->entries[history->count - 1], text))
        return NULL;
    keep_entry(history, text);
    if (!history->path)
        return NULL;
    Buf line = {0};
    put_entry(&line, text);
    Status st = file_append(history->path, line.data, line.size, 0600);
    buf_done(&line);
    return st;
}

void history_done(History *history) {
    for (size_t i = 0; i < history->count; i++)
        free(history->entries[i]);
    free(history->entries);
    free(history->path);
    *history = (History){0};
}
