/* worker.c: the thread that owns the model.
 *
 * Two things cross the border: requests go into a mailbox (jobs, another model, pause), events and snapshots
 * come out through base/queue. A stop is one atomic word, job number and kind together, so that a Ctrl-C that
 * comes a moment too early or too late never hits another job. While idle the worker hashes the transformer
 * file bit by bit. Facts: architecture.md 8; product.md R4 to R7, N2 to N4, M7.
 */
#include "config.h"

#include "engine/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/queue.h"
#include "engine/output.h"
#include "engine/warm.h"

#define EVENTS_MAX 256
#define LOADING_EVERY 0.5          /* seconds between two events about loading */
#define PREVIEW_EVERY 0.5          /* seconds between two previews */
#define HASH_SLICE (4u << 20)      /* bytes hashed between two looks into the mailbox */

struct Worker {
    pthread_t thread;
    char *build;
    WakePipe wake;
    Queue *events;
    Slot *progress;
    atomic_uint_fast64_t stop;     /* job << 2 | StopKind */
    atomic_int keep, preview;      /* job whose next step is to be kept, shown; 0: none */
    atomic_bool stop_all;          /* the program is leaving: drop whatever runs */

    pthread_mutex_t lock;          /* of the mailbox: everything down to `paused` */
    pthread_cond_t changed;
    Job *waiting[WORKER_JOBS_MAX]; /* owned */
    int waiting_count;
    SessionOptions *load;          /* owned; the newest wish wins */
    bool unload, quit, paused, watched;

    pthread_mutex_t session_lock;  /* held while the session is replaced, and by others while they read it */
    Session *session;              /* of the worker thread; NULL: no model */
    bool pace_owed;                /* EVENT_PACE was promised */

    FileMap transformer;           /* being hashed; no data when there is nothing (left) to hash */
    Sha256 sha;
    size_t sha_done;

    const Job *running;            /* of the worker thread */
    Phase phase;
    Progress snapshot;             /* the newest; too large for a stack */
    bool preview_wanted;           /* at once, however short ago the last one was */
    double last_preview, last_loading;
};

/* ---- what the worker says ------------------------------------------------------------------------------ */

static void post(Worker *w, Event *event) {
    event->time = clock_seconds();
    if (!event->job)
        event->job = w->running ? w->running->id : 0;
    if (!queue_push(w->events, event))
        event_done(event); /* closed: nobody listens any more */
}

static Fault *fault_new(Status st) {
    if (!st)
        return NULL;
    Fault *fault = must_alloc(sizeof *fault);
    fault_copy(fault, st);
    return fault;
}

static void post_fault(Worker *w, EventKind kind, Status st) {
    post(w, &(Event){.kind = kind, .fault = fault_new(st)});
}

/* What memory is in use while no step says so. */
static void post_memory(Worker *w) {
    w->snapshot.job = w->running ? w->running->id : 0;
    if (w->session)
        session_memory(w->session, &w->snapshot.host, &w->snapshot.device);
    slot_put(w->progress, &w->snapshot);
}

/* ---- the model ----------------------------------------------------------------------------------------- */

static void tell_loading(void *context, const char *network, uint64_t done, uint64_t total) {
    Worker *w = context;
    double now = clock_seconds();
    if (now - w->last_loading < LOADING_EVERY)
        return;
    w->last_loading = now;
    post(w, &(Event){
                .kind = EVENT_LOADING, .text = must_copy(network), .bytes_done = done, .bytes_total = total});
}

/* Nobody waits for a model when the program leaves in the middle of loading one. */
static bool load_is_moot(void *context) {
    Worker *w = context;
    return atomic_load_explicit(&w->stop_all, memory_order_relaxed);
}

/* A model of several files has no single hash to speak of; the first file stands for it. */
static void begin_hash(Worker *w) {
    file_unmap(&w->transformer);
    w->transformer = (FileMap){0};
    sha256_begin(&w->sha);
    w->sha_done = 0;
    if (w->session && file_map(&w->transformer, safetensors_path(w->session->files.file[PART_DIT])))
        /* gone since it was loaded: no hash, which is allowed (product.md M7) */
        w->transformer = (FileMap){0};
}

static void replace_session(Worker *w, Session *session) {
    pthread_mutex_lock(&w->session_lock);
    Session *old = w->session;
    w->session = session;
    pthread_mutex_unlock(&w->session_lock);
    w->pace_owed = false;
    session_close(old);
    begin_hash(w);
}

/* The old model stays until the new one is there, if both fit; a large one could not be loaded
 * beside itself. */
static void load_model(Worker *w, const SessionOptions *options) {
    Session *session = NULL;
    w->last_loading = clock_seconds();
    SessionHow how = {tell_loading, load_is_moot, w};
    Status st = session_open(&session, options, &how);
    if (st && st->code == ERR_MEMORY && w->session) {
        replace_session(w, NULL);
        st = session_open(&session, options, &how);
    }
    if (st) {
        post(w, &(Event){.kind = EVENT_NO_MODEL, .fault = fault_new(st), .kept = w->session != NULL});
        return;
    }
    replace_session(w, session);
    ModelInfo *info = must_alloc(sizeof *info);
    model_info_copy(info, &session->info);
    info->pace_follows = w->pace_owed = warm_wanted(session);
    post(w, &(Event){.kind = EVENT_MODEL, .model = info});
    post_memory(w);
}

/* Hashes the next slice of the transformer file. Returns false when there is nothing left to do. */
static bool hash_slice(Worker *w) {
    const FileMap *file = &w->transformer;
    if (!file->data)
        return false;
    size_t left = file->size - w->sha_done, slice = left < HASH_SLICE ? left : HASH_SLICE;
    sha256_add(&w->sha, file->data + w->sha_done, slice);
    /* the weights are packed: no page is needed twice */
    file_map_forget(file, file->data + w->sha_done, slice);
    w->sha_done += slice;
    if (w->sha_done < file->size)
        return true;
    unsigned char digest[32];
    sha256_end(&w->sha, digest);
    sha256_digest_hex(w->session->info.hash, digest);
    file_unmap(&w->transformer);
    w->transformer = (FileMap){0};
    post(w, &(Event){.kind = EVENT_HASH, .text = must_copy(w->session->info.hash)});
    return false;
}

/* ---- one job ------------------------------------------------------------------------------------------- */

static StopKind stop_of(void *context) {
    Worker *w = context;
    uint64_t stop = atomic_load_explicit(&w->stop, memory_order_relaxed);
    if (atomic_load_explicit(&w->stop_all, memory_order_relaxed))
        return STOP_NOW;
    return (int)(stop >> 2) == w->running->id ? (StopKind)(stop & 3) : STOP_NOT;
}

static void on_phase(void *context, Phase phase, double seconds) {
    Worker *w = context;
    post(w, &(Event){.kind = EVENT_PHASE, .phase = phase, .seconds = seconds});
    w->phase = phase + 1 < PHASE_COUNT ? phase + 1 : phase;
}

static void on_plan(void *context, const PlanInfo *plan) {
    post(context, &(Event){.kind = EVENT_PLAN, .plan = *plan});
}

/* The picture as far as it is known, at most PREVIEW_MAX pixels wide and high, never enlarged. */
static void fill_preview(Progress *progress, const Worker *w, const float *denoised) {
    PreviewSize cells = {w->running->width / 8, w->running->height / 8};
    int longest = cells.width > cells.height ? cells.width : cells.height;
    double shrink = longest > PREVIEW_MAX ? (double)PREVIEW_MAX / longest : 1;
    int width = (int)(cells.width * shrink), height = (int)(cells.height * shrink);
    PreviewSize size = {width > 0 ? width : 1, height > 0 ? height : 1};
    preview_project(progress->preview, size, denoised, cells, &w->session->preview);
    progress->preview_width = size.width;
    progress->preview_height = size.height;
}

/* Each wish is for one step of one job. */
static RunWish wish_of(void *context) {
    Worker *w = context;
    int keep = w->running->id, preview = w->running->id;
    w->preview_wanted = atomic_compare_exchange_strong(&w->preview, &preview, 0);
    bool kept = atomic_compare_exchange_strong(&w->keep, &keep, 0);
    return (w->preview_wanted ? WISH_PREVIEW : 0) | (kept ? WISH_KEEP : 0);
}

static void on_step(void *context, const StepInfo *step, const float *denoised) {
    Worker *w = context;
    Progress *snapshot = &w->snapshot;
    post(w, &(Event){.kind = EVENT_STEP, .step = *step});
    snapshot->job = w->running->id;
    snapshot->phase = PHASE_DENOISE;
    snapshot->step = *step;
    session_memory(w->session, &snapshot->host, &snapshot->device);
    double now = clock_seconds();
    bool due = now - w->last_preview >= PREVIEW_EVERY || w->last_preview == 0 || w->preview_wanted;
    if (denoised && due) {
        fill_preview(snapshot, w, denoised);
        snapshot->preview_count++;
        w->last_preview = now;
    }
    slot_put(w->progress, snapshot);
}

static void set_paused(Worker *w, bool paused) {
    pthread_mutex_lock(&w->lock);
    w->paused = paused;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* Encodes and writes the picture of a result, and fills what there is to tell. *png holds the file's bytes.
 * Errors: those of output_write; a picture that cannot be encoded leaves *png empty. */
static Status write_picture(Worker *w, SavedInfo *saved, Buf *png, RunResult *result) {
    const Job *job = w->running;
    double begun = clock_seconds();
    NumberedFile written = {0};
    Status st = output_encode(png, job, result, &(OutputMaker){&w->session->info, w->build});
    if (st) {
        buf_done(png);
        return st;
    }
    st = output_write(&written, job, png);
    saved->number = written.number;
    saved->path = written.path;
    result->seconds[PHASE_SAVE] = clock_seconds() - begun;
    sha256_hex(saved->sha256, png->data, png->size);
    memcpy(saved->latent_sha256, result->latent_sha256, sizeof saved->latent_sha256);
    saved->steps_run = result->steps_run;
    for (int i = 0; i < PHASE_COUNT; i++)
        saved->total_seconds += saved->seconds[i] = result->seconds[i];
    saved->peak_bytes = result->peak_bytes;
    saved->pixels = result->pixels;
    result->pixels = NULL;
    saved->width = job->width;
    saved->height = job->height;
    return st;
}

static void take_png(SavedInfo *saved, Buf *png) {
    saved->png_size = png->size;
    saved->png = buf_take(png);
}

/* A picture that could not be written travels in the event, so that nothing is lost. */
static void save(Worker *w, RunResult *result) {
    Event event = {.kind = EVENT_SAVED};
    Buf png = {0};
    Status st = write_picture(w, &event.saved, &png, result);
    if (st && !png.size) {
        post_fault(w, EVENT_FAILED, st);
        return;
    }
    if (st) {
        event.kind = EVENT_UNSAVED;
        event.fault = fault_new(st);
        set_paused(w, true); /* the next picture would have no room either */
    }
    post(w, &(Event){.kind = EVENT_PHASE, .phase = PHASE_SAVE, .seconds = result->seconds[PHASE_SAVE]});
    if (st || w->running->output == OUTPUT_BYTES)
        take_png(&event.saved, &png);
    buf_done(&png);
    post(w, &event);
}

/* One step of a job that goes on. */
static void on_kept(void *context, RunResult *result) {
    Worker *w = context;
    Event event = {.kind = EVENT_KEPT};
    Buf png = {0};
    event.fault = fault_new(write_picture(w, &event.saved, &png, result));
    if (event.fault && png.size)
        take_png(&event.saved, &png);
    buf_done(&png);
    post(w, &event);
}

static Status no_model(void) {
    return hint(fail(ERR_USAGE, "no model is loaded"), ":model PATH loads one, :demo the built-in one");
}

static void run_one(Worker *w, Job *job) {
    RunHooks hooks = {.context = w, .stop = stop_of, .phase = on_phase, .plan = on_plan, .wish = wish_of,
                      .step = on_step, .kept = on_kept};
    RunResult result = {0};
    w->running = job;
    w->phase = PHASE_TEXT;
    w->last_preview = 0;
    w->snapshot.preview_width = w->snapshot.preview_height = 0;
    post(w, &(Event){.kind = EVENT_STARTED});
    Status st = w->session ? output_check(job) : no_model();
    if (!st)
        st = run_job(&result, w->session, job, &hooks);
    bool lost = st && st->code == ERR_DEVICE;
    if (lost)
        set_paused(w, true); /* the next job would find no model */
    if (st && st->code == ERR_CANCELLED) {
        post(w, &(Event){.kind = EVENT_STOPPED, .kept = false});
    } else if (st) {
        post_fault(w, EVENT_FAILED, st);
    } else {
        if (result.stopped)
            post(w, &(Event){.kind = EVENT_STOPPED, .kept = true, .step.step = result.steps_run,
                             .step.total = result.sigma_count - 1});
        save(w, &result);
        run_result_done(&result);
    }
    post(w, &(Event){.kind = EVENT_FINISHED});
    w->running = NULL;
    if (lost) { /* nothing of it can be used any more */
        replace_session(w, NULL);
        post(w, &(Event){.kind = EVENT_NO_MODEL});
    }
    post_memory(w);
    job_free(job);
}

/* ---- while nobody asks for anything -------------------------------------------------------------------- */

static StopKind stop_of_idle(void *context) {
    Worker *w = context;
    pthread_mutex_lock(&w->lock);
    bool asked = w->quit || w->load || w->unload || (w->waiting_count && !w->paused);
    pthread_mutex_unlock(&w->lock);
    return asked ? STOP_NOW : STOP_NOT;
}

/* Finds out how fast the card is, unless a job did or comes in between. */
static void find_pace(Worker *w) {
    Status st = warm_wanted(w->session) ? warm_up(w->session, stop_of_idle, w) : NULL;
    if (st) { /* lost before anybody asked it for a picture */
        Fault *fault = fault_new(st);
        replace_session(w, NULL);
        post(w, &(Event){.kind = EVENT_NO_MODEL, .fault = fault});
        return;
    }
    if (warm_wanted(w->session) && stop_of_idle(w) != STOP_NOT)
        return; /* later */
    w->pace_owed = false;
    post(w, &(Event){.kind = EVENT_PACE});
    post_memory(w);
}

/* A little of what is left to do. Returns false when there is nothing. */
static bool idle_slice(Worker *w) {
    if (!w->pace_owed)
        return hash_slice(w);
    find_pace(w);
    return true;
}

/* ---- the thread ---------------------------------------------------------------------------------------- */

typedef struct Order {
    enum { ORDER_QUIT, ORDER_LOAD, ORDER_UNLOAD, ORDER_JOB, ORDER_IDLE } kind;
    SessionOptions *load;
    Job *job;
} Order;

/* What to do next; called with the lock held. */
static Order next_order(Worker *w) {
    if (w->quit)
        return (Order){.kind = ORDER_QUIT};
    if (w->load) {
        Order order = {.kind = ORDER_LOAD, .load = w->load};
        w->load = NULL;
        return order;
    }
    if (w->unload) {
        w->unload = false;
        return (Order){.kind = ORDER_UNLOAD};
    }
    if (!w->waiting_count || w->paused)
        return (Order){.kind = ORDER_IDLE};
    Order order = {.kind = ORDER_JOB, .job = w->waiting[0]};
    memmove(w->waiting, w->waiting + 1, (size_t)--w->waiting_count * sizeof *w->waiting);
    return order;
}

/* Waits until something changed, or, when watched, a second. Called with the lock held. */
static void wait_for_change(Worker *w) {
    if (!w->watched) {
        pthread_cond_wait(&w->changed, &w->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until); /* the clock of a condition variable */
    until.tv_sec++;
    if (pthread_cond_timedwait(&w->changed, &w->lock, &until) == ETIMEDOUT)
        post_memory(w);
}

/* Waits for an order, doing what is left to do meanwhile. */
static Order take_order(Worker *w) {
    bool more = true;
    pthread_mutex_lock(&w->lock);
    Order order = next_order(w);
    while (order.kind == ORDER_IDLE) {
        if (more) {
            pthread_mutex_unlock(&w->lock);
            more = idle_slice(w);
            pthread_mutex_lock(&w->lock);
        } else {
            wait_for_change(w);
        }
        order = next_order(w);
    }
    pthread_mutex_unlock(&w->lock);
    return order;
}

static void *worker_main(void *context) {
    Worker *w = context;
    for (;;) {
        Order order = take_order(w);
        switch (order.kind) {
        case ORDER_QUIT:
            replace_session(w, NULL);
            return NULL;
        case ORDER_LOAD:
            load_model(w, order.load);
            session_options_done(order.load);
            free(order.load);
            break;
        case ORDER_UNLOAD:
            replace_session(w, NULL);
            post(w, &(Event){.kind = EVENT_NO_MODEL});
            break;
        case ORDER_JOB:
            run_one(w, order.job);
            break;
        case ORDER_IDLE:
            break;
        }
    }
}

/* ---- for the UI thread --------------------------------------------------------------------------------- */

static void worker_done(Worker *w) {
    queue_free(w->events);
    slot_free(w->progress);
    wake_close(&w->wake);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->session_lock);
    free(w->build);
    free(w);
}

Status worker_start(Worker **out, const char *build) {
    Worker *w = must_alloc(sizeof *w);
    Status st = wake_open(&w->wake);
    if (st) {
        free(w);
        return st;
    }
    w->build = must_copy(build);
    w->events = queue_new(sizeof(Event), EVENTS_MAX, &w->wake);
    w->progress = slot_new(sizeof(Progress), &w->wake);
    pthread_mutex_init(&w->lock, NULL);
    pthread_mutex_init(&w->session_lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    sigset_t all, before; /* signals are the UI thread's; a new thread inherits the mask of its maker */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        worker_done(w);
        return fail(ERR_MEMORY, "cannot start the worker thread: %s", strerror(error));
    }
    *out = w;
    return NULL;
}

void worker_free(Worker *w) {
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->quit = true;
    for (int i = 0; i < w->waiting_count; i++)
        job_free(w->waiting[i]);
    w->waiting_count = 0;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    atomic_store(&w->stop_all, true);
    queue_close(w->events); /* a worker that waits for room must not wait for ever */
    pthread_join(w->thread, NULL);
    Event event;
    while (queue_try_pop(w->events, &event))
        event_done(&event);
    if (w->load)
        session_options_done(w->load);
    free(w->load);
    worker_done(w);
}

int worker_fd(const Worker *w) {
    return w->wake.read_end;
}

bool worker_event(Worker *w, Event *out) {
    wake_drain(&w->wake);
    return queue_try_pop(w->events, out);
}

bool worker_progress(Worker *w, Progress *out) {
    return slot_take(w->progress, out);
}

void worker_load(Worker *w, const SessionOptions *options) {
    SessionOptions *copy = must_alloc(sizeof *copy);
    session_options_copy(copy, options);
    pthread_mutex_lock(&w->lock);
    SessionOptions *old = w->load;
    w->load = copy;
    w->unload = false;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (old)
        session_options_done(old);
    free(old);
}

void worker_unload(Worker *w) {
    pthread_mutex_lock(&w->lock);
    w->unload = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

Status worker_submit(Worker *w, const Job *job) {
    TRY(job_check(job));
    pthread_mutex_lock(&w->lock);
    bool full = w->waiting_count == WORKER_JOBS_MAX;
    if (!full)
        w->waiting[w->waiting_count++] = job_copy(job);
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (full)
        return hint(fail(ERR_USAGE, "the queue holds %d jobs already", WORKER_JOBS_MAX), ":queue shows them");
    return NULL;
}

void worker_stop(Worker *w, int id, StopKind kind) {
    uint64_t wish = (uint64_t)id << 2 | (uint64_t)kind, old = atomic_load(&w->stop);
    /* a second, harder wish for the same job wins over the first, never the other way round */
    while (!((old >> 2) == (uint64_t)id && (old & 3) >= (uint64_t)kind))
        if (atomic_compare_exchange_weak(&w->stop, &old, wish))
            break;
}

void worker_watch(Worker *w, WatchWhen when) {
    pthread_mutex_lock(&w->lock);
    w->watched = when == WATCH_ALWAYS;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void worker_keep(Worker *w, int id) {
    atomic_store(&w->keep, id);
}

void worker_preview(Worker *w, int id) {
    atomic_store(&w->preview, id);
}

/* Place of a waiting job, -1 when it is not waiting; called with the lock held. */
static int find_waiting(const Worker *w, int id) {
    for (int i = 0; i < w->waiting_count; i++)
        if (w->waiting[i]->id == id)
            return i;
    return -1;
}

/* Takes the job at `place` out of the line; called with the lock held. */
static Job *take_waiting(Worker *w, int place) {
    Job *job = w->waiting[place];
    memmove(w->waiting + place, w->waiting + place + 1,
            (size_t)(--w->waiting_count - place) * sizeof *w->waiting);
    return job;
}

bool worker_withdraw(Worker *w, int id) {
    pthread_mutex_lock(&w->lock);
    int place = find_waiting(w, id);
    Job *job = place >= 0 ? take_waiting(w, place) : NULL;
    pthread_mutex_unlock(&w->lock);
    job_free(job);
    return job != NULL;
}

bool worker_promote(Worker *w, int id) {
    pthread_mutex_lock(&w->lock);
    int place = find_waiting(w, id);
    if (place >= 0) {
        Job *job = take_waiting(w, place);
        memmove(w->waiting + 1, w->waiting, (size_t)w->waiting_count++ * sizeof *w->waiting);
        w->waiting[0] = job;
    }
    pthread_mutex_unlock(&w->lock);
    return place >= 0;
}

void worker_pause(Worker *w) {
    set_paused(w, true);
}

void worker_resume(Worker *w) {
    set_paused(w, false);
}

Status worker_tokens(Worker *w, TokenList *out, TokenRule rule, const char *text, size_t size) {
    pthread_mutex_lock(&w->session_lock);
    Status st = w->session ? tokenizer_encode(w->session->tokenizer[rule], out, text, size) : no_model();
    pthread_mutex_unlock(&w->session_lock);
    return st;
}

Status worker_plan(Worker *w, PlanInfo *out, const Job *job) {
    pthread_mutex_lock(&w->session_lock);
    Status st = w->session ? run_plan(out, w->session, job) : no_model();
    pthread_mutex_unlock(&w->session_lock);
    return st;
}
