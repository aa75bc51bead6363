/* output.c: see output.h. Facts: product.md N1 to N4 (names), R4 (tested first), 10 (metadata). */
#include "config.h"

#include "engine/output.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "engine/meta.h"

#define MIB (1024.0 * 1024)

Status output_check(const Job *job) {
    if (job->output == OUTPUT_BYTES)
        return NULL;
    if (job->output == OUTPUT_FILE && file_exists(job->file))
        return hint(fail(ERR_IO, "%s exists", job->file), "--force replaces it");
    char *directory = job->output == OUTPUT_NUMBERED ? must_copy(job->directory) : file_directory(job->file);
    uint64_t need = (uint64_t)job->width * (uint64_t)job->height * 4, space = file_free_space(directory);
    Status st = file_check_writable(directory);
    if (!st && space < need)
        st = fail(ERR_IO, "%s has no room: %.1f MiB needed, %.1f MiB free", directory, (double)need / MIB,
                  (double)space / MIB);
    free(directory);
    return hint(st, job->output == OUTPUT_NUMBERED ? ":set outdir DIR chooses another directory"
                                                  : "-o FILE in another directory");
}

static void fill_meta(RunMeta *meta, const Job *job, const RunResult *result, const OutputMaker *maker) {
    const ModelInfo *model = maker->model;
    const struct { char **field; const char *text; } texts[] = {
        {&meta->prompt, job->prompt},
        {&meta->negative, job->negative},
        {&meta->system_preset, job->system_name},
        {&meta->system_text, job->system_text},
        {&meta->sampler, job->sampler},
        {&meta->schedule, job->schedule},
        {&meta->rng, "cpu"},
        {&meta->parity, "own"},
        {&meta->dtype, model->precision},
        {&meta->model_name, model->name},
        {&meta->build, maker->build},
        {&meta->device, model->device},
        {&meta->parent, job->parent},
        {&meta->latent_sha256, result->latent_sha256},
    };
    meta_begin(meta);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        meta_set(texts[i].field, texts[i].text);
    meta->has_seed = true;
    meta->seed = job->seed;
    meta_sigmas(meta, result->sigmas, (size_t)result->sigma_count);
    meta->shift = job->shift;
    meta->cfg = job->cfg;
    meta->cfg_trunc = job->cfg_trunc;
    meta->renorm = job->renorm;
    meta->width = job->width;
    meta->height = job->height;
    meta->steps = job->steps;
    meta->steps_run = result->steps_run;
    meta->demo = model->demo;
    meta->comfy = job->comfy;
    if (model->hash[0])
        meta_list_add(&meta->hashes, "transformer", model->hash);
    for (int i = 0; i < PHASE_SAVE; i++)
        meta_phase_add(meta, PHASE_NAMES[i], result->seconds[i]);
    meta->peak_bytes = (int64_t)result->peak_bytes;
}

Status output_encode(Buf *png, const Job *job, const RunResult *result, const OutputMaker *maker) {
    RunMeta meta;
    fill_meta(&meta, job, result, maker);
    Status st = meta_encode(png, result->pixels, &meta, job->metadata);
    meta_done(&meta);
    return st;
}

Status output_write(NumberedFile *written, const Job *job, const Buf *png) {
    switch (job->output) {
    case OUTPUT_NUMBERED:
        return file_write_numbered(written, job->directory, job->prefix, png->data, png->size);
    case OUTPUT_FILE:
        TRY(file_write_new(job->file, png->data, png->size));
        break;
    case OUTPUT_FILE_FORCE:
        TRY(file_write(job->file, png->data, png->size, 0666));
        break;
    case OUTPUT_BYTES:
        return NULL;
    }
    *written = (NumberedFile){.path = must_copy(job->file)};
    return NULL;
}
