/* bad_output.c: a picture that was made is never lost and never overwrites another: no space, no
 * directory, a closed reader, two programs at once. product.md N1 to N4, N6, R4, 12 (rows 26 to 28). */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "tests/tap.h"

/* No file of more than `bytes` can be written by programs started from here. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit; /* write fails beyond it, as on a full disk */
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void full_disk(void) {
    limit_files(1000);
    Program program = program_run("1girl\n\n:export last copy.png\n", CHEAP, "--prefix=full_", NULL);
    limit_files(RLIM_INFINITY);
    CHECK_EQ(program.status, 1, "R7: a file that may not grow ends nothing");
    CHECK_HAS(buf_string(&program.complained), "cannot write copy.png", "nor when the session itself writes");
    CHECK_HAS(buf_string(&program.complained), "[ERROR] cannot write ", "N4: a full disk is said");
    CHECK_HAS(buf_string(&program.complained), "the picture is kept: :export last FILE writes it elsewhere",
              "with the way to the picture");
    CHECK(access("full_001.png", F_OK) != 0, "N2: no numbered name is ever half a file");
    CHECK(system("ls -A | grep -q part") != 0, "N4: the part is removed");
    program_done(&program);
}

static void say(Program *program, const char *text) {
    program_send(program, text, strlen(text));
}

/* The directory goes while the picture is being made. */
static void saved_elsewhere(void) {
    mkdir("gone", 0777);
    static const char *const arguments[] = {"--steps=60", "--size=64x64", "--outdir=gone", "--progress=all",
                                            NULL};
    Program program = program_start(arguments);
    say(&program, "1girl\n\n");
    program_expect(&program, "Denoising step 2/60...");
    CHECK(rmdir("gone") == 0, "nothing is in the directory before the picture is made");
    write_text("gone", "a file now");
    CHECK(program_expect(&program, "the picture is kept"), "N6: a directory that goes loses nothing");
    say(&program, ":export last kept.png\n");
    CHECK(program_expect(&program, "kept.png"), "N4: :export last writes the picture elsewhere");
    say(&program, ":set outdir .\n:go\n");
    CHECK(program_expect(&program, "Output saved to output_"),
          "N4: and the session goes on in another directory");
    program_end(&program);
    CHECK_EQ(program.status, 1, "A5: some of it failed");
    program_done(&program);
    program = program_run("", "info", "kept.png", NULL);
    CHECK_HAS(buf_string(&program.said), "1girl", "the picture that was kept is whole");
    program_done(&program);
}

/* As above, with nobody there to export it. */
static void rescued(void) {
    mkdir("lost", 0777);
    setenv("TMPDIR", ".", 1);
    static const char *const arguments[] = {"--steps=60", "--size=64x64", "--outdir=lost", "--progress=all",
                                            "1girl", NULL};
    Program program = program_start(arguments);
    program_expect(&program, "Denoising step 2/60...");
    CHECK(rmdir("lost") == 0, "the directory goes before the picture is made");
    program_end(&program);
    CHECK_EQ(program.status, 5, "A5: that is status 5");
    CHECK_HAS(buf_string(&program.complained),
              "[WARN] The picture that could not be saved is kept as newbie_rescued_001.png\n",
              "N4: the picture is kept where temporary files are");
    program_done(&program);
    program = program_run("", "info", "newbie_rescued_001.png", NULL);
    CHECK_HAS(buf_string(&program.said), "1girl", "and is whole");
    program_done(&program);
}

static void refused_directories(void) {
    write_text("plain_file", "x");
    Program program = program_run("", "--outdir=plain_file/sub", CHEAP, "1girl", NULL);
    CHECK_EQ(program.status, 5, "A5: a directory that cannot be made is status 5");
    CHECK_HAS(buf_string(&program.complained), "plain_file", "and is named");
    CHECK(!strstr(buf_string(&program.said), "Denoising step 1/"), "R4: before the first step");
    program_done(&program);
    program = program_run("", "--outdir=/proc", CHEAP, "1girl", NULL);
    CHECK_EQ(program.status, 5, "a directory in which nothing can be made is status 5");
    CHECK_HAS(buf_string(&program.complained), "--outdir=DIR", "error 27 and its way out");
    program_done(&program);
    program = program_run("", "-o", "nowhere/a.png", CHEAP, "1girl", NULL);
    CHECK_EQ(program.status, 5, "-o into a missing directory is status 5");
    program_done(&program);
}

static void two_at_once(void) {
    static const char *const arguments[] = {CHEAP, "--prefix=both_", "--threads=1", NULL};
    enum { EACH = 6 };
    Program program[2] = {program_start(arguments), program_start(arguments)};
    for (int i = 0; i < EACH; i++)
        for (int p = 0; p < 2; p++)
            program_send(&program[p], "1girl\n\n", 7);
    program_end(&program[0]);
    program_end(&program[1]);
    int present = 0;
    for (int number = 1; number <= 2 * EACH; number++) {
        char name[32], line[64];
        snprintf(name, sizeof name, "both_%03d.png", number);
        snprintf(line, sizeof line, "Output saved to %s\n", name);
        present += access(name, F_OK) == 0 &&
                   count_of(buf_string(&program[0].said), line) + count_of(buf_string(&program[1].said),
                                                                           line) == 1;
    }
    CHECK_EQ(present, 2 * EACH, "N2: two programs in one directory never share a number and leave none out");
    program_done(&program[0]);
    program_done(&program[1]);
}

static void numbers(void) {
    write_text("far_998.png", "");
    write_text("far_12x.png", "");
    Program program = program_run("a\n\nb\n\n", CHEAP, "--prefix=far_", NULL);
    CHECK_HAS(buf_string(&program.said), "Output saved to far_999.png\n", "N1: one more than the highest");
    CHECK_HAS(buf_string(&program.said), "Output saved to far_1000.png\n", "N1: 999 is followed by 1000");
    program_done(&program);
}

static void closed_streams(void) {
    Program program = program_start((const char *const[]){"--steps=30", "--size=64x64", NULL});
    close(program.out);
    program.out = -1;
    program_send(&program, "1girl\n\n1girl\n\n", 14);
    program_end(&program);
    CHECK_EQ(program.status, 5, "a reader that went away is status 5, not a signal");
    program_done(&program);

    char *path = program_path();
    Buf command = {0};
    buf_print(&command, "'%s' --steps=1 <&- >closed.txt 2>&1", path);
    int status = system(command.data);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a closed standard input is an empty one");
    Buf said = read_bytes("closed.txt");
    CHECK_HAS(buf_string(&said), "newbie: 0 pictures in ", "and the session ends");
    buf_done(&said);
    buf_truncate(&command, 0);
    buf_print(&command, "'%s' --steps=1 -o closed.png 1girl >&- 2>&-", path);
    status = system(command.data);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 8, "closed outputs end with a status, not a signal");
    struct stat picture;
    CHECK(stat("closed.png", &picture) != 0 || picture.st_size > 1000, "and never write into the picture");
    buf_done(&command);
    free(path);
}

int main(void) {
    program_world();
    numbers();
    refused_directories();
    two_at_once();
    closed_streams();
    saved_elsewhere();
    rescued();
    full_disk();
    return tap_end();
}
