/* residency.h: the residency plans: which weights are on the device while it works, and which stay on the
 * host and visit it (model/stream.h). performance.md 2.3 has the table for the published model; here are its
 * rows, the choice among them, and the way from one to another.
 *
 * Token embeddings are on the host under every plan, and so are the modulation rows of a run. The 8-bit
 * variants of the table (b8, c8, d8) will be rows when a backend computes in 8 bits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct Session Session;

typedef struct Residency {
    const char *name;    /* "b" */
    unsigned streamed;   /* groups of model/stream.h that visit the device */
    const char *hot;     /* "everything hot": what is on the device, for people */
    const char *cost;    /* what the plan costs in time, for people; NULL: nothing */
} Residency;

/* From everything on the device to nearly nothing; each streams more than the one before. Ends with a row
 * whose name is NULL. */
extern const Residency RESIDENCIES[];
const Residency *residency_find(const char *name); /* NULL when there is none */

/* What setting `plan`, the backend and the device leave to choose from: where device and host share one
 * memory, streaming gains nothing, so everything is hot there unless somebody asks for it. */
bool residency_allowed(const Session *session, const Residency *residency);

/* Bytes of the session's weights that are on the device under a plan. */
uint64_t residency_weights(const Session *session, const Residency *residency);

/* Bytes on the device for weights and activations together: what is free, and what the session's weights
 * and arena hold now. UINT64_MAX when the device does not say. */
uint64_t residency_room(Session *session);

/* Brings the session under a plan, with an arena of at least so many bytes. Errors: ERR_MEMORY when device
 * or host have no room after all; the session must then be placed again, under a smaller plan, before it
 * works. Source: product.md R3. */
Status residency_place(Session *session, const Residency *residency, size_t arena_bytes);
