/* tokens.h: what must hold of every token list, whatever the model and the text. For the tokenizer's fuzz
 * targets. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "text/tokenize.h"

/* Encodes a text and aborts unless ids are in range, ranges are in the text, in order, and a cut is where it
 * says. */
static inline void check_encoding(const Tokenizer *tokenizer, TokenRule rule, const void *text, size_t size) {
    TokenList list;
    if (tokenizer_encode(tokenizer, &list, text, size))
        abort();
    for (size_t i = 0; i < list.count; i++) {
        uint32_t before = i ? list.begin[i - 1] : 0;
        if (list.ids[i] < 0 || list.ids[i] >= tokenizer_id_limit(tokenizer) || list.begin[i] < before ||
            list.begin[i] > list.end[i] || list.end[i] > size)
            abort();
        tokenizer_piece(tokenizer, list.ids[i]);
    }
    size_t limit = list.count / 2, cut = token_list_truncate(&list, rule, limit, size);
    if (cut > size || list.count > limit)
        abort();
    token_list_done(&list);
}

/* The same for a few texts that reach every kind of piece. */
static inline void check_some_encodings(const Tokenizer *tokenizer, TokenRule rule) {
    static const char *const texts[] = {"", "the cat  <b>sat</b>\n\n", "\xff \xe7\x8c\xab\xe3\x81\x8c",
                                        "aaaaaaaa"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_encoding(tokenizer, rule, texts[i], strlen(texts[i]));
}
