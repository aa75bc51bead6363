/* terminals.c: the full surface on terminals of every kind: what they answer, how many colours they have,
 * what they are called. product.md A4, F3, X1 to X3, L1; architecture.md 9.3. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "terminal.h"

static const char *const QUICK[] = {"--no-rc", "--steps=2", "--seed=1", "--size=128x128", NULL};

static Terminal *begin(const char *const *environment, const TerminalAnswer *answers) {
    return terminal_begin(&(TerminalHow){
        .rows = 40, .columns = 100, .arguments = QUICK, .environment = environment, .answers = answers});
}

static void make_picture(Terminal *terminal) {
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "last ", "a picture is made");
    EXPECT_REST(terminal, "and shown");
}

/* ---- colours ------------------------------------------------------------------------------------------- */

/* The largest palette index, or 256 when colours are of 24 bits. */
static long highest_color(Terminal *terminal) {
    long highest = -1;
    for (int row = 1; row < 30; row++)
        for (int column = 0; column < 100; column++) {
            TerminalCell cell = terminal_cell(terminal, row, column);
            long color = cell.front > cell.back ? cell.front : cell.back;
            highest = color > highest ? color : highest;
        }
    return highest > 256 ? 256 : highest;
}

static void colors_256(void) {
    Terminal *terminal = begin((const char *const[]){"TERM=xterm-256color", NULL}, NULL);
    make_picture(terminal);
    CHECK(highest_color(terminal) > 15 && highest_color(terminal) < 256,
          "F3: half blocks of the 256 colours");
    CHECK(terminal_palette(terminal, 5, 30) > 12, "many of them");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void colors_24_bit(void) {
    Terminal *terminal = begin((const char *const[]){"COLORTERM=truecolor", NULL}, NULL);
    make_picture(terminal);
    CHECK_EQ(highest_color(terminal), 256, "F3: half blocks in 24 bits where the terminal says so");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void colors_8(void) {
    Terminal *terminal = begin((const char *const[]){"TERM=xterm", NULL}, NULL);
    make_picture(terminal);
    CHECK(highest_color(terminal) >= 0 && highest_color(terminal) < 8, "eight colours, mixed");
    CHECK(terminal_palette(terminal, 5, 30) > 3, "several of them");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void colors_16(void) {
    static const char make[] = "infocmp -x xterm-256color 2>/dev/null |"
                               "sed 's/^xterm-256color[^,]*/newbie-16/; s/colors#[0-9x]*/colors#16/'"
                               ">16.ti &&"
                               "tic -o terminfo 16.ti 2>/dev/null";
    if (system(make)) {
        SKIP("16 colours", "tic and infocmp are not installed");
        return;
    }
    char place[300];
    snprintf(place, sizeof place, "TERMINFO=%s/terminfo", getenv("HOME"));
    Terminal *terminal = begin((const char *const[]){"TERM=newbie-16", place, NULL}, NULL);
    make_picture(terminal);
    CHECK(highest_color(terminal) > 7 && highest_color(terminal) < 16, "sixteen colours, mixed");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void no_colors(void) {
    Terminal *terminal = begin((const char *const[]){"TERM=vt100", NULL}, NULL);
    terminal_type(terminal, "<foo>x</foo>\033\r");
    EXPECT(terminal, "#1 output_001.png", "X2: without colour, everything is said");
    EXPECT_REST(terminal, "shown");
    CHECK_EQ(terminal_colored(terminal, 0, 40), 0, "no cell has a colour");
    CHECK(!strstr(terminal_screen(terminal), "▀"), "F3: and there is no picture");
    CHECK(terminal_cell(terminal, 0, 0).reverse, "X2: the header is set off by other means");
    EXPECT_ROW(terminal, -3, "host [W", "F5: memory is told by letters");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void no_color_wish(void) {
    Terminal *terminal = begin((const char *const[]){"NO_COLOR=1", NULL}, NULL);
    make_picture(terminal);
    CHECK_EQ(terminal_colored(terminal, 0, 40), 0, "NO_COLOR: no cell has a colour");
    CHECK(terminal_alternate(terminal), "A4: and nothing else changes");
    terminal_type(terminal, ":set color always\r");
    CHECK(terminal_expect_picture(terminal, 100), "color always wins");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
    terminal = begin((const char *const[]){"NO_COLOR=", NULL}, NULL);
    make_picture(terminal);
    CHECK(terminal_colored(terminal, 0, 40) > 100, "an empty NO_COLOR is none");
    terminal_leave(terminal);
}

static void changed_while_running(void) {
    Terminal *terminal = begin(NULL, NULL);
    make_picture(terminal);
    terminal_type(terminal, ":set color never\r");
    EXPECT(terminal, "color auto -> never", "color never");
    EXPECT_REST(terminal, "at once");
    CHECK_EQ(terminal_colored(terminal, 0, 40), 0, "nothing has a colour any more");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_type(terminal, ":set color auto\r");
    CHECK(terminal_expect_picture(terminal, 100), "color auto: the picture is back");
    terminal_type(terminal, ":set picture none\r");
    EXPECT_GONE(terminal, "▀", "picture none: it goes");
    EXPECT_REST(terminal, "only the picture");
    CHECK(terminal_colored(terminal, 0, 40) > 0, "text keeps its colours");
    terminal_type(terminal, ":set picture half\r");
    CHECK(terminal_expect_picture(terminal, 100), "picture half: it is back");
    terminal_type(terminal, ":set picture kitty\r");
    EXPECT_SENT(terminal, "\033_Ga=T", "picture kitty: believed because the user says so");
    EXPECT_REST(terminal, "sent");
    EXPECT_GONE(terminal, "▀", "instead of half blocks");
    terminal_type(terminal, ":set picture auto\r");
    CHECK(terminal_expect_picture(terminal, 100), "picture auto: half blocks again");
    terminal_type(terminal, ":set surface plain\r");
    EXPECT(terminal, "surface auto -> plain", "the surface is for the next start");
    CHECK(terminal_alternate(terminal), "this one stays");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

/* ---- real pixels --------------------------------------------------------------------------------------- */

static void kitty(void) {
    Terminal *terminal = begin(NULL, ANSWERS_KITTY);
    EXPECT_REST(terminal, "Kitty has answered");
    make_picture(terminal);
    EXPECT_SENT(terminal, "\033_Ga=T", "F3: real pixels where the terminal answered that it can");
    CHECK(!strstr(terminal_screen(terminal), "▀"), "and no half blocks");
    int sent = count_of(terminal_sent(terminal), "\033_Ga=T");
    terminal_type(terminal, "typing does not send it again");
    EXPECT_REST(terminal, "typed");
    CHECK_EQ(count_of(terminal_sent(terminal), "\033_Ga=T"), sent, "a key sends no picture");
    int erased = count_of(terminal_sent(terminal), "\033_Ga=d");
    terminal_type(terminal, "\003:help\r:help\r:say pushed\r");
    EXPECT(terminal, "\npushed\n", "lines push it");
    EXPECT_REST(terminal, "up");
    CHECK(count_of(terminal_sent(terminal), "\033_Ga=d") > erased, "F3: cut by the edge it is erased");
    terminal_resize(terminal, 60, 100);
    EXPECT_REST(terminal, "wholly visible again");
    CHECK(count_of(terminal_sent(terminal), "\033_Ga=T") > sent, "F3: it is sent again");
    terminal_type(terminal, "quit\r");
    EXPECT_STATUS(terminal, 0, "leaving");
    CHECK(terminal_is_restored(terminal), "restores everything");
    const char *last = terminal_sent(terminal), *at;
    while ((at = strstr(last, "\033_Ga=")))
        last = at + 5;
    CHECK(*last == 'd', "and erases the picture");
    terminal_close(terminal);
}

static void iterm(void) {
#ifdef HAVE_CHAFA
    Terminal *terminal = begin(NULL, ANSWERS_ITERM);
    EXPECT_REST(terminal, "iTerm2 has answered");
    make_picture(terminal);
    EXPECT_SENT(terminal, "\033]1337;File=", "F3: iTerm2's pictures after iTerm2's answer");
    CHECK(!strstr(terminal_screen(terminal), "▀"), "and no half blocks");
    terminal_leave(terminal);
#else
    SKIP("iTerm2", "this build has no libchafa");
#endif
}

static void sixel(void) {
#ifdef HAVE_CHAFA
    Terminal *terminal = begin(NULL, ANSWERS_SIXEL);
    EXPECT_REST(terminal, "an xterm with sixel has answered");
    make_picture(terminal);
    EXPECT_SENT(terminal, "q\"1;1;", "F3: sixel where the attributes name it");
    CHECK(!strstr(terminal_screen(terminal), "▀"), "and no half blocks");
    terminal_leave(terminal);
#else
    SKIP("sixel", "this build has no libchafa");
#endif
}

static void never_by_environment(void) {
    Terminal *terminal = begin((const char *const[]){"TERM_PROGRAM=iTerm.app", "KITTY_WINDOW_ID=1",
                                                     "LC_TERMINAL=iTerm2", NULL}, ANSWERS_NONE);
    make_picture(terminal);
    CHECK(terminal_expect_picture(terminal, 100), "F3: half blocks");
    CHECK(!strstr(terminal_sent(terminal), "\033]1337;File=") &&
              !strstr(terminal_sent(terminal), "\033_Ga=T"),
          "F3: names in the environment prove nothing");
    terminal_leave(terminal);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static void never_answers(void) {
    Terminal *terminal = terminal_start(&(TerminalHow){.arguments = QUICK, .answers = ANSWERS_NONE});
    terminal_type(terminal, "typed at once");
    EXPECT_CURSOR(terminal, "newbie> typed at once", "keys typed while answers are awaited are kept");
    EXPECT_REST(terminal, "and nobody waits for ever");
    EXPECT(terminal, "Model loaded in ", "everything works");
    terminal_leave(terminal);
}

static void answers_late(void) {
    Terminal *terminal =
        terminal_start(&(TerminalHow){.arguments = QUICK, .answers = ANSWERS_KITTY, .late = true});
    EXPECT(terminal, "Model loaded in ", "the program does not wait");
    terminal_type(terminal, "ab");
    EXPECT_REST(terminal, "and gives up");
    terminal_answer(terminal);
    terminal_type(terminal, "cd");
    EXPECT_CURSOR(terminal, "newbie> abcd", "late answers type nothing");
    terminal_type(terminal, "\003");
    make_picture(terminal);
    CHECK(!strstr(terminal_sent(terminal), "\033_Ga=T"), "and change nothing");
    terminal_leave(terminal);
}

static void answers_between_keys(void) {
    Terminal *terminal =
        terminal_start(&(TerminalHow){.arguments = QUICK, .answers = ANSWERS_KITTY, .late = true});
    EXPECT_SENT(terminal, "\033[c", "the terminal is asked");
    terminal_type(terminal, "a");
    terminal_answer(terminal);
    terminal_type(terminal, "b");
    EXPECT_CURSOR(terminal, "newbie> ab", "answers between keys are no keys");
    EXPECT(terminal, "Model loaded in ", "the model loads");
    terminal_leave(terminal);
}

static void answers_broken(void) {
    static const TerminalAnswer broken[] = {
        {"\033[>q", "\033P>|kit"},
        {"\033[16t", "\033[6;;t\033[6;99999999999;1t"},
        {"\033_Gi=31,", "\033_Gi=31;EINVAL\033\\"},
        {"\033P$qm\033\\", "\033P0$r\033\\\033P1$r\377\376\033\\"},
        {"\033[c", "\033[?62;4;4;;;;9999999999c"},
        {NULL, NULL}};
    Terminal *terminal = begin(NULL, broken);
    terminal_type(terminal, "typed");
    EXPECT(terminal, "typed", "keys are keys");
    EXPECT_REST(terminal, "the terminal talks nonsense");
    terminal_type(terminal, "\003");
    make_picture(terminal);
    EXPECT_FRESH(terminal, "and the screen is what a redraw gives");
    terminal_leave(terminal);
}

/* ---- names --------------------------------------------------------------------------------------------- */

/* A terminal that gets the plain surface with this word in what is said of it. */
static void plain_on(const char *term, const char *said) {
    Terminal *terminal = terminal_begin(&(TerminalHow){
        .rows = 24, .columns = 120, .arguments = QUICK, .environment = (const char *const[]){term, NULL}});
    CHECK(!strstr(terminal_sent(terminal), "\033[?1049h"), "A4: the plain surface");
    if (said)
        CHECK_HAS(terminal_screen(terminal), said, "which is said");
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "[INFO] Denoising step 1/2...", "and works");
    EXPECT(terminal, "#1 output_001.png", "to the end");
    terminal_type(terminal, "\004");
    EXPECT_STATUS(terminal, 0, "it leaves");
    CHECK(terminal_is_sane(terminal), "with a sane terminal");
    terminal_close(terminal);
}

static void unknown_term(void) {
    plain_on("TERM=no-such-terminal", "[WARN] the terminal type no-such-terminal is not known");
}

static void dumb_term(void) { plain_on("TERM=dumb", NULL); }
static void empty_term(void) { plain_on("TERM=", NULL); }
static void no_term(void) { plain_on("TERM", NULL); }

static void linux_console(void) {
    Terminal *terminal = begin((const char *const[]){"TERM=linux", NULL}, ANSWERS_NONE);
    CHECK(!strstr(terminal_sent(terminal), "\033_G") && !strstr(terminal_sent(terminal), "\033P"),
          "nothing is asked that this console would print");
    CHECK(!strstr(terminal_sent(terminal), "\033]2;"), "it gets no title");
    make_picture(terminal);
    CHECK(terminal_expect_picture(terminal, 100), "F3: half blocks in eight colours");
    terminal_type(terminal, "x\033[[A");
    EXPECT(terminal, ":help", "F1 of this console");
    terminal_leave(terminal);
}

static void term_screen(void) {
    Terminal *terminal = begin((const char *const[]){"TERM=screen", NULL}, NULL);
    make_picture(terminal);
    CHECK(!strstr(terminal_sent(terminal), "\033_G"), "screen takes an APC for a title: none is sent");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void wrong_environment(void) {
    Terminal *terminal = begin((const char *const[]){"LINES=10", "COLUMNS=20", NULL}, NULL);
    CHECK_HAS(terminal_row(terminal, 39), ":? help", "LINES and COLUMNS do not overrule the window");
    CHECK_HAS(terminal_row(terminal, 0), "[DEMO]", "nor make it small");
    terminal_leave(terminal);
}

static void other_locale(void) {
    static const char *const locales[] = {"LC_ALL=C", "LC_ALL=POSIX", "LC_ALL=xx_YY.ISO-8859-1"};
    for (size_t i = 0; i < 3; i++) {
        Terminal *terminal = begin((const char *const[]){locales[i], NULL}, NULL);
        EXPECT(terminal, "[WARN] The locale is not UTF-8; text is read and written as UTF-8 anyway",
               "X3: a locale that is not UTF-8 is reported");
        terminal_type(terminal, "世界\b");
        EXPECT_CURSOR(terminal, "newbie> 世", "X3: and treated as UTF-8");
        EXPECT_FRESH(terminal, "the screen is what a redraw gives");
        terminal_leave(terminal);
    }
}

/* ---- the plain surface by wish ------------------------------------------------------------------------- */

/* Escape sequences other than bracketed paste on and off, and the one that takes the prompt away before a
 * line that came by itself. */
static int sequences(const Terminal *terminal) {
    const char *sent = terminal_sent(terminal);
    return count_of(sent, "\033") - count_of(sent, "\033[?2004h") - count_of(sent, "\033[?2004l") -
           count_of(sent, "\033[K");
}

static void accessible(void) {
    static const char *const plain[] = {"--no-rc", "--steps=2", "--seed=1", "--size=64x64", "--plain", NULL};
    const TerminalHow hows[] = {{.rows = 40, .columns = 100, .arguments = plain},
                                {.rows = 40,
                                 .columns = 100,
                                 .arguments = QUICK,
                                 .environment = (const char *const[]){"ACCESSIBLE=1", NULL}}};
    for (size_t i = 0; i < 2; i++) {
        Terminal *terminal = terminal_begin(&hows[i]);
        terminal_type(terminal, "1girl\r\r");
        EXPECT(terminal, "[INFO] Denoising step 2/2...\n", "X1: every state is a sentence");
        EXPECT(terminal, ".png: seed 1, ", "to the end");
        EXPECT_CURSOR(terminal, "\nnewbie> ", "at the prompt");
        CHECK_EQ(sequences(terminal), 0, "L1: no cursor movement, no colour");
        terminal_type(terminal, "\004");
        EXPECT_STATUS(terminal, 0, "it leaves");
        terminal_close(terminal);
    }
    Terminal *terminal = begin((const char *const[]){"ACCESSIBLE=0", NULL}, NULL);
    CHECK(terminal_alternate(terminal), "A4: ACCESSIBLE=0 is none");
    terminal_leave(terminal);
}

/* ---- tmux ---------------------------------------------------------------------------------------------- */

static void in_tmux(void) {
    if (system("command -v tmux >/dev/null")) {
        SKIP("tmux", "tmux is not installed");
        return;
    }
    Terminal *terminal = terminal_start(&(TerminalHow){.rows = 40, .columns = 100, .shell = true});
    char *path = program_path();
    Buf command = {0};
    EXPECT_CURSOR(terminal, "$ ", "a shell");
    buf_print(&command, "tmux -S ./tmux -f /dev/null new-session '%s --no-rc --steps=2 --seed=1'\r", path);
    terminal_type(terminal, command.data);
    EXPECT(terminal, "Model loaded in ", "newbie inside tmux");
    EXPECT_ROW(terminal, 0, "[DEMO]", "with all of its screen");
    make_picture(terminal);
    CHECK(terminal_expect_picture(terminal, 100), "F3: half blocks, as no passthrough was proved");
    terminal_resize(terminal, 30, 80);
    EXPECT_ROW(terminal, 0, "[DEMO]", "a resize goes through");
    terminal_type(terminal, "世界\033[A");
    EXPECT(terminal, "newbie> ", "and keys");
    terminal_type(terminal, "\003quit\r");
    EXPECT(terminal, "[exited]", "leaving ends the session");
    CHECK(system("tmux -S ./tmux kill-server 2>/dev/null") != -1, "tmux is gone");
    terminal_close(terminal);
    buf_done(&command);
    free(path);
}

int main(int argc, char **argv) {
    static const Scenario rows[] = {
        {"256 colours", colors_256},
        {"24 bits of colour", colors_24_bit},
        {"8 colours", colors_8},
        {"16 colours", colors_16},
        {"no colours", no_colors},
        {"NO_COLOR", no_color_wish},
        {"color and picture changed meanwhile", changed_while_running},
        {"Kitty", kitty},
        {"iTerm2", iterm},
        {"sixel", sixel},
        {"never by the environment", never_by_environment},
        {"a terminal that never answers", never_answers},
        {"a terminal that answers late", answers_late},
        {"answers between keys", answers_between_keys},
        {"broken answers", answers_broken},
        {"an unknown TERM", unknown_term},
        {"TERM=dumb", dumb_term},
        {"an empty TERM", empty_term},
        {"no TERM", no_term},
        {"the Linux console", linux_console},
        {"TERM=screen", term_screen},
        {"LINES and COLUMNS", wrong_environment},
        {"other locales", other_locale},
        {"accessible", accessible},
        {"inside tmux", in_tmux},
        {0},
    };
    return terminal_main(rows, argc, argv);
}
