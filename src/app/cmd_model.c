/* cmd_model.c: the model and its memory: :model :demo :mem. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/clock.h"

static const char *const NETWORKS[] = {"transformer", "gemma", "jina", "vae"};

static Status no_model(const App *app) {
    if (app->loading)
        return hint(fail(ERR_USAGE, "the model is still being loaded"), "try again in a moment");
    return hint(fail(ERR_USAGE, "no model is loaded"), ":model PATH loads one, :demo the built-in one");
}

static void add(Table *table, const char *name, const char *value) {
    if (!value || !*value)
        return;
    table_cell(table, "%s", name);
    table_cell(table, "%s", value);
}

static void add_bytes(Table *table, const char *name, uint64_t bytes) {
    Buf text = {0};
    put_bytes(&text, bytes);
    add(table, name, text.data);
    buf_done(&text);
}

static Status show_model(App *app) {
    if (!app->loaded)
        return no_model(app);
    const ModelInfo *model = &app->model;
    Table table = table_of(2);
    add(&table, "name", model->name);
    add(&table, "demo", model->demo ? "yes" : NULL);
    add(&table, "about", model->about);
    add(&table, "trained", model->trained);
    add(&table, "licence", model->licence ? model->licence : "not said");
    add(&table, "layout", model->layout);
    add(&table, "path", model->path);
    add(&table, "device", model->device);
    add(&table, "precision", model->precision);
    add(&table, "plan", app->view.plan);
    add(&table, "plan costs", model->residency ? model->residency->cost : NULL);
    add_bytes(&table, "weights", model->weights_bytes);
    if (model->residency)
        add_bytes(&table, "on the device", model->device_weights);
    table_cell(&table, "defaults");
    table_cell(&table, "%s, %s steps, cfg %s, shift %s", settings_default(&app->settings, SET_SIZE),
               settings_default(&app->settings, SET_STEPS), settings_default(&app->settings, SET_CFG),
               settings_default(&app->settings, SET_SHIFT));
    add(&table, "transformer SHA-256", model->hash[0] ? model->hash : "not ready yet");
    report_table(&app->report, &table, 2);
    return NULL;
}

static Status change_model(App *app, const Call *call, const char *name) {
    Origin origin = call->source == SOURCE_START_FILE ? FROM_START_FILE : FROM_USER;
    bool same = !strcmp(name, settings_text(&app->settings, SET_MODEL));
    TRY(app_set(app, SET_MODEL, name, origin));
    if (same && app->started)
        app_load_model(app);
    return NULL;
}

Status cmd_model(App *app, const Call *call) {
    if (!call->count)
        return show_model(app);
    if (!strcmp(call->word[0], "reload")) {
        app_load_model(app);
        return NULL;
    }
    if (!strcmp(call->word[0], "unload")) {
        worker_unload(app->worker);
        return NULL;
    }
    char *path = app_path(app, call->word[0]);
    Status st = change_model(app, call, path);
    free(path);
    return st;
}

Status cmd_demo(App *app, const Call *call) {
    return change_model(app, call, "");
}

/* ---- :mem ---------------------------------------------------------------------------------------------- */

static void say_networks(App *app) {
    Table table = table_of(2);
    for (size_t i = 0; i < sizeof NETWORKS / sizeof *NETWORKS; i++)
        add_bytes(&table, NETWORKS[i], app->model.network_bytes[i]);
    add_bytes(&table, "all weights", app->model.weights_bytes);
    report_table(&app->report, &table, 2);
}

static void say_memory(App *app, const char *name, const ViewMemory *use) {
    if (!use->total)
        return;
    Table table = table_of(2);
    add_bytes(&table, "weights", use->weights);
    add_bytes(&table, "activations", use->activations);
    add_bytes(&table, "other", use->other);
    add_bytes(&table, "free", use->free);
    add_bytes(&table, "total", use->total);
    report_line(&app->report, LINE_PLAIN, "%s", name);
    report_table(&app->report, &table, 2);
}

/* One size: what it needs besides the weights, and where there are plans, in all, and under which. */
static void add_size(Table *table, const App *app, const char *size, const PlanInfo *plan) {
    bool placed = app->model.residency != NULL;
    Buf text = {0};
    table_cell(table, "%s", size);
    put_bytes(&text, plan->activation_bytes);
    table_cell(table, "%s", text.data);
    buf_truncate(&text, 0);
    if (placed)
        put_bytes(&text, plan->peak_bytes);
    table_cell(table, "%s", buf_string(&text));
    buf_truncate(&text, 0);
    if (!plan->fits)
        buf_text(&text, placed ? "fits in no plan" : "does not fit");
    else if (placed)
        put_plan(&text, plan->residency);
    if (plan->tiled && plan->fits)
        buf_print(&text, "%sin tiles", placed ? ", " : "");
    if (plan->dropped)
        buf_print(&text, ", %d layers leave while it is decoded", plan->dropped);
    table_cell(table, "%s", buf_string(&text));
    if (plan->seconds > 0) {
        char seconds[24];
        clock_format(seconds, plan->seconds);
        table_cell(table, "about %s", seconds);
    } else {
        table_cell(table, "time not known before a first picture");
    }
    buf_done(&text);
}

Status say_sizes(App *app) {
    static const int sides[] = {128, 256, 512, 768, 1024, 1536, 2048};
    Table table = table_of(5);
    Status st = NULL;
    int steps = (int)settings_number(&app->settings, SET_STEPS);
    for (size_t i = 0; i < sizeof sides / sizeof *sides && !st; i++) {
        Job job = {.id = app->next_job, .prompt = "1girl", .negative = "", .system_name = "none",
                   .system_text = "", .steps = steps, .cfg = settings_number(&app->settings, SET_CFG),
                   .cfg_trunc = 1, .shift = 6, .sampler = "euler", .schedule = "normal", .width = sides[i],
                   .height = sides[i], .output = OUTPUT_BYTES};
        PlanInfo plan = {0};
        char size[32];
        st = worker_plan(app->worker, &plan, &job);
        snprintf(size, sizeof size, "%dx%d", sides[i], sides[i]);
        if (st && st->code == ERR_MEMORY && plan.residency)
            st = NULL; /* said in its row */
        if (!st)
            add_size(&table, app, size, &plan);
    }
    report_line(&app->report, LINE_PLAIN, "a picture in %d steps: activations%s, time", steps,
                app->model.residency ? ", with the weights of its plan" : "");
    report_table(&app->report, &table, 2);
    return st;
}

Status cmd_mem(App *app, const Call *call) {
    (void)call;
    if (!app->loaded)
        return no_model(app);
    report_line(&app->report, LINE_PLAIN, "%s, %s, %s", app->view.name, app->view.device,
                app->view.precision);
    say_networks(app);
    say_memory(app, app->model.where, &app->view.device_memory);
    say_memory(app, "host", &app->view.host);
    Status st = say_sizes(app);
    if (st) /* a job runs that cannot be disturbed */
        report_line(&app->report, LINE_INFO, "%s", st->message);
    return NULL;
}
