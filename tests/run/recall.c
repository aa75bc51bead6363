/* recall: what changed and what was: :diff on a session with the demo model (product.md H4, C4). */
#include "config.h"

#include "base/file.h"
#include "tests/run/talk.h"

static void the_example_of_the_manual(Talk *talk) {
    CHECK_HAS(command(talk, "diff"), "[ERROR] last: there is no such picture yet", "without a picture nothing");
    command(talk, "steps 1");
    prompt(talk, "<character_1>\n<gender>girl</gender>\n<pose>dancing_ballet</pose>\n</character_1>");
    CHECK_STR(command(talk, "diff"), "no difference\n", "nothing changed since the last picture");
    command(talk, "seed last");
    command(talk, "set editor sed -i -e s/girl/1girl/ -e s/dancing_ballet/waving/");
    command(talk, "edit");
    const char *said = command(talk, "diff");
    CHECK_HAS(said, "  character_1/gender  - girl            + 1girl\n", "an element that changed");
    CHECK_HAS(said, "  character_1/pose    - dancing_ballet  + waving\n", "another");
    CHECK_HAS(said, "  setting             seed random -> ", "a seed that was drawn and is pinned");
    command(talk, "reset editor");
}

static void two_references_are_compared(Talk *talk) {
    command(talk, "seed 42");
    prompt(talk, "<general_tags><style>anime_style</style></general_tags>");
    command(talk, "cfg 3.5");
    command(talk, "seed 43");
    command(talk, "neg blurry");
    prompt(talk, "<general_tags><style>anime_style</style></general_tags>");
    CHECK_STR(command(talk, "diff #2 #3"),
              "  setting  seed 42 -> 43\n  setting  cfg 4 -> 3.5\n  setting  neg (empty) -> blurry\n",
              "two pictures of this session");
    CHECK_STR(command(talk, "diff output_002.png output_003.png"),
              "  setting  seed 42 -> 43\n  setting  cfg 4 -> 3.5\n  setting  neg (empty) -> blurry\n",
              "two files, from their metadata");
    CHECK_STR(command(talk, "diff output_003.png last"), "no difference\n", "both say the same of one picture");
    CHECK_STR(command(talk, "diff #3"), "no difference\n", "REF against the present");
    command(talk, "sys lumina-1");
    CHECK_STR(command(talk, "diff last"), "  setting  sys model -> lumina-1\n",
              "auto is what it means: the text of the demo model itself");
    command(talk, "reset sys");
    command(talk, "save three");
    command(talk, "undo");
    command(talk, "cfg 4");
    CHECK_HAS(command(talk, "diff @three"), "  setting  cfg 3.5 -> 4\n", "a macro");
    CHECK_HAS(command(talk, "diff @nobody"), "[ERROR] there is no macro nobody", "which must be there");
    CHECK_HAS(command(talk, "diff #2 #9"), "[ERROR] #9: there is no output_009.png", "and so must a picture");
    CHECK_HAS(command(talk, "diff j99"), "[ERROR] there is no job j99", "and a job");
}

int main(void) {
    if (!scratch("recall"))
        return 1;
    Talk talk;
    begin(&talk);
    the_example_of_the_manual(&talk);
    two_references_are_compared(&talk);
    CHECK_EQ(end(&talk), 0, "the session ends well");
    return tap_end();
}
