/* vae.c: the autoencoder: configuration, table of weights, decoder and encoder. model-spec.md 5.
 *
 * Either half is a list of stages (residual block, attention, resize) between a first and a last convolution.
 * The list is made from the shapes of the file and drives names, loading, memory and the forward pass. */
#include "config.h"

#include "model/vae.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/attention.h"
#include "model/expected.h"
#include "model/layout.h"

enum { LEVELS_MAX = 8, BLOCKS_MAX = 16, SLOTS = 3, DEFAULT_GROUPS = 32 };

static const float NORM_EPS = 1e-6f; /* model-spec 5.1 */

typedef enum StageKind { STAGE_RESIDUAL, STAGE_ATTENTION, STAGE_UP, STAGE_DOWN } StageKind;

typedef struct Stage {
    StageKind kind;
    int64_t in, out;           /* channels */
    NormWeights norm1, norm2;  /* residual: both; attention: norm1 */
    Weight conv1, conv2;       /* residual: both; resize: conv1 */
    Weight shortcut;           /* residual with in != out */
    Weight qkv, projection;    /* attention */
    char name[2][96];          /* in front of the names of its tensors: BFL, diffusers */
} Stage;

typedef struct Half {
    const char *name;   /* "decoder", "encoder" */
    Weight conv_in, conv_out;
    NormWeights norm_out;
    int64_t first, last;       /* channels behind conv_in, before conv_out */
    int64_t input, output;     /* channels before conv_in, behind conv_out */
    Stage *stages;             /* [count], owned */
    int count;
} Half;

struct Vae {
    VaeConfig config;
    WeightList weights;
    Half decoder, encoder;     /* count 0: not loaded */
};

const VaeConfig VAE_FULL_SIZE = {
    .latent_channels = 16, .groups = DEFAULT_GROUPS, .scale = 0.3611, .shift = 0.1159,
    .widths = {128, 256, 512, 512}, .levels = 4, .decoder_blocks = 3, .encoder_blocks = 2, .factor = 8,
};

/* ---- table of weights: model-spec 5.2 ------------------------------------------------------------------ */

/* A input, F first, L last, Y output channels of a half; I in, O out of a stage. */
#define AT(field) offsetof(Half, field)
static const WeightRow HALF_ROWS[] = {
    {AT(conv_in), FORM_CONV_BIAS, {"conv_in[F,A,3,3]"}},
    {AT(norm_out), FORM_NORM, {"norm_out[L]", "conv_norm_out[L]"}},
    {AT(conv_out), FORM_CONV_BIAS, {"conv_out[Y,L,3,3]"}},
};
#undef AT

#define AT(field) offsetof(Stage, field)
static const WeightRow RESIDUAL_ROWS[] = {
    {AT(norm1), FORM_NORM, {"norm1[I]"}},
    {AT(conv1), FORM_CONV_BIAS, {"conv1[O,I,3,3]"}},
    {AT(norm2), FORM_NORM, {"norm2[O]"}},
    {AT(conv2), FORM_CONV_BIAS, {"conv2[O,O,3,3]"}},
};
static const WeightRow SHORTCUT_ROWS[] = {
    {AT(shortcut), FORM_CONV_BIAS, {"nin_shortcut[O,I,1,1]", "conv_shortcut[O,I,1,1]"}},
};
static const WeightRow ATTENTION_ROWS[] = {
    {AT(norm1), FORM_NORM, {"norm[I]", "group_norm[I]"}},
    {AT(qkv), FORM_MATRIX_BIAS, {"q[I,I] k[I,I] v[I,I]", "to_q[I,I] to_k[I,I] to_v[I,I]",
                                 "query[I,I] key[I,I] value[I,I]"}},
    {AT(projection), FORM_MATRIX_BIAS, {"proj_out[I,I]", "to_out.0[I,I]", "proj_attn[I,I]"}},
};
static const WeightRow RESIZE_ROWS[] = {
    {AT(conv1), FORM_CONV_BIAS, {"[O,I,3,3]"}}, /* the stage's name is the module */
};
#undef AT

static void list_rows(WeightList *list, Stage *stage, const WeightRow *rows, int count) {
    WeightScope *scope = weights_scope(list, stage, rows, count);
    memcpy(scope->prefix[0], stage->name[0], sizeof scope->prefix[0]);
    memcpy(scope->prefix[1], stage->name[1], sizeof scope->prefix[1]);
    scope->symbol[WEIGHT_SYMBOL('I')] = stage->in;
    scope->symbol[WEIGHT_SYMBOL('O')] = stage->out;
}

static void list_stage(WeightList *list, Stage *stage) {
    switch (stage->kind) {
    case STAGE_RESIDUAL:
        list_rows(list, stage, WEIGHT_ROWS(RESIDUAL_ROWS));
        if (stage->in != stage->out)
            list_rows(list, stage, WEIGHT_ROWS(SHORTCUT_ROWS));
        break;
    case STAGE_ATTENTION: list_rows(list, stage, WEIGHT_ROWS(ATTENTION_ROWS)); break;
    case STAGE_UP:
    case STAGE_DOWN: list_rows(list, stage, WEIGHT_ROWS(RESIZE_ROWS)); break;
    }
}

static void list_half(WeightList *list, Half *half) {
    WeightScope *scope = weights_scope(list, half, WEIGHT_ROWS(HALF_ROWS));
    snprintf(scope->prefix[0], sizeof scope->prefix[0], "%s.", half->name);
    scope->symbol[WEIGHT_SYMBOL('A')] = half->input;
    scope->symbol[WEIGHT_SYMBOL('F')] = half->first;
    scope->symbol[WEIGHT_SYMBOL('L')] = half->last;
    scope->symbol[WEIGHT_SYMBOL('Y')] = half->output;
    for (int i = 0; i < half->count; i++)
        list_stage(list, &half->stages[i]);
}

/* ---- stages -------------------------------------------------------------------------------------------- */

/* Appends a stage that takes what the one before gives. Its names are set by the caller. */
static Stage *add_stage(Half *half, StageKind kind, int64_t out) {
    Stage *stage = &half->stages[half->count++];
    *stage = (Stage){.kind = kind, .in = half->last, .out = out};
    half->last = out;
    return stage;
}

/* A name in both namings; `index` numbers are formatted into them. */
#define NAME(stage, which, ...) snprintf((stage)->name[which], sizeof(stage)->name[which], __VA_ARGS__)

static void add_middle(Half *half) {
    int64_t width = half->last;
    Stage *stage = add_stage(half, STAGE_RESIDUAL, width);
    NAME(stage, 0, "%s.mid.block_1.", half->name);
    NAME(stage, 1, "%s.mid_block.resnets.0.", half->name);
    stage = add_stage(half, STAGE_ATTENTION, width);
    NAME(stage, 0, "%s.mid.attn_1.", half->name);
    NAME(stage, 1, "%s.mid_block.attentions.0.", half->name);
    stage = add_stage(half, STAGE_RESIDUAL, width);
    NAME(stage, 0, "%s.mid.block_2.", half->name);
    NAME(stage, 1, "%s.mid_block.resnets.1.", half->name);
}

static size_t stage_limit(const VaeConfig *c, int blocks) {
    return (size_t)(3 + c->levels * (blocks + 1));
}

static void make_decoder(Half *half, const VaeConfig *c) {
    int64_t deepest = c->widths[c->levels - 1];
    *half = (Half){.name = "decoder", .input = c->latent_channels, .first = deepest, .last = deepest,
                   .output = 3};
    half->stages = must_alloc(sizeof(Stage) * stage_limit(c, c->decoder_blocks));
    add_middle(half);
    for (int level = c->levels - 1; level >= 0; level--) {
        int block = c->levels - 1 - level; /* diffusers counts in the order of use */
        for (int j = 0; j < c->decoder_blocks; j++) {
            Stage *stage = add_stage(half, STAGE_RESIDUAL, c->widths[level]);
            NAME(stage, 0, "decoder.up.%d.block.%d.", level, j);
            NAME(stage, 1, "decoder.up_blocks.%d.resnets.%d.", block, j);
        }
        if (level) {
            Stage *stage = add_stage(half, STAGE_UP, c->widths[level]);
            NAME(stage, 0, "decoder.up.%d.upsample.conv", level);
            NAME(stage, 1, "decoder.up_blocks.%d.upsamplers.0.conv", block);
        }
    }
}

static void make_encoder(Half *half, const VaeConfig *c) {
    *half = (Half){.name = "encoder", .input = 3, .first = c->widths[0], .last = c->widths[0],
                   .output = 2 * c->latent_channels};
    half->stages = must_alloc(sizeof(Stage) * stage_limit(c, c->encoder_blocks));
    for (int level = 0; level < c->levels; level++) {
        for (int j = 0; j < c->encoder_blocks; j++) {
            Stage *stage = add_stage(half, STAGE_RESIDUAL, c->widths[level]);
            NAME(stage, 0, "encoder.down.%d.block.%d.", level, j);
            NAME(stage, 1, "encoder.down_blocks.%d.resnets.%d.", level, j);
        }
        if (level + 1 < c->levels) {
            Stage *stage = add_stage(half, STAGE_DOWN, c->widths[level]);
            NAME(stage, 0, "encoder.down.%d.downsample.conv", level);
            NAME(stage, 1, "encoder.down_blocks.%d.downsamplers.0.conv", level);
        }
    }
    add_middle(half);
}

void vae_expected(const VaeConfig *config, int naming, WeightVisit *visit, void *context) {
    WeightList list = {.naming = naming};
    Half decoder, encoder;
    make_decoder(&decoder, config);
    make_encoder(&encoder, config);
    list_half(&list, &decoder);
    list_half(&list, &encoder);
    weights_each(&list, visit, context);
    free(decoder.stages);
    free(encoder.stages);
    free(list.scopes);
}

/* ---- configuration ------------------------------------------------------------------------------------- */

/* Where the blocks of a level are; naming 0 is BFL's, 1 diffusers'. */
static void level_stem(char out[64], const char *half, int naming, int level, int levels) {
    if (!strcmp(half, "decoder"))
        snprintf(out, 64, naming ? "decoder.up_blocks.%d.resnets." : "decoder.up.%d.block.",
                 naming ? levels - 1 - level : level);
    else
        snprintf(out, 64, naming ? "encoder.down_blocks.%d.resnets." : "encoder.down.%d.block.", level);
}

static int64_t count_levels(const SafeTensors *file, const char *prefix, const char *half, int naming) {
    bool decoder = !strcmp(half, "decoder");
    const char *stem = decoder ? (naming ? "decoder.up_blocks." : "decoder.up.")
                               : (naming ? "encoder.down_blocks." : "encoder.down.");
    return weights_layers(file, prefix, stem);
}

/* Residual blocks per level: the most any level has, so that a missing one is noticed. */
static int count_blocks(const SafeTensors *file, const char *prefix, const char *half, const VaeConfig *c,
                        int naming) {
    int64_t most = 1;
    for (int level = 0; level < c->levels; level++) {
        char stem[64];
        level_stem(stem, half, naming, level, c->levels);
        int64_t count = weights_layers(file, prefix, stem);
        most = count > most ? count : most;
    }
    return most > BLOCKS_MAX ? BLOCKS_MAX : (int)most;
}

/* Channels of a level, from the first of its blocks that says so; 0 when none does. */
static int64_t level_width(const SafeTensors *file, const char *prefix, const char *half, const VaeConfig *c,
                           int naming, int level) {
    char stem[64];
    level_stem(stem, half, naming, level, c->levels);
    for (int j = 0; j < BLOCKS_MAX; j++) {
        Buf name = {0};
        buf_print(&name, "%s%d.conv1.weight", stem, j);
        int64_t width = weights_dim(file, prefix, buf_string(&name), 0);
        buf_done(&name);
        if (width)
            return width;
    }
    return 0;
}

static Status config_from_shapes(VaeConfig *c, const SafeTensors *file, const char *prefix, int naming) {
    int64_t decoder = count_levels(file, prefix, "decoder", naming),
            encoder = count_levels(file, prefix, "encoder", naming);
    int64_t levels = decoder > encoder ? decoder : encoder;
    if (levels < 1 || levels > LEVELS_MAX)
        return fail(ERR_FORMAT, "the VAE has %lld levels, expected 1 to %d", (long long)levels, LEVELS_MAX);
    c->levels = (int)levels;
    c->factor = 1 << (levels - 1);
    c->decoder_blocks = count_blocks(file, prefix, "decoder", c, naming);
    c->encoder_blocks = count_blocks(file, prefix, "encoder", c, naming);
    for (int level = 0; level < c->levels; level++) {
        c->widths[level] = level_width(file, prefix, "decoder", c, naming, level);
        if (!c->widths[level])
            c->widths[level] = level_width(file, prefix, "encoder", c, naming, level);
    }
    c->latent_channels = weights_dim(file, prefix, "decoder.conv_in.weight", 1);
    if (!c->latent_channels)
        c->latent_channels = weights_dim(file, prefix, "encoder.conv_out.weight", 0) / 2;
    return NULL;
}

static Status config_from_json(VaeConfig *c, const Json *json) {
    int64_t groups = json_get_integer(json, "norm_num_groups", DEFAULT_GROUPS);
    c->scale = json_get_number(json, "scaling_factor", VAE_FULL_SIZE.scale);
    c->shift = json_get_number(json, "shift_factor", VAE_FULL_SIZE.shift);
    if (!(fabs(c->scale) > 0) || !isfinite(c->scale) || !isfinite(c->shift))
        return fail(ERR_FORMAT,
                    "the VAE's config.json has scaling_factor %g and shift_factor %g, expected numbers, the "
                    "first not 0", c->scale, c->shift);
    for (int level = 0; level < c->levels; level++)
        if (groups < 1 || groups > INT32_MAX || c->widths[level] % groups)
            return fail(ERR_FORMAT,
                        "the VAE's level %d has %lld channels, expected a multiple of its %lld norm groups",
                        level, (long long)c->widths[level], (long long)groups);
    c->groups = (int)groups;
    return NULL;
}

static Status read_config(Vae *vae, const SafeTensors *file, const Json *json) {
    const char *prefix = vae->weights.prefix;
    bool diffusers = weights_layers(file, prefix, "decoder.up_blocks.") ||
                     weights_layers(file, prefix, "encoder.down_blocks.");
    bool old = weights_find(file, prefix, "decoder.mid_block.attentions.0.query.weight") ||
               weights_find(file, prefix, "encoder.mid_block.attentions.0.query.weight");
    vae->weights.naming = diffusers ? (old ? 2 : 1) : 0;
    VaeConfig *c = &vae->config;
    TRY(config_from_shapes(c, file, prefix, diffusers));
    if (c->latent_channels && c->latent_channels != 16)
        return model_wrong_kind(file, PART_VAE);
    if (weights_find(file, prefix, "quant_conv.weight") ||
        weights_find(file, prefix, "post_quant_conv.weight"))
        return fail(ERR_UNSUPPORTED, "the VAE has quant convolutions, which the FLUX VAE has not");
    return config_from_json(c, json);
}

/* ---- loading ------------------------------------------------------------------------------------------- */

Status vae_load(Vae **out, Ops *o, const SafeTensors *file, const Json *config, VaeParts parts) {
    char *prefix = model_prefix(file, PART_VAE);
    if (!prefix)
        return model_wrong_kind(file, PART_VAE);
    Vae *vae = must_alloc(sizeof *vae);
    vae->weights.prefix = prefix;
    vae->weights.part = "VAE";
    Status st = read_config(vae, file, config);
    if (!st) {
        if (parts & VAE_DECODER) {
            make_decoder(&vae->decoder, &vae->config);
            list_half(&vae->weights, &vae->decoder);
        }
        if (parts & VAE_ENCODER) {
            make_encoder(&vae->encoder, &vae->config);
            list_half(&vae->weights, &vae->encoder);
        }
        st = weights_load(&vae->weights, o, file, NULL);
    }
    if (st)
        vae_free(vae, o);
    else
        *out = vae;
    return st;
}

void vae_free(Vae *vae, Ops *o) {
    if (!vae)
        return;
    weights_free(&vae->weights, o);
    free(vae->decoder.stages);
    free(vae->encoder.stages);
    free(vae);
}

const VaeConfig *vae_config(const Vae *vae) {
    return &vae->config;
}

size_t vae_bytes(const Vae *vae) {
    return vae->weights.bytes;
}

/* ---- forward: model-spec 5.1 --------------------------------------------------------------------------- */

/* The picture between two stages. Three buffers rotate: the picture and two others that a stage may fill;
 * each is as large as the stages need (one picture at full size is a gigabyte). */
typedef struct Canvas {
    Tensor slot[SLOTS];
    int now; /* which slot is the picture */
    int64_t high, wide, channels;
} Canvas;

/* Slot number now + ahead as a picture [high, wide, channels]. */
static Tensor canvas_view(const Canvas *canvas, int ahead, int64_t high, int64_t wide, int64_t channels) {
    Tensor slot = canvas->slot[(canvas->now + ahead) % SLOTS];
    return tensor_3d(slot.data, slot.type, high, wide, channels);
}

static Tensor canvas_picture(const Canvas *canvas) {
    return canvas_view(canvas, 0, canvas->high, canvas->wide, canvas->channels);
}

/* Another view of numbers that lie dense: [h, w, c] as [h·w, c]. */
static Tensor as_rows(Tensor picture) {
    return tensor_as_2d(picture, picture.dims[0] * picture.dims[1], picture.dims[2]);
}

static void need(int64_t *size, int64_t count) {
    *size = count > *size ? count : *size;
}

/* Walks the stages without computing, to find the largest picture of each slot. */
static void canvas_open(Canvas *canvas, Ops *o, const Half *half, int64_t high, int64_t wide) {
    int64_t size[SLOTS] = {high * wide * half->first, 1, 1};
    *canvas = (Canvas){.high = high, .wide = wide, .channels = half->first};
    int now = 0;
    for (int i = 0; i < half->count; i++) {
        const Stage *stage = &half->stages[i];
        int64_t up = stage->kind == STAGE_UP ? 4 : 1, down = stage->kind == STAGE_DOWN ? 4 : 1;
        high = stage->kind == STAGE_UP ? 2 * high : high;
        wide = stage->kind == STAGE_UP ? 2 * wide : wide;
        int64_t count = high * wide / down * stage->out;
        need(&size[(now + 1) % SLOTS], count);
        if (stage->kind == STAGE_RESIDUAL)
            need(&size[(now + 2) % SLOTS], count);
        high = down > 1 ? high / 2 : high;
        wide = down > 1 ? wide / 2 : wide;
        now += up > 1 || down > 1 || stage->in != stage->out;
    }
    for (int i = 0; i < SLOTS; i++)
        canvas->slot[i] = ops_vector(o, size[i]);
}

static void normalise(Ops *o, Tensor y, Tensor x, const NormWeights *norm, const Vae *vae, Activation act) {
    op_group_norm(o, y, x, &(GroupNormHow){.w = norm->w, .b = norm->b, .groups = vae->config.groups,
                                           .eps = NORM_EPS, .act = act});
}

/* y = shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x)))))). With a shortcut x is not needed afterwards and
 * is normed in place; without, y is x. */
static void residual(Ops *o, Canvas *canvas, const Stage *stage, const Vae *vae) {
    const ConvHow set = {1, STORE_SET}, add = {1, STORE_ADD};
    bool shortcut = stage->in != stage->out;
    Tensor x = canvas_picture(canvas);
    Tensor spare = canvas_view(canvas, 1, canvas->high, canvas->wide, stage->out);
    Tensor inner = canvas_view(canvas, 2, canvas->high, canvas->wide, stage->out);
    if (shortcut)
        op_conv2d(o, spare, x, &stage->shortcut, set);
    Tensor normed = shortcut ? x : spare;
    normalise(o, normed, x, &stage->norm1, vae, ACT_SILU);
    op_conv2d(o, inner, normed, &stage->conv1, set);
    normalise(o, inner, inner, &stage->norm2, vae, ACT_SILU);
    op_conv2d(o, shortcut ? spare : x, inner, &stage->conv2, add);
    canvas->now += shortcut;
    canvas->channels = stage->out;
}

/* The third slot as an arena, where it has room for so many activations: the decoder needs it large only at
 * the end. */
static bool canvas_spare(Arena *out, const Canvas *canvas, int64_t count) {
    Tensor slot = canvas->slot[(canvas->now + 2) % SLOTS];
    if (!slot.data || tensor_count(slot) < count)
        return false;
    *out = arena_over(slot.data, (size_t)tensor_count(slot) * dtype_size(slot.type));
    return true;
}

/* x += proj(softmax(q kᵀ / sqrt(channels)) v) over all positions, one head. */
static void attend(Ops *o, Canvas *canvas, const Stage *stage, const Vae *vae) {
    Tensor x = canvas_picture(canvas), normed = canvas_view(canvas, 1, canvas->high, canvas->wide, stage->in);
    Seqs seqs = seqs_one(canvas->high * canvas->wide);
    Arena spare, *arena = o->arena;
    normalise(o, normed, x, &stage->norm1, vae, ACT_NONE);
    if (canvas_spare(&spare, canvas, 3 * tensor_count(x)))
        o->arena = &spare;
    self_attention(o, as_rows(x), as_rows(normed), &(SelfAttention){
        .qkv = &stage->qkv, .out = &stage->projection, .shape = {1, 1, stage->in},
        .how = {.mask = MASK_FULL, .seqs = &seqs}, .store = STORE_ADD, .mixed = as_rows(normed),
    });
    o->arena = arena;
}

static void resize(Ops *o, Canvas *canvas, const Stage *stage) {
    Tensor x = canvas_picture(canvas);
    bool up = stage->kind == STAGE_UP;
    canvas->high = up ? 2 * canvas->high : canvas->high / 2;
    canvas->wide = up ? 2 * canvas->wide : canvas->wide / 2;
    canvas->now++;
    if (up)
        op_upsample2x_conv(o, canvas_picture(canvas), x, &stage->conv1);
    else
        op_conv2d(o, canvas_picture(canvas), x, &stage->conv1, (ConvHow){2, STORE_SET});
}

/* out [h', w', output] = the half applied to in [h, w, input]. */
static void run_half(Ops *o, Tensor out, Tensor in, const Half *half, const Vae *vae) {
    assert(half->count > 0);
    ArenaMark mark = ops_mark(o);
    Canvas canvas;
    canvas_open(&canvas, o, half, in.dims[0], in.dims[1]);
    op_conv2d(o, canvas_picture(&canvas), in, &half->conv_in, (ConvHow){1, STORE_SET});
    for (int i = 0; i < half->count && !ops_status(o); i++) {
        const Stage *stage = &half->stages[i];
        switch (stage->kind) {
        case STAGE_RESIDUAL: residual(o, &canvas, stage, vae); break;
        case STAGE_ATTENTION: attend(o, &canvas, stage, vae); break;
        case STAGE_UP:
        case STAGE_DOWN: resize(o, &canvas, stage); break;
        }
    }
    Tensor last = canvas_picture(&canvas);
    normalise(o, last, last, &half->norm_out, vae, ACT_SILU);
    op_conv2d(o, out, last, &half->conv_out, (ConvHow){1, STORE_SET});
    ops_release(o, mark);
}

/* z [h, w, 16] in the autoencoder's scale, from the arena. */
static Tensor positions_first(Ops *o, const Vae *vae, Tensor latent, LatentScale scale) {
    const VaeConfig *c = &vae->config;
    int64_t cells = latent.dims[1] * latent.dims[2];
    double factor = scale == LATENT_MODEL ? 1 / c->scale : 1, offset = scale == LATENT_MODEL ? c->shift : 0;
    Tensor z = ops_cube(o, latent.dims[1], latent.dims[2], c->latent_channels);
    op_transpose(o, as_rows(z), tensor_as_2d(latent, c->latent_channels, cells), (float)factor,
                 (float)offset);
    return z;
}

void vae_decode(Ops *o, Tensor image, const Vae *vae, Tensor latent, LatentScale scale) {
    ArenaMark mark = ops_mark(o);
    run_half(o, image, positions_first(o, vae, latent, scale), &vae->decoder, vae);
    ops_release(o, mark);
}

/* ---- tiles --------------------------------------------------------------------------------------------- */

/* The tiles of one axis. */
typedef struct Tiles {
    int64_t length, size, step; /* of the picture, of a tile, from one to the next */
    int count;
    float *weight;              /* [count, size], owned: of each pixel; all at one place are 1 together */
} Tiles;

/* A picture of tiles, and where its decoding is. */
typedef struct Tiling {
    Tiles down, across;
    int row;
    float *tile;                /* pixels of the present tile on the host, owned */
} Tiling;

/* The last tile ends with the picture. */
static int64_t tile_start(const Tiles *tiles, int index) {
    int64_t last = tiles->length - tiles->size;
    return index * tiles->step < last ? index * tiles->step : last;
}

/* Rises and falls along an overlap; does neither at the border of the picture. */
static float tile_ramp(const Tiles *tiles, int index, int64_t at) {
    float up = index ? ((float)at + 0.5f) / VAE_OVERLAP : 1;
    float down = index + 1 < tiles->count ? ((float)(tiles->size - at) - 0.5f) / VAE_OVERLAP : 1;
    return fminf(1, fminf(up, down));
}

static Tiles tiles_along(int64_t length) {
    Tiles tiles = {.length = length, .size = length < VAE_TILE ? length : VAE_TILE,
                   .step = VAE_TILE - VAE_OVERLAP, .count = 1};
    if (length > VAE_TILE)
        tiles.count += (int)((length - VAE_TILE + tiles.step - 1) / tiles.step);
    float *sum = must_alloc((size_t)length * sizeof *sum);
    tiles.weight = must_alloc((size_t)(tiles.count * tiles.size) * sizeof *tiles.weight);
    for (int i = 0; i < tiles.count; i++)
        for (int64_t at = 0; at < tiles.size; at++) {
            tiles.weight[i * tiles.size + at] = tile_ramp(&tiles, i, at);
            sum[tile_start(&tiles, i) + at] += tiles.weight[i * tiles.size + at];
        }
    for (int i = 0; i < tiles.count; i++)
        for (int64_t at = 0; at < tiles.size; at++)
            tiles.weight[i * tiles.size + at] /= sum[tile_start(&tiles, i) + at];
    free(sum);
    return tiles;
}

/* Adds a line of a tile to the band of the picture it lies in, [count, 3] with a weight for each pixel. */
static void blend_line(float *band, const float *tile, const float *weight, float line_weight,
                       int64_t count) {
    for (int64_t x = 0; x < count; x++)
        for (int k = 0; k < 3; k++)
            band[3 * x + k] += line_weight * weight[x] * tile[3 * x + k];
}

/* Decodes one tile of z into `pixels` on the host. */
static void decode_tile(Ops *o, float *pixels, const Vae *vae, Tensor z, const int64_t box[4]) {
    int64_t channels = z.dims[2], factor = vae->config.factor;
    ArenaMark mark = ops_mark(o);
    Tensor image = ops_new(o, o->activation, 3, (int64_t[]){box[2] * factor, box[3] * factor, 3});
    Tensor part = ops_cube(o, box[2], box[3], channels);
    Tensor rows = tensor_rows(tensor_as_2d(z, z.dims[0], z.dims[1] * channels), box[0], box[2]);
    ops_copy(o, tensor_as_2d(part, box[2], box[3] * channels),
             tensor_columns(rows, box[1] * channels, box[3] * channels));
    run_half(o, image, part, &vae->decoder, vae);
    ops_download(o, pixels, image);
    ops_release(o, mark);
}

/* Decodes the present row of tiles into the band [tile rows, .., 3] that it lies in, on the host. */
static void decode_row(Ops *o, float *band, const Vae *vae, Tensor z, const Tiling *tiling) {
    const Tiles *down = &tiling->down, *across = &tiling->across;
    int64_t factor = vae->config.factor;
    for (int column = 0; column < across->count && !ops_status(o); column++) {
        int64_t left = tile_start(across, column);
        const int64_t box[4] = {tile_start(down, tiling->row) / factor, left / factor, down->size / factor,
                                across->size / factor};
        decode_tile(o, tiling->tile, vae, z, box);
        for (int64_t y = 0; y < down->size; y++)
            blend_line(band + (y * across->length + left) * 3, tiling->tile + y * across->size * 3,
                       across->weight + column * across->size, down->weight[tiling->row * down->size + y],
                       across->size);
    }
}

/* One row of tiles after the other. What lies above the next row is then finished. */
static void decode_rows(Ops *o, Tensor image, const Vae *vae, Tensor z, Tiling *tiling) {
    const Tiles *down = &tiling->down;
    int64_t line = tiling->across.length * 3;
    float *band = must_alloc((size_t)(down->size * line) * sizeof *band);
    for (tiling->row = 0; tiling->row < down->count && !ops_status(o); tiling->row++) {
        int64_t top = tile_start(down, tiling->row);
        int64_t next = tiling->row + 1 < down->count ? tile_start(down, tiling->row + 1) : down->length;
        size_t done = (size_t)((next - top) * line), left = (size_t)(down->size * line) - done;
        decode_row(o, band, vae, z, tiling);
        ops_upload(o, tensor_rows(image, top, next - top), band);
        memmove(band, band + done, left * sizeof *band);
        memset(band + left, 0, done * sizeof *band);
    }
    free(band);
}

void vae_decode_tiled(Ops *o, Tensor image, const Vae *vae, Tensor latent, LatentScale scale) {
    int64_t factor = vae->config.factor;
    assert(VAE_TILE % factor == 0 && VAE_OVERLAP % factor == 0);
    if (image.dims[0] <= VAE_TILE && image.dims[1] <= VAE_TILE) {
        vae_decode(o, image, vae, latent, scale);
        return;
    }
    Tiling tiling = {.down = tiles_along(image.dims[0]), .across = tiles_along(image.dims[1])};
    tiling.tile = must_alloc((size_t)(tiling.down.size * tiling.across.size * 3) * sizeof *tiling.tile);
    ArenaMark mark = ops_mark(o);
    decode_rows(o, image, vae, positions_first(o, vae, latent, scale), &tiling);
    ops_release(o, mark);
    free(tiling.tile);
    free(tiling.down.weight);
    free(tiling.across.weight);
}

void vae_encode(Ops *o, Tensor latent, const Vae *vae, Tensor pixels, LatentScale scale) {
    const VaeConfig *c = &vae->config;
    int64_t cells = latent.dims[1] * latent.dims[2];
    double factor = scale == LATENT_MODEL ? c->scale : 1;
    double offset = scale == LATENT_MODEL ? -c->shift * c->scale : 0;
    ArenaMark mark = ops_mark(o);
    /* mean, log variance */
    Tensor moments = ops_cube(o, latent.dims[1], latent.dims[2], 2 * c->latent_channels);
    run_half(o, moments, pixels, &vae->encoder, vae);
    op_transpose(o, tensor_as_2d(latent, c->latent_channels, cells),
                 tensor_columns(as_rows(moments), 0, c->latent_channels), (float)factor, (float)offset);
    ops_release(o, mark);
}
