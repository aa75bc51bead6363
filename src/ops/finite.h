/* finite.h: looks at every result of every op, and stops at the first that is no number: the tool for
 * finding where a NaN comes from. Slow: each output is downloaded. architecture.md 4.4. */
#pragma once

#include "ops/backend.h"

/* Replaces o's backend by one that looks at the outputs. The first number that is infinite or NaN becomes
 * the sticky status, ERR_BUG, with op, place and shapes; inputs were finite, or the op before would have
 * been named: what is left is the op itself, its weight or a parameter. */
void finite_begin(Ops *o);
void finite_end(Ops *o); /* puts the wrapped backend back */
