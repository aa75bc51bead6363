/* check.h: runs each op on two backends from the same inputs and stops at the first whose results differ by more than
 * the op's tolerance. Both must live in host memory, or provide upload and download. architecture.md 4.4. */
#pragma once

#include "ops/backend.h"

/* Replaces o's backend by one that runs every op on it and on `other`. A difference becomes the sticky status, ERR_BUG,
 * with op, shapes and the error. Weights are packed for both. */
Status check_begin(Ops *o, const Backend *other, const BackendOptions *options);
void check_end(Ops *o);
