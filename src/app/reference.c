/* reference.c: what a user means by #12, last, @miku or a file name. product.md C4. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/state.h"
#include "base/file.h"
#include "io/png.h"
#include "prompt/macro.h"

/* "last", and "#-1" for the newest, "#-2" for the one before it; 0 when it is no such word. */
static long from_end(const char *reference) {
    if (!strcmp(reference, "last"))
        return 1;
    if (strncmp(reference, "#-", 2))
        return 0;
    char *end;
    long back = strtol(reference + 2, &end, 10);
    return *end ? 0 : back;
}

/* N of "#12", 0 when it is something else. */
static long long number_of(const char *reference) {
    if (*reference != '#')
        return 0;
    char *end;
    long long number = strtoll(reference + 1, &end, 10);
    return *end || number < 1 ? 0 : number;
}

Shot *picture_shot(App *app, const char *reference) {
    long back = from_end(reference);
    if (back > 0)
        return (size_t)back <= app->shot_count ? &app->shots[app->shot_count - (size_t)back] : NULL;
    long long number = number_of(reference);
    for (size_t i = app->shot_count; i-- > 0;) {
        Shot *shot = &app->shots[i];
        bool named = shot->path && !strcmp(shot->path, reference);
        if ((number && shot->number == number) || (!number && named))
            return shot;
    }
    return NULL;
}

char *picture_numbered_path(const App *app, long long number) {
    char name[96];
    snprintf(name, sizeof name, "%s%03lld.png", settings_text(&app->settings, SET_PREFIX), number);
    return file_join(settings_text(&app->settings, SET_OUTDIR), name);
}

Status picture_path(char **out, App *app, const char *reference) {
    const char *directory = settings_text(&app->settings, SET_OUTDIR);
    const Shot *shot = picture_shot(app, reference);
    if (shot && shot->path) {
        *out = must_copy(shot->path);
        return NULL;
    }
    if (shot)
        return hint(fail(ERR_IO, "%s is not saved yet", reference), ":export %s FILE writes it", reference);
    long back = from_end(reference);
    int64_t number = number_of(reference);
    if (back > 0) {
        Status st = file_highest_number(&number, directory, settings_text(&app->settings, SET_PREFIX));
        if (st)
            return hint(st, ":set outdir DIR");
        number -= back - 1;
        if (app->shot_count || number < 1)
            return hint(fail(ERR_IO, "%s: there is no such picture yet", reference),
                        ":go renders the current prompt");
    } else if (!number) {
        *out = app_path(app, reference);
        return NULL;
    }
    char *path = picture_numbered_path(app, number);
    if (!file_exists(path)) {
        const char *name = file_name(path);
        Status st = fail(ERR_IO, "%s: there is no %s in %s", reference, name, directory);
        free(path);
        return hint(st, ":gallery lists what is there");
    }
    *out = path;
    return NULL;
}

Status picture_file_meta(RunMeta *out, PictureFacts *facts, const char *path) {
    PngInfo png;
    Status bad = png_read(&png, path);
    if (bad && strstr(bad->message, "is not a PNG"))
        return hint(bad, "only PNG files are read");
    if (bad && bad->code == ERR_IO)
        return hint(bad, ":gallery lists what is there");
    TRY(bad);
    PictureFacts found = {.width = png.width, .height = png.height};
    found.source = meta_read(out, &found.remarks, &png);
    Status st = NULL;
    if (found.source == META_NONE) {
        st =
            hint(fail(ERR_UNSUPPORTED, "%s has no generation data; it has %s", path, buf_string(&png.chunks)),
                 ":fetch needs a picture made by newbie, ComfyUI or A1111");
        meta_done(out);
    }
    found.problems = png.problems;
    png.problems = (Buf){0};
    if (facts && !st)
        *facts = found;
    else
        picture_facts_done(&found);
    png_done(&png);
    return st;
}

/* A picture that is gone, from the gallery index (H5). False when that does not know it either. */
static bool indexed_meta(RunMeta *out, PictureFacts *facts, App *app, const char *path) {
    const RunMeta *known = file_exists(path) ? NULL : app_gallery_meta(app, path);
    if (!known || !known->prompt)
        return false;
    gallery_copy_meta(out, known);
    if (facts)
        *facts = (PictureFacts){.missing = true, .width = out->width, .height = out->height};
    return true;
}

Status picture_meta(RunMeta *out, PictureFacts *facts, App *app, const char *reference) {
    char *path;
    Fault gone;
    Status st = picture_path(&path, app, reference);
    if (st) {
        fault_copy(&gone, st);
        path = number_of(reference) ? picture_numbered_path(app, number_of(reference)) : must_copy("");
    }
    if (indexed_meta(out, facts, app, path))
        st = NULL;
    else
        st = st ? fault_raise(&gone) : picture_file_meta(out, facts, shown_path(path));
    free(path);
    return st && st->code == ERR_UNSUPPORTED ? app_fault_as(app, EXIT_SOME, st) : st;
}

void picture_facts_done(PictureFacts *facts) {
    buf_done(&facts->remarks);
    buf_done(&facts->problems);
}

Status reference_macro(Macro *out, const App *app, const char *name) {
    if (!app->places.macros)
        return hint(fail(ERR_USAGE, "macros need a home directory, and HOME is not set"),
                    "set HOME or XDG_DATA_HOME");
    TRY(macro_name_check(name));
    char *path = macro_path(app->places.macros, name);
    bool there = file_exists(path);
    free(path);
    if (!there)
        return hint(fail(ERR_USAGE, "there is no macro %s", name), ":list shows all");
    return macro_load(out, app->places.macros, name);
}
