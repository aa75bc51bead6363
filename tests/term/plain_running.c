/* plain_running.c: what a person at a terminal does while a picture is made, and how the session ends.
 * product.md 4.4, K1, C3, H2, N4, N5. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "terminal.h"

static const char *const LONG[] = {"--plain", "--steps=1000", "--no-rc", "--progress=1", NULL};

/* Nothing more is said by itself from here on. */
static void await_model(Terminal *terminal) {
    EXPECT(terminal, "[INFO] Model loaded in ", "the model loads");
    EXPECT_CURSOR(terminal, "\nnewbie> ", "and the prompt is there");
}

static void interrupt(void) {
    Terminal *terminal = terminal_open(60, 100, LONG);
    terminal_type(terminal, "1girl\033\r2girls\033\r3girls\033\r");
    EXPECT(terminal, "[INFO] Denoising step 1/1000...\n", "the first is being made");
    terminal_type(terminal, "typed meanwhile");
    EXPECT_CURSOR(terminal, "newbie> typed meanwhile", "keys appear while a picture is made");
    EXPECT(terminal, "it/s, ", "a step line comes");
    EXPECT_CURSOR(terminal, "newbie> typed meanwhile", "and what is typed stays below it");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "[INFO] Stopping after step ", "K1: the first Ctrl-C stops gently");
    EXPECT(terminal, "Output saved to output_001.png\n", "R6: and keeps the picture");
    EXPECT(terminal, "[INFO] Queue paused, 2 jobs wait; :queue go continues, :queue clear drops them\n",
           "K1: the queue pauses");
    EXPECT_CURSOR(terminal, "newbie> typed meanwhile", "K1: the text stays");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "newbie> typed meanwhile^C\nnewbie> ", "K1: idle, Ctrl-C clears the text");
#ifdef HAVE_READLINE
    terminal_type(terminal, "\033[A");
    EXPECT_CURSOR(terminal, "^C\nnewbie> typed meanwhile", "and Up brings it back");
#endif
    terminal_type(terminal, "\025:size 512x512\r:go\r:queue go\r");
    EXPECT(terminal, "[INFO] Queue goes on", "the queue continues");
    EXPECT(terminal, "[INFO] Text encoded in ", "with the next job");
    terminal_type(terminal, "quit\r");
    EXPECT_CURSOR(terminal, " [w]ait for them, [d]rop them, [s]tay? ", "C3: leaving asks while jobs wait");
    terminal_type(terminal, "xs");
    EXPECT(terminal, "[s]tay? s\n", "C3: s stays");
    EXPECT_CURSOR(terminal, "\nnewbie> ", "C3: at the prompt");
    terminal_type(terminal, "quit\r");
    EXPECT_CURSOR(terminal, " [s]tay? ", "asks again");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "\nnewbie> ", "Ctrl-C stays");
    CHECK(count_of(terminal_screen(terminal), "Stopping after step ") == 1, "and stops nothing");
    terminal_type(terminal, "quit\rd");
    EXPECT_STATUS(terminal, 0, "C3: d drops them and leaves");
    terminal_close(terminal);
}

static void second_interrupt(void) {
    static const char *const arguments[] = {"--plain", "--steps=1000", "--no-rc", "--size=512x512", NULL};
    unlink("output_001.png");
    Terminal *terminal = terminal_open(60, 100, arguments);
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "[INFO] Denoising step 1/1000...\n", "a long picture is being made");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "Ctrl-C again drops the picture", "K1: the first says what the second does");
    terminal_type(terminal, "\003");
    EXPECT(terminal, "[INFO] Dropped after step ", "K1: the second Ctrl-C drops the picture");
    EXPECT_CURSOR(terminal, "\nnewbie> ", "K1: and the session stays");
    CHECK(access("output_001.png", F_OK) != 0, "R6: no number is used");
    terminal_type(terminal, "\004");
    EXPECT_STATUS(terminal, 0, "Ctrl-D leaves");
    terminal_close(terminal);
}

#ifdef HAVE_READLINE
static void resize(void) {
    Terminal *terminal = terminal_open(40, 100, LONG);
    await_model(terminal);
    terminal_type(terminal, ":say a text that is longer than forty columns, which then wraps");
    EXPECT_CURSOR(terminal, "which then wraps", "typed");
    terminal_resize(terminal, 40, 40);
    terminal_type(terminal, "!");
    EXPECT_CURSOR(terminal, "wraps!", "what is typed goes on after a resize");
    terminal_type(terminal, "\r");
    EXPECT(terminal, "\na text that is longer than forty columns\n", "and the whole line is there");
    terminal_close(terminal);
}
#else
static void resize(void) {
    SKIP("a line that wraps anew after a resize", "this build is --without-readline");
}
#endif

static void hang_up(int number, int status) {
    static const char *const plain[] = {"--plain", "--no-rc", NULL};
    Terminal *terminal = terminal_open(40, 100, plain);
    await_model(terminal);
    terminal_type(terminal, "<character_1>\r<n>unsent</n>\rhalf");
    EXPECT_CURSOR(terminal, "half", "typed");
    kill(terminal_pid(terminal), number);
    EXPECT_STATUS(terminal, status, "the signal ends the program with its status");
    if (number != SIGKILL)
        CHECK(terminal_is_sane(terminal), "and the terminal is as it was");
    terminal_close(terminal);
    terminal = terminal_open(40, 100, plain);
    EXPECT(terminal, "newbie> <character_1>\ncharacter_1> <n>unsent</n>\n", "H2: the text comes back");
    EXPECT_CURSOR(terminal, "\ncharacter_1> half", "to be typed on");
    EXPECT(terminal, "[INFO] Restored", "H2: and a line says so");
    terminal_type(terminal, "\003\004");
    EXPECT_STATUS(terminal, 0, "it leaves");
    terminal_close(terminal);
}

/* kill -9 leaves what was there a second ago. */
static void kill_nine(void) {
    static const char *const plain[] = {"--plain", "--no-rc", NULL};
    Terminal *terminal = terminal_open(40, 100, plain);
    await_model(terminal);
    terminal_type(terminal, "survives");
    EXPECT_CURSOR(terminal, "survives", "typed");
    bool saved = false;
    for (int i = 0; i < 100 && !saved; i++) {
        terminal_screen(terminal);
        usleep(50000);
        saved = system("grep -qs survives .local/state/newbie/autosave/[0-9]*") == 0;
    }
    CHECK(saved, "H2: the text is stored about a second after it was typed");
    kill(terminal_pid(terminal), SIGKILL);
    terminal_wait(terminal);
    terminal_close(terminal);
    terminal = terminal_open(40, 100, plain);
    EXPECT_CURSOR(terminal, "newbie> survives", "H2: after kill -9 it comes back");
    terminal_type(terminal, "\025\004");
    EXPECT_STATUS(terminal, 0, "it leaves");
    terminal_close(terminal);
}

static void stop(void) {
    Terminal *terminal = terminal_open(40, 100, NULL);
    char *path = program_path();
    Buf command = {0};
    buf_print(&command, "%s --plain --no-rc\r", path);
    terminal_type(terminal, command.data);
    await_model(terminal);
    terminal_type(terminal, "half a te");
    EXPECT_CURSOR(terminal, "half a te", "typed");
    terminal_type(terminal, "\032");
    EXPECT(terminal, "Stopped", "Ctrl-Z stops the program");
    EXPECT_CURSOR(terminal, "\n$ ", "and the shell is back");
    terminal_type(terminal, "fg\r");
    EXPECT_CURSOR(terminal, "\nnewbie> half a te", "fg continues it with the text intact");
    terminal_type(terminal, "xt");
    EXPECT_CURSOR(terminal, "\nnewbie> half a text", "which can be typed on");
    terminal_type(terminal, "\003");
    EXPECT_CURSOR(terminal, "^C\nnewbie> ", "and cleared");
    terminal_type(terminal, "\004");
    EXPECT_CURSOR(terminal, "\n$ ", "and it leaves");
    terminal_close(terminal);
    buf_done(&command);
    free(path);
}

static void editor(void) {
    static const char script[] = "#!/bin/sh\nprintf '<n>edited</n>\\nsecond line\\n' >\"$1\"\n";
    static const char *const arguments[] = {"--plain", "--no-rc", "--editor=./editor.sh", NULL};
    write_text("editor.sh", script);
    chmod("editor.sh", 0755);
    Terminal *terminal = terminal_open(40, 100, arguments);
    await_model(terminal);
    terminal_type(terminal, "first\r\007");
    EXPECT_CURSOR(terminal, "newbie> <n>edited</n>\n   ...> second line",
                  "Ctrl-G: what the editor saved is the edit area");
    terminal_type(terminal, "\003\004");
    EXPECT_STATUS(terminal, 0, "it leaves");
    terminal_close(terminal);
}

static void output_gone(void) {
    static const char *const arguments[] = {"--plain",        "--steps=60",    "--no-rc",
                                            "--progress=all", "--outdir=gone", NULL};
    mkdir("gone", 0777);
    Terminal *terminal = terminal_open(60, 100, arguments);
    terminal_type(terminal, "1girl\033\r2girls\033\r");
    EXPECT(terminal, "[INFO] Denoising step 1/60...\n", "a picture is being made");
    rmdir("gone");
    write_text("gone", "a file now");
    EXPECT(terminal, "the picture is kept: :export last FILE writes it elsewhere; the queue is paused",
           "N4: a picture that cannot be written is kept");
    terminal_type(terminal, ":export last kept.png\r");
    EXPECT(terminal, "[INFO] Saved to kept.png\n", "N4: and can be written elsewhere");
    terminal_type(terminal, ":set outdir .\r:queue go\r");
    EXPECT(terminal, "Output saved to output_", "N4: the queue goes on in another directory");
    terminal_type(terminal, "\004");
    EXPECT_STATUS(terminal, 0, "it leaves");
    terminal_close(terminal);
}

static void pictures_in_lines(void) {
    static const char *const arguments[] = {"--plain", "--no-rc", "--steps=2", NULL};
    Terminal *terminal = terminal_open(40, 100, arguments);
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, ": seed ", "a picture is made");
    CHECK(!strstr(terminal_sent(terminal), "▀"), "lines show none by themselves");
    terminal_type(terminal, ":view last\r");
    EXPECT(terminal, "[ERROR] lines cannot show a picture\n[HINT] :set picture half",
           ":view says how they do");
    terminal_type(terminal, ":set picture half\r:view last\r:say that was it\r");
    EXPECT(terminal, "\nthat was it\n", "then it does");
    CHECK(strstr(terminal_sent(terminal), "▀"), "and prints half blocks");
    /* 128x128 pixels in 38 rows, two to leave room */
    CHECK_EQ(count_of(terminal_sent(terminal), "\033[m\r\n"), 38, "as large as there is room, colours reset");
    terminal_type(terminal, ":set color never\r:view last\r");
    EXPECT(terminal, "[WARN] A picture here is made of colours", "without colour it cannot");
    terminal_type(terminal, "\004");
    EXPECT_STATUS(terminal, 0, "it leaves");
    terminal_close(terminal);
}

int main(void) {
    program_world();
    interrupt();
    second_interrupt();
    resize();
    hang_up(SIGHUP, 129);
    hang_up(SIGTERM, 143);
    kill_nine();
    stop();
    editor();
    output_gone();
    pictures_in_lines();
    return tap_end();
}
