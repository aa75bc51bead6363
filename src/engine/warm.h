/* warm.h: a first small job on a card, made while nobody waits for one. It loads the kernels, times the
 * library's candidates and finds out how fast the card is, so that :mem and :doctor know how long a picture
 * takes before there was one. */
#pragma once

#include "engine/run.h"

/* A card whose pace is not known. The CPU has a guess that is near enough (run.c). */
bool warm_wanted(const Session *session);

/* Makes the first three steps of guided pictures, from 32 pixels on twice as large each time, until they take
 * a quarter of a second or have the model's usual size, and leaves the pace of the last in the session.
 * `stop` is asked between steps, anything but STOP_NOT ends it early. A job that fails ends it, too: the pace
 * stays unknown, and only a lost card is an error (ERR_DEVICE). */
Status warm_up(Session *session, StopKind (*stop)(void *context), void *context);
