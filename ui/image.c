/* image.c: see image.h.
 *
 * Reduces by exact integer area averages, so that the same picture gives the same cells everywhere. Half
 * blocks and Kitty are written here; iTerm2 and sixel by libchafa. Kitty's are not, because libchafa 1.12
 * gives a picture no number, without which it can neither be replaced nor taken away, and because tmux does
 * not know where a picture is: it passes the bytes on wherever the outer cursor happens to be (tried with
 * 3.3a). Inside tmux a picture is therefore sent without a place, and text cells that stand for it follow.
 *
 * Facts: Kitty's graphics protocol (Unicode placeholders; gen/rowcolumn-diacritics.txt), xterm's ctlseqs
 * (SGR 38, 48; 256colres.h and XTerm-col.ad for the palettes), T. Knoll's pattern dithering (US patent
 * 6,606,166, expired). */
#include "config.h"

#include "ui/image.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_CHAFA
#include <chafa.h>
#endif

#include "base/utf8.h"

bool image_can(ImageProtocol protocol) {
#ifdef HAVE_CHAFA
    return protocol <= IMAGE_KITTY;
#else
    return protocol <= IMAGE_HALF || protocol == IMAGE_KITTY;
#endif
}

/* ---- size ---------------------------------------------------------------------------------------------- */

typedef struct Pixels { int width, height; } Pixels;

static int clamp(int64_t value, int low, int high) {
    return value < low ? low : value > high ? high : (int)value;
}

static int rounded(int64_t size, int64_t times, int64_t parts) {
    return clamp((2 * size * times + parts) / (2 * parts), 1, INT32_MAX);
}

/* The height that belongs to a width, at most `most` and the picture's own. */
static int height_for(const Image *image, int width, int most) {
    int height = rounded(image->height, width, image->width);
    return clamp(height, 1, most < image->height ? most : image->height);
}

/* The largest size in `most`: aspect kept, not above 1:1. */
static Pixels reduced_size(const Image *image, Pixels most) {
    int width = most.width < image->width ? most.width : image->width;
    if (rounded(image->height, width, image->width) > most.height)
        width = clamp(rounded(image->width, most.height, image->height), 1, width);
    return (Pixels){width, height_for(image, width, most.height)};
}

/* Pixels of a cell. 10x20 is a guess that errs to the small side on today's screens. */
static Pixels cell_size(const Caps *caps) {
    if (caps->protocol <= IMAGE_HALF)
        return (Pixels){1, 2};
    return caps->cell_width && caps->cell_height ? (Pixels){caps->cell_width, caps->cell_height}
                                                 : (Pixels){10, 20};
}

/* Rows of placeholders that can be numbered: ROW_MARKS. */
#define PLACEHOLDER_ROWS 100

ImageBox image_fit(const Image *image, ImageBox most, const Caps *caps) {
    assert(image->width > 0 && image->height > 0 && most.columns > 0 && most.rows > 0);
    Pixels cell = cell_size(caps);
    if (caps->protocol == IMAGE_KITTY && caps->inside_tmux && most.rows > PLACEHOLDER_ROWS)
        most.rows = PLACEHOLDER_ROWS;
    Pixels room = {most.columns * cell.width, most.rows * cell.height};
    if (caps->protocol == IMAGE_SIXEL && caps->sixel_width && caps->sixel_height) {
        room.width = clamp(room.width, 1, caps->sixel_width);
        room.height = clamp(room.height, 1, caps->sixel_height);
    }
    Pixels size = reduced_size(image, room);
    return (ImageBox){(size.width + cell.width - 1) / cell.width,
                      (size.height + cell.height - 1) / cell.height};
}

/* ---- area average -------------------------------------------------------------------------------------- */

/* The pixels first to last that target pixel i of n covers, each cut into n parts: `inner` parts of those
 * between, fewer of the two at the ends. */
typedef struct Span {
    int first, last;
    uint64_t first_weight, inner, last_weight;
} Span;

static Span span(int i, int n, int size) {
    int64_t from = (int64_t)i * size, to = from + size;
    int64_t first = from / n, last = (to - 1) / n;
    if (first == last)
        return (Span){(int)first, (int)last, (uint64_t)size, (uint64_t)n, 0};
    return (Span){(int)first, (int)last, (uint64_t)((first + 1) * n - from), (uint64_t)n,
                  (uint64_t)(to - last * n)};
}

static uint64_t weight_at(const Span *at, int i) {
    return i == at->first ? at->first_weight : i == at->last ? at->last_weight : at->inner;
}

static void add_row(uint64_t sum[3], const uint8_t *row, const Span *across, uint64_t weight) {
    uint32_t inner[3] = {0};
    const uint8_t *last = row + 3 * (size_t)across->last;
    for (const uint8_t *at = row + 3 * ((size_t)across->first + 1); at < last; at += 3)
        for (int c = 0; c < 3; c++)
            inner[c] += at[c];
    for (int c = 0; c < 3; c++)
        sum[c] += weight * (across->inner * inner[c] + across->last_weight * last[c] +
                            across->first_weight * row[3 * (size_t)across->first + (size_t)c]);
}

/* rgb [3]: the mean of the pixels in both spans, rounded. */
static void average(uint8_t *rgb, const Image *image, const Span *across, const Span *down) {
    uint64_t sum[3] = {0}, area = (uint64_t)image->width * (uint64_t)image->height;
    for (int y = down->first; y <= down->last; y++)
        add_row(sum, image->pixels + 3 * (size_t)image->width * (size_t)y, across, weight_at(down, y));
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)((sum[c] + area / 2) / area);
}

/* ---- few colours --------------------------------------------------------------------------------------- */

/* The sixteen colours of xterm. Others differ a little, which nobody can ask for in all of them. */
static const uint8_t SIXTEEN[16][3] = {
    {0, 0, 0},       {205, 0, 0},   {0, 205, 0},   {205, 205, 0},
    {0, 0, 238},     {205, 0, 205}, {0, 205, 205}, {229, 229, 229},
    {127, 127, 127}, {255, 0, 0},   {0, 255, 0},   {255, 255, 0},
    {92, 92, 255},   {255, 0, 255}, {0, 255, 255}, {255, 255, 255},
};

static const uint8_t CUBE[6] = {0, 95, 135, 175, 215, 255};

#define CUBE_FIRST 16
#define GREY_FIRST 232 /* 24 greys: 8, 18, ... 238 */

static void palette_color(int *rgb, uint32_t index) {
    int cube = (int)index - CUBE_FIRST;
    for (int c = 0; c < 3; c++)
        if (index < CUBE_FIRST)
            rgb[c] = SIXTEEN[index][c];
        else if (index < GREY_FIRST)
            rgb[c] = CUBE[c == 0 ? cube / 36 : c == 1 ? cube / 6 % 6 : cube % 6];
        else
            rgb[c] = 8 + 10 * ((int)index - GREY_FIRST);
}

static int distance(const int *rgb, uint32_t index) {
    int other[3], sum = 0;
    palette_color(other, index);
    for (int c = 0; c < 3; c++)
        sum += (rgb[c] - other[c]) * (rgb[c] - other[c]);
    return sum;
}

/* Of the first 8 or 16. */
static uint32_t nearest_of(const int *rgb, uint32_t count) {
    uint32_t best = 0;
    int least = INT_MAX;
    for (uint32_t i = 0; i < count; i++) {
        int red = rgb[0] - SIXTEEN[i][0], green = rgb[1] - SIXTEEN[i][1], blue = rgb[2] - SIXTEEN[i][2];
        int found = red * red + green * green + blue * blue;
        if (found < least) {
            least = found;
            best = i;
        }
    }
    return best;
}

/* Of the cube and the greys; the first sixteen of the 256 are whatever the user made of them. */
static uint32_t nearest_of_256(const int *rgb) {
    uint32_t cube = 0;
    for (int c = 0; c < 3; c++)
        cube = 6 * cube + (uint32_t)(rgb[c] < 48 ? 0 : rgb[c] < 115 ? 1 : clamp((rgb[c] - 35) / 40, 2, 5));
    uint32_t grey = GREY_FIRST + (uint32_t)clamp((rgb[0] + rgb[1] + rgb[2] - 9) / 30, 0, 23);
    cube += CUBE_FIRST;
    return distance(rgb, grey) < distance(rgb, cube) ? grey : cube;
}

static uint32_t nearest(const int *rgb, ColorDepth depth) {
    return depth == DEPTH_256 ? nearest_of_256(rgb) : nearest_of(rgb, depth == DEPTH_8 ? 8 : 16);
}

static int brightness(uint32_t index) {
    int rgb[3];
    palette_color(rgb, index);
    return 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2];
}

#define MIXED 16 /* colours that a tile of 4x4 halves is mixed from */

/* Bayer's order of such a tile. */
static const uint8_t ORDER[4][4] = {{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}};

/* Pattern dithering: sixteen palette colours whose mean is near rgb, from dark to bright; the place says
 * which. Works for any palette, and does not depend on the neighbours as diffusion does: previews do not
 * crawl. */
static uint32_t mixed(const uint8_t *rgb, int x, int y, ColorDepth depth) {
    uint32_t colors[MIXED];
    int light[MIXED], wanted[3] = {rgb[0], rgb[1], rgb[2]};
    for (int i = 0; i < MIXED; i++) {
        int found[3], at = i;
        uint32_t color = nearest(wanted, depth);
        int bright = brightness(color);
        palette_color(found, color);
        for (int c = 0; c < 3; c++)
            wanted[c] += rgb[c] - found[c]; /* what is missing so far counts for the next */
        for (; at > 0 && light[at - 1] > bright; at--) {
            light[at] = light[at - 1];
            colors[at] = colors[at - 1];
        }
        light[at] = bright;
        colors[at] = color;
    }
    return colors[ORDER[y & 3][x & 3]];
}

static uint32_t color_of(const uint8_t *rgb, int x, int y, ColorDepth depth) {
    if (depth == DEPTH_24BIT)
        return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
    return mixed(rgb, x, y, depth);
}

void image_cells(ImageCell *cells, const Image *image, ImageBox box, ColorDepth depth) {
    assert(depth != DEPTH_NONE && box.columns > 0 && box.rows > 0);
    int width = box.columns < image->width ? box.columns : image->width;
    int height = height_for(image, width, 2 * box.rows);
    for (int y = 0; y < 2 * box.rows; y++) {
        Span down = span(y < height ? y : 0, height, image->height);
        for (int x = 0; x < box.columns; x++) {
            ImageCell *cell = cells + (size_t)(y / 2) * (size_t)box.columns + x;
            uint32_t color = IMAGE_CLEAR;
            if (x < width && y < height) {
                uint8_t rgb[3];
                Span across = span(x, width, image->width);
                average(rgb, image, &across, &down);
                color = color_of(rgb, x, y, depth);
            }
            *(y % 2 ? &cell->bottom : &cell->top) = color;
        }
    }
}

/* ---- half blocks as text ------------------------------------------------------------------------------- */

typedef enum Layer { FRONT = 30, BACK = 40 } Layer; /* SGR of the first colour */

/* Writes a number; returns behind it. Faster than printf, and this is called for every cell. */
static char *put_number(char *at, unsigned number) {
    if (number >= 100)
        *at++ = (char)('0' + number / 100);
    if (number >= 10)
        *at++ = (char)('0' + number / 10 % 10);
    *at++ = (char)('0' + number % 10);
    return at;
}

/* Writes the SGR parameters of a colour; returns behind them. */
static char *put_color(char *at, uint32_t color, Layer layer, ColorDepth depth) {
    if (color == IMAGE_CLEAR)
        return put_number(at, (unsigned)layer + 9);
    if (depth <= DEPTH_16)
        return put_number(at, color < 8 ? (unsigned)layer + color : (unsigned)layer + 60 + color - 8);
    at = put_number(at, (unsigned)layer + 8);
    *at++ = ';';
    *at++ = depth == DEPTH_256 ? '5' : '2';
    *at++ = ';';
    if (depth == DEPTH_256)
        return put_number(at, color);
    at = put_number(at, color >> 16);
    *at++ = ';';
    at = put_number(at, color >> 8 & 255);
    *at++ = ';';
    return put_number(at, color & 255);
}

/* One way to show a cell: the text, and the colours it needs. */
typedef struct Brush {
    char bytes[48]; /* two colours of 16 bytes, their frame, a block of 3 */
    size_t size;
    ImagePen pen;   /* afterwards */
} Brush;

static void make_brush(Brush *brush, const ImagePen *now, ImagePen then, const char *text, ColorDepth depth) {
    char *at = brush->bytes;
    if (then.front != now->front || then.back != now->back) {
        *at++ = '\033';
        *at++ = '[';
        if (then.front != now->front)
            at = put_color(at, then.front, FRONT, depth);
        if (then.front != now->front && then.back != now->back)
            *at++ = ';';
        if (then.back != now->back)
            at = put_color(at, then.back, BACK, depth);
        *at++ = 'm';
    }
    size_t size = strlen(text);
    memcpy(at, text, size);
    brush->size = (size_t)(at - brush->bytes) + size;
    brush->pen = then;
}

/* The background alone can be clear, so a clear half is never the one in front. A full block would save bytes
 * in a few cells, but many fonts leave a seam around it. */
static void paint_cell(Buf *out, ImagePen *pen, ImageCell cell, ColorDepth depth) {
    Brush brush, other;
    if (cell.top == cell.bottom)
        make_brush(&brush, pen, (ImagePen){pen->front, cell.top}, " ", depth);
    else if (cell.bottom == IMAGE_CLEAR)
        make_brush(&brush, pen, (ImagePen){cell.top, cell.bottom}, "▀", depth);
    else
        make_brush(&brush, pen, (ImagePen){cell.bottom, cell.top}, "▄", depth);
    if (cell.top != cell.bottom && cell.top != IMAGE_CLEAR) {
        make_brush(&other, pen, (ImagePen){cell.top, cell.bottom}, "▀", depth);
        brush = other.size <= brush.size ? other : brush;
    }
    buf_add(out, brush.bytes, brush.size);
    *pen = brush.pen;
}

void image_paint(Buf *out, ImagePen *pen, const ImageCell *cells, int count, ColorDepth depth) {
    for (int i = 0; i < count; i++)
        paint_cell(out, pen, cells[i], depth);
}

void image_lines(Buf *out, const ImageCell *cells, ImageBox box, ColorDepth depth) {
    for (int row = 0; row < box.rows; row++) {
        ImagePen pen = IMAGE_PEN;
        image_paint(out, &pen, cells + (size_t)row * (size_t)box.columns, box.columns, depth);
        buf_text(out, "\033[m\n");
    }
}

/* ---- Kitty --------------------------------------------------------------------------------------------- */

/* The number of our only picture, out of the way of other programs in the same window. Placeholders carry it
 * as their colour: inside tmux it must be one of 256, which every tmux passes on unchanged. */
static unsigned kitty_number(const Caps *caps) {
    return caps->inside_tmux ? 110 : 0x6e6577; /* "n", "new" */
}

#define KITTY_CHUNK 3072 /* bytes of pixels in one command: 4096 in base64, the most that is allowed */

/* The combining characters that number rows and columns of placeholders, from 0. */
static const uint16_t ROW_MARKS[PLACEHOLDER_ROWS] = {
    0x0305, 0x030d, 0x030e, 0x0310, 0x0312, 0x033d, 0x033e, 0x033f, 0x0346, 0x034a,
    0x034b, 0x034c, 0x0350, 0x0351, 0x0352, 0x0357, 0x035b, 0x0363, 0x0364, 0x0365,
    0x0366, 0x0367, 0x0368, 0x0369, 0x036a, 0x036b, 0x036c, 0x036d, 0x036e, 0x036f,
    0x0483, 0x0484, 0x0485, 0x0486, 0x0487, 0x0592, 0x0593, 0x0594, 0x0595, 0x0597,
    0x0598, 0x0599, 0x059c, 0x059d, 0x059e, 0x059f, 0x05a0, 0x05a1, 0x05a8, 0x05a9,
    0x05ab, 0x05ac, 0x05af, 0x05c4, 0x0610, 0x0611, 0x0612, 0x0613, 0x0614, 0x0615,
    0x0616, 0x0617, 0x0657, 0x0658, 0x0659, 0x065a, 0x065b, 0x065d, 0x065e, 0x06d6,
    0x06d7, 0x06d8, 0x06d9, 0x06da, 0x06db, 0x06dc, 0x06df, 0x06e0, 0x06e1, 0x06e2,
    0x06e4, 0x06e7, 0x06e8, 0x06eb, 0x06ec, 0x0730, 0x0732, 0x0733, 0x0735, 0x0736,
    0x073a, 0x073d, 0x073f, 0x0740, 0x0741, 0x0743, 0x0745, 0x0747, 0x0749, 0x074a,
};

static void add_base64(Buf *out, const uint8_t *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        char text[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=', left > 2 ? digits[group & 63] : '='};
        buf_add(out, text, sizeof text);
    }
}

/* A command begins and ends, inside tmux in the wrapping that sends it on: there every ESC is doubled. */
static void begin_command(Buf *out, const Caps *caps) {
    buf_text(out, caps->inside_tmux ? "\033Ptmux;\033\033_G" : "\033_G");
}

static void end_command(Buf *out, const Caps *caps) {
    buf_text(out, caps->inside_tmux ? "\033\033\\\033\\" : "\033\\");
}

/* What the first command says of the picture: shown without a reply (q=2), at the cursor, which stays (C=1),
 * or without a place for placeholders (U=1). Where the cell size is not known, cells say how large. */
static void add_controls(Buf *out, Pixels size, ImageBox box, const Caps *caps) {
    buf_print(out, "a=T,q=2,i=%u,f=24,s=%d,v=%d", kitty_number(caps), size.width, size.height);
    if (caps->inside_tmux)
        buf_print(out, ",U=1,c=%d,r=%d", box.columns, box.rows);
    else if (caps->cell_width && caps->cell_height)
        buf_text(out, ",p=1,C=1");
    else
        buf_print(out, ",p=1,C=1,c=%d,r=%d", box.columns, box.rows);
}

static void add_character(Buf *out, uint32_t code) {
    char bytes[4];
    buf_add(out, bytes, utf8_encode(bytes, code));
}

/* The cells that stand for the picture, from the cursor down. The row is numbered in the first cell, the
 * others follow it. */
static void add_placeholders(Buf *out, ImageBox box, unsigned number) {
    buf_print(out, "\033[38;5;%um", number);
    for (int row = 0; row < box.rows; row++) {
        for (int column = 0; column < box.columns; column++) {
            add_character(out, 0x10eeee);
            if (!column) {
                add_character(out, ROW_MARKS[row]);
                add_character(out, ROW_MARKS[0]);
            }
        }
        if (row + 1 < box.rows)
            buf_print(out, "\033[%dD\033[B", box.columns);
    }
    buf_text(out, "\033[39m");
}

static void add_kitty(Buf *out, const uint8_t *pixels, Pixels size, ImageBox box, const Caps *caps) {
    size_t bytes = 3 * (size_t)size.width * (size_t)size.height;
    for (size_t at = 0; at < bytes; at += KITTY_CHUNK) {
        size_t take = bytes - at < KITTY_CHUNK ? bytes - at : KITTY_CHUNK;
        begin_command(out, caps);
        if (!at)
            add_controls(out, size, box, caps);
        buf_print(out, "%sm=%d;", at ? "" : ",", at + take < bytes);
        add_base64(out, pixels + at, take);
        end_command(out, caps);
    }
    if (caps->inside_tmux)
        add_placeholders(out, box, kitty_number(caps));
}

/* ---- iTerm2 and sixel ---------------------------------------------------------------------------------- */

#ifdef HAVE_CHAFA
/* pixels [height, width, 4]: exactly `box` in cells of this size, so that libchafa has nothing to scale (but
 * for sixel, whose height it makes a multiple of 6: up to 5 pixels less). */
static void add_chafa(Buf *out, const uint8_t *pixels, ImageBox box, const Caps *caps) {
    Pixels cell = cell_size(caps);
    int width = box.columns * cell.width, height = box.rows * cell.height;
    ChafaCanvasConfig *config = chafa_canvas_config_new();
    chafa_canvas_config_set_geometry(config, box.columns, box.rows);
    chafa_canvas_config_set_cell_geometry(config, cell.width, cell.height);
    chafa_canvas_config_set_canvas_mode(config, CHAFA_CANVAS_MODE_TRUECOLOR);
    chafa_canvas_config_set_pixel_mode(config, caps->protocol == IMAGE_SIXEL ? CHAFA_PIXEL_MODE_SIXELS
                                                                             : CHAFA_PIXEL_MODE_ITERM2);
    ChafaCanvas *canvas = chafa_canvas_new(config);
    chafa_canvas_draw_all_pixels(canvas, CHAFA_PIXEL_RGBA8_UNASSOCIATED, pixels, width, height, 4 * width);
    /* all sequences there are: which of them the terminal knows is decided already */
    ChafaTermInfo *sequences = chafa_term_db_get_fallback_info(chafa_term_db_get_default());
    GString *text = chafa_canvas_print(canvas, sequences);
    buf_add(out, text->str, text->len);
    g_string_free(text, TRUE);
    chafa_term_info_unref(sequences);
    chafa_canvas_unref(canvas);
    chafa_canvas_config_unref(config);
}
#else
static void add_chafa(Buf *out, const uint8_t *pixels, ImageBox box, const Caps *caps) {
    (void)out, (void)pixels, (void)box, (void)caps;
    assert(!"image_can says so");
}
#endif

/* ---- real pixels --------------------------------------------------------------------------------------- */

/* Fills the upper left corner of pixels [any, stride, channels] with the picture in this size; of four
 * channels the last is opacity. */
static void reduce(uint8_t *pixels, size_t stride, int channels, const Image *image, Pixels size) {
    for (int y = 0; y < size.height; y++) {
        Span down = span(y, size.height, image->height);
        for (int x = 0; x < size.width; x++) {
            uint8_t *pixel = pixels + ((size_t)y * stride + (size_t)x) * (size_t)channels;
            Span across = span(x, size.width, image->width);
            average(pixel, image, &across, &down);
            if (channels == 4)
                pixel[3] = 255;
        }
    }
}

Image image_reduced(const Image *image, int side) {
    Pixels size = reduced_size(image, (Pixels){side, side});
    uint8_t *pixels = must_alloc(3 * (size_t)size.width * (size_t)size.height);
    reduce(pixels, (size_t)size.width, 3, image, size);
    Image copy = *image;
    copy.pixels = pixels;
    copy.width = size.width;
    copy.height = size.height;
    return copy;
}

void image_escape(Buf *out, const Image *image, ImageBox box, const Caps *caps) {
    assert(caps->protocol > IMAGE_HALF && image_can(caps->protocol));
    Pixels cell = cell_size(caps), room = {box.columns * cell.width, box.rows * cell.height};
    Pixels size = reduced_size(image, room);
    if (caps->protocol == IMAGE_KITTY) {
        uint8_t *pixels = must_alloc(3 * (size_t)size.width * (size_t)size.height);
        reduce(pixels, (size_t)size.width, 3, image, size);
        add_kitty(out, pixels, size, box, caps);
        free(pixels);
    } else {
        uint8_t *pixels = must_alloc(4 * (size_t)room.width * (size_t)room.height); /* transparent */
        reduce(pixels, (size_t)room.width, 4, image, size);
        add_chafa(out, pixels, box, caps);
        free(pixels);
    }
}

void image_erase(Buf *out, const Caps *caps) {
    if (caps->protocol != IMAGE_KITTY)
        return;
    begin_command(out, caps);
    buf_print(out, "a=d,d=I,q=2,i=%u", kitty_number(caps));
    end_command(out, caps);
}
