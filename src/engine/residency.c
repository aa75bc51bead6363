/* residency.c: see residency.h. */
#include "config.h"

#include "engine/residency.h"

#include <string.h>

#include "base/log.h"
#include "engine/session.h"
#include "model/stream.h"

#define PLAN_B GROUP_MODULATION
#define PLAN_C (PLAN_B | GROUP_GEMMA)
#define PLAN_D (PLAN_C | GROUP_JINA | GROUP_CONTEXT)
#define PLAN_E (PLAN_D | GROUP_LAYERS)

#define COST_B "they are copied to the device once for each picture"
#define COST_E "the transformer is copied to the device in every step"
#define COST_D "the text encoders are copied to the device for each new prompt"

const Residency RESIDENCIES[] = {
    {"a", 0, 0, "everything hot", NULL},
    {"b", PLAN_B, 0, "all hot but the adaLN projections", COST_B},
    {"b8", PLAN_B, EIGHT_GEMMA, "all hot but the adaLN projections, Gemma in 8 bits", COST_B},
    {"c", PLAN_C, 0, "Gemma streamed", "Gemma is copied to the device for each new prompt"},
    {"c8", PLAN_B, EIGHT_GEMMA | EIGHT_DIT,
     "all hot but the adaLN projections, transformer and Gemma in 8 bits", COST_B},
    {"d", PLAN_D, 0, "text encoders streamed", COST_D},
    {"d8", PLAN_D, EIGHT_GEMMA | EIGHT_DIT,
     "text encoders streamed, transformer and Gemma in 8 bits", COST_D},
    {"e", PLAN_E, 0, "everything streamed", COST_E},
    {"e8", PLAN_E, EIGHT_GEMMA | EIGHT_DIT, "everything streamed, transformer and Gemma in 8 bits", COST_E},
    {0},
};

const Residency *residency_find(const char *name) {
    for (const Residency *row = RESIDENCIES; row->name; row++)
        if (!strcmp(row->name, name))
            return row;
    return NULL;
}

static bool precision_eight(const SessionOptions *options) {
    return options->precision == CHOOSE_INT8 || options->precision == CHOOSE_FP8;
}

unsigned residency_eight(const Session *s, const Residency *residency) {
    return residency->eight | (precision_eight(&s->options) ? EIGHT_DIT : 0);
}

Status residency_possible(const Session *s, const Residency *residency) {
    const SessionOptions *options = &s->options;
    if (!residency->eight)
        return NULL;
    if (!options->backend->devices)
        return hint(fail(ERR_UNSUPPORTED,
                         "plan %s keeps weights in 8 bits, which the %s backend does not have",
                         residency->name, options->backend->name), ":set plan auto");
    if (options->precision == CHOOSE_F32 || (options->precision == CHOOSE_AUTO && !options->bf16_in_hardware))
        return hint(fail(ERR_UNSUPPORTED, "plan %s keeps weights in 8 bits, precision f32 does not",
                         residency->name), ":set precision bf16, or :set plan auto");
    return NULL;
}

bool residency_one_memory(const Session *s) {
    return !s->options.backend->devices && !s->options.vram && !s->options.residency;
}

bool residency_allowed(const Session *s, const Residency *residency) {
    const SessionOptions *options = &s->options;
    if (s->gemma && residency_eight(s, residency) != s->eight)
        return false;
    if (!s->ops.backend->prefetch) /* also while every op is checked */
        return !residency->streamed && !residency->eight;
    if (options->residency)
        return residency == options->residency;
    if (residency->eight && !precision_eight(options))
        return false;
    return !residency_one_memory(s) || !residency->streamed;
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
    uint64_t away = dit_away_bytes(s->dit) + gemma_away_bytes(s->gemma) + jina_away_bytes(s->jina);
    return memory.free + s->arena_size + s->info.weights_bytes - away; /* no weights before they are loaded */
}

/* Of pages of a card that weights fill in part, though a layer's share theirs: at most so much of the
 * published model's weights under any plan (bench/NOTES.md). */
#define PAGES_WASTE 96

void residency_fit(PlanInfo *plan, const Session *s, uint64_t room) {
    uint64_t weights = plan->weights_bytes + (s->ops.backend->share ? plan->weights_bytes / PAGES_WASTE : 0);
    uint64_t steps = weights + plan->steps_bytes, decode = weights + plan->decode_bytes;
    bool movable = s->ops.backend->prefetch && !residency_one_memory(s);
    int most = movable && !(plan->residency->streamed & GROUP_LAYERS) ? dit_drop_most(s->dit) : 0;
    plan->peak_bytes = decode > steps ? decode : steps;
    plan->fits = plan->peak_bytes <= room;
    plan->dropped = 0;
    plan->dropped_bytes = 0;
    for (int layers = 1; layers <= most && !plan->fits && steps <= room; layers++) {
        uint64_t bytes = dit_drop_bytes(s->dit, layers);
        if (decode - bytes > room)
            continue;
        plan->fits = true;
        plan->dropped = layers;
        plan->dropped_bytes = bytes;
        plan->peak_bytes = decode - bytes > steps ? decode - bytes : steps;
    }
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

Status residency_make_room(Session *s, int layers, size_t arena_bytes) {
    pthread_mutex_lock(&s->lock);
    session_release(s);
    s->settled = false;
    dit_drop(s->dit, &s->ops, layers);
    pthread_mutex_unlock(&s->lock);
    TRY(ops_status(&s->ops));
    return session_reserve(s, arena_bytes);
}

void residency_return(Session *s) {
    pthread_mutex_lock(&s->lock);
    session_release(s);
    Status st = settle(s, s->residency);
    if (st)
        log_line(LOG_WARN, "plan %s: %s", s->residency->name, st->message);
    pthread_mutex_unlock(&s->lock);
}
