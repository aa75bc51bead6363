/* The log of the full surface (product.md F2, F3) and the canvas it is drawn on. */
#include "config.h"

#include <stdlib.h>

#include "tests/tap.h"
#include "ui/scrollback.h"

static Canvas canvas;
static Buf out;
static Caps caps;

static const char *seen(Scrollback *log, int height) {
    canvas_begin(&canvas, height, log->look.columns);
    scrollback_draw(&canvas, log, 0, height, NULL);
    buf_truncate(&out, 0);
    canvas_dump(&out, &canvas);
    return out.data;
}

static void look(Scrollback *log, int columns) {
    caps.protocol = IMAGE_HALF;
    scrollback_look(log, &(ScrollLook){.columns = columns, .picture_rows = 4, .large_rows = 8,
                                       .depth = DEPTH_24BIT, .caps = &caps});
}

static void fill(Scrollback *log, int from, int to) {
    for (int i = from; i <= to; i++) {
        char text[20];
        snprintf(text, sizeof text, "line %d", i);
        scrollback_line(log, LINE_PLAIN, text);
    }
}

static void wrapping(void) {
    Scrollback log = {0};
    look(&log, 12);
    scrollback_line(&log, LINE_WARN, "one two three");
    CHECK_STR(seen(&log, 4), "[WARN] one\ntwo three\n\n\n", "F2: broken at spaces");
    scrollback_line(&log, LINE_PLAIN, "abcdefghijklmno");
    CHECK_STR(seen(&log, 4), "[WARN] one\ntwo three\nabcdefghijkl\nmno\n", "or where the row ends");
    scrollback_line(&log, LINE_PLAIN, "世界世界世界世");
    CHECK_STR(seen(&log, 2), "世界世界世界\n世\n", "X3: by display width");
    scrollback_line(&log, LINE_PLAIN, "a\033[31mb");
    CHECK_STR(seen(&log, 1), "a^[[31mb\n", "control characters move no cursor");
    scrollback_line(&log, LINE_PLAIN, "\xe2\x80\x8d" "a");
    CHECK_STR(seen(&log, 1), " a\n", "X3: a joiner with nothing to join is a blank");
    scrollback_move(&log, 1, 1);
    look(&log, 40);
    CHECK_STR(seen(&log, 4), "[WARN] one two three\nabcdefghijklmno\n世界世界世界世\na^[[31mb\n",
              "another width, another wrapping");
    scrollback_done(&log);
}

static void redrawing(void) {
    Scrollback log = {0};
    look(&log, 20);
    fill(&log, 11, 12);
    scrollback_line(&log, LINE_PLAIN, "a line of several rows in this log");
    scrollback_move(&log, 1, 3);
    CHECK_STR(seen(&log, 3), "line 11\nline 12\na line of several\n", "a line can be cut by the lower edge");
    look(&log, 20);
    CHECK_STR(seen(&log, 3), "line 11\nline 12\na line of several\n", "and a redraw leaves it there");
    look(&log, 40);
    CHECK_STR(seen(&log, 2), "line 12\na line of several rows in this log\n", "as far as there are rows");
    scrollback_done(&log);
}

static void scrolling(void) {
    Scrollback log = {0};
    look(&log, 20);
    fill(&log, 1, 10);
    CHECK_STR(seen(&log, 3), "line 8\nline 9\nline 10\n", "the newest is seen");
    scrollback_move(&log, 2, 3);
    CHECK_STR(seen(&log, 3), "line 6\nline 7\nline 8\n", "F2: up by rows");
    CHECK_EQ(scrollback_newer(&log), 2, "and the lines below are counted");
    fill(&log, 11, 12);
    CHECK_STR(seen(&log, 3), "line 6\nline 7\nline 8\n", "F2: new lines do not move a scrolled view");
    CHECK_EQ(scrollback_newer(&log), 4, "they are counted");
    scrollback_move(&log, 1000, 3);
    CHECK_STR(seen(&log, 3), "line 1\nline 2\nline 3\n", "not above the first");
    look(&log, 4);
    look(&log, 20);
    scrollback_move(&log, -1000, 3);
    CHECK_STR(seen(&log, 3), "line 10\nline 11\nline 12\n", "nor below the last");
    CHECK_EQ(scrollback_newer(&log), 0, "nothing is below");
    fill(&log, 13, SCROLLBACK_LINES + 10);
    scrollback_move(&log, 1000000, 3);
    CHECK_STR(seen(&log, 3), "line 11\nline 12\nline 13\n", "F2: 5,000 lines are kept");
    scrollback_done(&log);
}

static void pictures(void) {
    static uint8_t pixels[3 * 16 * 16];
    Image image = {.pixels = pixels, .width = 16, .height = 16};
    Scrollback log = {0};
    look(&log, 40);
    scrollback_line(&log, LINE_PLAIN, "before");
    scrollback_preview(&log, &image);
    scrollback_preview(&log, &image);
    scrollback_line(&log, LINE_PLAIN, "after");
    CHECK_STR(seen(&log, 7), "before\n   ########\n   ########\n   ########\n   ########\nafter\n\n",
              "F3: one preview, replaced in place, at most so high");
    scrollback_picture(&log, &image, PICTURE_NORMAL);
    CHECK_STR(seen(&log, 7), "before\nafter\n   ########\n   ########\n   ########\n   ########\n\n",
              "F3: the picture replaces it");
    scrollback_move(&log, 1, 5);
    CHECK_STR(seen(&log, 5), "before\nafter\n   ########\n   ########\n   ########\n",
              "and scrolls with the lines");
    scrollback_to_end(&log);
    scrollback_picture(&log, &image, PICTURE_LARGE);
    PicturePlace place;
    canvas_begin(&canvas, 9, 40);
    scrollback_draw(&canvas, &log, 0, 9, &place);
    CHECK_EQ(place.row, 1, "the newest picture is wholly seen, 1:1 and no larger");
    canvas_begin(&canvas, 6, 40);
    scrollback_draw(&canvas, &log, 0, 6, &place);
    CHECK_EQ(place.row, -1, "or it is not");
    scrollback_look(&log, &(ScrollLook){.columns = 40, .picture_rows = 4, .large_rows = 8, .caps = &caps});
    CHECK_STR(seen(&log, 3), "before\nafter\n\n", "X2: without colour there are no pictures");
    scrollback_done(&log);
}

/* A picture of 16x16 in real pixels is two cells wide, which is too small for a preview. */
static void preview_beside_real_pixels(void) {
    static uint8_t pixels[3 * 16 * 16];
    Image image = {.pixels = pixels, .width = 16, .height = 16};
    Caps kitty = {.protocol = IMAGE_KITTY, .cell_width = 10, .cell_height = 20};
    Scrollback log = {0};
    PicturePlace place;
    scrollback_look(&log, &(ScrollLook){.columns = 40, .picture_rows = 4, .large_rows = 8,
                                        .depth = DEPTH_24BIT, .caps = &kitty});
    scrollback_picture(&log, &image, PICTURE_NORMAL);
    scrollback_preview(&log, &image);
    CHECK_STR(seen(&log, 5), "   ##\n   ########\n   ########\n   ########\n   ########\n",
              "a preview is half blocks, also where there are real pixels");
    canvas_begin(&canvas, 5, 40);
    scrollback_draw(&canvas, &log, 0, 5, &place);
    CHECK_EQ(place.row, 0, "and the finished picture before it keeps its pixels");
    scrollback_done(&log);
}

/* A session of an afternoon: 40 pictures of 3 MiB, each of one colour. */
static void old_pictures(void) {
    const int side = 1024, count = 40;
    uint8_t *pixels = malloc(3 * (size_t)side * (size_t)side);
    Scrollback log = {0};
    look(&log, 40);
    for (int i = 0; i < count; i++) {
        memset(pixels, i + 1, 3 * (size_t)side * (size_t)side);
        scrollback_picture(&log, &(Image){.pixels = pixels, .width = side, .height = side}, PICTURE_NORMAL);
    }
    size_t bytes = 0;
    for (int i = 0; i < log.count; i++)
        bytes += 3 * (size_t)log.entries[i].image.width * (size_t)log.entries[i].image.height;
    CHECK(bytes < (size_t)70 << 20, "F3: old pictures do not fill the memory");
    CHECK_EQ(scrollback_newest(&log)->image.width, side, "the newest has all its pixels");
    look(&log, 40);
    scrollback_move(&log, 1000, 4);
    canvas_begin(&canvas, 4, 40);
    scrollback_draw(&canvas, &log, 0, 4, NULL);
    const ImageCell *cell = canvas_cell(&canvas, 3, 10)->image;
    CHECK(cell && cell->top == 0x010101 && cell->bottom == 0x010101,
          "the oldest is as large as it was, and looks so");
    scrollback_done(&log);
    free(pixels);
}

static void echo(void) {
    Scrollback log = {0};
    look(&log, 30);
    scrollback_echo(&log, "newbie> ", ":set", 4);
    CHECK_STR(seen(&log, 1), "newbie> :set\n", "what was sent");
    CHECK_EQ(canvas_cell(&canvas, 0, 0)->style, STYLE_PROMPT, "its prompt string has a style of its own");
    CHECK_EQ(canvas_cell(&canvas, 0, 8)->style, STYLE_TEXT, "its text has not");
    fill(&log, 1, 3);
    scrollback_to_echo(&log, 4);
    CHECK_EQ(scrollback_newer(&log), 0, "an answer that fits is seen with its command");
    fill(&log, 4, 9);
    scrollback_to_echo(&log, 4);
    CHECK_STR(seen(&log, 4), "newbie> :set\nline 1\nline 2\nline 3\n", "a longer one from its beginning");
    scrollback_done(&log);
}

int main(void) {
    wrapping();
    scrolling();
    redrawing();
    pictures();
    preview_beside_real_pixels();
    old_pictures();
    echo();
    canvas_done(&canvas);
    buf_done(&out);
    return tap_end();
}
