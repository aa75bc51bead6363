/* log.h: levelled lines to a sink. Prints nothing itself: main sets the sink, tests set theirs.
 * Thread-safe: one line reaches the sink at a time. */
#pragma once

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } LogLevel;

typedef void LogSink(void *context, LogLevel level, const char *file, int line, const char *text);

/* NULL removes the sink; lines then vanish. */
void log_set_sink(LogSink *sink, void *context);

#define log_line(level, ...) log_write((level), __FILE__, __LINE__, __VA_ARGS__)
void log_write(LogLevel level, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
