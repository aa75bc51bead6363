/* fuzz_tokenizer_json.c: any bytes as a tokenizer.json; one that opens encodes some texts. */
#include "config.h"

#include "tests/fuzz/tokens.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void use(TokenRule rule, const char *path) {
    Tokenizer *tokenizer;
    if (tokenizer_from_json(&tokenizer, rule, path))
        return;
    check_some_encodings(tokenizer, rule);
    tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    use(TOKENS_GEMMA, path);
    use(TOKENS_JINA, path);
    close(fd);
    return 0;
}
