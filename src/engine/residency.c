/* residency.c: see residency.h. */
#include "config.h"

#include "engine/residency.h"

#include <string.h>

#include "engine/session.h"
#include "model/stream.h"

#define PLAN_B GROUP_MODULATION
#define PLAN_C (PLAN_B | GROUP_GEMMA)
#define PLAN_D (PLAN_C | GROUP_JINA | GROUP_CONTEXT)
#define PLAN_E (PLAN_D | GROUP_LAYERS)

const Residency RESIDENCIES[] = {
    {"a", 0, "everything hot", NULL},
    {"b", PLAN_B, "all hot but the adaLN projections", "they are copied to the device once for each picture"},
    {"c", PLAN_C, "Gemma streamed", "Gemma is copied to the device for each new prompt"},
    {"d", PLAN_D, "text encoders streamed", "the text encoders are copied to the device for each new prompt"},
    {"e", PLAN_E, "everything streamed", "the transformer is copied to the device in every step"},
    {0},
};

const Residency *residency_find(const char *name) {
    for (const Residency *row = RESIDENCIES; row->name; row++)
        if (!strcmp(row->name, name))
            return row;
    return NULL;
}

bool residency_allowed(const Session *s, const Residency *residency) {
    const SessionOptions *options = &s->options;
    if (!s->ops.backend->prefetch) /* also while every op is checked */
        return !residency->streamed;
    if (options->residency)
        return residency == options->residency;
    bool shared = !options->backend->devices && !options->vram;
    return !shared || !residency->streamed;
}

/* Bytes of what these groups hold. */
static uint64_t group_bytes(const Session *s, unsigned groups) {
    return dit_group_bytes(s->dit, groups) + gemma_group_bytes(s->gemma, groups) +
           jina_group_bytes(s->jina, groups);
}

uint64_t residency_weights(const Session *s, const Residency *residency) {
    return s->info.weights_bytes - group_bytes(s, residency->streamed);
}

uint64_t residency_room(Session *s) {
    MemInfo memory;
    session_device_memory(s, &memory);
    if (!memory.total)
        return UINT64_MAX;
    uint64_t ours = s->arena_size;
    if (s->info.weights_bytes) /* loaded */
        ours += s->info.weights_bytes - group_bytes(s, s->ops.streamed);
    return memory.free + ours;
}

/* Moves the weights; leaves no fault behind in the session. */
static Status settle(Session *s, const Residency *residency) {
    s->ops.streamed = residency->streamed;
    gemma_settle(s->gemma, &s->ops);
    jina_settle(s->jina, &s->ops);
    dit_settle(s->dit, &s->ops);
    Fault kept;
    fault_copy(&kept, ops_status(&s->ops));
    ops_clear(&s->ops);
    s->settled = kept.code == ERR_NONE;
    return fault_raise(&kept);
}

Status residency_place(Session *s, const Residency *residency, size_t arena_bytes) {
    Status st = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->residency != residency || !s->settled) {
        session_release(s); /* an arena that is too large must not be in the way of weights that come back */
        s->residency = residency;
        st = settle(s, residency);
    }
    pthread_mutex_unlock(&s->lock);
    return st ? st : session_reserve(s, arena_bytes);
}
