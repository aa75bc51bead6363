/* preview.h: a small picture from the denoised latent by projection: rgb = bias + Σ factor[c]·x̂[c] per
 * latent cell. model-spec.md 11. Host arithmetic; costs far below a step. */
#pragma once

#include <stdint.h>

typedef struct PreviewFactors {
    double factor[16][3];
    double bias[3];
} PreviewFactors;

extern const PreviewFactors PREVIEW_FLUX;

typedef struct PreviewSize {
    int width, height;
} PreviewSize;

/* rgb [size.height, size.width, 3] bytes from latent [16, cells.height, cells.width] floats on the host,
 * reduced by area average to `size`, which is at most `cells`. */
void preview_project(uint8_t *rgb, PreviewSize size, const float *latent, PreviewSize cells,
                     const PreviewFactors *factors);
