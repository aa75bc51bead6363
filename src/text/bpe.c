/* bpe.c: byte-pair encoding with a heap, at most n log n in the length of the text.
 *
 * Starts from single characters and merges the best adjacent pair (highest score, leftmost on ties) until
 * none is left. What merges: with SentencePiece any two symbols whose texts together are a piece, by its
 * score; with a tokenizer.json the pairs of its merge list, by rank. User symbols are fixed before and
 * stop every merge. Source: model-spec.md 6.1; SentencePiece's bpe_model.cc; the tokenizers library's
 * bpe/word.rs. */
#include "config.h"

#include "text/encode.h"

#include <stdlib.h>

#define NONE UINT32_MAX

typedef struct Symbol {
    uint32_t begin, size; /* size 0: merged into the one before */
    uint32_t before, after;
    int32_t id;
} Symbol;

/* A merge that was possible when it was noted; stale when the sizes do not add up any more. */
typedef struct Pair {
    float score;
    uint32_t left, size;
    int32_t id;
} Pair;

typedef struct Bpe {
    const Pieces *pieces;
    const Normal *normal;
    Symbol *symbols;
    size_t symbol_count, symbol_capacity;
    Pair *heap; /* best first */
    size_t pair_count, pair_capacity;
    uint32_t *split; /* [pieces], bytes of the left half an unused piece was made of; NULL: none unused */
} Bpe;

/* ---- the heap ---- */

static bool better(const Pair *a, const Pair *b) {
    return a->score > b->score || (a->score == b->score && a->left < b->left);
}

static Status push(Bpe *bpe, Pair pair) {
    TRY(list_reserve(&bpe->heap, &bpe->pair_capacity, bpe->pair_count + 1, sizeof *bpe->heap));
    size_t at = bpe->pair_count++;
    for (; at && better(&pair, &bpe->heap[(at - 1) / 2]); at = (at - 1) / 2)
        bpe->heap[at] = bpe->heap[(at - 1) / 2];
    bpe->heap[at] = pair;
    return NULL;
}

static Pair pop(Bpe *bpe) {
    Pair best = bpe->heap[0], last = bpe->heap[--bpe->pair_count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < bpe->pair_count) {
        if (child + 1 < bpe->pair_count && better(&bpe->heap[child + 1], &bpe->heap[child]))
            child++;
        if (!better(&bpe->heap[child], &last))
            break;
        bpe->heap[at] = bpe->heap[child];
        at = child;
    }
    bpe->heap[at] = last;
    return best;
}

/* ---- symbols and pairs ---- */

static Status add_symbol(Bpe *bpe, size_t begin, size_t size, int32_t id) {
    TRY(list_reserve(&bpe->symbols, &bpe->symbol_capacity, bpe->symbol_count + 1, sizeof *bpe->symbols));
    bpe->symbols[bpe->symbol_count++] = (Symbol){(uint32_t)begin, (uint32_t)size, NONE, NONE, id};
    return NULL;
}

/* Single characters from `begin` on, linked, up to a place that no merge can cross or to `end`; *begin moves
 * there. Cutting there changes no id, but most texts fall into pieces that fit into the cache. */
static Status add_characters(Bpe *bpe, size_t *begin, size_t end) {
    const char *text = bpe->normal->text;
    for (size_t size, before = 0; *begin < end; *begin += size, before = size) {
        size = piece_character(text + *begin, end - *begin);
        /* How an unused piece is taken apart may depend on the whole text: then that stays together. */
        if (before && !bpe->split && !pieces_may_join(bpe->pieces, text + *begin - before, before + size))
            break;
        TRY(add_symbol(bpe, *begin, size, pieces_find(bpe->pieces, text + *begin, size)));
        uint32_t index = (uint32_t)(bpe->symbol_count - 1);
        if (before) {
            bpe->symbols[index].before = index - 1;
            bpe->symbols[index - 1].after = index;
        }
    }
    return NULL;
}

static bool find_merge(const Bpe *bpe, const Symbol *left, const Symbol *right, Pair *pair) {
    const Pieces *pieces = bpe->pieces;
    if (!pieces->merges) {
        pair->id = pieces_find(pieces, bpe->normal->text + left->begin, left->size + right->size);
        pair->score = pair->id == NO_PIECE ? 0 : pieces->list[pair->id].score;
        return pair->id != NO_PIECE;
    }
    int32_t key[2] = {left->id, right->id};
    int64_t rank;
    if (!map_get(&pieces->merge_ranks, (const char *)key, sizeof key, &rank))
        return false;
    pair->id = pieces->merges[rank].result;
    pair->score = -(float)rank; /* exact: there are fewer than 2^24 merges */
    return true;
}

/* Notes the merge of a symbol with the one after it, if there is one. */
static Status consider(Bpe *bpe, uint32_t left) {
    if (left == NONE || bpe->symbols[left].after == NONE)
        return NULL;
    const Symbol *one = &bpe->symbols[left], *two = &bpe->symbols[one->after];
    Pair pair = {.left = left, .size = one->size + two->size};
    if (!find_merge(bpe, one, two, &pair))
        return NULL;
    if (bpe->split && bpe->pieces->list[pair.id].type == PIECE_UNUSED)
        bpe->split[pair.id] = one->size;
    return push(bpe, pair);
}

static Status merge_all(Bpe *bpe) {
    while (bpe->pair_count) {
        Pair pair = pop(bpe);
        Symbol *left = &bpe->symbols[pair.left];
        if (!left->size || left->after == NONE || left->size + bpe->symbols[left->after].size != pair.size)
            continue;
        Symbol *right = &bpe->symbols[left->after];
        left->size = pair.size;
        left->id = pair.id;
        right->size = 0;
        left->after = right->after;
        if (left->after != NONE)
            bpe->symbols[left->after].before = pair.left;
        TRY(consider(bpe, left->before));
        TRY(consider(bpe, pair.left));
    }
    return NULL;
}

/* Adds a symbol to the result; an unused piece is taken apart again the way it was made, and is unknown when
 * it is a single character. Pieces are at most PIECE_BYTES_MAX long, which bounds the depth. */
static Status add_result(Bpe *bpe, Sink *sink, uint32_t begin, uint32_t size, int32_t id) {
    if (id == NO_PIECE || bpe->pieces->list[id].type != PIECE_UNUSED)
        return sink_add(sink, begin, begin + size, id);
    uint32_t left = bpe->split[id];
    if (!left || left >= size)
        return sink_add(sink, begin, begin + size, NO_PIECE);
    const char *text = bpe->normal->text + begin;
    TRY(add_result(bpe, sink, begin, left, pieces_find(bpe->pieces, text, left)));
    int32_t right_id = pieces_find(bpe->pieces, text + left, size - left);
    return add_result(bpe, sink, begin + left, size - left, right_id);
}

/* Merges what the symbols allow, adds the result, and starts anew. */
static Status finish_symbols(Bpe *bpe, Sink *sink) {
    for (size_t i = 0; i < bpe->symbol_count; i++)
        TRY(consider(bpe, (uint32_t)i));
    TRY(merge_all(bpe));
    for (size_t i = 0; i < bpe->symbol_count; i++)
        if (bpe->symbols[i].size)
            TRY(add_result(bpe, sink, bpe->symbols[i].begin, bpe->symbols[i].size, bpe->symbols[i].id));
    bpe->symbol_count = 0;
    return NULL;
}

static Status encode(Bpe *bpe, Sink *sink) {
    const Normal *normal = bpe->normal;
    for (size_t i = 0, at = 0; i <= normal->fixed_count; i++) {
        size_t end = i < normal->fixed_count ? normal->fixed[i].begin : normal->size;
        while (at < end) {
            TRY(add_characters(bpe, &at, end));
            if (!bpe->split)
                TRY(finish_symbols(bpe, sink));
        }
        if (i == normal->fixed_count)
            break;
        at = normal->fixed[i].end;
        TRY(add_symbol(bpe, end, at - end, normal->fixed[i].id));
    }
    return finish_symbols(bpe, sink);
}

Status bpe_encode(Sink *sink) {
    Bpe bpe = {.pieces = sink->pieces, .normal = sink->normal};
    Status st = NULL;
    if (sink->pieces->has_unused) {
        bpe.split = calloc(sink->pieces->count, sizeof *bpe.split);
        st = bpe.split ? NULL : fail(ERR_MEMORY, "no memory for %zu pieces", sink->pieces->count);
    }
    if (!st)
        st = encode(&bpe, sink);
    free(bpe.symbols);
    free(bpe.heap);
    free(bpe.split);
    return st;
}
