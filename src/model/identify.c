/* identify.c: what a safetensors file holds, told by the names of its tensors. model-spec.md 8.3.
 *
 * Names are compared from the end, so that every prefix people put in front of a network is accepted. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/layout.h"

enum { ANCHORS_MAX = 4 };

/* A tensor that every checkpoint of a part has; the longer name of two that end alike comes first. */
static const char *const ANCHORS[PART_COUNT][ANCHORS_MAX] = {
    [PART_DIT] = {"time_caption_embed.clip_text_pooled_proj.1.weight",
                  "time_caption_embed.clip_text_pooled_proj.0.weight",
                  "clip_text_pooled_proj.1.weight", "clip_text_pooled_proj.0.weight"},
    [PART_GEMMA] = {"layers.0.self_attn.q_norm.weight", "layers.1.self_attn.q_norm.weight"},
    [PART_JINA] = {"encoder.layers.0.mixer.Wqkv.weight",
                   "encoder.layers.0.mixer.Wqkv.parametrizations.weight.original"},
    [PART_VAE] = {"decoder.conv_in.weight", "decoder.conv_out.weight", "encoder.conv_in.weight"},
};

/* The first tensor called PREFIX SUFFIX with the shortest prefix, which is empty or ends in a point. */
static const SafeTensor *find_ending(const SafeTensors *file, const char *suffix) {
    const SafeTensor *best = NULL;
    size_t size = strlen(suffix), best_size = SIZE_MAX;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const SafeTensor *tensor = safetensors_at(file, i);
        size_t length = strlen(tensor->name);
        if (length < size || length >= best_size || strcmp(tensor->name + length - size, suffix))
            continue;
        if (length == size || tensor->name[length - size - 1] == '.') {
            best = tensor;
            best_size = length;
        }
    }
    return best;
}

static const char *anchor_of(const SafeTensors *file, ModelPart part, const SafeTensor **found) {
    for (int i = 0; i < ANCHORS_MAX && ANCHORS[part][i]; i++)
        if ((*found = find_ending(file, ANCHORS[part][i])))
            return ANCHORS[part][i];
    return NULL;
}

char *model_prefix(const SafeTensors *file, ModelPart part) {
    const SafeTensor *found;
    const char *anchor = anchor_of(file, part, &found);
    return anchor ? must_copy_n(found->name, strlen(found->name) - strlen(anchor)) : NULL;
}

static bool is_lumina(const SafeTensors *file) {
    return find_ending(file, "noise_refiner.0.attention.k_norm.weight") ||
           find_ending(file, "noise_refiner.0.attn.norm_k.weight");
}

static bool is_adapter(const SafeTensors *file) {
    static const char *const MARKS[] = {"lora_", "lora.down", "lokr_", "hada_", ".w_norm"};
    for (size_t i = 0; i < safetensors_count(file); i++)
        for (size_t m = 0; m < sizeof MARKS / sizeof *MARKS; m++)
            if (strstr(safetensors_at(file, i)->name, MARKS[m]))
                return true;
    return false;
}

const char *model_file_kind(const SafeTensors *file) {
    const SafeTensor *found;
    if (anchor_of(file, PART_DIT, &found) && find_ending(file, "x_embedder.weight"))
        return "NewBie transformer";
    if (is_lumina(file) && !is_adapter(file))
        return "Lumina-Image-2.0 transformer";
    if (anchor_of(file, PART_GEMMA, &found))
        return "Gemma 3 text encoder";
    if (anchor_of(file, PART_JINA, &found))
        return "Jina CLIP v2 text tower";
    const SafeTensor *conv = find_ending(file, "decoder.conv_in.weight");
    if (conv && conv->rank == 4 && conv->dims[1] == 4)
        return "SD VAE (4 channels)";
    if (anchor_of(file, PART_VAE, &found))
        return "FLUX VAE";
    return is_adapter(file) ? "LoRA" : "unknown";
}

const char *model_part_name(ModelPart part) {
    static const char *const NAMES[] = {"transformer", "text encoder", "pooled text encoder", "VAE"};
    return NAMES[part];
}

Status model_wrong_kind(const SafeTensors *file, ModelPart part) {
    static const char *const WANTED[PART_COUNT] = {"the NewBie transformer", "the Gemma 3 text encoder",
                                                   "the Jina CLIP v2 text tower",
                                                   "the FLUX VAE with 16 channels"};
    const char *kind = model_file_kind(file), *path = safetensors_path(file);
    Status st;
    if (!strncmp(kind, "Lumina", 6))
        st = fail(ERR_FORMAT, "%s is a %s: clip_text_pooled_proj.0.weight is missing", path, kind);
    else if (strcmp(kind, "unknown"))
        st = fail(ERR_FORMAT, "%s is %s %s, expected %s", path, kind[0] == 'S' ? "an" : "a",
                  kind, WANTED[part]);
    else
        st = fail(ERR_FORMAT, "%s does not hold %s: %s is missing", path, WANTED[part],
                  ANCHORS[part][part == PART_DIT ? 2 : 0]);
    return hint(st, ":help model lists the files NewBie needs");
}
