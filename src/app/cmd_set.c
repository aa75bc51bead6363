/* cmd_set.c: commands about settings: :set :reset :seed :neg, and the short forms such as :steps. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/state.h"

/* A value for people: an empty text as (empty), and no line breaks. */
static void put_value(Buf *out, const char *value) {
    if (!*value)
        buf_text(out, "(empty)");
    for (; *value; value++)
        if (*value == '\n')
            buf_text(out, "\\n");
        else
            buf_byte(out, (unsigned char)*value);
}

static void say_change(App *app, SettingId id, const char *old) {
    Buf now = {0};
    put_value(&now, settings_text(&app->settings, id));
    if (strcmp(old, now.data))
        report_line(&app->report, LINE_INFO, "%s %s -> %s", SETTINGS[id].name, old, now.data);
    else
        report_line(&app->report, LINE_INFO, "%s %s", SETTINGS[id].name, now.data);
    buf_done(&now);
}

void say_settings_changed(App *app, const Settings *before) {
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (!strcmp(settings_text(before, i), settings_text(&app->settings, i)))
            continue;
        Buf old = {0};
        put_value(&old, settings_text(before, i));
        say_change(app, i, old.data);
        buf_done(&old);
    }
}

/* Changes a value and says "NAME OLD -> NEW". */
static Status change(App *app, const Call *call, SettingId id, const char *value) {
    Buf old = {0};
    put_value(&old, settings_text(&app->settings, id));
    Origin origin = call->source == SOURCE_START_FILE ? FROM_START_FILE : FROM_USER;
    Status st = app_set(app, id, value, origin);
    if (!st && call->source != SOURCE_START_FILE)
        say_change(app, id, old.data);
    buf_done(&old);
    return st;
}

static void say_value(App *app, SettingId id) {
    Buf value = {0};
    put_value(&value, settings_text(&app->settings, id));
    report_line(&app->report, LINE_PLAIN, "%s %s", SETTINGS[id].name, value.data);
    buf_done(&value);
}

/* `:set NAME?`. */
static void explain(App *app, SettingId id) {
    const Setting *setting = &SETTINGS[id];
    Buf range = {0}, value = {0}, standard = {0};
    const char *help, *choice;
    put_value(&value, settings_text(&app->settings, id));
    put_value(&standard, settings_default(&app->settings, id));
    setting_range(&range, setting);
    say_value(app, id);
    report_line(&app->report, LINE_PLAIN, "  %s", setting->help);
    report_line(&app->report, LINE_PLAIN, "  default %s%s; allowed: %s%s%s", standard.data,
                app->settings.value[id].model_text ? " (of this model)" : "", range.data,
                setting->unit ? " " : "", setting->unit ? setting->unit : "");
    Table table = table_of(2);
    for (int i = 0; (choice = setting_choice(setting, i, &help)); i++)
        if (help) {
            table_cell(&table, "%s", choice);
            table_cell(&table, "%s", help);
        }
    report_table(&app->report, &table, 4);
    buf_done(&range);
    buf_done(&value);
    buf_done(&standard);
}

static Status unknown_setting(const char *name) {
    const Setting *nearest = setting_nearest(name);
    Status st = nearest ? fail(ERR_USAGE, "unknown setting %s; did you mean %s?", name, nearest->name)
                        : fail(ERR_USAGE, "unknown setting %s", name);
    return hint(st, ":set lists all settings");
}

static void add_row(Table *table, const App *app, SettingId id) {
    Buf value = {0}, standard = {0};
    put_value(&value, settings_text(&app->settings, id));
    put_value(&standard, settings_default(&app->settings, id));
    table_cell(table, "%s", SETTINGS[id].name);
    table_cell(table, "%s", value.data);
    if (settings_changed(&app->settings, id))
        table_cell(table, "(default %s)", standard.data);
    else
        table_cell(table, "%s", "");
    buf_done(&value);
    buf_done(&standard);
}

/* Changed values first. */
static void list(App *app) {
    Table table = table_of(3);
    for (int changed = 1; changed >= 0; changed--)
        for (int i = 0; i < SETTING_COUNT; i++)
            if (settings_changed(&app->settings, i) == (changed == 1))
                add_row(&table, app, i);
    report_table(&app->report, &table, 0);
}

Status cmd_set(App *app, const Call *call) {
    if (!call->count) {
        list(app);
        return NULL;
    }
    char *name = call->word[0];
    size_t size = strlen(name);
    bool asks = size > 1 && name[size - 1] == '?';
    if (asks)
        name[size - 1] = 0;
    const Setting *setting = setting_find(name);
    if (!setting)
        return unknown_setting(name);
    SettingId id = (SettingId)(setting - SETTINGS);
    if (asks)
        explain(app, id);
    else if (call->count > 1)
        return change(app, call, id, call->word[1]);
    else
        say_value(app, id);
    return NULL;
}

Status cmd_short(App *app, const Call *call) {
    const Setting *setting = setting_find(call->command->name);
    SettingId id = (SettingId)(setting - SETTINGS);
    if (call->count)
        return change(app, call, id, call->word[0]);
    say_value(app, id);
    return NULL;
}

Status cmd_reset(App *app, const Call *call) {
    const char *name = call->count ? call->word[0] : "all";
    if (strcmp(name, "all")) {
        const Setting *setting = setting_find(name);
        if (!setting)
            return unknown_setting(name);
        SettingId id = (SettingId)(setting - SETTINGS);
        Status st = change(app, call, id, settings_default(&app->settings, id));
        if (!st)
            settings_reset(&app->settings, id); /* so that the next model may say its own */
        return st;
    }
    Settings before = {0};
    settings_copy(&before, &app->settings);
    settings_restore(&app->settings, "");
    if (app->started)
        app_remember(app);
    say_settings_changed(app, &before);
    settings_done(&before);
    report_line(&app->report, LINE_INFO, "All settings but model and device are at their defaults");
    return NULL;
}

/* ---- the seed ------------------------------------------------------------------------------------------ */

/* The seed stored in a picture. */
static Status seed_of_picture(uint64_t *seed, App *app, const char *reference) {
    const Shot *shot = picture_shot(app, reference);
    if (shot) {
        *seed = shot->job->seed;
        return NULL;
    }
    RunMeta meta;
    TRY(picture_meta(&meta, NULL, app, reference));
    bool known = meta.has_seed;
    *seed = meta.seed;
    meta_done(&meta);
    return known ? NULL : app_fault_as(app, EXIT_SOME, fail(ERR_FORMAT, "%s says no seed", reference));
}

/* "+1", "-3": from the fixed seed, else from the newest picture's. */
static Status seed_by_offset(uint64_t *seed, App *app, const char *word) {
    char *end;
    long long offset = strtoll(word, &end, 10);
    if (*end || !word[1])
        return fail(ERR_USAGE, "seed is %s, expected a number, random, last, a picture, +N or -N", word);
    if (!settings_seed(&app->settings, seed))
        TRY(seed_of_picture(seed, app, "last"));
    *seed += (uint64_t)offset;
    return NULL;
}

Status cmd_seed(App *app, const Call *call) {
    if (!call->count) {
        say_value(app, SET_SEED);
        return NULL;
    }
    const char *word = call->word[0];
    uint64_t seed;
    if (*word == '+' || *word == '-')
        TRY(seed_by_offset(&seed, app, word));
    else if (*word == '#' || !strcmp(word, "last"))
        TRY(seed_of_picture(&seed, app, word));
    else
        return change(app, call, SET_SEED, word);
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    return change(app, call, SET_SEED, text);
}

Status cmd_neg(App *app, const Call *call) {
    if (!call->count) {
        say_value(app, SET_NEG);
        return NULL;
    }
    return change(app, call, SET_NEG, strcmp(call->word[0], "\"\"") ? call->word[0] : "");
}
