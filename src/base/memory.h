/* memory.h: how much memory this machine has, and sizes for people. */
#pragma once

#include <stdint.h>

/* Bytes of RAM, and of what a program could take now without swapping (MemTotal and MemAvailable); 0 when the
 * system does not say. */
void memory_of_host(uint64_t *total, uint64_t *free);

/* "3.0 GiB", whole MiB below one GiB (product.md F5). Returns out. */
char *memory_print(char out[24], uint64_t bytes);
