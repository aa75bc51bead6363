/* review.c: the session of the published review on a pipe: pasted XML becomes output_001.png, the next
 * one output_002.png, `quit` leaves, and the lines keep their wording. product.md L1, L2, L6, N1, A5,
 * section 3. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "program.h"
#include "tests/tap.h"

static const char CHARACTER[] = "<character_1>\n<n>miku</n>\n<gender>girl</gender>\n"
                                "<pose>dancing_ballet</pose>\n"
                                "</character_1>\n<general_tags><style>anime_style</style></general_tags>\n\n";

static void two_pictures(void) {
    Buf input = {0};
    buf_print(&input, "%s1girl, blue_hair, waving, beach\n\nquit\n", CHARACTER);
    Program program = program_run(input.data, "--seed=42", "--steps=6", NULL);
    const char *said = buf_string(&program.said), *complained = buf_string(&program.complained);
    CHECK_EQ(program.status, 0, "A5: a session that did all it was asked ends with status 0");
    CHECK_HAS(said, "[INFO] No model configured, using the built-in demo model (:help model)\n",
              "T1: the demo model is announced");
    CHECK_HAS(said, "\n[INFO] Model loaded in ", "L2: the model line");
    CHECK_EQ(count_of(said, "\n[INFO] Text encoded in "), 2, "L2: each prompt is encoded");
    CHECK_EQ(count_of(said, "\n[INFO] Denoising step 1/6...\n"), 2, "L4: the first step of each picture");
    CHECK_EQ(count_of(said, "\n[INFO] Denoising step 6/6...\n"), 2, "L4: the last step of each picture");
    CHECK_HAS(said, "\n[INFO] VAE decode completed. Output saved to output_001.png\n",
              "L2: the first is output_001.png");
    CHECK_HAS(said, "\n[INFO] VAE decode completed. Output saved to output_002.png\n",
              "L2: the second is output_002.png");
    CHECK_HAS(said, "\n[INFO] #1 output_001.png: seed 42, 128x128, 6 steps, cfg 4, ",
              "L6: the facts of a picture");
    CHECK_HAS(said, ", peak ", "L6: the peak of its memory");
    CHECK_HAS(complained, "[WARN] Unknown gender tag \"girl\", using default female prior (3:9)\n",
              "L2: the review's warning, on standard error");
    CHECK_HAS(complained, "[WARN] Unknown pose \"dancing_ballet\", falling back to standing (4:7)\n",
              "the pose warning");
    CHECK(!strstr(said, "newbie> "), "L1: no prompt string on a pipe");
    CHECK(!strchr(said, '\033') && !strchr(complained, '\033'), "L1: no escape sequence on a pipe");
    CHECK(access("output_001.png", R_OK) == 0 && access("output_002.png", R_OK) == 0,
          "both pictures are there");
    program_done(&program);
    buf_done(&input);
}

static void summary(void) {
    Program program = program_run("1girl\n\n", "--seed=1", "--steps=1", NULL);
    const char *begin = strstr(buf_string(&program.said), "\nnewbie: 1 picture in ");
    CHECK(begin, "the session ends with its summary");
    CHECK(begin && strncmp(last_line(&program.said), "  #3  output_003.png  seed 1  128x128  1 step  ",
                           40) == 0,
          "L6: the summary is the last thing on standard output, and numbers go on where they were");
    program_done(&program);
}

static void end_of_input(void) {
    Program program = program_run("<character_1>\n<n>miku</n>\n", CHEAP, NULL);
    CHECK_HAS(buf_string(&program.said), "Output saved to output_004.png",
              "I5: the end of input submits what is left");
    CHECK_HAS(buf_string(&program.complained), "[WARN] <character_1> is never closed (1:1)",
              "and says what was not closed");
    CHECK_EQ(program.status, 0, "an unclosed tag is advice, no failure");
    program_done(&program);

    program = program_run("\"\"\"\n<a>\n\n:set steps 3\n\"\"\"\n:show\n", CHEAP, NULL);
    CHECK_HAS(buf_string(&program.said), ":set steps 3", "I3: raw text holds empty lines and command lines");
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved"), 1, "I3: and is one prompt");
    program_done(&program);

    program = program_run(":set submit go\n<a>\n\n</a>\n\nx\n:go\n", CHEAP, NULL);
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved"), 1,
             "I5: with submit go only :go ends a prompt");
    program_done(&program);
}

/* One after the other, the second reads what the first wrote. */
static void exact_bytes(void) {
    static const char prompt[] = ">_< <o>_<o> heckler_&_koch &amp; <表情>微笑</表情>\t<|>_<|>  ";
    Buf input = {0};
    buf_print(&input, "%s\n\n", prompt);
    Program program = program_run(input.data, CHEAP, "--prefix=exact_", NULL);
    program_done(&program);
    program = program_run("", "info", "exact_001.png", NULL);
    CHECK_HAS(buf_string(&program.said), prompt, "P0: the stored prompt is the user's bytes");
    program_done(&program);
    buf_done(&input);
}

/* A script is read faster than its pictures are made. */
static void pictures_are_awaited(void) {
    static const char lines[] =
        ":seed 5\n1girl\n\n:set seed random\n:seed last\n:seed random\n:seed +2\n:show last\n";
    Program program = program_run(lines, "--steps=1", NULL);
    CHECK_HAS(buf_string(&program.said), "[INFO] seed random -> 5\n",
              "C4: last is the picture that was asked for");
    CHECK_HAS(buf_string(&program.said), "[INFO] seed random -> 7\n", "and +2 counts from it");
    CHECK_HAS(buf_string(&program.said), "   1  1girl\n", ":show last as well");
    program_done(&program);
    program = program_run(":show @nothing\n", NULL);
    CHECK_STR(buf_string(&program.complained),
              "[ERROR] standard input:1: there is no macro nothing\n[HINT] :list shows all\n",
              "a macro that is not there is no matter of files");
    program_done(&program);
}

static void undone(void) {
    Program program = program_run(":steps 3\n:cfg 2\n:undo 2\n1girl\n\n:undo\n", "--steps=1", NULL);
    const char *said = buf_string(&program.said);
    CHECK_HAS(said, "[INFO] 2 states undone\n[INFO] steps 3 -> 1\n[INFO] cfg 2 -> 4\n",
              "H3: :undo says what it changed");
    CHECK_HAS(said, "[INFO] 1 state undone\n[INFO] Prompt empty, as it was\n", "and no more than that");
    program_done(&program);
}

int main(void) {
    program_world();
    two_pictures();
    summary();
    end_of_input();
    exact_bytes();
    pictures_are_awaited();
    undone();
    return tap_end();
}
