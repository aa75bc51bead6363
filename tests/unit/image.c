/* image.c: pixels become cells, text and escape sequences. Palettes and sequences are those of xterm's
 * ctlseqs and 256colres.h; Kitty's are read back by its own rules (docs/graphics-protocol.rst). */
#include "config.h"

#include "tests/tap.h"
#include "ui/image.h"

#include <stdlib.h>

static uint8_t pixels[64 * 64 * 3];

/* A picture of any size in which no two neighbours agree, the same every time. */
static Image noise(int width, int height) {
    uint32_t state = 1;
    for (int i = 0; i < 3 * width * height; i++) {
        state = state * 1664525 + 1013904223;
        pixels[i] = (uint8_t)(state >> 24);
    }
    return (Image){.pixels = pixels, .width = width, .height = height};
}

static Image flat(int width, int height, uint32_t color) {
    for (int i = 0; i < width * height; i++)
        for (int c = 0; c < 3; c++)
            pixels[3 * i + c] = (uint8_t)(color >> (16 - 8 * c));
    return (Image){.pixels = pixels, .width = width, .height = height};
}

static Image of(const uint8_t *bytes, int width, int height) {
    return (Image){.pixels = bytes, .width = width, .height = height};
}

/* ---- size ---------------------------------------------------------------------------------------------- */

static void sizes(void) {
    static const struct { int width, height, columns_max, rows_max, columns, rows; } rows[] = {
        {64, 64, 80, 24, 48, 24},     /* height decides */
        {64, 64, 20, 24, 20, 10},     /* width decides */
        {64, 64, 200, 100, 64, 32},   /* never enlarged */
        {1, 1, 80, 24, 1, 1},
        {3, 5, 80, 24, 3, 3},         /* an odd height leaves half a cell free */
        {1024, 1024, 32, 16, 32, 16}, /* product.md 2, the third screen */
        {832, 1216, 80, 24, 33, 24},  /* 48 * 832 / 1216 = 32.8 */
        {1216, 832, 33, 24, 33, 12},  /* 33 * 832 / 1216 = 22.6, so 23 half rows */
        {8192, 16, 80, 24, 80, 1},    /* very flat, very tall: never nothing */
        {16, 8192, 80, 24, 1, 24},
        {64, 64, 1, 1, 1, 1},
    };
    Caps caps = {.protocol = IMAGE_HALF};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[96], got[32], expected[32];
        Image image = {.width = rows[i].width, .height = rows[i].height};
        ImageBox box = image_fit(&image, (ImageBox){rows[i].columns_max, rows[i].rows_max}, &caps);
        snprintf(got, sizeof got, "%dx%d", box.columns, box.rows);
        snprintf(expected, sizeof expected, "%dx%d", rows[i].columns, rows[i].rows);
        snprintf(name, sizeof name, "%dx%d pixels in %dx%d cells", rows[i].width, rows[i].height,
                 rows[i].columns_max, rows[i].rows_max);
        CHECK_STR(got, expected, name);
    }
}

/* Every size up to 70 in every room up to 30: never larger than the picture or the room, and its sides never
 * further than half a pixel from the aspect, unless a side is a single one. */
static void size_rules(void) {
    Caps caps = {.protocol = IMAGE_HALF};
    int large = 0, skewed = 0;
    for (int width = 1; width <= 70; width += 3)
        for (int height = 1; height <= 70; height++)
            for (int room = 1; room <= 30; room++) {
                Image image = {.width = width, .height = height};
                ImageBox box = image_fit(&image, (ImageBox){room, 31 - room}, &caps);
                large += box.columns > width || 2 * box.rows > height + 1 || box.columns > room ||
                         box.rows > 31 - room;
                double ideal = (double)box.columns * height / width;
                double least = ideal - 0.5 - height / 2.0 / width, most = ideal + 1.5;
                skewed += box.columns > 1 && ideal > 0.5 && (2 * box.rows < least || 2 * box.rows > most);
            }
    CHECK_EQ(large, 0, "no size is ever enlarged or too large for its room");
    CHECK_EQ(skewed, 0, "and the aspect is kept to half a pixel");
}

static void pixel_sizes(void) {
    Caps caps = {.protocol = IMAGE_KITTY, .cell_width = 9, .cell_height = 20};
    Image image = {.width = 128, .height = 128};
    ImageBox box = image_fit(&image, (ImageBox){80, 24}, &caps);
    CHECK(box.columns == 15 && box.rows == 7, "real pixels: 128 of them are 14.2 columns and 6.4 rows");
    image = (Image){.width = 1024, .height = 1024};
    box = image_fit(&image, (ImageBox){80, 12}, &caps);
    CHECK(box.columns == 27 && box.rows == 12, "and more are reduced to the rows there are");
    caps.protocol = IMAGE_SIXEL;
    caps.sixel_width = caps.sixel_height = 90;
    box = image_fit(&image, (ImageBox){80, 24}, &caps);
    CHECK(box.columns == 10 && box.rows == 5, "a sixel picture stays within what the terminal takes");
    caps = (Caps){.protocol = IMAGE_KITTY, .inside_tmux = true};
    image = (Image){.width = 16, .height = 8192};
    CHECK_EQ(image_fit(&image, (ImageBox){80, 300}, &caps).rows, 100,
             "inside tmux there are numbers for 100 rows");
}

/* ---- area average -------------------------------------------------------------------------------------- */

/* The same by the definition: every pixel's share of the area, in double. */
static double plain_average(const Image *image, int channel, ImageBox at, ImageBox of_all) {
    double sum = 0, area = 0;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            double left = fmax(x, (double)at.columns * image->width / of_all.columns);
            double right = fmin(x + 1, (double)(at.columns + 1) * image->width / of_all.columns);
            double top = fmax(y, (double)at.rows * image->height / of_all.rows);
            double bottom = fmin(y + 1, (double)(at.rows + 1) * image->height / of_all.rows);
            double share = right > left && bottom > top ? (right - left) * (bottom - top) : 0;
            sum += share * image->pixels[3 * (y * image->width + x) + channel];
            area += share;
        }
    return sum / area;
}

static void averages(void) {
    static const int sizes[][4] = {
        {64, 64, 8, 4}, {64, 64, 7, 4}, {37, 53, 11, 8}, {5, 3, 4, 1}, {3, 4, 3, 2},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        Image image = noise(sizes[i][0], sizes[i][1]);
        ImageBox box = {sizes[i][2], sizes[i][3]};
        ImageCell cells[128];
        double worst = 0;
        int height = (int)lround((double)image.height * box.columns / image.width);
        height = height > 2 * box.rows ? 2 * box.rows : height;
        image_cells(cells, &image, box, DEPTH_24BIT);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < box.columns; x++)
                for (int c = 0; c < 3; c++) {
                    const ImageCell *cell = &cells[y / 2 * box.columns + x];
                    int got = (y % 2 ? cell->bottom : cell->top) >> (16 - 8 * c) & 255;
                    ImageBox at = {x, y}, of_all = {box.columns, height};
                    worst = fmax(worst, fabs(got - plain_average(&image, c, at, of_all)));
                }
        char name[80];
        snprintf(name, sizeof name, "%dx%d to %d columns: the mean of each area, rounded", image.width,
                 image.height, box.columns);
        CHECK_NEAR(worst, 0, 0.5 + 1e-9, name);
    }
}

static void free_halves(void) {
    ImageCell cells[6];
    Image image = flat(2, 3, 0x102030);
    image_cells(cells, &image, (ImageBox){3, 2}, DEPTH_24BIT);
    CHECK(cells[0].top == 0x102030 && cells[0].bottom == 0x102030, "a picture at 1:1 keeps its colours");
    CHECK(cells[3].top == 0x102030 && cells[3].bottom == IMAGE_CLEAR, "half a cell below it is clear");
    CHECK(cells[2].top == IMAGE_CLEAR && cells[5].bottom == IMAGE_CLEAR, "and so is the column beside it");
}

/* ---- few colours --------------------------------------------------------------------------------------- */

/* xterm's palette, from its definition and not from the program. */
static void palette(double *rgb, uint32_t index) {
    static const uint32_t sixteen[] = {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
                                       0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
                                       0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff};
    uint32_t level[3] = {(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6};
    for (int c = 0; c < 3; c++)
        rgb[c] = index < 16 ? (double)(sixteen[index] >> (16 - 8 * c) & 255)
               : index < 232 ? (level[c] ? 55 + 40.0 * level[c] : 0) : 8 + 10.0 * (index - 232);
}

/* Mean over a tile of 4x4 halves of one colour, and its distance from that colour in the worst channel. */
static double mean_error(uint32_t color, ColorDepth depth) {
    Image image = flat(4, 4, color);
    ImageCell cells[8];
    double mean[3] = {0}, worst = 0;
    image_cells(cells, &image, (ImageBox){4, 2}, depth);
    for (int i = 0; i < 16; i++) {
        double rgb[3];
        palette(rgb, i % 2 ? cells[i / 2].bottom : cells[i / 2].top);
        for (int c = 0; c < 3; c++)
            mean[c] += rgb[c] / 16;
    }
    for (int c = 0; c < 3; c++)
        worst = fmax(worst, fabs(mean[c] - (color >> (16 - 8 * c) & 255)));
    return worst;
}

/* Limits: a sixteenth of what may be missing after the last colour of a mixture. That is about half of the
 * largest gap of the palette (95, 205 and, of greys, 229), and a little more where channels pull apart;
 * found: 4.5, 7.9 and 8.2. */
static void dithering(void) {
    double worst_256 = 0, worst_16 = 0, worst_grey = 0;
    for (int r = 0; r < 256; r += 15)
        for (int g = 0; g < 256; g += 15)
            for (int b = 0; b < 256; b += 15)
                worst_256 = fmax(worst_256, mean_error((uint32_t)(r << 16 | g << 8 | b), DEPTH_256));
    /* colours that sixteen can mix: between black, white and the bright corners */
    for (int r = 0; r < 256; r += 15)
        for (int g = 0; g < 256; g += 15)
            worst_16 = fmax(worst_16, mean_error((uint32_t)(r << 16 | g << 8), DEPTH_16));
    for (int grey = 0; grey <= 229; grey++)
        worst_grey = fmax(worst_grey, mean_error((uint32_t)grey * 0x010101, DEPTH_8));
    CHECK_NEAR(worst_256, 0, 6, "256 colours, mixed over a tile, have the mean that was wanted");
    CHECK_NEAR(worst_16, 0, 9, "16 colours, too");
    CHECK_NEAR(worst_grey, 0, 9, "and 8, for greys up to their white");
}

static void palettes(void) {
    ImageCell cell;
    Image image = flat(1, 2, 0xff0000);
    image_cells(&cell, &image, (ImageBox){1, 1}, DEPTH_256);
    CHECK_EQ(cell.top, 196, "pure red is 196 of 256");
    image_cells(&cell, &image, (ImageBox){1, 1}, DEPTH_16);
    CHECK_EQ(cell.top, 9, "and 9 of 16");
    image = flat(1, 2, 0x767676);
    image_cells(&cell, &image, (ImageBox){1, 1}, DEPTH_256);
    CHECK_EQ(cell.bottom, 243, "a grey of the 24 is taken as it is");
    int beyond = 0;
    image = noise(64, 64);
    ImageCell *cells = malloc(64 * 32 * sizeof *cells);
    image_cells(cells, &image, (ImageBox){64, 32}, DEPTH_8);
    for (int i = 0; i < 64 * 32; i++)
        beyond += cells[i].top > 7 || cells[i].bottom > 7;
    CHECK_EQ(beyond, 0, "eight colours are the first eight");
    image_cells(cells, &image, (ImageBox){64, 32}, DEPTH_256);
    for (int i = 0; i < 64 * 32; i++)
        beyond += cells[i].top < 16 || cells[i].bottom < 16 || cells[i].top > 255 || cells[i].bottom > 255;
    CHECK_EQ(beyond, 0, "of 256 the first sixteen are never used: users change them");
    free(cells);
}

/* Two pictures that differ in one corner give cells that differ there only. */
static void steady(void) {
    ImageCell before[16 * 8], after[16 * 8];
    int changed = 0;
    Image image = noise(32, 32);
    image_cells(before, &image, (ImageBox){16, 8}, DEPTH_16);
    memset(pixels, 255, 6);
    memset(pixels + 3 * 32, 255, 6);
    image_cells(after, &image, (ImageBox){16, 8}, DEPTH_16);
    for (int i = 1; i < 16 * 8; i++)
        changed += before[i].top != after[i].top || before[i].bottom != after[i].bottom;
    CHECK_EQ(changed, 0, "where two previews agree, their cells do");
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static const char *painted(const ImageCell *cells, int count, ColorDepth depth) {
    static Buf out;
    ImagePen pen = IMAGE_PEN;
    buf_truncate(&out, 0);
    image_paint(&out, &pen, cells, count, depth);
    return buf_string(&out);
}

static void painting(void) {
    ImageCell two[] = {{0xff0000, 0x0000ff}, {0xff0000, 0x0000ff}};
    CHECK_STR(painted(two, 2, DEPTH_24BIT), "\033[38;2;255;0;0;48;2;0;0;255m▀▀",
              "a colour that is set is not set again");
    ImageCell turned[] = {{0xff0000, 0x0000ff}, {0x0000ff, 0xff0000}};
    CHECK_STR(painted(turned, 2, DEPTH_24BIT), "\033[38;2;255;0;0;48;2;0;0;255m▀▄",
              "two colours that change places need another block only");
    ImageCell plain[] = {{0x010203, 0x010203}, {0x010203, 0x010203}};
    CHECK_STR(painted(plain, 2, DEPTH_24BIT), "\033[48;2;1;2;3m  ", "equal halves are a space");
    ImageCell half[] = {{5, 5}, {5, 200}};
    CHECK_STR(painted(half, 2, DEPTH_256), "\033[48;5;5m \033[38;5;200m▄", "256 colours have numbers");
    ImageCell few[] = {{1, 12}, {12, 2}};
    CHECK_STR(painted(few, 2, DEPTH_16), "\033[94;41m▄\033[42m▀", "16 colours have two digits or three");
    enum { NO = IMAGE_CLEAR };
    ImageCell clear[] = {{NO, NO}, {7, NO}, {NO, 7}, {7, 7}, {NO, 7}};
    CHECK_STR(painted(clear, 5, DEPTH_8), " \033[37m▀▄\033[47m \033[49m▄",
              "a clear half is always the background");
}

static void lines(void) {
    static const uint8_t bytes[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 1, 2, 3, 1, 2, 3};
    Buf out = {0};
    Image image = of(bytes, 2, 3);
    ImageCell cells[4];
    image_cells(cells, &image, (ImageBox){2, 2}, DEPTH_24BIT);
    image_lines(&out, cells, (ImageBox){2, 2}, DEPTH_24BIT);
    CHECK_STR(buf_string(&out),
              "\033[38;2;255;0;0;48;2;0;0;255m▀\033[38;2;0;255;0;48;2;255;255;255m▀\033[m\n"
              "\033[38;2;1;2;3m▀▀\033[m\n", "lines begin and end without colour");
    buf_done(&out);
}

/* ---- real pixels --------------------------------------------------------------------------------------- */

static int digit(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26
         : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes base64 up to its end; the end, or NULL when it is broken. */
static const char *from_base64(Buf *out, const char *at) {
    uint32_t group = 0;
    int count = 0;
    for (; digit(*at) >= 0; at++) {
        group = group << 6 | (uint32_t)digit(*at);
        if (++count % 4 == 0)
            for (int shift = 16; shift >= 0; shift -= 8)
                buf_byte(out, (unsigned char)(group >> shift));
    }
    if (count % 4 == 2)
        buf_byte(out, (unsigned char)(group >> 4));
    if (count % 4 == 3) {
        buf_byte(out, (unsigned char)(group >> 10));
        buf_byte(out, (unsigned char)(group >> 2));
    }
    for (; count % 4; count++)
        if (*at++ != '=')
            return NULL;
    return at;
}

/* The pixels of Kitty's commands, the keys of the first in *keys; what follows them, or NULL when one is not
 * well-formed. */
static const char *from_kitty(Buf *found, Buf *keys, const char *text) {
    for (bool first = true, more = true; more; first = false) {
        const char *semicolon = strchr(text, ';'), *last = semicolon;
        if (strncmp(text, "\033_G", 3) || !semicolon || (semicolon[-1] != '0' && semicolon[-1] != '1'))
            return NULL;
        if (first)
            buf_add(keys, text + 3, (size_t)(semicolon - text) - 3);
        else if (semicolon - text != 6)
            return NULL; /* only m= may stand in the later ones */
        more = semicolon[-1] == '1';
        last = from_base64(found, semicolon + 1);
        if (!last || strncmp(last, "\033\\", 2) || last - semicolon > 4097)
            return NULL;
        text = last + 2;
    }
    return text;
}

static void kitty(void) {
    Caps caps = {.protocol = IMAGE_KITTY, .cell_width = 10, .cell_height = 20};
    Image image = noise(41, 37);
    Buf out = {0}, found = {0}, keys = {0};
    image_escape(&out, &image, image_fit(&image, (ImageBox){80, 24}, &caps), &caps);
    const char *rest = from_kitty(&found, &keys, buf_string(&out));
    CHECK(rest && !*rest, "Kitty's commands are well-formed, in chunks of 4096");
    CHECK(found.size == 3 * 41 * 37 && !memcmp(found.data, image.pixels, found.size),
          "and hold exactly the pixels of a picture that fits");
    CHECK_STR(buf_string(&keys), "a=T,q=2,i=7234935,f=24,s=41,v=37,p=1,C=1,m=1",
              "it is shown without an answer and without moving the cursor");
    buf_truncate(&out, 0);
    image_erase(&out, &caps);
    CHECK_STR(buf_string(&out), "\033_Ga=d,d=I,q=2,i=7234935\033\\", "and taken away by its number");
    caps.cell_width = 0;
    buf_truncate(&out, 0);
    image_escape(&out, &image, (ImageBox){3, 1}, &caps);
    CHECK_HAS(buf_string(&out), ",p=1,C=1,c=3,r=1,", "without a cell size the cells say how large it is");
    buf_done(&out);
    buf_done(&found);
    buf_done(&keys);
}

/* Takes tmux's wrapping off: what the terminal behind it gets. */
static void unwrap(Buf *out, const char *text) {
    for (const char *mark = "\033Ptmux;"; *text;) {
        if (strncmp(text, mark, strlen(mark))) {
            buf_byte(out, (unsigned char)*text++);
            continue;
        }
        for (text += strlen(mark); *text && strncmp(text, "\033\\", 2); text++) {
            if (text[0] == '\033' && text[1] == '\033')
                text++;
            buf_byte(out, (unsigned char)*text);
        }
        text += *text ? 2 : 0;
    }
}

static void kitty_in_tmux(void) {
    Caps caps = {.protocol = IMAGE_KITTY, .cell_width = 10, .cell_height = 20, .inside_tmux = true};
    Image image = noise(30, 40);
    Buf out = {0}, plain = {0}, found = {0}, keys = {0};
    image_escape(&out, &image, (ImageBox){3, 2}, &caps);
    unwrap(&plain, buf_string(&out));
    const char *rest = from_kitty(&found, &keys, buf_string(&plain));
    CHECK(rest && found.size == 3600 && !memcmp(found.data, image.pixels, found.size),
          "through tmux come the same pixels");
    CHECK_STR(buf_string(&keys), "a=T,q=2,i=110,f=24,s=30,v=40,U=1,c=3,r=2,m=1", "without a place");
    CHECK_STR(rest ? rest : "", "\033[38;5;110m"
              "\U0010eeee\u0305\u0305\U0010eeee\U0010eeee\033[3D\033[B"
              "\U0010eeee\u030d\u0305\U0010eeee\U0010eeee\033[39m", "which numbered cells then give");
    buf_done(&out);
    buf_done(&plain);
    buf_done(&found);
    buf_done(&keys);
}

static void by_library(void) {
    Caps caps = {.protocol = IMAGE_ITERM, .cell_width = 10, .cell_height = 20};
    Image image = noise(20, 40);
    Buf out = {0}, file = {0};
    if (!image_can(IMAGE_ITERM)) {
        SKIP("iTerm2 and sixel", "built without libchafa");
        return;
    }
    image_escape(&out, &image, (ImageBox){2, 2}, &caps);
    const char *text = buf_string(&out), *colon = strchr(text, ':');
    CHECK(!strncmp(text, "\033]1337;File=", 12) && strstr(text, "inline=1"), "iTerm2 gets an inline file");
    const char *end = colon ? from_base64(&file, colon + 1) : NULL;
    CHECK(end && (*end == '\a' || !strncmp(end, "\033\\", 2)), "in base64, ended as it should be");
    CHECK(file.size > 20 * 40 * 3, "with all its pixels");
    caps.protocol = IMAGE_SIXEL;
    buf_truncate(&out, 0);
    image_escape(&out, &image, (ImageBox){2, 2}, &caps);
    text = buf_string(&out);
    CHECK(!strncmp(text, "\033P", 2) && strchr(text, 'q') && strstr(text, "\"1;1;20;36"),
          "sixel begins with its size in pixels, in whole sixels");
    CHECK(out.size > 2 && !strncmp(text + out.size - 2, "\033\\", 2), "and ends with ST");
    buf_truncate(&out, 0);
    image_erase(&out, &caps);
    CHECK_EQ(out.size, 0, "text over a sixel picture is all it takes to be rid of it");
    buf_done(&out);
    buf_done(&file);
}

int main(void) {
    sizes();
    size_rules();
    pixel_sizes();
    averages();
    free_halves();
    palettes();
    dithering();
    steady();
    painting();
    lines();
    kitty();
    kitty_in_tmux();
    by_library();
    return tap_end();
}
