/* map.c: open addressing with linear probing, at most two thirds full. Nothing is ever removed, so there are
 * no graves. */
#include "config.h"

#include "base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"

/* The entry of the key, or the free one where it would go. The table has at least one free entry. */
static MapEntry *find(const Map *map, const char *key, size_t size, uint32_t hash) {
    for (size_t i = hash;; i++) {
        MapEntry *entry = &map->entries[i & (map->capacity - 1)];
        if (!entry->key ||
            (entry->hash == hash && entry->size == size && memcmp(entry->key, key, size) == 0)) {
            return entry;
        }
    }
}

void map_reserve(Map *map, size_t count) {
    size_t capacity = map->capacity ? map->capacity : 16;
    while (capacity / 3 * 2 < count)
        capacity *= 2;
    if (capacity == map->capacity)
        return;
    assert(capacity < SIZE_MAX / sizeof(MapEntry));
    Map larger = {
        .entries = must_alloc(capacity * sizeof(MapEntry)), .count = map->count, .capacity = capacity};
    for (size_t i = 0; i < map->capacity; i++) {
        const MapEntry *entry = &map->entries[i];
        if (entry->key)
            *find(&larger, entry->key, entry->size, entry->hash) = *entry;
    }
    free(map->entries);
    *map = larger;
}

bool map_put(Map *map, const char *key, size_t size, int64_t value) {
    assert(key && size <= UINT32_MAX);
    map_reserve(map, map->count + 1);
    uint32_t hash = (uint32_t)hash64(key, size);
    MapEntry *entry = find(map, key, size, hash);
    if (entry->key)
        return false;
    *entry = (MapEntry){.key = key, .size = (uint32_t)size, .hash = hash, .value = value};
    map->count++;
    return true;
}

bool map_get(const Map *map, const char *key, size_t size, int64_t *value) {
    if (map->count == 0 || size > UINT32_MAX)
        return false;
    const MapEntry *entry = find(map, key, size, (uint32_t)hash64(key, size));
    if (entry->key && value)
        *value = entry->value;
    return entry->key != NULL;
}

void map_done(Map *map) {
    free(map->entries);
    *map = (Map){0};
}
