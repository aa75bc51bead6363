/* plan.c: a backend that computes nothing and counts what it would have computed, from the rows of list.h. */
#include "config.h"

#include "ops/plan.h"

#include <string.h>

#include "ops/list.h"

/* The kernels below take what the table says and mostly count their tensors. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

static double count(Tensor t) {
    return (double)tensor_count(t);
}

/* Pairs of query and key that a mask lets through, all sequences. */
static double pairs(const AttentionHow *how) {
    double sum = 0;
    for (int i = 0; i < how->seqs->count; i++) {
        double length = (double)seqs_length(how->seqs, i), window = (double)how->window;
        if (how->mask == MASK_FULL)
            sum += length * length;
        else if (window == 0 || window >= length)
            sum += length * (length + 1) / 2;
        else
            sum += window * (window + 1) / 2 + (length - window) * window;
    }
    return sum;
}

static double bytes_of(OpTensors tensors) {
    double bytes = 0;
    for (size_t i = 0; i < sizeof tensors.item / sizeof *tensors.item && tensors.item[i].rank; i++)
        bytes += count(tensors.item[i]) * (double)dtype_size(tensors.item[i].type);
    return bytes;
}

static Status planned(PlanCount *plan, double flops, double bytes) {
    plan->flops += flops;
    plan->bytes += bytes;
    plan->ops++;
    return NULL;
}

static double weight_bytes(const Weight *w) {
    return w ? (double)w->bytes : 0;
}

#define OPS_WEIGHT(w) w
#define PLANNED(op, outputs, inputs, weight, flops, f32, bf16, half, parameters, arguments) \
    static Status plan_##op(void *state, OPS_OPEN parameters) {                             \
        return planned(state, (flops),                                                      \
                       weight_bytes(weight) + bytes_of(OPS_TENSORS(outputs)) +              \
                           bytes_of(OPS_TENSORS(inputs)));                                  \
    }
OPS_LIST(PLANNED)

/* An address that is nobody's. It must not be NULL, which means "left out". */
static const _Alignas(64) char nowhere[64];

static void *plan_mem_alloc(void *state, size_t bytes) {
    return (void *)nowhere;
}

static void plan_mem_free(void *state, void *block, size_t bytes) {
}

static void plan_mem_info(void *state, MemInfo *info) {
    *info = (MemInfo){0};
}

static Status plan_upload(void *state, Tensor device, const void *host) {
    return NULL;
}

static Status plan_download(void *state, void *host, Tensor device) {
    memset(host, 0, (size_t)tensor_count(device) * dtype_size(device.type));
    return NULL;
}

static Status plan_sync(void *state) {
    return NULL;
}

static Status plan_prefetch(void *state, void *device, const void *host, size_t bytes) {
    ((PlanCount *)state)->copied += (double)bytes;
    return NULL;
}

static Status plan_weight_pack(void *state, Weight *w, const WeightParts *parts) {
    const PlanCount *plan = state;
    w->type = DT_BF16;
    for (int i = 0; i < parts->count; i++)
        if (parts->part[i].type != DT_BF16 && plan->precision == PRECISION_F32)
            w->type = DT_F32;
    w->type = weight_eight(w, parts, plan->precision, w->type);
    bool eight = w->type == DT_I8 || w->type == DT_F8_E4M3;
    w->packed = (void *)nowhere;
    w->bias = parts->bias[0].data ? (float *)nowhere : NULL;
    w->bytes = (size_t)(w->out * w->in * w->kernel * w->kernel) * dtype_size(w->type) +
               (eight ? (size_t)w->out * sizeof(float) : 0);
    if (plan->alignment)
        w->bytes = (w->bytes + plan->alignment - 1) / plan->alignment * plan->alignment;
    w->bytes += w->bias ? (size_t)w->out * sizeof *w->bias : 0;
    return NULL;
}

static void plan_weight_free(void *state, Weight *w) {
}

static Status plan_open(void **state, const BackendOptions *options) {
    return fail(ERR_BUG, "the dry run has no state of its own");
}

static void plan_close(void *state) {
}

static const char *plan_describe(void *state) {
    return "dry run";
}

#define ENTRY(op, ...) .op = plan_##op,

const Backend PLAN_BACKEND = {
    .version = BACKEND_VERSION,
    .name = "plan",
    ENTRY(open) ENTRY(close) ENTRY(describe) ENTRY(mem_alloc) ENTRY(mem_free) ENTRY(mem_info) ENTRY(upload)
    ENTRY(download) ENTRY(sync) ENTRY(weight_pack) ENTRY(weight_free) ENTRY(prefetch)
    OPS_LIST(ENTRY)
};

Backend plan_like(const Backend *real) {
    Backend plan = PLAN_BACKEND;
    if (!real->prefetch)
        plan.prefetch = NULL;
    ops_match_fused(&plan, real);
    return plan;
}
