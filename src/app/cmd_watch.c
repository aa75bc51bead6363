/* cmd_watch.c: looking at the program at work: :top (memory and step times), and :screen (the surface as
 * text, for tests). product.md 5. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/clock.h"
#include "base/file.h"

#define SAMPLE_SECONDS 1.0

/* ---- samples ------------------------------------------------------------------------------------------- */

void app_sample(App *app) {
    double now = clock_seconds();
    View *view = &app->view;
    if (!view->host.total)
        return; /* no model was there yet to say it */
    if (view->sample_count && now - app->samples[view->sample_count - 1].time < SAMPLE_SECONDS)
        return;
    if (view->sample_count == VIEW_SAMPLES_MAX)
        memmove(app->samples, app->samples + 1, (size_t)--view->sample_count * sizeof *app->samples);
    app->samples[view->sample_count++] = (ViewSample){.time = now, .host = view->host,
                                                      .device_memory = view->device_memory, .job = view->job,
                                                      .step = view->step, .step_seconds = view->step_seconds};
    view->samples = app->samples;
}

void app_note_step(App *app, const StepInfo *step) {
    View *view = &app->view;
    if (step->step == 1)
        view->step_time_count = 0;
    if (view->step_time_count < VIEW_STEPS_MAX)
        app->step_times[view->step_time_count++] = (float)step->seconds;
    view->step_times = app->step_times;
}

/* ---- :top ---------------------------------------------------------------------------------------------- */

/* "; host weights 41 MiB, activations 5 MiB, other 3.9 GiB, free 3.9 GiB"; nothing for what is not used. */
static void put_memory(Buf *out, const char *device, const ViewMemory *memory) {
    const struct { const char *name; uint64_t bytes; } parts[] = {
        {"weights", memory->weights}, {"activations", memory->activations}, {"other", memory->other},
        {"free", memory->free}};
    for (size_t i = 0; memory->total && i < sizeof parts / sizeof *parts; i++) {
        if (i)
            buf_print(out, ", %s ", parts[i].name);
        else
            buf_print(out, "; %s %s ", device, parts[i].name);
        put_bytes(out, parts[i].bytes);
    }
}

static void say_top(App *app) {
    const View *view = &app->view;
    Buf line = {0};
    char now[16];
    time_t seconds = (time_t)clock_unix();
    struct tm local;
    strftime(now, sizeof now, "%H:%M:%S", localtime_r(&seconds, &local));
    buf_print(&line, "%s ", now);
    if (!view->job)
        buf_text(&line, "nothing runs");
    else if (view->phase == VIEW_DENOISE && view->step)
        buf_print(&line, "j%d step %d/%d, %.3f s a step", view->job, view->step, view->steps,
                  view->step_seconds);
    else
        buf_print(&line, "j%d %s", view->job, PHASE_NAMES[view->phase]);
    size_t waiting = app_waiting(app);
    if (waiting)
        buf_print(&line, ", %zu wait%s", waiting, waiting == 1 ? "s" : "");
    put_memory(&line, "GPU", &view->device_memory);
    put_memory(&line, "host", &view->host);
    app_tell(app, LINE_PLAIN, "%s", line.data);
    buf_done(&line);
}

void app_top_due(App *app) {
    if (!app->topping || clock_seconds() - app->top_line < SAMPLE_SECONDS)
        return;
    app->top_line = clock_seconds();
    say_top(app);
}

void app_top_end(App *app) {
    app->topping = false;
    worker_watch(app->worker, WATCH_STEPS);
}

Status cmd_top(App *app, const Call *call) {
    (void)call;
    const Surface *surface = app->report.surface;
    if (!app->loaded)
        return hint(fail(ERR_USAGE, "no model is loaded"), ":model PATH loads one, :demo the built-in one");
    if (surface->top) {
        worker_watch(app->worker, WATCH_ALWAYS);
        surface->top(app->report.context);
    } else if (app->parts.mode == APP_INTERACTIVE) {
        worker_watch(app->worker, WATCH_ALWAYS);
        report_line(&app->report, LINE_INFO, "One line a second; Ctrl-C ends :top and nothing else");
        app->topping = true;
        app->top_line = 0;
        app_top_due(app);
    } else
        say_top(app); /* nobody is there to end it */
    return NULL;
}

/* ---- :screen ------------------------------------------------------------------------------------------- */

Status cmd_screen(App *app, const Call *call) {
    Buf text = {0};
    const Report *report = &app->report;
    if (report->surface->screen)
        report->surface->screen(report->context, &text);
    else
        buf_text(&text, buf_string(&report->recent));
    char *path = app_path(app, call->word[0]);
    Status st = file_write(path, buf_string(&text), text.size, 0666);
    free(path);
    buf_done(&text);
    return app_fault_as(app, EXIT_OUTPUT, st);
}
