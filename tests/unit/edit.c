/* Undo of prompt and settings (product.md H3) and the difference of two prompts (H4). */
#include "config.h"

#include <stdlib.h>

#include "prompt/edit.h"
#include "tests/tap.h"

static const char *now(const UndoList *list) {
    static char text[100];
    const UndoState *state = undo_now(list);
    snprintf(text, sizeof text, "%s/%s", state ? state->prompt : "", state ? state->settings : "");
    return text;
}

static void undo(void) {
    UndoList list = {0};
    CHECK_EQ(undo_walk(&list, 1), 0, "H3: nothing to undo");
    CHECK(undo_now(&list) == NULL, "and no state");
    undo_push(&list, "a", 1, "x");
    undo_push(&list, "b", 1, "x");
    undo_push(&list, "b", 1, "x");
    undo_push(&list, "b", 1, "y");
    CHECK_EQ(list.count, 3, "H3: an equal state is not a new one, other settings are");
    CHECK_EQ(undo_walk(&list, 2), 2, "H3: two back");
    CHECK_STR(now(&list), "a/x", "H3: is the first");
    CHECK_EQ(undo_walk(&list, 1), 0, "H3: not further");
    CHECK_EQ(undo_walk(&list, -1), 1, "H3: one forward");
    CHECK_STR(now(&list), "b/x", "H3: is the second");
    undo_push(&list, "c", 1, "x");
    CHECK_EQ(undo_walk(&list, -5), 0, "H3: a new state drops what could be redone");
    CHECK_EQ(undo_walk(&list, 1), 1, "H3: and can be undone");
    CHECK_STR(now(&list), "b/x", "H3: to the one before");
    for (int i = 0; i < 500; i++) {
        char text[16];
        int size = snprintf(text, sizeof text, "%d", i);
        undo_push(&list, text, (size_t)size, "");
    }
    CHECK_EQ(undo_walk(&list, 1000), 199, "H3: 200 states are kept");
    CHECK_STR(now(&list), "300/", "H3: the newest");
    undo_done(&list);
}

static const char *difference(const char *old, const char *new) {
    static Buf out;
    DiffList list = {0};
    buf_truncate(&out, 0);
    diff_prompts(&list, old, strlen(old), new, strlen(new));
    diff_print(&out, &list);
    diff_done(&list);
    return buf_string(&out);
}

static void elements(void) {
    CHECK_STR(difference("<character_1><gender>girl</gender><pose>dancing_ballet</pose></character_1>",
                         "<character_1><gender>1girl</gender><pose>waving</pose></character_1>"),
              "  character_1/gender  - girl            + 1girl\n"
              "  character_1/pose    - dancing_ballet  + waving\n", "H4: the mock-up of the manual");
    CHECK_STR(difference("<character_1><appearance>long_hair, red_eyes</appearance></character_1>",
                         "<character_1><appearance>twintails, red_eyes, hair_bow</appearance></character_1>"),
              "  character_1/appearance  - long_hair       + twintails, hair_bow\n",
              "H4: lists are compared as sets");
    CHECK_STR(difference("<n>a, b</n>", "<n>b, a</n>"), "  n  order\n", "H4: a mere reordering says order");
    CHECK_STR(difference("<n>a, b</n>", "<n>a,\n b</n>"), "  n  white space\n", "H4: white space says so");
    CHECK_STR(difference("<n>a</n><n>b</n>", "<n>a</n>\n<n>b</n>"), "  prompt  white space\n",
              "H4: also between elements");
    CHECK_STR(difference("<n>a,b</n>", "<n>a，b</n>"), "  n  commas\n", "H4: other commas");
    CHECK_STR(difference("<n>a</n>", "<n>a</n>"), "no difference\n", "H4: nothing changed");
    CHECK_STR(difference("", "1girl"), "  text  + 1girl\n", "H4: from nothing");
    CHECK_STR(difference("<n>a</n><pose>b</pose>", "<pose>b</pose><n>a</n>"), "  prompt  order\n",
              "H4: elements in another order");
    CHECK_STR(difference("<n>a</n><pose>b</pose>", "<n>a</n><name></name>"),
              "  name  + (empty)\n  pose  - b\n", "H4: new and old elements, in the order of the newer text");
    CHECK_STR(difference("<image><n>a</n></image>", "<n>a</n>"), "  prompt  markup\n",
              "H4: a wrapper is markup");
    CHECK_STR(difference("<n>a</n><n>b</n>", "<n>a</n><n>c</n>"), "  n (2)  - b               + c\n",
              "H4: the second of a name is told apart");
    CHECK_STR(difference("<n>(a, b), c</n>", "<n>(a, b)</n>"), "  n  - c\n",
              "H4: a comma in parentheses does not split");
}

static void words(void) {
    CHECK_STR(difference("<caption>a girl on the beach</caption>",
                         "<caption>a boy on the beach, smiling</caption>"),
              "  caption  - girl            + boy smiling\n", "H4: captions are compared by words");
    CHECK_STR(difference("1girl, blue_hair, beach", "1girl, red_hair, beach"),
              "  text  - blue_hair       + red_hair\n", "H4: so is loose text");
    CHECK_STR(difference("<character_1>x<n>a</n></character_1>", "<character_1>y<n>a</n></character_1>"),
              "  character_1  - x               + y\n", "H4: also text beside elements");
}

static void characters(void) {
    CHECK_STR(difference("<character_2><n>rin</n><pose>sitting</pose></character_2>",
                         "<character_1><n>rin</n><pose>waving</pose></character_1>"),
              "  character_1       was character_2\n"
              "  character_1/pose  - sitting         + waving\n", "H4: characters are matched by name");
    CHECK_STR(difference("<character_1><n>miku</n></character_1><character_2><n>rin</n></character_2>",
                         "<character_1><n>rin</n></character_1>"),
              "  character_1/n  - miku            + rin\n  character_2/n  - rin\n",
              "H4: but first by number");
}

static void settings(void) {
    DiffList list = {0};
    Buf out = {0};
    diff_prompts(&list, "<n>a</n>", 8, "<n>b</n>", 8);
    diff_setting(&list, "seed", "42", "43");
    diff_print(&out, &list);
    CHECK_STR(buf_string(&out), "  n        - a               + b\n  setting  seed 42 -> 43\n",
              "H4: then the settings");
    buf_done(&out);
    diff_done(&list);
}

static void hostile(void) {
    static const char *const pieces[] = {"<a><b>", "<n>x</n>", "<n/>", "a, ", "(", "</pose>"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        Buf old = {0}, new = {0}, out = {0};
        DiffList list = {0};
        while (old.size < (1u << 17))
            buf_text(&old, pieces[i]);
        buf_text(&new, "<pose>a</pose>");
        buf_add(&new, old.data, old.size);
        for (int close = 0; i == 0 && close < 10000; close++)
            buf_text(&new, "</b></a>");
        diff_prompts(&list, old.data, old.size, new.data, new.size);
        diff_print(&out, &list);
        diff_done(&list);
        buf_done(&old);
        buf_done(&new);
        buf_done(&out);
    }
    CHECK(1, "large odd texts are compared");
}

int main(void) {
    undo();
    elements();
    words();
    characters();
    settings();
    hostile();
    return tap_end();
}
