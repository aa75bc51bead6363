/* terminal.c: see terminal.h. The only file that includes libvterm. */
#include "config.h"

#include "terminal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <vterm.h>

#include "base/clock.h"
#include "base/utf8.h"

struct Terminal {
    pid_t pid;
    int fd;
    int rows, columns;
    bool closed;
    VTerm *vterm;
    VTermScreen *screen;
    Buf text;            /* of the screen */
    Buf before;          /* of the screen, up to the cursor */
    Buf sent;
};

static void become_child(const char *const *arguments) {
    const char *words[32] = {"newbie"};
    size_t count = 1;
    setenv("TERM", "xterm-256color", 1);
    setenv("INPUTRC", "/dev/null", 1);
    setenv("PS1", "$ ", 1);
    unsetenv("LINES");
    unsetenv("COLUMNS");
    signal(SIGPIPE, SIG_DFL);
    if (!arguments) {
        execlp("bash", "bash", "--norc", "--noprofile", "-i", (char *)NULL);
        _exit(127);
    }
    for (; *arguments && count < 31; arguments++)
        words[count++] = *arguments;
    char *path = program_path();
    execv(path, (char *const *)words);
    perror(path);
    _exit(127);
}

Terminal *terminal_open(int rows, int columns, const char *const *arguments) {
    Terminal *terminal = must_alloc(sizeof *terminal);
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    terminal->rows = rows;
    terminal->columns = columns;
    terminal->pid = forkpty(&terminal->fd, NULL, NULL, &size);
    assert(terminal->pid >= 0);
    if (terminal->pid == 0)
        become_child(arguments);
    terminal->vterm = vterm_new(rows, columns);
    vterm_set_utf8(terminal->vterm, 1);
    terminal->screen = vterm_obtain_screen(terminal->vterm);
    vterm_screen_reset(terminal->screen, 1);
    return terminal;
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

/* Waits at most so long for something from the program. False when nothing came. */
static bool pump(Terminal *terminal, int milliseconds) {
    struct pollfd from = {.fd = terminal->fd, .events = POLLIN};
    char bytes[4096];
    if (terminal->closed || poll(&from, 1, milliseconds) <= 0)
        return false;
    ssize_t got = read(terminal->fd, bytes, sizeof bytes);
    if (got <= 0) { /* EIO: nobody holds the other side any more */
        terminal->closed = got == 0 || errno != EINTR;
        return false;
    }
    buf_add(&terminal->sent, bytes, (size_t)got);
    vterm_input_write(terminal->vterm, bytes, (size_t)got);
    return true;
}

static void send_bytes(Terminal *terminal, const char *bytes, size_t size) {
    double until = clock_seconds() + TERMINAL_SECONDS;
    while (size && !terminal->closed && clock_seconds() < until) {
        struct pollfd to = {.fd = terminal->fd, .events = POLLIN | POLLOUT};
        poll(&to, 1, 1000);
        if (to.revents & POLLIN)
            pump(terminal, 0);
        if (!(to.revents & POLLOUT))
            continue;
        ssize_t written = write(terminal->fd, bytes, size < 512 ? size : 512);
        if (written < 0)
            return;
        bytes += written;
        size -= (size_t)written;
    }
}

/* What the terminal itself has to say. */
static void send_answers(Terminal *terminal) {
    char bytes[256];
    for (size_t got; (got = vterm_output_read(terminal->vterm, bytes, sizeof bytes)) > 0;)
        send_bytes(terminal, bytes, got);
}

void terminal_type(Terminal *terminal, const char *keys) {
    send_bytes(terminal, keys, strlen(keys));
}

void terminal_paste(Terminal *terminal, const char *text) {
    vterm_keyboard_start_paste(terminal->vterm);
    send_answers(terminal);
    for (const char *at = text; *at; at++) /* as terminals send it */
        send_bytes(terminal, *at == '\n' ? "\r" : at, 1);
    vterm_keyboard_end_paste(terminal->vterm);
    send_answers(terminal);
}

void terminal_resize(Terminal *terminal, int rows, int columns) {
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    terminal->rows = rows;
    terminal->columns = columns;
    vterm_set_size(terminal->vterm, rows, columns);
    ioctl(terminal->fd, TIOCSWINSZ, &size);
}

pid_t terminal_pid(const Terminal *terminal) {
    return terminal->pid;
}

/* ---- the screen ---------------------------------------------------------------------------------------- */

static void add_cell(Buf *out, const Terminal *terminal, VTermPos at, int *columns) {
    VTermScreenCell cell;
    vterm_screen_get_cell(terminal->screen, at, &cell);
    *columns = cell.width;
    for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i]; i++) {
        char bytes[4];
        buf_add(out, bytes, utf8_encode(bytes, cell.chars[i]));
    }
    if (!cell.chars[0])
        buf_byte(out, ' ');
}

static void trim(Buf *out) {
    while (out->size && out->data[out->size - 1] == ' ')
        buf_truncate(out, out->size - 1);
}

/* Reads text and before from the cells. */
static void read_screen(Terminal *terminal) {
    VTermPos cursor;
    vterm_state_get_cursorpos(vterm_obtain_state(terminal->vterm), &cursor);
    buf_truncate(&terminal->text, 0);
    buf_truncate(&terminal->before, 0);
    for (int row = 0; row < terminal->rows; row++) {
        for (int column = 0, columns; column < terminal->columns; column += columns > 0 ? columns : 1) {
            if (row == cursor.row && column == cursor.col)
                buf_add(&terminal->before, terminal->text.data, terminal->text.size);
            add_cell(&terminal->text, terminal, (VTermPos){.row = row, .col = column}, &columns);
        }
        trim(&terminal->text);
        buf_byte(&terminal->text, '\n');
    }
}

const char *terminal_screen(Terminal *terminal) {
    read_screen(terminal);
    return buf_string(&terminal->text);
}

const char *terminal_sent(const Terminal *terminal) {
    return buf_string(&terminal->sent);
}

static bool has_text(const Terminal *terminal, const char *text) {
    return strstr(buf_string(&terminal->text), text) != NULL;
}

static bool has_no_text(const Terminal *terminal, const char *text) {
    return !has_text(terminal, text);
}

static bool ends_before_cursor(const Terminal *terminal, const char *text) {
    size_t size = strlen(text);
    const Buf *before = &terminal->before;
    return before->size >= size && !memcmp(before->data + before->size - size, text, size);
}

static bool wait_until(Terminal *terminal, bool (*holds)(const Terminal *, const char *), const char *text) {
    double until = clock_seconds() + TERMINAL_SECONDS;
    do {
        read_screen(terminal);
        if (holds(terminal, text))
            return true;
        pump(terminal, 100);
    } while (clock_seconds() < until && !(terminal->closed && !holds(terminal, text)));
    return false;
}

bool terminal_expect(Terminal *terminal, const char *text) {
    return wait_until(terminal, has_text, text);
}

bool terminal_expect_gone(Terminal *terminal, const char *text) {
    return wait_until(terminal, has_no_text, text);
}

bool terminal_expect_cursor(Terminal *terminal, const char *text) {
    return wait_until(terminal, ends_before_cursor, text);
}

void terminal_show(Terminal *terminal, const char *expected) {
    printf("# expected on the screen: \"%s\"\n", expected);
    for (const char *line = terminal_screen(terminal), *end; (end = strchr(line, '\n')); line = end + 1)
        if (end > line)
            printf("# | %.*s\n", (int)(end - line), line);
}

bool terminal_is_sane(const Terminal *terminal) {
    struct termios modes;
    return tcgetattr(terminal->fd, &modes) == 0 && (modes.c_lflag & ICANON) && (modes.c_lflag & ECHO);
}

/* ---- the end ------------------------------------------------------------------------------------------- */

int terminal_wait(Terminal *terminal) {
    double until = clock_seconds() + TERMINAL_SECONDS;
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(terminal->pid, &status, WNOHANG)) == 0 && clock_seconds() < until)
        if (!pump(terminal, 20) && terminal->closed)
            poll(NULL, 0, 5);
    if (ended == 0) {
        kill(terminal->pid, SIGKILL);
        waitpid(terminal->pid, &status, 0);
    }
    while (pump(terminal, 0))
        continue;
    terminal->pid = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void terminal_close(Terminal *terminal) {
    if (terminal->pid > 0) {
        kill(terminal->pid, SIGKILL);
        terminal_wait(terminal);
    }
    close(terminal->fd);
    vterm_free(terminal->vterm);
    buf_done(&terminal->text);
    buf_done(&terminal->before);
    buf_done(&terminal->sent);
    free(terminal);
}
