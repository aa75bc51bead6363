/* tty.c: terminal modes and units. Facts: termios(3), xterm's bracketed paste, ECMA-48 5.4 (control
 * sequences) and 5.6 (control strings). */
#include "config.h"

#include "ui/tty.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const char PASTE_ON[] = "\033[?2004h", PASTE_OFF[] = "\033[?2004l";
static const char PASTE_BEGIN[] = "\033[200~", PASTE_END[] = "\033[201~";

/* The modes found at the start. Signal handlers must reach them, so they cannot live in a struct that is
 * passed. */
static struct termios found_modes;
static volatile sig_atomic_t modes_changed;
static char also_restore[256];

static void write_all(const char *text, size_t size) {
    ssize_t written = write(STDOUT_FILENO, text, size);
    (void)written; /* a terminal that is gone cannot be put right */
}

/* Only async-signal-safe calls. */
static void restore_modes(void) {
    if (!modes_changed)
        return;
    modes_changed = 0;
    write_all(PASTE_OFF, sizeof PASTE_OFF - 1);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &found_modes);
}

/* On the ways out that nobody planned. */
static void restore(void) {
    write_all(also_restore, strlen(also_restore));
    restore_modes();
}

static void on_fatal(int number) {
    static const char sentence[] = "\nnewbie: our bug, it crashed; please report it\n";
    restore();
    write_all(sentence, sizeof sentence - 1);
    signal(number, SIG_DFL);
    raise(number);
}

static Status change_modes(void) {
    struct termios modes = found_modes;
    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN | ISIG);
    modes.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &modes))
        return fail_errno("set the modes of the terminal");
    modes_changed = 1;
    write_all(PASTE_ON, sizeof PASTE_ON - 1);
    return NULL;
}

/* Ctrl-\\ and its like end the program as ever, but not with a broken terminal. */
static void on_quit(int number) {
    restore();
    signal(number, SIG_DFL);
    raise(number);
}

Status tty_open(void) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    if (tcgetattr(STDIN_FILENO, &found_modes))
        return fail_errno("read the modes of the terminal");
    TRY(change_modes());
    atexit(restore);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], on_fatal);
    signal(SIGQUIT, on_quit);
    return NULL;
}

void tty_close(void) {
    restore_modes();
}

void tty_also_restore(const char *bytes) {
    snprintf(also_restore, sizeof also_restore, "%s", bytes);
}

void tty_suspend(void) {
    restore_modes();
}

void tty_resume(void) {
    /* worked at the start; a failure now means that the terminal is gone, which poll will say */
    change_modes();
}

void tty_stop(void) {
    struct sigaction stop = {.sa_handler = SIG_DFL}, caught;
    tty_suspend();
    sigaction(SIGTSTP, &stop, &caught);
    /* the whole group, as the key does; the system ignores it where nobody could continue us */
    kill(0, SIGTSTP);
    sigaction(SIGTSTP, &caught, NULL);
    tty_resume();
}

size_t tty_columns(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col ? 80 : size.ws_col;
}

size_t tty_rows(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row ? 24 : size.ws_row;
}

/* ---- units --------------------------------------------------------------------------------------------- */

void cutter_done(UnitCutter *cutter) {
    buf_done(&cutter->pending);
    buf_done(&cutter->paste);
    *cutter = (UnitCutter){0};
}

void cutter_add(UnitCutter *cutter, const char *bytes, size_t size) {
    if (!size)
        cutter->ended = true;
    /* alone: a person, whose paste never ended */
    if (cutter->pasting && size == 1 && bytes[0] == KEY_INTERRUPT) {
        cutter->pasting = false;
        cutter->given = cutter->pending.size;
    }
    if (cutter->given) { /* nothing that was given out is needed any more */
        memmove(cutter->pending.data, cutter->pending.data + cutter->given,
                cutter->pending.size - cutter->given);
        buf_truncate(&cutter->pending, cutter->pending.size - cutter->given);
        cutter->given = 0;
    }
    buf_add(&cutter->pending, bytes, size);
}

/* Bytes of the character that begins here; 0 when it is not complete. A byte that begins none is one for
 * itself. */
static size_t character_size(const char *at, size_t left) {
    unsigned char first = (unsigned char)at[0];
    size_t need = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
    for (size_t i = 1; i < need && i < left; i++)
        if ((at[i] & 0xc0) != 0x80)
            return i; /* broken off: what follows is another character */
    return left < need ? 0 : need;
}

/* True when a control string may begin here. Alt-P, Alt-_ and Alt-] send the same two bytes, so the third
 * must be one that answers begin with: DCS > ! or a digit, APC G, OSC a digit. */
static bool is_string(const char *at, size_t left) {
    if (left < 3 || at[0] != '\033')
        return false;
    bool digit = at[2] >= '0' && at[2] <= '9';
    switch (at[1]) {
    case 'P': return digit || at[2] == '>' || at[2] == '!';
    case '_': return at[2] == 'G';
    case ']': return digit;
    default: return false;
    }
}

/* Bytes of the string that begins here, with its terminator; 0 when it is not complete. Anything that cannot
 * be in one ends it before that byte: Enter and Ctrl-C typed into a broken answer are keys. */
static size_t string_size(const char *at, size_t left) {
    for (size_t i = 2; i < left; i++) {
        unsigned char byte = (unsigned char)at[i];
        if (byte == '\a')
            return i + 1;
        if (byte == '\033' && i + 1 == left)
            return 0;
        if (byte == '\033')
            return at[i + 1] == '\\' ? i + 2 : i;
        if (byte < ' ' || byte >= 0x7f || i == STRING_MAX)
            return i;
    }
    return 0;
}

/* An ESC that was typed just before a paste is none of the paste's: else its brackets would be lost, and what
 * is pasted be typed. -1: more bytes must tell. */
static int before_paste(const char *at, size_t left) {
    size_t seen = left - 1 < sizeof PASTE_BEGIN - 1 ? left - 1 : sizeof PASTE_BEGIN - 1;
    if (memcmp(at + 1, PASTE_BEGIN, seen))
        return 0;
    return seen == sizeof PASTE_BEGIN - 1 ? 1 : -1;
}

/* Bytes of the escape sequence that begins here; 0 when it is not complete. */
static size_t escape_size(const char *at, size_t left) {
    if (left < 2)
        return 0;
    /* control sequence: parameters, then one byte from @ to ~; of the Linux console one more */
    if (at[1] == '[') {
        for (size_t i = 2; i < left; i++)
            if (at[i] >= 0x40 && at[i] <= 0x7e && !(i == 2 && at[i] == '['))
                return i + 1;
        return 0;
    }
    if (at[1] == 'P' || at[1] == '_' || at[1] == ']')
        return left < 3 ? 0 : is_string(at, left) ? string_size(at, left) : 2;
    if (at[1] == 'O') /* function keys of application mode */
        return left < 3 ? 0 : 3;
    int paste = before_paste(at, left);
    if (paste)
        return paste > 0 ? 1 : 0;
    size_t character = at[1] == '\033' ? 1 : character_size(at + 1, left - 1);
    return character ? 1 + character : 0; /* Alt with a key */
}

/* Bytes of the unit at `at`; 0 when it is not complete. */
static size_t unit_size(const char *at, size_t left) {
    return at[0] == '\033' ? escape_size(at, left) : character_size(at, left);
}

/* Moves paste bytes from pending to paste. True when the end came. */
static bool collect_paste(UnitCutter *cutter) {
    const size_t mark = sizeof PASTE_END - 1;
    char *from = cutter->pending.data + cutter->given;
    size_t left = cutter->pending.size - cutter->given;
    if (!left)
        return cutter->ended;
    char *end = memmem(from, left, PASTE_END, mark);
    size_t keep = left < mark ? left : mark - 1; /* the end mark may be arriving */
    size_t take = end ? (size_t)(end - from) : cutter->ended ? left : left - keep;
    size_t room = PASTE_MAX - cutter->paste.size;
    buf_add(&cutter->paste, from, take < room ? take : room);
    cutter->paste_size += take;
    cutter->given += take + (end ? mark : 0);
    return end != NULL || cutter->ended;
}

static Unit finish_paste(UnitCutter *cutter) {
    cutter->pasting = false;
    return (Unit){UNIT_PASTE, buf_string(&cutter->paste), cutter->paste.size, cutter->paste_size};
}

Unit cutter_next(UnitCutter *cutter, CutterPatience patience) {
    if (cutter->pasting)
        return collect_paste(cutter) ? finish_paste(cutter) : (Unit){0};
    size_t left = cutter->pending.size - cutter->given;
    if (!left)
        return (Unit){.kind = cutter->ended ? UNIT_END : UNIT_NONE};
    const char *at = cutter->pending.data + cutter->given;
    size_t size = unit_size(at, left);
    if (!size && (patience == CUTTER_GIVES_UP || cutter->ended))
        size = left;
    if (!size)
        return (Unit){0};
    cutter->given += size;
    if (size == sizeof PASTE_BEGIN - 1 && !memcmp(at, PASTE_BEGIN, size)) {
        cutter->pasting = true;
        cutter->paste_size = 0;
        buf_truncate(&cutter->paste, 0);
        return cutter_next(cutter, patience);
    }
    return (Unit){is_string(at, size) ? UNIT_STRING : UNIT_KEY, at, size, size};
}

int cutter_limit(const UnitCutter *cutter) {
    size_t left = cutter->pending.size - cutter->given;
    if (cutter->pasting || !left)
        return -1;
    return is_string(cutter->pending.data + cutter->given, left) ? CUTTER_STRING_MILLISECONDS
                                                                        : CUTTER_KEY_MILLISECONDS;
}
