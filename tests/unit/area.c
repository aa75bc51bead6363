/* The edit area as rows of a screen (product.md F6, X3): wrapping by display width, the window around the
 * cursor, steps by rows. */
#include "config.h"

#include <stdlib.h>

#include "tests/tap.h"
#include "ui/area.h"

static Buf out;

/* The rows that are shown, each with its bytes between bars, the cursor as "row:column", lines above and
 * below. */
static const char *rows_of(const char *text, size_t point, int columns, int rows_max, size_t top) {
    Reader reader = {.pasted = false};
    Scan scan;
    static AreaView view;
    scan_text(&scan, text, strlen(text));
    AreaText area = {&reader, &scan, text, strlen(text), point, columns};
    area_layout(&view, &area, rows_max, &top);
    buf_truncate(&out, 0);
    for (int i = 0; i < view.rows; i++)
        buf_print(&out, "%d|%.*s\n", view.row[i].column, (int)(view.row[i].end - view.row[i].begin),
                  text + view.row[i].begin);
    buf_print(&out, "%d:%d %zu %zu", view.cursor_row, view.cursor_column, view.above, view.below);
    scan_done(&scan);
    return out.data;
}

static size_t step(const char *text, size_t point, int columns, AreaStep way, int goal) {
    Reader reader = {.pasted = false};
    Scan scan;
    scan_text(&scan, text, strlen(text));
    AreaText area = {&reader, &scan, text, strlen(text), point, columns};
    size_t to = area_step(&area, way, goal < 0 ? area_column(&area) : goal);
    scan_done(&scan);
    return to;
}

static void wrapping(void) {
    CHECK_STR(rows_of("", 0, 40, 5, 0), "8|\n0:8 0 0", "an empty area is one row behind the prompt");
    CHECK_STR(rows_of("abc", 3, 40, 5, 0), "8|abc\n0:11 0 0", "the cursor stands behind the text");
    CHECK_STR(rows_of("abcdefgh", 8, 14, 5, 0), "8|abcdef\n0|gh\n1:2 0 0",
              "a long line goes on in the next row");
    CHECK_STR(rows_of("abcdef", 6, 14, 5, 0), "8|abcdef\n0|\n1:0 0 0",
              "a cursor behind a full row has its own");
    CHECK_STR(rows_of("abcde世x", 9, 14, 5, 0), "8|abcde\n0|世x\n1:3 0 0", "X3: a wide character is not cut");
    CHECK_STR(rows_of("abcdee\xcc\x81x", 9, 14, 5, 0), "8|abcdee\xcc\x81\n0|x\n1:1 0 0",
              "X3: a mark stays with its character");
    CHECK_STR(rows_of("a\tb", 3, 40, 5, 0), "8|a\tb\n0:17 0 0", "a tab goes to the next stop");
    CHECK_STR(rows_of("a\nb", 3, 40, 5, 0), "8|a\n8|b\n1:9 0 0", "lines have prompts of their own");
    CHECK_STR(rows_of("abcdef", 3, 9, 5, 0), "0|abcdef\n0:3 0 0", "no prompt where it would leave no room");
    CHECK_STR(rows_of("abc", 1, 1, 9, 0), "0|a\n0|b\n0|c\n0|\n1:0 0 0", "one column is enough");
}

static void window(void) {
    const char *text = "1\n2\n3\n4\n5\n6";
    CHECK_STR(rows_of(text, 11, 40, 3, 0), "8|4\n8|5\n8|6\n2:9 3 0", "F6: the cursor is always seen");
    CHECK_STR(rows_of(text, 0, 40, 3, 6), "8|1\n8|2\n8|3\n0:8 0 3", "also above the old window");
    CHECK_STR(rows_of(text, 4, 40, 3, 2), "8|2\n8|3\n8|4\n1:8 1 2", "which moves no more than it must");
    CHECK_STR(rows_of(text, 0, 40, 9, 11), "8|1\n8|2\n8|3\n8|4\n8|5\n8|6\n0:8 0 0",
              "and shows all when it can");
}

static void steps(void) {
    const char *text = "abcdef\nxy\nklmnop";
    CHECK_EQ(step(text, 5, 40, AREA_DOWN, -1), 9, "Down into a shorter row stops at its end");
    CHECK_EQ(step(text, 9, 40, AREA_DOWN, 13), 15, "and goes on in the column it came from");
    CHECK_EQ(step(text, 15, 40, AREA_UP, -1), 9, "Up does the same");
    CHECK(step(text, 3, 40, AREA_UP, -1) == SIZE_MAX, "above the first row is the history");
    CHECK(step(text, 12, 40, AREA_DOWN, -1) == SIZE_MAX, "and below the last");
    CHECK_EQ(step("abcdefghij", 9, 14, AREA_UP, -1), 0, "rows of one line are rows, too");
    CHECK_EQ(step("abcdefghij", 5, 14, AREA_DOWN, -1), 10, "down to the end of the line");
    CHECK_EQ(step("世世世\nabcdef", 14, 40, AREA_UP, -1), 6, "X3: never into a wide character");
}

/* Every cursor of a text with everything, at every width: the layout holds together. */
static void everywhere(void) {
    const char *text = "<character_1>\n<n>世界 e\xcc\x81</n>\n\n\ta, b\x01, c\n</character_1>\n\"\"\"\nx\n";
    int bad = 0;
    for (int columns = 1; columns < 60; columns++)
        for (size_t point = 0; point <= strlen(text); point++) {
            if (point < strlen(text) && ((unsigned char)text[point] & 0xc0) == 0x80)
                continue;
            Reader reader = {.pasted = false};
            Scan scan;
            static AreaView view;
            size_t top = point / 2;
            scan_text(&scan, text, strlen(text));
            AreaText area = {&reader, &scan, text, strlen(text), point, columns};
            area_layout(&view, &area, 4, &top);
            bool inside = view.cursor_row >= 0 && view.cursor_row < view.rows && view.rows <= 4 &&
                          view.row[view.cursor_row].begin <= point && point <= view.row[view.cursor_row].end;
            for (int i = 0; i + 1 < view.rows; i++)
                inside &= view.row[i].end <= view.row[i + 1].begin;
            size_t down = area_step(&area, AREA_DOWN, area_column(&area));
            inside &= down == SIZE_MAX || (down > point && down <= strlen(text));
            bad += !inside;
            scan_done(&scan);
        }
    CHECK_EQ(bad, 0, "any cursor in any width is in a row of the window");
}

int main(void) {
    wrapping();
    window();
    steps();
    everywhere();
    buf_done(&out);
    return tap_end();
}
