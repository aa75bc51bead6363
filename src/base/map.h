/* map.h: a hash table from byte strings to 64-bit integers (tensor names, vocabulary pieces,
 * command words). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct MapEntry {
    const char *key; /* borrowed from the caller of map_put, must outlive the map */
    uint32_t size;
    uint32_t hash;
    int64_t value;
} MapEntry;

typedef struct Map {
    MapEntry *entries; /* capacity is a power of two; key NULL = free */
    size_t count, capacity;
} Map; /* a zeroed Map is empty and valid */

/* Makes room for `count` entries at once. */
void map_reserve(Map *map, size_t count);

/* Stores key -> value. Returns false, and leaves the old value, when the key is there already. */
bool map_put(Map *map, const char *key, size_t size, int64_t value);

/* *value of the key; false when absent (value then untouched). value may be NULL. */
bool map_get(const Map *map, const char *key, size_t size, int64_t *value);

void map_done(Map *map);
