/* meta_comfy.c: what can be learnt from the graph that ComfyUI stores in the chunk `prompt`, and such a graph
 * of our own run.
 *
 * A graph is an object of nodes: {"3": {"class_type": "KSampler", "inputs": {"seed": 42, "positive": ["6",
 * 0]}}}; an input is a value or a link [node, output]. From the sampler we follow links backwards:
 * `positive` and `negative` to the nodes with the text, the others to whatever node holds the value.
 * Nothing is run, and unknown node classes are no obstacle as long as their inputs have the usual names.
 * Facts: the API format of github.com/comfyanonymous/ComfyUI; product.md 10.2. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/meta_parts.h"
#include "io/json.h"

/* Links are followed this often in one search, and this deep: graphs of strangers may run in circles. */
enum { VISIT_LIMIT = 2000, DEPTH_LIMIT = 64 };

typedef struct Search {
    const Json *graph;
    const char *const *keys;  /* inputs that hold the value itself, best first, NULL at the end */
    const char *const *links; /* inputs to follow, best first, NULL at the end */
    JsonKind kind;            /* of the value; JSON_REAL: any number */
    int visits;
} Search;

static bool is_value(const Json *input, JsonKind kind) {
    return json_kind(input) == kind || (kind == JSON_REAL && json_kind(input) == JSON_INTEGER);
}

/* The node a link leads to; NULL when `input` is no link. */
static const Json *linked_node(const Json *graph, const Json *input) {
    const char *name = json_kind(input) == JSON_ARRAY ? json_string(json_at(input, 0), NULL) : NULL;
    return name ? json_get(graph, name) : NULL;
}

/* The value in this node or the nodes behind it; NULL when there is none. */
static const Json *search_node(Search *search, const Json *node, int depth) {
    const Json *inputs = json_get(node, "inputs");
    if (!inputs || depth > DEPTH_LIMIT || ++search->visits > VISIT_LIMIT)
        return NULL;
    for (const char *const *key = search->keys; *key; key++) {
        const Json *input = json_get(inputs, *key);
        const Json *found = is_value(input, search->kind)
                              ? input : search_node(search, linked_node(search->graph, input), depth + 1);
        if (found)
            return found;
    }
    for (const char *const *link = search->links; *link; link++) {
        const Json *node_behind = linked_node(search->graph, json_get(inputs, *link));
        const Json *found = search_node(search, node_behind, depth + 1);
        if (found)
            return found;
    }
    return NULL;
}

/* --- texts ---------------------------------------------------------------------------------------------- */

static const char *const TEXT_KEYS[] = {"text",  "user_prompt", "prompt", "string",
                                        "value", "text_g",      "t5xxl",  NULL};
static const char *const POSITIVE_LINKS[] = {"positive", "guider", "conditioning", "conditioning_1", NULL};
static const char *const NEGATIVE_LINKS[] = {"negative", "guider", "conditioning", "conditioning_1", NULL};

static void read_prompt(char **field, const Json *graph, const Json *sampler, const char *const *links) {
    Search search = {.graph = graph, .keys = TEXT_KEYS, .links = links, .kind = JSON_STRING};
    size_t size;
    const char *text = json_string(search_node(&search, sampler, 0), &size);
    if (text)
        meta_set_n(field, text, strnlen(text, size));
}

/* --- settings ------------------------------------------------------------------------------------------- */

static const char *const SETTING_LINKS[] = {"noise",        "guider", "sigmas", "sampler",
                                            "latent_image", "model",  NULL};
static const char *const SEED_KEYS[] = {"seed", "noise_seed", NULL};
static const char *const STEPS_KEYS[] = {"steps", NULL};
static const char *const CFG_KEYS[] = {"cfg", NULL};
static const char *const SAMPLER_KEYS[] = {"sampler_name", NULL};
static const char *const SCHEDULE_KEYS[] = {"scheduler", NULL};
static const char *const SHIFT_KEYS[] = {"shift", NULL};
static const char *const WIDTH_KEYS[] = {"width", NULL};
static const char *const HEIGHT_KEYS[] = {"height", NULL};
static const char *const MODEL_KEYS[] = {"unet_name", "ckpt_name", NULL};
static const char *const DENOISE_KEYS[] = {"denoise", NULL};

static const Json *find_setting(const Json *graph, const Json *sampler, const char *const *keys,
                                JsonKind kind) {
    Search search = {.graph = graph, .keys = keys, .links = SETTING_LINKS, .kind = kind};
    return search_node(&search, sampler, 0);
}

static int find_count(const Json *graph, const Json *sampler, const char *const *keys) {
    int64_t value = json_integer(find_setting(graph, sampler, keys, JSON_INTEGER), 0);
    return value > 0 && value <= 1 << 24 ? (int)value : 0;
}

static void read_name(char **field, Buf *remarks, MetaNames *names, const Json *found) {
    const char *name = json_string(found, NULL);
    if (name && !meta_set_name(field, names, name))
        meta_remark(remarks, "%s cannot be honoured", name);
}

static void read_settings(RunMeta *out, Buf *remarks, const Json *graph, const Json *sampler) {
    const Json *seed = find_setting(graph, sampler, SEED_KEYS, JSON_INTEGER);
    if (seed && json_integer(seed, -1) >= 0) {
        out->seed = (uint64_t)json_integer(seed, 0);
        out->has_seed = true;
    } else if (seed || find_setting(graph, sampler, SEED_KEYS, JSON_REAL)) {
        meta_remark(remarks, "the seed is not a number from 0 to 2^63-1");
    }
    out->steps = out->steps_run = find_count(graph, sampler, STEPS_KEYS);
    int width = find_count(graph, sampler, WIDTH_KEYS), height = find_count(graph, sampler, HEIGHT_KEYS);
    if (width && height) {
        out->width = width;
        out->height = height;
    }
    out->cfg = json_number(find_setting(graph, sampler, CFG_KEYS, JSON_REAL), NAN);
    out->shift = json_number(find_setting(graph, sampler, SHIFT_KEYS, JSON_REAL), NAN);
    read_name(&out->sampler, remarks, meta_samplers, find_setting(graph, sampler, SAMPLER_KEYS, JSON_STRING));
    read_name(&out->schedule, remarks, meta_schedules,
              find_setting(graph, sampler, SCHEDULE_KEYS, JSON_STRING));
    const char *model = json_string(find_setting(graph, sampler, MODEL_KEYS, JSON_STRING), NULL);
    meta_set(&out->model_name, model ? meta_base_name(model) : NULL);
    double denoise = json_number(find_setting(graph, sampler, DENOISE_KEYS, JSON_REAL), 1);
    if (denoise != 1)
        meta_remark(remarks, "denoise other than 1 cannot be honoured: it started from another picture");
    meta_set(&out->rng, "cpu"); /* ComfyUI draws its noise on the CPU */
}

/* --- the graph ------------------------------------------------------------------------------------------ */

/* How much a node looks like the one that makes the picture: both prompts, or a guider that has them. */
static int sampler_rank(const Json *node) {
    const Json *inputs = json_get(node, "inputs");
    const char *name = json_get_string(node, "class_type", "");
    bool prompts = json_kind(json_get(inputs, "positive")) == JSON_ARRAY;
    if (strstr(name, "Sampler") && (prompts || json_kind(json_get(inputs, "guider")) == JSON_ARRAY))
        return 2;
    return prompts && json_get(inputs, "latent_image");
}

static const Json *find_sampler(const Json *graph) {
    const Json *best = NULL;
    int best_rank = 0;
    for (JsonIter i = json_first(graph); i.value; json_next(&i))
        if (sampler_rank(i.value) > best_rank) {
            best = i.value;
            best_rank = sampler_rank(i.value);
        }
    return best;
}

bool meta_read_comfy(RunMeta *out, Buf *remarks, const char *text) {
    Json *graph;
    Status status = json_parse(&graph, text, strlen(text));
    if (status) {
        meta_remark(remarks, "chunk prompt cannot be read: %s", status->message);
        return false;
    }
    const Json *sampler = find_sampler(graph);
    if (sampler) {
        read_prompt(&out->prompt, graph, sampler, POSITIVE_LINKS);
        read_prompt(&out->negative, graph, sampler, NEGATIVE_LINKS);
    }
    if (out->prompt) {
        read_settings(out, remarks, graph, sampler);
        meta_plain_parentheses(&out->prompt, remarks);
        meta_plain_parentheses(&out->negative, remarks);
        meta_remark(remarks, "ComfyUI gives both encoders the same text, so the picture will differ");
    } else {
        meta_remark(remarks, "chunk prompt holds no ComfyUI graph that leads to a prompt");
    }
    json_free(graph);
    return out->prompt != NULL;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* The nodes by their names in the graph. */
enum { UNET = 1, CLIP, VAE, POSITIVE, NEGATIVE, LATENT, SAMPLER, DECODE, SAVE, SHIFT };

#define COMFY_SHIFT 6 /* what ComfyUI uses for this model without a node (model-spec.md 7.2) */

/* Of our samplers and schedules those that ComfyUI has under the same name. */
static const char *const COMFY_SAMPLERS[] = {"euler", "dpmpp_2m", "euler_ancestral", "res_multistep", NULL};
static const char *const COMFY_SCHEDULES[] = {"normal",           "simple", "sgm_uniform",
                                              "linear_quadratic", "beta",   "ddim_uniform", NULL};

static bool is_among(const char *const *names, const char *name) {
    for (; name && *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

static void begin_node(Buf *out, int number, const char *class_type) {
    char name[16];
    snprintf(name, sizeof name, "%d", number);
    json_key(out, name);
    json_open(out, '{');
    json_key(out, "class_type");
    json_put_string(out, class_type);
    json_key(out, "inputs");
    json_open(out, '{');
}

static void end_node(Buf *out) {
    json_close(out, '}');
    json_close(out, '}');
}

static void put_text(Buf *out, const char *key, const char *text) {
    json_key(out, key);
    json_put_string(out, text ? text : "");
}

static void put_count(Buf *out, const char *key, int64_t value) {
    json_key(out, key);
    json_put_integer(out, value);
}

static void put_real(Buf *out, const char *key, double value) {
    json_key(out, key);
    json_put_number(out, value);
}

/* Output 0 of a node is an input of this one. */
static void put_link(Buf *out, const char *key, int number) {
    char name[16];
    snprintf(name, sizeof name, "%d", number);
    json_key(out, key);
    json_open(out, '[');
    json_put_string(out, name);
    json_put_integer(out, 0);
    json_close(out, ']');
}

/* Names of the files as they are published for ComfyUI (model-spec.md 8.2 D); of the model our own. */
static void put_loaders(Buf *out, const RunMeta *meta) {
    Buf file = {0};
    buf_print(&file, "%s.safetensors", meta->model_name ? meta_base_name(meta->model_name) : "newbie");
    begin_node(out, UNET, "UNETLoader");
    put_text(out, "unet_name", file.data);
    put_text(out, "weight_dtype", "default");
    end_node(out);
    begin_node(out, CLIP, "DualCLIPLoader");
    put_text(out, "clip_name1", "gemma_3_4b_it.safetensors");
    put_text(out, "clip_name2", "jina_clip_v2.safetensors");
    put_text(out, "type", "newbie");
    end_node(out);
    begin_node(out, VAE, "VAELoader");
    put_text(out, "vae_name", "ae.safetensors");
    end_node(out);
    buf_done(&file);
}

static void put_encoder(Buf *out, int number, const char *text) {
    begin_node(out, number, "CLIPTextEncode");
    put_text(out, "text", text);
    put_link(out, "clip", CLIP);
    end_node(out);
}

/* Seeds of 2^63 and more are no integers of JSON; their low 32 bits draw the same noise. */
static void put_sampler(Buf *out, const RunMeta *meta, int model) {
    begin_node(out, SAMPLER, "KSampler");
    put_count(out, "seed", meta->seed > INT64_MAX ? (int64_t)(meta->seed & UINT32_MAX) : (int64_t)meta->seed);
    put_count(out, "steps", meta->steps);
    put_real(out, "cfg", meta->cfg);
    put_text(out, "sampler_name", meta->sampler);
    put_text(out, "scheduler", meta->schedule);
    put_count(out, "denoise", 1);
    put_link(out, "model", model);
    put_link(out, "positive", POSITIVE);
    put_link(out, "negative", NEGATIVE);
    put_link(out, "latent_image", LATENT);
    end_node(out);
}

static void put_rest(Buf *out, const RunMeta *meta) {
    begin_node(out, LATENT, "EmptySD3LatentImage");
    put_count(out, "width", meta->width);
    put_count(out, "height", meta->height);
    put_count(out, "batch_size", 1);
    end_node(out);
    begin_node(out, DECODE, "VAEDecode");
    put_link(out, "samples", SAMPLER);
    put_link(out, "vae", VAE);
    end_node(out);
    begin_node(out, SAVE, "SaveImage");
    put_link(out, "images", DECODE);
    put_text(out, "filename_prefix", "newbie");
    end_node(out);
}

/* JSON in ASCII: what is beyond stands in strings only, and becomes \uXXXX. */
static void put_ascii(Buf *out, const Buf *json) {
    for (size_t at = 0; at < json->size;) {
        uint32_t code;
        size_t size = utf8_decode(json->data + at, json->size - at, &code, NULL);
        if (code < 0x80)
            buf_byte(out, code);
        else if (code < 0x10000)
            buf_print(out, "\\u%04x", code);
        else
            buf_print(out, "\\u%04x\\u%04x", 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF));
        at += size;
    }
}

void meta_write_comfy(Buf *out, const RunMeta *meta) {
    if (!is_among(COMFY_SAMPLERS, meta->sampler) || !is_among(COMFY_SCHEDULES, meta->schedule))
        return;
    bool shifted = !isnan(meta->shift) && meta->shift != COMFY_SHIFT;
    Buf json = {0};
    json_open(&json, '{');
    put_loaders(&json, meta);
    put_encoder(&json, POSITIVE, meta->prompt);
    put_encoder(&json, NEGATIVE, meta->negative);
    if (shifted) {
        begin_node(&json, SHIFT, "ModelSamplingAuraFlow");
        put_real(&json, "shift", meta->shift);
        put_link(&json, "model", UNET);
        end_node(&json);
    }
    put_sampler(&json, meta, shifted ? SHIFT : UNET);
    put_rest(&json, meta);
    json_close(&json, '}');
    put_ascii(out, &json);
    buf_done(&json);
}
