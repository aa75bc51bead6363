/* history: what was typed survives (product.md H1), and so does what was not sent (H2). */
#include "config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/autosave.h"
#include "app/history.h"
#include "base/file.h"
#include "tests/tap.h"

static char directory[] = "/tmp/newbie-history-XXXXXX";

static char *path_of(const char *name) {
    return file_join(directory, name);
}

static void entries_survive(const char *path) {
    History history;
    Buf warning = {0};
    CHECK_OK(history_open(&history, path, 100, &warning), "a history that is not there yet is empty");
    CHECK_EQ(history.count, 0, "without entries");
    history_add(&history, "<character_1>\n<n>miku</n>\n</character_1>");
    history_add(&history, ":set steps 20");
    history_add(&history, ":set steps 20");
    history_add(&history, "tab\tquote\" 雪");
    history_done(&history);
    CHECK_OK(history_open(&history, path, 100, &warning), "it is read again");
    CHECK_EQ(history.count, 3, "a line equal to the previous one is not added");
    CHECK_STR(history.entries[0], "<character_1>\n<n>miku</n>\n</character_1>",
              "a prompt of three lines is one entry");
    CHECK_STR(history.entries[2], "tab\tquote\" 雪", "every byte is kept");
    CHECK_EQ(warning.size, 0, "and nothing is warned of");
    struct stat facts;
    CHECK(!stat(path, &facts) && (facts.st_mode & 0777) == 0600, "only its owner reads it");
    history_done(&history);
}

static void damaged_lines_are_skipped(const char *path) {
    History history;
    Buf warning = {0};
    static const char lines[] = "{\"t\":\"2026\",\"te\nnot json\n{\"text\":\"good\"}\n";
    file_append(path, lines, sizeof lines - 1, 0600);
    CHECK_OK(history_open(&history, path, 100, &warning), "a damaged history opens");
    CHECK_EQ(history.count, 4, "its good lines are there");
    CHECK_STR(buf_string(&warning), "history has 2 damaged lines, the first is line 4",
              "the bad ones are counted");
    history_done(&history);
    buf_done(&warning);
}

static void it_is_trimmed_at_start(const char *path) {
    History history;
    Buf warning = {0};
    history_open(&history, path, 2, &warning);
    CHECK_EQ(history.count, 2, "the newest entries stay");
    CHECK_STR(history.entries[1], "good", "the newest of all is last");
    history_done(&history);
    buf_done(&warning);
    history_open(&history, path, 100, &warning);
    CHECK_EQ(history.count, 2, "the file was trimmed too");
    CHECK_EQ(warning.size, 0, "and its damaged lines are gone");
    history_done(&history);
}

static void a_file_with_nothing_good_is_kept_aside(void) {
    char *path = path_of("bad.ndjson"), *aside = path_of("history.bad-1");
    History history;
    Buf warning = {0};
    file_append(path, "nonsense\n", 9, 0600);
    CHECK_OK(history_open(&history, path, 100, &warning), "a file with nothing good opens empty");
    CHECK_STR(buf_string(&warning), "history was damaged at line 1, kept as history.bad-1",
              "it says where it went");
    CHECK(file_exists(aside) && !file_exists(path), "and it went there");
    history_done(&history);
    buf_done(&warning);
    free(path);
    free(aside);
}

/* The text of a process that died without leaving. */
static void unsent_text_comes_back(void) {
    char *place = path_of("autosave");
    pid_t child = fork();
    if (!child) {
        Saved saved = {1700000000, "<character_1>\n<n>mi", "1girl", "steps 20\n", 0};
        _exit(autosave_write(place, &saved) != NULL);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0, "a process writes what is not sent");
    Saved mine = {1800000000, "mine", "", "", 0}, found;
    CHECK_OK(autosave_write(place, &mine), "so does this one, which lives");
    autosave_take(&found, place);
    CHECK_STR(found.edit, "<character_1>\n<n>mi", "the text of the dead process comes back");
    CHECK_STR(found.settings, "steps 20\n", "with its settings");
    CHECK_EQ(found.time, 1700000000, "and its time");
    saved_done(&found);
    autosave_take(&found, place);
    CHECK(!found.edit, "once");
    char number[24];
    static const char reused[] = "{\"t\":1700000000,\"start\":1,\"edit\":\"another's\"}";
    snprintf(number, sizeof number, "%ld", (long)getpid());
    char *own = file_join(place, number);
    CHECK_OK(file_write(own, reused, strlen(reused), 0600), "a process had this one's number before");
    autosave_take(&found, place);
    CHECK_STR(found.edit ? found.edit : "", "another's", "its text comes back, too");
    saved_done(&found);
    free(own);
    autosave_remove(place);
    free(place);
}

int main(void) {
    if (!mkdtemp(directory))
        return 1;
    char *path = path_of("state/history.ndjson");
    entries_survive(path);
    damaged_lines_are_skipped(path);
    it_is_trimmed_at_start(path);
    a_file_with_nothing_good_is_kept_aside();
    unsent_text_comes_back();
    free(path);
    return tap_end();
}
