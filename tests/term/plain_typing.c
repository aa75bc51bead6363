/* plain_typing.c: a person at a terminal types, pastes and edits. product.md 3, 4.1, 4.4, 4.5, H1, X3. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "terminal.h"

static const char *const QUICK[] = {"--plain", "--steps=1", "--no-rc", NULL};

static void prompts(Terminal *terminal) {
    EXPECT(terminal, "[INFO] Model loaded in ", "the model loads");
    EXPECT_CURSOR(terminal, "\nnewbie> ", "the first prompt");
    terminal_type(terminal, "<character_1>\r<n>miku</n>\r<clothing>\rdress");
    EXPECT(terminal, "newbie> <character_1>\ncharacter_1> <n>miku</n>\n"
           "character_1> <clothing>\ncharacter_1/clothing> dress\n",
           "F6: continuation lines show what is open");
    terminal_type(terminal, "\r</clothing>\r</character_1>\r");
    EXPECT_CURSOR(terminal, "character_1> </character_1>\n   ...> ", "F6: and that nothing is open any more");
    terminal_type(terminal, "\r");
    EXPECT(terminal, "Output saved to output_001.png\n", "I1: Enter on an empty line submits balanced text");
    EXPECT_CURSOR(terminal, "\nnewbie> ", "and the next prompt can be typed");
}

static void keys(Terminal *terminal) {
    terminal_type(terminal, "1girl, 世界\b\b世\033\r");
    EXPECT(terminal, "newbie> 1girl, 世\n", "X3: wide characters are typed and erased as one");
    EXPECT(terminal, "Output saved to output_002.png\n", "I1: Alt-Enter submits");
    terminal_type(terminal, "beach\004");
    EXPECT(terminal, "Output saved to output_003.png\n", "I1: Ctrl-D submits");
    terminal_type(terminal, "first\nsecond");
    EXPECT_CURSOR(terminal, "newbie> first\n   ...> second", "Ctrl-J makes a new line");
    terminal_type(terminal, "\r:go\r");
    EXPECT(terminal, "Output saved to output_004.png\n", "I1: :go alone on a continuation line submits");
    terminal_type(terminal, "a\033[5~\033[1;5Pb\033[15~c");
    EXPECT_CURSOR(terminal, "newbie> abc", "keys that mean nothing type nothing");
    terminal_type(terminal, "\025\"\"\"\r:set steps 3\r\r\"\"\"\r");
    EXPECT(terminal, "newbie> \"\"\"\n   \"\"\"> :set steps 3\n   \"\"\">\n   \"\"\"> \"\"\"\n",
           "I3: raw text has its own prompt");
    EXPECT(terminal, "Output saved to output_005.png\n", "I3: and its closing fence submits");
}

/* What only readline can do. */
#ifdef HAVE_READLINE
#define PICTURES "newbie: 7 pictures in "

static void history(Terminal *terminal) {
    EXPECT_CURSOR(terminal, "newbie> ", "idle");
    terminal_type(terminal, "\033[A\033[A\033[A\033[A\033[A\033[A");
    EXPECT_CURSOR(terminal, "newbie> 1girl, 世", "Up walks by rows and entries");
    terminal_type(terminal, "\033[A");
    EXPECT_CURSOR(terminal,
                  "newbie> <character_1>\n<n>miku</n>\n<clothing>\ndress\n</clothing>\n</character_1>",
                  "H1: a prompt of many lines is one entry");
    terminal_type(terminal, "\r\r");
    EXPECT(terminal, "Output saved to output_006.png\n", "and can be submitted again");
    EXPECT_CURSOR(terminal, "newbie> ", "idle");
    terminal_type(terminal, "\022beac");
    EXPECT(terminal, "beach", "Ctrl-R searches");
    terminal_type(terminal, "\033\r");
    EXPECT(terminal, "Output saved to output_007.png\n", "and Alt-Enter submits what was found");
}

static void completion(Terminal *terminal) {
    terminal_type(terminal, ":sched\tsg\t");
    EXPECT_CURSOR(terminal, "newbie> :schedule sgm_uniform ", "4.5: commands and values are completed");
    terminal_type(terminal, "\025<character_1>\r<ap\tlong_hair</\t\r</\t");
    EXPECT_CURSOR(terminal, "character_1> <appearance>long_hair</appearance>\ncharacter_1> </character_1>",
                  "4.5: elements by place, and the closing tag of the innermost");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "^C\nnewbie> ", "cleared");
}

#else
#define PICTURES "newbie: 5 pictures in "

static void history(Terminal *terminal) {
    (void)terminal;
    SKIP("history", "this build is --without-readline");
}

static void completion(Terminal *terminal) {
    (void)terminal;
    SKIP("completion", "this build is --without-readline");
}

#endif

static void paste(Terminal *terminal) {
    Buf text = {0};
    for (int i = 1; i <= 40; i++)
        buf_print(&text, i % 10 ? "line %d\n" : ":steps %d\n\n", i);
    buf_text(&text, "end");
    terminal_paste(terminal, text.data);
    EXPECT_CURSOR(terminal, "\n   ...> :steps 40\n   ...>\n   ...> end",
                  "I4: a paste of 40 lines is shown and waits");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "end^C\nnewbie> ", "K1: Ctrl-C clears it");
    terminal_type(terminal, ":set steps\r");
    EXPECT_CURSOR(terminal, "\nsteps 1\nnewbie> ", "I4: it ran no command");
    CHECK(access("output_008.png", F_OK) != 0, "I4: and submitted nothing");
    terminal_paste(terminal, ":set cf");
    terminal_type(terminal, "g\r");
    EXPECT(terminal, "cfg 4", "I4: a paste without a newline counts as typing");
    terminal_paste(terminal, "red\033[31m_hair\007\nblue");
    EXPECT_CURSOR(terminal, "newbie> red[31m_hair\n   ...> blue", "I7: control characters are dropped");
    EXPECT(terminal, "Note: 2 control characters", "I7: with a note");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "^C\nnewbie> ", "cleared");
    buf_done(&text);
}

static void refusals(Terminal *terminal) {
    terminal_type(terminal, "ab\xc4" "c");
    EXPECT(terminal, "[ERROR] the prompt is not UTF-8: byte 0xC4 at offset 2\n",
           "I6: an invalid byte is refused with its offset");
    EXPECT_CURSOR(terminal, "newbie> abc", "and what was typed stays");
    terminal_paste(terminal, "x\n\xff\n");
    EXPECT(terminal, "[ERROR] the prompt with this paste is not UTF-8: byte 0xFF at offset 5\n",
           "I6: in a paste, too");
    terminal_type(terminal, "\025:stpes 3\r");
    EXPECT(terminal, "[ERROR] unknown command :stpes; did you mean :steps?\n",
           "C2: the nearest word is offered");
    EXPECT_CURSOR(terminal, "newbie> :stpes 3", "C2: and the line stays to be mended");
    terminal_type(terminal, "\025");
}

static void leaving(Terminal *terminal) {
    terminal_type(terminal, "\004");
    EXPECT_STATUS(terminal, 0, "C3: Ctrl-D on nothing leaves with status 0");
    CHECK_HAS(terminal_screen(terminal), PICTURES, "L6: with the summary");
    CHECK(terminal_is_sane(terminal), "the terminal is as it was");
    const char *sent = terminal_sent(terminal);
    CHECK_HAS(sent, "\033[?2004h", "bracketed paste was on");
    CHECK_EQ(count_of(sent, "\033[?2004h"), count_of(sent, "\033[?2004l"), "and is off again");
}

int main(void) {
    program_world();
    Terminal *terminal = terminal_open(100, 100, QUICK);
    prompts(terminal);
    keys(terminal);
    history(terminal);
    paste(terminal);
    refusals(terminal);
    completion(terminal);
    leaving(terminal);
    terminal_close(terminal);
    return tap_end();
}
