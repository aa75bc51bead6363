/* parity.h: what the parts of tests/parity share. Format of the cases: the README of the reference data. */
#pragma once

#include "io/json.h"
#include "io/safetensors.h"
#include "model/gemma.h"
#include "ops/backend.h"

/* One way to compute: a backend, and for the CPU backend a code path. */
typedef struct Path {
    const char *name; /* "ref", "portable", "avx2", ...; "emu", "cuda" */
    const Backend *backend;
    int device;
    Precision precision; /* in bf16 numbers are compared with limits of their own */
} Path;

typedef enum ReportForm { REPORT_LINES, REPORT_TAP } ReportForm;

typedef struct Report {
    ReportForm form;
    bool several_paths; /* the path is part of every line */
    int count, bad;
} Report;

/* One case folder on one path. */
typedef struct Case {
    const char *name;   /* of the folder: KIND-NAME */
    const char *folder;
    const Json *json;   /* case.json */
    const SafeTensors *data; /* NULL when the case has none */
    const Path *path;
    Report *report;
} Case;

/* One line: "ok|not ok KIND-NAME RUN OUTPUT rel=ERROR limit=LIMIT". Not a number is not ok. */
void report_error(const Case *c, int run, const char *output, double error, double limit);
void report_skip(const Case *c, int run, const char *output, const char *reason);
/* A run that ended with a failure instead of an output. */
void report_failure(const Case *c, int run, const char *output, Status st);

/* Run number `run` of the case. */
const Json *case_run(const Case *c, int run);

/* The limit of an output: the run's own, else the case's, 0 when neither says; on a path of bf16 that of
 * ops/list.h. */
double case_limit(const Case *c, int run, const char *output);

/* The tensor RUN.NAME of data.safetensors; NULL when it is not there. */
const SafeTensor *case_tensor(const Case *c, int run, const char *name);

/* FOLDER/NAME, owned. */
char *case_path(const Case *c, const char *name);

/* Errors in float64 of n float32 numbers against stored ones: ||a - b|| / ||b||, and the largest |a - b|. */
double error_relative(const float *got, const float *expected, int64_t n);
double error_largest(const float *got, const float *expected, int64_t n);

/* Runs `work` twice: over the plan backend to learn how much arena it needs, then for real. Returns the
 * sticky status. work gets its context and Ops whose arena is large enough; downloads of the first pass hold
 * zeros. */
typedef void Work(void *context, Ops *o);
Status compute(Ops *o, Work *work, void *context);

/* Opens the path's backend; o->arena is set by compute. */
Status path_open(Ops *o, const Path *path);
void path_close(Ops *o);

/* The kinds. Each reports every output of every run of the case. */
void parity_dit(const Case *c);
void parity_gemma(const Case *c);
void parity_jina(const Case *c);
void parity_vae(const Case *c);
void parity_tokens(const Case *c);
void parity_schedule(const Case *c);
void parity_noise(const Case *c);
void parity_solver(const Case *c);
void parity_pipeline(const Case *c);

/* A run gemma_logits of the kind gemma. */
typedef struct GemmaCase {
    const Gemma *gemma;
    const SafeTensors *file;
    const Json *config; /* NULL without one */
} GemmaCase;
void parity_logits(const Case *c, int run, Ops *o, const GemmaCase *gemma);
