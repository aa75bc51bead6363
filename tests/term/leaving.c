/* leaving.c: what takes the terminal away from the full surface, for a while or for good. product.md F8, K1,
 * H1, H2, 4.4, 12. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "terminal.h"

static const char *const QUICK[] = {"--no-rc", "--steps=1", "--seed=1", "--size=64x64", NULL};
static const char *const LONG[] = {"--no-rc",        "--steps=1000",  "--seed=1",
                                   "--size=256x256", "--preview=off", NULL};

static Terminal *begin(const char *const *arguments) {
    return terminal_begin(&(TerminalHow){.arguments = arguments});
}

/* A start that finds something to restore. */
static Terminal *begin_again(const char *const *arguments, const char *text) {
    Terminal *terminal = terminal_start(&(TerminalHow){.arguments = arguments});
    EXPECT(terminal, "[INFO] Restored from ", "H2: a line says what and from when");
    TERMINAL_CHECK_(terminal, terminal_expect_cursor(terminal, text), text, "H2: the text comes back");
    EXPECT(terminal, "Model loaded in ", "with the model");
    return terminal;
}

/* An interactive shell with something on its screen, and newbie started from it. */
static Terminal *begin_in_shell(void) {
    Terminal *terminal = terminal_start(&(TerminalHow){.shell = true});
    char *path = program_path();
    Buf command = {0};
    EXPECT_CURSOR(terminal, "$ ", "a shell");
    terminal_type(terminal, "echo before\r");
    EXPECT(terminal, "\nbefore\n", "with something on its screen");
    buf_print(&command, "%s --no-rc --steps=1 --seed=1 --size=64x64\r", path);
    terminal_type(terminal, command.data);
    EXPECT(terminal, "Model loaded in ", "newbie");
    EXPECT_CURSOR(terminal, "newbie> ", "with its prompt");
    EXPECT_GONE(terminal, "before", "on a screen of its own");
    buf_done(&command);
    free(path);
    return terminal;
}

static void restores_the_screen(void) {
    Terminal *terminal = begin_in_shell();
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "#1 output_001.png", "a picture");
    terminal_type(terminal, "quit\r");
    EXPECT(terminal, "\nbefore\n", "F8: leaving restores the screen");
    EXPECT(terminal, "newbie: 1 picture in ", "F8: and prints the summary");
    EXPECT(terminal, "#1  output_001.png  seed 1  64x64", "F8: all of it");
    EXPECT_CURSOR(terminal, "\n$ ", "the shell is back");
    terminal_type(terminal, "echo typed\r");
    EXPECT(terminal, "\ntyped\n", "and works");
    terminal_close(terminal);
}

static void suspended(void) {
    Buf before = {0}, after = {0};
    Terminal *terminal = begin_in_shell();
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "last ", "a picture");
    terminal_type(terminal, "half a te");
    EXPECT_CURSOR(terminal, "newbie> half a te", "and text");
    EXPECT_ROW(terminal, -1, "tokens", "with its hints");
    terminal_settle(terminal);
    terminal_picture(&before, terminal);
    terminal_type(terminal, "\032");
    EXPECT(terminal, "Stopped", "Ctrl-Z stops the program");
    EXPECT(terminal, "\nbefore\n", "the screen is the shell's");
    EXPECT_CURSOR(terminal, "\n$ ", "and its prompt is there");
    terminal_resize(terminal, 30, 90);
    terminal_resize(terminal, 24, 80);
    terminal_type(terminal, "fg\r");
    EXPECT_CURSOR(terminal, "newbie> half a te", "fg continues it");
    EXPECT_ROW(terminal, -1, "tokens", "with everything");
    for (int i = 0; i < 50 && strcmp(buf_string(&after), before.data); i++) {
        terminal_expect_sent(terminal, "\033[?1049h", 2);
        terminal_settle(terminal);
        buf_truncate(&after, 0);
        terminal_picture(&after, terminal);
    }
    CHECK_STR(after.data, before.data, "the screen is as it was: text, picture, colours");
    terminal_type(terminal, "xt");
    EXPECT_CURSOR(terminal, "newbie> half a text", "and typing goes on");
    terminal_type(terminal, "\003quit\r");
    EXPECT_CURSOR(terminal, "\n$ ", "it leaves");
    terminal_close(terminal);
    buf_done(&before);
    buf_done(&after);
}

static void suspended_while_running(void) {
    Terminal *terminal = begin_in_shell();
    terminal_type(terminal, ":steps 1000\r:size 128x128\r1girl\033\r");
    EXPECT(terminal, "%  sigma ", "a picture is being made");
    terminal_type(terminal, "\032");
    EXPECT_CURSOR(terminal, "\n$ ", "Ctrl-Z stops");
    terminal_type(terminal, "fg\r");
    EXPECT(terminal, "%  sigma ", "and the picture goes on");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "Output saved to output_001.png", "until it is stopped");
    EXPECT_ROW(terminal, 0, "[DEMO]", "on the whole screen");
    terminal_type(terminal, "quit\r");
    EXPECT_CURSOR(terminal, "\n$ ", "it leaves");
    terminal_close(terminal);
}

/* ---- signals ------------------------------------------------------------------------------------------- */

static void ended_by(int number, int status) {
    Terminal *terminal = begin(QUICK);
    terminal_type(terminal, "<character_1>\n<n>unsent</n>\nhalf");
    EXPECT_CURSOR(terminal, "half", "typed");
    kill(terminal_pid(terminal), number);
    EXPECT_STATUS(terminal, status, "the signal ends the program with its status");
    CHECK(terminal_is_restored(terminal), "and the terminal is as it was");
    terminal_close(terminal);
    terminal = begin_again(QUICK, "newbie> <character_1>\ncharacter_1> <n>unsent</n>\ncharacter_1> half");
    terminal_leave(terminal);
    terminal = begin(QUICK);
    EXPECT_REST(terminal, "the next start");
    CHECK(!strstr(terminal_screen(terminal), "Restored"), "H2: is as new");
    terminal_leave(terminal);
}

static void hang_up(void) { ended_by(SIGHUP, 129); }
static void terminated(void) { ended_by(SIGTERM, 143); }

static void terminated_while_running(void) {
    Terminal *terminal = begin(LONG);
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "%  sigma ", "a picture is being made");
    terminal_type(terminal, "unsent");
    EXPECT_CURSOR(terminal, "newbie> unsent", "and text typed");
    kill(terminal_pid(terminal), SIGTERM);
    EXPECT_STATUS(terminal, 143, "K1: TERM acts as the first Ctrl-C, then leaves");
    CHECK(access("output_001.png", F_OK) == 0, "K1: the partial picture is kept");
    CHECK(terminal_is_restored(terminal), "and the terminal is as it was");
    terminal_close(terminal);
    terminal = begin_again(LONG, "newbie> unsent");
    terminal_leave(terminal);
}

static void terminal_closed(void) {
    Terminal *terminal = begin(QUICK);
    terminal_type(terminal, "unsent");
    EXPECT_CURSOR(terminal, "newbie> unsent", "typed");
    CHECK_EQ(terminal_hang_up(terminal), 129, "K1: a terminal that is closed ends the program");
    terminal = begin_again(QUICK, "newbie> unsent");
    terminal_leave(terminal);
}

static bool is_saved(const char *text) {
    char command[100];
    snprintf(command, sizeof command, "grep -qs '%s' .local/state/newbie/autosave/[0-9]*", text);
    return !system(command);
}

static void kill_nine(void) {
    Terminal *terminal = begin(QUICK);
    terminal_type(terminal, ":set cfg 3\r");
    EXPECT(terminal, "cfg 4 -> 3", "a setting");
    terminal_type(terminal, "survives");
    EXPECT_CURSOR(terminal, "newbie> survives", "and text");
    double until = clock_seconds() + TERMINAL_SECONDS;
    while (!is_saved("survives") && clock_seconds() < until)
        terminal_settle(terminal);
    CHECK(is_saved("survives"), "H2: both are stored about a second after");
    kill(terminal_pid(terminal), SIGKILL);
    EXPECT_STATUS(terminal, 128 + SIGKILL, "kill -9");
    terminal_close(terminal);
    terminal = begin_again(QUICK, "newbie> survives");
    EXPECT_ROW(terminal, -4, "cfg 3", "H2: and the setting");
    terminal_type(terminal, "\033[A\033[A");
    EXPECT_CURSOR(terminal, "newbie> :set cfg 3", "H1: and the history");
    terminal_leave(terminal);
}

static void crashed(int number) {
    Terminal *terminal = begin(QUICK);
    terminal_type(terminal, "typed");
    EXPECT_CURSOR(terminal, "newbie> typed", "at work");
    kill(terminal_pid(terminal), number);
    EXPECT_STATUS(terminal, 128 + number, "a crash ends with its signal");
    CHECK(terminal_is_sane(terminal), "with the line modes as they were");
    CHECK(!terminal_alternate(terminal) && terminal_cursor_visible(terminal), "on the normal screen");
    CHECK_HAS(terminal_screen(terminal), "newbie: our bug, it crashed; please report it",
              "where the message stands");
    const char *sent = terminal_sent(terminal), *normal = strstr(sent, "\033[?1049l");
    CHECK(normal && strstr(normal, "our bug"), "written after the terminal was restored");
    CHECK(normal && strstr(sent, "\033[?2004l"), "with bracketed paste off");
    terminal_close(terminal);
}

static void segmentation_fault(void) { crashed(SIGSEGV); }
static void aborted(void) { crashed(SIGABRT); }

static void quit_key(void) {
    Terminal *terminal = begin(QUICK);
    kill(terminal_pid(terminal), SIGQUIT);
    EXPECT_STATUS(terminal, 128 + SIGQUIT, "SIGQUIT ends it");
    CHECK(terminal_is_sane(terminal) && !terminal_alternate(terminal), "with the terminal restored");
    terminal_close(terminal);
}

/* ---- children ------------------------------------------------------------------------------------------ */

static void shell_command(void) {
    Terminal *terminal = begin(QUICK);
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "last ", "a picture");
    terminal_type(terminal, ":!echo from the shell; echo problems >&2\r");
    EXPECT(terminal, "from the shell\nproblems\n", ":! shows what the command says on the normal screen");
    EXPECT_CURSOR(terminal, "[Enter goes back to newbie] ", "and waits");
    CHECK(!terminal_alternate(terminal), "there");
    terminal_type(terminal, "\r");
    EXPECT(terminal, "[DEMO]", "Enter goes back");
    EXPECT_CURSOR(terminal, "newbie> ", "to the prompt");
    EXPECT_FRESH(terminal, "on the whole screen");
    CHECK(terminal_expect_picture(terminal, 32), "with its picture");
    terminal_type(terminal, ":!exit 3\r");
    EXPECT_CURSOR(terminal, "[Enter goes back to newbie] ", "a command that fails");
    terminal_resize(terminal, 30, 100);
    terminal_type(terminal, "\r");
    EXPECT(terminal, "[INFO] Status 3", "is told");
    EXPECT_FRESH(terminal, "in the new size of the screen");
    terminal_leave(terminal);
}

static void write_script(const char *name, const char *text) {
    write_text(name, text);
    chmod(name, 0755);
}

static Terminal *begin_with_editor(const char *script) {
    static const char *const arguments[] = {"--no-rc", "--editor=./editor.sh", NULL};
    write_script("editor.sh", script);
    return begin(arguments);
}

static void editor_saves(void) {
    Terminal *terminal =
        begin_with_editor("#!/bin/sh\ncp \"$1\" was\nprintf '<n>edited</n>\\n:quit\\n' >\"$1\"\n");
    terminal_type(terminal, "first\nsecond\007");
    EXPECT_CURSOR(terminal, "newbie> <n>edited</n>\n   ...> :quit",
                  "Ctrl-G: what was saved is the edit area");
    Buf was = read_bytes("was");
    CHECK_STR(buf_string(&was), "first\nsecond", "the editor got all of the text");
    buf_done(&was);
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_type(terminal, "\037");
    EXPECT_CURSOR(terminal, "newbie> first\n   ...> second", "and undo brings the old text back");
    terminal_type(terminal, "\030\005");
    EXPECT_CURSOR(terminal, "newbie> <n>edited</n>\n   ...> :quit", "Ctrl-X Ctrl-E does the same");
    terminal_leave(terminal);
}

static void editor_fails(void) {
    Terminal *terminal = begin_with_editor("#!/bin/sh\nprintf lost >\"$1\"\nexit 1\n");
    terminal_type(terminal, "kept\nas it is\007");
    EXPECT(terminal, "[ERROR] the editor \"./editor.sh\" ended with status 1; the prompt is unchanged",
           "a failure is told");
    EXPECT_CURSOR(terminal, "newbie> kept\n   ...> as it is", "and the text stays");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void editor_resizes(void) {
    Terminal *terminal = begin_with_editor("#!/bin/sh\necho EDITING\nread line\n");
    terminal_type(terminal, "text\007");
    EXPECT(terminal, "EDITING", "the editor has the normal screen");
    CHECK(terminal_is_sane(terminal), "with the line modes of a shell");
    CHECK(!terminal_alternate(terminal), "no part of ours is there");
    terminal_resize(terminal, 40, 120);
    terminal_type(terminal, "\r");
    EXPECT_CURSOR(terminal, "newbie> text", "the text is back");
    EXPECT_ROW(terminal, 38, "newbie> text", "at the bottom of the larger screen");
    EXPECT_FRESH(terminal, "which is what a redraw gives");
    terminal_leave(terminal);
}

static void editor_interrupted(void) {
    Terminal *terminal = begin_with_editor("#!/bin/sh\necho EDITING\nread line\n");
    terminal_type(terminal, "text\007");
    EXPECT(terminal, "EDITING", "in the editor");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "[ERROR] the editor \"./editor.sh\" ended with status 1", "Ctrl-C is the editor's");
    EXPECT_CURSOR(terminal, "newbie> text", "and clears no text of ours");
    terminal_leave(terminal);
}

/* ---- what libraries print ------------------------------------------------------------------------------ */

static void library_errors(void) {
    Terminal *terminal = begin(QUICK);
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/fd/2", (int)terminal_pid(terminal));
    int fd = open(path, O_WRONLY | O_APPEND);
    CHECK(fd >= 0, "standard error of the program");
    static const char text[] = "a library complains\n";
    CHECK_EQ(write(fd, text, sizeof text - 1), sizeof text - 1, "takes what a library prints");
    close(fd);
    terminal_type(terminal, "typed");
    EXPECT_CURSOR(terminal, "newbie> typed", "typing goes on");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    CHECK(!strstr(terminal_sent(terminal), "complains"), "F8: it is not on the screen");
    terminal_type(terminal, "\003quit\r");
    EXPECT_STATUS(terminal, 0, "it leaves");
    CHECK_HAS(terminal_screen(terminal), "\na library complains\n", "F8: and is shown after the summary");
    CHECK(terminal_row_of(terminal, "newbie: 0 pictures") < terminal_row_of(terminal, "a library complains"),
          "below it");
    terminal_close(terminal);
}

int main(int argc, char **argv) {
    static const Scenario rows[] = {
        {"leaving restores the screen", restores_the_screen},
        {"Ctrl-Z and fg", suspended},
        {"Ctrl-Z while running", suspended_while_running},
        {"HUP", hang_up},
        {"TERM", terminated},
        {"TERM while running", terminated_while_running},
        {"a closed terminal", terminal_closed},
        {"kill -9", kill_nine},
        {"a segmentation fault", segmentation_fault},
        {"an abort", aborted},
        {"SIGQUIT", quit_key},
        {":! and back", shell_command},
        {"Ctrl-G saves", editor_saves},
        {"Ctrl-G fails", editor_fails},
        {"Ctrl-G while the window changes", editor_resizes},
        {"Ctrl-C in the editor", editor_interrupted},
        {"what libraries print", library_errors},
        {0},
    };
    return terminal_main(rows, argc, argv);
}
