/* bench_tables.c: what the measurements of :bench come to, as the two tables that a review prints. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/bench.h"

void series_add(Series *series, double value) {
    if (series->count == series->capacity) {
        series->capacity = series->capacity ? 2 * series->capacity : 64;
        series->value = must_realloc(series->value, series->capacity * sizeof *series->value);
    }
    series->value[series->count++] = value;
}

void series_done(Series *series) {
    free(series->value);
    *series = (Series){0};
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sorted values. */
static double percentile(const Series *series, double part) {
    double at = part * (double)(series->count - 1);
    size_t low = (size_t)at, high = low + 1 < series->count ? low + 1 : low;
    return series->value[low] + (at - (double)low) * (series->value[high] - series->value[low]);
}

SeriesFacts series_facts(Series *series) {
    SeriesFacts facts = {0};
    size_t n = series->count;
    if (!n)
        return facts;
    qsort(series->value, n, sizeof *series->value, by_size);
    for (size_t i = 0; i < n; i++)
        facts.mean += series->value[i] / (double)n;
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (series->value[i] - facts.mean) * (series->value[i] - facts.mean);
    facts.deviation = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    facts.p50 = percentile(series, 0.50);
    facts.p95 = percentile(series, 0.95);
    facts.largest = series->value[n - 1];
    return facts;
}

void bench_result_done(BenchResult *result) {
    for (int i = 0; i < MEASURES; i++) {
        series_done(&result->series[i]);
        series_done(&result->other[i]);
    }
    BenchFacts *facts = &result->facts;
    char *texts[] = {facts->model, facts->device, facts->driver, facts->precision, facts->plan, facts->build};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    buf_done(&facts->settings);
    free(result->round);
    *result = (BenchResult){0};
}

static const struct { const char *name, *unit; int digits; } ROWS[MEASURES] = {
    [MEASURE_COLD] = {"cold start to first picture", "s", 2},
    [MEASURE_LOAD] = {"model load", "s", 2},
    [MEASURE_TEXT] = {"text, hot", "s", 3},
    [MEASURE_DENOISE] = {"denoise, hot", "s", 3},
    [MEASURE_VAE] = {"vae, hot", "s", 3},
    [MEASURE_SAVE] = {"save, hot", "s", 3},
    [MEASURE_PICTURE] = {"picture, hot", "s", 3},
    [MEASURE_STEP] = {"step, hot", "s", 4},
    [MEASURE_DEVICE] = {"device memory", "MiB", 0},
    [MEASURE_HOST] = {"host memory of the process", "MiB", 0},
};

static void put_facts(Buf *out, const BenchResult *result) {
    const BenchFacts *facts = &result->facts;
    const struct { const char *name, *value; } rows[] = {
        {"model", facts->model}, {"device", facts->device}, {"driver", facts->driver},
        {"precision", facts->precision}, {"plan", facts->plan}, {"build", facts->build},
    };
    buf_print(out, "%d of %d rounds of %d pictures, %s\n", result->rounds_done, result->rounds,
              result->images, facts->settings.size ? facts->settings.data : "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        buf_print(out, "%s: %s\n", rows[i].name, rows[i].value && *rows[i].value ? rows[i].value : "none");
}

/* A number, or "-" where nothing was measured. */
static void put_cell(Buf *out, double value, int digits) {
    if (value > 0)
        buf_print(out, " %.*f |", digits, value);
    else
        buf_text(out, " - |");
}

static void put_rounds(Buf *out, const BenchResult *result) {
    buf_print(out, "| round | cold start s | model load s | pictures 2 to %d, mean s | device peak MiB "
                   "| host peak MiB |\n|---|---:|---:|---:|---:|---:|\n", result->images);
    for (int i = 0; i < result->rounds_done; i++) {
        const BenchRound *round = &result->round[i];
        buf_print(out, "| %d |", i + 1);
        put_cell(out, round->cold, 2);
        put_cell(out, round->load, 2);
        put_cell(out, round->hot, 3);
        put_cell(out, round->device_peak, 0);
        put_cell(out, round->host_peak, 0);
        buf_byte(out, '\n');
    }
}

static void put_measures(Buf *out, BenchResult *result) {
    buf_text(out, "| measured | unit | n | mean | sd | p50 | p95 | largest |\n"
                  "|---|---|---:|---:|---:|---:|---:|---:|\n");
    for (int i = 0; i < MEASURES; i++) {
        SeriesFacts facts = series_facts(&result->series[i]);
        const double cells[] = {facts.mean, facts.deviation, facts.p50, facts.p95, facts.largest};
        buf_print(out, "| %s | %s | %zu |", ROWS[i].name, ROWS[i].unit, result->series[i].count);
        for (size_t c = 0; c < sizeof cells / sizeof *cells; c++)
            if (result->series[i].count)
                buf_print(out, " %.*f |", ROWS[i].digits, cells[c]);
            else
                buf_text(out, " - |");
        buf_byte(out, '\n');
    }
}

/* What a step takes in the rounds, and with the other value of the setting. */
static void put_gain(Buf *out, BenchResult *result) {
    int off = result->deterministic && !strcmp(result->deterministic, "off");
    double step = series_facts(&result->series[MEASURE_STEP]).mean;
    double other = series_facts(&result->other[MEASURE_STEP]).mean;
    double with = off ? other : step, without = off ? step : other;
    if (step > 0 && other > 0)
        buf_print(out, "\nstep, hot, with deterministic on %.4f s, off %.4f s: off is %.3f times as fast "
                  "(%s in one round)\n", with, without, with / without, off ? "on" : "off");
}

void bench_tables(Buf *out, BenchResult *result) {
    put_facts(out, result);
    buf_byte(out, '\n');
    put_rounds(out, result);
    buf_byte(out, '\n');
    put_measures(out, result);
    put_gain(out, result);
}
