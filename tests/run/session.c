/* session: the program below the terminal, with the demo model: every example of the command table runs, and
 * what a session promises holds (product.md 4.3, 5, 7, 11). Nothing is imitated but the person: lines go in
 * through app_answer, what is said comes out through a surface that keeps it. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "io/json.h"
#include "tests/run/talk.h"

/* ---- the examples -------------------------------------------------------------------------------------- */

/* What the examples of the table speak of. */
static void prepare_examples(Talk *talk) {
    static const char lesson[] = "# a lesson\n:say Hello.\n";
    file_write("lesson.nbi", lesson, sizeof lesson - 1, 0666);
    setenv("EDITOR", "true", 1);
    setenv("NEWBIE_VIEWER", "true", 1);
    command(talk, "steps 1");
    prompt(talk, "<character_1><n>miku</n><clothing>kimono</clothing></character_1>");
    command(talk, "save miku character_1");
}

/* Those whose examples need a run in progress, or end the session; they have tests of their own. */
static bool needs_more(const Command *row) {
    static const char *const names[] = {"stop", "drop", "skip", "redo", "quit"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(row->name, names[i]))
            return true;
    return false;
}

static void every_example_runs(void) {
    Talk talk;
    begin(&talk);
    prepare_examples(&talk);
    for (const Command *row = COMMANDS; row->name; row++) {
        if (needs_more(row))
            continue;
        const char *said = command(&talk, row->example + 1);
        bool good = !strstr(said, "[ERROR]");
        if (!good)
            printf("# %s", said);
        CHECK(good, row->example);
        if (!strcmp(row->name, "clear"))
            command(&talk, "undo"); /* so that the next examples have a prompt */
        if (!strcmp(row->name, "top"))
            app_top_end(talk.app);
        if (!strcmp(row->name, "undo"))
            command(&talk, "redo");
    }
    end(&talk);
}

/* ---- what a session promises --------------------------------------------------------------------------- */

static void a_prompt_becomes_a_picture(Talk *talk) {
    command(talk, "set seed 42");
    const char *said = prompt(talk, "<character_1>\n<n>miku</n>\n<gender>girl</gender>\n</character_1>");
    CHECK_HAS(said, "[WARN] Unknown gender tag \"girl\", using default female prior (3:9)\n",
              "advice comes first");
    CHECK_HAS(said, "[INFO] Text encoded in ", "the text is encoded");
    CHECK_HAS(said, "[INFO] Denoising step 1/2...\n", "the first step is said");
    CHECK_HAS(said, "[INFO] Denoising step 2/2...\n", "and the last");
    CHECK_HAS(said, "[INFO] VAE decode completed. Output saved to output_001.png\n", "the file is named");
    CHECK_HAS(said, "[INFO] #1 output_001.png: seed 42, 128x128, 2 steps, cfg 4, ",
              "and the facts of the run");
    CHECK(file_exists("output_001.png"), "it is there");
    CHECK_EQ(talk->images, 1, "the surface got it");
    said = command(talk, "same");
    CHECK_HAS(said, "#1 again: identical, all 16384 pixels", "the same seed gives the same picture");
    CHECK(!file_exists("output_002.png"), "which is not kept");
}

static void references_are_found(Talk *talk) {
    CHECK_HAS(command(talk, "info #1"), "  42\n", ":info #1 reads the seed");
    CHECK_HAS(command(talk, "info last"), "output_001.png: 128x128", "last is the newest");
    CHECK_HAS(command(talk, "info #-1"), "output_001.png: 128x128", "and so is #-1");
    CHECK_HAS(command(talk, "info output_001.png"), "output_001.png: 128x128", "a file name will do");
    CHECK_HAS(command(talk, "info #12"), "[ERROR] #12: there is no output_012.png in .",
              "what is not there is said");
    CHECK_HAS(command(talk, "show #1"), "   2  <n>miku</n>", ":show #1 prints its prompt");
    CHECK_HAS(command(talk, "seed last"), "seed 42", ":seed last pins its seed");
    CHECK_HAS(command(talk, "seed +1"), "seed 42 -> 43", ":seed +1 counts from it");
}

static void prompt_and_settings_are_undone(Talk *talk) {
    size_t size;
    prompt(talk, "first");
    command(talk, "steps 3");
    command(talk, "clear");
    CHECK_STR(app_prompt(talk->app, &size), "", ":clear empties the prompt");
    command(talk, "undo 2");
    CHECK_STR(app_prompt(talk->app, &size), "first", ":undo brings it back");
    CHECK_STR(settings_text(app_settings(talk->app), SET_STEPS), "2", "with the settings of then");
    command(talk, "redo");
    CHECK_STR(settings_text(app_settings(talk->app), SET_STEPS), "3", ":redo goes forward");
    command(talk, "undo");
    CHECK_HAS(command(talk, "undo 200"), "undone", "as far as there is something");
    CHECK_HAS(command(talk, "undo"), "[ERROR] nothing to undo", "and then says so");
    command(talk, "steps 2");
}

static void the_editor_changes_the_prompt(Talk *talk) {
    size_t size;
    prompt(talk, "a first line\nand another");
    command(talk, "set editor sed -i s/first/second/");
    CHECK_HAS(command(talk, "edit"), "[INFO] Prompt changed: 2 lines, 0 characters, ",
              ":edit says what changed");
    CHECK_STR(app_prompt(talk->app, &size), "a second line\nand another", "what was saved is the prompt");
    command(talk, "undo");
    CHECK_STR(app_prompt(talk->app, &size), "a first line\nand another", ":undo brings the old one back");
    command(talk, "set editor false");
    CHECK_HAS(command(talk, "edit"),
              "[ERROR] the editor \"false\" ended with status 1; the prompt is unchanged",
              "a failing editor changes nothing");
    CHECK_STR(app_prompt(talk->app, &size), "a first line\nand another", "really nothing");
    command(talk, "reset editor");
}

static void macros_keep_prompt_and_settings(Talk *talk) {
    size_t size;
    static const char text[] = "<character_1>\n<n>len</n>\n</character_1>";
    prompt(talk, text);
    command(talk, "cfg 3.5");
    CHECK_HAS(command(talk, "save len"), "Saved as len", ":save keeps it");
    CHECK_HAS(command(talk, "save who character_1"), "Saved as who", "an element alone, too");
    CHECK_HAS(command(talk, "save x character_7"), "[ERROR] the prompt has no element character_7",
              "if it is there");
    command(talk, "cfg 5");
    command(talk, "clear");
    command(talk, "load len");
    CHECK_STR(app_prompt(talk->app, &size), text, ":load brings it back");
    CHECK_STR(settings_text(app_settings(talk->app), SET_CFG), "3.5", "settings included");
    CHECK_HAS(command(talk, "show @who"), "   2  <n>len</n>", "@who is the macro");
    CHECK_HAS(command(talk, "load lem"), "[ERROR] there is no macro lem; did you mean len?",
              "a wrong name has a neighbour");
    CHECK_HAS(command(talk, "save ../x"), "[ERROR]", "a name is no path");
    talk->answer = 'n';
    CHECK_HAS(command(talk, "save len"), "len stays as it was", "nothing is replaced without a yes");
    CHECK_HAS(command(talk, "delete len"), "len stays", "nor deleted");
    talk->answer = 0;
    CHECK_HAS(command(talk, "rename who len"), "[ERROR] len exists", "a rename replaces nothing");
    CHECK_HAS(command(talk, "delete who"), "Deleted who", "with a yes it goes");
    command(talk, "reset all");
    command(talk, "steps 2");
}

/* Settings plan, vram and device; a CPU stands for a card of the size that vram pretends. */
static void plans_change_where_and_nothing_else(Talk *talk) {
    prompt(talk, "1girl, beach");
    CHECK_STR(app_view(talk->app)->plan, "", "where there is one memory, no plan is told");
    const char *said = command(talk, "set plan e");
    CHECK_HAS(said, "[INFO] cpu, plan E, everything streamed: weights ", "a plan that is set is told");
    CHECK_STR(app_view(talk->app)->plan, "plan E, everything streamed", "and shown");
    CHECK_HAS(command(talk, "same"), "again: identical", "under it a picture is made again exactly");
    CHECK_HAS(command(talk, "model"), "the transformer is copied to the device in every step",
              ":model says what it costs");
    command(talk, "set plan auto");
    said = command(talk, "set vram 0.02"); /* the weights take 22 MiB */
    CHECK_HAS(said, "[INFO] cpu, plan ", "a card of 20 MiB takes a smaller plan than everything hot");
    CHECK_HAS(said, " of 20 MiB at 128x128\n", "and says how much of it is used");
    CHECK_HAS(command(talk, "same"), "again: identical", "which makes the same picture");
    CHECK(app_view(talk->app)->device_memory.total > 0, "the bar of the device is filled");
    CHECK_HAS(command(talk, "mem"), "fits in no plan", ":mem says which sizes do not fit");
    CHECK_HAS(command(talk, "size 2048x2048"), "2048x2048", "(a large size)");
    CHECK_HAS(command(talk, "go"), "[ERROR] 2048x2048 fits cpu in no plan: the smallest needs ",
              "what does not fit is refused before it starts");
    command(talk, "reset size");
    said = command(talk, "set vram 0.001");
    CHECK_HAS(said, "[ERROR] the model fits cpu in no plan: the smallest needs ",
              "nor is such a model loaded");
    command(talk, "set vram auto");
    CHECK_HAS(command(talk, "same"), "again: identical", "until there is room again");
    CHECK_HAS(command(talk, "set device cuda"), "[ERROR] device cuda: ",
              "without a card that is said at once");
    CHECK_STR(settings_text(app_settings(talk->app), SET_DEVICE), "auto", "and the device stays");
    CHECK_HAS(command(talk, "doctor"), "none: device cuda: ",
              ":doctor says in one line why there is no card");
}

static void a_draft_is_quick_and_small(Talk *talk) {
    command(talk, "steps 8");
    command(talk, "seed 5");
    prompt(talk, "1girl, beach");
    CHECK_HAS(command(talk, "draft"), ": seed 5, 64x64, 3 steps, cfg ",
              ":draft: half the size, a third of the steps");
    command(talk, "set draft_steps 2");
    command(talk, "set draft_size 96x48");
    const char *said = command(talk, "draft 2");
    CHECK_HAS(said, ": seed 5, 96x48, 2 steps, cfg ", "or what the settings say");
    CHECK_HAS(said, ": seed 6, 96x48, 2 steps, cfg ", "N times, with a fixed seed counted up");
    CHECK_STR(settings_text(app_settings(talk->app), SET_STEPS), "8", "the settings stay");
    CHECK_HAS(command(talk, "set draft_size 100x100"),
              "[ERROR] draft_size 100x100 is not a multiple of 16\n[HINT] :set draft_size 96x96 or :set "
              "draft_size "
              "112x112\n",
              "a wrong size names the setting");
    command(talk, "reset draft_steps");
    command(talk, "reset draft_size");
    command(talk, "seed random");
    command(talk, "steps 2");
}

static void refused_lines_stay(Talk *talk) {
    CHECK(!type(talk, ANSWER_COMMAND, "stpes 3"), "an unknown command stays in the edit area");
    CHECK(!type(talk, ANSWER_COMMAND, "se 3"), "so does one that could be two");
    CHECK(type(talk, ANSWER_COMMAND, "steps 0"), "a bad value leaves it");
    CHECK_STR(app_history(talk->app, app_history_count(talk->app) - 1), ":steps 0", "but Up brings it back");
    CHECK_HAS(command(talk, "go 0"), "[ERROR] :go: N is \"0\", expected 1 to 9999",
              "a count of 0 is refused");
    command(talk, "clear");
    CHECK_HAS(command(talk, "go"), "[ERROR] there is no prompt", "nothing is rendered without a prompt");
}

static int count_lines(const char *text, const char *part) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

static void step_lines_are_rationed(Talk *talk) {
    static const struct {
        const char *command;
        int lines;
    } rows[] = {{"set progress all", 6},
                {"set progress 0", 6},
                {"set progress ends", 2},
                {"set progress off", 0},
                {"set progress 100", 2}};
    command(talk, "steps 6");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        command(talk, rows[i].command);
        CHECK_EQ(count_lines(prompt(talk, "1girl"), "[INFO] Denoising step "), rows[i].lines,
                 rows[i].command);
    }
    command(talk, "set progress all");
    CHECK_HAS(prompt(talk, "1girl"), "[INFO] Denoising step 2/6... sigma 0.", "the lines between say more");
    command(talk, "set progress auto");
    command(talk, "steps 2");
}

/* Every line of the file parses, and begins with `event` and `t`. */
static void events_are_json(Talk *talk) {
    CHECK_HAS(command(talk, "log json talk.ndjson"), "added to talk.ndjson", ":log json begins");
    prompt(talk, "<pose>\"a\\b\"\n雪</pose>");
    command(talk, "log off");
    Buf file = {0};
    file_read(&file, "talk.ndjson", 1 << 20);
    int good = 0, lines = 0;
    Buf events = {0};
    for (char *line = strtok(file.data, "\n"); line; line = strtok(NULL, "\n")) {
        Json *json = NULL;
        lines++;
        if (json_parse(&json, line, strlen(line)))
            continue;
        const char *event = json_get_string(json, "event", NULL);
        good +=
            event && json_first(json).key && !strcmp(json_first(json).key, "event") && json_get(json, "t");
        buf_print(&events, "%s ", event ? event : "?");
        if (event && !strcmp(event, "job"))
            CHECK_STR(json_get_string(json, "prompt", NULL), "<pose>\"a\\b\"\n雪</pose>",
                      "the prompt is exact");
        json_free(json);
    }
    CHECK_EQ(good, lines, "every line is an object that begins with event and t");
    CHECK_HAS(buf_string(&events), "lint job phase ", "advice, then the job, then its phases");
    CHECK_HAS(buf_string(&events), "step step ", "a step is an event");
    CHECK_HAS(buf_string(&events), "saved ", "and so is the picture");
    buf_done(&events);
    buf_done(&file);
}

static void strict_advice_refuses(Talk *talk) {
    command(talk, "set lint strict");
    CHECK_HAS(prompt(talk, "<character_1><pose>dancing</pose></character_1>"), "nothing is rendered",
              "strict lint renders nothing on a warning");
    command(talk, "set lint on");
}

static void history_is_kept(Talk *talk) {
    CHECK_HAS(command(talk, "history first"), "  first\n", ":history TEXT finds the entry");
    CHECK_HAS(command(talk, "history 99999"), "[ERROR] there is no history entry 99999",
              "a wrong number is said");
    command(talk, "history 1");
    CHECK_STR(buf_string(&talk->edited), ":steps 1", ":history 1 puts the first entry into the edit area");
}

static void a_run_can_be_stopped(Talk *talk) {
    CHECK_HAS(command(talk, "stop"), "[ERROR] nothing is running", ":stop needs a run");
    command(talk, "steps 1000");
    type(talk, ANSWER_PROMPT, "a long one");
    type(talk, ANSWER_COMMAND, "go");
    for (int i = 0; i < 300 && app_view(talk->app)->step < 2; i++)
        drain(talk);
    buf_truncate(&talk->said, 0);
    CHECK(app_interrupt(talk->app), "Ctrl-C finds the run");
    for (int i = 0; i < 300 && !strstr(buf_string(&talk->said), "Queue paused"); i++)
        drain(talk);
    CHECK_HAS(buf_string(&talk->said), "/1000; Ctrl-C again drops the picture\n", "it says how to drop it");
    CHECK_HAS(buf_string(&talk->said), " of 1000 steps, cfg 4", "the partial picture is kept");
    CHECK_HAS(buf_string(&talk->said), "Queue paused, 1 job waits; :queue go continues", "the queue pauses");
    CHECK_HAS(command(talk, "queue clear"), "1 job dropped", "and can be cleared");
    CHECK(!app_interrupt(talk->app), "then Ctrl-C finds nothing");
}

static void a_run_can_be_dropped(Talk *talk) {
    size_t before = (size_t)app_view(talk->app)->pictures;
    type(talk, ANSWER_PROMPT, "a long one");
    for (int i = 0; i < 300 && !app_view(talk->app)->job; i++)
        drain(talk);
    command(talk, "skip");
    CHECK_EQ(app_view(talk->app)->pictures, before, ":skip drops the picture");
    command(talk, "steps 2");
    CHECK_HAS(prompt(talk, "another"), "Output saved to", "and the next one is made");
}

static void the_queue_has_an_end(Talk *talk) {
    command(talk, "steps 1000");
    type(talk, ANSWER_PROMPT, "a long one");
    bool full = false;
    for (int i = 0; i < 70 && !full; i++) {
        type(talk, ANSWER_COMMAND, "go");
        full = strstr(buf_string(&talk->said), "the queue holds 64 jobs") != NULL;
    }
    CHECK(full, "job 65 is refused");
    talk->answer = 'd';
    app_leave(talk->app, LEAVE_ASKING, EXIT_DONE);
    CHECK(app_leaving(talk->app), "leaving drops them when told so");
}

/* The disk is full from here on: no file may grow (as good a full disk as a test can make). */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_full_disk_loses_no_picture(void) {
    Talk talk;
    begin(&talk);
    command(&talk, "steps 1");
    signal(SIGXFSZ, SIG_IGN);
    limit_files(0);
    prompt(&talk, "1girl");
    limit_files(RLIM_INFINITY);
    CHECK_HAS(talk.said.data, "[ERROR] ", "a picture that cannot be written is an error");
    CHECK_HAS(talk.said.data,
              "[HINT] the picture is kept: :export last FILE writes it elsewhere; the queue is paused",
              "the picture is kept");
    CHECK_HAS(command(&talk, "info last"), "[ERROR] last is not saved yet", "it has no file yet");
    CHECK_HAS(command(&talk, "export last kept.png"), "Saved to kept.png", ":export writes it");
    CHECK_HAS(command(&talk, "info kept.png"), "1girl\n", "it is whole, with its data");
    CHECK_HAS(command(&talk, "export last kept.png"), "[ERROR] kept.png exists", "nothing is replaced");
    CHECK_HAS(command(&talk, "same"), "identical", "and it can be repeated");
    end(&talk);
}

static void a_wrong_model_leaves_the_old_one(void) {
    Talk talk;
    begin(&talk);
    mkdir("empty", 0777);
    const char *said = command(&talk, "model empty");
    CHECK_HAS(
        said,
        "[ERROR] no model in empty: expected model_index.json or *.safetensors, found an empty directory",
        "an empty folder is no model");
    CHECK_HAS(said, "demo world stays loaded", "the old model stays");
    CHECK_STR(settings_text(app_settings(talk.app), SET_MODEL), "", "and so does its name");
    command(&talk, "steps 1");
    CHECK_HAS(prompt(&talk, "1girl"), "Output saved to", "it still works");
    end(&talk);
}

int main(void) {
    if (!scratch("session"))
        return 1;
    every_example_runs();
    if (mkdir("second", 0777) || chdir("second"))
        return 1;
    Talk talk;
    begin(&talk);
    command(&talk, "steps 2");
    a_prompt_becomes_a_picture(&talk);
    references_are_found(&talk);
    prompt_and_settings_are_undone(&talk);
    the_editor_changes_the_prompt(&talk);
    macros_keep_prompt_and_settings(&talk);
    plans_change_where_and_nothing_else(&talk);
    a_draft_is_quick_and_small(&talk);
    refused_lines_stay(&talk);
    step_lines_are_rationed(&talk);
    events_are_json(&talk);
    strict_advice_refuses(&talk);
    history_is_kept(&talk);
    a_run_can_be_stopped(&talk);
    a_run_can_be_dropped(&talk);
    the_queue_has_an_end(&talk);
    CHECK_EQ(end(&talk), 0, "a session on a terminal ends with status 0");
    a_full_disk_loses_no_picture();
    a_wrong_model_leaves_the_old_one();
    return tap_end();
}
