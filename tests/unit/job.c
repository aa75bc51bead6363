/* A job is a deep copy, and what cannot run is refused with a sentence and a cure. */
#include "config.h"

#include "engine/job.h"

#include <string.h>

#include "tests/tap.h"

static Job good_job(void) {
    return (Job){.id = 1, .prompt = "1girl", .negative = "", .system_name = "none", .system_text = "",
                 .seed = 42, .steps = 28, .cfg = 4, .cfg_trunc = 1, .shift = 6, .sampler = "euler",
                 .schedule = "normal", .width = 128, .height = 128, .directory = ".", .prefix = "output_"};
}

static void check_refused(Job job, const char *sentence, const char *cure) {
    Status st = job_check(&job);
    CHECK(st != NULL, sentence);
    CHECK_HAS(st ? st->message : "", sentence, "the sentence says what is wrong");
    CHECK_HAS(st ? st->hint : "", cure, "the hint says what to type");
    CHECK_EQ(st ? st->code : ERR_NONE, ERR_USAGE, "it is a usage error");
}

int main(void) {
    Job job = good_job();
    CHECK_OK(job_check(&job), "a good job passes");
    const struct { int width, height; const char *sentence, *cure; } sizes[] = {
        {1000, 1000, "size 1000x1000 is not a multiple of 16", ":size 992x992 or :size 1008x1008"},
        {17, 128, "size 17x128 is not a multiple of 16", ":size 16x128 or :size 32x128"},
        {0, 128, "size is 0x128, expected 16 to 8192", ":size"},
        {100000, 128, "size is 100000x128, expected 16 to 8192", ":size"},
        {-16, 128, "size is -16x128", ":size"},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        job = good_job();
        job.width = sizes[i].width;
        job.height = sizes[i].height;
        check_refused(job, sizes[i].sentence, sizes[i].cure);
    }
    job = good_job(), job.steps = 0, check_refused(job, "steps is 0, expected 1 to 1000", ":reset steps");
    job = good_job(), job.steps = 10001, check_refused(job, "steps is 10001", ":reset steps");
    job = good_job(), job.cfg = NAN, check_refused(job, "cfg is", ":reset cfg");
    job = good_job(), job.shift = 0, check_refused(job, "shift is 0", ":reset shift");
    job = good_job(), job.sampler = "magic", check_refused(job, "unknown sampler \"magic\"", ":set sampler?");
    job = good_job(), job.schedule = "magic";
    check_refused(job, "unknown schedule \"magic\"", ":set schedule?");

    char prompt[] = "first";
    job = good_job();
    job.prompt = prompt;
    Job *copy = job_copy(&job);
    strcpy(prompt, "other");
    CHECK_STR(copy->prompt, "first", "a later change of the prompt does not reach the copy");
    job_free(copy);

    CHECK_HAS(system_prompt_find("xml-train")->text, "<Prompt Start> ",
              "the training form ends with one space");
    CHECK(!system_prompt_find("nobody"), "an unknown preset is not found");
    return tap_end();
}
