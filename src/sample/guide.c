/* guide.c: classifier-free guidance on the velocity. Facts: model-spec.md 7.5. */
#include "config.h"

#include "sample/guide.h"

bool guide_needed(const Guidance *guidance, double t) {
    /* truncation at 1 or above means "always", also for the evaluation at exactly t = 1 */
    return guidance->scale > 1 && (guidance->truncate >= 1 || t < guidance->truncate);
}

void guide_mix(Ops *o, Tensor velocity, Tensor branches, const Guidance *guidance) {
    if (branches.dims[0] == 1)
        ops_copy(o, velocity, tensor_at(branches, 0));
    else
        op_cfg_mix(o, velocity, tensor_at(branches, 0), tensor_at(branches, 1),
                   (GuideHow){(float)guidance->scale, (float)guidance->renorm});
}
