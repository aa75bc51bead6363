/* layout.h: which file is what. Recognises model folders and single files by content, model-spec.md 8.
 *
 * A user names a folder (diffusers layouts A, B), one all-in-one file (E), or the parts one by one (D). The
 * result names, for each part, the file, its config and the tokenizer. Nothing is loaded here but headers. */
#pragma once

#include "io/json.h"
#include "io/safetensors.h"
#include "base/file.h"

typedef enum ModelPart { PART_DIT, PART_GEMMA, PART_JINA, PART_VAE, PART_COUNT } ModelPart;

/* What the user gave; any may be NULL. `path` is a folder or an all-in-one file; a part given by name wins
 * over it. */
typedef struct ModelPaths {
    const char *path;
    const char *part[PART_COUNT]; /* --dit, --gemma, --jina, --vae */
} ModelPaths;

typedef struct ModelFiles {
    /* owned; the same pointer may stand in several places for an all-in-one file */
    SafeTensors *file[PART_COUNT];
    Json *config[PART_COUNT];       /* owned or NULL */
    char *tokenizer[2];             /* owned path of Gemma's and Jina's tokenizer file, or NULL: */
    const SafeTensor *spiece[2];    /* the tokenizer inside the text encoder's file, borrowed, or NULL */
    Json *scheduler;                /* scheduler_config.json, owned or NULL */
    Json *newbie;                   /* newbie.json, owned or NULL */
    /* for people: newbie.json's name, else the folder's or file's name; owned */
    char *name;
    const char *layout;             /* "diffusers folder", "ComfyUI files", "all-in-one file" */
    uint64_t bytes;                 /* of all weight files */
} ModelFiles;

/* Finds, opens and identifies everything. All that is missing comes in one message. Errors: ERR_FORMAT,
 * ERR_IO with the sentences of product.md 12 rows 1 to 8 (empty folder, Lumina 2 transformer, pickle,
 * 4-channel VAE, no tokenizer). */
Status model_files_open(ModelFiles *out, const ModelPaths *paths);
void model_files_close(ModelFiles *files);

/* What a safetensors file holds, by its names: "NewBie transformer", "Lumina-Image-2.0 transformer", "Gemma 3
 * text encoder", "Jina CLIP v2 text tower", "FLUX VAE", "SD VAE (4 channels)", "LoRA", "unknown". Static
 * string. */
const char *model_file_kind(const SafeTensors *file);

/* Shift of the schedule: scheduler_config.json's (1 when it leaves it out), else 6. */
double model_shift(const ModelFiles *files);

/* The prefix that stands before the names of a part in its file ("" for none); owned by the caller. NULL when
 * the part is not in the file. The DiT's diffusers-style naming has its own table in dit.c. */
char *model_prefix(const SafeTensors *file, ModelPart part);

/* The refusal of a file that was to hold `part`: what it is instead, and the next command. product.md 12
 * row 4. */
Status model_wrong_kind(const SafeTensors *file, ModelPart part);

/* "transformer", "text encoder", "pooled text encoder", "VAE": for messages. Static string. */
const char *model_part_name(ModelPart part);
