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
    w->packed = (void *)nowhere;
    w->bias = parts->bias[0].data ? (float *)nowhere : NULL;
    weight_layout(w, parts, plan->precision, plan->alignment);
    return NULL;
}

static size_t plan_weight_bytes(void *state, const Weight *w, const WeightParts *parts) {
    Weight sized = *w;
    const PlanCount *plan = state;
    weight_layout(&sized, parts, plan->precision, plan->alignment);
    return sized.bytes;
}

static void plan_weight_free(void *state, Weight *w) {
}

static void plan_share(void *state, size_t bytes) {
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
    .dry = true,
    ENTRY(open) ENTRY(close) ENTRY(describe) ENTRY(mem_alloc) ENTRY(mem_free) ENTRY(mem_info) ENTRY(upload)
    ENTRY(download) ENTRY(sync) ENTRY(weight_pack) ENTRY(weight_free) ENTRY(prefetch)
    ENTRY(weight_bytes)
    OPS_LIST(ENTRY)
};

Backend plan_like(const Backend *real) {
    Backend plan = PLAN_BACKEND;
    if (real->share)
        plan.share = plan_share;
    if (!real->prefetch)
        plan.prefetch = NULL;
    ops_match_fused(&plan, real);
    return plan;
}

void plan_begin(PlanRun *out, const Ops *real, unsigned streamed) {
    out->count = (PlanCount){0};
    out->arena = arena_counting();
    out->backend = plan_like(real->backend);
    out->ops = (Ops){.backend = &out->backend, .state = &out->count, .arena = &out->arena,
                     .streamed = streamed, .activation = real->activation};
}
