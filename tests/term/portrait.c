/* portrait.c: draws the screen of the real program for the README, as SVG on standard output: one picture is
 * finished, another is being made, and the next prompt is being typed. No test; run it where the files of the
 * demo model are found:
 *
 *   tests/term/portrait > samples/screen.svg */
#include "config.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "terminal.h"

enum { ROWS = 38, COLUMNS = 104, CELL_WIDTH = 9, CELL_HEIGHT = 18, MARGIN = 9 };

#define BACKGROUND 0x18181cL
#define FOREGROUND 0xdcdcdcL
#define UPPER_HALF 0x2580u
#define LOWER_HALF 0x2584u
#define HORIZONTAL 0x2500u

static const char PROMPT[] =
    "<character_1>\n<n>miku</n>\n<gender>1girl</gender>\n<appearance>teal_hair, twintails, "
    "green_eyes</appearance>\n"
    "<clothing>school_uniform</clothing>\n<pose>waving</pose>\n</character_1>\n<character_2>\n<n>rin</n>\n"
    "<gender>1girl</gender>\n<appearance>yellow_hair, blue_eyes</appearance>\n<pose>standing</pose>\n"
    "</character_2>\n<general_tags>\n<style>anime_style</style>\n<background>beach</background>\n</"
    "general_tags>";

static const char NEXT[] = "<character_1>\n<n>len</n>\n<gender>1boy</gender>\n<appearance>blonde_hair";

/* ---- colours ------------------------------------------------------------------------------------------- */

static long rgb_of(long color, long otherwise) {
    static const long basic[8] = {0x000000, 0xd04848, 0x2aa86a, 0xc8a030,
                                  0x4a86d8, 0xbc5fbc, 0x28a8b8, 0xc8c8c8};
    if (color < 0)
        return otherwise;
    if (color >= COLOR_RGB)
        return color - COLOR_RGB;
    return color < 8 ? basic[color] : otherwise;
}

typedef struct Look {
    long front, back;
} Look;

static Look look_of(const TerminalCell *cell) {
    Look look = {rgb_of(cell->front, FOREGROUND), rgb_of(cell->back, BACKGROUND)};
    return cell->reverse ? (Look){look.back, look.front} : look;
}

/* ---- SVG ----------------------------------------------------------------------------------------------- */

typedef struct Box {
    int x, y, width, height;
} Box;

static void put_box(Box box, long color) {
    printf("<path fill=\"#%06lx\" d=\"M%d %dh%dv%dh-%dz\"/>\n", color, box.x, box.y, box.width, box.height,
           box.width);
}

/* The colour of the upper (0) or lower (1) half of a cell; -1 where it is a character. */
static long half_color(const TerminalCell *cell, int half) {
    Look look = look_of(cell);
    if (cell->code == UPPER_HALF)
        return half ? look.back : look.front;
    if (cell->code == LOWER_HALF)
        return half ? look.front : look.back;
    return look.back;
}

/* What is behind the characters, in runs of one colour. */
static void put_half_row(const Terminal *terminal, int row, int half) {
    for (int column = 0, end; column < COLUMNS; column = end) {
        TerminalCell cell = terminal_cell(terminal, row, column), next;
        long color = half_color(&cell, half);
        for (end = column + 1; end < COLUMNS; end++) {
            next = terminal_cell(terminal, row, end);
            if (half_color(&next, half) != color)
                break;
        }
        if (color != BACKGROUND)
            put_box((Box){MARGIN + column * CELL_WIDTH, MARGIN + row * CELL_HEIGHT + half * CELL_HEIGHT / 2,
                          (end - column) * CELL_WIDTH, CELL_HEIGHT / 2}, color);
    }
}

static void put_character(uint32_t code) {
    char bytes[4];
    if (code == '<' || code == '&')
        printf("&#%u;", code);
    else
        fwrite(bytes, 1, utf8_encode(bytes, code), stdout);
}

static bool is_drawn(const TerminalCell *cell) {
    return cell->code > ' ' && cell->code != UPPER_HALF && cell->code != LOWER_HALF &&
           cell->code != HORIZONTAL;
}

static bool same_look(const TerminalCell *a, const TerminalCell *b) {
    return a->front == b->front && a->back == b->back && a->bold == b->bold && a->underline == b->underline &&
           a->reverse == b->reverse;
}

/* Words of one look in one element; its length is fixed, so that any font keeps the columns. */
static int put_word(const Terminal *terminal, int row, int column) {
    TerminalCell first = terminal_cell(terminal, row, column), cell;
    int end = column;
    while (end < COLUMNS && (cell = terminal_cell(terminal, row, end), is_drawn(&cell)) &&
           same_look(&first, &cell))
        end += cell.width;
    printf("<text x=\"%d\" y=\"%d\" textLength=\"%d\" fill=\"#%06lx\"%s%s>", MARGIN + column * CELL_WIDTH,
           MARGIN + row * CELL_HEIGHT + 14, (end - column) * CELL_WIDTH, look_of(&first).front,
           first.bold ? " font-weight=\"bold\"" : "",
           first.underline ? " text-decoration=\"underline\"" : "");
    for (int at = column; at < end; at += cell.width) {
        cell = terminal_cell(terminal, row, at);
        put_character(cell.code);
    }
    printf("</text>\n");
    return end;
}

static void put_row(const Terminal *terminal, int row) {
    put_half_row(terminal, row, 0);
    put_half_row(terminal, row, 1);
    for (int column = 0; column < COLUMNS;) {
        TerminalCell cell = terminal_cell(terminal, row, column);
        if (cell.code == HORIZONTAL)
            put_box((Box){MARGIN + column * CELL_WIDTH, MARGIN + row * CELL_HEIGHT + CELL_HEIGHT / 2,
                          CELL_WIDTH, 1},
                    0x808080);
        column = is_drawn(&cell) ? put_word(terminal, row, column) : column + 1;
    }
}

static void put_screen(const Terminal *terminal) {
    int width = COLUMNS * CELL_WIDTH + 2 * MARGIN, height = ROWS * CELL_HEIGHT + 2 * MARGIN;
    printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"monospace\" "
           "font-size=\"15\" "
           "shape-rendering=\"crispEdges\">\n",
           width, height);
    put_box((Box){0, 0, width, height}, BACKGROUND);
    for (int row = 0; row < ROWS; row++)
        put_row(terminal, row);
    put_box((Box){MARGIN + terminal_cursor_column(terminal) * CELL_WIDTH,
                  MARGIN + terminal_cursor_row(terminal) * CELL_HEIGHT, CELL_WIDTH, CELL_HEIGHT}, FOREGROUND);
    printf("</svg>\n");
}

/* ---- the scene ----------------------------------------------------------------------------------------- */

static void await(Terminal *terminal, const char *text) {
    if (terminal_expect(terminal, text))
        return;
    fprintf(stderr, "portrait: \"%s\" did not appear:\n%s", text, terminal_screen(terminal));
    exit(1);
}

int main(void) {
    static const char *const arguments[] = {"--no-rc", "--seed=16", "--steps=28", NULL};
    static const char *const environment[] = {"COLORTERM=truecolor", NULL};
    program_world();
    Terminal *terminal = terminal_start(
        &(TerminalHow){.rows = ROWS, .columns = COLUMNS, .arguments = arguments, .environment = environment});
    await(terminal, "Model loaded in ");
    terminal_paste(terminal, PROMPT);
    terminal_type(terminal, "\033\r");
    await(terminal, "last ");
    terminal_type(terminal, ":steps 400\r:seed 17\r:go 3\r");
    await(terminal, "queue 2: j3 j4");
    for (const char *key = NEXT; *key; key++)
        terminal_type(terminal, (char[]){*key, 0});
    await(terminal, "tokens");
    await(terminal, " 23%");
    put_screen(terminal);
    terminal_type(terminal, "\003\003");
    terminal_close(terminal);
    return 0;
}
