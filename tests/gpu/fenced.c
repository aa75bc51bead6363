/* fenced: in a whole picture on the emulated card no op touches device memory but that of its own tensors.
 * The op test fences each tensor for the shapes of its cases; here it is the shapes of the networks, whose
 * tensors lie side by side in one arena, so that nobody would notice a read or write of a neighbour.
 *
 * Before an op all that mem_alloc gave is forbidden but the op's tensors, row by row; after it all is allowed
 * again. AddressSanitizer then ends the program with the line of the kernel. */
#include "config.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/run.h"
#include "engine/session.h"
#include "ops/list.h"
#include "tests/ops/emulated.h"
#include "tests/tap.h"
#include "tests/unit/demo.h"

enum { BLOCKS_MAX = 4096, WIDTH = 48, HEIGHT = 32, PIXELS = WIDTH * HEIGHT * 3 };

static const Backend *card;
static EmuControl *control;

/* What mem_alloc gave. */
static struct { void *memory; size_t bytes; } blocks[BLOCKS_MAX];
static int blocks_end; /* all of them lie before it */
static int fenced_ops;

static void *fenced_alloc(void *state, size_t bytes) {
    void *memory = card->mem_alloc(state, bytes);
    for (int i = 0; memory && i < BLOCKS_MAX; i++)
        if (!blocks[i].memory) {
            blocks[i].memory = memory;
            blocks[i].bytes = bytes;
            blocks_end = i < blocks_end ? blocks_end : i + 1;
            return memory;
        }
    assert(!memory);
    return NULL;
}

static void fenced_free(void *state, void *memory, size_t bytes) {
    for (int i = 0; memory && i < BLOCKS_MAX; i++)
        if (blocks[i].memory == memory)
            blocks[i].memory = NULL;
    card->mem_free(state, memory, bytes);
}

static void each_block(void (*change)(void *memory, size_t bytes)) {
    for (int i = 0; i < blocks_end; i++)
        if (blocks[i].memory)
            change(blocks[i].memory, blocks[i].bytes);
}

static void allow_rows(Tensor t) {
    size_t size = dtype_size(t.type);
    int last = t.rank - 1;
    int64_t width = t.strides[last] == 1 ? t.dims[last] : 1;
    for (int64_t i = 0; i < tensor_count(t); i += width)
        control->allow((char *)t.data + tensor_offset(t, i) * (int64_t)size, (size_t)width * size);
}

static void allow_tensors(const OpTensors *tensors) {
    for (size_t i = 0; i < sizeof tensors->item / sizeof *tensors->item; i++)
        if (tensors->item[i].data)
            allow_rows(tensors->item[i]);
}

/* ---- the backend --------------------------------------------------------------------------------------- */

#define OPS_WEIGHT(w) (w)
#define FENCED(name, outs, ins, weight, flops, f32, bf16, half, parameters, arguments) \
    static Status fenced_##name(void *state, OPS_OPEN parameters) {                    \
        const OpTensors outputs_ = OPS_TENSORS(outs), inputs_ = OPS_TENSORS(ins);      \
        TRY(card->sync(state)); /* what is on its way may go anywhere */               \
        each_block(control->forbid);                                                   \
        allow_tensors(&outputs_);                                                      \
        allow_tensors(&inputs_);                                                       \
        Status st = card->name(state, OPS_OPEN arguments), after = card->sync(state);  \
        each_block(control->allow);                                                    \
        fenced_ops++;                                                                  \
        return st ? st : after;                                                        \
    }
OPS_LIST(FENCED)

/* The card with a fence around every op that it has itself. */
static Backend fenced_card(void) {
    Backend fenced = *card;
    fenced.mem_alloc = fenced_alloc;
    fenced.mem_free = fenced_free;
#define ENTRY(name, ...) fenced.name = card->name ? fenced_##name : NULL;
    OPS_LIST(ENTRY)
#undef ENTRY
    return fenced;
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

/* Makes the picture; says why not. */
static void make(uint8_t *pixels, const Backend *backend, PrecisionChoice precision) {
    SessionOptions options = demo_options(1);
    options.backend = backend;
    options.bf16_in_hardware = true;
    options.precision = precision;
    Session *session = NULL;
    Job job = demo_job(1, ".");
    job.width = WIDTH;
    job.height = HEIGHT;
    job.steps = 1;
    job.output = OUTPUT_BYTES;
    RunResult result = {0};
    Status st = session_open(&session, &options, NULL);
    st = st ? st : run_job(&result, session, &job, NULL);
    CHECK_OK(st, "a picture is made on the emulated card");
    if (!st)
        memcpy(pixels, result.pixels, PIXELS);
    run_result_done(&result);
    session_close(session);
    session_options_done(&options);
}

static void test_picture(PrecisionChoice precision, const char *name) {
    static uint8_t plain[PIXELS], pixels[PIXELS];
    Backend fenced = fenced_card();
    control->order = EMU_FORWARD;
    make(plain, card, precision);
    for (int order = EMU_FORWARD; order <= EMU_RANDOM; order++) {
        control->order = (EmuOrder)order;
        fenced_ops = 0;
        make(pixels, &fenced, precision);
        CHECK(!memcmp(pixels, plain, PIXELS), name);
        CHECK(fenced_ops > 200, "of some hundred ops none looks over its fence");
    }
    control->order = EMU_FORWARD;
}

/* ---- the fence itself ---------------------------------------------------------------------------------- */

/* Copies rows that are `row` floats apart; the fence around the result is for a narrower one. */
static void look_over(void) {
    Backend fenced = fenced_card();
    Ops o = {0};
    if (ops_open(&o, &fenced, &(BackendOptions){.precision = PRECISION_F32}))
        _exit(0);
    enum { ROWS = 3, ROW = 64 };
    float *memory = ops_mem_alloc(&o, 2 * ROWS * ROW * sizeof *memory);
    Tensor to = tensor_2d(memory, DT_F32, ROWS, ROW), narrow = tensor_columns(to, 0, ROW - 2);
    card->sync(o.state);
    each_block(control->forbid);
    allow_rows(narrow);
    card->fill(o.state, narrow, 1);
    if (card->sync(o.state))
        _exit(2);
    card->fill(o.state, to, 1);
    card->sync(o.state);
    _exit(0);
}

static void test_fence(void) {
    int ends[2], status = 0;
    char said[4000] = "";
    if (!control->sanitized) {
        SKIP("a kernel that looks over its fence ends the program", "this build has no AddressSanitizer");
        return;
    }
    if (pipe(ends))
        return;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        look_over();
    }
    close(ends[1]);
    size_t size = 0;
    for (ssize_t got;
         size < sizeof said - 1 && (got = read(ends[0], said + size, sizeof said - 1 - size)) > 0;)
        size += (size_t)got;
    close(ends[0]);
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1,
          "a kernel that looks over its fence ends the program");
    CHECK_HAS(said, "use-after-poison", "with the reason");
}

int main(void) {
    control = emulated_open(&card);
    if (!control) {
        printf("ok 1 - fences on the card # SKIP this build has no emulated CUDA module\n1..1\n");
        return 0;
    }
    test_fence();
    test_picture(CHOOSE_BF16, "a picture in bf16 is the same within fences");
    test_picture(CHOOSE_INT8, "and one in int8");
    CHECK_EQ(control->held, 0, "nothing stays on the card");
    return tap_end();
}
