/* preview.h: a small picture from the denoised latent by projection: rgb = bias + Σ factor[c]·x̂[c] per latent cell.
 * model-spec.md 11. Host arithmetic; costs far below a step. */
#pragma once

#include <stdint.h>

typedef struct PreviewFactors {
    double factor[16][3];
    double bias[3];
} PreviewFactors;

extern const PreviewFactors PREVIEW_FLUX;

/* rgb [height, width, 3] bytes from latent [16, cells_high, cells_wide] floats on the host, reduced by area average to
 * width x height (each at most the number of cells). */
void preview_project(uint8_t *rgb, int width, int height, const float *latent, int cells_wide, int cells_high,
                     const PreviewFactors *factors);
