/* rng: the published vectors of mt19937 and of torch.randn (model-spec.md 7.7). */
#include "config.h"

#include "base/half.h"
#include "base/rng.h"
#include "tests/tap.h"

typedef struct Draw {
    uint64_t seed;
    int n;
    float values[20];
} Draw;

/* Printed by PyTorch with four decimals. */
static const Draw DRAWS[] = {
    {0,
     16,
     {-1.1258, -1.1524, -0.2506, -0.4339, 0.8487, 0.6920, -0.3160, -2.1152, 0.3223, -1.2633, 0.3500, 0.3081,
      0.1198, 1.2377, 1.1168, -0.2473}},
    {0, 20, {-1.1258, -1.1524, -0.2506, -0.4339, 0.5988, -1.5551, -0.3414, 1.8530, 0.4681, -0.1577,
             1.4437,  0.2660,  1.3894,  1.5863,  0.9463, -0.8437, 0.9318,  1.2590, 2.0050, 0.0537}},
    {42,
     16,
     {1.9269, 1.4873, 0.9007, -2.1055, 0.6784, -1.2345, -0.0431, -1.6047, -0.7521, 1.6487, -0.3925, -1.4036,
      -0.7279, -0.5594, -0.7688, 0.7624}},
    {0, 4, {1.5410, -0.2934, -2.1788, 0.5684}},
};

static float largest_difference(const float *a, const float *b, int n) {
    float worst = 0;
    for (int i = 0; i < n; i++)
        worst = fmaxf(worst, fabsf(a[i] - b[i]));
    return worst;
}

static void test_words(void) {
    Mt19937 rng;
    mt19937_seed(&rng, 5489);
    CHECK_EQ(mt19937_next(&rng), 3499211612u,
             "the first number of the default seed (mt19937ar.out, C++ standard)");
    for (int i = 2; i < 10000; i++)
        mt19937_next(&rng);
    CHECK_EQ(mt19937_next(&rng), 4123659995u, "the 10000th number of seed 5489 (C++ standard, 26.6.5)");
}

static void test_float_noise(void) {
    Mt19937 rng;
    float out[20];
    for (size_t i = 0; i < sizeof DRAWS / sizeof *DRAWS; i++) {
        mt19937_seed(&rng, DRAWS[i].seed);
        rng_normal_f32(&rng, out, DRAWS[i].n);
        CHECK_NEAR(largest_difference(out, DRAWS[i].values, DRAWS[i].n), 0, 5.1e-5, "a draw is PyTorch's");
    }
    mt19937_seed(&rng, 0);
    rng_normal_f32(&rng, out, 1);
    rng_normal_f32(&rng, out + 1, 3);
    CHECK_NEAR(largest_difference(out, DRAWS[3].values, 4), 0, 5.1e-5,
               "a small draw goes on where the last one ended");
    mt19937_seed(&rng, (UINT64_C(7) << 32) + 42);
    rng_normal_f32(&rng, out, 16);
    CHECK_NEAR(largest_difference(out, DRAWS[2].values, 16), 0, 5.1e-5,
               "only the low 32 bits of a seed count");
}

static void test_bf16_noise(void) {
    Mt19937 rng;
    float out[20], again[20];
    mt19937_seed(&rng, 0);
    rng_normal_bf16(&rng, again, 16);
    int rounded = 0;
    mt19937_seed(&rng, 0);
    rng_normal_f32(&rng, out, 16);
    for (int i = 0; i < 16; i++)
        rounded += again[i] == bf16_to_float(bf16_from_float(out[i]));
    CHECK_EQ(rounded, 16, "bf16 noise of whole blocks is the rounded float32 noise");
    mt19937_seed(&rng, 0);
    rng_normal_bf16(&rng, again, 20);
    float next[32];
    mt19937_seed(&rng, 0);
    rng_normal_f32(&rng, next, 32);
    rounded = 0;
    for (int i = 0; i < 20; i++) {
        float expected = i < 4 ? next[i] : next[16 + i - 4];
        rounded += again[i] == bf16_to_float(bf16_from_float(expected));
    }
    CHECK_EQ(rounded, 20, "the ragged end of bf16 noise is the next block of the stream");
}

int main(void) {
    test_words();
    test_float_noise();
    test_bf16_noise();
    CHECK(rng_entropy() != rng_entropy() || rng_entropy() != rng_entropy(), "random seeds differ");
    return tap_end();
}
