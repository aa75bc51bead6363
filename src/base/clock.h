/* clock.h: time since an unspecified start, and wall time. NEWBIE_FAKE_CLOCK=1 in the environment makes every
 * clock stand still at 0 (tests with byte-equal transcripts). */
#pragma once

#include <stddef.h>
#include <stdint.h>

double clock_seconds(void); /* monotonic */
double clock_process_start(void); /* clock_seconds() when the process began (as good as the system tells) */
int64_t clock_unix(void);   /* seconds since 1970, UTC */

/* "2026-01-31T12:00:00Z" for a clock_unix value; out holds at least 21 bytes. */
void clock_iso(char out[24], int64_t unix_seconds);

/* Duration for people, product.md L3: "7.2s" below 100 s, "2m 05s" below an hour, "1h 07m" above. Always a
 * point. */
void clock_format(char out[24], double seconds);
