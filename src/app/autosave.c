/* autosave.c: see autosave.h. */
#include "config.h"

#include "app/autosave.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "io/json.h"

#define AUTOSAVE_BYTES_MAX ((size_t)16 << 20)

static char *own_path(const char *directory) {
    char name[24];
    snprintf(name, sizeof name, "%ld", (long)getpid());
    return file_join(directory, name);
}

/* When a process began, in ticks since the machine did (proc(5), field 22); 0 when there is none, or nobody
 * says. A number that is given out again belongs to a later one. */
static int64_t start_of(long pid) {
    char path[40];
    Buf stat = {0};
    long long start = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    const char *at =
        !file_read(&stat, path, 4096) ? strrchr(buf_string(&stat), ')') : NULL; /* behind any name */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at || sscanf(at, "%lld", &start) != 1)
        start = 0;
    buf_done(&stat);
    return start;
}

static void put_field(Buf *out, const char *key, const char *text) {
    json_key(out, key);
    json_put_string(out, text ? text : "");
}

Status autosave_write(const char *directory, const Saved *saved) {
    TRY(file_make_directories(directory, 0700));
    Buf text = {0};
    json_open(&text, '{');
    json_key(&text, "t");
    json_put_integer(&text, saved->time);
    json_key(&text, "start");
    json_put_integer(&text, start_of(getpid()));
    put_field(&text, "edit", saved->edit);
    put_field(&text, "prompt", saved->prompt);
    put_field(&text, "settings", saved->settings);
    json_close(&text, '}');
    char *path = own_path(directory);
    Status st = file_write(path, text.data, text.size, 0600);
    free(path);
    buf_done(&text);
    return st;
}

void autosave_remove(const char *directory) {
    char *path = own_path(directory);
    unlink(path);
    free(path);
}

/* Reads one file; false when it holds nothing. */
static bool read_saved(Saved *out, const char *path) {
    Buf file = {0};
    Json *json = NULL;
    bool good =
        !file_read(&file, path, AUTOSAVE_BYTES_MAX) && !json_parse(&json, buf_string(&file), file.size);
    if (good)
        *out = (Saved){
            .time = json_get_integer(json, "t", 0),
            .start = json_get_integer(json, "start", 0),
            .edit = must_copy(json_get_string(json, "edit", "")),
            .prompt = must_copy(json_get_string(json, "prompt", "")),
            .settings = must_copy(json_get_string(json, "settings", "")),
        };
    json_free(json);
    buf_done(&file);
    return good;
}

/* Whether the process of this number that began then is still there. */
static bool is_alive(long pid, int64_t start) {
    if (kill((pid_t)pid, 0) && errno == ESRCH)
        return false;
    int64_t now = start_of(pid);
    return !start || !now || start == now;
}

/* One file named by the number of a process. */
static void take_one(Saved *out, const char *directory, const char *name) {
    char *end, *path;
    long pid = strtol(name, &end, 10);
    if (pid <= 0 || *end)
        return;
    Saved saved = {0};
    path = file_join(directory, name);
    bool good = read_saved(&saved, path), alive = is_alive(pid, saved.start);
    if (good && !alive && (!out->edit || saved.time > out->time)) {
        saved_done(out);
        *out = saved;
        saved = (Saved){0};
    }
    saved_done(&saved);
    if (!alive)
        unlink(path);
    free(path);
}

void autosave_take(Saved *out, const char *directory) {
    *out = (Saved){0};
    DIR *handle = opendir(directory);
    if (!handle)
        return;
    for (struct dirent *entry; (entry = readdir(handle));)
        take_one(out, directory, entry->d_name);
    closedir(handle);
}

void saved_done(Saved *saved) {
    free(saved->edit);
    free(saved->prompt);
    free(saved->settings);
    *saved = (Saved){0};
}
