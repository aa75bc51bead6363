/* log: lines reach the sink whole, one at a time. */
#include "config.h"

#include <pthread.h>

#include "base/log.h"
#include "tests/tap.h"

typedef struct Seen {
    int lines, inside, overlaps, level;
    char last[100];
} Seen;

static void keep(void *context, LogLevel level, const char *file, int line, const char *text) {
    Seen *seen = context;
    seen->overlaps += seen->inside++ > 0;
    seen->lines += line > 0 && strstr(file, "log.c") != NULL;
    seen->level = level;
    snprintf(seen->last, sizeof seen->last, "%s", text);
    seen->inside--;
}

static void *write_many(void *unused) {
    (void)unused;
    for (int i = 0; i < 500; i++)
        log_line(LOG_DEBUG, "line %d", i);
    return NULL;
}

int main(void) {
    Seen seen = {0};
    log_line(LOG_ERROR, "nobody listens");
    log_set_sink(keep, &seen);
    log_line(LOG_WARN, "%s is %d", "x", 3);
    CHECK_STR(seen.last, "x is 3", "a line is formatted");
    CHECK_EQ(seen.level, LOG_WARN, "a line has its level");
    CHECK_EQ(seen.lines, 1, "a line without a sink vanishes");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_many, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(seen.lines, 2001, "no line of four threads is lost");
    CHECK_EQ(seen.overlaps, 0, "one line reaches the sink at a time");
    log_set_sink(NULL, NULL);
    log_line(LOG_ERROR, "gone");
    CHECK_EQ(seen.lines, 2001, "a removed sink hears nothing");
    return tap_end();
}
