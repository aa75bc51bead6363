/* schedule.c: the noise levels (sigma) of one run.
 *
 * Turns a row of SCHEDULES and a step count into a falling list that ends at 0. Knows nothing of solvers,
 * guidance or model time (t = 1 - sigma): those belong to solver.c and guide.c. Facts: model-spec.md 7.2
 * (shift) and 7.3 (formulas; its table of values is the unit test).
 */
#include "config.h"

#include "sample/schedule.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define TABLE_ROWS 1000 /* levels of the training table: S(1/1000) ... S(1000/1000) */

/* S(s; f): pushes a level towards 1, so that large pictures keep enough steps at high noise. */
static double shifted(double s, double f) {
    return f * s / (1 + (f - 1) * s);
}

/* Row k, 0 to TABLE_ROWS - 1, of the training table. */
static double table_row(int k, double f) {
    return shifted((k + 1) / (double)TABLE_ROWS, f);
}

/* From `first` to `last` in n values, as linspace gives them. */
static double between(double first, double last, int i, int n) {
    return n > 1 ? first + (last - first) * i / (n - 1) : first;
}

/* The low end is shifted twice. It looks like a slip, but the original's pictures depend on it. */
static int normal(double *out, int steps, double f) {
    for (int i = 0; i < steps; i++)
        out[i] = shifted(between(1, shifted(0.001, f), i, steps), f);
    out[steps] = 0;
    return steps + 1;
}

static int sgm_uniform(double *out, int steps, double f) {
    for (int i = 0; i < steps; i++)
        out[i] = shifted(between(1, shifted(0.001, f), i, steps + 1), f);
    out[steps] = 0;
    return steps + 1;
}

static int uniform(double *out, int steps, double f) {
    for (int i = 0; i < steps; i++)
        out[i] = shifted(between(1, 1.0 / steps, i, steps), f);
    out[steps] = 0;
    return steps + 1;
}

/* The product is truncated as the original truncates it, in floating point. */
static int simple(double *out, int steps, double f) {
    double stride = TABLE_ROWS / (double)steps;
    for (int i = 0; i < steps; i++)
        out[i] = table_row(TABLE_ROWS - 1 - (int)(i * stride), f);
    out[steps] = 0;
    return steps + 1;
}

/* Half of the steps walk the first 2.5 % of the way, the rest follows a parabola that meets them smoothly. */
static int linear_quadratic(double *out, int steps, double f) {
    (void)f; /* the original ignores the shift */
    const double threshold = 0.025;
    int slow = steps / 2, fast = steps - slow;
    for (int i = 0; i < steps; i++) {
        if (steps == 1) {
            out[i] = 1;
        } else if (i < slow) {
            out[i] = 1 - i * threshold / slow;
        } else {
            double difference = slow - threshold * steps;
            double square = difference / ((double)slow * fast * fast);
            double line = threshold / slow - 2 * difference / ((double)fast * fast);
            out[i] = 1 - (square * i * i + line * i + square * slow * slow);
        }
    }
    out[steps] = 0;
    return steps + 1;
}

/* Lentz's continued fraction of the incomplete beta function; Abramowitz and Stegun 26.5.8. */
static double beta_fraction(double x, double a, double b) {
    const double tiny = 1e-300;
    double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), result = d;
    for (int m = 1; m < 400; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int half = 0; half < 2; half++) {
            double term = half ? odd : even;
            d = 1 + term * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + term / c;
            c = fabs(c) < tiny ? tiny : c;
            result *= c * d;
        }
        if (fabs(c * d - 1) < 1e-16)
            break;
    }
    return result;
}

/* I_x(a, b), the cumulative distribution of Beta(a, b). */
static double beta_below(double x, double a, double b) {
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(1 - x, b, a) / b;
}

/* The x with I_x(a, b) = p, by halving. The median of a symmetric one is exactly 1/2, a tie when rows are
 * rounded. */
static double beta_quantile(double p, double a, double b) {
    double low = 0, high = 1;
    if (a == b && p == 0.5)
        return 0.5;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        if (beta_below(middle, a, b) < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

/* Rows of the table at the quantiles of Beta(0.6, 0.6); equal neighbours are dropped, so lists can be
 * shorter. */
static int beta(double *out, int steps, double f) {
    int count = 0, last = -1;
    for (int i = 0; i < steps; i++) {
        int row = (int)rint(beta_quantile(1 - i / (double)steps, 0.6, 0.6) * (TABLE_ROWS - 1));
        if (row != last)
            out[count++] = table_row(row, f);
        last = row;
    }
    out[count++] = 0;
    return count;
}

/* Every floor(1000/steps)-th row from the second on, highest first; the length follows from the stride. */
static int ddim_uniform(double *out, int steps, double f) {
    int stride = TABLE_ROWS / steps, count = 0;
    for (int row = 1 + (TABLE_ROWS - 2) / stride * stride; row >= 1; row -= stride)
        out[count++] = table_row(row, f);
    out[count++] = 0;
    return count;
}

/* The laboratory's ODE sampler counts time points, not intervals: n points make n - 1 steps. One point alone
 * would be no run at all, so one step is taken as two points. */
static int lab(double *out, int steps, double f) {
    int points = steps > 1 ? steps : 2;
    for (int i = 0; i < points; i++)
        out[i] = shifted(1 - i / (double)(points - 1), f);
    return points;
}

/* The laboratory's DPM sampler begins a little below 1, where the logarithm of its signal level is finite. */
static int lab_dpm(double *out, int steps, double f) {
    for (int i = 0; i < steps; i++)
        out[i] = shifted(1 - between(0.001, 1, i, steps + 1), f);
    out[steps] = 0; /* exactly, not the rounding of the line above */
    return steps + 1;
}

const Schedule SCHEDULES[] = {
    {"normal", "flowmatch", "evenly spaced between the ends, as the lab's pipeline does it", "Normal",
     normal},
    {"simple", "", "evenly spaced rows of the training table of 1000 levels", "Simple", simple},
    {"sgm_uniform", "", "as normal, without the last level before 0", "SGM Uniform", sgm_uniform},
    {"linear_quadratic", "", "half of the steps near pure noise; ignores the shift", "Linear Quadratic",
     linear_quadratic},
    {"beta", "", "dense at both ends (Beta 0.6, 0.6); may drop steps", "Beta", beta},
    {"ddim_uniform", "", "a fixed stride through the training table; sets its own length", "DDIM",
     ddim_uniform},
    {"uniform", "flowmatch_linspace", "evenly spaced from 1 to 1/steps, shifted once", "Uniform", uniform},
    {"lab", "lab_ode", "time points of the lab's ODE sampler: N points make N-1 steps", "Lab", lab},
    {"lab_dpm", "", "levels of the lab's DPM sampler", "Lab DPM", lab_dpm},
    {0},
};

/* True when `name` is one of the words of `list`, which have spaces between them. */
static bool is_word_of(const char *list, const char *name) {
    for (size_t size; *list; list += size + strspn(list + size, " ")) {
        size = strcspn(list, " ");
        if (size == strlen(name) && !memcmp(list, name, size))
            return true;
    }
    return false;
}

const Schedule *schedule_find(const char *name) {
    for (const Schedule *row = SCHEDULES; row->name; row++)
        if (!strcmp(row->name, name) || is_word_of(row->aliases, name))
            return row;
    return NULL;
}

Status schedule_fill(Sigmas *out, const Schedule *row, int steps, double shift) {
    if (steps < 1 || steps > SCHEDULE_STEPS_MAX)
        return hint(fail(ERR_USAGE, "steps is %d, expected 1 to %d", steps, SCHEDULE_STEPS_MAX), ":steps 28");
    if (!(shift > 0) || !isfinite(shift)) /* written so that NaN is refused too */
        return hint(fail(ERR_USAGE, "shift is %g, expected a number above 0", shift), ":reset shift");
    out->value = must_alloc((2 * SCHEDULE_STEPS_MAX + 2) * sizeof *out->value);
    out->count = row->levels(out->value, steps, shift);
    return NULL;
}

void sigmas_done(Sigmas *sigmas) {
    free(sigmas->value);
    *sigmas = (Sigmas){0};
}
