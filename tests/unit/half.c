/* half: 16-bit floats. Values: IEEE 754-2008 binary16; every bit pattern is tried. */
#include "config.h"

#include <math.h>

#include "base/half.h"
#include "tests/tap.h"

static const struct {
    float value;
    unsigned f16, bf16;
    const char *name;
} CASES[] = {
    {0.0f, 0x0000, 0x0000, "zero"},
    {-0.0f, 0x8000, 0x8000, "minus zero"},
    {1.0f, 0x3C00, 0x3F80, "one"},
    {-2.0f, 0xC000, 0xC000, "minus two"},
    {65504.0f, 0x7BFF, 0x4780, "the largest binary16"},
    {65519.99f, 0x7BFF, 0x4780, "just below the tie to infinity"},
    {65520.0f, 0x7C00, 0x4780, "the tie to infinity"},
    {0x1p-24f, 0x0001, 0x3380, "the smallest binary16"},
    {0x1p-25f, 0x0000, 0x3300, "half of it, a tie to zero"},
    {0x1.8p-24f, 0x0002, 0x33C0, "a tie to even among the subnormal"},
    {0x1p-14f, 0x0400, 0x3880, "the smallest normal binary16"},
    {0x1.ffcp-15f, 0x03FF + 1, 0x3880, "rounded up into the normal ones"},
    {1.0f + 0x1p-11f, 0x3C00, 0x3F80, "a tie down to even"},
    {1.0f + 0x3p-11f, 0x3C02, 0x3F80, "a tie up to even"},
    {1.0f + 0x1p-8f, 0x3C04, 0x3F80, "a bf16 tie down to even"},
    {1.0f + 0x3p-8f, 0x3C0C, 0x3F82, "a bf16 tie up to even"},
    {INFINITY, 0x7C00, 0x7F80, "infinity"},
    {-INFINITY, 0xFC00, 0xFF80, "minus infinity"},
    {3.4e38f, 0x7C00, 0x7F80, "large"},
};

static void test_every_pattern(void) {
    int f16_good = 0, bf16_good = 0, f16_exact = 0;
    for (unsigned h = 0; h < 65536; h++) {
        float f = f16_to_float((uint16_t)h), b = bf16_to_float((uint16_t)h);
        int f16_nan = (h & 0x7C00) == 0x7C00 && (h & 0x3FF), bf16_nan = (h & 0x7F80) == 0x7F80 && (h & 0x7F);
        f16_good += f16_nan ? isnan(f) && isnan(f16_to_float(f16_from_float(f))) : f16_from_float(f) == h;
        bf16_good += bf16_nan ? isnan(b) && isnan(bf16_to_float(bf16_from_float(b)))
                              : bf16_from_float(b) == h;
        int exponent = h >> 10 & 31;
        double fraction = h & 0x3FF,
               magnitude = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        f16_exact += exponent == 31 || f == (h & 0x8000 ? -magnitude : magnitude);
    }
    CHECK_EQ(f16_good, 65536, "every binary16 survives the way to float and back");
    CHECK_EQ(bf16_good, 65536, "every bf16 survives the way to float and back");
    CHECK_EQ(f16_exact, 65536, "every binary16 has the value of its formula");
}

int main(void) {
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CHECK_EQ(f16_from_float(CASES[i].value), CASES[i].f16, CASES[i].name);
        CHECK_EQ(bf16_from_float(CASES[i].value), CASES[i].bf16, CASES[i].name);
    }
    uint32_t bits = 0x7F800001;
    float nan_low;
    memcpy(&nan_low, &bits, 4);
    CHECK(isnan(bf16_to_float(bf16_from_float(nan_low))), "a NaN with only low bits stays NaN");
    test_every_pattern();

    unsigned char bytes[5] = {0, 0x80, 0x3F, 0x00, 0xC0};
    float out[2] = {9, 9};
    CHECK(float_from_dtype(out, bytes + 1, DT_BF16, 2) && out[0] == 1 && out[1] == -2,
          "unaligned bf16 is read");
    CHECK(!float_from_dtype(out, bytes, DT_I8, 2) && out[0] == 1,
          "another type is refused and out left alone");
    return tap_end();
}
