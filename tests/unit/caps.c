/* caps.c: what terminals answer, and what is made of it. The answers are those that the terminals' documents
 * and sources give (xterm ctlseqs; kitty docs/graphics-protocol.rst; foot doc/foot-ctlseqs.7; iTerm2's
 * "Proprietary Escape Codes"; WezTerm, VTE and Konsole by their sources); tmux's were recorded with 3.3a. */
#include "config.h"

#include "tests/tap.h"
#include "ui/caps.h"
#include "ui/image.h"
#include "ui/tty.h"

/* Answers, all at once or in pieces, through the cutter as the terminal's bytes come. Keys go to *keys. */
static void feed(Caps *caps, Buf *keys, const char *bytes, size_t piece) {
    UnitCutter cutter = {0};
    for (size_t at = 0, size = strlen(bytes); at <= size; at += piece) {
        size_t left = size - at;
        if (left)
            cutter_add(&cutter, bytes + at, left < piece ? left : piece);
        for (;;) {
            Unit unit = cutter_next(&cutter, left > piece ? CUTTER_WAITS : CUTTER_GIVES_UP);
            if (unit.kind == UNIT_NONE)
                break;
            if (!caps_answer(caps, unit.bytes, unit.size))
                buf_add(keys, unit.bytes, unit.size);
        }
    }
    cutter_done(&cutter);
}

static Caps begun(const char *term) {
    Caps caps;
    caps_begin(&caps, &(CapsFacts){.term = term, .colors = 256});
    return caps;
}

static void terminals(void) {
    static const struct {
        const char *name;
        CapsFacts facts;
        const char *answers;
        ImageProtocol protocol;
        ColorDepth depth;
        int cell_height;
    } rows[] = {
        {"xterm", {.term = "xterm-256color", .colors = 256},
         "\033P>|XTerm(390)\033\\\033[6;16;8t\033[?2;3S\033P0$r\033\\\033P0+r524742\033\\\033P0+r5463\033\\"
         "\033[?64;1;2;6;9;15;16;17;18;21;22;28c", IMAGE_HALF, DEPTH_256, 16},
        {"xterm -ti vt340", {.term = "xterm", .colors = 8},
         "\033P>|XTerm(390)\033\\\033[6;16;8t\033[?2;0;1000;800S\033P1$r0;48:2::1:2:3m\033\\"
         "\033P0+r524742\033\\\033P0+r5463\033\\\033[?63;1;2;4;6;9;15;16;22;28c",
         IMAGE_SIXEL, DEPTH_24BIT, 16},
        {"kitty", {.term = "xterm-kitty", .colors = 256},
         "\033P>|kitty(0.35.2)\033\\\033[6;18;9t\033_Gi=31;OK\033\\\033P1$r48:2:1:2:3m\033\\"
         "\033P0+r524742\033\\\033P1+r5463\033\\\033[?62;c", IMAGE_KITTY, DEPTH_24BIT, 18},
        {"kitty behind ssh", {.term = "xterm-256color", .colors = 256},
         "\033P>|kitty(0.35.2)\033\\\033_Gi=31;OK\033\\\033[?62;c", IMAGE_KITTY, DEPTH_24BIT, 0},
        {"foot", {.term = "foot", .colors = 256},
         "\033P>|foot(1.16.2)\033\\\033[6;21;10t\033[?2;0;900;600S\033P1$r48:2::1:2:3m\033\\\033[?62;4;22c",
         IMAGE_SIXEL, DEPTH_24BIT, 21},
        {"iTerm2", {.term = "xterm-256color", .colors = 256, .colorterm = "truecolor"},
         "\033P>|iTerm2 3.4.19\033\\\033]1337;ReportCellSize=17.50;8.00;2.0\033\\\033[?62;4c",
         IMAGE_ITERM, DEPTH_24BIT, 0},
        {"WezTerm", {.term = "xterm-256color", .colors = 256},
         "\033P>|WezTerm 20230712-072601-f4abf8fd\033\\\033[6;22;10t\033[?65;4;6;18;22c",
         IMAGE_ITERM, DEPTH_24BIT, 22},
        {"VTE", {.term = "xterm-256color", .colors = 256, .colorterm = "truecolor"},
         "\033P>|VTE(7600)\033\\\033[?65;1;9c", IMAGE_HALF, DEPTH_24BIT, 0},
        {"Konsole", {.term = "xterm-256color", .colors = 256},
         "\033P>|Konsole 22.04.1\033\\\033[6;19;9t\033_Gi=31;OK\033\\\033[?62;1;4c",
         IMAGE_KITTY, DEPTH_24BIT, 19},
        {"the Linux console", {.term = "linux", .colors = 8}, "\033[?6c", IMAGE_HALF, DEPTH_8, 0},
        {"screen", {.term = "screen", .colors = 8}, "\033[?1;2c", IMAGE_HALF, DEPTH_8, 0},
        {"tmux", {.term = "tmux-256color", .tmux = "/tmp/tmux-0/default,1,0", .colors = 256},
         "\033P>|tmux 3.3a\033\\\033[?1;2c", IMAGE_HALF, DEPTH_256, 0},
        {"tmux that shows sixel", {.term = "tmux-256color", .colors = 256},
         "\033P>|tmux 3.4\033\\\033[6;20;10t\033[?1;2;4c", IMAGE_SIXEL, DEPTH_256, 20},
        {"tmux in kitty, passing on", {.term = "screen-256color", .tmux = "x", .colors = 256},
         "\033P>|tmux 3.3a\033\\\033[?1;2c\033_Gi=32;OK\033\\"
         "\033P>|kitty(0.35.2)\033\\\033[6;18;9t\033[?62;c",
         IMAGE_KITTY, DEPTH_256, 18},
        {"tmux in a terminal without placeholders, passing on", {.term = "tmux", .colors = 256},
         "\033P>|tmux 3.3a\033\\\033[?1;2c\033_Gi=32;OK\033\\\033P>|Konsole 22.04.1\033\\\033[?62;1;4c",
         IMAGE_HALF, DEPTH_256, 0},
        {"tmux in foot: its sixel is not tmux's", {.term = "tmux", .colors = 256},
         "\033P>|tmux 3.3a\033\\\033[?1;2c\033P>|foot(1.16.2)\033\\\033[6;18;9t\033[?62;4;22c",
         IMAGE_HALF, DEPTH_256, 18},
        {"a terminal that says nothing", {.term = "xterm-kitty", .program = "iTerm.app", .colors = 256}, "",
         IMAGE_HALF, DEPTH_24BIT, 0},
        {"no colours", {.term = "vt220", .colors = -1}, "\033[?62;1;2;4;6;8;9;15c",
         IMAGE_NONE, DEPTH_NONE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t piece = 1; piece <= 4096; piece *= 4096) {
            Caps caps;
            Buf keys = {0};
            char name[128], got[64], expected[64];
            ImageProtocol protocol = image_can(rows[i].protocol) ? rows[i].protocol : IMAGE_HALF;
            caps_begin(&caps, &rows[i].facts);
            feed(&caps, &keys, rows[i].answers, piece);
            caps_close(&caps);
            caps_choose(&caps, "auto", caps.depth);
            snprintf(got, sizeof got, "protocol %d depth %d cell %d keys \"%s\"", caps.protocol, caps.depth,
                     caps.cell_height, buf_string(&keys));
            snprintf(expected, sizeof expected, "protocol %d depth %d cell %d keys \"\"", protocol,
                     rows[i].depth, rows[i].cell_height);
            snprintf(name, sizeof name, "%s%s", rows[i].name, piece == 1 ? ", byte by byte" : "");
            CHECK_STR(got, expected, name);
            buf_done(&keys);
        }
    }
}

/* ---- questions ----------------------------------------------------------------------------------------- */

static const char *questions(const char *term, const char *tmux) {
    static Buf out;
    Caps caps;
    buf_truncate(&out, 0);
    caps_begin(&caps, &(CapsFacts){.term = term, .tmux = tmux, .colors = 8});
    caps_query(&out, &caps);
    return buf_string(&out);
}

static void asking(void) {
    CHECK_STR(questions("xterm", NULL),
              "\033[>q\033[16t\033[?2;1;0S\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\033\\"
              "\033]1337;ReportCellSize\033\\\033[48:2:1:2:3m\033P$qm\033\\\033[m"
              "\033P+q524742\033\\\033P+q5463\033\\\033[c", "the batch ends with what everybody answers");
    CHECK_STR(questions("linux", ""), "\033[>q\033[16t\033[?2;1;0S\033[c",
              "a console that would print strings is asked without them");
    CHECK(!strstr(questions("screen", NULL), "\033_G"), "screen, which makes titles of APC, is sent none");
    CHECK(!strstr(questions("screen", NULL), "tmux;"), "nor what is meant for tmux");
    CHECK_HAS(questions("screen", "/tmp/tmux-0/default,1,0"),
              "\033Ptmux;\033\033[>q\033\033[16t"
              "\033\033_Gi=32,s=1,v=1,a=q,t=d,f=24;AAAA\033\033\\\033\033[c\033\\",
              "the terminal behind tmux is asked through it");
    CHECK(!strstr(questions("tmux", NULL), "\033_Gi=31"), "and tmux itself is not");
    CHECK_STR(questions("dumb", NULL), "", "a dumb terminal is asked nothing");
    CHECK_STR(questions("", NULL), "", "neither is an unknown one");
    CHECK_STR(questions(NULL, NULL), "", "or one without a name");
}

static void completion(void) {
    Buf keys = {0};
    Caps caps = begun("xterm");
    CHECK(!caps_complete(&caps), "at first there is something to wait for");
    caps_answer(&caps, "\033[6;20;10t", 10);
    CHECK(!caps_complete(&caps), "other answers end nothing");
    caps_answer(&caps, "\033[?6c", 5);
    CHECK(caps_complete(&caps), "the device attributes do");
    caps = begun("tmux");
    caps_answer(&caps, "\033[?1;2c", 7);
    CHECK(!caps_complete(&caps), "inside tmux the terminal behind it comes second");
    caps_answer(&caps, "\033[?62;c", 7);
    CHECK(caps_complete(&caps), "and last");
    caps = begun("tmux");
    feed(&caps, &keys, "\033[?1;2c\033P>|kitty(0.35.2)\033\\\033[6;20;10t\033_Gi=32;OK\033\\", 4096);
    CHECK(caps_complete(&caps), "or its pictures do, where tmux keeps the attributes to itself (3.3a)");
    buf_done(&keys);
    caps = begun("dumb");
    CHECK(caps_complete(&caps), "who is asked nothing is not waited for");
}

/* ---- colours ------------------------------------------------------------------------------------------- */

static void colors(void) {
    static const struct { CapsFacts facts; ColorDepth depth; const char *name; } rows[] = {
        {{.term = "xterm", .colors = 8}, DEPTH_8, "terminfo: 8"},
        {{.term = "xterm-16color", .colors = 16}, DEPTH_16, "terminfo: 16"},
        {{.term = "rxvt-88color", .colors = 88}, DEPTH_16, "terminfo: 88, of which 16 are sure"},
        {{.term = "xterm-256color", .colors = 256}, DEPTH_256, "terminfo: 256"},
        {{.term = "xterm-direct", .colors = 1 << 24}, DEPTH_24BIT, "terminfo: direct colour"},
        {{.term = "vt100", .colors = -1}, DEPTH_NONE, "terminfo: none"},
        {{.term = "xterm", .colors = 8, .colorterm = "24bit"}, DEPTH_24BIT, "COLORTERM=24bit"},
        {{.term = "xterm", .colors = 8, .colorterm = "yes"}, DEPTH_8, "COLORTERM=yes says nothing"},
        {{.term = "foot", .colors = 256}, DEPTH_24BIT, "the table's word for foot"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Caps caps;
        caps_begin(&caps, &rows[i].facts);
        CHECK_EQ(caps.depth, rows[i].depth, rows[i].name);
    }
    Caps caps = begun("xterm");
    caps_answer(&caps, "\033P0$r48:2:1:2:3m\033\\", 19);
    caps_answer(&caps, "\033P1$r48:5:16m\033\\", 15);
    CHECK_EQ(caps.depth, DEPTH_256, "a colour that was rounded, or a question refused, is no 24 bits");
    caps_answer(&caps, "\033P1+r524742=382F382F38\033\\", 24);
    CHECK_EQ(caps.depth, DEPTH_24BIT, "terminfo's RGB, asked of the terminal, is");
}

/* ---- broken, late, doubled ----------------------------------------------------------------------------- */

static bool is_answer(const char *unit) {
    Caps caps = begun("xterm");
    return caps_answer(&caps, unit, strlen(unit));
}

static void keys_and_answers(void) {
    static const char *const keys[] = {
        "a", "\r", "\033", "\033[A", "\033[1;5D", "\033OP", "\033[[A", "\033[3~", "\033[24;2~", "\033P",
        "\033_", "\033]", "\033p", "世", "\033[c", "\033[1;2R", "\033[I", "\033[Z", "\033[97;5u", "\033[",
    };
    static const char *const answers[] = {
        "\033[?62;4c", "\033[>41;390;0c", "\033[6;20;10t", "\033[?2;0;800;600S", "\033P>|XTerm(390)\033\\",
        "\033P>|XTerm(390)\a", "\033_Gi=31;OK\033\\", "\033]1337;ReportCellSize=1;2\a", "\033P1$r", "\033_G",
        "\033[?c", "\033[?;;;;c", "\033[?99999999999999999999;4c", "\033[t", "\033[6;t", "\033[?2026;2$y",
        "\033]11;rgb:0000/0000/0000\033\\",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char name[64];
        snprintf(name, sizeof name, "a key: %s", keys[i][0] == '\033' ? keys[i] + 1 : "not an escape");
        CHECK(!is_answer(keys[i]), name);
    }
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        char name[64];
        snprintf(name, sizeof name, "an answer: %.30s", answers[i] + 1);
        CHECK(is_answer(answers[i]), name);
    }
}

static void wrong_answers(void) {
    Caps caps = begun("xterm"), before = caps;
    Buf keys = {0};
    feed(&caps, &keys,
         "\033_Gi=31;EINVAL:no\033\\\033_Gi=33;OK\033\\\033_GOK\033\\\033_Gi=31;OKAY\033\\"
         "\033[6;0;10t\033[6;99999;10t\033[6;20t\033[4;600;800t\033[?2;3S\033[?2;0;0;0S\033[?1;0;256S"
         "\033P>|\033\\\033P>|kit\033\\\033]1337;ReportCellSize=\033\\\033]1337;File\033\\", 4096);
    CHECK(!memcmp(&caps, &before, sizeof caps), "refusals and rubbish change nothing");
    CHECK_STR(buf_string(&keys), "", "and are not typed");
    feed(&caps, &keys, "\033_Gi=31;OK", 4096);
    CHECK(!caps.kitty, "an answer that is cut off does not count");
    feed(&caps, &keys, "\033_Gi=31;O\rls\r", 4096);
    CHECK_STR(buf_string(&keys), "\rls\r", "keys typed into one that is broken are kept");
    buf_done(&keys);
}

static void late_and_doubled(void) {
    Caps caps = begun("xterm");
    Buf keys = {0};
    caps_close(&caps);
    Caps before = caps;
    feed(&caps, &keys, "\033_Gi=31;OK\033\\\033[6;20;10t\033[?62;4c\033P>|iTerm2 3\033\\"
                       "\033[?2;0;9;9S", 4096);
    CHECK(!memcmp(&caps, &before, sizeof caps), "what comes too late changes nothing");
    CHECK_STR(buf_string(&keys), "", "and is not typed either");
    caps = begun("xterm");
    feed(&caps, &keys, "\033[?62c\033[?62;4c\033[?62;4c", 4096);
    CHECK(caps_complete(&caps) && !caps.sixel, "of doubled attributes the first count");
    buf_done(&keys);
}

static void typed_meanwhile(void) {
    for (size_t piece = 1; piece < 20; piece++) {
        Caps caps = begun("xterm");
        Buf keys = {0};
        char name[64];
        feed(&caps, &keys, "1\033P>|kitty(0.35.2)\033\\g\033[A\033[6;18;9ti\033_Gi=31;OK\033\\r\033\r"
                           "\033[?62;cl世", piece);
        snprintf(name, sizeof name, "keys typed meanwhile keep their order, in pieces of %zu", piece);
        CHECK_STR(buf_string(&keys), "1g\033[Air\033\rl世", name);
        CHECK(caps.kitty && caps.cell_width == 9 && caps_complete(&caps), "and disturb no answer");
        buf_done(&keys);
    }
}

/* ---- the choice ---------------------------------------------------------------------------------------- */

static ImageProtocol chosen(Caps caps, const char *picture, ColorDepth depth) {
    caps_choose(&caps, picture, depth);
    return caps.protocol;
}

static void choosing(void) {
    Caps none = begun("xterm"), all = none;
    all.kitty = all.iterm = all.sixel = true;
    all.cell_width = all.cell_height = 10;
    CHECK_EQ(chosen(all, "auto", DEPTH_8), IMAGE_KITTY, "auto takes the best that was proved");
    CHECK_EQ(chosen(none, "auto", DEPTH_8), IMAGE_HALF, "else half blocks");
    CHECK_EQ(chosen(all, "auto", DEPTH_NONE), IMAGE_NONE, "without colour none");
    CHECK_EQ(chosen(all, "half", DEPTH_8), IMAGE_HALF, "the user may want less");
    CHECK_EQ(chosen(all, "none", DEPTH_24BIT), IMAGE_NONE, "or nothing");
    CHECK_EQ(chosen(none, "kitty", DEPTH_8), IMAGE_KITTY, "or know better");
    CHECK_EQ(chosen(none, "half", DEPTH_NONE), IMAGE_NONE, "half blocks are made of colour");
    CHECK_EQ(chosen(none, "sixel", DEPTH_8), image_can(IMAGE_SIXEL) ? IMAGE_SIXEL : IMAGE_HALF,
             "what this build cannot write becomes half blocks");
    all.kitty = all.iterm = false;
    all.cell_width = 0;
    CHECK_EQ(chosen(all, "auto", DEPTH_8), IMAGE_HALF, "sixel needs to know the size of a cell");
}

int main(void) {
    terminals();
    asking();
    completion();
    colors();
    keys_and_answers();
    wrong_answers();
    late_and_doubled();
    typed_meanwhile();
    choosing();
    return tap_end();
}
