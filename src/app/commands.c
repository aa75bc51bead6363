/* commands.c: the table of commands, and how a line finds its row and its arguments. Rows: product.md 5;
 * splitting: C5; messages: product.md 12, rows 17 to 19. */
#include "config.h"

#include "app/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "base/nearest.h"

/* ---- the table ----------------------------------------------------------------------------------------- */

#define WORDS(...) (const char *const[]){__VA_ARGS__, NULL}

/* The terms of explain.c. */
#define TERM_NAMES                                                                                     \
    WORDS("prompt", "xml", "token", "gemma", "jina", "latent", "noise", "seed", "step", "sigma",       \
          "velocity", "sampler", "schedule", "shift", "cfg", "negative", "vae", "preview", "precision", \
          "memory", "plan", "metadata")

/* A setting as a command of its own: `:steps 20`. It waits for the model, whose defaults it may show. */
#define SHORT(NAME, HELP, EXAMPLE)                                                                   \
    {NAME, NULL, {{"VALUE", ARGUMENT_VALUE, OPTIONAL, NULL}}, WAIT_MODEL, COMMAND_START_FILE, "Settings", \
     HELP, EXAMPLE, cmd_short}

const Command COMMANDS[] = {
    {"go", NULL, {{"N", ARGUMENT_NUMBER, OPTIONAL, NULL}}, WAIT_MODEL, COMMAND_NORMAL, "Pictures to make",
     "render the current prompt, N times", ":go 2", cmd_go},
    {"draft", NULL, {{"N", ARGUMENT_NUMBER, OPTIONAL, NULL}}, WAIT_MODEL, COMMAND_NORMAL, "Pictures to make",
     "as :go, but quick and small: draft_steps and draft_size", ":draft", cmd_draft},
    {"again", NULL, {{"N", ARGUMENT_NUMBER, OPTIONAL, NULL}}, WAIT_MODEL, COMMAND_NORMAL, "Pictures to make",
     "the last job once more with a new random seed, N times", ":again", cmd_again},
    {"same", NULL, {{"REF", ARGUMENT_PICTURE, OPTIONAL, NULL}}, WAIT_JOBS, COMMAND_NORMAL, "Pictures to make",
     "make a picture again exactly and say whether it is identical", ":same", cmd_same},
    {"queue", NULL,
     {{"WHAT", ARGUMENT_WORD, OPTIONAL, WORDS("clear", "go", "up")}, {"jN", ARGUMENT_JOB, OPTIONAL, NULL}},
     WAIT_NOTHING, COMMAND_NORMAL, "Pictures to make",
     "list what waits; clear drops it, go continues, up jN moves it first", ":queue", cmd_queue},
    {"stop", NULL, {{0}}, WAIT_NOTHING, COMMAND_NORMAL, "Pictures to make",
     "stop after this step and keep the picture; the queue pauses", ":stop", cmd_stop},
    {"drop", NULL, {{0}}, WAIT_NOTHING, COMMAND_NORMAL, "Pictures to make",
     "stop at once and drop the picture; the queue pauses", ":drop", cmd_drop},
    {"skip", NULL, {{"jN", ARGUMENT_JOB, OPTIONAL, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Pictures to make",
     "drop this job and go on with the next", ":skip", cmd_skip},

    {"show", NULL, {{"REF", ARGUMENT_REF, OPTIONAL, NULL}}, WAIT_PICTURE, COMMAND_NORMAL, "Prompt",
     "print the current prompt, or that of a picture or macro, with line numbers", ":show", cmd_show},
    {"edit", NULL, {{"REF", ARGUMENT_REF, OPTIONAL, NULL}}, WAIT_PICTURE, COMMAND_NORMAL, "Prompt",
     "open it in the editor; what is saved becomes the current prompt", ":edit", cmd_edit},
    {"clear", NULL, {{0}}, WAIT_NOTHING, COMMAND_NORMAL, "Prompt", "empty the current prompt", ":clear",
     cmd_clear},
    {"undo", NULL, {{"N", ARGUMENT_NUMBER, OPTIONAL, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Prompt",
     "go back one state of prompt and settings, or N", ":undo", cmd_undo},
    {"redo", NULL, {{"N", ARGUMENT_NUMBER, OPTIONAL, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Prompt",
     "go forward again", ":redo", cmd_redo},
    {"diff", NULL, {{"REF", ARGUMENT_REF, OPTIONAL, NULL}, {"REF", ARGUMENT_REF, OPTIONAL, NULL}}, WAIT_JOBS,
     COMMAND_NORMAL, "Prompt", "what changed since the last picture, since REF, or from one REF to another",
     ":diff last", cmd_diff},
    {"lint", NULL, {{"FILE", ARGUMENT_FILE, OPTIONAL, NULL}}, WAIT_MODEL, COMMAND_NORMAL, "Prompt",
     "all advice about the prompt, with line, column, rule and cure", ":lint", cmd_lint},
    {"tokens", NULL, {{"WHICH", ARGUMENT_WORD, OPTIONAL, WORDS("gemma", "jina")}}, WAIT_MODEL, COMMAND_NORMAL,
     "Prompt", "the prompt cut into tokens, with both limits", ":tokens", cmd_tokens},
    {"history", NULL, {{"WHAT", ARGUMENT_TEXT, OPTIONAL, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Prompt",
     "the last 20 entries, those with a text, or entry N back into the edit area", ":history kimono",
     cmd_history},

    {"format", NULL, {{0}}, WAIT_NOTHING, COMMAND_NORMAL, "Prompt",
     "lay out the prompt: one element a line, an empty line between blocks", ":format", cmd_format},
    {"xml", NULL, {{"TEXT", ARGUMENT_TEXT, REQUIRED, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Prompt",
     "make XML of tags by word lists; it becomes the current prompt",
     ":xml 1girl, blue_hair, waving", cmd_xml},
    {"insert", NULL,
     {{"NAME", ARGUMENT_MACRO, REQUIRED, NULL},
      {"into", ARGUMENT_WORD, OPTIONAL, WORDS("into")},
      {"ELEMENT", ARGUMENT_ELEMENT, OPTIONAL, NULL}},
     WAIT_NOTHING, COMMAND_NORMAL, "Prompt",
     "put a stored element into the prompt, renumbered; what is there already is replaced",
     ":insert miku into character_2", cmd_insert},

    {"save", NULL, {{"NAME", ARGUMENT_MACRO, REQUIRED, NULL}, {"ELEMENT", ARGUMENT_ELEMENT, OPTIONAL, NULL}},
     WAIT_NOTHING, COMMAND_NORMAL, "Macros",
     "store prompt, negative and changed settings under a name, or one element", ":save miku", cmd_save},
    {"load", NULL, {{"NAME", ARGUMENT_MACRO, REQUIRED, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Macros",
     "make the macro current, settings included", ":load miku", cmd_load},
    {"list", NULL, {{"PATTERN", ARGUMENT_MACRO, OPTIONAL, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Macros",
     "the macros, with note and first line", ":list mi*", cmd_list},
    {"rename", NULL, {{"OLD", ARGUMENT_MACRO, REQUIRED, NULL}, {"NEW", ARGUMENT_MACRO, REQUIRED, NULL}},
     WAIT_NOTHING, COMMAND_NORMAL, "Macros", "give a macro another name", ":rename miku hatsune", cmd_rename},
    {"delete", NULL, {{"NAME", ARGUMENT_MACRO, REQUIRED, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Macros",
     "remove a macro", ":delete hatsune", cmd_delete},

    {"set", NULL, {{"NAME", ARGUMENT_SETTING, OPTIONAL, NULL}, {"VALUE", ARGUMENT_VALUE, OPTIONAL, NULL}},
     WAIT_NOTHING, COMMAND_START_FILE, "Settings",
     "list the settings, show one (NAME? explains it), or change one", ":set steps 20", cmd_set},
    {"reset", NULL, {{"NAME", ARGUMENT_SETTING, OPTIONAL, WORDS("all")}}, WAIT_NOTHING, COMMAND_START_FILE,
     "Settings", "back to the default of this model, one or all", ":reset steps", cmd_reset},
    {"seed", NULL, {{"N", ARGUMENT_VALUE, OPTIONAL, WORDS("random", "last")}}, WAIT_PICTURE,
     COMMAND_START_FILE, "Settings",
     "show or set the seed: a number, random, last or #12 (that picture's), +1, -1", ":seed 42", cmd_seed},
    SHORT("steps", "show or set how often the network is asked", ":steps 20"),
    SHORT("cfg", "show or set the guidance", ":cfg 4.5"),
    SHORT("size", "show or set width and height", ":size 128x128"),
    SHORT("shift", "show or set the timestep shift", ":shift 6"),
    SHORT("sampler", "show or set how a step is taken", ":sampler euler"),
    SHORT("schedule", "show or set how the noise levels are spread", ":schedule normal"),
    SHORT("sys", "show or set the system prompt", ":sys xml-train"),
    SHORT("preview", "show or set how often a preview is shown", ":preview 4"),
    SHORT("timing", "show or set phase times in the result line", ":timing on"),
    SHORT("bell", "show or set when to ring", ":bell off"),
    {"neg", NULL, {{"TEXT", ARGUMENT_TEXT, OPTIONAL, NULL}}, WAIT_NOTHING, COMMAND_START_FILE, "Settings",
     "show or set the negative prompt; :neg \"\" empties it", ":neg low_quality, blurry", cmd_neg},

    {"info", NULL, {{"REF", ARGUMENT_PICTURE, OPTIONAL, NULL}}, WAIT_JOBS, COMMAND_NORMAL, "Pictures",
     "everything stored in a picture", ":info last", cmd_info},
    {"last", NULL, {{0}}, WAIT_JOBS, COMMAND_NORMAL, "Pictures", "as :info last", ":last", cmd_last},
    {"fetch", NULL, {{"REF", ARGUMENT_PICTURE, REQUIRED, NULL}}, WAIT_JOBS, COMMAND_NORMAL, "Pictures",
     "the prompt and the settings of a picture become current; what cannot be honoured is said",
     ":fetch last", cmd_fetch},
    {"replay", NULL, {{"REF", ARGUMENT_PICTURE, REQUIRED, NULL}}, WAIT_JOBS, COMMAND_NORMAL, "Pictures",
     "as :fetch, then :go", ":replay last", cmd_replay},
    {"gallery", NULL, {{"TEXT", ARGUMENT_TEXT, OPTIONAL, WORDS("starred")}}, WAIT_JOBS, COMMAND_NORMAL,
     "Pictures", "the pictures of this directory, newest first; with a text in the prompt, or starred",
     ":gallery beach", cmd_gallery},
    {"view", NULL, {{"REF", ARGUMENT_PICTURE, OPTIONAL, NULL}}, WAIT_JOBS, COMMAND_NORMAL, "Pictures",
     "show a picture large", ":view last", cmd_view},
    {"star", NULL, {{"REF", ARGUMENT_PICTURE, OPTIONAL, NULL}}, WAIT_JOBS, COMMAND_NORMAL, "Pictures",
     "give a picture a star, or take it away", ":star last", cmd_star},
    {"open", NULL, {{"REF", ARGUMENT_PICTURE, OPTIONAL, NULL}}, WAIT_JOBS, COMMAND_NORMAL, "Pictures",
     "open a picture in the desktop's viewer, or $NEWBIE_VIEWER", ":open last", cmd_open},
    {"export", NULL, {{"REF", ARGUMENT_PICTURE, REQUIRED, NULL}, {"FILE", ARGUMENT_FILE, REQUIRED, NULL}},
     WAIT_JOBS, COMMAND_NORMAL, "Pictures", "copy a picture, also one that could not be saved",
     ":export last best.png", cmd_export},

    {"model", NULL, {{"PATH", ARGUMENT_FILE, OPTIONAL, WORDS("reload", "unload")}}, WAIT_JOBS,
     COMMAND_START_FILE, "Model", "show the model, or load another; reload, unload", ":model", cmd_model},
    {"demo", NULL, {{0}}, WAIT_JOBS, COMMAND_START_FILE, "Model", "load the built-in demo model", ":demo",
     cmd_demo},
    {"mem", NULL, {{0}}, WAIT_PACE, COMMAND_NORMAL, "Model", "memory by network, and what each size needs",
     ":mem", cmd_mem},

    {"bench", NULL,
     {{"ROUNDS", ARGUMENT_NUMBER, OPTIONAL, NULL}, {"IMAGES", ARGUMENT_NUMBER, OPTIONAL, NULL},
      {"keep", ARGUMENT_WORD, OPTIONAL, WORDS("keep")}},
     WAIT_JOBS, COMMAND_NORMAL, "Model",
     "rounds of pictures, each in a new process, as a review measures them; keep keeps the pictures",
     ":bench 1 2", cmd_bench},
    {"top", NULL, {{0}}, WAIT_NOTHING, COMMAND_NORMAL, "Model",
     "memory and step times while they change; as lines: one a second until Ctrl-C", ":top", cmd_top},
    {"screen", NULL, {{"FILE", ARGUMENT_FILE, REQUIRED, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "",
     "write what is shown as text into FILE", ":screen screen.txt", cmd_screen},

    {"help", WORDS("?"), {{"WORD", ARGUMENT_COMMAND, OPTIONAL, NULL}}, WAIT_NOTHING, COMMAND_NORMAL,
     "Program", "this list, or one command, setting or topic", ":help seed", cmd_help},
    {"explain", NULL, {{"TERM", ARGUMENT_WORD, OPTIONAL, TERM_NAMES}}, WAIT_JOBS, COMMAND_NORMAL, "Program",
     "what just happened, or a term such as cfg or sigma, in plain words", ":explain cfg", cmd_explain},
    {"tour", NULL, {{0}}, WAIT_JOBS, COMMAND_NORMAL, "Program", "a lesson of five minutes that shows around",
     ":tour", cmd_tour},
    {"run", NULL, {{"FILE", ARGUMENT_FILE, REQUIRED, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Program",
     "run a file of commands and prompts", ":run lesson.nbi", cmd_run},
    {"say", NULL, {{"TEXT", ARGUMENT_TEXT, OPTIONAL, NULL}}, WAIT_NOTHING, COMMAND_NORMAL, "Program",
     "print a text (for command files)", ":say Look at the hair.", cmd_say},
    {"pause", NULL, {{"TEXT", ARGUMENT_TEXT, OPTIONAL, NULL}}, WAIT_JOBS, COMMAND_NORMAL, "Program",
     "print a text and wait for Enter (for command files)", ":pause Look at the eyes.", cmd_pause},
    {"log", NULL,
     {{"FILE", ARGUMENT_FILE, OPTIONAL, WORDS("off", "json")}, {"FILE", ARGUMENT_FILE, OPTIONAL, NULL}},
     WAIT_NOTHING, COMMAND_START_FILE, "Program", "copy everything said to FILE; json FILE: as events; off",
     ":log talk.txt", cmd_log},
    {"doctor", NULL, {{0}}, WAIT_PACE, COMMAND_NORMAL, "Program",
     "one page about this machine, to paste into a question", ":doctor", cmd_doctor},
    {"version", NULL, {{0}}, WAIT_NOTHING, COMMAND_NORMAL, "Program", "version and libraries", ":version",
     cmd_version},
    {"!", NULL, {{"CMD", ARGUMENT_TEXT, REQUIRED, NULL}}, WAIT_NOTHING, COMMAND_TYPED_ONLY, "Program",
     "run a shell command", ":!ls", cmd_shell},
    {"quit", WORDS("q", "exit"), {{0}}, WAIT_NOTHING, COMMAND_NORMAL, "Program", "leave", ":quit", cmd_quit},
    {0},
};

/* ---- finding a row ------------------------------------------------------------------------------------- */

/* The name and the aliases of a row, ended by NULL; returns `all`. */
static const char *const *names_of(const Command *command, const char *all[8]) {
    int count = 0;
    all[count++] = command->name;
    for (const char *const *alias = command->aliases; alias && *alias && count < 7; alias++)
        all[count++] = *alias;
    all[count] = NULL;
    return all;
}

static const Command *find_sized(const char *word, size_t size) {
    const char *all[8];
    for (const Command *row = COMMANDS; row->name; row++)
        for (const char *const *name = names_of(row, all); *name; name++)
            if (strlen(*name) == size && !memcmp(*name, word, size))
                return row;
    return NULL;
}

const Command *command_find(const char *word) {
    return find_sized(word, strlen(word));
}

/* Rows that begin so: the first, and the first other one. */
static void find_prefix(const Command *found[2], const char *word, size_t size) {
    const char *all[8];
    found[0] = found[1] = NULL;
    for (const Command *row = COMMANDS; row->name; row++)
        for (const char *const *name = names_of(row, all); *name; name++)
            if (!strncmp(*name, word, size) && found[0] != row) {
                found[found[0] ? 1 : 0] = row;
                if (found[1])
                    return;
                break;
            }
}

static Status unknown(const char *word, size_t size) {
    const char *all[8];
    Nearest nearest = nearest_to(word, size);
    for (const Command *row = COMMANDS; row->name; row++)
        for (const char *const *name = names_of(row, all); *name; name++)
            nearest_try(&nearest, *name);
    Status st = nearest.best ? fail(ERR_USAGE, "unknown command :%.*s; did you mean :%s?", (int)size, word,
                                    nearest.best)
                             : fail(ERR_USAGE, "unknown command :%.*s", (int)size, word);
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)size, word);
    const Setting *setting = setting_find(name);
    return setting ? hint(st, ":set %s shows and changes the setting of this name", setting->name)
                   : hint(st, ":? lists all commands");
}

/* The size of the command word: letters, or one of the signs. */
static size_t word_size(const char *line) {
    size_t size = strcspn(line, " \t");
    return *line == '!' ? 1 : size;
}

static Status find_row(const Command **out, const char *line, CommandSource source) {
    size_t size = word_size(line);
    const Command *found[2] = {find_sized(line, size), NULL};
    if (!found[0] && source == SOURCE_TYPED && size >= 2)
        find_prefix(found, line, size);
    if (!found[0])
        return unknown(line, size);
    if (found[1])
        return hint(
            fail(ERR_USAGE, ":%.*s could be :%s or :%s", (int)size, line, found[0]->name, found[1]->name),
            "type one more letter");
    *out = found[0];
    return NULL;
}

const Command *command_of(const char *line, CommandSource source) {
    const Command *command = NULL;
    return find_row(&command, line, source) ? NULL : command;
}

/* ---- splitting ----------------------------------------------------------------------------------------- */

/* One word from *at, which moves behind it: "..." keeps spaces, \" and \\ inside. */
static char *next_word(const char **at) {
    Buf word = {0};
    bool quoted = false;
    const char *c = *at;
    for (; *c && (quoted || !isspace((unsigned char)*c)); c++)
        if (*c == '"')
            quoted = !quoted;
        else if (quoted && *c == '\\' && (c[1] == '"' || c[1] == '\\'))
            buf_byte(&word, (unsigned char)*++c);
        else
            buf_byte(&word, (unsigned char)*c);
    *at = c;
    return buf_take(&word);
}

static const char *skip_space(const char *at) {
    return at + strspn(at, " \t");
}

/* The rest of the line; a value may be in quotes as a whole. */
static char *rest_of_line(const char **at, ArgumentKind kind) {
    const char *text = *at;
    size_t size = strlen(text);
    *at = text + size;
    if (kind == ARGUMENT_VALUE) {
        const char *end = text;
        char *word = next_word(&end);
        if (*text == '"' && !*skip_space(end))
            return word;
        free(word);
        while (size && isspace((unsigned char)text[size - 1]))
            size--;
    }
    return must_copy_n(text, size);
}

static void call_done(Call *call) {
    for (int i = 0; i < ARGUMENTS_MAX; i++)
        free(call->word[i]);
}

static Status split(Call *call, const char *arguments) {
    const Command *command = call->command;
    const char *at = skip_space(arguments);
    for (int i = 0; i < ARGUMENTS_MAX && command->argument[i].name && *at; i++) {
        ArgumentKind kind = command->argument[i].kind;
        bool whole = kind == ARGUMENT_TEXT || (kind == ARGUMENT_VALUE && i + 1 < ARGUMENTS_MAX);
        call->word[call->count++] = whole ? rest_of_line(&at, kind) : next_word(&at);
        at = skip_space(at);
    }
    int wanted = 0;
    while (wanted < ARGUMENTS_MAX && command->argument[wanted].name &&
           command->argument[wanted].need == REQUIRED)
        wanted++;
    if (call->count < wanted)
        return hint(fail(ERR_USAGE, ":%s needs a %s", command->name, command->argument[call->count].name),
                    "%s", command->example);
    if (*at) {
        Buf usage = {0};
        command_usage(&usage, command);
        Status st = hint(fail(ERR_USAGE, ":%s: \"%s\" is left over", command->name, at), "%s", usage.data);
        buf_done(&usage);
        return st;
    }
    return NULL;
}

Status command_run(App *app, const char *line, CommandSource source) {
    const Command *command = NULL;
    TRY(find_row(&command, line, source));
    if (source == SOURCE_START_FILE && command->place != COMMAND_START_FILE)
        return fail(ERR_USAGE, ":%s is not allowed in the start file", command->name);
    if (source == SOURCE_FILE && command->place == COMMAND_TYPED_ONLY)
        return fail(ERR_USAGE, ":%s is only for typing, not for command files and pipes", command->name);
    Call call = {.command = command, .source = source};
    Status st = split(&call, line + word_size(line));
    if (!st)
        st = command->run(app, &call);
    call_done(&call);
    return st;
}

void command_usage(Buf *out, const Command *command) {
    buf_print(out, ":%s", command->name);
    for (int i = 0; i < ARGUMENTS_MAX && command->argument[i].name; i++) {
        const Argument *argument = &command->argument[i];
        const char *space = strcmp(command->name, "!") ? " " : "";
        if (argument->need == REQUIRED)
            buf_print(out, "%s%s", space, argument->name);
        else
            buf_print(out, "%s[%s", space, argument->name);
    }
    for (int i = 0; i < ARGUMENTS_MAX && command->argument[i].name; i++)
        if (command->argument[i].need == OPTIONAL)
            buf_byte(out, ']');
}

Status call_number(long *out, const Call *call, int index, long low, long high) {
    if (index >= call->count)
        return NULL;
    char *end;
    long value = strtol(call->word[index], &end, 10);
    if (!*call->word[index] || *end || value < low || value > high)
        return hint(fail(ERR_USAGE, ":%s: %s is \"%s\", expected %ld to %ld", call->command->name,
                         call->command->argument[index].name, call->word[index], low, high),
                    "%s", call->command->example);
    *out = value;
    return NULL;
}
