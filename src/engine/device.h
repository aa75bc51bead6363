/* device.h: what computes: the host, or a card that a backend module knows. product.md 6 (setting device). */
#pragma once

#include "ops/backend.h"

typedef struct Device {
    const Backend *backend;
    int index;          /* BackendOptions.device */
    char name[24];      /* "cpu", "cuda:0" */
    DeviceInfo info;    /* of a card; of the host only bf16 is set */
} Device;

#define DEVICES_MAX 16

/* The host as a device. */
Device device_host(const Backend *backend, bool bf16);

/* The cards of module `module` ("cuda"), *count of them, at most DEVICES_MAX. Errors: ERR_DEVICE: no
 * module, no driver, an old one (product.md 12 rows 11, 12). No card at all is no error. */
Status devices_find(Device out[DEVICES_MAX], int *count, const char *module);

/* The device that a wish means: "cpu"; "cuda", its card with most free memory; "cuda:1"; "auto", as "cuda"
 * where there is a card, else the host. The host may be NULL, then "cpu" and "auto" choose nothing.
 * Errors: ERR_DEVICE as devices_find, no such card; ERR_USAGE: not a name of a device. */
Status device_choose(Device *out, const char *wish, const Device *host);
