/* drain.c: what the worker says becomes lines, events and the view. One handler per kind of event; the
 * wordings are those of product.md 3 (L2 to L6), which other programs read. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/state.h"
#include "base/clock.h"

#define HEARTBEAT_SECONDS 2.0
#define LONG_RUN_SECONDS 300.0

/* ---- the model ----------------------------------------------------------------------------------------- */

/* L5: loading that takes long is seen to go on. */
static void on_loading(App *app, Event *event) {
    double now = clock_seconds();
    if (now - app->load_began < HEARTBEAT_SECONDS || now - app->load_line < HEARTBEAT_SECONDS)
        return;
    app->load_line = now;
    Buf done = {0}, total = {0};
    put_bytes(&done, event->bytes_done);
    put_bytes(&total, event->bytes_total);
    size_t unit = total.size > 4 ? total.size - 4 : 0; /* " GiB": said once when it is the same (L5) */
    if (done.size > 4 && !strcmp(done.data + done.size - 4, total.data + unit))
        buf_truncate(&done, done.size - 4);
    app_tell(app, LINE_INFO, "Loading %s, %s of %s...", event->text ? event->text : "model", done.data,
             total.data);
    buf_done(&done);
    buf_done(&total);
}

/* "cuda:0, plan B: weights 12.3 GiB, peak 13.8 GiB of 16.0 GiB at the model's default size". */
static void say_plan_of_model(App *app) {
    const ModelInfo *model = &app->model;
    Buf weights = {0}, peak = {0}, total = {0};
    put_bytes(&weights, model->device_weights);
    put_bytes(&peak, model->device_peak + model->device_other);
    put_bytes(&total, model->device_total);
    app_tell(app, LINE_INFO, "%s, %s: weights %s, peak %s of %s at %s", model->where, app->view.plan,
             weights.data, peak.data, total.data, settings_default(&app->settings, SET_SIZE));
    buf_done(&weights);
    buf_done(&peak);
    buf_done(&total);
}

static void on_model(App *app, Event *event) {
    app_take_model(app, event->model);
    emit_model(app);
    char seconds[24];
    clock_format(seconds, app->model.seconds);
    app_tell(app, LINE_INFO, "Model loaded in %s", seconds);
    if (app->model.residency)
        say_plan_of_model(app);
    bool named = *settings_text(&app->settings, SET_MODEL);
    if (app->model.demo && named)
        app_tell(app, LINE_INFO, "%s is a demo model", app->view.name);
    if (app->parts.arguments->verbosity == VERBOSITY_VERBOSE) {
        Buf weights = {0};
        put_bytes(&weights, app->model.weights_bytes);
        app_tell(app, LINE_INFO, "%s: %s, %s, weights %s", app->view.name, app->view.device,
                 app->view.precision, weights.data);
        buf_done(&weights);
    }
}

static void on_no_model(App *app, Event *event) {
    app_lose_model(app, event->kept);
    if (!event->fault && app->bench) /* it asked for that */
        return;
    if (!event->fault) {
        app_tell(app, LINE_INFO, "Model unloaded; :model PATH or :demo loads one");
        return;
    }
    app_drop_orders(app); /* one error per cause */
    Status st = fault_raise(event->fault);
    script_fault(app, st->hint[0] ? st : hint(st, ":model PATH chooses another, :demo uses the built-in one"),
                 EXIT_MODEL);
    if (event->kept)
        app_tell(app, LINE_INFO, "%s stays loaded", app->view.name);
}

static void on_pace(App *app, Event *event) {
    (void)event;
    app->model.pace_follows = false;
}

static void on_hash(App *app, Event *event) {
    if (app->loaded && event->text)
        snprintf(app->model.hash, sizeof app->model.hash, "%s", event->text);
    if (app->parts.arguments->verbosity == VERBOSITY_VERBOSE && event->text)
        app_tell(app, LINE_INFO, "Transformer SHA-256 %s", event->text);
}

/* ---- a job --------------------------------------------------------------------------------------------- */

static void on_started(App *app, Event *event) {
    Ticket *ticket = app_ticket(app, event->job);
    if (!ticket)
        return;
    Ticket moved = *ticket; /* the running one stands first; :queue up may have changed the order */
    size_t index = (size_t)(ticket - app->tickets);
    memmove(app->tickets + 1, app->tickets, index * sizeof *ticket);
    app->tickets[0] = moved;
    app->tickets[0].started = true;
    app->tickets[0].phase_began = app->tickets[0].line_time = clock_seconds();
    app->view.preview_width = 0;
}

/* R3: a plan other than before is told with its cost. */
static void say_new_plan(App *app, const PlanInfo *plan, const Job *job) {
    const char *cost = plan->residency->cost;
    app->model.residency = plan->residency;
    app->model.device_weights = plan->weights_bytes;
    app_show_plan(app);
    if (plan->why == PLAN_STEPPED_DOWN)
        app_tell(app, LINE_WARN, "%s had less room than it seemed", app->model.where);
    app_tell(app, LINE_INFO, "%dx%d: %s%s%s", job->width, job->height, app->view.plan, cost ? ": " : "",
             cost ? cost : "");
}

static void on_plan(App *app, Event *event) {
    const PlanInfo *plan = &event->plan;
    const Ticket *ticket = app_ticket(app, event->job);
    if (ticket && app->model.residency && plan->why != PLAN_AS_BEFORE)
        say_new_plan(app, plan, ticket->job);
    if (ticket && plan->tiled) /* R3 */
        app_tell(app, LINE_INFO, "%dx%d: decoding in tiles, seams are possible", ticket->job->width,
                 ticket->job->height);
    if (ticket && plan->dropped)
        app_tell(app, LINE_INFO, "%dx%d: %d layers of the transformer leave %s while the picture is decoded",
                 ticket->job->width, ticket->job->height, plan->dropped, app->model.where);
    if (plan->seconds > LONG_RUN_SECONDS) {
        char seconds[24];
        clock_format(seconds, plan->seconds);
        app_tell(app, LINE_INFO, "This picture will take about %s; Ctrl-C stops it, :demo is quick", seconds);
    }
    if (app->parts.arguments->verbosity == VERBOSITY_VERBOSE) {
        Buf need = {0}, left = {0};
        put_bytes(&need, plan->activation_bytes);
        put_bytes(&left, plan->free_bytes);
        app_tell(app, LINE_INFO, "Plan: activations %s, %s free", need.data, left.data);
        buf_done(&need);
        buf_done(&left);
    }
}

static void on_phase(App *app, Event *event) {
    emit_phase(app, event->job, event->phase, event->seconds);
    emit_memory(app);
    Ticket *ticket = app_ticket(app, event->job);
    if (!ticket)
        return;
    ticket->phase_seconds[event->phase] = event->seconds;
    ticket->phase = event->phase + 1 < PHASE_COUNT ? event->phase + 1 : event->phase;
    ticket->phase_began = event->time;
    if (event->phase == PHASE_TEXT) {
        char seconds[24];
        clock_format(seconds, event->seconds);
        app_tell(app, LINE_INFO, "Text encoded in %s", seconds);
    }
}

/* L4: is this step worth a line? */
static bool step_is_due(const App *app, const Ticket *ticket, const StepInfo *step) {
    const Settings *settings = &app->settings;
    bool shown = app->report.surface->live && settings_is(settings, SET_PROGRESS, "auto");
    if (shown || settings_is(settings, SET_PROGRESS, "off"))
        return false;
    if (step->step == 1 || step->step == step->total || settings_is(settings, SET_PROGRESS, "all"))
        return true;
    if (settings_is(settings, SET_PROGRESS, "ends"))
        return false;
    double every = settings_is(settings, SET_PROGRESS, "auto") ? HEARTBEAT_SECONDS
                                                               : settings_number(settings, SET_PROGRESS);
    return clock_seconds() - ticket->line_time >= every;
}

/* "2.1 it/s", "3.4 s/it". */
static void put_rate(Buf *out, double seconds) {
    if (seconds > 1)
        buf_print(out, "%.1f s/it", seconds);
    else
        buf_print(out, "%.1f it/s", seconds > 0 ? 1 / seconds : 0);
}

static void on_step(App *app, Event *event) {
    const StepInfo *step = &event->step;
    emit_step(app, event->job, step);
    Ticket *ticket = app_ticket(app, event->job);
    if (!ticket)
        return;
    app_note_step(app, step);
    ticket->step = *step;
    ticket->phase = PHASE_DENOISE;
    /* the mean: one step alone jitters */
    ticket->step.seconds = (event->time - ticket->phase_began) / step->step;
    if (!step_is_due(app, ticket, step))
        return;
    ticket->line_time = clock_seconds();
    if (step->step == 1 || step->step == step->total) {
        app_tell(app, LINE_INFO, "Denoising step %d/%d...", step->step, step->total);
        return;
    }
    Buf rate = {0};
    char left[24];
    put_rate(&rate, ticket->step.seconds);
    clock_format(left, step->eta);
    app_tell(app, LINE_INFO, "Denoising step %d/%d... sigma %.4f, %s, %s left", step->step, step->total,
             step->sigma, rate.data, left);
    buf_done(&rate);
}

/* ---- its picture --------------------------------------------------------------------------------------- */

/* L6. */
static void say_result(App *app, const Job *job, const SavedInfo *saved) {
    Buf line = {0};
    char seconds[24];
    clock_format(seconds, saved->total_seconds);
    if (saved->number)
        buf_print(&line, "#%lld ", (long long)saved->number);
    buf_print(&line, "%s: seed %llu, %dx%d, ", saved->path ? shown_path(saved->path) : "standard output",
              (unsigned long long)job->seed, job->width, job->height);
    if (saved->steps_run < job->steps)
        buf_print(&line, "%d of %d steps", saved->steps_run, job->steps);
    else
        buf_print(&line, "%d step%s", job->steps, job->steps == 1 ? "" : "s");
    buf_print(&line, ", cfg %g, %s", job->cfg, seconds);
    bool shown = app->report.surface->live && settings_is(&app->settings, SET_TIMING, "auto");
    if (!shown && !settings_is(&app->settings, SET_TIMING, "off")) {
        for (int i = 0; i < PHASE_COUNT; i++)
            buf_print(&line, "%s%s %.1f", i ? " " : " (", PHASE_NAMES[i], saved->seconds[i]);
        buf_text(&line, "), peak ");
        put_bytes(&line, saved->peak_bytes);
    }
    app_tell(app, LINE_INFO, "%s", line.data);
    buf_done(&line);
}

static void say_saved(App *app, const Job *job, const SavedInfo *saved) {
    Verbosity verbosity = app->parts.arguments->verbosity;
    if (verbosity == VERBOSITY_QUIET) {
        if (saved->path)
            app_tell(app, LINE_PLAIN, "%s", shown_path(saved->path));
        return;
    }
    app_tell(app, LINE_INFO, "VAE decode completed. Output saved to %s",
             saved->path ? shown_path(saved->path) : "standard output");
    say_result(app, job, saved);
    if (verbosity == VERBOSITY_VERBOSE)
        app_tell(app, LINE_INFO, "SHA-256 %s, of the latent %s", saved->sha256, saved->latent_sha256);
}

/* What differs between two pictures of one size. */
typedef struct Difference {
    size_t pixels;  /* that differ */
    size_t first;   /* index of the first of them */
    int largest;    /* of any channel, 0 to 255 */
} Difference;

static Difference compare_pixels(const uint8_t *a, const uint8_t *b, size_t count) {
    Difference difference = {0};
    for (size_t i = 0; i < count; i++) {
        int most = 0;
        for (int c = 0; c < 3; c++) {
            int d = abs(a[3 * i + (size_t)c] - b[3 * i + (size_t)c]);
            most = d > most ? d : most;
        }
        if (most && !difference.pixels++)
            difference.first = i;
        difference.largest = most > difference.largest ? most : difference.largest;
    }
    return difference;
}

/* :same has its second picture. */
static void say_same(App *app, const Ticket *ticket, const SavedInfo *saved) {
    char seconds[24];
    clock_format(seconds, saved->total_seconds);
    const Shot *like = ticket->like >= 0 ? &app->shots[ticket->like] : NULL;
    size_t count = (size_t)saved->width * (size_t)saved->height;
    if (saved->steps_run < ticket->job->steps) {
        app_tell(app, LINE_INFO, "%s again: stopped, nothing to compare", ticket->like_name);
    } else if (like && like->pixels && saved->pixels) {
        Difference d = compare_pixels(like->pixels, saved->pixels, count);
        if (!d.pixels)
            app_tell(app, LINE_INFO, "%s again: identical, all %zu pixels, %s", ticket->like_name, count,
                     seconds);
        else
            app_tell(app, LINE_WARN,
                     "%s again: %zu of %zu pixels differ, the first at column %zu, row %zu; the largest "
                     "difference is %d of 255",
                     ticket->like_name, d.pixels, count, d.first % (size_t)saved->width,
                     d.first / (size_t)saved->width, d.largest);
    } else if (!strcmp(ticket->like_latent, saved->latent_sha256))
        app_tell(app, LINE_INFO, "%s again: identical, the latent has the same SHA-256, %s",
                 ticket->like_name, seconds);
    else
        app_tell(app, LINE_WARN, "%s again: different, the latent has another SHA-256", ticket->like_name);
}

/* After a picture, and after the last one for all of them: `seconds` is how long it took. */
static void ring(App *app, double seconds) {
    const Surface *surface = app->report.surface;
    bool always = settings_is(&app->settings, SET_BELL, "on"),
         never = settings_is(&app->settings, SET_BELL, "off");
    if (surface->bell && !never && (always || seconds >= settings_number(&app->settings, SET_BELL)))
        surface->bell(app->report.context);
}

static void write_to_output(App *app, const SavedInfo *saved) {
    fwrite(saved->png, 1, saved->png_size, stdout);
    if (fflush(stdout) == EOF || ferror(stdout))
        app_fault(app, fail_errno("write the picture to standard output"), EXIT_OUTPUT);
}

static void on_saved(App *app, Event *event) {
    Ticket *ticket = app_ticket(app, event->job);
    SavedInfo *saved = &event->saved;
    if (!ticket)
        return;
    ticket->over = true;
    if (ticket->purpose == PURPOSE_SAME) {
        say_same(app, ticket, saved);
        return;
    }
    if (saved->png)
        write_to_output(app, saved);
    emit_saved(app, event->job, saved);
    say_saved(app, ticket->job, saved);
    app->view.pictures++;
    app->view.last_seconds = saved->total_seconds;
    if (saved->pixels && app_shows_pictures(app))
        report_image(&app->report, &(Image){saved->pixels, saved->width, saved->height, saved->number,
                                            IMAGE_NEW, saved->path ? shown_path(saved->path) : NULL});
    app_gallery_saved(app, ticket->job, saved);
    ticket->seconds = saved->total_seconds;
    app_keep_shot(app, ticket, saved);
}

/* Alt-K: a step of a job that goes on. */
static void on_kept(App *app, Event *event) {
    Ticket *ticket = app_ticket(app, event->job);
    SavedInfo *saved = &event->saved;
    if (!ticket)
        return;
    if (event->fault) {
        Status st = fault_raise(event->fault);
        st = hint(st, saved->png ? "the picture is kept: :export last FILE writes it elsewhere"
                                 : ":set outdir DIR, and keep another step");
        app_fault(app, app_fault_as(app, EXIT_OUTPUT, st), EXIT_OUTPUT);
        if (saved->png)
            app_keep_shot(app, ticket, saved);
        return;
    }
    emit_saved(app, event->job, saved);
    app_tell(app, LINE_INFO, "Step %d/%d kept. Output saved to %s", saved->steps_run, ticket->job->steps,
             shown_path(saved->path));
    say_result(app, ticket->job, saved);
    app->view.pictures++;
    report_image(&app->report, &(Image){saved->pixels, saved->width, saved->height, saved->number, IMAGE_NEW,
                                        shown_path(saved->path)});
    app_gallery_saved(app, ticket->job, saved);
    app_keep_shot(app, ticket, saved);
}

/* N4: the picture is in memory; the worker begins nothing else until a person made room. Where there is none
 * it goes on. */
static void on_unsaved(App *app, Event *event) {
    Ticket *ticket = app_ticket(app, event->job);
    if (!ticket)
        return;
    Status st = fault_raise(event->fault);
    if (app->parts.mode == APP_INTERACTIVE) {
        st = hint(st, "the picture is kept: :export last FILE writes it elsewhere; the queue is paused");
        app->paused = true;
    } else if (app->parts.mode == APP_ONE_SHOT)
        st = hint(st, "--outdir=DIR or -o FILE writes elsewhere");
    else
        st = hint(st, "the picture is kept: :export last FILE writes it elsewhere");
    if (!app->paused)
        worker_resume(app->worker);
    ticket->failed = ticket->over = true;
    app_keep_shot(app, ticket, &event->saved);
    script_fault(app, app_fault_as(app, EXIT_OUTPUT, st), EXIT_OUTPUT);
}

static void on_stopped(App *app, Event *event) {
    Ticket *ticket = app_ticket(app, event->job);
    int step = event->kept || !ticket ? event->step.step : ticket->step.step; /* dropped: no result */
    emit_stopped(app, event->job, step, event->kept);
    if (!ticket)
        return;
    ticket->over = !event->kept;
    if (event->kept)
        ticket->phase = PHASE_VAE;
    else
        app_tell(app, LINE_INFO, "Dropped after step %d/%d", step, ticket->job->steps);
}

static void on_failed(App *app, Event *event) {
    Ticket *ticket = app_ticket(app, event->job);
    if (ticket)
        ticket->failed = ticket->over = true;
    if (event->fault->code == ERR_DEVICE) { /* as on_unsaved: a person may load the model again */
        app->paused = app->parts.mode == APP_INTERACTIVE;
        if (!app->paused)
            worker_resume(app->worker);
    }
    script_fault(app, fault_raise(event->fault), EXIT_OUTPUT);
}

static void on_finished(App *app, Event *event) {
    Ticket *ticket = app_ticket(app, event->job);
    double seconds = ticket ? ticket->seconds : 0;
    if (ticket)
        app_remove_ticket(app, ticket);
    app->view.preview_width = 0;
    size_t waiting = app_waiting(app);
    if (seconds > 0)
        ring(app, waiting ? seconds : clock_seconds() - app->busy_since);
    if (app->paused && waiting && app->parts.mode == APP_INTERACTIVE)
        app_say_paused(app);
    if (app->paused && !waiting) { /* nothing to hold back: the next prompt runs */
        app->paused = false;
        worker_resume(app->worker);
    }
    app_feed(app);
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

typedef void EventFn(App *app, Event *event);

static EventFn *const HANDLERS[] = {
    [EVENT_LOADING] = on_loading,   [EVENT_MODEL] = on_model,     [EVENT_NO_MODEL] = on_no_model,
    [EVENT_PACE] = on_pace,         [EVENT_HASH] = on_hash,
    [EVENT_STARTED] = on_started, [EVENT_PLAN] = on_plan,
    [EVENT_PHASE] = on_phase,       [EVENT_STEP] = on_step,       [EVENT_SAVED] = on_saved,
    [EVENT_UNSAVED] = on_unsaved,   [EVENT_STOPPED] = on_stopped, [EVENT_FAILED] = on_failed,
    [EVENT_FINISHED] = on_finished, [EVENT_KEPT] = on_kept,
};

static void heartbeat(App *app) {
    Ticket *running = app_running(app);
    double now = clock_seconds();
    if (!running || running->phase != PHASE_TEXT || now - running->line_time < HEARTBEAT_SECONDS)
        return;
    char seconds[24];
    running->line_time = now;
    clock_format(seconds, now - running->phase_began);
    app_tell(app, LINE_INFO, "Encoding text, %s so far...", seconds);
}

static ViewMemory view_memory(const MemoryUse *use) {
    return (ViewMemory){use->weights, use->activations, use->other, use->free, use->total};
}

static void take_progress(App *app) {
    if (!worker_progress(app->worker, &app->progress))
        return;
    View *view = &app->view;
    view->host = view_memory(&app->progress.host);
    view->device_memory = view_memory(&app->progress.device);
    const Ticket *running = app_running(app);
    bool new = app->progress.preview_width && app->progress.preview_count != view->preview_count;
    if (new && running && running->job->id == app->progress.job) { /* never one of the job before */
        view->preview_width = app->progress.preview_width;
        view->preview_height = app->progress.preview_height;
        view->preview = app->progress.preview;
        view->preview_count = app->progress.preview_count;
    }
}

static void view_queue(App *app) {
    View *view = &app->view;
    size_t made = app->ticket_count - (view->job != 0);
    view->waiting = (int)app_waiting(app);
    app->waiting_ids = must_realloc(app->waiting_ids, (made + 1) * sizeof *app->waiting_ids);
    for (size_t i = 0; i < made; i++)
        app->waiting_ids[i] = app->tickets[app->ticket_count - made + i].job->id;
    view->waiting_id_count = (int)made;
    view->waiting_ids = app->waiting_ids;
    view->paused = app->paused;
}

static void refresh_view(App *app) {
    View *view = &app->view;
    const Ticket *running = app_running(app);
    view->job = running ? running->job->id : 0;
    view->step = view->steps = 0;
    view->stopping = false;
    if (running) {
        view->phase = (ViewPhase)running->phase;
        view->step = running->step.step;
        view->steps = running->job->steps;
        view->sigma = running->step.sigma;
        view->step_seconds = running->step.seconds;
        view->eta = running->step.eta;
        view->stopping = running->stopping != STOP_NOT;
        memcpy(view->phase_seconds, running->phase_seconds, sizeof view->phase_seconds);
        if (view->phase_seconds[view->phase] < 0) /* so far */
            view->phase_seconds[view->phase] = clock_seconds() - running->phase_began;
    }
    view_queue(app);
    view->queue_eta = app_queue_seconds(app);
}

void app_drain(App *app) {
    Event event;
    while (worker_event(app->worker, &event)) {
        if ((size_t)event.kind < sizeof HANDLERS / sizeof *HANDLERS && HANDLERS[event.kind])
            HANDLERS[event.kind](app, &event);
        event_done(&event);
    }
    take_progress(app); /* after the events: they say which job it is about */
    heartbeat(app);
    app_bench_due(app);
    app_autosave_due(app);
    app_feed(app);
    refresh_view(app); /* a command of the script may ask, and a question is looked at for long */
    script_pump(app);
    refresh_view(app);
    app_sample(app);
    app_top_due(app);
}
