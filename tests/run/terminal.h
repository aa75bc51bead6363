/* terminal.h: the real program on a pseudo-terminal whose other side is libvterm, for tests/run/term_*.c.
 * A test says what will eventually be on the screen and never sleeps: terminal_expect waits up to
 * TERMINAL_SECONDS. architecture.md 10. */
#pragma once

#include <stdbool.h>

#include "program.h"
#include "tests/tap.h"

#define TERMINAL_SECONDS 40

typedef struct Terminal Terminal;

/* Starts newbie with these arguments (ends with NULL), or an interactive bash for NULL, on a screen of
 * this size. */
Terminal *terminal_open(int rows, int columns, const char *const *arguments);

/* Bytes as the keyboard sends them. */
void terminal_type(Terminal *terminal, const char *keys);

/* A paste, in brackets when the program asked for them. */
void terminal_paste(Terminal *terminal, const char *text);

void terminal_resize(Terminal *terminal, int rows, int columns);
pid_t terminal_pid(const Terminal *terminal);

/* Waits until the text is (or is no more) on the screen. Rows end with a newline and have no spaces at
 * their ends. */
bool terminal_expect(Terminal *terminal, const char *text);
bool terminal_expect_gone(Terminal *terminal, const char *text);

/* Waits until the cursor stands behind this text: what is typed next appears there. */
bool terminal_expect_cursor(Terminal *terminal, const char *text);

/* What is on the screen now. Borrowed until the next call. */
const char *terminal_screen(Terminal *terminal);

/* Everything the program sent, escape sequences included. Borrowed. */
const char *terminal_sent(const Terminal *terminal);

/* The line modes of the terminal are those of a shell: characters are echoed, lines are edited. */
bool terminal_is_sane(const Terminal *terminal);

/* Waits for the end. The exit status, or 128 + signal. */
int terminal_wait(Terminal *terminal);
void terminal_close(Terminal *terminal);

/* Checks that print the screen when they fail. */
#define EXPECT(terminal, text, name)                                             \
    do {                                                                         \
        if (!tap_result_(terminal_expect((terminal), (text)), __FILE__, __LINE__, (name))) \
            terminal_show((terminal), (text));                                   \
    } while (0)
#define EXPECT_CURSOR(terminal, text, name)                                             \
    do {                                                                                \
        if (!tap_result_(terminal_expect_cursor((terminal), (text)), __FILE__, __LINE__, (name))) \
            terminal_show((terminal), (text));                                          \
    } while (0)
#define EXPECT_STATUS(terminal, status, name)                                              \
    do {                                                                                   \
        int terminal_got_ = terminal_wait(terminal);                                       \
        if (!tap_result_(terminal_got_ == (status), __FILE__, __LINE__, (name))) {         \
            printf("# expected status %d, got %d\n", (status), terminal_got_);             \
            terminal_show((terminal), "");                                                 \
        }                                                                                  \
    } while (0)
void terminal_show(Terminal *terminal, const char *expected);
