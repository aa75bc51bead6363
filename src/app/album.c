/* album.c: the gallery of a session: what saved pictures leave in the index, which of its entries are shown,
 * and what commands and surfaces ask about them. The index itself is gallery.c's. product.md H5. */
#include "config.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/state.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/utf8.h"
#include "io/png.h"

#define CAPTION_CELLS 48
#define UNKNOWN_READ_MAX 1000    /* files read at once that the index does not know: the newest by name */

/* ---- the index ----------------------------------------------------------------------------------------- */

/* The path that the index knows a file by: absolute, its directory without symbolic links. Owned by the
 * caller. */
static char *index_path(const char *path) {
    char *directory = file_directory(path), *real = realpath(directory, NULL);
    char *result = real ? file_join(real, file_name(path)) : must_copy(path);
    free(directory);
    free(real);
    return result;
}

static void warn_once(App *app, Status st) {
    if (!st || app->gallery_warned || app->parts.mode != APP_INTERACTIVE)
        return;
    app->gallery_warned = true;
    report_line(&app->report, LINE_WARN, "%s; the gallery will be read from the pictures themselves",
                st->message);
}

void app_gallery_saved(App *app, const Job *job, const SavedInfo *saved) {
    bool private = settings_number(&app->settings, SET_HISTORY) == 0; /* prompts are not written down */
    if (!saved->path || private)
        return;
    GalleryEntry entry = {.time = clock_unix(), .number = saved->number, .file = index_path(saved->path)};
    snprintf(entry.sha256, sizeof entry.sha256, "%s", saved->sha256);
    RunMeta *meta = &entry.meta;
    const struct { char **field; const char *text; } texts[] = {
        {&meta->prompt, job->prompt}, {&meta->negative, job->negative}, {&meta->sampler, job->sampler},
        {&meta->schedule, job->schedule}, {&meta->rng, "cpu"}, {&meta->parity, "own"},
        {&meta->system_preset, job->system_name}, {&meta->model_name, app->view.name},
        {&meta->system_text, system_prompt_find(job->system_name) ? NULL : job->system_text},
        {&meta->latent_sha256, saved->latent_sha256},
    };
    meta_begin(meta);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        meta_set(texts[i].field, texts[i].text);
    meta->has_seed = true;
    meta->seed = job->seed;
    meta->steps = job->steps;
    meta->steps_run = saved->steps_run;
    meta->cfg = job->cfg;
    meta->cfg_trunc = job->cfg_trunc;
    meta->renorm = job->renorm;
    meta->shift = job->shift;
    meta->width = job->width;
    meta->height = job->height;
    warn_once(app, gallery_add(&app->gallery, &entry));
}

/* A picture that the index does not know: what it says itself. Its own pictures go into the index again. */
static void read_unknown(App *app, const char *file, int64_t number) {
    struct stat facts;
    PngInfo png;
    if (stat(file, &facts) || !S_ISREG(facts.st_mode) || png_read(&png, file))
        return;
    GalleryEntry entry = {.time = (int64_t)facts.st_mtime, .number = number, .file = must_copy(file)};
    Buf remarks = {0};
    MetaSource source = meta_read(&entry.meta, &remarks, &png);
    if (!entry.meta.width) {
        entry.meta.width = png.width;
        entry.meta.height = png.height;
    }
    buf_done(&remarks);
    png_done(&png);
    if (source == META_NEWBIE)
        warn_once(app, gallery_add(&app->gallery, &entry));
    else
        gallery_know(&app->gallery, &entry);
}

static int is_png(const struct dirent *entry) {
    size_t size = strlen(entry->d_name);
    return size > 4 && entry->d_name[0] != '.' && !strcmp(entry->d_name + size - 4, ".png");
}

/* Numbers in names count as numbers: output_1000 is newer than output_999. */
static int newest_name(const struct dirent **a, const struct dirent **b) {
    return strverscmp((*b)->d_name, (*a)->d_name);
}

static void read_directory(App *app, const char *directory) {
    const char *prefix = settings_text(&app->settings, SET_PREFIX);
    struct dirent **names;
    int count = scandir(directory, &names, is_png, newest_name), read = 0;
    for (int i = 0; i < count; i++) {
        char *file = file_join(directory, names[i]->d_name);
        if (!gallery_find(&app->gallery, file) && read++ < UNKNOWN_READ_MAX)
            read_unknown(app, file, file_number(names[i]->d_name, prefix));
        free(file);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    if (read > UNKNOWN_READ_MAX)
        report_line(&app->report, LINE_INFO, "%d pictures were not read yet; :gallery again goes on",
                    read - UNKNOWN_READ_MAX);
}

/* ---- what is shown ------------------------------------------------------------------------------------- */

static bool holds(const char *text, const char *wanted) {
    return text && strcasestr(text, wanted);
}

static bool is_wanted(const GalleryEntry *entry, const char *filter) {
    if (!filter || !*filter)
        return true;
    if (!strcmp(filter, "starred"))
        return entry->star;
    return holds(entry->meta.prompt, filter) || holds(strrchr(entry->file, '/'), filter);
}

/* The pictures of this session outside of `directory`: a few, if any. Each with a NUL. */
static void add_elsewhere(Buf *out, const App *app, const char *directory) {
    size_t size = strlen(directory);
    for (size_t i = 0; i < app->shot_count; i++) {
        char *file = app->shots[i].path ? index_path(app->shots[i].path) : NULL;
        bool here = file && !strncmp(file, directory, size) && strrchr(file, '/') == file + size;
        if (file && !here)
            buf_add(out, file, strlen(file) + 1);
        free(file);
    }
}

static bool is_among(const Buf *files, const char *file) {
    for (size_t at = 0; at < files->size; at += strlen(files->data + at) + 1)
        if (!strcmp(files->data + at, file))
            return true;
    return false;
}

/* Newest first; of one second, the higher number first. */
static int compare_shown(const void *a, const void *b) {
    const GalleryEntry *left = *(GalleryEntry *const *)a, *right = *(GalleryEntry *const *)b;
    if (left->time != right->time)
        return left->time < right->time ? 1 : -1;
    if (left->number != right->number)
        return left->number < right->number ? 1 : -1;
    return strverscmp(right->file, left->file);
}

void app_gallery_close(App *app) {
    for (size_t i = 0; i < app->gallery_shown_count; i++)
        free(app->gallery_shown[i]);
    free(app->gallery_shown);
    app->gallery_shown = NULL;
    app->gallery_shown_count = 0;
}

/* Their names are kept: entries move when a picture is saved meanwhile. */
static void show_entries(App *app, GalleryEntry **entries, size_t count) {
    app_gallery_close(app);
    app->gallery_shown = must_alloc((count + 1) * sizeof *app->gallery_shown);
    app->gallery_shown_count = count;
    for (size_t i = 0; i < count; i++) {
        entries[i]->missing = !file_exists(entries[i]->file);
        app->gallery_shown[i] = must_copy(entries[i]->file);
    }
}

static void choose_shown(App *app, const char *directory, const char *filter) {
    Gallery *gallery = &app->gallery;
    size_t size = strlen(directory), count = 0;
    GalleryEntry **chosen = must_alloc((gallery->count + 1) * sizeof *chosen);
    Buf elsewhere = {0};
    add_elsewhere(&elsewhere, app, directory);
    for (size_t i = 0; i < gallery->count; i++) {
        GalleryEntry *entry = &gallery->entries[i];
        const char *name = strrchr(entry->file, '/');
        bool here = (size_t)(name - entry->file) == size && !strncmp(entry->file, directory, size);
        if ((here || is_among(&elsewhere, entry->file)) && is_wanted(entry, filter))
            chosen[count++] = entry;
    }
    qsort(chosen, count, sizeof *chosen, compare_shown);
    show_entries(app, chosen, count);
    free(chosen);
    buf_done(&elsewhere);
}

Status app_gallery_open(App *app, const char *filter) {
    const char *outdir = settings_text(&app->settings, SET_OUTDIR);
    TRY(gallery_refresh(&app->gallery));
    char *directory = realpath(outdir, NULL);
    if (directory)
        read_directory(app, directory);
    choose_shown(app, directory ? directory : outdir, filter);
    free(directory);
    return NULL;
}

size_t app_gallery_count(const App *app) {
    return app->gallery_shown_count;
}

/* NULL: the index has been lost meanwhile. */
static GalleryEntry *shown(const App *app, size_t index) {
    return gallery_find(&app->gallery, app->gallery_shown[index]);
}

/* The prompt in one line: tags and white space as single spaces. */
static void put_caption(Buf *out, const char *prompt) {
    bool space = false;
    size_t begin = out->size;
    for (const char *c = prompt ? prompt : ""; *c && out->size - begin < 4 * CAPTION_CELLS; c++) {
        const char *end = *c == '<' ? strchr(c, '>') : NULL;
        if (end && !memchr(c, '\n', (size_t)(end - c)))
            c = end;
        else if (!strchr(" \t\r\n", *c)) {
            if (space && out->size > begin)
                buf_byte(out, ' ');
            buf_byte(out, (unsigned char)*c);
            space = false;
            continue;
        }
        space = true;
    }
    buf_truncate(out, begin + utf8_fit(buf_string(out) + begin, out->size - begin, CAPTION_CELLS));
}

/* "seed 42, 128x128, 28 steps": what is known of it. */
static void put_facts(Buf *out, const RunMeta *meta) {
    if (meta->has_seed)
        buf_print(out, "seed %llu, ", (unsigned long long)meta->seed);
    buf_print(out, "%dx%d", meta->width, meta->height);
    if (meta->steps_run > 0 && meta->steps_run < meta->steps)
        buf_print(out, ", %d of %d steps", meta->steps_run, meta->steps);
    else if (meta->steps > 0)
        buf_print(out, ", %d steps", meta->steps);
}

void app_gallery_at(GalleryPicture *out, App *app, size_t index) {
    const GalleryEntry *entry = shown(app, index);
    const char *path = app->gallery_shown[index];
    buf_truncate(&app->gallery_caption, 0);
    buf_truncate(&app->gallery_facts, 0);
    *out = (GalleryPicture){.path = path, .name = file_name(path), .missing = true};
    if (entry) {
        put_caption(&app->gallery_caption, entry->meta.prompt);
        put_facts(&app->gallery_facts, &entry->meta);
        out->number = entry->number;
        out->time = entry->time;
        out->star = entry->star;
        out->missing = entry->missing;
        out->has_prompt = entry->meta.prompt != NULL;
    }
    out->caption = buf_string(&app->gallery_caption);
    out->facts = buf_string(&app->gallery_facts);
}

Status app_thumbnail(Image *out, App *app, size_t index, int side) {
    const GalleryEntry *entry = shown(app, index);
    const char *path = app->gallery_shown[index];
    const Thumbnail *thumbnail;
    TRY(thumbnail_of(&thumbnail, &app->thumbnails, path, side));
    *out = (Image){thumbnail->pixels, thumbnail->width, thumbnail->height, entry ? entry->number : 0,
                   .kind = IMAGE_VIEW, .name = file_name(path)};
    return NULL;
}

/* "#12", or the file's name where it has no number. */
static void put_name(Buf *out, const GalleryEntry *entry) {
    if (entry->number)
        buf_print(out, "#%lld", (long long)entry->number);
    else
        buf_text(out, file_name(entry->file));
}

static Status is_lost(const App *app, size_t index) {
    return hint(fail(ERR_IO, "%s is not in the gallery any more", file_name(app->gallery_shown[index])),
                ":gallery looks again");
}

Status app_gallery_take(App *app, size_t index) {
    const GalleryEntry *entry = shown(app, index);
    RunMeta meta;
    Buf name = {0};
    if (!entry)
        return is_lost(app, index);
    put_name(&name, entry);
    bool read = file_exists(entry->file) && !picture_file_meta(&meta, NULL, entry->file);
    Status st = app_take_meta(app, name.data, read ? &meta : &entry->meta);
    if (read)
        meta_done(&meta);
    const Surface *surface = app->report.surface;
    if (!st && surface->edit)
        surface->edit(app->report.context, buf_string(&app->prompt), app->prompt.size);
    buf_done(&name);
    return st;
}

Status app_set_star(App *app, GalleryEntry *entry) {
    Buf name = {0};
    put_name(&name, entry);
    warn_once(app, gallery_star(&app->gallery, entry, !entry->star));
    report_line(&app->report, LINE_INFO, entry->star ? "%s has a star; :gallery starred lists those that do"
                                                     : "%s has no star any more", name.data);
    buf_done(&name);
    return NULL;
}

Status app_gallery_star(App *app, size_t index) {
    GalleryEntry *entry = shown(app, index);
    return entry ? app_set_star(app, entry) : is_lost(app, index);
}

/* ---- by reference -------------------------------------------------------------------------------------- */

const RunMeta *app_gallery_meta(App *app, const char *path) {
    char *file = index_path(path);
    GalleryEntry *entry = gallery_refresh(&app->gallery) ? NULL : gallery_find(&app->gallery, file);
    free(file);
    return entry ? &entry->meta : NULL;
}

Status app_gallery_find(GalleryEntry **out, App *app, const char *reference) {
    char *path;
    Status st = picture_path(&path, app, reference);
    long long number = *reference == '#' ? strtoll(reference + 1, NULL, 10) : 0;
    if (st && number <= 0)
        return st;
    Fault missing;
    if (st) { /* deleted, but perhaps known */
        fault_copy(&missing, st);
        path = picture_numbered_path(app, number);
    }
    char *file = index_path(path);
    free(path);
    Status index = gallery_refresh(&app->gallery);
    if (index) {
        free(file);
        return index;
    }
    if (!gallery_find(&app->gallery, file) && !st)
        read_unknown(app, file, file_number(file_name(file), settings_text(&app->settings, SET_PREFIX)));
    *out = gallery_find(&app->gallery, file);
    if (!*out && !st)
        st = file_exists(file) ? fail(ERR_FORMAT, "%s is not a PNG", reference)
                               : fail(ERR_IO, "%s: there is no such file", reference);
    else if (!*out)
        st = fault_raise(&missing);
    free(file);
    return *out ? NULL : st;
}

int64_t picture_number(const App *app, const char *path) {
    return file_number(file_name(path), settings_text(&app->settings, SET_PREFIX));
}
