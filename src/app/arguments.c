/* arguments.c: argv to Arguments. The long options are the rows of OPTIONS here and the rows of SETTINGS. */
#include "config.h"

#include "app/arguments.h"

#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"

typedef enum OptionKind {
    OPTION_TEXT, /* the value goes to a const char * */
    OPTION_FLAG, /* true goes to a bool */
    OPTION_ENUM, /* `value` goes to an enum (all are ints here) */
} OptionKind;

typedef struct Option {
    OptionText text;
    OptionKind kind;
    size_t offset; /* in Arguments */
    int value;
} Option;

#define AT(field) offsetof(Arguments, field)

static const Option OPTIONS[] = {
    {{"prompt", 'p', "FILE", "read one prompt from FILE; - is standard input"}, OPTION_TEXT, AT(prompt_file),
     0},
    {{"file", 'f', "FILE", "run the commands and prompts in FILE"}, OPTION_TEXT, AT(command_file), 0},
    {{"keep-going", 0, NULL, "with -f: do not stop at the first failure"}, OPTION_FLAG, AT(keep_going), 0},
    {{"output", 'o', "FILE", "write exactly this file; - is standard output"}, OPTION_TEXT, AT(output), 0},
    {{"force", 0, NULL, "with -o: replace an existing file"}, OPTION_FLAG, AT(force), 0},
    {{"quality", 0, NULL, "with check: compare the pictures of a precision with those of bf16"}, OPTION_FLAG,
     AT(quality), 0},
    {{"keep", 0, NULL, "with bench: keep the pictures"}, OPTION_FLAG, AT(keep), 0},
    {{"demo", 0, NULL, "use the built-in demo model"}, OPTION_FLAG, AT(demo), 0},
    {{"dit", 0, "FILE", "the transformer, when the model is in several files"}, OPTION_TEXT, AT(part[0]), 0},
    {{"gemma", 0, "FILE", "the Gemma text encoder"}, OPTION_TEXT, AT(part[1]), 0},
    {{"jina", 0, "FILE", "the Jina text encoder"}, OPTION_TEXT, AT(part[2]), 0},
    {{"vae", 0, "FILE", "the picture decoder"}, OPTION_TEXT, AT(part[3]), 0},
    {{"json", 0, NULL, "events as JSON, one a line, on standard output"}, OPTION_FLAG, AT(json), 0},
    {{"quiet", 'q', NULL, "print only the names of the files written"}, OPTION_ENUM, AT(verbosity),
     VERBOSITY_QUIET},
    {{"verbose", 'v', NULL, "add every step, the plan and hashes"}, OPTION_ENUM, AT(verbosity),
     VERBOSITY_VERBOSE},
    {{"plain", 0, NULL, "lines only, whatever the terminal can do"}, OPTION_ENUM, AT(surface), SURFACE_PLAIN},
    {{"full", 0, NULL, "the full screen, even where lines would be printed"}, OPTION_ENUM, AT(surface),
     SURFACE_FULL},
    {{"rc", 0, "FILE", "another start file"}, OPTION_TEXT, AT(start_file), 0},
    {{"no-rc", 0, NULL, "no start file"}, OPTION_FLAG, AT(no_start_file), 0},
    {{"help", 'h', NULL, "print this help"}, OPTION_ENUM, AT(task), TASK_HELP},
    {{"version", 'V', NULL, "print the version"}, OPTION_ENUM, AT(task), TASK_VERSION},
    {{"print-man", 0, NULL, NULL}, OPTION_ENUM, AT(task), TASK_MAN}, /* for the build; not listed */
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS, ALL_OPTIONS = OPTION_COUNT + SETTING_COUNT };

/* getopt's answer for row `index` of both tables together. Above every letter. */
#define OPTION_CODE 256

bool arguments_option(OptionText *out, int index) {
    if (index >= OPTION_COUNT || !OPTIONS[index].text.help)
        return false;
    *out = OPTIONS[index].text;
    return true;
}

static OptionText row_text(int index) {
    if (index < OPTION_COUNT)
        return OPTIONS[index].text;
    const Setting *setting = &SETTINGS[index - OPTION_COUNT];
    return (OptionText){setting->name, setting->letter, setting->metavar, setting->help};
}

/* What getopt_long wants: long options (names owned by `names`), and the letters. */
typedef struct Getopt {
    struct option rows[ALL_OPTIONS + 1];
    Buf letters, names;
} Getopt;

static void getopt_tables(Getopt *tables) {
    *tables = (Getopt){0};
    size_t offset[ALL_OPTIONS];
    buf_byte(&tables->letters, ':'); /* a missing value is answered with ':' */
    for (int i = 0; i < ALL_OPTIONS; i++) {
        OptionText text = row_text(i);
        offset[i] = tables->names.size;
        for (const char *c = text.name; *c; c++)
            buf_byte(&tables->names, *c == '_' ? '-' : (unsigned char)*c);
        buf_byte(&tables->names, 0);
        if (text.letter)
            buf_print(&tables->letters, "%c%s", text.letter, text.metavar ? ":" : "");
    }
    for (int i = 0; i < ALL_OPTIONS; i++)
        tables->rows[i] =
            (struct option){tables->names.data + offset[i],
                            row_text(i).metavar ? required_argument : no_argument, NULL, OPTION_CODE + i};
}

static void getopt_tables_done(Getopt *tables) {
    buf_done(&tables->letters);
    buf_done(&tables->names);
}

/* Row of a code that getopt returned, -1 when there is none. */
static int row_of(int code) {
    if (code >= OPTION_CODE)
        return code - OPTION_CODE;
    for (int i = 0; i < ALL_OPTIONS; i++)
        if (row_text(i).letter == code)
            return i;
    return -1;
}

/* The option that a command of a hint stands for, with how much of the hint it takes: ":set outdir DIR" and
 * ":outdir DIR" give "--outdir=", ":demo" gives "--demo". 0 when there is none. */
static size_t option_of_command(Buf *out, const char *text) {
    const char *word = text + (!strncmp(text, ":set ", 5) ? 5 : 1);
    size_t size = strspn(word, "abcdefghijklmnopqrstuvwxyz_");
    if (size == 4 && !strncmp(word, "demo", 4)) {
        buf_text(out, "--demo");
        return 5;
    }
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (strncmp(SETTINGS[i].name, word, size) || SETTINGS[i].name[size] || word[size] != ' ')
            continue;
        size_t from = out->size + 2;
        buf_print(out, "--%s=", SETTINGS[i].name);
        for (size_t at = from; at < out->size; at++)
            if (out->data[at] == '_')
                out->data[at] = '-';
        return (size_t)(word - text) + size + 1;
    }
    return 0;
}

void arguments_hint(Buf *out, const char *hint) {
    bool begins = true; /* a word */
    while (*hint) {
        size_t taken = begins && *hint == ':' ? option_of_command(out, hint) : 0;
        if (!taken)
            buf_byte(out, (unsigned char)*hint);
        begins = *hint == ' ';
        hint += taken ? taken : 1;
    }
}

static Status try_help(Status st) {
    return hint(st, "try newbie --help");
}

/* Two or more options begin like this, or none does. */
static Status unknown_long(const Getopt *tables, const char *typed) {
    const char *first = NULL;
    size_t size = strcspn(typed, "=");
    for (int i = 0; i < ALL_OPTIONS; i++) {
        const char *name = tables->rows[i].name;
        if (strncmp(name, typed, size) || !size)
            continue;
        if (first)
            return try_help(fail(ERR_USAGE, "--%.*s could be --%s or --%s", (int)size, typed, first, name));
        first = name;
    }
    Nearest nearest = nearest_to(typed, size);
    for (int i = 0; i < ALL_OPTIONS; i++)
        nearest_try(&nearest, tables->rows[i].name);
    if (!nearest.best)
        return try_help(fail(ERR_USAGE, "unknown option --%.*s", (int)size, typed));
    return try_help(
        fail(ERR_USAGE, "unknown option --%.*s; did you mean --%s?", (int)size, typed, nearest.best));
}

static Status needs_value(int row) {
    OptionText text = row_text(row);
    return try_help(fail(ERR_USAGE, "option --%s needs a value: %s", text.name, text.metavar));
}

/* getopt answered '?' or ':' about argument `word`. */
static Status bad_option(const Getopt *tables, int answer, const char *word) {
    int row = optopt ? row_of(optopt) : -1;
    if (row < 0)
        return optopt ? try_help(fail(ERR_USAGE, "unknown option -%c", optopt))
                      : unknown_long(tables, word + 2);
    if (answer == ':')
        return needs_value(row);
    return try_help(fail(ERR_USAGE, "option --%s takes no value", tables->rows[row].name));
}

static Status store_option(Arguments *out, int row, const char *value) {
    if (row >= OPTION_COUNT) {
        const Setting *setting = &SETTINGS[row - OPTION_COUNT];
        Buf parsed = {0};
        Status st = setting_parse(&parsed, setting, value);
        buf_done(&parsed);
        out->setting[row - OPTION_COUNT] = value;
        return st && !st->hint[0] ? try_help(st) : st;
    }
    const Option *option = &OPTIONS[row];
    void *field = (char *)out + option->offset;
    switch (option->kind) {
    case OPTION_TEXT:
        if (!*value)
            return needs_value(row);
        *(const char **)field = value;
        break;
    case OPTION_FLAG: *(bool *)field = true; break;
    case OPTION_ENUM: *(int *)field = option->value; break;
    }
    return NULL;
}

static Status read_options(Arguments *out, int argc, char **argv) {
    Getopt tables;
    getopt_tables(&tables);
    Status st = NULL;
    int code;
    opterr = 0;
    optind = 0; /* glibc: begin anew, also when called again */
    while (!st && (code = getopt_long(argc, argv, tables.letters.data, tables.rows, NULL)) != -1)
        st = code == '?' || code == ':' ? bad_option(&tables, code, argv[optind - 1])
                                        : store_option(out, row_of(code), optarg);
    getopt_tables_done(&tables);
    return st;
}

/* A first word that is exactly one of these is no prompt. */
typedef struct Subcommand {
    SubcommandText text;
    Task task;
    int least, most; /* operands */
} Subcommand;

#define WORDS(...) (const char *const[]){__VA_ARGS__, NULL}

static const Subcommand SUBCOMMANDS[] = {
    {{"info", "FILE...", "FILE", NULL, "print what is stored in PNG files"}, TASK_INFO, 1, INT_MAX},
    {{"doctor", "", NULL, NULL, "one page about this machine"}, TASK_DOCTOR, 0, 0},
    {{"bench", "[ROUNDS [IMAGES]]", "rounds, then pictures of each", NULL,
      "the review's protocol: 3 rounds of 5 pictures, each round a new process"}, TASK_BENCH, 0, 2},
    {{"check", "[BACKEND,BACKEND]", "BACKEND,BACKEND", NULL,
      "compare every op of the small model on two backends"}, TASK_CHECK, 0, 1},
    {{"completion", "bash|zsh|fish", "shell: bash, zsh or fish", WORDS("bash", "zsh", "fish"),
      "print a completion script for a shell"}, TASK_COMPLETION, 1, 1},
};

enum { SUBCOMMAND_COUNT = sizeof SUBCOMMANDS / sizeof *SUBCOMMANDS };

bool arguments_subcommand(SubcommandText *out, int index) {
    if (index >= SUBCOMMAND_COUNT)
        return false;
    *out = SUBCOMMANDS[index].text;
    return true;
}

static const Subcommand *subcommand(const char *word) {
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        if (!strcmp(SUBCOMMANDS[i].text.word, word))
            return &SUBCOMMANDS[i];
    return NULL;
}

static bool is_one_of(const char *const *words, const char *word) {
    while (*words && strcmp(*words, word))
        words++;
    return *words != NULL;
}

static Status usage_hint(const SubcommandText *text, Status st) {
    return hint(st, "newbie %s%s%s", text->word, *text->operands ? " " : "", text->operands);
}

static Status read_subcommand(Arguments *out, const Subcommand *subcommand, int count, char **operands) {
    const SubcommandText *text = &subcommand->text;
    out->task = subcommand->task;
    out->operands = (const char *const *)operands;
    out->operand_count = count;
    if (count < subcommand->least)
        return usage_hint(text, fail(ERR_USAGE, "%s needs a %s", text->word, text->needs));
    if (count > subcommand->most)
        return usage_hint(text, fail(ERR_USAGE, "%s: \"%s\" is left over", text->word,
                                     operands[subcommand->most]));
    for (int i = 0; text->words && i < count; i++)
        if (!is_one_of(text->words, operands[i]))
            return usage_hint(text, fail(ERR_USAGE, "%s: \"%s\" is unknown, expected %s", text->word,
                                         operands[i], text->operands));
    return NULL;
}

static Status read_operands(Arguments *out, int argc, char **argv) {
    bool fenced = optind > 1 && !strcmp(argv[optind - 1], "--"); /* `newbie -- doctor` renders the word */
    int count = argc - optind;
    const Subcommand *word = count && !fenced ? subcommand(argv[optind]) : NULL;
    if (word)
        return read_subcommand(out, word, count - 1, argv + optind + 1);
    if (count > 1)
        return hint(fail(ERR_USAGE, "%d prompts given, expected one argument", count),
                    "put the prompt in quotes");
    if (count)
        out->prompt = argv[optind];
    return NULL;
}

/* Options that exclude or need each other. */
static Status check_together(const Arguments *a) {
    int inputs = (a->prompt != NULL) + (a->prompt_file != NULL) + (a->command_file != NULL);
    if (inputs > 1)
        return try_help(fail(ERR_USAGE, "more than one input: give a prompt, -p FILE or -f FILE"));
    if (a->demo && (a->setting[SET_MODEL] || a->part[0] || a->part[1] || a->part[2] || a->part[3]))
        return try_help(fail(ERR_USAGE, "--demo and another model exclude each other"));
    if (a->output && !a->prompt && !a->prompt_file)
        return try_help(fail(ERR_USAGE, "-o FILE needs a prompt or -p FILE"));
    if (a->output && a->setting[SET_COUNT] && strcmp(a->setting[SET_COUNT], "1"))
        return hint(fail(ERR_USAGE, "-o names one file, -n asks for %s", a->setting[SET_COUNT]),
                    "without -o the files are numbered");
    if (a->output && !strcmp(a->output, "-") && a->json)
        return try_help(fail(ERR_USAGE, "-o - and --json both want standard output"));
    if (a->prompt && file_exists(a->prompt))
        return hint(fail(ERR_USAGE, "%s is a file, expected a prompt", a->prompt), "newbie -p %s reads it",
                    a->prompt);
    return NULL;
}

Status arguments_read(Arguments *out, int argc, char **argv) {
    *out = (Arguments){0};
    TRY(read_options(out, argc, argv));
    if (out->task != TASK_SESSION)
        return NULL; /* --help and --version win over everything else */
    TRY(read_operands(out, argc, argv));
    if (out->task != TASK_SESSION)
        return NULL;
    TRY(check_together(out));
    if (out->prompt || out->prompt_file)
        out->task = TASK_PROMPT;
    else if (out->command_file)
        out->task = TASK_FILE;
    return NULL;
}
