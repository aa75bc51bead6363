/* status.h: how a function says that it did not work.
 *
 * A Status is NULL for success or a borrowed Fault: a code, one sentence and perhaps a hint (the next command
 * to type). Faults live in a small ring of the calling thread: returning one allocates nothing, and it stays
 * readable until 16 more have been made by that thread. What must live longer, or cross to another thread, is
 * copied with fault_copy.
 *
 * A sentence names the thing, what was expected and what was found. No "error:", no capital, no full stop, no
 * newline: the reporter adds those. architecture.md 6, product.md 12.
 */
#pragma once

typedef enum ErrorCode {
    ERR_NONE,
    ERR_USAGE,        /* the user's words: option, argument, setting, command, prompt */
    ERR_FORMAT,       /* a file is not what it should be */
    ERR_IO,           /* the system refused: open, read, write, disk full */
    ERR_MEMORY,       /* it does not fit, or malloc failed */
    ERR_UNSUPPORTED,  /* well-formed, but this program cannot do it */
    ERR_DEVICE,       /* driver, module, card */
    ERR_CANCELLED,    /* the user stopped it; never shown as a failure */
    ERR_BUG,          /* our mistake; asks for a report */
} ErrorCode;

typedef struct Fault {
    ErrorCode code;
    const char *file; /* source file and line that made it, for the log */
    int line;
    char message[2000];
    char hint[400];   /* empty when there is none */
} Fault;

typedef const Fault *Status;

/* Makes a fault with a printf-style sentence. Never returns NULL. */
#define fail(code, ...) status_fail((code), __FILE__, __LINE__, __VA_ARGS__)
Status status_fail(ErrorCode code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull));

/* Puts "context: " in front of the sentence. NULL stays NULL. */
Status note(Status st, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the hint, replacing an earlier one. NULL stays NULL. */
Status hint(Status st, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A fault from errno: "cannot DOING: strerror". code is usually ERR_IO. */
#define fail_errno(...) status_errno(__FILE__, __LINE__, __VA_ARGS__)
Status status_errno(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));

/* Copies a fault out of the ring, or clears *out (code ERR_NONE) when st is NULL. */
void fault_copy(Fault *out, Status st);

/* Puts a copied fault back into the calling thread's ring; NULL when fault->code is ERR_NONE. */
Status fault_raise(const Fault *fault);

/* The name of a code in lower case, for logs and JSON: "usage", "format", ... Never NULL. */
const char *error_name(ErrorCode code);

/* Returns the status of the calling function upward. */
#define TRY(expression)                  \
    do {                                 \
        Status try_status_ = (expression); \
        if (try_status_)                 \
            return try_status_;          \
    } while (0)
