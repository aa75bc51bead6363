/* meta.h: the facts of a run, and how they travel in the text chunks of a PNG.
 *
 * Writing gives `newbie` (JSON, exact, for this program), `parameters` (the A1111 settings line, for everyone
 * else's readers) and, when asked for, `prompt` (a graph that ComfyUI opens). Reading takes the best of what
 * a picture holds: `newbie`, else `parameters`, else the graph of ComfyUI. In no level is a path, a host or
 * user name, or a date written. Source: product.md 10.
 *
 * Ownership: a RunMeta owns its strings and lists; fill it through meta_set and meta_list_add, free it
 * with meta_done. Unknown facts: NULL, 0 for counts and sizes, NaN for real numbers, has_seed false.
 * meta_begin sets these. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "engine/job.h"
#include "io/png.h"

/* An ordered list of names and texts: file hashes, LoRAs, libraries. */
typedef struct MetaList {
    struct MetaPair { char *name, *text; } *rows; /* owned */
    size_t count;
} MetaList;

/* Seconds of one phase: "text", "denoise", "vae" (product.md R1). */
typedef struct MetaPhase {
    char *name; /* owned */
    double seconds;
} MetaPhase;

typedef struct RunMeta {
    char *prompt;        /* exactly as submitted, UTF-8, without system prompt */
    char *negative;      /* NULL or empty: none */
    char *system_preset; /* "xml-train", "none", ...; "custom" for a text of the user's own */
    char *system_text;   /* what Gemma was given in front of the prompt */
    char *prompt_template; /* before wildcards were filled in; NULL without wildcards */

    bool has_seed;
    uint64_t seed;
    char *variation;     /* NULL without */
    char *sampler;       /* names of the settings table: "euler", "normal", "cpu", "own" */
    char *schedule;
    char *rng;
    char *parity;
    double *sigmas;      /* [sigma_count], the noise levels of the run, falling, the last one 0; owned */
    size_t sigma_count;
    double shift, cfg, cfg_trunc, renorm;
    int width, height;   /* pixels */
    int steps;           /* asked for */
    int steps_run;       /* really run; fewer than steps when stopped gently */

    char *dtype;         /* "f32", "bf16" */
    char *model_name;    /* a name, not a path; what stands before the last '/' is not written */
    bool demo;
    MetaList hashes; /* part ("transformer", "vae", ...) and SHA-256 in hex; those not ready yet are absent */
    MetaList lora;       /* name and SHA-256 in hex */
    char *build;         /* "newbie 0.1.0" */
    char *device;        /* "cpu, AVX-512"; share leaves this and the next four out */
    MetaList libraries;  /* name and version */
    MetaPhase *phases;   /* owned */
    size_t phase_count;
    int64_t peak_bytes;
    char *parent;        /* the picture this one was made from */
    char *latent_sha256; /* hex, of the float32 latent before decoding */
    bool comfy;          /* written as ComfyUI's graph, too */
} RunMeta;

typedef enum MetaSource { META_NONE, META_NEWBIE, META_PARAMETERS, META_COMFY } MetaSource;

/* All unknown. */
void meta_begin(RunMeta *meta);

/* Frees what meta owns; all is unknown afterwards. */
void meta_done(RunMeta *meta);

/* *field = a copy of text (NULL: unknown), the old text is freed. field points into a RunMeta. */
void meta_set(char **field, const char *text);

/* meta_set for the first `size` bytes of text. */
void meta_set_n(char **field, const char *text, size_t size);

/* Copies both texts to the end of the list; a name that is there already keeps its text. */
void meta_list_add(MetaList *list, const char *name, const char *text);

/* The text of the first row called `name`, borrowed; NULL when absent. */
const char *meta_list_get(const MetaList *list, const char *name);

/* Adds to the seconds of the phase called `name`. */
void meta_phase_add(RunMeta *meta, const char *name, double seconds);

/* Copies the noise levels of the run, [count]. */
void meta_sigmas(RunMeta *meta, const double *sigmas, size_t count);

/* Appends the texts of the two chunks; META_OFF appends nothing. Unknown facts are left out. product.md M3
 * to M9. The level is the setting `metadata`, as the job has it. */
void meta_write(Buf *parameters, Buf *newbie, const RunMeta *meta, MetaLevel level);

/* Appends the text of the chunk `prompt`: ComfyUI's graph of this run (product.md M10). Nothing where its
 * sampler or schedule is none of ComfyUI's. */
void meta_write_comfy(Buf *out, const RunMeta *meta);

/* Appends a whole PNG of pixels [meta->height, meta->width, 3] with its chunks `parameters`, `newbie`,
 * `prompt` if meta->comfy, `Software` (product.md M1). Errors: as png_encode. */
Status meta_encode(Buf *png, const uint8_t *pixels, const RunMeta *meta, MetaLevel level);

/* Fills *out (overwritten, not freed) with what the picture says, and appends to `remarks` one line for
 * each thing that cannot be honoured, was changed, or is broken. Returns where it was found: the first of
 * `newbie`, `parameters`, ComfyUI's `prompt` that can be read; META_NONE when there is none, *out is then
 * all unknown. */
MetaSource meta_read(RunMeta *out, Buf *remarks, const PngInfo *png);

/* "newbie", "parameters", "prompt": the keyword of the chunk. NULL for META_NONE. */
const char *meta_chunk(MetaSource source);

/* Appends the names of the settings that are needed to make the picture again and are unknown: "seed,
 * shift". Nothing when all are known. */
void meta_missing(Buf *out, const RunMeta *meta);
