/* fetch.c: the prompt and the settings of a picture become current: what :fetch and the gallery do. What
 * cannot be honoured here is said, not dropped. product.md 5 (:fetch), 10.2. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/state.h"

/* Sets one value; a value that this program refuses is said and left as it is. */
static void take_text(App *app, SettingId id, const char *value) {
    if (!value)
        return;
    Status st = settings_set(&app->settings, id, value, FROM_USER);
    if (st)
        report_line(&app->report, LINE_WARN, "Not taken over: %s", st->message);
}

static void take_number(App *app, SettingId id, double value) {
    char text[40];
    if (!isfinite(value))
        return;
    snprintf(text, sizeof text, "%.9g", value);
    take_text(app, id, text);
}

/* A preset by its name, a text of the user's own as it is. "model" is what the loaded model says itself:
 * auto, where that is the same text. */
static void take_system(App *app, const RunMeta *meta) {
    const char *name = meta->system_preset, *text = meta->system_text;
    const char *own = app->loaded ? app->model.default_system : NULL;
    if (!name)
        return;
    if (system_prompt_find(name))
        take_text(app, SET_SYS, name);
    else if (!strcmp(name, "model") && own && (!text || !strcmp(text, own)))
        take_text(app, SET_SYS, "auto");
    else
        take_text(app, SET_SYS, text);
}

static void take_settings(App *app, const RunMeta *meta) {
    char text[40];
    snprintf(text, sizeof text, "%llu", (unsigned long long)meta->seed);
    take_text(app, SET_SEED, meta->has_seed ? text : NULL);
    if (meta->steps > 0)
        take_number(app, SET_STEPS, meta->steps);
    take_number(app, SET_CFG, meta->cfg);
    take_number(app, SET_CFG_TRUNC, meta->cfg_trunc);
    take_number(app, SET_RENORM, meta->renorm);
    take_text(app, SET_SAMPLER, meta->sampler);
    take_text(app, SET_SCHEDULE, meta->schedule);
    take_number(app, SET_SHIFT, meta->shift);
    snprintf(text, sizeof text, "%dx%d", meta->width, meta->height);
    take_text(app, SET_SIZE, meta->width > 0 ? text : NULL);
    take_text(app, SET_NEG, meta->negative ? meta->negative : "");
    take_text(app, SET_RNG, meta->rng);
    take_system(app, meta);
}

/* What has no setting, or needs something else loaded. */
static void say_not_honoured(App *app, const RunMeta *meta) {
    Report *report = &app->report;
    if (meta->model_name && app->loaded && strcmp(meta->model_name, app->view.name))
        report_line(report, LINE_WARN, "Not honoured: model %s; %s is loaded", meta->model_name,
                    app->view.name);
    if (meta->parity && strcmp(meta->parity, "own"))
        report_line(report, LINE_WARN, "Not honoured: parity %s", meta->parity);
    if (meta->variation)
        report_line(report, LINE_WARN, "Not honoured: variation %s", meta->variation);
    for (size_t i = 0; i < meta->lora.count; i++)
        report_line(report, LINE_WARN, "Not honoured: LoRA %s", meta->lora.rows[i].name);
    if (meta->steps_run > 0 && meta->steps_run < meta->steps)
        report_line(report, LINE_INFO, "Note: it was stopped after %d of %d steps", meta->steps_run,
                    meta->steps);
    Buf missing = {0};
    meta_missing(&missing, meta);
    if (missing.size)
        report_line(report, LINE_INFO, "Not said, left as it is: %s", missing.data);
    buf_done(&missing);
}

Status app_take_meta(App *app, const char *name, const RunMeta *meta) {
    if (!meta->prompt)
        return app_fault_as(app, EXIT_SOME, fail(ERR_FORMAT, "%s does not say its prompt", name));
    Settings before;
    settings_copy(&before, &app->settings);
    take_settings(app, meta);
    app_set_prompt(app, meta->prompt, strlen(meta->prompt)); /* one undo state for both */
    report_line(&app->report, LINE_INFO,
                "Prompt and settings of %s are current; :go renders, :undo goes back", name);
    say_settings_changed(app, &before);
    say_not_honoured(app, meta);
    settings_done(&before);
    return NULL;
}
