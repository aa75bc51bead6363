/* caps.c: see caps.h. One table of terminals, one list of questions, one reader of answers. */
#include "config.h"

#include "ui/caps.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ui/image.h"

/* ---- the table ----------------------------------------------------------------------------------------- */

typedef enum KnownBy {
    BY_TERM,    /* TERM begins so */
    BY_PROGRAM, /* TERM_PROGRAM begins so */
    BY_ANSWER,  /* its answer to XTVERSION begins so */
} KnownBy;

enum {
    QUIRK_SILENT = 1,  /* no terminal that answers */
    QUIRK_STRINGS = 2, /* prints DCS, OSC or APC instead of ignoring them */
    QUIRK_APC = 4,     /* takes an APC for a title */
    CAN_24BIT = 8,
    CAN_ITERM = 16,
    CAN_PLACEHOLDERS = 32,
    IS_TMUX = 64,
};
#define QUIRKS (QUIRK_SILENT | QUIRK_STRINGS | QUIRK_APC)

typedef struct Terminal {
    KnownBy known_by;
    const char *mark;
    unsigned facts;
} Terminal;

/* Real pixels only stand in rows known by an answer; whoever answers Kitty's question or has sixel among its
 * attributes needs no row for that. Every row that fits counts. */
static const Terminal TERMINALS[] = {
    {BY_TERM, "dumb", QUIRK_SILENT},
    {BY_TERM, "linux", QUIRK_STRINGS},
    {BY_TERM, "cons25", QUIRK_STRINGS},
    {BY_TERM, "vt1", QUIRK_STRINGS},
    {BY_TERM, "vt2", QUIRK_STRINGS},
    {BY_TERM, "screen", QUIRK_APC},
    {BY_TERM, "tmux", QUIRK_APC | IS_TMUX},
    {BY_TERM, "xterm-kitty", CAN_24BIT},
    {BY_TERM, "xterm-ghostty", CAN_24BIT},
    {BY_TERM, "foot", CAN_24BIT},
    {BY_TERM, "alacritty", CAN_24BIT},
    {BY_TERM, "wezterm", CAN_24BIT},
    {BY_TERM, "contour", CAN_24BIT},
    {BY_PROGRAM, "Apple_Terminal", QUIRK_STRINGS},
    {BY_ANSWER, "kitty(", CAN_24BIT | CAN_PLACEHOLDERS}, /* since 0.28, 2023 */
    {BY_ANSWER, "ghostty ", CAN_24BIT | CAN_PLACEHOLDERS},
    {BY_ANSWER, "iTerm2 ", CAN_24BIT | CAN_ITERM},
    {BY_ANSWER, "WezTerm ", CAN_24BIT | CAN_ITERM},
    {BY_ANSWER, "mintty ", CAN_24BIT | CAN_ITERM},
    {BY_ANSWER, "foot(", CAN_24BIT},
    {BY_ANSWER, "VTE(", CAN_24BIT},
    {BY_ANSWER, "Konsole ", CAN_24BIT},
    {BY_ANSWER, "contour ", CAN_24BIT},
    {BY_ANSWER, "xterm.js(", CAN_24BIT},
    {BY_ANSWER, "tmux ", IS_TMUX},
};

static unsigned facts_of(KnownBy known_by, const char *name, size_t size) {
    unsigned facts = 0;
    for (size_t i = 0; i < sizeof TERMINALS / sizeof *TERMINALS; i++) {
        size_t mark = strlen(TERMINALS[i].mark);
        if (TERMINALS[i].known_by == known_by && size >= mark && !memcmp(name, TERMINALS[i].mark, mark))
            facts |= TERMINALS[i].facts;
    }
    return facts;
}

/* ---- before anything is asked -------------------------------------------------------------------------- */

CapsFacts caps_facts(int colors) {
    struct winsize size;
    CapsFacts facts = {getenv("TERM"), getenv("COLORTERM"), getenv("TERM_PROGRAM"), getenv("TMUX"), colors,
                       0, 0};
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
        facts.cell_width = size.ws_xpixel / size.ws_col;
        facts.cell_height = size.ws_ypixel / size.ws_row;
    }
    return facts;
}

static const char *text_of(const char *text) {
    return text ? text : "";
}

static ColorDepth depth_of(int colors) {
    return colors > 256 ? DEPTH_24BIT : colors == 256 ? DEPTH_256 : colors >= 16 ? DEPTH_16
         : colors >= 8 ? DEPTH_8 : DEPTH_NONE;
}

#define CELL_MAX 200 /* pixels; more is no cell but a mistake */

static void set_cell(Caps *caps, int width, int height) {
    if (width < 1 || height < 1 || width > CELL_MAX || height > CELL_MAX)
        return;
    caps->cell_width = width;
    caps->cell_height = height;
}

void caps_begin(Caps *caps, const CapsFacts *facts) {
    const char *term = text_of(facts->term), *program = text_of(facts->program);
    const char *colors = text_of(facts->colorterm);
    unsigned known = facts_of(BY_TERM, term, strlen(term)) | facts_of(BY_PROGRAM, program, strlen(program));
    *caps = (Caps){.quirks = known & QUIRKS, .depth = depth_of(facts->colors)};
    if ((known & CAN_24BIT) || !strcmp(colors, "truecolor") || !strcmp(colors, "24bit"))
        caps->depth = DEPTH_24BIT;
    if (!*term)
        caps->quirks |= QUIRK_SILENT;
    if ((known & IS_TMUX) || *text_of(facts->tmux)) {
        caps->inside_tmux = true;
        caps->quirks |= QUIRK_APC;
    }
    set_cell(caps, facts->cell_width, facts->cell_height);
    caps->answers_wanted = caps->quirks & QUIRK_SILENT ? 0 : caps->inside_tmux ? 2 : 1;
}

/* ---- questions ----------------------------------------------------------------------------------------- */

/* Numbers of Kitty's question, asked directly and through tmux: the answer says which way it went. */
#define KITTY_DIRECT 31
#define KITTY_THROUGH 32

#define XTVERSION "\033[>q"
#define CELL_SIZE "\033[16t"
#define SIXEL_SIZE "\033[?2;1;0S"
#define ATTRIBUTES "\033[c"
#define ITERM_CELL "\033]1337;ReportCellSize\033\\"
/* a colour that is set, asked for, and taken back */
#define COLOR_SET "\033[48:2:1:2:3m\033P$qm\033\\\033[m"
/* terminfo's RGB and Tc */
#define COLOR_NAMES "\033P+q524742\033\\\033P+q5463\033\\"

/* One pixel, without showing it. */
static void add_kitty_query(Buf *out, int number) {
    buf_print(out, "\033_Gi=%d,s=1,v=1,a=q,t=d,f=24;AAAA\033\\", number);
}

/* Questions for the terminal behind tmux, in tmux's wrapping. The answer to the last of them, tmux 3.3a keeps
 * for itself; later ones pass it on. */
static void add_wrapped(Buf *out) {
    Buf inner = {0};
    buf_text(&inner, XTVERSION CELL_SIZE);
    add_kitty_query(&inner, KITTY_THROUGH);
    buf_text(&inner, ATTRIBUTES);
    buf_text(out, "\033Ptmux;");
    for (size_t i = 0; i < inner.size; i++) {
        if (inner.data[i] == '\033')
            buf_byte(out, '\033');
        buf_byte(out, (unsigned char)inner.data[i]);
    }
    buf_text(out, "\033\\");
    buf_done(&inner);
}

void caps_query(Buf *out, const Caps *caps) {
    if (caps->quirks & QUIRK_SILENT)
        return;
    buf_text(out, XTVERSION CELL_SIZE SIXEL_SIZE);
    if (!(caps->quirks & (QUIRK_STRINGS | QUIRK_APC)))
        add_kitty_query(out, KITTY_DIRECT);
    if (!(caps->quirks & QUIRK_STRINGS))
        buf_text(out, ITERM_CELL COLOR_SET COLOR_NAMES);
    if (caps->inside_tmux)
        add_wrapped(out);
    buf_text(out, ATTRIBUTES);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

typedef struct Answer { const char *at, *end; } Answer;

static bool take(Answer *answer, const char *text) {
    size_t size = strlen(text);
    if ((size_t)(answer->end - answer->at) < size || memcmp(answer->at, text, size))
        return false;
    answer->at += size;
    return true;
}

static bool has(Answer answer, const char *text) {
    return memmem(answer.at, (size_t)(answer.end - answer.at), text, strlen(text));
}

#define NUMBER_MAX 100000 /* nothing asked for is larger */

/* A decimal number; -1 when there is none. */
static int take_number(Answer *answer) {
    int number = -1;
    for (; answer->at < answer->end && *answer->at >= '0' && *answer->at <= '9'; answer->at++) {
        number = (number < 0 ? 0 : 10 * number) + (*answer->at - '0');
        if (number > NUMBER_MAX)
            number = NUMBER_MAX;
    }
    return number;
}

/* numbers [3], separated by ';'; -1 for those that are not there. */
static void take_numbers(int *numbers, Answer *answer) {
    for (int i = 0; i < 3; i++)
        numbers[i] = i && !take(answer, ";") ? -1 : take_number(answer);
}

/* DA1, behind "ESC [ ?": 62;4;22. The first is that of tmux where there is tmux. */
static void take_attributes(Caps *caps, Answer answer) {
    take_number(&answer); /* what it pretends to be */
    while (take(&answer, ";"))
        if (take_number(&answer) == 4 && !caps->answers)
            caps->sixel = true;
    caps->answers++;
}

/* XTSMGRAPHICS, behind "ESC [ ?": 2;0;1000;800, the 0 for success. */
static void take_sixel_size(Caps *caps, Answer answer) {
    int width = -1, height = -1;
    if (!take(&answer, "2;0;"))
        return;
    width = take_number(&answer);
    if (take(&answer, ";"))
        height = take_number(&answer);
    if (width > 0 && height > 0) {
        caps->sixel_width = width;
        caps->sixel_height = height;
    }
}

/* XTWINOPS, behind "ESC [": 6;20;10. */
static void take_cell_size(Caps *caps, Answer answer) {
    int numbers[3];
    take_numbers(numbers, &answer);
    if (numbers[0] == 6)
        set_cell(caps, numbers[2], numbers[1]);
}

/* XTVERSION, behind "ESC P > |". Inside tmux only placeholders count of the terminal behind: its colours and
 * places are tmux's business. */
static void take_version(Caps *caps, Answer answer) {
    unsigned facts = facts_of(BY_ANSWER, answer.at, (size_t)(answer.end - answer.at));
    if (facts & IS_TMUX)
        caps->inside_tmux = true;
    if (facts & CAN_PLACEHOLDERS)
        caps->placeholders = true;
    if (caps->inside_tmux)
        return;
    if (facts & CAN_24BIT)
        caps->depth = DEPTH_24BIT;
    if (facts & CAN_ITERM)
        caps->iterm = true;
}

/* Kitty's, behind "ESC _ G": i=31;OK, or i=31;EINVAL:... Behind tmux nothing that matters follows it. */
static void take_kitty(Caps *caps, Answer answer) {
    int number = take(&answer, "i=") ? take_number(&answer) : -1;
    if (number == KITTY_THROUGH)
        caps->answers_wanted = 1;
    while (answer.at < answer.end && *answer.at != ';') /* other keys */
        answer.at++;
    if (!take(&answer, ";OK") || answer.at != answer.end)
        return;
    if (number == KITTY_DIRECT)
        caps->kitty = true;
    else if (number == KITTY_THROUGH)
        caps->passthrough = true;
}

/* iTerm2's, behind "ESC ] 1337;": ReportCellSize=17.50;8.00;2.0 in points, and pixels a point. Only the fact
 * counts. */
static void take_iterm(Caps *caps, Answer answer) {
    if (take(&answer, "ReportCellSize=") && take_number(&answer) > 0)
        caps->iterm = true;
}

/* DECRQSS, behind "ESC P 1 $ r": the colour as it was set, with or without an empty colour space. */
static void take_colors(Caps *caps, Answer answer) {
    if (has(answer, "48:2:1:2:3m") || has(answer, "48:2::1:2:3m") || has(answer, "48;2;1;2;3m"))
        caps->depth = DEPTH_24BIT;
}

/* XTGETTCAP, behind "ESC P 1 + r": the name again. In hexadecimal digits of either case; these have none
 * above 9. */
static void take_name(Caps *caps, Answer answer) {
    if (take(&answer, "524742") || take(&answer, "5463"))
        caps->depth = DEPTH_24BIT;
}

static void take_string(Caps *caps, Answer answer) {
    if (take(&answer, "P>|"))
        take_version(caps, answer);
    else if (take(&answer, "P1$r"))
        take_colors(caps, answer);
    else if (take(&answer, "P1+r"))
        take_name(caps, answer);
    else if (take(&answer, "_G"))
        take_kitty(caps, answer);
    else if (take(&answer, "]1337;"))
        take_iterm(caps, answer);
}

/* A control sequence without its "ESC [" and its last byte. True when it is an answer: no key has ? > or =
 * before its numbers, none ends with t. (ESC [ c alone is Shift-Right of rxvt.) */
static bool take_sequence(Caps *caps, Answer answer, char last) {
    bool private = answer.at < answer.end && *answer.at && strchr("?>=", *answer.at);
    if (caps->closed) {
        return private || last == 't';
    } else if (take(&answer, "?")) {
        if (last == 'c')
            take_attributes(caps, answer);
        else if (last == 'S')
            take_sixel_size(caps, answer);
    } else if (last == 't') {
        take_cell_size(caps, answer);
    }
    return private || last == 't';
}

bool caps_answer(Caps *caps, const char *unit, size_t size) {
    Answer answer = {unit, unit + size};
    if (size < 3 || !take(&answer, "\033"))
        return false;
    if (take(&answer, "["))
        return take_sequence(caps, (Answer){answer.at, answer.end - 1}, unit[size - 1]);
    if (!*answer.at || !strchr("P_]", *answer.at))
        return false;
    if (unit[size - 1] == '\a')
        answer.end -= 1;
    else if (size >= 4 && unit[size - 2] == '\033' && unit[size - 1] == '\\')
        answer.end -= 2;
    else
        return true; /* cut off */
    if (!caps->closed)
        take_string(caps, answer);
    return true;
}

bool caps_complete(const Caps *caps) {
    return caps->answers >= caps->answers_wanted;
}

void caps_close(Caps *caps) {
    caps->closed = true;
}

/* ---- the choice ---------------------------------------------------------------------------------------- */

static ImageProtocol best_proved(const Caps *caps) {
    if (caps->inside_tmux ? caps->passthrough && caps->placeholders : caps->kitty)
        return IMAGE_KITTY;
    if (caps->iterm && image_can(IMAGE_ITERM))
        return IMAGE_ITERM;
    if (caps->sixel && caps->cell_width && image_can(IMAGE_SIXEL))
        return IMAGE_SIXEL;
    return IMAGE_HALF;
}

void caps_choose(Caps *caps, const char *picture, ColorDepth depth) {
    static const struct { const char *name; ImageProtocol protocol; } named[] = {
        {"none", IMAGE_NONE}, {"half", IMAGE_HALF},
        {"kitty", IMAGE_KITTY}, {"iterm", IMAGE_ITERM}, {"sixel", IMAGE_SIXEL},
    };
    ImageProtocol wanted = depth == DEPTH_NONE ? IMAGE_NONE : best_proved(caps);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (!strcmp(picture, named[i].name))
            wanted = named[i].protocol;
    if (!image_can(wanted))
        wanted = IMAGE_HALF;
    caps->protocol = wanted == IMAGE_HALF && depth == DEPTH_NONE ? IMAGE_NONE : wanted;
}
