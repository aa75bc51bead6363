/* finite.c: a look at the results of every op, made from the rows of list.h. */
#include "config.h"

#include "ops/finite.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "ops/list.h"
#include "ops/wrap.h"

enum { TENSORS = sizeof(OpTensors) / sizeof(Tensor) };

/* A call. */
typedef struct Call {
    const char *op;
    OpTensors outputs, inputs;
    const Weight *weight; /* NULL: none */
} Call;

/* "linear gives nan, number 5 of its output [9, 192] bf16; inputs [9, 64] bf16, weight [192, 64]" */
static Status broken(const Call *call, Tensor output, int64_t place, double value) {
    Buf text = {0};
    char shape[96];
    const char *comma = "; inputs ";
    for (const Tensor *t = call->inputs.item; t < call->inputs.item + TENSORS; t++) {
        if (!t->data)
            continue;
        tensor_print(shape, *t);
        buf_print(&text, "%s%s", comma, shape);
        comma = ", ";
    }
    if (call->weight)
        buf_print(&text, ", weight [%lld, %lld]", (long long)call->weight->out, (long long)call->weight->in);
    tensor_print(shape, output);
    Status st = fail(ERR_BUG, "%s gives %s, number %lld of its output %s%s", call->op,
                     isnan(value) ? "nan" : "infinity", (long long)place, shape, buf_string(&text));
    buf_done(&text);
    return st;
}

/* The first number of t that is none, its place in *place; 0 when there is none such. */
static Status first_broken(double *value, int64_t *place, const Wrap *wrap, Tensor t) {
    int64_t count = tensor_count(t);
    void *dense = malloc((size_t)count * dtype_size(t.type) + 1);
    if (!dense)
        return fail(ERR_MEMORY, "no memory to look at %lld numbers", (long long)count);
    Status st = wrap->inner->download(wrap->inner_state, dense, t);
    Tensor numbers = tensor_1d(dense, t.type, count);
    *value = 0;
    for (*place = 0; !st && *place < count; ++*place) {
        *value = tensor_number(numbers, *place);
        if (!isfinite(*value))
            break;
        *value = 0;
    }
    free(dense);
    return st;
}

static Status look_at(const Wrap *wrap, const Call *call) {
    for (const Tensor *t = call->outputs.item; t < call->outputs.item + TENSORS; t++) {
        double value;
        int64_t place;
        if (!t->data)
            continue;
        TRY(first_broken(&value, &place, wrap, *t));
        if (!isfinite(value))
            return broken(call, *t, place, value);
    }
    return NULL;
}

#define OPS_WEIGHT(w) w
#define LOOKED_AT(op, outputs, inputs, weight, flops, f32, bf16, half, parameters, arguments)      \
    static Status finite_##op(void *state, OPS_OPEN parameters) {                                  \
        Wrap *wrap = state;                                                                        \
        TRY(wrap->inner->op(wrap->inner_state, OPS_OPEN arguments));                               \
        return look_at(wrap, &(Call){#op, OPS_TENSORS(outputs), OPS_TENSORS(inputs), weight});     \
    }
OPS_LIST(LOOKED_AT)

#define ROW(op, ...) .op = finite_##op,
static const Backend FINITE_BACKEND = {
    .version = BACKEND_VERSION,
    .name = "finite",
    OPS_LIST(ROW)
};

void finite_begin(Ops *o) {
    wrap_begin(o, must_alloc(sizeof(Wrap)), &FINITE_BACKEND);
}

void finite_end(Ops *o) {
    free(wrap_end(o));
}
