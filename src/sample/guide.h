/* guide.h: classifier-free guidance. model-spec.md 7.5. */
#pragma once

#include <stdbool.h>

#include "ops/ops.h"

typedef struct Guidance {
    double scale;     /* cfg; at 1 or below one branch is enough */
    double truncate;  /* guide only while model time is below this; 1 or more: always */
    double renorm;    /* clamp of the norm; 0 is off */
} Guidance;

/* True when the evaluation at model time t needs the unconditional branch. */
bool guide_needed(const Guidance *guidance, double t);

/* velocity [c, h, w] from the branches [1 or 2, c, h, w]; copies the conditional one when there is
 * only one. */
void guide_mix(Ops *o, Tensor velocity, Tensor branches, const Guidance *guidance);
