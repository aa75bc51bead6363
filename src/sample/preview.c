/* preview.c: a small picture from the denoised latent, by one 16 x 3 matrix. Facts: model-spec.md 11. */
#include "config.h"

#include "sample/preview.h"

#include <stddef.h>

const PreviewFactors PREVIEW_FLUX = {
    .factor = {
        {-0.0346, 0.0244, 0.0681}, {0.0034, 0.0210, 0.0687}, {0.0275, -0.0668, -0.0433},
        {-0.0174, 0.0160, 0.0617}, {0.0859, 0.0721, 0.0329}, {0.0004, 0.0383, 0.0115},
        {0.0405, 0.0861, 0.0915}, {-0.0236, -0.0185, -0.0259}, {-0.0245, 0.0250, 0.1180},
        {0.1008, 0.0755, -0.0421}, {-0.0515, 0.0201, 0.0011}, {0.0428, -0.0012, -0.0036},
        {0.0817, 0.0765, 0.0749}, {-0.1264, -0.0522, -0.1103}, {-0.0280, -0.0881, -0.0499},
        {-0.1262, -0.0982, -0.0778},
    },
    .bias = {-0.0329, -0.0718, -0.0851},
};

/* Mean of a channel over the cells [box[0], box[2]) x [box[1], box[3]). */
static double mean_cell(const float *channel, int stride, const int box[4]) {
    double sum = 0;
    for (int y = box[1]; y < box[3]; y++)
        for (int x = box[0]; x < box[2]; x++)
            sum += channel[(size_t)y * stride + x];
    return sum / ((double)(box[2] - box[0]) * (box[3] - box[1]));
}

static uint8_t to_byte(double value) {
    double scaled = (value + 1) / 2 * 255;
    return scaled >= 255 ? 255 : scaled > 0 ? (uint8_t)scaled : 0; /* NaN gives 0 */
}

void preview_project(uint8_t *rgb, PreviewSize size, const float *latent, PreviewSize cells,
                     const PreviewFactors *factors) {
    size_t plane = (size_t)cells.width * cells.height;
    for (int y = 0; y < size.height; y++)
        for (int x = 0; x < size.width; x++, rgb += 3) {
            int box[4] = {x * cells.width / size.width, y * cells.height / size.height,
                          (x + 1) * cells.width / size.width, (y + 1) * cells.height / size.height};
            double color[3] = {factors->bias[0], factors->bias[1], factors->bias[2]};
            for (int c = 0; c < 16; c++) {
                double mean = mean_cell(latent + c * plane, cells.width, box);
                for (int k = 0; k < 3; k++)
                    color[k] += factors->factor[c][k] * mean;
            }
            for (int k = 0; k < 3; k++)
                rgb[k] = to_byte(color[k]);
        }
}
