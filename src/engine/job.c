/* job.c: copying, freeing and checking requests; the table of system prompts. Facts: product.md 6 (ranges)
 * and 12 (sentences), model-spec.md 10.2 (system prompts). */
#include "config.h"

#include "engine/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sample/schedule.h"
#include "sample/solver.h"

#define SIZE_STEP 16    /* pixels per token: autoencoder factor 8 times patch 2 */
#define SIZE_MAX_SIDE 8192

const SystemPrompt SYSTEM_PROMPTS[] = {
    {"none", "no system prompt", ""},
    {"xml-train", "as in training, for XML captions",
     "You are an assistant designed to generate high-quality anime images based on xml format prompts. "
     "<Prompt Start> "},
    {"text-train", "as in training, for other captions",
     "You are an assistant designed to generate high-quality anime images with the highest degree of "
     "image-text alignment based on textual prompts. <Prompt Start> "},
    {"lumina-1", "first choice of the lab's demo",
     "You are an assistant designed to generate high-quality images with the highest degree of image-text "
     "alignment based on textual prompts."},
    {"lumina-2", "second choice of the lab's demo, its default",
     "You are an assistant designed to generate high-quality images based on user prompts."},
    {"lumina-3", "third choice of the lab's demo",
     "You are an assistant designed to generate superior images with the superior degree of image-text "
     "alignment based on textual prompts or user prompts."},
    {"community", "what the community's front end sends",
     "You are an assistant designed to generate high-quality anime images with the highest degree of "
     "image-text alignment based on xml format textual prompts. <Prompt Start>\n"},
    {0},
};

const SystemPrompt *system_prompt_find(const char *name) {
    for (const SystemPrompt *row = SYSTEM_PROMPTS; row->name; row++)
        if (!strcmp(row->name, name))
            return row;
    return NULL;
}

Job *job_copy(const Job *job) {
    Job *copy = must_alloc(sizeof *copy);
    *copy = *job;
    copy->prompt = must_copy(job->prompt);
    copy->negative = must_copy(job->negative);
    copy->system_name = must_copy(job->system_name);
    copy->system_text = must_copy(job->system_text);
    copy->sampler = must_copy(job->sampler);
    copy->schedule = must_copy(job->schedule);
    copy->directory = must_copy(job->directory);
    copy->prefix = must_copy(job->prefix);
    copy->file = must_copy(job->file);
    copy->parent = must_copy(job->parent);
    return copy;
}

void job_free(Job *job) {
    if (!job)
        return;
    free(job->prompt);
    free(job->negative);
    free(job->system_name);
    free(job->system_text);
    free(job->sampler);
    free(job->schedule);
    free(job->directory);
    free(job->prefix);
    free(job->file);
    free(job->parent);
    free(job);
}

static int nearest_step(int side, int direction) {
    int down = side / SIZE_STEP * SIZE_STEP;
    int result = direction < 0 ? down : down + SIZE_STEP;
    return result < SIZE_STEP ? SIZE_STEP : result > SIZE_MAX_SIDE ? SIZE_MAX_SIDE : result;
}

static Status check_size(int width, int height) {
    if (width < SIZE_STEP || height < SIZE_STEP || width > SIZE_MAX_SIDE || height > SIZE_MAX_SIDE)
        return hint(fail(ERR_USAGE, "size is %dx%d, expected %d to %d pixels each", width, height, SIZE_STEP,
                         SIZE_MAX_SIDE),
                    ":size 1024x1024");
    if (width % SIZE_STEP == 0 && height % SIZE_STEP == 0)
        return NULL;
    int low_w = width % SIZE_STEP ? nearest_step(width, -1) : width;
    int low_h = height % SIZE_STEP ? nearest_step(height, -1) : height;
    int high_w = width % SIZE_STEP ? nearest_step(width, 1) : width;
    int high_h = height % SIZE_STEP ? nearest_step(height, 1) : height;
    return hint(fail(ERR_USAGE, "size %dx%d is not a multiple of %d", width, height, SIZE_STEP),
                ":size %dx%d or :size %dx%d", low_w, low_h, high_w, high_h);
}

/* Numbers of a job that must lie in a range. */
static Status check_numbers(const Job *job) {
    const struct { const char *name; double value, low, high; } rows[] = {
        {"steps", job->steps, 1, SCHEDULE_STEPS_MAX},
        {"cfg", job->cfg, 0, 30},
        {"cfg_trunc", job->cfg_trunc, 0, 100}, /* 1 and above: always; older interfaces say 100 */
        {"renorm", job->renorm, 0, 10},
        {"shift", job->shift, 0.01, 100},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!(rows[i].value >= rows[i].low && rows[i].value <= rows[i].high))
            return hint(fail(ERR_USAGE, "%s is %g, expected %g to %g", rows[i].name, rows[i].value,
                             rows[i].low, rows[i].high),
                        ":reset %s", rows[i].name);
    return NULL;
}

Status job_check(const Job *job) {
    TRY(check_size(job->width, job->height));
    TRY(check_numbers(job));
    if (!solver_find(job->sampler))
        return hint(fail(ERR_USAGE, "unknown sampler \"%s\"", job->sampler), ":set sampler? lists them");
    if (!schedule_find(job->schedule))
        return hint(fail(ERR_USAGE, "unknown schedule \"%s\"", job->schedule), ":set schedule? lists them");
    if (job->jina_from > strlen(job->prompt))
        return fail(ERR_BUG, "the pooled text begins at byte %zu of %zu", job->jina_from,
                    strlen(job->prompt));
    return NULL;
}
