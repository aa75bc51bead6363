/* Tests of io/png: what we write is a strictly correct PNG with the same pixels; what others wrote is read
 * or named. */
#include "config.h"

#include "io/png.h"

#include "png_tools.h"
#include "tests/tap.h"

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#include <stb/stb_image.h>

static uint8_t *gradient(int width, int height) {
    uint8_t *pixels = must_alloc(3 * (size_t)width * (size_t)height);
    for (int i = 0; i < width * height; i++) {
        pixels[3 * i] = (uint8_t)(i % width);
        pixels[3 * i + 1] = (uint8_t)(i / width);
        pixels[3 * i + 2] = (uint8_t)(i * 7919 >> 4);
    }
    return pixels;
}

static void pixels_survive(int width, int height) {
    char name[80];
    snprintf(name, sizeof name, "a picture of %dx%d is strictly correct", width, height);
    uint8_t *pixels = gradient(width, height);
    Buf png = {0}, faults = {0};
    CHECK_OK(png_encode(&png, (PngPixels){pixels, width, height}, NULL, 0),
             "a picture without text is written");
    strict_png(&faults, &png);
    CHECK_STR(buf_string(&faults), "", name);
    int w, h, channels;
    uint8_t *read = stbi_load_from_memory((const uint8_t *)png.data, (int)png.size, &w, &h, &channels, 0);
    CHECK(read && w == width && h == height && channels == 3, "another decoder sees its size");
    CHECK(read && !memcmp(read, pixels, 3 * (size_t)width * (size_t)height),
          "another decoder sees the same pixels");
    stbi_image_free(read);
    free(pixels);
    buf_done(&png);
    buf_done(&faults);
}

/* Writes one text, and checks chunk kind, exactness, strictness and that it stands before IDAT. */
static void text_survives(const char *name, const char *text, const char *chunk) {
    uint8_t *pixels = gradient(3, 2);
    Buf png = {0}, faults = {0};
    PngInfo info;
    PngText texts[] = {{"parameters", text, strlen(text), PNG_AS_NEEDED},
                       {"Software", "newbie 0.1.0", 12, PNG_INTERNATIONAL}};
    CHECK_OK(png_encode(&png, (PngPixels){pixels, 3, 2}, texts, 2), name);
    strict_png(&faults, &png);
    CHECK_STR(buf_string(&faults), "", name);
    CHECK_OK(png_parse(&info, png.data, png.size, "x.png"), name);
    CHECK_STR(png_text(&info, "parameters"), text, name);
    CHECK_STR(png_text(&info, "Software"), "newbie 0.1.0", name);
    CHECK_STR(info.fields[0].chunk, chunk, name);
    CHECK_STR(info.fields[1].chunk, "iTXt", "a text is iTXt when that is asked for");
    CHECK_STR(buf_string(&info.problems), "", name);
    char *early = text_early(&png, "parameters");
    CHECK_STR(early, text, "a reader that stops at IDAT finds it");
    CHECK(!memcmp(png.data + 37, chunk, 4), "the first text begins at byte 33");
    free(early);
    png_done(&info);
    free(pixels);
    buf_done(&png);
    buf_done(&faults);
}

static void texts_survive(void) {
    text_survives("plain ASCII goes into tEXt", "1girl, blue hair\nSteps: 28", "tEXt");
    text_survives("printable signs go into tEXt", ">_<, a & b \"c\" \\( \\) {a|b} ~", "tEXt");
    text_survives("an empty text goes into tEXt", "", "tEXt");
    text_survives("Chinese goes into iTXt", "一个女孩", "iTXt");
    text_survives("an emoji goes into iTXt", "smile \xF0\x9F\x98\x80", "iTXt");
    text_survives("a tab goes into iTXt", "a\tb", "iTXt");
    text_survives("a carriage return goes into iTXt", "a\r\nb", "iTXt");
}

static void sizes_are_checked(void) {
    Buf png = {0};
    uint8_t pixel[3] = {0};
    Status none = png_encode(&png, (PngPixels){pixel, 0, 1}, NULL, 0);
    CHECK(none && none->code == ERR_USAGE, "a width of 0 is refused");
    Status large = png_encode(&png, (PngPixels){pixel, 65535, 65535}, NULL, 0);
    CHECK(large && large->code == ERR_USAGE, "a picture of more than 2 GiB is refused");
    CHECK_EQ(png.size, 0, "a refused picture writes nothing");
    buf_done(&png);
}

/* --- files of others ------------------------------------------------------------------------------------ */

static void refuse(const void *bytes, size_t size, const char *part, const char *name) {
    PngInfo info;
    Status status = png_parse(&info, bytes, size, "cat.png");
    CHECK(status && status->code == ERR_FORMAT, name);
    CHECK_HAS(status ? status->message : NULL, part, name);
    png_done(&info);
}

static void other_files_are_refused(void) {
    refuse("\xFF\xD8\xFF\xE0 JFIF", 9, "cat.png is not a PNG: it starts with FF D8 FF",
           "a JPEG is named by its start");
    refuse("", 0, "is empty", "an empty file is named");
    refuse("\x89", 1, "it starts with 89", "one byte is named");
    refuse("\x89PNG\r\n\x1A\n", 8, "IHDR", "a lone signature is refused");
    Buf png = {0};
    make_start(&png);
    png.data[23] = 0;
    refuse(png.data, png.size, "1x0", "a height of 0 is refused");
    buf_done(&png);
    PngInfo info;
    Status status = png_read(&info, "/nonexistent/cat.png");
    CHECK(status && status->code == ERR_IO, "a missing file is an error of the system");
}

/* Builds a foreign file with one text chunk, between `before` IDAT chunks and the rest. */
static void foreign(PngInfo *info, const char *kind, const char *keyword, const Buf *rest) {
    Buf png = {0};
    make_start(&png);
    make_text(&png, kind, keyword, rest);
    make_pixels(&png);
    make_chunk(&png, "IEND", "", 0);
    CHECK_OK(png_parse(info, png.data, png.size, "cat.png"), "a foreign file is parsed");
    buf_done(&png);
}

static void compressed_texts_are_read(void) {
    PngInfo info;
    Buf rest = {0};
    buf_add(&rest, "\1\0zh\0\0", 6); /* compressed, method, language, translated keyword */
    make_deflated(&rest, "女孩", 6);
    foreign(&info, "iTXt", "parameters", &rest);
    CHECK_STR(png_text(&info, "parameters"), "女孩", "a compressed iTXt is read");
    png_done(&info);

    buf_truncate(&rest, 0);
    buf_add(&rest, "\0", 1);
    make_deflated(&rest, "caf\xE9", 4);
    foreign(&info, "zTXt", "Title", &rest);
    CHECK_STR(png_text(&info, "Title"), "café", "a zTXt is read and its Latin-1 becomes UTF-8");
    CHECK_STR(info.fields[0].chunk, "zTXt", "the chunk a text came from is told");
    CHECK_STR(buf_string(&info.chunks), "IHDR, zTXt, IDAT, IEND", "the kinds of chunks are told in order");
    png_done(&info);

    buf_truncate(&rest, 0);
    buf_text(&rest, "女孩");
    foreign(&info, "tEXt", "parameters", &rest);
    CHECK_STR(png_text(&info, "parameters"), "女孩", "UTF-8 that was put into tEXt is not made mojibake");
    png_done(&info);
    buf_done(&rest);
}

/* A zTXt of `mebibytes` spaces. */
static void bomb(Buf *rest, size_t mebibytes) {
    char *spaces = must_alloc(mebibytes << 20);
    memset(spaces, ' ', mebibytes << 20);
    buf_add(rest, "\0", 1);
    make_deflated(rest, spaces, mebibytes << 20);
    free(spaces);
}

static void large_texts_are_named(void) {
    PngInfo info;
    Buf rest = {0}, png = {0};
    bomb(&rest, 20);
    foreign(&info, "zTXt", "Comment", &rest);
    CHECK(!png_text(&info, "Comment"), "a zTXt of 20 MiB is skipped");
    CHECK_HAS(buf_string(&info.problems), "\"Comment\" skipped: it is larger than 16 MiB",
              "a zTXt of 20 MiB is named");
    png_done(&info);

    buf_truncate(&rest, 0);
    bomb(&rest, 15);
    make_start(&png);
    for (char keyword[] = "a"; *keyword < 'g'; ++*keyword)
        make_text(&png, "zTXt", keyword, &rest);
    CHECK_OK(png_parse(&info, png.data, png.size, "cat.png"), "a file of many large texts is parsed");
    CHECK_EQ(info.field_count, 4, "together they may have 64 MiB");
    CHECK_HAS(buf_string(&info.problems), "larger than 64 MiB", "what is beyond that is named");
    png_done(&info);
    buf_done(&rest);
    buf_done(&png);
}

static void broken_texts_are_named(void) {
    static const struct { const char *kind, *keyword, *rest; size_t size; const char *problem; } cases[] = {
        {"zTXt", "a", "\0broken", 7, "zTXt chunk \"a\" skipped: its compressed data is broken"},
        {"zTXt", "a", "", 0, "it is too short"},
        {"zTXt", "a", "\7x", 2, "its compression method is unknown"},
        {"iTXt", "a", "\0\0", 2, "it is too short"},
        {"iTXt", "a", "\0\0\0\0\xC3(", 6, "it is not valid UTF-8"},
        {"tEXt", "a", "x\0y", 3, "it holds a NUL byte"},
        {"tEXt", "", "x", 1, "tEXt chunk skipped: it has no keyword"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        PngInfo info;
        Buf rest = {0};
        buf_add(&rest, cases[i].rest, cases[i].size);
        foreign(&info, cases[i].kind, cases[i].keyword, &rest);
        CHECK_EQ(info.field_count, 0, "a broken text is skipped");
        CHECK_HAS(buf_string(&info.problems), cases[i].problem, "a broken text is named");
        CHECK_HAS(buf_string(&info.chunks), "IEND", "the rest of the file is read");
        png_done(&info);
        buf_done(&rest);
    }
}

/* IHDR, tEXt a = one, IDAT, tEXt a = two, IEND. */
static void make_double(Buf *png) {
    Buf rest = {0};
    make_start(png);
    buf_text(&rest, "one");
    make_text(png, "tEXt", "a", &rest);
    make_pixels(png);
    buf_truncate(&rest, 0);
    buf_text(&rest, "two");
    make_text(png, "tEXt", "a", &rest);
    make_text(png, "tEXt", "late", &rest);
    make_chunk(png, "IEND", "", 0);
    buf_done(&rest);
}

static void structure_is_judged(void) {
    PngInfo info;
    Buf png = {0};
    make_double(&png);
    CHECK_OK(png_parse(&info, png.data, png.size, "cat.png"), "a file with late text is parsed");
    CHECK_STR(png_text(&info, "late"), "two", "a chunk after IDAT is read");
    CHECK_STR(png_text(&info, "a"), "one", "of a keyword that appears twice the first counts");
    CHECK_HAS(buf_string(&info.problems), "keyword \"a\" appears more than once",
              "a keyword that appears twice is named");
    png_done(&info);

    png.data[8 + 25 + 8 + 5 + 2] ^= 1; /* CRC of the first text */
    CHECK_OK(png_parse(&info, png.data, png.size, "cat.png"), "a file with a wrong CRC is parsed");
    CHECK_HAS(buf_string(&info.problems), "chunk tEXt has a wrong checksum (CRC)", "a wrong CRC is named");
    png_done(&info);

    for (size_t size = 33; size < png.size; size++) {
        Buf part = {0};
        buf_add(&part, png.data, size);
        Status status = png_parse(&info, part.data, part.size, "cat.png");
        if (status || !info.problems.size)
            CHECK(false, "a file that is cut off anywhere is read as far as it goes, and named");
        png_done(&info);
        buf_done(&part);
    }
    CHECK(true, "a file that is cut off anywhere is read as far as it goes, and named");

    png.data[33] = 0x7F;
    CHECK_OK(png_parse(&info, png.data, png.size, "cat.png"), "a chunk of 2 GiB in a small file is survived");
    CHECK_HAS(buf_string(&info.problems), "chunk tEXt says 2130706437 bytes",
              "a chunk longer than the file is named");
    png_done(&info);
    buf_done(&png);
}

static void many_fields_are_bounded(void) {
    PngInfo info;
    Buf png = {0}, rest = {0};
    make_start(&png);
    for (int i = 0; i < 3000; i++) {
        char keyword[16];
        snprintf(keyword, sizeof keyword, "k%d", i);
        make_text(&png, "tEXt", keyword, &rest);
        make_chunk(&png, i & 1 ? "abCd" : "abCe", "", 0);
    }
    CHECK_OK(png_parse(&info, png.data, png.size, "cat.png"), "a file of 3000 texts is parsed");
    CHECK_EQ(info.field_count, 1024, "at most 1024 texts are kept");
    CHECK(info.problems.size < 10000 && info.chunks.size < 5000, "the lists about a file stay short");
    png_done(&info);
    buf_done(&png);
    buf_done(&rest);
}

/* ---- pixels ------------------------------------------------------------------------------------------ */

/* A PNG of one row filter each (0), from the bytes of its rows. `kind`: bit depth, colour type. */
static void make_picture(Buf *png, const unsigned char header[13], const Buf *extra, const Buf *rows) {
    Buf data = {0};
    buf_add(png, "\x89PNG\r\n\x1A\n", 8);
    make_chunk(png, "IHDR", header, 13);
    if (extra)
        buf_add(png, extra->data, extra->size);
    make_deflated(&data, rows->data, rows->size);
    make_chunk(png, "IDAT", data.data, data.size);
    make_chunk(png, "IEND", "", 0);
    buf_done(&data);
}

/* The first pixels of a picture as hexadecimal. */
static const char *decoded(const Buf *png) {
    static char text[64];
    PngPicture picture;
    Status st = png_decode(&picture, png->data, png->size, "x.png");
    if (st)
        return st->message;
    for (int i = 0; i < picture.width * picture.height * 3 && i < 12; i++)
        snprintf(text + 2 * i, 3, "%02X", picture.pixels[i]);
    free(picture.pixels);
    return text;
}

static void pixels_of_all_kinds(void) {
    Buf png = {0}, rows = {0}, palette = {0};
    buf_add(&rows, "\0\x10\x20\x30\x40\x50\x60", 7);
    make_picture(&png, (const unsigned char *)"\0\0\0\2\0\0\0\1\10\2\0\0\0", NULL, &rows);
    CHECK_STR(decoded(&png), "102030405060", "colours are read");
    buf_truncate(&png, 0);
    buf_truncate(&rows, 0);
    buf_add(&rows, "\0\x10\x20\x30\x80\x00\x00\x00\x00", 9);
    make_picture(&png, (const unsigned char *)"\0\0\0\2\0\0\0\1\10\6\0\0\0", NULL, &rows);
    CHECK_STR(decoded(&png), "878F97FFFFFF", "what is transparent stands before white");
    buf_truncate(&png, 0);
    buf_truncate(&rows, 0);
    buf_add(&rows, "\0\x7F\xFF", 3);
    make_picture(&png, (const unsigned char *)"\0\0\0\2\0\0\0\1\10\0\0\0\0", NULL, &rows);
    CHECK_STR(decoded(&png), "7F7F7FFFFFFF", "greys are read");
    buf_truncate(&png, 0);
    buf_truncate(&rows, 0);
    buf_add(&rows, "\0\x12\x34\xAB\xCD", 5);
    make_picture(&png, (const unsigned char *)"\0\0\0\2\0\0\0\1\20\0\0\0\0", NULL, &rows);
    CHECK_STR(decoded(&png), "121212ABABAB", "16 bits become 8");
    buf_truncate(&png, 0);
    buf_truncate(&rows, 0);
    make_chunk(&palette, "PLTE", "\1\2\3\xA\xB\xC", 6);
    buf_add(&rows, "\0\x40", 2);
    make_picture(&png, (const unsigned char *)"\0\0\0\2\0\0\0\1\1\3\0\0\0", &palette, &rows);
    CHECK_STR(decoded(&png), "0102030A0B0C", "palettes are read, also of one bit");
    buf_done(&png);
    buf_done(&rows);
    buf_done(&palette);
}

static void broken_pixels_are_named(void) {
    Buf png = {0}, rows = {0}, whole = {0};
    uint8_t *pixels = gradient(64, 64);
    CHECK_OK(png_encode(&whole, (PngPixels){pixels, 64, 64}, NULL, 0), "a good picture");
    free(pixels);
    buf_truncate(&whole, whole.size / 2);
    CHECK_HAS(decoded(&whole), "x.png is broken: chunk IDAT says ", "one that is cut off");
    for (int i = 0; i < 1 << 21; i++)
        buf_byte(&rows, 0);
    make_picture(&png, (const unsigned char *)"\0\0\0\2\0\0\0\1\10\2\0\0\0", NULL, &rows);
    CHECK_STR(decoded(&png), "x.png is broken: it holds more data than 2x1 pixels need",
              "one that is a bomb");
    buf_truncate(&png, 0);
    make_picture(&png, (const unsigned char *)"\0\0\x40\0\0\0\x40\0\10\2\0\0\0", NULL, &rows);
    CHECK_HAS(decoded(&png), "x.png is too large to show: 16384x16384, at most ", "one that is too large");
    buf_truncate(&png, 0);
    make_picture(&png, (const unsigned char *)"\0\0\0\2\0\0\0\1\77\7\0\0\0", NULL, &rows);
    CHECK_HAS(decoded(&png), "x.png is broken", "one of no known kind");
    buf_truncate(&png, 0);
    buf_text(&png, "\xFF\xD8\xFF\xE0");
    CHECK_STR(decoded(&png), "x.png is not a PNG: it starts with FF D8 FF", "what is none");
    buf_done(&png);
    buf_done(&rows);
    buf_done(&whole);
}

int main(void) {
    pixels_of_all_kinds();
    broken_pixels_are_named();
    pixels_survive(1, 1);
    pixels_survive(17, 9);
    pixels_survive(256, 320);
    texts_survive();
    sizes_are_checked();
    other_files_are_refused();
    compressed_texts_are_read();
    large_texts_are_named();
    broken_texts_are_named();
    structure_is_judged();
    many_fields_are_bounded();
    return tap_end();
}
