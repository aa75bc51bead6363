/* vector.h: vectors of LANES floats for the path being compiled (LANES is set by the including kernels_*.c).
 * On x86 kernels.inc has included immintrin.h before it names the target; the intrinsics are for what the
 * language cannot say. Otherwise compiler vector extensions: a product and sum become one fused instruction
 * where the target has it. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "ops/ops.h"

typedef float V __attribute__((vector_size(LANES * 4)));
typedef int32_t I __attribute__((vector_size(LANES * 4)));
typedef uint64_t Pairs __attribute__((vector_size(LANES * 4)));
typedef double D __attribute__((vector_size(LANES * 8)));
typedef float VAny __attribute__((vector_size(LANES * 4), aligned(4), may_alias));   /* anywhere in memory */
typedef int32_t IAny __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE V v_load(const float *p) {
    return *(const VAny *)p;
}

INLINE void v_store(float *p, V x) {
    *(VAny *)p = x;
}

INLINE V v_set(float x) {
    return x - (V){0};
}

/* The first `left` lanes from p, zeros behind; all lanes when left >= LANES. */
INLINE V v_get(const float *p, int64_t left) {
    if (left >= LANES)
        return v_load(p);
    V x = {0};
    memcpy(&x, p, (size_t)left * 4);
    return x;
}

INLINE void v_put(float *p, V x, int64_t left) {
    if (left >= LANES)
        v_store(p, x);
    else
        memcpy(p, &x, (size_t)left * 4);
}

/* Pairs of lanes as 64-bit numbers, the even lane in the low half. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "pairs are taken apart by shifts");

INLINE V v_swap_pairs(V x) {
    return (V)((Pairs)x << 32 | (Pairs)x >> 32);
}

INLINE V v_negate_even(V x) {
    return (V)((Pairs)x ^ (uint64_t)0x80000000);
}

/* The first `left` of LANES / 2 numbers, each in two neighbouring lanes. */
INLINE V v_get_twice(const float *p, int64_t left) {
    typedef uint32_t Half __attribute__((vector_size(LANES * 2)));
    Half half = {0};
    if (left >= LANES / 2)
        memcpy(&half, p, sizeof half);
    else
        memcpy(&half, p, (size_t)left * 4);
    Pairs pairs = __builtin_convertvector(half, Pairs);
    return (V)(pairs | pairs << 32);
}

/* yes where the mask is set, else no. */
INLINE V v_select(I mask, V yes, V no) {
    return (V)((mask & (I)yes) | (~mask & (I)no));
}

/* The larger and the smaller one; the second when one is not a number. Written as a comparison and a choice
 * they would take four instructions, in a loop that is all about exp. */
#if defined(CPU_X86) && LANES == 16
#define v_max(a, b) ((V)_mm512_max_ps(a, b))
#define v_min(a, b) ((V)_mm512_min_ps(a, b))
#elif defined(CPU_X86) && LANES == 8
#define v_max(a, b) ((V)_mm256_max_ps(a, b))
#define v_min(a, b) ((V)_mm256_min_ps(a, b))
#elif defined(CPU_X86)
#define v_max(a, b) ((V)_mm_max_ps(a, b))
#define v_min(a, b) ((V)_mm_min_ps(a, b))
#else
#define v_max(a, b) v_select((a) > (b), a, b)
#define v_min(a, b) v_select((a) < (b), a, b)
#endif

/* Four lanes, from lane 4 i on. */
typedef float V4 __attribute__((vector_size(16)));
typedef int32_t I4 __attribute__((vector_size(16)));

INLINE V4 v_quad(V x, int i) {
    V4 quad;
    memcpy(&quad, (const char *)&x + 16 * i, sizeof quad);
    return quad;
}

INLINE V4 quad_max(V4 a, V4 b) {
    I4 mask = a > b;
    return (V4)((mask & (I4)a) | (~mask & (I4)b));
}

INLINE float v_sum(V x) {
    V4 sum = v_quad(x, 0);
    if (LANES >= 8)
        sum += v_quad(x, LANES / 4 - 1);
    if (LANES >= 16)
        sum += v_quad(x, 1) + v_quad(x, 2);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

INLINE float v_largest(V x) {
    V4 most = v_quad(x, 0);
    if (LANES >= 8)
        most = quad_max(most, v_quad(x, LANES / 4 - 1));
    if (LANES >= 16)
        most = quad_max(most, quad_max(v_quad(x, 1), v_quad(x, 2)));
    float a = most[0] > most[2] ? most[0] : most[2], b = most[1] > most[3] ? most[1] : most[3];
    return a > b ? a : b;
}

/* exp(x): x = n ln 2 + r with |r| <= 0.347, a polynomial for exp(r), then 2^n through the exponent bits.
 * Relative error about 1e-7; results stay between the smallest normal number (also for -infinity) and
 * exp(88). NaN stays NaN. */
INLINE V v_exp(V x) {
    const float rounding = 12582912.0f; /* 1.5 · 2^23: a sum with it ends in the rounded integer */
    V limited = v_min(v_set(88.0f), v_max(v_set(-87.3365f), x));
    V shifted = limited * 1.44269504f + rounding;
    V n = shifted - rounding;
    V r = limited - n * 0.693145752f; /* ln 2 in two parts; the first has few bits: n times it is exact */
    r = r - n * 1.42860677e-6f;
    V p = r * 1.38888889e-3f + 8.33333333e-3f;
    p = p * r + 4.16666667e-2f;
    p = p * r + 1.66666667e-1f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    V power = (V)(((I)shifted + 127) << 23);
    return p * power;
}

INLINE V v_magnitude(V x) {
    return (V)((I)x & 0x7fffffff);
}

INLINE V v_copy_sign(V magnitude, V sign) {
    return (V)((I)magnitude | ((I)sign & (int32_t)0x80000000));
}

/* Small arguments by the odd series, whose relative error 1 - 2 / (exp(2x) + 1) would not have. */
INLINE V v_tanh(V x) {
    V a = v_magnitude(x), s = x * x;
    V p = s * -8.86323553e-3f + 2.18694885e-2f; /* x^11, x^9, ... of the Taylor series, |x| < 0.3 */
    p = p * s - 5.39682540e-2f;
    p = p * s + 1.33333333e-1f;
    p = p * s - 3.33333333e-1f;
    V small = x + x * s * p;
    V large = 1.0f - 2.0f / (v_exp(a + a) + 1.0f);
    return v_select(a < v_set(0.3f), small, v_copy_sign(large, x));
}

INLINE V v_silu(V x) {
    return x / (1.0f + v_exp(-x));
}

/* x (1 + tanh(u)) / 2 is x · sigmoid(2u), which loses nothing for large negative u. */
INLINE V v_gelu_tanh(V x) {
    V u = 0.797884561f * (x + 0.044715f * x * x * x);
    return x / (1.0f + v_exp(-2.0f * u));
}

/* x Φ(x) with the normal distribution's tail q = erfcx(z) exp(-z²) / 2, z = |x| / √2. erfcx is a polynomial
 * in t = 1 / (1 + 0.3 z), interpolated at Chebyshev nodes on z in [0, 9.5]; relative error 2.4e-8. */
INLINE V v_gelu_erf(V x) {
    V z = v_magnitude(x) * 0.707106781f;
    V t = 1.0f / (1.0f + 0.3f * z);
    V p = t * -0.130492816f + 0.490571598f;
    p = p * t - 0.523314656f;
    p = p * t + 0.561246202f;
    p = p * t - 0.104712141f;
    p = p * t + 0.219567115f;
    p = p * t + 0.147045414f;
    p = p * t + 0.170914156f;
    p = p * t + 0.169175103f;
    V q = 0.5f * v_exp(-z * z) * p * t;
    return x * v_select(x < v_set(0.0f), q, 1.0f - q);
}

INLINE V v_act(V x, Activation act) {
    switch (act) {
    case ACT_NONE: break;
    case ACT_SILU: return v_silu(x);
    case ACT_GELU_TANH: return v_gelu_tanh(x);
    case ACT_GELU_ERF: return v_gelu_erf(x);
    case ACT_TANH: return v_tanh(x);
    }
    return x;
}
