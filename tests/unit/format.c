/* format: the house layout (prompt/format.h; model-spec.md 10.1). */
#include "config.h"

#include "prompt/format.h"

#include <stdbool.h>

#include "prompt/edit.h"
#include "tests/tap.h"

typedef struct Case {
    const char *text, *layout, *says;
    FormatLoose loose;
} Case;

static void every_element_has_its_line(void) {
    static const Case cases[] = {
        {"<character_1><n>miku</n><gender>1girl</gender></character_1><general_tags><style>x</style>"
         "</general_tags>",
         "<character_1>\n  <n>miku</n>\n  <gender>1girl</gender>\n</character_1>\n\n<general_tags>\n"
         "  <style>x</style>\n</general_tags>",
         "one element a line, an empty line between blocks", FORMAT_KEEP},
        {"<style>x</style>\n\n\n\n<caption> A girl,\n   on the  beach.\n</caption>\n",
         "<style>x</style>\n\n<caption>A girl, on the  beach.</caption>", "content in one line", FORMAT_KEEP},
        {"<image><character 1><n/></character_1><caption>x</caption></image>",
         "<image>\n  <character 1>\n    <n/>\n  </character_1>\n\n  <caption>x</caption>\n</image>",
         "a wrapper is indented, tags stay as they are spelled", FORMAT_KEEP},
        {"1girl, solo <style>x</style> tail", "1girl, solo\n\n<style>x</style>\n\ntail",
         "text outside stays where it is", FORMAT_KEEP},
        {"1girl,\nsolo <style>x</style> tail", "<style>x</style>\n\n<caption>1girl, solo tail</caption>",
         "or becomes the caption", FORMAT_CAPTION},
        {"1girl <caption>x</caption><style>y</style> z", "<caption>x 1girl z</caption>\n\n<style>y</style>",
         "or goes into the one that is there", FORMAT_CAPTION},
        {"1girl <caption></caption>", "<caption>1girl</caption>", "an empty one, too", FORMAT_CAPTION},
        {"1girl <caption/>", "<caption/>\n\n<caption>1girl</caption>", "but not one that takes nothing",
         FORMAT_CAPTION},
        {"<!-- note --><style>x</style>", "<!-- note -->\n\n<style>x</style>", "a comment stays",
         FORMAT_CAPTION},
        {"<character_1>loose\n\n text <n>a</n> more</character_1>",
         "<character_1>\n  loose\n  text\n  <n>a</n>\n  more\n</character_1>",
         "text inside a block stays in it", FORMAT_KEEP},
        {"<style>>_<, <o>_<o>, a & b</style>", "<style>>_<, <o>_<o>, a & b</style>", "odd text is text",
         FORMAT_KEEP},
        {"You are. <Prompt Start>\n <style>x</style>", "You are. <Prompt Start>\n<style>x</style>",
         "a system prompt stays in front", FORMAT_KEEP},
        {"<general_tags>\n<style>\n  a,\n  b\n</style>\n\n</general_tags>\n",
         "<general_tags>\n  <style>a, b</style>\n</general_tags>", "white space at the ends goes",
         FORMAT_KEEP},
        {"<style>蓝色，\n红色</style>", "<style>蓝色， 红色</style>", "Chinese", FORMAT_KEEP},
        {"<general_tags></general_tags>", "<general_tags></general_tags>", "an empty block", FORMAT_KEEP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const Case *c = &cases[i];
        Buf once = {0}, twice = {0};
        CHECK_OK(format_prompt(&once, c->text, strlen(c->text), c->loose), c->says);
        CHECK_STR(buf_string(&once), c->layout, c->says);
        CHECK_OK(format_prompt(&twice, buf_string(&once), once.size, FORMAT_KEEP), "once more");
        CHECK_STR(buf_string(&twice), c->layout, "changes nothing");
        buf_done(&once);
        buf_done(&twice);
    }
}

/* H4 finds no other change. */
static void only_white_space_changes(void) {
    static const char text[] = "<character_1> <n>a</n>x, y "
                               "<action>b,\nc</action></character_1>\n<style>d</style>";
    Buf out = {0}, said = {0};
    DiffList list = {0};
    CHECK_OK(format_prompt(&out, text, sizeof text - 1, FORMAT_KEEP), "a prompt is laid out");
    diff_prompts(&list, text, sizeof text - 1, buf_string(&out), out.size);
    bool white = list.count > 0;
    for (size_t i = 0; i < list.count; i++)
        white = white && list.rows[i].remark && !strcmp(list.rows[i].remark, "white space");
    diff_print(&said, &list);
    CHECK(white, buf_string(&said));
    diff_done(&list);
    buf_done(&said);
    buf_done(&out);
}

static void what_cannot_be_laid_out_is_refused(void) {
    Buf deep = {0}, out = {0};
    for (int i = 0; i < 100000; i++)
        buf_text(&deep, "<a>");
    for (int i = 0; i < 100000; i++)
        buf_text(&deep, "</a>");
    const struct {
        const char *text, *message;
    } cases[] = {
        {"1girl", "the prompt has no elements to lay out"},
        {"", "the prompt has no elements to lay out"},
        {"<style>x</style>\n<pose>", "<pose> of line 2 is never closed"},
        {"<style>x</style> <o>", "text outside elements would stand alone in a line and count as a tag"},
        {deep.data, "the elements are nested more than 32 deep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Status st = format_prompt(&out, cases[i].text, strlen(cases[i].text), FORMAT_KEEP);
        CHECK_STR(st ? st->message : NULL, cases[i].message, cases[i].message);
        CHECK_EQ(out.size, 0, "and nothing is written");
    }
    buf_done(&deep);
}

static void loose_text_is_named(void) {
    static const char *const cases[][2] = {
        {"a <style>x</style> b\nc <!-- d -->", "a b c <!-- d -->"},
        {"<style>x</style>\n<!-- d -->\n", ""},
        {"1girl", "1girl"},
        {"sys <Prompt Start> <style>x</style>", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Buf loose = {0};
        format_loose(&loose, cases[i][0], strlen(cases[i][0]));
        CHECK_STR(buf_string(&loose), cases[i][1], cases[i][0]);
        buf_done(&loose);
    }
}

int main(void) {
    every_element_has_its_line();
    only_white_space_changes();
    what_cannot_be_laid_out_is_refused();
    loose_text_is_named();
    return tap_end();
}
