/* terminal.h: the real program on a pseudo-terminal whose other side is libvterm, for tests/term and
 * bench/term. A test says what will eventually be on the screen and never sleeps: terminal_expect waits up to
 * TERMINAL_SECONDS, then the screen is printed. architecture.md 10.
 *
 * The world is fixed: TERM, the locale, HOME, INPUTRC; what the terminal answers to questions is a table that
 * the scenario gives, so that it can be any terminal, or a broken one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/run/program.h"
#include "tests/tap.h"

#ifndef TERMINAL_SECONDS
#define TERMINAL_SECONDS 40
#endif

typedef struct Terminal Terminal;

/* What the terminal says when it reads `question`, bytes that the program sends. */
typedef struct TerminalAnswer {
    const char *question, *answer;
} TerminalAnswer;

/* An xterm without pictures, which most scenarios use; one that never answers; Kitty; iTerm2; sixel. Each
 * ends with a row of NULL. */
extern const TerminalAnswer ANSWERS_XTERM[], ANSWERS_NONE[], ANSWERS_KITTY[], ANSWERS_ITERM[],
    ANSWERS_SIXEL[];

typedef struct TerminalHow {
    int rows, columns;                /* 0: 24, 80 */
    const char *const *arguments;     /* ends with NULL; NULL: --no-rc alone */
    const char *const *environment; /* "NAME=VALUE" sets, "NAME" unsets; ends with NULL; NULL: nothing more */
    const TerminalAnswer *answers;    /* NULL: ANSWERS_XTERM */
    bool late;                        /* answers wait for terminal_answer */
    bool shell;                       /* an interactive bash instead of newbie */
} TerminalHow;

Terminal *terminal_start(const TerminalHow *how);

/* The same for arguments alone; a shell for NULL. */
Terminal *terminal_open(int rows, int columns, const char *const *arguments);

/* ---- what goes in -------------------------------------------------------------------------------------- */

/* Bytes as the keyboard sends them. */
void terminal_type(Terminal *terminal, const char *keys);
void terminal_send(Terminal *terminal, const char *bytes, size_t size);

/* A paste, in brackets when the program asked for them. */
void terminal_paste(Terminal *terminal, const char *text);
void terminal_paste_bytes(Terminal *terminal, const char *bytes, size_t size);

void terminal_resize(Terminal *terminal, int rows, int columns);

/* Gives the answers that were kept back. */
void terminal_answer(Terminal *terminal);

pid_t terminal_pid(const Terminal *terminal);

/* ---- what comes out ------------------------------------------------------------------------------------ */

/* Takes what has come, without waiting. */
void terminal_read(Terminal *terminal);

/* Waits at most so long for something from the program, and takes it. False when nothing came. */
bool terminal_pump(Terminal *terminal, int milliseconds);

/* True when the program has closed the terminal: it has ended. */
bool terminal_is_closed(const Terminal *terminal);

/* Waits until the text is (or is no more) on the screen. Rows end with a newline and have no spaces at
 * their ends. */
bool terminal_expect(Terminal *terminal, const char *text);
bool terminal_expect_gone(Terminal *terminal, const char *text);

/* Waits until the cursor stands behind this text: what is typed next appears there. */
bool terminal_expect_cursor(Terminal *terminal, const char *text);

/* Waits until a row (from 0, negative from the bottom) holds the text. */
bool terminal_expect_row(Terminal *terminal, int row, const char *text);

/* Waits until the program has sent these bytes `count` times since it began. */
bool terminal_expect_sent(Terminal *terminal, const char *bytes, int count);

/* Waits until the program rests: it sleeps, and has sent nothing for longer than any timer of the screen. */
bool terminal_settle(Terminal *terminal);

/* What is on the screen now. Borrowed until the next call. */
const char *terminal_screen(Terminal *terminal);

/* One row of it, from 0, negative from the bottom. Borrowed until the next call. */
const char *terminal_row(Terminal *terminal, int row);

/* Row of the first place of the text, or -1. */
int terminal_row_of(Terminal *terminal, const char *text);

typedef struct TerminalCell {
    uint32_t code;              /* its first character; 0 for none */
    int width;
    bool bold, underline, reverse;
    long front, back;           /* -1: default; below 256: of the palette; else 0x1000000 and RGB */
} TerminalCell;
#define COLOR_RGB 0x1000000L
TerminalCell terminal_cell(const Terminal *terminal, int row, int column);

/* The cell where the text begins; zeroed with a width of 0 when it is not there. */
TerminalCell terminal_cell_of(Terminal *terminal, const char *text);

/* Waits until at least so many cells have a background, as only pictures do. */
bool terminal_expect_picture(Terminal *terminal, int cells);

/* Cells of rows [from, to) whose colours are not the default, and the number of different colours in them. */
int terminal_colored(const Terminal *terminal, int from, int to);
int terminal_palette(const Terminal *terminal, int from, int to);

/* Appends everything there is to see as text: characters, colours, attributes, the cursor. A row is a line.
 */
void terminal_picture(Buf *out, const Terminal *terminal);

/* After it rests: a whole redraw by `how` gives the same cells and colours. Prints the rows that differ. */
typedef enum RedrawBy { REDRAW_KEY, REDRAW_SIGNAL } RedrawBy; /* Ctrl-L; SIGCONT, which works in any state */
bool terminal_is_fresh(Terminal *terminal, RedrawBy how);

/* Modes of the terminal. */
bool terminal_alternate(const Terminal *terminal);
bool terminal_cursor_visible(const Terminal *terminal);
int terminal_bells(const Terminal *terminal);
void terminal_title(char out[128], const Terminal *terminal); /* as it was set last */
bool terminal_expect_title(Terminal *terminal, const char *text); /* waits until it has the text */
int terminal_cursor_row(const Terminal *terminal);
int terminal_cursor_column(const Terminal *terminal);

/* Every mode that was switched on is off again: the alternate screen, bracketed paste, the title's stack, an
 * invisible cursor, colours, and the line modes. Says which is not. */
bool terminal_is_restored(const Terminal *terminal);

/* Everything the program sent, escape sequences included. Borrowed. */
const char *terminal_sent(const Terminal *terminal);
size_t terminal_sent_size(const Terminal *terminal);

/* The line modes of the terminal are those of a shell: characters are echoed, lines are edited. */
bool terminal_is_sane(const Terminal *terminal);

/* Waits for the end. The exit status, or 128 + signal. */
int terminal_wait(Terminal *terminal);
void terminal_close(Terminal *terminal);

/* Closes the terminal while the program runs, as a window is closed. Its status, as terminal_wait. */
int terminal_hang_up(Terminal *terminal);

void terminal_show(Terminal *terminal, const char *expected);

/* ---- checks that print the screen when they fail ------------------------------------------------------- */

#define TERMINAL_CHECK_(terminal, good, wanted, name)                        \
    do {                                                                     \
        if (!tap_result_((good), __FILE__, __LINE__, (name)))                \
            terminal_show((terminal), (wanted));                             \
    } while (0)
#define EXPECT(terminal, text, name) \
    TERMINAL_CHECK_(terminal, terminal_expect((terminal), (text)), text, name)
#define EXPECT_GONE(terminal, text, name) \
    TERMINAL_CHECK_(terminal, terminal_expect_gone((terminal), (text)), "no more: " text, name)
#define EXPECT_CURSOR(terminal, text, name) \
    TERMINAL_CHECK_(terminal, terminal_expect_cursor((terminal), (text)), text, name)
#define EXPECT_ROW(terminal, row, text, name) \
    TERMINAL_CHECK_(terminal, terminal_expect_row((terminal), (row), (text)), text, name)
#define EXPECT_SENT(terminal, bytes, name) \
    TERMINAL_CHECK_(terminal, terminal_expect_sent((terminal), (bytes), 1), name, name)
#define EXPECT_REST(terminal, name) TERMINAL_CHECK_(terminal, terminal_settle(terminal), "rest", name)
#define EXPECT_FRESH(terminal, name) \
    TERMINAL_CHECK_(terminal, terminal_is_fresh((terminal), REDRAW_KEY), "as after Ctrl-L", name)
#define EXPECT_STATUS(terminal, status, name)                                              \
    do {                                                                                   \
        int terminal_got_ = terminal_wait(terminal);                                       \
        if (!tap_result_(terminal_got_ == (status), __FILE__, __LINE__, (name))) {         \
            printf("# expected status %d, got %d\n", (status), terminal_got_);             \
            terminal_show((terminal), "");                                                 \
        }                                                                                  \
    } while (0)

/* ---- the beginning and the end of most scenarios ------------------------------------------------------- */

/* Starts newbie and waits until the model is there and the first prompt can be typed. Here, because checks
 * are counted in the file that includes tap.h. */
static inline Terminal *terminal_begin(const TerminalHow *how) {
    Terminal *terminal = terminal_start(how);
    EXPECT(terminal, "Model loaded in ", "the model loads");
    EXPECT_CURSOR(terminal, "newbie> ", "and a prompt can be typed");
    return terminal;
}

/* Clears the edit area and leaves: status 0, everything restored. Closes. */
static inline void terminal_leave(Terminal *terminal) {
    terminal_type(terminal, "\003\004");
    EXPECT_STATUS(terminal, 0, "it leaves");
    CHECK(terminal_is_restored(terminal), "and the terminal is as it was");
    terminal_close(terminal);
}

/* ---- scenarios ----------------------------------------------------------------------------------------- */

/* A scenario is a function named after what it shows; each runs in an empty directory of its own. */
typedef struct Scenario {
    const char *name;
    void (*run)(void);
} Scenario;

/* Runs the rows that have a word of the command line in their name, all without one; `rows` ends with a NULL.
 */
void terminal_scenarios(const Scenario *rows, int count, char **words);

/* The same for the full surface, which needs curses, and its keys readline. Returns what main returns. */
static inline int terminal_main(const Scenario *rows, int count, char **words) {
#if defined HAVE_CURSES && defined HAVE_READLINE
    terminal_scenarios(rows, count, words);
#else
    (void)rows, (void)count, (void)words;
    SKIP("the full screen", "this build is --without-curses or --without-readline");
#endif
    return tap_end();
}
