/* fuzz_tags.c: any bytes as a list of tags. Every tag that is read is found by its whole name, and by what
 * stands in the middle of it. */
#include "config.h"

#include "prompt/tags.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_row(const TagList *list, const TagRow *row) {
    TagFound found[TAGS_FOUND_MAX];
    const char *name = list->text.data + row->name;
    if (memchr(name, '\n', row->name_size))
        abort();
    size_t count = tags_find(found, list, name, row->name_size, TAG_ANY);
    if (row->name_size > 1 && (!count || found[0].rank != TAG_EXACT))
        abort();
    size_t half = row->name_size / 2;
    if (row->name_size - half > 1 && !tags_find(found, list, name + half, row->name_size - half, TAG_ANY))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    TagList list;
    if (tags_parse(&list, (const char *)data, size, "input"))
        return 0;
    for (size_t i = 1; i < list.count; i++)
        if (list.rows[i].count > list.rows[i - 1].count)
            abort();
    for (size_t i = 0; i < list.count && i < 50; i++)
        check_row(&list, &list.rows[i]);
    tags_done(&list);
    return 0;
}
