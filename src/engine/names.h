/* names.h: the names of samplers, schedules and plans for the rooms above the engine, which do not include
 * src/sample. */
#pragma once

/* Name `index` of the table, from 0, and its one-line meaning in *help (may be NULL); NULL behind
 * the last. */
const char *names_sampler(int index, const char **help);
const char *names_schedule(int index, const char **help);

const char *names_plan(int index, const char **help); /* of engine/residency.h */

/* The name that the table gives to a name or one of its aliases; NULL when it is not known. */
const char *names_sampler_find(const char *name);
const char *names_schedule_find(const char *name);
