/* places.c: see places.h. */
#include "config.h"

#include "app/places.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* $VARIABLE/newbie, else $HOME/FALLBACK/newbie, else NULL. Relative values are ignored, as the XDG text
 * asks. */
static char *base_directory(const char *variable, const char *fallback) {
    const char *base = getenv(variable), *home = getenv("HOME");
    char *directory = NULL;
    if (base && *base == '/')
        directory = must_copy(base);
    else if (home && *home)
        directory = file_join(home, fallback);
    char *result = directory ? file_join(directory, "newbie") : NULL;
    free(directory);
    return result;
}

static char *below(const char *directory, const char *name) {
    return directory ? file_join(directory, name) : NULL;
}

void places_find(Places *out) {
    *out = (Places){
        .config = base_directory("XDG_CONFIG_HOME", ".config"),
        .state = base_directory("XDG_STATE_HOME", ".local/state"),
        .data = base_directory("XDG_DATA_HOME", ".local/share"),
    };
    out->history = below(out->state, "history.ndjson");
    out->autosave = below(out->state, "autosave");
    out->gallery = below(out->state, "gallery.ndjson");
    out->macros = below(out->data, "macros");
    out->models = below(out->data, "models");
    out->tags = below(out->data, "tags");
    out->start_file = below(out->config, "newbierc");
}

void places_done(Places *places) {
    char **all[] = {&places->config, &places->state, &places->data, &places->history, &places->autosave,
                    &places->gallery, &places->tags, &places->macros, &places->models, &places->start_file};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(*all[i]);
    *places = (Places){0};
}

/* The directory of the running program, with symbolic links resolved; NULL when the system does not tell. */
static char *program_directory(void) {
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    if (size <= 0)
        return NULL;
    path[size] = 0;
    return must_copy(dirname(path));
}

/* The program's own neighbourhood first, so that a build that is not installed does not pick up an older one
 * that is. */
char *places_sample(const char *name) {
    static const char *const candidates[] = {
        "samples",
        "../samples",
        "../share/newbie/samples",
        NEWBIE_DATA_DIR "/samples",
        NEWBIE_SOURCE_DIR "/samples", /* a build elsewhere */
    };
    char *program = program_directory(), *found = NULL;
    for (size_t i = 0; !found && i < sizeof candidates / sizeof *candidates; i++) {
        char *samples = file_join(program ? program : "/", candidates[i]);
        found = file_join(samples, name);
        free(samples);
        if (!file_exists(found)) {
            free(found);
            found = NULL;
        }
    }
    free(program);
    return found;
}

char *places_demo_model(void) {
    return places_sample("demo-model");
}

/* A name without a slash that is not here, below `directory` if it is there. */
static char *here_or_below(const char *directory, const char *name) {
    if (!strchr(name, '/') && !file_exists(name) && directory) {
        char *there = file_join(directory, name);
        if (file_exists(there))
            return there;
        free(there);
    }
    return must_copy(name);
}

char *places_tags(const Places *places, const char *name) {
    return *name ? here_or_below(places->tags, name) : places_sample("tags/demo.csv");
}

char *places_model(const Places *places, const char *name) {
    return here_or_below(places->models, name);
}
