/* backends: newbie check, the first command on a new machine: pairs of backends are compared, wrong pairs are
 * refused. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/run/program.h"
#include "tests/tap.h"

static void pairs_are_compared(void) {
    Program run = program_run("", "check", "--demo", NULL);
    CHECK_EQ(run.status, 0, "a check without a pair compares the processor with plain code");
    CHECK_HAS(buf_string(&run.said), "cpu and ref agree on every op", "op by op");
    program_done(&run);
    Buf module = {0};
    buf_print(&module, "%s/gpu/emu/newbie-emu.so", getenv("builddir"));
    bool there = !access(module.data, F_OK);
    buf_done(&module);
    if (!there) {
        CHECK(true, "a card is compared stage by stage # SKIP this build has no emulated one");
        return;
    }
    run = program_run("", "check", "cpu,emu", "--demo", NULL);
    CHECK_HAS(buf_string(&run.said), "cpu and emu:0 agree on every stage", "a card is compared stage by stage");
    program_done(&run);
}

static void wrong_pairs_are_refused(void) {
    static const char *const wrong[] = {"cpu", "cpu,", "cpu,ref,cpu", "cpu,gpu"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Program run = program_run("", "check", wrong[i], "--demo", NULL);
        CHECK_EQ(run.status, 2, wrong[i]);
        CHECK_HAS(buf_string(&run.complained), "expected two of cpu, ref, cuda with a comma", "is no pair");
        program_done(&run);
    }
}

int main(void) {
    program_world();
    pairs_are_compared();
    wrong_pairs_are_refused();
    return tap_end();
}
