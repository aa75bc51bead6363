/* forward.c: what the four networks promise beside their numbers, on nano configurations with odd token
 * counts: the dry run plans the memory that is used, packed sequences do not see each other, windows of
 * evaluations are one run, and layers that visit the device give the same bits as layers that live there.
 * The numbers themselves are compared with the original's by tests/parity. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "cpu/cpu.h"
#include "model/stream.h"
#include "ops/plan.h"
#include "tests/model/synthetic.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"

enum { ARENA_BYTES = 64 << 20, HIGH = 6, WIDE = 10, TEXT_A = 7, TEXT_B = 3, EVALUATIONS = 67 };
enum { CELLS = 16 * HIGH * WIDE };

typedef struct Nano {
    Ops ops;
    Arena arena;
    void *block;
    Dit *dit;
    Gemma *gemma;
    Jina *jina;
    Vae *vae;
    SafeTensors *file[PART_COUNT];
    double times[EVALUATIONS];
} Nano;

static SafeTensors *nano_file(ModelPart part) {
    Synthetic made = synthetic_nano(part, NULL);
    SafeTensors *file = synthetic_open(&made, NULL);
    synthetic_done(&made);
    return file;
}

static void nano_open(Nano *n, const Backend *backend) {
    *n = (Nano){0};
    Status st = ops_open(&n->ops, backend, &(BackendOptions){.threads = 2, .precision = PRECISION_F32});
    n->block = st ? NULL : ops_mem_alloc(&n->ops, ARENA_BYTES);
    n->arena = arena_over(n->block, ARENA_BYTES);
    n->ops.arena = &n->arena;
    Json *json[PART_COUNT];
    for (int part = 0; part < PART_COUNT; part++) {
        n->file[part] = nano_file(part);
        json[part] = nano_json(part);
    }
    st = st ? st : dit_load(&n->dit, &n->ops, n->file[PART_DIT], json[PART_DIT], NULL);
    st = st ? st : gemma_load(&n->gemma, &n->ops, n->file[PART_GEMMA], json[PART_GEMMA], NULL);
    st = st ? st : jina_load(&n->jina, &n->ops, n->file[PART_JINA], json[PART_JINA], NULL);
    st = st ? st : vae_load(&n->vae, &n->ops, n->file[PART_VAE], json[PART_VAE], VAE_BOTH);
    if (st) {
        printf("Bail out! %s\n", st->message);
        exit(1);
    }
    for (int part = 0; part < PART_COUNT; part++)
        json_free(json[part]);
    for (int i = 0; i < EVALUATIONS; i++)
        n->times[i] = i / (double)EVALUATIONS;
}

static void nano_close(Nano *n) {
    dit_free(n->dit, &n->ops);
    gemma_free(n->gemma, &n->ops);
    jina_free(n->jina, &n->ops);
    vae_free(n->vae, &n->ops);
    ops_mem_free(&n->ops, n->block, ARENA_BYTES);
    MemInfo info;
    ops_mem_info(&n->ops, &info);
    CHECK_EQ(info.held, 0, "freeing the networks gives all their memory back");
    n->ops.backend->close(n->ops.state);
    for (int part = 0; part < PART_COUNT; part++)
        safetensors_close(n->file[part]);
}

/* The same made-up numbers for the same seed. */
static Tensor noise(Ops *o, int rank, const int64_t *dims, uint64_t seed) {
    Tensor t = ops_new(o, DT_F32, rank, dims);
    float *host = must_alloc(sizeof(float) * (size_t)tensor_count(t));
    Mt19937 rng;
    mt19937_seed(&rng, seed);
    rng_normal_f32(&rng, host, tensor_count(t));
    ops_upload(o, t, host);
    free(host);
    return t;
}

/* ---- work that is both planned and done ---------------------------------------------------------------- */

typedef void Work(const Nano *n, Ops *o);

/* Velocity of `sequences` of the texts A and B at one evaluation; out may be NULL. */
static void velocity(const Nano *n, Ops *o, const int64_t *lengths, int prepared, int run_now, int evaluation,
                     float *out) {
    const int64_t latent_dims[] = {16, HIGH, WIDE}, velocity_dims[] = {run_now, 16, HIGH, WIDE};
    ArenaMark mark = ops_mark(o);
    DitInput input = {.text = seqs_of(prepared, lengths), .height = HIGH, .width = WIDE, .times = n->times,
                      .evaluations = EVALUATIONS};
    input.caption = ops_matrix(o, seqs_rows(&input.text), DIT_NANO.caption_dim);
    input.pooled = ops_matrix(o, prepared, DIT_NANO.pooled_dim);
    for (int i = 0; i < prepared; i++) {
        uint64_t seed = (uint64_t)lengths[i]; /* a text is known by its length */
        ops_copy(o, tensor_rows(input.caption, input.text.offsets[i], lengths[i]),
                 noise(o, 2, (int64_t[]){lengths[i], DIT_NANO.caption_dim}, seed));
        ops_copy(o, tensor_rows(input.pooled, i, 1), noise(o, 2, (int64_t[]){1, DIT_NANO.pooled_dim},
                                                           seed + 100));
    }
    Tensor latent = noise(o, 3, latent_dims, 1), v = ops_new(o, DT_F32, 4, velocity_dims);
    DitRun run;
    dit_begin(&run, o, n->dit, &input);
    dit_velocity(o, v, &run, latent, evaluation);
    if (out)
        ops_download(o, out, v);
    dit_end(&run, o);
    ops_release(o, mark);
}

static void dit_work(const Nano *n, Ops *o) {
    velocity(n, o, (int64_t[]){TEXT_A, TEXT_B}, 2, 2, 0, NULL);
}

static void gemma_states(const Nano *n, Ops *o, const int64_t *lengths, int count, float *out) {
    static const int32_t ids[] = {2, 17, 5, 44, 9, 31, 20, 2, 8, 49};
    ArenaMark mark = ops_mark(o);
    Seqs seqs = seqs_of(count, lengths);
    Tensor states = ops_matrix(o, seqs_rows(&seqs), GEMMA_NANO.hidden);
    gemma_encode(o, states, n->gemma, lengths[0] == TEXT_A ? ids : ids + TEXT_A, &seqs);
    if (out)
        ops_download(o, out, states);
    ops_release(o, mark);
}

static void gemma_work(const Nano *n, Ops *o) {
    gemma_states(n, o, (int64_t[]){TEXT_A, TEXT_B}, 2, NULL);
}

static void jina_pooled(const Nano *n, Ops *o, const int64_t *lengths, int count, float *out) {
    static const int32_t ids[] = {0, 17, 5, 44, 9, 31, 2, 0, 8, 2};
    ArenaMark mark = ops_mark(o);
    Seqs seqs = seqs_of(count, lengths);
    Tensor pooled = ops_matrix(o, count, JINA_NANO.hidden);
    jina_encode(o, pooled, n->jina, lengths[0] == TEXT_A ? ids : ids + TEXT_A, &seqs);
    if (out)
        ops_download(o, out, pooled);
    ops_release(o, mark);
}

static void jina_work(const Nano *n, Ops *o) {
    jina_pooled(n, o, (int64_t[]){TEXT_A, TEXT_B}, 2, NULL);
}

static void decode_work(const Nano *n, Ops *o) {
    ArenaMark mark = ops_mark(o);
    Tensor image = ops_cube(o, 8 * HIGH, 8 * WIDE, 3);
    vae_decode(o, image, n->vae, noise(o, 3, (int64_t[]){16, HIGH, WIDE}, 1), LATENT_MODEL);
    ops_release(o, mark);
}

static void encode_work(const Nano *n, Ops *o) {
    ArenaMark mark = ops_mark(o);
    Tensor latent = ops_cube(o, 16, HIGH, WIDE);
    vae_encode(o, latent, n->vae, noise(o, 3, (int64_t[]){8 * HIGH, 8 * WIDE, 3}, 1), LATENT_MODEL);
    ops_release(o, mark);
}

/* ---- promises ------------------------------------------------------------------------------------------ */

static void check_plan(Nano *n, const char *name, Work *work) {
    char sentence[128];
    PlanCount count = {0};
    Arena counting = arena_counting();
    Ops plan = {.backend = &PLAN_BACKEND, .state = &count, .arena = &counting};
    work(n, &plan);
    n->arena = arena_over(n->block, ARENA_BYTES);
    work(n, &n->ops);
    CHECK_OK(ops_status(&n->ops), name);
    snprintf(sentence, sizeof sentence, "%s: the planned peak is the real one", name);
    CHECK_EQ(counting.peak, n->arena.peak, sentence);
    snprintf(sentence, sizeof sentence, "%s: all memory is given back", name);
    CHECK_EQ(n->arena.used, 0, sentence);
    snprintf(sentence, sizeof sentence, "%s: the plan counts work", name);
    CHECK(count.flops > 0, sentence);
}

static double difference(const float *a, const float *b, int64_t n) {
    double sum = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return sqrt(sum / size);
}

static void check_sequences(Nano *n) {
    static float both[2 * CELLS], first[CELLS], second[CELLS], part[CELLS];
    const int64_t lengths[] = {TEXT_A, TEXT_B};
    velocity(n, &n->ops, lengths, 2, 2, 4, both);
    velocity(n, &n->ops, lengths, 1, 1, 4, first);
    velocity(n, &n->ops, lengths + 1, 1, 1, 4, second);
    velocity(n, &n->ops, lengths, 2, 1, 4, part);
    CHECK_NEAR(difference(both, first, CELLS), 0, 1e-6, "the first of two packed sequences is as if alone");
    CHECK_NEAR(difference(both + CELLS, second, CELLS), 0, 1e-6,
               "the second of two packed sequences is as if alone");
    CHECK_NEAR(difference(part, first, CELLS), 0, 1e-6, "a run of two can evaluate the first only");
    CHECK(difference(both, both + CELLS, CELLS) > 1e-2, "the two texts give different velocities");
}

static void check_windows(Nano *n) {
    static float late[CELLS], alone[CELLS];
    const int64_t length = TEXT_A;
    velocity(n, &n->ops, &length, 1, 1, EVALUATIONS - 1, late);
    double kept = n->times[0];
    n->times[0] = n->times[EVALUATIONS - 1];
    velocity(n, &n->ops, &length, 1, 1, 0, alone);
    n->times[0] = kept;
    CHECK_NEAR(difference(late, alone, CELLS), 0, 1e-6,
               "an evaluation behind the first window sees its own time");
    velocity(n, &n->ops, &length, 1, 1, 0, alone);
    CHECK(difference(late, alone, CELLS) > 1e-3, "the time matters");
}

static void check_texts(Nano *n) {
    const int64_t lengths[] = {TEXT_A, TEXT_B};
    enum { ROWS = TEXT_A + TEXT_B };
    float states[ROWS * 40], alone[ROWS * 40], pooled[2 * 48], one[48];
    gemma_states(n, &n->ops, lengths, 2, states);
    gemma_states(n, &n->ops, lengths + 1, 1, alone);
    CHECK_NEAR(difference(states + TEXT_A * 40, alone, TEXT_B * 40), 0, 1e-6,
               "packed texts do not see each other");
    jina_pooled(n, &n->ops, lengths, 2, pooled);
    jina_pooled(n, &n->ops, lengths + 1, 1, one);
    CHECK_NEAR(difference(pooled + 48, one, 48), 0, 1e-6, "packed pooled texts do not see each other");
}

/* Scaling in and out is the encoder's and decoder's business: model = (z - shift) · scale. */
static void check_scales(Nano *n) {
    static float raw[CELLS], scaled[CELLS];
    Ops *o = &n->ops;
    ArenaMark mark = ops_mark(o);
    Tensor latent = ops_cube(o, 16, HIGH, WIDE), pixels = noise(o, 3, (int64_t[]){8 * HIGH, 8 * WIDE, 3}, 1);
    vae_encode(o, latent, n->vae, pixels, LATENT_VAE);
    ops_download(o, raw, latent);
    vae_encode(o, latent, n->vae, pixels, LATENT_MODEL);
    ops_download(o, scaled, latent);
    ops_release(o, mark);
    for (int i = 0; i < CELLS; i++)
        raw[i] = (raw[i] - 0.25f) * 0.5f;
    CHECK_NEAR(difference(scaled, raw, CELLS), 0, 1e-6, "the encoder subtracts the shift, then multiplies");
}

/* ---- layers that visit the device ---------------------------------------------------------------------- */

/* A CPU whose copies are done as late as a device may do them: when the computing waits for them. */
enum { LATE_MAX = 64 };
typedef struct LateCopy { void *device; const void *host; size_t bytes; } LateCopy;
static LateCopy late[LATE_MAX];
static int late_count, late_done, late_mark[OPS_EVENTS];

static Status late_prefetch(void *state, void *device, const void *host, size_t bytes) {
    (void)state;
    if (late_count - late_done == LATE_MAX)
        return fail(ERR_BUG, "%d copies wait", LATE_MAX);
    late[late_count++ % LATE_MAX] = (LateCopy){device, host, bytes};
    return NULL;
}

static Status late_event_mark(void *state, int event, StreamKind stream) {
    (void)state;
    if (stream == STREAM_COPY)
        late_mark[event] = late_count;
    return NULL;
}

static Status late_event_wait(void *state, int event, StreamKind stream) {
    (void)state;
    for (; stream == STREAM_COMPUTE && late_done < late_mark[event]; late_done++) {
        const LateCopy *copy = &late[late_done % LATE_MAX];
        memcpy(copy->device, copy->host, copy->bytes);
    }
    return NULL;
}

typedef struct Answers {
    float velocity[2][2 * CELLS], states[(TEXT_A + TEXT_B) * 40], pooled[2 * 48];
} Answers;

static void answer(Answers *out, const Nano *n, Ops *o) {
    const int64_t lengths[] = {TEXT_A, TEXT_B};
    velocity(n, o, lengths, 2, 2, 4, out->velocity[0]);
    velocity(n, o, lengths, 2, 2, EVALUATIONS - 1, out->velocity[1]);
    gemma_states(n, o, lengths, 2, out->states);
    jina_pooled(n, o, lengths, 2, out->pooled);
}

static void settle(Nano *n, unsigned streamed) {
    n->ops.streamed = streamed;
    dit_settle(n->dit, &n->ops);
    gemma_settle(n->gemma, &n->ops);
    jina_settle(n->jina, &n->ops);
}

static uint64_t held(Nano *n) {
    MemInfo info;
    ops_mem_info(&n->ops, &info);
    return info.held;
}

static size_t group_bytes(const Nano *n, unsigned groups) {
    return dit_group_bytes(n->dit, groups) + gemma_group_bytes(n->gemma, groups) +
           jina_group_bytes(n->jina, groups);
}

static void check_group(Nano *n, const Answers *hot, unsigned groups, const char *name) {
    static Answers streamed;
    char sentence[128];
    PlanCount count = {0};
    Arena counting = arena_counting();
    Ops plan = {.backend = &PLAN_BACKEND, .state = &count, .arena = &counting, .streamed = groups};
    uint64_t before = held(n);
    size_t bytes = group_bytes(n, groups);
    settle(n, groups);
    snprintf(sentence, sizeof sentence, "%s on the host leave the device by their size", name);
    CHECK(bytes > 0 && before - held(n) == bytes, sentence);
    n->arena = arena_over(n->block, ARENA_BYTES);
    if (!n->ops.backend->devices)
        memset(n->block, 0xff, ARENA_BYTES);
    answer(&streamed, n, &n->ops);
    CHECK_OK(ops_status(&n->ops), name);
    snprintf(sentence, sizeof sentence, "%s on the host give the same bits", name);
    CHECK(!memcmp(&streamed, hot, sizeof streamed), sentence);
    answer(&streamed, n, &plan);
    snprintf(sentence, sizeof sentence, "%s on the host: the planned peak is the real one", name);
    CHECK_EQ(counting.peak, n->arena.peak, sentence);
    CHECK(count.copied >= (double)bytes, "the plan counts what is copied");
    settle(n, 0);
    snprintf(sentence, sizeof sentence, "%s come back", name);
    CHECK(!ops_status(&n->ops) && held(n) == before, sentence);
}

static void check_streamed(Nano *n) {
    static const struct { unsigned groups; const char *name; } rows[] = {
        {GROUP_MODULATION, "modulations"}, {GROUP_GEMMA, "layers of Gemma"}, {GROUP_JINA, "layers of Jina"},
        {GROUP_CONTEXT, "context refiners"}, {GROUP_LAYERS, "joint layers"}, {GROUPS_ALL, "all groups"},
    };
    static Answers hot, again;
    const Backend *backend = n->ops.backend;
    Backend lazy = *backend;
    if (!backend->devices) { /* the emulated device is late by itself */
        lazy.prefetch = late_prefetch;
        lazy.event_mark = late_event_mark;
        lazy.event_wait = late_event_wait;
    }
    answer(&hot, n, &n->ops);
    n->ops.backend = &lazy;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_group(n, &hot, rows[i].groups, rows[i].name);
    n->ops.backend = backend;
    answer(&again, n, &n->ops);
    CHECK(!memcmp(&again, &hot, sizeof hot), "and nothing has changed by that");
    settle(n, GROUPS_ALL); /* freed from where they are */
}

/* Memory that ends in the middle leaves every weight on one side or the other. */
static int64_t allocations_left;

static void *few_mem_alloc(void *state, size_t bytes) {
    return allocations_left-- > 0 ? CPU_BACKEND.mem_alloc(state, bytes) : NULL;
}

static void check_no_room(Nano *n) {
    static Answers hot, again;
    Backend few = CPU_BACKEND;
    few.mem_alloc = few_mem_alloc;
    answer(&hot, n, &n->ops);
    settle(n, GROUPS_ALL);
    n->ops.backend = &few;
    allocations_left = 5;
    settle(n, 0);
    Status st = ops_status(&n->ops);
    CHECK(st && st->code == ERR_MEMORY, "weights that find no room on the device are a memory error");
    ops_clear(&n->ops);
    n->ops.backend = &CPU_BACKEND;
    settle(n, GROUPS_ALL);
    answer(&again, n, &n->ops);
    CHECK(!memcmp(&again, &hot, sizeof hot), "they can go back, and all is as before");
    CHECK_OK(ops_status(&n->ops), "without a fault");
    settle(n, 0);
}

/* A failure inside does not run on, and is told by the status. */
static void check_full_arena(Nano *n) {
    n->arena = arena_over(n->block, 1 << 16);
    dit_work(n, &n->ops);
    Status st = ops_status(&n->ops);
    CHECK(st && st->code == ERR_MEMORY, "an arena that is too small is a memory error");
    ops_clear(&n->ops);
    n->arena = arena_over(n->block, ARENA_BYTES);
}

static void check_odd_latent(Nano *n) {
    DitInput input = {.text = seqs_one(1), .height = 3, .width = 4, .times = n->times, .evaluations = 1};
    DitRun run;
    dit_begin(&run, &n->ops, n->dit, &input);
    dit_end(&run, &n->ops);
    Status st = ops_status(&n->ops);
    CHECK_HAS(st ? st->message : "", "the latent is 4 x 3, expected multiples of the patch size 2",
              "a latent that patches do not cover is refused");
    ops_clear(&n->ops);
}

/* The same weights on the emulated device, whose copies run when the computing waits for them. */
static void check_emulated(void) {
    const Backend *backend;
    Nano n;
    if (!emulated_open(&backend)) {
        CHECK(true, "layers visit the emulated device # SKIP this build has none");
        return;
    }
    nano_open(&n, backend);
    check_streamed(&n);
    nano_close(&n);
}

int main(void) {
    const Backend *const backends[] = {&REF_BACKEND, &CPU_BACKEND};
    for (int i = 0; i < 2; i++) {
        Nano n;
        nano_open(&n, backends[i]);
        check_plan(&n, "transformer", dit_work);
        check_plan(&n, "text encoder", gemma_work);
        check_plan(&n, "pooled text encoder", jina_work);
        check_plan(&n, "decoder", decode_work);
        check_plan(&n, "encoder", encode_work);
        check_sequences(&n);
        check_windows(&n);
        check_texts(&n);
        check_scales(&n);
        check_full_arena(&n);
        check_odd_latent(&n);
        if (backends[i]->prefetch) {
            check_no_room(&n);
            check_streamed(&n);
        }
        nano_close(&n);
    }
    check_emulated();
    return tap_end();
}
