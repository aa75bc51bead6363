/* parity_model.c: the kinds of tests/parity that run one network: dit (with cfg), gemma, jina, vae. */
#include "config.h"

#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "model/dit.h"
#include "model/gemma.h"
#include "model/jina.h"
#include "model/vae.h"
#include "sample/guide.h"
#include "tests/model/parity.h"

/* ---- opening the model of a case ----------------------------------------------------------------------- */

typedef struct Opened {
    Ops ops;
    SafeTensors *file;
    Json *config; /* NULL without one */
    bool backend_open;
    Dit *dit;     /* the one network of the case */
    Gemma *gemma;
    Jina *jina;
    Vae *vae;
} Opened;

/* The weights of the case, whatever their file is called: shards by index, else a single file. Owned. */
static char *weights_path(const Case *c) {
    static const char *const PATTERNS[] = {"model/*.safetensors.index.json", "model/*.safetensors"};
    char *found = NULL;
    for (int i = 0; i < 2 && !found; i++) {
        char *pattern = case_path(c, PATTERNS[i]);
        glob_t names = {0};
        if (!glob(pattern, 0, NULL, &names))
            found = must_copy(names.gl_pathv[0]);
        globfree(&names);
        free(pattern);
    }
    return found;
}

static Status open_model(Opened *m, const Case *c) {
    *m = (Opened){0};
    TRY(path_open(&m->ops, c->path));
    m->backend_open = true;
    char *weights = weights_path(c), *config = case_path(c, "model/config.json");
    Status st = weights ? safetensors_open(&m->file, weights)
                        : fail(ERR_IO, "%s/model has no weights", c->folder);
    if (!st && file_exists(config))
        st = json_read(&m->config, config);
    free(weights);
    free(config);
    return st;
}

static void close_model(Opened *m) {
    dit_free(m->dit, &m->ops);
    gemma_free(m->gemma, &m->ops);
    jina_free(m->jina, &m->ops);
    vae_free(m->vae, &m->ops);
    if (m->backend_open)
        path_close(&m->ops);
    safetensors_close(m->file);
    json_free(m->config);
}

/* What differs between the kinds: how the network is loaded, and what one run does. */
typedef struct Network {
    const char *output; /* what is not ok when the network does not load */
    Status (*load)(Opened *m);
    void (*run)(const Case *c, int run, Opened *m);
} Network;

static void run_network(const Case *c, const Network *network) {
    Opened m;
    Status st = open_model(&m, c);
    if (!st)
        st = network->load(&m);
    for (int run = 0; run < (int)json_count(json_get(c->json, "runs")); run++) {
        if (st)
            report_failure(c, run, network->output, st);
        else
            network->run(c, run, &m);
        ops_clear(&m.ops);
    }
    close_model(&m);
}

/* Compares and reports `got` with RUN.NAME, when the case has it. */
static void report_tensor(const Case *c, int run, const char *name, const float *got, Status st) {
    const SafeTensor *expected = case_tensor(c, run, name);
    if (st || !expected)
        report_failure(c, run, name, st);
    else
        report_error(c, run, name, error_relative(got, expected->data, expected->count),
                     case_limit(c, run, name));
}

static float *room_for(const SafeTensor *expected) {
    return must_alloc(sizeof(float) * (size_t)(expected ? expected->count : 1));
}

/* A stored tensor on the device, as [rows, width], float32. */
static Tensor uploaded(Ops *o, const SafeTensor *stored, int64_t rows, int64_t width) {
    Tensor t = ops_table(o, rows, width);
    ops_upload(o, t, stored->data);
    return t;
}

/* ---- dit, cfg ------------------------------------------------------------------------------------------ */

typedef struct DitWork {
    const Dit *dit;
    const SafeTensor *latent, *caption[2], *pooled[2];
    int sequences;
    double t;
    Guidance guidance;
    float *velocity; /* result */
} DitWork;

static void dit_work(void *context, Ops *o) {
    DitWork *w = context;
    const DitConfig *config = dit_config(w->dit);
    int64_t high = w->latent->dims[1], wide = w->latent->dims[2], lengths[2];
    for (int i = 0; i < w->sequences; i++)
        lengths[i] = w->caption[i]->dims[0];
    DitInput input = {.text = seqs_of(w->sequences, lengths), .height = high, .width = wide, .times = &w->t,
                      .evaluations = 1};
    input.caption = ops_matrix(o, seqs_rows(&input.text), config->caption_dim);
    input.pooled = ops_matrix(o, w->sequences, config->pooled_dim);
    for (int i = 0; i < w->sequences; i++) {
        ops_upload(o, tensor_rows(input.caption, input.text.offsets[i], lengths[i]), w->caption[i]->data);
        ops_upload(o, tensor_rows(input.pooled, i, 1), w->pooled[i]->data);
    }
    const int64_t dims[3] = {config->channels, high, wide};
    Tensor latent = ops_new(o, DT_F32, 3, dims), velocity = ops_new(o, DT_F32, 3, dims);
    ops_upload(o, latent, w->latent->data);
    DitRun run;
    dit_begin(&run, o, w->dit, &input);
    int branches = w->sequences == 2 && guide_needed(&w->guidance, w->t) ? 2 : 1;
    Tensor both = ops_new(o, DT_F32, 4, (int64_t[]){branches, config->channels, high, wide});
    dit_velocity(o, both, &run, latent, 0);
    guide_mix(o, velocity, both, &w->guidance);
    ops_download(o, w->velocity, velocity);
    dit_end(&run, o);
}

static void run_dit(const Case *c, int run, Opened *m) {
    const Json *json = case_run(c, run);
    const SafeTensor *expected = case_tensor(c, run, "velocity"), *t = case_tensor(c, run, "t");
    DitWork work = {.dit = m->dit, .latent = case_tensor(c, run, "latent"), .velocity = room_for(expected),
                    .sequences = 1, .caption = {case_tensor(c, run, "caption"),
                                                case_tensor(c, run, "caption_negative")},
                    .pooled = {case_tensor(c, run, "pooled"), case_tensor(c, run, "pooled_negative")},
                    .guidance = {.scale = json_get_number(json, "scale", 1),
                                 .truncate = json_get_number(json, "cfg_trunc", 100),
                                 .renorm = json_get_number(json, "renorm", 0)}};
    if (!strcmp(json_get_string(json, "kind", "dit"), "cfg"))
        work.sequences = 2;
    Status st = NULL;
    if (!t || !work.latent || !work.caption[work.sequences - 1] || !work.pooled[work.sequences - 1])
        st = fail(ERR_FORMAT, "run %d lacks one of latent, t, caption, pooled", run);
    if (!st) {
        work.t = *(const float *)t->data;
        st = compute(&m->ops, dit_work, &work);
    }
    report_tensor(c, run, "velocity", work.velocity, st);
    free(work.velocity);
}

static Status load_dit(Opened *m) {
    return dit_load(&m->dit, &m->ops, m->file, m->config, NULL);
}

void parity_dit(const Case *c) {
    run_network(c, &(Network){"velocity", load_dit, run_dit});
}

/* ---- gemma, jina --------------------------------------------------------------------------------------- */

typedef struct TextWork {
    const Gemma *gemma; /* one of the two */
    const Jina *jina;
    const SafeTensor *ids;
    float *result;
} TextWork;

static void text_work(void *context, Ops *o) {
    TextWork *w = context;
    Seqs seqs = seqs_one(w->ids->count);
    Tensor out = w->gemma ? ops_matrix(o, w->ids->count, gemma_config(w->gemma)->hidden)
                          : ops_matrix(o, 1, jina_config(w->jina)->hidden);
    if (w->gemma)
        gemma_encode(o, out, w->gemma, w->ids->data, &seqs);
    else
        jina_encode(o, out, w->jina, w->ids->data, &seqs);
    ops_download(o, w->result, out);
}

static void run_text(const Case *c, int run, Opened *m) {
    const char *output = m->gemma ? "hidden" : "pooled";
    TextWork work = {.gemma = m->gemma, .jina = m->jina, .ids = case_tensor(c, run, "ids"),
                     .result = room_for(case_tensor(c, run, output))};
    Status st = work.ids && work.ids->type == DT_I32 ? compute(&m->ops, text_work, &work)
                                                     : fail(ERR_FORMAT, "run %d has no ids", run);
    report_tensor(c, run, output, work.result, st);
    free(work.result);
}

static void run_gemma(const Case *c, int run, Opened *m) {
    if (!strcmp(json_get_string(case_run(c, run), "kind", ""), "gemma_logits"))
        parity_logits(c, run, &m->ops, &(GemmaCase){m->gemma, m->file, m->config});
    else
        run_text(c, run, m);
}

static Status load_gemma(Opened *m) {
    return gemma_load(&m->gemma, &m->ops, m->file, m->config, NULL);
}

static Status load_jina(Opened *m) {
    return jina_load(&m->jina, &m->ops, m->file, m->config, NULL);
}

void parity_gemma(const Case *c) {
    run_network(c, &(Network){"hidden", load_gemma, run_gemma});
}

void parity_jina(const Case *c) {
    run_network(c, &(Network){"pooled", load_jina, run_text});
}

/* ---- vae ----------------------------------------------------------------------------------------------- */

typedef struct VaeWork {
    const Vae *vae;
    const SafeTensor *input;
    bool encode;
    float *result;
} VaeWork;

static void vae_work(void *context, Ops *o) {
    VaeWork *w = context;
    const VaeConfig *config = vae_config(w->vae);
    int64_t channels = w->input->dims[0], high = w->input->dims[1], wide = w->input->dims[2];
    Tensor input = uploaded(o, w->input, channels, high * wide);
    if (w->encode) {
        Tensor pixels = ops_cube(o, high, wide, channels);
        Tensor mean = ops_new(o, DT_F32, 3, (int64_t[]){config->latent_channels, high / config->factor,
                                                        wide / config->factor});
        op_transpose(o, tensor_as_2d(pixels, high * wide, channels), input, 1, 0);
        vae_encode(o, mean, w->vae, pixels, LATENT_VAE);
        ops_download(o, w->result, mean);
    } else {
        int64_t rows = high * config->factor, columns = wide * config->factor;
        Tensor image = ops_cube(o, rows, columns, 3), planes = ops_table(o, 3, rows * columns);
        vae_decode(o, image, w->vae, tensor_as_3d(input, channels, high, wide), LATENT_VAE);
        op_transpose(o, planes, tensor_as_2d(image, rows * columns, 3), 1, 0);
        ops_download(o, w->result, planes);
    }
}

static void run_vae(const Case *c, int run, Opened *m) {
    bool encode = !strcmp(json_get_string(case_run(c, run), "kind", ""), "vae_encode");
    const char *output = encode ? "mean" : "image";
    VaeWork work = {.vae = m->vae, .encode = encode,
                    .input = case_tensor(c, run, encode ? "pixels" : "latent"),
                    .result = room_for(case_tensor(c, run, output))};
    Status st = work.input && work.input->rank == 3 ? compute(&m->ops, vae_work, &work)
                                                    : fail(ERR_FORMAT, "run %d has no input", run);
    report_tensor(c, run, output, work.result, st);
    free(work.result);
}

static Status load_vae(Opened *m) {
    return vae_load(&m->vae, &m->ops, m->file, m->config, VAE_BOTH);
}

void parity_vae(const Case *c) {
    run_network(c, &(Network){"image", load_vae, run_vae});
}
