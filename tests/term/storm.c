/* storm.c: keys, pastes, resizes, signals and small jobs in any order, by fixed seeds. Afterwards, and now
 * and then between, the screen is what a whole redraw gives: cells, colours and the cursor. product.md F7.
 *
 * A few thousand events in the suite; NEWBIE_STORM=100000 says how many, and NEWBIE_STORM_SEED=N runs one
 * seed. The build with sanitizers sees the same events (they do not depend on time, only what they meet). */
#include "config.h"

#include <signal.h>
#include <stdlib.h>

#include "terminal.h"

#define EVENTS 3000       /* of each seed, when nothing else is said */
#define CHECK_EVERY 500

/* Over lines nobody resizes (libvterm 0.1 crashes at scrolling after it, where there is no second screen),
 * and no word is pasted that leaves when it is the only one. */
static bool lines;
static bool vi; /* in that editing mode */

/* splitmix64 */
static uint64_t state;

static uint32_t dice(uint32_t sides) {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (uint32_t)((z ^ (z >> 31)) >> 32) % sides;
}

/* ---- what a person does -------------------------------------------------------------------------------- */

/* No letters q and x: nothing may spell a word that leaves. No Ctrl-D for the same reason. */
static void letters(Terminal *terminal) {
    static const char *const pieces[] = {
        "a", "b", "1girl, ", "blue_hair", " ", "世", "界", "é", "e\xcc\x81", "\xf0\x9f\x8c\xb8", "<n>",
        "</n>", "<character_1>", "</character_1>", "<", ">", "</", "\"\"\"", ">_<", "<foo>", "&amp;", "(",
        ":", ":s", ",", "a long run of words that goes on to the edge of any screen and over it ", "ｆｕｌｌ",
        "\xe2\x80\x8d", "\t"};
    for (uint32_t i = 1 + dice(4); i > 0; i--)
        terminal_type(terminal, pieces[dice(sizeof pieces / sizeof *pieces)]);
}

static void vi_keys(Terminal *terminal);

static void keys(Terminal *terminal) {
    static const char *const pressed[] = {
        "\033[A",   "\033[B",   "\033[C",    "\033[D",    "\033[H",   "\033[F", "\033[3~",  "\033[5~",
        "\033[6~",  "\033OA",   "\001",      "\005",      "\013",     "\025",   "\027",     "\031",
        "\037",     "\b",       "\177",      "\b\b\b\b",  "\033b",    "\033f",  "\033d",    "\033t",
        "\024",     "\033u",    "\033[1;5C", "\033[1;5D", "\022",     "\022g",  "\033",     "\033\033",
        "\n",       "\n",       "\t",        "\033y",     "\033\x7f", "\033.",  "\0333",    "\033\f",
        "\033#",    "\030\022", "\033*",     "\033=",     "\030(",    "\030)",  "\030e",    "\035",
        "\033\031", "\033r",    "\033[2~",   "\030\030",  "\033n",    "\026",   "\033[15~", "\033OP",
        "\r",       "\003"};
    if (vi && dice(2))
        vi_keys(terminal);
    else
        terminal_type(terminal, pressed[dice(sizeof pressed / sizeof *pressed)]);
}

/* ESC, then what is a command there; what the other functions do comes to it while text is inserted. */
static void vi_keys(Terminal *terminal) {
    static const char *const pressed[] = {"i",    "a",    "A",    "I",  "0",  "$",    "^",      "w",  "b",
                                          "e",    "W",    "B",    "E",  "h",  "l",    "k",      "j",  "+",
                                          "-",    "G",    "1G",   "d",  "dw", "dd",   "D",      "c",  "cw",
                                          "cc",   "C",    "S",    "s",  "r",  "rz",   "R",      "~",  "y",
                                          "yy",   "Y",    "p",    "P",  "u",  "U",    ".",      "3",  "12",
                                          "f",    "f<",   "t>",   "F1", ";",  ",",    "%",      "|",  "m",
                                          "ma",   "`a",   "&",    "_",  "=",  "*",    "\\",     "/",  "/be\r",
                                          "?1\r", "n",    "N",    "#",  "v",  "\022", "\022be", "\r", "\n",
                                          "\t",   "\025", "\027", "\b"};
    terminal_type(terminal, "\033");
    for (uint32_t i = 1 + dice(3); i > 0; i--)
        terminal_type(terminal, pressed[dice(sizeof pressed / sizeof *pressed)]);
}

/* Most of these mean something only while a picture is made. */
static void surface_keys(Terminal *terminal) {
    static const char *const pressed[] = {"\033p", "\033k", "\033s",     "\033n",
                                          "\f",    "\033x", "\033x\003", "\032"};
    terminal_type(terminal, pressed[dice(sizeof pressed / sizeof *pressed)]);
}

static void paste(Terminal *terminal) {
    static const char *const pieces[] = {"1girl\n",        "<n>miku</n>\n", "\n",       "\t",
                                         "世界",           "\033[31m",      "\007",     "word ",
                                         "<appearance>\n", "\xc3\xa9",      "\"\"\"\n", ":quit\n",
                                         "exit\n"};
    Buf text = {0};
    uint32_t count = sizeof pieces / sizeof *pieces - (lines ? 2 : 0);
    for (uint32_t i = dice(40); i > 0; i--)
        buf_text(&text, pieces[dice(count)]);
    if (!dice(20))
        buf_text(&text, "\xff\xfe");
    terminal_paste_bytes(terminal, buf_string(&text), text.size);
    buf_done(&text);
}

static void resize(Terminal *terminal) {
    static const int sizes[][2] = {{24, 80}, {16, 60}, {40, 120}, {30, 100}, {15, 80}, {24, 59}};
    if (lines)
        return;
    if (dice(3)) {
        uint32_t size = dice(sizeof sizes / sizeof *sizes);
        terminal_resize(terminal, sizes[size][0], sizes[size][1]);
    } else {
        int rows = 1 + (int)dice(50), columns = 1 + (int)dice(160);
        terminal_resize(terminal, rows, columns);
    }
}

static void disturb(Terminal *terminal) {
    static const int numbers[] = {SIGWINCH, SIGCONT, SIGWINCH};
    kill(terminal_pid(terminal), numbers[dice(3)]);
}

static void command(Terminal *terminal) {
    static const char *const lines[] = {":help\r", ":set\r", ":set picture none\r", ":set picture auto\r",
        ":set color never\r", ":set color auto\r", ":set preview 1\r", ":set preview off\r", ":view last\r",
        ":list\r", ":history\r", ":queue clear\r", ":queue go\r", ":stpes\r", ":gallery\r", ":mem\r",
        ":say 世界 said\r"};
    terminal_type(terminal, "\003\003");
    terminal_type(terminal, lines[dice(sizeof lines / sizeof *lines)]);
}

static void job(Terminal *terminal) {
    terminal_type(terminal, dice(2) ? "\003\003" "beach\033\r" : "sky\033\r");
}

static void event(Terminal *terminal) {
    static const struct { uint32_t weight; void (*happens)(Terminal *); } rows[] = {
        {500, letters}, {360, keys}, {30, surface_keys}, {30, paste}, {25, resize}, {20, disturb},
        {20, command}, {15, job}};
    uint32_t thrown = dice(1000);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (thrown < rows[i].weight) {
            rows[i].happens(terminal);
            return;
        }
        thrown -= rows[i].weight;
    }
}

/* ---- the storm ----------------------------------------------------------------------------------------- */

static uint32_t events_wanted(void) {
    const char *said = getenv("NEWBIE_STORM");
    return said ? (uint32_t)strtoul(said, NULL, 10) : EVENTS;
}

/* What runs changes the screen: it must end before screens can be compared. Its status begins with its id. */
static bool is_at_work(Terminal *terminal) {
    const char *screen = terminal_screen(terminal);
    for (const char *at = screen; (at = strstr(at, "j")); at++)
        if ((at == screen || at[-1] == '\n') && at[1] >= '0' && at[1] <= '9')
            return true;
    return false;
}

static void await_jobs(Terminal *terminal) {
    do
        terminal_settle(terminal);
    while (is_at_work(terminal) && !terminal_is_closed(terminal));
}

static bool weather(Terminal *terminal, uint32_t events) {
    for (uint32_t i = 1; i <= events; i++) {
        event(terminal);
        terminal_read(terminal);
        if (i % CHECK_EVERY)
            continue;
        await_jobs(terminal);
        if (!terminal_is_fresh(terminal, REDRAW_SIGNAL)) {
            printf("# after %u events\n", i);
            return false;
        }
    }
    return true;
}

static void leave(Terminal *terminal) {
    terminal_type(terminal, "\003quit\r");
    terminal_type(terminal, "d");
    EXPECT_STATUS(terminal, 0, "it leaves as ever");
    CHECK(terminal_is_restored(terminal), "with everything restored");
    terminal_close(terminal);
}

static void storm(uint64_t seed, const TerminalHow *how) {
    const char *only = getenv("NEWBIE_STORM_SEED");
    if (only && strtoull(only, NULL, 10) != seed)
        return;
    state = seed;
    uint32_t events = events_wanted();
    Terminal *terminal = terminal_begin(how);
    TERMINAL_CHECK_(terminal, weather(terminal, events), "as after a redraw",
                    "the screen is what a redraw gives, every now and then");
    terminal_resize(terminal, 24, 80);
    terminal_type(terminal, "\033\003\003:queue clear\r\003\003\025");
    EXPECT(terminal, "[DEMO]", "the storm is over");
    EXPECT_FRESH(terminal, "F7: after it, Ctrl-L changes nothing");
    terminal_type(terminal, "\003typed");
    EXPECT_CURSOR(terminal, "newbie> typed", "and keys are typed");
    leave(terminal);
}

/* The screen of lines is the terminal's own: there is nothing to compare, only somebody to stay alive. */
static void storm_over_lines(void) {
    static const char *const plain[] = {"--plain", "--no-rc", "--steps=2", "--seed=1", "--size=64x64",
                                        "--editor=true", NULL};
    const char *only = getenv("NEWBIE_STORM_SEED");
    if (only && strcmp(only, "4"))
        return;
    state = 4;
    lines = true;
    Terminal *terminal = terminal_begin(&(TerminalHow){.rows = 24, .columns = 80, .arguments = plain});
    for (uint32_t i = events_wanted(); i > 0; i--) {
        event(terminal);
        if (i % 100 == 0) /* what is yanked again and again would grow to megabytes */
            terminal_type(terminal, "\003\003\025");
        terminal_read(terminal);
    }
    terminal_type(terminal, "\033\003\003"); /* what runs, at once */
    terminal_settle(terminal);
    terminal_type(terminal, "\003\003:queue clear\r\003:say still here\r");
    EXPECT(terminal, "\nstill here", "the program of lines is over a storm, too");
    leave(terminal);
}

#define STORMY "--no-rc", "--steps=2", "--seed=1", "--size=64x64", "--editor=true", "--timing=off"
static const char *const PLAIN_WORLD[] = {STORMY, NULL};

static void storm_in_256_colors(void) {
    storm(1, &(TerminalHow){.rows = 24, .columns = 80, .arguments = PLAIN_WORLD});
}

static void storm_in_24_bits(void) {
    storm(2, &(TerminalHow){.rows = 40, .columns = 120, .arguments = PLAIN_WORLD,
                            .environment = (const char *const[]){"COLORTERM=truecolor", NULL}});
}

static void storm_without_color(void) {
    storm(3, &(TerminalHow){.rows = 30, .columns = 100, .arguments = PLAIN_WORLD,
                            .environment = (const char *const[]){"TERM=vt100", NULL}});
}

static void storm_in_vi_mode(void) {
    write_text("vi", "set editing-mode vi\n");
    vi = true;
    lines = false;
    storm(5, &(TerminalHow){.rows = 30, .columns = 80, .arguments = PLAIN_WORLD,
                            .environment = (const char *const[]){"INPUTRC=vi", NULL}});
}

int main(int argc, char **argv) {
    static const Scenario rows[] = {
        {"a storm in 256 colours", storm_in_256_colors},
        {"a storm in 24 bits of colour", storm_in_24_bits},
        {"a storm without colour", storm_without_color},
        {"a storm over lines", storm_over_lines},
        {"a storm in vi mode", storm_in_vi_mode},
        {0},
    };
    return terminal_main(rows, argc, argv);
}
