/* rng.h: PyTorch-compatible generators on the CPU.
 *
 * Noise must equal torch.randn on a CPU generator bit for bit up to libm rounding (2e-6), because a seed is
 * only worth something when it makes the same picture elsewhere. Source: model-spec.md 7.7 (mt19937 +
 * Box-Muller by 16), reference case noise-cpu.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct Mt19937 {
    uint32_t state[624];
    int index;
    bool has_spare; /* draws of fewer than 16 numbers make two at a time and keep the second, as
                     * PyTorch does */
    double spare;
} Mt19937;

void mt19937_seed(Mt19937 *rng, uint64_t seed); /* uses the low 32 bits, as PyTorch does */
uint32_t mt19937_next(Mt19937 *rng);

/* out [n]: torch.randn(n, generator=g) in float32 for a generator in state *rng, which moves on as PyTorch's
 * does. */
void rng_normal_f32(Mt19937 *rng, float *out, int64_t n);

/* out [n]: the same draw with dtype=torch.bfloat16 (PyTorch 2.15 rule), as floats that hold the rounded
 * values. */
void rng_normal_bf16(Mt19937 *rng, float *out, int64_t n);

/* A seed for `seed random`: 0 to 2^32-1 from the system's entropy. */
uint32_t rng_entropy(void);
