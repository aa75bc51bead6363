/* job.h: a request and its frozen settings. A job is a deep copy made at submission; later changes do not
 * reach it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum JobOutput {
    OUTPUT_NUMBERED,   /* DIRECTORY/PREFIX NNN .png */
    OUTPUT_FILE,       /* exactly this file, refusing to replace */
    OUTPUT_FILE_FORCE, /* exactly this file, replacing by rename */
    OUTPUT_BYTES,      /* nothing is written: the saved event carries the PNG */
} JobOutput;

typedef enum MetaLevel { META_FULL, META_SHARE, META_OFF } MetaLevel;

typedef struct Job {
    int id;                  /* given by the app, from 1 */
    char *prompt;            /* exact bytes, NUL-terminated (a prompt holds no NUL). All strings are owned */
    size_t jina_from;        /* Jina reads the prompt from this byte on (product.md S4), usually 0 */
    char *negative;          /* "" for none */
    char *system_name;       /* preset for the metadata: "xml-train", "none", "custom", ... */
    char *system_text; /* put before prompt, and before a non-empty negative, for Gemma, exactly as it is */
    uint64_t seed;
    int steps;               /* model evaluations for one-evaluation solvers, 1 to 1000 */
    double cfg, cfg_trunc, renorm, shift;
    char *sampler, *schedule; /* names of sample/solver.h and sample/schedule.h */
    int width, height;       /* pixels, multiples of 16 */
    int preview_every;       /* steps; 0: no previews */
    JobOutput output;
    char *directory, *prefix; /* OUTPUT_NUMBERED */
    char *file;               /* OUTPUT_FILE, OUTPUT_FILE_FORCE */
    MetaLevel metadata;
    bool comfy;               /* the graph of ComfyUI, too */
    char *parent;             /* free text for the metadata, or NULL */
} Job;

Job *job_copy(const Job *job);
void job_free(Job *job);

/* Checks everything that does not need the model: ranges, names, sizes. Errors: ERR_USAGE, wording of
 * product.md 12 rows 20, 21. */
Status job_check(const Job *job);

/* ---- system prompts (model-spec.md 10.2, product.md setting `sys`) ------------------------------------ */

typedef struct SystemPrompt {
    const char *name; /* "none", "xml-train", "text-train", "lumina-1", "lumina-2", "lumina-3", "community" */
    const char *help;
    const char *text;   /* with its separator at the end */
} SystemPrompt;

extern const SystemPrompt SYSTEM_PROMPTS[]; /* ends with a row whose name is NULL */
const SystemPrompt *system_prompt_find(const char *name);
