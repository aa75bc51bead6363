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
#include <sys/stat.h>
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
    bool in_string;      /* inside an APC, which old libvterm would print */
    const TerminalAnswer *answers;
    bool late;
    size_t asked;        /* bytes of sent that were searched for questions */
    Buf held;            /* answers kept back */
    bool forwards;       /* what libvterm has to say is for the program: pasting, not answering */
    bool alternate, cursor;
    int bells;
};

/* ---- what terminals answer ----------------------------------------------------------------------------- */

#define ASKS_VERSION "\033[>q"
#define ASKS_CELL "\033[16t"
#define ASKS_ATTRIBUTES "\033[c"
#define CELL_10X20 {ASKS_CELL, "\033[6;20;10t"}

const TerminalAnswer ANSWERS_NONE[] = {{NULL, NULL}};
const TerminalAnswer ANSWERS_XTERM[] = {{ASKS_VERSION, "\033P>|XTerm(379)\033\\"},
                                        CELL_10X20,
                                        {ASKS_ATTRIBUTES, "\033[?64;1;2;6;9;15;22c"},
                                        {NULL, NULL}};
const TerminalAnswer ANSWERS_KITTY[] = {
    {ASKS_VERSION, "\033P>|kitty(0.35.2)\033\\"}, CELL_10X20, {"\033_Gi=31,", "\033_Gi=31;OK\033\\"},
    {ASKS_ATTRIBUTES, "\033[?62;c"}, {NULL, NULL}};
const TerminalAnswer ANSWERS_ITERM[] = {
    {ASKS_VERSION, "\033P>|iTerm2 3.5.0\033\\"}, CELL_10X20,
    {"\033]1337;ReportCellSize\033\\", "\033]1337;ReportCellSize=17.0;8.0;2.0\033\\"},
    {ASKS_ATTRIBUTES, "\033[?62;22c"}, {NULL, NULL}};
const TerminalAnswer ANSWERS_SIXEL[] = {
    {ASKS_VERSION, "\033P>|XTerm(379)\033\\"}, CELL_10X20, {"\033[?2;1;0S", "\033[?2;0;1000;1000S"},
    {ASKS_ATTRIBUTES, "\033[?64;1;2;4;6;22c"}, {NULL, NULL}};

/* ---- starting ------------------------------------------------------------------------------------------ */

static void set_world(const char *const *environment) {
    static const char *const unset[] = {"LINES", "COLUMNS", "COLORTERM", "TERM_PROGRAM",
                                        "TMUX",  "STY",     "TERMINFO"};
    setenv("TERM", "xterm-256color", 1);
    setenv("INPUTRC", "/dev/null", 1);
    setenv("PS1", "$ ", 1);
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        unsetenv(unset[i]);
    for (; environment && *environment; environment++)
        if (strchr(*environment, '='))
            putenv((char *)*environment);
        else
            unsetenv(*environment);
    signal(SIGPIPE, SIG_DFL);
}

static void become_child(const TerminalHow *how) {
    static const char *const nothing[] = {"--no-rc", NULL};
    const char *words[32] = {"newbie"};
    size_t count = 1;
    set_world(how->environment);
    if (how->shell) {
        execlp("bash", "bash", "--norc", "--noprofile", "-i", (char *)NULL);
        _exit(127);
    }
    for (const char *const *word = how->arguments ? how->arguments : nothing; *word && count < 31; word++)
        words[count++] = *word;
    char *path = program_path();
    execv(path, (char *const *)words);
    perror(path);
    _exit(127);
}

static int note_property(VTermProp property, VTermValue *value, void *context) {
    Terminal *terminal = context;
    if (property == VTERM_PROP_ALTSCREEN)
        terminal->alternate = value->boolean;
    else if (property == VTERM_PROP_CURSORVISIBLE)
        terminal->cursor = value->boolean;
    return 1;
}

static int note_bell(void *context) {
    ((Terminal *)context)->bells++;
    return 1;
}

static void take_output(const char *bytes, size_t size, void *context) {
    Terminal *terminal = context;
    if (terminal->forwards)
        terminal_send(terminal, bytes, size);
}

static void make_screen(Terminal *terminal) {
    static const VTermScreenCallbacks callbacks = {.settermprop = note_property, .bell = note_bell};
    terminal->vterm = vterm_new(terminal->rows, terminal->columns);
    vterm_set_utf8(terminal->vterm, 1);
    vterm_output_set_callback(terminal->vterm, take_output, terminal);
    terminal->screen = vterm_obtain_screen(terminal->vterm);
    vterm_screen_set_callbacks(terminal->screen, &callbacks, terminal);
    vterm_screen_enable_altscreen(terminal->screen, 1);
    vterm_screen_reset(terminal->screen, 1);
}

Terminal *terminal_start(const TerminalHow *how) {
    Terminal *terminal = must_alloc(sizeof *terminal);
    terminal->rows = how->rows ? how->rows : 24;
    terminal->columns = how->columns ? how->columns : 80;
    terminal->answers = how->answers ? how->answers : ANSWERS_XTERM;
    terminal->late = how->late;
    struct winsize size = {.ws_row = (unsigned short)terminal->rows,
                           .ws_col = (unsigned short)terminal->columns};
    terminal->pid = forkpty(&terminal->fd, NULL, NULL, &size);
    assert(terminal->pid >= 0);
    if (terminal->pid == 0)
        become_child(how);
    make_screen(terminal);
    return terminal;
}

Terminal *terminal_open(int rows, int columns, const char *const *arguments) {
    return terminal_start(&(TerminalHow){.rows = rows, .columns = columns, .arguments = arguments,
                                         .shell = !arguments});
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

/* Gives libvterm what came, without APC strings. */
static void show_bytes(Terminal *terminal, const char *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        const char *mark = memmem(bytes + at, size - at, terminal->in_string ? "\033\\" : "\033_", 2);
        size_t end = mark ? (size_t)(mark - bytes) : size;
        if (!terminal->in_string)
            vterm_input_write(terminal->vterm, bytes + at, end - at);
        terminal->in_string ^= mark != NULL;
        at = end + (mark ? 2 : 0);
    }
}

/* Byte of the next question behind `asked`, or NULL; *answer is its row. */
static const char *next_question(const TerminalAnswer **answer, const Terminal *terminal) {
    const char *first = NULL;
    for (const TerminalAnswer *row = terminal->answers; row->question; row++) {
        const char *at = memmem(terminal->sent.data + terminal->asked, terminal->sent.size - terminal->asked,
                                row->question, strlen(row->question));
        if (at && (!first || at < first)) {
            first = at;
            *answer = row;
        }
    }
    return first;
}

/* A question that was cut in two by reading is found with its rest. */
#define QUESTION_MAX 32

static void find_questions(Terminal *terminal) {
    const TerminalAnswer *answer;
    for (const char *at; (at = next_question(&answer, terminal));) {
        terminal->asked = (size_t)(at - terminal->sent.data) + strlen(answer->question);
        buf_text(&terminal->held, answer->answer);
    }
    if (terminal->sent.size > terminal->asked + QUESTION_MAX)
        terminal->asked = terminal->sent.size - QUESTION_MAX;
}

/* An escape sequence that ends what was read is kept back with the next bytes only for APC; libvterm itself
 * goes on where it was. */
static bool pump(Terminal *terminal, int milliseconds) {
    struct pollfd from = {.fd = terminal->fd, .events = POLLIN};
    char bytes[16384];
    if (terminal->closed || poll(&from, 1, milliseconds) <= 0)
        return false;
    ssize_t got = read(terminal->fd, bytes, sizeof bytes - 1);
    if (got > 0 && bytes[got - 1] == '\033' && poll(&from, 1, 1000) > 0 &&
        read(terminal->fd, bytes + got, 1) == 1)
        got++;
    if (got <= 0) { /* EIO: nobody holds the other side any more */
        terminal->closed = got == 0 || errno != EINTR;
        return false;
    }
    buf_add(&terminal->sent, bytes, (size_t)got);
    show_bytes(terminal, bytes, (size_t)got);
    find_questions(terminal);
    if (!terminal->late)
        terminal_answer(terminal);
    return true;
}

bool terminal_pump(Terminal *terminal, int milliseconds) {
    return pump(terminal, milliseconds);
}

void terminal_read(Terminal *terminal) {
    while (pump(terminal, 0))
        continue;
}

void terminal_send(Terminal *terminal, const char *bytes, size_t size) {
    double until = clock_seconds() + TERMINAL_SECONDS;
    while (size && !terminal->closed && clock_seconds() < until) {
        struct pollfd to = {.fd = terminal->fd, .events = POLLIN | POLLOUT};
        poll(&to, 1, 1000);
        if (to.revents & POLLIN)
            pump(terminal, 0);
        if (!(to.revents & POLLOUT))
            continue;
        ssize_t written = write(terminal->fd, bytes, size < 1024 ? size : 1024);
        if (written < 0)
            return;
        bytes += written;
        size -= (size_t)written;
    }
}

void terminal_answer(Terminal *terminal) {
    Buf held = terminal->held;
    terminal->held = (Buf){0}; /* sending reads, and reading may find more questions */
    terminal_send(terminal, held.data, held.size);
    buf_done(&held);
}

void terminal_type(Terminal *terminal, const char *keys) {
    terminal_send(terminal, keys, strlen(keys));
}

void terminal_paste_bytes(Terminal *terminal, const char *bytes, size_t size) {
    Buf sent = {0};
    for (size_t i = 0; i < size; i++) /* as terminals send it */
        buf_byte(&sent, bytes[i] == '\n' ? '\r' : (unsigned char)bytes[i]);
    terminal->forwards = true;
    vterm_keyboard_start_paste(terminal->vterm);
    terminal_send(terminal, sent.data, sent.size);
    vterm_keyboard_end_paste(terminal->vterm);
    terminal->forwards = false;
    buf_done(&sent);
}

void terminal_paste(Terminal *terminal, const char *text) {
    terminal_paste_bytes(terminal, text, strlen(text));
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

static VTermScreenCell cell_at(const Terminal *terminal, int row, int column) {
    VTermScreenCell cell;
    memset(&cell, 0, sizeof cell);
    vterm_screen_get_cell(terminal->screen, (VTermPos){.row = row, .col = column}, &cell);
    if (cell.chars[0] == UINT32_MAX) /* the right half of a wide character */
        cell.chars[0] = 0;
    return cell;
}

static void add_cell(Buf *out, const VTermScreenCell *cell) {
    for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i]; i++) {
        char bytes[4];
        buf_add(out, bytes, utf8_encode(bytes, cell->chars[i]));
    }
    if (!cell->chars[0])
        buf_byte(out, ' ');
}

static void trim(Buf *out) {
    while (out->size && out->data[out->size - 1] == ' ')
        buf_truncate(out, out->size - 1);
}

static VTermPos cursor_of(const Terminal *terminal) {
    VTermPos cursor;
    vterm_state_get_cursorpos(vterm_obtain_state(terminal->vterm), &cursor);
    return cursor;
}

/* Reads text and before from the cells. */
static void read_screen(Terminal *terminal) {
    VTermPos cursor = cursor_of(terminal);
    buf_truncate(&terminal->text, 0);
    buf_truncate(&terminal->before, 0);
    for (int row = 0; row < terminal->rows; row++) {
        for (int column = 0, columns; column < terminal->columns; column += columns) {
            VTermScreenCell cell = cell_at(terminal, row, column);
            if (row == cursor.row && column == cursor.col)
                buf_add(&terminal->before, terminal->text.data, terminal->text.size);
            add_cell(&terminal->text, &cell);
            columns = cell.width > 0 ? cell.width : 1;
        }
        trim(&terminal->text);
        buf_byte(&terminal->text, '\n');
    }
}

const char *terminal_screen(Terminal *terminal) {
    read_screen(terminal);
    return buf_string(&terminal->text);
}

static int row_index(const Terminal *terminal, int row) {
    return row < 0 ? terminal->rows + row : row;
}

const char *terminal_row(Terminal *terminal, int row) {
    buf_truncate(&terminal->before, 0);
    for (int column = 0, columns; column < terminal->columns; column += columns) {
        VTermScreenCell cell = cell_at(terminal, row_index(terminal, row), column);
        add_cell(&terminal->before, &cell);
        columns = cell.width > 0 ? cell.width : 1;
    }
    trim(&terminal->before);
    return buf_string(&terminal->before);
}

int terminal_row_of(Terminal *terminal, const char *text) {
    for (int row = 0; row < terminal->rows; row++)
        if (strstr(terminal_row(terminal, row), text))
            return row;
    return -1;
}

static long color_of(const VTermColor *color) {
    if (VTERM_COLOR_IS_DEFAULT_FG(color) || VTERM_COLOR_IS_DEFAULT_BG(color))
        return -1;
    if (VTERM_COLOR_IS_INDEXED(color))
        return color->indexed.idx;
    return COLOR_RGB | color->rgb.red << 16 | color->rgb.green << 8 | color->rgb.blue;
}

TerminalCell terminal_cell(const Terminal *terminal, int row, int column) {
    VTermScreenCell cell = cell_at(terminal, row_index(terminal, row), column);
    return (TerminalCell){cell.chars[0], cell.width, cell.attrs.bold, cell.attrs.underline != 0,
                          cell.attrs.reverse, color_of(&cell.fg), color_of(&cell.bg)};
}

TerminalCell terminal_cell_of(Terminal *terminal, const char *text) {
    int row = terminal_row_of(terminal, text);
    if (row < 0)
        return (TerminalCell){0};
    const char *line = terminal_row(terminal, row);
    return terminal_cell(terminal, row, (int)utf8_text_width(line, (size_t)(strstr(line, text) - line)));
}

int terminal_colored(const Terminal *terminal, int from, int to) {
    int count = 0;
    for (int row = from; row < to; row++)
        for (int column = 0; column < terminal->columns; column++) {
            TerminalCell cell = terminal_cell(terminal, row, column);
            count += cell.front >= 0 || cell.back >= 0;
        }
    return count;
}

static void note_color(long *colors, int *count, long color) {
    int i = 0;
    while (i < *count && colors[i] != color)
        i++;
    if (i == *count && i < 4096 && color >= 0)
        colors[(*count)++] = color;
}

int terminal_palette(const Terminal *terminal, int from, int to) {
    static long colors[4096];
    int count = 0;
    for (int row = from; row < to; row++)
        for (int column = 0; column < terminal->columns; column++) {
            TerminalCell cell = terminal_cell(terminal, row, column);
            note_color(colors, &count, cell.front);
            note_color(colors, &count, cell.back);
        }
    return count;
}

static bool looks_alike(const TerminalCell *a, const TerminalCell *b) {
    return a->bold == b->bold && a->underline == b->underline && a->reverse == b->reverse &&
           a->front == b->front && a->back == b->back;
}

/* Of half blocks there are two ways to say the same, and the front of a blank cell is not seen. */
static void normalize(TerminalCell *cell) {
    if (cell->code == 0x2584) { /* LOWER HALF BLOCK */
        long front = cell->front;
        cell->code = 0x2580; /* UPPER HALF BLOCK */
        cell->front = cell->back;
        cell->back = front;
    }
    if ((!cell->code || cell->code == ' ') && !cell->reverse && !cell->underline) {
        cell->front = -1;
        cell->bold = false;
    }
}

static void add_look(Buf *out, const TerminalCell *cell) {
    buf_print(out, "{%s%s%s%lx,%lx}", cell->bold ? "b" : "", cell->underline ? "u" : "",
              cell->reverse ? "r" : "", cell->front, cell->back);
}

void terminal_picture(Buf *out, const Terminal *terminal) {
    for (int row = 0; row < terminal->rows; row++) {
        TerminalCell look = {.front = -1, .back = -1};
        for (int column = 0, columns; column < terminal->columns; column += columns) {
            VTermScreenCell cell = cell_at(terminal, row, column);
            TerminalCell now = terminal_cell(terminal, row, column);
            normalize(&now);
            if (!looks_alike(&now, &look))
                add_look(out, &now);
            cell.chars[0] = now.code;
            add_cell(out, &cell);
            look = now;
            columns = cell.width > 0 ? cell.width : 1;
        }
        trim(out);
        buf_byte(out, '\n');
    }
    buf_print(out, "cursor %d,%d %s\n", terminal_cursor_row(terminal), terminal_cursor_column(terminal),
              terminal->cursor ? "visible" : "hidden");
}

/* ---- waiting ------------------------------------------------------------------------------------------- */

typedef bool HoldsFn(Terminal *, const void *);

static bool has_text(Terminal *terminal, const void *text) {
    return strstr(buf_string(&terminal->text), text) != NULL;
}

static bool has_no_text(Terminal *terminal, const void *text) {
    return !has_text(terminal, text);
}

static bool ends_before_cursor(Terminal *terminal, const void *text) {
    size_t size = strlen(text);
    const Buf *before = &terminal->before;
    return before->size >= size && !memcmp(before->data + before->size - size, text, size);
}

typedef struct RowText {
    int row;
    const char *text;
} RowText;

static bool row_has(Terminal *terminal, const void *wanted) {
    const RowText *row = wanted;
    return strstr(terminal_row(terminal, row->row), row->text) != NULL;
}

static bool wait_until(Terminal *terminal, HoldsFn *holds, const void *wanted) {
    double until = clock_seconds() + TERMINAL_SECONDS;
    for (;;) {
        read_screen(terminal);
        if (holds(terminal, wanted))
            return true;
        if (terminal->closed || clock_seconds() > until)
            return false;
        pump(terminal, 100);
    }
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

bool terminal_expect_row(Terminal *terminal, int row, const char *text) {
    return wait_until(terminal, row_has, &(RowText){row, text});
}

static bool has_picture(Terminal *terminal, const void *wanted) {
    int count = 0;
    for (int row = 0; row < terminal->rows; row++)
        for (int column = 0; column < terminal->columns; column++)
            count += terminal_cell(terminal, row, column).back >= 0;
    return count >= *(const int *)wanted;
}

bool terminal_expect_picture(Terminal *terminal, int cells) {
    return wait_until(terminal, has_picture, &cells);
}

static int count_sent(const Terminal *terminal, const char *bytes) {
    int count = 0;
    const char *at = terminal->sent.data, *end = at + terminal->sent.size;
    for (; at < end && (at = memmem(at, (size_t)(end - at), bytes, strlen(bytes))); at += strlen(bytes))
        count++;
    return count;
}

bool terminal_expect_sent(Terminal *terminal, const char *bytes, int count) {
    double until = clock_seconds() + TERMINAL_SECONDS;
    while (count_sent(terminal, bytes) < count) {
        if (terminal->closed || clock_seconds() > until)
            return false;
        pump(terminal, 100);
    }
    return true;
}

/* The state of the main thread, as proc(5) has it; 0 when it is gone. */
static char state_of(pid_t pid) {
    char path[40], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = 0;
    const char *name = strrchr(text, ')');
    return name && name[1] ? name[2] : 0;
}

bool terminal_is_closed(const Terminal *terminal) {
    return terminal->closed;
}

/* How often the main thread gave up the processor, by itself or not; -1 when it is gone. */
static long switches_of(pid_t pid) {
    char path[40], line[128];
    long count, sum = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1 ||
            sscanf(line, "nonvoluntary_ctxt_switches: %ld", &count) == 1)
            sum = (sum < 0 ? 0 : sum) + count;
    if (file)
        fclose(file);
    return sum;
}

/* Longer than the timers of the surface: 0.1 s between frames, 0.15 s before hints, 0.25 s for answers. If
 * the program slept all that time, none was running; one that ran out but found no processor is seen as R. */
#define REST_MILLISECONDS 260

bool terminal_settle(Terminal *terminal) {
    double until = clock_seconds() + TERMINAL_SECONDS;
    while (!terminal->closed && clock_seconds() < until) {
        long before = switches_of(terminal->pid);
        bool slept = !pump(terminal, REST_MILLISECONDS) && state_of(terminal->pid) == 'S' &&
                     switches_of(terminal->pid) == before;
        if (slept && !pump(terminal, 0))
            return true;
    }
    return false;
}

/* ---- a fresh redraw ------------------------------------------------------------------------------------ */

static const char *line_of(const char *at, size_t *size) {
    const char *end = strchr(at, '\n');
    *size = end ? (size_t)(end - at) : strlen(at);
    return end ? end + 1 : at + *size;
}

static bool same_pictures(const char *old, const char *fresh) {
    bool same = true;
    for (int row = 0; *old || *fresh; row++) {
        size_t old_size, fresh_size;
        const char *old_next = line_of(old, &old_size), *fresh_next = line_of(fresh, &fresh_size);
        if (old_size != fresh_size || memcmp(old, fresh, old_size)) {
            printf("# row %d was   |%.*s\n# but redrawn |%.*s\n", row, (int)old_size, old, (int)fresh_size,
                   fresh);
            same = false;
        }
        old = old_next;
        fresh = fresh_next;
    }
    return same;
}

/* What curses sends to clear the screen, by the terminals used here. */
static int count_clears(const Terminal *terminal) {
    return count_sent(terminal, "\033[H\033[2J") + count_sent(terminal, "\033[H\033[J");
}

bool terminal_is_fresh(Terminal *terminal, RedrawBy how) {
    Buf old = {0}, fresh = {0};
    bool rests = terminal_settle(terminal);
    int clears = count_clears(terminal);
    double until = clock_seconds() + TERMINAL_SECONDS;
    terminal_picture(&old, terminal);
    if (how == REDRAW_KEY)
        terminal_type(terminal, "\f");
    else
        kill(terminal->pid, SIGCONT);
    while (count_clears(terminal) == clears && !terminal->closed && clock_seconds() < until)
        pump(terminal, 100);
    bool redrawn = count_clears(terminal) > clears;
    rests = terminal_settle(terminal) && rests;
    terminal_picture(&fresh, terminal);
    bool same = same_pictures(buf_string(&old), buf_string(&fresh));
    if (!rests || !redrawn)
        printf("# %s\n", rests ? "nothing was redrawn" : "the program does not come to rest");
    buf_done(&old);
    buf_done(&fresh);
    return same && rests && redrawn;
}

/* ---- modes --------------------------------------------------------------------------------------------- */

bool terminal_alternate(const Terminal *terminal) {
    return terminal->alternate;
}

bool terminal_cursor_visible(const Terminal *terminal) {
    return terminal->cursor;
}

int terminal_bells(const Terminal *terminal) {
    return terminal->bells;
}

int terminal_cursor_row(const Terminal *terminal) {
    return cursor_of(terminal).row;
}

int terminal_cursor_column(const Terminal *terminal) {
    return cursor_of(terminal).col;
}

void terminal_title(char out[128], const Terminal *terminal) {
    static const char mark[] = "\033]2;";
    const char *all = buf_string(&terminal->sent), *last = NULL;
    for (const char *at = all; (at = strstr(at, mark)); at += sizeof mark - 1)
        last = at + sizeof mark - 1;
    snprintf(out, 128, "%.*s", last ? (int)strcspn(last, "\033\a") : 0, last ? last : "");
}

static bool has_title(Terminal *terminal, const void *text) {
    char title[128];
    terminal_title(title, terminal);
    return strstr(title, text) != NULL;
}

bool terminal_expect_title(Terminal *terminal, const char *text) {
    return wait_until(terminal, has_title, text);
}

static size_t last_sent(const Terminal *terminal, const char *bytes) {
    const char *all = terminal->sent.data, *at = all, *end = all + terminal->sent.size;
    size_t last = 0;
    for (; at < end && (at = memmem(at, (size_t)(end - at), bytes, strlen(bytes))); at++)
        last = (size_t)(at - all) + 1;
    return last;
}

static bool is_off(const Terminal *terminal, const char *on, const char *off, const char *name) {
    bool good = last_sent(terminal, on) <= last_sent(terminal, off);
    if (!good)
        printf("# %s is still on\n", name);
    return good;
}

/* What is put on a stack must be taken from it as often. */
static bool is_balanced(const Terminal *terminal, const char *on, const char *off, const char *name) {
    int begun = count_sent(terminal, on), ended = count_sent(terminal, off);
    if (begun != ended)
        printf("# %s was put away %d times and brought back %d times\n", name, begun, ended);
    return begun == ended;
}

bool terminal_is_restored(const Terminal *terminal) {
    VTermValue front, back;
    const VTermState *state = vterm_obtain_state(terminal->vterm);
    vterm_state_get_penattr(state, VTERM_ATTR_FOREGROUND, &front);
    vterm_state_get_penattr(state, VTERM_ATTR_BACKGROUND, &back);
    bool plain = color_of(&front.color) < 0 && color_of(&back.color) < 0;
    bool sane = terminal_is_sane(terminal);
    bool balanced = is_off(terminal, "\033[?1049h", "\033[?1049l", "the alternate screen") &
                    is_off(terminal, "\033[?2004h", "\033[?2004l", "bracketed paste") &
                    is_off(terminal, "\033[?1h", "\033[?1l", "application keys") &
                    is_balanced(terminal, "\033[22;2t", "\033[23;2t", "the title");
    if (terminal->alternate || !terminal->cursor || !plain || !sane)
        printf("# %s%s%s%s\n", terminal->alternate ? "still on the alternate screen. " : "",
               terminal->cursor ? "" : "the cursor is invisible. ", plain ? "" : "colours are still on. ",
               sane ? "" : "no echo or no lines.");
    return !terminal->alternate && terminal->cursor && plain && sane && balanced;
}

const char *terminal_sent(const Terminal *terminal) {
    return buf_string(&terminal->sent);
}

size_t terminal_sent_size(const Terminal *terminal) {
    return terminal->sent.size;
}

bool terminal_is_sane(const Terminal *terminal) {
    struct termios modes;
    return tcgetattr(terminal->fd, &modes) == 0 && (modes.c_lflag & ICANON) && (modes.c_lflag & ECHO);
}

void terminal_show(Terminal *terminal, const char *expected) {
    printf("# expected on the screen: \"%s\"\n", expected);
    for (const char *line = terminal_screen(terminal), *end; (end = strchr(line, '\n')); line = end + 1)
        if (end > line)
            printf("# | %.*s\n", (int)(end - line), line);
    printf("# cursor in row %d, column %d\n", terminal_cursor_row(terminal),
           terminal_cursor_column(terminal));
}

/* ---- the end ------------------------------------------------------------------------------------------- */

/* Waits for the process; kills one that does not end. */
static int status_of(Terminal *terminal) {
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
    terminal->pid = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int terminal_wait(Terminal *terminal) {
    int status = status_of(terminal);
    terminal_read(terminal);
    return status;
}

static void terminal_free(Terminal *terminal) {
    vterm_free(terminal->vterm);
    buf_done(&terminal->text);
    buf_done(&terminal->before);
    buf_done(&terminal->sent);
    buf_done(&terminal->held);
    free(terminal);
}

void terminal_close(Terminal *terminal) {
    if (terminal->pid > 0) {
        kill(terminal->pid, SIGKILL);
        terminal_wait(terminal);
    }
    close(terminal->fd);
    terminal_free(terminal);
}

int terminal_hang_up(Terminal *terminal) {
    close(terminal->fd);
    terminal->closed = true;
    int status = status_of(terminal);
    terminal_free(terminal);
    return status;
}

/* ---- scenarios ----------------------------------------------------------------------------------------- */

static bool is_asked_for(const Scenario *scenario, int count, char **words) {
    bool wanted = count < 2;
    for (int i = 1; i < count; i++)
        wanted |= strstr(scenario->name, words[i]) != NULL;
    return wanted;
}

/* An empty directory as HOME and working directory. */
static void enter_place(const char *world, int number) {
    char place[300];
    snprintf(place, sizeof place, "%s/%d", world, number);
    bool made = !mkdir(place, 0700) && !chdir(place);
    assert(made);
    setenv("HOME", place, 1);
    setenv("TMPDIR", place, 1);
}

void terminal_scenarios(const Scenario *rows, int count, char **words) {
    char world[256];
    program_world();
    snprintf(world, sizeof world, "%s", getenv("HOME"));
    for (int number = 0; rows->run; rows++, number++) {
        if (!is_asked_for(rows, count, words))
            continue;
        double begun = clock_seconds();
        enter_place(world, number);
        printf("# %s\n", rows->name);
        rows->run();
        printf("# %.2f s\n", clock_seconds() - begun);
    }
}
