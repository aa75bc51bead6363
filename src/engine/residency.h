/* residency.h: the residency plans: which weights are on the device while it works, and which stay on the
 * host and visit it (model/stream.h). performance.md 2.3 has the table for the published model; here are its
 * rows, the choice among them, and the way from one to another.
 *
 * Token embeddings are on the host under every plan, and so are the modulation rows of a run.
 *
 * Plans b8, c8, d8 and e8 also say what is kept in 8 bits, which only a card does and which is decided when
 * the model is loaded: a session changes among the plans whose numbers are those that it has, for each of
 * which there is one that streams everything. They change pictures a little, so nobody comes under them
 * unless somebody asks for them or for a precision in 8 bits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "engine/event.h"

typedef struct Session Session;

/* Networks whose layers may be in 8 bits. Gemma's are int8 in any case; the transformer's fp8 where the
 * precision is that. */
enum { EIGHT_GEMMA = 1, EIGHT_DIT = 2 };

typedef struct Residency {
    const char *name;    /* "b", "b8" */
    unsigned streamed;   /* groups of model/stream.h that visit the device */
    unsigned eight;      /* networks in 8 bits, besides what the precision has so */
    const char *hot;     /* "everything hot": what is on the device, for people */
    const char *cost;    /* what the plan costs in time, for people; NULL: nothing */
} Residency;

/* From everything on the device to nearly nothing: each needs less than the one before, of the published
 * model with the numbers that the plan names. Ends with a row whose name is NULL. */
extern const Residency RESIDENCIES[];
const Residency *residency_find(const char *name); /* NULL when there is none */

/* The networks that are in 8 bits under a plan, with the session's precision. */
unsigned residency_eight(const Session *session, const Residency *residency);

/* NULL when the backend and the precision have what a plan asks for. Errors: ERR_UNSUPPORTED. */
Status residency_possible(const Session *session, const Residency *residency);

/* Device and host are one, and nobody pretends otherwise: weights cannot be anywhere else. */
bool residency_one_memory(const Session *session);

/* What setting `plan`, the backend, the device and the numbers that are loaded leave to choose from: where
 * device and host share one memory, streaming gains nothing, so everything is hot there unless somebody asks
 * for it. */
bool residency_allowed(const Session *session, const Residency *residency);

/* Bytes of the session's weights that are on the device under a plan. */
uint64_t residency_weights(const Session *session, const Residency *residency);

/* Bytes on the device for weights and activations together: what is free, and what the session's weights
 * and arena hold now. UINT64_MAX when the device does not say. */
uint64_t residency_room(Session *session);

/* Whether what was counted fits into `room` bytes: sets fits and peak_bytes; and, where only the decoding of
 * the picture has no room, dropped and dropped_bytes to the fewest layers of the transformer that make it,
 * if a quarter of them does (performance.md 2.3: 25 to 50 ms a picture). Layers may leave where weights can
 * be anywhere but on the device. */
void residency_fit(PlanInfo *plan, const Session *session, uint64_t room);

/* Brings the session under a plan, with an arena of at least so many bytes. Errors: ERR_MEMORY when device
 * or host have no room after all; the session must then be placed again, under a smaller plan, before it
 * works. Source: product.md R3. */
Status residency_place(Session *session, const Residency *residency, size_t arena_bytes);

/* Gives the arena back and sends the last `layers` layers of the transformer to the host, for an arena of so
 * many bytes. residency_return undoes it, and is owed also after an error: ERR_MEMORY when device or host
 * have no room after all. */
Status residency_make_room(Session *session, int layers, size_t arena_bytes);

/* Gives the arena back and brings the weights to where the plan wants them, beside whatever the host does
 * next. Without room for them they come with the next residency_place, or under a smaller plan. */
void residency_return(Session *session);
