/* bench: the review's protocol on the demo model: what is measured comes from real rounds, the numbers are
 * the ones that statistics says, and nothing is left behind. */
#include "config.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/bench.h"
#include "tests/run/program.h"
#include "tests/tap.h"

static void numbers_are_those_of_statistics(void) {
    static const double values[] = {4, 1, 3, 2, 10}; /* mean 4, squares 50, 50 / (5 - 1) = 12.5 */
    Series series = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        series_add(&series, values[i]);
    SeriesFacts facts = series_facts(&series);
    CHECK_NEAR(facts.mean, 4, 1e-12, "the mean");
    CHECK_NEAR(facts.deviation, 3.5355339059327378, 1e-12, "the standard deviation of a sample");
    CHECK_NEAR(facts.p50, 3, 1e-12, "the median");
    CHECK_NEAR(facts.p95, 8.8, 1e-12, "the 95th percentile lies between the ranks: 4 + 0.8 of 6");
    CHECK_NEAR(facts.largest, 10, 0, "the largest");
    series_done(&series);
    series_add(&series, 7);
    facts = series_facts(&series);
    CHECK(facts.mean == 7 && facts.deviation == 0 && facts.p95 == 7, "one value is all of them");
    series_done(&series);
    facts = series_facts(&series);
    CHECK(facts.mean == 0 && facts.p50 == 0, "and none is none");
}

static int files_here(const char *ending) {
    int count = 0;
    DIR *names = opendir(".");
    for (struct dirent *name; names && (name = readdir(names));)
        count += strstr(name->d_name, ending) != NULL;
    if (names)
        closedir(names);
    return count;
}

/* The number behind the last "| " of the row of `measure` that is in column `column`, -1 when there is
 * none. */
static double cell(const Buf *said, const char *measure, int column) {
    const char *row = strstr(buf_string((Buf *)said), measure);
    for (int i = 0; row && i < column; i++)
        row = strchr(row + 1, '|');
    return row ? atof(row + 1) : -1;
}

static void a_round_is_measured(void) {
    Program run = program_run("", "bench", "1", "3", "--demo", CHEAP, "--steps=2", "--precision=f32", NULL);
    const char *said = buf_string(&run.said);
    CHECK_EQ(run.status, 0, "a bench ends with status 0");
    CHECK_HAS(said, "1 of 1 rounds of 3 pictures, 64x64, 2 steps, cfg 4, euler/normal, shift 3\n",
              "it says how its numbers were made");
    CHECK_HAS(said, "\nmodel: demo world\n", "with the model");
    CHECK_HAS(said, "\ndevice: cpu, ", "the device");
    CHECK_HAS(said, "\ndriver: ", "the driver");
    CHECK_HAS(said, "\nprecision: f32\nplan: a\nbuild: newbie ", "precision, plan and build");
    CHECK_HAS(said, "| round | cold start s |", "the rounds are a table");
    CHECK_EQ((int)cell(&run.said, "picture, hot", 2), 2, "pictures 2 to 3 are hot");
    CHECK_EQ((int)cell(&run.said, "cold start to first", 2), 1, "and one was cold");
    double cold = cell(&run.said, "cold start to first", 3), load = cell(&run.said, "model load |", 3);
    double picture = cell(&run.said, "picture, hot", 3), step = cell(&run.said, "step, hot", 3);
    CHECK(cold > load && load > 0, "a cold start takes longer than loading the model");
    CHECK(picture > 0 && 2 * step <= picture + 0.001, "and a picture at least as long as its steps");
    CHECK(cell(&run.said, "| 1 |", 5) > 5, "the process held some memory");
    CHECK_EQ(files_here(".png"), 0, "no picture is kept");
    CHECK_EQ(files_here("newbie-bench"), 0, "nor anything else");
    program_done(&run);
    run = program_run("", "bench", "1", "2", "--demo", CHEAP, "--keep", NULL);
    CHECK_EQ(files_here(".png"), 2, "with --keep they are");
    program_done(&run);
}

/* A card has two ways, and the numbers of the second are not among those of the rounds. */
static void the_gain_of_the_other_way_is_said(void) {
    Buf module = {0};
    buf_print(&module, "%s/gpu/emu/newbie-emu.so", getenv("builddir"));
    bool there = !access(module.data, F_OK);
    buf_done(&module);
    if (!there) {
        SKIP("deterministic off is measured, too", "this build has no emulated card");
        return;
    }
    program_use("newbie-emu");
    Program run = program_run("", "bench", "1", "2", "--demo", "--device=emu", "--size=32x32", "--steps=1",
                              NULL);
    const char *said = buf_string(&run.said);
    CHECK_EQ(run.status, 0, "a bench on a card ends with status 0");
    CHECK_HAS(said, "One round more with deterministic off, for what that gains", "it has a round more");
    CHECK_HAS(said, "1 of 1 rounds of 2 pictures", "which is not counted");
    CHECK_EQ((int)cell(&run.said, "step, hot", 2), 1, "nor are its steps");
    const char *gain = strstr(said, "\nstep, hot, with deterministic on ");
    CHECK_HAS(gain ? gain : "", " times as fast (off in one round)", "and what a step gains is told");
    program_done(&run);
    program_use("newbie");
}

static void what_goes_wrong_is_said(void) {
    Program run = program_run("", "bench", "0", NULL);
    CHECK_EQ(run.status, 2, "no rounds is a usage error");
    CHECK_HAS(buf_string(&run.complained), ":bench: ROUNDS is \"0\", expected 1 to 1000", "and says so");
    program_done(&run);
    run = program_run("", "bench", "1", "1", "--model=nowhere", NULL);
    CHECK(run.status != 0, "a child that fails fails the bench");
    CHECK_HAS(buf_string(&run.complained), "round 1 made 0 of 1 pictures: no model in nowhere",
              "with its sentence");
    program_done(&run);
}

int main(void) {
    program_world();
    numbers_are_those_of_statistics();
    a_round_is_measured();
    the_gain_of_the_other_way_is_said();
    what_goes_wrong_is_said();
    return tap_end();
}
