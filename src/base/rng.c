/* rng.c: mt19937 (Matsumoto and Nishimura 1998) and the normal draws of PyTorch's CPU generator.
 *
 * Source: model-spec.md 7.7; PyTorch: ATen/core/MT19937RNGEngine.h, ATen/native/cpu/DistributionTemplates.h
 * (normal_fill), ATen/core/DistributionsHelper.h. Angles are rounded to float where PyTorch's are; the
 * logarithm, cosine and sine are taken in double and rounded once, so that the numbers do not depend on the
 * libm version. */
#include "config.h"

#include "base/rng.h"

#include <math.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/half.h"

#define WORDS 624
#define SHIFT 397
#define BLOCK 16 /* normal_fill works on blocks of 16 */

void mt19937_seed(Mt19937 *rng, uint64_t seed) {
    *rng = (Mt19937){.index = WORDS};
    rng->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < WORDS; i++)
        rng->state[i] = 1812433253u * (rng->state[i - 1] ^ rng->state[i - 1] >> 30) + i;
}

static void refill(Mt19937 *rng) {
    uint32_t *s = rng->state;
    for (int i = 0; i < WORDS; i++) {
        uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % WORDS] & 0x7fffffffu);
        s[i] = s[(i + SHIFT) % WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    rng->index = 0;
}

uint32_t mt19937_next(Mt19937 *rng) {
    if (rng->index >= WORDS)
        refill(rng);
    uint32_t y = rng->state[rng->index++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

/* count uniform numbers in [0, 1), 24 bits each. */
static void uniform_fill(Mt19937 *rng, float *out, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)(mt19937_next(rng) & 0xFFFFFF) * 0x1p-24f;
}

/* 16 uniform numbers to 16 normal ones, in place (Box and Muller; the first half are radii, the second
 * angles). */
static void normal_block(float block[BLOCK]) {
    for (int j = 0; j < BLOCK / 2; j++) {
        float u1 = 1 - block[j]; /* (0, 1] */
        float log_u1 = (float)log((double)u1);
        float radius = sqrtf(-2 * log_u1);
        float theta = (float)(2 * M_PI) * block[j + BLOCK / 2];
        block[j] = radius * (float)cos((double)theta);
        block[j + BLOCK / 2] = radius * (float)sin((double)theta);
    }
}

/* Uniform in [0, 1) with 53 bits; the first word is the high one. */
static double uniform_double(Mt19937 *rng) {
    uint64_t high = mt19937_next(rng), low = mt19937_next(rng);
    return (double)((high << 32 | low) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

/* One number of a draw of fewer than 16. */
static double normal_single(Mt19937 *rng) {
    if (rng->has_spare) {
        rng->has_spare = false;
        return rng->spare;
    }
    double u1 = uniform_double(rng), u2 = uniform_double(rng);
    double radius = sqrt(-2 * log1p(-u2)), theta = 2 * M_PI * u1;
    rng->spare = radius * sin(theta);
    rng->has_spare = true;
    return radius * cos(theta);
}

void rng_normal_f32(Mt19937 *rng, float *out, int64_t n) {
    if (n < BLOCK) {
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)normal_single(rng);
        return;
    }
    uniform_fill(rng, out, n);
    for (int64_t i = 0; i + BLOCK <= n; i += BLOCK)
        normal_block(out + i);
    if (n % BLOCK != 0) { /* the last 16 are drawn again, over what is there */
        uniform_fill(rng, out + n - BLOCK, BLOCK);
        normal_block(out + n - BLOCK);
    }
}

void rng_normal_bf16(Mt19937 *rng, float *out, int64_t n) {
    if (n < BLOCK)
        rng_normal_f32(rng, out, n);
    /* Unlike float32, the uniform numbers of the ragged end are not drawn before the last block is drawn
     * anew. */
    for (int64_t i = 0; n >= BLOCK && i < n; i += BLOCK) {
        float *block = i + BLOCK <= n ? out + i : out + n - BLOCK;
        uniform_fill(rng, block, BLOCK);
        normal_block(block);
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = bf16_to_float(bf16_from_float(out[i]));
}

uint32_t rng_entropy(void) {
    uint32_t seed;
    if (getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed)
        return seed;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec << 10 ^ (uint32_t)getpid() << 20;
}
