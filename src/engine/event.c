/* event.c: owners of what events carry. */
#include "config.h"

#include "engine/event.h"

#include <stdlib.h>

#include "base/buf.h"

const char *const PHASE_NAMES[PHASE_COUNT] = {"text", "denoise", "vae", "save"};

void model_info_copy(ModelInfo *out, const ModelInfo *from) {
    *out = *from;
    char **strings[] = {&out->name, &out->about, &out->licence, &out->trained, &out->layout,
                        &out->path, &out->device, &out->precision, &out->default_system};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        *strings[i] = must_copy(*strings[i]);
    if (!from->words)
        return;
    size_t count = 0;
    while (from->words[count])
        count++;
    out->words = must_alloc((count + 1) * sizeof *out->words);
    for (size_t i = 0; i < count; i++)
        out->words[i] = must_copy(from->words[i]);
}

void model_info_done(ModelInfo *info) {
    char *strings[] = {info->name, info->about, info->licence, info->trained, info->layout,
                       info->path, info->device, info->precision, info->default_system};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        free(strings[i]);
    for (char **word = info->words; word && *word; word++)
        free(*word);
    free(info->words);
    *info = (ModelInfo){0};
}

void event_done(Event *event) {
    free(event->text);
    free(event->fault);
    free(event->saved.path);
    free(event->saved.png);
    free(event->saved.pixels);
    if (event->model)
        model_info_done(event->model);
    free(event->model);
    *event = (Event){0};
}
