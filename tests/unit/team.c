/* team.c: the compute team runs every unit once, many times over, and sleeps when there is nothing to do. */
#include "config.h"

#include "base/team.h"

#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/tap.h"

enum { UNITS = 1000, ROUNDS = 2000 };

typedef struct Count {
    _Atomic int runs[UNITS];
    _Atomic int bad_threads, unblocked;
    int threads;
} Count;

static void count_unit(void *job, int64_t unit, int thread) {
    Count *count = job;
    sigset_t blocked;
    atomic_fetch_add(&count->runs[unit], 1);
    if (thread < 0 || thread >= count->threads)
        atomic_fetch_add(&count->bad_threads, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (thread > 0 && !sigismember(&blocked, SIGINT))
        atomic_fetch_add(&count->unblocked, 1);
}

static void test_every_unit_runs_once(int threads) {
    Team *team = NULL;
    static Count count;
    count = (Count){.threads = threads};
    CHECK_OK(team_open(&team, threads), "a team opens");
    CHECK_EQ(team_size(team), threads, "it has the size that was asked for");
    team_run(team, count_unit, &count, UNITS);
    int once = 0;
    for (int i = 0; i < UNITS; i++)
        once += atomic_load(&count.runs[i]) == 1;
    CHECK_EQ(once, UNITS, "every unit runs exactly once");
    CHECK_EQ(atomic_load(&count.bad_threads), 0, "thread numbers are below the team's size");
    CHECK_EQ(atomic_load(&count.unblocked), 0, "signals are blocked in the helpers");
    team_run(team, count_unit, &count, 0);
    CHECK_EQ(atomic_load(&count.runs[0]), 1, "a job without units does nothing");
    team_close(team);
}

static void add_unit(void *job, int64_t unit, int thread) {
    int64_t *sums = job;
    (void)thread;
    sums[unit] += unit;
}

/* Plain memory written by units must be visible to the next job, whichever threads run them. */
static void test_jobs_see_the_work_of_earlier_jobs(void) {
    Team *team = NULL;
    int64_t sums[7] = {0}, wrong = 0;
    CHECK_OK(team_open(&team, 3), "a team of three opens");
    for (int round = 0; round < ROUNDS; round++)
        team_run(team, add_unit, sums, 1 + round % 7);
    for (int i = 0; i < 7; i++)
        for (int round = 0; round < ROUNDS; round++)
            wrong += i < 1 + round % 7 ? i : 0;
    for (int i = 0; i < 7; i++)
        wrong -= sums[i];
    CHECK_EQ(wrong, 0, "jobs see the work of earlier jobs");
    team_close(team);
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void test_an_idle_team_uses_no_processor(void) {
    Team *team = NULL;
    int64_t sums[7] = {0};
    CHECK_OK(team_open(&team, 4), "a team of four opens");
    team_run(team, add_unit, sums, 7);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* enough to fall asleep on a busy machine */
    double before = cpu_seconds();
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    CHECK(cpu_seconds() - before < 0.02, "an idle team uses no processor time");
    team_run(team, add_unit, sums, 7);
    CHECK_EQ(sums[6], 12, "it wakes up for the next job");
    team_close(team);
}

int main(void) {
    test_every_unit_runs_once(1);
    test_every_unit_runs_once(2);
    test_every_unit_runs_once(9);
    test_jobs_see_the_work_of_earlier_jobs();
    test_an_idle_team_uses_no_processor();
    return tap_end();
}
