/* cutter.c: bytes of a terminal become units: whole characters, whole escape sequences, whole pastes,
 * however they were torn on the way. architecture.md 9.2, steps 5 to 7. */
#include "config.h"

#include "tests/tap.h"
#include "ui/tty.h"

/* All units of the cutter as text: keys in <>, strings in {}, pastes in [], the end as "."; ESC as "e". */
static void add_units(Buf *out, UnitCutter *cutter, CutterPatience patience) {
    for (;;) {
        Unit unit = cutter_next(cutter, patience);
        if (unit.kind == UNIT_END)
            buf_text(out, ".");
        if (unit.kind == UNIT_NONE || unit.kind == UNIT_END)
            return;
        buf_byte(out, unit.kind == UNIT_PASTE ? '[' : unit.kind == UNIT_STRING ? '{' : '<');
        for (size_t i = 0; i < unit.size; i++)
            buf_byte(out, unit.bytes[i] == '\033' ? 'e' : (unsigned char)unit.bytes[i]);
        buf_byte(out, unit.kind == UNIT_PASTE ? ']' : unit.kind == UNIT_STRING ? '}' : '>');
    }
}

/* The bytes, all at once or one at a time. */
static const char *cut(const char *bytes, size_t piece) {
    static Buf out;
    UnitCutter cutter = {0};
    buf_truncate(&out, 0);
    for (size_t at = 0, size = strlen(bytes); at < size; at += piece) {
        cutter_add(&cutter, bytes + at, size - at < piece ? size - at : piece);
        add_units(&out, &cutter, CUTTER_WAITS);
    }
    add_units(&out, &cutter, CUTTER_GIVES_UP);
    cutter_done(&cutter);
    return buf_string(&out);
}

static void keys(void) {
    static const struct { const char *bytes, *units, *name; } rows[] = {
        {"ab\r", "<a><b><\r>", "letters and Enter"},
        {"世é😀", "<世><é><😀>", "a character of several bytes is one unit"},
        {"\033[A\033[1;5D\033OP", "<e[A><e[1;5D><eOP>", "a control sequence is one unit"},
        {"\033[[Ax", "<e[[A><x>", "F1 of the Linux console is one unit"},
        {"\033\r\033x", "<e\r><ex>", "Alt with a key is one unit"},
        {"\033é", "<eé>", "Alt with a character of several bytes, too"},
        {"a\033", "<a><e>", "a lone ESC is a key when nothing follows"},
        {"\xc4" "b", "<\xc4><b>", "a broken character ends where the next begins"},
        {"\xff\x80", "<\xff><\x80>", "bytes that begin no character are alone"},
        {"\xe4\xb8", "<\xe4\xb8>", "an unfinished character is given out when nothing follows"},
        {"\033[200~a\rb\033[201~c", "[a\rb]<c>", "a paste is one unit without its brackets"},
        {"\033[200~\033[A\002\033[201\033[201~", "[e[A\002e[201]", "whatever is in it"},
        {"\033[200~\033[201~", "[]", "an empty paste"},
        {"\033\033[200~:q\r\033[201~", "<e>[:q\r]", "an ESC that was typed before it is none of the paste's"},
        {"\033P1$r0m\033\\x", "{eP1$r0me\\}<x>", "a DCS answer is one unit"},
        {"\033P>|kitty(0.35)\ax", "{eP>|kitty(0.35)\a}<x>", "also when it ends with BEL"},
        {"\033_Gi=31;OK\033\\\033_Gi=32;OK\033\\", "{e_Gi=31;OKe\\}{e_Gi=32;OKe\\}", "an APC, and another"},
        {"\033]11;rgb:00/00/00\033\\", "{e]11;rgb:00/00/00e\\}", "an OSC"},
        {"\033Pa", "<eP><a>", "Alt-P and another key are none"},
        {"\033_\033]\033P", "<e_><e]><eP>", "Alt-_, Alt-] and Alt-P neither"},
        {"\033P1$r0\rab", "{eP1$r0}<\r><a><b>", "Enter ends a broken answer and is a key"},
        {"\033P1$r0\003", "{eP1$r0}<\003>", "Ctrl-C, too"},
        {"\033P1$r0\033[A", "{eP1$r0}<e[A>", "and so does the next sequence"},
        {"\033P1$r0\033\033\\", "{eP1$r0}<ee><\\>", "a doubled ESC is not its end"},
        {"\033_Gi=31;世", "{e_Gi=31;}<世>", "nor does it hold other letters"},
        {"\033P1$r0", "{eP1$r0}", "an answer that never ends is cut off"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[128];
        CHECK_STR(cut(rows[i].bytes, 1000), rows[i].units, rows[i].name);
        snprintf(name, sizeof name, "%s, byte by byte", rows[i].name);
        CHECK_STR(cut(rows[i].bytes, 1), rows[i].units, name);
    }
}

static void waiting(void) {
    UnitCutter cutter = {0};
    cutter_add(&cutter, "\033", 1);
    CHECK(cutter_next(&cutter, CUTTER_WAITS).kind == UNIT_NONE, "a lone ESC may still become a sequence");
    CHECK_EQ(cutter_limit(&cutter), 50, "which is worth a short wait");
    cutter_add(&cutter, "[A", 2);
    CHECK(cutter_next(&cutter, CUTTER_WAITS).size == 3, "and does");
    CHECK_EQ(cutter_limit(&cutter), -1, "then nothing waits");
    cutter_add(&cutter, "\033[200~half", 10);
    CHECK(cutter_next(&cutter, CUTTER_GIVES_UP).kind == UNIT_NONE,
          "a paste is never given out before its end");
    CHECK_EQ(cutter_limit(&cutter), -1, "however long it takes");
    cutter_add(&cutter, "\003", 1);
    CHECK(cutter_next(&cutter, CUTTER_WAITS).kind == UNIT_KEY, "Ctrl-C alone ends one that never ends");
    cutter_add(&cutter, "\033[200~half", 10);
    cutter_add(&cutter, "", 0);
    Unit unit = cutter_next(&cutter, CUTTER_WAITS);
    CHECK(unit.kind == UNIT_PASTE && unit.size == 4, "but for a closed terminal");
    CHECK(cutter_next(&cutter, CUTTER_WAITS).kind == UNIT_END, "whose end comes last");
    cutter_done(&cutter);
}

static void endless_string(void) {
    UnitCutter cutter = {0};
    cutter_add(&cutter, "\033P1$r", 5);
    CHECK(cutter_next(&cutter, CUTTER_WAITS).kind == UNIT_NONE, "the rest of a string may still come");
    CHECK_EQ(cutter_limit(&cutter), 250, "and is waited for a little longer");
    for (int i = 0; i < STRING_MAX; i++)
        cutter_add(&cutter, "x", 1);
    Unit unit = cutter_next(&cutter, CUTTER_WAITS);
    CHECK(unit.kind == UNIT_STRING && unit.size == STRING_MAX, "but not for ever: it is cut off by its size");
    CHECK_EQ(cutter_next(&cutter, CUTTER_WAITS).bytes[0], 'x', "and what follows are keys");
    cutter_done(&cutter);
}

static void large_paste(void) {
    enum { PIECE = 4096 };
    static char piece[PIECE];
    UnitCutter cutter = {0};
    memset(piece, 'x', sizeof piece);
    cutter_add(&cutter, "\033[200~", 6);
    size_t whole = (size_t)10 << 20;
    for (size_t at = 0; at < whole; at += PIECE) {
        cutter_add(&cutter, piece, PIECE);
        if (cutter_next(&cutter, CUTTER_WAITS).kind != UNIT_NONE)
            break;
    }
    CHECK(cutter.pending.capacity < 1 << 20 && cutter.paste.capacity <= 2 * PASTE_MAX,
          "10 MB pasted are not all kept");
    cutter_add(&cutter, "\033[201~y", 7);
    Unit unit = cutter_next(&cutter, CUTTER_WAITS);
    CHECK(unit.kind == UNIT_PASTE && unit.size == PASTE_MAX && unit.whole == whole, "but counted");
    CHECK(cutter_next(&cutter, CUTTER_WAITS).bytes[0] == 'y', "and what follows is found");
    cutter_done(&cutter);
}

int main(void) {
    keys();
    waiting();
    endless_string();
    large_paste();
    return tap_end();
}
