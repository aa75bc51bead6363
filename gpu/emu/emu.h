/* emu.h: what a test may ask of the emulated CUDA module, over its second exported symbol.
 *
 * The emulated device runs the kernels of gpu/ on fibers (fiber.cc) behind a runtime that does what a real
 * one may do at its worst (runtime.cc): nothing runs before somebody waits for it, host code that touches
 * device memory faults, shared memory begins as NaN, and call number n can be told to fail. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Which lane, warp and block goes first wherever more than one could. The environment may name the order that
 * a module begins with: forward, reverse or random. */
#define EMU_ORDER "NEWBIE_EMU_ORDER"
typedef enum EmuOrder { EMU_FORWARD, EMU_REVERSE, EMU_RANDOM } EmuOrder;

/* How a failing call fails: once, or so that every later call fails too, as after a lost card. */
typedef enum EmuFailure { EMU_FAIL_ONCE, EMU_FAIL_FOREVER } EmuFailure;

/* When a backend's second stream runs, the one of the copies: when somebody waits for it, as the first
 * always does; or as soon as it may, which is when the events are that it waits for. */
typedef enum EmuHurry { EMU_LATE, EMU_EARLY } EmuHurry;

typedef struct EmuControl {
    EmuOrder order;
    uint64_t seed;          /* of EMU_RANDOM */
    int64_t calls;          /* runtime calls so far that may fail */
    int64_t fail_at;        /* this call fails; 0: none */
    EmuFailure failure;
    int lost;               /* the error of a lost card, such as 716; 0: 700 */
    int devices;            /* cards there are, 1 at first */
    int driver;             /* CUDA version of the driver, such as 13000; 0: no driver */
    int library;            /* 1: there is a cuBLASLt; 2: one that declines every product; 3: one that
                               cannot be opened */
    int architecture;       /* 89 for 8.9 */
    size_t memory;          /* bytes of a card */
    size_t taken;           /* of them by other programs */
    size_t held;            /* device bytes given out now */
    int64_t objects;        /* streams, events, pinned blocks, library handles that were not given back */
    EmuHurry copies;
    size_t page;            /* bytes of a large block are a multiple of; 2 MiB at first, as of a real card */
    /* Device memory that kernels and copies may not touch, and may again; under AddressSanitizer they are
     * told at once with file and line. Without it nothing happens. */
    void (*forbid)(void *memory, size_t bytes);
    void (*allow)(void *memory, size_t bytes);
    int sanitized;          /* 1: the device is under AddressSanitizer */
} EmuControl;

/* The symbol EMU_ENTRY of the module: its control, writable, for as long as it is loaded. */
#define EMU_ENTRY "nb_emu_control"
typedef EmuControl *EmuEntry(void);
