/* paint: what the parts of an edit area are (prompt/paint.h). */
#include "config.h"

#include "prompt/paint.h"

#include "tests/tap.h"

/* Every byte's kind as a letter; "." is text. */
static void letters_of(Buf *out, const Reader *reader, const char *text, size_t size) {
    static const char letters[] = ".bkuosmrc";
    PaintList list = {0};
    paint_area(&list, reader, text, size);
    size_t at = 0;
    for (size_t i = 0; i < list.count; i++) {
        const PaintSpan *span = &list.spans[i];
        if (span->begin < at || span->end <= span->begin || span->end > size || span->kind == PAINT_TEXT)
            buf_text(out, "(spans out of order)");
        for (; at < span->begin; at++)
            buf_byte(out, '.');
        for (; at < span->end; at++)
            buf_byte(out, (unsigned char)letters[span->kind]);
    }
    for (; at < size; at++)
        buf_byte(out, '.');
    paint_done(&list);
}

typedef struct Painted {
    const char *text, *kinds, *says;
    bool pasted;
} Painted;

static void every_part_has_its_kind(void) {
    static const Painted cases[] = {
        {"1girl, >_<, <o>_<o>, a & b", "..........................", "text is text", false},
        {"<pose>x</pose>", "buuuub.bbuuuub", "a known name in the wrong place", false},
        {"<caption>x</caption>", "bkkkkkkkb.bbkkkkkkkb", "a known name where it belongs", false},
        {"<character 1><n/></character_1>", "bkkkkkkkkkkkbbkbbbbkkkkkkkkkkkb", "spaces, and <n/>", false},
        {"<foo><pose>x</pose></foo>", "buuubbkkkkb.bbkkkkbbbuuub", "an unknown pair, and what is in it",
         false},
        {"<character_1>\n<n>x</n>", "ooooooooooooo.bkb.bbkb", "an element of one that is still open", false},
        {"<pose>x", "oooooo.", "an opener that keeps the text open", false},
        {"a <foo> b", ".........", "an unknown opener in a line is text", false},
        {"x</pose>", ".sssssss", "a closer that closes nothing", false},
        {"s <Prompt Start> <style>x</style>", "..mmmmmmmmmmmmmm.bkkkkkb.bbkkkkkb", "the marker", false},
        {":set steps 20", "cccc.........", "a command", false},
        {":!ls -l", "cc.....", "a shell command", false},
        {":set steps 20", ".............", "pasted, it is none", true},
        {":d", "..", "a tag with a colon", false},
        {"a\n\"\"\"\n<pose>", "..rrrrrrrrrr", "raw text", false},
        {"a\n\"\"\"\n<pose>", "......oooooo", "a pasted fence is none", true},
        {"", "", "nothing", false},
        {"<!-- <pose> --><style>x</style>", "...............bkkkkkb.bbkkkkkb", "a comment is text", false},
        {"<style>蓝</style>", "bkkkkkb...bbkkkkkb", "Chinese", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Reader reader;
        Buf kinds = {0};
        reader_init(&reader, READER_TYPED);
        reader.pasted = cases[i].pasted;
        letters_of(&kinds, &reader, cases[i].text, strlen(cases[i].text));
        CHECK_STR(buf_string(&kinds), cases[i].kinds, cases[i].says);
        buf_done(&kinds);
        reader_done(&reader);
    }
}

/* A list is used again, and grows and shrinks with the text. */
static void a_mebibyte_of_tags_is_painted(void) {
    Reader reader;
    PaintList list = {0};
    Buf text = {0};
    reader_init(&reader, READER_TYPED);
    while (text.size < 1 << 20)
        buf_text(&text, "<style>x</style></pose>\xC4\n");
    paint_area(&list, &reader, text.data, text.size);
    CHECK_EQ(list.count, text.size / 25 * 7, "seven spans for each line");
    CHECK_EQ(list.spans[list.count - 1].kind, PAINT_STRAY, "the last is the stray closer");
    paint_area(&list, &reader, "<style>", 7);
    CHECK_EQ(list.count, 1, "and one for a short text after it");
    paint_done(&list);
    buf_done(&text);
    reader_done(&reader);
}

int main(void) {
    every_part_has_its_kind();
    a_mebibyte_of_tags_is_painted();
    return tap_end();
}
