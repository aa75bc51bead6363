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
            .edit = must_copy(json_get_string(json, "edit", "")),
            .prompt = must_copy(json_get_string(json, "prompt", "")),
            .settings = must_copy(json_get_string(json, "settings", "")),
        };
    json_free(json);
    buf_done(&file);
    return good;
}

/* A file named by the number of a process that is not there any more. */
static bool is_orphan(const char *name) {
    char *end;
    long pid = strtol(name, &end, 10);
    return pid > 0 && !*end && kill((pid_t)pid, 0) && errno == ESRCH;
}

void autosave_take(Saved *out, const char *directory) {
    *out = (Saved){0};
    DIR *handle = opendir(directory);
    if (!handle)
        return;
    for (struct dirent *entry; (entry = readdir(handle));) {
        if (!is_orphan(entry->d_name))
            continue;
        char *path = file_join(directory, entry->d_name);
        Saved saved = {0};
        if (read_saved(&saved, path) && (!out->edit || saved.time > out->time)) {
            saved_done(out);
            *out = saved;
        } else
            saved_done(&saved);
        unlink(path);
        free(path);
    }
    closedir(handle);
}

void saved_done(Saved *saved) {
    free(saved->edit);
    free(saved->prompt);
    free(saved->settings);
    *saved = (Saved){0};
}
