/* run.c: one job from text to pixels.
 *
 * The same flow runs twice: once over the plan backend, which counts work and memory, and then for real. So
 * it never looks at device memory, asks the backend for nothing that a plan cannot answer, and takes all
 * temporaries from the arena. Facts: architecture.md 2 and 3, model-spec.md 1 (data flow), 7 (sampling),
 * product.md 7 (rules of a run).
 */
#include "config.h"

#include "engine/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "ops/plan.h"
#include "sample/guide.h"
#include "sample/schedule.h"
#include "sample/solver.h"

#define GEMMA_LIMIT 512  /* tokens, bos included: the length of training. model-spec.md 3.4 */
#define JINA_LIMIT 2048  /* model-spec.md 4.2 */
#define LATENT_FACTOR 8
#define BRANCHES_MAX 2
#define GUESSED_RATE 60e9 /* FLOP/s before anything was measured; only for the first estimate */

/* Everything one run needs to know, planned or real. */
typedef struct Flow {
    Session *session;
    const Job *job;
    const RunHooks *hooks;
    Ops *o;                     /* the session's, or the plan's */
    int branches;               /* sequences prepared: 2 with guidance */
    int64_t rows[BRANCHES_MAX]; /* Gemma tokens of each */
    const TextState *state[BRANCHES_MAX]; /* NULL in a plan */
    Guidance guidance;
    const Solver *solver;
    Sigmas sigmas;
    int intervals;
    double *times;              /* model time of every evaluation, [evaluations] */
    int evaluations;
    Tensor latent, velocity_branches;
    DitRun dit;
    SolverRun run;
    Mt19937 *fresh;             /* noise of ancestral steps, made when first asked for */
    struct KeptStep *kept;      /* [kept_count], owned: steps to be decoded when the last one is done */
    int kept_count;
    bool tiled;                 /* PlanInfo */
} Flow;

/* A step that the user wants as a picture, where there is no room to decode it at once. */
typedef struct KeptStep {
    float *latent;              /* [16, h/8, w/8] on the host, owned: the denoised estimate */
    int steps_run;
    double seconds[PHASE_COUNT];
} KeptStep;

static const RunHooks NO_HOOKS = {0};

#define LOST_HINT "the model is unloaded; :model reload, then :again; :doctor helps to report it"

static StopKind wanted_stop(const RunHooks *hooks) {
    return hooks->stop ? hooks->stop(hooks->context) : STOP_NOT;
}

static RunWish wish_of(const RunHooks *hooks) {
    return hooks->wish ? hooks->wish(hooks->context) : WISH_NOTHING;
}

static bool dropped(void *hooks) {
    return wanted_stop(hooks) == STOP_NOW;
}

static void tap(Flow *flow, const char *name, int step, Tensor tensor) {
    if (flow->hooks->tap)
        flow->hooks->tap(flow->hooks->context, name, step, flow->o, tensor);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

/* The two texts of a branch, as the encoders read them. */
typedef struct BranchText {
    char *gemma;                /* owned */
    const char *jina;           /* borrowed from the job */
    const char *suffix;         /* "" or "_negative", for taps */
} BranchText;

static BranchText branch_text(const Job *job, int branch) {
    const char *text = branch ? job->negative : job->prompt;
    /* an empty negative gets no system prompt either: model-spec.md 10.2 */
    const char *system = branch && !text[0] ? "" : job->system_text;
    Buf gemma = {0};
    buf_text(&gemma, system);
    buf_text(&gemma, text);
    return (BranchText){buf_take(&gemma), branch ? text : text + job->jina_from, branch ? "_negative" : ""};
}

typedef struct BranchTokens {
    TokenList list[2];          /* by TokenRule, already cut to the limits */
    int cut[2];                 /* tokens that were cut off */
} BranchTokens;

static void tokens_done(BranchTokens *tokens) {
    token_list_done(&tokens->list[TOKENS_GEMMA]);
    token_list_done(&tokens->list[TOKENS_JINA]);
}

static Status tokenize(BranchTokens *out, const Session *s, const BranchText *text) {
    static const size_t limits[] = {[TOKENS_GEMMA] = GEMMA_LIMIT, [TOKENS_JINA] = JINA_LIMIT};
    const char *const texts[] = {[TOKENS_GEMMA] = text->gemma, [TOKENS_JINA] = text->jina};
    *out = (BranchTokens){0};
    for (int rule = 0; rule < 2; rule++) {
        TokenList *list = &out->list[rule];
        Status st = tokenizer_encode(s->tokenizer[rule], list, texts[rule], strlen(texts[rule]));
        if (st) {
            tokens_done(out);
            return st;
        }
        size_t before = list->count;
        token_list_truncate(list, (TokenRule)rule, limits[rule], strlen(texts[rule]));
        out->cut[rule] = (int)(before - list->count);
    }
    return NULL;
}

/* caption [tokens, width] and pooled [1, width] from the arena. */
static void encode(Ops *o, Session *s, const BranchTokens *tokens, Tensor *caption, Tensor *pooled) {
    const TokenList *gemma = &tokens->list[TOKENS_GEMMA], *jina = &tokens->list[TOKENS_JINA];
    Seqs gemma_rows = seqs_one((int64_t)gemma->count), jina_rows = seqs_one((int64_t)jina->count);
    *caption = ops_matrix(o, (int64_t)gemma->count, gemma_config(s->gemma)->hidden);
    *pooled = ops_matrix(o, 1, jina_config(s->jina)->hidden);
    gemma_encode(o, *caption, s->gemma, gemma->ids, &gemma_rows);
    jina_encode(o, *pooled, s->jina, jina->ids, &jina_rows);
}

static void report_ids(Flow *flow, const BranchTokens *tokens, const char *suffix) {
    if (!flow->hooks->ids)
        return;
    const char *const names[] = {[TOKENS_GEMMA] = "gemma_ids", [TOKENS_JINA] = "jina_ids"};
    for (int rule = 0; rule < 2; rule++) {
        Buf name = {0};
        buf_print(&name, "%s%s", names[rule], suffix);
        flow->hooks->ids(flow->hooks->context, name.data, tokens->list[rule].ids, tokens->list[rule].count);
        buf_done(&name);
    }
}

static Status encode_new(Flow *flow, const TextState **out, const BranchText *text, TextState *state) {
    BranchTokens tokens;
    TRY(tokenize(&tokens, flow->session, text));
    report_ids(flow, &tokens, text->suffix);
    state->gemma_tokens = (int)tokens.list[TOKENS_GEMMA].count;
    state->jina_tokens = (int)tokens.list[TOKENS_JINA].count;
    state->gemma_cut = tokens.cut[TOKENS_GEMMA];
    state->jina_cut = tokens.cut[TOKENS_JINA];
    ArenaMark mark = ops_mark(flow->o);
    encode(flow->o, flow->session, &tokens, &state->caption, &state->pooled);
    *out = recall_add(&flow->session->recall, flow->o, state);
    ops_release(flow->o, mark);
    tokens_done(&tokens);
    return ops_status(flow->o);
}

/* The state of one branch: known from before, or encoded now and kept. */
static Status text_state(Flow *flow, const TextState **out, int branch) {
    BranchText text = branch_text(flow->job, branch);
    Buf key = {0};
    buf_text(&key, text.gemma);
    buf_byte(&key, 0);
    buf_text(&key, text.jina);
    Status st = NULL;
    *out = recall_find(&flow->session->recall, key.data, key.size);
    if (!*out) {
        TextState state = {.key = key.data, .key_size = key.size};
        st = encode_new(flow, out, &text, &state);
    }
    if (!st) {
        tap(flow, branch ? "caption_negative" : "caption", 0, (*out)->caption);
        tap(flow, branch ? "pooled_negative" : "pooled", 0, (*out)->pooled);
    }
    free(text.gemma);
    buf_done(&key);
    return st;
}

static Status all_texts(Flow *flow) {
    for (int branch = 0; branch < flow->branches; branch++) {
        TRY(text_state(flow, &flow->state[branch], branch));
        flow->rows[branch] = flow->state[branch]->caption.dims[0];
    }
    if (flow->hooks->text)
        flow->hooks->text(flow->hooks->context, flow->state[0]);
    return NULL;
}

/* ---- denoising ----------------------------------------------------------------------------------------- */

static void evaluate(void *context, Ops *o, Tensor velocity, Tensor x, int evaluation) {
    Flow *flow = context;
    bool guided = flow->branches > 1 && guide_needed(&flow->guidance, flow->times[evaluation]);
    Tensor branches = tensor_rows(flow->velocity_branches, 0, guided ? 2 : 1);
    dit_velocity(o, branches, &flow->dit, x, evaluation);
    guide_mix(o, velocity, branches, &flow->guidance);
}

static void upload_normal(Ops *o, Tensor to, Mt19937 *rng) {
    int64_t count = tensor_count(to);
    float *noise = must_alloc((size_t)count * sizeof *noise);
    rng_normal_f32(rng, noise, count);
    ops_upload(o, to, noise);
    free(noise);
}

/* ComfyUI seeds the noise of its ancestral steps with the seed itself, and one more on the CPU, where ours is
 * made. */
static void fresh_noise(void *context, Ops *o, Tensor noise) {
    Flow *flow = context;
    if (!flow->state[0])
        return; /* a plan: nobody would see the numbers */
    if (!flow->fresh) {
        flow->fresh = must_alloc(sizeof *flow->fresh);
        mt19937_seed(flow->fresh, flow->job->seed + 1);
    }
    upload_normal(o, noise, flow->fresh);
}

/* Texts of all branches side by side, and the run's constants. */
static void begin_denoising(Flow *flow) {
    Ops *o = flow->o;
    const DitConfig *config = dit_config(flow->session->dit);
    Seqs text = seqs_of(flow->branches, flow->rows);
    Tensor caption = ops_matrix(o, seqs_rows(&text), config->caption_dim);
    Tensor pooled = ops_matrix(o, flow->branches, config->pooled_dim);
    for (int i = 0; i < flow->branches && flow->state[i]; i++) {
        ops_copy(o, tensor_rows(caption, text.offsets[i], flow->rows[i]), flow->state[i]->caption);
        ops_copy(o, tensor_rows(pooled, i, 1), flow->state[i]->pooled);
    }
    int64_t height = flow->latent.dims[1], width = flow->latent.dims[2];
    DitInput input = {.caption = caption, .pooled = pooled, .text = text, .height = height, .width = width,
                      .times = flow->times, .evaluations = flow->evaluations};
    flow->velocity_branches = ops_new(o, DT_F32, 4,
                                      (int64_t[]){flow->branches, config->channels, height, width});
    dit_begin(&flow->dit, o, flow->session->dit, &input);
    flow->run = (SolverRun){.solver = flow->solver, .sigma = flow->sigmas.value, .intervals = flow->intervals,
                            .x = flow->latent, .velocity = evaluate, .noise = fresh_noise, .context = flow};
    solver_begin(&flow->run, o);
}

static void end_denoising(Flow *flow, ArenaMark mark) {
    dit_end(&flow->dit, flow->o);
    ops_release(flow->o, mark);
}

/* Length of the velocity; not finite when something broke. */
static double velocity_norm(Ops *o, Tensor velocity) {
    ArenaMark mark = ops_mark(o);
    Tensor sum = ops_new(o, DT_F32, 1, (int64_t[]){1});
    float value = 0;
    op_sum_squares(o, sum, velocity);
    ops_download(o, &value, sum);
    ops_release(o, mark);
    return sqrt(value);
}

/* "cuda:0 failed at or before attention at step 12/28: an illegal memory access": the step goes into the
 * sentence of the backend, or before one that does not begin like that. product.md 12 row 13. */
static Status failed_at(const Flow *flow, Status st, int interval) {
    char start[48];
    int length = snprintf(start, sizeof start, "%s failed ", flow->session->where), step = interval + 1;
    const char *why = strncmp(st->message, start, (size_t)length) ? NULL : strstr(st->message, ": ");
    Status told = why ? fail(ERR_DEVICE, "%.*s at step %d/%d%s", (int)(why - st->message), st->message, step,
                             flow->intervals, why)
                      : fail(ERR_DEVICE, "%sat step %d/%d: %s", start, step, flow->intervals, st->message);
    return hint(told, "%s", LOST_HINT);
}

/* One interval of the schedule, and the check that it produced numbers. */
static Status one_step(Flow *flow, int interval, double *norm) {
    solver_step(&flow->run, flow->o, interval);
    *norm = velocity_norm(flow->o, flow->run.work[0]);
    Status st = ops_status(flow->o);
    if (st && st->code == ERR_DEVICE)
        return failed_at(flow, st, interval);
    TRY(st);
    if (!isfinite(*norm))
        return hint(
            fail(ERR_BUG, "step %d/%d produced values that are not numbers", interval + 1, flow->intervals),
            ":set precision f32 and :again; if it stays, the weights are damaged: download them again");
    if (interval == 0)
        tap(flow, "velocity", 0, flow->run.work[0]);
    tap(flow, "latents", interval, flow->latent);
    return NULL;
}

/* Seconds left: the steps at the mean of those done, the autoencoder by its share of the work. */
static double time_left(const PlanInfo *plan, int done, int total, double seconds) {
    double step = seconds / done;
    double rate = plan->flops[PHASE_DENOISE] / total / step;
    return step * (total - done) + (rate > 0 ? plan->flops[PHASE_VAE] / rate : 0);
}

static void report_step(Flow *flow, const StepInfo *info, RunWish wish) {
    const RunHooks *hooks = flow->hooks;
    int every = flow->job->preview_every;
    float *denoised = NULL;
    if ((every > 0 && info->step % every == 0) || (wish & WISH_PREVIEW)) {
        denoised = must_alloc((size_t)tensor_count(flow->run.denoised) * sizeof *denoised);
        ops_download(flow->o, denoised, flow->run.denoised);
    }
    if (hooks->step)
        hooks->step(hooks->context, info, denoised);
    free(denoised);
}

/* ---- pixels -------------------------------------------------------------------------------------------- */

/* pixels [height, width, 3] of a latent, or NULL in a plan. */
static void decode(Flow *flow, uint8_t *pixels, Tensor latent) {
    Ops *o = flow->o;
    ArenaMark mark = ops_mark(o);
    int64_t dims[3] = {flow->job->height, flow->job->width, 3};
    Tensor image = ops_new(o, o->activation, 3, dims), bytes = ops_new(o, DT_U8, 3, dims);
    (flow->tiled ? vae_decode_tiled : vae_decode)(o, image, flow->session->vae, latent, LATENT_MODEL);
    tap(flow, "image", 0, image);
    op_to_rgb8(o, bytes, image);
    if (pixels)
        ops_download(o, pixels, bytes);
    ops_release(o, mark);
}

static float *download(Flow *flow, Tensor latent) {
    float *host = must_alloc((size_t)tensor_count(latent) * sizeof *host);
    ops_download(flow->o, host, latent);
    return host;
}

static void hash_latent(Flow *flow, char out[65], Tensor latent) {
    float *host = download(flow, latent);
    sha256_hex(out, host, (size_t)tensor_count(latent) * sizeof *host);
    free(host);
}

/* Of the device all that is in use now, of which the job's highest counts: it changes between steps and
 * pixels. Without a device the highest resident memory of the process so far. */
static void note_peak(RunResult *result, Session *session) {
    MemInfo memory;
    struct rusage usage;
    uint64_t bytes;
    session_device_memory(session, &memory);
    if (session->options.backend->devices)
        bytes = memory.total - memory.free;
    else
        bytes = getrusage(RUSAGE_SELF, &usage) ? 0 : (uint64_t)usage.ru_maxrss * 1024;
    result->peak_bytes = bytes > result->peak_bytes ? bytes : result->peak_bytes;
}

/* ---- steps that are kept ------------------------------------------------------------------------------- */

/* Hands over the picture of a step: what a gentle stop after it would have made. */
static void hand_over(Flow *flow, const KeptStep *step, Tensor latent) {
    RunResult result = {.steps_run = step->steps_run, .stopped = true, .sigma_count = flow->sigmas.count};
    double begun = clock_seconds();
    size_t bytes = (size_t)result.sigma_count * sizeof *result.sigmas;
    result.sigmas = must_alloc(bytes);
    memcpy(result.sigmas, flow->sigmas.value, bytes);
    memcpy(result.seconds, step->seconds, sizeof result.seconds);
    result.pixels = must_alloc((size_t)flow->job->width * flow->job->height * 3);
    hash_latent(flow, result.latent_sha256, latent);
    decode(flow, result.pixels, latent);
    result.seconds[PHASE_VAE] = clock_seconds() - begun;
    note_peak(&result, flow->session);
    if (!ops_status(flow->o)) /* else the next step says what is wrong */
        flow->hooks->kept(flow->hooks->context, &result);
    run_result_done(&result);
}

/* Decodes a step in memory that is taken for it alone; false where the device has none beside the steps. */
static bool decode_beside(Flow *flow, const KeptStep *step, size_t bytes) {
    Ops *o = flow->o;
    MemInfo memory;
    session_device_memory(flow->session, &memory);
    void *block = memory.total && memory.free < bytes ? NULL : o->backend->mem_alloc(o->state, bytes);
    if (!block)
        return false;
    Arena beside = arena_over(block, bytes), *arena = o->arena;
    o->arena = &beside;
    hand_over(flow, step, flow->run.denoised);
    o->arena = arena;
    ops_mem_free(o, block, bytes);
    return true;
}

/* At once where there is room for a decoder beside the steps, else when the steps are done. */
static void keep_step(Flow *flow, const RunResult *so_far, const PlanInfo *plan) {
    KeptStep step = {.steps_run = so_far->steps_run};
    memcpy(step.seconds, so_far->seconds, sizeof step.seconds);
    if (decode_beside(flow, &step, plan->decode_bytes))
        return;
    step.latent = download(flow, flow->run.denoised);
    flow->kept = must_realloc(flow->kept, (size_t)(flow->kept_count + 1) * sizeof *flow->kept);
    flow->kept[flow->kept_count++] = step;
}

/* The others. They are decoded in the place of the finished latent, which comes back. */
static void decode_kept(Flow *flow) {
    if (!flow->kept_count)
        return;
    float *finished = download(flow, flow->latent);
    for (int i = 0; i < flow->kept_count; i++) {
        ops_upload(flow->o, flow->latent, flow->kept[i].latent);
        hand_over(flow, &flow->kept[i], flow->latent);
    }
    ops_upload(flow->o, flow->latent, finished);
    free(finished);
}

/* ---- the steps ----------------------------------------------------------------------------------------- */

static Status all_steps(Flow *flow, RunResult *result, const PlanInfo *plan) {
    double begun = clock_seconds(), last = begun;
    for (int i = 0; i < flow->intervals; i++) {
        double norm;
        TRY(one_step(flow, i, &norm));
        double now = clock_seconds();
        StepInfo info = {.step = i + 1,
                         .total = flow->intervals,
                         .sigma = flow->sigmas.value[i],
                         .seconds = now - last,
                         .eta = time_left(plan, i + 1, flow->intervals, now - begun),
                         .velocity_norm = norm,
                         .guided = flow->branches > 1 &&
                                   guide_needed(&flow->guidance, flow->times[i * flow->solver->stages])};
        last = now;
        result->steps_run = i + 1;
        RunWish wish = i + 1 < flow->intervals ? wish_of(flow->hooks) : WISH_NOTHING;
        report_step(flow, &info, wish);
        if ((wish & WISH_KEEP) && flow->hooks->kept) {
            result->seconds[PHASE_DENOISE] = now - begun;
            keep_step(flow, result, plan);
            double pause = clock_seconds() - now; /* no part of the steps: their times stay honest */
            begun += pause;
            last += pause;
        }
        if (i + 1 < flow->intervals && wanted_stop(flow->hooks) == STOP_GENTLY) {
            ops_copy(flow->o, flow->latent, flow->run.denoised); /* the best guess at the finished picture */
            result->stopped = true;
            break;
        }
    }
    double rate = plan->flops[PHASE_DENOISE] * result->steps_run / flow->intervals / (last - begun);
    if (isfinite(rate))
        flow->session->flops_per_second = rate;
    return ops_status(flow->o);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static Status flow_begin(Flow *flow, Session *session, const Job *job, const RunHooks *hooks) {
    *flow = (Flow){.session = session, .job = job, .hooks = hooks ? hooks : &NO_HOOKS};
    TRY(job_check(job));
    flow->guidance = (Guidance){job->cfg, job->cfg_trunc, job->renorm};
    flow->branches = job->cfg > 1 ? 2 : 1;
    flow->solver = solver_find(job->sampler);
    TRY(schedule_fill(&flow->sigmas, schedule_find(job->schedule), job->steps, job->shift));
    flow->intervals = flow->sigmas.count - 1;
    flow->evaluations = solver_evaluations(flow->solver, flow->intervals);
    flow->times = must_alloc((size_t)flow->evaluations * sizeof *flow->times);
    solver_levels(flow->solver, flow->times, flow->sigmas.value, flow->intervals);
    for (int i = 0; i < flow->evaluations; i++)
        flow->times[i] = 1 - flow->times[i];
    return NULL;
}

static void flow_end(Flow *flow) {
    for (int i = 0; i < flow->kept_count; i++)
        free(flow->kept[i].latent);
    free(flow->kept);
    sigmas_done(&flow->sigmas);
    free(flow->times);
    free(flow->fresh);
}

static Tensor new_latent(Flow *flow) {
    int64_t dims[3] = {dit_config(flow->session->dit)->channels, flow->job->height / LATENT_FACTOR,
                       flow->job->width / LATENT_FACTOR};
    return ops_new(flow->o, DT_F32, 3, dims);
}

/* FLOPs since the last call. */
static double count_since(const PlanCount *count, double *last) {
    double flops = count->flops - *last;
    *last = count->flops;
    return flops;
}

/* The texts of all branches: what encoding them takes, and their rows. */
static Status plan_texts(Flow *flow) {
    for (int branch = 0; branch < flow->branches; branch++) {
        BranchText text = branch_text(flow->job, branch);
        BranchTokens tokens;
        Status st = tokenize(&tokens, flow->session, &text);
        free(text.gemma);
        TRY(st);
        ArenaMark mark = ops_mark(flow->o);
        Tensor caption, pooled;
        encode(flow->o, flow->session, &tokens, &caption, &pooled);
        ops_release(flow->o, mark);
        flow->rows[branch] = (int64_t)tokens.list[TOKENS_GEMMA].count;
        tokens_done(&tokens);
    }
    return NULL;
}

/* Walks the flow over empty kernels, every step of it: some are guided and some are not, and now and then
 * one computes the modulation rows of the next evaluations. */
static Status plan_flow(Flow *flow, PlanInfo *out) {
    PlanRun dry;
    plan_begin(&dry, &flow->session->ops, out->residency->streamed);
    flow->o = &dry.ops;
    double last = 0;
    TRY(plan_texts(flow));
    out->flops[PHASE_TEXT] = count_since(&dry.count, &last);
    flow->latent = new_latent(flow);
    ArenaMark mark = ops_mark(&dry.ops);
    begin_denoising(flow);
    for (int i = 0; i < flow->intervals; i++)
        solver_step(&flow->run, &dry.ops, i);
    velocity_norm(&dry.ops, flow->run.work[0]);
    out->flops[PHASE_DENOISE] = count_since(&dry.count, &last);
    out->steps_bytes = dry.arena.peak;
    dry.arena.peak = 0;
    end_denoising(flow, mark);
    decode(flow, NULL, flow->latent);
    out->flops[PHASE_VAE] = count_since(&dry.count, &last);
    out->decode_bytes = dry.arena.peak;
    out->activation_bytes = out->decode_bytes > out->steps_bytes ? out->decode_bytes : out->steps_bytes;
    out->copied_bytes = dry.count.copied;
    return fault_raise(&dry.ops.fault); /* it is about to go */
}

/* What the job needs, its pixels decoded as out->tiled says. */
static Status count_under(PlanInfo *out, Session *session, const Job *job, const Residency *residency) {
    Flow flow;
    *out = (PlanInfo){.residency = residency, .weights_bytes = residency_weights(session, residency),
                      .tiled = out->tiled};
    Status st = flow_begin(&flow, session, job, NULL);
    flow.tiled = out->tiled;
    if (!st)
        st = plan_flow(&flow, out);
    flow_end(&flow);
    TRY(st);
    /* nobody guesses how fast a card is */
    double guess = session->options.backend && session->options.backend->devices ? INFINITY : GUESSED_RATE;
    double rate = session->flops_per_second > 0 ? session->flops_per_second : guess;
    out->seconds = (out->flops[PHASE_TEXT] + out->flops[PHASE_DENOISE] + out->flops[PHASE_VAE]) / rate;
    return NULL;
}

Status run_count(PlanInfo *out, Session *session, const Job *job, const Residency *residency) {
    out->tiled = false;
    return count_under(out, session, job, residency);
}

/* Half of a side, as a side that a picture can have. */
static int halved(int side) {
    return (side / 2 + 15) / 16 * 16;
}

/* A larger plan than the present one must leave this part of the memory free, or two programs that share a
 * device would push each other to and fro. */
#define SLACK 64

static Status does_not_fit(Session *s, const Job *job, const PlanInfo *least) {
    const double gib = 1024.0 * 1024 * 1024;
    char size[32];
    snprintf(size, sizeof size, "%dx%d", job->width, job->height);
    int width = halved(job->width), height = halved(job->height);
    if (!s->options.backend->devices && !s->options.vram)
        return hint(fail(ERR_MEMORY, "%s does not fit: it needs %.1f GiB of activations, %.1f GiB are free",
                         size, least->activation_bytes / gib, least->free_bytes / gib),
                    ":size %dx%d needs about a quarter", width, height);
    MemInfo memory;
    session_device_memory(s, &memory);
    uint64_t others = session_others(&memory);
    char a[24], b[24], c[24];
    Status st = fail(ERR_MEMORY, "%s fits %s in no plan: the smallest needs %s, %s of %s are free", size,
                     s->where, memory_print(a, least->peak_bytes),
                     memory_print(b, memory.total - others), memory_print(c, memory.total));
    return hint(st, ":size %dx%d needs about a quarter of the activations; other programs hold %s; "
                    ":set device cpu needs none", width, height, memory_print(a, others));
}

/* The first plan from `first` on that fits, all with the same way of decoding; or the last of them, if there
 * is one. */
static Status first_of(PlanInfo *out, Session *s, const Job *job, const Residency *first) {
    uint64_t room = residency_room(s);
    for (const Residency *row = first; row->name && !out->fits; row++) {
        if (!residency_allowed(s, row))
            continue;
        TRY(count_under(out, s, job, row));
        uint64_t slack = row < s->residency && room != UINT64_MAX ? room / SLACK : 0;
        out->free_bytes = room > out->weights_bytes ? room - out->weights_bytes : 0;
        residency_fit(out, s, room > slack ? room - slack : 0);
    }
    return NULL;
}

/* The first plan that fits: whole pictures under every plan, and only then tiles, again from the first
 * one. Goes on behind `tried`, NULL for the start. The lock is held. */
static Status first_that_fits(PlanInfo *out, Session *s, const Job *job, const PlanInfo *tried) {
    PlanInfo found = {.tiled = tried && tried->tiled};
    bool large = job->width > VAE_TILE || job->height > VAE_TILE;
    TRY(first_of(&found, s, job, tried ? tried->residency + 1 : RESIDENCIES));
    if (!found.fits && !found.tiled && large) {
        found.tiled = true;
        TRY(first_of(&found, s, job, RESIDENCIES));
    }
    *out = found;
    return found.fits ? NULL : does_not_fit(s, job, &found);
}

Status run_plan(PlanInfo *out, Session *session, const Job *job) {
    PlanInfo found = {0};
    pthread_mutex_lock(&session->lock);
    Status st = first_that_fits(&found, session, job, NULL);
    if (found.residency && found.residency != session->residency)
        found.why = PLAN_CHOSEN;
    pthread_mutex_unlock(&session->lock);
    if (found.residency)
        *out = found;
    return st;
}

/* Brings the session under the plan, or under the next one that has room: what seemed free may be gone, or
 * lie in pieces. */
static Status place(PlanInfo *plan, Session *session, const Job *job) {
    Status st;
    for (;;) {
        uint64_t arena = plan->dropped ? plan->steps_bytes : plan->activation_bytes;
        st = residency_place(session, plan->residency, arena);
        if (!st || st->code != ERR_MEMORY)
            return st;
        PlanInfo tried = *plan;
        Fault kept;
        fault_copy(&kept, st);
        log_line(LOG_WARN, "plan %s: %s", tried.residency->name, st->message);
        pthread_mutex_lock(&session->lock);
        st = first_that_fits(plan, session, job, &tried);
        pthread_mutex_unlock(&session->lock);
        if (st)
            return fault_raise(&kept);
        plan->why = PLAN_STEPPED_DOWN;
    }
}

/* Ends a phase: its time goes into the result and to the listener. */
static void phase_done(Flow *flow, RunResult *result, Phase phase, double *since) {
    double now = clock_seconds();
    result->seconds[phase] = now - *since;
    *since = now;
    if (flow->hooks->phase)
        flow->hooks->phase(flow->hooks->context, phase, result->seconds[phase]);
}

static Status denoise(Flow *flow, RunResult *result, const PlanInfo *plan) {
    Mt19937 rng;
    flow->latent = new_latent(flow);
    TRY(ops_status(flow->o));
    mt19937_seed(&rng, flow->job->seed);
    upload_normal(flow->o, flow->latent, &rng);
    tap(flow, "noise", 0, flow->latent);
    ArenaMark mark = ops_mark(flow->o);
    begin_denoising(flow);
    Status st = ops_status(flow->o);
    if (!st)
        st = all_steps(flow, result, plan);
    end_denoising(flow, mark);
    TRY(st);
    hash_latent(flow, result->latent_sha256, flow->latent);
    return ops_status(flow->o);
}

/* The arena that decoding in tiles needs. */
static Status room_for_tiles(Flow *flow, PlanInfo *plan) {
    Fault why;
    fault_copy(&why, ops_status(flow->o));
    ops_clear(flow->o);
    log_line(LOG_WARN, "no room to decode the picture as a whole: %s", why.message);
    plan->tiled = flow->tiled = true;
    TRY(count_under(plan, flow->session, flow->job, plan->residency));
    TRY(session_reserve(flow->session, plan->decode_bytes));
    plan->fits = true;
    if (flow->hooks->plan)
        flow->hooks->plan(flow->hooks->context, plan);
    return NULL;
}

/* Layers of the transformer make way for the pixels; the latent spends that time on the host. Device and host
 * may turn out to have no room for the exchange: then the picture is decoded in tiles. */
static Status make_room(Flow *flow, PlanInfo *plan) {
    Ops *o = flow->o;
    float *latent = download(flow, flow->latent);
    Status st = ops_status(o);
    if (!st) {
        st = residency_make_room(flow->session, plan->dropped, plan->decode_bytes);
        ops_fail(o, st);
        if (st && st->code == ERR_MEMORY)
            st = room_for_tiles(flow, plan);
    }
    if (!st) {
        flow->latent = new_latent(flow);
        ops_upload(o, flow->latent, latent);
    }
    free(latent);
    return st ? st : ops_status(o);
}

static Status flow_run(Flow *flow, RunResult *result) {
    const Job *job = flow->job;
    PlanInfo plan;
    double since = clock_seconds();
    TRY(run_plan(&plan, flow->session, job));
    TRY(place(&plan, flow->session, job));
    flow->tiled = plan.tiled;
    if (flow->hooks->plan)
        flow->hooks->plan(flow->hooks->context, &plan);
    TRY(all_texts(flow));
    phase_done(flow, result, PHASE_TEXT, &since);
    TRY(denoise(flow, result, &plan));
    phase_done(flow, result, PHASE_DENOISE, &since);
    note_peak(result, flow->session);
    if (plan.dropped)
        TRY(make_room(flow, &plan));
    double kept = clock_seconds();
    decode_kept(flow);
    since += clock_seconds() - kept; /* the phase is that of the finished picture */
    result->pixels = must_alloc((size_t)job->width * job->height * 3);
    decode(flow, result->pixels, flow->latent);
    TRY(ops_status(flow->o));
    note_peak(result, flow->session);
    phase_done(flow, result, PHASE_VAE, &since);
    return NULL;
}

/* Brings back what made room for the pixels; *st stays what it is. */
static void bring_back(Session *session, Status *st) {
    Fault kept;
    fault_copy(&kept, *st);
    ops_clear(&session->ops);
    residency_return(session);
    *st = fault_raise(&kept);
}

Status run_job(RunResult *result, Session *session, const Job *job, const RunHooks *hooks) {
    Flow flow;
    RunResult found = {0};
    Status st = flow_begin(&flow, session, job, hooks);
    if (!st) {
        flow.o = &session->ops;
        ops_clear(flow.o);
        flow.o->cancelled = dropped;
        flow.o->cancelled_context = (void *)flow.hooks;
        ArenaMark mark = ops_mark(flow.o);
        st = flow_run(&flow, &found);
        if (st) /* what was still under way must not reach into the next job's memory */
            flow.o->backend->sync(flow.o->state);
        if (st && st->code == ERR_DEVICE && !st->hint[0])
            st = hint(st, "%s", LOST_HINT);
        flow.o->cancelled = NULL;
        if (session->settled)
            ops_release(flow.o, mark);
        else if (!st || st->code != ERR_DEVICE)
            bring_back(session, &st);
    }
    if (st) {
        run_result_done(&found);
        flow_end(&flow);
        return st;
    }
    found.sigmas = flow.sigmas.value; /* takes the list over */
    found.sigma_count = flow.sigmas.count;
    flow.sigmas = (Sigmas){0};
    *result = found;
    flow_end(&flow);
    return NULL;
}

void run_result_done(RunResult *result) {
    free(result->pixels);
    free(result->sigmas);
    *result = (RunResult){0};
}
