/* map: byte strings to integers. */
#include "config.h"

#include <stdio.h>

#include "base/map.h"
#include "tests/tap.h"

enum { KEYS = 20000 };

int main(void) {
    static char keys[KEYS][16];
    Map map = {0};
    int64_t value = 7;
    CHECK(!map_get(&map, "a", 1, &value) && value == 7,
          "an empty map has nothing and leaves the value alone");
    int put = 0, found = 0, absent = 0;
    for (int i = 0; i < KEYS; i++) {
        int size = snprintf(keys[i], sizeof keys[i], "key %d", i);
        put += map_put(&map, keys[i], (size_t)size, i);
    }
    CHECK_EQ(put, KEYS, "new keys are stored");
    CHECK_EQ(map.count, KEYS, "the count is the number of keys");
    for (int i = 0; i < KEYS; i++) {
        found += map_get(&map, keys[i], strlen(keys[i]), &value) && value == i;
        absent += !map_get(&map, keys[i], strlen(keys[i]) - 1, NULL) || i > 9;
    }
    CHECK_EQ(found, KEYS, "every key has its value after growing");
    CHECK_EQ(absent, KEYS, "a prefix of a key is another key");
    CHECK(!map_put(&map, "key 5", 5, 99), "a key is stored once");
    CHECK(map_get(&map, "key 5", 5, &value) && value == 5, "the first value stays");
    CHECK(map_put(&map, "", 0, 1) && map_get(&map, "", 0, &value) && value == 1, "the empty string is a key");
    CHECK(map_put(&map, "a\0b", 3, 2) && !map_get(&map, "a\0c", 3, NULL), "keys may hold NUL bytes");
    size_t capacity = map.capacity;
    map_reserve(&map, 10);
    CHECK_EQ(map.capacity, capacity, "reserving less than there is does nothing");
    map_done(&map);
    CHECK(map.count == 0 && !map_get(&map, "key 5", 5, NULL), "a finished map is empty");
    return tap_end();
}
