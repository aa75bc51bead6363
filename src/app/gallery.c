/* gallery.c: see gallery.h. Reads and writes lines; which of them are shown is cmd_gallery.c's business. */
#include "config.h"

#include "app/gallery.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "io/json.h"

#define INDEX_BYTES_MAX ((size_t)256 << 20)

void gallery_entry_done(GalleryEntry *entry) {
    free(entry->file);
    meta_done(&entry->meta);
    *entry = (GalleryEntry){0};
}

void gallery_init(Gallery *gallery, const char *path) {
    *gallery = (Gallery){.path = must_copy(path), .seen_bytes = -1};
}

static void forget_entries(Gallery *gallery) {
    for (size_t i = 0; i < gallery->count; i++)
        gallery_entry_done(&gallery->entries[i]);
    gallery->count = 0;
    gallery->damaged = gallery->first_damaged = 0;
}

void gallery_done(Gallery *gallery) {
    forget_entries(gallery);
    free(gallery->entries);
    free(gallery->path);
    *gallery = (Gallery){.seen_bytes = -1};
}

/* ---- one line ------------------------------------------------------------------------------------------ */

static void put_string(Buf *out, const char *key, const char *text) {
    if (!text)
        return;
    json_key(out, key);
    json_put_string(out, text);
}

static void put_number(Buf *out, const char *key, double value) {
    if (isnan(value))
        return;
    json_key(out, key);
    json_put_number(out, value);
}

static void put_whole(Buf *out, const char *key, int64_t value) {
    json_key(out, key);
    json_put_integer(out, value);
}

/* Names of the settings table; numbers too large for a JSON reader of other programs are texts. */
static void put_settings(Buf *out, const RunMeta *meta) {
    char text[48];
    json_key(out, "settings");
    json_open(out, '{');
    snprintf(text, sizeof text, "%llu", (unsigned long long)meta->seed);
    put_string(out, "seed", meta->has_seed ? text : NULL);
    put_whole(out, "steps", meta->steps);
    put_whole(out, "steps_run", meta->steps_run);
    snprintf(text, sizeof text, "%dx%d", meta->width, meta->height);
    put_string(out, "size", text);
    put_number(out, "cfg", meta->cfg);
    put_number(out, "cfg_trunc", meta->cfg_trunc);
    put_number(out, "renorm", meta->renorm);
    put_string(out, "sampler", meta->sampler);
    put_string(out, "schedule", meta->schedule);
    put_number(out, "shift", meta->shift);
    put_string(out, "rng", meta->rng);
    put_string(out, "parity", meta->parity);
    put_string(out, "sys", meta->system_preset);
    put_string(out, "sys_text", meta->system_text);
    put_string(out, "model", meta->model_name);
    put_string(out, "latent_sha256", meta->latent_sha256);
    json_close(out, '}');
}

static void put_entry(Buf *out, const GalleryEntry *entry) {
    char time[24];
    clock_iso(time, entry->time);
    json_open(out, '{');
    put_string(out, "t", time);
    put_whole(out, "number", entry->number);
    put_string(out, "file", entry->file);
    put_string(out, "sha256", entry->sha256);
    put_string(out, "prompt", entry->meta.prompt ? entry->meta.prompt : "");
    put_string(out, "negative", entry->meta.negative ? entry->meta.negative : "");
    put_settings(out, &entry->meta);
    json_key(out, "star");
    json_put_bool(out, entry->star);
    json_close(out, '}');
    buf_byte(out, '\n');
}

/* Unix seconds of "2026-01-31T12:00:00Z"; 0 when it is none. Days are counted from March, so that the leap
 * day is the last of its year. */
static int64_t seconds_of(const char *iso) {
    int year, month, day, hour, minute, second;
    if (!iso || sscanf(iso, "%d-%d-%dT%d:%d:%dZ", &year, &month, &day, &hour, &minute, &second) != 6 ||
        year < 1970 || year > 9999 || month < 1 || month > 12)
        return 0;
    int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;
    int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
    return days * 86400 + hour * 3600 + minute * 60 + second;
}

static void read_settings(RunMeta *meta, const Json *settings) {
    const char *seed = json_get_string(settings, "seed", NULL);
    meta->has_seed = seed && *seed;
    meta->seed = seed ? strtoull(seed, NULL, 10) : 0;
    meta->steps = (int)json_get_integer(settings, "steps", 0);
    meta->steps_run = (int)json_get_integer(settings, "steps_run", 0);
    if (sscanf(json_get_string(settings, "size", ""), "%6dx%6d", &meta->width, &meta->height) != 2)
        meta->width = meta->height = 0;
    meta->cfg = json_get_number(settings, "cfg", NAN);
    meta->cfg_trunc = json_get_number(settings, "cfg_trunc", NAN);
    meta->renorm = json_get_number(settings, "renorm", NAN);
    meta->shift = json_get_number(settings, "shift", NAN);
    const struct { char **field; const char *key; } texts[] = {
        {&meta->sampler, "sampler"}, {&meta->schedule, "schedule"}, {&meta->rng, "rng"},
        {&meta->parity, "parity"}, {&meta->system_preset, "sys"}, {&meta->system_text, "sys_text"},
        {&meta->model_name, "model"}, {&meta->latent_sha256, "latent_sha256"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        meta_set(texts[i].field, json_get_string(settings, texts[i].key, NULL));
}

void gallery_copy_meta(RunMeta *out, const RunMeta *meta) {
    meta_begin(out);
    const struct { char **field; const char *text; } texts[] = {
        {&out->prompt, meta->prompt}, {&out->negative, meta->negative}, {&out->sampler, meta->sampler},
        {&out->schedule, meta->schedule}, {&out->rng, meta->rng}, {&out->parity, meta->parity},
        {&out->system_preset, meta->system_preset}, {&out->system_text, meta->system_text},
        {&out->model_name, meta->model_name}, {&out->latent_sha256, meta->latent_sha256},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        meta_set(texts[i].field, texts[i].text);
    out->has_seed = meta->has_seed;
    out->seed = meta->seed;
    out->steps = meta->steps;
    out->steps_run = meta->steps_run;
    out->cfg = meta->cfg;
    out->cfg_trunc = meta->cfg_trunc;
    out->renorm = meta->renorm;
    out->shift = meta->shift;
    out->width = meta->width;
    out->height = meta->height;
}

/* False when it is damaged. */
static bool read_entry(GalleryEntry *out, const char *line, size_t size) {
    Json *json = NULL;
    const char *file = json_parse(&json, line, size) ? NULL : json_get_string(json, "file", NULL);
    bool good = file && *file == '/' && json_get_string(json, "prompt", NULL);
    *out = (GalleryEntry){0};
    if (good) {
        out->file = must_copy(file);
        out->star = json_bool(json_get(json, "star"), false);
        out->time = seconds_of(json_get_string(json, "t", NULL));
        out->number = json_get_integer(json, "number", 0);
        snprintf(out->sha256, sizeof out->sha256, "%s", json_get_string(json, "sha256", ""));
        meta_begin(&out->meta);
        meta_set(&out->meta.prompt, json_get_string(json, "prompt", NULL));
        meta_set(&out->meta.negative, json_get_string(json, "negative", NULL));
        read_settings(&out->meta, json_get(json, "settings"));
    }
    json_free(json);
    return good;
}

/* ---- all of them --------------------------------------------------------------------------------------- */

/* Index of the first entry whose file is not below `file`. */
static size_t place_of(const Gallery *gallery, const char *file) {
    size_t low = 0, high = gallery->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(gallery->entries[middle].file, file) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

GalleryEntry *gallery_find(const Gallery *gallery, const char *file) {
    size_t place = place_of(gallery, file);
    bool there = place < gallery->count && !strcmp(gallery->entries[place].file, file);
    return there ? &gallery->entries[place] : NULL;
}

static void make_room(Gallery *gallery) {
    if (gallery->count < gallery->capacity)
        return;
    gallery->capacity = gallery->capacity ? 2 * gallery->capacity : 64;
    gallery->entries = must_realloc(gallery->entries, gallery->capacity * sizeof *gallery->entries);
}

void gallery_know(Gallery *gallery, GalleryEntry *take) {
    GalleryEntry *old = gallery_find(gallery, take->file);
    if (old) {
        gallery_entry_done(old);
        *old = *take;
    } else {
        make_room(gallery);
        size_t place = place_of(gallery, take->file);
        memmove(gallery->entries + place + 1, gallery->entries + place,
                (gallery->count++ - place) * sizeof *gallery->entries);
        gallery->entries[place] = *take;
    }
    *take = (GalleryEntry){0};
}

typedef struct Line {
    GalleryEntry entry;
    size_t number;
} Line;

/* By file; of one file, in the order of the lines. */
static int compare_lines(const void *a, const void *b) {
    const Line *left = a, *right = b;
    int order = strcmp(left->entry.file, right->entry.file);
    return order ? order : (left->number > right->number) - (left->number < right->number);
}

/* The last word about each file. */
static void take_lines(Gallery *gallery, Line *lines, size_t count) {
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && !strcmp(lines[i].entry.file, lines[i + 1].entry.file)) {
            gallery_entry_done(&lines[i].entry);
            continue;
        }
        make_room(gallery);
        gallery->entries[gallery->count++] = lines[i].entry;
    }
}

static void read_lines(Gallery *gallery, const Buf *file) {
    size_t count = 0, capacity = 0, number = 0;
    Line *lines = NULL;
    for (const char *at = file->data, *end = file->data + file->size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((newline ? newline : end) - at);
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            lines = must_realloc(lines, capacity * sizeof *lines);
        }
        Line *line = &lines[count];
        line->number = ++number;
        if (read_entry(&line->entry, at, size))
            count++;
        else if (size && !gallery->damaged++)
            gallery->first_damaged = number;
        at += size + (newline != NULL);
    }
    take_lines(gallery, lines, count);
    free(lines);
}

/* Size of the index, -2 when there is none. */
static int64_t index_bytes(const Gallery *gallery) {
    struct stat facts;
    return gallery->path && stat(gallery->path, &facts) == 0 ? (int64_t)facts.st_size : -2;
}

Status gallery_refresh(Gallery *gallery) {
    int64_t bytes = index_bytes(gallery);
    if (gallery->seen_bytes == bytes)
        return NULL;
    Buf file = {0};
    if (bytes >= 0)
        TRY(file_read(&file, gallery->path, INDEX_BYTES_MAX));
    forget_entries(gallery);
    if (file.size)
        read_lines(gallery, &file);
    gallery->seen_bytes = bytes >= 0 ? (int64_t)file.size : bytes;
    buf_done(&file);
    return NULL;
}

/* What we append ourselves need not be read again; when somebody else wrote meanwhile, the size tells. */
static Status append(Gallery *gallery, const Buf *line) {
    if (!gallery->path)
        return NULL;
    char *directory = file_directory(gallery->path);
    Status st = file_make_directories(directory, 0700);
    free(directory);
    TRY(st);
    int64_t before = index_bytes(gallery);
    TRY(file_append(gallery->path, line->data, line->size, 0600));
    if (gallery->seen_bytes != -1 && gallery->seen_bytes == before)
        gallery->seen_bytes = (before > 0 ? before : 0) + (int64_t)line->size;
    return NULL;
}

Status gallery_add(Gallery *gallery, GalleryEntry *take) {
    Buf line = {0};
    put_entry(&line, take);
    Status st = append(gallery, &line);
    buf_done(&line);
    if (gallery->seen_bytes != -1)
        gallery_know(gallery, take);
    else
        gallery_entry_done(take);
    return st;
}

Status gallery_star(Gallery *gallery, GalleryEntry *entry, bool star) {
    Buf line = {0};
    entry->star = star;
    put_entry(&line, entry);
    Status st = append(gallery, &line);
    buf_done(&line);
    return st;
}
