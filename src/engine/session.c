/* session.c: opening and closing a model. Everything is loaded hot; what stays in the file mapping (embedding
 * tables) needs no memory of ours. Facts: architecture.md 3 and 5, product.md 8.3 (newbie.json). */
#include "config.h"

#include "engine/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ops/plan.h"
#include "ops/check.h"

#define GIB (1024.0 * 1024 * 1024)

void session_options_copy(SessionOptions *out, const SessionOptions *from) {
    *out = *from;
    out->path = must_copy(from->path);
    for (int i = 0; i < PART_COUNT; i++)
        out->part[i] = must_copy(from->part[i]);
}

void session_options_done(SessionOptions *options) {
    free(options->path);
    for (int i = 0; i < PART_COUNT; i++)
        free(options->part[i]);
    *options = (SessionOptions){0};
}

/* ---- what the model says of itself -------------------------------------------------------------------- */

static char **words_of(const Json *list) {
    size_t count = json_count(list), kept = 0;
    if (json_kind(list) != JSON_ARRAY || !count)
        return NULL;
    char **words = must_alloc((count + 1) * sizeof *words);
    for (JsonIter i = json_first(list); i.value; json_next(&i)) {
        const char *word = json_string(i.value, NULL);
        if (word)
            words[kept++] = must_copy(word);
    }
    return words;
}

/* Factors fitted to this model's autoencoder; false when the file does not have 16 rows of three numbers. */
static bool read_preview(PreviewFactors *out, const Json *preview) {
    const Json *rows = json_get(preview, "factors"), *bias = json_get(preview, "bias");
    if (json_count(rows) != 16 || json_count(bias) != 3)
        return false;
    for (int c = 0; c < 16; c++)
        for (int k = 0; k < 3; k++)
            out->factor[c][k] = json_number(json_at(json_at(rows, c), k), 0);
    for (int k = 0; k < 3; k++)
        out->bias[k] = json_number(json_at(bias, k), 0);
    return true;
}

static void fill_info(Session *s) {
    const Json *said = s->files.newbie;
    const Json *defaults = json_get(said, "defaults"), *largest = json_get(said, "largest");
    ModelInfo *info = &s->info;
    info->name = must_copy(json_get_string(said, "name", s->files.name));
    info->about = must_copy(json_get_string(said, "about", NULL));
    info->licence = must_copy(json_get_string(said, "licence", NULL));
    info->trained = must_copy(json_get_string(said, "trained", NULL));
    info->demo = json_bool(json_get(said, "demo"), false);
    info->layout = must_copy(s->files.layout);
    info->path = must_copy(s->options.path ? s->options.path : s->options.part[PART_DIT]);
    info->device = must_copy(s->ops.backend->describe(s->ops.state));
    info->default_width = (int)json_get_integer(defaults, "width", 0);
    info->default_height = (int)json_get_integer(defaults, "height", 0);
    info->default_steps = (int)json_get_integer(defaults, "steps", 0);
    info->default_cfg = json_get_number(defaults, "guidance", NAN);
    info->default_shift = model_shift(&s->files);
    info->default_system = must_copy(json_get_string(defaults, "system_prompt", NULL));
    info->largest_width = (int)json_get_integer(largest, "width", 0);
    info->largest_height = (int)json_get_integer(largest, "height", 0);
    info->words = words_of(json_get(said, "words"));
    if (!read_preview(&s->preview, json_get(said, "preview")))
        s->preview = PREVIEW_FLUX;
}

/* ---- opening ------------------------------------------------------------------------------------------ */

static Status open_backend(Session *s) {
    bool bf16 = s->options.precision == CHOOSE_BF16 ||
                (s->options.precision == CHOOSE_AUTO && s->options.bf16_in_hardware);
    BackendOptions options = {.threads = s->options.threads,
                              .precision = bf16 ? PRECISION_BF16 : PRECISION_F32};
    s->info.precision = must_copy(bf16 ? "bf16" : "f32");
    s->ops.arena = &s->arena;
    TRY(s->options.backend->open(&s->ops.state, &options));
    s->ops.backend = s->options.backend; /* set last: session_close closes only what was opened */
    if (s->options.check)
        TRY(check_begin(&s->ops, s->options.check, &options));
    s->checked = s->options.check != NULL;
    return NULL;
}

static Status open_tokenizer(Session *s, TokenRule rule) {
    const char *const names[] = {[TOKENS_GEMMA] = "Gemma tokenizer", [TOKENS_JINA] = "Jina tokenizer"};
    const SafeTensor *inside = s->files.spiece[rule];
    if (s->files.tokenizer[rule])
        return tokenizer_open(&s->tokenizer[rule], rule, s->files.tokenizer[rule]);
    if (inside)
        return tokenizer_from_sentencepiece(&s->tokenizer[rule], rule, inside->data, inside->bytes,
                                            names[rule]);
    return fail(ERR_FORMAT, "no %s: expected a tokenizer file or the tensor spiece_model", names[rule]);
}

/* A tokenizer of another model would give ids that the embedding table does not have. */
static Status check_vocabulary(Session *s) {
    const int64_t rows[] = {[TOKENS_GEMMA] = gemma_config(s->gemma)->vocabulary,
                            [TOKENS_JINA] = jina_config(s->jina)->vocabulary};
    const char *const names[] = {[TOKENS_GEMMA] = "Gemma", [TOKENS_JINA] = "Jina"};
    for (int rule = 0; rule < 2; rule++) {
        int64_t limit = tokenizer_id_limit(s->tokenizer[rule]);
        if (limit > rows[rule] || limit * 2 < rows[rule])
            return hint(fail(ERR_FORMAT, "the %s tokenizer has %lld ids, its text encoder has %lld rows: "
                                         "they do not belong together",
                             names[rule], (long long)limit, (long long)rows[rule]),
                        ":help model lists the files NewBie needs");
    }
    return NULL;
}

/* The networks must fit each other: caption width, pooled width, latent channels. */
static Status check_widths(Session *s) {
    const DitConfig *dit = dit_config(s->dit);
    const struct { const char *what; int64_t needs, has; } rows[] = {
        {"caption states", dit->caption_dim, gemma_config(s->gemma)->hidden},
        {"pooled text", dit->pooled_dim, jina_config(s->jina)->hidden},
        {"latent channels", dit->channels, vae_config(s->vae)->latent_channels},
        {"latent cells with sides", 8, vae_config(s->vae)->factor}, /* pixels; so sizes are multiples of 16 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].needs != rows[i].has)
            return hint(fail(ERR_FORMAT,
                             "the parts do not belong together: the transformer takes %s of %lld, found %lld",
                             rows[i].what, (long long)rows[i].needs, (long long)rows[i].has),
                        ":help model lists the files NewBie needs");
    return NULL;
}

/* Puts the network's name beside the loader's numbers. */
typedef struct NamedProgress {
    const SessionHow *how;
    const char *network;
} NamedProgress;

static void tell_network(void *context, uint64_t done, uint64_t total) {
    const NamedProgress *named = context;
    if (named->how && named->how->progress)
        named->how->progress(named->how->context, named->network, done, total);
}

static Status load_network(Session *s, ModelPart part, const LoadHow *how) {
    const SafeTensors *file = s->files.file[part];
    const Json *config = s->files.config[part];
    switch (part) {
    case PART_DIT: return dit_load(&s->dit, &s->ops, file, config, how);
    case PART_GEMMA: return gemma_load(&s->gemma, &s->ops, file, config, how);
    case PART_JINA: return jina_load(&s->jina, &s->ops, file, config, how);
    case PART_VAE: return vae_load(&s->vae, &s->ops, file, config, VAE_DECODER);
    case PART_COUNT: break;
    }
    return fail(ERR_BUG, "part %d", part);
}

static Status load_networks(Session *s, const SessionHow *how) {
    const struct { ModelPart part; const char *name; } rows[] = {
        {PART_GEMMA, "text encoder"},
        {PART_JINA, "pooled text encoder"},
        {PART_VAE, "VAE"},
        {PART_DIT, "transformer"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        NamedProgress named = {how, rows[i].name};
        TRY(note(load_network(s, rows[i].part, &(LoadHow){tell_network, &named}), "%s", rows[i].name));
    }
    return NULL;
}

static void free_networks(Session *s) {
    dit_free(s->dit, &s->ops);
    gemma_free(s->gemma, &s->ops);
    jina_free(s->jina, &s->ops);
    vae_free(s->vae, &s->ops);
}

static void fill_bytes(Session *s) {
    const uint64_t bytes[PART_COUNT] = {[PART_DIT] = dit_bytes(s->dit), [PART_GEMMA] = gemma_bytes(s->gemma),
                                        [PART_JINA] = jina_bytes(s->jina), [PART_VAE] = vae_bytes(s->vae)};
    for (int i = 0; i < PART_COUNT; i++) {
        s->info.network_bytes[i] = bytes[i];
        s->info.weights_bytes += bytes[i];
    }
}

/* The memory that packed weights take; embedding tables stay in the mapping, which the system may drop. */
static Status check_memory(Session *s, uint64_t needed) {
    MemInfo memory;
    ops_mem_info(&s->ops, &memory);
    if (!memory.total || needed <= memory.free)
        return NULL;
    return hint(fail(ERR_MEMORY, "loading for the CPU needs %.1f GiB, %.1f of %.1f GiB are free",
                     needed / GIB, memory.free / GIB, memory.total / GIB),
                ":demo runs on any machine; close other programs and :model reload");
}

/* Loads everything over empty kernels first: whatever is wrong with the files, or does not fit, is known
 * before the first of 14 GB is read. */
static Status plan_networks(Session *s) {
    PlanCount count = {0};
    Arena arena = arena_counting();
    Session dry = {.files = s->files, .ops = {.backend = &PLAN_BACKEND, .state = &count, .arena = &arena}};
    memcpy(dry.tokenizer, s->tokenizer, sizeof dry.tokenizer);
    Status st = load_networks(&dry, NULL);
    if (!st)
        st = check_vocabulary(&dry);
    if (!st)
        st = check_widths(&dry);
    if (!st) {
        fill_bytes(&dry);
        st = check_memory(s, dry.info.weights_bytes);
    }
    Fault kept;
    fault_copy(&kept, st); /* it may live in dry */
    free_networks(&dry);
    return fault_raise(&kept);
}

static Status open_all(Session *s, const SessionHow *how) {
    ModelPaths paths = {.path = s->options.path};
    for (int i = 0; i < PART_COUNT; i++)
        paths.part[i] = s->options.part[i];
    TRY(model_files_open(&s->files, &paths));
    TRY(open_backend(s));
    TRY(open_tokenizer(s, TOKENS_GEMMA));
    TRY(open_tokenizer(s, TOKENS_JINA));
    TRY(plan_networks(s));
    s->ops.cancelled = how ? how->cancelled : NULL;
    s->ops.cancelled_context = how ? how->context : NULL;
    Status st = load_networks(s, how);
    s->ops.cancelled = NULL;
    return st;
}

Status session_open(Session **out, const SessionOptions *options, const SessionHow *how) {
    double start = clock_seconds();
    Session *s = must_alloc(sizeof *s);
    session_options_copy(&s->options, options);
    Status st = open_all(s, how);
    if (st) {
        session_close(s);
        return st;
    }
    fill_info(s);
    fill_bytes(s);
    s->info.seconds = clock_seconds() - start;
    *out = s;
    return NULL;
}

void session_close(Session *s) {
    if (!s)
        return;
    if (s->ops.backend) {
        recall_clear(&s->recall, &s->ops);
        free_networks(s);
        ops_mem_free(&s->ops, s->arena_block, s->arena_size);
        if (s->checked)
            check_end(&s->ops);
        s->ops.backend->close(s->ops.state);
    }
    tokenizer_free(s->tokenizer[TOKENS_GEMMA]);
    tokenizer_free(s->tokenizer[TOKENS_JINA]);
    model_files_close(&s->files);
    model_info_done(&s->info);
    session_options_done(&s->options);
    free(s);
}

Status session_reserve(Session *s, size_t bytes) {
    if (bytes <= s->arena_size)
        return NULL;
    ops_mem_free(&s->ops, s->arena_block, s->arena_size);
    s->arena_size = 0;
    s->arena_block = ops_mem_alloc(&s->ops, bytes);
    if (!s->arena_block) {
        s->arena = arena_over(NULL, 0);
        return fail(ERR_MEMORY, "no room for %.2f GiB of activations", bytes / GIB);
    }
    s->arena_size = bytes;
    s->arena = arena_over(s->arena_block, bytes);
    return NULL;
}

void session_memory(Session *s, MemoryUse *host) {
    MemInfo memory;
    ops_mem_info(&s->ops, &memory);
    uint64_t held = memory.held > s->arena_size ? memory.held - s->arena_size : 0;
    uint64_t ours = held + s->arena_size + memory.free;
    *host = (MemoryUse){.weights = held,
                        .activations = s->arena_size,
                        .free = memory.free,
                        .total = memory.total,
                        .other = memory.total > ours ? memory.total - ours : 0};
}
