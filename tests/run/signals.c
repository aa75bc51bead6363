/* signals.c: Ctrl-C and its like without a terminal: the first keeps the partial picture, the second
 * drops it, and no moment is a bad one. product.md K1, A5, R6. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "program.h"
#include "tests/tap.h"

static void one_signal(int number, int status, const char *name) {
    Program program = program_start((const char *const[]){"--steps=1000", "--progress=all", "-o", "part.png",
                                                          "1girl", NULL});
    program_expect(&program, "Denoising step 2/1000...");
    kill(program.pid, number);
    program_end(&program);
    CHECK_EQ(program.status, status, name);
    CHECK(access("part.png", F_OK) == 0, "and keeps the partial picture");
    program_done(&program);
    program = program_run("", "info", "part.png", NULL);
    CHECK_HAS(buf_string(&program.said), "of 1000", "R6: which says how many steps were run");
    program_done(&program);
    unlink("part.png");
}

static void two_signals(void) {
    Program program = program_start((const char *const[]){"--steps=1000", "--progress=all", "--size=512x512",
                                                          "1girl", NULL});
    program_expect(&program, "Denoising step 1/1000...");
    kill(program.pid, SIGINT);
    program_expect(&program, "Stopping after step ");
    kill(program.pid, SIGINT);
    program_end(&program);
    CHECK_EQ(program.status, 130, "the second Ctrl-C ends with 130 at once");
    CHECK(access("output_001.png", F_OK) != 0, "R6: and no number is used");
    program_done(&program);
}

/* A prompt that never comes. */
static void while_waiting(void) {
    Program program = program_start((const char *const[]){"-p", "-", NULL});
    program_expect(&program, "the built-in demo model");
    usleep(200000);
    kill(program.pid, SIGTERM);
    usleep(200000);
    program_end(&program); /* only now its input ends */
    CHECK_EQ(program.status, 143, "a signal ends the wait for a prompt on standard input");
    program_done(&program);
}

/* Wherever it strikes, the program ends with 130 (or had ended already), and a picture is whole or not
 * there. */
static void any_moment(void) {
    int bad = 0, early = 0;
    for (int milliseconds = 0; milliseconds < 240; milliseconds += 12) {
        Program program = program_start((const char *const[]){"--steps=8", "-o", "any.png", "--force",
                                                              "1girl", NULL});
        usleep((useconds_t)milliseconds * 1000);
        kill(program.pid, SIGINT);
        program_end(&program);
        Buf picture = read_bytes("any.png");
        bool whole = !picture.size || !memcmp(picture.data + picture.size - 8, "IEND", 4);
        bool fine = program.status == 130 || program.status == 0 || (program.status == 128 + SIGINT &&
                                                                     !milliseconds);
        early += program.status == 130;
        if (!fine || !whole)
            printf("# after %d ms: status %d, %s\n", milliseconds, program.status,
                   buf_string(&program.complained));
        bad += !fine || !whole;
        buf_done(&picture);
        program_done(&program);
        unlink("any.png");
    }
    CHECK_EQ(bad, 0, "SIGINT at any moment leaves a whole picture or none");
    CHECK(early > 0, "and some of these moments were before the end");
}

static void in_a_session(void) {
    static const char input[] = "1girl\n\n2girls\n\n";
    Program program = program_start((const char *const[]){"--steps=1000", "--progress=all", NULL});
    program_send(&program, input, sizeof input - 1);
    program_expect(&program, "Denoising step 1/1000...");
    kill(program.pid, SIGINT);
    program_end(&program);
    CHECK_EQ(program.status, 130, "a session on a pipe ends with 130");
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved"), 1,
             "and keeps what it was making, but makes no more");
    program_done(&program);
}

int main(void) {
    program_world();
    one_signal(SIGINT, 130, "the first Ctrl-C ends with 130");
    one_signal(SIGTERM, 143, "TERM ends with 143");
    one_signal(SIGHUP, 129, "HUP ends with 129");
    two_signals();
    while_waiting();
    any_moment();
    in_a_session();
    return tap_end();
}
