/* device.c: see device.h. */
#include "config.h"

#include "engine/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/module.h"

Device device_host(const Backend *backend, bool bf16) {
    Device host = {.backend = backend, .info.bf16 = bf16};
    snprintf(host.name, sizeof host.name, "%s", backend->name);
    return host;
}

Status devices_find(Device out[DEVICES_MAX], int *count, const char *module) {
    const Backend *backend;
    DeviceInfo info[DEVICES_MAX];
    TRY(module_find(&backend, module));
    if (!backend->devices)
        return fail(ERR_DEVICE, "device %s: its module knows no cards", module);
    TRY(backend->devices(info, DEVICES_MAX, count));
    if (*count > DEVICES_MAX)
        *count = DEVICES_MAX;
    for (int i = 0; i < *count; i++) {
        out[i] = (Device){.backend = backend, .index = i, .info = info[i]};
        snprintf(out[i].name, sizeof out[i].name, "%.12s:%d", module, i);
    }
    return NULL;
}

/* The card with most free memory, the first of equals. */
static const Device *freest(const Device *cards, int count) {
    const Device *best = cards;
    for (int i = 1; i < count; i++)
        if (cards[i].info.free > best->info.free)
            best = &cards[i];
    return best;
}

static Status no_card(const char *wish, const char *module, int count) {
    if (!count)
        return hint(fail(ERR_DEVICE, "device %s: the driver is there, but no card", wish), ":set device cpu");
    return hint(fail(ERR_DEVICE, "device %s: found %d card%s, the first is %s:0", wish, count,
                     count == 1 ? "" : "s", module),
                ":set device %s:0, or :set device cpu", module);
}

/* "cuda" or "cuda:1" into the module's name and the index, -1 without one. */
static bool parse_card(char module[16], int *index, const char *wish) {
    size_t size = strspn(wish, "abcdefghijklmnopqrstuvwxyz");
    if (!size || size > 12 || (wish[size] && wish[size] != ':'))
        return false;
    snprintf(module, 16, "%.*s", (int)size, wish);
    *index = -1;
    if (!wish[size])
        return true;
    const char *digits = wish + size + 1;
    size_t count = strspn(digits, "0123456789");
    if (!count || count > 3 || digits[count])
        return false;
    *index = atoi(digits);
    return true;
}

static Status choose_card(Device *out, const char *wish) {
    Device cards[DEVICES_MAX];
    char module[16];
    int index, count = 0;
    if (!parse_card(module, &index, wish) || (strcmp(module, "cuda") && strcmp(module, "emu")))
        return hint(fail(ERR_USAGE, "device is %.40s, expected auto, cpu, cuda, cuda:N", wish),
                    ":set device auto");
    TRY(devices_find(cards, &count, module));
    if (index >= count || !count)
        return no_card(wish, module, count);
    *out = index < 0 ? *freest(cards, count) : cards[index];
    return NULL;
}

Status device_choose(Device *out, const char *wish, const Device *host) {
    bool any = !strcmp(wish, "auto");
    if (!host && (any || !strcmp(wish, "cpu")))
        return NULL;
    if (!strcmp(wish, "cpu") || (any && choose_card(out, "cuda"))) {
        *out = *host;
        return NULL;
    }
    return any ? NULL : choose_card(out, wish);
}
