/* layout: :format, :xml and :insert in a session (product.md 5). What they do to a text is in tests/unit. */
#include "config.h"

#include "tests/run/talk.h"

static const char *shown(Talk *talk) {
    size_t size;
    return app_prompt(talk->app, &size);
}

static void tags_become_the_prompt(Talk *talk) {
    const char *said = command(talk, "xml 1girl, blue_hair, 微笑, \"beach\"");
    CHECK_HAS(said, "   4    <appearance>blue_hair</appearance>\n", ":xml shows what it made");
    CHECK_HAS(said, "   5    <expression>微笑</expression>\n", "of any language");
    CHECK_HAS(said, "This is the current prompt", "and makes it current");
    CHECK_HAS(shown(talk), "<other>\"beach\"</other>", "C5: the text is taken as it is");
    CHECK_HAS(command(talk, "xml 2girls, red_hair"),
              "[INFO] Note: given to character_1, but could be anybody's: red_hair\n",
              "what it cannot know is said");
    command(talk, "undo");
    CHECK_HAS(shown(talk), "blue_hair", ":undo brings the one before back");
    CHECK_HAS(command(talk, "xml <n>x</n>"), "[ERROR] the text has elements already", "XML is refused");
    CHECK_HAS(command(talk, "xml , ,"), "[ERROR] :xml needs a TEXT with tags", "nothing, too");
    CHECK_HAS(shown(talk), "blue_hair", "and the prompt stays");
}

static void a_prompt_is_laid_out(Talk *talk) {
    command(talk, "steps 1");
    prompt(talk, "<style>x</style><caption>a\nb</caption>");
    const char *said = command(talk, "format");
    CHECK_HAS(said, "  caption  white space\n", ":format shows the difference");
    CHECK_HAS(said, "[INFO] Prompt changed: 3 lines, 0 characters, ", "and what is there now");
    CHECK_STR(shown(talk), "<style>x</style>\n\n<caption>a b</caption>", "the prompt has the layout");
    CHECK_HAS(command(talk, "format"), "The prompt is in this layout already",
              "a second time changes nothing");
    command(talk, "undo");
    CHECK_STR(shown(talk), "<style>x</style><caption>a\nb</caption>", "one :undo brings it back");
    command(talk, "clear");
    CHECK_HAS(command(talk, "format"), "[ERROR] there is no current prompt", "there must be one");
}

static void text_outside_is_asked_about(Talk *talk) {
    static const struct {
        char answer;
        const char *prompt;
    } cases[] = {
        {'n', "1girl, solo, looking_at_viewer <style>x</style>"},
        {'k', "1girl, solo, looking_at_viewer\n\n<style>x</style>"},
        {'c', "<style>x</style>\n\n<caption>1girl, solo, looking_at_viewer</caption>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        prompt(talk, "1girl, solo, looking_at_viewer <style>x</style>");
        talk->answer = cases[i].answer;
        buf_truncate(&talk->asked, 0);
        command(talk, "format");
        CHECK_HAS(buf_string(&talk->asked), "\"1girl, solo, looki...\" is outside: [k]eep",
                  "text outside is asked about");
        CHECK(strlen(buf_string(&talk->asked)) < 79, "in a row of a terminal");
        CHECK_STR(shown(talk), cases[i].prompt, "the answer decides");
    }
    talk->answer = 0;
}

static void elements_are_inserted(Talk *talk) {
    prompt(talk, "<character_1>\n<n>miku</n>\n</character_1>\n<general_tags><style>x</style></general_tags>");
    command(talk, "save miku character_1");
    command(talk, "save whole");
    const char *said = command(talk, "insert miku");
    CHECK_HAS(said, "[INFO] miku is now character_2\n", ":insert renumbers");
    CHECK_HAS(said, "  character_2/n  + miku\n", "and shows the difference");
    CHECK_STR(shown(talk),
              "<character_1>\n<n>miku</n>\n</character_1>\n<character_2>\n<n>miku</n>\n</character_2>\n"
              "<general_tags><style>x</style></general_tags>",
              "it stands behind the first");
    CHECK_HAS(command(talk, "insert miku into character_1"),
              "miku is now character_1, in place of what was there", "what is there is replaced");
    command(talk, "undo 2");
    CHECK(!strstr(shown(talk), "character_2"), ":undo takes it away");
    static const char *const refused[][2] = {
        {"insert whole", "[ERROR] whole is not one element\n[HINT] :load whole makes it the prompt"},
        {"insert nobody", "[ERROR] there is no macro nobody"},
        {"insert miku into", "[ERROR] :insert: expected into ELEMENT behind miku"},
        {"insert miku under character_1", "[ERROR] :insert: expected into ELEMENT behind miku"},
        {"insert miku into style", "[ERROR] <character_1> cannot go into style"},
        {"insert ../x", "[ERROR]"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        CHECK_HAS(command(talk, refused[i][0]), refused[i][1], refused[i][0]);
}

int main(void) {
    if (!scratch("layout"))
        return 1;
    Talk talk;
    begin(&talk);
    tags_become_the_prompt(&talk);
    a_prompt_is_laid_out(&talk);
    text_outside_is_asked_about(&talk);
    elements_are_inserted(&talk);
    CHECK_EQ(end(&talk), 0, "the session ends well");
    return tap_end();
}
