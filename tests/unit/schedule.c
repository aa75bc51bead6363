/* Noise levels against the printed values of model-spec.md 7.3 (its COMFY rows came from ComfyUI's own
 * functions). */
#include "config.h"

#include "sample/schedule.h"

#include <string.h>

#include "tests/tap.h"

/* Compares the first `count` levels, or the last when `count` is negative. */
static void check_levels(const char *name, int steps, double shift, int count, const double *expected) {
    char title[128];
    Sigmas sigmas = {0};
    CHECK_OK(schedule_fill(&sigmas, schedule_find(name), steps, shift), name);
    int n = count < 0 ? -count : count, from = count < 0 ? sigmas.count - n : 0;
    for (int i = 0; i < n; i++) {
        snprintf(title, sizeof title, "%s of %d steps at shift %g: level %d", name, steps, shift, from + i);
        /* half a unit of the last printed digit */
        CHECK_NEAR(sigmas.value[from + i], expected[i], 6e-7, title);
    }
    sigmas_done(&sigmas);
}

static void check_printed_values(void) {
    check_levels("normal", 4, 6, 5, (double[]){1, 0.923711, 0.753333, 0.034783, 0});
    check_levels("flowmatch", 8, 6, 9,
                 (double[]){1, 0.973156, 0.937989, 0.889917, 0.820243, 0.710183, 0.510294, 0.034783, 0});
    check_levels("normal", 28, 6, 4, (double[]){1, 0.993670, 0.986926, 0.979726});
    check_levels("normal", 28, 6, -5, (double[]){0.441509, 0.341637, 0.211475, 0.034783, 0});
    check_levels("simple", 4, 6, 5, (double[]){1, 0.947368, 0.857143, 0.666667, 0});
    check_levels("simple", 28, 6, -5, (double[]){0.500292, 0.420779, 0.317647, 0.183051, 0});
    check_levels("sgm_uniform", 8, 6, 9,
                 (double[]){1, 0.976899, 0.947765, 0.909878, 0.858599, 0.785300, 0.671921, 0.473220, 0});
    check_levels("linear_quadratic", 8, 6, 9,
                 (double[]){1, 0.993750, 0.987500, 0.981250, 0.975, 0.909375, 0.725, 0.421875, 0});
    check_levels("linear_quadratic", 28, 6, -5, (double[]){0.472449, 0.368878, 0.255612, 0.132653, 0});
    check_levels("lab_dpm", 4, 6, 5, (double[]){0.999833, 0.947169, 0.856898, 0.666370, 0});
    check_levels("lab", 5, 6, 5, (double[]){1, 1 - 0.052632, 1 - 0.142857, 1 - 0.333333, 0});
}

static void check_all_fall(void) {
    for (const Schedule *row = SCHEDULES; row->name; row++)
        for (int steps = 1; steps <= SCHEDULE_STEPS_MAX; steps += steps < 30 ? 1 : 97) {
            Sigmas sigmas = {0};
            Status st = schedule_fill(&sigmas, row, steps, 3);
            int good = !st && sigmas.count >= 2 && sigmas.value[sigmas.count - 1] == 0 &&
                       sigmas.value[0] <= 1;
            for (int i = 1; good && i < sigmas.count; i++)
                good = sigmas.value[i] < sigmas.value[i - 1];
            char title[128];
            snprintf(title, sizeof title, "%s of %d steps falls strictly from at most 1 to 0", row->name,
                     steps);
            if (!good || steps == SCHEDULE_STEPS_MAX - 2 || steps == 1)
                CHECK(good, title);
            sigmas_done(&sigmas);
        }
}

int main(void) {
    Sigmas untouched = {0};
    check_printed_values();
    check_all_fall();
    CHECK(!schedule_find("nothing"), "an unknown schedule is not found");
    CHECK(!schedule_find("flow"), "half an alias is not found");
    CHECK(!schedule_find(""), "an empty name is not found");
    CHECK_HAS(schedule_fill(&untouched, SCHEDULES, 0, 6)->message, "steps is 0, expected 1 to 1000",
              "zero steps are refused");
    CHECK_HAS(schedule_fill(&untouched, SCHEDULES, 1001, 6)->message, "steps is 1001",
              "too many steps are refused");
    CHECK_HAS(schedule_fill(&untouched, SCHEDULES, 28, 0)->message, "shift is 0",
              "a shift of zero is refused");
    CHECK_HAS(schedule_fill(&untouched, SCHEDULES, 28, NAN)->message, "shift is",
              "a shift that is no number is refused");
    CHECK(!untouched.value, "a refused list leaves the result alone");
    return tap_end();
}
