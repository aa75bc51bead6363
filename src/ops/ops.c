/* ops.c: what stands between the models and a backend: the sticky status, activations from the arena,
 * argument checks, and the default compositions of fused ops.
 *
 * Every op is two statements: say what its arguments look like (a pattern, see `fits`), call the backend.
 * Computes nothing itself.
 */
#include "config.h"

#include "ops/ops.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "ops/backend.h"

/* ---- the sticky status --------------------------------------------------------------------------------- */

Status ops_status(Ops *o) {
    return o->fault.code == ERR_NONE ? NULL : &o->fault;
}

void ops_clear(Ops *o) {
    o->fault.code = ERR_NONE;
}

void ops_fail(Ops *o, Status st) {
    if (st && o->fault.code == ERR_NONE)
        fault_copy(&o->fault, st);
}

Status ops_open(Ops *o, const Backend *backend, const BackendOptions *options) {
    void *state;
    TRY(backend->open(&state, options));
    o->backend = backend;
    o->state = state;
    o->activation = backend->activation ? backend->activation(state) : DT_F32;
    return NULL;
}

/* True while the next op may run. */
static bool ready(Ops *o) {
    if (o->fault.code == ERR_NONE && o->cancelled && o->cancelled(o->cancelled_context))
        ops_fail(o, fail(ERR_CANCELLED, "stopped"));
    return o->fault.code == ERR_NONE;
}

/* Our own mistakes have one form, product.md 12 row 31. */
#define REPORT "please report it with :doctor and the log"
#define bug(o, format, ...) ops_fail((o), hint(fail(ERR_BUG, format " (bug in newbie)", __VA_ARGS__), REPORT))

/* A condition of one op beyond the shapes; the sentence says what was found. */
#define REQUIRE(o, condition, ...) \
    do {                           \
        if (!(condition)) {        \
            bug((o), __VA_ARGS__); \
            return;                \
        }                          \
    } while (0)

/* ---- argument patterns --------------------------------------------------------------------------------- */

/* One word of a pattern, "NAME[FLAGS]:DIMS", and the tensor it is about. */
typedef struct Argument {
    char name[16];
    bool optional, attached, alias, dense, any_float, any_type, bytes, activation, free_activation;
    char letter[TENSOR_RANK_MAX]; /* 'a' to 'z' for each dimension */
    int times[TENSOR_RANK_MAX];   /* the digit before it, else 1 */
    int rank;
    const Tensor *tensor;
} Argument;

static const char *argument_parse(Argument *argument, const char *word, const Tensor *tensor) {
    *argument = (Argument){.tensor = tensor};
    for (size_t n = 0; isalpha((unsigned char)*word) || *word == '_'; n++)
        argument->name[n] = *word++;
    for (; *word != ':'; word++) {
        argument->optional |= *word == '?';
        argument->attached |= *word == '+';
        argument->alias |= *word == '=';
        argument->dense |= *word == '!';
        argument->any_float |= *word == '*';
        argument->any_type |= *word == '~';
        argument->bytes |= *word == '8';
        argument->activation |= *word == '@';
        argument->free_activation |= *word == '&';
    }
    for (word++; *word && *word != ' '; word++) {
        argument->times[argument->rank] = isdigit((unsigned char)*word) ? *word++ - '0' : 1;
        argument->letter[argument->rank++] = *word;
    }
    return *word ? word + 1 : word;
}

static bool is_float(DType type) {
    return type == DT_F32 || type == DT_BF16 || type == DT_F16;
}

/* What a letter of a pattern stands for, and the argument that said so; rank 0 while nobody did. */
typedef struct Letter {
    int64_t value;
    Argument owner;
} Letter;

/* What is known of a call's arguments: the letters 'a' to 'z', and the type of activations. */
typedef struct Known {
    Letter letters[26];
    DType activation; /* of the backend */
    DType chosen;     /* of this call's words with '@'; DT_COUNT while there was none */
} Known;

static bool type_fits(Known *known, const Argument *argument, DType type) {
    if (argument->bytes)
        return type == DT_U8;
    if (argument->activation) {
        if (known->chosen == DT_COUNT && (type == DT_F32 || type == known->activation))
            known->chosen = type;
        return type == known->chosen;
    }
    return type == DT_F32 || argument->any_type || (argument->any_float && is_float(type)) ||
           (argument->free_activation && type == known->activation);
}

enum { FITTING = 0, WRONG_ITSELF = '!' };

/* FITTING when the shape agrees with what the letters mean, which it may define; else the letter it disagrees
 * about, or WRONG_ITSELF. */
static char misfit(Known *known, const Argument *argument) {
    const Tensor *t = argument->tensor;
    if (t->rank != argument->rank || t->strides[t->rank - 1] != 1 || !type_fits(known, argument, t->type) ||
        (argument->dense && !tensor_dense(*t)))
        return WRONG_ITSELF;
    for (int axis = 0; axis < argument->rank; axis++) {
        Letter *letter = &known->letters[argument->letter[axis] - 'a'];
        if (t->dims[axis] < 1)
            return WRONG_ITSELF;
        if (letter->owner.rank == 0)
            *letter = (Letter){t->dims[axis], *argument};
        else if (t->dims[axis] != letter->value * argument->times[axis])
            return letter->owner.tensor == t ? WRONG_ITSELF : argument->letter[axis];
    }
    return FITTING;
}

/* "[8449, 2304]": the shape without the type. */
static void print_shape(char out[96], Tensor t) {
    tensor_print(out, t);
    strchr(out, ']')[1] = 0;
}

/* The complaint about an argument that is wrong by itself (`other` NULL) or does not fit to another. */
static void complain(Ops *o, const char *op, const Argument *argument, const Argument *other) {
    char shape[96], other_shape[96];
    if (!other) {
        tensor_print(shape, *argument->tensor);
        bug(o, "%s: %s is %s", op, argument->name, shape);
        return;
    }
    print_shape(shape, *argument->tensor);
    print_shape(other_shape, *other->tensor);
    bug(o, "%s: %s is %s, %s is %s", op, other->name, other_shape, argument->name, shape);
}

/* True when the op may run and its arguments look as the pattern says. The pattern has a word for each
 * tensor, "NAME[FLAGS]:DIMS": every letter of DIMS is a dimension and means the same number everywhere, "2h"
 * twice that number (h then comes earlier). The first word is the output, or, where the output's size follows
 * from an input, that input; no other tensor may begin where it begins. A missing tensor, a wrong type, rank
 * or size becomes the sticky status. A word without flags is a float32 tensor that must be there; FLAGS:
 *
 *   ?  may be left out
 *   +  needed, and looked at, only when an earlier word has its first letter
 *   =  may begin where the first begins
 *   !  no gaps
 *   8  bytes
 *   @  activations: float32 or of the backend's type, all such words of a call alike
 *   &  the same, each for itself
 *   *  f32, bf16 or f16
 *   ~  any type
 */
static bool fits(Ops *o, const char *op, const char *pattern, const Tensor *tensors) {
    if (!ready(o))
        return false;
    Known known = {.activation = o->activation, .chosen = DT_COUNT};
    for (const Tensor *t = tensors; *pattern; t++) {
        Argument argument;
        pattern = argument_parse(&argument, pattern, t);
        if (argument.attached && known.letters[argument.letter[0] - 'a'].owner.rank == 0)
            continue;
        if (!t->data) {
            if (!argument.optional)
                bug(o, "%s: %s is missing", op, argument.name);
        } else if (t > tensors && t->data == tensors->data && !argument.alias) {
            bug(o, "%s: output and %s are the same memory", op, argument.name);
        } else {
            char letter = misfit(&known, &argument);
            if (letter != FITTING)
                complain(o, op, &argument,
                         letter == WRONG_ITSELF ? NULL : &known.letters[letter - 'a'].owner);
        }
        if (o->fault.code != ERR_NONE)
            return false;
    }
    return true;
}

#define FITS(o, op, pattern, ...) fits((o), (op), (pattern), (const Tensor[]){__VA_ARGS__})
#define CALL(o, op, ...) ops_fail((o), (o)->backend->op((o)->state, __VA_ARGS__))

/* A weight as [out, in], for patterns. */
static Tensor matrix_of(const Weight *w) {
    void *block = w && w->packed ? w->packed : w ? w->host : NULL; /* on the host only in a dry run */
    return w ? tensor_2d(block, w->type, w->out, w->in) : NO_TENSOR;
}

/* Sequences as [count, rows], for patterns; missing when they are none or do not rise. */
static Tensor shape_of(const Seqs *seqs) {
    if (!seqs || seqs->count < 1 || seqs->count > SEQS_MAX || seqs->offsets[0] != 0)
        return NO_TENSOR;
    for (int i = 0; i < seqs->count; i++)
        if (seqs->offsets[i + 1] <= seqs->offsets[i])
            return NO_TENSOR;
    return tensor_2d((void *)seqs, DT_F32, seqs->count, seqs_rows(seqs));
}

/* ---- memory -------------------------------------------------------------------------------------------- */

/* Bytes of a tensor; false when the number does not fit. */
static bool size_of(size_t *bytes, DType type, int rank, const int64_t *dims) {
    *bytes = dtype_size(type);
    for (int axis = 0; axis < rank; axis++)
        if (dims[axis] < 0 || __builtin_mul_overflow(*bytes, (size_t)dims[axis], bytes))
            return false;
    return true;
}

Tensor ops_new(Ops *o, DType type, int rank, const int64_t *dims) {
    size_t bytes = SIZE_MAX;
    void *data = NULL;
    if (o->fault.code == ERR_NONE) {
        if (size_of(&bytes, type, rank, dims))
            data = arena_alloc(o->arena, bytes);
        if (!data)
            ops_fail(o, fail(ERR_MEMORY, "activations need %zu bytes more, %zu of %zu are used", bytes,
                             o->arena->used, o->arena->size));
    }
    return tensor_dense_view(data, type, rank, dims);
}

Tensor ops_vector(Ops *o, int64_t n) {
    return ops_new(o, o->activation, 1, (int64_t[]){n});
}

Tensor ops_matrix(Ops *o, int64_t rows, int64_t width) {
    return ops_new(o, o->activation, 2, (int64_t[]){rows, width});
}

Tensor ops_table(Ops *o, int64_t rows, int64_t width) {
    return ops_new(o, DT_F32, 2, (int64_t[]){rows, width});
}

Tensor ops_cube(Ops *o, int64_t a, int64_t b, int64_t c) {
    return ops_new(o, o->activation, 3, (int64_t[]){a, b, c});
}

ArenaMark ops_mark(Ops *o) {
    return arena_mark(o->arena);
}

void ops_release(Ops *o, ArenaMark mark) {
    arena_release(o->arena, mark);
}

void *ops_mem_alloc(Ops *o, size_t bytes) {
    if (o->fault.code != ERR_NONE)
        return NULL;
    void *block = o->backend->mem_alloc(o->state, bytes);
    if (!block)
        ops_fail(o, fail(ERR_MEMORY, "%s has no room for %zu bytes", o->backend->name, bytes));
    return block;
}

void ops_mem_free(Ops *o, void *block, size_t bytes) {
    if (block)
        o->backend->mem_free(o->state, block, bytes);
}

void ops_mem_info(Ops *o, MemInfo *info) {
    *info = (MemInfo){0};
    o->backend->mem_info(o->state, info);
}

/* Room on the host for a tensor of 16-bit numbers; NULL and a sticky status without memory. */
static uint16_t *halves_of(Ops *o, Tensor t) {
    uint16_t *halves = malloc(sizeof *halves * (size_t)tensor_count(t) + 1);
    if (!halves)
        ops_fail(o, fail(ERR_MEMORY, "no memory for %lld numbers", (long long)tensor_count(t)));
    return halves;
}

static bool is_half(DType type) {
    return type == DT_BF16 || type == DT_F16;
}

void ops_upload(Ops *o, Tensor device, const void *host) {
    if (!ready(o))
        return;
    REQUIRE(o, device.data && host, "%s: output is missing", "upload");
    if (!is_half(device.type)) {
        CALL(o, upload, device, host);
        return;
    }
    uint16_t *halves = halves_of(o, device);
    const float *numbers = host;
    for (int64_t i = 0; halves && i < tensor_count(device); i++)
        halves[i] = device.type == DT_BF16 ? bf16_from_float(numbers[i]) : f16_from_float(numbers[i]);
    if (halves)
        CALL(o, upload, device, halves);
    free(halves);
}

void ops_download(Ops *o, void *host, Tensor device) {
    if (!ready(o))
        return;
    REQUIRE(o, device.data && host, "%s: input is missing", "download");
    if (!is_half(device.type)) {
        CALL(o, download, host, device);
        return;
    }
    uint16_t *halves = halves_of(o, device);
    if (halves) {
        CALL(o, download, halves, device);
        float_from_dtype(host, halves, device.type, tensor_count(device));
    }
    free(halves);
}

void ops_sync(Ops *o) {
    if (ready(o))
        ops_fail(o, o->backend->sync(o->state));
}

/* ---- weights that visit the device --------------------------------------------------------------------- */

void *ops_host_alloc(Ops *o, size_t bytes) {
    if (o->fault.code != ERR_NONE)
        return NULL;
    const Backend *backend = o->backend;
    void *block = backend->host_alloc ? backend->host_alloc(o->state, bytes) : malloc(bytes ? bytes : 1);
    if (!block)
        ops_fail(o, fail(ERR_MEMORY, "the host has no room for %zu bytes of weights", bytes));
    return block;
}

void ops_host_free(Ops *o, void *block, size_t bytes) {
    if (o->backend->host_free)
        o->backend->host_free(o->state, block, bytes);
    else
        free(block);
}

void ops_event_mark(Ops *o, int event, StreamKind stream) {
    assert(event >= 0 && event < OPS_EVENTS);
    if (ready(o) && o->backend->event_mark)
        CALL(o, event_mark, event, stream);
}

void ops_event_wait(Ops *o, int event, StreamKind stream) {
    assert(event >= 0 && event < OPS_EVENTS);
    if (ready(o) && o->backend->event_wait)
        CALL(o, event_wait, event, stream);
}

void ops_prefetch(Ops *o, void *device, const void *host, size_t bytes) {
    if (!ready(o))
        return;
    REQUIRE(o, o->backend->prefetch, "%s: %s cannot", "prefetch", o->backend->name);
    CALL(o, prefetch, device, host, bytes);
}

/* Patterns of two to four tensors of any rank, all of one shape. */
static const char *const SAME_SHAPE[][TENSOR_RANK_MAX + 1] = {
    {"", "output~:a input~:a", "output~:ab input~:ab", "output~:abc input~:abc", "output~:abcd input~:abcd"},
    {"", "output@:a input=@:a second=@:a", "output@:ab input=@:ab second=@:ab",
     "output@:abc input=@:abc second=@:abc", "output@:abcd input=@:abcd second=@:abcd"},
    {"", "output:a input=:a second=:a", "output:ab input=:ab second=:ab", "output:abc input=:abc second=:abc",
     "output:abcd input=:abcd second=:abcd"},
};
enum { ANY_TYPE, ELEMENTWISE, LATENTS };

static const char *same_shape(int row, Tensor t) {
    return SAME_SHAPE[row][t.rank >= 1 && t.rank <= TENSOR_RANK_MAX ? t.rank : 1];
}

void ops_copy(Ops *o, Tensor to, Tensor from) {
    if (!FITS(o, "copy", same_shape(ANY_TYPE, to), to, from))
        return;
    REQUIRE(o, to.type == from.type, "copy: output is %s, input is %s", dtype_name(to.type),
            dtype_name(from.type));
    CALL(o, copy, to, from);
}

void ops_fill(Ops *o, Tensor to, float value) {
    if (FITS(o, "fill", same_shape(ELEMENTWISE, to), to, to, to))
        CALL(o, fill, to, value);
}

/* ---- weights ------------------------------------------------------------------------------------------- */

/* What the parts of each kind must look like. */
static const struct {
    const char *pattern; /* of one part and its bias */
    int least, most;     /* parts */
} KINDS[] = {
    [WEIGHT_LINEAR] = {"part*!:oi bias*?!:o", 1, WEIGHT_PARTS_MAX},
    [WEIGHT_GLU] = {"part*!:oi bias*?!:o", 2, 2},
    [WEIGHT_CONV] = {"part*!:oikk bias*?!:o", 1, 1},
};

void weight_pack(Ops *o, Weight *out, const WeightParts *parts) {
    *out = (Weight){0};
    if (!ready(o))
        return;
    int count = parts->count;
    REQUIRE(o, count >= KINDS[parts->kind].least && count <= KINDS[parts->kind].most, "weight_pack: %d parts",
            count);
    Tensor first = parts->part[0];
    int64_t rows = 0;
    for (int i = 0; i < count; i++) {
        Tensor part = parts->part[i], bias = parts->bias[i];
        if (!FITS(o, "weight_pack", KINDS[parts->kind].pattern, part, bias))
            return;
        REQUIRE(o, part.dims[1] == first.dims[1], "weight_pack: part %d has %lld columns, the first %lld", i,
                (long long)part.dims[1], (long long)first.dims[1]);
        REQUIRE(o, !bias.data == !parts->bias[0].data, "weight_pack: part %d differs in having a bias", i);
        rows += part.dims[0];
    }
    REQUIRE(o, parts->kind != WEIGHT_GLU || parts->part[1].dims[0] == first.dims[0],
            "weight_pack: gate has %lld rows, both %lld", (long long)first.dims[0], (long long)rows);
    int kernel = parts->kind == WEIGHT_CONV ? (int)first.dims[2] : 1;
    REQUIRE(o, kernel == 1 || kernel == 3, "weight_pack: kernel is %d", kernel);
    *out = (Weight){.kind = parts->kind, .out = rows, .in = first.dims[1], .kernel = kernel};
    CALL(o, weight_pack, out, parts);
}

void weight_free(Ops *o, Weight *w) {
    if (w->host)
        ops_host_free(o, w->host, w->bytes);
    if (w->packed)
        o->backend->weight_free(o->state, w);
    *w = (Weight){0};
}

Weight weight_at(const Weight *w, void *block) {
    Weight moved = *w;
    const char *from = w->packed ? w->packed : w->host;
    if (w->bias)
        moved.bias = (float *)((char *)block + ((const char *)w->bias - from));
    moved.packed = block;
    moved.host = NULL;
    return moved;
}

static Tensor block_view(void *block, size_t bytes) {
    return tensor_1d(block, DT_U8, (int64_t)bytes);
}

/* The numbers on the host, where they may be already. */
static void *block_on_host(Ops *o, const Weight *w) {
    void *host = w->host ? w->host : ops_host_alloc(o, w->bytes);
    if (!host || host == w->host)
        return host;
    ops_download(o, host, block_view(w->packed, w->bytes));
    if (!ops_status(o))
        return host;
    ops_host_free(o, host, w->bytes);
    return NULL;
}

void weight_send(Ops *o, Weight *w) {
    if (!w->packed)
        return;
    void *host = block_on_host(o, w);
    if (!host)
        return;
    Weight away = weight_at(w, host);
    w->host = NULL;
    weight_free(o, w);
    *w = away;
    w->packed = NULL;
    w->host = host;
}

void ops_share(Ops *o, size_t bytes) {
    if (o->backend->share)
        o->backend->share(o->state, bytes);
}

static void *weight_room(Ops *o, size_t bytes) {
    if (!o->backend->weight_alloc)
        return ops_mem_alloc(o, bytes);
    void *block = ops_status(o) ? NULL : o->backend->weight_alloc(o->state, bytes);
    if (!block)
        ops_fail(o, fail(ERR_MEMORY, "%s has no room for %zu bytes of weights", o->backend->name, bytes));
    return block;
}

/* Memory of weight_free and ops_mem_free is the same: backend.h. */
void weight_fetch(Ops *o, Weight *w) {
    if (w->packed || !w->host)
        return;
    void *block = weight_room(o, w->bytes), *host = w->host;
    if (!block)
        return;
    ops_prefetch(o, block, host, w->bytes);
    if (ops_status(o)) {
        ops_mem_free(o, block, w->bytes);
        return;
    }
    *w = weight_at(w, block);
    w->host = host;
}

void weight_forget_host(Ops *o, Weight *w) {
    if (!w->packed || !w->host || w->keep_host)
        return;
    ops_host_free(o, w->host, w->bytes);
    w->host = NULL;
}

Tensor ops_parameter(Ops *o, Tensor host) {
    Tensor device = tensor_1d(NULL, DT_F32, tensor_count(host));
    if (!FITS(o, "parameter", "host*!:n", host))
        return device;
    float *values = malloc((size_t)device.dims[0] * sizeof *values);
    if (!values) {
        ops_fail(o, fail(ERR_MEMORY, "no memory for %lld numbers", (long long)device.dims[0]));
        return device;
    }
    float_from_dtype(values, host.data, host.type, device.dims[0]);
    device.data = ops_mem_alloc(o, (size_t)device.dims[0] * sizeof *values);
    if (device.data)
        ops_upload(o, device, values);
    free(values);
    return device;
}

/* ---- matrix products ----------------------------------------------------------------------------------- */

void op_linear(Ops *o, Tensor y, Tensor x, const Weight *w, LinearHow how) {
    if (!FITS(o, "linear", "output&:ro input&:ri weight~:oi", y, x, matrix_of(w)))
        return;
    REQUIRE(o, w->kind == WEIGHT_LINEAR, "linear: weight is of kind %d", w->kind);
    CALL(o, linear, y, x, w, how);
}

void op_glu_linear(Ops *o, Tensor y, Tensor x, const Weight *w, Activation act) {
    if (!FITS(o, "glu_linear", "output@:rf input@:ri weight~:2fi", y, x, matrix_of(w)))
        return;
    REQUIRE(o, w->kind == WEIGHT_GLU, "glu_linear: weight is of kind %d", w->kind);
    REQUIRE(o, act == ACT_SILU || act == ACT_GELU_TANH, "glu_linear: activation is %d", act);
    CALL(o, glu_linear, y, x, w, act);
}

void op_conv2d(Ops *o, Tensor y, Tensor x, const Weight *w, ConvHow how) {
    if (!FITS(o, "conv2d", "output!@:pqo input!@:hwi weight*:oi", y, x, matrix_of(w)))
        return;
    REQUIRE(o, w->kind == WEIGHT_CONV && (how.stride == 1 || (how.stride == 2 && w->kernel == 3)),
            "conv2d: weight is of kind %d, kernel is %d, stride is %d", w->kind, w->kernel, how.stride);
    REQUIRE(o, y.dims[0] == x.dims[0] / how.stride && y.dims[1] == x.dims[1] / how.stride,
            "conv2d: input is [%lld, %lld], output is [%lld, %lld], stride is %d", (long long)x.dims[0],
            (long long)x.dims[1], (long long)y.dims[0], (long long)y.dims[1], how.stride);
    CALL(o, conv2d, y, x, w, how);
}

void op_upsample2x(Ops *o, Tensor y, Tensor x) {
    if (FITS(o, "upsample2x", "input!@:hwc output!@:2h2wc", x, y))
        CALL(o, upsample2x, y, x);
}

void op_upsample2x_conv(Ops *o, Tensor y, Tensor x, const Weight *w) {
    if (!FITS(o, "upsample2x_conv", "input!@:hwi output!@:2h2wo weight*:oi", x, y, matrix_of(w)))
        return;
    REQUIRE(o, w->kind == WEIGHT_CONV && w->kernel == 3, "upsample2x_conv: kernel is %d", w->kernel);
    if (o->backend->upsample2x_conv) {
        CALL(o, upsample2x_conv, y, x, w);
        return;
    }
    ArenaMark mark = ops_mark(o);
    Tensor larger = ops_cube(o, 2 * x.dims[0], 2 * x.dims[1], x.dims[2]);
    op_upsample2x(o, larger, x);
    op_conv2d(o, y, larger, w, (ConvHow){1, STORE_SET});
    ops_release(o, mark);
}

/* ---- norms --------------------------------------------------------------------------------------------- */

void op_rms_norm(Ops *o, Tensor y, Tensor x, const RmsNormHow *how) {
    if (FITS(o, "rms_norm", "output@:rw input=@:rw weight:w scale?:sw sequences+:sr", y, x, how->w,
             how->scale, shape_of(how->seqs)))
        CALL(o, rms_norm, y, x, how);
}

/* The default of add_norm's first half: x += gate[sequence] ⊙ rms(y)·w_post, rows of one sequence. The gate
 * is folded into the weight, (1 + w)·gate = gate + w·gate, because no required op repeats a row. */
static void add_gated(Ops *o, Tensor x, Tensor y, const AddNormHow *how, int sequence) {
    RmsNormHow norm = {.w = how->w_post, .form = how->form, .eps = how->eps};
    if (how->gate.data) {
        Tensor gate = tensor_at(how->gate, sequence);
        norm.w = ops_new(o, DT_F32, 1, gate.dims);
        norm.form = NORM_W;
        op_binary(o, norm.w, how->w_post, gate, BINARY_MULTIPLY);
        if (how->form == NORM_ONE_PLUS_W)
            op_binary(o, norm.w, norm.w, gate, BINARY_ADD);
    }
    Tensor normed = ops_matrix(o, y.dims[0], y.dims[1]);
    op_rms_norm(o, normed, y, &norm);
    op_binary(o, x, x, normed, BINARY_ADD);
}

static void add_norm_default(Ops *o, Tensor x, Tensor h, Tensor y, const AddNormHow *how) {
    Seqs all = seqs_one(x.dims[0]);
    const Seqs *seqs = how->gate.data ? how->seqs : &all;
    for (int i = 0; i < seqs->count; i++) {
        ArenaMark mark = ops_mark(o);
        int64_t from = seqs->offsets[i], count = seqs_length(seqs, i);
        add_gated(o, tensor_rows(x, from, count), tensor_rows(y, from, count), how, i);
        ops_release(o, mark);
    }
    RmsNormHow next = {how->w_next, how->form, how->eps, how->scale, how->seqs};
    if (h.data)
        op_rms_norm(o, h, x, &next);
}

void op_add_norm(Ops *o, Tensor x, Tensor h, Tensor y, const AddNormHow *how) {
    if (!FITS(o, "add_norm",
              "sum@:rw result?@:rw input@:rw w_post:w gate?:sw w_next?:w scale?:sw sequences+:sr", x, h, y,
              how->w_post, how->gate, how->w_next, how->scale, shape_of(how->seqs)))
        return;
    REQUIRE(o, !h.data == !how->w_next.data, "add_norm: %s is missing", h.data ? "w_next" : "result");
    if (o->backend->add_norm)
        CALL(o, add_norm, x, h, y, how);
    else
        add_norm_default(o, x, h, y, how);
}

void op_layer_norm(Ops *o, Tensor y, Tensor x, const LayerNormHow *how) {
    if (FITS(o, "layer_norm",
             "output@:rw input=@:rw residual=?@:rw weight?:w bias?:w scale?:sw sequences+:sr", y, x,
             how->residual, how->w, how->b, how->scale, shape_of(how->seqs)))
        CALL(o, layer_norm, y, x, how);
}

void op_group_norm(Ops *o, Tensor y, Tensor x, const GroupNormHow *how) {
    if (!FITS(o, "group_norm", "output!@:hwc input=!@:hwc weight:c bias:c", y, x, how->w, how->b))
        return;
    REQUIRE(o, how->groups >= 1 && x.dims[2] % how->groups == 0, "group_norm: %d groups of %lld channels",
            how->groups, (long long)x.dims[2]);
    REQUIRE(o, how->act == ACT_NONE || how->act == ACT_SILU, "group_norm: activation is %d", how->act);
    CALL(o, group_norm, y, x, how);
}

/* ---- attention ----------------------------------------------------------------------------------------- */

void op_qk_norm_rope(Ops *o, Tensor q, Tensor k, const QkNormRopeHow *how) {
    if (!FITS(o, "qk_norm_rope", "cos:rp sin:rp query@:rh2p key@:rg2p q_norm?:d k_norm?:d", how->cos,
              how->sin, q, k, how->q_norm, how->k_norm))
        return;
    REQUIRE(o,
            (!how->q_norm.data || how->q_norm.dims[0] == q.dims[2]) &&
                (!how->k_norm.data || how->k_norm.dims[0] == q.dims[2]),
            "qk_norm_rope: heads are %lld wide, weights not", (long long)q.dims[2]);
    CALL(o, qk_norm_rope, q, k, how);
}

void op_attention(Ops *o, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how) {
    if (!FITS(o, "attention", "output@:rhd query@:rhd key@:rgd value@:rgd sequences:sr", out, q, k, v,
              shape_of(how->seqs)))
        return;
    REQUIRE(o, q.dims[1] % k.dims[1] == 0, "attention: %lld query heads over %lld", (long long)q.dims[1],
            (long long)k.dims[1]);
    REQUIRE(o, how->window >= 0 && (how->mask == MASK_CAUSAL || !how->window),
            "attention: window is %lld, mask is %d", (long long)how->window, how->mask);
    CALL(o, attention, out, q, k, v, how);
}

/* ---- rows and reorderings ------------------------------------------------------------------------------ */

void op_embed(Ops *o, Tensor y, Tensor host_table, const int32_t *host_ids, float scale) {
    if (!FITS(o, "embed", "output@:nw table*!:vw", y, host_table))
        return;
    for (int64_t i = 0; i < y.dims[0]; i++)
        REQUIRE(o, host_ids[i] >= 0 && host_ids[i] < host_table.dims[0],
                "embed: id is %d, table has %lld rows", host_ids[i], (long long)host_table.dims[0]);
    CALL(o, embed, y, host_table, host_ids, scale);
}

void op_mean_rows(Ops *o, Tensor y, Tensor x, const Seqs *seqs) {
    if (FITS(o, "mean_rows", "output@:sw input@:rw sequences:sr", y, x, shape_of(seqs)))
        CALL(o, mean_rows, y, x, seqs);
}

/* True when tokens and latent are two orders of the same picture. */
static bool patches_fit(Ops *o, const char *op, Tensor tokens, Tensor latent, int patch) {
    if (!FITS(o, op, "tokens!@:te latent!:chw", tokens, latent))
        return false;
    const int64_t *size = latent.dims;
    if (patch >= 1 && size[1] % patch == 0 && size[2] % patch == 0 &&
        tokens.dims[0] == size[1] / patch * (size[2] / patch) && tokens.dims[1] == size[0] * patch * patch)
        return true;
    char tokens_shape[96], latent_shape[96];
    print_shape(tokens_shape, tokens);
    print_shape(latent_shape, latent);
    bug(o, "%s: latent is %s, tokens is %s, patch is %d", op, latent_shape, tokens_shape, patch);
    return false;
}

void op_patchify(Ops *o, Tensor tokens, Tensor latent, int patch) {
    if (patches_fit(o, "patchify", tokens, latent, patch))
        CALL(o, patchify, tokens, latent, patch);
}

void op_unpatchify(Ops *o, Tensor latent, Tensor tokens, int patch) {
    if (patches_fit(o, "unpatchify", tokens, latent, patch))
        CALL(o, unpatchify, latent, tokens, patch);
}

void op_transpose(Ops *o, Tensor y, Tensor x, float factor, float offset) {
    if (FITS(o, "transpose", "output&:ba input&:ab", y, x))
        CALL(o, transpose, y, x, factor, offset);
}

void op_cast(Ops *o, Tensor y, Tensor x) {
    if (!FITS(o, "cast", same_shape(ANY_TYPE, y), y, x))
        return;
    REQUIRE(o, is_float(y.type) && is_float(x.type), "cast: output is %s, input is %s", dtype_name(y.type),
            dtype_name(x.type));
    CALL(o, cast, y, x);
}

void op_to_rgb8(Ops *o, Tensor bytes, Tensor x) {
    if (FITS(o, "to_rgb8", "output!8:hwc input!@:hwc", bytes, x))
        CALL(o, to_rgb8, bytes, x);
}

/* ---- elementwise and sampling -------------------------------------------------------------------------- */

void op_unary(Ops *o, Tensor y, Tensor x, Activation act) {
    if (FITS(o, "unary", same_shape(ELEMENTWISE, y), y, x, x))
        CALL(o, unary, y, x, act);
}

void op_binary(Ops *o, Tensor y, Tensor a, Tensor b, BinaryKind kind) {
    if (FITS(o, "binary", same_shape(ELEMENTWISE, y), y, a, b))
        CALL(o, binary, y, a, b, kind);
}

void op_lincomb(Ops *o, Tensor y, const LincombHow *how) {
    REQUIRE(o, how->count >= 1 && how->count <= LINCOMB_MAX, "lincomb: %d terms", how->count);
    for (int i = 0; i < how->count; i++) {
        if (!FITS(o, "lincomb", same_shape(LATENTS, y), y, how->term[i], how->term[i]))
            return;
        REQUIRE(o, tensor_dense(y) && tensor_dense(how->term[i]), "lincomb: %s has gaps",
                "a term or the output");
    }
    CALL(o, lincomb, y, how);
}

void op_sum_squares(Ops *o, Tensor y, Tensor x) {
    if (!FITS(o, "sum_squares", "output:a", y) ||
        !FITS(o, "sum_squares", same_shape(LATENTS, x), x, x, x))
        return;
    REQUIRE(o, tensor_count(y) == 1 && tensor_dense(x),
            "sum_squares: output has %lld numbers or input has gaps", (long long)tensor_count(y));
    CALL(o, sum_squares, y, x);
}

/* ‖x‖ on the host. */
static double norm_of(Ops *o, Tensor scratch, Tensor x) {
    float squares = 0;
    op_sum_squares(o, scratch, x);
    ops_download(o, &squares, scratch);
    return sqrt(squares);
}

static void cfg_mix_default(Ops *o, Tensor v, Tensor cond, Tensor uncond, GuideHow how) {
    ArenaMark mark = ops_mark(o);
    Tensor scratch = ops_new(o, DT_F32, 1, (int64_t[]){1});
    double limit =
        how.renorm > 0 ? how.renorm * norm_of(o, scratch, cond) : 0; /* before v, which may be cond */
    op_lincomb(o, v, &(LincombHow){2, {uncond, cond}, {1 - how.scale, how.scale}});
    if (how.renorm > 0) {
        double norm = norm_of(o, scratch, v);
        if (norm > 0 && norm >= limit)
            op_lincomb(o, v, &(LincombHow){1, {v}, {(float)(limit / norm)}});
    }
    ops_release(o, mark);
}

void op_cfg_mix(Ops *o, Tensor v, Tensor cond, Tensor uncond, GuideHow how) {
    if (!FITS(o, "cfg_mix", same_shape(LATENTS, v), v, cond, uncond))
        return;
    REQUIRE(o, tensor_dense(v) && tensor_dense(cond) && tensor_dense(uncond), "cfg_mix: %s",
            "a tensor has gaps");
    if (o->backend->cfg_mix)
        CALL(o, cfg_mix, v, cond, uncond, how);
    else
        cfg_mix_default(o, v, cond, uncond, how);
}
