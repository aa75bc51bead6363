/* check.h: runs each op on two backends from the same inputs and stops at the first whose results differ by
 * more than the op's tolerance. The first may be a card; the second computes in host memory, in float32.
 * architecture.md 4.4. */
#pragma once

#include "ops/backend.h"

/* Replaces o's backend by one that runs every op on it and on `other`. A difference becomes the sticky
 * status, ERR_BUG, with op, shapes and the error. Weights are packed for both: pack them after check_begin
 * and free them before check_end. The tolerance is the row's of list.h for options->precision. Errors: those
 * of opening `other`, ERR_UNSUPPORTED when it is a card; o is then unchanged. */
Status check_begin(Ops *o, const Backend *other, const BackendOptions *options);
void check_end(Ops *o);

/* ‖a − b‖ / ‖b‖, or ‖a‖ when b is zero; infinite when a number is not finite unless both are the same
 * infinity. a, b of the same shape and of float types or bytes, in host memory. */
double check_difference(Tensor a, Tensor b);

/* a·b / (‖a‖ ‖b‖), of the same two; not a number when one of them is zero or not finite. */
double check_cosine(Tensor a, Tensor b);
