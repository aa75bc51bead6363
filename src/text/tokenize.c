/* tokenize.c: the public functions, and the rules of the two encoders on top of the pieces of a file.
 *
 * gemma: 2 in front, ids as in the file. jina: 0 in front, 2 behind; ids in XLM-RoBERTa's order, which a
 * sentencepiece.bpe.model is one off: it begins with <unk> <s> </s>, the order with <s> <pad> </s> <unk>. A
 * file that begins with <s> has been rewritten and is taken as it is. Source: model-spec.md 6.2 to 6.4. */
#include "config.h"

#include "text/tokenize.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "text/encode.h"

#define TEXT_MAX ((size_t)1 << 30) /* positions are 32 bits, and a byte may become several */
#define GEMMA_BEGIN 2
#define JINA_BEGIN 0
#define JINA_END 2

static const char *const xlmr_order[] = {"<s>", "<pad>", "</s>", "<unk>"};
#define XLMR_SPECIALS 4
#define XLMR_UNKNOWN 3

struct Tokenizer {
    Pieces pieces;
    TokenRule rule;
    int32_t shift; /* from raw ids to ours: 1 for a file that has to be brought into XLM-RoBERTa's order */
};

/* ---- opening ---- */

static bool piece_is(const Pieces *pieces, size_t id, const char *text) {
    return id < pieces->count && pieces->list[id].text && !strcmp(pieces->list[id].text, text);
}

static Status find_order(Tokenizer *tokenizer) {
    const Pieces *pieces = &tokenizer->pieces;
    if (pieces->count < XLMR_SPECIALS)
        return fail(ERR_FORMAT, "%zu pieces, expected at least %d", pieces->count, XLMR_SPECIALS);
    if (tokenizer->rule != TOKENS_JINA)
        return NULL;
    tokenizer->shift = piece_is(pieces, 0, "<unk>");
    for (size_t i = 0; i < XLMR_SPECIALS && !tokenizer->shift; i++)
        if (!piece_is(pieces, i, xlmr_order[i]))
            return fail(ERR_FORMAT,
                        "not the pooled encoder's tokenizer: piece %zu is \"%.40s\", expected %s%s", i,
                        pieces->list[i].text ? pieces->list[i].text : "", xlmr_order[i],
                        i ? "" : " or <unk>");
    return NULL;
}

/* Takes the pieces, whatever the status of reading them is. */
static Status finish_take(Tokenizer **out, TokenRule rule, Pieces pieces, Status st, const char *name) {
    Tokenizer *tokenizer = must_alloc(sizeof *tokenizer);
    *tokenizer = (Tokenizer){.pieces = pieces, .rule = rule};
    if (!st)
        st = note(find_order(tokenizer), "%s", name);
    if (st)
        tokenizer_free(tokenizer);
    else
        *out = tokenizer;
    return st;
}

Status tokenizer_from_sentencepiece(Tokenizer **out, TokenRule rule, const void *bytes, size_t size,
                                    const char *name) {
    Pieces pieces = {0};
    Status st = pieces_from_sentencepiece(&pieces, bytes, size, name);
    return finish_take(out, rule, pieces, st, name);
}

Status tokenizer_from_json(Tokenizer **out, TokenRule rule, const char *path) {
    Pieces pieces = {0};
    Status st = pieces_from_json(&pieces, path);
    return finish_take(out, rule, pieces, st, path);
}

Status tokenizer_open(Tokenizer **out, TokenRule rule, const char *path) {
    FileMap map;
    size_t at = 0;
    TRY(file_map(&map, path));
    while (at < map.size && strchr(" \t\r\n", map.data[at]) && map.data[at])
        at++;
    bool json = at < map.size && map.data[at] == '{';
    Status st = json ? tokenizer_from_json(out, rule, path)
                     : tokenizer_from_sentencepiece(out, rule, map.data, map.size, path);
    file_unmap(&map);
    return st;
}

void tokenizer_free(Tokenizer *tokenizer) {
    if (!tokenizer)
        return;
    pieces_done(&tokenizer->pieces);
    free(tokenizer);
}

/* ---- asking ---- */

size_t tokenizer_pieces(const Tokenizer *tokenizer) {
    return tokenizer->pieces.count;
}

int32_t tokenizer_id_limit(const Tokenizer *tokenizer) {
    return (int32_t)tokenizer->pieces.count + tokenizer->shift;
}

const char *tokenizer_piece(const Tokenizer *tokenizer, int32_t id) {
    if (id < 0 || id >= tokenizer_id_limit(tokenizer))
        return NULL;
    if (tokenizer->shift && id < XLMR_SPECIALS)
        return xlmr_order[id];
    return tokenizer->pieces.list[id - tokenizer->shift].text;
}

/* ---- encoding ---- */

static Status push(Sink *sink, int32_t id, uint32_t begin, uint32_t end) {
    TokenList *list = sink->list;
    size_t ids = sink->capacity, begins = sink->capacity;
    TRY(list_reserve(&list->ids, &ids, list->count + 1, sizeof *list->ids));
    TRY(list_reserve(&list->begin, &begins, list->count + 1, sizeof *list->begin));
    TRY(list_reserve(&list->end, &sink->capacity, list->count + 1, sizeof *list->end));
    list->ids[list->count] = id;
    list->begin[list->count] = begin;
    list->end[list->count++] = end;
    return NULL;
}

/* Adds a token that stands for no text, at byte `at` of the user's text. */
static Status push_special(Sink *sink, int32_t id, uint32_t at) {
    sink->after_unknown = false;
    return push(sink, id, at, at);
}

/* A character without piece: its bytes, or one unknown token for a run of such characters. */
static Status add_unknown(Sink *sink, uint32_t begin, uint32_t end) {
    const uint32_t *origin = sink->normal->origin;
    TokenList *list = sink->list;
    if (sink->pieces->byte_fallback) {
        for (uint32_t i = begin; i < end; i++) {
            int32_t id = sink->pieces->bytes[(unsigned char)sink->normal->text[i]];
            TRY(push(sink, id + sink->shift, origin[begin], origin[end]));
        }
        return NULL;
    }
    if (sink->unknown == NO_PIECE)
        return NULL;
    if (sink->after_unknown && !sink->pieces->split_unknowns) {
        list->end[list->count - 1] = origin[end];
        return NULL;
    }
    sink->after_unknown = true;
    return push(sink, sink->unknown, origin[begin], origin[end]);
}

Status sink_add(Sink *sink, uint32_t begin, uint32_t end, int32_t id) {
    if (id == NO_PIECE || id == sink->pieces->unknown)
        return add_unknown(sink, begin, end);
    sink->after_unknown = false;
    return push(sink, id + sink->shift, sink->normal->origin[begin], sink->normal->origin[end]);
}

static Status encode(Sink *sink, TokenRule rule, const char *text, size_t size) {
    Normal normal = {0};
    sink->normal = &normal;
    Status st = push_special(sink, rule == TOKENS_GEMMA ? GEMMA_BEGIN : JINA_BEGIN, 0);
    if (!st)
        st = normal_make(&normal, sink->pieces, text, size);
    if (!st)
        st = sink->pieces->kind == PIECES_BPE ? bpe_encode(sink) : unigram_encode(sink);
    if (!st && rule == TOKENS_JINA)
        st = push_special(sink, JINA_END, (uint32_t)size);
    normal_done(&normal);
    return st;
}

Status tokenizer_encode(const Tokenizer *tokenizer, TokenList *out, const char *text, size_t size) {
    TokenList list = {0};
    Sink sink = {.pieces = &tokenizer->pieces, .list = &list, .shift = tokenizer->shift};
    sink.unknown = tokenizer->shift ? XLMR_UNKNOWN : tokenizer->pieces.unknown;
    if (size > TEXT_MAX)
        return fail(ERR_MEMORY, "a text of %zu bytes is too long, expected at most %zu", size, TEXT_MAX);
    Status st = encode(&sink, tokenizer->rule, text, size);
    if (st)
        token_list_done(&list);
    else
        *out = list;
    return st;
}

size_t token_list_truncate(TokenList *list, TokenRule rule, size_t limit, size_t text_size) {
    if (list->count <= limit)
        return text_size;
    size_t last = rule == TOKENS_JINA && limit ? limit - 1 : limit;
    uint32_t cut = list->begin[last];
    if (last < limit) {
        list->ids[last] = JINA_END;
        list->begin[last] = list->end[last] = cut;
    }
    list->count = limit;
    return cut;
}

void token_list_done(TokenList *list) {
    free(list->ids);
    free(list->begin);
    free(list->end);
    *list = (TokenList){0};
}
