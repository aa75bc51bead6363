/* conv.c: convolutions as matrix products (gemm.c). A row of the left matrix is the neighbourhood of one
 * output pixel, tap by tap; it is gathered into the block of rows that is being multiplied, with zeros
 * outside the picture, so no unfolded picture is ever in memory. Nearest-neighbour doubling is only another
 * way to find the source pixel. */
#include "config.h"

#include <string.h>

#include "cpu/state.h"

typedef struct Picture {
    Tensor x;                /* [height, width, channels] */
    int64_t out_width;
    int kernel, stride;
    int border;              /* zero lines above and left; below and right follow from the sizes */
    int shift;               /* 1: x stands for a picture of twice its size */
} Picture;

/* The channels of the pixel under a tap, or NULL outside. */
static const float *tap_pixel(const Picture *p, int64_t y, int64_t x) {
    int64_t height = p->x.dims[0] << p->shift, width = p->x.dims[1] << p->shift;
    if (y < 0 || y >= height || x < 0 || x >= width)
        return NULL;
    return row_of(p->x, y >> p->shift) + (x >> p->shift) * p->x.strides[1];
}

/* How many of `most` numbers from channel `channel` of tap column `column` on lie in one piece of memory: the
 * rest of a line of taps where all of it is inside the picture, else the rest of the pixel. */
static int64_t piece(const Picture *p, int64_t left, int64_t column, int64_t channel, int64_t most) {
    int64_t channels = p->x.dims[2];
    bool inside = left >= 0 && left + p->kernel <= p->x.dims[1];
    bool whole_line = inside && !p->shift && p->x.strides[1] == channels;
    return least((whole_line ? p->kernel - column : 1) * channels - channel, most);
}

static const float *gather_taps(const void *source, float *room, int64_t row, int64_t k, int64_t n) {
    const Picture *p = source;
    int64_t channels = p->x.dims[2];
    int64_t top = row / p->out_width * p->stride - p->border;
    int64_t left = row % p->out_width * p->stride - p->border;
    for (int64_t done = 0, count; done < n; done += count) {
        int64_t tap = (k + done) / channels, channel = (k + done) % channels;
        const float *pixel = tap_pixel(p, top + tap / p->kernel, left + tap % p->kernel);
        count = piece(p, left, tap % p->kernel, channel, n - done);
        if (pixel)
            memcpy(room + done, pixel + channel, (size_t)count * 4);
        else
            memset(room + done, 0, (size_t)count * 4);
    }
    return room;
}

static void convolve(CpuState *state, Tensor y, const Picture *picture, const Weight *w, StoreMode store) {
    Product product = {
        .weight = w, .gather = gather_taps, .source = picture, .rows = y.dims[0] * y.dims[1],
        .depth = w->in * w->kernel * w->kernel, .y = y.data, .y_stride = y.strides[1], .store = store,
    };
    product_run(state, &product);
}

Status cpu_conv2d(void *state, Tensor y, Tensor x, const Weight *w, ConvHow how) {
    Picture picture = {.x = x, .out_width = y.dims[1], .kernel = w->kernel, .stride = how.stride};
    picture.border = w->kernel == 3 && how.stride == 1;
    convolve(state, y, &picture, w, how.store);
    return NULL;
}

Status cpu_upsample2x_conv(void *state, Tensor y, Tensor x, const Weight *w) {
    Picture picture = {.x = x, .out_width = y.dims[1], .kernel = 3, .stride = 1, .border = 1, .shift = 1};
    convolve(state, y, &picture, w, STORE_SET);
    return NULL;
}
