/* The projection of model-spec.md 11 against the formula done by hand, and its sizes. */
#include "config.h"

#include "sample/preview.h"

#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"

/* floor(clamp((bias + Σ factor·x + 1)/2)·255) */
static int expected(int k, const float x[16]) {
    double v = PREVIEW_FLUX.bias[k];
    for (int c = 0; c < 16; c++)
        v += PREVIEW_FLUX.factor[c][k] * x[c];
    v = (v + 1) / 2 * 255;
    return v < 0 ? 0 : v > 255 ? 255 : (int)v;
}

int main(void) {
    enum { W = 3, H = 2 };
    float latent[16 * W * H], cell[16], mean[16] = {0};
    uint8_t rgb[W * H * 3], one[3];
    const PreviewSize cells = {W, H};
    for (int i = 0; i < 16 * W * H; i++)
        latent[i] = (float)((i * 37) % 23 - 11) / 4;
    preview_project(rgb, cells, latent, cells, &PREVIEW_FLUX);
    for (int p = 0; p < W * H; p++) {
        for (int c = 0; c < 16; c++)
            mean[c] += (cell[c] = latent[c * W * H + p]) / (W * H);
        for (int k = 0; k < 3; k++)
            CHECK_EQ(rgb[p * 3 + k], expected(k, cell),
                     "each cell becomes bias plus factors times its channels");
    }
    preview_project(one, (PreviewSize){1, 1}, latent, cells, &PREVIEW_FLUX);
    for (int k = 0; k < 3; k++)
        CHECK(abs(one[k] - expected(k, mean)) <= 1, "a smaller picture averages the cells it covers");
    for (int i = 0; i < 16 * W * H; i++)
        latent[i] = i < W * H ? NAN : 1e30f;
    preview_project(rgb, cells, latent, cells, &PREVIEW_FLUX);
    CHECK_EQ(rgb[0], 0, "values that are not numbers become black, not a crash");
    return tap_end();
}
