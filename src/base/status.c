/* status.c: faults in a small ring of the calling thread.
 *
 * The ring is the one piece of state that is not handed in: each thread has its own, so nothing is shared. */
#include "config.h"

#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RING 16

static _Thread_local struct {
    Fault faults[RING];
    unsigned made;
} ring;

static const char *const NAMES[] = {
    [ERR_NONE] = "none",     [ERR_USAGE] = "usage",
    [ERR_FORMAT] = "format", [ERR_IO] = "io",
    [ERR_MEMORY] = "memory", [ERR_UNSUPPORTED] = "unsupported",
    [ERR_DEVICE] = "device", [ERR_CANCELLED] = "cancelled",
    [ERR_BUG] = "bug",
};

static Fault *next_fault(void) {
    return &ring.faults[ring.made++ % RING];
}

/* Removes the first bytes of a UTF-8 character whose end did not fit. */
static void cut_partial_character(char *text) {
    size_t size = strlen(text), start = size;
    while (start > 0 && size - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char first = (unsigned char)text[start - 1];
    size_t need = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    if (size - (start - 1) < need)
        text[start - 1] = '\0';
}

static void format_into(char *out, size_t size, const char *format, va_list args) {
    int wanted = vsnprintf(out, size, format, args);
    if (wanted < 0)
        out[0] = '\0';
    else if ((size_t)wanted >= size)
        cut_partial_character(out);
}

static Fault *make_fault(ErrorCode code, const char *file, int line) {
    Fault *fault = next_fault();
    *fault = (Fault){.code = code, .file = file, .line = line};
    return fault;
}

Status status_fail(ErrorCode code, const char *file, int line, const char *format, ...) {
    /* the arguments may point into the fault that is about to be replaced */
    char text[sizeof((Fault *)0)->message];
    va_list args;
    va_start(args, format);
    format_into(text, sizeof text, format, args);
    va_end(args);
    Fault *fault = make_fault(code, file, line);
    strcpy(fault->message, text);
    return fault;
}

Status status_errno(const char *file, int line, const char *format, ...) {
    char doing[1500];
    const char *reason = strerrordesc_np(errno);
    va_list args;
    va_start(args, format);
    format_into(doing, sizeof doing, format, args);
    va_end(args);
    Fault *fault = make_fault(ERR_IO, file, line);
    snprintf(fault->message, sizeof fault->message, "cannot %s: %s", doing,
             reason ? reason : "unknown error");
    return fault;
}

/* The fault itself when it is in this thread's ring, else a copy there. */
static Fault *own_fault(Status st) {
    for (int i = 0; i < RING; i++) {
        if (st == &ring.faults[i])
            return &ring.faults[i];
    }
    Fault *fault = next_fault();
    *fault = *st;
    return fault;
}

Status note(Status st, const char *format, ...) {
    if (!st)
        return NULL;
    Fault *fault = own_fault(st);
    char text[2 * sizeof fault->message];
    va_list args;
    va_start(args, format);
    format_into(text, sizeof fault->message, format, args);
    va_end(args);
    size_t size = strlen(text);
    snprintf(text + size, sizeof text - size, ": %s", fault->message);
    if (strlen(text) >= sizeof fault->message) {
        text[sizeof fault->message - 1] = '\0';
        cut_partial_character(text);
    }
    strcpy(fault->message, text);
    return fault;
}

Status hint(Status st, const char *format, ...) {
    if (!st)
        return NULL;
    Fault *fault = own_fault(st);
    char text[sizeof fault->hint];
    va_list args;
    va_start(args, format);
    format_into(text, sizeof text, format, args);
    va_end(args);
    strcpy(fault->hint, text);
    return fault;
}

void fault_copy(Fault *out, Status st) {
    if (st)
        *out = *st;
    else
        memset(out, 0, sizeof *out);
}

Status fault_raise(const Fault *fault) {
    if (fault->code == ERR_NONE)
        return NULL;
    Fault *copy = next_fault();
    if (copy != fault)
        *copy = *fault;
    return copy;
}

const char *error_name(ErrorCode code) {
    return (size_t)code < sizeof NAMES / sizeof *NAMES ? NAMES[code] : "unknown";
}
