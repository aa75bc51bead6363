/* clock: times for people and machines. Forms: product.md L3. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/tap.h"

static const struct {
    double seconds;
    const char *text;
} DURATIONS[] = {
    {0, "0.0s"},      {7.2, "7.2s"},         {99.94, "99.9s"},     {99.96, "1m 40s"},
    {125, "2m 05s"},  {3599.4, "59m 59s"},   {3599.6, "1h 00m"},   {4020, "1h 07m"},
    {-1, "0.0s"},     {NAN, "0.0s"},         {360000, "100h 00m"}, {INFINITY, "277777h 47m"},
};

int main(void) {
    char text[24];
    for (size_t i = 0; i < sizeof DURATIONS / sizeof *DURATIONS; i++) {
        clock_format(text, DURATIONS[i].seconds);
        CHECK_STR(text, DURATIONS[i].text, DURATIONS[i].text);
    }
    clock_iso(text, 1769860800);
    CHECK_STR(text, "2026-01-31T12:00:00Z", "wall time is written in ISO 8601, UTC");
    clock_iso(text, INT64_MAX);
    CHECK_EQ(strlen(text), 20, "a time beyond the calendar does not overflow");

    double before = clock_seconds();
    usleep(20000);
    CHECK(clock_seconds() - before >= 0.02, "seconds pass");
    CHECK(clock_process_start() <= before + 0.02 && before - clock_process_start() < 60,
          "the process began just now");
    CHECK(clock_unix() > 1700000000, "it is later than 2023");
    setenv("NEWBIE_FAKE_CLOCK", "1", 1);
    CHECK(clock_seconds() == 0 && clock_unix() == 0 && clock_process_start() == 0,
          "a fake clock stands still at 0");
    return tap_end();
}
