/* names.c: see names.h. */
#include "config.h"

#include "engine/names.h"

#include "engine/residency.h"
#include "sample/schedule.h"
#include "sample/solver.h"

const char *names_sampler(int index, const char **help) {
    const Solver *row = SOLVERS;
    while (row->name && index-- > 0)
        row++;
    if (help)
        *help = row->help;
    return row->name;
}

const char *names_schedule(int index, const char **help) {
    const Schedule *row = SCHEDULES;
    while (row->name && index-- > 0)
        row++;
    if (help)
        *help = row->help;
    return row->name;
}

const char *names_plan(int index, const char **help) {
    const Residency *row = RESIDENCIES;
    while (row->name && index-- > 0)
        row++;
    if (help)
        *help = row->hot;
    return row->name;
}

const char *names_sampler_find(const char *name) {
    const Solver *row = solver_find(name);
    return row ? row->name : NULL;
}

const char *names_schedule_find(const char *name) {
    const Schedule *row = schedule_find(name);
    return row ? row->name : NULL;
}
