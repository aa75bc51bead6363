/* options.c: the settings table and the values. See options.h; the rows are those of product.md 6. */
#include "config.h"

#include "app/options.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/commands.h"
#include "base/file.h"
#include "base/nearest.h"
#include "engine/device.h"
#include "engine/job.h"
#include "engine/names.h"
#include "prompt/input.h"

/* ---- the table ----------------------------------------------------------------------------------------- */

#define WORDS(...) (const char *const[]){__VA_ARGS__, NULL}

static const char *system_choice(int index, const char **help) {
    const SystemPrompt *row = SYSTEM_PROMPTS;
    while (row->name && index-- > 0)
        row++;
    if (help)
        *help = row->help;
    return row->name;
}

static Status check_prefix(const char *value) {
    size_t size = strlen(value);
    if (size < 1 || size > 64)
        return fail(ERR_USAGE, "prefix has %zu bytes, expected 1 to 64", size);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++)
        if (*c == '/' || *c < 32 || *c == 127)
            return fail(ERR_USAGE, "prefix \"%s\" holds a slash or a control character", value);
    return NULL;
}

static Status check_outdir(const char *value) {
    return *value ? NULL : fail(ERR_USAGE, "outdir is empty, expected a directory");
}

/* Who asks for a card that cannot be had learns why at once (product.md 12, rows 11 and 12). */
static Status check_device(const char *value) {
    Device device;
    return device_choose(&device, value, NULL);
}

const Setting SETTINGS[SETTING_COUNT] = {
    [SET_SEED] = {"seed", SETTING_SEED, .letter = 's', .fallback = "random", .words = WORDS("random"),
                  .metavar = "N", .help = "the noise a picture begins with; random draws 0 to 4294967295"},
    [SET_COUNT] = {"count", SETTING_WHOLE, .letter = 'n', .fallback = "1", .low = 1, .high = 9999,
                   .unit = "pictures", .metavar = "N",
                   .help = "pictures per submitted prompt; a fixed seed counts up"},
    [SET_STEPS] = {"steps", SETTING_WHOLE, .fallback = "28", .model = true, .low = 1, .high = 1000,
                   .unit = "steps", .metavar = "N", .help = "how often the network is asked"},
    [SET_CFG] = {"cfg", SETTING_NUMBER, .fallback = "5", .model = true, .high = 30, .metavar = "X",
                 .help = "guidance: how strongly the prompt pulls; 1 or less runs one branch"},
    [SET_CFG_TRUNC] = {"cfg_trunc", SETTING_NUMBER, .fallback = "1", .high = 1, .metavar = "T",
                       .help = "guide only while model time is below this"},
    [SET_RENORM] = {"renorm", SETTING_NUMBER, .fallback = "0", .high = 10, .metavar = "X",
                    .help = "clamp the guided velocity to this times the conditional norm; 0 is off"},
    [SET_SAMPLER] = {"sampler", SETTING_CHOICE, .fallback = "euler", .choice = names_sampler,
                     .metavar = "NAME", .help = "how a step is taken"},
    [SET_SCHEDULE] = {"schedule", SETTING_CHOICE, .fallback = "normal", .choice = names_schedule,
                      .metavar = "NAME", .help = "how the noise levels are spread over the steps"},
    [SET_SHIFT] = {"shift", SETTING_NUMBER, .fallback = "6", .model = true, .low = 0.01, .high = 100,
                   .metavar = "X", .help = "timestep shift: how many steps are spent at high noise"},
    [SET_SIZE] = {"size", SETTING_SIZE, .fallback = "1024x1024", .model = true, .low = 16, .high = 8192,
                  .unit = "pixels", .metavar = "WxH",
                  .help = "width and height of the picture, multiples of 16"},
    [SET_NEG] = {"neg", SETTING_TEXT, .fallback = "", .metavar = "TEXT", .example = "low_quality, blurry",
                 .help = "negative prompt: what to steer away from; empty for none"},
    [SET_SYS] = {"sys", SETTING_TEXT, .fallback = "auto", .words = WORDS("auto"), .choice = system_choice,
                 .metavar = "NAME", .help = "system prompt for Gemma: a name, or a text of your own"},
    [SET_RNG] = {"rng", SETTING_CHOICE, .fallback = "cpu", .words = WORDS("cpu"), .metavar = "NAME",
                 .help = "whose noise: cpu is that of PyTorch on the CPU"},
    [SET_LINT] = {"lint", SETTING_CHOICE, .fallback = "on", .words = WORDS("off", "on", "strict"),
                  .metavar = "WORD", .help = "advice before a run; strict refuses to render on a warning"},
    [SET_SUBMIT] = {"submit", SETTING_CHOICE, .fallback = "blank", .words = WORDS("blank", "go"),
                    .metavar = "WORD",
                    .help = "what ends a prompt: an empty line under balanced text, or only :go"},
    [SET_OUTDIR] = {"outdir", SETTING_PATH, .fallback = ".", .check = check_outdir, .metavar = "DIR",
                    .help = "directory of the pictures, created on first use"},
    [SET_PREFIX] = {"prefix", SETTING_TEXT, .fallback = "output_", .check = check_prefix, .metavar = "TEXT",
                    .help = "file names begin with this; the number follows"},
    [SET_METADATA] = {"metadata", SETTING_CHOICE, .fallback = "full", .words = WORDS("full", "share", "off"),
                      .metavar = "WORD", .help = "what is written into a picture besides the pixels"},
    [SET_COMFY] = {"comfy", SETTING_CHOICE, .fallback = "off", .words = WORDS("off", "on"), .metavar = "WORD",
                   .help = "write a graph for ComfyUI too, where it has the sampler and the schedule"},
    [SET_MODEL] = {"model", SETTING_PATH, .letter = 'm', .fallback = "", .metavar = "PATH",
                   .example = "models/newbie",
                   .effect = EFFECT_RELOAD,
                   .help = "model folder or file; empty for the built-in demo model"},
    [SET_DEVICE] = {"device", SETTING_TEXT, .fallback = "auto", .words = WORDS("auto", "cpu", "cuda"),
                    .check = check_device, .effect = EFFECT_RELOAD, .metavar = "NAME",
                    .help = "what computes: cpu, cuda (the card with most free memory), cuda:1; "
                            "auto: a card, else the cpu"},
    [SET_PRECISION] = {"precision", SETTING_CHOICE, .fallback = "auto",
                       .words = WORDS("auto", "f32", "bf16", "int8", "fp8"),
                       .effect = EFFECT_RELOAD, .metavar = "NAME",
                       .help = "weights and products; auto: bf16 where the device has it, else f32; "
                               "int8, fp8: the network's layers in 8 bits, on a card"},
    [SET_VRAM] = {"vram", SETTING_NUMBER, .fallback = "auto", .words = WORDS("auto"), .low = 0.001,
                  .high = 4096, .unit = "GiB", .effect = EFFECT_RELOAD, .metavar = "GIB",
                  .help = "pretend that the device has this much memory (16, 16G, 512M); auto: what it has"},
    [SET_PLAN] = {"plan", SETTING_CHOICE, .fallback = "auto", .words = WORDS("auto"), .choice = names_plan,
                  .effect = EFFECT_RELOAD, .metavar = "NAME",
                  .help = "which weights stay on the device; auto: the first plan that fits, b8 to e8 only "
                          "with a precision in 8 bits"},
    [SET_THREADS] = {"threads", SETTING_WHOLE, .fallback = "auto", .words = WORDS("auto"), .low = 1,
                     .high = 1024, .effect = EFFECT_RELOAD, .metavar = "N",
                     .help = "of the CPU; auto: one per physical core"},
    [SET_DETERMINISTIC] = {"deterministic", SETTING_CHOICE, .fallback = "on", .words = WORDS("on", "off"),
                           .effect = EFFECT_RELOAD, .metavar = "WORD",
                           .help = "the same seed gives the same bits; off: a card may be faster"},
    [SET_SURFACE] = {"surface", SETTING_CHOICE, .fallback = "auto", .words = WORDS("auto", "full", "plain"),
                     .metavar = "NAME", .help = "how the session is shown"},
    [SET_COLOR] = {"color", SETTING_CHOICE, .fallback = "auto", .words = WORDS("auto", "always", "never"),
                   .metavar = "WORD",
                   .help = "colour of [INFO] and [WARN]; the words say the same without it"},
    [SET_PICTURE] = {"picture", SETTING_CHOICE, .fallback = "auto",
                     .words = WORDS("auto", "none", "half", "kitty", "iterm", "sixel"), .metavar = "WORD",
                     .help = "how pictures are shown: auto is the best that the terminal says it can"},
    [SET_PREVIEW] = {"preview", SETTING_WHOLE, .fallback = "2", .words = WORDS("off"), .low = 1, .high = 100,
                     .unit = "steps", .metavar = "N",
                     .help = "a small preview every so many steps, where it can be shown"},
    [SET_PROGRESS] = {"progress", SETTING_NUMBER, .fallback = "auto",
                      .words = WORDS("auto", "ends", "all", "off"), .high = 3600, .unit = "seconds",
                      .metavar = "WORD",
                      .help = "step lines: auto is one in 2 seconds; the ends, all, off, or seconds"},
    [SET_TIMING] = {"timing", SETTING_CHOICE, .fallback = "auto", .words = WORDS("auto", "on", "off"),
                    .metavar = "WORD", .help = "phase times and peak memory in the result line"},
    [SET_BELL] = {"bell", SETTING_WHOLE, .fallback = "10", .words = WORDS("off", "on"), .low = 1,
                  .high = 86400, .unit = "seconds", .metavar = "N",
                  .help = "ring when a job that took at least this long ends, or the queue empties"},
    [SET_HISTORY] = {"history", SETTING_WHOLE, .fallback = "10000", .high = 1000000, .unit = "entries",
                     .metavar = "N", .help = "entries of the input history that are kept; 0 stores nothing"},
    [SET_TAGS] = {"tags", SETTING_PATH, .fallback = "", .metavar = "FILE", .example = "tags.csv",
                  .help = "list of tags for Tab: name,type,count,aliases; empty for the words of the demo"},
    [SET_EDITOR] = {"editor", SETTING_TEXT, .fallback = "", .metavar = "COMMAND", .example = "vim",
                    .help = "editor of :edit; empty: $VISUAL, $EDITOR, vi"},
    [SET_DRAFT_STEPS] = {"draft_steps", SETTING_WHOLE, .fallback = "auto", .words = WORDS("auto"), .low = 1,
                         .high = 1000, .unit = "steps", .metavar = "N",
                         .help = "steps of :draft; auto: a third of steps"},
    [SET_DRAFT_SIZE] = {"draft_size", SETTING_SIZE, .fallback = "auto", .words = WORDS("auto"), .low = 16,
                        .high = 8192, .unit = "pixels", .metavar = "WxH",
                        .help = "width and height of :draft; auto: half of size"},
};

/* ---- rows ---------------------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b) {
    for (; *a && *b; a++, b++)
        if (*a != *b && !(*a == '_' && *b == '-') && !(*a == '-' && *b == '_'))
            return false;
    return *a == *b;
}

const Setting *setting_find(const char *name) {
    for (int i = 0; i < SETTING_COUNT; i++)
        if (same_name(SETTINGS[i].name, name))
            return &SETTINGS[i];
    return NULL;
}

const Setting *setting_nearest(const char *name) {
    Nearest nearest = nearest_to(name, strlen(name));
    for (int i = 0; i < SETTING_COUNT; i++)
        nearest_try(&nearest, SETTINGS[i].name);
    return nearest.best ? setting_find(nearest.best) : NULL;
}

const char *setting_choice(const Setting *setting, int index, const char **help) {
    if (help)
        *help = NULL;
    for (const char *const *word = setting->words; word && *word; word++)
        if (index-- == 0)
            return *word;
    return setting->choice ? setting->choice(index, help) : NULL;
}

void setting_range(Buf *out, const Setting *setting) {
    const char *separator = "", *word;
    for (int i = 0; (word = setting_choice(setting, i, NULL)); i++) {
        buf_print(out, "%s%s", separator, word);
        separator = ", ";
    }
    switch (setting->kind) {
    case SETTING_WHOLE:
    case SETTING_NUMBER:
        buf_print(out, "%s%g to %.7g", separator, setting->low, setting->high);
        break;
    case SETTING_SEED: buf_print(out, "%s0 to 18446744073709551615", separator); break;
    case SETTING_SIZE: buf_print(out, "%sWxH, each %g to %g", separator, setting->low, setting->high); break;
    case SETTING_TEXT: buf_print(out, "%sany text", setting->choice ? " or " : ""); break;
    case SETTING_PATH: buf_text(out, "a path"); break;
    case SETTING_CHOICE: break;
    }
}

/* ---- reading a value ----------------------------------------------------------------------------------- */

/* What does not fit: "steps is 0, expected 1 to 1000". */
static Status bad_value(const Setting *setting, const char *value) {
    Buf range = {0};
    setting_range(&range, setting);
    Status st =
        fail(ERR_USAGE, "%s is %.200s, expected %s", setting->name, *value ? value : "empty", range.data);
    buf_done(&range);
    return st;
}

/* The shortest decimal that reads back equal. */
static void put_number(Buf *out, double value) {
    char text[32];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_text(out, text);
}

/* Memory with the unit that people write behind it: 16G, 16 GB, 512MiB. The units of a card are binary. */
static double memory_unit(const char *suffix) {
    static const struct {
        const char *name;
        double gib;
    } units[] = {{"G", 1}, {"GB", 1}, {"GiB", 1}, {"M", 1. / 1024}, {"MB", 1. / 1024}, {"MiB", 1. / 1024}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcasecmp(suffix, units[i].name))
            return units[i].gib;
    return NAN;
}

static Status parse_number(Buf *out, const Setting *setting, const char *value) {
    char *end;
    double number = strtod(value, &end);
    bool whole = setting->kind == SETTING_WHOLE;
    /* strtod also reads "inf", "nan" and hexadecimal; only digits are meant here */
    bool digits = end != value && strspn(value, "0123456789.+-eE") >= (size_t)(end - value);
    if (*end && setting->unit && !strcmp(setting->unit, "GiB")) {
        number *= memory_unit(end + strspn(end, " "));
        end += strlen(end);
    }
    if (!digits || *end || !(number >= setting->low && number <= setting->high) ||
        (whole && number != floor(number)))
        return bad_value(setting, value);
    if (whole)
        buf_print(out, "%.0f", number);
    else
        put_number(out, number);
    return NULL;
}

static Status parse_seed(Buf *out, const Setting *setting, const char *value) {
    errno = 0;
    unsigned long long seed = strtoull(value, NULL, 10);
    if (!*value || strspn(value, "0123456789") != strlen(value) || errno)
        return bad_value(setting, value);
    buf_print(out, "%llu", seed);
    return NULL;
}

static int nearest_multiple(int pixels, int way) {
    int down = pixels / 16 * 16, up = (pixels + 15) / 16 * 16;
    int best = way < 0 ? down : up;
    return best < 16 ? 16 : best;
}

static Status parse_size(Buf *out, const Setting *setting, const char *value) {
    int width, height, used = 0;
    const char *set = command_find(setting->name) ? ":" : ":set "; /* the short form, where there is one */
    if (strspn(value, "0123456789xX") != strlen(value) || strlen(value) > 15 ||
        sscanf(value, "%6d%*1[xX]%6d%n", &width, &height, &used) != 2 || value[used])
        return bad_value(setting, value);
    if (width < setting->low || height < setting->low || width > setting->high || height > setting->high)
        return bad_value(setting, value);
    if (width % 16 || height % 16)
        return hint(fail(ERR_USAGE, "%s %dx%d is not a multiple of 16", setting->name, width, height),
                    "%s%s %dx%d or %s%s %dx%d", set, setting->name, nearest_multiple(width, -1),
                    nearest_multiple(height, -1), set, setting->name, nearest_multiple(width, 1),
                    nearest_multiple(height, 1));
    buf_print(out, "%dx%d", width, height);
    return NULL;
}

/* The spelling that the table uses for an alias ("dpm++2m"), NULL when there is none. */
static const char *choice_alias(const Setting *setting, const char *value) {
    if (setting->choice == names_sampler)
        return names_sampler_find(value);
    return setting->choice == names_schedule ? names_schedule_find(value) : NULL;
}

static Status parse_choice(Buf *out, const Setting *setting, const char *value) {
    const char *alias = choice_alias(setting, value), *word;
    if (alias) {
        buf_text(out, alias);
        return NULL;
    }
    Nearest nearest = nearest_to(value, strlen(value));
    for (int i = 0; (word = setting_choice(setting, i, NULL)); i++)
        nearest_try(&nearest, word);
    Status st = bad_value(setting, value);
    return nearest.best ? hint(st, "did you mean %s?", nearest.best) : st;
}

static Status parse_text(Buf *out, const Setting *setting, const char *value) {
    TRY(input_check(setting->name, value, strlen(value), 0));
    buf_text(out, value);
    return NULL;
}

/* "~" and "~/..." are the home directory, as a shell has it. */
static Status parse_path(Buf *out, const Setting *setting, const char *value) {
    char *path = file_expand(value);
    Status st = parse_text(out, setting, path);
    free(path);
    return st;
}

Status setting_parse(Buf *out, const Setting *setting, const char *value) {
    typedef Status ParseFn(Buf *, const Setting *, const char *);
    static ParseFn *const parsers[] = {
        [SETTING_WHOLE] = parse_number, [SETTING_NUMBER] = parse_number, [SETTING_CHOICE] = parse_choice,
        [SETTING_SIZE] = parse_size, [SETTING_SEED] = parse_seed, [SETTING_TEXT] = parse_text,
        [SETTING_PATH] = parse_path,
    };
    if (setting->check)
        TRY(setting->check(value));
    const char *word;
    for (int i = 0; (word = setting_choice(setting, i, NULL)); i++)
        if (!strcmp(word, value)) {
            buf_text(out, value);
            return NULL;
        }
    return parsers[setting->kind](out, setting, value);
}

/* ---- values -------------------------------------------------------------------------------------------- */

static void put_text(char **field, const char *text) {
    char *copy = must_copy(text);
    free(*field);
    *field = copy;
}

void settings_init(Settings *settings) {
    *settings = (Settings){0};
    for (int i = 0; i < SETTING_COUNT; i++)
        settings->value[i].text = must_copy(SETTINGS[i].fallback);
}

void settings_done(Settings *settings) {
    for (int i = 0; i < SETTING_COUNT; i++) {
        free(settings->value[i].text);
        free(settings->value[i].model_text);
    }
    *settings = (Settings){0};
}

void settings_copy(Settings *out, const Settings *from) {
    for (int i = 0; i < SETTING_COUNT; i++) {
        const SettingValue *value = &from->value[i];
        out->value[i] = (SettingValue){must_copy(value->text), must_copy(value->model_text), value->origin};
    }
}

/* :history and :lint are other commands. */
static bool has_short_form(const Setting *setting) {
    const Command *command = command_find(setting->name);
    return command && command->argument[0].kind == ARGUMENT_VALUE;
}

Status settings_set(Settings *settings, SettingId id, const char *value, Origin origin) {
    Buf text = {0};
    Status st = setting_parse(&text, &SETTINGS[id], value);
    if (!st && origin >= settings->value[id].origin) {
        put_text(&settings->value[id].text, buf_string(&text));
        settings->value[id].origin = origin;
    }
    buf_done(&text);
    if (st && !st->hint[0] && *settings_default(settings, id))
        st = hint(st, ":%s%s %s is the default%s", has_short_form(&SETTINGS[id]) ? "" : "set ",
                  SETTINGS[id].name, settings_default(settings, id),
                  settings->value[id].model_text ? " of this model" : "");
    return st;
}

void settings_model_default(Settings *settings, SettingId id, const char *value) {
    SettingValue *slot = &settings->value[id];
    assert(SETTINGS[id].model);
    Buf text = {0};
    if (value && setting_parse(&text, &SETTINGS[id], value))
        value = NULL; /* a model may say nonsense; the built-in default is then better */
    free(slot->model_text);
    slot->model_text = value ? must_copy(buf_string(&text)) : NULL;
    buf_done(&text);
    if (slot->origin <= FROM_MODEL)
        settings_reset(settings, id);
}

void settings_reset(Settings *settings, SettingId id) {
    SettingValue *slot = &settings->value[id];
    put_text(&slot->text, settings_default(settings, id));
    slot->origin = slot->model_text ? FROM_MODEL : FROM_PROGRAM;
}

const char *settings_default(const Settings *settings, SettingId id) {
    const char *text = settings->value[id].model_text;
    return text ? text : SETTINGS[id].fallback;
}

bool settings_changed(const Settings *settings, SettingId id) {
    return strcmp(settings->value[id].text, settings_default(settings, id)) != 0;
}

const char *settings_text(const Settings *settings, SettingId id) {
    return settings->value[id].text;
}

double settings_number(const Settings *settings, SettingId id) {
    assert(SETTINGS[id].kind == SETTING_WHOLE || SETTINGS[id].kind == SETTING_NUMBER);
    return strtod(settings->value[id].text, NULL);
}

bool settings_is(const Settings *settings, SettingId id, const char *word) {
    return !strcmp(settings->value[id].text, word);
}

void settings_size(const Settings *settings, int *width, int *height) {
    int fields = sscanf(settings->value[SET_SIZE].text, "%dx%d", width, height);
    assert(fields == 2);
    (void)fields;
}

bool settings_seed(const Settings *settings, uint64_t *seed) {
    if (settings_is(settings, SET_SEED, "random"))
        return false;
    *seed = strtoull(settings->value[SET_SEED].text, NULL, 10);
    return true;
}

/* ---- as one string ------------------------------------------------------------------------------------- */

void settings_store(Buf *out, const Settings *settings) {
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (!settings_changed(settings, i) || SETTINGS[i].effect == EFFECT_RELOAD)
            continue;
        buf_print(out, "%s ", SETTINGS[i].name);
        for (const char *c = settings->value[i].text; *c; c++)
            if (*c == '\n' || *c == '\\')
                buf_text(out, *c == '\n' ? "\\n" : "\\\\");
            else
                buf_byte(out, (unsigned char)*c);
        buf_byte(out, '\n');
    }
}

/* One line [line, end) without its newline. */
static void restore_line(Settings *settings, const char *line, const char *end) {
    const char *space = memchr(line, ' ', (size_t)(end - line));
    if (!space)
        return;
    char *name = must_copy_n(line, (size_t)(space - line));
    const Setting *setting = setting_find(name);
    free(name);
    if (!setting || setting->effect == EFFECT_RELOAD)
        return;
    Buf value = {0};
    for (const char *c = space + 1; c < end; c++)
        if (*c == '\\' && c + 1 < end)
            buf_byte(&value, *++c == 'n' ? '\n' : (unsigned char)*c);
        else
            buf_byte(&value, (unsigned char)*c);
    settings_set(settings, (SettingId)(setting - SETTINGS), buf_string(&value), FROM_USER);
    buf_done(&value);
}

void settings_restore(Settings *settings, const char *stored) {
    for (int i = 0; i < SETTING_COUNT; i++)
        if (SETTINGS[i].effect != EFFECT_RELOAD)
            settings_reset(settings, i);
    while (*stored) {
        const char *end = strchr(stored, '\n');
        if (!end)
            end = stored + strlen(stored);
        restore_line(settings, stored, end);
        stored = end + (*end == '\n');
    }
}
