/* undo.c: the states of prompt and settings (edit.h). Facts: product.md H3. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "prompt/edit.h"

static void state_done(UndoState *state) {
    free(state->prompt);
    free(state->settings);
}

const UndoState *undo_now(const UndoList *list) {
    return list->count ? &list->states[list->now] : NULL;
}

static bool is_now(const UndoList *list, const char *prompt, size_t size, const char *settings) {
    const UndoState *now = undo_now(list);
    return now && now->size == size && (!size || !memcmp(now->prompt, prompt, size)) &&
           !strcmp(now->settings, settings);
}

void undo_push(UndoList *list, const char *prompt, size_t size, const char *settings) {
    if (is_now(list, prompt, size, settings))
        return;
    while (list->count > list->now + 1)
        state_done(&list->states[--list->count]);
    if (!list->states)
        list->states = must_alloc(UNDO_STATES_MAX * sizeof *list->states);
    if (list->count == UNDO_STATES_MAX) {
        state_done(&list->states[0]);
        memmove(list->states, list->states + 1, --list->count * sizeof *list->states);
    }
    list->states[list->count] = (UndoState){must_copy_n(size ? prompt : "", size), size, must_copy(settings)};
    list->now = list->count++;
}

size_t undo_walk(UndoList *list, long steps) {
    size_t before = list->now, last = list->count ? list->count - 1 : 0;
    size_t wanted = steps < 0 ? (size_t)-(steps + 1) + 1 : (size_t)steps;
    if (steps < 0)
        list->now = wanted < last - before ? before + wanted : last;
    else
        list->now = wanted < before ? before - wanted : 0;
    return list->now > before ? list->now - before : before - list->now;
}

void undo_done(UndoList *list) {
    for (size_t i = 0; i < list->count; i++)
        state_done(&list->states[i]);
    free(list->states);
    *list = (UndoList){0};
}
