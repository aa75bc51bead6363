/* complete.c: what Tab offers, from the tables. product.md 4.5. */
#include "config.h"

#include "ui/complete.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cpu/cpu.h"
#include "tests/tap.h"

static void say_nothing(void *context, LineKind kind, const char *text) {
    (void)context, (void)kind, (void)text;
}

static const Surface SILENT_SURFACE = {.name = "silent", .line = say_nothing};

static App *app;
static Reader reader;

/* "FROM: WORD WORD..." for a cursor at the end of `line`; at most the first five words. */
static const char *offered(const char *above, const char *line) {
    static Buf out;
    Completions found = {0};
    complete_at(&found, &(CompletePlace){app, &reader, above, strlen(above), line, strlen(line)});
    buf_truncate(&out, 0);
    buf_print(&out, "%.*s:", (int)found.from, line);
    size_t at = 0;
    for (size_t i = 0; i < found.count && i < 5; i++, at += strlen(found.words.data + at) + 1)
        buf_print(&out, " %s", found.words.data + at);
    buf_done(&found.words);
    buf_done(&found.labels);
    return buf_string(&out);
}

static void commands(void) {
    CHECK_STR(offered("", ":sch"), ":: schedule", "a command by its beginning");
    CHECK_STR(offered("", ":exi"), ":: exit", "and an alias");
    CHECK_STR(offered("", ":zz"), "::", "nothing for what is none");
    CHECK_STR(offered("", ":set sampler eul"), ":set sampler : euler euler_ancestral", "values of a setting");
    CHECK_STR(offered("", ":schedule nor"), ":schedule : normal", "also behind the command of its name");
    CHECK_STR(offered("", ":set steps "), ":set steps : 28", "the default where there is no list");
    CHECK_STR(offered("", ":reset cfg_"), ":reset : cfg_trunc", "settings");
    CHECK_STR(offered("", ":queue up"), ":queue : up", "words of an argument");
    CHECK_STR(offered("", ":help :"), ":help :", "no command where none is");
    CHECK_STR(offered("", ":neg low"), ":neg :", "nothing in free text");
    CHECK_STR(offered("", ":undo 2 "), ":undo 2 :", "nothing behind the last argument");
    CHECK_STR(offered("<n>\n", ":sch"), ":", "a command is a first line (C1)");
}

/* Every command is offered for its own name: a new row needs no second place. */
static void every_command(void) {
    int missing = 0;
    for (const Command *row = COMMANDS; row->name; row++) {
        Completions found = {0};
        char line[64];
        snprintf(line, sizeof line, ":%s", row->name);
        complete_at(&found, &(CompletePlace){app, &reader, "", 0, line, strlen(line)});
        bool offered = found.count && !strcmp(found.words.data, row->name);
        missing += offered != (*row->group != 0);
        buf_done(&found.words);
    }
    CHECK_EQ(missing, 0, "every row of the command table is offered, except what is not listed");
}

static void things(void) {
    mkdir("folder", 0777);
    fclose(fopen("folder/a b.xml", "w"));
    fclose(fopen("folder/c.xml", "w"));
    fclose(fopen("output_007.png", "w"));
    fclose(fopen("output_009.png", "w"));
    CHECK_STR(offered("", ":run fol"), ":run : folder/", "a directory goes on");
    CHECK_STR(offered("", ":run folder/a"), ":run : \"folder/a b.xml\"",
              "a name with a space is in quotes (C5)");
    CHECK_STR(offered("", ":run \"folder/"), ":run : \"folder/a b.xml\" \"folder/c.xml\"",
              "as are all behind a quote");
    CHECK_STR(offered("", ":run \"folder/a"), ":run : \"folder/a b.xml\"", "quotes may be typed first");
    CHECK_STR(offered("", ":info #"), ":info : #9 #7", "pictures that are there, the newest first");
    CHECK_STR(offered("", ":info las"), ":info : last", "last");
    ReaderAnswer prompt = {.kind = ANSWER_PROMPT, .text = "<character_1><n>a</n></character_1><caption/>"};
    prompt.size = strlen(prompt.text);
    app_answer(app, &prompt);
    CHECK_STR(offered("", ":save x "), ":save x : character_1 caption", "elements of the current prompt");
    ReaderAnswer save = {.kind = ANSWER_COMMAND, .text = "save miku", .size = 9};
    app_answer(app, &save);
    CHECK_STR(offered("", ":load "), ":load : miku", "macros");
    CHECK_STR(offered("", ":show @m"), ":show : @miku", "macros as references");
}

static void tags(void) {
    CHECK_STR(offered("<character_1>\n", "<ap"), ": <appearance>", "an element by place");
    CHECK_STR(offered("", "<ap"), ":", "which is none at the top");
    CHECK_STR(offered("<character_1>\n</character_1>\n", "<ch"), ": <character_2>", "the next character");
    CHECK_STR(offered("<character_1>\n<clothing>\n", "red, </"), "red, : </clothing>",
              "the innermost open element is closed");
    CHECK_STR(offered("<character_1>\n<clothing>\n", "<"), ": </clothing>",
              "inside it nothing else may stand");
    CHECK_STR(offered("", "<general_tags><st"), "<general_tags>: <style>", "on the same line, too");
    CHECK_STR(offered("", "</"), ":", "nothing is open, nothing to close");
    CHECK_STR(offered("", ">_<"), ">_: <character_1> <general_tags> <caption> <image> <document>",
              "a face is no tag yet");
    CHECK_STR(offered("", "a < b"), ":", "a lone sign is text");
    CHECK_STR(offered("\"\"\"\n<character_1>\n", "<ap"), ":", "nothing in raw text");
    CHECK_STR(offered("", ""), ":", "nothing for nothing");
    reader.pasted = true;
    CHECK_STR(offered("<character_1>\n\"\"\"\n", "<ap"), ": <appearance>",
              "a pasted fence opens no raw text");
    reader.pasted = false;
}

/* The same with what a list shows. */
static const char *shown(const char *above, const char *line) {
    static Buf out;
    Completions found = {0};
    complete_at(&found, &(CompletePlace){app, &reader, above, strlen(above), line, strlen(line)});
    buf_truncate(&out, 0);
    size_t at = 0;
    for (size_t i = 0; i < found.count && i < 3; i++, at += strlen(found.labels.data + at) + 1)
        buf_print(&out, "%s%s", i ? "; " : "", found.labels.data + at);
    buf_done(&found.words);
    buf_done(&found.labels);
    return buf_string(&out);
}

static void command(const char *line) {
    ReaderAnswer answer = {.kind = ANSWER_COMMAND, .text = line, .size = strlen(line)};
    app_answer(app, &answer);
}

static void tag_lists(void) {
    const char *in = "<character_1>\n<appearance>\n";
    CHECK_STR(offered(in, "red_ha"), ": red_hair, ", "a tag inside an element, with what separates it");
    CHECK_STR(offered(in, "smile, blue ha"), "smile, : blue_hair, ", "with underscores, behind a comma");
    CHECK_STR(shown(in, "hair"), "hair_bow  g 11k; short_hair  g 30k; long_hair  g 30k",
              "lists show type letter and count, ranked");
    CHECK_STR(shown(in, "红发"), "红发 > red_hair  g 13k", "an alias says which tag it means");
    CHECK_STR(offered("<character_1>\n<n>\n", "m"), ": miku, ", "a name is one of characters only");
    CHECK_STR(offered("<character_1>\n<n>\n", "red"), ":", "no tag is a name");
    CHECK_STR(offered("<caption>\n", "red"), ":", "a caption is sentences");
    CHECK_STR(offered("<character_1>\n", "red"), ":", "nothing stands between elements");
    CHECK_STR(offered("", "<character_1><pose>wav"), "<character_1><pose>: waving, ", "on one line");
    CHECK_STR(offered("", "1girl, twin"), "1girl, : twintails, ", "and in a prompt without elements");
    CHECK_STR(offered("<general_tags></general_tags>\n", "twin"), ":", "but not outside of some");
    CHECK_STR(offered("\"\"\"\n<appearance>\n", "red_h"), ":", "nothing in raw text");
    CHECK_STR(offered("", "\"\"\"\n<appearance>\nred_h"), ":", "wherever the text is kept");
    CHECK_STR(offered(in, ""), ":", "nothing for nothing");
    FILE *file = fopen("my tags.csv", "w");
    fputs("zettai_ryouiki,0,12345,\"zettai\"\n", file);
    fclose(file);
    command("set tags my tags.csv");
    CHECK_STR(shown(in, "zett"), "zettai_ryouiki  g 12k", "another list is a setting");
    command("set tags nowhere.csv");
    CHECK_STR(settings_text(app_settings(app), SET_TAGS), "my tags.csv", "one that is not there is refused");
    command("reset tags");
    CHECK_STR(offered(in, "zett"), ":", "the first list comes back");
}

static void odd_files(void) {
    mkdir("odd", 0777);
    fclose(fopen("odd/say \"hi\".xml", "w"));
    fclose(fopen("odd/中文 名.png", "w"));
    CHECK_STR(offered("", ":run odd/say"), ":run : \"odd/say \\\"hi\\\".xml\"",
              "quotes in a name are escaped");
    CHECK_STR(offered("", ":run \"odd/say \\\"h"), ":run : \"odd/say \\\"hi\\\".xml\"", "also when typed so");
    CHECK_STR(offered("", ":run odd/中"), ":run : \"odd/中文 名.png\"", "names are of any script");
    CHECK_STR(offered("", ":run ~/fold"), ":run : ~/folder/", "~ is the home directory, and stays as typed");
    CHECK_STR(offered("", ":run ~/folder/c"), ":run : ~/folder/c.xml", "inside it, too");
    CHECK_STR(offered("", ":set outdir ~/fol"), ":set outdir : ~/folder/", "for settings that are paths");
    command("set outdir ~/folder");
    char *home = file_join(getenv("HOME"), "folder");
    CHECK_STR(settings_text(app_settings(app), SET_OUTDIR), home, "and means the same there");
    free(home);
    command("reset outdir");
    CHECK_STR(offered("", ":run /nowhere/x"), ":run :", "a directory that is not there has no files");
}

int main(void) {
    Arguments arguments = {.no_start_file = true};
    AppParts parts = {.mode = APP_BATCH, .surface = &SILENT_SURFACE, .arguments = &arguments,
                      .backend = &CPU_BACKEND,
                      .cpu_path = "any", .cores = 1};
    char directory[] = "/tmp/complete-XXXXXX";
    if (!mkdtemp(directory) || chdir(directory))
        return 1;
    setenv("HOME", directory, 1);
    reader_init(&reader, READER_TYPED);
    CHECK_OK(app_open(&app, &parts), "a session opens");
    commands();
    every_command();
    tags();
    things();
    tag_lists();
    odd_files();
    app_free(app);
    reader_done(&reader);
    return tap_end();
}
