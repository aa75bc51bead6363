/* one_shot.c: one prompt from the command line: where it comes from, where the picture goes, what
 * programs read, and the exit statuses. product.md section 1 (A1 to A6), N3, R6. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/json.h"
#include "program.h"
#include "tests/tap.h"

#define PNG_MARK "\x89PNG\r\n\x1a\n"

static bool same_file(const char *a, const char *b) {
    Buf first = read_bytes(a), second = read_bytes(b);
    bool same = first.size && first.size == second.size && !memcmp(first.data, second.data, first.size);
    buf_done(&first);
    buf_done(&second);
    return same;
}

static void files(void) {
    Program program = program_run("", "-o", "a.png", CHEAP, "--seed=5", "1girl", NULL);
    CHECK_EQ(program.status, 0, "-o writes a file");
    CHECK_HAS(buf_string(&program.said), "Output saved to a.png\n", "N3: and names it");
    CHECK(access("output_001.png", F_OK) != 0, "-o uses no number");
    program_done(&program);

    struct stat before, after;
    stat("a.png", &before);
    program = program_run("", "-o", "a.png", CHEAP, "1girl", NULL);
    stat("a.png", &after);
    CHECK_EQ(program.status, 5, "A5: an existing file is status 5");
    CHECK_STR(buf_string(&program.complained), "newbie: a.png exists\nnewbie: --force replaces it\n",
              "error 28 and its way out");
    CHECK(before.st_ino == after.st_ino && before.st_size == after.st_size, "the file is as it was");
    program_done(&program);

    program = program_run("", "-o", "a.png", "--force", "--steps=2", "1girl", NULL);
    CHECK_EQ(program.status, 0, "--force replaces it");
    program_done(&program);

    program = program_run("", "-o", "-", CHEAP, "--seed=5", "1girl", NULL);
    CHECK(program.said.size > 8 && !memcmp(program.said.data, PNG_MARK, 8),
          "-o - puts nothing before the picture");
    CHECK(program.said.size > 12 && !memcmp(program.said.data + program.said.size - 8, "IEND", 4),
          "nor behind it");
    CHECK_HAS(buf_string(&program.complained), "[INFO] Model loaded in ",
              "A5: the lines are on standard error");
    program_done(&program);
}

static void counted(void) {
    Program program = program_run("", "-n", "2", "-s", "7", "-q", CHEAP, "1girl", NULL);
    CHECK_STR(buf_string(&program.said), "output_001.png\noutput_002.png\n",
              "-q prints the names of the files only");
    CHECK_STR(buf_string(&program.complained), "", "and nothing else anywhere");
    program_done(&program);
    program = program_run("", CHEAP, "-s", "8", "-o", "eight.png", "--metadata=off", "1girl", NULL);
    program_done(&program);
    program = program_run("", "-n", "2", CHEAP, "-s", "7", "--metadata=off", "--prefix=n_", "1girl",
                          NULL);
    CHECK(same_file("eight.png", "n_002.png"), "-n counts a fixed seed up by one each");
    program_done(&program);
}

static void prompts(void) {
    write_text("bom.xml", "\xef\xbb\xbf<n>miku</n>\r\nwaving\n");
    Program program = program_run("", "-p", "bom.xml", CHEAP, "-o", "p.png", NULL);
    CHECK_EQ(program.status, 0, "-p reads a prompt from a file");
    program_done(&program);
    program = program_run("", "info", "p.png", NULL);
    CHECK_HAS(buf_string(&program.said), "<n>miku</n>", "A3: without the byte order mark");
    CHECK(!strchr(buf_string(&program.said), '\r') && !strstr(buf_string(&program.said), "\xef\xbb\xbf"),
          "A3: CR LF became LF");
    program_done(&program);

    program = program_run("1girl\n\nquit\n", "-p", "-", CHEAP, "-o", "q.png", NULL);
    CHECK_EQ(program.status, 0, "-p - reads standard input");
    program_done(&program);
    program = program_run("", "info", "q.png", NULL);
    CHECK_HAS(buf_string(&program.said), "quit", "as one prompt, whatever it holds");
    program_done(&program);

    program = program_run("", "bom.xml", NULL);
    CHECK_EQ(program.status, 2, "A3: a file as PROMPT is refused");
    CHECK_HAS(buf_string(&program.complained), "newbie: bom.xml is a file, expected a prompt\n", "error 16");
    CHECK_HAS(buf_string(&program.complained), "newbie -p bom.xml reads it", "with -p as the way out");
    program_done(&program);
}

/* One event of --json. */
typedef struct Known {
    const char *event;
    const char *keys[14];
} Known;

static const Known EVENTS[] = {
    {"hello", {"protocol", "version", "build"}},
    {"model", {"name", "demo", "device", "precision", "plan", "seconds", "weights_bytes", "hashes"}},
    {"job", {"job", "prompt", "negative", "system", "seed", "steps", "size", "cfg", "sampler", "schedule",
             "shift", "rng", "parity"}},
    {"lint", {"id", "level", "message", "line", "column"}},
    {"phase", {"job", "name", "seconds"}},
    {"step", {"job", "step", "total", "sigma", "seconds", "eta", "velocity_norm", "guided"}},
    {"memory", {"gpu", "host"}},
    {"saved", {"job", "number", "file", "sha256", "seconds", "steps_run", "peak_bytes"}},
    {"error", {"code", "message", "hint", "status"}},
    {"bye", {"pictures", "seconds", "status"}},
};

static bool has_keys(const Json *object, const Known *known) {
    for (size_t i = 0; i < 14 && known->keys[i]; i++)
        if (!json_get(object, known->keys[i])) {
            printf("# %s has no key %s\n", known->event, known->keys[i]);
            return false;
        }
    return true;
}

/* Counts the lines that are a known event with its keys in the promised order; *lines all lines. */
static int good_events(const char *text, int *lines, int *seen) {
    int good = 0;
    *lines = 0;
    for (const char *end; (end = strchr(text, '\n')); text = end + 1, ++*lines) {
        Json *object = NULL;
        Status st = json_parse(&object, text, (size_t)(end - text));
        if (st) {
            printf("# %s\n", st->message);
            continue;
        }
        const char *name = json_get_string(object, "event", NULL);
        for (size_t i = 0; name && i < sizeof EVENTS / sizeof *EVENTS; i++)
            if (!strcmp(name, EVENTS[i].event) && !strncmp(text, "{\"event\":\"", 10) &&
                json_get(object, "t") &&
                has_keys(object, &EVENTS[i])) {
                seen[i]++;
                good++;
            }
        json_free(object);
    }
    return good;
}

static void events(void) {
    int lines, seen[sizeof EVENTS / sizeof *EVENTS] = {0};
    Program program = program_run("", "--json", "--steps=2", "--seed=18446744073709551615",
                                  "<character_1><gender>girl</gender></character_1>", NULL);
    int good = good_events(buf_string(&program.said), &lines, seen);
    CHECK_EQ(program.status, 0, "--json makes its picture");
    CHECK_EQ(good, lines, "A6: every line is one event with the keys of the table");
    for (size_t i = 0; i < sizeof EVENTS / sizeof *EVENTS; i++)
        if (strcmp(EVENTS[i].event, "error"))
            CHECK(seen[i], EVENTS[i].event);
    CHECK_HAS(buf_string(&program.said), "\"seed\":\"18446744073709551615\"",
              "A6: seeds are decimal strings");
    CHECK(!strncmp(last_line(&program.said), "{\"event\":\"bye\"", 14), "the last line is bye");
    program_done(&program);

    program = program_run(":nosuch\n1girl\n\n", "--json", CHEAP, NULL);
    good = good_events(buf_string(&program.said), &lines, seen);
    CHECK_EQ(good, lines, "A6: a session on a pipe answers in events");
    CHECK_HAS(buf_string(&program.said), "\"event\":\"error\"", "errors are events");
    CHECK_HAS(buf_string(&program.said), "\"event\":\"saved\"", "and the session goes on");
    CHECK_EQ(program.status, 1, "A5: some of it failed");
    program_done(&program);
}

static void same_bytes(void) {
    static const char *const names[] = {"one.png", "again.png", "two.png", "two_again.png"};
    for (size_t i = 0; i < 4; i++) {
        const char *threads = i < 2 ? "--threads=1" : "--threads=2";
        Program program = program_run("", "--seed=99", "--steps=4", "--metadata=off", threads,
                                      "-o", names[i], "<character_1><n>miku</n></character_1>", NULL);
        program_done(&program);
    }
    CHECK(same_file("one.png", "again.png"), "the same seed gives the same bytes again");
    CHECK(same_file("one.png", "two.png"), "and with two threads");
    CHECK(same_file("two.png", "two_again.png"), "twice");
    Program program = program_run("", "--seed=100", "--steps=4", "--metadata=off", "-o", "other.png",
                                  "<character_1><n>miku</n></character_1>", NULL);
    CHECK(!same_file("one.png", "other.png"), "another seed gives another picture");
    program_done(&program);
}

static void usage(void) {
    static const struct { const char *option, *sentence; } rows[] = {
        {"--stpes=3", "newbie: unknown option --stpes; did you mean --steps?\n"},
        {"--steps=0", "newbie: steps is 0, expected 1 to 1000\n"},
        {"--steps=10001", "newbie: steps is 10001, expected 1 to 1000\n"},
        {"--size=0", "newbie: size is 0, expected WxH, each 16 to 8192\n"},
        {"--size=17", "newbie: size is 17, expected WxH, each 16 to 8192\n"},
        {"--size=17x17", "newbie: size 17x17 is not a multiple of 16\n"},
        {"--size=0x0", "newbie: size is 0x0, expected WxH, each 16 to 8192\n"},
        {"--size=100000", "newbie: size is 100000, expected WxH, each 16 to 8192\n"},
        {"--size=100000x100000", "newbie: size is 100000x100000, expected WxH, each 16 to 8192\n"},
        {"--size=1000x1000", "newbie: size 1000x1000 is not a multiple of 16\n"},
        {"--cfg=nan", "newbie: cfg is nan, expected "},
        {"--seed=-1", "newbie: seed is -1, expected "},
        {"--output=", "newbie: option --output needs a value: FILE\n"},
        {"--file=", "newbie: option --file needs a value: FILE\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Program program = program_run("", rows[i].option, "1girl", NULL);
        CHECK_EQ(program.status, 2, rows[i].option);
        CHECK_HAS(buf_string(&program.complained), rows[i].sentence, rows[i].option);
        CHECK_EQ(count_of(buf_string(&program.complained), "\n"), 2, "one sentence and one way out");
        program_done(&program);
    }
    Program program = program_run("", "1girl", "2girls", NULL);
    CHECK_EQ(program.status, 2, "two prompts are refused");
    program_done(&program);
}

/* What the command line refuses, it cures with what is typed on a command line. */
static void hints(void) {
    Program program = program_run("", "--size=1000x1000", "1girl", NULL);
    CHECK_HAS(buf_string(&program.complained), "newbie: --size=992x992 or --size=1008x1008\n", "a size");
    program_done(&program);
    program = program_run("", "--outdir=/nowhere/at/all", "1girl", NULL);
    CHECK_HAS(buf_string(&program.complained), "[HINT] --outdir=DIR", "a directory");
    program_done(&program);
    program = program_run("", "--model=.", "1girl", NULL);
    CHECK_HAS(buf_string(&program.complained),
              "[HINT] --model=PATH chooses another, --demo uses the built-in one\n", "a model");
    program_done(&program);
    mkdir("pictures", 0777);
    program = program_run("", "-o", "pictures", "--force", "1girl", NULL);
    CHECK_EQ(program.status, 5, "a directory as -o FILE is refused before anything is made");
    CHECK_STR(buf_string(&program.complained),
              "newbie: pictures is a directory, expected a file name\n"
              "newbie: --outdir=pictures puts numbered pictures there\n",
              "with the way out");
    program_done(&program);
    program = program_run("", "info", "/etc/passwd", NULL);
    CHECK_HAS(buf_string(&program.complained), "[HINT] only PNG files are read\n", "error 24 has its hint");
    program_done(&program);
}

/* Scripts read what -q prints. */
static void leftovers(void) {
    write_text(".newbie-1-0.part", "half");
    struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    utimensat(AT_FDCWD, ".newbie-1-0.part", old, 0);
    Program program = program_run("", "-q", "--steps=1", "--prefix=left_", "1girl", NULL);
    CHECK_STR(buf_string(&program.said), "left_001.png\n", "-q prints no name of a part that was removed");
    CHECK(access(".newbie-1-0.part", F_OK) != 0, "N5: but it was removed");
    program_done(&program);
    program = program_run(":edit\n", NULL);
    CHECK_HAS(buf_string(&program.complained), "no editor is chosen, and there is no terminal for vi\n",
              "no editor is opened where nobody can type");
    program_done(&program);
}

/* What a shell gives as <(...) is no regular file. */
static void streams(void) {
    Program program =
        program_run("1girl, from a pipe", "-p", "/dev/stdin", "-q", "-o", "from_pipe.png", NULL);
    CHECK_EQ(program.status, 0, "-p reads a pipe");
    program_done(&program);
    program = program_run("\xEF\xBB\xBF:set prefix pipe_\n:set steps 1\n1girl\n", "-f", "/dev/stdin", "-q",
                          NULL);
    CHECK_STR(buf_string(&program.said), "pipe_001.png\n", "-f reads a pipe; its byte order mark is dropped");
    program_done(&program);
    program = program_run("\xEF\xBB\xBF:set steps 1\n", "-q", NULL);
    CHECK_EQ(program.status, 0, "so is that of a session on a pipe");
    program_done(&program);
}

int main(void) {
    program_world();
    files();
    counted();
    prompts();
    events();
    same_bytes();
    usage();
    hints();
    streams();
    leftovers();
    return tap_end();
}
