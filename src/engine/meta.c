/* meta.c: the facts of a run as a struct, and which chunks of a PNG they go to and come from.
 *
 * What a chunk looks like is not known here: meta_newbie.c, meta_a1111.c and meta_comfy.c each know one. */
#include "config.h"

#include "engine/meta.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/meta_parts.h"

/* All owned strings and lists. */
static const size_t TEXTS[] = {
    AT(prompt),  AT(negative), AT(system_preset), AT(system_text),   AT(prompt_template), AT(variation),
    AT(sampler), AT(schedule), AT(rng),           AT(parity),        AT(dtype),           AT(model_name),
    AT(build),   AT(device),   AT(parent),        AT(latent_sha256),
};
static const size_t LISTS[] = {AT(hashes), AT(lora), AT(libraries)};

enum { TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS, LIST_COUNT = sizeof LISTS / sizeof *LISTS };

/* --- the struct ----------------------------------------------------------------------------------------- */

void meta_begin(RunMeta *meta) {
    *meta = (RunMeta){.shift = NAN, .cfg = NAN, .cfg_trunc = NAN, .renorm = NAN};
}

static void list_done(MetaList *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->rows[i].name);
        free(list->rows[i].text);
    }
    free(list->rows);
    *list = (MetaList){0};
}

void meta_done(RunMeta *meta) {
    for (size_t i = 0; i < TEXT_COUNT; i++)
        free(*(char **)field_at(meta, TEXTS[i]));
    for (size_t i = 0; i < LIST_COUNT; i++)
        list_done(field_at(meta, LISTS[i]));
    for (size_t i = 0; i < meta->phase_count; i++)
        free(meta->phases[i].name);
    free(meta->phases);
    free(meta->sigmas);
    meta_begin(meta);
}

void meta_set(char **field, const char *text) {
    char *copy = must_copy(text);
    free(*field);
    *field = copy;
}

void meta_set_n(char **field, const char *text, size_t size) {
    char *copy = must_copy_n(text, size);
    free(*field);
    *field = copy;
}

const char *meta_list_get(const MetaList *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->rows[i].name, name))
            return list->rows[i].text;
    return NULL;
}

void meta_list_add(MetaList *list, const char *name, const char *text) {
    if (meta_list_get(list, name))
        return;
    list->rows = must_realloc(list->rows, (list->count + 1) * sizeof *list->rows);
    list->rows[list->count++] = (struct MetaPair){must_copy(name), must_copy(text)};
}

void meta_phase_add(RunMeta *meta, const char *name, double seconds) {
    for (size_t i = 0; i < meta->phase_count; i++)
        if (!strcmp(meta->phases[i].name, name)) {
            meta->phases[i].seconds += seconds;
            return;
        }
    meta->phases = must_realloc(meta->phases, (meta->phase_count + 1) * sizeof *meta->phases);
    meta->phases[meta->phase_count++] = (MetaPhase){must_copy(name), seconds};
}

void meta_sigmas(RunMeta *meta, const double *sigmas, size_t count) {
    free(meta->sigmas);
    meta->sigmas = NULL;
    meta->sigma_count = count;
    if (!count)
        return;
    meta->sigmas = must_alloc(count * sizeof *sigmas);
    memcpy(meta->sigmas, sigmas, count * sizeof *sigmas);
}

void meta_missing(Buf *out, const RunMeta *meta) {
    const struct { const char *name; bool known; } needed[] = {
        {"prompt", meta->prompt != NULL},
        {"seed", meta->has_seed},
        {"size", meta->width > 0},
        {"steps", meta->steps > 0},
        {"cfg", !isnan(meta->cfg)},
        {"shift", !isnan(meta->shift)},
        {"sampler", meta->sampler != NULL},
        {"schedule", meta->schedule != NULL},
        {"sys", meta->system_preset != NULL},
        {"rng", meta->rng != NULL},
        {"model", meta->model_name != NULL},
    };
    const char *comma = "";
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].known) {
            buf_print(out, "%s%s", comma, needed[i].name);
            comma = ", ";
        }
}

/* --- into a picture, and out of one --------------------------------------------------------------------- */

void meta_write(Buf *parameters, Buf *newbie, const RunMeta *meta, MetaLevel level) {
    if (level == META_OFF)
        return;
    meta_write_parameters(parameters, meta);
    meta_write_newbie(newbie, meta, level);
}

Status meta_encode(Buf *png, const uint8_t *pixels, const RunMeta *meta, MetaLevel level) {
    Buf parameters = {0}, newbie = {0}, graph = {0};
    meta_write(&parameters, &newbie, meta, level);
    if (meta->comfy)
        meta_write_comfy(&graph, meta);
    PngText texts[4] = {
        {"parameters", buf_string(&parameters), parameters.size, PNG_AS_NEEDED},
        {"newbie", buf_string(&newbie), newbie.size, PNG_INTERNATIONAL},
    };
    size_t count = 2;
    if (graph.size)
        texts[count++] = (PngText){"prompt", graph.data, graph.size, PNG_AS_NEEDED};
    if (meta->build)
        texts[count++] = (PngText){"Software", meta->build, strlen(meta->build), PNG_AS_NEEDED};
    Status status = png_encode(png, (PngPixels){pixels, meta->width, meta->height}, texts,
                               level == META_OFF ? 0 : count);
    buf_done(&parameters);
    buf_done(&newbie);
    buf_done(&graph);
    return status;
}

const char *meta_chunk(MetaSource source) {
    static const char *const NAMES[] = {[META_NONE] = NULL,
                                        [META_NEWBIE] = "newbie",
                                        [META_PARAMETERS] = "parameters",
                                        [META_COMFY] = "prompt"};
    return NAMES[source];
}

static bool read_source(RunMeta *out, Buf *remarks, MetaSource source, const char *text) {
    switch (source) {
    case META_NEWBIE: return meta_read_newbie(out, remarks, text);
    case META_PARAMETERS: return meta_read_parameters(out, remarks, text);
    case META_COMFY: return meta_read_comfy(out, remarks, text);
    case META_NONE: break;
    }
    return false;
}

MetaSource meta_read(RunMeta *out, Buf *remarks, const PngInfo *png) {
    static const MetaSource ORDER[] = {META_NEWBIE, META_PARAMETERS, META_COMFY};
    meta_begin(out);
    for (size_t i = 0; i < sizeof ORDER / sizeof *ORDER; i++) {
        const char *text = png_text(png, meta_chunk(ORDER[i]));
        if (text && read_source(out, remarks, ORDER[i], text)) {
            if (ORDER[i] == META_NEWBIE && png_text(png, meta_chunk(META_COMFY)))
                meta_remark(remarks, "it holds a graph for ComfyUI, which gives both encoders the same text: "
                                     "its picture will differ");
            return ORDER[i];
        }
        meta_done(out); /* what an unreadable chunk left behind */
    }
    return META_NONE;
}
