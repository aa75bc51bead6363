/* clock.c: see clock.h. The start of the process comes from /proc/self/stat, field 22 (proc(5)). */
#include "config.h"

#include "base/clock.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool fake_clock(void) {
    const char *fake = getenv("NEWBIE_FAKE_CLOCK");
    return fake && strcmp(fake, "1") == 0;
}

static double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double clock_seconds(void) {
    return fake_clock() ? 0 : seconds_of(CLOCK_MONOTONIC);
}

/* Seconds since boot at which this process began; negative when the system does not say. */
static double started_after_boot(void) {
    char text[1024];
    FILE *stat = fopen("/proc/self/stat", "re");
    if (!stat)
        return -1;
    size_t size = fread(text, 1, sizeof text - 1, stat);
    fclose(stat);
    text[size] = '\0';
    const char *at = strrchr(text, ')'); /* the name, field 2, may hold anything, even spaces and brackets */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? (double)strtoull(at, NULL, 10) / (double)sysconf(_SC_CLK_TCK) : -1;
}

double clock_process_start(void) {
    double started = started_after_boot();
    if (fake_clock() || started < 0)
        return clock_seconds();
    return seconds_of(CLOCK_MONOTONIC) - (seconds_of(CLOCK_BOOTTIME) - started);
}

int64_t clock_unix(void) {
    return fake_clock() ? 0 : (int64_t)time(NULL);
}

void clock_iso(char out[24], int64_t unix_seconds) {
    time_t when = (time_t)unix_seconds;
    struct tm utc;
    if (!gmtime_r(&when, &utc) || strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        strcpy(out, "1970-01-01T00:00:00Z");
}

void clock_format(char out[24], double seconds) {
    if (!(seconds > 0)) /* also what is no number */
        seconds = 0;
    seconds = fmin(seconds, 1e9);
    int whole = (int)lround(seconds), minutes = (int)lround(seconds / 60);
    int tenths = whole > 100 ? 1000 : (int)lround(seconds * 10);
    if (tenths < 1000)
        snprintf(out, 24, "%d.%ds", tenths / 10, tenths % 10);
    else if (whole < 3600)
        snprintf(out, 24, "%dm %02ds", whole / 60, whole % 60);
    else
        snprintf(out, 24, "%dh %02dm", minutes / 60, minutes % 60);
}
