/* cmd_picture.c: commands about finished pictures: :info :last :export. `newbie info` says the same. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/file.h"

#define PICTURE_BYTES_MAX ((size_t)1 << 30)

static void add_text(Table *table, const char *name, const char *value) {
    if (!value)
        return;
    table_cell(table, "%s", name);
    table_cell(table, "%s", value);
}

static void add_number(Table *table, const char *name, double value) {
    if (isnan(value))
        return;
    table_cell(table, "%s", name);
    table_cell(table, "%.9g", value);
}

static void add_list(Table *table, const char *name, const MetaList *list) {
    for (size_t i = 0; i < list->count; i++) {
        table_cell(table, "%s %s", name, list->rows[i].name);
        table_cell(table, "%s", list->rows[i].text);
    }
}

static void add_settings(Table *table, const RunMeta *meta) {
    if (meta->has_seed) {
        table_cell(table, "seed");
        table_cell(table, "%llu", (unsigned long long)meta->seed);
    }
    if (meta->width) {
        table_cell(table, "size");
        table_cell(table, "%dx%d", meta->width, meta->height);
    }
    if (meta->steps) {
        table_cell(table, "steps");
        if (meta->steps_run && meta->steps_run < meta->steps)
            table_cell(table, "%d of %d, stopped", meta->steps_run, meta->steps);
        else
            table_cell(table, "%d", meta->steps);
    }
    add_number(table, "cfg", meta->cfg);
    add_number(table, "cfg_trunc", meta->cfg_trunc);
    add_number(table, "renorm", meta->renorm);
    add_text(table, "sampler", meta->sampler);
    add_text(table, "schedule", meta->schedule);
    add_number(table, "shift", meta->shift);
    add_text(table, "rng", meta->rng);
    add_text(table, "parity", meta->parity);
    add_text(table, "system prompt", meta->system_preset);
}

static void add_run(Table *table, const RunMeta *meta) {
    add_text(table, "model", meta->model_name);
    if (meta->demo)
        add_text(table, "demo", "yes, a demo model");
    add_list(table, "hash of", &meta->hashes);
    add_text(table, "precision", meta->dtype);
    add_text(table, "device", meta->device);
    add_text(table, "build", meta->build);
    add_list(table, "library", &meta->libraries);
    for (size_t i = 0; i < meta->phase_count; i++) {
        table_cell(table, "seconds of %s", meta->phases[i].name);
        table_cell(table, "%.2f", meta->phases[i].seconds);
    }
    if (meta->peak_bytes > 0) {
        table_cell(table, "peak memory");
        table_cell(table, "%.0f MiB", (double)meta->peak_bytes / (1 << 20));
    }
    add_text(table, "latent SHA-256", meta->latent_sha256);
    add_text(table, "made from", meta->parent);
}

void say_picture(Report *report, const char *name, const RunMeta *meta, const PictureFacts *facts) {
    if (facts->missing)
        report_line(report, LINE_PLAIN, "%s: %dx%d, the file is gone; data from the gallery index", name,
                    facts->width, facts->height);
    else
        report_line(report, LINE_PLAIN, "%s: %dx%d, data from the chunk \"%s\"", name, facts->width,
                    facts->height, meta_chunk(facts->source));
    if (meta->prompt && *meta->prompt)
        report_lines(report, LINE_PLAIN, meta->prompt);
    if (meta->negative && *meta->negative)
        report_line(report, LINE_PLAIN, "Negative prompt: %s", meta->negative);
    Table table = table_of(2);
    add_settings(&table, meta);
    add_run(&table, meta);
    report_table(report, &table, 2);
    Buf missing = {0};
    meta_missing(&missing, meta);
    if (missing.size)
        report_line(report, LINE_INFO, "Not said: %s", missing.data);
    buf_done(&missing);
    report_lines(report, LINE_INFO, buf_string(&facts->remarks));
    report_lines(report, LINE_WARN, buf_string(&facts->problems));
}

static Status info(App *app, const char *reference) {
    RunMeta meta;
    PictureFacts facts = {0};
    TRY(picture_meta(&meta, &facts, app, reference));
    char *path = NULL;
    if (!facts.missing && picture_path(&path, app, reference))
        path = NULL; /* taken away in this moment */
    say_picture(&app->report, path ? shown_path(path) : reference, &meta, &facts);
    meta_done(&meta);
    picture_facts_done(&facts);
    free(path);
    return NULL;
}

Status cmd_info(App *app, const Call *call) {
    return info(app, call->count ? call->word[0] : "last");
}

Status cmd_last(App *app, const Call *call) {
    (void)call;
    return info(app, "last");
}

/* ---- :export ------------------------------------------------------------------------------------------- */

static Status write_copy(const char *path, const Buf *bytes) {
    Status st = file_write_new(path, bytes->data, bytes->size);
    return st && file_exists(path) ? hint(st, "name another file") : st;
}

static Status export_unsaved(App *app, Shot *shot, const char *path) {
    TRY(app_fault_as(app, EXIT_OUTPUT, write_copy(path, &shot->png)));
    shot->path = must_copy(path);
    buf_done(&shot->png);
    app->view.pictures++;
    if (app->paused)
        report_line(&app->report, LINE_HINT, ":queue go continues");
    return NULL;
}

static Status export_file(App *app, const char *reference, const char *path) {
    char *from;
    Buf bytes = {0};
    TRY(picture_path(&from, app, reference));
    Status st = file_read(&bytes, from, PICTURE_BYTES_MAX);
    if (!st)
        st = app_fault_as(app, EXIT_OUTPUT, write_copy(path, &bytes));
    buf_done(&bytes);
    free(from);
    return st;
}

Status cmd_export(App *app, const Call *call) {
    const char *reference = call->word[0];
    Shot *shot = picture_shot(app, reference);
    char *path = app_path(app, call->word[1]);
    Status st = shot && !shot->path ? export_unsaved(app, shot, path) : export_file(app, reference, path);
    if (!st)
        report_line(&app->report, LINE_INFO, "Saved to %s", call->word[1]);
    free(path);
    return st;
}
