/* log.c: see log.h. The sink and its lock are process-wide: a log line can come from anywhere and goes to one
 * place. */
#include "config.h"

#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>

#include "base/buf.h"

static struct {
    pthread_mutex_t lock;
    LogSink *sink;
    void *context;
} target = {.lock = PTHREAD_MUTEX_INITIALIZER};

void log_set_sink(LogSink *sink, void *context) {
    pthread_mutex_lock(&target.lock);
    target.sink = sink;
    target.context = context;
    pthread_mutex_unlock(&target.lock);
}

void log_write(LogLevel level, const char *file, int line, const char *format, ...) {
    Buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprint(&text, format, args);
    va_end(args);
    pthread_mutex_lock(&target.lock);
    if (target.sink)
        target.sink(target.context, level, file, line, buf_string(&text));
    pthread_mutex_unlock(&target.lock);
    buf_done(&text);
}
