/* output.h: where the picture of a job goes, and what is written into it. Posts nothing: that is the
 * worker's. */
#pragma once

#include "base/file.h"
#include "engine/event.h"
#include "engine/run.h"

/* Tests that the picture can be written, before the work and not after it: the directory takes files, there
 * is room, and nothing is there that may not be replaced. Errors: ERR_IO with the way out in the hint.
 * product.md R4. */
Status output_check(const Job *job);

/* Who made a picture, for its metadata. */
typedef struct OutputMaker {
    const ModelInfo *model;
    const char *build;  /* "newbie 0.1.0" */
} OutputMaker;

/* Appends the PNG of a finished run, with as much metadata as job->metadata says. Errors: as png_encode. */
Status output_encode(Buf *png, const Job *job, const RunResult *result, const OutputMaker *maker);

/* Writes the PNG where the job wants it. *written is set on success: number 0 when the name has none; for
 * OUTPUT_BYTES nothing is written and *written is left alone. Errors: ERR_IO. product.md N1 to N4. */
Status output_write(NumberedFile *written, const Job *job, const Buf *png);
