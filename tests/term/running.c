/* running.c: the full surface while pictures are made. product.md F3, F4, F7, F9, K1, C3, 4.4. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "terminal.h"

/* A job that does not end by itself while a scenario lasts, and one whose steps are quick. */
static const char *const LONG[] = {"--no-rc",        "--steps=1000",  "--seed=1",
                                   "--size=256x256", "--preview=off", NULL};
static const char *const PREVIEWS[] = {"--no-rc",        "--steps=1000", "--seed=1",
                                       "--size=128x128", "--preview=1",  NULL};
static const char *const SHORT[] = {"--no-rc", "--steps=2", "--seed=1", "--size=64x64", NULL};

static Terminal *begin(void) {
    return terminal_begin(&(TerminalHow){.arguments = LONG});
}

static void start_job(Terminal *terminal, const char *keys) {
    terminal_type(terminal, keys);
    EXPECT(terminal, "%  sigma ", "a picture is being made");
}

/* Stops it and leaves. */
static void drop_and_leave(Terminal *terminal) {
    terminal_type(terminal, "\003\003");
    EXPECT(terminal, "ready  ", "nothing runs any more");
    terminal_leave(terminal);
}

static void status_rows(void) {
    Terminal *terminal = begin();
    start_job(terminal, "1girl\033\r2girls\033\r3girls\033\r");
    EXPECT_ROW(terminal, -5, "j1  step ", "F4: the job and its step");
    EXPECT_ROW(terminal, -5, "/1000  [", "F4: of how many, and a bar");
    EXPECT_ROW(terminal, -5, "%  sigma ", "F4: per cent, the noise level");
    EXPECT_ROW(terminal, -4, "text ", "F4: times of the phases");
    EXPECT_ROW(terminal, -4, "queue 2: j2 j3", "F4: the queue with its jobs");
    EXPECT_ROW(terminal, -3, "host [W", "F5: memory");
    EXPECT_ROW(terminal, -1, "Ctrl-C stops after this step", "the hint row says what the keys do now");
    CHECK(!strstr(terminal_screen(terminal), "Denoising step"), "F7: no step lines in the log");
    CHECK(terminal_expect_title(terminal, "newbie "), "the title shows progress");
    CHECK(terminal_expect_title(terminal, "/1000 "), "step by step");
    CHECK(terminal_expect_title(terminal, " +2"), "and how many wait");
    terminal_type(terminal, ":queue clear\r");
    EXPECT_ROW(terminal, -4, "queue 0", "the queue can be cleared meanwhile");
    drop_and_leave(terminal);
}

static void typing_goes_on(void) {
    Terminal *terminal = begin();
    start_job(terminal, "1girl\033\r");
    terminal_type(terminal, "typed\nmeanwhile");
    EXPECT_CURSOR(terminal, "newbie> typed\n   ...> meanwhile", "keys appear while a picture is made");
    terminal_type(terminal, "\033\r");
    EXPECT_ROW(terminal, -4, "queue 1: j2", "and are submitted into the queue");
    EXPECT_CURSOR(terminal, "newbie> ", "the edit area is free again");
    terminal_type(terminal, ":set cfg 3\r");
    EXPECT(terminal, "[INFO] cfg 4 -> 3", "commands run meanwhile");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "Output saved to output_001.png", "Ctrl-C keeps the picture");
    EXPECT_ROW(terminal, -4, "paused", "and pauses the queue");
    terminal_type(terminal, ":queue clear\r");
    EXPECT_ROW(terminal, -4, "ready  256x256", "which can be cleared");
    terminal_leave(terminal);
}

static void stages_of_ctrl_c(void) {
    Terminal *terminal = begin();
    start_job(terminal, "1girl\033\r");
    terminal_type(terminal, "kept");
    EXPECT_CURSOR(terminal, "newbie> kept", "typed");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "[INFO] Stopping after step ", "K1: the first Ctrl-C stops gently");
    EXPECT(terminal, "#1 output_001.png", "R6: and keeps the picture");
    EXPECT_ROW(terminal, -4, "ready  256x256", "then nothing runs");
    EXPECT_CURSOR(terminal, "newbie> kept", "K1: the text stays");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "newbie> ", "K1: idle, it clears the text");
    terminal_type(terminal, "\033[A");
    EXPECT_CURSOR(terminal, "newbie> kept", "and Up brings it back");
    terminal_type(terminal, "\003:size 512x512\r");
    start_job(terminal, "2girls\033\r");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "Ctrl-C again drops the picture", "K1: the first says what the second does");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "[INFO] Dropped after step ", "K1: the second drops the picture");
    CHECK(terminal_row_of(terminal, "Dropped after step 0/") < 0, "and says how far it was");
    CHECK(access("output_002.png", F_OK) != 0, "R6: no number is used");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void keys_while_running(void) {
    Terminal *terminal = begin();
    start_job(terminal, "1girl\033\r2girls\033\r");
    terminal_type(terminal, "\033k");
    EXPECT(terminal, "will be kept as a picture", "Alt-K keeps a step");
    EXPECT(terminal, "Output saved to output_001.png", "as a picture of its own");
    terminal_type(terminal, "\033n");
    EXPECT(terminal, "j2  step ", "Alt-N goes on with the next job");
    EXPECT(terminal, "%  sigma ", "which runs");
    terminal_type(terminal, "\033p");
    CHECK(terminal_expect_picture(terminal, 100), "Alt-P shows a preview");
    terminal_type(terminal, "text\033s");
    EXPECT(terminal, "Output saved to output_002.png", "Alt-S stops and decodes");
    EXPECT_CURSOR(terminal, "newbie> text", "and nothing of it touches the text");
    terminal_leave(terminal);
}

/* Rows with picture cells. */
static int picture_rows(Terminal *terminal) {
    int count = 0;
    for (int row = 1; row < terminal_row_of(terminal, "──"); row++)
        count += terminal_cell(terminal, row, 4).back >= 0;
    return count;
}

static void preview_is_replaced(void) {
    Terminal *terminal = terminal_begin(&(TerminalHow){.arguments = PREVIEWS});
    start_job(terminal, "1girl\033\r");
    CHECK(terminal_expect_picture(terminal, 100), "F3: a preview is shown by itself");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "#1 output_001.png", "the job is stopped");
    EXPECT_REST(terminal, "the picture is there");
    CHECK_EQ(picture_rows(terminal), 8, "F3: one picture, and no preview beside it");
    CHECK(terminal_row_of(terminal, "▀") > terminal_row_of(terminal, "#1 output_001.png"), "below its line");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void resizes_while_running(void) {
    static const int sizes[][2] = {{40, 120}, {16, 60}, {10, 40}, {60, 200}, {24, 80}};
    Terminal *terminal = terminal_begin(&(TerminalHow){.arguments = PREVIEWS});
    start_job(terminal, "1girl\033\r");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        terminal_resize(terminal, sizes[i][0], sizes[i][1]);
        terminal_type(terminal, "世");
        bool small = sizes[i][0] < 16;
        EXPECT_ROW(terminal, -2, small ? "j1 " : "newbie> ", "the picture goes on in the new size");
    }
    EXPECT_CURSOR(terminal, "newbie> 世世世世世", "and so does typing");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "ready  128x128", "stopped");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void leaving_asks(void) {
    Terminal *terminal = begin();
    start_job(terminal, "1girl\033\r2girls\033\r");
    terminal_type(terminal, "quit\r");
    EXPECT_ROW(terminal, -1, "[w]ait for them, [d]rop them, [s]tay?", "C3: leaving asks in the hint row");
    EXPECT_CURSOR(terminal, "[s]tay? ", "where the cursor is");
    terminal_resize(terminal, 30, 100);
    EXPECT_ROW(terminal, -1, "[s]tay?", "a resize does not end the question");
    EXPECT_ROW(terminal, 0, "[DEMO]", "and the screen is drawn anew");
    terminal_type(terminal, "xs");
    EXPECT_GONE(terminal, "[s]tay? \n", "C3: s stays, other keys are no answer");
    EXPECT_CURSOR(terminal, "newbie> ", "at the prompt");
    terminal_type(terminal, "quit\r");
    EXPECT_ROW(terminal, -1, "[s]tay?", "asked again");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "newbie> ", "Ctrl-C stays");
    CHECK(!strstr(terminal_screen(terminal), "Stopping after step "), "and stops nothing");
    terminal_type(terminal, "quit\r");
    EXPECT_ROW(terminal, -1, "[s]tay?", "asked once more");
    terminal_type(terminal, "\033");
    EXPECT_GONE(terminal, "[s]tay? \n", "Esc stays, too");
    EXPECT_CURSOR(terminal, "newbie> ", "at the prompt");
    terminal_type(terminal, "quit\rd");
    EXPECT_STATUS(terminal, 0, "C3: d drops them and leaves");
    CHECK(terminal_is_restored(terminal), "with everything restored");
    terminal_close(terminal);
}

static void leaving_waits(void) {
    Terminal *terminal = terminal_begin(&(TerminalHow){.arguments = SHORT});
    terminal_type(terminal, ":steps 300\r1girl\033\r:go\rquit\r");
    EXPECT_ROW(terminal, -1, "[w]ait for ", "C3: leaving asks");
    terminal_type(terminal, "w");
    EXPECT_STATUS(terminal, 0, "C3: w waits and leaves");
    CHECK(access("output_002.png", F_OK) == 0, "with all pictures made");
    CHECK_HAS(terminal_screen(terminal), "newbie: 2 pictures in ",
              "F8: and the summary on the normal screen");
    CHECK(terminal_is_restored(terminal), "with everything restored");
    terminal_close(terminal);
}

static void bell_rings(void) {
    Terminal *terminal = terminal_begin(&(TerminalHow){.arguments = SHORT});
    terminal_type(terminal, ":bell on\r1girl\033\r");
    EXPECT(terminal, "#1 output_001.png", "a picture is made");
    EXPECT_REST(terminal, "done");
    CHECK(terminal_bells(terminal) > 0, "the bell rings");
    int before = terminal_bells(terminal);
    terminal_type(terminal, ":bell off\r2girls\033\r");
    EXPECT(terminal, "#2 output_002.png", "another");
    EXPECT_REST(terminal, "done");
    CHECK_EQ(terminal_bells(terminal), before, "switched off, it does not");
    terminal_type(terminal, ":b\tnothing_that_completes\t\b\033[C\033[C");
    EXPECT_REST(terminal, "keys that can do nothing");
    CHECK_EQ(terminal_bells(terminal), before, "and no key rings it");
    terminal_leave(terminal);
}

/* Frames that show progress, by the titles that go with them. */
static void ten_frames_a_second(void) {
    static const char *const quick[] = {"--no-rc",      "--steps=300",   "--seed=1",
                                        "--size=64x64", "--preview=off", NULL};
    Terminal *terminal = terminal_begin(&(TerminalHow){.arguments = quick});
    EXPECT_REST(terminal, "idle");
    size_t idle = terminal_sent_size(terminal);
    CHECK(!terminal_settle(terminal) || terminal_sent_size(terminal) == idle, "F7: idle, nothing is sent");
    double begun = clock_seconds();
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "#1 output_001.png", "three hundred quick steps");
    int frames = count_of(terminal_sent(terminal), "\033]2;newbie ");
    double seconds = clock_seconds() - begun;
    printf("# %d frames in %.2f s\n", frames, seconds);
    CHECK(frames <= 10 * seconds + 8, "F7: at most ten frames a second, and a few at once");
    CHECK(frames >= 3, "but there are some");
    terminal_leave(terminal);
}

static void failures_are_told(void) {
    static const char *const gone[] = {"--no-rc", "--steps=60", "--seed=1", "--outdir=gone", NULL};
    bool made = !system("mkdir gone");
    CHECK(made, "a directory for pictures");
    Terminal *terminal = terminal_begin(&(TerminalHow){.arguments = gone});
    start_job(terminal, "1girl\033\r2girls\033\r");
    made = !system("rmdir gone && touch gone");
    CHECK(made, "goes while a picture is made");
    EXPECT(terminal, "the picture is kept: :export last FILE", "N4: the failure is told with its cure");
    EXPECT_ROW(terminal, -4, "paused", "and the queue pauses");
    terminal_type(terminal, ":export last kept.png\r");
    EXPECT(terminal, "[INFO] Saved to kept.png", "N4: which works");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_type(terminal, ":queue clear\r");
    EXPECT_ROW(terminal, -4, "ready", "cleared");
    terminal_leave(terminal);
}

static void the_view_command(void) {
    static const char *const large[] = {"--no-rc", "--steps=1", "--seed=1", "--size=256x256", NULL};
    Terminal *terminal = terminal_begin(&(TerminalHow){.rows = 40, .columns = 120, .arguments = large});
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "#1 output_001.png", "a picture");
    EXPECT_REST(terminal, "is shown");
    int rows = picture_rows(terminal);
    CHECK(rows > 8 && rows <= 16, "F3: in at most half of the log");
    terminal_type(terminal, ":view #1\r");
    EXPECT(terminal, "newbie> :view #1", ":view");
    EXPECT_REST(terminal, "shows it again");
    CHECK(picture_rows(terminal) > rows + 4, "F3: large");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void no_colors(void) {
    static const char *const quick[] = {"--no-rc", "--steps=1", "--seed=1", "--size=64x64", NULL};
    static const char *const none[] = {"NO_COLOR=1", NULL};
    Terminal *terminal = terminal_begin(&(TerminalHow){.arguments = quick, .environment = none});
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "#1 output_001.png", "A4: without colours pictures are made");
    terminal_type(terminal, ":view #1\r");
    EXPECT(terminal, "[ERROR] no picture can be seen", "and :view says why none is seen");
    terminal_type(terminal, ":set color always\r:view #1\r");
    CHECK(terminal_expect_picture(terminal, 100), "its hint helps");
    terminal_leave(terminal);
}

int main(int argc, char **argv) {
    static const Scenario rows[] = {
        {"status rows while running", status_rows},
        {"typing goes on", typing_goes_on},
        {"the stages of Ctrl-C", stages_of_ctrl_c},
        {"no colours", no_colors},
        {"Alt keys while running", keys_while_running},
        {"the picture replaces the preview", preview_is_replaced},
        {"resizes while running", resizes_while_running},
        {"leaving asks while jobs wait", leaving_asks},
        {"leaving waits for jobs", leaving_waits},
        {"the bell", bell_rings},
        {"ten frames a second", ten_frames_a_second},
        {"a picture that cannot be saved", failures_are_told},
        {":view", the_view_command},
        {0},
    };
    return terminal_main(rows, argc, argv);
}
