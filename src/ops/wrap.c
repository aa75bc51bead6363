/* wrap.c: passing memory and weights on to the wrapped backend. */
#include "config.h"

#include "ops/wrap.h"

#include "ops/list.h"

/* inner->op(inner_state, ...) of the Wrap at state. */
#define PASS(op, ...) ((Wrap *)state)->inner->op(((Wrap *)state)->inner_state, ##__VA_ARGS__)

static const char *wrap_describe(void *state) {
    return PASS(describe);
}

static void *wrap_mem_alloc(void *state, size_t bytes) {
    return PASS(mem_alloc, bytes);
}

static void wrap_mem_free(void *state, void *block, size_t bytes) {
    PASS(mem_free, block, bytes);
}

static void wrap_mem_info(void *state, MemInfo *info) {
    PASS(mem_info, info);
}

static Status wrap_upload(void *state, Tensor device, const void *host) {
    return PASS(upload, device, host);
}

static Status wrap_download(void *state, void *host, Tensor device) {
    return PASS(download, host, device);
}

static Status wrap_sync(void *state) {
    return PASS(sync);
}

static Status wrap_weight_pack(void *state, Weight *out, const WeightParts *parts) {
    return PASS(weight_pack, out, parts);
}

static void wrap_weight_free(void *state, Weight *w) {
    PASS(weight_free, w);
}

/* An entry that the decorator left empty. */
#define PASSED_ON(op)       \
    if (!wrap->table.op)    \
        wrap->table.op = wrap_##op;

void wrap_begin(Ops *o, Wrap *wrap, const Backend *table) {
    wrap->inner = o->backend;
    wrap->inner_state = o->state;
    wrap->table = *table;
    PASSED_ON(describe)
    PASSED_ON(mem_alloc)
    PASSED_ON(mem_free)
    PASSED_ON(mem_info)
    PASSED_ON(upload)
    PASSED_ON(download)
    PASSED_ON(sync)
    PASSED_ON(weight_pack)
    PASSED_ON(weight_free)
    ops_match_fused(&wrap->table, wrap->inner);
    o->backend = &wrap->table;
    o->state = wrap;
}

Wrap *wrap_end(Ops *o) {
    Wrap *wrap = o->state;
    assert(o->backend == &wrap->table);
    o->backend = wrap->inner;
    o->state = wrap->inner_state;
    return wrap;
}
