/* peak.c: twelve independent chains of multiply-adds in registers: enough to hide the latency of the units we
 * know (4 to 6 cycles, two a cycle). */
#include "config.h"

#include "bench/peak.h"

#include <string.h>

#include "base/clock.h"

#define CHAINS 12
#define ROUNDS 100000

/* DO(chain) for all of them, spelled out so that they stay in registers. */
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

/* Empty assembly keeps the compiler from knowing the numbers; it costs no instruction. */
#define HIDE(vector) __asm__ volatile("" : "+" REGISTER(vector))
#define CHAIN_ZERO(i) __typeof__(a) sum##i = a - a;
#define CHAIN_HIDE(i) HIDE(sum##i);

/* The function `name`: ROUNDS times all CHAINS; MULTIPLY_ADD(i) is defined before each use. */
#define SPIN(name, type, attributes)              \
    attributes static void name(void) {           \
        type a = {0.5f}, b = {0.25f};             \
        EACH(CHAIN_ZERO)                          \
        EACH(CHAIN_HIDE)                          \
        for (int round = 0; round < ROUNDS; round++) { \
            HIDE(a);                              \
            HIDE(b);                              \
            EACH(MULTIPLY_ADD)                    \
        }                                         \
        EACH(CHAIN_HIDE)                          \
    }

#define MULTIPLY_ADD(i) sum##i = sum##i * a + b;
typedef float Four __attribute__((vector_size(16)));

#if defined(__x86_64__)
#include <immintrin.h>
#define REGISTER(vector) "v"(vector)
SPIN(spin_avx512, __m512, __attribute__((target("avx512f"))))
SPIN(spin_avx2, __m256, __attribute__((target("avx2,fma"))))
SPIN(spin_portable, Four, )
#undef MULTIPLY_ADD
#define MULTIPLY_ADD(i) sum##i = _mm512_dpbf16_ps(sum##i, (__m512bh)a, (__m512bh)b);
SPIN(spin_bf16, __m512, __attribute__((target("avx512f,avx512bf16"))))
#else
#if defined(__aarch64__)
#define REGISTER(vector) "w"(vector)
#else
#define REGISTER(vector) "m"(vector)
#endif
SPIN(spin_portable, Four, )
#endif

typedef struct Spin {
    const char *path;
    Precision precision;
    void (*run)(void);
    int operations; /* of one multiply-add of a chain */
} Spin;

/* The first row that fits: paths without bf16 products compute in f32 whatever the precision. */
static const Spin SPINS[] = {
#if defined(__x86_64__)
    {"avx512bf16", PRECISION_BF16, spin_bf16, 64},
    {"avx512", PRECISION_F32, spin_avx512, 32},
    {"avx2", PRECISION_F32, spin_avx2, 16},
#endif
    {"portable", PRECISION_F32, spin_portable, 8},
};

static const Spin *spin_of(const char *path, Precision precision) {
    const Spin *spin = SPINS;
    while (spin->precision == PRECISION_BF16 ? precision == PRECISION_F32 || strcmp(path, spin->path)
                                             : strncmp(path, spin->path, strlen(spin->path)))
        spin++;
    return spin;
}

double peak_flops(const char *path, Precision precision) {
    const Spin *spin = spin_of(path, precision);
    double best = 0;
    for (int attempt = 0; attempt < 100; attempt++) {
        double start = clock_seconds();
        spin->run();
        double rate = (double)ROUNDS * CHAINS * spin->operations / (clock_seconds() - start);
        best = rate > best ? rate : best;
    }
    return best;
}
