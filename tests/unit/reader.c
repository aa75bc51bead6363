/* When a text is finished, and whether it is a prompt or a command (product.md I1 to I7, C1, C3, C6). */
#include "config.h"

#include <stdlib.h>

#include "prompt/input.h"
#include "prompt/reader.h"
#include "tests/tap.h"

/* The answers to a script, one in brackets each: [P:text] [C:command] [L] [D] [E:sentence]; lines that only
 * ask for more or nothing are not shown. Lines are separated by "\n" in the script. */
static const char *feed_with(Reader *reader, const char *script) {
    static Buf out;
    buf_truncate(&out, 0);
    ReaderAnswer answer;
    for (const char *line = script; line;) {
        const char *end = strchr(line, '\n');
        size_t size = end ? (size_t)(end - line) : strlen(line);
        Status st = end || size ? reader_line(&answer, reader, line, size) : NULL;
        if (!end && !size)
            reader_end(&answer, reader);
        if (st)
            buf_print(&out, "[E:%s]", st->message);
        else if (answer.kind == ANSWER_PROMPT || answer.kind == ANSWER_COMMAND)
            buf_print(&out, "[%c:%s]", answer.kind == ANSWER_PROMPT ? 'P' : 'C', answer.text);
        else if (answer.kind == ANSWER_LEAVE || answer.kind == ANSWER_DROPPED)
            buf_text(&out, answer.kind == ANSWER_LEAVE ? "[L]" : "[D]");
        line = end ? end + 1 : NULL;
    }
    return buf_string(&out);
}

static const char *feed(ReaderSource source, SubmitRule rule, const char *script) {
    Reader reader;
    reader_init(&reader, source);
    reader.submit = rule;
    const char *out = feed_with(&reader, script);
    reader_done(&reader);
    return out;
}

static const char *typed(const char *script) {
    return feed(READER_TYPED, SUBMIT_BLANK, script);
}

static const char *piped(const char *script) {
    return feed(READER_FILE, SUBMIT_BLANK, script);
}

static void prompts(void) {
    CHECK_STR(typed("1girl\n\n"), "[P:1girl]", "I1: an empty line submits");
    CHECK_STR(typed("1girl\n  \t\n"), "[P:1girl]", "I1: spaces do not count");
    CHECK_STR(typed("<n>\na\n\nb\n</n>\n\n"), "[P:<n>\na\n\nb\n</n>]", "I1: not while something is open");
    CHECK_STR(typed("a <o>_<o> \n\n"), "[P:a <o>_<o> ]",
              "I1: emoticons hold nothing open, trailing spaces stay");
    CHECK_STR(typed("<n>\n:go\n"), "[P:<n>]", "I1: :go on a continuation line submits, balanced or not");
    CHECK_STR(typed("a\n :go\n\n"), "[P:a\n :go]", "I1: only when it is exactly :go");
    CHECK_STR(typed("\n\na\n\n"), "[P:a]", "empty lines before the first are nothing");
    CHECK_STR(typed("a\n\nb\n\n"), "[P:a][P:b]", "one prompt after another");
}

static void raw_text(void) {
    CHECK_STR(typed("\"\"\"\n:set x\n\n<n>\n\"\"\"\n"), "[P::set x\n\n<n>]",
              "I3: inside a fence nothing means anything");
    CHECK_STR(typed("\"\"\"\n\"\"\"\n"), "[P:]", "I3: raw text may be empty");
    CHECK_STR(typed("a\n\"\"\"\n\n\n\"\"\"\n"), "[P:a\n\n]", "I3: a fence below text");
    CHECK_STR(typed("\"\"\" \nx\n\n"), "[P:\"\"\" \nx]", "I3: a fence is exactly three quotes");
}

static void commands(void) {
    CHECK_STR(typed(":set steps 20\n"), "[C:set steps 20]", "C1: a command");
    CHECK_STR(typed(":q\n:?\n:!ls -l\n"), "[C:q][C:?][C:!ls -l]", "C1: three short ones");
    CHECK_STR(typed(":d\n\n"), "[P::d]", "C1: :d is a tag");
    CHECK_STR(typed(":3\n\n:o face\n\n:set2\n\n"), "[P::3][P::o face][P::set2]",
              "C1: so are :3 and :o, and :set2");
    CHECK_STR(typed("a\n:set steps 20\n\n"), "[P:a\n:set steps 20]", "C1: only the first line is one");
    CHECK_STR(typed(":go\n"), "[C:go]", "C1: :go as the first line is a command");
    CHECK_STR(typed("quit\nexit\n"), "[L][L]", "C3: the bare words leave");
    CHECK_STR(typed("a\nquit\n\n"), "[P:a\nquit]", "C3: only as the first line");
    CHECK_STR(piped("# note\n#\n#tag\n\n"), "[P:#tag]", "C6: comments in command files");
    CHECK_STR(typed("# note\n\n"), "[P:# note]", "C6: not at the prompt");
}

static void pipes(void) {
    CHECK_STR(piped("a\n\nb\n"), "[P:a][P:b]", "I5: the end of the input submits what is left");
    CHECK_STR(piped("<n>\na\n"), "[P:<n>\na]", "I5: balanced or not");
    CHECK_STR(piped(""), "", "I5: nothing comes from nothing");
    CHECK_STR(feed(READER_FILE, SUBMIT_GO, "a\n\nb\n:go\n:seed 1\nc\n"), "[P:a\n\nb][C:seed 1][P:c]",
              "I5: under submit go an empty line is text");
    CHECK_STR(piped("\"\"\"\na\n"), "[P:a]", "I5: also inside raw text");
}

static void pastes(void) {
    Reader reader;
    ReaderAnswer answer;
    reader_init(&reader, READER_TYPED);
    CHECK_OK(reader_line(&answer, &reader, ":quit\n\nmore", 11), "a paste is taken");
    CHECK_EQ(answer.kind, ANSWER_MORE, "I4: it runs no command and submits nothing");
    CHECK_STR(feed_with(&reader, ":set x\n\n"), "[P::quit\n\nmore\n:set x]",
              "I4: after it no line is a command");
    CHECK_OK(reader_line(&answer, &reader, "<n>a</n>\n", 9), "a paste that ends with a newline, then Enter");
    CHECK_STR(answer.kind == ANSWER_PROMPT ? answer.text : "", "<n>a</n>",
              "I1: the empty last line submits it");
    reader_done(&reader);
    Buf out = {0};
    CHECK_EQ(input_from_paste(&out, "a\r\nb\rc\033[31m\x7f\x01\td\xc2\x85", 17), 4,
             "I7: control characters are counted");
    CHECK_STR(out.data, "a\nb\nc[31m\td", "I4, I7: CR becomes LF, tab and newline stay");
    buf_done(&out);
}

static void bad_input(void) {
    CHECK_STR(typed("a\n\xff\nb\n\n"), "[E:the prompt is not UTF-8: byte 0xFF at offset 2][P:a\nb]",
              "I6: a typed bad byte is refused with its offset, the rest stays");
    CHECK_STR(piped("a\n\xff\n\xff\n\nb\n\n"), "[E:the prompt is not UTF-8: byte 0xFF at offset 2][D][P:b]",
              "I6: in a file it costs its prompt, once");
    CHECK_STR(piped(":neg \xff\n:seed 1\n"), "[E:the prompt is not UTF-8: byte 0xFF at offset 5][C:seed 1]",
              "I6: a bad command is refused alone");
    Reader reader;
    ReaderAnswer answer;
    reader_init(&reader, READER_TYPED);
    Status st = reader_line(&answer, &reader, "a\0b", 3);
    CHECK_STR(st ? st->message : "", "the prompt holds a NUL byte at offset 1", "I6: NUL is refused");
    CHECK(reader_empty(&reader), "and nothing is kept of it");
    reader_done(&reader);
}

static void too_much(void) {
    Reader reader;
    ReaderAnswer answer;
    reader_init(&reader, READER_FILE);
    char line[1024];
    memset(line, 'x', sizeof line);
    int errors = 0, prompts_given = 0;
    for (int i = 0; i < 10240; i++) {
        errors += reader_line(&answer, &reader, line, sizeof line) != NULL;
        prompts_given += answer.kind == ANSWER_PROMPT;
        reader_line(&answer, &reader, "<character_1>", 13);
        errors += reader_line(&answer, &reader, "", 0) != NULL;
    }
    reader_end(&answer, &reader);
    CHECK_EQ(errors, 1, "10 MB through a pipe give one error");
    CHECK(answer.kind == ANSWER_DROPPED && !prompts_given, "and no prompt");
    CHECK_STR(feed_with(&reader, "b\n\n"), "[P:b]", "the reader is good for the next");
    reader_done(&reader);
    Buf big = {0};
    for (int i = 0; i < 1 << 20; i++)
        buf_byte(&big, 'x');
    CHECK_OK(input_check("a.xml", big.data, big.size, 0), "I6: 1 MiB is a prompt");
    buf_byte(&big, 'x');
    Status st = input_check("a.xml", big.data, big.size, 0);
    CHECK_STR(st ? st->message : "", "a.xml has 1048577 bytes, at most 1048576 are read",
              "I6: one byte more is none");
    buf_done(&big);
}

static const char *area(AreaKey key, bool pasted, const char *text) {
    static Buf out;
    buf_truncate(&out, 0);
    Reader reader;
    ReaderAnswer answer;
    static const char *const names[] = {"more", "nothing", "P:", "C:", "leave", "dropped"};
    reader_init(&reader, READER_TYPED);
    reader.pasted = pasted;
    Status st = reader_area(&answer, &reader, key, text, strlen(text));
    buf_text(&out, st ? st->message : names[answer.kind]);
    if (!st && (answer.kind == ANSWER_PROMPT || answer.kind == ANSWER_COMMAND))
        buf_text(&out, answer.text);
    reader_done(&reader);
    return buf_string(&out);
}

static void areas(void) {
    CHECK_STR(area(AREA_ENTER, false, ""), "nothing", "area: Enter on nothing does nothing");
    CHECK_STR(area(AREA_ENTER, false, "1girl"), "more", "area: one line takes Enter twice");
    CHECK_STR(area(AREA_ENTER, false, "1girl\n"), "P:1girl", "area: the second Enter submits");
    CHECK_STR(area(AREA_FORCE, false, "1girl"), "P:1girl", "area: or Alt-Enter once");
    CHECK_STR(area(AREA_ENTER, false, "<n>\n"), "more", "area: not while something is open");
    CHECK_STR(area(AREA_FORCE, false, "<n>\n"), "P:<n>", "area: Alt-Enter does it");
    CHECK_STR(area(AREA_ENTER, false, "<n>\n:go"), "P:<n>", "area: so does :go");
    CHECK_STR(area(AREA_ENTER, false, ":seed 4"), "C:seed 4", "area: a command needs no second Enter");
    CHECK_STR(area(AREA_ENTER, true, ":seed 4\n"), "P::seed 4", "area: pasted lines are no commands");
    CHECK_STR(area(AREA_ENTER, false, "quit"), "leave", "area: quit leaves");
    CHECK_STR(area(AREA_ENTER, false, "\"\"\"\n<n>\n"), "more", "area: raw text goes on");
    CHECK_STR(area(AREA_ENTER, false, "\"\"\"\n<n>\n\"\"\""), "P:<n>", "area: to its closing fence");
    CHECK_STR(area(AREA_FORCE, false, "\"\"\"\n<n>\n\"\"\""), "P:<n>", "area: which Alt-Enter respects");
    CHECK_STR(area(AREA_FORCE, false, "\"\"\"\n<n>\n"), "P:<n>", "area: Alt-Enter inside raw text");
    CHECK_STR(area(AREA_ENTER, true, "a\n\"\"\"\nb\n"), "P:a\n\"\"\"\nb", "area: a pasted fence is text");
    CHECK_STR(area(AREA_ENTER, false, "\xff"), "the prompt is not UTF-8: byte 0xFF at offset 0",
              "area: I6 holds");
    Reader typed = {.pasted = false}, pasted = {.pasted = true};
    Buf out = {0};
    static const struct { const char *text; size_t offset; } rows[] = {
        {"<character_1>\n", 0}, {"<character_1>\n", 14}, {"\"\"\"\n", 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Scan scan;
        scan_text(&scan, rows[i].text, strlen(rows[i].text));
        reader_area_prompt(&out, &typed, &scan, rows[i].offset);
        scan_done(&scan);
    }
    CHECK_STR(buf_string(&out), "newbie> character_1>    \"\"\"> ", "F6: first line, open element, raw text");
    CHECK(reader_area_raw(&typed, "a\n\"\"\"\nb", 7, 6), "area: a line below a typed fence is raw text");
    CHECK(!reader_area_raw(&typed, "a\n\"\"\"\nb", 7, 2), "area: the fence itself is not");
    CHECK(!reader_area_raw(&pasted, "a\n\"\"\"\nb", 7, 6), "area: a pasted fence opens nothing");
    buf_done(&out);
}

static void prompt_strings(void) {
    Reader reader;
    ReaderAnswer answer;
    Buf out = {0};
    reader_init(&reader, READER_TYPED);
    reader_prompt(&out, &reader);
    reader_line(&answer, &reader, "<character_1>", 13);
    reader_prompt(&out, &reader);
    reader_line(&answer, &reader, "</character_1>", 14);
    reader_prompt(&out, &reader);
    reader_line(&answer, &reader, "\"\"\"", 3);
    reader_prompt(&out, &reader);
    CHECK_STR(buf_string(&out), "newbie> character_1>    ...>    \"\"\"> ",
              "F6: the prompt says where we are");
    CHECK_EQ(reader.lines, 3, "lines are counted");
    reader_line(&answer, &reader, "\"\"\"", 3);
    CHECK_EQ(answer.line, 1, "and the prompt knows its first");
    buf_done(&out);
    reader_done(&reader);
}

static void files(void) {
    Buf out = {0};
    CHECK_OK(input_from_file(&out, "a.xml", "\xef\xbb\xbf" "a\r\nb\rc\n\n", 11), "a prompt file is read");
    CHECK_STR(buf_string(&out), "a\nb\rc\n", "A3: no mark, LF, one final newline less, nothing else");
    Status st = input_from_file(&out, "prompt.xml", "abc\xc4", 4);
    CHECK_STR(st ? st->message : "", "prompt.xml is not UTF-8: byte 0xC4 at offset 3", "error 25");
    CHECK_STR(st ? st->hint : "", "iconv -f GB18030 -t UTF-8 prompt.xml", "error 25 has its hint");
    buf_done(&out);
}

int main(void) {
    prompts();
    raw_text();
    commands();
    pipes();
    pastes();
    bad_input();
    too_much();
    areas();
    prompt_strings();
    files();
    return tap_end();
}
