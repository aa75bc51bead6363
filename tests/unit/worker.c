/* The thread that owns the model: events in order, stops by job number, the queue, and no picture lost. */
#include "config.h"

#include "engine/worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "io/json.h"
#include "io/png.h"
#include "tests/tap.h"
#include "tests/unit/demo.h"

/* What happened to one job. */
typedef struct Story {
    char order[512]; /* kinds of its events, one letter each */
    int steps, steps_run;
    int64_t number;
    char path[256], message[2000];
    size_t png_size, kept_size; /* of pictures that were not written */
    bool kept;
} Story;

static char letter_of(EventKind kind) {
    switch (kind) {
    case EVENT_STARTED: return 'b';
    case EVENT_PHASE: return 'p';
    case EVENT_STEP: return 's';
    case EVENT_SAVED: return 'S';
    case EVENT_UNSAVED: return 'U';
    case EVENT_KEPT: return 'k';
    case EVENT_STOPPED: return 'X';
    case EVENT_FAILED: return 'F';
    case EVENT_FINISHED: return 'e';
    default: return '.';
    }
}

static bool next_event(Worker *worker, Event *event) {
    struct pollfd wake = {.fd = worker_fd(worker), .events = POLLIN};
    while (!worker_event(worker, event))
        if (poll(&wake, 1, 60000) <= 0)
            return false;
    return true;
}

static void remember(Story *story, const Event *event) {
    size_t end = strlen(story->order);
    if (end + 1 < sizeof story->order)
        story->order[end] = letter_of(event->kind);
    story->steps += event->kind == EVENT_STEP;
    if (event->fault)
        snprintf(story->message, sizeof story->message, "%s", event->fault->message);
    if (event->kind == EVENT_STOPPED)
        story->kept = event->kept;
    if (event->kind == EVENT_KEPT)
        story->kept_size = event->saved.png ? event->saved.png_size : 0;
    if (event->kind == EVENT_SAVED || event->kind == EVENT_UNSAVED) {
        story->steps_run = event->saved.steps_run;
        story->number = event->saved.number;
        story->png_size = event->saved.png ? event->saved.png_size : 0;
        snprintf(story->path, sizeof story->path, "%s", event->saved.path ? event->saved.path : "");
    }
}

typedef struct StopPlan { int after; StopKind kind; } StopPlan;

/* Follows job `id` to its end; asks it to stop after so many steps. */
static Story follow(Worker *worker, int id, StopPlan stop) {
    Story story = {0};
    Event event;
    bool ended = false;
    while (!ended && next_event(worker, &event)) {
        if (event.job == id) {
            remember(&story, &event);
            ended = event.kind == EVENT_FINISHED;
            if (event.kind == EVENT_STEP && stop.kind != STOP_NOT && story.steps == stop.after)
                worker_stop(worker, id, stop.kind);
        }
        event_done(&event);
    }
    if (!ended) /* nothing is printed otherwise: one test runs this while no file may grow */
        CHECK(ended, "every job ends with the event finished");
    return story;
}

static const StopPlan NO_STOP = {0, STOP_NOT};

/* Takes events up to the first of this kind. */
static void follow_to(Worker *worker, EventKind kind) {
    Event event;
    bool found = false;
    while (!found && next_event(worker, &event)) {
        found = event.kind == kind;
        event_done(&event);
    }
    CHECK(found, "the event that is waited for comes");
}

static const Backend *backend = &CPU_BACKEND;

static EventKind load(Worker *worker, const char *path, char *message, size_t size) {
    SessionOptions options = demo_options(2);
    options.backend = backend;
    free(options.path);
    options.path = must_copy(path);
    worker_load(worker, &options);
    session_options_done(&options);
    Event event = {0};
    EventKind kind = EVENT_LOADING;
    while (kind != EVENT_MODEL && kind != EVENT_NO_MODEL && next_event(worker, &event)) {
        kind = event.kind;
        if (event.fault)
            snprintf(message, size, "%s", event.fault->message);
        event_done(&event);
    }
    return kind;
}

static void check_pictures(Worker *worker, const char *directory) {
    Job job = demo_job(1, directory);
    CHECK_OK(worker_submit(worker, &job), "a job is taken");
    Story story = follow(worker, 1, NO_STOP);
    CHECK_STR(story.order, "b.psssspppSe", "events come in their order");
    CHECK_EQ(story.steps, 4, "each step is an event");
    CHECK_EQ(story.number, 1, "the first picture is number 1");
    PngInfo png;
    CHECK_OK(png_read(&png, story.path), "the file is a PNG");
    CHECK(png.width == 64 && png.height == 48, "of the size asked for");
    CHECK_HAS(png_text(&png, "newbie"), "\"seed\":\"7\"", "with the facts of its run");
    CHECK_HAS(png_text(&png, "parameters"), "Steps: 4, Sampler: Euler", "and the settings line for others");
    png_done(&png);
    job.id = 2;
    job.output = OUTPUT_BYTES;
    worker_submit(worker, &job);
    CHECK(follow(worker, 2, NO_STOP).png_size > 100, "asked for bytes, the event brings the file");
    Progress progress;
    CHECK(worker_progress(worker, &progress) && progress.host.total > 0, "a snapshot tells memory");
}

static void check_stops(Worker *worker, const char *directory) {
    Job job = demo_job(10, directory);
    job.steps = 200;
    worker_submit(worker, &job);
    Story story = follow(worker, 10, (StopPlan){3, STOP_GENTLY});
    CHECK(story.kept && story.steps_run >= 3 && story.steps_run < 200,
          "a gentle stop keeps the picture so far");
    job.id = 11;
    worker_submit(worker, &job);
    story = follow(worker, 11, (StopPlan){3, STOP_NOW});
    CHECK(!story.kept && !strchr(story.order, 'S'), "a hard stop keeps nothing");
    job.id = 12;
    job.steps = 2;
    worker_stop(worker, 13, STOP_NOW); /* before either begins */
    worker_submit(worker, &job);
    CHECK(strchr(follow(worker, 12, NO_STOP).order, 'S') != NULL,
          "a stop for another job does not hit this one");
    job.id = 13;
    worker_submit(worker, &job);
    CHECK(!strchr(follow(worker, 13, NO_STOP).order, 'S'), "a stop that came early is not lost");
}

static void check_keeping(Worker *worker, const char *directory) {
    Job job = demo_job(15, directory);
    job.steps = 300;
    worker_keep(worker, 14);
    worker_keep(worker, 15);
    worker_preview(worker, 15); /* its job asks for none */
    worker_submit(worker, &job);
    Story story = follow(worker, 15, (StopPlan){200, STOP_GENTLY});
    const char *kept = strchr(story.order, 'k');
    CHECK(kept && strchr(kept, 's') && strchr(kept, 'S'),
          "a step is kept, the run goes on to its own picture");
    CHECK(!strchr(kept + 1, 'k'), "one step, not all");
    PngInfo png;
    char *path = file_join(directory, "output_004.png");
    CHECK_OK(png_read(&png, path), "the step is a numbered picture");
    CHECK_HAS(png_text(&png, "parameters"), "Steps: 1, ", "whose data say the steps that were made");
    CHECK_HAS(png_text(&png, "parameters"), "Interrupted: 1 of 300", "of how many");
    png_done(&png);
    free(path);
    Progress progress;
    CHECK(worker_progress(worker, &progress) && progress.preview_width == 8 && progress.preview_height == 6,
          "the preview that was asked for is still in the newest snapshot");
}

static void check_queue(Worker *worker, const char *directory) {
    worker_pause(worker);
    Job job = demo_job(20, directory);
    for (job.id = 20; job.id < 20 + WORKER_JOBS_MAX; job.id++)
        if (worker_submit(worker, &job))
            break;
    CHECK_EQ(job.id, 20 + WORKER_JOBS_MAX, "64 jobs can wait");
    Status st = worker_submit(worker, &job);
    CHECK_HAS(st ? st->message : "", "the queue holds 64 jobs already", "the 65th is refused");
    CHECK(worker_promote(worker, 25), "a waiting job moves to the front");
    CHECK(!worker_promote(worker, 99), "an unknown one does not");
    for (job.id = 20; job.id < 20 + WORKER_JOBS_MAX; job.id++)
        if (job.id != 21 && job.id != 25)
            worker_withdraw(worker, job.id);
    CHECK(!worker_withdraw(worker, 20), "a job is withdrawn only once");
    worker_resume(worker);
    Event event;
    int begun[2], count = 0, ended = 0;
    while (ended < 2 && next_event(worker, &event)) {
        if (event.kind == EVENT_STARTED && count < 2)
            begun[count++] = event.job;
        ended += event.kind == EVENT_FINISHED;
        event_done(&event);
    }
    CHECK(count == 2 && begun[0] == 25 && begun[1] == 21,
          "the promoted job runs first, withdrawn ones never");
}

static void check_output(Worker *worker, const char *directory) {
    char *file = file_join(directory, "plain-file");
    CHECK_OK(file_write(file, "x", 1, 0666), "(a file stands in the way)");
    char *below = file_join(file, "below");
    Job job = demo_job(100, below);
    worker_submit(worker, &job);
    Story story = follow(worker, 100, NO_STOP);
    CHECK(strchr(story.order, 'F') && !story.steps,
          "a directory that cannot be written is told before the first step");
    job = demo_job(101, directory);
    job.output = OUTPUT_FILE;
    job.file = file;
    worker_submit(worker, &job);
    story = follow(worker, 101, NO_STOP);
    CHECK_HAS(story.message, "exists", "a file that exists is not replaced");
    struct rlimit limit, old;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = (struct rlimit){64, old.rlim_max}; /* as a full disk: the probe passes, the picture does not */
    setrlimit(RLIMIT_FSIZE, &limit);
    job = demo_job(102, directory);
    worker_keep(worker, 102);
    worker_submit(worker, &job);
    story = follow(worker, 102, NO_STOP);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(strchr(story.order, 'U') && story.png_size > 100,
          "a picture that cannot be written comes in the event");
    CHECK(strchr(story.order, 'k') && story.kept_size > 100, "and so does a step that was to be kept");
    job = demo_job(103, directory);
    worker_submit(worker, &job);
    CHECK(worker_withdraw(worker, 103), "and the queue is held: the next job still waits");
    worker_resume(worker);
    free(below);
    free(file);
}

static void check_models(Worker *worker, const char *directory) {
    char message[2000] = "";
    TokenList tokens;
    CHECK_EQ(load(worker, directory, message, sizeof message), EVENT_NO_MODEL,
             "a folder without a model is refused");
    CHECK(message[0] != 0, "with a sentence");
    CHECK_OK(worker_tokens(worker, &tokens, TOKENS_GEMMA, "1girl", 5), "the old model stays");
    CHECK(tokens.count > 1, "and counts tokens");
    token_list_done(&tokens);
    PlanInfo plan;
    Job job = demo_job(200, directory);
    CHECK_OK(worker_plan(worker, &plan, &job), "a job can be planned from outside");
    CHECK(plan.activation_bytes > 0, "and says its memory");
}

/* Puts a NaN (bf16) at the beginning of a tensor of a safetensors file. */
static bool spoil(const char *path, const char *tensor) {
    Buf file = {0};
    uint64_t header = 0;
    Json *json = NULL;
    bool done = !file_read(&file, path, SIZE_MAX);
    if (done)
        memcpy(&header, file.data, 8);
    done = done && !json_parse(&json, file.data + 8, header);
    int64_t begin = json_integer(json_at(json_get(json_get(json, tensor), "data_offsets"), 0), -1);
    if (done && begin >= 0)
        memcpy(file.data + 8 + header + begin, "\xc0\x7f", 2);
    done = done && begin >= 0 && !file_write(path, file.data, file.size, 0666);
    json_free(json);
    buf_done(&file);
    return done;
}

static void check_damaged_weights(Worker *worker, const char *demo, const char *directory) {
    char message[2000] = "";
    Buf command = {0};
    buf_print(&command, "cp -r '%s' '%s/spoiled' && chmod -R u+w '%s/spoiled'", demo, directory, directory);
    CHECK_EQ(system(command.data), 0, "(a copy of the demo model)");
    char *model = file_join(directory, "spoiled");
    char *file = file_join(model, "transformer/diffusion_pytorch_model.safetensors");
    CHECK(spoil(file, "layers.0.feed_forward.w2.weight"), "(with one number that is none)");
    CHECK_EQ(load(worker, model, message, sizeof message), EVENT_MODEL,
             "it loads: nobody looks at every number");
    Job job = demo_job(300, directory);
    CHECK_OK(worker_submit(worker, &job), "and takes a job");
    Story story = follow(worker, 300, NO_STOP);
    CHECK_HAS(story.message, "step 1/4 produced values that are not numbers", "the first step says so");
    CHECK(strchr(story.order, 'F') && !strchr(story.order, 'S'), "and no black picture is saved");
    CHECK_EQ(load(worker, demo, message, sizeof message), EVENT_MODEL, "another model then works again");
    job.id = 301;
    CHECK_OK(worker_submit(worker, &job), "and takes the job");
    CHECK(strchr(follow(worker, 301, NO_STOP).order, 'S') != NULL, "which makes a picture");
    free(file);
    free(model);
    buf_done(&command);
}

/* A card that falls off the bus after some steps. */
static int attentions_left;

static Status lost_attention(void *state, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how) {
    if (attentions_left-- <= 0)
        return fail(ERR_DEVICE, "attention: illegal memory access");
    return CPU_BACKEND.attention(state, out, q, k, v, how);
}

static void check_lost_device(Worker *worker, const char *demo, const char *directory) {
    char message[2000] = "";
    Backend card = CPU_BACKEND;
    card.attention = lost_attention;
    backend = &card;
    attentions_left = 40;
    CHECK_EQ(load(worker, demo, message, sizeof message), EVENT_MODEL, "a model is loaded to a card");
    Job job = demo_job(310, directory), next = demo_job(311, directory);
    CHECK_OK(worker_submit(worker, &job), "it takes a job");
    CHECK_OK(worker_submit(worker, &next), "and another");
    Story story = follow(worker, 310, NO_STOP);
    CHECK_HAS(story.message, "cpu failed at step", "a card that is lost says at which step");
    CHECK_HAS(story.message, "attention: illegal memory access", "and how");
    follow_to(worker, EVENT_NO_MODEL);
    PlanInfo plan;
    CHECK(worker_plan(worker, &plan, &job) != NULL, "the model is unloaded");
    backend = &CPU_BACKEND;
    CHECK_EQ(load(worker, demo, message, sizeof message), EVENT_MODEL, "it can be loaded again");
    worker_resume(worker);
    CHECK(strchr(follow(worker, 311, NO_STOP).order, 'S') != NULL, "and the job that waited is made");
}

int main(void) {
    Worker *worker = NULL;
    char *directory = scratch_directory(), *demo = demo_path(), message[2000] = "";
    CHECK_OK(worker_start(&worker, "newbie test"), "the worker starts");
    Job job = demo_job(900, directory);
    worker_submit(worker, &job);
    CHECK_HAS(follow(worker, 900, NO_STOP).message, "no model is loaded",
              "a job without a model fails with a sentence");
    CHECK_EQ(load(worker, demo, message, sizeof message), EVENT_MODEL, "the demo model loads");
    printf("# %s\n", message);
    check_pictures(worker, directory);
    check_stops(worker, directory);
    check_keeping(worker, directory);
    check_queue(worker, directory);
    check_output(worker, directory);
    check_damaged_weights(worker, demo, directory);
    check_lost_device(worker, demo, directory);
    check_models(worker, directory);
    job = demo_job(901, directory);
    job.steps = 1000;
    worker_submit(worker, &job);
    follow_to(worker, EVENT_STEP);
    PlanInfo plan;
    CHECK_OK(worker_plan(worker, &plan, &job), "another job can be planned while one runs");
    double begun = clock_seconds();
    worker_free(worker); /* while a job of a thousand steps runs */
    CHECK(clock_seconds() - begun < 10, "leaving in the middle of a job drops it");
    scratch_remove(directory);
    free(demo);
    return tap_end();
}
