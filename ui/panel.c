/* panel.c: see panel.h. */
#include "config.h"

#include "ui/panel.h"

#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

#define NARROW 72 /* columns below which words of the memory rows shrink to their letters */
#define WIDE 100  /* columns from which more facts are shown */

/* ---- two texts in one row: the left one is cut --------------------------------------------------------- */

static int text_width(const char *text) {
    return (int)utf8_text_width(text, strlen(text));
}

static void put_right(Canvas *canvas, int row, Style style, const char *text) {
    int column = canvas->columns - text_width(text);
    canvas_text(canvas, (Span){row, column < 0 ? 0 : column, canvas->columns}, style, text, strlen(text));
}

/* Facts of the left side, of which as many are shown as have room before `end`, the first ones first. */
static int put_facts(Canvas *canvas, Span at, const char *facts) {
    while (*facts) {
        size_t size = strlen(facts);
        if (at.column + (int)utf8_text_width(facts, size) > at.end)
            break;
        at.column = canvas_text(canvas, at, STYLE_TEXT, facts, size) + 2;
        facts += size + 1;
    }
    return at.column;
}

/* ---- header -------------------------------------------------------------------------------------------- */

static const char *const STATES[] = {"no model", "loading", "ready", "bench"};

static const char *model_words(const View *view) {
    return view->model == VIEW_READY ? view->name : STATES[view->model];
}

void panel_header(Canvas *canvas, int row, const View *view) {
    const char *badge = view->model == VIEW_NO_MODEL ? "[no model]" : view->demo ? "[DEMO]" : "";
    int end = canvas->columns - (*badge ? text_width(badge) + 1 : 0);
    Span at = {row, 0, end};
    canvas_fill(canvas, (Span){row, 0, canvas->columns}, STYLE_HEADER, ' ');
    at.column = canvas_print(canvas, at, STYLE_HEADER, " newbie " PACKAGE_VERSION " | %s", model_words(view));
    if (view->model == VIEW_READY)
        at.column = canvas_print(canvas, at, STYLE_HEADER, " | %s | %s", view->device, view->precision);
    if (view->model == VIEW_READY && *view->plan) /* its letter; :model has the words */
        canvas_print(canvas, at, STYLE_HEADER, " | %.*s", (int)strcspn(view->plan, ","), view->plan);
    put_right(canvas, row, STYLE_BADGE, badge);
}

void panel_rule(Canvas *canvas, int row, long newer) {
    canvas_fill(canvas, (Span){row, 0, canvas->columns}, STYLE_RULE,
                0x2500); /* BOX DRAWINGS LIGHT HORIZONTAL */
    if (newer > 0)
        canvas_print(canvas, (Span){row, 2, canvas->columns}, STYLE_STRONG,
                     " %ld newer line%s below (PageDown) ", newer, newer == 1 ? "" : "s");
}

/* ---- what runs ----------------------------------------------------------------------------------------- */

double panel_progress(const View *view) {
    return view->steps > 0 ? (double)view->step / view->steps : 0;
}

/* "2.1 it/s", "3.4 s/it". */
static void add_rate(Buf *facts, double seconds) {
    if (seconds > 1)
        buf_item(facts, "%.1f s/it", seconds);
    else if (seconds > 0)
        buf_item(facts, "%.1f it/s", 1 / seconds);
}

static const char *phase_words(const View *view) {
    static const char *const words[VIEW_PHASES] = {
        [VIEW_TEXT] = "reading the prompt", [VIEW_DENOISE] = "denoising",
        [VIEW_VAE] = "decoding the picture", [VIEW_SAVE] = "saving",
    };
    return view->stopping && view->phase <= VIEW_DENOISE ? "stopping after this step" : words[view->phase];
}

static void add_running_facts(Buf *facts, const View *view) {
    char seconds[24];
    buf_item(facts, "%3.0f%%", 100 * panel_progress(view));
    if (view->step > 0 && view->phase == VIEW_DENOISE && !view->stopping) {
        buf_item(facts, "sigma %.4f", view->sigma);
        add_rate(facts, view->step_seconds);
    } else {
        buf_item(facts, "%s", phase_words(view));
    }
    if (view->step > 0) {
        clock_format(seconds, view->eta);
        buf_item(facts, "ETA %s", seconds);
    }
}

static int facts_width(const Buf *facts) {
    int width = 0;
    for (size_t at = 0; at < facts->size; at += strlen(facts->data + at) + 1)
        width += text_width(facts->data + at) + 2;
    return width;
}

/* A bar of `room` cells between brackets, done to a part of 0 to 1. */
static int draw_bar(Canvas *canvas, Span at, int room, double part) {
    int done = (int)(part * room + 0.5);
    at.column = canvas_print(canvas, at, STYLE_TEXT, "[");
    canvas_fill(canvas, (Span){at.row, at.column, at.column + done}, STYLE_DONE, '#');
    canvas_fill(canvas, (Span){at.row, at.column + done, at.column + room}, STYLE_DIM, '.');
    at.column += room;
    return canvas_print(canvas, at, STYLE_TEXT, "]");
}

#define BAR_LEAST 6

static void draw_running(Canvas *canvas, int row, const View *view) {
    Buf facts = {0};
    add_running_facts(&facts, view);
    Span at = {row, 0, canvas->columns};
    at.column = canvas_print(canvas, at, STYLE_STRONG, "j%d", view->job) + 2;
    at.column = canvas_print(canvas, at, STYLE_TEXT, "step %d/%d", view->step, view->steps) + 2;
    int room =
        canvas->columns - at.column - facts_width(&facts) - 2; /* facts bring a gap each, the brackets 2 */
    if (room >= BAR_LEAST)
        at.column = draw_bar(canvas, at, room, panel_progress(view)) + 2;
    put_facts(canvas, at, buf_string(&facts));
    buf_done(&facts);
}

/* "queue 3: j14 j15 j16". Appends to *out. */
static void put_queue(Buf *out, const View *view, int ids_max) {
    buf_print(out, "%squeue %d", view->paused ? "paused, " : "", view->waiting);
    int shown = view->waiting_id_count < ids_max ? view->waiting_id_count : ids_max;
    for (int i = 0; i < shown; i++)
        buf_print(out, "%s j%d", i ? "" : ":", view->waiting_ids[i]);
    if (view->waiting > shown && ids_max > 0)
        buf_text(out, " ...");
    if (view->paused && view->waiting)
        buf_text(out, ids_max > 0 ? "  :queue go continues" : "");
}

static void draw_phases(Canvas *canvas, int row, const View *view) {
    static const char *const names[VIEW_PHASES] = {"text", "denoise", "vae", "save"};
    Buf queue = {0}, facts = {0};
    char seconds[24];
    put_queue(&queue, view, canvas->columns < NARROW ? 0 : canvas->columns < WIDE ? 3 : 8);
    if (view->waiting && !view->paused && view->queue_eta > 0 && canvas->columns >= WIDE) {
        clock_format(seconds, view->queue_eta);
        buf_print(&queue, ", all done in %s", seconds);
    }
    for (int i = 0; i < VIEW_PHASES; i++) {
        clock_format(seconds, view->phase_seconds[i] < 0 ? 0 : view->phase_seconds[i]);
        buf_item(&facts, "%s %s", names[i], view->phase_seconds[i] < 0 ? "-" : seconds);
    }
    buf_byte(&facts, 0);
    put_facts(canvas, (Span){row, 0, canvas->columns - text_width(queue.data) - 2}, facts.data);
    put_right(canvas, row, view->paused ? STYLE_STRONG : STYLE_TEXT, queue.data);
    buf_done(&queue);
    buf_done(&facts);
}

/* ---- idle ---------------------------------------------------------------------------------------------- */

static void add_setting(Buf *facts, const Settings *settings, SettingId id) {
    buf_item(facts, "%s %s", SETTINGS[id].name, settings_text(settings, id));
}

static void draw_idle(Canvas *canvas, int row, const View *view, const Settings *settings) {
    Buf right = {0}, facts = {0};
    char seconds[24];
    clock_format(seconds, view->last_seconds);
    if (view->last_seconds > 0)
        buf_print(&right, "last %s  ", seconds);
    put_queue(&right, view, 0);
    buf_item(&facts, "%s", view->paused && view->waiting ? "paused" : STATES[view->model]);
    buf_item(&facts, "%s", settings_text(settings, SET_SIZE));
    buf_item(&facts, "%s steps", settings_text(settings, SET_STEPS));
    add_setting(&facts, settings, SET_CFG);
    buf_item(&facts, "%s/%s", settings_text(settings, SET_SAMPLER), settings_text(settings, SET_SCHEDULE));
    add_setting(&facts, settings, SET_SEED);
    add_setting(&facts, settings, SET_SHIFT);
    add_setting(&facts, settings, SET_SYS);
    buf_byte(&facts, 0);
    put_facts(canvas, (Span){row, 0, canvas->columns - text_width(right.data) - 2}, facts.data);
    put_right(canvas, row, STYLE_TEXT, right.data);
    buf_done(&right);
    buf_done(&facts);
}

/* ---- memory -------------------------------------------------------------------------------------------- */

/* The parts of a device's memory, in the order of the bar. */
typedef struct MemoryPart {
    const char *word, *letter;
    Style style;
    uint64_t bytes;
} MemoryPart;
#define MEMORY_PARTS 4

static void memory_parts(MemoryPart parts[MEMORY_PARTS], const ViewMemory *memory) {
    parts[0] = (MemoryPart){"weights", "W", STYLE_WEIGHTS, memory->weights};
    parts[1] = (MemoryPart){"activations", "A", STYLE_ACTIVATIONS, memory->activations};
    parts[2] = (MemoryPart){"other", "x", STYLE_OTHER, memory->other};
    parts[3] = (MemoryPart){"free", ".", STYLE_DIM, memory->free};
}

/* "weights 12.3  activations 0.3  other 0.5  free 2.9 GiB": one unit for all where the weights are that
 * large, else one each. */
static void put_amounts(Buf *out, const MemoryPart parts[MEMORY_PARTS], bool letters) {
    bool gib = parts[0].bytes >= (uint64_t)1 << 30;
    for (int i = 0; i < MEMORY_PARTS; i++) {
        buf_print(out, "%s%s ", i ? "  " : "", letters ? parts[i].letter : parts[i].word);
        if (gib)
            buf_print(out, "%.1f", (double)parts[i].bytes / (1 << 30));
        else
            put_bytes(out, parts[i].bytes);
    }
    if (gib)
        buf_text(out, " GiB");
}

/* Cells of each part: what is there gets at least one, so that its letter can be seen; the free part what is
 * left. */
static void share_cells(int cells[MEMORY_PARTS], const MemoryPart parts[MEMORY_PARTS], int room,
                        uint64_t total) {
    int left = room;
    for (int i = 0; i < MEMORY_PARTS - 1; i++) {
        int share = (int)((double)parts[i].bytes / (double)total * room + 0.5);
        cells[i] = parts[i].bytes && share < 1 ? 1 : share;
        if (cells[i] > left)
            cells[i] = left;
        left -= cells[i];
    }
    cells[MEMORY_PARTS - 1] = left;
}

static void draw_memory(Canvas *canvas, int row, const char *device, const ViewMemory *memory) {
    MemoryPart parts[MEMORY_PARTS];
    int cells[MEMORY_PARTS];
    Buf amounts = {0};
    Span at = {row, 0, canvas->columns};
    memory_parts(parts, memory);
    put_amounts(&amounts, parts, canvas->columns < NARROW);
    at.column = canvas_print(canvas, at, STYLE_TEXT, "%-5s", device);
    int room = canvas->columns - at.column - text_width(amounts.data) - 4;
    if (canvas->columns >= WIDE && room > canvas->columns / 2)
        room = canvas->columns / 2;
    if (room >= BAR_LEAST && memory->total) {
        share_cells(cells, parts, room, memory->total);
        at.column = canvas_print(canvas, at, STYLE_TEXT, "[");
        for (int i = 0; i < MEMORY_PARTS; at.column += cells[i++])
            canvas_fill(canvas, (Span){row, at.column, at.column + cells[i]}, parts[i].style,
                        (uint32_t)*parts[i].letter);
        at.column = canvas_print(canvas, at, STYLE_TEXT, "]") + 2;
    }
    canvas_text(canvas, at, STYLE_TEXT, amounts.data, amounts.size);
    buf_done(&amounts);
}

/* ---- the block ----------------------------------------------------------------------------------------- */

int panel_status_rows(const View *view) {
    return 2 + (view->job != 0) + (view->device_memory.total != 0);
}

void panel_status(Canvas *canvas, int row, const View *view, const Settings *settings) {
    if (view->job) {
        draw_running(canvas, row++, view);
        draw_phases(canvas, row++, view);
    } else {
        draw_idle(canvas, row++, view, settings);
    }
    if (view->device_memory.total)
        draw_memory(canvas, row++, "GPU", &view->device_memory);
    draw_memory(canvas, row, "host", &view->host);
}

void panel_status_short(Canvas *canvas, int row, const View *view) {
    Span at = {row, 0, canvas->columns};
    if (view->job)
        canvas_print(canvas, at, STYLE_HEADER, "j%d %d/%d queue %d", view->job, view->step, view->steps,
                     view->waiting);
    else
        canvas_print(canvas, at, STYLE_HEADER, "%s, %d picture%s", model_words(view), view->pictures,
                     view->pictures == 1 ? "" : "s");
}

void panel_title(Buf *out, const View *view) {
    buf_text(out, "newbie");
    if (view->job)
        buf_print(out, " %d/%d %.0f%%", view->step, view->steps, 100 * panel_progress(view));
    if (view->waiting)
        buf_print(out, " +%d", view->waiting);
}
