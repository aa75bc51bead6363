/* backends: newbie check, the first command on a new machine: pairs of backends are compared, wrong pairs are
 * refused. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu/emu/emu.h"
#include "tests/run/program.h"
#include "tests/tap.h"

/* The emulated card, from everything hot to everything streamed, each in another order of its threads. */
static void plans_make_the_same_file(void) {
    Buf first = {0};
    static const struct { const char *plan, *order; } ways[] = {{"a", "forward"}, {"c", "reverse"},
                                                                {"e", "random"}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char plan[16], file[16];
        snprintf(plan, sizeof plan, "--plan=%s", ways[i].plan);
        snprintf(file, sizeof file, "%s.png", ways[i].plan);
        setenv(EMU_ORDER, ways[i].order, 1);
        Program run = program_run("", "--device=emu", plan, "--demo", "--steps=1", "--size=32x32", "--seed=1",
                                  "--metadata=off", "-o", file, "1girl", NULL);
        CHECK_EQ(run.status, 0, plan);
        if (run.status)
            printf("# %s\n", buf_string(&run.complained));
        program_done(&run);
        Buf bytes = read_bytes(file);
        if (i == 0)
            buf_add(&first, bytes.data, bytes.size);
        CHECK(bytes.size > 100 && bytes.size == first.size && !memcmp(bytes.data, first.data, first.size),
              "gives the same file on a card, in another order of its threads too");
        buf_done(&bytes);
    }
    unsetenv(EMU_ORDER);
    buf_done(&first);
}

/* Nobody guesses how fast a card is: it is asked before the page is printed. */
static void times_are_known(void) {
    Program run = program_run("", "--device=emu", "--demo", "doctor", NULL);
    CHECK_EQ(run.status, 0, "newbie doctor is made on a card");
    CHECK_HAS(buf_string(&run.said), "plan A, everything hot  about ", "with the time a picture takes there");
    program_done(&run);
}

static void pairs_are_compared(void) {
    Program run = program_run("", "check", "--demo", NULL);
    CHECK_EQ(run.status, 0, "a check without a pair compares the processor with plain code");
    CHECK_HAS(buf_string(&run.said), "cpu and ref agree on every op of a picture of 64x64, f32", "op by op");
    program_done(&run);
}

static void emulated_card_is_compared(void) {
    Buf module = {0};
    buf_print(&module, "%s/gpu/emu/newbie-emu.so", getenv("builddir"));
    bool there = !access(module.data, F_OK);
    buf_done(&module);
    if (!there) {
        SKIP("a card is compared stage by stage", "this build has no emulated one");
        return;
    }
    program_use("newbie-emu");
    plans_make_the_same_file();
    times_are_known();
    Program run = program_run("", "check", "cpu,emu", "--demo", NULL);
    CHECK_HAS(buf_string(&run.said), "cpu and emu:0 agree on 8 stages of a picture of 64x64",
              "a card in the second place is compared stage by stage");
    CHECK_HAS(buf_string(&run.said), "newbie check emu:0,cpu compares op by op", "with how to compare more");
    program_done(&run);
    program_use("newbie");
}

/* Float32 stands for a precision that is near bf16. */
static void quality_is_measured(void) {
    Program run = program_run("", "check", "--quality", "--demo", "--precision=f32", "--size=32x32",
                              "--steps=2", "--device=cpu", NULL);
    CHECK_EQ(run.status, 0, "a precision near bf16 passes");
    const char *said = strstr(buf_string(&run.said), "PSNR ");
    CHECK_HAS(buf_string(&run.said), "20 pictures of 32x32 in 2 steps against bf16: PSNR ",
              "with its distance");
    CHECK(said && atof(said + 5) > 25 && atof(said + 5) < 90, "which is neither none nor large");
    static const char *const times[] = {"0.1", "0.5", "0.9"};
    for (int i = 0; i < 3; i++) {
        char line[64];
        snprintf(line, sizeof line, "velocity at t = %s against bf16: relative L2 0.00", times[i]);
        CHECK_HAS(buf_string(&run.said), line, "and the velocity's at three times");
    }
    program_done(&run);
    run = program_run("", "check", "--quality", "--demo", "--device=cpu", "--size=32x32", "--steps=1", NULL);
    CHECK(run.status != 0, "int8 is refused where it is not");
    CHECK_HAS(buf_string(&run.complained), "precision int8: the cpu", "with the reason");
    program_done(&run);
    run = program_run("", "--demo", "--device=cpu", "--precision=fp8", "--size=32x32", "--steps=1", "1girl",
                      NULL);
    CHECK(run.status != 0, "so is fp8");
    CHECK_HAS(buf_string(&run.complained), "precision fp8: the cpu backend computes in f32 or bf16",
              "with the reason");
    CHECK_HAS(buf_string(&run.complained), "--precision=auto", "and what to type");
    program_done(&run);
}

/* R3: the whole picture has room at 0.034 GiB, and not at 0.0318. */
static void tiles_are_announced(void) {
    static const struct { const char *vram; bool tiled; } rows[] = {{"--vram=0.034", false},
                                                                    {"--vram=0.0318", true}};
    for (size_t i = 0; i < 2; i++) {
        Program run = program_run("", "--demo", "--device=cpu", "--precision=f32", rows[i].vram,
                                  "--size=912x64",
                                  "--steps=1", "--cfg=1", "--force", "-o", "wide.png", "1girl", NULL);
        CHECK_EQ(run.status, 0, "a wide picture is made on a card of that size");
        bool said = strstr(buf_string(&run.said), "912x64: decoding in tiles, seams are possible") != NULL;
        CHECK(said == rows[i].tiled,
              rows[i].tiled ? "R3: that it is decoded in tiles is said" : "as a whole");
        program_done(&run);
    }
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
    emulated_card_is_compared();
    quality_is_measured();
    tiles_are_announced();
    wrong_pairs_are_refused();
    return tap_end();
}
