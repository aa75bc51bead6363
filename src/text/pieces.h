/* text/pieces.h: what a tokenizer file says, in the form the encoders use. Internal to the room.
 *
 * spm.c and hf.c fill a Pieces from the two kinds of files; normal.c, unigram.c and bpe.c read it; tokenize.c
 * puts the rules of the encoders on top. Ids here are positions in the file ("raw" ids). Source:
 * model-spec.md 6.1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "base/status.h"
#include "text/trie.h"

#define PIECE_BYTES_MAX 4096 /* longest piece taken; real ones stay below 100 bytes */
#define PIECES_MAX (1 << 24)
#define NO_PIECE (-1)

/* The numbers of SentencePiece's file format. */
typedef enum PieceType {
    PIECE_NORMAL = 1,
    PIECE_UNKNOWN = 2,
    PIECE_CONTROL = 3, /* never comes from text */
    PIECE_USER = 4,    /* always matched as a whole */
    PIECE_UNUSED = 5,  /* may occur inside a merge, never in the result */
    PIECE_BYTE = 6,
} PieceType;

typedef struct Piece {
    const char *text; /* NUL-terminated, in the pool; NULL for an id without piece */
    size_t size;
    float score;      /* log probability; larger = preferred */
    PieceType type;
} Piece;

/* One merge of a tokenizer.json: left and right stand beside each other because together they are the key. */
typedef struct Merge {
    int32_t left, right, result;
} Merge;

typedef enum PiecesKind { PIECES_UNIGRAM = 1, PIECES_BPE = 2 } PiecesKind;

/* How a text becomes what the pieces are matched with. model-spec.md 6.1, normalisation (a) to (d). */
typedef struct NormalRule {
    uint32_t *units;      /* double-array trie of the charsmap, [unit_count], owned; NULL: characters stay */
    size_t unit_count;
    char *replacements;   /* NUL-terminated strings, [replacement_size], owned */
    size_t replacement_size;
    bool dummy_prefix, remove_extra_spaces, escape_spaces;
    bool raw_symbols;     /* user symbols are found in the raw text (tokenizer.json), not the normal one */
} NormalRule;

typedef struct Pieces {
    PiecesKind kind;
    NormalRule rule;
    Piece *list;          /* [count], owned */
    size_t count;
    char *pool;           /* texts, owned */
    size_t pool_used, pool_size;
    Map ids;              /* text to id of what can come from text: normal, user and unused pieces */
    Trie all;             /* the same as a trie; Unigram only */
    Trie symbols;         /* user pieces */
    Merge *merges;        /* [merge_count], owned, best first; NULL: what makes a piece merges, by score */
    size_t merge_count;
    Map merge_ranks;      /* left and right to index in merges */
    uint64_t *joints;     /* BPE: set of hashes of two characters that stand together in a piece, owned */
    size_t joint_bits;    /* a power of two */
    int32_t unknown;      /* id, or NO_PIECE */
    int32_t bytes[256];   /* ids of the byte pieces, or NO_PIECE */
    bool byte_fallback, has_unused, split_unknowns;
    float lowest, highest; /* scores of normal pieces */
} Pieces;

/* Makes room for `count` pieces with `text_bytes` bytes altogether, their NULs counted too.
 * Errors: ERR_FORMAT (none, or too many), ERR_MEMORY. */
Status pieces_begin(Pieces *pieces, size_t count, size_t text_bytes);

/* Sets piece `id`; its text is copied and needs no NUL. Errors: ERR_FORMAT (a piece that is too long, a score
 * that is no number). */
Status pieces_set(Pieces *pieces, size_t id, Piece piece);

/* Takes SentencePiece's precompiled charsmap (copied). Errors: ERR_FORMAT, ERR_MEMORY. */
Status pieces_set_charsmap(Pieces *pieces, const unsigned char *bytes, size_t size);

/* Builds the tables after the last piece was set. Errors: ERR_FORMAT, ERR_MEMORY. */
Status pieces_finish(Pieces *pieces);
void pieces_done(Pieces *pieces);

/* The id of a text among what can come from text; NO_PIECE when it is none. */
int32_t pieces_find(const Pieces *pieces, const char *text, size_t size);

/* Bytes of the UTF-8 character that text [size] begins with, told from its first byte alone; at least 1, at
 * most size. So SentencePiece cuts a text into characters. */
size_t piece_character(const char *text, size_t size);

/* False when no piece holds these two characters [size] side by side, so that nothing can merge across them;
 * may be true for others too. */
bool pieces_may_join(const Pieces *pieces, const char *two_characters, size_t size);

/* 0 to 255 for "<0x00>" to "<0xFF>"; -1 for anything else. */
int piece_byte(const char *text, size_t size);

/* Fills *pieces from a file of either kind; the caller calls pieces_done, also after an error.
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED, ERR_MEMORY. `name` is for messages. */
Status pieces_from_sentencepiece(Pieces *pieces, const void *bytes, size_t size, const char *name);
Status pieces_from_json(Pieces *pieces, const char *path);

/* Makes a list of `element` bytes each hold at least `count`; doubles, so that adding stays linear. `list`
 * points to the pointer. Errors: ERR_MEMORY. */
Status list_reserve(void *list, size_t *capacity, size_t count, size_t element);
