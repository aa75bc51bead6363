/* jobs.c: from a submitted prompt to jobs in the worker's queue, and what became of them.
 *
 * A submission is an Order; it is turned into jobs, one per picture, when a model is loaded (its defaults are
 * then known) and while the worker's queue has room. Before its first job an order is checked: advice, output
 * directory. */
#include "config.h"

#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/state.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "prompt/known.h"

#define FINDINGS_SHOWN 5

void order_done(Order *order) {
    settings_done(&order->settings);
    free(order->prompt);
}

void shot_done(Shot *shot) {
    free(shot->path);
    free(shot->model);
    job_free(shot->job);
    free(shot->pixels);
    buf_done(&shot->png);
}

/* ---- advice -------------------------------------------------------------------------------------------- */

static bool has_elements(const char *prompt, size_t size) {
    Scan scan;
    scan_text(&scan, prompt, size);
    bool found = scan_find(&scan, SCAN_NONE, "general_tags") != SCAN_NONE;
    for (size_t i = 0; i < scan.element_count && !found; i++)
        found = known_character(scan.elements[i].name) > 0;
    scan_done(&scan);
    return found;
}

void system_prompt_for(const char **name, const char **text, const App *app, const Settings *settings,
                       const char *prompt, size_t size) {
    *name = settings_text(settings, SET_SYS);
    *text = "";
    if (scan_marker(prompt, size, NULL) != SIZE_MAX) { /* S4: the prompt brings its own */
        *name = "none";
        return;
    }
    if (!strcmp(*name, "auto")) {
        if (app->loaded && app->model.default_system) {
            *name = "model";
            *text = app->model.default_system;
            return;
        }
        *name = has_elements(prompt, size) ? "xml-train" : "text-train";
    }
    const SystemPrompt *row = system_prompt_find(*name);
    *text = row ? row->text : *name;
    if (!row)
        *name = "custom";
}

/* Tokens as the encoders will see them. */
static void token_facts(LintFacts *facts, App *app, const char *system, const char *prompt, size_t size) {
    Buf text = {0};
    size_t before = strlen(system), jina = scan_jina_text(prompt, size);
    buf_add(&text, system, before);
    buf_add(&text, prompt, size);
    TokenList list;
    if (!worker_tokens(app->worker, &list, TOKENS_GEMMA, buf_string(&text), text.size)) {
        facts->gemma_tokens = list.count;
        facts->gemma_limit = GEMMA_LIMIT;
        if (list.count > GEMMA_LIMIT) {
            size_t cut = list.begin[GEMMA_LIMIT];
            facts->gemma_cut = cut > before ? cut - before : 0;
        }
        token_list_done(&list);
    }
    if (!worker_tokens(app->worker, &list, TOKENS_JINA, prompt + jina, size - jina)) {
        facts->jina_tokens = list.count;
        facts->jina_limit = JINA_LIMIT;
        token_list_done(&list);
    }
    buf_done(&text);
}

void app_lint(App *app, LintList *out, const Settings *settings, const char *prompt, size_t size) {
    const char *system_name, *system_text;
    system_prompt_for(&system_name, &system_text, app, settings, prompt, size);
    bool marker = scan_marker(prompt, size, NULL) != SIZE_MAX;
    LintFacts facts = {
        .system_preset = marker ? "xml-train" : system_name,
        .negative = settings_text(settings, SET_NEG),
        .cfg = settings_number(settings, SET_CFG),
        .rng = settings_text(settings, SET_RNG),
    };
    settings_size(settings, &facts.width, &facts.height);
    facts.seed_fixed = settings_seed(settings, &facts.seed);
    facts.largest_width = facts.largest_height = 1024;
    if (app->loaded && (app->model.largest_width || app->model.demo)) {
        bool said = app->model.largest_width > 0;
        facts.largest_width = said ? app->model.largest_width : app->model.default_width;
        facts.largest_height = said ? app->model.largest_height : app->model.default_height;
    }
    if (app->loaded)
        token_facts(&facts, app, system_text, prompt, size);
    lint_prompt(out, prompt, size, &facts);
}

static LineKind finding_kind(const LintFinding *finding) {
    static const LineKind kinds[] = {
        [LINT_NOTE] = LINE_INFO, [LINT_WARN] = LINE_WARN, [LINT_ERROR] = LINE_ERROR};
    return kinds[finding->rule->level];
}

static void tell_finding(App *app, const LintFinding *finding) {
    Buf line = {0};
    if (finding->rule->level == LINT_NOTE)
        buf_text(&line, "Note: ");
    lint_message(&line, finding);
    app_tell(app, finding_kind(finding), "%s", line.data);
    buf_done(&line);
}

/* Says what there is to say before the wait. Errors: ERR_USAGE when the advice forbids to render. */
static Status advise(App *app, const Order *order) {
    if (settings_is(&order->settings, SET_LINT, "off"))
        return NULL;
    LintList list = {0};
    app_lint(app, &list, &order->settings, order->prompt, strlen(order->prompt));
    for (size_t i = 0; i < list.count; i++) {
        emit_lint(app, &list.findings[i]);
        if (i < FINDINGS_SHOWN)
            tell_finding(app, &list.findings[i]);
    }
    if (list.count > FINDINGS_SHOWN)
        app_tell(app, LINE_INFO, "%zu more finding%s, :lint shows all", list.count - FINDINGS_SHOWN,
                 list.count - FINDINGS_SHOWN == 1 ? "" : "s");
    LintLevel worst = list.count ? lint_worst(&list) : LINT_NOTE;
    lint_done(&list);
    if (worst == LINT_ERROR || (worst == LINT_WARN && settings_is(&order->settings, SET_LINT, "strict")))
        return hint(fail(ERR_USAGE, "the prompt has warnings and lint is strict; nothing is rendered"),
                    ":lint shows the cures, :set lint on renders anyway");
    return NULL;
}

/* ---- where pictures go --------------------------------------------------------------------------------- */

/* R4: the directory can be written and has room for 4 bytes per pixel. */
static Status check_directory(const Settings *settings) {
    const char *directory = settings_text(settings, SET_OUTDIR);
    if (!file_exists(directory)) {
        char *copy = must_copy(directory);
        Status st = file_is_directory(dirname(copy))
                        ? file_make_directories(directory, 0777)
                        : fail(ERR_IO, "cannot write in %s: no such directory", directory);
        free(copy);
        if (st)
            return hint(st, ":set outdir DIR");
    }
    TRY(hint(file_check_writable(directory), ":set outdir DIR"));
    int width, height;
    settings_size(settings, &width, &height);
    uint64_t need = (uint64_t)width * (uint64_t)height * 4, left = file_free_space(directory);
    if (left < need)
        return hint(fail(ERR_IO, "cannot write in %s: %.1f MiB needed, %.1f MiB free", directory,
                         need / 1048576.0, left / 1048576.0),
                    ":set outdir DIR");
    return NULL;
}

static Status check_output(const App *app, const Settings *settings) {
    const Arguments *arguments = app->parts.arguments;
    if (!arguments->output)
        return check_directory(settings);
    if (!strcmp(arguments->output, "-") || arguments->force || !file_exists(arguments->output))
        return NULL;
    return hint(fail(ERR_IO, "%s exists", arguments->output), "--force replaces it");
}

static void choose_output(Job *job, const App *app, const Settings *settings) {
    const Arguments *arguments = app->parts.arguments;
    job->directory = must_copy(settings_text(settings, SET_OUTDIR));
    job->prefix = must_copy(settings_text(settings, SET_PREFIX));
    if (!arguments->output)
        job->output = OUTPUT_NUMBERED;
    else if (!strcmp(arguments->output, "-"))
        job->output = OUTPUT_BYTES;
    else {
        job->output = arguments->force ? OUTPUT_FILE_FORCE : OUTPUT_FILE;
        job->file = must_copy(arguments->output);
    }
}

/* ---- from order to job --------------------------------------------------------------------------------- */

static MetaLevel metadata_level(const Settings *settings) {
    if (settings_is(settings, SET_METADATA, "off"))
        return META_OFF;
    return settings_is(settings, SET_METADATA, "share") ? META_SHARE : META_FULL;
}

static bool previews_are_shown(const App *app) {
    return app->report.surface->image && !app->report.surface->by_request;
}

static Job *make_job(App *app, const Order *order) {
    const Settings *settings = &order->settings;
    size_t size = strlen(order->prompt);
    const char *system_name, *system_text;
    system_prompt_for(&system_name, &system_text, app, settings, order->prompt, size);
    Job *job = must_alloc(sizeof *job);
    *job = (Job){
        .id = app->next_job++,
        .prompt = must_copy(order->prompt),
        .jina_from = scan_jina_text(order->prompt, size),
        .negative = must_copy(settings_text(settings, SET_NEG)),
        .system_name = must_copy(system_name),
        .system_text = must_copy(system_text),
        .seed = order->fixed ? order->seed + (uint64_t)order->made : rng_entropy(),
        .steps = (int)settings_number(settings, SET_STEPS),
        .cfg = settings_number(settings, SET_CFG),
        .cfg_trunc = settings_number(settings, SET_CFG_TRUNC),
        .renorm = settings_number(settings, SET_RENORM),
        .shift = settings_number(settings, SET_SHIFT),
        .sampler = must_copy(settings_text(settings, SET_SAMPLER)),
        .schedule = must_copy(settings_text(settings, SET_SCHEDULE)),
        .preview_every = previews_are_shown(app) ? (int)settings_number(settings, SET_PREVIEW) : 0,
        .metadata = metadata_level(settings),
        .comfy = settings_is(settings, SET_COMFY, "on"),
    };
    settings_size(settings, &job->width, &job->height);
    choose_output(job, app, settings);
    return job;
}

Status app_submit_job(App *app, Job *take_job, const Ticket *how) {
    Status st = job_check(take_job);
    if (!st)
        st = worker_submit(app->worker, take_job);
    if (st) {
        job_free(take_job);
        return st;
    }
    if (!app->ticket_count)
        app->busy_since = clock_seconds();
    app->tickets = must_realloc(app->tickets, (app->ticket_count + 1) * sizeof *app->tickets);
    Ticket *ticket = &app->tickets[app->ticket_count++];
    *ticket = *how;
    ticket->job = take_job;
    for (int i = 0; i < PHASE_COUNT; i++)
        ticket->phase_seconds[i] = -1;
    if (ticket->purpose == PURPOSE_PICTURE) {
        job_free(app->last_job);
        app->last_job = job_copy(take_job);
    }
    emit_job(app, take_job);
    return NULL;
}

/* Half of a width or height, in steps of 16. */
static int draft_pixels(int pixels) {
    int half = (pixels / 2 + 8) / 16 * 16;
    return half < 16 ? 16 : half;
}

/* Settings that are not told to be anything else become a third of the steps and half of the size. */
static void make_draft(Settings *settings) {
    char steps[16], size[32];
    int width, height, third = (int)(settings_number(settings, SET_STEPS) / 3 + 0.5);
    settings_size(settings, &width, &height);
    snprintf(steps, sizeof steps, "%d", third < 1 ? 1 : third);
    snprintf(size, sizeof size, "%dx%d", draft_pixels(width), draft_pixels(height));
    bool own_steps = !settings_is(settings, SET_DRAFT_STEPS, "auto"),
         own_size = !settings_is(settings, SET_DRAFT_SIZE, "auto");
    settings_set(settings, SET_STEPS, own_steps ? settings_text(settings, SET_DRAFT_STEPS) : steps,
                 FROM_USER);
    settings_set(settings, SET_SIZE, own_size ? settings_text(settings, SET_DRAFT_SIZE) : size, FROM_USER);
}

/* Errors stop the order. */
static Status feed_order(App *app, Order *order) {
    if (!order->checked) {
        model_defaults(&order->settings, &app->model);
        if (order->draft)
            make_draft(&order->settings);
        TRY(advise(app, order));
        Status st = check_output(app, &order->settings);
        if (st)
            return app_fault_as(app, EXIT_OUTPUT, st);
        order->checked = true;
    }
    while (order->made < order->count && app->ticket_count < WORKER_JOBS_MAX) {
        Ticket how = {.like = -1, .drawn = !order->fixed};
        TRY(app_submit_job(app, make_job(app, order), &how));
        order->made++;
    }
    return NULL;
}

static void remove_order(App *app, size_t index) {
    order_done(&app->orders[index]);
    memmove(app->orders + index, app->orders + index + 1,
            (app->order_count - index - 1) * sizeof *app->orders);
    app->order_count--;
}

void app_feed(App *app) {
    while (app->order_count && !app->loading && !app->bench) {
        Order *order = &app->orders[0];
        Status st = app->loaded ? feed_order(app, order)
                                : hint(fail(ERR_USAGE, "no model is loaded"),
                                       ":model PATH loads one, :demo the built-in one");
        if (!st && order->made < order->count)
            return; /* the queue is full */
        remove_order(app, 0);
        if (st)
            script_fault(app, st, app->loaded ? EXIT_OUTPUT : EXIT_MODEL);
    }
}

void app_drop_orders(App *app) {
    while (app->order_count)
        remove_order(app, app->order_count - 1);
    free(app->orders);
    app->orders = NULL;
}

static Status queue_full(void) {
    return hint(fail(ERR_USAGE, "the queue holds %d jobs, there is no room for more", WORKER_JOBS_MAX),
                ":queue lists them, :queue clear drops them");
}

static Status order(App *app, const Order *what) {
    const char *prompt = what->prompt;
    if (!prompt[strspn(prompt, " \t\r\n")])
        return hint(fail(ERR_USAGE, "there is no prompt"), "type one, or :load NAME, or :edit");
    if (app->order_count + app->ticket_count >= WORKER_JOBS_MAX)
        return queue_full();
    app->orders = must_realloc(app->orders, (app->order_count + 1) * sizeof *app->orders);
    Order *order = &app->orders[app->order_count++];
    *order = *what;
    order->prompt = must_copy(prompt);
    settings_copy(&order->settings, &app->settings);
    order->fixed = settings_seed(&order->settings, &order->seed);
    app_feed(app);
    return NULL;
}

Status app_order(App *app, const char *prompt, int count) {
    return order(app, &(Order){.prompt = (char *)prompt, .count = count});
}

Status app_order_draft(App *app, const char *prompt, int count) {
    return order(app, &(Order){.prompt = (char *)prompt, .count = count, .draft = true});
}

/* Where pictures go is no part of what they are: it is always the present setting. */
static void redirect(Job *job, const App *app) {
    free(job->directory);
    job->directory = must_copy(settings_text(&app->settings, SET_OUTDIR));
}

Status app_order_again(App *app, int count) {
    if (!app->last_job)
        return hint(fail(ERR_USAGE, "nothing was made yet"), ":go renders the current prompt");
    if (app->ticket_count + app->order_count + (size_t)count > WORKER_JOBS_MAX)
        return queue_full();
    for (int i = 0; i < count; i++) {
        Job *job = job_copy(app->last_job);
        job->id = app->next_job++;
        job->seed = rng_entropy();
        redirect(job, app);
        TRY(app_submit_job(app, job, &(Ticket){.like = -1, .drawn = true}));
    }
    return NULL;
}

void app_redirect_waiting(App *app) {
    const char *directory = settings_text(&app->settings, SET_OUTDIR);
    for (size_t i = 0; i < app->order_count; i++)
        settings_set(&app->orders[i].settings, SET_OUTDIR, directory, FROM_USER);
    for (size_t i = 0; i < app->ticket_count; i++) {
        Job *job = app->tickets[i].job;
        if (!strcmp(job->directory, directory) || !worker_withdraw(app->worker, job->id))
            continue;
        redirect(job, app);
        worker_submit(app->worker, job); /* has room: it was there */
    }
}

/* ---- the queue ----------------------------------------------------------------------------------------- */

Ticket *app_ticket(App *app, int id) {
    for (size_t i = 0; i < app->ticket_count; i++)
        if (app->tickets[i].job->id == id)
            return &app->tickets[i];
    return NULL;
}

Ticket *app_running(App *app) {
    return app->ticket_count && app->tickets[0].started ? &app->tickets[0] : NULL;
}

size_t app_waiting(const App *app) {
    size_t waiting = app->ticket_count - (app_running((App *)app) != NULL);
    for (size_t i = 0; i < app->order_count; i++)
        waiting += (size_t)(app->orders[i].count - app->orders[i].made);
    return waiting;
}

void app_remove_ticket(App *app, Ticket *ticket) {
    size_t index = (size_t)(ticket - app->tickets);
    job_free(ticket->job);
    free(ticket->like_name);
    memmove(ticket, ticket + 1, (app->ticket_count - index - 1) * sizeof *ticket);
    app->ticket_count--;
}

void app_remove_waiting(App *app) {
    app_drop_orders(app);
    for (size_t i = app->ticket_count; i-- > 0;)
        if (!app->tickets[i].started && worker_withdraw(app->worker, app->tickets[i].job->id))
            app_remove_ticket(app, &app->tickets[i]);
}

/* What the running job takes in all; 0: nothing is known yet. */
static double whole_seconds(const Ticket *running) {
    const StepInfo *step = &running->step;
    if (!step->step)
        return 0;
    double seconds = step->eta + step->step * step->seconds;
    return running->phase_seconds[PHASE_TEXT] > 0 ? seconds + running->phase_seconds[PHASE_TEXT] : seconds;
}

/* Those that wait are taken to be like the one that runs, or like the last. */
double app_queue_seconds(const App *app) {
    Ticket *running = app_running((App *)app);
    double whole = running ? whole_seconds(running) : 0, each = whole > 0 ? whole : app->view.last_seconds;
    double own = !running ? 0 : whole > 0 ? running->step.eta : each;
    return each > 0 ? own + (double)app_waiting(app) * each : 0;
}

Status app_stop(App *app, StopKind kind) {
    Ticket *running = app_running(app);
    if (!running)
        return hint(fail(ERR_USAGE, "nothing is running"), ":queue lists what waits");
    if ((int)kind > running->stopping) {
        running->stopping = (int)kind;
        worker_stop(app->worker, running->job->id, kind);
        int step = running->step.step + 1, total = running->job->steps;
        if (kind == STOP_GENTLY && running->phase <= PHASE_DENOISE)
            app_tell(app, LINE_INFO, "Stopping after step %d/%d; Ctrl-C again drops the picture",
                     step > total ? total : step, total);
    }
    return NULL;
}

void app_say_paused(App *app) {
    size_t waiting = app_waiting(app);
    app_tell(app, LINE_INFO, "Queue paused, %zu job%s wait%s; :queue go continues, :queue clear drops them",
             waiting, waiting == 1 ? "" : "s", waiting == 1 ? "s" : "");
}

/* The running job while it makes steps. Errors: ERR_USAGE. */
static Status stepping(Ticket **out, App *app) {
    Ticket *running = app_running(app);
    if (!running || running->over)
        return hint(fail(ERR_USAGE, "nothing is running"), ":go renders the current prompt");
    if (running->phase > PHASE_DENOISE || running->step.step + 1 >= running->job->steps)
        return fail(ERR_USAGE, "j%d makes its last step; its picture comes now", running->job->id);
    *out = running;
    return NULL;
}

Status app_keep(App *app) {
    Ticket *running;
    TRY(stepping(&running, app));
    if (running->purpose != PURPOSE_PICTURE || running->job->output != OUTPUT_NUMBERED)
        return fail(ERR_USAGE, "j%d writes no numbered pictures, so none of its steps is kept",
                    running->job->id);
    worker_keep(app->worker, running->job->id);
    app_tell(app, LINE_INFO, "Step %d/%d will be kept as a picture", running->step.step + 1,
             running->job->steps);
    return NULL;
}

Status app_preview_now(App *app) {
    Ticket *running;
    if (!previews_are_shown(app))
        return hint(fail(ERR_UNSUPPORTED, "lines cannot show a preview"),
                    "newbie --full shows pictures and previews");
    TRY(stepping(&running, app));
    worker_preview(app->worker, running->job->id);
    return NULL;
}

/* The job that Ctrl-C would stop: not one whose picture is there and only the last event is missing. */
static Ticket *stoppable(App *app) {
    Ticket *running = app_running(app);
    return running && !running->over ? running : NULL;
}

bool app_interrupt(App *app) {
    if (app_bench_end(app))
        return true;
    if (app->topping) {
        app_top_end(app);
        return true;
    }
    script_stop(app);
    if (!stoppable(app) && (app->paused || !app_waiting(app)))
        return false;
    if (!app->paused) {
        app->paused = true;
        worker_pause(app->worker);
    }
    app_drain(app); /* what has begun in this moment is then known */
    Ticket *running = stoppable(app);
    if (running)
        app_stop(app, running->stopping ? STOP_NOW : STOP_GENTLY);
    else if (app->paused)
        app_say_paused(app);
    return true;
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

/* Pixels are kept of the newest ones only: 3 MiB each at 1024x1024. */
static void forget_pixels(App *app) {
    for (size_t i = 0; i + SHOTS_WITH_PIXELS < app->shot_count; i++) {
        free(app->shots[i].pixels);
        app->shots[i].pixels = NULL;
    }
}

void app_keep_shot(App *app, const Ticket *ticket, SavedInfo *saved) {
    app->shots = must_realloc(app->shots, (app->shot_count + 1) * sizeof *app->shots);
    Shot *shot = &app->shots[app->shot_count++];
    *shot = (Shot){
        .number = saved->number,
        .path = must_copy(saved->path),
        .job = job_copy(ticket->job),
        .model = must_copy(app->view.name),
        .drawn = ticket->drawn,
        .steps_run = saved->steps_run,
        .step = ticket->step,
        .seconds = saved->total_seconds,
        .pixels = saved->pixels,
    };
    saved->pixels = NULL; /* taken */
    memcpy(shot->phase_seconds, saved->seconds, sizeof shot->phase_seconds);
    memcpy(shot->latent, saved->latent_sha256, sizeof shot->latent);
    if (!saved->path && saved->png)
        buf_add(&shot->png, saved->png, saved->png_size);
    forget_pixels(app);
}
