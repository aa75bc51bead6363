/* options: the settings table (product.md 6): every row is complete, values are checked, the last word wins.
 */
#include "config.h"

#include <stdlib.h>

#include "app/options.h"
#include "tests/tap.h"

static void every_row_is_complete(void) {
    for (int i = 0; i < SETTING_COUNT; i++) {
        const Setting *row = &SETTINGS[i];
        char name[96];
        Buf parsed = {0}, range = {0};
        snprintf(name, sizeof name, "setting %s has a name, a help and a placeholder",
                 row->name ? row->name : "?");
        CHECK(row->name && row->help && *row->help && row->metavar && setting_find(row->name) == row, name);
        snprintf(name, sizeof name, "the default of %s is allowed and spelled as it is kept", row->name);
        Status st = setting_parse(&parsed, row, row->fallback);
        CHECK(!st && !strcmp(buf_string(&parsed), row->fallback), name);
        setting_range(&range, row);
        snprintf(name, sizeof name, "%s says what is allowed", row->name);
        CHECK(range.size > 0, name);
        buf_done(&parsed);
        buf_done(&range);
    }
}

typedef struct Value {
    SettingId id;
    const char *typed, *kept; /* kept NULL: refused */
} Value;

static void values_are_checked(void) {
    static const Value values[] = {
        {SET_STEPS, "28", "28"},
        {SET_STEPS, "0", NULL},
        {SET_STEPS, "1000", "1000"},
        {SET_STEPS, "10001", NULL},
        {SET_STEPS, "2.5", NULL},
        {SET_STEPS, "", NULL},
        {SET_STEPS, "0x10", NULL},
        {SET_STEPS, "1e2", "100"},
        {SET_STEPS, "5G", NULL},
        {SET_VRAM, "16", "16"},
        {SET_VRAM, "16G", "16"},
        {SET_VRAM, "11.5 GiB", "11.5"},
        {SET_VRAM, "512mb", "0.5"},
        {SET_VRAM, "16x", NULL},
        {SET_VRAM, "16 G 2", NULL},
        {SET_VRAM, "G", NULL},
        {SET_CFG, "4.50", "4.5"},
        {SET_CFG, "4,5", NULL},
        {SET_CFG, "nan", NULL},
        {SET_CFG, "inf", NULL},
        {SET_CFG, "-1", NULL},
        {SET_CFG, "31", NULL},
        {SET_SIZE, "832x1216", "832x1216"},
        {SET_SIZE, "0x0", NULL},
        {SET_SIZE, "17", NULL},
        {SET_SIZE, "1000x1000", NULL},
        {SET_SIZE, "100000x100000", NULL},
        {SET_SIZE, "128X128", "128x128"},
        {SET_SIZE, "128x128x", NULL},
        {SET_DRAFT_SIZE, "auto", "auto"},
        {SET_DRAFT_SIZE, "64x48", "64x48"},
        {SET_DRAFT_SIZE, "100x100", NULL},
        {SET_DRAFT_STEPS, "auto", "auto"},
        {SET_DRAFT_STEPS, "0", NULL},
        {SET_SEED, "random", "random"},
        {SET_SEED, "18446744073709551615", "18446744073709551615"},
        {SET_SEED, "18446744073709551616", NULL},
        {SET_SEED, "-1", NULL},
        {SET_SAMPLER, "euler", "euler"},
        {SET_SAMPLER, "eulr", NULL},
        {SET_PREFIX, "a/b", NULL},
        {SET_PREFIX, "", NULL},
        {SET_PICTURE, "half", "half"},
        {SET_PICTURE, "ascii", NULL},
        {SET_PREVIEW, "off", "off"},
        {SET_PREVIEW, "101", NULL},
        {SET_NEG, "", ""},
        {SET_NEG, "a\xc4", NULL},
        {SET_SYS, "my own words", "my own words"},
        {SET_DEVICE, "cuda", NULL},
        {SET_DEVICE, "cpu", "cpu"},
        {SET_DEVICE, "cuda:x", NULL},
        {SET_DEVICE, "gpu", NULL},
        {SET_PRECISION, "fp16", NULL},
        {SET_PRECISION, "int8", "int8"},
        {SET_PRECISION, "fp8", "fp8"},
        {SET_VRAM, "auto", "auto"},
        {SET_VRAM, "16", "16"},
        {SET_VRAM, "0", NULL},
        {SET_PLAN, "e", "e"},
        {SET_PLAN, "f", NULL},
        {SET_PLAN, "b8", "b8"},
        {SET_DETERMINISTIC, "off", "off"},
        {SET_BELL, "on", "on"},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const Value *v = &values[i];
        Buf parsed = {0};
        char name[128];
        Status st = setting_parse(&parsed, &SETTINGS[v->id], v->typed);
        snprintf(name, sizeof name, "%s \"%s\" is %s", SETTINGS[v->id].name, v->typed,
                 v->kept ? "kept" : "refused");
        CHECK(v->kept ? !st && !strcmp(buf_string(&parsed), v->kept) : st && !parsed.size, name);
        buf_done(&parsed);
    }
}

static void refusals_say_what_to_type(void) {
    Settings settings;
    settings_init(&settings);
    settings_model_default(&settings, SET_STEPS, "20");
    Status st = settings_set(&settings, SET_STEPS, "0", FROM_USER);
    CHECK_STR(st ? st->message : NULL, "steps is 0, expected 1 to 1000", "a refused value names the range");
    CHECK_STR(st ? st->hint : NULL, ":steps 20 is the default of this model",
              "and the default of this model");
    CHECK_STR(settings_text(&settings, SET_STEPS), "20", "a refused value leaves the old one");
    st = settings_set(&settings, SET_SIZE, "1000x1000", FROM_USER);
    CHECK_STR(st ? st->message : NULL, "size 1000x1000 is not a multiple of 16", "a bad size says why");
    CHECK_STR(st ? st->hint : NULL, ":size 992x992 or :size 1008x1008", "and names its neighbours");
    st = settings_set(&settings, SET_HISTORY, "-1", FROM_USER);
    CHECK_STR(st ? st->hint : NULL, ":set history 10000 is the default",
              "a hint never names another command");
    st = settings_set(&settings, SET_LINT, "bad", FROM_USER);
    CHECK_STR(st ? st->hint : NULL, ":set lint on is the default", "as :lint is");
    settings_done(&settings);
}

static void the_last_word_wins(void) {
    Settings settings;
    settings_init(&settings);
    settings_set(&settings, SET_STEPS, "11", FROM_COMMAND_LINE);
    settings_set(&settings, SET_STEPS, "12", FROM_START_FILE);
    CHECK_STR(settings_text(&settings, SET_STEPS), "11", "the command line wins over the start file");
    settings_model_default(&settings, SET_STEPS, "30");
    CHECK_STR(settings_text(&settings, SET_STEPS), "11", "and over the model");
    settings_reset(&settings, SET_STEPS);
    CHECK_STR(settings_text(&settings, SET_STEPS), "30", "a reset gives the default of the model");
    settings_model_default(&settings, SET_STEPS, "40");
    CHECK_STR(settings_text(&settings, SET_STEPS), "40", "the next model brings its own");
    settings_model_default(&settings, SET_STEPS, "-3");
    CHECK_STR(settings_text(&settings, SET_STEPS), "28", "nonsense from a model counts as nothing said");
    settings_done(&settings);
}

static void values_survive_as_one_string(void) {
    Settings settings, other;
    Buf stored = {0}, again = {0};
    settings_init(&settings);
    settings_init(&other);
    settings_set(&settings, SET_NEG, "two\nlines \\ and a backslash", FROM_USER);
    settings_set(&settings, SET_SEED, "42", FROM_USER);
    settings_set(&settings, SET_MODEL, "models/other", FROM_USER);
    settings_store(&stored, &settings);
    settings_set(&other, SET_STEPS, "5", FROM_USER);
    settings_restore(&other, buf_string(&stored));
    settings_store(&again, &other);
    CHECK_STR(buf_string(&again), buf_string(&stored), "what is stored is restored");
    CHECK_STR(settings_text(&other, SET_NEG), "two\nlines \\ and a backslash",
              "a text of two lines survives");
    CHECK_STR(settings_text(&other, SET_STEPS), "28", "what was not stored is back at its default");
    CHECK_STR(settings_text(&other, SET_MODEL), "", "the model is not undone (H3)");
    settings_restore(&other, "nonsense\nsteps many\nunknown 3\nsteps");
    CHECK_STR(settings_text(&other, SET_STEPS), "28", "a damaged string sets nothing");
    buf_done(&stored);
    buf_done(&again);
    settings_done(&settings);
    settings_done(&other);
}

int main(void) {
    every_row_is_complete();
    values_are_checked();
    refusals_say_what_to_type();
    the_last_word_wins();
    values_survive_as_one_string();
    return tap_end();
}
