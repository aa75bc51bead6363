/* isa.c: code paths are chosen by name, by the environment, or the best; what cannot run is refused with a
 * list. */
#include "config.h"

#include <stdlib.h>

#include "cpu/cpu.h"
#include "tests/tap.h"

static Status open_path(const char *path, char description[80]) {
    void *state = NULL;
    BackendOptions options = {.threads = 1, .path = path};
    Status st = CPU_BACKEND.open(&state, &options);
    if (!st) {
        snprintf(description, 80, "%s", CPU_BACKEND.describe(state));
        CPU_BACKEND.close(state);
    }
    return st;
}

static void test_every_listed_path_opens(void) {
    char description[80];
    int count = 0;
    for (const char *const *path = cpu_paths(); *path; path++, count++) {
        CHECK_OK(open_path(*path, description), "a listed path opens");
        CHECK_HAS(description, *path, "and is the one that was asked for");
    }
    CHECK(count >= 1, "there is at least one path");
    CHECK_STR(cpu_paths()[count - 1], "portable", "the last is the portable one");
}

static void test_the_environment_chooses(void) {
    char description[80] = "";
    unsetenv("NEWBIE_ISA");
    CHECK_OK(open_path(NULL, description), "without a wish a path is chosen");
    CHECK_HAS(description, cpu_paths()[0], "the best one");
    setenv("NEWBIE_ISA", "portable", 1);
    CHECK_OK(open_path(NULL, description), "NEWBIE_ISA is obeyed");
    CHECK_STR(description, "cpu, 1 thread, portable", "the description names threads and path");
    setenv("NEWBIE_ISA", "sse9", 1);
    Status st = open_path(NULL, description);
    CHECK(st && st->code == ERR_USAGE, "an impossible NEWBIE_ISA is the user's mistake");
    CHECK_HAS(st ? st->message : "", "NEWBIE_ISA=\"sse9\"", "the sentence says where it came from");
    CHECK_HAS(st ? st->message : "", "portable", "and lists what this machine has");
    CHECK_OK(open_path("portable", description), "an option is stronger than the environment");
    unsetenv("NEWBIE_ISA");
}

static void test_threads_have_limits(void) {
    void *state = NULL;
    Status st = CPU_BACKEND.open(&state, &(BackendOptions){.threads = 1025});
    CHECK(st && st->code == ERR_USAGE, "1025 threads are refused");
    CHECK(cpu_physical_cores() >= 1, "there is a core");
}

int main(void) {
    test_every_listed_path_opens();
    test_the_environment_chooses();
    test_threads_have_limits();
    return tap_end();
}
