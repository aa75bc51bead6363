/* cmd_program.c: about the program: :log :doctor :version :!CMD :quit. Help is in help.c. */
#include "config.h"

#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/device.h"
#include "prompt/xml.h"

/* ---- :log ---------------------------------------------------------------------------------------------- */

/* What the rooms below have to say beside their faults, such as every tensor that is missing. Any thread may
 * call. */
static void write_below(void *file, LogLevel level, const char *source, int line, const char *text) {
    (void)level;
    fprintf(file, "[LOG] %s, %s:%d\n", text, source, line);
    fflush(file);
}

static void close_log(FILE **log) {
    if (*log)
        fclose(*log);
    *log = NULL;
}

void app_close_logs(App *app) {
    log_set_sink(NULL, NULL); /* first: another thread may be writing */
    close_log(&app->report.copy);
    close_log(&app->events);
}

static Status open_log(App *app, FILE **log, const char *path) {
    FILE *file = fopen(path, "ae");
    if (!file)
        return fail_errno("write %s", path);
    log_set_sink(NULL, NULL);
    close_log(log);
    *log = file;
    if (app->report.copy)
        log_set_sink(write_below, app->report.copy);
    return NULL;
}

Status cmd_log(App *app, const Call *call) {
    if (!call->count) {
        report_line(&app->report, LINE_INFO, "%s is copied; :log FILE, :log json FILE, :log off",
                    app->report.copy || app->events ? "What is said" : "Nothing");
        return NULL;
    }
    if (!strcmp(call->word[0], "off")) {
        app_close_logs(app);
        report_line(&app->report, LINE_INFO, "Logging is off");
        return NULL;
    }
    bool events = !strcmp(call->word[0], "json");
    if (events && call->count < 2)
        return hint(fail(ERR_USAGE, ":log json needs a FILE"), ":log json talk.ndjson");
    if (!events && call->count > 1)
        return hint(fail(ERR_USAGE, ":log: \"%s\" is left over", call->word[1]), ":log talk.txt");
    char *path = app_path(app, call->word[events ? 1 : 0]);
    Status st = open_log(app, events ? &app->events : &app->report.copy, path);
    if (!st && call->source != SOURCE_START_FILE)
        report_line(&app->report, LINE_INFO, "Everything from here on is added to %s", path);
    free(path);
    return app_fault_as(app, EXIT_OUTPUT, st);
}

/* ---- :doctor ------------------------------------------------------------------------------------------- */

static void add(Table *table, const char *name, const char *value) {
    table_cell(table, "%s", name);
    table_cell(table, "%s", value && *value ? value : "not known");
}

static void add_system(Table *table, const App *app) {
    struct utsname system;
    bool known = uname(&system) == 0; /* the host's name is not said */
    table_cell(table, "system");
    if (known)
        table_cell(table, "%s %s, %s", system.sysname, system.release, system.machine);
    else
        table_cell(table, "not known");
    table_cell(table, "cpu");
    table_cell(table, "%d cores, best path %s", app->parts.cores, app->parts.cpu_path);
    uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES), page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t left = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * page;
    table_cell(table, "memory");
    table_cell(table, "%.1f GiB, %.1f GiB free", (double)(pages * page) / (1 << 30),
               (double)left / (1 << 30));
}

static void add_terminal(Table *table) {
    struct winsize size = {0};
    bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    const char *term = getenv("TERM");
    table_cell(table, "terminal");
    if (terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
        table_cell(table, "%s, %dx%d", term ? term : "TERM not set", size.ws_col, size.ws_row);
    else
        table_cell(table, "none (input or output is no terminal)");
    add(table, "locale", nl_langinfo(CODESET));
}

/* Every card, or in one line why there is none. */
static void add_cards(Table *table) {
    Device cards[DEVICES_MAX];
    int count = 0;
    Status st = devices_find(cards, &count, "cuda");
    if (st || !count) {
        table_cell(table, "card");
        table_cell(table, "none: %s", st ? st->message : "the driver is there, but no card");
    }
    for (int i = 0; i < count; i++) {
        const DeviceInfo *info = &cards[i].info;
        add(table, cards[i].name, info->name);
        add(table, "driver", info->driver);
        add(table, "libraries", info->libraries);
        table_cell(table, "its memory");
        table_cell(table, "%.1f GiB, %.1f GiB free", (double)info->total / (1 << 30),
                   (double)info->free / (1 << 30));
    }
}

/* Returns whether pictures can be written there. */
static bool add_disk(Table *table, const App *app) {
    const char *directory = settings_text(&app->settings, SET_OUTDIR);
    Status st = file_is_directory(directory) ? file_check_writable(directory) : NULL;
    uint64_t left = file_free_space(directory);
    table_cell(table, "pictures");
    if (st)
        table_cell(table, "cannot be written: %s", st->message);
    else if (left == UINT64_MAX)
        table_cell(table, "free space not known");
    else
        table_cell(table, "%.1f GiB free", (double)left / (1 << 30));
    return !st;
}

static bool add_model(Table *table, const App *app) {
    const ModelInfo *model = &app->model;
    table_cell(table, "model");
    if (!app->loaded) {
        table_cell(table, app->loading ? "being loaded" : "none");
        return app->loading;
    }
    table_cell(table, "%s%s, %s", app->view.name, model->demo ? " (demo)" : "",
               model->layout ? model->layout : "");
    add(table, "device", app->view.device);
    add(table, "precision", app->view.precision);
    if (*app->view.plan)
        add(table, "plan", app->view.plan);
    table_cell(table, "loaded in");
    table_cell(table, "%.1fs", model->seconds);
    if (model->hash[0])
        add(table, "transformer", model->hash);
    return true;
}

static void add_versions(Table *table) {
    add(table, "newbie", PACKAGE_VERSION);
    add(table, "compiler", COMPILER);
    add(table, "xml", xml_library());
}

Status cmd_doctor(App *app, const Call *call) {
    (void)call;
    Table table = table_of(2);
    add_versions(&table);
    add_system(&table, app);
    add_cards(&table);
    add_terminal(&table);
    bool disk = add_disk(&table, app), model = add_model(&table, app);
    report_table(&app->report, &table, 0);
    Status st = app->loaded ? say_sizes(app) : NULL;
    if (st)
        report_line(&app->report, LINE_INFO, "%s", st->message);
    if (disk && model) {
        report_line(&app->report, LINE_INFO, "No fault found");
        return NULL;
    }
    return app_fault_as(app, EXIT_SOME,
                        fail(ERR_IO, "%s", disk ? "no model is loaded" : "pictures cannot be written"));
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

Status cmd_version(App *app, const Call *call) {
    (void)call;
    report_line(&app->report, LINE_PLAIN, "newbie " PACKAGE_VERSION);
    report_line(&app->report, LINE_PLAIN, "xml: %s; compiler: %s", xml_library(), COMPILER);
    if (app->loaded && app->model.hash[0])
        report_line(&app->report, LINE_PLAIN, "transformer SHA-256: %s", app->model.hash);
    return NULL;
}

Status cmd_shell(App *app, const Call *call) {
    int status = app_shell(app, SHELL_COMMAND, call->word[0], NULL);
    if (status < 0)
        return fail_errno("run %s", call->word[0]);
    if (status)
        report_line(&app->report, LINE_INFO, "Status %d", status);
    return NULL;
}

Status cmd_quit(App *app, const Call *call) {
    app_quit(app, call->source);
    return NULL;
}
