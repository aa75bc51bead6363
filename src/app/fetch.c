/* fetch.c: the prompt and the settings of a picture become current: :fetch, :replay, and the gallery. What
 * cannot be honoured here is said, not dropped. product.md 5, 10.2. */
#include "config.h"

#include <string.h>

#include "app/cmd.h"
#include "app/recipe.h"

/* A value that this program refuses is left as it is, and a line about it appended. */
static void take_value(Buf *refused, App *app, SettingId id, const char *value) {
    Status st = settings_set(&app->settings, id, value, FROM_USER);
    if (st)
        buf_print(refused, "Not honoured: %s; %s stays %s\n", st->message, SETTINGS[id].name,
                  settings_text(&app->settings, id));
}

/* The system prompt that "auto" would choose for this prompt anyway is auto. "model" is the text of a model
 * that is not loaded. */
static void take_system(Buf *refused, App *app, const Recipe *recipe) {
    const char *wanted = recipe->value[SET_SYS], *name, *text;
    Settings settings = {0};
    settings_copy(&settings, &app->settings);
    settings_reset(&settings, SET_SYS);
    system_prompt_for(&name, &text, app, &settings, buf_string(&recipe->prompt), recipe->prompt.size);
    if (!strcmp(wanted, name) || !strcmp(wanted, text))
        take_value(refused, app, SET_SYS, "auto");
    else if (!strcmp(wanted, "model"))
        buf_text(refused, "Not honoured: the system prompt of its model\n");
    else
        take_value(refused, app, SET_SYS, wanted);
    settings_done(&settings);
}

/* All that a recipe says; one undo state. */
static void take(App *app, const char *name, const Recipe *recipe) {
    Settings before = {0};
    Buf refused = {0};
    settings_copy(&before, &app->settings);
    SettingId id;
    for (int i = 0; (id = recipe_setting(i)) != SETTING_COUNT; i++)
        if (recipe->value[id] && id == SET_SYS)
            take_system(&refused, app, recipe);
        else if (recipe->value[id])
            take_value(&refused, app, id, recipe->value[id]);
    app_set_prompt(app, buf_string(&recipe->prompt), recipe->prompt.size);
    report_line(&app->report, LINE_INFO,
                "Prompt and settings of %s are current; :go renders, :undo goes back", name);
    say_settings_changed(app, &before);
    report_lines(&app->report, LINE_WARN, buf_string(&refused));
    buf_done(&refused);
    if (recipe->model && app->loaded && strcmp(recipe->model, app->view.name))
        report_line(&app->report, LINE_WARN, "Not honoured: model %s; %s is loaded", recipe->model,
                    app->view.name);
    settings_done(&before);
}

/* What has no setting. */
static void say_not_honoured(App *app, const RunMeta *meta) {
    Report *report = &app->report;
    if (meta->dtype && app->loaded && strcmp(meta->dtype, app->view.precision))
        report_line(report, LINE_WARN, "Not honoured: precision %s; the model is loaded in %s", meta->dtype,
                    app->view.precision);
    if (meta->parity && strcmp(meta->parity, "own"))
        report_line(report, LINE_WARN, "Not honoured: parity %s", meta->parity);
    if (meta->variation)
        report_line(report, LINE_WARN, "Not honoured: variation %s", meta->variation);
    for (size_t i = 0; i < meta->lora.count; i++)
        report_line(report, LINE_WARN, "Not honoured: LoRA %s", meta->lora.rows[i].name);
    Buf missing = {0};
    meta_missing(&missing, meta);
    if (missing.size)
        report_line(report, LINE_INFO, "Not said, left as it is: %s", missing.data);
    buf_done(&missing);
}

static void say_stopped(App *app, int steps_run, int steps) {
    if (steps_run > 0 && steps_run < steps)
        report_line(&app->report, LINE_INFO, "Note: it was stopped after %d of %d steps", steps_run, steps);
}

Status app_take_meta(App *app, const char *name, const RunMeta *meta) {
    if (!meta->prompt)
        return app_fault_as(app, EXIT_SOME, fail(ERR_FORMAT, "%s does not say its prompt", name));
    Recipe recipe;
    recipe_of_meta(&recipe, meta);
    take(app, name, &recipe);
    say_not_honoured(app, meta);
    say_stopped(app, meta->steps_run, meta->steps);
    recipe_done(&recipe);
    return NULL;
}

/* A picture of this session, also one without a file or without data in it. */
static Status fetch_shot(App *app, const char *name, const Shot *shot) {
    Recipe recipe;
    TRY(recipe_of(&recipe, app, name));
    take(app, name, &recipe);
    say_stopped(app, shot->steps_run, shot->job->steps);
    recipe_done(&recipe);
    return NULL;
}

Status cmd_fetch(App *app, const Call *call) {
    const char *name = call->word[0];
    const Shot *shot = picture_shot(app, name);
    if (shot)
        return fetch_shot(app, name, shot);
    RunMeta meta;
    PictureFacts facts = {0};
    TRY(picture_meta(&meta, &facts, app, name));
    Status st = app_take_meta(app, name, &meta);
    if (!st) {
        if (facts.missing)
            report_line(&app->report, LINE_INFO, "Note: its file is gone; this is from the gallery index");
        report_lines(&app->report, LINE_INFO, buf_string(&facts.remarks));
        report_lines(&app->report, LINE_WARN, buf_string(&facts.problems));
    }
    meta_done(&meta);
    picture_facts_done(&facts);
    return st;
}

Status cmd_replay(App *app, const Call *call) {
    TRY(cmd_fetch(app, call));
    return app_order(app, buf_string(&app->prompt), (int)settings_number(&app->settings, SET_COUNT));
}
