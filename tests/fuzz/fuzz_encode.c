/* fuzz_encode.c: any bytes as the text, for every kind of tokenizer. The models are the corpora of spm and
 * tokenizer_json, found under $srcdir. */
#include "config.h"

#include "tests/fuzz/tokens.h"

#include <stdio.h>

static struct Model {
    const char *path;
    TokenRule rule;
    Tokenizer *tokenizer; /* opened once, for all inputs */
} models[] = {
    {"spm/bpe", TOKENS_GEMMA, NULL},
    {"spm/unigram", TOKENS_JINA, NULL},
    {"tokenizer_json/bpe", TOKENS_GEMMA, NULL},
    {"tokenizer_json/unigram", TOKENS_JINA, NULL},
};

static void open_model(struct Model *model) {
    char path[4096];
    const char *source = getenv("srcdir");
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", source ? source : ".", model->path);
    Status st = tokenizer_open(&model->tokenizer, model->rule, path);
    if (st) {
        fprintf(stderr, "%s\n", st->message);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (!models[i].tokenizer)
            open_model(&models[i]);
        check_encoding(models[i].tokenizer, models[i].rule, data, size);
    }
    return 0;
}
