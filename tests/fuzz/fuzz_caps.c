/* fuzz_caps.c: any bytes from a terminal, cut into units and read as answers. Nothing is lost or made up: the
 * units together are the bytes again, but for the brackets of pastes and what is beyond a limit. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/caps.h"
#include "ui/tty.h"

/* The bytes of all units; where a piece of the input ends must make no difference but to what is unfinished
 * at its very end. */
static void read_all(Buf *out, Caps *caps, const uint8_t *data, size_t size, size_t piece) {
    UnitCutter cutter = {0};
    for (size_t at = 0; at <= size; at += piece) {
        size_t left = size - at, take = left < piece ? left : piece;
        cutter_add(&cutter, (const char *)data + at, take); /* none at the end: closed */
        for (;;) {
            Unit unit = cutter_next(&cutter, CUTTER_WAITS);
            if (unit.kind == UNIT_NONE || unit.kind == UNIT_END)
                break;
            if (unit.kind != UNIT_PASTE && !unit.size)
                abort();
            bool answer = unit.kind != UNIT_PASTE && caps_answer(caps, unit.bytes, unit.size);
            if (unit.kind == UNIT_STRING && !answer)
                abort();
            buf_add(out, unit.bytes, unit.size);
        }
        if (!take)
            break;
    }
    cutter_done(&cutter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"xterm", "tmux-256color", "linux", ""};
    Buf whole = {0}, torn = {0};
    Caps caps;
    caps_begin(&caps, &(CapsFacts){.term = names[size % 4], .colors = 256});
    read_all(&whole, &caps, data, size, size ? size : 1);
    if (caps.cell_width < 0 || caps.cell_width > 200 || caps.sixel_width < 0 || caps.depth > DEPTH_24BIT)
        abort();
    caps_choose(&caps, "auto", caps.depth);
    caps_close(&caps);
    Caps closed = caps;
    bool typed_interrupt = memchr(data, KEY_INTERRUPT, size); /* alone it ends a paste */
    read_all(&torn, &caps, data, size, 1);
    if (memcmp(&closed, &caps, sizeof caps))
        abort(); /* too late, and yet it changed something */
    bool same = whole.size == torn.size && !memcmp(buf_string(&whole), buf_string(&torn), whole.size);
    if (!typed_interrupt && !same)
        abort();
    buf_done(&whole);
    buf_done(&torn);
    return 0;
}
