/* fiber.cc: runs the threads of a grid on fibers, one block after another.
 *
 * Scheduling is greedy: one warp runs until every lane is blocked or done, then the next. That finds missing
 * barriers that a fair scheduler hides (architecture.md 4.5). A thread that never waits needs no fiber of its
 * own: the next one begins on the same stack. Anything that would hang or differ on a card (a barrier that a
 * thread of the block never reaches, lanes of a warp that meet at different instructions) is told on standard
 * error and ends the program: it is a bug in a kernel, and only tests come here. */
#include <cuda_runtime.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <vector>

#include "gpu/emu/device.h"

enum { WARP = 32, STACK_BYTES = 256 << 10 };

/* ---- fibers -------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
/* A stack pointer is all there is to a fiber: the registers that a call keeps lie on its stack. */
extern "C" void emu_switch(void **save, void *load);
__asm__(".text\n"
        ".type emu_switch, @function\n"
        "emu_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size emu_switch, .-emu_switch\n");

typedef void *Point; /* where a fiber goes on */

static void point_set(Point *point, char *stack, void (*entry)(void)) {
    void **top = (void **)(stack + STACK_BYTES - 64);
    *--top = NULL; /* the return address of entry, which never returns */
    *--top = (void *)entry;
    top -= 6;
    *point = top;
}

static void point_switch(Point *from, Point *to) {
    emu_switch(from, *to);
}
#else
typedef ucontext_t Point;

static void point_set(Point *point, char *stack, void (*entry)(void)) {
    getcontext(point);
    point->uc_stack.ss_sp = stack;
    point->uc_stack.ss_size = STACK_BYTES;
    point->uc_link = NULL;
    makecontext(point, entry, 0);
}

static void point_switch(Point *from, Point *to) {
    swapcontext(from, to);
}
#endif

typedef struct Fiber {
    Point point;
} Fiber;

/* ---- a block ------------------------------------------------------------------------------------------- */

typedef enum LaneState { LANE_NEW, LANE_READY, LANE_AT_WARP, LANE_AT_BLOCK, LANE_DONE } LaneState;

typedef struct Lane {
    EmuThread self; /* first: emu_thread points here */
    LaneState state;
    Fiber *fiber;
    int warp;
    void *mine;
} Lane;

typedef struct Warp {
    int first, count, arrived;
    EmuWarpWork *work;
} Warp;

typedef struct SharedBlock {
    const void *key;
    char *whole, *memory; /* memory is the part that kernels see */
    size_t bytes;
    bool used; /* by the present block */
} SharedBlock;

/* Kept until the program ends; destroying the lists first would make a leak of what they hold. */
static std::vector<Fiber *> &fibers_free = *new std::vector<Fiber *>;
static std::vector<SharedBlock> &shared_blocks = *new std::vector<SharedBlock>;
static std::vector<Lane> lanes;
static std::vector<Warp> warps;
static Lane *current;
static Point scheduler;
static const std::function<void()> *body;
static uint64_t random_state;

EmuThread *emu_thread;

static void broken(const char *what) {
    fprintf(stderr, "emulated kernel: %s (block %u %u %u)\n", what, lanes[0].self.block.x,
            lanes[0].self.block.y, lanes[0].self.block.z);
    abort();
}

static void yield(void) {
    Lane *lane = current;
    point_switch(&lane->fiber->point, &scheduler);
}

/* The life of a fiber: one thread after another. */
static void fiber_main(void) {
    for (;;) {
        (*body)();
        current->state = LANE_DONE;
        yield();
    }
}

static Fiber *fiber_take(void) {
    if (!fibers_free.empty()) {
        Fiber *fiber = fibers_free.back();
        fibers_free.pop_back();
        return fiber;
    }
    const size_t guard = 4096;
    char *stack = (char *)mmap(NULL, STACK_BYTES + guard, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, guard, PROT_NONE)) {
        fprintf(stderr, "emulated kernel: no memory for a stack\n");
        abort();
    }
    Fiber *fiber = new Fiber;
    point_set(&fiber->point, stack + guard, fiber_main);
    return fiber;
}

static void run_lane(Lane *lane) {
    if (!lane->fiber)
        lane->fiber = fiber_take();
    lane->state = LANE_READY;
    current = lane;
    emu_thread = &lane->self;
    point_switch(&scheduler, &lane->fiber->point);
    emu_thread = NULL;
    if (lane->state == LANE_DONE) {
        fibers_free.push_back(lane->fiber);
        lane->fiber = NULL;
    }
}

/* ---- what kernels call --------------------------------------------------------------------------------- */

void emu_warp(EmuWarpWork *work, void *mine) {
    Lane *lane = current;
    Warp *warp = &warps[(size_t)lane->warp];
    if (warp->arrived && warp->work != work)
        broken("lanes of a warp meet at different instructions");
    warp->work = work;
    lane->mine = mine;
    if (++warp->arrived < warp->count) {
        lane->state = LANE_AT_WARP;
        yield();
        return;
    }
    void *all[WARP];
    for (int i = 0; i < warp->count; i++) {
        all[i] = lanes[(size_t)(warp->first + i)].mine;
        if (&lanes[(size_t)(warp->first + i)] != lane)
            lanes[(size_t)(warp->first + i)].state = LANE_READY;
    }
    warp->arrived = 0;
    work(all, warp->count);
}

void emu_block(void) {
    current->state = LANE_AT_BLOCK;
    yield();
}

static SharedBlock *shared_find(const void *key) {
    for (SharedBlock &block : shared_blocks)
        if (block.key == key)
            return &block;
    return NULL;
}

/* The dynamic part lies 128 bytes into a window of its own, other parts anywhere. */
static void shared_resize(SharedBlock *block, size_t bytes) {
    size_t before = block->key ? 0 : 128;
    void *whole = NULL;
    free(block->whole);
    if (posix_memalign(&whole, block->key ? 128 : EMU_WINDOW, before + (bytes ? bytes : 1)))
        broken("no memory for shared memory");
    block->whole = (char *)whole;
    block->memory = block->whole + before;
    emu_control.forbid(whole, before);
    block->bytes = bytes;
}

void *emu_shared(const void *key, size_t bytes) {
    SharedBlock *block = shared_find(key);
    if (!block) {
        shared_blocks.push_back({key, NULL, NULL, 0, false});
        block = &shared_blocks.back();
        shared_resize(block, bytes);
    }
    if (!block->used) {
        block->used = true;
        if (key && block->bytes != bytes)
            shared_resize(block, bytes);
        memset(block->memory, 0xff, block->bytes);
    }
    return block->memory;
}

/* ---- scheduling ---------------------------------------------------------------------------------------- */

static uint64_t next_random(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33;
}

/* The places 0 to n - 1 in the chosen order, one after another. Random orders are a rotation of forward or
 * reverse, drawn anew for every use: cheap, and every pair of neighbours comes in both orders. */
typedef struct Order {
    int n, at, step;
} Order;

static Order order_of(int n) {
    switch (emu_control.order) {
    case EMU_FORWARD: break;
    case EMU_REVERSE: return {n, n - 1, n - 1};
    case EMU_RANDOM: return {n, (int)(next_random() % (uint64_t)n), next_random() & 1 ? 1 : n - 1};
    }
    return {n, 0, 1};
}

static int next_place(Order *order) {
    int place = order->at, left = order->n - order->step; /* where a step leads behind the end */
    order->at = place < left ? place + order->step : place - left;
    return place;
}

/* Runs lanes of a warp until all are blocked or done. */
static void run_warp(const Warp *warp) {
    for (bool ran = true; ran;) {
        ran = false;
        Order order = order_of(warp->count);
        for (int i = 0; i < warp->count; i++) {
            Lane *lane = &lanes[(size_t)(warp->first + next_place(&order))];
            if (lane->state == LANE_NEW || lane->state == LANE_READY) {
                run_lane(lane);
                ran = true;
            }
        }
    }
}

/* True when the block is done; else its barrier opens. */
static bool open_barrier(void) {
    size_t waiting = 0, done = 0;
    for (const Lane &lane : lanes) {
        waiting += lane.state == LANE_AT_BLOCK;
        done += lane.state == LANE_DONE;
    }
    if (done == lanes.size())
        return true;
    if (done && waiting)
        broken("a thread returned and another waits at a barrier");
    if (waiting != lanes.size())
        broken("lanes of a warp wait for lanes that do not come");
    for (Lane &lane : lanes)
        lane.state = LANE_READY;
    return false;
}

static void run_block(dim3 index, dim3 size, dim3 grid) {
    size_t next = 0;
    for (unsigned z = 0; z < size.z; z++)
        for (unsigned y = 0; y < size.y; y++)
            for (unsigned x = 0; x < size.x; x++, next++)
                lanes[next] = {{dim3(x, y, z), index, size, grid}, LANE_NEW, NULL, (int)(next / WARP), NULL};
    for (SharedBlock &block : shared_blocks)
        block.used = false;
    do {
        Order order = order_of((int)warps.size());
        for (int i = 0; i < order.n; i++)
            run_warp(&warps[(size_t)next_place(&order)]);
    } while (!open_barrier());
}

void emu_run_grid(dim3 grid, dim3 block, size_t shared, const std::function<void()> &thread) {
    int threads = (int)(block.x * block.y * block.z);
    int64_t blocks = (int64_t)grid.x * grid.y * grid.z;
    lanes.resize((size_t)threads);
    warps.clear();
    for (int first = 0; first < threads; first += WARP)
        warps.push_back({first, threads - first < WARP ? threads - first : WARP, 0, NULL});
    SharedBlock *dynamic = shared_find(NULL);
    if (!dynamic) {
        shared_blocks.push_back({NULL, NULL, NULL, 0, false});
        dynamic = &shared_blocks.back();
    }
    if (!dynamic->memory || dynamic->bytes != shared)
        shared_resize(dynamic, shared);
    body = &thread;
    random_state = emu_control.seed;
    Order order = order_of((int)blocks);
    for (int64_t i = 0; i < blocks; i++) {
        unsigned at = (unsigned)next_place(&order);
        run_block(dim3(at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y), block, grid);
    }
}
