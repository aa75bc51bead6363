/* cmd_lesson.c: command files, the installed lesson, and what only lessons say: :run :tour :say :pause. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/file.h"

Status cmd_run(App *app, const Call *call) {
    char *path = app_path(app, call->word[0]);
    Status st = script_begin(app, path, SOURCE_FILE);
    free(path);
    return st;
}

Status cmd_tour(App *app, const Call *call) {
    (void)call;
    char *path = places_sample("lessons/tour.nbi");
    if (!path)
        return hint(fail(ERR_IO, "the lesson lessons/tour.nbi is not installed"),
                    ":run FILE runs another one");
    Status st = script_begin(app, path, SOURCE_FILE);
    free(path);
    return st;
}

Status cmd_say(App *app, const Call *call) {
    report_lines(&app->report, LINE_PLAIN, call->count ? call->word[0] : "\n");
    return NULL;
}

#define REFUSED '\003' /* no letter, so that no surface shows it */

/* Ctrl-C at a pause is the end of the lesson. */
static void end_lesson(App *app) {
    if (!app->script)
        return;
    report_line(&app->report, LINE_INFO, "Ended at %s:%zu", file_name(app->script->name), app->script->line);
    script_stop(app);
}

Status cmd_pause(App *app, const Call *call) {
    Buf text = {0};
    buf_print(&text, "%s%s(Enter goes on) ", call->count ? call->word[0] : "", call->count ? " " : "");
    Question question = {text.data, "", .otherwise = '\n', .refusal = REFUSED};
    if (app->parts.mode == APP_INTERACTIVE) {
        if (report_ask(&app->report, &question) == REFUSED)
            end_lesson(app);
    } else if (call->count)
        report_line(&app->report, LINE_PLAIN, "%s", call->word[0]);
    buf_done(&text);
    return NULL;
}
