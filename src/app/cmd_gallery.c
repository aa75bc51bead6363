/* cmd_gallery.c: the gallery, and commands that look at one picture of it: :gallery :star :view :open. The
 * index itself is gallery.c's. product.md 5, H5. */
#include "config.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/utf8.h"
#include "io/png.h"

#define LISTED_MAX 50            /* lines of :gallery on a surface without a gallery of its own */
#define CAPTION_CELLS 48
#define UNKNOWN_READ_MAX 1000    /* files read at once that the index does not know: the newest by name */

/* ---- the index ----------------------------------------------------------------------------------------- */

/* The path that the index knows a file by: absolute, its directory without symbolic links. Owned by the
 * caller. */
static char *index_path(const char *path) {
    char *directory = file_directory(path), *real = realpath(directory, NULL);
    const char *slash = strrchr(path, '/');
    char *result = real ? file_join(real, slash ? slash + 1 : path) : must_copy(path);
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
    if (!saved->path)
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

/* N of PREFIX N .png, 0 when it is another name. */
static int64_t number_in(const char *name, const char *prefix) {
    size_t size = strlen(prefix), digits = 0;
    if (strncmp(name, prefix, size))
        return 0;
    digits = strspn(name + size, "0123456789");
    return digits && !strcmp(name + size + digits, ".png") ? strtoll(name + size, NULL, 10) : 0;
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
            read_unknown(app, file, number_in(names[i]->d_name, prefix));
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
static int compare_shown(const void *a, const void *b, void *context) {
    const Gallery *gallery = context;
    const GalleryEntry *left = &gallery->entries[*(const size_t *)a];
    const GalleryEntry *right = &gallery->entries[*(const size_t *)b];
    if (left->time != right->time)
        return left->time < right->time ? 1 : -1;
    if (left->number != right->number)
        return left->number < right->number ? 1 : -1;
    return strverscmp(right->file, left->file);
}

static void choose_shown(App *app, const char *directory, const char *filter) {
    Gallery *gallery = &app->gallery;
    size_t size = strlen(directory);
    Buf elsewhere = {0};
    add_elsewhere(&elsewhere, app, directory);
    app->gallery_shown = must_realloc(app->gallery_shown, (gallery->count + 1) * sizeof(size_t));
    app->gallery_shown_count = 0;
    for (size_t i = 0; i < gallery->count; i++) {
        GalleryEntry *entry = &gallery->entries[i];
        const char *name = strrchr(entry->file, '/');
        bool here = (size_t)(name - entry->file) == size && !strncmp(entry->file, directory, size);
        if ((!here && !is_among(&elsewhere, entry->file)) || !is_wanted(entry, filter))
            continue;
        entry->missing = !file_exists(entry->file);
        app->gallery_shown[app->gallery_shown_count++] = i;
    }
    qsort_r(app->gallery_shown, app->gallery_shown_count, sizeof(size_t), compare_shown, gallery);
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

static GalleryEntry *shown(const App *app, size_t index) {
    return &app->gallery.entries[app->gallery_shown[index]];
}

/* The file as people know it: without the directory when that is outdir's. */
static const char *shown_name(const GalleryEntry *entry) {
    return strrchr(entry->file, '/') + 1;
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
    buf_truncate(&app->gallery_caption, 0);
    buf_truncate(&app->gallery_facts, 0);
    put_caption(&app->gallery_caption, entry->meta.prompt);
    put_facts(&app->gallery_facts, &entry->meta);
    *out = (GalleryPicture){
        .path = entry->file, .name = shown_name(entry), .number = entry->number, .time = entry->time,
        .star = entry->star, .missing = entry->missing, .has_prompt = entry->meta.prompt != NULL,
        .caption = buf_string(&app->gallery_caption), .facts = buf_string(&app->gallery_facts),
    };
}

Status app_thumbnail(Image *out, App *app, size_t index, int side) {
    const GalleryEntry *entry = shown(app, index);
    const Thumbnail *thumbnail;
    TRY(thumbnail_of(&thumbnail, &app->thumbnails, entry->file, side));
    *out = (Image){thumbnail->pixels, thumbnail->width, thumbnail->height, entry->number,
                   .kind = IMAGE_VIEW, .name = shown_name(entry)};
    return NULL;
}

/* "#12", or the file's name where it has no number. */
static void put_name(Buf *out, const GalleryEntry *entry) {
    if (entry->number)
        buf_print(out, "#%lld", (long long)entry->number);
    else
        buf_text(out, shown_name(entry));
}

Status app_gallery_take(App *app, size_t index) {
    const GalleryEntry *entry = shown(app, index);
    RunMeta meta;
    Buf name = {0};
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

static Status set_star(App *app, GalleryEntry *entry) {
    Buf name = {0};
    put_name(&name, entry);
    warn_once(app, gallery_star(&app->gallery, entry, !entry->star));
    report_line(&app->report, LINE_INFO, entry->star ? "%s has a star; :gallery starred lists those that do"
                                                     : "%s has no star any more", name.data);
    buf_done(&name);
    return NULL;
}

Status app_gallery_star(App *app, size_t index) {
    return set_star(app, shown(app, index));
}

/* ---- :gallery ------------------------------------------------------------------------------------------ */

static void list_picture(Table *table, App *app, size_t index) {
    GalleryPicture picture;
    app_gallery_at(&picture, app, index);
    char when[24] = "";
    time_t time = (time_t)picture.time;
    struct tm local;
    if (time)
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", localtime_r(&time, &local));
    if (picture.number)
        table_cell(table, "#%lld", (long long)picture.number);
    else
        table_cell(table, "-");
    table_cell(table, "%s", picture.name);
    table_cell(table, "%s", picture.missing && picture.star ? "star, missing" : picture.missing ? "missing"
                                                          : picture.star ? "star" : "");
    table_cell(table, "%s", when);
    table_cell(table, "%s", picture.facts);
    table_cell(table, "%s", picture.caption);
}

static void say_damage(App *app) {
    size_t damaged = app->gallery.damaged;
    if (damaged)
        report_line(&app->report, LINE_WARN,
                    "The gallery index has %zu damaged line%s, the first is line %zu; skipped", damaged,
                    damaged == 1 ? "" : "s", app->gallery.first_damaged);
}

static void say_count(App *app, const char *filter) {
    Report *report = &app->report;
    size_t count = app->gallery_shown_count;
    const char *outdir = settings_text(&app->settings, SET_OUTDIR);
    if (count > LISTED_MAX)
        report_line(report, LINE_INFO, "%zu pictures, the newest %d are listed; :gallery TEXT finds others",
                    count, LISTED_MAX);
    else if (!count && !filter)
        report_line(report, LINE_INFO, "No pictures in %s yet; :go renders the current prompt", outdir);
    else if (!count && !strcmp(filter, "starred"))
        report_line(report, LINE_INFO, "No picture in %s has a star; :star #N gives one", outdir);
    else if (!count)
        report_line(report, LINE_INFO,
                    "No picture in %s with \"%s\" in its prompt or name; :gallery lists all", outdir, filter);
}

Status cmd_gallery(App *app, const Call *call) {
    char *filter = call->count ? call->word[0] : NULL;
    for (size_t size = filter ? strlen(filter) : 0; size && filter[size - 1] == ' '; size--)
        filter[size - 1] = 0; /* typed by accident, and seen by nobody */
    if (filter && !*filter)
        filter = NULL;
    TRY(app_gallery_open(app, filter));
    const Surface *surface = app->report.surface;
    if (surface->gallery && app->gallery_shown_count) {
        surface->gallery(app->report.context);
        return NULL;
    }
    Table table = table_of(6);
    for (size_t i = 0; i < app->gallery_shown_count && i < LISTED_MAX; i++)
        list_picture(&table, app, i);
    report_table(&app->report, &table, 2);
    say_damage(app);
    say_count(app, filter);
    return NULL;
}

/* ---- one picture --------------------------------------------------------------------------------------- */

const RunMeta *app_gallery_meta(App *app, const char *path) {
    char *file = index_path(path);
    GalleryEntry *entry = gallery_refresh(&app->gallery) ? NULL : gallery_find(&app->gallery, file);
    free(file);
    return entry ? &entry->meta : NULL;
}

/* The entry that a reference means; a picture that is there and not known yet is read. */
static Status find_entry(GalleryEntry **out, App *app, const char *reference) {
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
    TRY(gallery_refresh(&app->gallery));
    if (!gallery_find(&app->gallery, file) && !st) {
        const char *name = strrchr(file, '/');
        read_unknown(app, file, number_in(name ? name + 1 : file, settings_text(&app->settings, SET_PREFIX)));
    }
    *out = gallery_find(&app->gallery, file);
    if (!*out && !st)
        st = file_exists(file) ? fail(ERR_FORMAT, "%s is not a PNG", reference)
                               : fail(ERR_IO, "%s: there is no such file", reference);
    else if (!*out)
        st = fault_raise(&missing);
    free(file);
    return *out ? NULL : st;
}

Status cmd_star(App *app, const Call *call) {
    GalleryEntry *entry;
    TRY(find_entry(&entry, app, call->count ? call->word[0] : "last"));
    return set_star(app, entry);
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static Status no_pictures_here(void) {
    return hint(fail(ERR_UNSUPPORTED, "lines cannot show a picture"),
                ":set picture half shows it as blocks; :open in the desktop's viewer");
}

Status cmd_view(App *app, const Call *call) {
    const char *reference = call->count ? call->word[0] : "last";
    if (!app_shows_pictures(app))
        return app_fault_as(app, EXIT_SOME, no_pictures_here());
    const Shot *shot = picture_shot(app, reference);
    if (shot && shot->pixels) {
        report_image(&app->report, &(Image){shot->pixels, shot->job->width, shot->job->height, shot->number,
                                            IMAGE_VIEW, shot->path ? name_of(shot->path) : "not saved"});
        return NULL;
    }
    char *path;
    TRY(picture_path(&path, app, reference));
    PngPicture picture;
    Status st = png_load(&picture, path);
    if (!st) {
        int64_t number = number_in(name_of(path), settings_text(&app->settings, SET_PREFIX));
        report_image(&app->report, &(Image){picture.pixels, picture.width, picture.height, number, IMAGE_VIEW,
                                            name_of(path)});
        free(picture.pixels);
    }
    free(path);
    return st;
}

/* The command that opens a picture: $NEWBIE_VIEWER, else what the desktop has. The viewer lives on its own:
 * what it prints is dropped, and it is not waited for. */
static const char VIEW_COMMAND[] =
    "set -- \"$1\" ${NEWBIE_VIEWER:-}\n"
    "file=$1; shift\n"
    "if [ $# = 0 ]; then for one in xdg-open open; do\n"
    "command -v \"$one\" >/dev/null 2>&1 && set -- \"$one\" && break; done; fi\n"
    "[ $# = 0 ] && exit 127\n"
    "command -v \"$1\" >/dev/null 2>&1 || exit 126\n"
    "\"$@\" \"$file\" </dev/null >/dev/null 2>&1 &\n";

Status cmd_open(App *app, const Call *call) {
    char *path;
    TRY(picture_path(&path, app, call->count ? call->word[0] : "last"));
    char *file = file_exists(path) ? index_path(path) : NULL; /* no name begins with a "-" then */
    Status st = NULL;
    int status = file ? app_shell(app, SHELL_PROGRAM, VIEW_COMMAND, file) : 0;
    const char *viewer = getenv("NEWBIE_VIEWER");
    if (!file)
        st = fail(ERR_IO, "%s: there is no such file", shown_path(path));
    else if (status == 126 && viewer)
        st = hint(fail(ERR_USAGE, "the viewer \"%s\" of NEWBIE_VIEWER was not found", viewer),
                  "set NEWBIE_VIEWER to a program that shows pictures");
    else if (status)
        st = hint(fail(ERR_USAGE, "there is no viewer: xdg-open was not found, and NEWBIE_VIEWER names none"),
                  "NEWBIE_VIEWER=PROGRAM newbie ...; or :view, where the terminal shows pictures");
    else
        report_line(&app->report, LINE_INFO, "Opened %s", shown_path(path));
    free(file);
    free(path);
    return st ? app_fault_as(app, EXIT_SOME, st) : NULL;
}
