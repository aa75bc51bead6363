/* emit.c: the session as NDJSON: one object a line, flushed line by line. product.md A6.
 *
 * The same facts that the plain lines tell, from the same places. With --json the lines themselves are not
 * repeated: what a command answers comes as `line` events, faults also go to standard error. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "app/state.h"
#include "base/clock.h"
#include "io/json.h"

#define PROTOCOL 1

static const char *const KIND_NAMES[LINE_KINDS] = {"plain", "info", "warn", "error", "hint"};

static bool wanted(const App *app) {
    return app->events || app->parts.arguments->json;
}

static void begin(Buf *out, const char *event, int job) {
    json_open(out, '{');
    json_key(out, "event");
    json_put_string(out, event);
    json_key(out, "t");
    double t = clock_seconds() - clock_process_start();
    json_put_number(out, round((t > 0 ? t : 0) * 1000) / 1000);
    if (job) {
        json_key(out, "job");
        json_put_integer(out, job);
    }
}

static void end(App *app, Buf *out) {
    json_close(out, '}');
    buf_byte(out, '\n');
    FILE *to[] = {app->parts.arguments->json ? stdout : NULL, app->events};
    for (int i = 0; i < 2; i++)
        if (to[i]) {
            fwrite(out->data, 1, out->size, to[i]);
            if (fflush(to[i]) && !app->output_error)
                app->output_error = errno;
        }
    buf_done(out);
}

static void text(Buf *out, const char *key, const char *value) {
    json_key(out, key);
    if (value)
        json_put_string(out, value);
    else
        json_put_null(out);
}

static void number(Buf *out, const char *key, double value) {
    json_key(out, key);
    json_put_number(out, value);
}

static void whole(Buf *out, const char *key, int64_t value) {
    json_key(out, key);
    json_put_integer(out, value);
}

static void truth(Buf *out, const char *key, bool value) {
    json_key(out, key);
    json_put_bool(out, value);
}

void emit_hello(App *app) {
    if (!wanted(app))
        return;
    Buf out = {0};
    begin(&out, "hello", 0);
    whole(&out, "protocol", PROTOCOL);
    text(&out, "version", PACKAGE_VERSION);
    text(&out, "build", "newbie " PACKAGE_VERSION);
    end(app, &out);
}

void emit_model(App *app) {
    if (!wanted(app))
        return;
    Buf out = {0};
    begin(&out, "model", 0);
    text(&out, "name", app->model.name);
    truth(&out, "demo", app->model.demo);
    text(&out, "device", app->model.device);
    text(&out, "precision", app->model.precision);
    text(&out, "plan", app->model.residency ? app->model.residency->name : "a");
    number(&out, "seconds", app->model.seconds);
    whole(&out, "weights_bytes", (int64_t)app->model.weights_bytes);
    json_key(&out, "hashes");
    json_open(&out, '{');
    if (app->model.hash[0])
        text(&out, "transformer", app->model.hash);
    json_close(&out, '}');
    end(app, &out);
}

void emit_job(App *app, const Job *job) {
    if (!wanted(app))
        return;
    Buf out = {0};
    char seed[24], size[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)job->seed);
    snprintf(size, sizeof size, "%dx%d", job->width, job->height);
    begin(&out, "job", job->id);
    text(&out, "prompt", job->prompt);
    text(&out, "negative", job->negative);
    text(&out, "system", job->system_name);
    text(&out, "seed", seed);
    whole(&out, "steps", job->steps);
    text(&out, "size", size);
    number(&out, "cfg", job->cfg);
    text(&out, "sampler", job->sampler);
    text(&out, "schedule", job->schedule);
    number(&out, "shift", job->shift);
    text(&out, "rng", "cpu");
    text(&out, "parity", "own");
    end(app, &out);
}

void emit_lint(App *app, const LintFinding *finding) {
    if (!wanted(app))
        return;
    Buf out = {0};
    begin(&out, "lint", 0);
    text(&out, "id", finding->rule->id);
    text(&out, "level", lint_level_name(finding->rule->level));
    text(&out, "message", finding->message);
    whole(&out, "line", finding->line);
    whole(&out, "column", finding->column);
    end(app, &out);
}

void emit_phase(App *app, int job, Phase phase, double seconds) {
    if (!wanted(app))
        return;
    Buf out = {0};
    begin(&out, "phase", job);
    text(&out, "name", PHASE_NAMES[phase]);
    number(&out, "seconds", seconds);
    end(app, &out);
}

void emit_step(App *app, int job, const StepInfo *step) {
    if (!wanted(app))
        return;
    Buf out = {0};
    begin(&out, "step", job);
    whole(&out, "step", step->step);
    whole(&out, "total", step->total);
    number(&out, "sigma", step->sigma);
    number(&out, "seconds", step->seconds);
    number(&out, "eta", step->eta);
    number(&out, "velocity_norm", step->velocity_norm);
    truth(&out, "guided", step->guided);
    end(app, &out);
}

static void memory(Buf *out, const char *device, const MemoryUse *use) {
    json_key(out, device);
    if (!use->total) {
        json_put_null(out);
        return;
    }
    json_open(out, '{');
    whole(out, "weights", (int64_t)use->weights);
    whole(out, "activations", (int64_t)use->activations);
    whole(out, "other", (int64_t)use->other);
    whole(out, "free", (int64_t)use->free);
    whole(out, "total", (int64_t)use->total);
    json_close(out, '}');
}

void emit_memory(App *app) {
    if (!wanted(app) || !app->progress.host.total)
        return;
    Buf out = {0};
    begin(&out, "memory", app->progress.job);
    memory(&out, "gpu", &app->progress.device);
    memory(&out, "host", &app->progress.host);
    end(app, &out);
}

void emit_saved(App *app, int job, const SavedInfo *saved) {
    if (!wanted(app))
        return;
    Buf out = {0};
    begin(&out, "saved", job);
    if (saved->number)
        whole(&out, "number", saved->number);
    text(&out, "file", saved->path ? shown_path(saved->path) : NULL);
    text(&out, "sha256", saved->sha256);
    number(&out, "seconds", saved->total_seconds);
    whole(&out, "steps_run", saved->steps_run);
    whole(&out, "peak_bytes", (int64_t)saved->peak_bytes);
    end(app, &out);
}

void emit_stopped(App *app, int job, int step, bool kept) {
    if (!wanted(app))
        return;
    Buf out = {0};
    begin(&out, "stopped", job);
    whole(&out, "step", step);
    truth(&out, "kept", kept);
    end(app, &out);
}

void emit_error(App *app, Status st, int status) {
    if (!wanted(app))
        return;
    Buf out = {0};
    Ticket *running = app_running(app);
    begin(&out, "error", running ? running->job->id : 0);
    text(&out, "code", error_name(st->code));
    text(&out, "message", st->message);
    text(&out, "hint", st->hint[0] ? st->hint : NULL);
    whole(&out, "status", status);
    end(app, &out);
}

void emit_bye(App *app, int status) {
    if (!wanted(app))
        return;
    Buf out = {0};
    begin(&out, "bye", 0);
    whole(&out, "pictures", app->view.pictures);
    number(&out, "seconds", clock_seconds() - app->began);
    whole(&out, "status", status);
    end(app, &out);
}

/* Answers of commands are events; faults are told twice, here for people. */
static void surface_line(void *context, LineKind kind, const char *line) {
    App *app = context;
    if (kind != LINE_PLAIN && kind != LINE_INFO) {
        fprintf(stderr, "%s%s\n", LINE_MARKS[kind], line);
        return;
    }
    Buf out = {0};
    begin(&out, "line", 0);
    text(&out, "kind", KIND_NAMES[kind]);
    text(&out, "text", line);
    end(app, &out);
}

const Surface JSON_SURFACE = {.name = "json", .line = surface_line};
