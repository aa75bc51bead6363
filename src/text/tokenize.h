/* text/tokenize.h: strings to token ids, exactly as the encoders' own tokenizers do it.
 *
 * Reads a SentencePiece model (protobuf bytes) or a Hugging Face tokenizer.json; adds the rules of the two
 * encoders: gemma: [2] + pieces; jina: [0] + pieces in XLM-R order + [2]. User text is plain text: control
 * strings such as "<s>" or "<start_of_turn>" are never special (user-defined symbols of the model are
 * matched, as the library does). Source: model-spec.md 6; reference cases tokens-*. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum TokenRule { TOKENS_GEMMA, TOKENS_JINA } TokenRule;

typedef struct TokenList {
    int32_t *ids;              /* [count], owned */
    uint32_t *begin, *end;     /* [count], owned: bytes [begin, end) of a token's text; empty for specials */
    size_t count;
} TokenList;

typedef struct Tokenizer Tokenizer;

/* From a SentencePiece model; the bytes are copied. `name` is used in messages. *out is owned by the caller.
 * Errors: ERR_FORMAT (not a model, no pieces, charsmap out of bounds). */
Status tokenizer_from_sentencepiece(Tokenizer **out, TokenRule rule, const void *bytes, size_t size,
                                    const char *name);

/* From a tokenizer.json. Errors: ERR_IO, ERR_FORMAT, ERR_UNSUPPORTED (a model kind or normalizer we do not
 * know). */
Status tokenizer_from_json(Tokenizer **out, TokenRule rule, const char *path);

/* From a file of either kind (by content). */
Status tokenizer_open(Tokenizer **out, TokenRule rule, const char *path);

void tokenizer_free(Tokenizer *tokenizer);

/* Number of pieces; ids are below tokenizer_id_limit (which includes the +1 of the XLM-R order). */
size_t tokenizer_pieces(const Tokenizer *tokenizer);
int32_t tokenizer_id_limit(const Tokenizer *tokenizer);

/* The piece text of an id ("▁girl"), borrowed; NULL when out of range. */
const char *tokenizer_piece(const Tokenizer *tokenizer, int32_t id);

/* Encodes `size` bytes. *out is set on success (token_list_done). Thread-safe. Errors: ERR_MEMORY. */
Status tokenizer_encode(const Tokenizer *tokenizer, TokenList *out, const char *text, size_t size);

/* Keeps the first `limit` ids as the original does: gemma cuts; jina keeps </s> as the last (model-spec 6.4).
 * Returns the byte offset of the text where the cut begins (the text's end when nothing was cut). */
size_t token_list_truncate(TokenList *list, TokenRule rule, size_t limit, size_t text_size);

void token_list_done(TokenList *list);
