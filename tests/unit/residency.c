/* residency: the plans of engine/residency.h on the demo model: every one makes the same pixels, the one
 * that fits is taken, and a device that has no room after all costs a plan, not the session. The CPU
 * stands for a card whose memory is pretended. */
#include "config.h"

#include "engine/residency.h"

#include "engine/run.h"
#include "tests/tap.h"
#include "tests/unit/demo.h"

enum { PIXELS = 64 * 48 * 3, PLANS = 5 };

/* Those of any backend; tests/gpu/eight has those with 8 bits. */
static const char *const NAMES[PLANS] = {"a", "b", "c", "d", "e"};

/* A card: the CPU under another name, whose allocation number `fail_at` fails, and, of two, the one after
 * it: a second try under the same plan then finds no room either. */
static int allocations, fail_at, failures = 2;

static void *card_mem_alloc(void *state, size_t bytes) {
    allocations++;
    bool full = fail_at && allocations >= fail_at && allocations < fail_at + failures;
    return full ? NULL : CPU_BACKEND.mem_alloc(state, bytes);
}

static Status card_devices(DeviceInfo *out, int capacity, int *count) {
    *count = 1;
    if (capacity > 0)
        *out = (DeviceInfo){.name = "Test Card", .total = 1u << 30, .free = 1u << 30};
    return NULL;
}

static void card_mem_info(void *state, MemInfo *info) {
    CPU_BACKEND.mem_info(state, info);
    info->total = 1u << 30;
    info->free = info->total - info->held;
}

static Backend card(void) {
    Backend backend = CPU_BACKEND;
    backend.name = "card";
    backend.mem_alloc = card_mem_alloc;
    backend.mem_info = card_mem_info;
    backend.devices = card_devices;
    return backend;
}

static SessionOptions options_of(const Backend *backend, uint64_t vram, const char *plan) {
    SessionOptions options = demo_options(2);
    options.backend = backend;
    options.vram = vram;
    options.residency = plan ? residency_find(plan) : NULL;
    return options;
}

static Session *open_with(const Backend *backend, uint64_t vram, const char *plan) {
    Session *session = NULL;
    SessionOptions options = options_of(backend, vram, plan);
    CHECK_OK(session_open(&session, &options, NULL), "the demo model opens");
    session_options_done(&options);
    return session;
}

static uint64_t held(Session *session) {
    MemInfo info;
    ops_mem_info(&session->ops, &info);
    return info.held;
}

/* Of these for texts that are kept. */
static uint64_t recalled(Session *session) {
    uint64_t with = held(session);
    recall_clear(&session->recall, &session->ops);
    return with - held(session);
}

/* What each plan needs for the job, and its pixels. */
typedef struct Known {
    uint64_t need[PLANS];
    uint8_t pixels[PIXELS];
} Known;

static bool same_pixels(Session *session, const Job *job, const uint8_t *pixels) {
    RunResult result = {0};
    Status st = run_job(&result, session, job, NULL);
    if (st)
        printf("# %s\n", st->message);
    bool same = !st && !memcmp(result.pixels, pixels, PIXELS);
    run_result_done(&result);
    return same;
}

static void check_every_plan(Known *known, const Job *job) {
    uint64_t last = UINT64_MAX;
    RunResult result = {0};
    Session *plain = open_with(&CPU_BACKEND, 0, NULL);
    CHECK(plain->residency == RESIDENCIES && !plain->info.residency,
          "on the CPU all is hot, and no plan is told");
    CHECK_OK(run_job(&result, plain, job, NULL), "a job runs");
    memcpy(known->pixels, result.pixels, PIXELS);
    run_result_done(&result);
    session_close(plain);
    for (int i = 0; i < PLANS; i++) {
        char sentence[96];
        PlanInfo plan;
        Session *session = open_with(&CPU_BACKEND, 0, NAMES[i]);
        snprintf(sentence, sizeof sentence, "plan %s holds less than the one before", NAMES[i]);
        CHECK(held(session) < last, sentence);
        last = held(session);
        CHECK_EQ(last, session->info.device_weights, "and as much as it says");
        snprintf(sentence, sizeof sentence, "plan %s makes the same pixels", NAMES[i]);
        CHECK(same_pixels(session, job, known->pixels), sentence);
        CHECK_OK(run_plan(&plan, session, job), "the job can be planned");
        CHECK_EQ(session->arena.peak, plan.activation_bytes, "the planned memory is the real peak");
        CHECK((plan.copied_bytes > 0) == (i > 0), "what visits the device is counted");
        known->need[i] = plan.peak_bytes;
        session_close(session);
    }
}

static void check_choice(const Known *known, const Job *job) {
    for (int i = 0; i < PLANS; i++) {
        char sentence[96];
        PlanInfo plan;
        Session *session = open_with(&CPU_BACKEND, known->need[i] + known->need[i] / 20, NULL);
        CHECK_OK(run_plan(&plan, session, job), "a job on a card of this size is planned");
        snprintf(sentence, sizeof sentence, "what plan %s needs gives that plan or a better one",
                 NAMES[i]);
        CHECK(plan.residency <= residency_find(NAMES[i]), sentence);
        CHECK(same_pixels(session, job, known->pixels) && session->residency == plan.residency,
              "under which it makes the same pixels");
        session_close(session);
    }
}

/* 5 % more than plan c needs for a small picture: a larger one has to do with less, and then all comes
 * back. */
static void check_steps(const Known *known, const Job *job) {
    Session *session = open_with(&CPU_BACKEND, known->need[2] + known->need[2] / 20, NULL);
    Job large = *job;
    PlanInfo plan;
    RunResult result = {0};
    CHECK(same_pixels(session, job, known->pixels), "a small picture is made");
    const Residency *before = session->residency;
    do
        large.width = large.height += 64;
    while (!run_plan(&plan, session, &large) && plan.residency == before);
    CHECK(plan.residency > before && plan.why == PLAN_CHOSEN, "a larger picture takes a smaller plan");
    CHECK_OK(run_job(&result, session, &large, NULL), "under which it is made");
    run_result_done(&result);
    CHECK(session->residency > before && held(session) <= session->options.vram, "within the card");
    CHECK(same_pixels(session, job, known->pixels) && session->residency == before,
          "the small picture goes back to the larger plan, with the same pixels");
    large.width = large.height = 4096;
    Status st = run_plan(&plan, session, &large);
    CHECK(st && st->code == ERR_MEMORY, "a picture that fits under no plan is refused before it starts");
    CHECK_HAS(st ? st->message : "", "4096x4096 fits cpu in no plan: the smallest needs",
              "with what it needs");
    CHECK_HAS(st ? st->hint : "", ":size 2048x2048 needs about a quarter", "and what to type");
    session_close(session);
}

typedef struct Told {
    PlanInfo plan;
} Told;

static void on_plan(void *context, const PlanInfo *plan) {
    ((Told *)context)->plan = *plan;
}

/* A card with room for the weights and the steps of plan d, but not for the pixels beside them. */
static uint64_t room_for_steps(const Job *job) {
    PlanInfo plan;
    Session *session = open_with(&CPU_BACKEND, 0, "d");
    CHECK_OK(run_plan(&plan, session, job), "a picture is planned");
    CHECK(plan.decode_bytes > plan.steps_bytes && !plan.dropped, "whose pixels need more than its steps");
    uint64_t weights = plan.weights_bytes, least = weights + plan.steps_bytes;
    uint64_t one_less = weights + plan.decode_bytes - dit_drop_bytes(session->dit, 1);
    session_close(session);
    return one_less > least ? one_less : least;
}

/* Layers leave for the pixels and come back, the picture is the same, and so is the next; whichever
 * allocation of the exchange fails, the session goes on. */
static void check_drop(const Job *small) {
    Job job = *small;
    Told told = {0};
    RunResult whole = {0}, result = {0};
    Backend backend = card();
    fail_at = 0;
    failures = 1;
    job.width = VAE_TILE + 16;
    job.cfg = 1;
    job.steps = 1;
    uint64_t room = room_for_steps(&job);
    Session *session = open_with(&backend, 0, "d");
    CHECK_OK(run_job(&whole, session, &job, NULL), "it is made with room enough");
    session_close(session);
    session = open_with(&backend, room, "d");
    uint64_t hot = held(session);
    RunHooks hooks = {.context = &told, .plan = on_plan};
    CHECK_OK(run_job(&result, session, &job, &hooks), "and with less");
    CHECK(told.plan.dropped == 1 && told.plan.peak_bytes <= room, "a layer leaves meanwhile, which is told");
    size_t pixels = (size_t)job.width * (size_t)job.height * 3;
    CHECK(!memcmp(result.pixels, whole.pixels, pixels), "the pixels are the same");
    CHECK(session->settled && held(session) - recalled(session) == hot,
          "and the layer is back before the next picture");
    run_result_done(&result);
    allocations = 0;
    CHECK_OK(run_job(&result, session, &job, &hooks), "the next one is made");
    CHECK(!memcmp(result.pixels, whole.pixels, pixels), "the same again");
    run_result_done(&result);
    int all = allocations, wrong = 0, tiled = 0;
    for (int n = 1; n <= all; n++) {
        allocations = 0;
        fail_at = n;
        told = (Told){0};
        Status st = run_job(&result, session, &job, &hooks);
        bool same = st || !memcmp(result.pixels, whole.pixels, pixels);
        wrong += st ? st->code != ERR_MEMORY : !told.plan.tiled && !same;
        tiled += told.plan.tiled;
        run_result_done(&result);
        fail_at = 0;
        st = run_job(&result, session, &job, &hooks);
        wrong += st || memcmp(result.pixels, whole.pixels, pixels);
        run_result_done(&result);
    }
    printf("# %d allocations, decoded in tiles %d times\n", all, tiled);
    failures = 2;
    CHECK_EQ(wrong, 0, "whichever allocation fails, the next picture is the same");
    CHECK(tiled > 0, "a picture that finds no room to be decoded as a whole is decoded in tiles");
    run_result_done(&whole);
    session_close(session);
}

static void check_too_small(void) {
    Session *session = NULL;
    SessionOptions options = options_of(&CPU_BACKEND, 1 << 16, NULL);
    Status st = session_open(&session, &options, NULL);
    CHECK(st && st->code == ERR_MEMORY, "a model whose smallest part does not fit is refused");
    CHECK_HAS(st ? st->message : "", "the model fits cpu in no plan", "with a sentence");
    session_options_done(&options);
}

/* Every allocation of the way from plan e to plan a fails once: the job is made under a smaller plan or
 * not at all, and the next one is made. */
static void check_failing(const Known *known, const Job *job) {
    Backend backend = card();
    int stepped = 0, failed = 0, wrong = 0;
    fail_at = 0;
    Session *session = open_with(&backend, 2 * known->need[0], NULL);
    if (!session)
        return;
    CHECK(session->residency == RESIDENCIES && session->info.residency == RESIDENCIES,
          "a card with room enough is under plan a, and says so");
    CHECK_STR(session->where, "card:0", "and has a name");
    for (int n = 1; n < 200 && !wrong; n += n < 8 ? 1 : 13) {
        Told told = {0};
        RunResult result = {0};
        residency_place(session, residency_find("e"), 64);
        recall_clear(&session->recall, &session->ops);
        allocations = 0;
        fail_at = n;
        Status st = run_job(&result, session, job, &(RunHooks){.context = &told, .plan = on_plan});
        if (st) {
            failed++;
            wrong += st->code != ERR_MEMORY;
        } else {
            stepped += told.plan.why == PLAN_STEPPED_DOWN;
            wrong += memcmp(result.pixels, known->pixels, PIXELS) != 0;
        }
        fail_at = 0;
        run_result_done(&result);
        wrong += !same_pixels(session, job, known->pixels);
    }
    CHECK_EQ(wrong, 0, "whichever allocation fails, pixels stay the same and the next job runs");
    CHECK(stepped > 0, "a card without room costs a plan, which is told");
    printf("# stepped down %d times, failed %d times\n", stepped, failed);
    session_close(session);
}

static void check_failing_load(const Known *known) {
    Backend backend = card();
    Session *session = NULL;
    SessionOptions options = options_of(&backend, 2 * known->need[0], NULL);
    allocations = 0;
    fail_at = 20;
    CHECK_OK(session_open(&session, &options, NULL), "a model is loaded though an allocation failed");
    CHECK(session && session->residency > RESIDENCIES, "under a smaller plan");
    fail_at = 0;
    session_close(session);
    session_options_done(&options);
}

int main(void) {
    static Known known;
    Job job = demo_job(1, ".");
    check_every_plan(&known, &job);
    check_choice(&known, &job);
    check_steps(&known, &job);
    check_too_small();
    check_drop(&job);
    check_failing(&known, &job);
    check_failing_load(&known);
    return tap_end();
}
