/* arguments: the command line (product.md 1, A1 to A3; 12 rows 15, 16, 28). */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "app/arguments.h"
#include "tests/tap.h"

/* Reads a line of words split at spaces. */
static Status read_words(Arguments *out, const char *line) {
    static char copy[512];
    static char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "newbie %s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return arguments_read(out, argc, argv);
}

static void lines_mean_tasks(void) {
    static const struct {
        const char *line;
        Task task;
    } lines[] = {
        {"", TASK_SESSION},         {"--plain --steps=3", TASK_SESSION},
        {"1girl", TASK_PROMPT},     {"1girl --steps 3", TASK_PROMPT},
        {"-p -", TASK_PROMPT},      {"-f lesson.nbi", TASK_FILE},
        {"info a.png", TASK_INFO},  {"doctor", TASK_DOCTOR},
        {"-- doctor", TASK_PROMPT}, {"--vers", TASK_VERSION},
        {"-h", TASK_HELP},          {"--help --version", TASK_VERSION},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        Arguments a;
        Status st = read_words(&a, lines[i].line);
        char name[96];
        snprintf(name, sizeof name, "\"newbie %s\" is understood", lines[i].line);
        CHECK(!st && a.task == lines[i].task, name);
    }
}

static void refusals_say_what_to_type(void) {
    static const struct {
        const char *line, *message;
    } lines[] = {
        {"--stpes 3", "unknown option --stpes; did you mean --steps?"},
        {"-x", "unknown option -x"},
        {"--p x", "--p could be --prompt or --plain"},
        {"--steps", "option --steps needs a value: N"},
        {"-p", "option --prompt needs a value: FILE"},
        {"--json=1 x", "option --json takes no value"},
        {"--steps=0 x", "steps is 0, expected 1 to 1000"},
        {"--size 1000x1000 x", "size 1000x1000 is not a multiple of 16"},
        {"a b", "2 prompts given, expected one argument"},
        {"info", "info needs a FILE"},
        {"-p a.xml b", "more than one input: give a prompt, -p FILE or -f FILE"},
        {"-o a.png", "-o FILE needs a prompt or -p FILE"},
        {"-o a.png -n 2 x", "-o names one file, -n asks for 2"},
        {"--demo -m models x", "--demo and another model exclude each other"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        Arguments a;
        Status st = read_words(&a, lines[i].line);
        CHECK_STR(st ? st->message : NULL, lines[i].message, lines[i].message);
        CHECK(st && st->hint[0], "with a hint");
    }
}

static void a_file_is_no_prompt(void) {
    char path[] = "/tmp/newbie-arguments-XXXXXX";
    int fd = mkstemp(path);
    Arguments a;
    Status st = read_words(&a, path);
    CHECK_HAS(st ? st->message : NULL, "is a file, expected a prompt",
              "a prompt that names a file is refused");
    CHECK_HAS(st ? st->hint : NULL, "newbie -p ", "the hint is -p");
    close(fd);
    unlink(path);
}

static void settings_are_options(void) {
    Arguments a;
    CHECK_OK(read_words(&a, "-s 42 -n 3 word"), "settings are read");
    CHECK_STR(a.setting[SET_SEED], "42", "-s is the seed");
    CHECK_STR(a.setting[SET_COUNT], "3", "-n is the count");
    Status st = read_words(&a, "--cfg-trunc=0.25 word");
    CHECK(!st && !strcmp(a.setting[SET_CFG_TRUNC], "0.25"), "cfg_trunc is --cfg-trunc");
}

static void hints_name_options(void) {
    static const char *const hints[][2] = {
        {":set outdir DIR", "--outdir=DIR"},
        {":size 992x992 or :size 1008x1008", "--size=992x992 or --size=1008x1008"},
        {":set cfg_trunc 1 is the default", "--cfg-trunc=1 is the default"},
        {":model PATH chooses another, :demo uses the built-in one",
         "--model=PATH chooses another, --demo uses the built-in one"},
        {":help model lists the files", ":help model lists the files"},
        {"a:size b", "a:size b"},
        {":", ":"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        Buf text = {0};
        arguments_hint(&text, hints[i][0]);
        CHECK_STR(buf_string(&text), hints[i][1], "a hint on the command line names the option");
        buf_done(&text);
    }
}

static void help_has_every_option(void) {
    Buf help = {0}, man = {0};
    arguments_help(&help);
    arguments_man(&man);
    OptionText option;
    for (int i = 0; arguments_option(&option, i); i++)
        CHECK_HAS(buf_string(&help), option.name, option.name);
    for (int i = 0; i < SETTING_COUNT; i++) {
        CHECK_HAS(buf_string(&help), SETTINGS[i].help, SETTINGS[i].name);
        CHECK_HAS(buf_string(&man), SETTINGS[i].name, "and it is in the manual page");
    }
    buf_done(&help);
    buf_done(&man);
}

/* How a script names an option: fish without dashes. */
static void check_named(const Buf *script, const char *shell, const char *name) {
    Buf wanted = {0};
    buf_print(&wanted, strcmp(shell, "fish") ? "--%s" : " -l %s ", name);
    for (size_t i = 0; i < wanted.size; i++)
        wanted.data[i] = wanted.data[i] == '_' ? '-' : wanted.data[i];
    CHECK_HAS(buf_string(script), wanted.data, name);
    buf_done(&wanted);
}

static void check_script(const char *shell) {
    Buf script = {0};
    OptionText option;
    SubcommandText subcommand;
    const char *choice;
    arguments_completion(&script, shell);
    for (int i = 0; arguments_option(&option, i); i++)
        check_named(&script, shell, option.name);
    for (int i = 0; i < SETTING_COUNT; i++) {
        check_named(&script, shell, SETTINGS[i].name);
        for (int c = 0; (choice = setting_choice(&SETTINGS[i], c, NULL)); c++)
            CHECK_HAS(buf_string(&script), choice, choice);
    }
    for (int i = 0; arguments_subcommand(&subcommand, i); i++)
        CHECK_HAS(buf_string(&script), subcommand.word, subcommand.word);
    buf_done(&script);
}

static void shells_know_all_of_it(void) {
    check_script("bash");
    check_script("zsh");
    check_script("fish");
    Buf help = {0}, man = {0};
    SubcommandText subcommand;
    arguments_help(&help);
    arguments_man(&man);
    for (int i = 0; arguments_subcommand(&subcommand, i); i++) {
        CHECK_HAS(buf_string(&help), subcommand.help, "the help has every subcommand");
        CHECK_HAS(buf_string(&man), subcommand.word, "and so has the manual page");
    }
    buf_done(&help);
    buf_done(&man);
}

int main(void) {
    shells_know_all_of_it();
    lines_mean_tasks();
    refusals_say_what_to_type();
    a_file_is_no_prompt();
    settings_are_options();
    hints_name_options();
    help_has_every_option();
    return tap_end();
}
