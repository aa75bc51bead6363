/* insert: a stored element goes to its place (prompt/insert.h). */
#include "config.h"

#include "prompt/insert.h"

#include "tests/tap.h"

typedef struct Case {
    const char *text, *element, *into;
    const char *result, *path; /* or the message of the refusal, and NULL */
} Case;

#define MIKU "<character_1><n>miku</n></character_1>"
#define RIN "<character_1><n>rin</n></character_1>"

static const Case CASES[] = {
    /* characters */
    {"", MIKU, NULL, MIKU, "character_1"},
    {MIKU, RIN, NULL, MIKU "\n<character_2><n>rin</n></character_2>", "character_2"},
    {MIKU "\n\n<general_tags><style>x</style></general_tags>", RIN, NULL,
     MIKU "\n\n<character_2><n>rin</n></character_2>\n\n<general_tags><style>x</style></general_tags>",
     "character_2"},
    {MIKU "\n<character_3><n>len</n></character_3>", RIN, "character_2",
     MIKU "\n<character_2><n>rin</n></character_2>\n<character_3><n>len</n></character_3>", "character_2"},
    {MIKU, RIN, "character_1", RIN, "character_1, replaced"},
    {"<character_2>x</character_2>", RIN, "character_1", RIN "\n<character_2>x</character_2>", "character_1"},
    {"<general_tags>x</general_tags>", RIN, NULL, RIN "\n<general_tags>x</general_tags>", "character_1"},
    {"1girl\n", RIN, NULL, "1girl\n" RIN "\n", "character_1"},
    {"<image>" MIKU "</image>", RIN, NULL, "<image>" MIKU "\n<character_2><n>rin</n></character_2></image>",
     "character_2"},
    {MIKU, "<character 7><n>rin</n></character_7>", NULL, MIKU "\n<character_2><n>rin</n></character_2>",
     "character_2"},
    {"<character_99>x</character_99>", RIN, NULL,
     "the prompt has character_99 already, and no number is left", NULL},
    /* elements of characters */
    {MIKU, "<clothing>dress</clothing>", NULL,
     "<character_1><n>miku</n><clothing>dress</clothing></character_1>", "character_1/clothing"},
    {"<character_1>\n  <n>miku</n>\n</character_1>", "<clothing>dress</clothing>", NULL,
     "<character_1>\n  <n>miku</n>\n  <clothing>dress</clothing>\n</character_1>", "character_1/clothing"},
    {"<character_1><clothing>a</clothing></character_1>", "<clothing>b</clothing>", "character_1",
     "<character_1><clothing>b</clothing></character_1>", "character_1/clothing, replaced"},
    {MIKU "<character_2></character_2>", "<pose>waving</pose>", NULL,
     "<pose> could go into character_1 or character_2", NULL},
    {MIKU "<character_2></character_2>", "<pose>waving</pose>", "character_2",
     MIKU "<character_2><pose>waving</pose></character_2>", "character_2/pose"},
    {"1girl", "<pose>waving</pose>", NULL, "<pose> belongs inside a character, and the prompt has none",
     NULL},
    {MIKU, "<pose>waving</pose>", "character_4", "the prompt has no element character_4", NULL},
    {MIKU, "<pose>waving</pose>", "n", "<pose> cannot go into n, expected a character or general_tags", NULL},
    {"<character_1/>", "<pose>waving</pose>", NULL,
     "<character_1/> is closed at once, nothing can be put into it", NULL},
    /* general tags, and the top */
    {MIKU, "<background>海滩</background>", NULL,
     MIKU "\n<general_tags>\n<background>海滩</background>\n</general_tags>", "general_tags/background"},
    {"<general_tags><style>a</style></general_tags>", "<style>b</style>", NULL,
     "<general_tags><style>b</style></general_tags>", "general_tags/style, replaced"},
    {MIKU, "<style>b</style>", NULL, MIKU "\n<style>b</style>", "style"},
    {"<caption>a</caption>\n", "<caption>b</caption>", NULL, "<caption>b</caption>\n", "caption, replaced"},
    {"<style>x</style>", "<foo>b</foo>", NULL, "<style>x</style>\n<foo>b</foo>", "foo"},
    {"", "<n>a</n><n>b</n>", NULL, "what is stored is not one element", NULL},
    {"", "1girl", NULL, "what is stored is not one element", NULL},
    {"", "", NULL, "what is stored is not one element", NULL},
};

int main(void) {
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const Case *c = &CASES[i];
        Buf out = {0};
        Inserted done;
        char path[128];
        Status st = insert_element(&out, &done, c->text, strlen(c->text),
                                   &(Insertion){c->element, strlen(c->element), c->into});
        snprintf(path, sizeof path, "%s%s", done.path, done.replaced ? ", replaced" : "");
        if (c->path) {
            CHECK_OK(st, c->path);
            CHECK_STR(buf_string(&out), c->result, "the prompt");
            CHECK_STR(path, c->path, "where it went");
        } else {
            CHECK_STR(st ? st->message : NULL, c->result, c->result);
            CHECK_EQ(out.size, 0, "nothing is written");
        }
        buf_done(&out);
    }
    return tap_end();
}
