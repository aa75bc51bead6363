/* Prompts under a name (product.md H6). */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "prompt/macro.h"
#include "tests/tap.h"

static Status parse(Macro *macro, const char *text) {
    return macro_parse(macro, "a.nbm", text, strlen(text));
}

static void reading(void) {
    Macro macro = {0};
    CHECK_OK(parse(&macro, "newbie-macro 1\nnote: on the beach\nset steps: 28\n---\n<n>miku</n>\n"),
             "the smallest example of the manual is read");
    CHECK_STR(macro.note, "on the beach", "its note");
    CHECK_EQ(macro.setting_count, 1, "its one setting");
    CHECK_STR(macro.settings[0].name, "steps", "the setting's name");
    CHECK_STR(macro.settings[0].value, "28", "the setting's value");
    CHECK_STR(buf_string(&macro.prompt), "<n>miku</n>\n", "its prompt to the last byte");
    CHECK(!macro.negative && !macro.element, "what is not there is not there");
    macro_done(&macro);
    CHECK_OK(
        parse(&macro,
              "newbie-macro 1\r\nneg: a: b\r\nneg:\r\nneg:  c\r\nelement: character_1\r\n---\r\n---\r\nx"),
        "CR LF in the head is read");
    CHECK_STR(macro.negative, "a: b\n\n c", "several neg lines are one text");
    CHECK_STR(macro.element, "character_1", "the element");
    CHECK_STR(buf_string(&macro.prompt), "---\r\nx", "the prompt keeps its bytes");
    macro_done(&macro);
    CHECK_OK(parse(&macro, "newbie-macro 1\n---"), "a macro may be empty");
    macro_done(&macro);
}

static void bad(const char *text, const char *says, const char *name) {
    Macro macro = {.note = (char *)"untouched"};
    Status st = parse(&macro, text);
    CHECK_STR(st ? st->message : "", says, name);
    CHECK_STR(macro.note, "untouched", "and nothing is given out");
}

static void refusing(void) {
    bad("", "a.nbm is not a macro: its first line is not \"newbie-macro 1\"", "an empty file is none");
    bad("newbie-macro 2\n---\n", "a.nbm is not a macro: its first line is not \"newbie-macro 1\"",
        "nor is another version");
    bad("newbie-macro 1\nnote: x\n", "a.nbm has no line --- before its prompt", "the rule must be there");
    bad("newbie-macro 1\nrun: ls\n---\n",
        "a.nbm:2: expected note, element, set NAME or neg with a colon, or the line ---",
        "unknown keys are refused");
    bad("newbie-macro 1\n:!ls\n---\n",
        "a.nbm:2: expected note, element, set NAME or neg with a colon, or the line ---",
        "a command is no key");
    bad("newbie-macro 1\n---\na\xff", "a.nbm: its prompt is not UTF-8: byte 0xFF at offset 1",
        "bad bytes are refused");
    bad("newbie-macro 1\nnote: \xff\n---\na", "a.nbm is not UTF-8: byte at offset 21", "in the head too");
}

static void names(void) {
    CHECK_OK(macro_name_check("miku_2-b"), "letters, digits, _ and - make a name");
    CHECK_OK(macro_name_check("初音未来"), "of any script");
    CHECK_OK(macro_name_check("हिन्दी"), "with its marks");
    static const char *const refused[] = {"",      "a b",           "../x", "a/b", ".x", "a.nbm",
                                          "a\xff", "a\xe2\x80\x8b", "，",   "😀",   "~"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        CHECK(macro_name_check(refused[i]) != NULL, "spaces, dots, slashes, signs and bad bytes do not");
    char name[80] = "";
    for (int i = 0; i < 65; i++)
        name[i] = 'a';
    CHECK(macro_name_check(name) != NULL, "65 characters are too many");
    name[64] = 0;
    CHECK_OK(macro_name_check(name), "64 are not");
}

static void round_trip(void) {
    Macro macro = {.note = must_copy("two\nlines"), .negative = must_copy("a\n\nb")}, again = {0};
    macro_set(&macro, "size", "832x1216");
    macro_set(&macro, "sys", "You: are");
    buf_text(&macro.prompt, "---\n<n>\\(x\\)</n>\n\n");
    Buf bytes = {0};
    macro_print(&bytes, &macro);
    CHECK_OK(macro_parse(&again, "b.nbm", bytes.data, bytes.size), "what is written is read");
    CHECK_STR(again.note, "two lines", "a note is one line");
    CHECK_STR(again.negative, macro.negative, "the negative prompt is the same");
    CHECK_STR(again.settings[1].value, "You: are", "so are the settings");
    CHECK_STR(buf_string(&again.prompt), buf_string(&macro.prompt), "and the prompt");
    macro_done(&again);

    char directory[] = "/tmp/newbie-macro-XXXXXX";
    CHECK(mkdtemp(directory) != NULL, "a scratch directory is there");
    char *inside = file_join(directory, "macros");
    CHECK_OK(macro_save(&macro, inside, "初音"), "a macro is saved, its directory made");
    CHECK_OK(macro_load(&again, inside, "初音"), "and loaded");
    CHECK_EQ(again.prompt.size, macro.prompt.size, "with all its bytes");
    Status st = macro_load(&macro, inside, "none");
    CHECK(st && st->code == ERR_IO, "a missing one is an input error");
    char *path = macro_path(inside, "初音");
    unlink(path);
    rmdir(inside);
    rmdir(directory);
    free(path);
    free(inside);
    buf_done(&bytes);
    macro_done(&again);
    macro_done(&macro);
}

int main(void) {
    reading();
    refusing();
    names();
    round_trip();
    return tap_end();
}
