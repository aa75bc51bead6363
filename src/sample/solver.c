/* solver.c: steppers as linear combinations of state, velocity and estimates of the picture.
 *
 * Two families, one table. Runge-Kutta methods (euler, midpoint, rk4) evaluate several times per interval and
 * add velocities. The others evaluate once and mix the state with the denoised estimate x̂ = x + sigma·v of
 * this and the last interval; each is one function that returns the factors of that mix. Facts:
 * model-spec.md 7.4. h = t_next − t = sigma − sigma_next is positive.
 */
#include "config.h"

#include "sample/solver.h"

#include <math.h>
#include <string.h>

#define STAGES_MAX 4

/* x_next = state·x + denoised·x̂ + previous·x̂_old + noise·z */
typedef struct Mix {
    double state, denoised, previous, noise;
} Mix;

struct SolverTable {
    double moment[STAGES_MAX];             /* stage k is evaluated at t + moment·h */
    double inner[STAGES_MAX][STAGES_MAX];  /* state of stage k: x + h·Σ inner[k][j]·v[j] */
    double outer[STAGES_MAX];              /* x_next = x + h·Σ outer[k]·v[k] */
    Mix (*mix)(const double *sigma, int interval, int intervals); /* NULL for Runge-Kutta */
};

/* The signal level (1 − sigma) over the noise level, as a logarithm; −inf at pure noise, which the formulas
 * bear. */
static double log_signal(double sigma) {
    return log((1 - sigma) / sigma);
}

/* DPM-Solver++ 2M as the laboratory wrote it: in terms of signal and noise. */
static Mix mix_dpm2m(const double *sigma, int i, int intervals) {
    if (i == intervals - 1)
        return (Mix){.denoised = 1};
    double h = log_signal(sigma[i + 1]) - log_signal(sigma[i]);
    double pull = -(1 - sigma[i + 1]) * expm1(-h);
    double lead = i > 0 ? h / (log_signal(sigma[i]) - log_signal(sigma[i - 1])) / 2 : 0; /* 1 / 2r */
    return (Mix){.state = sigma[i + 1] / sigma[i], .denoised = pull * (1 + lead), .previous = -pull * lead};
}

/* The k-diffusion form: in terms of noise alone. */
static Mix mix_dpmpp_2m(const double *sigma, int i, int intervals) {
    if (i == intervals - 1)
        return (Mix){.denoised = 1};
    double h = log(sigma[i] / sigma[i + 1]);
    double pull = -expm1(-h);
    double lead = i > 0 ? h / log(sigma[i - 1] / sigma[i]) / 2 : 0;
    return (Mix){.state = sigma[i + 1] / sigma[i], .denoised = pull * (1 + lead), .previous = -pull * lead};
}

/* Second-order exponential integrator; the first and the last interval are Euler steps. */
static Mix mix_res_multistep(const double *sigma, int i, int intervals) {
    double keep = sigma[i + 1] / sigma[i];
    if (i == 0 || i == intervals - 1)
        return (Mix){.state = keep, .denoised = 1 - keep};
    double h = log(sigma[i] / sigma[i + 1]);
    double c2 = log(sigma[i] / sigma[i - 1]) / h; /* negative: the old estimate lies behind */
    double phi1 = expm1(-h) / -h, phi2 = (phi1 - 1) / -h;
    return (Mix){.state = keep, .denoised = h * (phi1 - phi2 / c2), .previous = h * phi2 / c2};
}

/* Steps below the target level and adds fresh noise back up to it (eta = 1, for the linear path). */
static Mix mix_euler_ancestral(const double *sigma, int i, int intervals) {
    (void)intervals;
    if (sigma[i + 1] == 0)
        return (Mix){.denoised = 1};
    double down = sigma[i + 1] * sigma[i + 1] / sigma[i];
    double regain = (1 - sigma[i + 1]) / (1 - down);
    double variance = sigma[i + 1] * sigma[i + 1] - down * down * regain * regain;
    return (Mix){.state = regain * down / sigma[i], .denoised = regain * (1 - down / sigma[i]),
                 .noise = sqrt(fmax(variance, 0))};
}

static const struct SolverTable
    EULER = {.outer = {1}},
    MIDPOINT = {.moment = {0, 0.5}, .inner = {{0}, {0.5}}, .outer = {0, 1}},
    RK4 = {.moment = {0, 1.0 / 3, 2.0 / 3, 1},  /* the 3/8 rule, which the laboratory's ODE library uses */
           .inner = {{0}, {1.0 / 3}, {-1.0 / 3, 1}, {1, -1, 1}},
           .outer = {1.0 / 8, 3.0 / 8, 3.0 / 8, 1.0 / 8}},
    DPM2M = {.mix = mix_dpm2m},
    DPMPP_2M = {.mix = mix_dpmpp_2m},
    RES_MULTISTEP = {.mix = mix_res_multistep},
    EULER_ANCESTRAL = {.mix = mix_euler_ancestral};

const Solver SOLVERS[] = {
    {"euler", "", "one evaluation per step, straight ahead", "Euler", 1, &EULER},
    {"midpoint", "", "two evaluations per step; the lab's default", "Midpoint", 2, &MIDPOINT},
    {"rk4", "", "four evaluations per step (3/8 rule)", "RK4", 4, &RK4},
    {"dpm2m", "dpmpp_2m_lab", "DPM-Solver++ 2M as the lab wrote it", "DPM 2M lab", 1, &DPM2M},
    {"dpmpp_2m", "", "DPM++ 2M as in ComfyUI", "DPM++ 2M", 1, &DPMPP_2M},
    {"euler_ancestral", "euler_a", "Euler with fresh noise each step", "Euler a", 1, &EULER_ANCESTRAL},
    {"res_multistep", "", "second-order multistep, the community's choice", "Res Multistep", 1,
     &RES_MULTISTEP},
    {0},
};

const Solver *solver_find(const char *name) {
    for (const Solver *row = SOLVERS; row->name; row++)
        if (!strcmp(row->name, name) || (row->aliases[0] && !strcmp(row->aliases, name)))
            return row;
    return NULL;
}

int solver_evaluations(const Solver *solver, int intervals) {
    return solver->stages * intervals;
}

void solver_levels(const Solver *solver, double *levels, const double *sigma, int intervals) {
    for (int i = 0; i < intervals; i++)
        for (int k = 0; k < solver->stages; k++)
            *levels++ = sigma[i] + solver->table->moment[k] * (sigma[i + 1] - sigma[i]);
}

static Tensor like(Ops *o, Tensor x) {
    return ops_new(o, DT_F32, x.rank, x.dims);
}

void solver_begin(SolverRun *run, Ops *o) {
    const Solver *solver = run->solver;
    run->denoised = like(o, run->x);
    run->previous = solver->table->mix ? like(o, run->x) : NO_TENSOR;
    for (int k = 0; k < solver->stages; k++)
        run->work[k] = like(o, run->x);
    run->scratch = solver->stages > 1 || solver->table == &EULER_ANCESTRAL ? like(o, run->x) : NO_TENSOR;
}

/* y = x + h·Σ factor[j]·v[j] over the velocities; a factor of 0 stands for one that is not there (yet). */
static void add_velocities(Ops *o, Tensor y, const SolverRun *run, const double factor[STAGES_MAX],
                           double h) {
    LincombHow how = {.count = 1, .term = {run->x}, .factor = {1}};
    for (int j = 0; j < STAGES_MAX; j++) {
        if (factor[j] == 0)
            continue;
        how.term[how.count] = run->work[j];
        how.factor[how.count++] = (float)(h * factor[j]);
    }
    op_lincomb(o, y, &how);
}

static void mix_estimates(SolverRun *run, Ops *o, int interval) {
    Mix mix = run->solver->table->mix(run->sigma, interval, run->intervals);
    Tensor old = interval ? run->previous : run->denoised; /* unused (factor 0) in the first interval */
    LincombHow how = {.count = 3, .term = {run->x, run->denoised, old},
                      .factor = {(float)mix.state, (float)mix.denoised, (float)mix.previous}};
    if (mix.noise > 0) {
        run->noise(run->context, o, run->scratch);
        how.term[how.count] = run->scratch;
        how.factor[how.count++] = (float)mix.noise;
    }
    op_lincomb(o, run->x, &how);
}

void solver_step(SolverRun *run, Ops *o, int interval) {
    const Solver *solver = run->solver;
    double sigma = run->sigma[interval], h = sigma - run->sigma[interval + 1];
    Tensor estimate = run->previous; /* the older buffer takes the new estimate */
    for (int k = 0; k < solver->stages; k++) {
        Tensor at = run->x;
        if (k > 0) {
            at = run->scratch;
            add_velocities(o, at, run, solver->table->inner[k], h);
        }
        run->velocity(run->context, o, run->work[k], at, interval * solver->stages + k);
    }
    if (solver->table->mix) {
        run->previous = run->denoised;
        run->denoised = estimate;
    }
    op_lincomb(o, run->denoised,
               &(LincombHow){.count = 2, .term = {run->x, run->work[0]}, .factor = {1, (float)sigma}});
    if (solver->table->mix)
        mix_estimates(run, o, interval);
    else
        add_velocities(o, run->x, run, solver->table->outer, h);
}
