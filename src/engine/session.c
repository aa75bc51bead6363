/* session.c: opening and closing a model. Everything is loaded hot; what stays in the file mapping (embedding
 * tables) needs no memory of ours. Facts: architecture.md 3 and 5, product.md 8.3 (newbie.json). */
#include "config.h"

#include "engine/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/team.h"
#include "engine/run.h"
#include "ops/check.h"
#include "ops/finite.h"
#include "ops/plan.h"

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

/* ---- what the model says of itself --------------------------------------------------------------------- */

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

/* ---- opening ------------------------------------------------------------------------------------------- */

static Precision precision_of(const SessionOptions *options) {
    switch (options->precision) {
    case CHOOSE_F32: return PRECISION_F32;
    case CHOOSE_BF16: return PRECISION_BF16;
    case CHOOSE_INT8: return PRECISION_INT8;
    case CHOOSE_FP8: return PRECISION_FP8;
    case CHOOSE_AUTO: break;
    }
    return options->bf16_in_hardware ? PRECISION_BF16 : PRECISION_F32;
}

static Status open_backend(Session *s) {
    BackendOptions options = {.device = s->options.device, .threads = s->options.threads,
                              .precision = precision_of(&s->options),
                              .determinism = s->options.determinism};
    const Backend *backend = s->options.backend;
    snprintf(s->where, sizeof s->where, backend->devices ? "%s:%d" : "%s", backend->name, options.device);
    const Residency *asked = s->options.residency;
    bool eight = asked && asked->eight & EIGHT_DIT && options.precision < PRECISION_INT8;
    s->info.precision = must_copy(precision_name(eight ? PRECISION_INT8 : options.precision));
    if (asked)
        TRY(residency_possible(s, asked));
    s->ops.arena = &s->arena;
    TRY(ops_open(&s->ops, s->options.backend, &options));
    if (s->options.check)
        TRY(check_begin(&s->ops, s->options.check, &options));
    s->checked = s->options.check != NULL;
    if (s->options.finite)
        finite_begin(&s->ops);
    s->watched = s->options.finite;
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

typedef struct Opening {
    Session *session;
    Fault fault[2]; /* by TokenRule */
} Opening;

static void open_unit(void *job, int64_t rule, int thread) {
    Opening *opening = job;
    (void)thread;
    fault_copy(&opening->fault[rule], open_tokenizer(opening->session, (TokenRule)rule));
}

/* Side by side: half a second for Gemma's, and nearly as much for Jina's, of all that loading may take. */
static Status open_tokenizers(Session *s) {
    Opening opening = {.session = s};
    Team *team = NULL;
    if (team_open(&team, 2))
        TRY(team_open(&team, 1)); /* the caller alone, one after the other */
    team_run(team, open_unit, &opening, 2);
    team_close(team);
    TRY(fault_raise(&opening.fault[TOKENS_GEMMA]));
    return fault_raise(&opening.fault[TOKENS_JINA]);
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

/* Gemma is int8 whatever the precision; so is the transformer, unless the precision says what it is. */
static WeightBits bits_of(const Session *s, ModelPart part) {
    bool own = precision_of(&s->options) > PRECISION_BF16;
    unsigned eight = part == PART_GEMMA ? EIGHT_GEMMA : part == PART_DIT && !own ? EIGHT_DIT : 0;
    return s->eight & eight ? BITS_INT8 : BITS_16_OR_MORE;
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
        LoadHow load = {tell_network, &named, bits_of(s, rows[i].part)};
        TRY(note(load_network(s, rows[i].part, &load), "%s", rows[i].name));
    }
    return NULL;
}

static void free_networks(Session *s) {
    dit_free(s->dit, &s->ops);
    gemma_free(s->gemma, &s->ops);
    jina_free(s->jina, &s->ops);
    vae_free(s->vae, &s->ops);
    s->dit = NULL;
    s->gemma = NULL;
    s->jina = NULL;
    s->vae = NULL;
}

static void fill_bytes(Session *s) {
    const uint64_t bytes[PART_COUNT] = {[PART_DIT] = dit_bytes(s->dit), [PART_GEMMA] = gemma_bytes(s->gemma),
                                        [PART_JINA] = jina_bytes(s->jina), [PART_VAE] = vae_bytes(s->vae)};
    s->info.weights_bytes = 0;
    for (int i = 0; i < PART_COUNT; i++) {
        s->info.network_bytes[i] = bytes[i];
        s->info.weights_bytes += bytes[i];
    }
}

/* ---- does it fit --------------------------------------------------------------------------------------- */

/* For the CPU, where embedding tables stay in the mapping, which the system may drop. */
static Status too_large_for_host(const Session *s, uint64_t needed, uint64_t room) {
    MemInfo memory;
    ops_mem_info((Ops *)&s->ops, &memory);
    return hint(fail(ERR_MEMORY, "loading for the CPU needs %.1f GiB, %.1f of %.1f GiB are free",
                     needed / GIB, room / GIB, memory.total / GIB),
                ":demo runs on any machine; close other programs and :model reload");
}

uint64_t session_others(const MemInfo *memory) {
    uint64_t used = memory->total - memory->free;
    return used > memory->held ? used - memory->held : 0;
}

static Status too_large(Session *s, uint64_t needed, uint64_t room) {
    if (!s->options.backend->devices && !s->options.vram)
        return too_large_for_host(s, needed, room);
    MemInfo memory;
    session_device_memory(s, &memory);
    char a[24], b[24], c[24];
    Status st = fail(ERR_MEMORY, "the model fits %s in no plan: the smallest needs %s for its weights, "
                                 "%s of %s are free",
                     s->where, memory_print(a, needed), memory_print(b, room), memory_print(c, memory.total));
    return hint(st, "other programs hold %s; :set device cpu needs none",
                memory_print(a, session_others(&memory)));
}

Job session_usual_job(const Session *s) {
    const Json *defaults = json_get(s->files.newbie, "defaults");
    return (Job){.id = 1, .prompt = (char *)"1girl", .negative = (char *)"", .system_name = (char *)"none",
                 .system_text = (char *)"", .steps = 1, .cfg = 5, .cfg_trunc = 1, .shift = 6,
                 .sampler = (char *)"euler", .schedule = (char *)"normal", .output = OUTPUT_BYTES,
                 .width = (int)json_get_integer(defaults, "width", 1024),
                 .height = (int)json_get_integer(defaults, "height", 1024)};
}

/* The networks over empty kernels, with what is in 8 bits under a plan. */
static Status load_dry(Session *dry, unsigned eight) {
    if (dry->gemma && dry->eight == eight)
        return NULL;
    free_networks(dry);
    dry->eight = eight;
    TRY(load_networks(dry, NULL));
    fill_bytes(dry);
    return NULL;
}

/* The first plan under which the usual picture fits, else the last one, if its weights fit at least: a
 * smaller picture may. `dry` has the networks over empty kernels. */
static Status choose_plan(Session *s, Session *dry) {
    Job job = session_usual_job(s);
    uint64_t room = residency_room(s), weights = 0;
    for (const Residency *row = RESIDENCIES; row->name; row++) {
        PlanInfo info;
        if (!residency_allowed(s, row))
            continue;
        s->residency = row;
        TRY(load_dry(dry, residency_eight(s, row)));
        weights = residency_weights(dry, row);
        Status st = run_count(&info, dry, &job, row);
        if (st)
            return note(st, "planning %dx%d", job.width, job.height);
        residency_fit(&info, dry, room);
        s->info.device_peak = info.peak_bytes;
        if (info.fits)
            return NULL;
    }
    return weights <= room ? NULL : too_large(s, weights, room);
}

/* Loads everything over empty kernels first: whatever is wrong with the files, or does not fit, is known
 * before the first of 14 GB is read. */
static Status plan_networks(Session *s) {
    PlanCount count = {.precision = precision_of(&s->options),
                       .alignment = s->options.backend->devices ? WEIGHT_ALIGNMENT : 0};
    Arena arena = arena_counting();
    Backend backend = plan_like(s->ops.backend);
    Session dry = {.files = s->files, .ops = s->ops, .options = s->options};
    dry.ops.backend = &backend;
    dry.ops.state = &count;
    dry.ops.arena = &arena;
    memcpy(dry.tokenizer, s->tokenizer, sizeof dry.tokenizer);
    Status st = load_dry(&dry, residency_eight(s, s->options.residency ? s->options.residency : RESIDENCIES));
    if (!st)
        st = check_vocabulary(&dry);
    if (!st)
        st = check_widths(&dry);
    if (!st)
        st = choose_plan(s, &dry);
    Fault kept;
    fault_copy(&kept, st); /* it may live in dry */
    free_networks(&dry);
    return fault_raise(&kept);
}

/* The next smaller plan that may be used, NULL when there is none. */
static const Residency *smaller_plan(const Session *s) {
    for (const Residency *row = s->residency + 1; row->name; row++)
        if (residency_allowed(s, row))
            return row;
    return NULL;
}

/* Under the chosen plan, or under a smaller one when the device had no room after all. */
static Status load_placed(Session *s, const SessionHow *how) {
    for (;;) {
        s->ops.streamed = s->residency->streamed;
        s->eight = residency_eight(s, s->residency);
        Status st = load_networks(s, how);
        s->settled = !st;
        if (!st || st->code != ERR_MEMORY)
            return st;
        free_networks(s); /* then a plan with other numbers may be next, too */
        const Residency *next = smaller_plan(s);
        if (!next)
            return st;
        log_line(LOG_WARN, "plan %s: %s", s->residency->name, st->message);
        ops_clear(&s->ops);
        s->residency = next;
    }
}

static Status open_all(Session *s, const SessionHow *how) {
    ModelPaths paths = {.path = s->options.path};
    for (int i = 0; i < PART_COUNT; i++)
        paths.part[i] = s->options.part[i];
    TRY(model_files_open(&s->files, &paths));
    TRY(open_backend(s));
    TRY(open_tokenizers(s));
    TRY(plan_networks(s));
    s->ops.cancelled = how ? how->cancelled : NULL;
    s->ops.cancelled_context = how ? how->context : NULL;
    Status st = load_placed(s, how);
    s->ops.cancelled = NULL;
    return st;
}

/* What the user may know of the plan. */
static void fill_plan(Session *s) {
    MemInfo memory;
    session_device_memory(s, &memory);
    memcpy(s->info.where, s->where, sizeof s->info.where);
    s->info.residency = residency_one_memory(s) ? NULL : s->residency;
    s->info.device_weights = residency_weights(s, s->residency);
    s->info.device_total = memory.total;
    s->info.device_other = session_others(&memory);
}

Status session_open(Session **out, const SessionOptions *options, const SessionHow *how) {
    double start = clock_seconds();
    Session *s = must_alloc(sizeof *s);
    session_options_copy(&s->options, options);
    pthread_mutex_init(&s->lock, NULL);
    Status st = open_all(s, how);
    if (st) {
        Fault kept;
        fault_copy(&kept, st); /* it may live in s */
        session_close(s);
        return fault_raise(&kept);
    }
    fill_info(s);
    fill_bytes(s);
    fill_plan(s);
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
        if (s->watched)
            finite_end(&s->ops);
        s->ops.backend->close(s->ops.state);
    }
    tokenizer_free(s->tokenizer[TOKENS_GEMMA]);
    tokenizer_free(s->tokenizer[TOKENS_JINA]);
    model_files_close(&s->files);
    model_info_done(&s->info);
    session_options_done(&s->options);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void session_release(Session *s) {
    ops_mem_free(&s->ops, s->arena_block, s->arena_size);
    s->arena_block = NULL;
    s->arena_size = 0;
    s->arena = arena_over(NULL, 0);
}

Status session_reserve(Session *s, size_t bytes) {
    if (bytes <= s->arena_size)
        return NULL;
    session_release(s);
    s->arena_block = ops_mem_alloc(&s->ops, bytes);
    ops_clear(&s->ops); /* the caller may try something smaller */
    if (!s->arena_block)
        return fail(ERR_MEMORY, "%s has no room for %.2f GiB of activations", s->where, bytes / GIB);
    s->arena_size = bytes;
    s->arena = arena_over(s->arena_block, bytes);
    return NULL;
}

void session_device_memory(Session *s, MemInfo *info) {
    ops_mem_info(&s->ops, info);
    if (!s->options.vram)
        return;
    /* a card's other tenants stay; those of the host have nothing to do with a card that is only pretended */
    uint64_t used = s->options.backend->devices ? info->total - info->free : info->held;
    uint64_t left = s->options.vram > used ? s->options.vram - used : 0;
    info->total = s->options.vram;
    info->free = left < info->free ? left : info->free;
}

/* Everything that is known of one memory, of which `weights` and `activations` are ours. */
static MemoryUse use_of(const MemInfo *memory, uint64_t weights, uint64_t activations) {
    uint64_t known = weights + activations + memory->free;
    return (MemoryUse){.weights = weights, .activations = activations, .free = memory->free,
                       .total = memory->total, .other = memory->total > known ? memory->total - known : 0};
}

void session_memory(Session *s, MemoryUse *host, MemoryUse *device) {
    MemInfo memory, ram = {0};
    session_device_memory(s, &memory);
    uint64_t held = memory.held > s->arena_size ? memory.held - s->arena_size : 0;
    MemoryUse used = use_of(&memory, held, s->arena_size);
    memory_of_host(&ram.total, &ram.free);
    uint64_t away = dit_away_bytes(s->dit) + gemma_away_bytes(s->gemma) + jina_away_bytes(s->jina);
    bool shared = !s->options.backend->devices && !s->options.vram;
    *host = shared ? used : use_of(&ram, away, 0);
    *device = shared ? (MemoryUse){0} : used;
}
