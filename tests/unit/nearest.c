/* The nearest known word is the one that was meant (product.md C2, rows 15, 17 of section 12). */
#include "config.h"

#include "base/nearest.h"
#include "tests/tap.h"

static const char *nearest(const char *word) {
    static const char *const words[] = {"steps", "step",    "seed", "set", "size",
                                        "shift", "sampler", "quit", NULL};
    Nearest n = nearest_to(word, strlen(word));
    for (int i = 0; words[i]; i++)
        nearest_try(&n, words[i]);
    return n.best ? n.best : "none";
}

int main(void) {
    CHECK_EQ(nearest_distance("", 0, "abc", 3), 3, "three inserted letters are a distance of three");
    CHECK_EQ(nearest_distance("kitten", 6, "sitting", 7), 3, "kitten and sitting differ by three (textbook)");
    CHECK_EQ(nearest_distance("ca", 2, "ac", 2), 1, "swapped neighbours cost one");
    CHECK_EQ(nearest_distance("STEPS", 5, "steps", 5), 0, "case does not count");
    CHECK_STR(nearest("stpes"), "steps", "stpes means steps");
    CHECK_STR(nearest("stpe"), "step", "stpe means step");
    CHECK_STR(nearest("smapler"), "sampler", "smapler means sampler");
    CHECK_STR(nearest("frobnicate"), "none", "a word far from all means none of them");
    CHECK_STR(nearest(""), "none", "no word means none");
    Nearest letter = nearest_to("z", 1);
    nearest_try(&letter, "a");
    CHECK(!letter.best, "one wrong letter means none: every other one is as near");
    char longest[200];
    memset(longest, 's', sizeof longest);
    CHECK_EQ(nearest_distance(longest, sizeof longest, "s", 1), NEAREST_SIZE_MAX + 1,
             "very long words are not compared");
    return tap_end();
}
