/* fuzz_safetensors.c: any bytes as a safetensors file. Of a file that opens, every byte of every tensor is
 * read. */
#include "config.h"

#include "io/safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The exclusive or of all bytes, so that reading them is not optimised away. */
static unsigned read_all(const SafeTensors *file) {
    unsigned sum = 0;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const SafeTensor *tensor = safetensors_at(file, i);
        const unsigned char *data = tensor->data;
        for (size_t k = 0; k < tensor->bytes; k++)
            sum ^= data[k];
        if (safetensors_find(file, tensor->name) != tensor)
            abort();
        safetensors_forget(file, tensor);
    }
    safetensors_metadata(file, "format");
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    SafeTensors *file;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (!safetensors_open(&file, path)) {
        if (read_all(file) > 0xFF)
            abort();
        safetensors_close(file);
    }
    close(fd);
    return 0;
}
