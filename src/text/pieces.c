/* pieces.c: the tables of a tokenizer, built once when its file is opened. */
#include "config.h"

#include "text/pieces.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

Status list_reserve(void *list, size_t *capacity, size_t count, size_t element) {
    void *old, *grown;
    if (count <= *capacity)
        return NULL;
    size_t wanted = *capacity * 2 > count ? *capacity * 2 : count + 64;
    memcpy(&old, list, sizeof old);
    grown = wanted < SIZE_MAX / element ? realloc(old, wanted * element) : NULL;
    if (!grown)
        return fail(ERR_MEMORY, "no memory to tokenize a text of this length");
    memcpy(list, &grown, sizeof grown);
    *capacity = wanted;
    return NULL;
}

Status pieces_begin(Pieces *pieces, size_t count, size_t text_bytes) {
    if (!count || count > PIECES_MAX)
        return fail(ERR_FORMAT, "%zu pieces, expected 1 to %d", count, PIECES_MAX);
    pieces->list = calloc(count, sizeof *pieces->list);
    pieces->pool_size = text_bytes;
    pieces->pool = malloc(text_bytes + 1);
    if (!pieces->list || !pieces->pool)
        return fail(ERR_MEMORY, "no memory for %zu pieces", count);
    pieces->count = count;
    for (size_t i = 0; i < count; i++)
        pieces->list[i].type = PIECE_CONTROL;
    return NULL;
}

Status pieces_set(Pieces *pieces, size_t id, Piece piece) {
    if (piece.size > PIECE_BYTES_MAX)
        return fail(ERR_FORMAT, "piece %zu has %zu bytes, expected at most %d", id, piece.size,
                    PIECE_BYTES_MAX);
    if (!isfinite(piece.score))
        return fail(ERR_FORMAT, "the score of piece %zu is not a number", id);
    if (id >= pieces->count || piece.size + 1 > pieces->pool_size - pieces->pool_used)
        return fail(ERR_BUG, "pieces_set: more pieces than announced");
    char *copy = pieces->pool + pieces->pool_used;
    if (piece.size)
        memcpy(copy, piece.text, piece.size);
    copy[piece.size] = '\0';
    pieces->pool_used += piece.size + 1;
    piece.text = copy;
    pieces->list[id] = piece;
    return NULL;
}

Status pieces_set_charsmap(Pieces *pieces, const unsigned char *bytes, size_t size) {
    NormalRule *rule = &pieces->rule;
    if (rule->units)
        return fail(ERR_FORMAT, "a second charsmap");
    if (size < 9)
        return size ? fail(ERR_FORMAT, "the charsmap has %zu bytes, expected at least 9", size) : NULL;
    size_t trie = bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    if (trie % 4 || trie < 4 || trie > size - 5 || bytes[size - 1])
        return fail(ERR_FORMAT, "the charsmap has %zu bytes, its table claims %zu", size, trie);
    rule->unit_count = trie / 4;
    rule->replacement_size = size - 4 - trie;
    rule->units = malloc(trie);
    rule->replacements = malloc(rule->replacement_size);
    if (!rule->units || !rule->replacements)
        return fail(ERR_MEMORY, "no memory for a charsmap of %zu bytes", size);
    for (size_t i = 0; i < rule->unit_count; i++) {
        const unsigned char *u = bytes + 4 + 4 * i;
        rule->units[i] = u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
    }
    memcpy(rule->replacements, bytes + 4 + trie, rule->replacement_size);
    return NULL;
}

int piece_byte(const char *text, size_t size) {
    int value = 0;
    if (size != 6 || memcmp(text, "<0x", 3) || text[5] != '>')
        return -1;
    for (int i = 3; i < 5; i++) {
        char c = text[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'F'))
            return -1;
        value = value * 16 + (c <= '9' ? c - '0' : c - 'A' + 10);
    }
    return value;
}

static bool comes_from_text(const Piece *piece) {
    bool type = piece->type == PIECE_NORMAL || piece->type == PIECE_USER || piece->type == PIECE_UNUSED;
    return piece->size && type;
}

/* Ids by text, special ids and the range of scores. */
static void index_pieces(Pieces *pieces) {
    pieces->lowest = FLT_MAX;
    pieces->highest = FLT_MIN; /* not -FLT_MAX: so does the library, whose user symbols depend on it */
    pieces->unknown = NO_PIECE;
    for (int i = 0; i < 256; i++)
        pieces->bytes[i] = NO_PIECE;
    map_reserve(&pieces->ids, pieces->count);
    for (size_t i = 0; i < pieces->count; i++) {
        const Piece *piece = &pieces->list[i];
        if (comes_from_text(piece))
            map_put(&pieces->ids, piece->text, piece->size, (int64_t)i);
        if (piece->type == PIECE_UNKNOWN)
            pieces->unknown = (int32_t)i;
        if (piece->type == PIECE_BYTE && piece_byte(piece->text, piece->size) >= 0)
            pieces->bytes[piece_byte(piece->text, piece->size)] = (int32_t)i;
        if (piece->type == PIECE_NORMAL && piece->score < pieces->lowest)
            pieces->lowest = piece->score;
        if (piece->type == PIECE_NORMAL && piece->score > pieces->highest)
            pieces->highest = piece->score;
        pieces->has_unused |= piece->type == PIECE_UNUSED;
    }
}

/* A trie of the pieces that come from text: all of them, or the user symbols only. */
typedef enum TrieOf { TRIE_OF_ALL, TRIE_OF_SYMBOLS } TrieOf;

static Status build_trie(Trie *trie, const Pieces *pieces, TrieOf which) {
    size_t count = 0;
    TrieKey *keys = malloc(pieces->count * sizeof *keys);
    if (!keys)
        return fail(ERR_MEMORY, "no memory for %zu pieces", pieces->count);
    for (size_t i = 0; i < pieces->count; i++) {
        const Piece *piece = &pieces->list[i];
        if (comes_from_text(piece) && (which == TRIE_OF_ALL || piece->type == PIECE_USER))
            keys[count++] = (TrieKey){piece->text, (uint32_t)piece->size, (int32_t)i};
    }
    Status st = trie_build(trie, keys, count);
    free(keys);
    return st;
}

size_t piece_character(const char *text, size_t size) {
    static const unsigned char sizes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    size_t bytes = sizes[(unsigned char)text[0] >> 4];
    return bytes < size ? bytes : size;
}

static void add_joints(Pieces *pieces, const Piece *piece) {
    size_t at = 0, left = piece_character(piece->text, piece->size), right;
    for (; at + left < piece->size; at += left, left = right) {
        right = piece_character(piece->text + at + left, piece->size - at - left);
        size_t bit = hash64(piece->text + at, left + right) & (pieces->joint_bits - 1);
        pieces->joints[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
}

static Status build_joints(Pieces *pieces) {
    for (pieces->joint_bits = 1024; pieces->joint_bits < 16 * pieces->count;)
        pieces->joint_bits *= 2;
    pieces->joints = calloc(pieces->joint_bits / 64, sizeof *pieces->joints);
    if (!pieces->joints)
        return fail(ERR_MEMORY, "no memory for %zu pieces", pieces->count);
    for (size_t i = 0; i < pieces->count; i++)
        if (comes_from_text(&pieces->list[i]))
            add_joints(pieces, &pieces->list[i]);
    return NULL;
}

bool pieces_may_join(const Pieces *pieces, const char *two_characters, size_t size) {
    size_t bit = hash64(two_characters, size) & (pieces->joint_bits - 1);
    return pieces->joints[bit / 64] >> (bit % 64) & 1;
}

Status pieces_finish(Pieces *pieces) {
    index_pieces(pieces);
    if (pieces->byte_fallback)
        for (int i = 0; i < 256; i++)
            if (pieces->bytes[i] == NO_PIECE)
                return fail(ERR_FORMAT, "byte fallback is on, but there is no piece <0x%02X>", i);
    TRY(build_trie(&pieces->symbols, pieces, TRIE_OF_SYMBOLS));
    bool unigram = pieces->kind == PIECES_UNIGRAM;
    return unigram ? build_trie(&pieces->all, pieces, TRIE_OF_ALL) : build_joints(pieces);
}

void pieces_done(Pieces *pieces) {
    free(pieces->rule.units);
    free(pieces->rule.replacements);
    free(pieces->list);
    free(pieces->pool);
    free(pieces->merges);
    free(pieces->joints);
    map_done(&pieces->ids);
    map_done(&pieces->merge_ranks);
    trie_done(&pieces->all);
    trie_done(&pieces->symbols);
    *pieces = (Pieces){0};
}

int32_t pieces_find(const Pieces *pieces, const char *text, size_t size) {
    int64_t id;
    return map_get(&pieces->ids, text, size, &id) ? (int32_t)id : NO_PIECE;
}
