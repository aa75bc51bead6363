/* cmd_gallery.c: commands that look at pictures: :gallery :star :view :open. What they look at is album.c's.
 * product.md 5. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/file.h"
#include "io/png.h"

#define LISTED_MAX 50 /* lines of :gallery on a surface without a gallery of its own */

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

Status cmd_star(App *app, const Call *call) {
    GalleryEntry *entry;
    TRY(app_gallery_find(&entry, app, call->count ? call->word[0] : "last"));
    return app_set_star(app, entry);
}

static Status no_pictures_here(void) {
    return hint(fail(ERR_UNSUPPORTED, "lines cannot show a picture"),
                ":set picture half shows it as blocks; :open in the desktop's viewer");
}

static Status no_colors_here(void) {
    return hint(
        fail(ERR_UNSUPPORTED, "no picture can be seen: colours or the setting picture are off"),
        ":set color always and :set picture auto, where the terminal can; :open in the desktop's viewer");
}

Status cmd_view(App *app, const Call *call) {
    const char *reference = call->count ? call->word[0] : "last";
    const Surface *surface = app->report.surface;
    if (!app_shows_pictures(app))
        return app_fault_as(app, EXIT_SOME, no_pictures_here());
    if (surface->shows && !surface->shows(app->report.context))
        return app_fault_as(app, EXIT_SOME, no_colors_here());
    const Shot *shot = picture_shot(app, reference);
    if (shot && shot->pixels) {
        report_image(&app->report, &(Image){shot->pixels, shot->job->width, shot->job->height, shot->number,
                                            IMAGE_VIEW, shot->path ? file_name(shot->path) : "not saved"});
        return NULL;
    }
    char *path;
    TRY(picture_path(&path, app, reference));
    PngPicture picture;
    Status st = png_load(&picture, path);
    if (!st) {
        int64_t number = picture_number(app, path);
        report_image(&app->report, &(Image){picture.pixels, picture.width, picture.height, number, IMAGE_VIEW,
                                            file_name(path)});
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
    char *file = realpath(path, NULL); /* no name begins with a "-" then */
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
