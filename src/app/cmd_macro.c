/* cmd_macro.c: prompts under a name: :save :load :list :delete :rename. Files: prompt/macro.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/file.h"
#include "base/nearest.h"
#include "prompt/macro.h"

static Status directory_of(const char **out, const App *app) {
    if (!app->places.macros)
        return hint(fail(ERR_USAGE, "macros need a home directory, and HOME is not set"),
                    "set HOME or XDG_DATA_HOME");
    *out = app->places.macros;
    return NULL;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names without suffix, sorted, owned by the caller with the list. */
static char **macro_names(size_t *count, const App *app) {
    char **names = NULL;
    *count = 0;
    DIR *directory = app->places.macros ? opendir(app->places.macros) : NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        size_t size = strlen(entry->d_name), suffix = strlen(MACRO_SUFFIX);
        if (size <= suffix || strcmp(entry->d_name + size - suffix, MACRO_SUFFIX))
            continue;
        names = must_realloc(names, (*count + 1) * sizeof *names);
        names[(*count)++] = must_copy_n(entry->d_name, size - suffix);
    }
    if (directory)
        closedir(directory);
    if (*count)
        qsort(names, *count, sizeof *names, compare_names);
    return names;
}

static void free_names(char **names, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

void app_macro_names(Buf *out, const App *app) {
    size_t count;
    char **names = macro_names(&count, app);
    for (size_t i = 0; i < count; i++)
        buf_print(out, "%s\n", names[i]);
    free_names(names, count);
}

/* The fault of a name that is not there, with the nearest one. */
static Status no_macro(const App *app, const char *name) {
    size_t count;
    char **names = macro_names(&count, app);
    Nearest nearest = nearest_to(name, strlen(name));
    for (size_t i = 0; i < count; i++)
        nearest_try(&nearest, names[i]);
    Status st = nearest.best ? fail(ERR_USAGE, "there is no macro %s; did you mean %s?", name, nearest.best)
                             : fail(ERR_USAGE, "there is no macro %s", name);
    free_names(names, count);
    return hint(st, ":list shows all");
}

/* The path of a macro, owned by the caller; faults when the name is bad or, for MACRO_THERE, nothing is
 * there. */
typedef enum MacroWish { MACRO_ANY, MACRO_THERE } MacroWish;

static Status find_macro(char **path, const App *app, const char *name, MacroWish wish) {
    const char *directory = NULL;
    TRY(directory_of(&directory, app));
    TRY(macro_name_check(name));
    char *found = macro_path(directory, name);
    if (wish == MACRO_THERE && !file_exists(found)) {
        free(found);
        return no_macro(app, name);
    }
    *path = found;
    return NULL;
}

static bool agreed(App *app, const char *format, const char *name) {
    Buf text = {0};
    buf_print(&text, format, name);
    char answer = report_ask(&app->report, &(Question){text.data, "yn", .otherwise = 'y', .refusal = 'n'});
    buf_done(&text);
    return answer == 'y';
}

/* ---- saving -------------------------------------------------------------------------------------------- */

static Status fill_element(Macro *macro, const App *app, const char *element) {
    Scan scan;
    scan_text(&scan, buf_string(&app->prompt), app->prompt.size);
    int32_t found = scan_find(&scan, SCAN_NONE, element);
    Status st = NULL;
    if (found == SCAN_NONE)
        st = hint(fail(ERR_USAGE, "the prompt has no element %s", element), ":show prints it");
    else {
        const Element *e = &scan.elements[found];
        macro->element = must_copy(element);
        buf_add(&macro->prompt, scan.text + e->begin, e->end - e->begin);
    }
    scan_done(&scan);
    return st;
}

static void fill_whole(Macro *macro, const App *app) {
    buf_add(&macro->prompt, buf_string(&app->prompt), app->prompt.size);
    if (*settings_text(&app->settings, SET_NEG))
        macro->negative = must_copy(settings_text(&app->settings, SET_NEG));
    for (int i = 0; i < SETTING_COUNT; i++)
        if (i != SET_NEG && SETTINGS[i].effect == EFFECT_NONE && settings_changed(&app->settings, i))
            macro_set(macro, SETTINGS[i].name, settings_text(&app->settings, i));
}

Status cmd_save(App *app, const Call *call) {
    const char *name = call->word[0], *element = call->count > 1 ? call->word[1] : NULL;
    char *path;
    TRY(find_macro(&path, app, name, MACRO_ANY));
    bool there = file_exists(path);
    free(path);
    if (!app->prompt.size)
        return hint(fail(ERR_USAGE, "there is no prompt to save"), "type one first");
    Macro macro = {0};
    Status st = element ? fill_element(&macro, app, element) : NULL;
    if (!element)
        fill_whole(&macro, app);
    if (!st && there && !agreed(app, "%s exists: replace it, [y]es or [n]o? ", name))
        report_line(&app->report, LINE_INFO, "%s stays as it was", name);
    else if (!st) {
        st = app_fault_as(app, EXIT_OUTPUT, macro_save(&macro, app->places.macros, name));
        if (!st)
            report_line(&app->report, LINE_INFO, "Saved as %s%s; :load %s brings it back", name,
                        there ? " in place of the old one" : "", name);
    }
    macro_done(&macro);
    return st;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

static void take_settings(App *app, const Macro *macro) {
    if (macro->negative)
        settings_set(&app->settings, SET_NEG, macro->negative, FROM_USER);
    for (size_t i = 0; i < macro->setting_count; i++) {
        const MacroSetting *saved = &macro->settings[i];
        const Setting *setting = setting_find(saved->name);
        Status st =
            setting && setting->effect == EFFECT_NONE
                ? settings_set(&app->settings, (SettingId)(setting - SETTINGS), saved->value, FROM_USER)
                : fail(ERR_USAGE, "a macro cannot set %s", saved->name);
        if (st)
            report_line(&app->report, LINE_WARN, "%s; left as it is", st->message);
    }
}

Status cmd_load(App *app, const Call *call) {
    const char *name = call->word[0];
    char *path;
    TRY(find_macro(&path, app, name, MACRO_THERE));
    free(path);
    Macro macro = {0};
    TRY(macro_load(&macro, app->places.macros, name));
    take_settings(app, &macro);
    app_set_prompt(app, buf_string(&macro.prompt), macro.prompt.size);
    report_line(&app->report, LINE_INFO, "%s is the current prompt; :go renders it, :show prints it", name);
    macro_done(&macro);
    return NULL;
}

/* ---- looking after them -------------------------------------------------------------------------------- */

static void list_row(Table *table, const App *app, const char *name) {
    Macro macro = {0};
    Status st = macro_load(&macro, app->places.macros, name);
    size_t line = strcspn(buf_string(&macro.prompt), "\n");
    table_cell(table, "%s", name);
    table_cell(table, "%s", macro.note ? macro.note : macro.element ? macro.element : "");
    if (st)
        table_cell(table, "(damaged: %s)", st->message);
    else
        table_cell(table, "%.*s", (int)(line > 60 ? 60 : line), buf_string(&macro.prompt));
    macro_done(&macro);
}

Status cmd_list(App *app, const Call *call) {
    const char *directory;
    TRY(directory_of(&directory, app));
    size_t count, said = 0;
    char **names = macro_names(&count, app);
    Table table = table_of(3);
    for (size_t i = 0; i < count; i++)
        if (!call->count || !fnmatch(call->word[0], names[i], 0)) {
            list_row(&table, app, names[i]);
            said++;
        }
    report_table(&app->report, &table, 2);
    if (!said)
        report_line(&app->report, LINE_INFO, "No macros%s; :save NAME makes one",
                    call->count ? " of that name" : "");
    free_names(names, count);
    return NULL;
}

Status cmd_delete(App *app, const Call *call) {
    const char *name = call->word[0];
    char *path;
    TRY(find_macro(&path, app, name, MACRO_THERE));
    Status st = NULL;
    if (!agreed(app, "delete %s, [y]es or [n]o? ", name))
        report_line(&app->report, LINE_INFO, "%s stays", name);
    else if (unlink(path))
        st = fail_errno("delete %s", path);
    else
        report_line(&app->report, LINE_INFO, "Deleted %s", name);
    free(path);
    return st;
}

Status cmd_rename(App *app, const Call *call) {
    char *from, *to;
    TRY(find_macro(&from, app, call->word[0], MACRO_THERE));
    Status st = find_macro(&to, app, call->word[1], MACRO_ANY);
    if (st) {
        free(from);
        return st;
    }
    if (link(from, to)) /* unlike rename, never replaces */
        st = errno == EEXIST
                 ? hint(fail(ERR_USAGE, "%s exists", call->word[1]), ":delete %s first", call->word[1])
                 : fail_errno("rename %s", from);
    else if (unlink(from))
        st = fail_errno("remove %s", from);
    else
        report_line(&app->report, LINE_INFO, "%s is now called %s", call->word[0], call->word[1]);
    free(from);
    free(to);
    return st;
}
