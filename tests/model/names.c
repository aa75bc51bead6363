/* names.c: the same weights under other names give the same numbers. The tables of names here are those of
 * the documentation (model-spec.md 2.11, 3.5, 4.3, 5.2), written down once more, not taken from the
 * loaders. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "cpu/cpu.h"
#include "tests/model/synthetic.h"
#include "tests/tap.h"

enum { ARENA_BYTES = 32 << 20, HIGH = 4, WIDE = 6, TEXT = 5, OUTPUT_MAX = 8 * HIGH * 8 * WIDE * 3 };

static Ops ops;
static Arena arena;

static Tensor noise(int rank, const int64_t *dims) {
    Tensor t = ops_new(&ops, DT_F32, rank, dims);
    float *host = must_alloc(sizeof(float) * (size_t)tensor_count(t));
    Mt19937 rng;
    mt19937_seed(&rng, 7);
    rng_normal_f32(&rng, host, tensor_count(t));
    ops_upload(&ops, t, host);
    free(host);
    return t;
}

/* ---- a network's answer to fixed input ----------------------------------------------------------------- */

typedef Status Answer(float *out, const SafeTensors *file, const Json *config);

static Status answer_dit(float *out, const SafeTensors *file, const Json *config) {
    Dit *dit = NULL;
    TRY(dit_load(&dit, &ops, file, config, NULL));
    const double time = 0.375;
    DitInput input = {.caption = noise(2, (int64_t[]){TEXT, DIT_NANO.caption_dim}), .text = seqs_one(TEXT),
                      .pooled = noise(2, (int64_t[]){1, DIT_NANO.pooled_dim}), .height = HIGH, .width = WIDE,
                      .times = &time, .evaluations = 1};
    Tensor latent = noise(3, (int64_t[]){16, HIGH, WIDE}),
            v = ops_new(&ops, DT_F32, 4, (int64_t[]){1, 16, HIGH, WIDE});
    DitRun run;
    dit_begin(&run, &ops, dit, &input);
    dit_velocity(&ops, v, &run, latent, 0);
    ops_download(&ops, out, v);
    dit_end(&run, &ops);
    dit_free(dit, &ops);
    return ops_status(&ops);
}

static const int32_t IDS[] = {2, 17, 5, 44, 9, 31, 20};
enum { ID_COUNT = 7 };

static Status answer_gemma(float *out, const SafeTensors *file, const Json *config) {
    Gemma *gemma = NULL;
    TRY(gemma_load(&gemma, &ops, file, config, NULL));
    Seqs seqs = seqs_one(ID_COUNT);
    Tensor states = ops_matrix(&ops, ID_COUNT, GEMMA_NANO.hidden);
    gemma_encode(&ops, states, gemma, IDS, &seqs);
    ops_download(&ops, out, states);
    gemma_free(gemma, &ops);
    return ops_status(&ops);
}

static Status answer_jina(float *out, const SafeTensors *file, const Json *config) {
    Jina *jina = NULL;
    TRY(jina_load(&jina, &ops, file, config, NULL));
    Seqs seqs = seqs_one(ID_COUNT);
    Tensor pooled = ops_matrix(&ops, 1, JINA_NANO.hidden);
    jina_encode(&ops, pooled, jina, IDS, &seqs);
    ops_download(&ops, out, pooled);
    jina_free(jina, &ops);
    return ops_status(&ops);
}

/* The decoded picture, and behind it the encoded mean of other pixels. */
static Status answer_vae(float *out, const SafeTensors *file, const Json *config) {
    Vae *vae = NULL;
    TRY(vae_load(&vae, &ops, file, config, VAE_BOTH));
    Tensor image = ops_cube(&ops, 8 * HIGH, 8 * WIDE, 3), latent = ops_cube(&ops, 16, HIGH, WIDE);
    vae_decode(&ops, image, vae, noise(3, (int64_t[]){16, HIGH, WIDE}), LATENT_VAE);
    ops_download(&ops, out, image);
    vae_encode(&ops, latent, vae, noise(3, (int64_t[]){8 * HIGH, 8 * WIDE, 3}), LATENT_VAE);
    ops_download(&ops, out + tensor_count(image), latent);
    vae_free(vae, &ops);
    return ops_status(&ops);
}

typedef struct Part {
    Answer *answer;
    int64_t count; /* numbers of an answer */
} Part;

static const Part PARTS[PART_COUNT] = {
    {answer_dit, 16 * HIGH * WIDE},
    {answer_gemma, ID_COUNT * 40},
    {answer_jina, 48},
    {answer_vae, 64 * HIGH * WIDE * 3 + 16 * HIGH * WIDE},
};

static float expected[PART_COUNT][OUTPUT_MAX + 16 * HIGH * WIDE];

/* The answer of a file; takes the synthetic file. config NULL: the nano one. */
static Status ask(float *out, Synthetic *made, ModelPart part, const char *config) {
    Json *json = NULL;
    Status st = config ? json_parse(&json, config, strlen(config)) : NULL;
    if (!config)
        json = nano_json(part);
    SafeTensors *file = synthetic_open(made, NULL);
    ArenaMark mark = ops_mark(&ops);
    if (!st)
        st = PARTS[part].answer(out, file, json);
    ops_release(&ops, mark);
    safetensors_close(file);
    synthetic_done(made);
    json_free(json);
    return st;
}

static void check_same(Synthetic *made, ModelPart part, const char *config, const char *name) {
    static float got[OUTPUT_MAX + 16 * HIGH * WIDE];
    Status st = ask(got, made, part, config);
    double largest = st ? INFINITY : 0;
    for (int64_t i = 0; i < PARTS[part].count && !st; i++)
        largest = fmax(largest, fabs((double)got[i] - expected[part][i]));
    CHECK_NEAR(largest, 0, 0, name);
    if (st)
        printf("# %s\n", st->message);
}

/* ---- renaming ------------------------------------------------------------------------------------------ */

/* Puts `prefix` in front of all names, in place of `old`. */
static void set_prefix(Synthetic *file, const char *old, const char *prefix) {
    for (size_t i = 0; i < file->count; i++) {
        Buf name = {0};
        buf_print(&name, "%s%s", prefix, file->tensors[i].name + strlen(old));
        free((void *)file->tensors[i].name);
        file->tensors[i].name = buf_take(&name);
    }
}

typedef struct Rename {
    const char *from, *to; /* a piece of a name */
} Rename;

/* The first rule whose `from` occurs is applied. */
static void rename_all(Synthetic *file, const Rename *rules) {
    for (size_t i = 0; i < file->count; i++) {
        const char *name = file->tensors[i].name;
        for (const Rename *rule = rules; rule->from; rule++) {
            const char *at = strstr(name, rule->from);
            if (!at)
                continue;
            Buf renamed = {0};
            buf_add(&renamed, name, (size_t)(at - name));
            buf_print(&renamed, "%s%s", rule->to, at + strlen(rule->from));
            free((void *)name);
            file->tensors[i].name = buf_take(&renamed);
            break;
        }
    }
}

static void check_prefixes(ModelPart part, const char *old, const char *const *prefixes, const char *what) {
    for (; *prefixes; prefixes++) {
        char name[160];
        snprintf(name, sizeof name, "%s names may begin with \"%s\"", what, *prefixes);
        Synthetic file = synthetic_nano(part, NULL);
        set_prefix(&file, old, *prefixes);
        check_same(&file, part, NULL, name);
    }
}

/* ---- the transformer ----------------------------------------------------------------------------------- */

/* qkv of every block becomes to_q, to_k, to_v: its rows 0..95, 96..143, 144..191. */
static void split_qkv(Synthetic *file) {
    static const struct { const char *name; int64_t from, rows; } PIECES[] = {
        {"to_q", 0, 96}, {"to_k", 96, 48}, {"to_v", 144, 48},
    };
    static const char *const BLOCKS[] = {"context_refiner.0", "noise_refiner.0", "layers.0", "layers.1"};
    for (int b = 0; b < 4; b++) {
        char old[96], new[96];
        snprintf(old, sizeof old, "%s.attention.qkv.weight", BLOCKS[b]);
        for (int i = 0; i < 3; i++) {
            const float *data = synthetic_find(file, old)->data;
            snprintf(new, sizeof new, "%s.attn.%s.weight", BLOCKS[b], PIECES[i].name);
            synthetic_put(file, new, data + PIECES[i].from * 96, PIECES[i].rows, 96);
        }
        synthetic_remove(file, old);
    }
}

static const Rename DIT_DIFFUSERS[] = {
    {"cap_embedder.", "time_caption_embed.caption_embedder."},
    {"t_embedder.mlp.0", "time_caption_embed.timestep_embedder.linear_1"},
    {"t_embedder.mlp.2", "time_caption_embed.timestep_embedder.linear_2"},
    {"clip_text_pooled_proj.", "time_caption_embed.clip_text_pooled_proj."},
    {"time_text_embed.1", "time_caption_embed.time_text_embed.1"},
    {"final_layer.adaLN_modulation.1", "norm_out.linear_1"},
    {"final_layer.linear", "norm_out.linear_2"},
    {"attention.out", "attn.to_out.0"},
    {"attention.q_norm", "attn.norm_q"},
    {"attention.k_norm", "attn.norm_k"},
    {"feed_forward.w1", "feed_forward.linear_1"},
    {"feed_forward.w2", "feed_forward.linear_2"},
    {"feed_forward.w3", "feed_forward.linear_3"},
    {"adaLN_modulation.1", "norm1.linear"},
    {"context_refiner.0.attention_norm1", "context_refiner.0.norm1"},
    {"attention_norm1", "norm1.norm"},
    {"attention_norm2", "norm2"},
    {NULL, NULL},
};

static void check_dit(void) {
    static const char *const PREFIXES[] = {"model.diffusion_model.", "diffusion_model.", "model.", "module.",
                                           "inner_model.", "transformer.", NULL};
    check_prefixes(PART_DIT, "", PREFIXES, "the transformer's");
    Synthetic file = synthetic_nano(PART_DIT, NULL);
    synthetic_remove(&file, "norm_final.weight");
    split_qkv(&file);
    rename_all(&file, DIT_DIFFUSERS);
    check_same(&file, PART_DIT, NULL, "the transformer's diffusers names are understood");
    file = synthetic_nano(PART_DIT, NULL);
    check_same(&file, PART_DIT, "{\"axes_dim_rope\": [8, 8, 8]}",
               "the diffusers key of the rope axes is understood");
    file = synthetic_nano(PART_DIT, NULL);
    check_same(&file, PART_DIT, "{\"axes_dims\": [8, 8, 8], \"norm_eps\": 1e-5, \"qk_norm_eps\": 1e-5}",
               "every eps is 1e-5 unless the config says otherwise");
}

/* A config that lists norm_eps is that of the plain class, whose q and k norms have 1e-6. */
static void check_eps(void) {
    static float plain[OUTPUT_MAX], stated[OUTPUT_MAX];
    Synthetic file = synthetic_nano(PART_DIT, NULL);
    CHECK_OK(ask(plain, &file, PART_DIT, "{\"axes_dims\": [8, 8, 8], \"norm_eps\": 1e-5}"),
             "a config with norm_eps");
    file = synthetic_nano(PART_DIT, NULL);
    CHECK_OK(ask(stated, &file, PART_DIT,
                 "{\"axes_dims\": [8, 8, 8], \"norm_eps\": 1e-5, \"qk_norm_eps\": 1e-6}"),
             "a config with both");
    CHECK(!memcmp(plain, stated, sizeof(float) * 16 * HIGH * WIDE),
          "norm_eps alone leaves 1e-6 to the q and k norms");
    CHECK(memcmp(plain, expected[PART_DIT], sizeof(float) * 16 * HIGH * WIDE),
          "which is not what no config gives");
}

/* ---- the text encoders --------------------------------------------------------------------------------- */

static void check_gemma(void) {
    static const char *const PREFIXES[] = {"model.", "language_model.model.", "model.language_model.",
                                           "language_model.",
                                           "text_encoders.gemma3.transformer.",
                                           "text_encoders.gemma3_4b.transformer.",
                                           "gemma3_4b.transformer.", "", NULL};
    check_prefixes(PART_GEMMA, "model.", PREFIXES, "the text encoder's");
    Synthetic file = synthetic_nano(PART_GEMMA, NULL);
    const float numbers[4] = {0};
    synthetic_put(&file, "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.weight", numbers, 2, 2);
    synthetic_put(&file, "lm_head.weight", numbers, 2, 2);
    check_same(&file, PART_GEMMA, NULL, "the vision tower and the output head are passed over");

    static const char *const CONFIGS[] = {
        "{\"text_config\": {\"sliding_window\": 5, \"sliding_window_pattern\": 3, "
        "\"query_pre_attn_scalar\": 25}}",
        "{\"sliding_window\": 5, \"query_pre_attn_scalar\": 25, \"rope_theta\": 1000000.0, "
        "\"rope_local_base_freq\": 10000.0, "
        "\"layer_types\": [\"sliding_attention\", \"sliding_attention\", \"full_attention\", "
        "\"sliding_attention\"]}",
        "{\"sliding_window\": 5, \"query_pre_attn_scalar\": 25, \"_sliding_window_pattern\": 3, "
        "\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"default\", \"rope_theta\": 1000000.0}, "
        "\"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0}}}",
    };
    static const char *const NAMES[] = {"the config may have a text_config",
                                        "the config may have layer_types",
                                        "the config may have rope_parameters"};
    for (int i = 0; i < 3; i++) {
        file = synthetic_nano(PART_GEMMA, NULL);
        check_same(&file, PART_GEMMA, CONFIGS[i], NAMES[i]);
    }
}

/* Both forms of a rope factor are one, and it matters. */
static void check_factor(void) {
    static float flat[OUTPUT_MAX], nested[OUTPUT_MAX];
    Synthetic file = synthetic_nano(PART_GEMMA, NULL);
    CHECK_OK(ask(flat, &file, PART_GEMMA, "{\"sliding_window\": 5, \"sliding_window_pattern\": 3, "
                 "\"query_pre_attn_scalar\": 25, "
                 "\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8.0}}"),
             "a rope factor");
    file = synthetic_nano(PART_GEMMA, NULL);
    CHECK_OK(ask(nested, &file, PART_GEMMA, "{\"sliding_window\": 5, \"sliding_window_pattern\": 3, "
                 "\"query_pre_attn_scalar\": 25, "
                 "\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"linear\", "
                 "\"factor\": 8.0, \"rope_theta\": 1e6}, \"sliding_attention\": {\"rope_theta\": 1e4}}}"),
             "a nested rope factor");
    CHECK(!memcmp(flat, nested, sizeof(float) * ID_COUNT * 40), "a rope factor is read in both forms");
    CHECK(memcmp(flat, expected[PART_GEMMA], sizeof(float) * ID_COUNT * 40),
          "a rope factor changes the states");
}

/* W = original + B·A for linears, original + A·B for embeddings: an adapter that undoes a change of the
 * original. */
static void check_jina(void) {
    static const char *const PREFIXES[] = {"model.", "text_model.transformer.roberta.",
                                           "text_encoders.jina_clip.",
                                           "text_encoders.jina_clip.transformer.model.", "", NULL};
    check_prefixes(PART_JINA, "model.", PREFIXES, "the pooled text encoder's");
    Synthetic file = synthetic_nano(PART_JINA, NULL);
    synthetic_rename(&file, "model.encoder.layers.0.mixer.out_proj.weight",
                     "model.encoder.layers.0.mixer.out_proj.parametrizations.weight.original");
    float *weight = (float *)synthetic_find(&file,
            "model.encoder.layers.0.mixer.out_proj.parametrizations.weight.original")->data;
    /* Powers of two, so that taking away and adding again is exact where the sum is. */
    float a[2 * 48], b[48 * 2];
    for (int i = 0; i < 2 * 48; i++) {
        a[i] = i % 3 ? 0 : 0.5f;
        b[i] = i % 5 ? 0 : 0.25f;
    }
    for (int i = 0; i < 48; i++)
        for (int j = 0; j < 48; j++)
            weight[i * 48 + j] -= b[2 * i] * a[j] + b[2 * i + 1] * a[48 + j];
    ExpectedTensor shape = {.rank = 3, .dims = {1, 2, 48}};
    shape.name = "model.encoder.layers.0.mixer.out_proj.parametrizations.weight.0.lora_A";
    synthetic_add(&file, &shape);
    memcpy((float *)synthetic_find(&file, shape.name)->data, a, sizeof a);
    shape = (ExpectedTensor){.rank = 3, .dims = {1, 48, 2}};
    shape.name = "model.encoder.layers.0.mixer.out_proj.parametrizations.weight.0.lora_B";
    synthetic_add(&file, &shape);
    memcpy((float *)synthetic_find(&file, shape.name)->data, b, sizeof b);
    static float got[48];
    CHECK_OK(ask(got, &file, PART_JINA, NULL), "a weight with an adapter loads");
    double largest = 0;
    for (int i = 0; i < 48; i++)
        largest = fmax(largest, fabs((double)got[i] - expected[PART_JINA][i]));
    CHECK_NEAR(largest, 0, 1e-5, "the adapter is added to its weight");
}

/* ---- the VAE ------------------------------------------------------------------------------------------- */

static const Rename VAE_DIFFUSERS[] = {
    {"mid.block_1.", "mid_block.resnets.0."},
    {"mid.block_2.", "mid_block.resnets.1."},
    {"mid.attn_1.norm", "mid_block.attentions.0.group_norm"},
    {"mid.attn_1.q.", "mid_block.attentions.0.to_q."},
    {"mid.attn_1.k.", "mid_block.attentions.0.to_k."},
    {"mid.attn_1.v.", "mid_block.attentions.0.to_v."},
    {"mid.attn_1.proj_out.", "mid_block.attentions.0.to_out.0."},
    {"norm_out", "conv_norm_out"},
    {"decoder.up.3.block.", "decoder.up_blocks.0.resnets."},
    {"decoder.up.2.block.", "decoder.up_blocks.1.resnets."},
    {"decoder.up.1.block.", "decoder.up_blocks.2.resnets."},
    {"decoder.up.0.block.", "decoder.up_blocks.3.resnets."},
    {"decoder.up.3.upsample.conv", "decoder.up_blocks.0.upsamplers.0.conv"},
    {"decoder.up.2.upsample.conv", "decoder.up_blocks.1.upsamplers.0.conv"},
    {"decoder.up.1.upsample.conv", "decoder.up_blocks.2.upsamplers.0.conv"},
    {"encoder.down.0.block.", "encoder.down_blocks.0.resnets."},
    {"encoder.down.1.block.", "encoder.down_blocks.1.resnets."},
    {"encoder.down.2.block.", "encoder.down_blocks.2.resnets."},
    {"encoder.down.3.block.", "encoder.down_blocks.3.resnets."},
    {"encoder.down.0.downsample.conv", "encoder.down_blocks.0.downsamplers.0.conv"},
    {"encoder.down.1.downsample.conv", "encoder.down_blocks.1.downsamplers.0.conv"},
    {"encoder.down.2.downsample.conv", "encoder.down_blocks.2.downsamplers.0.conv"},
    {NULL, NULL},
};
static const Rename VAE_SHORTCUT[] = {{"nin_shortcut", "conv_shortcut"}, {NULL, NULL}};
static const Rename VAE_OLD[] = {
    {"attentions.0.to_q.", "attentions.0.query."}, {"attentions.0.to_k.", "attentions.0.key."},
    {"attentions.0.to_v.", "attentions.0.value."}, {"attentions.0.to_out.0.", "attentions.0.proj_attn."},
    {NULL, NULL},
};

static void check_vae(void) {
    static const char *const PREFIXES[] = {"first_stage_model.", "vae.", NULL};
    check_prefixes(PART_VAE, "", PREFIXES, "the VAE's");
    for (int old = 0; old < 2; old++) {
        Synthetic file = synthetic_nano(PART_VAE, NULL);
        rename_all(&file, VAE_DIFFUSERS);
        rename_all(&file, VAE_SHORTCUT);
        if (old)
            rename_all(&file, VAE_OLD);
        check_same(&file, PART_VAE, NULL, old ? "the VAE's old diffusers names are understood"
                                              : "the VAE's diffusers names are understood");
    }
    Synthetic file = synthetic_nano(PART_VAE, NULL);
    for (size_t i = 0; i < file.count; i++)
        if (strstr(file.tensors[i].name, "attn_1") && file.tensors[i].rank == 2) {
            file.tensors[i].rank = 4;
            file.tensors[i].dims[2] = file.tensors[i].dims[3] = 1;
        }
    check_same(&file, PART_VAE, NULL, "the VAE's attention may be stored as 1x1 convolutions");
}

/* ---- types --------------------------------------------------------------------------------------------- */

static void check_types(void) {
    static const DType TYPES[] = {DT_BF16, DT_F16};
    static float stored[OUTPUT_MAX], rounded[OUTPUT_MAX];
    for (int i = 0; i < 2; i++) {
        char name[96];
        Synthetic file = synthetic_nano(PART_DIT, NULL);
        synthetic_round(&file, TYPES[i], AS_ROUNDED_TYPE);
        CHECK_OK(ask(stored, &file, PART_DIT, NULL), dtype_name(TYPES[i]));
        file = synthetic_nano(PART_DIT, NULL);
        synthetic_round(&file, TYPES[i], AS_FLOAT32);
        CHECK_OK(ask(rounded, &file, PART_DIT, NULL), "the same numbers in f32");
        snprintf(name, sizeof name, "numbers stored as %s are taken as they are", dtype_name(TYPES[i]));
        CHECK(!memcmp(stored, rounded, sizeof(float) * 16 * HIGH * WIDE), name);
    }
}

int main(void) {
    void *block = aligned_alloc(ARENA_ALIGN, ARENA_BYTES);
    arena = arena_over(block, ARENA_BYTES);
    ops = (Ops){.backend = &REF_BACKEND, .arena = &arena};
    CHECK_OK(ops.backend->open(&ops.state, &(BackendOptions){0}), "the backend opens");
    for (int part = 0; part < PART_COUNT; part++) {
        Synthetic file = synthetic_nano(part, NULL);
        CHECK_OK(ask(expected[part], &file, part, NULL), model_part_name(part));
    }
    check_dit();
    check_eps();
    check_gemma();
    check_factor();
    check_jina();
    check_vae();
    check_types();
    ops.backend->close(ops.state);
    free(block);
    return tap_end();
}
