/* The tolerant scanner, rule by rule (product.md 4.2, F6). */
#include "config.h"

#include <stdlib.h>
#include <time.h>

#include "prompt/scan.h"
#include "tests/tap.h"

/* "name[parent],..." of the elements, and "open N" when something is. */
static const char *elements(const char *text) {
    static Buf out;
    Scan scan;
    scan_text(&scan, text, strlen(text));
    buf_truncate(&out, 0);
    for (size_t i = 0; i < scan.element_count; i++) {
        const Element *e = &scan.elements[i];
        buf_print(&out, "%s%s", i ? "," : "", e->name);
        if (e->parent != SCAN_NONE)
            buf_print(&out, "[%s]", scan.elements[e->parent].name);
    }
    if (!scan_balanced(&scan))
        buf_print(&out, " open %zu", scan.open_count);
    scan_done(&scan);
    return buf_string(&out);
}

static const char *inner(const char *text, int32_t index) {
    static char out[200];
    Scan scan;
    scan_text(&scan, text, strlen(text));
    const Element *e = &scan.elements[index];
    snprintf(out, sizeof out, "%.*s", (int)(e->inner_end - e->inner_begin), text + e->inner_begin);
    scan_done(&scan);
    return out;
}

static const char *prompt_at(const char *text, size_t offset) {
    static Buf out;
    Scan scan;
    scan_text(&scan, text, strlen(text));
    buf_truncate(&out, 0);
    scan_prompt(&out, &scan, offset);
    scan_done(&scan);
    return buf_string(&out);
}

static void tags(void) {
    CHECK_STR(elements("<pose>waving</pose>"), "pose", "a matched pair is an element");
    CHECK_STR(inner("<pose>waving</pose>", 0), "waving", "its content is what stands between");
    CHECK_STR(elements("<character_1><n>miku</n><pose>x</pose></character_1><n/>"),
              "character_1,n[character_1],pose[character_1],n", "elements nest and follow each other");
    CHECK_STR(elements("<character 1>a</character_1>"), "character_1",
              "S1: a space before digits reads as underscore");
    CHECK_STR(elements("<general tags>a</general tags>"), "general_tags",
              "S1: general tags reads as general_tags");
    CHECK_STR(elements("<danbooru tags>a</danbooru_tags>"), "danbooru_tags", "S1: danbooru tags likewise");
    CHECK_STR(elements("<foo bar>a</foo bar>"), "", "S1: other words with a space are no tags");
    CHECK_STR(elements("<标签>a</标签>"), "标签", "S1: a name may be of any script");
    CHECK_STR(elements("<3>a</3> <->b</-> < a>c</ a> <a >d</a >"), "",
              "S1: a name begins with a letter, right behind <");
    CHECK_STR(elements("<a.b-c_9>x</a.b-c_9>"), "a.b-c_9", "S1: digits, _, - and . may follow");
    CHECK_STR(elements("<!-- <pose>a</pose> --><n>b</n>"), "n", "S1: comments are skipped");
    CHECK_STR(elements("<!-- \n<pose>\n--><n>b</n>"), "n", "S1: also over several lines");
    CHECK_STR(elements("<?xml version=\"1.0\"?><n>b</n>"), "n", "S1: <?...?> is skipped");
    CHECK_STR(elements("<? <n>b</n> <?x <n>c</n>"), "n,n", "S1: an unfinished <? is text");
}

static void text_survives(void) {
    CHECK_STR(elements(">_<"), "", "S2: >_< is text");
    CHECK_STR(elements("<o>_<o>"), "", "S2: <o>_<o> is text and holds nothing open");
    CHECK_STR(elements("<|>_<|>, heckler_&_koch, &amp;"), "", "S2: so are <|>_<|> and &");
    CHECK_STR(elements("<n>a<b</n>"), "n", "S2: a lone < does not hurt the pair around it");
    CHECK_STR(elements("<n>a<b>c</n>"), "n", "S2: an opener inside, unknown and not alone, is text");
    CHECK_STR(elements("</n><n>a</n></n>"), "n", "S2: closers without opener are text");
    CHECK_STR(elements("<a><b></a></b>"), "a", "S2: what an outer closer passes over is unmatched");
}

static void open_elements(void) {
    CHECK_STR(elements("<character_1>"), " open 1", "S3: a known opener holds the text open");
    CHECK_STR(elements("a <foo> b"), "", "S3: an unknown one within a line does not");
    CHECK_STR(elements("a\n <foo> \nb"), " open 1", "S3: alone on its line it does");
    CHECK_STR(elements("<character_1>\n<gender>1girl\n</character_1>"), "character_1 open 1",
              "S3: an opener without closer stays open behind an outer closer");
    const char *text =
        "<character_1>\n<n>miku</n>\n<clothing>\nblack_jacket\n</clothing>\n</character_1>\n\n";
    CHECK_STR(prompt_at(text, 14), "character_1> ", "F6: inside a character");
    CHECK_STR(prompt_at(text, 37), "character_1/clothing> ", "F6: the path of two");
    CHECK_STR(prompt_at(text, strlen(text)), "   ...> ", "F6: nothing open");
    CHECK_STR(prompt_at("<danbooru_tags>\n<general_tags>\n", 31), ".../general_tags> ",
              "F6: a long path is shortened");
    CHECK_STR(prompt_at("<character_12>\n<interaction>\n", 29), "character_12/interaction> ",
              "F6: 24 columns are not long");
    CHECK_STR(prompt_at("<角色角色角色角色角色角色角>\n", strlen("<角色角色角色角色角色角色角>\n")),
              ".../角色角色角色角色角色> ", "F6: width counts, not bytes, and no character is split");
}

static void markers(void) {
    const char *text = "<n>a <Prompt Start> <pose>b</pose>";
    Scan scan;
    scan_text(&scan, text, strlen(text));
    CHECK_EQ(scan.start, 19, "S4: structure is judged behind the marker");
    CHECK_EQ(scan.element_count, 1, "S4: what stands before it is no structure");
    CHECK(scan_balanced(&scan), "S4: nor does it hold the text open");
    scan_done(&scan);
    size_t marker = 0;
    CHECK_EQ(scan_marker("<Prompt Start>a<Prompt Start>b", 30, &marker), 29, "S4: the last marker counts");
    CHECK_EQ(marker, 15, "S4: and its place is known");
    CHECK(scan_marker("<prompt start>", 14, NULL) == SIZE_MAX, "S4: other spellings are none");
    CHECK_EQ(scan_jina_text("sys <Prompt Start> 1girl", 24), 19,
             "S4: Jina gets the part behind it and one space");
    CHECK_EQ(scan_jina_text("sys <Prompt Start>\n\n1girl", 25), 19, "S4: or one newline");
    CHECK_EQ(scan_jina_text("1girl", 5), 0, "S4: all of it without a marker");
}

static void places(void) {
    const char *text = "a\n中文<n>x</n>";
    Scan scan;
    scan_text(&scan, text, strlen(text));
    Place place = scan_place(&scan, scan.elements[0].begin);
    CHECK_EQ(place.line, 2, "S5: lines count from 1");
    CHECK_EQ(place.column, 3, "S5: columns count characters from 1");
    scan_done(&scan);
    Buf big = {0};
    for (int i = 0; i < 5000; i++)
        buf_text(&big, i % 7 ? "字" : "ab\n");
    scan_text(&scan, big.data, big.size);
    int wrong = 0;
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i <= big.size; i++) {
        place = scan_place(&scan, i);
        wrong += place.line != line || place.column != column;
        if (i < big.size && big.data[i] == '\n')
            line++, column = 1;
        else if (i < big.size && ((unsigned char)big.data[i] & 0xC0) != 0x80)
            column++;
    }
    CHECK_EQ(wrong, 0, "S5: every offset of a long text has the place a plain count gives");
    scan_done(&scan);
    buf_done(&big);
}

/* The scan of a text fed by lines equals the scan of the whole. */
static void by_lines(void) {
    const char *text =
        "<!-- a\n<n>\n--><character_1>\n<n>x</n>\n sys <Prompt Start>\n<pose>a</pose>\n<caption>\n";
    Scan whole, grown;
    scan_text(&whole, text, strlen(text));
    scan_begin(&grown);
    for (const char *end = text; (end = strchr(end, '\n')); end++) {
        char *copy = strndup(text, (size_t)(end + 1 - text));
        scan_extend(&grown, copy, (size_t)(end + 1 - text));
        free(copy);
    }
    scan_finish(&grown);
    CHECK_EQ(grown.element_count, whole.element_count, "a text judged as it grows has the same elements");
    CHECK_EQ(grown.open_count, whole.open_count, "and as much is open");
    CHECK_EQ(grown.start, whole.start, "behind the same marker");
    scan_done(&whole);
    scan_done(&grown);
}

static double seconds_for(const char *piece, size_t size) {
    Buf text = {0};
    while (text.size < size)
        buf_text(&text, piece);
    clock_t begin = clock();
    Scan scan;
    scan_text(&scan, text.data, text.size);
    scan_done(&scan);
    buf_done(&text);
    return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static void hostile(void) {
    static const char *const pieces[] = {"<pose>",       "</pose>",  "<a><b></a>",  "<?a",  "<!--",
                                         "<!--x-->",     "<",        " ",           "<a\n", "<Prompt Start>",
                                         "<n>x</n>\n\n", "\xff\xc0", "<character 1"};
    double slowest = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        double took = seconds_for(pieces[i], 1u << 19);
        slowest = took > slowest ? took : slowest;
    }
    printf("# slowest half MiB: %.3f s\n", slowest);
    /* 0.002 s on one core; square growth takes half a minute. The thread sanitizer looks at all the rest of
     * the text at each memmem, which made it 4 s on a busy machine. */
    CHECK(slowest < 8, "half a MiB of the worst text is scanned in no time");
    Scan scan;
    scan_text(&scan, "", 0);
    CHECK(scan_balanced(&scan) && scan_place(&scan, 0).line == 1, "an empty text is balanced");
    scan_done(&scan);
}

static void finding(void) {
    const char *text =
        "<document><image><general_tags><count>1girl</count></general_tags></image></document>";
    Scan scan;
    scan_text(&scan, text, strlen(text));
    int32_t general = scan_find(&scan, SCAN_NONE, "general_tags");
    CHECK_EQ(general, 2, "an element of the top row is found through its wrappers");
    CHECK_EQ(scan_find(&scan, general, "count"), 3, "a child is found in its parent");
    CHECK_EQ(scan_find(&scan, SCAN_NONE, "count"), SCAN_NONE, "a child is not found at the top");
    scan_done(&scan);
}

int main(void) {
    tags();
    text_survives();
    open_elements();
    markers();
    places();
    by_lines();
    hostile();
    finding();
    return tap_end();
}
