/* layout.c: where things stand on the full surface, at every size. product.md F1 to F9, X2. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "terminal.h"

static const char *const QUICK[] = {"--no-rc", "--steps=2", "--seed=1", "--size=64x64", NULL};
static const char *const LONG[] = {"--no-rc",        "--steps=1000",  "--seed=1",
                                   "--size=256x256", "--preview=off", NULL};

static Terminal *begin(int rows, int columns) {
    return terminal_begin(&(TerminalHow){.rows = rows, .columns = columns, .arguments = QUICK});
}

static int width_of(Terminal *terminal, int row) {
    const char *text = terminal_row(terminal, row);
    return (int)utf8_text_width(text, strlen(text));
}

/* From top to bottom: header, log, rule, status, memory, edit area, hints. */
static void layout_at(int rows, int columns) {
    Terminal *terminal = begin(rows, columns);
    EXPECT_REST(terminal, "it comes to rest");
    CHECK(terminal_alternate(terminal), "the normal screen is left alone");
    CHECK_HAS(terminal_row(terminal, 0), " newbie " PACKAGE_VERSION " | demo world | cpu, ",
              "F1: the header names program, model and device");
    CHECK_STR(terminal_row(terminal, 0) + strlen(terminal_row(terminal, 0)) - 6, "[DEMO]",
              "F1: the badge is last");
    CHECK_EQ(width_of(terminal, 0), columns, "F1: at the right edge");
    CHECK(terminal_cell(terminal, 0, 0).reverse && terminal_cell(terminal, 0, columns - 1).reverse,
          "the header is set off without colour");
    CHECK_HAS(terminal_row(terminal, 1), "newbie " PACKAGE_VERSION ": text to anime pictures.",
              "F2: the log begins below it");
    CHECK_EQ(terminal_cell(terminal, rows - 5, 0).code, 0x2500, "the rule closes the log");
    CHECK_EQ(width_of(terminal, rows - 5), columns, "over the whole width");
    CHECK_HAS(terminal_row(terminal, rows - 4), "ready  64x64  2 steps  cfg 4", "F4: idle shows settings");
    CHECK_HAS(terminal_row(terminal, rows - 4), "queue 0", "F4: and the queue");
    CHECK_HAS(terminal_row(terminal, rows - 3), "host [W", "F5: the memory bar of the host");
    CHECK_STR(terminal_row(terminal, rows - 2), "newbie>", "F6: the edit area has one row");
    CHECK_HAS(terminal_row(terminal, rows - 1), ":? help", "the hint row is last");
    CHECK(terminal_cursor_row(terminal) == rows - 2 && terminal_cursor_column(terminal) == 8 &&
          terminal_cursor_visible(terminal), "the cursor stands behind the prompt");
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "Output saved to output_001.png", "a picture is made");
    EXPECT(terminal, "last ", "F4: the time of the last picture is shown");
    EXPECT_FRESH(terminal, "F7: the screen is what a redraw gives");
    CHECK(terminal_colored(terminal, 1, rows - 5) >= 8, "F3: the picture is in the log");
    CHECK_HAS(terminal_row(terminal, rows - 3), "A", "F5: activations were used");
    terminal_leave(terminal);
}

/* Where weights have a place to choose, also where there is only the pretence of a card. */
static void plan_in_the_header(void) {
    static const char *const small_card[] = {"--no-rc", "--vram=2", "--plan=c", "--precision=f32", NULL};
    Terminal *terminal = terminal_begin(&(TerminalHow){.rows = 24, .columns = 100, .arguments = small_card});
    EXPECT_ROW(terminal, 0, " | f32 | plan C ", "the header has the letter of the plan");
    EXPECT(terminal, "plan C, Gemma streamed: weights", "the log has what it means");
    terminal_leave(terminal);
}

static void at_60x16(void) { layout_at(16, 60); }
static void at_80x24(void) { layout_at(24, 80); }
static void at_120x40(void) { layout_at(40, 120); }
static void at_200x60(void) { layout_at(60, 200); }
static void at_300x100(void) { layout_at(100, 300); }

static void memory_words(void) {
    Terminal *terminal = begin(24, 80);
    EXPECT_ROW(terminal, -3, "  weights ", "F5: from 72 columns on the amounts have words");
    EXPECT_ROW(terminal, -3, "  activations ", "all of them");
    terminal_resize(terminal, 24, 71);
    EXPECT_ROW(terminal, -3, "]  W ", "F5: below 72 columns letters");
    EXPECT_ROW(terminal, -3, "  . ", "also for what is free");
    EXPECT_FRESH(terminal, "and nothing else is left there");
    terminal_leave(terminal);
}

/* F9 */
static void below_the_least(void) {
    Buf before = {0}, after = {0};
    Terminal *terminal = begin(24, 80);
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "last ", "a picture is made");
    terminal_type(terminal, "typed");
    EXPECT_REST(terminal, "and the text for the next is begun");
    terminal_picture(&before, terminal);
    terminal_resize(terminal, 10, 40);
    EXPECT_ROW(terminal, -2, "demo world, 1 picture", "F9: one row of status remains");
    EXPECT_ROW(terminal, -1, "newbie> typed", "F9: and the edit area");
    EXPECT_GONE(terminal, "[INFO]", "F9: nothing else");
    terminal_type(terminal, "\nmore");
    EXPECT_CURSOR(terminal, "newbie> typed\n   ...> more", "which can be typed into");
    EXPECT_FRESH(terminal, "the small screen is what a redraw gives");
    terminal_type(terminal, "\b\b\b\b\b");
    EXPECT_CURSOR(terminal, "newbie> typed", "and erased");
    terminal_resize(terminal, 24, 80);
    EXPECT(terminal, "ready  64x64", "larger again");
    EXPECT_REST(terminal, "it comes to rest");
    terminal_picture(&after, terminal);
    CHECK_STR(after.data, before.data, "F9: restores everything, the picture too");
    terminal_leave(terminal);
    buf_done(&before);
    buf_done(&after);
}

static void tiny_sizes(void) {
    static const int sizes[][2] = {{1, 1}, {1, 80}, {24, 1}, {2, 5}, {3, 9}, {15, 60}, {16, 59}, {5, 300}};
    Terminal *terminal = begin(24, 80);
    terminal_type(terminal, "<n>世界 miku</n>");
    EXPECT_CURSOR(terminal, "miku</n>", "typed");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        terminal_resize(terminal, sizes[i][0], sizes[i][1]);
        terminal_type(terminal, "x");
        EXPECT_FRESH(terminal, "a tiny screen is what a redraw gives");
    }
    terminal_resize(terminal, 24, 80);
    EXPECT_CURSOR(terminal, "newbie> <n>世界 miku</n>xxxxxxxx", "and every key typed meanwhile is there");
    EXPECT(terminal, "ready  64x64", "with everything else");
    terminal_leave(terminal);
}

static void started_small(void) {
    Terminal *terminal = terminal_start(&(TerminalHow){.rows = 15, .columns = 100, .arguments = QUICK});
    EXPECT(terminal, "The window is smaller than 60x16, so lines are printed; --full takes the screen anyway",
           "A4: a small window gets the plain surface and says so");
    EXPECT_CURSOR(terminal, "\nnewbie> ", "which works");
    CHECK(!strstr(terminal_sent(terminal), "\033[?1049h"), "on the normal screen");
    terminal_type(terminal, "\004");
    EXPECT_STATUS(terminal, 0, "it leaves");
    terminal_close(terminal);
    static const char *const full[] = {"--no-rc", "--full", NULL};
    terminal = terminal_start(&(TerminalHow){.rows = 15, .columns = 50, .arguments = full});
    EXPECT_CURSOR(terminal, "newbie> ", "--full takes the screen anyway");
    EXPECT_ROW(terminal, -2, "demo world, 0 pictures", "as on any small screen");
    terminal_resize(terminal, 24, 80);
    EXPECT(terminal, "Model loaded in ", "and shows the rest when it grows");
    terminal_leave(terminal);
}

static void resize_wraps_the_log(void) {
    static const char text[] = "a sentence of seventy cells that is wrapped where the window has less of";
    Terminal *terminal = begin(30, 100);
    terminal_type(terminal, ":say ");
    terminal_type(terminal, text);
    terminal_type(terminal, "\r");
    char whole[120];
    snprintf(whole, sizeof whole, "\n%s\n", text);
    EXPECT(terminal, whole, "said in one row");
    terminal_resize(terminal, 30, 60);
    EXPECT(terminal, "that is wrapped where the window\nhas less of\n",
           "F2: wrapped between words after a resize");
    EXPECT_FRESH(terminal, "and the screen is what a redraw gives");
    terminal_resize(terminal, 40, 140);
    EXPECT(terminal, whole, "and in one row again");
    EXPECT_FRESH(terminal, "nothing of the small screen is left");
    terminal_leave(terminal);
}

static void resize_in_a_paste(void) {
    Terminal *terminal = begin(24, 80);
    terminal_type(terminal, "\033[200~first line\rsecond");
    terminal_resize(terminal, 30, 100);
    EXPECT_ROW(terminal, -4, "ready  64x64", "the resize is seen while the paste goes on");
    terminal_type(terminal, " line\r:quit\rlast\033[201~");
    EXPECT_CURSOR(terminal, "newbie> first line\n   ...> second line\n   ...> :quit\n   ...> last",
                  "and the paste is whole");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_type(terminal, "\037");
    EXPECT_ROW(terminal, -2, "newbie>", "I4: one undo takes it back");
    terminal_leave(terminal);
}

static void area_grows(void) {
    Terminal *terminal = begin(24, 80);
    EXPECT_ROW(terminal, -5, "──", "one row of text");
    terminal_type(terminal, "line 1\nline 2\nline 3");
    EXPECT_ROW(terminal, -7, "──", "F6: three rows");
    for (int i = 4; i <= 30; i++) {
        char line[16];
        snprintf(line, sizeof line, "\nline %d", i);
        terminal_type(terminal, line);
    }
    EXPECT_CURSOR(terminal, "   ...> line 30", "thirty lines");
    EXPECT_ROW(terminal, 11, "   ...> line 19", "F6: half of the screen at most, then it scrolls inside");
    EXPECT_ROW(terminal, 11, " 18 more above", "and says what is above");
    EXPECT_ROW(terminal, 8, "──", "the rule is above it");
    CHECK_HAS(terminal_row(terminal, 0), "[DEMO]", "the header stays");
    for (int i = 0; i < 29; i++)
        terminal_type(terminal, "\033[A");
    EXPECT_ROW(terminal, 11, "newbie> line 1", "Up reaches the first line");
    EXPECT_ROW(terminal, -2, " 18 more below", "and what is below is said");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_type(terminal, "\003");
    EXPECT_ROW(terminal, -5, "──", "cleared, it is one row again");
    terminal_leave(terminal);
}

static void prompts_show_what_is_open(void) {
    Terminal *terminal = begin(24, 80);
    terminal_type(terminal,
                  "<character_1>\n<n>miku</n>\n<clothing>\ndress\n</clothing>\n</character_1>\nbeach");
    EXPECT_CURSOR(
        terminal,
        "newbie> <character_1>\ncharacter_1> <n>miku</n>\ncharacter_1> <clothing>\n"
        "character_1/clothing> dress\ncharacter_1/clothing> </clothing>\ncharacter_1> </character_1>\n"
        "   ...> beach",
        "F6: continuation lines show the path of open elements");
    terminal_type(terminal, "\003<character_1>\n<general_appearance_of>\n<appearance>\nhair");
    EXPECT_CURSOR(terminal, ".../appearance> hair", "F6: a long path is cut from the left");
    terminal_type(terminal, "\003\"\"\"\r<n>\r:quit");
    EXPECT_CURSOR(terminal, "newbie> \"\"\"\n   \"\"\"> <n>\n   \"\"\"> :quit",
                  "F6: raw text has its own prompt");
    terminal_leave(terminal);
}

static void long_prompts_are_one_line(void) {
    Terminal *terminal = begin(24, 80);
    terminal_type(terminal, "<n>miku</n>\n<n>rin</n>\033\r");
    EXPECT(terminal, "\nnewbie> <n>miku</n>\n   ...> <n>rin</n>\n",
           "F2: a short prompt is echoed as it was typed");
    terminal_type(terminal, "1girl,\nblue_hair,\nbeach,\nsky\033\r");
    EXPECT(terminal, "\nnewbie> (4 lines) 1girl, blue_hair, beach, sky\n",
           "F2: a longer one in one line with its number of lines");
    EXPECT(terminal, "#2 output_002.png", "both are made");
    terminal_leave(terminal);
}

static void fill(Terminal *terminal, int lines) {
    char text[40];
    for (int i = 1; i <= lines; i++) {
        snprintf(text, sizeof text, ":say line %d.\r", i);
        terminal_type(terminal, text);
    }
    snprintf(text, sizeof text, "\nline %d.\n", lines);
    EXPECT(terminal, text, "the log is full");
}

static void pages(void) {
    Terminal *terminal = begin(24, 80);
    fill(terminal, 40);
    EXPECT_ROW(terminal, 18, "line 40.", "the newest line is above the rule");
    terminal_type(terminal, "\033[5~");
    EXPECT_ROW(terminal, 19, " 16 newer lines below (PageDown) ", "F2: a page is the log without two rows");
    EXPECT_ROW(terminal, 18, "line 32.", "F2: and the view ends there");
    terminal_type(terminal, "typed");
    EXPECT_CURSOR(terminal, "newbie> typed", "typing goes on");
    EXPECT_ROW(terminal, 18, "line 32.", "and does not move the view");
    terminal_type(terminal, "\033[6~");
    EXPECT_ROW(terminal, 18, "line 40.", "F2: PageDown comes back");
    EXPECT_GONE(terminal, "newer line", "F2: and the rule is a rule again");
    for (int i = 0; i < 20; i++)
        terminal_type(terminal, "\033[5~");
    EXPECT_ROW(terminal, 1, "text to anime pictures", "F2: PageUp ends at the first line");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void scrolled_view_stays(void) {
    Terminal *terminal = terminal_begin(&(TerminalHow){.arguments = LONG});
    fill(terminal, 40);
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "Text encoded in ", "a picture is being made");
    terminal_type(terminal, "\033[5~\033[5~");
    EXPECT_ROW(terminal, -6, "newer lines below (PageDown)", "scrolled");
    char row[81];
    snprintf(row, sizeof row, "%.80s",
             terminal_row(terminal, -7)); /* the status takes three rows now, then two */
    terminal_type(terminal, "\033s");
    EXPECT(terminal, "ready  256x256", "the job ends");
    CHECK_STR(terminal_row(terminal, -6), row, "F2: new lines do not move the view");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_resize(terminal, 30, 70);
    EXPECT_ROW(terminal, -5, "newer lines below (PageDown)", "a resize keeps it scrolled");
    EXPECT_FRESH(terminal, "and right");
    for (int i = 0; i < 5; i++)
        terminal_type(terminal, "\033[6~");
    EXPECT(terminal, "Output saved to output_001.png", "at the end the new lines are there");
    terminal_leave(terminal);
}

/* The cells as canvas_dump writes them. */
static void add_as_dump(Buf *out, Terminal *terminal, int row, int columns) {
    const char *text = terminal_row(terminal, row);
    if (!strstr(text, "▀") && !strstr(text, "▄")) {
        buf_print(out, "%s\n", text);
        return;
    }
    size_t begin = out->size;
    for (int column = 0; column < columns; column++) {
        TerminalCell cell = terminal_cell(terminal, row, column);
        bool picture = cell.front >= 0 || cell.back >= 0;
        buf_byte(out, picture ? '#' : cell.code ? (unsigned char)cell.code : ' ');
    }
    while (out->size > begin && out->data[out->size - 1] == ' ')
        buf_truncate(out, out->size - 1);
    buf_byte(out, '\n');
}

static void screen_is_written(void) {
    Terminal *terminal = begin(24, 80);
    terminal_type(terminal, "1girl, 世界\033\r");
    EXPECT(terminal, "last ", "a picture is made");
    EXPECT_REST(terminal, "and its memory counted");
    terminal_type(terminal, ":screen shown.txt\r");
    EXPECT(terminal, "newbie> :screen shown.txt", "the command is echoed");
    EXPECT_REST(terminal, "and done");
    Buf file = read_bytes("shown.txt"), cells = {0};
    for (int row = 0; row < 24; row++)
        add_as_dump(&cells, terminal, row, 80);
    CHECK_STR(buf_string(&file), buf_string(&cells), ":screen FILE is what the terminal shows");
    buf_done(&file);
    buf_done(&cells);
    terminal_leave(terminal);
}

static void styles_have_letters(void) {
    Terminal *terminal = begin(24, 80);
    terminal_type(terminal, ":stpes\r");
    EXPECT(terminal, "[ERROR] unknown command :stpes", "an error");
    TerminalCell error = terminal_cell_of(terminal, "[ERROR]");
    CHECK(error.front == 1 && error.bold, "is red and bold");
    terminal_type(terminal, "\025<character_1>x</character_1> <foo>y</foo>");
    EXPECT_REST(terminal, "an edit area with tags");
    TerminalCell known = terminal_cell_of(terminal, "character_1>x"),
                 unknown = terminal_cell_of(terminal, "foo>y");
    CHECK(known.front == 6 && !known.underline, "a known element has a colour");
    CHECK(unknown.underline, "X2: an unknown one is underlined besides");
    CHECK_EQ(terminal_cell_of(terminal, "x</character_1>").front, -1, "text has none");
    terminal_leave(terminal);
}

int main(int argc, char **argv) {
    static const Scenario rows[] = {
        {"layout at 60x16", at_60x16},
        {"layout at 80x24", at_80x24},
        {"layout at 120x40", at_120x40},
        {"layout at 200x60", at_200x60},
        {"layout at 300x100", at_300x100},
        {"the plan in the header", plan_in_the_header},
        {"memory rows in words and letters", memory_words},
        {"below the least size and back", below_the_least},
        {"tiny sizes", tiny_sizes},
        {"started in a small window", started_small},
        {"a resize wraps the log anew", resize_wraps_the_log},
        {"a resize in the middle of a paste", resize_in_a_paste},
        {"the edit area grows to half of the screen", area_grows},
        {"prompts show what is open", prompts_show_what_is_open},
        {"long prompts are echoed as one line", long_prompts_are_one_line},
        {"PageUp and PageDown", pages},
        {"a scrolled view stays", scrolled_view_stays},
        {":screen is what the terminal shows", screen_is_written},
        {"colour only repeats what is said", styles_have_letters},
        {0},
    };
    return terminal_main(rows, argc, argv);
}
