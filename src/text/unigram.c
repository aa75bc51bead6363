/* unigram.c: the most probable cut of a text into pieces (Viterbi over its characters), in linear time.
 *
 * Sums are kept in single precision as SentencePiece keeps them: with ties, the rounding decides which pieces
 * win. Source: model-spec.md 6.1; SentencePiece's unigram_model.cc, EncodeOptimized. */
#include "config.h"

#include "text/encode.h"

#include <stdlib.h>

#define UNKNOWN_PENALTY 10.0f
#define UNREACHED UINT32_MAX

/* The best way to a byte of the text: the last piece on it and where that begins. */
typedef struct Step {
    float score;
    uint32_t start; /* UNREACHED: no way known yet */
    int32_t id;
} Step;

static void offer(Step *target, double score, size_t start, int32_t id) {
    if (target->start == UNREACHED || score > target->score)
        *target = (Step){(float)score, (uint32_t)start, id};
}

/* User symbols always win: their score, scaled by their length, is above that of any pieces in their
 * place. */
static double score_of(const Pieces *pieces, int32_t id, size_t size) {
    const Piece *piece = &pieces->list[id];
    return piece->type == PIECE_USER ? (double)((float)size * pieces->highest) - 0.1 : (double)piece->score;
}

/* Offers every piece that begins at `start`, and the unknown piece when none is the single character there.
 * Returns the bytes of that character. */
static size_t extend(Step *steps, const Pieces *pieces, const Normal *normal, size_t start) {
    size_t character = piece_character(normal->text + start, normal->size - start);
    float so_far = steps[start].score;
    bool single = false;
    uint32_t node = 0;
    for (size_t end = start; end < normal->size;) {
        node = trie_step(&pieces->all, node, (unsigned char)normal->text[end++]);
        if (!node)
            break;
        int32_t id = pieces->all.nodes[node].value;
        if (id == NO_PIECE || pieces->list[id].type == PIECE_UNUSED)
            continue;
        offer(&steps[end], score_of(pieces, id, end - start) + so_far, start, id);
        single |= end - start == character;
    }
    if (!single)
        offer(&steps[start + character], so_far + (pieces->lowest - UNKNOWN_PENALTY), start, pieces->unknown);
    return character;
}

/* Turns the best way around, from "where did I come from" to "where do I go". */
static void turn(Step *steps, size_t size) {
    Step current = steps[size];
    for (size_t at = size; at > 0;) {
        size_t start = current.start;
        Step before = steps[start];
        steps[start] = (Step){0, (uint32_t)at, current.id};
        at = start;
        current = before;
    }
}

Status unigram_encode(Sink *sink) {
    const Normal *normal = sink->normal;
    Status st = NULL;
    Step *steps = malloc((normal->size + 1) * sizeof *steps);
    if (!steps)
        return fail(ERR_MEMORY, "no memory to tokenize a text of %zu bytes", normal->size);
    for (size_t i = 0; i <= normal->size; i++)
        steps[i].start = UNREACHED;
    steps[0] = (Step){0};
    for (size_t at = 0; at < normal->size;)
        at += extend(steps, sink->pieces, normal, at);
    turn(steps, normal->size);
    for (size_t at = 0; at < normal->size && !st; at = steps[at].start)
        st = sink_add(sink, (uint32_t)at, steps[at].start, steps[at].id);
    free(steps);
    return st;
}
