/* cmd_make.c: making pictures: :go :draft :again :same, and what waits: :queue :stop :drop :skip. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/clock.h"
#include "engine/names.h"

#define COUNT_MAX 9999

Status cmd_go(App *app, const Call *call) {
    long count = (long)settings_number(&app->settings, SET_COUNT);
    TRY(call_number(&count, call, 0, 1, COUNT_MAX));
    return app_order(app, buf_string(&app->prompt), (int)count);
}

Status cmd_draft(App *app, const Call *call) {
    long count = 1;
    TRY(call_number(&count, call, 0, 1, COUNT_MAX));
    return app_order_draft(app, buf_string(&app->prompt), (int)count);
}

Status cmd_again(App *app, const Call *call) {
    long count = 1;
    TRY(call_number(&count, call, 0, 1, WORKER_JOBS_MAX));
    return app_order_again(app, (int)count);
}

/* ---- :same --------------------------------------------------------------------------------------------- */

/* The job that a picture's own data describe. NULL with a fault when something needed is missing. */
static Status job_of_meta(Job **out, const RunMeta *meta, const char *reference) {
    Buf missing = {0};
    meta_missing(&missing, meta);
    if (missing.size || !meta->prompt) {
        Status st = fail(ERR_FORMAT, "%s cannot be repeated: it does not say %s", reference,
                         missing.size ? missing.data : "prompt");
        buf_done(&missing);
        return st;
    }
    buf_done(&missing);
    Job *job = must_alloc(sizeof *job);
    *job = (Job){
        .prompt = must_copy(meta->prompt),
        .jina_from = scan_jina_text(meta->prompt, strlen(meta->prompt)),
        .negative = must_copy(meta->negative ? meta->negative : ""),
        .system_name = must_copy(meta->system_preset ? meta->system_preset : "none"),
        .system_text = must_copy(meta->system_text ? meta->system_text : ""),
        .seed = meta->seed,
        .steps = meta->steps,
        .cfg = meta->cfg,
        .cfg_trunc = isnan(meta->cfg_trunc) ? 1 : meta->cfg_trunc,
        .renorm = isnan(meta->renorm) ? 0 : meta->renorm,
        .shift = meta->shift,
        .sampler = must_copy(meta->sampler ? meta->sampler : "euler"),
        .schedule = must_copy(meta->schedule ? meta->schedule : "normal"),
        .width = meta->width,
        .height = meta->height,
    };
    *out = job;
    return NULL;
}

static Status same_from_file(Job **job, Ticket *how, App *app, const char *reference) {
    RunMeta meta;
    TRY(picture_meta(&meta, NULL, app, reference));
    Status st = NULL;
    if (meta.model_name && app->loaded && strcmp(meta.model_name, app->view.name))
        st = hint(
            fail(ERR_USAGE, "%s was made by %s, %s is loaded", reference, meta.model_name, app->view.name),
            ":model PATH loads another");
    else if (meta.steps_run < meta.steps && meta.steps_run > 0)
        st = fail(ERR_USAGE, "%s was stopped after %d of %d steps and cannot be repeated", reference,
                  meta.steps_run, meta.steps);
    else if (!meta.latent_sha256)
        st = fail(ERR_USAGE, "%s does not say what its latent was, so it cannot be compared", reference);
    if (!st)
        st = job_of_meta(job, &meta, reference);
    if (!st)
        snprintf(how->like_latent, sizeof how->like_latent, "%s", meta.latent_sha256);
    meta_done(&meta);
    return st;
}

Status cmd_same(App *app, const Call *call) {
    const char *reference = call->count ? call->word[0] : "last";
    Shot *shot = picture_shot(app, reference);
    if (!shot && !call->count)
        return hint(fail(ERR_USAGE, "nothing was made yet"), ":go renders the current prompt");
    Ticket how = {.purpose = PURPOSE_SAME, .like = -1};
    Job *job = NULL;
    if (shot && shot->steps_run < shot->job->steps)
        return fail(ERR_USAGE, "%s was stopped after %d of %d steps and cannot be repeated", reference,
                    shot->steps_run, shot->job->steps);
    if (shot) {
        job = job_copy(shot->job);
        how.like = (int)(shot - app->shots);
        memcpy(how.like_latent, shot->latent, sizeof how.like_latent);
    } else
        TRY(same_from_file(&job, &how, app, reference));
    Buf name = {0};
    if (shot && shot->number)
        buf_print(&name, "#%lld", (long long)shot->number);
    else
        buf_text(&name, reference);
    how.like_name = buf_take(&name);
    job->id = app->next_job++;
    job->output = OUTPUT_BYTES; /* nothing is written: there is only something to compare */
    Status st = app_submit_job(app, job, &how);
    if (st)
        free(how.like_name);
    return st;
}

/* ---- the queue ----------------------------------------------------------------------------------------- */

static void add_job(Table *table, const Ticket *ticket) {
    size_t line = strcspn(ticket->job->prompt, "\n");
    table_cell(table, "j%d", ticket->job->id);
    if (ticket->started)
        table_cell(table, "step %d/%d", ticket->step.step, ticket->job->steps);
    else
        table_cell(table, "waits");
    table_cell(table, "seed %llu", (unsigned long long)ticket->job->seed);
    table_cell(table, "%dx%d", ticket->job->width, ticket->job->height);
    table_cell(table, "%.*s", (int)(line > 40 ? 40 : line), ticket->job->prompt);
}

static void list_queue(App *app) {
    Table table = table_of(5);
    size_t waiting = app_waiting(app), listed = app->ticket_count - (app_running(app) != NULL);
    for (size_t i = 0; i < app->ticket_count; i++)
        add_job(&table, &app->tickets[i]);
    report_table(&app->report, &table, 2);
    if (waiting > listed)
        report_line(&app->report, LINE_PLAIN, "  and %zu more", waiting - listed);
    Buf line = {0};
    if (!app->ticket_count && !waiting)
        buf_text(&line, "Nothing runs or waits");
    else
        buf_print(&line, "%s, %zu wait%s", app_running(app) ? "1 job runs" : "No job runs", waiting,
                  waiting == 1 ? "s" : "");
    double seconds = app_queue_seconds(app);
    if (seconds > 0 && (app->ticket_count || waiting)) {
        char text[24];
        clock_format(text, seconds);
        buf_print(&line, ", all done in about %s", text);
    }
    if (app->paused)
        buf_text(&line, "; paused, :queue go continues");
    report_line(&app->report, LINE_INFO, "%s", line.data);
    buf_done(&line);
}

/* The job that "j4" names. */
static Status job_named(Ticket **out, App *app, const char *word) {
    char *end;
    long id = *word == 'j' ? strtol(word + 1, &end, 10) : 0;
    Ticket *ticket = id > 0 && !*end ? app_ticket(app, (int)id) : NULL;
    if (!ticket)
        return hint(fail(ERR_USAGE, "there is no job %s", word), ":queue lists them");
    *out = ticket;
    return NULL;
}

static Status queue_clear(App *app, const Call *call) {
    (void)call;
    size_t waiting = app_waiting(app);
    app_remove_waiting(app);
    if (app->paused && !app->ticket_count) {
        app->paused = false;
        worker_resume(app->worker);
    }
    report_line(&app->report, LINE_INFO, "%zu job%s dropped", waiting, waiting == 1 ? "" : "s");
    return NULL;
}

static Status queue_go(App *app, const Call *call) {
    (void)call;
    if (app->paused)
        app_redirect_waiting(app);
    app->paused = false;
    worker_resume(app->worker);
    report_line(&app->report, LINE_INFO, "Queue goes on, %zu wait%s", app_waiting(app),
                app_waiting(app) == 1 ? "s" : "");
    return NULL;
}

static Status queue_up(App *app, const Call *call) {
    if (call->count < 2)
        return hint(fail(ERR_USAGE, ":queue up needs a jN"), ":queue up j4");
    Ticket *ticket;
    TRY(job_named(&ticket, app, call->word[1]));
    if (!worker_promote(app->worker, ticket->job->id))
        return fail(ERR_USAGE, "%s does not wait any more", call->word[1]);
    Ticket moved = *ticket;
    size_t first = app_running(app) != NULL, index = (size_t)(ticket - app->tickets);
    memmove(app->tickets + first + 1, app->tickets + first, (index - first) * sizeof *ticket);
    app->tickets[first] = moved;
    report_line(&app->report, LINE_INFO, "%s is next", call->word[1]);
    return NULL;
}

Status cmd_queue(App *app, const Call *call) {
    static const struct {
        const char *word;
        CommandFn *run;
    } ways[] = {{"clear", queue_clear}, {"go", queue_go}, {"up", queue_up}};
    if (!call->count) {
        list_queue(app);
        return NULL;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!strcmp(ways[i].word, call->word[0]))
            return ways[i].run(app, call);
    return hint(fail(ERR_USAGE, ":queue %s is unknown, expected clear, go or up", call->word[0]), ":queue");
}

static Status stop_and_pause(App *app, StopKind kind) {
    TRY(app_stop(app, kind));
    app->paused = true;
    worker_pause(app->worker);
    return NULL;
}

Status cmd_stop(App *app, const Call *call) {
    (void)call;
    return stop_and_pause(app, STOP_GENTLY);
}

Status cmd_drop(App *app, const Call *call) {
    (void)call;
    return stop_and_pause(app, STOP_NOW);
}

Status cmd_skip(App *app, const Call *call) {
    if (!call->count)
        return app_stop(app, STOP_NOW);
    Ticket *ticket;
    TRY(job_named(&ticket, app, call->word[0]));
    if (ticket->started)
        return app_stop(app, STOP_NOW);
    if (worker_withdraw(app->worker, ticket->job->id)) {
        report_line(&app->report, LINE_INFO, "%s dropped", call->word[0]);
        app_remove_ticket(app, ticket);
    }
    return NULL;
}
