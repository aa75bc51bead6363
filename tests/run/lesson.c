/* lesson: what teaches: :explain, :tour and the lesson it runs (product.md 13, T2 and T4). */
#include "config.h"

#include <ctype.h>

#include "app/explain.h"
#include "base/file.h"
#include "base/utf8.h"
#include "tests/run/program.h"
#include "tests/run/talk.h"

/* ---- :explain ------------------------------------------------------------------------------------------ */

static size_t words_in(const char *text) {
    size_t words = 0;
    for (bool inside = false; *text; text++) {
        bool letter = !isspace((unsigned char)*text);
        words += letter && !inside;
        inside = letter;
    }
    return words;
}

static size_t widest_line(const char *text) {
    size_t widest = 0;
    while (*text) {
        size_t size = strcspn(text, "\n"), width = utf8_text_width(text, size);
        widest = width > widest ? width : widest;
        text += size + (text[size] == '\n');
    }
    return widest;
}

static void every_term_has_a_paragraph(void) {
    static const char *const wanted[] = {
        "prompt", "xml", "token", "gemma", "jina", "latent", "noise", "seed", "step", "sigma", "velocity",
        "sampler", "schedule", "shift", "cfg", "negative", "vae", "preview", "precision", "memory", "plan",
        "metadata", NULL};
    const char *const *completed = command_find("explain")->argument[0].words;
    size_t i = 0;
    for (; wanted[i] && TERMS[i].name; i++) {
        CHECK_STR(TERMS[i].name, wanted[i], "T2: the terms, in their order");
        CHECK_STR(completed[i], wanted[i], "and completion offers them");
        size_t words = words_in(TERMS[i].text);
        CHECK(words >= 20 && words <= 60, "in at most 60 words");
        CHECK(!strchr(TERMS[i].text, '\n') && !strstr(TERMS[i].text, "  "), "of one piece");
    }
    CHECK(!wanted[i] && !TERMS[i].name && !completed[i], "no term more, no term less");
}

/* What was said, in lines of at most 79 columns, as one line. */
static const char *paragraph(Talk *talk, const char *line) {
    command(talk, line);
    CHECK(widest_line(buf_string(&talk->said)) <= 79, "no line is wider than a terminal of 80 columns");
    for (char *c = talk->said.data; c && *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    return buf_string(&talk->said);
}

static void a_run_is_explained_with_its_numbers(Talk *talk) {
    CHECK_HAS(paragraph(talk, "explain"), "Nothing was made yet.", "before the first picture");
    command(talk, "steps 2");
    command(talk, "seed 5");
    prompt(talk, "1girl, kimono");
    size_t tokens = strtoul(strstr(command(talk, "tokens gemma"), "gemma: ") + 7, NULL, 10);
    Buf wanted = {0};
    buf_print(&wanted, "For Gemma it was %zu tokens, of 512", tokens);
    const char *said = paragraph(talk, "explain");
    CHECK_HAS(said, wanted.data, "the tokens of this prompt");
    CHECK_HAS(said, "from noise of seed 5 towards a picture, step 2 of 2 in ", "its seed and steps");
    CHECK_HAS(said, "asked the network twice, with the prompt and without it: cfg 4", "its guidance");
    CHECK_HAS(said, "vae: a latent of 16x16 places became 128x128 pixels in ", "its size");
    CHECK_HAS(said, "save: the picture went to output_001.png in ", "its file");
    CHECK_HAS(said, ":explain TERM says more: prompt xml token ", "and the list of terms");
    buf_done(&wanted);
    CHECK_HAS(paragraph(talk, "explain sigma"), "How much noise is in the latent", "a term");
    CHECK_HAS(paragraph(talk, "explain cfg"), "goes further where the answers differ", "another");
    said = command(talk, "explain sgima");
    CHECK_HAS(said, "[ERROR] sgima is not explained; did you mean sigma?\n[HINT] :explain lists all terms",
              "an unknown one");
}

/* ---- the tour ------------------------------------------------------------------------------------------ */

/* Bytes of ":say " and the prompt of a line that is shown as typed; 0 for another. */
static size_t shown_prefix(const char *line) {
    if (strncmp(line, ":say ", 5))
        return 0;
    size_t at = 5 + strspn(line + 5, " .");
    at += strspn(line + at, "abcdefghijklmnopqrstuvwxyz0123456789_/");
    return strncmp(line + at, "> ", 2) ? 0 : at + 2;
}

static bool is_action(const char *line, size_t size) {
    return size && *line != '#' && strncmp(line, ":say", 4) && strncmp(line, ":pause", 6);
}

/* The lines that the lesson shows as typed, and those that it types. */
static void cut_lesson(Buf *shown, Buf *typed, const Buf *lesson) {
    for (const char *line = buf_string(lesson); *line;) {
        size_t size = strcspn(line, "\n"), prefix = shown_prefix(line);
        if (prefix)
            buf_print(shown, "%.*s\n", (int)(size - prefix), line + prefix);
        else if (is_action(line, size))
            buf_print(typed, "%.*s\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
}

static void what_the_lesson_shows_is_what_it_does(void) {
    char *path = program_source("samples/lessons/tour.nbi");
    Buf lesson = read_bytes(path), shown = {0}, typed = {0};
    cut_lesson(&shown, &typed, &lesson);
    CHECK(count_of(buf_string(&shown), "\n") > 40, "the lesson shows what to type");
    CHECK_STR(buf_string(&typed), buf_string(&shown), "and types exactly that");
    CHECK(widest_line(buf_string(&lesson)) <= 110, "in lines that fit");
    buf_done(&lesson);
    buf_done(&shown);
    buf_done(&typed);
    free(path);
}

static void check_tour(const char *said) {
    CHECK(!strstr(said, "[ERROR]"), "nothing fails in the tour");
    CHECK_EQ(count_of(said, "Output saved to"), 5, "it makes five pictures");
    CHECK_HAS(said, "Unknown gender tag \"girl\", using default female prior (3:9)", "advice is shown");
    CHECK_HAS(said, "  character_1/gender       - girl            + 1girl\n", "so is a difference");
    CHECK_HAS(said, "again: identical, all 16384 pixels", "a seed repeats its picture");
    CHECK_HAS(said, "That was the tour.", "it comes to its end");
}

static void the_tour_runs_in_a_session(Talk *talk) {
    const char *said = command(talk, "tour");
    check_tour(said);
    CHECK_HAS(said, "[INFO] seed 7 -> random\n", "and leaves the seed random");
    CHECK_HAS(command(talk, "show @tour"), "<n>miku</n>", "what it saved is there");
}

static void a_pause_can_end_it(Talk *talk) {
    talk->answer = '\003'; /* Ctrl-C */
    const char *said = command(talk, "tour");
    CHECK_HAS(said, "so on. Ctrl-C ends the tour.", "the tour begins");
    CHECK_HAS(said, "[INFO] Ended at tour.nbi:11\n", "Ctrl-C at its first pause ends it");
    CHECK(!strstr(said, "1. A picture") && app_idle(talk->app), "and nothing of it goes on");
    talk->answer = 0;
    command(talk, "pause");
    CHECK_HAS(command(talk, "say Hello."), "Hello.\n", "a pause that is typed is only a pause");
}

static void the_tour_runs_on_a_pipe(void) {
    Program program = program_run(":tour\n", NULL);
    CHECK_EQ(program.status, 0, "on a pipe it ends well");
    buf_text(&program.said, buf_string(&program.complained));
    check_tour(buf_string(&program.said));
    program_done(&program);
}

static void the_lesson_is_a_file_for_f(void) {
    char *path = program_source("samples/lessons/tour.nbi");
    Program program = program_run("", "-q", "-f", path, NULL);
    CHECK_EQ(program.status, 0, "newbie -f tour.nbi ends well");
    CHECK_EQ(count_of(buf_string(&program.said), ".png\n"), 5, "-q names its five pictures");
    program_done(&program);
    free(path);
}

int main(void) {
    program_world();
    Talk talk;
    begin(&talk);
    every_term_has_a_paragraph();
    a_run_is_explained_with_its_numbers(&talk);
    command(&talk, "reset all");
    the_tour_runs_in_a_session(&talk);
    a_pause_can_end_it(&talk);
    end(&talk);
    what_the_lesson_shows_is_what_it_does();
    the_tour_runs_on_a_pipe();
    the_lesson_is_a_file_for_f();
    return tap_end();
}
