/* signals.c: see signals.h. */
#include "config.h"

#include "app/signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/queue.h"

static WakePipe signal_pipe = {-1, -1};

static void handler(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t written = write(signal_pipe.write_end, &byte, 1); /* a full pipe has woken the loop already */
    (void)written;
    errno = saved;
}

Status signals_open(int *fd, const int *signals, size_t count) {
    if (signal_pipe.read_end < 0)
        TRY(wake_open(&signal_pipe));
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < count; i++)
        if (sigaction(signals[i], &action, NULL))
            return fail_errno("catch signal %d", signals[i]);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL); /* a closed reader is then an ordinary output error, */
    sigaction(SIGXFSZ, &action, NULL); /* and so is a file that may not grow */
    *fd = signal_pipe.read_end;
    return NULL;
}

int signals_next(void) {
    unsigned char byte;
    return read(signal_pipe.read_end, &byte, 1) == 1 ? byte : 0;
}
