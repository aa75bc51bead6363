/* options.h: the settings. One table row each; `:set`, the start file, the command line, completion, metadata
 * and the manual page come from it. product.md 6.
 *
 * A value is kept as text in one canonical spelling ("0.25", "832x1216", "random"), which is also what is
 * shown, stored in macros, undone and restored; numbers are read from it when they are needed. A value that
 * is refused leaves the old one. Who said it last in this order wins: built in, the model, start file,
 * environment, command line, typed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef enum SettingId {
    SET_SEED,
    SET_COUNT,
    SET_STEPS,
    SET_CFG,
    SET_CFG_TRUNC,
    SET_RENORM,
    SET_SAMPLER,
    SET_SCHEDULE,
    SET_SHIFT,
    SET_SIZE,
    SET_NEG,
    SET_SYS,
    SET_RNG,
    SET_LINT,
    SET_SUBMIT,
    SET_OUTDIR,
    SET_PREFIX,
    SET_METADATA,
    SET_COMFY,
    SET_MODEL,
    SET_DEVICE,
    SET_PRECISION,
    SET_VRAM,
    SET_PLAN,
    SET_THREADS,
    SET_DETERMINISTIC,
    SET_SURFACE,
    SET_COLOR,
    SET_PICTURE,
    SET_PREVIEW,
    SET_PROGRESS,
    SET_TIMING,
    SET_BELL,
    SET_HISTORY,
    SET_EDITOR,
    SET_DRAFT_STEPS,
    SET_DRAFT_SIZE,
    SET_TAGS,
    SETTING_COUNT
} SettingId;

typedef enum SettingKind {
    SETTING_WHOLE,  /* a whole number from low to high */
    SETTING_NUMBER, /* a number from low to high, with a point */
    SETTING_CHOICE, /* one of the choices */
    SETTING_SIZE,   /* WxH, each from low to high, multiples of 16 */
    SETTING_SEED,   /* 0 to 2^64-1 */
    SETTING_TEXT,   /* any text; the choices are names for some */
    SETTING_PATH,   /* a file or directory */
} SettingKind;

/* Where a value came from, weakest first. */
typedef enum Origin {
    FROM_PROGRAM,
    FROM_MODEL,
    FROM_START_FILE,
    FROM_ENVIRONMENT,
    FROM_COMMAND_LINE,
    FROM_USER
} Origin;

/* What else must happen when a value changes. */
typedef enum Effect { EFFECT_NONE, EFFECT_RELOAD /* the model is loaded again */ } Effect;

/* The name of choice `index` and, where there is one, its meaning (help may be NULL); NULL behind the
 * last. */
typedef const char *ChoiceFn(int index, const char **help);

typedef struct Setting {
    const char *name;       /* "cfg_trunc"; the long option is --cfg-trunc */
    SettingKind kind;
    char letter;            /* short option, 0 for none */
    const char *fallback;   /* the default built into the program */
    bool model;             /* the model may have a default of its own (`M`) */
    double low, high;
    const char *const *words; /* allowed besides a number, or the choices; ends with NULL; NULL: none */
    ChoiceFn *choice;       /* choices from another table; NULL: `words` are all */
    Status (*check)(const char *value); /* a rule of its own; NULL for none */
    Effect effect;
    const char *unit;       /* "pixels", "steps"; NULL for none */
    const char *metavar;    /* for --help: "N", "WxH" */
    const char *help;       /* one line, no full stop */
    const char *example;    /* a value; NULL: the fallback is one */
} Setting;

extern const Setting SETTINGS[SETTING_COUNT];

/* The row with this name ("-" counts as "_"), or NULL. */
const Setting *setting_find(const char *name);

/* The row whose name is nearest to a wrong one, or NULL. */
const Setting *setting_nearest(const char *name);

/* Choice `index` of a setting (its words, then those of its table), NULL behind the last. *help may come back
 * NULL. */
const char *setting_choice(const Setting *setting, int index, const char **help);

/* Appends "1 to 1000" or "euler, midpoint, rk4": what is allowed. */
void setting_range(Buf *out, const Setting *setting);

/* Puts a value into its canonical spelling, appended to *out. Errors: ERR_USAGE with the sentences of
 * product.md 12, rows 20 and 21; *out is then unchanged. */
Status setting_parse(Buf *out, const Setting *setting, const char *value);

typedef struct SettingValue {
    char *text;       /* owned, canonical */
    char *model_text; /* owned: the model's default; NULL when it says nothing */
    Origin origin;
} SettingValue;

typedef struct Settings {
    SettingValue value[SETTING_COUNT];
} Settings;

void settings_init(Settings *settings);
void settings_done(Settings *settings);
void settings_copy(Settings *out, const Settings *from); /* out is overwritten, not freed */

/* Sets a value. A weaker origin than the present one changes nothing and is no error. Errors: as
 * setting_parse. */
Status settings_set(Settings *settings, SettingId id, const char *value, Origin origin);

/* The default of the present model, or NULL: it has none. Becomes the value unless the user said
 * something. */
void settings_model_default(Settings *settings, SettingId id, const char *value);

/* Back to the default. */
void settings_reset(Settings *settings, SettingId id);

/* The default: the model's, else the built-in one. Borrowed. */
const char *settings_default(const Settings *settings, SettingId id);
bool settings_changed(const Settings *settings, SettingId id);

/* Values. Borrowed text; numbers of kinds that have one (asserted). A word ("auto", "off") reads as 0. */
const char *settings_text(const Settings *settings, SettingId id);
double settings_number(const Settings *settings, SettingId id);
bool settings_is(const Settings *settings, SettingId id, const char *word);
void settings_size(const Settings *settings, int *width, int *height);
bool settings_seed(const Settings *settings, uint64_t *seed); /* false: random */

/* All values that are not the default, as lines "NAME VALUE" (newlines and backslashes in values as \n and
 * \\): the string of undo states and of the autosave. settings_restore sets exactly these and resets all
 * others; values that are not understood are left out. Settings that load the model again (EFFECT_RELOAD) are
 * neither stored nor touched: model and device are not undone (H3). */
void settings_store(Buf *out, const Settings *settings);
void settings_restore(Settings *settings, const char *stored);
