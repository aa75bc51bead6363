/* full.c: the full surface on curses. It composes a canvas from what the session says, gives it to curses,
 * which sends what differs, and paints pictures over placeholder cells itself. Facts: product.md 2,
 * architecture.md 9, ncurses(3x).
 *
 * Curses knows nothing of picture cells: it has put PLACEHOLDER there, and `shown` remembers what was painted
 * over it. Inserting and deleting of characters is switched off, so a cell that curses believes unchanged is
 * unchanged. */
#include "config.h"

#include "ui/full.h"

#ifdef HAVE_CURSES

#define NCURSES_NOMACROS
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "app/signals.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "ui/panel.h"
#include "ui/scene.h"

#define PAINT_SECONDS 0.1   /* F7 */
#define PLACEHOLDER 0x2580  /* UPPER HALF BLOCK: where a picture is; whatever follows it differs */

struct Full {
    Scene scene;
    SCREEN *screen;
    bool up;                 /* curses has the terminal */
    Caps caps;
    double asked;            /* clock when the terminal was asked; 0: no answer is awaited */
    bool colored;            /* text has colours */
    double painted;          /* clock */
    Buf bytes;               /* for the terminal */

    ImageCell *shown;        /* owned [rows, columns]: painted over placeholders */
    bool *is_shown;          /* owned [rows, columns] */
    PicturePlace pixels;     /* of a picture in real pixels that is on the screen; row -1: none */
    unsigned pixels_id;
    int pixel_rows;
    bool pixels_fresh;       /* not sent yet */

    Buf title;
    bool titled;             /* the terminal takes a title */
    struct sigaction on_stop; /* what Ctrl-Z does, while a child has the terminal */
    int error_file, error_saved; /* descriptors; -1: not redirected */
};

/* ---- how styles look ----------------------------------------------------------------------------------- */

/* On terminals with colour, the pair's foreground besides. */
static const struct { attr_t attributes; short color; } LOOKS[STYLES] = {
    [STYLE_TEXT] = {A_NORMAL, -1},           [STYLE_DIM] = {A_DIM, -1},
    [STYLE_STRONG] = {A_BOLD, -1},           [STYLE_HEADER] = {A_REVERSE, -1},
    [STYLE_BADGE] = {A_REVERSE | A_BOLD, -1}, [STYLE_RULE] = {A_DIM, -1},
    [STYLE_PROMPT] = {A_BOLD, -1},           [STYLE_INFO] = {A_NORMAL, COLOR_GREEN},
    [STYLE_WARN] = {A_BOLD, COLOR_YELLOW},   [STYLE_ERROR] = {A_BOLD, COLOR_RED},
    [STYLE_HINT] = {A_NORMAL, COLOR_CYAN},   [STYLE_DONE] = {A_BOLD, COLOR_GREEN},
    [STYLE_WEIGHTS] = {A_NORMAL, COLOR_BLUE}, [STYLE_ACTIVATIONS] = {A_NORMAL, COLOR_MAGENTA},
    [STYLE_OTHER] = {A_NORMAL, COLOR_YELLOW}, [STYLE_TAG] = {A_NORMAL, COLOR_CYAN},
    [STYLE_TAG_OPEN] = {A_BOLD, COLOR_CYAN}, [STYLE_TAG_UNKNOWN] = {A_UNDERLINE, COLOR_YELLOW},
    [STYLE_TAG_STRAY] = {A_BOLD | A_UNDERLINE, COLOR_RED},
    [STYLE_COMMAND] = {A_BOLD, COLOR_BLUE},  [STYLE_SELECTED] = {A_REVERSE, -1},
};

/* Returns the colours of pictures, by terminal and settings. */
static ColorDepth use_colors(Full *full) {
    const Settings *settings = app_settings(full->scene.console->app);
    const char *no_color = getenv("NO_COLOR");
    bool always = settings_is(settings, SET_COLOR, "always");
    bool wanted = always || (settings_is(settings, SET_COLOR, "auto") && !(no_color && *no_color));
    ColorDepth depth = wanted ? full->caps.depth : DEPTH_NONE;
    full->colored = wanted && has_colors();
    caps_choose(&full->caps, settings_text(settings, SET_PICTURE), depth);
    return full->caps.protocol == IMAGE_NONE ? DEPTH_NONE : depth;
}

static void make_pairs(void) {
    if (!has_colors())
        return;
    start_color();
    use_default_colors();
    for (short color = 0; color < 8 && color < COLORS; color++)
        init_pair((short)(color + 1), color, -1);
}

/* ---- the canvas to curses ------------------------------------------------------------------------------ */

/* The characters of one cell as the C library measures them: where it disagrees about a width, something of
 * the right width stands in. Returns how many elements of `out` were filled: a cell that is wide for us but
 * not for the library takes a space behind it. */
static int put_cell(cchar_t out[2], const Full *full, const Cell *cell, int cells) {
    wchar_t text[GLYPH_CODES + 1] = {0};
    attr_t attributes = LOOKS[cell->style].attributes;
    short color = full->colored && LOOKS[cell->style].color >= 0 ? (short)(LOOKS[cell->style].color + 1) : 0;
    for (int i = 0; i < GLYPH_CODES && cell->code[i]; i++)
        text[i] = (wchar_t)cell->code[i];
    int width = wcwidth(text[0]);
    if (cell->image) {
        text[0] = PLACEHOLDER;
        text[1] = 0;
    } else if (width < 1 || width > cells) {
        text[0] = UTF8_REPLACEMENT;
        text[1] = 0;
        width = 1;
    }
    setcchar(&out[0], text, attributes, color, NULL);
    if (cell->image || width == cells)
        return 1;
    setcchar(&out[1], L" ", attributes, color, NULL);
    return 2;
}

static void put_row(const Full *full, int row) {
    const Canvas *canvas = &full->scene.canvas;
    cchar_t *line = must_alloc((size_t)(canvas->columns + 1) * sizeof *line);
    int count = 0;
    for (int column = 0; column < canvas->columns;) {
        bool wide = column + 1 < canvas->columns && !canvas_cell(canvas, row, column + 1)->code[0];
        count += put_cell(line + count, full, canvas_cell(canvas, row, column), wide ? 2 : 1);
        column += wide ? 2 : 1;
    }
    mvadd_wchnstr(row, 0, line, count);
    free(line);
}

/* ---- pictures over it ---------------------------------------------------------------------------------- */

static void forget_shown(Full *full) {
    memset(full->is_shown, 0,
           (size_t)full->scene.canvas.rows * (size_t)full->scene.canvas.columns * sizeof(bool));
    full->pixels = (PicturePlace){.row = -1};
}

static void make_shown(Full *full) {
    size_t count = (size_t)full->scene.canvas.rows * (size_t)full->scene.canvas.columns;
    full->shown = must_realloc(full->shown, (count + 1) * sizeof *full->shown);
    full->is_shown = must_realloc(full->is_shown, (count + 1) * sizeof *full->is_shown);
    forget_shown(full);
}

static bool same_cell(const ImageCell *a, const ImageCell *b) {
    return a->top == b->top && a->bottom == b->bottom;
}

static size_t cell_index(const Full *full, int row, int column) {
    return (size_t)row * (size_t)full->scene.canvas.columns + (size_t)column;
}

/* Cells of a row that show a picture now, or did in the last frame. *moved becomes true when not all did
 * both. */
static int picture_cells(bool *moved, const Full *full, int row) {
    int count = 0;
    for (int column = 0; column < full->scene.canvas.columns; column++) {
        bool now = canvas_cell(&full->scene.canvas, row, column)->image;
        bool before = full->is_shown[cell_index(full, row, column)];
        count += now || before;
        *moved |= now != before;
    }
    return count;
}

/* Where curses can save bytes it lets the terminal scroll a part of the screen (idlok does not forbid that),
 * and with it pictures that it knows nothing of. Rows that it believes to be garbled stay where they are: so
 * when a picture comes, moves or goes, all rows with pictures are written anew. */
static void renew_pictures(Full *full) {
    bool moved = false;
    for (int row = 0; row < full->scene.canvas.rows; row++)
        picture_cells(&moved, full, row);
    for (int row = 0; moved && row < full->scene.canvas.rows; row++)
        if (picture_cells(&moved, full, row)) {
            wredrawln(stdscr, row, 1);
            memset(full->is_shown + cell_index(full, row, 0), 0,
                   (size_t)full->scene.canvas.columns * sizeof(bool));
        }
}

/* True when this cell must be painted; notes what will be there. */
static bool must_paint(Full *full, int row, int column) {
    size_t index = cell_index(full, row, column);
    const ImageCell *image = canvas_cell(&full->scene.canvas, row, column)->image;
    bool same = image && full->is_shown[index] && same_cell(&full->shown[index], image);
    full->is_shown[index] = image != NULL;
    if (image)
        full->shown[index] = *image;
    return image && !same;
}

/* Appends what paints the picture cells of a row that are not right yet. */
static void paint_row(Full *full, ImagePen *pen, int row) {
    int columns = full->scene.canvas.columns;
    for (int column = 0; column < columns; column++) {
        int begin = column;
        ImageCell run[512];
        while (column < columns && column - begin < 512 && must_paint(full, row, column)) {
            run[column - begin] = *canvas_cell(&full->scene.canvas, row, column)->image;
            column++;
        }
        if (column == begin)
            continue;
        buf_print(&full->bytes, "\033[%d;%dH", row + 1, begin + 1);
        image_paint(&full->bytes, pen, run, column - begin, full->scene.depth);
        column--; /* the cell that ended the run was looked at, and needs nothing */
    }
}

/* To where curses left it. Not by saving and restoring: some terminals have one place for that, and the
 * normal screen's cursor is in it. */
static void put_cursor_back(Full *full) {
    buf_print(&full->bytes, "\033[m\033[%d;%dH", getcury(curscr) + 1, getcurx(curscr) + 1);
}

static void paint_cells(Full *full) {
    ImagePen pen = IMAGE_PEN;
    size_t before = full->bytes.size;
    buf_text(&full->bytes, "\033[m");
    size_t start = full->bytes.size;
    for (int row = 0; row < full->scene.canvas.rows; row++)
        paint_row(full, &pen, row);
    if (full->bytes.size == start)
        buf_truncate(&full->bytes, before);
    else
        put_cursor_back(full);
}

/* Real pixels: only the newest picture, only while it is wholly visible (F3). Its cells are blank for curses,
 * which writes their rows again once the picture is gone. */
static void place_pixels(Full *full) {
    const PicturePlace *newest = &full->scene.pixels;
    PicturePlace *old = &full->pixels;
    bool same = newest->row >= 0 && old->row == newest->row && full->pixels_id == newest->entry->id;
    if (same)
        return;
    if (old->row >= 0) {
        image_erase(&full->bytes, &full->caps);
        wredrawln(stdscr, old->row, full->pixel_rows);
        size_t first = (size_t)old->row * (size_t)full->scene.canvas.columns;
        memset(full->is_shown + first, 0,
               (size_t)full->pixel_rows * (size_t)full->scene.canvas.columns * sizeof(bool));
    }
    *old = *newest;
    full->pixels_fresh = newest->row >= 0;
    if (newest->row < 0)
        return;
    full->pixels_id = newest->entry->id;
    full->pixel_rows = newest->entry->box.rows;
}

/* After curses has written the blank cells. */
static void add_pixels(Full *full) {
    const PicturePlace *place = &full->pixels;
    if (!full->pixels_fresh)
        return;
    full->pixels_fresh = false;
    buf_print(&full->bytes, "\033[%d;%dH", place->row + 1, place->column + 1);
    image_escape(&full->bytes, &place->entry->image, place->entry->box, &full->caps);
    put_cursor_back(full);
}

static void send(Full *full) {
    size_t at = 0;
    while (at < full->bytes.size) {
        ssize_t written = write(STDOUT_FILENO, full->bytes.data + at, full->bytes.size - at);
        if (written < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, 1000);
        } else if (written < 0 && errno != EINTR) {
            break; /* a terminal that is gone: reading will say so */
        } else if (written > 0) {
            at += (size_t)written;
        }
    }
    buf_truncate(&full->bytes, 0);
}

static void update_title(Full *full) {
    Buf title = {0};
    panel_title(&title, &full->scene.view);
    if (full->titled && strcmp(buf_string(&title), buf_string(&full->title))) {
        buf_print(&full->bytes, "\033]2;%s\033\\", title.data);
        buf_done(&full->title);
        full->title = title;
        return;
    }
    buf_done(&title);
}

/* Brings the screen up to date. */
static void paint(Full *full) {
    Canvas *canvas = &full->scene.canvas;
    scene_compose(&full->scene);
    place_pixels(full);
    renew_pictures(full);
    for (int row = 0; row < canvas->rows; row++)
        put_row(full, row);
    curs_set(canvas->cursor_row >= 0);
    if (canvas->cursor_row >= 0)
        wmove(stdscr, canvas->cursor_row, canvas->cursor_column);
    send(full); /* what must go before curses writes: pictures that are erased */
    wrefresh(stdscr);
    if (full->scene.depth != DEPTH_NONE)
        paint_cells(full);
    add_pixels(full);
    update_title(full);
    send(full);
    full->scene.haste = SCENE_CLEAN;
    full->painted = clock_seconds();
}

/* ---- sizes and colours --------------------------------------------------------------------------------- */

/* The size the kernel says; curses' own when it says none. */
static void take_size(Full *full) {
    struct winsize size;
    int rows = LINES, columns = COLS;
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
        rows = size.ws_row;
        columns = size.ws_col;
    }
    if (rows != LINES || columns != COLS)
        resize_term(rows, columns);
    scene_size(&full->scene, rows, columns);
    make_shown(full);
    clearok(curscr, TRUE);
}

/* Settings and answers of the terminal. */
static void take_look(Full *full) {
    bool late = full->asked > 0 && clock_seconds() - full->asked > CAPS_MILLISECONDS / 1e3;
    if (late || (full->asked > 0 && caps_complete(&full->caps))) {
        full->asked = 0;
        caps_close(&full->caps);
    }
    ImageProtocol protocol = full->caps.protocol;
    bool colored = full->colored;
    ColorDepth depth = use_colors(full);
    if (depth != full->scene.depth || protocol != full->caps.protocol) {
        scene_look(&full->scene, depth);
        forget_shown(full);
    }
    if (colored != full->colored)
        scene_note(&full->scene, SCENE_NOW);
}

static void full_show(void *context) {
    Full *full = context;
    Scene *scene = &full->scene;
    take_look(full);
    scene_update(scene);
    bool due = clock_seconds() - full->painted >= PAINT_SECONDS;
    if (scene->haste == SCENE_NOW || (scene->haste == SCENE_SOON && due))
        paint(full);
}

static int until(double from, double seconds) {
    double left = from + seconds - clock_seconds();
    return left > 0 ? (int)(left * 1000) + 1 : 0;
}

static int full_wait(const void *context) {
    const Full *full = context;
    int wait = scene_wait(&full->scene);
    if (full->scene.haste == SCENE_SOON)
        wait = console_sooner(wait, until(full->painted, PAINT_SECONDS));
    if (full->asked > 0)
        wait = console_sooner(wait, until(full->asked, CAPS_MILLISECONDS / 1e3));
    return wait;
}

/* ---- what the session says ----------------------------------------------------------------------------- */

static void full_line(void *context, LineKind kind, const char *text) {
    Full *full = context;
    if (full->up)
        scene_line(&full->scene, kind, text);
    else /* F8: the summary goes to the normal screen */
        stream_line(&(Stream){.out = stdout, .err = stderr}, kind, text);
}

static void full_image(void *context, const Image *image) {
    scene_image(&((Full *)context)->scene, image);
}

static bool full_shows(const void *context) {
    return ((const Full *)context)->scene.depth != DEPTH_NONE;
}

static void full_edit(void *context, const char *text, size_t size) {
    console_request_edit(((Full *)context)->scene.console, text, size);
}

static void full_bell(void *context) {
    (void)context;
    beep();
    fflush(stdout);
}

static void full_echo(void *context, const char *text, size_t size) {
    scene_echo(&((Full *)context)->scene, text, size);
}

static void full_answered(void *context) {
    scene_read_answer(&((Full *)context)->scene);
}

static void full_matches(void *context, char *const *words, size_t count) {
    scene_matches(&((Full *)context)->scene, words, count);
}

static size_t full_step(void *context, int rows, int *goal) {
    return scene_step(&((Full *)context)->scene, rows, goal);
}

static void full_gallery(void *context) {
    scene_gallery(&((Full *)context)->scene);
}

static void full_top(void *context) {
    scene_top(&((Full *)context)->scene);
}

static void full_screen(void *context, Buf *out) {
    Full *full = context;
    full_show(full);
    scene_compose(&full->scene);
    canvas_dump(out, &full->scene.canvas);
}

static bool full_unit(void *context, const Unit *unit) {
    Full *full = context;
    if (unit->kind != UNIT_PASTE && caps_answer(&full->caps, unit->bytes, unit->size))
        return true;
    return scene_unit(&full->scene, unit);
}

/* ---- the terminal comes and goes ----------------------------------------------------------------------- */

static void full_resized(void *context) {
    take_size(context);
}

static void full_redraw(void *context) {
    take_size(context); /* whatever happened, also a change of size that nobody told */
}

/* F8: libraries print; that must not land on the screen. */
static void catch_errors(Full *full) {
    fflush(stderr);
    full->error_saved = dup(STDERR_FILENO);
    if (full->error_file >= 0 && full->error_saved >= 0)
        dup2(full->error_file, STDERR_FILENO);
}

static void release_errors(Full *full) {
    fflush(stderr);
    if (full->error_saved < 0)
        return;
    dup2(full->error_saved, STDERR_FILENO);
    close(full->error_saved);
    full->error_saved = -1;
}

static void leave_screen(Full *full) {
    if (full->caps.protocol > IMAGE_HALF)
        image_erase(&full->bytes, &full->caps);
    if (full->titled)
        buf_text(&full->bytes, "\033]2;\033\\\033[23;2t");
    send(full);
    endwin();
    release_errors(full);
}

static void enter_screen(Full *full) {
    catch_errors(full);
    if (full->titled) {
        buf_text(&full->bytes, "\033[22;2t");
        buf_done(&full->title);
    }
    send(full);
    take_size(full);
    wrefresh(stdscr);
}

/* Ctrl-Z now stops this program together with the child. */
static void full_suspend(void *context) {
    Full *full = context;
    struct sigaction stop = {.sa_handler = SIG_DFL};
    leave_screen(full);
    tty_suspend();
    sigaction(SIGTSTP, &stop, &full->on_stop);
}

/* A line of Enter, with the terminal in the modes of a shell. */
static void full_linger(void *context) {
    char byte;
    (void)context;
    fputs("[Enter goes back to newbie] ", stdout);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        continue;
}

/* Ctrl-C was meant for the child. */
static void full_resume(void *context) {
    Full *full = context;
    int fatal = 0;
    sigaction(SIGTSTP, &full->on_stop, NULL);
    tty_resume();
    for (int number; (number = signals_next());)
        fatal = number == SIGHUP || number == SIGTERM ? number : fatal;
    if (fatal)
        raise(fatal);
    enter_screen(full);
}

static void full_stop(void *context) {
    Full *full = context;
    leave_screen(full);
    tty_stop();
    enter_screen(full);
}

static void on_signal(void *context, int number) {
    Full *full = context;
    if (number == SIGTSTP)
        full_stop(full);
    else if (number == SIGCONT)
        tty_resume();
    take_size(full);
    paint(full);
}

static char full_ask(void *context, const Question *question) {
    Full *full = context;
    scene_ask(&full->scene, question);
    full_show(full);
    char answer = console_ask(full->scene.console, question, on_signal, full);
    scene_answered(&full->scene, answer);
    return answer;
}

/* Terminals that take a title, by the beginning of TERM; others might print it. */
static bool takes_title(void) {
    static const char *const names[] = {"xterm", "tmux", "screen", "rxvt", "alacritty", "foot", "wezterm",
                                        "konsole", "vte", "st-", "contour", "ghostty"};
    const char *term = getenv("TERM");
    for (size_t i = 0; term && i < sizeof names / sizeof *names; i++)
        if (!strncmp(term, names[i], strlen(names[i])))
            return true;
    return false;
}

/* For a crash: what brings the normal screen back. */
static void prepare_restore(void) {
    const char *normal = tigetstr("rmcup"), *visible = tigetstr("cnorm");
    Buf bytes = {0};
    buf_text(&bytes, "\033[m");
    if (visible && visible != (char *)-1)
        buf_text(&bytes, visible);
    if (normal && normal != (char *)-1)
        buf_text(&bytes, normal);
    tty_also_restore(buf_string(&bytes));
    buf_done(&bytes);
}

/* An unknown TERM, or one that cannot move its cursor, is an error. */
static Status open_screen(Full *full) {
    const char *term = getenv("TERM");
    use_env(TRUE);
    use_tioctl(TRUE);
    full->screen = newterm(NULL, stdout, stdin);
    if (!full->screen)
        return fail(ERR_IO, "the terminal type %s is not known here", term ? term : "(none)");
    raw(); /* newterm made Ctrl-C and Ctrl-Z signals again (ui/tty.h) */
    const char *move = tigetstr("cup");
    if (move && move != (char *)-1)
        return NULL;
    endwin();
    return fail(ERR_IO, "a terminal of type %s cannot move its cursor", term);
}

static Status full_open(void *context, Console *console) {
    static const int caught[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
    Full *full = context;
    scene_begin(&full->scene, console, &full->caps);
    TRY(open_screen(full));
    TRY(signals_open(&console->signals, caught, sizeof caught / sizeof *caught)); /* curses took them */
    idcok(stdscr, FALSE);
    idlok(stdscr, FALSE);
    leaveok(stdscr, FALSE);
    make_pairs();
    prepare_restore();
    full->up = true;
    full->titled = takes_title();
    CapsFacts facts = caps_facts(tigetnum("colors"));
    caps_begin(&full->caps, &facts);
    full->scene.depth = use_colors(full);
    /* before the screen is entered: what a terminal prints of it is then not on ours, and tmux, which draws
     * the pane anew after that, drops until then what it should pass on (3.3a) */
    caps_query(&full->bytes, &full->caps);
    full->asked = clock_seconds();
    enter_screen(full);
    return NULL;
}

static void full_close(void *context) {
    Full *full = context;
    if (!full->up)
        return;
    leave_screen(full);
    tty_also_restore("");
    full->up = false;
}

void full_show_errors(Full *full) {
    char bytes[4096];
    if (!full || full->error_file < 0 || lseek(full->error_file, 0, SEEK_SET))
        return;
    for (ssize_t got; (got = read(full->error_file, bytes, sizeof bytes)) > 0;)
        fwrite(bytes, 1, (size_t)got, stderr);
}

/* ---- choosing it --------------------------------------------------------------------------------------- */

static bool is_dumb(void) {
    const char *term = getenv("TERM");
    return !term || !*term || !strcmp(term, "dumb");
}

static bool is_accessible(void) {
    const char *wish = getenv("ACCESSIBLE");
    return wish && *wish && strcmp(wish, "0");
}

static bool window_is_small(void) {
    struct winsize size;
    return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col &&
           scene_is_small(size.ws_row, size.ws_col);
}

bool full_wanted(Buf *why, const App *app, SurfaceWish wish) {
    const Settings *settings = app_settings(app);
    if (wish != SURFACE_AUTO)
        return wish == SURFACE_FULL;
    if (is_accessible() || is_dumb() || settings_is(settings, SET_SURFACE, "plain"))
        return false;
    if (settings_is(settings, SET_SURFACE, "full") || !window_is_small())
        return true;
    buf_print(why, "The window is smaller than %dx%d, so lines are printed; --full takes the screen anyway",
              SCENE_LEAST_COLUMNS, SCENE_LEAST_ROWS);
    return false;
}

/* ---- the surface --------------------------------------------------------------------------------------- */

static const Surface FULL_SURFACE = {
    .name = "full", .live = true, .line = full_line, .image = full_image, .shows = full_shows,
    .ask = full_ask, .edit = full_edit, .suspend = full_suspend, .resume = full_resume, .linger = full_linger,
    .bell = full_bell, .screen = full_screen, .gallery = full_gallery, .top = full_top,
};

const Face FULL_FACE = {
    .surface = &FULL_SURFACE, .style = EDIT_WHOLE, .open = full_open, .close = full_close, .show = full_show,
    .wait = full_wait, .unit = full_unit, .resized = full_resized, .redraw = full_redraw, .stop = full_stop,
    .echo = full_echo, .answered = full_answered, .matches = full_matches, .step = full_step,
};

Full *full_new(void) {
    Full *full = must_alloc(sizeof *full);
    full->pixels.row = -1;
    full->error_saved = -1;
    FILE *errors = tmpfile();
    full->error_file = errors ? dup(fileno(errors)) : -1;
    if (errors)
        fclose(errors);
    return full;
}

void full_free(Full *full) {
    if (!full)
        return;
    if (full->screen)
        delscreen(full->screen);
    if (full->error_file >= 0)
        close(full->error_file);
    scene_done(&full->scene);
    free(full->shown);
    free(full->is_shown);
    buf_done(&full->bytes);
    buf_done(&full->title);
    free(full);
}

#else /* configure --without-curses */

#include <stdlib.h>

struct Full {
    int nothing;
};

const Face FULL_FACE = {0};

Full *full_new(void) {
    return must_alloc(sizeof(Full));
}

void full_free(Full *full) {
    free(full);
}

void full_show_errors(Full *full) {
    (void)full;
}

bool full_wanted(Buf *why, const App *app, SurfaceWish wish) {
    (void)app;
    if (wish == SURFACE_FULL)
        buf_text(why, "This build has no full screen (configure --without-curses), so lines are printed");
    return false;
}

#endif
