/* thumbnail.c: see thumbnail.h. */
#include "config.h"

#include "app/thumbnail.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "io/png.h"

static void thumbnail_done(Thumbnail *thumbnail) {
    free(thumbnail->file);
    free(thumbnail->pixels);
    *thumbnail = (Thumbnail){0};
}

void thumbnails_done(Thumbnails *thumbnails) {
    for (size_t i = 0; i < THUMBNAILS_MAX; i++)
        thumbnail_done(&thumbnails->all[i]);
}

/* One axis of a reduction: how much of source cell `i` lies in target cell `t`, in parts of `from`. */
typedef struct Axis {
    int from, to;
} Axis;

static int64_t first_of(Axis axis, int t) {
    return (int64_t)t * axis.from / axis.to;
}

static int64_t overlap(Axis axis, int t, int64_t i) {
    int64_t begin = (int64_t)t * axis.from, end = begin + axis.from; /* in units of 1/to of a source cell */
    int64_t low = i * axis.to, high = low + axis.to;
    return (high < end ? high : end) - (low > begin ? low : begin);
}

/* The mean of the source area under target pixel (x, y), weighted by how much of each pixel lies in it. */
static void reduce_pixel(uint8_t out[3], const PngPicture *from, Axis across, Axis down, const int at[2]) {
    uint64_t sum[3] = {0}, area = 0;
    int64_t weight_y, weight_x;
    for (int64_t y = first_of(down, at[1]); y < down.from && (weight_y = overlap(down, at[1], y)) > 0; y++)
        for (int64_t x = first_of(across, at[0]);
             x < across.from && (weight_x = overlap(across, at[0], x)) > 0; x++) {
            uint64_t weight = (uint64_t)(weight_x * weight_y);
            const uint8_t *pixel = from->pixels + 3 * (y * from->width + x);
            area += weight;
            for (int c = 0; c < 3; c++)
                sum[c] += weight * pixel[c];
        }
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)((sum[c] + area / 2) / area);
}

static void reduce(Thumbnail *out, const PngPicture *from) {
    int longest = from->width > from->height ? from->width : from->height;
    bool fits = longest <= out->side;
    out->width = fits ? from->width : (int)(((int64_t)from->width * out->side + longest / 2) / longest);
    out->height = fits ? from->height : (int)(((int64_t)from->height * out->side + longest / 2) / longest);
    out->width += out->width == 0;
    out->height += out->height == 0;
    out->pixels = must_alloc(3 * (size_t)out->width * (size_t)out->height);
    Axis across = {from->width, out->width}, down = {from->height, out->height};
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            reduce_pixel(out->pixels + 3 * (y * out->width + x), from, across, down, (int[]){x, y});
}

static int64_t changed_at(const char *file) {
    struct stat facts;
    return stat(file, &facts) ? -1 : (int64_t)facts.st_mtim.tv_sec * 1000000000 + facts.st_mtim.tv_nsec;
}

Status thumbnail_of(const Thumbnail **out, Thumbnails *thumbnails, const char *file, int side) {
    assert(side >= 1 && side <= 1024);
    int64_t changed = changed_at(file);
    Thumbnail *oldest = &thumbnails->all[0];
    for (Thumbnail *t = thumbnails->all; t < thumbnails->all + THUMBNAILS_MAX; t++) {
        if (t->file && t->side == side && t->changed == changed && !strcmp(t->file, file)) {
            t->used = ++thumbnails->uses;
            *out = t;
            return NULL;
        }
        oldest = t->used < oldest->used ? t : oldest;
    }
    PngPicture picture;
    TRY(png_load(&picture, file));
    thumbnail_done(oldest);
    *oldest = (Thumbnail){
        .file = must_copy(file), .changed = changed, .side = side, .used = ++thumbnails->uses};
    reduce(oldest, &picture);
    free(picture.pixels);
    *out = oldest;
    return NULL;
}
