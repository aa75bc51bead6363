/* fuzz_png.c: any bytes as a PNG. What is read obeys the promises of png.h; a text that is read can be
 * written, and is then read back the same; pixels that are read are all there. */
#include "config.h"

#include "io/png.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static void check_field(const struct PngField *field) {
    if (strlen(field->text) != field->size || utf8_check(field->text, field->size) != field->size
        || !*field->keyword)
        abort();
    static const uint8_t pixel[3];
    PngText text = {"a", field->text, field->size, PNG_AS_NEEDED};
    Buf png = {0};
    PngInfo again;
    if (png_encode(&png, (PngPixels){pixel, 1, 1}, &text, 1) ||
        png_parse(&again, png.data, png.size, "again"))
        abort();
    if (again.problems.size || again.field_count != 1 || strcmp(again.fields[0].text, field->text) != 0)
        abort();
    png_done(&again);
    buf_done(&png);
}

static void check_pixels(const uint8_t *data, size_t size) {
    PngPicture picture;
    unsigned sum = 0;
    if (png_decode(&picture, data, size, "input"))
        return;
    size_t count = 3 * (size_t)picture.width * (size_t)picture.height;
    if (!count || count > (size_t)3 * PNG_PIXELS_MAX)
        abort();
    for (size_t i = 0; i < count; i++)
        sum += picture.pixels[i]; /* a sanitizer sees bytes that nobody wrote */
    if (sum > 255u * count)
        abort();
    free(picture.pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    PngInfo info;
    if (!png_parse(&info, data, size, "input"))
        for (size_t i = 0; i < info.field_count; i++)
            check_field(&info.fields[i]);
    png_done(&info);
    check_pixels(data, size);
    return 0;
}
