/* editing.c: typing on the full surface, where readline edits all lines at once. product.md 4.1 to 4.5, H1,
 * X3. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "terminal.h"

static const char *const QUICK[] = {"--no-rc", "--steps=1", "--seed=1", "--size=64x64", NULL};

#define UP "\033[A"
#define DOWN "\033[B"
#define RIGHT "\033[C"
#define LEFT "\033[D"
#define HOME "\033[H"
#define END "\033[F"

static Terminal *begin(void) {
    return terminal_begin(&(TerminalHow){.arguments = QUICK});
}

/* ---- submitting ---------------------------------------------------------------------------------------- */

static void submitting(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "1girl\r");
    EXPECT_CURSOR(terminal, "newbie> 1girl\n   ...> ", "I1: Enter behind text inserts a newline");
    terminal_type(terminal, "  \r");
    EXPECT(terminal, "Output saved to output_001.png",
           "I1: Enter on an empty last line submits; spaces do not count");
    EXPECT_ROW(terminal, -2, "newbie>", "and the edit area is empty");
    terminal_type(terminal, "beach\033\r");
    EXPECT(terminal, "Output saved to output_002.png", "I1: Alt-Enter submits");
    terminal_type(terminal, "sky\004");
    EXPECT(terminal, "Output saved to output_003.png", "I1: Ctrl-D submits");
    terminal_type(terminal, "kimono\r:go\r");
    EXPECT(terminal, "Output saved to output_004.png", "I1: :go on a continuation line submits");
    terminal_type(terminal, "one\ntwo" HOME UP "\r");
    EXPECT_CURSOR(terminal, "newbie>\n   ...> ", "Enter before other text is a newline");
    EXPECT_ROW(terminal, -2, "   ...> two", "and submits nothing");
    terminal_leave(terminal);
}

static void open_elements(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "<character_1>\r<n>miku</n>\r\r");
    EXPECT_CURSOR(terminal, "character_1> <n>miku</n>\ncharacter_1>\ncharacter_1> ",
                  "I2: Enter on an empty line while something is open inserts a newline");
    EXPECT_ROW(terminal, -1, " open: character_1", "I2: the hint row says what is open");
    terminal_type(terminal, "</character_1>\r\r");
    EXPECT(terminal, "Output saved to output_001.png", "I1: balanced, Enter submits");
    terminal_leave(terminal);
}

static void raw_text(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "\"\"\"\r:set steps 3\r\r<n>\r");
    EXPECT_CURSOR(terminal,
                  "newbie> \"\"\"\n   \"\"\"> :set steps 3\n   \"\"\">\n   \"\"\"> <n>\n   \"\"\"> ",
                  "I3: inside, nothing is a command and nothing is balanced");
    terminal_type(terminal, "\"\"\"\r");
    EXPECT(terminal, "Output saved to output_001.png", "I3: the closing fence submits");
    EXPECT(terminal, "64x64, 1 step", "I3: and no command was run");
    terminal_leave(terminal);
}

static void commands(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, ":stpes 3\r");
    EXPECT(terminal, "[ERROR] unknown command :stpes; did you mean :steps?",
           "C2: the nearest word is offered");
    EXPECT_CURSOR(terminal, "newbie> :stpes 3", "C2: and the line stays to be mended");
    terminal_type(terminal, "\025:d\r");
    EXPECT_CURSOR(terminal, "newbie> :d\n   ...> ", "C1: a tag is text");
    terminal_type(terminal, "\003line\r:steps 3\r");
    EXPECT_CURSOR(terminal, "newbie> line\n   ...> :steps 3\n   ...> ",
                  "C1: only the first line is a command");
    terminal_type(terminal, "\003:ste 3\r");
    EXPECT_ROW(terminal, -4, "3 steps", "C2: unique prefixes work");
    terminal_type(terminal, ":set steps\r");
    EXPECT(terminal, "\nsteps 3\n", "and the command answers in the log");
    terminal_type(terminal, "quit\r");
    EXPECT_STATUS(terminal, 0, "C3: quit alone leaves");
    CHECK(terminal_is_restored(terminal), "and restores the terminal");
    terminal_close(terminal);
    terminal = begin();
    terminal_type(terminal, "exit\r");
    EXPECT_STATUS(terminal, 0, "C3: so does exit");
    terminal_close(terminal);
}

/* ---- characters ---------------------------------------------------------------------------------------- */

static void widths(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "世界");
    EXPECT_CURSOR(terminal, "newbie> 世界", "wide characters");
    CHECK_EQ(terminal_cursor_column(terminal), 12, "X3: take two cells");
    terminal_type(terminal, "\b");
    EXPECT_CURSOR(terminal, "newbie> 世", "X3: one Backspace erases one");
    CHECK_EQ(terminal_cursor_column(terminal), 10, "with both cells");
    terminal_type(terminal, "e\xcc\x81" "x");
    EXPECT_CURSOR(terminal, "newbie> 世e\xcc\x81x", "combining marks");
    CHECK_EQ(terminal_cursor_column(terminal), 12, "X3: take none");
    terminal_type(terminal, "\b\b");
    EXPECT_CURSOR(terminal, "newbie> 世", "X3: a character goes with its marks");
    terminal_type(terminal, "\xf0\x9f\x8c\xb8");
    EXPECT_CURSOR(terminal, "newbie> 世\xf0\x9f\x8c\xb8", "emoji");
    CHECK_EQ(terminal_cursor_column(terminal), 12, "X3: take two");
    terminal_type(terminal, LEFT LEFT "a");
    EXPECT_CURSOR(terminal, "newbie> a", "Left moves by characters");
    terminal_type(terminal, END "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7!");
    EXPECT(terminal, "!", "joined emoji end where the cursor is");
    CHECK(!strstr(terminal_sent(terminal), "\xe2\x80\x8d"), "also on terminals that would join them");
    EXPECT_FRESH(terminal, "X3: the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void tabs(void) {
    Terminal *terminal = begin();
    terminal_paste(terminal, "a\tb");
    EXPECT_CURSOR(terminal, "newbie> a       b", "a pasted tab goes to the next stop");
    CHECK_EQ(terminal_cursor_column(terminal), 17, "every eight cells");
    terminal_type(terminal, LEFT "\b");
    EXPECT_CURSOR(terminal, "newbie> a", "and is erased as one character");
    EXPECT_ROW(terminal, -2, "newbie> ab", "with what was behind it moved up");
    terminal_leave(terminal);
}

static void wide_at_the_edge(void) {
    Terminal *terminal = terminal_begin(&(TerminalHow){.rows = 24, .columns = 61, .arguments = QUICK});
    for (int i = 0; i < 40; i++)
        terminal_type(terminal, "世");
    EXPECT_REST(terminal, "forty wide characters in rows of 61 cells");
    CHECK_EQ(terminal_cell(terminal, -3, 60).code, 0, "X3: none is cut in two at the edge");
    CHECK_EQ(terminal_cell(terminal, -3, 58).code, 0x4e16, "the row ends with a whole one");
    CHECK_EQ(terminal_cell(terminal, -2, 0).code, 0x4e16, "the next begins with one");
    CHECK_EQ(terminal_cursor_column(terminal), 28, "26 in the first row, 14 in the second");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void alt_with_wide(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "a\033世b");
    EXPECT_CURSOR(terminal, "newbie> ab", "Alt with a wide character means nothing and types nothing");
    terminal_type(terminal, "\033");
    EXPECT_REST(terminal, "an ESC alone");
    terminal_type(terminal, "世");
    EXPECT_CURSOR(terminal, "newbie> ab世", "and a wide character after it is typed whole");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void bad_bytes(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "ab\xc4" "c");
    EXPECT(terminal, "[ERROR] the prompt is not UTF-8: byte 0xC4 at offset 2\n",
           "I6: an invalid byte is refused with its offset");
    EXPECT_CURSOR(terminal, "newbie> abc", "and what was typed stays");
    terminal_type(terminal, "\xed\xa0\x80");
    EXPECT(terminal, "byte 0xED at offset 3", "I6: half of a pair is no character");
    terminal_type(terminal, "\033[5;5~\033[1;5P\033[15~\033OZd");
    EXPECT_CURSOR(terminal, "newbie> abcd", "keys that mean nothing type nothing");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void lone_escape(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "abc\033");
    EXPECT_REST(terminal, "ESC alone is given up waiting for");
    terminal_type(terminal, "d");
    EXPECT_CURSOR(terminal, "newbie> abc", "readline takes it as Alt of the next key");
    terminal_type(terminal, "e");
    EXPECT_CURSOR(terminal, "newbie> abce", "and the key after that is a key");
    terminal_type(terminal, "\033");
    EXPECT_ROW(terminal, -1, "Esc: the next key is one with Alt", "the hint row says so");
    terminal_type(terminal, ":");
    EXPECT_CURSOR(terminal, "newbie> abce:", "a key that means nothing with Alt is not lost");
    terminal_type(terminal, "\033");
    EXPECT_ROW(terminal, -1, "Esc: the next key is one with Alt", "once more");
    terminal_type(terminal, "\033");
    EXPECT_GONE(terminal, "Esc: the next key", "ESC again takes it back");
    terminal_type(terminal, "d");
    EXPECT_CURSOR(terminal, "newbie> abce:d", "and the key is a key");
    terminal_leave(terminal);
}

/* ---- moving and killing -------------------------------------------------------------------------------- */

static void rows_and_history(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "old prompt\033\r");
    EXPECT(terminal, "Output saved to output_001.png", "an entry of the history");
    terminal_type(terminal, "first line\nsecond\nthird line");
    EXPECT_CURSOR(terminal, "   ...> third line", "three lines");
    terminal_type(terminal, UP);
    EXPECT_CURSOR(terminal, "   ...> second", "Up: the row above, as far right as it goes");
    terminal_type(terminal, UP);
    EXPECT_CURSOR(terminal, "newbie> first line", "Up: and the column it came from again");
    terminal_type(terminal, UP);
    EXPECT_CURSOR(terminal, "newbie> old prompt", "Up in the first row: the history");
    terminal_type(terminal, DOWN);
    EXPECT_CURSOR(terminal, "   ...> third line", "Down in the last row: back to the newest");
    EXPECT_ROW(terminal, -4, "newbie> first line", "which is as it was");
    terminal_leave(terminal);
}

static void wrapped_rows(void) {
    Terminal *terminal = begin();
    for (int i = 0; i < 20; i++)
        terminal_type(terminal, "word_12345");
    EXPECT_CURSOR(terminal, "word_12345", "one line of 200 characters");
    EXPECT_REST(terminal, "in three rows");
    CHECK_EQ(terminal_cursor_column(terminal), 48, "72, 80 and 48");
    terminal_type(terminal, UP);
    EXPECT_REST(terminal, "Up");
    CHECK(terminal_cursor_row(terminal) == 21 && terminal_cursor_column(terminal) == 48,
          "moves by rows of the screen");
    terminal_type(terminal, UP);
    EXPECT_REST(terminal, "Up again");
    CHECK(terminal_cursor_row(terminal) == 20 && terminal_cursor_column(terminal) == 48, "to the first row");
    terminal_type(terminal, "<" DOWN ">");
    EXPECT_REST(terminal, "and Down");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void keys_of_a_row(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "one 1\ntwo 2\nthree 3" UP HOME "<" END ">");
    EXPECT_CURSOR(terminal, "   ...> <two 2>", "Home and End mean the line the cursor is in");
    terminal_type(terminal, "\001" RIGHT "\013");
    EXPECT_CURSOR(terminal, "newbie> one 1\n   ...> <", "Ctrl-A, Ctrl-K: to its end");
    EXPECT_ROW(terminal, -2, "   ...> three 3", "and no further");
    terminal_type(terminal, "\031");
    EXPECT_CURSOR(terminal, "   ...> <two 2>", "Ctrl-Y brings it back");
    terminal_type(terminal, "\025");
    EXPECT_CURSOR(terminal, "newbie> one 1\n   ...> ", "Ctrl-U: to its beginning");
    EXPECT_ROW(terminal, -2, "   ...> three 3", "and no further");
    terminal_type(terminal, "\013\005!");
    EXPECT_CURSOR(terminal, "newbie> one 1\n   ...> three 3!",
                  "Ctrl-K on an empty line joins it with the next");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void undo(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "abc");
    terminal_paste(terminal, "X\nY\nZ");
    EXPECT_CURSOR(terminal, "newbie> abcX\n   ...> Y\n   ...> Z", "a paste of three lines");
    terminal_type(terminal, "\037");
    EXPECT_CURSOR(terminal, "newbie> abc", "I4: is one undo step");
    EXPECT_GONE(terminal, "Z", "all of it");
    terminal_type(terminal, "\037\037\037\037d");
    EXPECT_CURSOR(terminal, "newbie> d", "and typing is undone, too");
    terminal_leave(terminal);
}

static void interrupted(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "line one\nline two");
    EXPECT_CURSOR(terminal, "   ...> line two", "two lines");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "newbie> ", "K1: idle, Ctrl-C clears the edit area");
    EXPECT_ROW(terminal, -5, "──", "which has one row again");
    terminal_type(terminal, UP);
    EXPECT_CURSOR(terminal, "newbie> line one\n   ...> line two", "K1: Up brings the text back");
    terminal_type(terminal, "\003\003\003x");
    EXPECT_CURSOR(terminal, "newbie> x", "K1: and Ctrl-C never leaves");
    terminal_leave(terminal);
}

/* Readline keeps what undoes a line with the entry of the history that the line came from. */
static void interrupted_in_history(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "first\033\r");
    EXPECT(terminal, "Output saved to output_001.png", "an entry of the history");
    terminal_type(terminal, "draft" UP);
    EXPECT_CURSOR(terminal, "newbie> first", "looked at while something was typed");
    terminal_type(terminal, " changed" DOWN UP "!");
    EXPECT_CURSOR(terminal, "newbie> first changed!", "and changed");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "newbie> ", "Ctrl-C clears it");
    terminal_type(terminal, DOWN DOWN "x" UP);
    EXPECT_CURSOR(terminal, "newbie> first changed!", "Up brings the changed text back");
    terminal_type(terminal, UP "\037\037\037" DOWN DOWN);
    EXPECT_CURSOR(terminal, "newbie> x", "and Down what was typed since, not before");
    terminal_leave(terminal);
}

/* ---- searching and completing -------------------------------------------------------------------------- */

static void search(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "<n>miku</n>\nwith 世界 here\033\r");
    EXPECT(terminal, "Output saved to output_001.png", "a prompt of two lines");
    terminal_type(terminal, "beach\033\r");
    EXPECT(terminal, "Output saved to output_002.png", "and another");
    terminal_type(terminal, "\022世");
    EXPECT_ROW(terminal, -1, "(reverse-i-search)`世'", "Ctrl-R says what is searched");
    EXPECT(terminal, "newbie> <n>miku</n>\n   ...> with 世界 here", "and finds the whole prompt");
    terminal_resize(terminal, 30, 60);
    EXPECT_ROW(terminal, -1, "(reverse-i-search)`世'", "a resize does not end it");
    EXPECT_ROW(terminal, -2, "   ...> with 世界 here", "nor lose what was found");
    terminal_type(terminal, "界");
    EXPECT_ROW(terminal, -1, "(reverse-i-search)`世界'", "typing goes on");
    terminal_type(terminal, END "!");
    EXPECT_CURSOR(terminal, "   ...> with 世界 here!", "any other key takes what was found");
    EXPECT_ROW(terminal, -1, ":? help", "and the hints are back");
    terminal_type(terminal, "\003\022bea\003");
    EXPECT_CURSOR(terminal, "newbie> ", "Ctrl-C ends a search");
    terminal_type(terminal, "\022bea\033b!");
    EXPECT_CURSOR(terminal, "newbie> !", "a key with Alt ends it, and is done");
    terminal_type(terminal, "\003\022bea\033y?");
    EXPECT_CURSOR(terminal, "newbie> !?", "also one that is refused");
    terminal_type(terminal, "\003\022bea\030e,");
    EXPECT_CURSOR(terminal, "newbie> !?,", "and one that begins with Ctrl-X");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void completion(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, ":sched\tsg\t");
    EXPECT_CURSOR(terminal, "newbie> :schedule sgm_uniform ", "4.5: commands and values are completed");
    terminal_type(terminal, "\025<character_1>\n<ap\tlong_hair</\t\n</\t");
    EXPECT_CURSOR(terminal, "character_1> <appearance>long_hair</appearance>\ncharacter_1> </character_1>",
                  "4.5: elements by place, and the closing tag of the innermost");
    terminal_type(terminal, UP UP HOME "\t");
    EXPECT_CURSOR(terminal, "newbie> ", "at the very beginning");
    terminal_type(terminal, "x");
    EXPECT_CURSOR(terminal, "newbie> x", "Tab does nothing");
    terminal_leave(terminal);
}

static void menu(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, ":s\t");
    EXPECT(terminal, "  schedule", "Tab shows the words that fit");
    EXPECT(terminal, "steps  ", "all of them");
    EXPECT_CURSOR(terminal, "newbie> :s", "the line stays");
    terminal_type(terminal, "t");
    EXPECT_GONE(terminal, "  schedule", "the next key takes them away");
    EXPECT_CURSOR(terminal, "newbie> :st", "and is typed");
    terminal_type(terminal, "\025:set \t");
    EXPECT(terminal, "cfg_trunc", "settings");
    CHECK(terminal_is_fresh(terminal, REDRAW_SIGNAL), "the screen is what a redraw gives");
    terminal_type(terminal, "\f");
    EXPECT_GONE(terminal, "cfg_trunc", "Ctrl-L takes them away, as any key");
    terminal_leave(terminal);
}

/* Readline clears the terminal by itself at Alt-Ctrl-L, and takes a line at Alt-#. */
static void keys_of_a_shell(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "half a\nprompt\033\f");
    EXPECT_CURSOR(terminal, "   ...> prompt", "Alt-Ctrl-L loses nothing");
    EXPECT(terminal, "newbie> half a", "of the screen");
    EXPECT(terminal, "[DEMO]", "from the first row on");
    EXPECT_FRESH(terminal, "which is what a redraw gives");
    terminal_type(terminal, "\033#!");
    EXPECT_CURSOR(terminal, "newbie> half a\n   ...> prompt!", "Alt-# is no comment: it is a prompt");
    terminal_type(terminal, "\025:stai\033=");
    EXPECT_FRESH(terminal, "Alt-= writes nothing that curses does not know");
    terminal_type(terminal, "\025prompt!\035\033\001?");
    EXPECT_CURSOR(terminal, "newbie> half a\n   ...> prompt!?", "a sequence is no character to jump to");
    terminal_type(terminal, "\030\022\025\f\033\fend");
    EXPECT_CURSOR(terminal, "newbie> half a\n   ...> end",
                  "an inputrc that is read again leaves our keys ours");
    EXPECT_FRESH(terminal, "and the screen, too");
    terminal_leave(terminal);
}

static void aside(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "half a\nprompt" LEFT "\033x");
    EXPECT_CURSOR(terminal, "newbie> :", "Alt-X: one command line");
    terminal_type(terminal, "set steps 7\r");
    EXPECT_ROW(terminal, -5, "7 steps", "is run");
    EXPECT_CURSOR(terminal, "newbie> half a\n   ...> promp", "and the text comes back with its cursor");
    terminal_type(terminal, "\033x\003");
    EXPECT_CURSOR(terminal, "newbie> half a\n   ...> promp", "Ctrl-C brings it back, too");
    terminal_type(terminal, "\033xstpes\r");
    EXPECT(terminal, "unknown command :stpes", "a wrong command");
    EXPECT_CURSOR(terminal, "newbie> :stpes", "stays to be mended");
    terminal_type(terminal, "\003!");
    EXPECT_CURSOR(terminal, "   ...> promp!", "and the text is not lost");
    terminal_type(terminal, "\003\033xset seed 100000\033x\003y");
    EXPECT_CURSOR(terminal, "newbie> y", "Alt-X once more is nothing: the cursor comes back into the text");
    terminal_leave(terminal);
}

static void too_many_tokens(void) {
    Terminal *terminal = begin();
    Buf text = {0};
    for (int i = 0; i < 600; i++)
        buf_text(&text, "blue_hair, ");
    terminal_paste(terminal, buf_string(&text));
    buf_done(&text);
    EXPECT_ROW(terminal, -1, " of 512 tokens: the end is not read", "the hint row says what is too much");
    terminal_type(terminal, "\003:pause\r");
    EXPECT_ROW(terminal, -1, "(Enter goes on)", "a question");
    CHECK(!strncmp(terminal_row(terminal, -1), " (Enter", 7), "stands where hints stand");
    terminal_type(terminal, "\r");
    terminal_leave(terminal);
}

/* Readline asks the environment for the locale, again before every line. */
static void not_utf8(void) {
    Terminal *terminal = terminal_begin(&(TerminalHow){
        .arguments = QUICK, .environment = (const char *const[]){"LC_ALL=C", "LC_CTYPE=C", NULL}});
    EXPECT(terminal, "[WARN] The locale is not UTF-8", "X3: a locale that is not UTF-8 is reported");
    terminal_type(terminal, "世\xf0\x9f\x8c\xb8");
    EXPECT_CURSOR(terminal, "newbie> 世\xf0\x9f\x8c\xb8", "X3: and treated as UTF-8");
    terminal_type(terminal, "\003界\b世");
    EXPECT_CURSOR(terminal, "newbie> 世", "X3: also in the next line");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void help_key(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "typed\033OP");
    EXPECT(terminal, ":help", "F1 shows help in the log");
    EXPECT_CURSOR(terminal, "newbie> typed", "and leaves the text alone");
    terminal_leave(terminal);
}

/* ---- the user's own keys ------------------------------------------------------------------------------- */

static Terminal *begin_with(const char *inputrc) {
    write_text("inputrc", inputrc);
    return terminal_begin(&(TerminalHow){.arguments = QUICK,
                                         .environment = (const char *const[]){"INPUTRC=inputrc", NULL}});
}

static void vi_mode(void) {
    Terminal *terminal = begin_with("set editing-mode vi\n");
    terminal_type(terminal, "1girl, beach\033");
    EXPECT_REST(terminal, "ESC leaves insertion");
    terminal_type(terminal, "0dwx");
    EXPECT_CURSOR(terminal, "newbie> ", "moving and deleting as in vi");
    EXPECT_ROW(terminal, -2, "newbie>  beach", "0dwx");
    terminal_type(terminal, "A!\nnext");
    EXPECT_CURSOR(terminal, "beach!\n   ...> next", "A appends, Ctrl-J is still a new line");
    terminal_type(terminal, "\f");
    EXPECT_FRESH(terminal, "Ctrl-L redraws also while text is inserted");
    terminal_type(terminal, UP "\033");
    EXPECT_REST(terminal, "Up and ESC");
    terminal_type(terminal, "0i<");
    EXPECT_CURSOR(terminal, "newbie> <", "0 is the beginning of the row");
    terminal_type(terminal, "\033\r");
    EXPECT(terminal, "Output saved to output_001.png", "Alt-Enter submits in vi mode");
    terminal_leave(terminal);
}

static void own_keys(void) {
    Terminal *terminal =
        begin_with("\"\\C-o\": \"hello\"\n\"\\C-t\": end-of-line\n\"\\eq\": beginning-of-line\n");
    terminal_type(terminal, "one\ntwo\033q<\024>");
    EXPECT_CURSOR(terminal, "newbie> one\n   ...> <two>", "keys of the inputrc mean the row, too");
    terminal_type(terminal, "\017");
    EXPECT_CURSOR(terminal, "<two>hello", "and its macros type");
    terminal_leave(terminal);
}

/* ---- pasting ------------------------------------------------------------------------------------------- */

static void forty_lines(void) {
    Buf text = {0};
    for (int i = 1; i <= 40; i++)
        buf_print(&text, i % 10 ? "line %d\n" : ":quit\n\n", i);
    buf_text(&text, "end");
    Terminal *terminal = begin();
    terminal_paste(terminal, text.data);
    EXPECT_CURSOR(terminal, "\n   ...> :quit\n   ...>\n   ...> end", "I4: forty lines are shown and wait");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_type(terminal, "\003:set steps\r");
    EXPECT(terminal, "\nsteps 1\n", "I4: no command of theirs was run");
    CHECK(access("output_001.png", F_OK) != 0, "I4: and nothing submitted");
    terminal_paste(terminal, text.data);
    terminal_type(terminal, "\033\r");
    EXPECT(terminal, "newbie> (45 lines) line 1 line 2", "Alt-Enter submits all of them as one prompt");
    EXPECT(terminal, "Output saved to output_001.png", "which is made");
    terminal_leave(terminal);
    buf_done(&text);
}

static void paste_rules(void) {
    Terminal *terminal = begin();
    terminal_paste(terminal, ":set cf");
    terminal_type(terminal, "g\r");
    EXPECT(terminal, "\ncfg 4\n", "I4: a paste without a newline counts as typing");
    terminal_paste(terminal, ":quit\n");
    EXPECT_CURSOR(terminal, "newbie> :quit\n   ...> ", "I4: with one, it is no command");
    terminal_type(terminal, "\003red\033[200~\033[31m_hair\007\rblue\033[201~");
    EXPECT_CURSOR(terminal, "newbie> red[31m_hair\n   ...> blue", "I7: control characters are dropped");
    EXPECT(terminal, "Note: 2 control characters", "I7: with a note");
    terminal_paste(terminal, "x\n\xff\n");
    EXPECT(terminal, "[ERROR] the prompt with this paste is not UTF-8: byte 0xFF at offset 19\n",
           "I6: a paste that is not UTF-8 is refused as a whole");
    EXPECT_CURSOR(terminal, "newbie> red[31m_hair\n   ...> blue", "and what was there stays");
    terminal_leave(terminal);
}

static void paste_without_end(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "kept\033[200~a paste that never ends\r:quit\r");
    EXPECT_REST(terminal, "the rest of a paste is waited for");
    EXPECT_CURSOR(terminal, "newbie> kept", "and what stood there is shown meanwhile");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "newbie> ", "Ctrl-C alone ends it");
    terminal_type(terminal, "typed");
    EXPECT_CURSOR(terminal, "newbie> typed", "and keys are keys again");
    terminal_leave(terminal);
}

int main(int argc, char **argv) {
    static const Scenario rows[] = {
        {"submitting", submitting},
        {"open elements do not submit", open_elements},
        {"raw text", raw_text},
        {"commands and text", commands},
        {"wide, combining and joined characters", widths},
        {"tabs", tabs},
        {"wide characters at the edge", wide_at_the_edge},
        {"Alt with wide characters", alt_with_wide},
        {"bytes that are no text", bad_bytes},
        {"a lone ESC", lone_escape},
        {"a locale that is not UTF-8", not_utf8},
        {"too many tokens, and a question", too_many_tokens},
        {"Up and Down by rows and into history", rows_and_history},
        {"Up and Down in wrapped rows", wrapped_rows},
        {"keys that mean a row", keys_of_a_row},
        {"undo", undo},
        {"Ctrl-C while idle", interrupted},
        {"Ctrl-C while looking at the history", interrupted_in_history},
        {"Ctrl-R over prompts of several lines", search},
        {"Tab completes", completion},
        {"the menu of Tab", menu},
        {"Alt-X", aside},
        {"F1", help_key},
        {"vi mode", vi_mode},
        {"keys of a shell", keys_of_a_shell},
        {"keys of the inputrc", own_keys},
        {"forty pasted lines with commands", forty_lines},
        {"what a paste may do", paste_rules},
        {"a paste that never ends", paste_without_end},
        {0},
    };
    return terminal_main(rows, argc, argv);
}
