/* trace.h: wraps another backend and writes one NDJSON line per op: name, shapes, mean, norm and a hash of
 * the output. The tool for finding the first layer that differs from a reference. architecture.md 4.4. */
#pragma once

#include <stdio.h>

#include "ops/backend.h"

/* Replaces o's backend and state by a tracing pair around the present ones. out is borrowed. */
void trace_begin(Ops *o, FILE *out);
void trace_end(Ops *o); /* puts the wrapped backend back */
