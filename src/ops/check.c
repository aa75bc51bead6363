/* check.c: every op on two backends, made from the rows of list.h.
 *
 * The second backend runs on copies in host memory, made of all tensors of a call before the first runs: so
 * the first may be a card, in-place ops and sums into an output need no special case, and the first's results
 * stay where they are. Activations of 16 bits are float32 in the copies.
 */
#include "config.h"

#include "ops/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/half.h"
#include "ops/list.h"
#include "ops/wrap.h"

typedef struct Check {
    Wrap wrap;
    const Backend *other;
    void *other_state;
    DType activation;
    int tolerance; /* which of a row's counts */
} Check;

/* What `packed` of a weight points to meanwhile: the same matrix for both. */
typedef struct WeightPair {
    Weight side[2];
} WeightPair;

/* The layout that tells such a weight from one that was packed before check_begin. */
#define PAIR_LAYOUT 0x70616972

/* Tensors of one call and their copies: dense, in host memory. Two tensors that are the same numbers have one
 * copy, so what is done in place stays in place. */
enum { OUTPUTS_MAX = 2, TWINS_MAX = 10 };
typedef struct Mirror {
    const Check *check;
    struct {
        Tensor device, host;
    } twin[TWINS_MAX];
    int count;
    union { /* of the call, about the copies */
        RmsNormHow rms;
        AddNormHow add_norm;
        LayerNormHow layer;
        GroupNormHow group;
        QkNormRopeHow rope;
        LincombHow lincomb;
    } how;
} Mirror;

static void mirror_done(Mirror *mirror) {
    for (int i = 0; i < mirror->count; i++)
        free(mirror->twin[i].host.data);
}

static bool is_half(DType type) {
    return type == DT_BF16 || type == DT_F16;
}

/* A dense copy of t in host memory; activations of 16 bits become float32. *out->data is owned. */
static Status host_copy(Tensor *out, const Check *check, Tensor t) {
    int64_t n = tensor_count(t);
    bool widen = is_half(t.type) && t.type == check->activation;
    void *raw = malloc((size_t)n * dtype_size(t.type) + 1);
    float *wide = widen && raw ? malloc((size_t)n * sizeof *wide + 1) : NULL;
    Status st = NULL;
    if (!raw || (widen && !wide))
        st = fail(ERR_MEMORY, "no memory for %lld numbers of check", (long long)n);
    if (!st)
        st = check->wrap.inner->download(check->wrap.inner_state, raw, t);
    if (!st && widen)
        float_from_dtype(wide, raw, t.type, n);
    if (st || widen)
        free(raw);
    if (st)
        free(wide);
    else
        *out = tensor_dense_view(widen ? (void *)wide : raw, widen ? DT_F32 : t.type, t.rank, t.dims);
    return st;
}

/* The copy of t; t itself when there is none (tables in host memory, what is left out). */
static Tensor mirror_tensor(Mirror *mirror, Tensor t) {
    for (int i = 0; t.data && i < mirror->count; i++)
        if (!memcmp(&mirror->twin[i].device, &t, sizeof t))
            return mirror->twin[i].host;
    return t;
}

static Status mirror_add(Mirror *mirror, const OpTensors *tensors) {
    for (const Tensor *t = tensors->item; t < tensors->item + sizeof tensors->item / sizeof *t; t++) {
        if (!t->data || mirror_tensor(mirror, *t).data != t->data)
            continue;
        assert(mirror->count < TWINS_MAX);
        TRY(host_copy(&mirror->twin[mirror->count].host, mirror->check, *t));
        mirror->twin[mirror->count++].device = *t;
    }
    return NULL;
}

/* The structs of scalars that hold tensors, about the copies. */
#define MIRRORS(type, member, ...)                                                \
    static const type *mirror_##member(Mirror *mirror, const type *given) {       \
        type *how = &mirror->how.member;                                          \
        *how = *given;                                                            \
        Tensor *const tensors[] = {__VA_ARGS__};                                  \
        for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)             \
            *tensors[i] = mirror_tensor(mirror, *tensors[i]);                     \
        return how;                                                               \
    }
MIRRORS(RmsNormHow, rms, &how->w, &how->scale)
MIRRORS(AddNormHow, add_norm, &how->w_post, &how->gate, &how->w_next, &how->scale)
MIRRORS(LayerNormHow, layer, &how->w, &how->b, &how->residual, &how->scale)
MIRRORS(GroupNormHow, group, &how->w, &how->b)
MIRRORS(QkNormRopeHow, rope, &how->q_norm, &how->k_norm, &how->cos, &how->sin)
MIRRORS(LincombHow, lincomb, &how->term[0], &how->term[1], &how->term[2], &how->term[3], &how->term[4])

/* What holds no tensors. */
#define PLAIN(type, name)                                     \
    static type plain_##name(Mirror *mirror, type value) {    \
        (void)mirror;                                         \
        return value;                                         \
    }
PLAIN(const AttentionHow *, attention)
PLAIN(const Weight *, weight)
PLAIN(const Seqs *, seqs)
PLAIN(const int32_t *, ids)
PLAIN(LinearHow, linear)
PLAIN(ConvHow, conv)
PLAIN(GuideHow, guide)
PLAIN(float, float)
PLAIN(int, int)
PLAIN(unsigned, enum)

/* An argument of a call, about the copies. */
#define MIRRORED(argument)                                                                              \
    _Generic((argument), Tensor: mirror_tensor, const RmsNormHow *: mirror_rms,                         \
             const AddNormHow *: mirror_add_norm, const LayerNormHow *: mirror_layer,                   \
             const GroupNormHow *: mirror_group, const QkNormRopeHow *: mirror_rope,                    \
             const LincombHow *: mirror_lincomb, const AttentionHow *: plain_attention,                 \
             const Weight *: plain_weight, const Seqs *: plain_seqs, const int32_t *: plain_ids,        \
             LinearHow: plain_linear, ConvHow: plain_conv, GuideHow: plain_guide, float: plain_float,   \
             int: plain_int, unsigned: plain_enum)(&mirror, (argument))

/* The same for every argument of a list of two to five. */
#define EACH(...) EACH_PICK(__VA_ARGS__, EACH5, EACH4, EACH3, EACH2)(__VA_ARGS__)
#define EACH_PICK(a, b, c, d, e, name, ...) name
#define EACH1(a) MIRRORED(a)
#define EACH2(a, ...) MIRRORED(a), EACH1(__VA_ARGS__)
#define EACH3(a, ...) MIRRORED(a), EACH2(__VA_ARGS__)
#define EACH4(a, ...) MIRRORED(a), EACH3(__VA_ARGS__)
#define EACH5(a, ...) MIRRORED(a), EACH4(__VA_ARGS__)

enum { CHUNK = 256 };

/* The numbers of t from `index` on, CHUNK of them or to the end of its row; returns how many. */
static int64_t read_chunk(double out[CHUNK], Tensor t, int64_t index) {
    float numbers[CHUNK];
    int64_t width = t.dims[t.rank - 1], left = width - index % width, count = left < CHUNK ? left : CHUNK;
    const char *from = (const char *)t.data + tensor_offset(t, index) * (int64_t)dtype_size(t.type);
    bool together = t.strides[t.rank - 1] == 1 && float_from_dtype(numbers, from, t.type, count);
    for (int64_t i = 0; i < count; i++)
        out[i] = together ? numbers[i] : tensor_number(t, index + i);
    return count;
}

double check_difference(Tensor a, Tensor b) {
    double error = 0, norm = 0, as[CHUNK], bs[CHUNK];
    for (int64_t from = 0, count; from < tensor_count(a); from += count) {
        count = read_chunk(as, a, from);
        read_chunk(bs, b, from);
        for (int64_t i = 0; i < count; i++) {
            double x = as[i], y = bs[i];
            if (x == y)
                x = y = isfinite(y) ? y : 0; /* infinities of one sign agree */
            if (!isfinite(x) || !isfinite(y))
                return INFINITY;
            error += (x - y) * (x - y);
            norm += y * y;
        }
    }
    return norm > 0 ? sqrt(error / norm) : sqrt(error);
}

double check_cosine(Tensor a, Tensor b) {
    double dot = 0, x = 0, y = 0, as[CHUNK], bs[CHUNK];
    for (int64_t from = 0, count; from < tensor_count(a); from += count) {
        count = read_chunk(as, a, from);
        read_chunk(bs, b, from);
        for (int64_t i = 0; i < count; i++) {
            dot += as[i] * bs[i];
            x += as[i] * as[i];
            y += bs[i] * bs[i];
        }
    }
    return dot / sqrt(x * y);
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
    const Weight *matrix; /* NULL without one */
} Row;

/* The status of results that differ too much. */
static Status differ(const Check *check, const Row *row, double difference, double limit) {
    Buf shapes = {0};
    buf_text(&shapes, "outputs ");
    add_shapes(&shapes, &row->outputs);
    buf_text(&shapes, ", inputs ");
    add_shapes(&shapes, &row->inputs);
    Status st = fail(ERR_BUG, "%s: %s and %s differ by %.2g, expected at most %.2g; %s", row->op,
                     check->wrap.inner->name, check->other->name, difference, limit, buf_string(&shapes));
    buf_done(&shapes);
    return st;
}

/* Compares the first backend's results with what the second left in the copies. */
static Status compare(Mirror *mirror, const Row *row) {
    const Check *check = mirror->check;
    Status st = NULL;
    for (int i = 0; !st && i < OUTPUTS_MAX && row->outputs.item[i].data; i++) {
        Tensor first, t = row->outputs.item[i], second = mirror_tensor(mirror, t);
        double limit = row->tolerance[check->tolerance];
        if (row->matrix) /* of the first backend; the second has 16 bits */
            limit = fmax(limit, ops_gate(&((const WeightPair *)row->matrix->packed)->side[0]));
        if (second.type != t.type) /* one of them was rounded */
            limit = fmax(limit, OPS_BF16);
        TRY(host_copy(&first, check, t));
        double difference = check_difference(first, second);
        if (!(difference <= limit))
            st = differ(check, row, difference, limit);
        free(first.data);
    }
    return st;
}

/* True when this call's weight, if it has one, was packed for both. */
static bool paired(const Weight *w) {
    return !w || w->layout == PAIR_LAYOUT;
}

/* Runs a call for side 0, then about the copies for side 1, and compares. */
#define OPS_WEIGHT(w) (&((const WeightPair *)(w)->packed)->side[side])
#define CHECKED(name, outs, ins, weight, flops, f32, bf16, half, parameters, arguments)              \
    static Status check_##name(void *state, OPS_OPEN parameters) {                                   \
        const Check *check = state;                                                                  \
        const Row row = {#name, {f32, bf16, half}, OPS_TENSORS(outs), OPS_TENSORS(ins), weight};     \
        Mirror mirror = {.check = check};                                                            \
        int side = 0;                                                                                \
        Status st = paired(weight) ? mirror_add(&mirror, &row.outputs)                               \
                                   : fail(ERR_BUG, "%s: the weight was packed before the check", row.op); \
        if (!st)                                                                                     \
            st = mirror_add(&mirror, &row.inputs);                                                   \
        if (!st)                                                                                     \
            st = check->wrap.inner->name(check->wrap.inner_state, OPS_OPEN arguments);               \
        side = 1;                                                                                    \
        if (!st)                                                                                     \
            st = check->other->name(check->other_state, EACH arguments);                             \
        if (!st)                                                                                     \
            st = compare(&mirror, &row);                                                             \
        (void)side;                                                                                  \
        mirror_done(&mirror);                                                                        \
        return st;                                                                                   \
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
    if (other->activation)
        return fail(ERR_UNSUPPORTED,
                    "%s cannot be the second of a check, which computes on copies in host memory",
                    other->name);
    Check *check = must_alloc(sizeof *check);
    check->other = other;
    check->activation = o->activation;
    BackendOptions second = *options;
    if (second.precision > PRECISION_BF16) /* 8-bit products are judged by what they stand for */
        second.precision = PRECISION_BF16;
    check->tolerance = o->activation == DT_F32 ? (int)second.precision : 2;
    Status st = other->open(&check->other_state, &second);
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
