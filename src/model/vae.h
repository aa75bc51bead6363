/* vae.h: the autoencoder between latents and pixels (FLUX.1's structure, 16 channels). model-spec.md 5. */
#pragma once

#include "model/dit.h"

typedef struct VaeConfig {
    int64_t latent_channels; /* 16 */
    int groups;              /* of the group norms, 32 unless config says otherwise */
    double scale, shift;     /* z_vae = z_model / scale + shift */
    int64_t widths[8];       /* channels per level, finest first, from the shapes */
    int levels;
    int decoder_blocks, encoder_blocks; /* residual blocks per level */
    int factor;              /* pixels per latent cell: 8 */
} VaeConfig;

typedef struct Vae Vae;

typedef enum VaeParts { VAE_DECODER = 1, VAE_ENCODER = 2, VAE_BOTH = 3 } VaeParts;

/* Binds, checks and packs one half of the autoencoder or both; BFL or diffusers names. config:
 * vae/config.json or NULL for FLUX's constants. *out is owned (vae_free, with the same backend still open).
 * Errors: ERR_FORMAT with every missing or misshapen tensor in one message, and for a 4-channel file (SD,
 * SDXL) its name; ERR_UNSUPPORTED (quant convolutions), ERR_MEMORY; nothing is then held. */
Status vae_load(Vae **out, Ops *o, const SafeTensors *file, const Json *config, VaeParts parts);
void vae_free(Vae *vae, Ops *o);
const VaeConfig *vae_config(const Vae *vae);
size_t vae_bytes(const Vae *vae); /* device memory of the weights */

typedef enum LatentScale {
    LATENT_VAE,   /* z_vae, as the autoencoder has it */
    LATENT_MODEL, /* as the transformer has it; scaled here */
} LatentScale;

/* image [8h, 8w, 3], about -1 to 1, not clamped, from latent [16, h, w]. The decoder must be loaded. Uses the
 * arena above the present mark and releases it; so does vae_encode. Errors are sticky in o. */
void vae_decode(Ops *o, Tensor image, const Vae *vae, Tensor latent, LatentScale scale);

/* The same in far less memory, for a picture that has no room as a whole: tiles of VAE_TILE pixels, the
 * last of a row or column pushed inwards, which overlap by VAE_OVERLAP pixels or more and go over into
 * each other linearly. GroupNorm and attention see one tile at a time, so colours differ a little from the
 * whole and seams are possible. Blends on the host, in float32 and in a fixed order. A picture within one
 * tile is decoded whole. Tiles, overlap and blend as in diffusers' AutoencoderKL.tiled_decode (which
 * leaves a narrow last tile instead). performance.md 2.2. */
enum { VAE_TILE = 512, VAE_OVERLAP = 128 };
void vae_decode_tiled(Ops *o, Tensor image, const Vae *vae, Tensor latent, LatentScale scale);

/* latent [16, h, w]: mean of the posterior, from pixels [8h, 8w, 3] in -1 to 1. The encoder must be
 * loaded. */
void vae_encode(Ops *o, Tensor latent, const Vae *vae, Tensor pixels, LatentScale scale);
