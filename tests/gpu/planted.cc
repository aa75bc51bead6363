/* planted.cc: the emulated device finds what it is there to find. Each fault is planted in a small kernel, or
 * in the host code around one, and must be found in each of the three orders of threads; the same code
 * without the fault must pass. A try runs in a process of its own, as some faults end it. */
#include "gpu/mma.cuh"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gpu/emu/emu.h"
#include "tests/tap.h"

extern "C" EmuControl *nb_emu_control(void);

enum Kind { BROKEN, MENDED };
enum { THREADS = 128, STEPS = 4, NUMBERS = 3 * THREADS - 5, WRONG = 3, SECONDS = 60 };

static cudaStream_t stream, second;

/* ---- around kernels ------------------------------------------------------------------------------------ */

/* n numbers of device memory: 1, 2, 3, ... */
static float *counted(int n) {
    std::vector<float> host((size_t)n);
    void *block;
    for (int i = 0; i < n; i++)
        host[(size_t)i] = (float)(i + 1);
    cudaMalloc(&block, host.size() * sizeof(float));
    cudaMemcpyAsync(block, host.data(), host.size() * sizeof(float), cudaMemcpyHostToDevice, stream);
    cudaStreamSynchronize(stream);
    return (float *)block;
}

/* The same, never written: NaN. */
static float *unwritten(int n) {
    void *block;
    cudaMalloc(&block, (size_t)n * sizeof(float));
    return (float *)block;
}

static std::vector<float> read_back(const float *block, int n) {
    std::vector<float> host((size_t)n);
    cudaMemcpyAsync(host.data(), block, host.size() * sizeof(float), cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    return host;
}

/* How many of n numbers are not first + i * step. */
static int differing(const float *block, int n, float first, float step) {
    std::vector<float> host = read_back(block, n);
    int count = 0;
    for (int i = 0; i < n; i++)
        count += !(host[(size_t)i] == first + (float)i * step);
    return count;
}

/* ---- addresses ----------------------------------------------------------------------------------------- */

template <Kind K> static void fill_kernel(float *y, int n) {
    int i = (int)(blockIdx.x * THREADS + threadIdx.x);
    if (K == BROKEN ? i <= n : i < n)
        y[i] = (float)i;
}

template <Kind K> static int write_behind() {
    float *y = counted(NUMBERS);
    LAUNCH(fill_kernel<K>, 3, THREADS, 0, stream, y, NUMBERS);
    return differing(y, NUMBERS, 0, 1);
}

template <Kind K> static void shift_kernel(float *y, const float *x, int n) {
    int i = (int)(blockIdx.x * THREADS + threadIdx.x);
    if (i < n)
        y[i] = (K == BROKEN || i + 1 < n ? x[i + 1] : 0) * 0 + (float)i;
}

template <Kind K> static int read_behind() {
    float *y = unwritten(NUMBERS);
    LAUNCH(shift_kernel<K>, 3, THREADS, 0, stream, y, counted(NUMBERS), NUMBERS);
    return differing(y, NUMBERS, 0, 1);
}

template <Kind K> static void back_kernel(float *y, const float *x, int n) {
    int i = (int)(blockIdx.x * THREADS + threadIdx.x);
    if (i < n && (K == BROKEN || i > 0))
        y[i - 1] = x[i];
}

template <Kind K> static int write_before() {
    float *y = counted(NUMBERS);
    LAUNCH(back_kernel<K>, 3, THREADS, 0, stream, y, counted(NUMBERS), NUMBERS);
    return differing(y, NUMBERS - 1, 2, 1);
}

template <Kind K> static int freed() {
    float *x = counted(NUMBERS), *y = unwritten(NUMBERS);
    if (K == BROKEN)
        cudaFree(x);
    LAUNCH(back_kernel<MENDED>, 3, THREADS, 0, stream, y, x, NUMBERS);
    return differing(y, NUMBERS - 1, 2, 1);
}

template <Kind K> static void shared_kernel(float *y) {
    SHARED(float, part, THREADS);
    int thread = (int)threadIdx.x;
    part[K == BROKEN ? thread + 1 : thread] = (float)thread;
    __syncthreads();
    y[thread] = part[thread] * 0 + (float)thread;
}

template <Kind K> static int shared_behind() {
    float *y = unwritten(THREADS);
    LAUNCH(shared_kernel<K>, 1, THREADS, 0, stream, y);
    return K == BROKEN ? (cudaStreamSynchronize(stream), 0) : differing(y, THREADS, 0, 1);
}

static void dynamic_kernel(float *y) {
    SHARED_DYN(float, part);
    part[threadIdx.x] = (float)threadIdx.x;
    __syncthreads();
    y[threadIdx.x] = part[threadIdx.x];
}

template <Kind K> static int dynamic_behind() {
    float *y = unwritten(THREADS);
    LAUNCH(dynamic_kernel, 1, THREADS, sizeof(float) * (THREADS - (K == BROKEN)), stream, y);
    return differing(y, THREADS, 0, 1);
}

static void local_kernel(float *y, int last) {
    float x[4];
    for (int i = 0; i <= last; i++)
        x[i] = (float)i;
    y[threadIdx.x] = x[threadIdx.x % 4];
}

template <Kind K> static int local_behind() {
    float *y = unwritten(4);
    LAUNCH(local_kernel, 1, 4, 0, stream, y, K == BROKEN ? 4 : 3);
    return differing(y, 4, 0, 1);
}

static void vector_kernel(float *y, const float *x) {
    float four[4];
    load_pack<float, 4>(four, x + 4 * threadIdx.x);
    store_pack<float, 4>(y + 4 * threadIdx.x, four);
}

template <Kind K> static int misaligned() {
    float *y = unwritten(4 * THREADS);
    LAUNCH(vector_kernel, 1, THREADS, 0, stream, y, counted(4 * THREADS + 4) + (K == BROKEN ? 1 : 4));
    return differing(y, 4 * THREADS, K == BROKEN ? 2 : 5, 1);
}

/* ---- barriers ------------------------------------------------------------------------------------------ */

/* block_sum of device.cuh with barriers that can be left out. */
template <Kind BEFORE, Kind AFTER> static float sum_of_block(float x) {
    SHARED(float, part, BLOCK_WARPS_MAX);
    int lane = (int)threadIdx.x % WARP_LANES, warp = (int)threadIdx.x / WARP_LANES;
    x = warp_sum(x);
    if (BEFORE == MENDED)
        __syncthreads();
    if (lane == 0)
        part[warp] = x;
    if (AFTER == MENDED)
        __syncthreads();
    return warp_sum(lane < THREADS / WARP_LANES ? part[lane] : 0);
}

template <Kind BEFORE, Kind AFTER> static void sums_kernel(float *y, const float *x) {
    float once = sum_of_block<BEFORE, AFTER>(x[threadIdx.x]);
    float twice = sum_of_block<BEFORE, AFTER>(2 * x[threadIdx.x]);
    y[threadIdx.x] = twice - once;
}

template <Kind BEFORE, Kind AFTER> static int reduction() {
    float *y = unwritten(THREADS);
    LAUNCH((sums_kernel<BEFORE, AFTER>), 1, THREADS, 0, stream, y, counted(THREADS));
    return differing(y, THREADS, THREADS * (THREADS + 1) / 2, 0);
}
template <Kind K> static int reduction_begins() { return reduction<K, MENDED>(); }
template <Kind K> static int reduction_ends() { return reduction<MENDED, K>(); }

/* y [THREADS]: sums over all x [STEPS][THREADS], which come tile by tile. */
template <Kind FILLED, Kind READ> static void tiles_kernel(float *y, const float *x) {
    SHARED(float, tile, THREADS);
    int thread = (int)threadIdx.x;
    float sum = 0;
    for (int step = 0; step < STEPS; step++) {
        tile[thread] = x[step * THREADS + thread];
        if (FILLED == MENDED)
            __syncthreads();
        for (int i = 0; i < THREADS; i++)
            sum += tile[i];
        if (READ == MENDED)
            __syncthreads();
    }
    y[thread] = sum;
}

template <Kind FILLED, Kind READ> static int tiles() {
    float *y = unwritten(THREADS);
    LAUNCH((tiles_kernel<FILLED, READ>), 1, THREADS, 0, stream, y, counted(STEPS * THREADS));
    return differing(y, THREADS, STEPS * THREADS * (STEPS * THREADS + 1) / 2, 0);
}
template <Kind K> static int tile_is_filled() { return tiles<K, MENDED>(); }
template <Kind K> static int tile_was_read() { return tiles<MENDED, K>(); }

template <Kind K> static void half_kernel(float *y) {
    SHARED(float, part, THREADS);
    int thread = (int)threadIdx.x;
    if (K == MENDED || thread < THREADS / 2)
        part[thread] = (float)thread;
    __syncthreads();
    y[thread] = part[thread];
}

/* The same memory has the right numbers from the launch before. */
template <Kind K> static int half_written() {
    float *y = unwritten(THREADS);
    LAUNCH(half_kernel<MENDED>, 1, THREADS, 0, stream, y);
    LAUNCH(half_kernel<K>, 1, THREADS, 0, stream, y);
    return differing(y, THREADS, 0, 1);
}

typedef Pack<float, 4> Four;

/* As tiles_kernel, with copies behind the scenes into two stages. */
template <int PENDING, Kind READ> static void copies_kernel(float *y, const float *x) {
    SHARED(Four, stage, 2 * THREADS);
    int thread = (int)threadIdx.x;
    float sum = 0;
    cp_async16(&stage[thread], x + 4 * thread, 16);
    cp_async_commit();
    for (int step = 0; step < STEPS; step++) {
        int next = step + 1;
        if (next < STEPS)
            cp_async16(&stage[next % 2 * THREADS + thread], x + 4 * (next * THREADS + thread), 16);
        cp_async_commit();
        cp_async_wait<PENDING>();
        __syncthreads();
        for (int i = 0; i < THREADS; i++)
            sum += stage[step % 2 * THREADS + i].x[step];
        if (READ == MENDED)
            __syncthreads();
    }
    y[thread] = sum;
}

template <int PENDING, Kind READ> static int copies() {
    float *y = unwritten(THREADS), expected = 0;
    for (int i = 0; i < STEPS * THREADS; i++)
        expected += (float)(4 * i + i / THREADS + 1);
    LAUNCH((copies_kernel<PENDING, READ>), 1, THREADS, 0, stream, y, counted(4 * STEPS * THREADS));
    return differing(y, THREADS, expected, 0);
}
template <Kind K> static int copy_awaited() { return copies<K == BROKEN ? 2 : 1, MENDED>(); }
template <Kind K> static int copy_early() { return copies<1, K>(); }

template <Kind K> static void leaving_kernel(float *y) {
    if (K == BROKEN && threadIdx.x >= THREADS / 2)
        return;
    __syncthreads();
    y[threadIdx.x] = (float)threadIdx.x;
}

template <Kind K> static int leaves_a_barrier() {
    float *y = unwritten(THREADS);
    LAUNCH(leaving_kernel<K>, 1, THREADS, 0, stream, y);
    return differing(y, THREADS, 0, 1);
}

template <Kind K> static void lanes_kernel(float *y) {
    float x = 1;
    if (K == MENDED || threadIdx.x % WARP_LANES < 16)
        x = warp_sum(x);
    y[threadIdx.x] = x;
}

template <Kind K> static int half_a_warp() {
    float *y = unwritten(THREADS);
    LAUNCH(lanes_kernel<K>, 1, THREADS, 0, stream, y);
    return differing(y, THREADS, WARP_LANES, 0);
}

template <Kind K> static void branches_kernel(float *y) {
    float x = 1;
    if (K == MENDED || threadIdx.x % WARP_LANES < 16)
        x = warp_sum(x);
    else
        x = WARP_LANES * warp_max(x);
    y[threadIdx.x] = x;
}

template <Kind K> static int two_branches() {
    float *y = unwritten(THREADS);
    LAUNCH(branches_kernel<K>, 1, THREADS, 0, stream, y);
    return differing(y, THREADS, WARP_LANES, 0);
}

/* A block reads what another block of the same launch writes. */
template <Kind K> static void blocks_kernel(float *y, const float *x) {
    int i = (int)(blockIdx.x * THREADS + threadIdx.x), other = (i + THREADS) % (3 * THREADS);
    y[i] = x[i] + (K == BROKEN ? y[other] : x[other]);
}

/* One order alone may give what was meant; that they differ is what tells. */
template <Kind K> static int blocks_race() {
    std::vector<float> first;
    int differ = 0;
    for (int order = EMU_FORWARD; order <= EMU_RANDOM; order++) {
        nb_emu_control()->order = (EmuOrder)order;
        float *y = counted(3 * THREADS);
        LAUNCH(blocks_kernel<K>, 3, THREADS, 0, stream, y, counted(3 * THREADS));
        std::vector<float> numbers = read_back(y, 3 * THREADS);
        if (order == EMU_FORWARD)
            first = numbers;
        differ += numbers != first;
    }
    return differ;
}

/* ---- host code ----------------------------------------------------------------------------------------- */

template <Kind K> static int no_event() {
    static float host[NUMBERS];
    float *x = unwritten(NUMBERS), *y = unwritten(NUMBERS);
    cudaEvent_t copied;
    cudaEventCreateWithFlags(&copied, cudaEventDisableTiming);
    for (int i = 0; i < NUMBERS; i++)
        host[i] = (float)i;
    cudaMemcpyAsync(x, host, sizeof host, cudaMemcpyHostToDevice, second);
    cudaEventRecord(copied, second);
    if (K == MENDED)
        cudaStreamWaitEvent(stream, copied, 0);
    LAUNCH(back_kernel<MENDED>, 3, THREADS, 0, stream, y, x, NUMBERS);
    return differing(y, NUMBERS - 1, 1, 1);
}

template <Kind K> static int no_wait() {
    float host[4] = {}, *x = counted(4);
    cudaMemcpyAsync(host, x, sizeof host, cudaMemcpyDeviceToHost, stream);
    if (K == MENDED)
        cudaStreamSynchronize(stream);
    int wrong = host[0] != 1 || host[3] != 4;
    cudaStreamSynchronize(stream);
    return wrong;
}

template <Kind K> static int changed_early() {
    float host[4] = {1, 2, 3, 4}, *x = unwritten(4);
    cudaMemcpyAsync(x, host, sizeof host, cudaMemcpyHostToDevice, stream);
    if (K == MENDED)
        cudaStreamSynchronize(stream);
    host[2] = 0;
    return differing(x, 4, 1, 1);
}

template <Kind K> static int host_reads() {
    float *x = counted(4);
    return K == BROKEN ? *(volatile float *)x != 1 : differing(x, 4, 1, 1);
}

/* Two blocks, a launch and a way back; an error is told unless it is not asked for. */
template <Kind K> static cudaError_t small_work(float *out) {
    void *x = NULL, *y = NULL;
    cudaError_t error = cudaMalloc(&x, sizeof(float));
    if (error != cudaSuccess)
        return error;
    error = cudaMalloc(&y, sizeof(float));
    if (error != cudaSuccess && K == BROKEN)
        return error; /* x stays */
    if (error == cudaSuccess) {
        LAUNCH(fill_kernel<MENDED>, 1, 1, 0, stream, (float *)y, 1);
        error = cudaGetLastError();
    }
    if (error == cudaSuccess)
        error = cudaMemcpyAsync(out, y, sizeof(float), cudaMemcpyDeviceToHost, stream);
    if (error == cudaSuccess)
        error = cudaStreamSynchronize(stream);
    cudaFree(x);
    cudaFree(y);
    return error;
}

/* Every call fails once; the first try counts them. */
template <Kind K> static int leaks_when_failing() {
    EmuControl *control = nb_emu_control();
    float out = 1;
    int64_t before = control->calls, calls;
    int wrong = small_work<K>(&out) != cudaSuccess || out != 0;
    calls = control->calls - before;
    for (int64_t n = 1; n <= calls; n++) {
        control->fail_at = control->calls + n;
        wrong += small_work<K>(&out) == cudaSuccess || control->held != 0;
    }
    return wrong + (calls < 4);
}

template <Kind K> static int nobody_asks() {
    float *y = counted(1);
    nb_emu_control()->fail_at = nb_emu_control()->calls + 1;
    LAUNCH(fill_kernel<MENDED>, 1, 1, 0, stream, y, 1);
    if (K == MENDED && cudaGetLastError() != cudaSuccess)
        LAUNCH(fill_kernel<MENDED>, 1, 1, 0, stream, y, 1);
    return differing(y, 1, 0, 0);
}

/* ---- the table ----------------------------------------------------------------------------------------- */

/* How a fault shows: numbers are wrong, the process ends, or it ends because a sanitizer says so. */
enum Shows { NUMBERS_DIFFER, DEVICE_SAYS, SANITIZER_SAYS };

typedef int Try(void); /* how many numbers are wrong */

static const struct Planted {
    const char *name;
    Try *broken, *mended;
    Shows shows;
    const char *said; /* on standard error; NULL: nothing certain */
} FAULTS[] = {
#define FAULT(what) what<BROKEN>, what<MENDED>
    {"a write of one number behind device memory", FAULT(write_behind), SANITIZER_SAYS, "WRITE of size 4"},
    {"a read of one number behind device memory", FAULT(read_behind), SANITIZER_SAYS, "READ of size 4"},
    {"a write of one number before device memory", FAULT(write_before), SANITIZER_SAYS, "use-after-poison"},
    {"device memory that was freed", FAULT(freed), SANITIZER_SAYS, "use-after-poison"},
    {"a write of one number behind shared memory", FAULT(shared_behind), SANITIZER_SAYS,
     "heap-buffer-overflow"},
    {"less shared memory asked for than used", FAULT(dynamic_behind), SANITIZER_SAYS, "heap-buffer-overflow"},
    {"a write of one number behind an array of a thread", FAULT(local_behind), SANITIZER_SAYS,
     "index 4 out of bounds"},
    {"four numbers loaded at once from an odd place", FAULT(misaligned), SANITIZER_SAYS,
     "misaligned address"},
    {"a block sum without the barrier before it writes", FAULT(reduction_begins), NUMBERS_DIFFER, NULL},
    {"a block sum without the barrier before it reads", FAULT(reduction_ends), NUMBERS_DIFFER, NULL},
    {"a tile read without the barrier after it was filled", FAULT(tile_is_filled), NUMBERS_DIFFER, NULL},
    {"a tile filled without the barrier after it was read", FAULT(tile_was_read), NUMBERS_DIFFER, NULL},
    {"shared memory that this launch has not written", FAULT(half_written), NUMBERS_DIFFER, NULL},
    {"an asynchronous copy that was not waited for", FAULT(copy_awaited), NUMBERS_DIFFER, NULL},
    {"an asynchronous copy into a stage that is still read", FAULT(copy_early), NUMBERS_DIFFER, NULL},
    {"a barrier that threads leave out", FAULT(leaves_a_barrier), DEVICE_SAYS,
     "a thread returned and another waits at a barrier"},
    {"a warp instruction that lanes leave out", FAULT(half_a_warp), DEVICE_SAYS,
     "lanes of a warp wait for lanes that do not come"},
    {"lanes of a warp in different branches", FAULT(two_branches), DEVICE_SAYS,
     "lanes of a warp meet at different instructions"},
    {"a block that reads what another block writes", FAULT(blocks_race), NUMBERS_DIFFER, NULL},
    {"a kernel that does not wait for the other stream's copy", FAULT(no_event), NUMBERS_DIFFER, NULL},
    {"a host that does not wait for a copy", FAULT(no_wait), NUMBERS_DIFFER, NULL},
    {"a host that changes what is still to be copied", FAULT(changed_early), NUMBERS_DIFFER, NULL},
    {"a host that reads device memory", FAULT(host_reads), DEVICE_SAYS, NULL},
    {"memory that stays when a later call fails", FAULT(leaks_when_failing), NUMBERS_DIFFER, NULL},
    {"a failed launch that nobody asks about", FAULT(nobody_asks), NUMBERS_DIFFER, NULL},
};

/* ---- tries --------------------------------------------------------------------------------------------- */

typedef struct Outcome {
    int status;       /* exit status, or 128 + signal */
    std::string said; /* on standard error */
} Outcome;

static Outcome outcome_of(Try *what, EmuOrder order) {
    int ends[2];
    if (pipe(ends))
        return {127, "no pipe"};
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        alarm(SECONDS);
        nb_emu_control()->order = order;
        _exit(what() ? WRONG : 0);
    }
    close(ends[1]);
    Outcome outcome = {0, ""};
    char bytes[4096];
    for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;)
        outcome.said.append(bytes, (size_t)got);
    close(ends[0]);
    int status = 127 << 8;
    waitpid(child, &status, 0);
    outcome.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return outcome;
}

static bool found(const Planted &fault, const Outcome &outcome) {
    if (fault.said && outcome.said.find(fault.said) == std::string::npos)
        return false;
    bool ended = outcome.status != 0 && outcome.status != WRONG && outcome.status != 128 + SIGALRM;
    return fault.shows == NUMBERS_DIFFER ? outcome.status == WRONG : ended;
}

static void test_fault(const Planted &fault) {
    static const char *const ORDERS[] = {"forward", "in reverse", "at random"};
    for (int order = EMU_FORWARD; order <= EMU_RANDOM; order++) {
        char name[200];
        snprintf(name, sizeof name, "found with threads %s: %s", ORDERS[order], fault.name);
        if (fault.shows == SANITIZER_SAYS && !nb_emu_control()->sanitized) {
            SKIP(name, "this build has no AddressSanitizer");
        } else {
            Outcome broken = outcome_of(fault.broken, (EmuOrder)order);
            CHECK(found(fault, broken), name);
            if (!found(fault, broken))
                printf("# status %d, said: %.300s\n", broken.status, broken.said.c_str());
        }
        Outcome mended = outcome_of(fault.mended, (EmuOrder)order);
        CHECK(mended.status == 0 && mended.said.empty(), "and without the fault nothing is found");
        if (mended.status)
            printf("# status %d, said: %.300s\n", mended.status, mended.said.c_str());
    }
}

/* ---- orders -------------------------------------------------------------------------------------------- */

static void order_kernel(float *turn, int *turns) {
    turn[blockIdx.x * THREADS + threadIdx.x] = (float)(*turns)++;
}

/* When each of 3 blocks of threads had its turn. */
static std::vector<float> turns_of(EmuOrder order, uint64_t seed) {
    int turns = 0; /* the emulated device may count on the host */
    nb_emu_control()->order = order;
    nb_emu_control()->seed = seed;
    float *turn = unwritten(3 * THREADS);
    LAUNCH(order_kernel, 3, THREADS, 0, stream, turn, &turns);
    std::vector<float> host = read_back(turn, 3 * THREADS);
    cudaFree(turn);
    return host;
}

static void test_orders(void) {
    std::vector<float> forward = turns_of(EMU_FORWARD, 1), reverse = turns_of(EMU_REVERSE, 1),
                       random = turns_of(EMU_RANDOM, 1);
    int wrong = 0;
    for (int i = 0; i < 3 * THREADS; i++)
        wrong += forward[(size_t)i] != (float)i || reverse[(size_t)i] != (float)(3 * THREADS - 1 - i);
    CHECK_EQ(wrong, 0, "forward is forward and reverse is reverse, of blocks, warps and lanes");
    CHECK(random != forward && random != reverse, "random is neither");
    CHECK(random == turns_of(EMU_RANDOM, 1), "the same seed is the same order");
    CHECK(random != turns_of(EMU_RANDOM, 2), "another seed is another");
}

/* What a program of this environment begins with. */
static void test_environment(const char *self) {
    static const char *const NAMES[] = {"forward", "reverse", "random"};
    for (int i = 0; i < 3; i++) {
        char command[4200];
        snprintf(command, sizeof command, EMU_ORDER "=%s '%s' --order", NAMES[i], self);
        FILE *pipe = popen(command, "r");
        int order = pipe ? fgetc(pipe) - '0' : -1;
        if (pipe)
            pclose(pipe);
        CHECK_EQ(order, i, "the environment names the order that a module begins with");
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        printf("%d\n", (int)nb_emu_control()->order);
        return 0;
    }
#ifdef __SANITIZE_THREAD__
    SKIP("planted faults", "the thread sanitizer does not bear the fibers of the emulated device");
    return tap_end();
#endif
    if (!nb_emu_control()->sanitized)
        SKIP("the emulated device is under AddressSanitizer", "the compiler has none");
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
    for (const Planted &fault : FAULTS)
        test_fault(fault);
    test_orders();
    test_environment(argv[0]);
    return tap_end();
}
