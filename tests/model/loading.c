/* loading.c: what the loaders say about files that are not what they should be. Every sentence names the
 * thing, what was expected and what was found; everything wrong with a file comes at once. product.md 12 rows
 * 4 to 6 and 8. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "cpu/cpu.h"
#include "tests/model/synthetic.h"
#include "tests/tap.h"

static Ops ops;
static Arena no_arena; /* loading takes nothing from an arena */

static Status load_part(ModelPart part, const SafeTensors *file, const Json *config) {
    Dit *dit = NULL;
    Gemma *gemma = NULL;
    Jina *jina = NULL;
    Vae *vae = NULL;
    Status st = NULL;
    switch (part) {
    case PART_DIT: st = dit_load(&dit, &ops, file, config, NULL); break;
    case PART_GEMMA: st = gemma_load(&gemma, &ops, file, config, NULL); break;
    case PART_JINA: st = jina_load(&jina, &ops, file, config, NULL); break;
    default: st = vae_load(&vae, &ops, file, config, VAE_BOTH); break;
    }
    dit_free(dit, &ops);
    gemma_free(gemma, &ops);
    jina_free(jina, &ops);
    vae_free(vae, &ops);
    return st;
}

/* Writes, loads and forgets the file. The status is copied, because the file's name goes with it. */
static Status load(Synthetic *file, ModelPart part, const char *json) {
    Json *config = NULL;
    if (json)
        CHECK_OK(json_parse(&config, json, strlen(json)), "the test's config is JSON");
    else
        config = nano_json(part);
    SafeTensors *opened = synthetic_open(file, NULL);
    Status st = load_part(part, opened, config);
    safetensors_close(opened);
    json_free(config);
    synthetic_done(file);
    MemInfo info;
    ops_mem_info(&ops, &info);
    if (info.held)
        printf("# %llu bytes are still held\n", (unsigned long long)info.held);
    CHECK_EQ(info.held, 0, "after loading or failing nothing is held");
    return st;
}

static const char *sentence(Status st) {
    return st ? st->message : "(it loaded)";
}

static void check_good(void) {
    static const char *const NAMES[] = {"the nano transformer loads", "the nano text encoder loads",
                                        "the nano pooled text encoder loads", "the nano VAE loads"};
    for (int part = 0; part < PART_COUNT; part++) {
        Synthetic file = synthetic_nano(part, NULL);
        CHECK_OK(load(&file, part, NULL), NAMES[part]);
    }
}

static void check_missing(void) {
    Synthetic file = synthetic_nano(PART_DIT, NULL);
    int total = (int)file.count;
    synthetic_remove(&file, "layers.1.attention.out.weight");
    synthetic_remove(&file, "layers.0.adaLN_modulation.1.bias");
    synthetic_remove(&file, "layers.0.attention.qkv.weight"); /* a width is derived from this one */
    char expected[160];
    snprintf(expected, sizeof expected,
             "the transformer lacks 3 of %d tensors: layers.0.attention.qkv.weight and 2 more", total);
    Status st = load(&file, PART_DIT, NULL);
    CHECK_STR(sentence(st), expected, "missing tensors are counted, and the first is named");
    CHECK_STR(st ? st->hint : "", ":log FILE and :model PATH again list all of them",
              "the hint says how to see them all");

    file = synthetic_nano(PART_DIT, NULL);
    synthetic_remove(&file, "norm_final.weight");
    CHECK_OK(load(&file, PART_DIT, NULL), "norm_final, which the forward never uses, may be missing");

    file = synthetic_nano(PART_GEMMA, NULL);
    synthetic_remove(&file, "model.layers.1.mlp.up_proj.weight");
    CHECK_HAS(sentence(load(&file, PART_GEMMA, NULL)), "the text encoder lacks 1 of",
              "a missing tensor of Gemma is named");

    file = synthetic_nano(PART_GEMMA, NULL);
    synthetic_remove(&file, "model.layers.3.mlp.up_proj.weight");
    CHECK_OK(load(&file, PART_GEMMA, NULL), "the last layer of Gemma is not needed");

    file = synthetic_nano(PART_VAE, NULL);
    synthetic_remove(&file, "decoder.up.1.block.1.conv2.weight");
    CHECK_HAS(sentence(load(&file, PART_VAE, NULL)), "the VAE lacks 1 of",
              "a missing tensor of the VAE is named");

    file = synthetic_nano(PART_VAE, NULL);
    const char *const whole[] = {"norm1.weight", "norm1.bias", "conv1.weight", "conv1.bias",
                                 "norm2.weight", "norm2.bias", "conv2.weight", "conv2.bias"};
    for (size_t i = 0; i < 8; i++) {
        char name[96];
        snprintf(name, sizeof name, "decoder.up.1.block.1.%s", whole[i]);
        synthetic_remove(&file, name);
    }
    CHECK_HAS(sentence(load(&file, PART_VAE, NULL)), "the VAE lacks 8 of",
              "a whole missing block is noticed");
}

static void check_wrong(void) {
    Synthetic file = synthetic_nano(PART_DIT, NULL);
    SafeTensor *tensor = synthetic_find(&file, "layers.1.attention.qkv.weight");
    tensor->dims[1] -= 8;
    tensor->count = tensor->dims[0] * tensor->dims[1];
    tensor->bytes = 4 * (size_t)tensor->count;
    Status st = load(&file, PART_DIT, NULL);
    CHECK_STR(sentence(st), "layers.1.attention.qkv.weight is [192, 88], expected [192, 96]",
              "a wrong shape is told");
    CHECK_STR(st ? st->hint : "", "the file may be pruned or of another version",
              "the hint says what it may be");

    file = synthetic_nano(PART_DIT, NULL);
    tensor = synthetic_find(&file, "layers.0.feed_forward.w2.weight");
    tensor->type = DT_I32;
    st = load(&file, PART_DIT, NULL);
    CHECK_STR(sentence(st), "layers.0.feed_forward.w2.weight is stored as i32; readable are f32 f16 bf16",
              "an unreadable type is told");

    file = synthetic_nano(PART_DIT, NULL);
    synthetic_remove(&file, "layers.1.attention.out.weight");
    synthetic_find(&file, "layers.0.feed_forward.w2.weight")->type = DT_I32;
    st = load(&file, PART_DIT, NULL);
    CHECK_HAS(sentence(st), "lacks 1 of", "different problems come in one sentence (missing)");
    CHECK_HAS(sentence(st), "stored as i32", "different problems come in one sentence (type)");

    file = synthetic_nano(PART_JINA, NULL);
    tensor = synthetic_find(&file, "model.embeddings.word_embeddings.weight");
    tensor->dims[0] = tensor->count = 0;
    tensor->bytes = 0;
    CHECK_HAS(sentence(load(&file, PART_JINA, NULL)), "word_embeddings.weight is [0, 48]",
              "an empty tensor is refused");

    file = synthetic_nano(PART_DIT, NULL);
    CHECK_HAS(sentence(load(&file, PART_DIT, "{}")), "heads are 24 wide: expected axes_dims",
              "a small transformer without rope axes is refused");
    file = synthetic_nano(PART_DIT, NULL);
    CHECK_HAS(sentence(load(&file, PART_DIT, "{\"axes_dims\": [8, 8, 12]}")),
              "axes_dims add up to 28, expected the head size 24",
              "rope axes that do not fit the heads are refused");
    file = synthetic_nano(PART_DIT, NULL);
    CHECK_HAS(sentence(load(&file, PART_DIT, "{\"axes_dims\": [8, 8, 8], \"patch_size\": 3}")), "patch_size",
              "a patch size that does not fit is refused");
    file = synthetic_nano(PART_VAE, NULL);
    CHECK_HAS(sentence(load(&file, PART_VAE, "{}")), "expected a multiple of its 32 norm groups",
              "norm groups that do not fit are refused");
    file = synthetic_nano(PART_GEMMA, NULL);
    CHECK_HAS(sentence(load(&file, PART_GEMMA,
                            "{\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 2}}")),
              "rope_type yarn", "an unknown rope type is refused");
    file = synthetic_nano(PART_GEMMA, NULL);
    CHECK_HAS(sentence(load(&file, PART_GEMMA, "{\"query_pre_attn_scalar\": 0}")),
              "query_pre_attn_scalar 0, expected", "a text encoder without a scale is refused");
    file = synthetic_nano(PART_JINA, NULL);
    CHECK_HAS(sentence(load(&file, PART_JINA, "{\"num_attention_heads\": 7}")), "with 7 heads",
              "heads that do not divide the width are refused");
}

/* Gives a tensor another shape of rank 0 to 2, cut from the numbers it has. */
static void reshape(Synthetic *file, const char *name, int rank, int64_t first, int64_t second) {
    SafeTensor *tensor = synthetic_find(file, name);
    tensor->rank = rank;
    tensor->dims[0] = first;
    tensor->dims[1] = second;
    tensor->count = (rank > 0 ? first : 1) * (rank > 1 ? second : 1);
    tensor->bytes = 4 * (size_t)tensor->count;
}

/* Nothing is missing, but the tensors that sizes are taken from do not tell them. */
static void check_untold(void) {
    static const struct {
        ModelPart part;
        const char *name;
        int rank;
        int64_t first, second;
        const char *expected;
    } ROWS[] = {
        {PART_DIT, "layers.0.attention.qkv.weight", 2, 90, 96,
         "attention.qkv.weight is [192, 96], expected [?, 96]"},
        {PART_GEMMA, "model.layers.0.self_attn.q_norm.weight", 0, 0, 0,
         "model.layers.0.self_attn.q_proj.weight"},
        {PART_JINA, "model.embeddings.word_embeddings.weight", 1, 48, 0,
         "model.embeddings.word_embeddings.weight is [48], expected [48, ?]"},
        {PART_JINA, "model.embeddings.word_embeddings.weight", 2, 0, INT64_MAX,
         "model.embeddings.word_embeddings.weight is [0, 9223372036854775807], expected [?, ?]"},
        {PART_VAE, "decoder.conv_in.weight", 1, 16, 0, "decoder.conv_in.weight is [16]"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        Synthetic file = synthetic_nano(ROWS[i].part, NULL);
        reshape(&file, ROWS[i].name, ROWS[i].rank, ROWS[i].first, ROWS[i].second);
        CHECK_HAS(sentence(load(&file, ROWS[i].part, NULL)), ROWS[i].expected,
                  "a file whose tensors leave a size unknown is refused");
    }
}

/* The right structure, but another model. */
static void check_other_models(void) {
    Synthetic file = synthetic_nano(PART_DIT, NULL);
    const char *const clip[] = {"clip_text_pooled_proj.0.weight", "clip_text_pooled_proj.1.weight",
                                "clip_text_pooled_proj.1.bias", "time_text_embed.1.weight",
                                "time_text_embed.1.bias"};
    for (size_t i = 0; i < 5; i++)
        synthetic_remove(&file, clip[i]);
    CHECK_HAS(sentence(load(&file, PART_DIT, NULL)),
              "is a Lumina-Image-2.0 transformer: clip_text_pooled_proj.0.weight is missing",
              "Lumina 2 is named");

    VaeConfig small = VAE_NANO;
    small.latent_channels = 4;
    file = (Synthetic){0};
    vae_expected(&small, 0, synthetic_add, &file);
    CHECK_HAS(sentence(load(&file, PART_VAE, NULL)),
              "is an SD VAE (4 channels), expected the FLUX VAE with 16 channels",
              "a 4-channel VAE is named");

    file = (Synthetic){0};
    const float numbers[4] = {0};
    synthetic_put(&file, "base_model.model.layers.0.attention.qkv.lora_A.weight", numbers, 2, 2);
    CHECK_HAS(sentence(load(&file, PART_DIT, NULL)), "is a LoRA, expected the NewBie transformer",
              "a LoRA is named");

    file = synthetic_nano(PART_JINA, NULL);
    CHECK_HAS(sentence(load(&file, PART_GEMMA, NULL)),
              "is a Jina CLIP v2 text tower, expected the Gemma 3 text encoder",
              "swapped encoders are named");

    file = (Synthetic){0};
    synthetic_put(&file, "something", numbers, 2, 2);
    CHECK_HAS(sentence(load(&file, PART_DIT, NULL)), "does not hold the NewBie transformer",
              "anything else is refused");
}

/* Cut at every eighth of its length, a file never opens and never harms. */
static void check_truncated(void) {
    Synthetic made = synthetic_nano(PART_DIT, NULL);
    char *path;
    SafeTensors *file = synthetic_open(&made, &path);
    off_t size = (off_t)safetensors_bytes(file);
    safetensors_close(file);
    for (int eighth = 7; eighth >= 0; eighth--) {
        Status st = truncate(path, size * eighth / 8) ? fail_errno("truncate")
                                                      : safetensors_open(&file, path);
        CHECK(st && st->code == ERR_FORMAT, "a file that was cut off does not open");
    }
    unlink(path);
    free(path);
    synthetic_done(&made);
}

/* Whatever stands in a config, a network loads or is refused; it never does harm. */
static void check_any_config(void) {
    static const struct { ModelPart part; const char *name; } KEYS[] = {
        {PART_DIT, "axes_dims"}, {PART_DIT, "patch_size"}, {PART_DIT, "rope_theta"}, {PART_DIT, "norm_eps"},
        {PART_DIT, "qk_norm_eps"}, {PART_GEMMA, "sliding_window"}, {PART_GEMMA, "sliding_window_pattern"},
        {PART_GEMMA, "query_pre_attn_scalar"}, {PART_GEMMA, "rms_norm_eps"}, {PART_GEMMA, "rope_theta"},
        {PART_GEMMA, "rope_local_base_freq"}, {PART_GEMMA, "rope_scaling"}, {PART_GEMMA, "rope_parameters"},
        {PART_GEMMA, "layer_types"}, {PART_GEMMA, "text_config"}, {PART_JINA, "num_attention_heads"},
        {PART_JINA, "rotary_emb_base"}, {PART_JINA, "layer_norm_eps"}, {PART_JINA, "text_config"},
        {PART_VAE, "norm_num_groups"}, {PART_VAE, "scaling_factor"}, {PART_VAE, "shift_factor"},
    };
    static const char *const VALUES[] = {
        "null", "0", "-1", "1", "9223372036854775807", "1e308", "\"text\"", "[]", "[1, 2, 3]", "[8, 8, 8, 8]",
        "[-8, 16, 16]", "{}", "{\"rope_type\": 3, \"factor\": -1}",
        "{\"rope_type\": \"linear\", \"factor\": 0}",
        "[\"full_attention\", \"sliding_attention\"]", "{\"full_attention\": [], \"sliding_window\": 0}",
    };
    int odd = 0;
    for (int part = 0; part < PART_COUNT; part++) {
        Synthetic whole = synthetic_nano(part, NULL);
        SafeTensors *file = synthetic_open(&whole, NULL);
        for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++)
            for (size_t v = 0; KEYS[k].part == (ModelPart)part && v < sizeof VALUES / sizeof *VALUES; v++) {
                char text[256];
                Json *config = NULL;
                snprintf(text, sizeof text, "{\"%s\": %s%s}", KEYS[k].name, VALUES[v],
                         strcmp(KEYS[k].name, "axes_dims") ? ", \"axes_dims\": [8, 8, 8]" : "");
                Status st = json_parse(&config, text, strlen(text));
                st = st ? st : load_part(part, file, config);
                odd += st && st->code != ERR_FORMAT && st->code != ERR_UNSUPPORTED;
                if (st && st->code == ERR_BUG)
                    printf("# %s: %s\n", text, st->message);
                ops_clear(&ops);
                json_free(config);
            }
        safetensors_close(file);
        synthetic_done(&whole);
    }
    CHECK_EQ(odd, 0, "a network loads with any config, or is refused as a file");
}

static bool is_unused(const char *name) {
    return !strcmp(name, "norm_final.weight") || !strcmp(name, "model.norm.weight") ||
        !strncmp(name, "model.layers.3.", 15);
}

/* Of every part every tensor that is needed is missed when it is not there, and told when it has another
 * shape. */
static void check_every_tensor(void) {
    for (int part = 0; part < PART_COUNT; part++) {
        Synthetic whole = synthetic_nano(part, NULL);
        Json *config = nano_json(part);
        int unexpected = 0;
        for (size_t i = 0; i < 2 * whole.count; i++) {
            SafeTensor *tensor = &whole.tensors[i / 2], kept = *tensor;
            bool free_rows = strstr(kept.name, "embed_tokens") || strstr(kept.name, "word_embeddings");
            /* nothing else says how many words there are */
            if (is_unused(kept.name) || (free_rows && i % 2 == 0))
                continue;
            if (i % 2) {
                tensor->name = "other";
            } else {
                tensor->dims[0]--;
                tensor->count = kept.count / kept.dims[0] * tensor->dims[0];
                tensor->bytes = sizeof(float) * (size_t)tensor->count;
            }
            SafeTensors *opened = synthetic_open(&whole, NULL);
            if (!load_part(part, opened, config) && ++unexpected)
                printf("# %s %s\n", kept.name, i % 2 ? "missing" : "smaller");
            safetensors_close(opened);
            *tensor = kept;
        }
        CHECK_EQ(unexpected, 0, "no network loads without one of its tensors, or with one of another shape");
        json_free(config);
        synthetic_done(&whole);
    }
    MemInfo info;
    ops_mem_info(&ops, &info);
    CHECK_EQ(info.held, 0, "after all these failures nothing is held");
}

/* Numbers that are none are not searched while loading: the first step tells. */
static void check_nan(void) {
    Synthetic file = synthetic_nano(PART_DIT, NULL);
    ((float *)synthetic_find(&file, "layers.0.feed_forward.w2.weight")->data)[3] = NAN;
    CHECK_OK(load(&file, PART_DIT, NULL), "weights with numbers that are none load");
}

static void count_lines(void *context, LogLevel level, const char *file, int line, const char *text) {
    (void)level, (void)file, (void)line;
    if (strstr(text, "is missing") || strstr(text, "are not used"))
        ++*(int *)context;
}

static void check_log(void) {
    int lines = 0;
    log_set_sink(count_lines, &lines);
    Synthetic file = synthetic_nano(PART_DIT, NULL);
    synthetic_remove(&file, "layers.1.attention.out.weight");
    synthetic_remove(&file, "layers.0.attention.out.weight");
    load(&file, PART_DIT, NULL);
    CHECK_EQ(lines, 2, "the log lists every missing tensor");
    file = synthetic_nano(PART_DIT, NULL);
    const float numbers[4] = {0};
    synthetic_put(&file, "clip_img_pooled_embedder.1.weight", numbers, 2, 2);
    CHECK_OK(load(&file, PART_DIT, NULL), "a tensor that is not needed does no harm");
    CHECK_EQ(lines, 3, "the log names what is not used");
    log_set_sink(NULL, NULL);
}

static void count_progress(void *context, uint64_t done, uint64_t total) {
    uint64_t *last = context;
    if (done >= last[0] && total >= done)
        last[0] = done;
    last[1] = total;
}

static void check_progress(void) {
    uint64_t last[2] = {0};
    Synthetic made = synthetic_nano(PART_DIT, NULL);
    SafeTensors *file = synthetic_open(&made, NULL);
    Json *config = nano_json(PART_DIT);
    Dit *dit = NULL;
    CHECK_OK(dit_load(&dit, &ops, file, config, &(LoadHow){.progress = count_progress, .context = last}),
             "loading with progress");
    CHECK(last[0] > 0 && last[0] == last[1], "the bytes done rise to the total");
    MemInfo info;
    ops_mem_info(&ops, &info);
    CHECK_EQ(dit_bytes(dit), info.held, "the memory of the weights is told as the backend counts it");
    dit_free(dit, &ops);
    json_free(config);
    safetensors_close(file);
    synthetic_done(&made);
}

int main(void) {
    ops = (Ops){.backend = &REF_BACKEND, .arena = &no_arena};
    CHECK_OK(ops.backend->open(&ops.state, &(BackendOptions){0}), "the backend opens");
    check_good();
    check_missing();
    check_wrong();
    check_untold();
    check_other_models();
    check_truncated();
    check_every_tensor();
    check_any_config();
    check_nan();
    check_log();
    check_progress();
    ops.backend->close(ops.state);
    return tap_end();
}
