/* commands: the table (product.md 5) and how a line finds its row (4.3 C2, C5; 12 rows 17 to 19). */
#include "config.h"

#include "app/commands.h"
#include "tests/tap.h"

static void every_row_is_complete(void) {
    for (const Command *row = COMMANDS; row->name; row++) {
        char name[96];
        snprintf(name, sizeof name, ":%s has help, an example, a group and a handler", row->name);
        CHECK(row->help && *row->help && row->example && row->group && row->run, name);
        snprintf(name, sizeof name, "the example of :%s is of :%s", row->name, row->name);
        CHECK(row->example && row->example[0] == ':' && command_of(row->example + 1, SOURCE_TYPED) == row,
              name);
        snprintf(name, sizeof name, ":%s is the only command of that name", row->name);
        CHECK(command_find(row->name) == row, name);
        bool optional = false, sound = true;
        for (int i = 0; i < ARGUMENTS_MAX && row->argument[i].name; i++) {
            sound = sound && !(optional && row->argument[i].need == REQUIRED);
            optional = optional || row->argument[i].need == OPTIONAL;
        }
        snprintf(name, sizeof name, "no required argument of :%s follows an optional one", row->name);
        CHECK(sound, name);
    }
}

typedef struct Refusal {
    const char *line;
    CommandSource source;
    const char *message, *hint;
} Refusal;

static void refusals_say_what_to_type(void) {
    static const Refusal refusals[] = {
        {"stpes", SOURCE_TYPED, "unknown command :stpes; did you mean :steps?", ":? lists all commands"},
        {"device cpu", SOURCE_TYPED, "unknown command :device",
         ":set device shows and changes the setting of this name"},
        {"zzzzzzzz", SOURCE_TYPED, "unknown command :zzzzzzzz", ":? lists all commands"},
        {"se", SOURCE_TYPED, ":se could be :set or :seed", "type one more letter"},
        {"save", SOURCE_TYPED, ":save needs a NAME", ":save miku"},
        {"rename a", SOURCE_TYPED, ":rename needs a NEW", ":rename miku hatsune"},
        {"clear now", SOURCE_TYPED, ":clear: \"now\" is left over", ":clear"},
        {"load a b", SOURCE_TYPED, ":load: \"b\" is left over", ":load NAME"},
        {"undo x", SOURCE_TYPED, ":undo: N is \"x\", expected 1 to 200", ":undo"},
        {"seedd", SOURCE_FILE, "unknown command :seedd; did you mean :seed?", ":? lists all commands"},
        {"!ls", SOURCE_FILE, ":! is only for typing, not for command files and pipes", ""},
        {"go", SOURCE_START_FILE, ":go is not allowed in the start file", ""},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const Refusal *r = &refusals[i];
        Status st = command_run(NULL, r->line, r->source);
        CHECK_STR(st ? st->message : NULL, r->message, r->message);
        CHECK_STR(st ? st->hint : NULL, r->hint, "with its hint");
    }
}

static void prefixes_work_at_the_prompt_only(void) {
    CHECK_STR(command_of("ste 20", SOURCE_TYPED) ? command_of("ste 20", SOURCE_TYPED)->name : NULL, "steps",
              "a unique prefix of two letters or more is the command");
    CHECK(!command_of("ste 20", SOURCE_FILE), "command files need whole names");
    CHECK(!command_of("h", SOURCE_TYPED), "one letter is no prefix");
    CHECK_STR(command_of("q", SOURCE_FILE) ? command_of("q", SOURCE_FILE)->name : NULL, "quit",
              ":q is a whole name");
    CHECK_STR(command_of("?", SOURCE_FILE) ? command_of("?", SOURCE_FILE)->name : NULL, "help", ":? too");
    CHECK_STR(command_of("!ls -l", SOURCE_TYPED) ? command_of("!ls -l", SOURCE_TYPED)->name : NULL, "!",
              ":!CMD needs no space");
}

static void usage_is_written_from_the_row(void) {
    Buf usage = {0};
    command_usage(&usage, command_find("save"));
    buf_byte(&usage, '\n');
    command_usage(&usage, command_find("queue"));
    buf_byte(&usage, '\n');
    command_usage(&usage, command_find("!"));
    CHECK_STR(buf_string(&usage), ":save NAME [ELEMENT]\n:queue [WHAT [jN]]\n:!CMD",
              "required bare, optional in brackets");
    buf_done(&usage);
}

int main(void) {
    every_row_is_complete();
    refusals_say_what_to_type();
    prefixes_work_at_the_prompt_only();
    usage_is_written_from_the_row();
    return tap_end();
}
