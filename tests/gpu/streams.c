/* streams: layers that visit the card (model/stream.h), and those that make way for the pixels, while copies
 * run as late and as early as they may. A slot is filled again only after the ops that read it, an op reads
 * it only after it is filled, and the next layer's copy is asked for before the present layer's ops are.
 * That these are the reasons is shown by leaving waits out, one kind at a time: then the numbers are others.
 * On the emulated device. */
#include "config.h"

#include "engine/run.h"
#include "engine/session.h"
#include "model/stream.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"
#include "tests/unit/demo.h"

enum { LAYERS = 7, PASSES = 2, WIDTH = 64, ROWS = 5, NUMBERS = ROWS * WIDTH, ARENA_BYTES = 1 << 20 };

static EmuControl *control;
static const Backend *card;

/* ---- a backend whose waits can be left out ------------------------------------------------------------- */

typedef enum LeftOut { NOTHING, WAITS_OF_COPIES, WAITS_OF_OPS, MARKS_OF_OPS, WAIT_FOR_SETTLED } LeftOut;
static LeftOut left_out;
static int copies; /* prefetches so far */

static Status careless_wait(void *state, int event, StreamKind stream) {
    bool left = (left_out == WAITS_OF_COPIES && stream == STREAM_COPY) ||
                (left_out == WAITS_OF_OPS && stream == STREAM_COMPUTE) ||
                (left_out == WAIT_FOR_SETTLED && event == EVENT_SETTLED);
    return left ? NULL : card->event_wait(state, event, stream);
}

static Status careless_mark(void *state, int event, StreamKind stream) {
    bool left = left_out == MARKS_OF_OPS && stream == STREAM_COMPUTE;
    return left ? NULL : card->event_mark(state, event, stream);
}

static Status counted_prefetch(void *state, void *device, const void *host, size_t bytes) {
    copies++;
    return card->prefetch(state, device, host, bytes);
}

static Backend careless(void) {
    Backend backend = *card;
    backend.event_wait = careless_wait;
    backend.event_mark = careless_mark;
    backend.prefetch = counted_prefetch;
    return backend;
}

/* ---- layers of one matrix ------------------------------------------------------------------------------ */

typedef struct Layer {
    Weight w;
} Layer;

static const WeightRow LAYER_ROW = {offsetof(Layer, w), FORM_MATRIX, {"w[A,A]"}};

typedef struct Chain {
    Ops o;
    Arena arena;
    void *block;
    Layer layer[LAYERS];
} Chain;

static bool chain_open(Chain *c, const Backend *backend) {
    static float numbers[WIDTH * WIDTH];
    *c = (Chain){0};
    if (ops_open(&c->o, backend, &(BackendOptions){.precision = PRECISION_BF16, .threads = 1}))
        return false;
    c->block = ops_mem_alloc(&c->o, ARENA_BYTES);
    c->arena = arena_over(c->block, c->block ? ARENA_BYTES : 0);
    c->o.arena = &c->arena;
    for (int i = 0; i < LAYERS; i++) {
        for (int k = 0; k < WIDTH * WIDTH; k++)
            numbers[k] = (float)((k * 31 + i * 17) % 23 - 11) / 60;
        WeightParts parts = {.kind = WEIGHT_LINEAR, .count = 1,
                             .part = {tensor_2d(numbers, DT_F32, WIDTH, WIDTH)}};
        weight_pack(&c->o, &c->layer[i].w, &parts);
    }
    return !ops_status(&c->o);
}

static void chain_close(Chain *c) {
    for (int i = 0; i < LAYERS; i++)
        weight_free(&c->o, &c->layer[i].w);
    ops_mem_free(&c->o, c->block, ARENA_BYTES);
    c->o.backend->close(c->o.state);
}

/* out [NUMBERS]: x through every layer, PASSES times. *behind: how often the next layer was not asked for yet
 * when a layer's op was. */
static void chain_run(float *out, int *behind, Chain *c, unsigned group) {
    Ops *o = &c->o;
    Stream stream;
    float start[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        start[i] = (float)(i % 13 - 6) / 6;
    ArenaMark mark = ops_mark(o);
    Tensor x = ops_matrix(o, ROWS, WIDTH), y = ops_matrix(o, ROWS, WIDTH);
    ops_upload(o, x, start);
    copies = 0;
    *behind = 0;
    stream_begin(&stream, o, &(StreamLayers){.layers = c->layer, .size = sizeof(Layer), .count = LAYERS,
                                             .rows = &LAYER_ROW, .row_count = 1, .group = group,
                                             .uses = LAYERS * PASSES});
    for (int i = 0; i < LAYERS * PASSES; i++) {
        const Layer *layer = stream_layer(&stream, o, i % LAYERS);
        *behind += i + 1 < LAYERS * PASSES && copies < i + 2;
        op_linear(o, y, x, &layer->w, (LinearHow){0});
        op_unary(o, x, y, ACT_TANH);
    }
    stream_end(&stream, o);
    ops_download(o, out, x);
    ops_release(o, mark);
}

static void send_all(Chain *c, unsigned group) {
    for (int i = 0; i < LAYERS; i++)
        weight_send(&c->o, &c->layer[i].w);
    c->o.streamed = group;
}

/* True when the streamed chain gives what the resident one gives. */
static bool right(Chain *c, const float *expected, unsigned group, EmuHurry hurry, LeftOut left) {
    float out[NUMBERS];
    int behind;
    control->copies = hurry;
    left_out = left;
    chain_run(out, &behind, c, group);
    ops_sync(&c->o);
    left_out = NOTHING;
    control->copies = EMU_LATE;
    return !ops_status(&c->o) && !memcmp(out, expected, sizeof out);
}

static void check_ring(unsigned group, const char *name) {
    Backend backend = careless();
    Chain c;
    char sentence[128];
    float expected[NUMBERS], out[NUMBERS];
    int behind = 0;
    CHECK(chain_open(&c, &backend), "a chain of layers is on the card");
    chain_run(expected, &behind, &c, group);
    send_all(&c, group);
    snprintf(sentence, sizeof sentence, "%s: copies as late as may be give the same numbers", name);
    CHECK(right(&c, expected, group, EMU_LATE, NOTHING), sentence);
    CHECK(right(&c, expected, group, EMU_EARLY, NOTHING), "and as early as may be");
    CHECK(!right(&c, expected, group, EMU_LATE, WAITS_OF_OPS),
          "an op that does not wait for its layer is found");
    CHECK(!right(&c, expected, group, EMU_EARLY, WAITS_OF_COPIES),
          "a copy that does not wait for its slot is found");
    CHECK(!right(&c, expected, group, EMU_EARLY, MARKS_OF_OPS), "and a slot that nobody says is free");
    chain_run(out, &behind, &c, group);
    CHECK_EQ(behind, 0, "the next layer's copy is asked for before the present layer's op");
    CHECK_EQ(copies, LAYERS * PASSES, "and every layer once a pass");
    CHECK_OK(ops_status(&c.o), "all of that without an error");
    chain_close(&c);
}

/* ---- layers that make way for the pixels --------------------------------------------------------------- */

enum { SIDE = 64, PIXELS = SIDE * SIDE * 3 };

static Session *open_session(const Backend *backend, uint64_t vram) {
    SessionOptions options = demo_options(1);
    options.backend = backend;
    options.precision = CHOOSE_BF16;
    options.residency = residency_find("a");
    options.vram = vram;
    Session *session = NULL;
    CHECK_OK(session_open(&session, &options, NULL), "the demo model opens on the emulated card");
    session_options_done(&options);
    return session;
}

static void on_plan(void *context, const PlanInfo *plan) {
    *(PlanInfo *)context = *plan;
}

/* Makes the picture; told is its plan. What the picture tells as its highest memory is what the plan comes
 * to. */
static bool picture(Session *session, uint8_t *pixels, PlanInfo *told) {
    Job job = demo_job(1, ".");
    RunResult result = {0};
    job.width = job.height = SIDE;
    job.steps = 1;
    job.output = OUTPUT_BYTES;
    Status st = run_job(&result, session, &job, &(RunHooks){.context = told, .plan = on_plan});
    if (st)
        printf("# %s\n", st->message);
    else
        memcpy(pixels, result.pixels, PIXELS);
    MemInfo memory;
    session_device_memory(session, &memory);
    uint64_t steps = told->steps_bytes + told->dropped_bytes, pixels_bytes = told->decode_bytes;
    uint64_t least = (steps > pixels_bytes ? steps : pixels_bytes) - told->dropped_bytes +
                     told->weights_bytes + session_others(&memory);
    bool peak = st || result.peak_bytes >= least;
    if (!peak)
        printf("# peak %llu of %llu\n", (unsigned long long)result.peak_bytes, (unsigned long long)least);
    run_result_done(&result);
    return !st && peak;
}

/* A card on which a layer has to leave for the pixels. */
static uint64_t small_card(uint8_t *expected) {
    Session *session = open_session(card, 0);
    PlanInfo plan = {0};
    MemInfo memory;
    CHECK(picture(session, expected, &plan) && !plan.dropped, "a picture is made with room enough");
    recall_clear(&session->recall, &session->ops);
    ops_mem_info(&session->ops, &memory);
    uint64_t least = plan.steps_bytes, decode = plan.decode_bytes - dit_drop_bytes(session->dit, 1);
    uint64_t others = memory.total - memory.free - memory.held;
    session_close(session);
    uint64_t recalled = 256 << 10; /* texts, at most */
    return others + (plan.peak_bytes - plan.activation_bytes) + (decode > least ? decode : least) + recalled;
}

static void check_drop(void) {
    static uint8_t expected[PIXELS], pixels[PIXELS];
    Backend backend = careless();
    PlanInfo plan = {0};
    Session *session = open_session(&backend, small_card(expected));
    if (!session)
        return;
    for (int hurry = 0; hurry < 2; hurry++) {
        control->copies = (EmuHurry)hurry;
        CHECK(picture(session, pixels, &plan) && plan.dropped == 1, "a layer leaves for the pixels");
        CHECK(!memcmp(pixels, expected, PIXELS), "which are the same");
        CHECK(picture(session, pixels, &plan) && !memcmp(pixels, expected, PIXELS),
              "and so are the next ones");
    }
    control->copies = EMU_LATE;
    left_out = WAIT_FOR_SETTLED;
    CHECK(picture(session, pixels, &plan), "the layer comes back, and nobody waits for it");
    bool told = picture(session, pixels, &plan);
    CHECK(!told || memcmp(pixels, expected, PIXELS) != 0, "which is found in the next picture");
    left_out = NOTHING;
    session_close(session);
}

int main(void) {
    control = emulated_open(&card);
    if (!control) {
        printf("ok 1 - streams # SKIP this build has no emulated CUDA module\n1..1\n");
        return 0;
    }
    control->page = 1; /* the demo model is too small for a card's pages */
    check_ring(GROUP_LAYERS, "layers of every step");
    check_ring(GROUP_GEMMA, "layers of every prompt");
    check_drop();
    CHECK_EQ(control->held, 0, "nothing stays on the card");
    CHECK_EQ(control->objects, 0, "nor in the runtime");
    return tap_end();
}
