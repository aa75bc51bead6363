/* bench.h: the review's protocol (product.md R8): every round is a new process of this program that makes
 * a few pictures; the first is the cold start, the others are hot. Numbers come from the child's events
 * (--json), so what is measured is the program as it is, from its start to the finished file. Private to
 * the room. */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/status.h"

/* What is measured. */
typedef enum Measure {
    MEASURE_COLD,     /* from the start of the process to the first finished picture, s */
    MEASURE_LOAD,     /* of the model, s */
    MEASURE_TEXT,     /* the four phases of a hot picture, s: by Phase */
    MEASURE_DENOISE,
    MEASURE_VAE,
    MEASURE_SAVE,
    MEASURE_PICTURE,  /* a hot picture, s */
    MEASURE_STEP,     /* one step of it, s */
    MEASURE_DEVICE,   /* memory in use on the device, others included, once a second, MiB */
    MEASURE_HOST,     /* resident memory of the process, once a second, MiB */
    MEASURES
} Measure;

typedef struct Series {
    double *value;    /* owned */
    size_t count, capacity;
} Series;

void series_add(Series *series, double value);
void series_done(Series *series);

typedef struct SeriesFacts { double mean, deviation, p50, p95, largest; } SeriesFacts;

/* Mean, standard deviation (of a sample: divided by n - 1; 0 for one value), percentiles by linear
 * interpolation between ranks, and the largest. All 0 for no values. Sorts the series. */
SeriesFacts series_facts(Series *series);

/* One round's row. */
typedef struct BenchRound {
    double cold, load, hot; /* hot: mean of the hot pictures; 0 without */
    double device_peak, host_peak; /* MiB; 0: not known */
} BenchRound;

/* What every table says: how the numbers were made. */
typedef struct BenchFacts {
    Buf settings;     /* "1024x1024, 28 steps, cfg 5, euler/normal, shift 6" */
    char *model, *device, *driver, *precision, *plan, *build; /* owned; NULL: not known */
} BenchFacts;

typedef struct BenchResult {
    int rounds, images;      /* asked for */
    BenchRound *round;       /* [rounds_done], owned */
    int rounds_done;
    Series series[MEASURES];
    Series other[MEASURES];  /* of one round more, on a card, with the other value of `deterministic` */
    const char *deterministic; /* "on", "off": in the rounds; static */
    BenchFacts facts;
} BenchResult;
void bench_result_done(BenchResult *result);

/* Appends the facts and both Markdown tables, lines with a newline each; and what a step gains by the other
 * value of `deterministic`, where that was measured (product.md 6). */
void bench_tables(Buf *out, BenchResult *result);
