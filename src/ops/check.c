/* check.c: every op on two backends, made from the rows of list.h.
 *
 * The second backend runs on the very same memory: outputs are saved, the first backend runs, its results are
 * put aside, the outputs are restored, the second runs, and the first's results are put back. So in-place ops
 * and sums into an output need no special case.
 */
#include "config.h"

#include "ops/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ops/list.h"
#include "ops/wrap.h"

typedef struct Check {
    Wrap wrap;
    const Backend *other;
    void *other_state;
    int tolerance; /* which of a row's counts */
} Check;

/* What `packed` of a weight points to meanwhile: the same matrix for both. */
typedef struct WeightPair {
    Weight side[2];
} WeightPair;

/* The layout that tells such a weight from one that was packed before check_begin. */
#define PAIR_LAYOUT 0x70616972

/* The outputs of one call, dense copies in row-major order. */
typedef struct Saved {
    void *bytes[2];
} Saved;
enum { OUTPUTS_MAX = 2 };

static void saved_done(Saved *saved) {
    for (int i = 0; i < OUTPUTS_MAX; i++)
        free(saved->bytes[i]);
}

/* Copies the outputs out of, or back into, the memory of the first backend. */
static Status save(Saved *saved, const Check *check, const OpTensors *outputs) {
    for (int i = 0; i < OUTPUTS_MAX && outputs->item[i].data; i++) {
        size_t bytes = (size_t)tensor_count(outputs->item[i]) * dtype_size(outputs->item[i].type);
        saved->bytes[i] = malloc(bytes);
        if (!saved->bytes[i])
            return fail(ERR_MEMORY, "no memory for %zu bytes of check", bytes);
        TRY(check->wrap.inner->download(check->wrap.inner_state, saved->bytes[i], outputs->item[i]));
    }
    return NULL;
}

static Status restore(const Saved *saved, const Check *check, const OpTensors *outputs) {
    for (int i = 0; i < OUTPUTS_MAX && outputs->item[i].data; i++)
        TRY(check->wrap.inner->upload(check->wrap.inner_state, outputs->item[i], saved->bytes[i]));
    return NULL;
}

double check_difference(Tensor a, Tensor b) {
    double error = 0, norm = 0;
    for (int64_t i = 0; i < tensor_count(a); i++) {
        double x = tensor_number(a, i), y = tensor_number(b, i);
        if (x == y)
            x = y = isfinite(y) ? y : 0; /* infinities of one sign agree */
        if (!isfinite(x) || !isfinite(y))
            return INFINITY;
        error += (x - y) * (x - y);
        norm += y * y;
    }
    return norm > 0 ? sqrt(error / norm) : sqrt(error);
}

/* "[2, 3] f32, [3] f32" */
static void add_shapes(Buf *text, const OpTensors *tensors) {
    const char *comma = "";
    for (const Tensor *t = tensors->item; t < tensors->item + sizeof tensors->item / sizeof *t; t++) {
        char shape[96];
        if (!t->data)
            continue;
        tensor_print(shape, *t);
        buf_print(text, "%s%s", comma, shape);
        comma = ", ";
    }
}

/* One row of the table as this file needs it. */
typedef struct Row {
    const char *op;
    double tolerance[3]; /* with float32 and bf16 products, with bf16 activations */
    OpTensors outputs, inputs;
} Row;

/* The status of results that differ too much. */
static Status differ(const Check *check, const Row *row, double difference) {
    Buf shapes = {0};
    buf_text(&shapes, "outputs ");
    add_shapes(&shapes, &row->outputs);
    buf_text(&shapes, ", inputs ");
    add_shapes(&shapes, &row->inputs);
    Status st = fail(ERR_BUG, "%s: %s and %s differ by %.2g, expected at most %.2g; %s", row->op,
                     check->wrap.inner->name, check->other->name, difference,
                     row->tolerance[check->tolerance], buf_string(&shapes));
    buf_done(&shapes);
    return st;
}

/* Compares what the second backend left in the outputs with what the first had made. */
static Status compare(const Check *check, const Row *row, const Saved *first) {
    Saved second = {0};
    Status st = save(&second, check, &row->outputs);
    for (int i = 0; !st && i < OUTPUTS_MAX && row->outputs.item[i].data; i++) {
        Tensor t = row->outputs.item[i];
        double difference = check_difference(tensor_dense_view(first->bytes[i], t.type, t.rank, t.dims),
                                             tensor_dense_view(second.bytes[i], t.type, t.rank, t.dims));
        if (!(difference <= row->tolerance[check->tolerance]))
            st = differ(check, row, difference);
    }
    saved_done(&second);
    return st;
}

/* True when this call's weight, if it has one, was packed for both. */
static bool paired(const Weight *w) {
    return !w || w->layout == PAIR_LAYOUT;
}

/* Runs `call` for side 0, then for side 1 from the same outputs, and compares. */
#define OPS_WEIGHT(w) (&((const WeightPair *)(w)->packed)->side[side])
#define CHECKED(name, outs, ins, weight, flops, f32, bf16, half, parameters, arguments)                   \
    static Status check_##name(void *state, OPS_OPEN parameters) {                                        \
        const Check *check = state;                                                                       \
        const Row row = {#name, {f32, bf16, half}, OPS_TENSORS(outs), OPS_TENSORS(ins)};                  \
        Saved before = {0}, first = {0};                                                                  \
        int side = 0;                                                                                     \
        Status st = paired(weight) ? save(&before, check, &row.outputs)                                   \
                                   : fail(ERR_BUG, "%s: the weight was packed before the check", row.op); \
        if (!st)                                                                                          \
            st = check->wrap.inner->name(check->wrap.inner_state, OPS_OPEN arguments);                    \
        if (!st && !(st = save(&first, check, &row.outputs)) &&                                           \
            !(st = restore(&before, check, &row.outputs))) {                                              \
            side = 1;                                                                                     \
            st = check->other->name(check->other_state, OPS_OPEN arguments);                              \
            if (!st)                                                                                      \
                st = compare(check, &row, &first);                                                        \
            Status put_back = restore(&first, check, &row.outputs);                                       \
            st = st ? st : put_back;                                                                      \
        }                                                                                                 \
        (void)side;                                                                                       \
        saved_done(&before);                                                                              \
        saved_done(&first);                                                                               \
        return st;                                                                                        \
    }
OPS_LIST(CHECKED)

static void check_weight_free(void *state, Weight *w) {
    const Check *check = state;
    WeightPair *pair = w->packed;
    check->wrap.inner->weight_free(check->wrap.inner_state, &pair->side[0]);
    if (pair->side[1].packed)
        check->other->weight_free(check->other_state, &pair->side[1]);
    free(pair);
    *w = (Weight){0};
}

static Status check_weight_pack(void *state, Weight *out, const WeightParts *parts) {
    const Check *check = state;
    WeightPair *pair = must_alloc(sizeof *pair);
    pair->side[0] = pair->side[1] = *out;
    Status st = check->wrap.inner->weight_pack(check->wrap.inner_state, &pair->side[0], parts);
    if (st) {
        free(pair);
        return st;
    }
    st = check->other->weight_pack(check->other_state, &pair->side[1], parts);
    *out = pair->side[0];
    out->layout = PAIR_LAYOUT;
    out->packed = pair;
    if (st) {
        pair->side[1] = (Weight){0};
        check_weight_free(state, out);
    }
    return st;
}

#define ROW(op, ...) .op = check_##op,
static const Backend CHECK_BACKEND = {
    .version = BACKEND_VERSION,
    .name = "check",
    .weight_pack = check_weight_pack,
    .weight_free = check_weight_free,
    OPS_LIST(ROW)
};

Status check_begin(Ops *o, const Backend *other, const BackendOptions *options) {
    Check *check = must_alloc(sizeof *check);
    check->other = other;
    check->tolerance = o->activation == DT_F32 ? (int)options->precision : 2;
    Status st = other->open(&check->other_state, options);
    if (st) {
        free(check);
        return st;
    }
    wrap_begin(o, &check->wrap, &CHECK_BACKEND);
    ops_match_fused(&check->wrap.table, other); /* then composed of ops that are checked one by one */
    return NULL;
}

void check_end(Ops *o) {
    Check *check = (Check *)wrap_end(o);
    check->other->close(check->other_state);
    free(check);
}
