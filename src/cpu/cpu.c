/* cpu.c: the CPU backend's table, its opening and closing, and its memory. */
#include "config.h"

#include "cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "cpu/isa.h"
#include "cpu/state.h"

/* ---- memory -------------------------------------------------------------------------------------------- */

#define MAP_FROM (2u << 20) /* the size of a huge page: smaller blocks come from malloc */

void *block_alloc(size_t bytes) {
    if (bytes < MAP_FROM)
        return aligned_alloc(64, (bytes + 64) / 64 * 64);
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    madvise(block, bytes, MADV_HUGEPAGE); /* only a wish */
#endif
    return block;
}

void block_free(void *block, size_t bytes) {
    if (!block)
        return;
    if (bytes < MAP_FROM)
        free(block);
    else
        munmap(block, bytes);
}

Status scratch_get(CpuState *state, void **out, size_t bytes) {
    if (bytes > state->scratch_size) {
        block_free(state->scratch, state->scratch_size);
        state->scratch_size = 0;
        state->scratch = block_alloc(bytes);
        if (!state->scratch)
            return fail(ERR_MEMORY, "not enough memory for %zu bytes of scratch space", bytes);
        state->scratch_size = bytes;
    }
    *out = state->scratch;
    return NULL;
}

static void *cpu_mem_alloc(void *state, size_t bytes) {
    void *block = block_alloc(bytes);
    if (block)
        atomic_fetch_add(&((CpuState *)state)->held, bytes);
    return block;
}

static void cpu_mem_free(void *state, void *block, size_t bytes) {
    if (!block)
        return;
    block_free(block, bytes);
    atomic_fetch_sub(&((CpuState *)state)->held, bytes);
}

static void cpu_mem_info(void *state, MemInfo *info) {
    memory_of_host(&info->total, &info->free);
    info->held = atomic_load(&((CpuState *)state)->held);
}

/* Device memory is host memory. */
static Status cpu_upload(void *state, Tensor device, const void *host) {
    void *readable = (void *)(uintptr_t)host; /* a tensor cannot say that it is only read */
    return cpu_copy(state, device, tensor_dense_view(readable, device.type, device.rank, device.dims));
}

static Status cpu_download(void *state, void *host, Tensor device) {
    return cpu_copy(state, tensor_dense_view(host, device.type, device.rank, device.dims), device);
}

/* One memory, one stream: a copy is done when it is asked for. */
static Status cpu_prefetch(void *state, void *device, const void *host, size_t bytes) {
    (void)state;
    memcpy(device, host, bytes);
    return NULL;
}

static Status cpu_sync(void *state) {
    (void)state; /* nothing is ever left to wait for */
    return NULL;
}

/* ---- work ---------------------------------------------------------------------------------------------- */

typedef struct RangeRun {
    RangeKernel *kernel;
    const void *job;
    int64_t count, units;
} RangeRun;

static void range_unit(void *context, int64_t unit, int thread) {
    const RangeRun *run = context;
    (void)thread;
    run->kernel(run->job, unit * run->count / run->units, (unit + 1) * run->count / run->units);
}

/* Waking and joining the team costs about a microsecond or two, the time of some 4000 simple elements. */
#define ELEMENTS_WORTH_SHARING 4096

void run_range(CpuState *state, RangeKernel *kernel, const void *job, int64_t count, int64_t weight) {
    int64_t most = least(count, count * weight / ELEMENTS_WORTH_SHARING);
    int64_t units = least(4 * team_size(state->team), most);
    RangeRun run = {kernel, job, count, units > 0 ? units : 1};
    team_run(state->team, range_unit, &run, run.units);
}

/* ---- open and close ------------------------------------------------------------------------------------ */

static void cpu_close(void *opaque) {
    CpuState *state = opaque;
    if (!state)
        return;
    if (state->workspaces)
        block_free(state->workspaces, sizeof(Workspace) * (size_t)team_size(state->team));
    block_free(state->scratch, state->scratch_size);
    team_close(state->team);
    free(state);
}

static Status open_parts(CpuState *state, const BackendOptions *options, int threads) {
    TRY(isa_choose(&state->kernels, options->path));
    TRY(team_open(&state->team, threads));
    state->workspaces = block_alloc(sizeof(Workspace) * (size_t)threads);
    if (!state->workspaces)
        return fail(ERR_MEMORY, "not enough memory for the work space of %d threads", threads);
    return NULL;
}

static Status cpu_open(void **out, const BackendOptions *options) {
    if (options->precision > PRECISION_BF16)
        return hint(fail(ERR_UNSUPPORTED, "precision %s: the cpu backend computes in f32 or bf16",
                         precision_name(options->precision)), ":set precision auto");
    int threads = options->threads > 0 ? options->threads : (int)least(cpu_physical_cores(), TEAM_MAX);
    if (threads > TEAM_MAX)
        return fail(ERR_USAGE, "threads is %d; it can be 1 to %d", threads, TEAM_MAX);
    CpuState *state = calloc(1, sizeof *state);
    if (!state)
        return fail(ERR_MEMORY, "not enough memory to open the cpu backend");
    state->precision = options->precision;
    Status st = open_parts(state, options, threads);
    if (st) {
        cpu_close(state);
        return st;
    }
    snprintf(state->description, sizeof state->description, "cpu, %d thread%s, %s", threads,
             threads == 1 ? "" : "s", state->kernels->name);
    *out = state;
    return NULL;
}

static const char *cpu_describe(void *state) {
    return ((CpuState *)state)->description;
}

const Backend CPU_BACKEND = {
    .version = BACKEND_VERSION, .name = "cpu",
    .open = cpu_open, .close = cpu_close, .describe = cpu_describe,
    .mem_alloc = cpu_mem_alloc, .mem_free = cpu_mem_free, .mem_info = cpu_mem_info,
    .upload = cpu_upload, .download = cpu_download, .copy = cpu_copy, .fill = cpu_fill, .sync = cpu_sync,
    .weight_pack = cpu_weight_pack, .weight_free = cpu_weight_free,
    .linear = cpu_linear, .glu_linear = cpu_glu_linear,
    .rms_norm = cpu_rms_norm, .add_norm = cpu_add_norm, .layer_norm = cpu_layer_norm,
    .group_norm = cpu_group_norm, .qk_norm_rope = cpu_qk_norm_rope, .attention = cpu_attention,
    .embed = cpu_embed, .mean_rows = cpu_mean_rows,
    .conv2d = cpu_conv2d, .upsample2x = cpu_upsample2x, .upsample2x_conv = cpu_upsample2x_conv,
    .patchify = cpu_patchify, .unpatchify = cpu_unpatchify, .transpose = cpu_transpose,
    .unary = cpu_unary, .binary = cpu_binary, .lincomb = cpu_lincomb, .sum_squares = cpu_sum_squares,
    .cast = cpu_cast, .to_rgb8 = cpu_to_rgb8, .prefetch = cpu_prefetch,
};
