/* trace.c: one line of JSON per op, made from the rows of list.h. */
#include "config.h"

#include "ops/trace.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "ops/list.h"
#include "ops/wrap.h"

typedef struct Trace {
    Wrap wrap;
    FILE *out;
    int64_t ops; /* lines written */
} Trace;

/* "[5,96]" */
static void add_shape(Buf *line, Tensor t) {
    for (int axis = 0; axis < t.rank; axis++)
        buf_print(line, "%c%lld", axis ? ',' : '[', (long long)t.dims[axis]);
    buf_text(line, "]");
}

/* A number, or null where JSON has no word for it. */
static void add_number(Buf *line, const char *name, double value) {
    buf_print(line, ",\"%s\":", name);
    if (isfinite(value))
        buf_print(line, "%.9g", value);
    else
        buf_text(line, "null");
}

/* An output as {"shape":..,"type":..,"mean":..,"norm":..,"hash":..}. */
static Status add_output(Buf *line, const Trace *trace, Tensor t) {
    int64_t n = tensor_count(t);
    size_t bytes = (size_t)n * dtype_size(t.type);
    void *dense = malloc(bytes);
    if (!dense)
        return fail(ERR_MEMORY, "no memory for %zu bytes of trace", bytes);
    Status st = trace->wrap.inner->download(trace->wrap.inner_state, dense, t);
    double sum = 0, squares = 0;
    for (int64_t i = 0; !st && i < n; i++) {
        double value = tensor_number(tensor_1d(dense, t.type, n), i);
        sum += value;
        squares += value * value;
    }
    buf_text(line, "{\"shape\":");
    add_shape(line, t);
    buf_print(line, ",\"type\":\"%s\"", dtype_name(t.type));
    add_number(line, "mean", sum / (double)n);
    add_number(line, "norm", sqrt(squares));
    buf_print(line, ",\"hash\":\"%016llx\"}", st ? 0 : (unsigned long long)hash64(dense, bytes));
    free(dense);
    return st;
}

/* Writes the line of one op that went well. */
static Status traced(Trace *trace, const char *op, OpTensors outputs, OpTensors inputs, const Weight *w) {
    Buf line = {0};
    Status st = NULL;
    const char *comma = "";
    buf_print(&line, "{\"n\":%lld,\"op\":\"%s\",\"inputs\":[", (long long)trace->ops++, op);
    for (const Tensor *t = inputs.item; t < inputs.item + 8; t++) {
        if (!t->data)
            continue;
        buf_text(&line, comma);
        add_shape(&line, *t);
        comma = ",";
    }
    if (w)
        buf_print(&line, "],\"weight\":[%lld,%lld],\"outputs\":[", (long long)w->out, (long long)w->in);
    else
        buf_text(&line, "],\"outputs\":[");
    comma = "";
    for (const Tensor *t = outputs.item; !st && t < outputs.item + 8; t++) {
        if (!t->data)
            continue;
        buf_text(&line, comma);
        st = add_output(&line, trace, *t);
        comma = ",";
    }
    buf_text(&line, "]}\n");
    if (!st && fwrite(line.data, 1, line.size, trace->out) != line.size)
        st = fail_errno("write the trace");
    buf_done(&line);
    return st;
}

#define OPS_WEIGHT(w) w
#define TRACED(op, outputs, inputs, weight, flops, f32, bf16, half, parameters, arguments) \
    static Status trace_##op(void *state, OPS_OPEN parameters) {                           \
        Trace *trace = state;                                                              \
        TRY(trace->wrap.inner->op(trace->wrap.inner_state, OPS_OPEN arguments));           \
        return traced(trace, #op, OPS_TENSORS(outputs), OPS_TENSORS(inputs), weight);      \
    }
OPS_LIST(TRACED)

#define ROW(op, ...) .op = trace_##op,
static const Backend TRACE_BACKEND = {
    .version = BACKEND_VERSION,
    .name = "trace",
    OPS_LIST(ROW)
};

void trace_begin(Ops *o, FILE *out) {
    Trace *trace = must_alloc(sizeof *trace);
    trace->out = out;
    wrap_begin(o, &trace->wrap, &TRACE_BACKEND);
}

void trace_end(Ops *o) {
    fflush(((Trace *)o->state)->out);
    free(wrap_end(o));
}
