/* model.c: which model is loaded, and what it says about itself. product.md 8.3. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/state.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/device.h"

#define GIB (1024.0 * 1024 * 1024)

/* Files given one by one on the command line hold until another model is named. */
static bool parts_given(const App *app) {
    const char *const *part = app->parts.arguments->part;
    bool any = part[0] || part[1] || part[2] || part[3];
    return any && app->settings.value[SET_MODEL].origin <= FROM_COMMAND_LINE;
}

static void refuse(App *app) {
    Status st = fail(ERR_IO, "the built-in demo model is not installed and no other is named");
    app_fault(app, hint(st, ":model PATH chooses one"), EXIT_MODEL);
}

/* Refuses a device that is gone since it was set. */
static bool find_device(Device *out, App *app) {
    Device host = device_host(app->parts.backend, app->parts.bf16_in_hardware);
    Status st = device_choose(out, settings_text(&app->settings, SET_DEVICE), &host);
    if (st)
        app_fault(app, st, EXIT_DEVICE);
    return !st;
}

PrecisionChoice precision_named(const char *name, PrecisionChoice otherwise) {
    static const struct {
        const char *name;
        PrecisionChoice choice;
    } rows[] = {{"f32", CHOOSE_F32}, {"bf16", CHOOSE_BF16}, {"int8", CHOOSE_INT8}, {"fp8", CHOOSE_FP8}};
    for (size_t i = 0; name && i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(name, rows[i].name))
            return rows[i].choice;
    return otherwise;
}

static PrecisionChoice precision_choice(const App *app) {
    return precision_named(settings_text(&app->settings, SET_PRECISION), CHOOSE_AUTO);
}

void app_load_model(App *app) {
    const char *name = settings_text(&app->settings, SET_MODEL);
    bool parts = parts_given(app), demo = !*name && !parts;
    char *path = *name ? places_model(&app->places, name) : demo ? places_demo_model() : NULL;
    if (demo && !path) {
        refuse(app);
        return;
    }
    Device device;
    if (!find_device(&device, app)) {
        free(path);
        return;
    }
    if (demo && !app->greeted && !app->parts.arguments->demo)
        app_tell(app, LINE_INFO, "No model configured, using the built-in demo model (:help model)");
    app->greeted = true;
    SessionOptions options = {
        .path = path,
        .precision = precision_choice(app),
        .threads = (int)settings_number(&app->settings, SET_THREADS),
        .backend = device.backend,
        .device = device.index,
        .bf16_in_hardware = device.info.bf16,
        .vram = (uint64_t)(settings_number(&app->settings, SET_VRAM) * GIB),
        .residency = residency_find(settings_text(&app->settings, SET_PLAN)),
        .determinism = settings_is(&app->settings, SET_DETERMINISTIC, "on") ? DETERMINISTIC : FASTEST,
    };
    for (int i = 0; parts && i < PART_COUNT; i++)
        options.part[i] = (char *)app->parts.arguments->part[i];
    app->loading = true;
    app->load_began = app->load_line = clock_seconds();
    app->view.model = VIEW_LOADING;
    worker_load(app->worker, &options);
    free(path);
}

static void number_default(Settings *settings, SettingId id, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.9g", value);
    settings_model_default(settings, id, isnan(value) || value == 0 ? NULL : text);
}

void model_defaults(Settings *settings, const ModelInfo *info) {
    char size[32];
    snprintf(size, sizeof size, "%dx%d", info->default_width, info->default_height);
    settings_model_default(settings, SET_SIZE,
                           info->default_width > 0 && info->default_height > 0 ? size : NULL);
    number_default(settings, SET_STEPS, info->default_steps);
    number_default(settings, SET_CFG, info->default_cfg);
    number_default(settings, SET_SHIFT, info->default_shift);
}

void put_plan(Buf *out, const Residency *residency) {
    const char *name = residency->name;
    buf_print(out, "plan %c%s, %s", toupper((unsigned char)*name), name + 1, residency->hot);
}

void app_show_plan(App *app) {
    buf_truncate(&app->plan, 0);
    if (app->loaded && app->model.residency)
        put_plan(&app->plan, app->model.residency);
    app->view.plan = buf_string(&app->plan);
}

static void show(App *app) {
    app->view.model = app->loaded ? VIEW_READY : app->bench ? VIEW_BENCH : VIEW_NO_MODEL;
    app->view.name = app->loaded && app->model.name ? app->model.name : "";
    app->view.device = app->loaded && app->model.device ? app->model.device : "";
    app->view.precision = app->loaded && app->model.precision ? app->model.precision : "";
    app->view.demo = app->loaded && app->model.demo;
    app_show_plan(app);
}

void app_take_model(App *app, const ModelInfo *info) {
    app->loading = false;
    free(app->model_before);
    app->model_before = NULL;
    model_info_done(&app->model);
    model_info_copy(&app->model, info);
    app->loaded = true;
    model_defaults(&app->settings, info);
    show(app);
}

void app_lose_model(App *app, bool kept) {
    app->loading = false;
    if (app->model_before && kept) { /* the old model stays, and so does its name */
        free(app->settings.value[SET_MODEL].text);
        app->settings.value[SET_MODEL].text = app->model_before;
        app->model_before = NULL;
    }
    app->loaded = app->loaded && kept;
    show(app);
}
