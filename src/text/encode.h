/* text/encode.h: the steps from a text to raw tokens. Internal to the room.
 *
 *   normal_make -> unigram_encode or bpe_encode -> sink_add for every piece -> TokenList */
#pragma once

#include "text/pieces.h"
#include "text/tokenize.h"

/* A user symbol in the normal text: bytes [begin, end) that never merge with others. */
typedef struct Fixed {
    uint32_t begin, end;
    int32_t id;
} Fixed;

/* The text as the pieces want it, and where each byte came from. */
typedef struct Normal {
    char *text;        /* [size], owned */
    uint32_t *origin;  /* [size + 1], owned: byte of the user's text */
    size_t size;
    size_t text_capacity, origin_capacity;
    Fixed *fixed;      /* [fixed_count], owned, in order; of BPE only */
    size_t fixed_count, fixed_capacity;
} Normal;

/* Normalises text [size]. The caller calls normal_done, also after an error. Errors: ERR_MEMORY. */
Status normal_make(Normal *normal, const Pieces *pieces, const char *text, size_t size);
void normal_done(Normal *normal);

/* Takes the pieces of a text from left to right and makes the token list of them. */
typedef struct Sink {
    const Pieces *pieces;
    const Normal *normal;
    TokenList *list;
    size_t capacity;
    int32_t shift;        /* added to every raw id */
    int32_t unknown;      /* the id for unknown text, not shifted any more; NO_PIECE: it vanishes */
    bool after_unknown;
} Sink;

/* Adds bytes [begin, end) of the normal text as piece `id`; NO_PIECE or the unknown piece become byte pieces
 * or one unknown token for a run of them. Errors: ERR_MEMORY. */
Status sink_add(Sink *sink, uint32_t begin, uint32_t end, int32_t id);

/* Cut the normal text of the sink into pieces and add them. Errors: ERR_MEMORY. */
Status unigram_encode(Sink *sink);
Status bpe_encode(Sink *sink);
