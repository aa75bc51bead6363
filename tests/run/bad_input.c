/* bad_input.c: what a user can get wrong on a pipe: text, sizes, commands. Each gets its sentence and
 * costs nothing else: the picture after it is made. product.md I4 to I6, 9.2, 12. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "program.h"
#include "tests/tap.h"

/* The input, then a good prompt: the sentence, and exactly one picture. */
static void refused(const char *input, size_t size, const char *sentence, const char *name) {
    Program program = program_start((const char *const[]){CHEAP, NULL});
    program_send(&program, input, size);
    program_send(&program, "1girl\n\n", 7);
    program_end(&program);
    CHECK_HAS(buf_string(&program.complained), sentence, name);
    CHECK_EQ(count_of(buf_string(&program.complained), "[ERROR] "), 1, "it is said once");
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved"), 1, "and the next prompt becomes a picture");
    CHECK_EQ(program.status, 1, "A5: some of it failed");
    program_done(&program);
}

static void refused_line(const char *line, const char *sentence) {
    Buf input = {0};
    buf_print(&input, "%s\n", line);
    refused(input.data, input.size, sentence, line);
    buf_done(&input);
}

static void texts(void) {
    static const char invalid[] = "<n>\xc4</n>\n\n", nul[] = "<n>\0</n>\n\n";
    refused(invalid, sizeof invalid - 1, "the prompt is not UTF-8: byte 0xC4 at offset 3",
            "I6: an invalid byte is named");
    refused(nul, sizeof nul - 1, "the prompt holds a NUL byte at offset 3", "I6: a NUL byte is named");
}

/* 10 MB of lines, ended by :go because its structure is not looked at any more. */
static void ten_megabytes(void) {
    size_t size = (size_t)10 << 20;
    Buf input = {0};
    while (input.size < size)
        buf_text(&input, "<general_tags>beach, sunset, clouds, very_long_hair, looking_at_viewer, smile\n");
    buf_text(&input, ":go\n");
    refused(input.data, input.size, "at most 1048576 are read", "I6: 10 MB on the pipe are refused");
    buf_done(&input);
}

static void lines(void) {
    refused_line(":stpes 3", "unknown command :stpes; did you mean :steps?");
    refused_line(":set stepz 3", "unknown setting stepz; did you mean steps?");
    refused_line(":load nothing", "there is no macro nothing");
    refused_line(":steps 0", "steps is 0, expected 1 to 1000");
    refused_line(":steps 10001", "steps is 10001, expected 1 to 1000");
    refused_line(":size 0", "size is 0, expected WxH, each 16 to 8192");
    refused_line(":size 17", "size is 17, expected WxH, each 16 to 8192");
    refused_line(":size 100000", "size is 100000, expected WxH, each 16 to 8192");
    refused_line(":size 1000x1000", "size 1000x1000 is not a multiple of 16");
    refused_line(":save", ":save needs a NAME");
    refused_line(":info #99", "#99: there is no output_099.png in .");
}

/* Gemma reads 512 tokens; what is cut is shown from its first to its last character. */
static void too_many_tokens(void) {
    Buf input = {0};
    for (int i = 0; i < 300; i++)
        buf_print(&input, "%sword%d", i ? ", " : "", i);
    buf_text(&input, ", the_very_end\n\n");
    Program program = program_run(input.data, CHEAP, NULL);
    const char *complained = buf_string(&program.complained);
    const char *cut = strstr(complained, "tokens with the system prompt, Gemma reads 512; cut: \"");
    CHECK(cut, "a prompt of more than 512 tokens says what Gemma does not read");
    CHECK_HAS(complained, "the_very_end\" (", "to its last character");
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved"), 1, "and is rendered all the same");
    CHECK_EQ(program.status, 0, "which is no failure");
    program_done(&program);

    input.data[input.size - 1] = '\0';
    program = program_run("", "--json", CHEAP, "--lint=strict", input.data, NULL);
    CHECK(program.status != 0, "lint strict refuses it");
    CHECK(!strstr(buf_string(&program.said), "\"event\":\"saved\""), "and makes no picture");
    program_done(&program);
    buf_done(&input);
}

static void command_files(void) {
    write_text("lesson.nbi", "# a comment\n:steps 1\n1girl\n\n:stpes 2\n2girls\n\n");
    Program program = program_run("", "-f", "lesson.nbi", NULL);
    CHECK_EQ(program.status, 2, "a command file stops at its first failure");
    CHECK_HAS(buf_string(&program.complained),
              "[ERROR] lesson.nbi:5: unknown command :stpes; did you mean :steps?",
              "and names FILE:LINE");
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved"), 1, "what stood before it was done");
    program_done(&program);
    program = program_run("", "-f", "lesson.nbi", "--keep-going", NULL);
    CHECK_EQ(program.status, 1, "--keep-going goes on and says that some of it failed");
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved"), 2, "to the end");
    program_done(&program);
    program = program_run("", "-f", "missing.nbi", NULL);
    CHECK_EQ(program.status, 6, "A5: a missing file is status 6");
    program_done(&program);
}

int main(void) {
    program_world();
    texts();
    ten_megabytes();
    lines();
    too_many_tokens();
    command_files();
    return tap_end();
}
