/* agreement: `:help`, completion, --help and the manual page say the same of every command, setting, key,
 * topic and term, because all are made from the tables (architecture.md 7; product.md 4.4, 5, 6). */
#include "config.h"

#include "app/explain.h"
#include "app/keys.h"
#include "tests/run/talk.h"
#include "ui/complete.h"

static Reader reader;
static Buf manual, usage;

/* The manual page as it is read: without roff's escapes and font changes. */
static void read_manual(void) {
    Buf roff = {0};
    arguments_man(&roff);
    for (const char *c = buf_string(&roff); *c; c++)
        if (*c != '\\')
            buf_byte(&manual, (unsigned char)*c);
        else if (*++c == '-' || *c == 'e')
            buf_byte(&manual, *c == 'e' ? '\\' : '-');
    buf_done(&roff);
    arguments_help(&usage);
}

/* An entry of the page: its head in a line of its own, and what stands below. */
static bool has_entry(const char *head, const char *text) {
    Buf entry = {0};
    buf_print(&entry, "\n.B %s\n%s", head, text);
    bool found = strstr(buf_string(&manual), entry.data);
    buf_done(&entry);
    return found;
}

/* Whether Tab offers a word at the end of a line that ends with its first letters. */
static bool offers(App *app, const char *before, const char *word) {
    Completions found = {0};
    Buf line = {0};
    bool offered = false;
    buf_print(&line, "%s%.1s", before, word);
    complete_at(&found, &(CompletePlace){.app = app, .reader = &reader, .above = "", .line = line.data,
                                         .point = line.size});
    for (size_t i = 0, at = 0; i < found.count; i++, at += strlen(found.words.data + at) + 1)
        offered = offered || !strcmp(found.words.data + at, word);
    buf_done(&found.words);
    buf_done(&line);
    return offered;
}

static bool check(bool good, const char *kind, const char *name, const char *says) {
    char sentence[160];
    snprintf(sentence, sizeof sentence, "%s %s %s", kind, name, says);
    CHECK(good, sentence);
    return good;
}

/* Whether a text has this word between white space. */
static bool has_word(const char *text, const char *word) {
    size_t size = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += size)
        if ((at == text || at[-1] == ' ' || at[-1] == '\n') && (!at[size] || strchr(" \n", at[size])))
            return true;
    return false;
}

static void commands_agree(Talk *talk) {
    Buf overview = {0}, lines = {0};
    buf_text(&overview, command(talk, "help"));
    buf_text(&lines, command(talk, "help commands"));
    for (const Command *row = COMMANDS; row->name; row++) {
        Buf head = {0}, text = {0}, line = {0}, name = {0};
        command_usage(&head, row);
        buf_print(&text, "%s. Example: %s", row->help, row->example);
        buf_print(&line, "help %s", row->name);
        buf_print(&name, ":%s", row->name);
        bool listed = *row->group;
        check(has_word(overview.data, name.data) == listed, "command", head.data, "is in :help");
        check(!!strstr(lines.data, row->help) == listed, "command", head.data, "is in :help commands");
        const char *said = command(talk, line.data);
        check(strstr(said, head.data) && strstr(said, row->help) && strstr(said, row->example), "command",
              head.data, "has help and example in :help NAME");
        check(has_entry(head.data, text.data) == listed, "command", head.data, "is in the manual");
        check(offers(talk->app, ":", row->name) == listed, "command", head.data, "is offered by Tab");
        check(offers(talk->app, ":help ", row->name) == listed, "command", head.data,
              "is offered behind :help");
        buf_done(&head);
        buf_done(&text);
        buf_done(&line);
        buf_done(&name);
    }
    buf_done(&overview);
    buf_done(&lines);
}

/* "  -s, --seed=N", "      --cfg-trunc=X" */
static bool has_option(const Setting *row) {
    Buf option = {0};
    buf_print(&option, "--%s=%s", row->name, row->metavar);
    for (char *c = option.data; *c && *c != '='; c++)
        *c = *c == '_' ? '-' : *c;
    bool found = strstr(buf_string(&usage), option.data);
    buf_done(&option);
    return found;
}

static void settings_agree(Talk *talk) {
    for (int i = 0; i < SETTING_COUNT; i++) {
        const Setting *row = &SETTINGS[i];
        const char *value = row->example ? row->example : row->fallback;
        Buf line = {0}, example = {0}, parsed = {0};
        buf_print(&line, "help %s", row->name);
        buf_print(&example, ":set %s %s", row->name, value);
        const char *said = command(talk, line.data);
        check(strstr(said, row->help) && strstr(said, example.data), "setting", row->name,
              "has help and example in :help NAME");
        check(*value && !setting_parse(&parsed, row, value), "setting", row->name, "allows its example");
        buf_truncate(&line, 0);
        buf_print(&line, "set %s?", row->name);
        said = command(talk, line.data);
        check(strstr(said, row->help) && strstr(said, "default "), "setting", row->name, "explains itself");
        check(has_entry(row->name, row->help) && strstr(manual.data, example.data), "setting", row->name,
              "is in the manual");
        check(has_option(row), "setting", row->name, "is a long option in --help");
        check(offers(talk->app, ":set ", row->name) && offers(talk->app, ":reset ", row->name), "setting",
              row->name, "is offered by Tab");
        buf_done(&line);
        buf_done(&example);
        buf_done(&parsed);
    }
}

static void keys_agree(Talk *talk) {
    static const char *const wanted[] = {
        /* product.md 4.4 */
        "Enter",  "Alt-Enter", "Ctrl-J",   "Tab",    "Ctrl-G", "Ctrl-X Ctrl-E", "Ctrl-C", "Alt-P", "Alt-S",
        "F1",     "PageUp",    "PageDown", "Home",   "End",    "Left",          "Right",  "Up",    "Down",
        "Ctrl-R", "Ctrl-_",    "Ctrl-L",   "Ctrl-Z", "Ctrl-D", "Alt-K",         "Alt-N",  "Alt-X"};
    Buf page = {0};
    buf_text(&page, command(talk, "help keys"));
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        check(key_find(wanted[i]) != NULL, "key", wanted[i], "has a row");
    for (const Key *key = KEYS; key->name; key++) {
        Buf line = {0};
        char *first = must_copy_n(key->name, strcspn(key->name, ","));
        check(strstr(page.data, key->name) && strstr(page.data, key->help), "key", key->name,
              "is in :help keys");
        buf_print(&line, "help \"%s\"", first);
        check(strstr(command(talk, line.data), key->help), "key", key->name, "has help of its own");
        check(has_entry(key->name, key->help), "key", key->name, "is in the manual");
        check(offers(talk->app, ":help ", first), "key", key->name, "is offered behind :help");
        buf_done(&line);
        free(first);
    }
    CHECK_HAS(command(talk, "help ctrl-g"), "in your editor", "case does not matter");
    buf_done(&page);
}

static void topics_and_terms_agree(Talk *talk) {
    const char *topic;
    for (int i = 0; (topic = help_topic(i)); i++) {
        Buf line = {0};
        buf_print(&line, "help %s", topic);
        check(!strstr(command(talk, line.data), "[ERROR]"), "topic", topic, "has its page");
        check(offers(talk->app, ":help ", topic), "topic", topic, "is offered by Tab");
        buf_done(&line);
    }
    for (const Term *term = TERMS; term->name; term++)
        check(offers(talk->app, ":explain ", term->name), "term", term->name, "is offered by Tab");
}

int main(void) {
    if (!scratch("agreement"))
        return 1;
    Talk talk;
    begin(&talk);
    reader_init(&reader, READER_TYPED);
    read_manual();
    commands_agree(&talk);
    settings_agree(&talk);
    keys_agree(&talk);
    topics_and_terms_agree(&talk);
    end(&talk);
    reader_done(&reader);
    buf_done(&manual);
    buf_done(&usage);
    return tap_end();
}
