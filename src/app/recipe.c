/* recipe.c: see recipe.h. */
#include "config.h"

#include "app/recipe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const SettingId MAKERS[] = {SET_SEED,     SET_STEPS, SET_CFG,  SET_CFG_TRUNC, SET_RENORM, SET_SAMPLER,
                                   SET_SCHEDULE, SET_SHIFT, SET_SIZE, SET_RNG,       SET_SYS,    SET_NEG};

SettingId recipe_setting(int index) {
    return (size_t)index < sizeof MAKERS / sizeof *MAKERS ? MAKERS[index] : SETTING_COUNT;
}

void recipe_done(Recipe *recipe) {
    for (int i = 0; i < SETTING_COUNT; i++)
        free(recipe->value[i]);
    free(recipe->model);
    buf_done(&recipe->prompt);
    *recipe = (Recipe){0};
}

/* Takes over a value in its canonical spelling, or as it is where the setting would refuse it. */
static void say(Recipe *out, SettingId id, const char *value) {
    if (!value)
        return;
    Buf canonical = {0};
    if (setting_parse(&canonical, &SETTINGS[id], value))
        buf_text(&canonical, value);
    free(out->value[id]);
    out->value[id] = must_copy(buf_string(&canonical));
    buf_done(&canonical);
}

static void say_number(Recipe *out, SettingId id, double value) {
    char text[40];
    snprintf(text, sizeof text, "%.9g", value);
    say(out, id, isfinite(value) ? text : NULL);
}

static void say_seed(Recipe *out, uint64_t seed) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    say(out, SET_SEED, text);
}

static void say_size(Recipe *out, int width, int height) {
    char text[32];
    snprintf(text, sizeof text, "%dx%d", width, height);
    say(out, SET_SIZE, width > 0 && height > 0 ? text : NULL);
}

/* A text of the user's own stands for itself. */
static void say_system(Recipe *out, const char *name, const char *text) {
    say(out, SET_SYS, name && !strcmp(name, "custom") ? text : name);
}

/* ---- the present --------------------------------------------------------------------------------------- */

void recipe_now(Recipe *out, App *app) {
    const char *prompt = buf_string(&app->prompt), *name, *text;
    *out = (Recipe){0};
    buf_add(&out->prompt, prompt, app->prompt.size);
    for (size_t i = 0; i < sizeof MAKERS / sizeof *MAKERS; i++)
        say(out, MAKERS[i], settings_text(&app->settings, MAKERS[i]));
    system_prompt_for(&name, &text, app, &app->settings, prompt, app->prompt.size);
    say_system(out, name, text);
    out->model = app->loaded ? must_copy(app->view.name) : NULL;
}

/* ---- what was ------------------------------------------------------------------------------------------ */

static void recipe_of_job(Recipe *out, const Job *job) {
    *out = (Recipe){0};
    buf_text(&out->prompt, job->prompt);
    say_seed(out, job->seed);
    say_number(out, SET_STEPS, job->steps);
    say_number(out, SET_CFG, job->cfg);
    say_number(out, SET_CFG_TRUNC, job->cfg_trunc);
    say_number(out, SET_RENORM, job->renorm);
    say_number(out, SET_SHIFT, job->shift);
    say(out, SET_SAMPLER, job->sampler);
    say(out, SET_SCHEDULE, job->schedule);
    say(out, SET_RNG, "cpu");
    say(out, SET_NEG, job->negative);
    say_size(out, job->width, job->height);
    say_system(out, job->system_name, job->system_text);
}

void recipe_of_meta(Recipe *out, const RunMeta *meta) {
    *out = (Recipe){0};
    buf_text(&out->prompt, meta->prompt ? meta->prompt : "");
    if (meta->has_seed)
        say_seed(out, meta->seed);
    if (meta->steps > 0)
        say_number(out, SET_STEPS, meta->steps);
    say_number(out, SET_CFG, meta->cfg);
    say_number(out, SET_CFG_TRUNC, meta->cfg_trunc);
    say_number(out, SET_RENORM, meta->renorm);
    say_number(out, SET_SHIFT, meta->shift);
    say(out, SET_SAMPLER, meta->sampler);
    say(out, SET_SCHEDULE, meta->schedule);
    say(out, SET_RNG, meta->rng);
    say(out, SET_NEG, meta->negative ? meta->negative : "");
    say_size(out, meta->width, meta->height);
    say_system(out, meta->system_preset, meta->system_text);
    out->model = meta->model_name ? must_copy(meta->model_name) : NULL;
}

static Status recipe_of_macro(Recipe *out, App *app, const char *name) {
    Macro macro = {0};
    TRY(reference_macro(&macro, app, name));
    *out = (Recipe){0};
    buf_add(&out->prompt, buf_string(&macro.prompt), macro.prompt.size);
    say(out, SET_NEG, macro.negative);
    for (size_t i = 0; i < macro.setting_count; i++)
        for (size_t k = 0; k < sizeof MAKERS / sizeof *MAKERS; k++)
            if (!strcmp(SETTINGS[MAKERS[k]].name, macro.settings[i].name))
                say(out, MAKERS[k], macro.settings[i].value);
    macro_done(&macro);
    return NULL;
}

/* N of "j4", 0 when it is something else. */
static int job_number(const char *reference) {
    char *end;
    long id = *reference == 'j' ? strtol(reference + 1, &end, 10) : 0;
    return id > 0 && id < 1 << 30 && !*end ? (int)id : 0;
}

Status recipe_of(Recipe *out, App *app, const char *reference) {
    if (*reference == '@')
        return recipe_of_macro(out, app, reference + 1);
    if (job_number(reference)) {
        const Ticket *ticket = app_ticket(app, job_number(reference));
        if (!ticket)
            return hint(fail(ERR_USAGE, "there is no job %s", reference), ":queue lists them");
        recipe_of_job(out, ticket->job);
        out->drawn = ticket->drawn;
        return NULL;
    }
    const Shot *shot = picture_shot(app, reference);
    if (shot) {
        recipe_of_job(out, shot->job);
        out->drawn = shot->drawn;
        out->model = must_copy(shot->model);
        return NULL;
    }
    RunMeta meta;
    TRY(picture_meta(&meta, NULL, app, reference));
    recipe_of_meta(out, &meta);
    meta_done(&meta);
    return NULL;
}

Status reference_prompt(Buf *out, App *app, const char *reference) {
    Recipe recipe;
    TRY(recipe_of(&recipe, app, reference));
    buf_add(out, buf_string(&recipe.prompt), recipe.prompt.size);
    recipe_done(&recipe);
    return NULL;
}
