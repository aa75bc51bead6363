/* gemm.cu: see gemm.cuh.
 *
 * One layout for all: the weight W[n][k] is A (k x n by columns, transposed), x[m][k] is B (k x m), y[m][n]
 * is D (n x m). The library's heuristic names candidates; the fastest on the first use of a shape is kept in
 * a text file, one line a shape, so that the same card takes the same one next time and gives the same bits.
 * Shapes whose rows differ a little share a line: a prompt's length must not start a contest. Candidates that
 * split a sum over blocks are left out unless the user asked for FASTEST. */
#include "gpu/gemm.cuh"

#include <cublasLt.h>
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>

#include "gpu/library.cuh"
#include "gpu/product.cuh"

enum {
    GEMM_CANDIDATES = 16,
    GEMM_SHAPES_MAX = 256,
    GEMM_CHOICES_MAX = 512,
    GEMM_BUCKET = 512,
    GEMM_RUNS = 3
};

/* Up to so many products of fp8 numbers may be summed fast, in which Hopper keeps about 14 bits; not the 9216
 * of the second feed-forward matrix (performance.md 3.3). */
enum { GEMM_FAST_DEPTH = 4096 };
static const size_t GEMM_WORKSPACE = (size_t)32 << 20;
static const int GEMM_ALIGNMENT = 16;

/* ---- the library --------------------------------------------------------------------------------------- */

#define GEMM_FUNCTIONS(X)                                                                                    \
    X(cublasLtCreate)                                                                                        \
    X(cublasLtDestroy) X(cublasLtGetVersion) X(cublasLtMatmul) X(cublasLtMatmulDescCreate)                   \
        X(cublasLtMatmulDescDestroy) X(cublasLtMatmulDescSetAttribute) X(cublasLtMatrixLayoutCreate)         \
            X(cublasLtMatrixLayoutDestroy) X(cublasLtMatmulAlgoGetHeuristic)                                 \
                X(cublasLtMatmulPreferenceCreate) X(cublasLtMatmulPreferenceDestroy)                         \
                    X(cublasLtMatmulPreferenceSetAttribute)

typedef struct GemmLibrary {
#define GEMM_FIELD(name) decltype(&name) name##_;
    GEMM_FUNCTIONS(GEMM_FIELD)
} GemmLibrary;

#ifdef NEWBIE_EMULATED
#define GEMM_GONE() emu_library_missing()
#define GEMM_OPEN(path, size, names) ((void *)&emu_control)
#define GEMM_DLSYM(handle, name) ((void *)&::name)
#else
#define GEMM_GONE() false
#define GEMM_OPEN(path, size, names) library_open(path, size, names, GEMM_VARIABLE)
#define GEMM_DLSYM(handle, name) dlsym(handle, #name)
#endif

/* The major version that the module was compiled for, whose header is asked first, as text. */
#define GEMM_TEXT_OF(number) #number
#define GEMM_TEXT(number)    GEMM_TEXT_OF(number)
#define GEMM_NAME            "libcublasLt.so." GEMM_TEXT(CUBLAS_VER_MAJOR)
#define GEMM_VARIABLE        "NEWBIE_CUBLASLT"

/* The library as it was found. */
typedef struct GemmFound {
    GemmLibrary library;
    char file[512];
    bool complete; /* else it is as good as not there */
} GemmFound;

/* The calls and numbers used here are the same in versions 12 and 13. */
static GemmFound gemm_find(void) {
    static const char *const NAMES[] = {GEMM_NAME, "libcublasLt.so.13", "libcublasLt.so.12", NULL};
    GemmFound found = {};
    void *handle = GEMM_OPEN(found.file, sizeof found.file, NAMES);
    (void)NAMES;
    found.complete = handle != NULL;
#define GEMM_LOAD(name)                                               \
    if (handle) {                                                     \
        void *symbol = GEMM_DLSYM(handle, name);                      \
        memcpy(&found.library.name##_, &symbol, sizeof symbol);       \
        found.complete = found.complete && symbol;                    \
    }
    GEMM_FUNCTIONS(GEMM_LOAD)
    return found;
}

/* The functions, or NULL, and at *path the file they are from. Looked for once, by whichever thread asks
 * first; it stays for the life of the program. */
static const GemmLibrary *gemm_library(const char **path) {
    static const GemmFound found = gemm_find();
    *path = found.file;
    return found.complete && !GEMM_GONE() ? &found.library : NULL;
}

void gemm_library_name(char *out, size_t size) {
    const char *path, *home = getenv("HOME");
    const GemmLibrary *library = gemm_library(&path);
    size_t version = library ? library->cublasLtGetVersion_() : 0, inside = home ? strlen(home) : 0;
    bool ours = inside > 1 && !strncmp(path, home, inside); /* nobody's name is shown */
    if (library)
        snprintf(out, size, "cuBLASLt %zu.%zu%s%s%s", version / 10000, version / 100 % 100, *path ? ", " : "",
                 ours ? "~" : "", path + (ours ? inside : 0));
    else
        snprintf(out, size, "no " GEMM_NAME ": our own kernels multiply, more slowly; " GEMM_VARIABLE
                            "=FILE says where it is");
}

/* ---- state --------------------------------------------------------------------------------------------- */

/* What a product looks like to the library. */
typedef struct GemmShape {
    int64_t rows, out, in, x_stride, y_stride;
    DType x_type, y_type; /* the weight is of x_type */
    StoreMode store;
} GemmShape;

/* A shape that was used: everything the library wants for it. */
typedef struct GemmEntry {
    GemmShape shape;
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algorithm;
    size_t workspace;
} GemmEntry;

/* A line of the file: which candidate a kind of shape takes. */
typedef struct GemmChoice {
    int64_t rows, out, in; /* rows: of the bucket */
    DType x_type, y_type;
    int candidate;
} GemmChoice;

struct Gemm {
    const GemmLibrary *library;
    cublasLtHandle_t handle;
    char *workspace; /* [GEMM_WORKSPACE] on the card */
    Determinism determinism;
    GemmEntry entry[GEMM_SHAPES_MAX];
    int entries, oldest;
    GemmChoice choice[GEMM_CHOICES_MAX];
    int choices;
    char path[512];  /* of the file; empty: none */
    char key[200];   /* what its lines begin with: card, library version, mode */
};

static Status gemm_failed(Cuda *cuda, cublasStatus_t status, const char *doing) {
    if (status == CUBLAS_STATUS_ALLOC_FAILED)
        return cuda_status(cuda, cudaErrorMemoryAllocation, doing);
    cudaGetLastError();
    return fail(ERR_DEVICE, "cuda:%d failed in %s: cuBLASLt says %d", cuda->device, doing, (int)status);
}

#define GEMM_TRY(cuda, call, doing)                                  \
    do {                                                             \
        cublasStatus_t gemm_status_ = (call);                        \
        if (gemm_status_ != CUBLAS_STATUS_SUCCESS)                   \
            return gemm_failed((cuda), gemm_status_, (doing));       \
    } while (0)

/* ---- the file of choices ------------------------------------------------------------------------------- */

/* $XDG_CACHE_HOME/newbie/products.txt or ~/.cache/newbie/products.txt; its folder is made. */
static void gemm_find_file(Gemm *gemm) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char folder[480];
    if (cache && cache[0] == '/')
        snprintf(folder, sizeof folder, "%.400s", cache);
    else if (home && home[0] == '/')
        snprintf(folder, sizeof folder, "%.400s/.cache", home);
    else
        return;
    mkdir(folder, 0777);
    strcat(folder, "/newbie");
    if (mkdir(folder, 0777) && errno != EEXIST)
        return;
    snprintf(gemm->path, sizeof gemm->path, "%s/products.txt", folder);
}

/* Lines "KEY | ROWS OUT IN TYPE TYPE = CANDIDATE"; any other line is somebody else's. */
static void gemm_read_file(Gemm *gemm) {
    FILE *file = gemm->path[0] ? fopen(gemm->path, "re") : NULL;
    char line[400];
    size_t key = strlen(gemm->key);
    while (file && fgets(line, sizeof line, file) && gemm->choices < GEMM_CHOICES_MAX) {
        long long rows, out, in;
        int x_type, y_type, candidate;
        if (strncmp(line, gemm->key, key) ||
            sscanf(line + key, " | %lld %lld %lld %d %d = %d", &rows, &out, &in, &x_type, &y_type,
                   &candidate) != 6 ||
            candidate < 0 || candidate >= GEMM_CANDIDATES)
            continue;
        gemm->choice[gemm->choices++] = GemmChoice{rows, out, in, (DType)x_type, (DType)y_type, candidate};
    }
    if (file)
        fclose(file);
}

/* Appends a line; false when it cannot be kept. */
static bool gemm_append(const Gemm *gemm, const GemmChoice *choice) {
    FILE *file = gemm->path[0] ? fopen(gemm->path, "ae") : NULL;
    if (!file)
        return false;
    int printed = fprintf(file, "%s | %lld %lld %lld %d %d = %d\n", gemm->key, (long long)choice->rows,
                          (long long)choice->out, (long long)choice->in, (int)choice->x_type,
                          (int)choice->y_type, choice->candidate);
    return (fclose(file) == 0) & (printed > 0);
}

/* ---- opening and closing ------------------------------------------------------------------------------- */

static Status gemm_open_parts(Gemm *gemm, Cuda *cuda) {
    void *workspace;
    CUDA_TRY(cuda, cudaMalloc(&workspace, GEMM_WORKSPACE), "working space");
    gemm->workspace = (char *)workspace;
    snprintf(gemm->key, sizeof gemm->key, "%.120s, cuBLASLt %zu%s", cuda->card,
             gemm->library->cublasLtGetVersion_(), gemm->determinism == FASTEST ? ", fastest" : "");
    gemm_find_file(gemm);
    gemm_read_file(gemm);
    return NULL;
}

/* Our own kernels do it, more slowly. Takes gemm. */
static Status gemm_without(Gemm *gemm, Cuda *cuda, const char *why) {
    size_t length = strlen(cuda->description);
    snprintf(cuda->description + length, sizeof cuda->description - length, ", without cuBLASLt (%.120s)",
             why);
    cudaGetLastError();
    gemm_close(gemm);
    return NULL;
}

Status gemm_open(Gemm **out, Cuda *cuda, Determinism determinism) {
    if (cuda->precision == PRECISION_F32)
        return NULL;
    char why[100];
    const char *path;
    const GemmLibrary *library = gemm_library(&path);
    if (!library)
        return gemm_without(NULL, cuda, GEMM_NAME " was not found");
    Gemm *gemm = (Gemm *)calloc(1, sizeof *gemm);
    if (!gemm)
        return fail(ERR_MEMORY, "no memory to open cuBLASLt");
    gemm->library = library;
    gemm->determinism = determinism;
    cublasStatus_t status = library->cublasLtCreate_(&gemm->handle);
    snprintf(why, sizeof why, "the one found says %d", (int)status);
    if (status != CUBLAS_STATUS_SUCCESS && status != CUBLAS_STATUS_ALLOC_FAILED)
        return gemm_without(gemm, cuda, why); /* of a version that this driver does not bear */
    Status st = status == CUBLAS_STATUS_SUCCESS ? gemm_open_parts(gemm, cuda)
                                                : gemm_failed(cuda, status, "opening cuBLASLt");
    if (st)
        gemm_close(gemm);
    else
        *out = gemm;
    return st;
}

static void gemm_entry_done(const Gemm *gemm, GemmEntry *entry) {
    if (entry->product)
        gemm->library->cublasLtMatmulDescDestroy_(entry->product);
    cublasLtMatrixLayout_t layouts[] = {entry->a, entry->b, entry->d};
    for (int i = 0; i < 3; i++)
        if (layouts[i])
            gemm->library->cublasLtMatrixLayoutDestroy_(layouts[i]);
    *entry = GemmEntry();
}

void gemm_close(Gemm *gemm) {
    if (!gemm)
        return;
    for (int i = 0; i < gemm->entries; i++)
        gemm_entry_done(gemm, &gemm->entry[i]);
    if (gemm->handle)
        gemm->library->cublasLtDestroy_(gemm->handle);
    cudaFree(gemm->workspace);
    free(gemm);
}

/* ---- a shape ------------------------------------------------------------------------------------------- */

static GemmShape gemm_shape(const Product *p) {
    GemmShape shape;
    memset(&shape, 0, sizeof shape); /* compared as bytes */
    shape.rows = p->rows;
    shape.out = p->out;
    shape.in = p->in;
    shape.x_stride = p->x_stride;
    shape.y_stride = p->y_stride;
    shape.x_type = p->x_type;
    shape.y_type = p->y_type;
    shape.store = p->store;
    return shape;
}

static cudaDataType_t gemm_number(DType type) {
    return type == DT_F8_E4M3 ? CUDA_R_8F_E4M3 : type == DT_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

static Status gemm_describe(const Gemm *gemm, Cuda *cuda, GemmEntry *entry) {
    const GemmLibrary *lt = gemm->library;
    const GemmShape *s = &entry->shape;
    cublasOperation_t transposed = CUBLAS_OP_T;
    cudaDataType_t x_type = gemm_number(s->x_type), y_type = gemm_number(s->y_type);
    int8_t fast = s->x_type == DT_F8_E4M3 && s->in <= GEMM_FAST_DEPTH;
    const char *doing = "preparing a product";
    GEMM_TRY(cuda, lt->cublasLtMatmulDescCreate_(&entry->product, CUBLAS_COMPUTE_32F, CUDA_R_32F), doing);
    GEMM_TRY(cuda,
             lt->cublasLtMatmulDescSetAttribute_(entry->product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                                 sizeof transposed),
             doing);
    GEMM_TRY(cuda, lt->cublasLtMatmulDescSetAttribute_(entry->product, CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast,
                                                       sizeof fast), doing);
    GEMM_TRY(cuda,
             lt->cublasLtMatrixLayoutCreate_(&entry->a, x_type, (uint64_t)s->in, (uint64_t)s->out, s->in),
             doing);
    GEMM_TRY(cuda, lt->cublasLtMatrixLayoutCreate_(&entry->b, x_type, (uint64_t)s->in, (uint64_t)s->rows,
                                                   s->x_stride), doing);
    GEMM_TRY(cuda, lt->cublasLtMatrixLayoutCreate_(&entry->d, y_type, (uint64_t)s->out, (uint64_t)s->rows,
                                                   s->y_stride), doing);
    return NULL;
}

/* Sets what candidates must hold to. */
static Status gemm_limits(const Gemm *gemm, Cuda *cuda, cublasLtMatmulPreference_t preference) {
    uint32_t alignment = (uint32_t)GEMM_ALIGNMENT, whole_sums = CUBLASLT_REDUCTION_SCHEME_NONE;
    uint64_t workspace = GEMM_WORKSPACE;
    const struct {
        cublasLtMatmulPreferenceAttributes_t name;
        const void *value;
        size_t size;
    } LIMITS[] = {
        {CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &alignment, sizeof alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &alignment, sizeof alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &alignment, sizeof alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &alignment, sizeof alignment},
        {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &whole_sums, sizeof whole_sums},
    };
    int count = gemm->determinism == FASTEST ? 5 : 6;
    for (int i = 0; i < count; i++)
        GEMM_TRY(cuda, gemm->library->cublasLtMatmulPreferenceSetAttribute_(preference, LIMITS[i].name,
                                                                            LIMITS[i].value, LIMITS[i].size),
                 "preparing a product");
    return NULL;
}

/* The heuristic's candidates that can be used, best guess first; *count of them. */
static Status gemm_candidates(const Gemm *gemm, Cuda *cuda, const GemmEntry *entry,
                              cublasLtMatmulHeuristicResult_t *out, int *count) {
    const GemmLibrary *lt = gemm->library;
    cublasLtMatmulPreference_t preference;
    GEMM_TRY(cuda, lt->cublasLtMatmulPreferenceCreate_(&preference), "preparing a product");
    Status st = gemm_limits(gemm, cuda, preference);
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    *count = 0;
    if (!st)
        status =
            lt->cublasLtMatmulAlgoGetHeuristic_(gemm->handle, entry->product, entry->a, entry->b, entry->d,
                                                entry->d, preference, GEMM_CANDIDATES, out, count);
    lt->cublasLtMatmulPreferenceDestroy_(preference);
    if (!st && status != CUBLAS_STATUS_SUCCESS && status != CUBLAS_STATUS_NOT_SUPPORTED)
        st = gemm_failed(cuda, status, "preparing a product");
    int found = st || status != CUBLAS_STATUS_SUCCESS ? 0 : *count;
    *count = 0;
    for (int i = 0; i < found; i++)
        if (out[i].state == CUBLAS_STATUS_SUCCESS)
            out[(*count)++] = out[i];
    return st;
}

static cublasStatus_t gemm_multiply(const Gemm *gemm, const Cuda *cuda, const GemmEntry *entry,
                                    const Product *p) {
    float one = 1, beta = entry->shape.store == STORE_ADD ? 1.0f : 0.0f;
    return gemm->library->cublasLtMatmul_(gemm->handle, entry->product, &one, p->w, entry->a, p->x, entry->b,
                                          &beta, p->y, entry->d, p->y, entry->d, &entry->algorithm,
                                          gemm->workspace, GEMM_WORKSPACE, cuda->compute);
}

/* ---- choosing ------------------------------------------------------------------------------------------ */

/* Milliseconds of a few runs; infinite when the candidate cannot do it. */
static float gemm_time(const Gemm *gemm, const Cuda *cuda, const GemmEntry *entry, const Product *p,
                       cudaEvent_t clock[2]) {
    float milliseconds = INFINITY;
    if (gemm_multiply(gemm, cuda, entry, p) != CUBLAS_STATUS_SUCCESS ||
        cudaEventRecord(clock[0], cuda->compute) != cudaSuccess)
        return INFINITY;
    for (int i = 0; i < GEMM_RUNS; i++)
        if (gemm_multiply(gemm, cuda, entry, p) != CUBLAS_STATUS_SUCCESS)
            return INFINITY;
    if (cudaEventRecord(clock[1], cuda->compute) != cudaSuccess ||
        cudaEventSynchronize(clock[1]) != cudaSuccess ||
        cudaEventElapsedTime(&milliseconds, clock[0], clock[1]) != cudaSuccess)
        return INFINITY;
    return milliseconds;
}

/* The fastest of the candidates; y is written again and again with the same numbers. */
static int gemm_contest(const Gemm *gemm, const Cuda *cuda, GemmEntry *entry, const Product *p,
                        const cublasLtMatmulHeuristicResult_t *candidates, int count) {
    cudaEvent_t clock[2] = {NULL, NULL};
    int best = 0;
    float least = INFINITY;
    if (cudaEventCreateWithFlags(&clock[0], cudaEventDefault) == cudaSuccess &&
        cudaEventCreateWithFlags(&clock[1], cudaEventDefault) == cudaSuccess)
        for (int i = 0; i < count; i++) {
            entry->algorithm = candidates[i].algo;
            float time = gemm_time(gemm, cuda, entry, p, clock);
            if (time < least) {
                least = time;
                best = i;
            }
        }
    for (int i = 0; i < 2; i++)
        if (clock[i])
            cudaEventDestroy(clock[i]);
    cudaGetLastError(); /* a candidate that failed has lost, that is all */
    return best;
}

static GemmChoice gemm_kind(const GemmShape *s) {
    return GemmChoice{divide_up(s->rows, GEMM_BUCKET), s->out, s->in, s->x_type, s->y_type, 0};
}

/* Which candidate this shape takes: as the file says; else the winner of a contest, when it can be kept; else
 * the first, which is the same next time too. */
static int gemm_choose(Gemm *gemm, const Cuda *cuda, GemmEntry *entry, const Product *p,
                       const cublasLtMatmulHeuristicResult_t *candidates, int count) {
    GemmChoice kind = gemm_kind(&entry->shape);
    for (int i = 0; i < gemm->choices; i++) {
        const GemmChoice *c = &gemm->choice[i];
        if (c->rows == kind.rows && c->out == kind.out && c->in == kind.in && c->x_type == kind.x_type &&
            c->y_type == kind.y_type)
            return c->candidate < count ? c->candidate : 0;
    }
    if (count < 2 || entry->shape.store == STORE_ADD || gemm->choices == GEMM_CHOICES_MAX || !gemm->path[0])
        return 0;
    kind.candidate = gemm_contest(gemm, cuda, entry, p, candidates, count);
    if (!gemm_append(gemm, &kind))
        return 0;
    gemm->choice[gemm->choices++] = kind;
    return kind.candidate;
}

/* A place for a new shape: the oldest goes when there are too many. */
static GemmEntry *gemm_place(Gemm *gemm) {
    if (gemm->entries < GEMM_SHAPES_MAX)
        return &gemm->entry[gemm->entries++];
    GemmEntry *entry = &gemm->entry[gemm->oldest++ % GEMM_SHAPES_MAX];
    gemm_entry_done(gemm, entry);
    return entry;
}

/* Makes everything for a new shape. *count is 0 when the library cannot do it. */
static Status gemm_prepare(Gemm *gemm, Cuda *cuda, GemmEntry *entry, const Product *p, int *count) {
    cublasLtMatmulHeuristicResult_t candidates[GEMM_CANDIDATES];
    TRY(gemm_describe(gemm, cuda, entry));
    TRY(gemm_candidates(gemm, cuda, entry, candidates, count));
    if (*count > 0) {
        int chosen = gemm_choose(gemm, cuda, entry, p, candidates, *count);
        entry->algorithm = candidates[chosen].algo;
        entry->workspace = candidates[chosen].workspaceSize;
    }
    return NULL;
}

/* ---- running ------------------------------------------------------------------------------------------- */

static bool gemm_fits(const void *data, int64_t stride, DType type) {
    return (uintptr_t)data % (uintptr_t)GEMM_ALIGNMENT == 0 &&
           (size_t)stride * dtype_size(type) % (size_t)GEMM_ALIGNMENT == 0;
}

/* What the library does not take after all. Bias and act are left out here too. */
static Status gemm_declined(Cuda *cuda, const Product *p) {
    Product bare = *p;
    bare.bias = NULL;
    bare.act = ACT_NONE;
    return product_mma_suits(&bare) ? product_mma(cuda, &bare) : plain_product(cuda, &bare);
}

bool gemm_takes(const Gemm *gemm, const Product *p) {
    bool numbers = p->x_type == p->w_type && (p->x_type == DT_BF16 || p->x_type == DT_F8_E4M3);
    return gemm && numbers && gemm_fits(p->x, p->x_stride, p->x_type) &&
           gemm_fits(p->w, p->in, p->w_type) && gemm_fits(p->y, p->y_stride, p->y_type) && p->out % 8 == 0;
}

Status gemm_run(Gemm *gemm, Cuda *cuda, const Product *p) {
    GemmShape shape = gemm_shape(p);
    GemmEntry *entry = NULL;
    for (int i = 0; i < gemm->entries && !entry; i++)
        if (!memcmp(&gemm->entry[i].shape, &shape, sizeof shape))
            entry = &gemm->entry[i];
    if (!entry) {
        int count = 0;
        entry = gemm_place(gemm);
        entry->shape = shape;
        Status st = gemm_prepare(gemm, cuda, entry, p, &count);
        if (st || count == 0) {
            gemm_entry_done(gemm, entry); /* its shape is all zero now, which is nobody's */
            return st ? st : gemm_declined(cuda, p);
        }
    }
    GEMM_TRY(cuda, gemm_multiply(gemm, cuda, entry, p), "linear");
    return cuda_launched(cuda, "linear");
}
