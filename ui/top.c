/* top.c: the screen of :top in page.h: two charts over time, one column a second or a step, the newest at the
 * right. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "ui/page.h"

/* A value of a column, in parts that stand on each other. */
#define PARTS 2
typedef struct Bar {
    double part[PARTS];
} Bar;

typedef struct Chart {
    int top, rows;            /* on the canvas */
    const Bar *bars;          /* [count], the newest last */
    int count;
    const char *letters;      /* of the parts */
    Style styles[PARTS];
    double highest;           /* value of a full column */
} Chart;

/* The part that cell `row` (from below) of a column belongs to; -1: none. */
static int part_at(const Bar *bar, double from, double to) {
    double sum = 0;
    for (int i = 0; i < PARTS; i++) {
        sum += bar->part[i];
        if (sum >= (from + to) / 2 || (from == 0 && sum > 0))
            return i;
    }
    return -1;
}

static void draw_chart(Canvas *canvas, const Chart *chart) {
    int columns = canvas->columns - 2, shown = chart->count < columns ? chart->count : columns;
    for (int x = 0; x < shown; x++) {
        const Bar *bar = &chart->bars[chart->count - shown + x];
        for (int y = 0; y < chart->rows && chart->highest > 0; y++) {
            double step = chart->highest / chart->rows;
            int part = part_at(bar, y * step, (y + 1) * step), row = chart->top + chart->rows - 1 - y;
            if (part >= 0)
                canvas_fill(canvas, (Span){row, 1 + x, 2 + x}, chart->styles[part],
                            (uint32_t)chart->letters[part]);
        }
    }
}

static const ViewMemory *memory_of(const ViewSample *sample) {
    return sample->device_memory.total ? &sample->device_memory : &sample->host;
}

static void draw_memory(Canvas *canvas, int top, int rows, const View *view) {
    Bar *bars = must_alloc((size_t)(view->sample_count + 1) * sizeof *bars);
    Chart chart = {top + 1, rows - 1, bars, view->sample_count, "WA", {STYLE_WEIGHTS, STYLE_ACTIVATIONS}, 0};
    for (int i = 0; i < view->sample_count; i++) {
        const ViewMemory *memory = memory_of(&view->samples[i]);
        bars[i] = (Bar){{(double)memory->weights, (double)memory->activations}};
        double sum = bars[i].part[0] + bars[i].part[1];
        chart.highest = sum > chart.highest ? sum : chart.highest;
    }
    Buf peak = {0};
    put_bytes(&peak, (uint64_t)chart.highest);
    canvas_print(canvas, (Span){top, 1, canvas->columns}, STYLE_STRONG,
                 "memory of %s, a column a second, at most %s: W weights, A activations",
                 view->device_memory.total ? "the GPU" : "the host", peak.data);
    draw_chart(canvas, &chart);
    buf_done(&peak);
    free(bars);
}

static void draw_steps(Canvas *canvas, int top, int rows, const View *view) {
    Bar *bars = must_alloc((size_t)(view->step_time_count + 1) * sizeof *bars);
    Chart chart = {top + 1, rows - 1, bars, view->step_time_count, "##", {STYLE_DONE, STYLE_DONE}, 0};
    double sum = 0;
    for (int i = 0; i < view->step_time_count; i++) {
        bars[i] = (Bar){{view->step_times[i]}};
        sum += view->step_times[i];
        chart.highest = view->step_times[i] > chart.highest ? view->step_times[i] : chart.highest;
    }
    if (view->step_time_count)
        canvas_print(canvas, (Span){top, 1, canvas->columns}, STYLE_STRONG,
                     "steps of the newest picture, a column each: mean %.3f s, longest %.3f s",
                     sum / view->step_time_count, chart.highest);
    else
        canvas_print(canvas, (Span){top, 1, canvas->columns}, STYLE_STRONG, "steps: none yet");
    draw_chart(canvas, &chart);
    free(bars);
}

void top_draw(Canvas *canvas, const View *view) {
    int rows = canvas->rows - 2, half = rows / 2;
    canvas_fill(canvas, (Span){0, 0, canvas->columns}, STYLE_HEADER, ' ');
    canvas_print(canvas, (Span){0, 1, canvas->columns}, STYLE_HEADER, "top | %s | %s",
                 view->device, view->job ? "running" : "idle");
    draw_memory(canvas, 1, half, view);
    draw_steps(canvas, 1 + half, rows - half, view);
    canvas_print(canvas, (Span){canvas->rows - 1, 1, canvas->columns}, STYLE_DIM, "Esc back   Ctrl-C back");
}

PageAnswer top_key(const Unit *unit) {
    static const char keys[] = "\033q\r\003\004";
    bool closes = unit->kind == UNIT_KEY && unit->size == 1 && memchr(keys, unit->bytes[0], sizeof keys - 1);
    return closes ? PAGE_CLOSES : PAGE_STAYS;
}
