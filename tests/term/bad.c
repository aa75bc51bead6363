/* bad.c: what a terminal, a paste or a disk can do wrong while the full surface is up. product.md I4, I6, I7,
 * H1, 12. */
#include "config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "terminal.h"

static const char *const QUICK[] = {"--no-rc", "--steps=1", "--seed=1", "--size=64x64", NULL};

static Terminal *begin(void) {
    return terminal_begin(&(TerminalHow){.arguments = QUICK});
}

static void long_line(void) {
    Buf line = {0};
    for (int i = 0; line.size < 10000; i++)
        buf_print(&line, "word_%d ", i);
    Terminal *terminal = begin();
    terminal_type(terminal, line.data);
    EXPECT_CURSOR(terminal, line.data + line.size - 5, "ten thousand characters are typed in one line");
    EXPECT_ROW(terminal, 8, "──", "F6: in half of the screen");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_type(terminal, "\001");
    EXPECT_ROW(terminal, 11, "newbie> word_0 word_1", "Ctrl-A goes to its beginning");
    terminal_type(terminal, "\005!");
    EXPECT_CURSOR(terminal, "!", "Ctrl-E to its end");
    terminal_type(terminal, "\033\r");
    EXPECT(terminal, "tokens with the system prompt, Gemma reads 512; cut:", "submitted, with what is cut");
    EXPECT(terminal, "Output saved to output_001.png", "it is a prompt as any");
    terminal_type(terminal, "\033[A");
    EXPECT_CURSOR(terminal, "!", "and comes back");
    terminal_leave(terminal);
    buf_done(&line);
}

static Buf megabyte(size_t size) {
    Buf text = {0};
    for (int i = 0; text.size < size; i++)
        buf_print(&text, "line %d of a very long paste, %d\n", i, i);
    buf_truncate(&text, size);
    return text;
}

static void large_paste(void) {
    Buf text = megabyte((1 << 20) - 1000);
    Terminal *terminal = begin();
    terminal_paste_bytes(terminal, text.data, text.size);
    buf_byte(&text, 0);
    EXPECT_CURSOR(terminal, strrchr(text.data, '\n') + 1, "I6: nearly 1 MiB is pasted");
    EXPECT_REST(terminal, "it is there");
    terminal_type(terminal, "typed");
    EXPECT_CURSOR(terminal, "typed", "and typing goes on");
    terminal_type(terminal, "\033[A\033[A\033[B\033[5~");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_type(terminal, "\037\037\037\037\037");
    EXPECT_GONE(terminal, "typed", "typing is undone");
    terminal_type(terminal, "\037");
    EXPECT_CURSOR(terminal, "newbie> ", "I4: and the paste in one step");
    terminal_leave(terminal);
    buf_done(&text);
}

static void too_large_paste(void) {
    Buf text = megabyte((1 << 20) + 1);
    Terminal *terminal = begin();
    terminal_type(terminal, "kept");
    terminal_paste_bytes(terminal, text.data, text.size);
    EXPECT(terminal, "[ERROR] the prompt with this paste", "I6: more is refused");
    EXPECT(terminal, "newbie -p FILE", "with what can be done");
    EXPECT_CURSOR(terminal, "newbie> kept", "and the text stays");
    terminal_leave(terminal);
    buf_done(&text);
}

static void binary_paste(void) {
    Buf bytes = {0};
    uint32_t state = 1;
    for (int i = 0; i < 20000; i++) {
        state = state * 1664525 + 1013904223;
        unsigned char byte = (unsigned char)(state >> 24);
        buf_byte(&bytes, byte == 0x1b ? 0 : byte); /* an end of the paste could be among them */
    }
    Terminal *terminal = begin();
    terminal_type(terminal, "kept");
    terminal_paste_bytes(terminal, bytes.data, bytes.size);
    EXPECT(terminal, "[ERROR] the prompt with this paste is not UTF-8: byte 0x",
           "I6: a binary paste is refused");
    EXPECT_CURSOR(terminal, "newbie> kept", "the text stays");
    EXPECT_FRESH(terminal, "and the screen is what a redraw gives");
    terminal_leave(terminal);
    buf_done(&bytes);
}

static void sequences_in_a_paste(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, "\033[200~\033[2J\033[H\033]2;title\007\033[?1049l\033[31mred\033c\033[201~");
    EXPECT_CURSOR(terminal, "[2J[H]2;title[?1049l[31mredc", "I7: sequences in a paste are letters");
    EXPECT(terminal, "Note: 7 control characters of the paste were left out", "I7: without their ESC");
    CHECK(terminal_alternate(terminal), "and do nothing");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void sequences_in_words(void) {
    Terminal *terminal = begin();
    terminal_type(terminal, ":say \026\033[31mred\026\007\r");
    EXPECT(terminal, "red", "control characters that were typed");
    EXPECT_REST(terminal, "are said");
    CHECK_EQ(terminal_bells(terminal), 0, "and ring no bell");
    EXPECT_FRESH(terminal, "nor move a cursor");
    mkdir("a\033[2Jb", 0777);
    terminal_type(terminal, ":set outdir a\t\r");
    EXPECT_REST(terminal, "a file's name with them");
    EXPECT_FRESH(terminal, "does neither");
    terminal_leave(terminal);
}

/* The history cannot grow: its file is a device that is always full. */
static void history_full(void) {
    if (access("/dev/full", W_OK)) {
        SKIP("a full disk", "there is no /dev/full");
        return;
    }
    CHECK(!system("mkdir -p .local/state/newbie && ln -s /dev/full .local/state/newbie/history.ndjson"),
          "a disk that is full");
    Terminal *terminal = begin();
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "[WARN]", "the history cannot be saved, which is said");
    EXPECT(terminal, "Output saved to output_001.png", "and keeps nobody from working");
    terminal_type(terminal, "\033[A");
    EXPECT_CURSOR(terminal, "newbie> 1girl", "the history of this session is there");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

/* Neither history nor autosave can be written. */
static void state_unwritable(void) {
    CHECK(!system("mkdir -p .local/state && touch .local/state/newbie"), "a file where the state should be");
    Terminal *terminal = terminal_start(&(TerminalHow){.arguments = QUICK});
    EXPECT(terminal, "Model loaded in ", "it starts");
    terminal_type(terminal, "1girl\033\r");
    EXPECT(terminal, "Output saved to output_001.png", "and works");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_leave(terminal);
}

static void damaged_history(void) {
    static const char make[] = "mkdir -p .local/state/newbie && cd .local/state/newbie &&"
                               "printf '\\377 none\\n' >history.ndjson";
    CHECK(!system(make), "a history that is none");
    Terminal *terminal = begin();
    EXPECT(terminal, "[WARN] ", "H1: is told");
    EXPECT(terminal, "history.bad-1", "H1: and kept aside");
    terminal_type(terminal, "fresh\033\r");
    EXPECT(terminal, "Output saved to output_001.png", "a new one is begun");
    terminal_leave(terminal);
    CHECK(!system("grep -q fresh .local/state/newbie/history.ndjson"), "H1: and written");
}

/* Answers that nobody asked for, cut strings, function keys of other terminals. */
static void noise(void) {
    static const char *const pieces[] = {
        "\033[?62;c", "\033P>|what\033\\", "\033]11;rgb:0000/0000/0000\033\\", "\033_Gi=31;OK\033\\",
        "\033[24;80R",
        "\033[I", "\033[O", "\033[<0;10;10M", "\033[M !!", "\033[1;2P", "\033[25~", "\033[?1;2c"};
    Terminal *terminal = begin();
    EXPECT_REST(terminal, "idle");
    terminal_type(terminal, "a");
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        if (strcmp(pieces[i], "\033[M !!")) /* a mouse that nobody switched on */
            terminal_type(terminal, pieces[i]);
    terminal_type(terminal, "b");
    EXPECT_CURSOR(terminal, "newbie> ab", "what is no key types nothing");
    EXPECT_FRESH(terminal, "the screen is what a redraw gives");
    terminal_type(terminal, "\033P1$r0");
    EXPECT_REST(terminal, "half an answer");
    terminal_type(terminal, "c");
    EXPECT_CURSOR(terminal, "newbie> abc", "is given up waiting for");
    terminal_leave(terminal);
}

int main(int argc, char **argv) {
    static const Scenario rows[] = {
        {"ten thousand characters in one line", long_line},
        {"a paste of nearly 1 MiB", large_paste},
        {"a paste that is too large", too_large_paste},
        {"a binary paste", binary_paste},
        {"escape sequences in a paste", sequences_in_a_paste},
        {"control characters in words", sequences_in_words},
        {"a history that cannot grow", history_full},
        {"state that cannot be written", state_unwritable},
        {"a damaged history", damaged_history},
        {"noise on the line", noise},
        {0},
    };
    return terminal_main(rows, argc, argv);
}
