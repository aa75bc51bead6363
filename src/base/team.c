/* team.c: the compute team. One atomic number, `open`, is the whole protocol: the units of the current job
 * that nobody has taken. Taking one is a compare-and-swap from n to n - 1; only after it succeeded are the
 * job's fields read, and they cannot change before `done` has counted that unit. A helper that is late may
 * take a unit of the next job instead: it then reads the next job's fields, published before its units.
 *
 * All orders are sequentially consistent: a few atomics per unit of some 40 us are nothing to save on, and
 * sleep_until_work needs it. */
#include "config.h"

#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Rounds of waiting before a helper sleeps, or the caller offers its core to the helper it waits for. A pause
 * is 10 to 40 ns on the processors we know, so this is 20 to 80 us. */
#define PAUSES 2000

typedef struct Helper {
    Team *team;
    pthread_t id;
    int index;
} Helper;

struct Team {
    _Alignas(64) _Atomic int64_t open; /* units not yet taken */
    _Alignas(64) _Atomic int64_t done; /* units finished */
    _Alignas(64) _Atomic int sleepers;
    _Atomic bool closing;
    TeamUnit *unit; /* the current job; written while open is 0 and every unit is done */
    void *job;
    int64_t units;
    pthread_mutex_t lock; /* of the sleep */
    pthread_cond_t wake;
    int helpers;
    Helper helper[];
};

static inline void pause_core(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Takes units until there are none. */
static void work(Team *team, int thread) {
    int64_t open = atomic_load(&team->open);
    while (open > 0) {
        if (!atomic_compare_exchange_weak(&team->open, &open, open - 1))
            continue;
        team->unit(team->job, team->units - open, thread);
        atomic_fetch_add(&team->done, 1);
        open = atomic_load(&team->open);
    }
}

static bool idle(Team *team) {
    return atomic_load(&team->open) <= 0 && !atomic_load(&team->closing);
}

/* The sleeper announces itself before it looks again; the caller publishes work before it looks for sleepers.
 * Both are sequentially consistent, so at least one of them sees the other. */
static void sleep_until_work(Team *team) {
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while (idle(team))
        pthread_cond_wait(&team->wake, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->lock);
}

static void wake_all(Team *team) {
    if (atomic_load(&team->sleepers) == 0)
        return;
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->lock);
}

static void *helper_main(void *argument) {
    Helper *helper = argument;
    Team *team = helper->team;
    while (!atomic_load(&team->closing)) {
        for (int i = 0; i < PAUSES && idle(team); i++)
            pause_core();
        if (idle(team))
            sleep_until_work(team);
        work(team, helper->index);
    }
    return NULL;
}

/* A thread inherits the signal mask of its maker: block everything meanwhile. */
static int start_helper(Helper *helper) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&helper->id, NULL, helper_main, helper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

Status team_open(Team **out, int threads) {
    size_t size = sizeof(Team) + (size_t)(threads - 1) * sizeof(Helper);
    Team *team = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!team)
        return fail(ERR_MEMORY, "not enough memory for a team of %d threads", threads);
    *team = (Team){.helpers = 0};
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    for (int i = 0; i < threads - 1; i++) {
        Helper *helper = &team->helper[i];
        *helper = (Helper){.team = team, .index = i + 1};
        if (start_helper(helper)) {
            team_close(team);
            return hint(fail(ERR_MEMORY, "the system gave %d of %d threads", i + 1, threads),
                        ":set threads %d", i + 1);
        }
        team->helpers++;
    }
    *out = team;
    return NULL;
}

void team_close(Team *team) {
    if (!team)
        return;
    atomic_store(&team->closing, true);
    wake_all(team);
    for (int i = 0; i < team->helpers; i++)
        pthread_join(team->helper[i].id, NULL);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
    free(team);
}

int team_size(const Team *team) {
    return team->helpers + 1;
}

void team_run(Team *team, TeamUnit *unit, void *job, int64_t units) {
    if (team->helpers == 0 || units < 2) {
        for (int64_t i = 0; i < units; i++)
            unit(job, i, 0);
        return;
    }
    team->unit = unit;
    team->job = job;
    team->units = units;
    atomic_store(&team->done, 0);
    atomic_store(&team->open, units);
    wake_all(team);
    work(team, 0);
    for (int i = 0; i < PAUSES && atomic_load(&team->done) < units; i++)
        pause_core();
    while (atomic_load(&team->done) < units)
        sched_yield();
}
