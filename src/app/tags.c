/* tags.c: the list of tags that Tab offers, read when it is first needed. product.md 4.5, setting `tags`. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "app/state.h"

Status app_tags_try(App *app, const char *value) {
    TagList list = {0};
    Buf path = {0};
    TRY(setting_parse(&path, &SETTINGS[SET_TAGS], value));
    char *file = places_tags(&app->places, buf_string(&path));
    Status st = file ? tags_load(&list, file) : NULL;
    free(file);
    if (st) {
        buf_done(&path);
        return st->hint[0] ? st : hint(st, ":reset tags brings the installed list back");
    }
    tags_done(&app->tags);
    free(app->tags_file);
    app->tags = list;
    app->tags_file = buf_take(&path);
    return NULL;
}

const TagList *app_tags(App *app) {
    const char *wanted = settings_text(&app->settings, SET_TAGS);
    if (app->tags_file && !strcmp(app->tags_file, wanted))
        return &app->tags;
    Status st = app_tags_try(app, wanted);
    if (st) { /* said once: until the setting changes, nothing is offered */
        report_fault(&app->report, st);
        tags_done(&app->tags);
        free(app->tags_file);
        app->tags_file = must_copy(wanted);
    }
    return &app->tags;
}

void app_seeds(Buf *out, const App *app) {
    for (size_t i = app->shot_count; i-- > 0;)
        buf_print(out, "%llu\n", (unsigned long long)app->shots[i].job->seed);
}
