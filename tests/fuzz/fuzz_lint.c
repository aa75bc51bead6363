/* fuzz_lint.c: any bytes as a prompt to advise on, and its two halves as a prompt before and after an edit.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "prompt/edit.h"
#include "prompt/lint.h"

static void check_lint(const char *text, size_t size) {
    LintFacts facts = {
        .gemma_tokens = 600, .gemma_limit = 512, .gemma_cut = size / 2, .system_preset = "xml-train"};
    LintList list = {0};
    Buf line = {0};
    lint_prompt(&list, text, size, &facts);
    for (size_t i = 0; i < list.count; i++) {
        buf_truncate(&line, 0);
        lint_format_full(&line, &list.findings[i]);
        if (memchr(line.data, '\n', line.size) || utf8_check(line.data, line.size) != line.size)
            abort();
    }
    buf_done(&line);
    lint_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = size ? (const char *)data : "";
    check_lint(text, size);
    DiffList list = {0};
    Buf out = {0};
    diff_prompts(&list, text, size / 2, text + size / 2, size - size / 2);
    diff_print(&out, &list);
    buf_done(&out);
    diff_done(&list);
    return 0;
}
