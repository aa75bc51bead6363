/* tap.h: the few words a test program needs. Output is TAP; a failing check prints expected, got and where.
 *
 *   int main(void) {
 *       CHECK(1 + 1 == 2, "one and one is two");
 *       CHECK_EQ(f(3), 9, "three squared");
 *       return tap_end();
 *   }
 *
 * A test is named after the sentence it proves. */
#pragma once

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Weak: one pair for all files of a test program. */
__attribute__((weak)) int tap_count_, tap_failed_;

static inline int tap_result_(int good, const char *file, int line, const char *name) {
    printf("%s %d - %s\n", good ? "ok" : "not ok", ++tap_count_, name);
    if (!good) {
        tap_failed_++;
        printf("# at %s:%d\n", file, line);
    }
    fflush(stdout);
    return good;
}

#define CHECK(condition, name)                                          \
    do {                                                                \
        if (!tap_result_((condition) ? 1 : 0, __FILE__, __LINE__, name)) \
            printf("# expected true: %s\n", #condition);                \
    } while (0)

#define CHECK_EQ(got, expected, name)                                                \
    do {                                                                             \
        long long tap_g_ = (long long)(got), tap_e_ = (long long)(expected);         \
        if (!tap_result_(tap_g_ == tap_e_, __FILE__, __LINE__, name))                \
            printf("# expected %lld, got %lld (%s)\n", tap_e_, tap_g_, #got);        \
    } while (0)

#define CHECK_STR(got, expected, name)                                                           \
    do {                                                                                         \
        const char *tap_g_ = (got), *tap_e_ = (expected);                                        \
        if (!tap_result_(tap_g_ && tap_e_ && !strcmp(tap_g_, tap_e_), __FILE__, __LINE__, name)) \
            printf("# expected \"%s\"\n# got      \"%s\"\n", tap_e_, tap_g_ ? tap_g_ : "(null)"); \
    } while (0)

/* The text contains a part. */
#define CHECK_HAS(got, part, name)                                                           \
    do {                                                                                     \
        const char *tap_g_ = (got), *tap_p_ = (part);                                        \
        if (!tap_result_(tap_g_ && strstr(tap_g_, tap_p_), __FILE__, __LINE__, name))        \
            printf("# expected \"...%s...\"\n# got \"%s\"\n", tap_p_, tap_g_ ? tap_g_ : "(null)"); \
    } while (0)

#define CHECK_NEAR(got, expected, limit, name)                                                     \
    do {                                                                                           \
        double tap_g_ = (got), tap_e_ = (expected);                                                \
        if (!tap_result_(fabs(tap_g_ - tap_e_) <= (limit), __FILE__, __LINE__, name))              \
            printf("# expected %.9g within %g, got %.9g\n", tap_e_, (double)(limit), tap_g_);      \
    } while (0)

/* A Status is success; prints its sentence otherwise. */
#define CHECK_OK(status, name)                                                            \
    do {                                                                                  \
        Status tap_s_ = (status);                                                         \
        if (!tap_result_(!tap_s_, __FILE__, __LINE__, name))                              \
            printf("# expected success, got: %s\n", tap_s_ ? tap_s_->message : "");        \
    } while (0)

/* Skips what cannot run here, with the reason. */
#define SKIP(name, reason) printf("ok %d - %s # SKIP %s\n", ++tap_count_, name, reason)

static inline int tap_end(void) {
    printf("1..%d\n", tap_count_);
    return tap_failed_ != 0;
}
