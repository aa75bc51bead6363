/* fuzz_macro.c: any bytes as a macro file. What is read can be written, and reads back with the same prompt.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prompt/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Macro macro = {0}, again = {0};
    Buf bytes = {0};
    if (macro_parse(&macro, "fuzz.nbm", size ? (const char *)data : "", size))
        return 0;
    macro_print(&bytes, &macro);
    if (macro_parse(&again, "fuzz.nbm", bytes.data, bytes.size))
        abort();
    if (again.setting_count != macro.setting_count || again.prompt.size != macro.prompt.size ||
        (macro.prompt.size && memcmp(again.prompt.data, macro.prompt.data, macro.prompt.size)))
        abort();
    macro_done(&macro);
    macro_done(&again);
    buf_done(&bytes);
    return 0;
}
