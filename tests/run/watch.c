/* watch: looking at a run while it goes on: a step kept as a picture, previews, :top, :screen. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "io/png.h"
#include "tests/run/talk.h"

/* Begins a job and follows it until it has made a step. */
static void begin_job(Talk *talk, const char *text) {
    type(talk, ANSWER_PROMPT, text);
    for (int i = 0; i < 600 && !app_view(talk->app)->step; i++)
        drain(talk);
}

static void a_step_is_kept(Talk *talk) {
    command(talk, "steps 400");
    begin_job(talk, "1girl, kimono");
    CHECK_OK(app_keep(talk->app), "a step can be kept while a job runs");
    CHECK_HAS(buf_string(&talk->said), "/400 will be kept as a picture\n", "which is said");
    while (app_view(talk->app)->pictures == 0 && app_view(talk->app)->job)
        drain(talk);
    CHECK(app_view(talk->app)->job, "the job goes on");
    CHECK_HAS(buf_string(&talk->said), "/400 kept. Output saved to output_001.png\n", "the file is named");
    CHECK_HAS(buf_string(&talk->said), " of 400 steps, cfg ", "with the steps that were made");
    CHECK(file_exists("output_001.png"), "it is there");
    CHECK_EQ(talk->images, 1, "the surface got it");
    app_interrupt(talk->app);
    settle(talk);
    CHECK_HAS(buf_string(&talk->said), "Output saved to output_002.png",
              "the job's own picture is another file");
    CHECK_HAS(command(talk, "info #1"), " of 400, stopped", ":info tells that it was not finished");
    CHECK_HAS(command(talk, "gallery"), "#1  output_001.png", "and it is in the gallery");
    Status st = app_keep(talk->app);
    CHECK_HAS(st ? st->message : "", "nothing is running", "without a job there is no step to keep");
}

static void previews_are_seen(Talk *talk) {
    command(talk, "preview 1");
    unsigned before = app_view(talk->app)->preview_count;
    begin_job(talk, "1girl, beach");
    for (int i = 0; i < 600 && app_view(talk->app)->preview_count == before; i++)
        drain(talk);
    const View *view = app_view(talk->app);
    CHECK(view->preview_width == 16 && view->preview_height == 16,
          "a preview has one pixel for 8x8 of the picture");
    CHECK(view->preview && view->preview_count > before, "the view carries it");
    unsigned seen = view->preview_count;
    CHECK_OK(app_preview_now(talk->app), "another can be asked for");
    for (int i = 0; i < 600 && view->preview_count == seen && view->job; i++)
        drain(talk);
    CHECK(view->preview_count > seen, "and comes with the next step");
    CHECK(view->step_time_count >= 1 && view->step_times[0] > 0,
          "the times of the steps are there to be drawn");
    CHECK(view->sample_count >= 1 && view->samples[0].host.total > 0, "and the memory");
    app_interrupt(talk->app);
    settle(talk);
    CHECK_EQ(app_view(talk->app)->preview_width, 0, "the finished picture replaces it");
    Status st = app_preview_now(talk->app);
    CHECK_HAS(st ? st->message : "", "nothing is running", "without a job there is none");
    command(talk, "reset preview");
}

static void top_prints_until_it_is_ended(Talk *talk) {
    const char *said = command(talk, "top");
    CHECK_HAS(said, "[INFO] One line a second; Ctrl-C ends :top and nothing else\n",
              ":top says how to end it");
    CHECK_HAS(said, "nothing runs; host weights ", "a line says what runs and the memory");
    buf_truncate(&talk->said, 0);
    for (int i = 0; i < 100 && !talk->said.size; i++)
        drain(talk);
    CHECK_HAS(buf_string(&talk->said), "nothing runs; host weights ", "the next comes by itself");
    CHECK(app_interrupt(talk->app), "Ctrl-C is for :top");
    CHECK_EQ(app_timeout(talk->app) > 250 || app_timeout(talk->app) < 0, 1, "nothing is due any more");
    CHECK(!app_interrupt(talk->app), "the next Ctrl-C is not");
}

static void the_screen_is_written(Talk *talk) {
    command(talk, "version");
    CHECK_STR(command(talk, "screen shown.txt"), "", ":screen writes a file and says nothing");
    Buf text = {0};
    CHECK_OK(file_read(&text, "shown.txt", 1 << 20), "of what was said");
    CHECK_HAS(buf_string(&text), "[INFO] Model loaded in ", "from the beginning");
    CHECK_HAS(buf_string(&text), "newbie " PACKAGE_VERSION, "to the newest");
    buf_done(&text);
    CHECK_HAS(command(talk, "screen /nowhere/x"), "[ERROR] cannot ", "what cannot be written is said");
    CHECK(!strstr(command(talk, "help"), ":screen"), "it is not listed");
}

int main(void) {
    Talk talk;
    if (!scratch("watch"))
        return 1;
    begin(&talk);
    a_step_is_kept(&talk);
    previews_are_seen(&talk);
    top_prints_until_it_is_ended(&talk);
    the_screen_is_written(&talk);
    end(&talk);
    return tap_end();
}
