/* fuzz_spm.c: any bytes as a SentencePiece model; one that opens encodes some texts, among them its own
 * bytes. */
#include "config.h"

#include "tests/fuzz/tokens.h"

static void use(TokenRule rule, const uint8_t *data, size_t size) {
    Tokenizer *tokenizer;
    if (tokenizer_from_sentencepiece(&tokenizer, rule, data, size, "fuzz"))
        return;
    check_some_encodings(tokenizer, rule);
    check_encoding(tokenizer, rule, data, size < 500 ? size : 500);
    tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    use(TOKENS_GEMMA, data, size);
    use(TOKENS_JINA, data, size);
    return 0;
}
