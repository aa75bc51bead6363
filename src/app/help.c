/* help.c: what there is to read: :help, --help, --version, the manual page. All from the tables of commands,
 * settings and options, so that none of them can fall behind. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/keys.h"
#include "app/state.h"
#include "base/nearest.h"

typedef struct Topic {
    const char *name, *help, *text; /* text NULL: something else says it */
} Topic;

static const Topic TOPICS[] = {
    {"commands", "what each command does, in a line", NULL}, /* the rows of commands.c */
    {"model", "which model is loaded, and where to get one",
     "The built-in demo model needs no download; it draws a small world (:help demo).\n"
     "The real one is NewBie-image-Exp0.1: its diffusers folder, or the ComfyUI files. Load it with\n"
     "  :model PATH              a folder, or one file that holds everything\n"
     "  newbie --dit FILE --gemma FILE --jina FILE --vae FILE\n"
     "or name it once in the start file: :model PATH. $NEWBIE_MODEL and --model win over that.\n"
     "A name without a slash is also looked for under models/ in the data directory.\n"
     "Files must be safetensors. newbie downloads nothing.\n"},
    {"keys", "what keys do while typing and while a picture is made", NULL}, /* the rows of keys.c */
    {"xml", "how a prompt is written",
     "Plain words work: 1girl, blue_hair, waving. XML says who wears what:\n"
     "  <character_1>\n"
     "  <n>miku</n>\n"
     "  <gender>1girl</gender>\n"
     "  <appearance>blue_hair, twintails</appearance>\n"
     "  </character_1>\n"
     "  <general_tags><style>anime_style</style><background>beach</background></general_tags>\n"
     "In a character: n, name, gender, appearance, clothing, expression, action, pose, interaction,\n"
     "position, body_type. In general_tags: count, artists, style, background, environment, lighting and "
     "more.\n"
     "An empty line renders once everything is closed. A line of three quotes begins and ends raw text.\n"},
    {"files", "where things are kept",
     "start file   ~/.config/newbie/newbierc: commands such as :set steps 20\n"
     "history      ~/.local/state/newbie/history.ndjson\n"
     "macros       ~/.local/share/newbie/macros/NAME.nbm\n"
     "models       ~/.local/share/newbie/models/\n"
     "pictures     the directory of :set outdir, as output_001.png, output_002.png; never overwritten\n"
     "XDG_CONFIG_HOME, XDG_STATE_HOME and XDG_DATA_HOME move the first four.\n"},
    {"demo", "the demo model and the words it knows", NULL}, /* the words come from the model */
};

enum { TOPIC_COUNT = sizeof TOPICS / sizeof *TOPICS };

static const char *const INTRODUCTION =
    "newbie turns prompts, plain or XML, into anime pictures. Type one; an empty\n"
    "line below complete text renders it.\n";

/* ---- :help --------------------------------------------------------------------------------------------- */

/* Adds a word to a line of at most OVERVIEW_COLUMNS, or says the line and begins the next. */
#define OVERVIEW_COLUMNS 79
#define OVERVIEW_INDENT 18

static void add_word(Report *report, Buf *line, const char *word) {
    if (line->size + strlen(word) + 1 > OVERVIEW_COLUMNS) {
        report_line(report, LINE_PLAIN, "%s", line->data);
        buf_truncate(line, 0);
        buf_print(line, "%*s", OVERVIEW_INDENT, "");
    }
    buf_print(line, " %s", word);
}

static void end_line(Report *report, Buf *line) {
    if (line->size)
        report_line(report, LINE_PLAIN, "%s", line->data);
    buf_truncate(line, 0);
}

/* One screen: the names of all commands by group, and where more is said. */
static void overview(Report *report) {
    const char *group = "";
    Buf line = {0}, word = {0};
    report_lines(report, LINE_PLAIN, INTRODUCTION);
    for (const Command *row = COMMANDS; row->name; row++) {
        if (!*row->group)
            continue;
        if (strcmp(group, row->group)) {
            end_line(report, &line);
            buf_print(&line, "%-*s", OVERVIEW_INDENT, row->group);
            group = row->group;
        }
        buf_truncate(&word, 0);
        buf_print(&word, ":%s", row->name);
        add_word(report, &line, word.data);
    }
    end_line(report, &line);
    buf_print(&line, "%-*s", OVERVIEW_INDENT, "More");
    for (int i = 0; i < TOPIC_COUNT; i++) {
        buf_truncate(&word, 0);
        buf_print(&word, ":help %s", TOPICS[i].name);
        add_word(report, &line, word.data);
        if (i + 1 < TOPIC_COUNT)
            buf_byte(&line, ',');
    }
    end_line(report, &line);
    report_line(report, LINE_PLAIN, "%-*s :help go says what :go does; :help steps the same of a setting",
                OVERVIEW_INDENT, "");
    buf_done(&line);
    buf_done(&word);
}

/* What each command does, in a line each. */
static void help_commands(Report *report) {
    const char *group = NULL;
    Table table = table_of(2);
    for (const Command *row = COMMANDS; row->name; row++) {
        if (!*row->group)
            continue;
        if (!group || strcmp(group, row->group)) {
            report_table(report, &table, 2);
            table = table_of(2);
            report_line(report, LINE_PLAIN, "%s", row->group);
            group = row->group;
        }
        Buf usage = {0};
        command_usage(&usage, row);
        table_cell(&table, "%s", usage.data);
        table_cell(&table, "%s", row->help);
        buf_done(&usage);
    }
    report_table(report, &table, 2);
}

static void help_command(Report *report, const Command *command) {
    Buf usage = {0};
    command_usage(&usage, command);
    report_line(report, LINE_PLAIN, "%s", usage.data);
    report_line(report, LINE_PLAIN, "  %s", command->help);
    report_line(report, LINE_PLAIN, "  example: %s", command->example);
    for (const char *const *alias = command->aliases; alias && *alias; alias++)
        report_line(report, LINE_PLAIN, "  also :%s", *alias);
    buf_done(&usage);
}

/* A value that the setting allows. */
static const char *example_of(const Setting *setting) {
    return setting->example ? setting->example : setting->fallback;
}

static void help_setting(Report *report, const Setting *setting) {
    Buf range = {0};
    setting_range(&range, setting);
    report_line(report, LINE_PLAIN, ":set %s VALUE", setting->name);
    report_line(report, LINE_PLAIN, "  %s", setting->help);
    report_line(report, LINE_PLAIN, "  example: :set %s %s", setting->name, example_of(setting));
    report_line(report, LINE_PLAIN, "  %s%s%s; :set %s? shows more", range.data, setting->unit ? " " : "",
                setting->unit ? setting->unit : "", setting->name);
    buf_done(&range);
}

static void help_keys(App *app) {
    Table table = table_of(2);
    for (const Key *key = KEYS; key->name; key++) {
        table_cell(&table, "%s", key->name);
        table_cell(&table, "%s", key->help);
    }
    report_table(&app->report, &table, 0);
    report_line(&app->report, LINE_PLAIN, "The keys of readline and of your inputrc work too.");
}

static void help_demo(App *app) {
    Report *report = &app->report;
    report_lines(
        report, LINE_PLAIN,
        "The demo model is small enough to come with the program. It draws a world of 1 to 3 figures\n"
        "and knows few words; the program around it is the same as with the real model.\n");
    if (!app->loaded || !app->model.words) {
        report_line(report, LINE_PLAIN, "Its words are listed here while it is loaded.");
        return;
    }
    Buf line = {0};
    for (char **word = app->model.words; *word; word++) {
        if (line.size && line.size + strlen(*word) > 96) {
            report_line(report, LINE_PLAIN, "  %s", line.data);
            buf_truncate(&line, 0);
        }
        buf_print(&line, "%s%s", line.size ? ", " : "", *word);
    }
    report_line(report, LINE_PLAIN, "  %s", buf_string(&line));
    buf_done(&line);
}

static const Topic *find_topic(const char *word) {
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (!strcmp(TOPICS[i].name, word))
            return &TOPICS[i];
    return NULL;
}

static Status unknown_word(const char *word) {
    Nearest nearest = nearest_to(word, strlen(word));
    for (const Command *row = COMMANDS; row->name; row++)
        nearest_try(&nearest, row->name);
    for (int i = 0; i < SETTING_COUNT; i++)
        nearest_try(&nearest, SETTINGS[i].name);
    for (int i = 0; i < TOPIC_COUNT; i++)
        nearest_try(&nearest, TOPICS[i].name);
    for (const Key *key = KEYS; key->name; key++)
        nearest_try(&nearest, key->name);
    Status st = fail(ERR_USAGE, "there is no help on %s", word);
    return nearest.best ? hint(st, ":help %s", nearest.best) : hint(st, ":? lists everything");
}

/* A word may be a topic and a command (model): both are said. */
/* Topics whose text other tables have. */
static void help_from_tables(App *app, const char *name) {
    if (!strcmp(name, "commands"))
        help_commands(&app->report);
    else if (!strcmp(name, "keys"))
        help_keys(app);
    else
        help_demo(app);
}

Status cmd_help(App *app, const Call *call) {
    if (!call->count) {
        overview(&app->report);
        return NULL;
    }
    const char *word = call->word[0] + (call->word[0][0] == ':');
    const Topic *topic = find_topic(word);
    const Command *command = command_find(word);
    const Setting *setting = setting_find(word);
    const Key *key = key_find(word);
    if (!topic && !command && !setting && !key)
        return unknown_word(word);
    if (command)
        help_command(&app->report, command);
    if (setting)
        help_setting(&app->report, setting);
    if (topic && topic->text)
        report_lines(&app->report, LINE_PLAIN, topic->text);
    else if (topic)
        help_from_tables(app, topic->name);
    if (key)
        report_line(&app->report, LINE_PLAIN, "%s: %s", key->name, key->help);
    return NULL;
}

const char *help_topic(int index) {
    return index < TOPIC_COUNT ? TOPICS[index].name : NULL;
}

/* ---- --help and --version ------------------------------------------------------------------------------ */

typedef void OptionFn(Buf *out, const OptionText *text);

static void each_option(Buf *out, OptionFn *put) {
    OptionText text;
    for (int i = 0; arguments_option(&text, i); i++)
        put(out, &text);
}

static void each_setting(Buf *out, OptionFn *put) {
    for (int i = 0; i < SETTING_COUNT; i++) {
        const Setting *setting = &SETTINGS[i];
        char name[32];
        size_t size = 0;
        for (const char *c = setting->name; *c && size < sizeof name - 1; c++)
            name[size++] = *c == '_' ? '-' : *c;
        name[size] = 0;
        put(out, &(OptionText){name, setting->letter, setting->metavar, setting->help});
    }
}

static void put_option(Buf *out, const OptionText *text) {
    size_t begin = out->size;
    if (text->letter)
        buf_print(out, "  -%c, --%s", text->letter, text->name);
    else
        buf_print(out, "      --%s", text->name);
    if (text->metavar)
        buf_print(out, "=%s", text->metavar);
    size_t used = out->size - begin;
    buf_print(out, "%*s%s\n", used < 28 ? (int)(28 - used) : 2, "", text->help);
}

typedef struct Synopsis {
    const char *form, *help;
} Synopsis;

/* Those without a subcommand. */
static const Synopsis SYNOPSES[] = {
    {"[OPTION]...", "a session: type prompts, get pictures"},
    {"[OPTION]... PROMPT", "one prompt from the command line; quote it"},
    {"[OPTION]... -p FILE", "one prompt from FILE, - is standard input"},
    {"[OPTION]... -f FILE", "run a command file, then exit"},
};

enum { SYNOPSIS_COUNT = sizeof SYNOPSES / sizeof *SYNOPSES };

/* Appends form `index` of the command line; its meaning, or NULL behind the last. */
static const char *put_synopsis(Buf *out, int index) {
    if (index < SYNOPSIS_COUNT) {
        buf_text(out, SYNOPSES[index].form);
        return SYNOPSES[index].help;
    }
    SubcommandText text;
    if (!arguments_subcommand(&text, index - SYNOPSIS_COUNT))
        return NULL;
    buf_print(out, "%s%s%s", text.word, *text.operands ? " " : "", text.operands);
    return text.help;
}

void arguments_help(Buf *out) {
    Buf form = {0};
    const char *help;
    for (int i = 0; (help = put_synopsis(&form, i)); i++) {
        buf_print(out, "%s newbie %-24s  %s\n", i ? "      " : "Usage:", buf_string(&form), help);
        buf_truncate(&form, 0);
    }
    buf_done(&form);
    buf_text(out, "\nTurns prompts, plain or XML, into anime pictures.\n\n");
    each_option(out, put_option);
    buf_text(out, "\nSettings (also :set NAME VALUE in a session):\n");
    each_setting(out, put_option);
}

void arguments_version(Buf *out) {
    buf_text(out, "newbie " PACKAGE_VERSION "\n");
}

/* ---- the manual page ----------------------------------------------------------------------------------- */

/* Text for roff: hyphens are minus signs, no line begins with a control character. */
static void put_roff(Buf *out, const char *text) {
    for (const char *c = text; *c; c++) {
        bool begins = c == text || c[-1] == '\n';
        if (begins && (*c == '.' || *c == '\''))
            buf_text(out, "\\&");
        if (*c == '\\')
            buf_text(out, "\\e");
        else if (*c == '-')
            buf_text(out, "\\-");
        else
            buf_byte(out, (unsigned char)*c);
    }
}

static void put_item(Buf *out, const char *head, const char *text) {
    buf_text(out, ".TP\n.B ");
    put_roff(out, head);
    buf_byte(out, '\n');
    put_roff(out, text);
    buf_byte(out, '\n');
}

static void put_man_option(Buf *out, const OptionText *text) {
    Buf head = {0};
    if (text->letter)
        buf_print(&head, "-%c, ", text->letter);
    buf_print(&head, "--%s%s%s", text->name, text->metavar ? "=" : "", text->metavar ? text->metavar : "");
    put_item(out, head.data, text->help);
    buf_done(&head);
}

static void man_commands(Buf *out) {
    const char *group = NULL;
    buf_text(out, ".SH COMMANDS\nTyped as the first line, in command files, and on a pipe.\n");
    for (const Command *row = COMMANDS; row->name; row++) {
        if (!*row->group)
            continue;
        if (!group || strcmp(group, row->group))
            buf_print(out, ".SS %s\n", row->group);
        group = row->group;
        Buf head = {0}, text = {0};
        command_usage(&head, row);
        buf_print(&text, "%s. Example: %s", row->help, row->example);
        put_item(out, head.data, text.data);
        buf_done(&head);
        buf_done(&text);
    }
}

static void man_settings(Buf *out) {
    buf_text(out, ".SH SETTINGS\nEach is also a long option: cfg_trunc is ");
    put_roff(out, "--cfg-trunc=0.25");
    buf_text(out, ".\n");
    for (int i = 0; i < SETTING_COUNT; i++) {
        const Setting *s = &SETTINGS[i];
        Buf text = {0}, range = {0};
        setting_range(&range, s);
        buf_print(&text, "%s. %s%s%s; default %s%s. Example: :set %s %s", s->help, range.data,
                  s->unit ? " " : "", s->unit ? s->unit : "", *s->fallback ? s->fallback : "empty",
                  s->model ? ", or the model's own" : "", s->name, example_of(s));
        put_item(out, s->name, text.data);
        buf_done(&text);
        buf_done(&range);
    }
}

static void man_keys(Buf *out) {
    buf_text(out, ".SH KEYS\nThose of readline and of your inputrc work too.\n");
    for (const Key *key = KEYS; key->name; key++)
        put_item(out, key->name, key->help);
}

typedef struct ManRow {
    const char *head, *text;
} ManRow;

static const ManRow STATUSES[] = {
    {"0", "all done"},
    {"1", "some jobs failed with --keep-going; info found nothing; doctor or check found a fault"},
    {"2", "usage: option, argument, setting, command"},
    {"3", "no usable model"},
    {"4", "not enough memory"},
    {"5", "output cannot be written"},
    {"6", "input cannot be read"},
    {"7", "device"},
    {"8", "a bug in newbie: please report"},
    {"129, 130, 143", "hang-up, Ctrl-C, terminated"},
    {0},
};

static const ManRow VARIABLES[] = {
    {"NEWBIE_MODEL", "the model, where --model does not say another"},
    {"XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_DATA_HOME", "where the files of :help files are"},
    {"VISUAL, EDITOR", "the editor of :edit, where the setting editor is empty"},
    {"NEWBIE_CUBLASLT", "the file of cuBLASLt, where it is not found by itself; newbie doctor shows it"},
    {"NEWBIE_VIEWER", "the program that :open shows pictures with, where the desktop has no xdg-open"},
    {"NO_COLOR", "no colour"},
    {"ACCESSIBLE", "plain lines only, unless 0"},
    {0},
};

static void man_rows(Buf *out, const char *title, const ManRow *rows) {
    buf_print(out, ".SH %s\n", title);
    for (; rows->head; rows++)
        put_item(out, rows->head, rows->text);
}

void arguments_man(Buf *out) {
    buf_text(out,
             ".TH NEWBIE 1 \"\" \"newbie " PACKAGE_VERSION "\"\n.SH NAME\nnewbie \\- text to anime pictures\n"
             ".SH SYNOPSIS\n");
    Buf form = {0};
    for (int i = 0; put_synopsis(&form, i); i++) {
        buf_text(out, i ? ".br\n.B newbie\n" : ".B newbie\n");
        put_roff(out, buf_string(&form));
        buf_byte(out, '\n');
        buf_truncate(&form, 0);
    }
    buf_done(&form);
    buf_text(out, ".SH DESCRIPTION\n");
    put_roff(out, INTRODUCTION);
    buf_text(out, ".SH OPTIONS\n");
    each_option(out, put_man_option);
    man_settings(out);
    man_commands(out);
    man_keys(out);
    buf_text(out, ".SH TOPICS\n");
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (TOPICS[i].text) {
            buf_print(out, ".SS %s\n.nf\n", TOPICS[i].name);
            put_roff(out, TOPICS[i].text);
            buf_text(out, ".fi\n");
        }
    man_rows(out, "ENVIRONMENT", VARIABLES);
    man_rows(out, "EXIT STATUS", STATUSES);
}
