/* fuzz_meta.c: any text as one of the three chunks that hold generation data (the first byte chooses
 * which). What is read can be written as `newbie`, and is then read back with nothing lost. */
#include "config.h"

#include "engine/meta.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static MetaSource read_chunk(RunMeta *out, Buf *remarks, const char *keyword, char *text) {
    struct PngField field = {.keyword = (char *)keyword, .text = text, .size = strlen(text), .chunk = "iTXt"};
    PngInfo info = {.fields = &field, .field_count = 1};
    return meta_read(out, remarks, &info);
}

static void check_written(const RunMeta *meta) {
    Buf parameters = {0}, first = {0}, second = {0}, remarks = {0};
    RunMeta again;
    meta_write(&parameters, &first, meta, META_FULL);
    if (read_chunk(&again, &remarks, "newbie", first.data) != META_NEWBIE || remarks.size)
        abort();
    meta_write(&parameters, &second, &again, META_FULL);
    if (strcmp(first.data, second.data) != 0
        || utf8_check(parameters.data, parameters.size) != parameters.size)
        abort();
    meta_done(&again);
    buf_done(&parameters);
    buf_done(&first);
    buf_done(&second);
    buf_done(&remarks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const KEYWORDS[] = {"newbie", "parameters", "prompt"};
    if (size < 1 || memchr(data, 0, size) || utf8_check((const char *)data + 1, size - 1) != size - 1)
        return 0; /* png_parse lets no such text through */
    char *text = must_copy_n((const char *)data + 1, size - 1);
    RunMeta meta;
    Buf remarks = {0};
    if (read_chunk(&meta, &remarks, KEYWORDS[data[0] % 3], text) != META_NONE)
        check_written(&meta);
    meta_done(&meta);
    buf_done(&remarks);
    free(text);
    return 0;
}
