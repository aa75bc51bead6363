/* signals.h: signals as bytes in a pipe, so that the loop's poll sees them like everything else. The handler
 * writes the number and does nothing more. The pipe is the program's only global. architecture.md 8. */
#pragma once

#include <stddef.h>

#include "base/status.h"

/* Catches these signals (SIGPIPE and SIGXFSZ are always ignored) and gives the end to poll on. Call it before
 * the worker starts; again for further signals. Errors: ERR_IO. */
Status signals_open(int *fd, const int *signals, size_t count);

/* The next signal that came, 0 when there is none. */
int signals_next(void);
