/* spm.c: reads a SentencePiece model file (one protobuf message).
 *
 * Field numbers: sentencepiece_model.proto, as listed in model-spec.md 6.1. Booleans of the normaliser that
 * are absent mean true. */
#include "config.h"

#include "text/pieces.h"

#include <string.h>

#include "io/pbuf.h"

enum { MODEL_PIECE = 1, MODEL_TRAINER = 2, MODEL_NORMALIZER = 3 };
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_KIND = 3 };
enum { TRAINER_KIND = 3, TRAINER_SUFFIX = 24, TRAINER_BYTE_FALLBACK = 35 };
enum { NORMALIZER_CHARSMAP = 2, NORMALIZER_PREFIX = 3, NORMALIZER_EXTRA = 4, NORMALIZER_ESCAPE = 5 };

/* First walk: is it a model at all, and how large. */
static Status count_pieces(const void *bytes, size_t size, size_t *count, size_t *text_bytes) {
    PbufField field;
    Pbuf model = pbuf_over(bytes, size);
    *count = *text_bytes = 0;
    while (pbuf_next(&model, &field)) {
        if (field.number != MODEL_PIECE)
            continue;
        if (field.wire != PBUF_BYTES)
            return fail(ERR_FORMAT, "not a SentencePiece model: piece %zu is a number", *count);
        *count += 1;
        *text_bytes += field.size + 1;
    }
    if (model.broken)
        return hint(fail(ERR_FORMAT, "not a SentencePiece model: no field at byte %zu of %zu",
                         (size_t)(model.at - (const unsigned char *)bytes), size),
                    "download it again");
    return *count ? NULL : fail(ERR_FORMAT, "a SentencePiece model without pieces");
}

static Status read_piece(Pieces *pieces, size_t id, const PbufField *message) {
    PbufField field, text = {0};
    float score = 0;
    uint64_t type = PIECE_NORMAL;
    Pbuf piece = pbuf_over(message->bytes, message->size);
    while (pbuf_next(&piece, &field)) {
        if (field.number == PIECE_TEXT)
            text = field;
        else if (field.number == PIECE_SCORE)
            score = pbuf_float(&field);
        else if (field.number == PIECE_KIND)
            type = field.value;
    }
    if (piece.broken || type < PIECE_NORMAL || type > PIECE_BYTE)
        return fail(ERR_FORMAT, "piece %zu of %zu is broken", id, pieces->count);
    return pieces_set(pieces, id, (Piece){(const char *)text.bytes, text.size, score, (PieceType)type});
}

static Status read_trainer(Pieces *pieces, const PbufField *message) {
    PbufField field;
    uint64_t kind = PIECES_UNIGRAM, suffix = 0;
    Pbuf trainer = pbuf_over(message->bytes, message->size);
    while (pbuf_next(&trainer, &field)) {
        if (field.number == TRAINER_KIND)
            kind = field.value;
        else if (field.number == TRAINER_BYTE_FALLBACK)
            pieces->byte_fallback = field.value != 0;
        else if (field.number == TRAINER_SUFFIX)
            suffix = field.value;
    }
    if (trainer.broken)
        return fail(ERR_FORMAT, "the trainer's field is broken");
    if ((kind != PIECES_UNIGRAM && kind != PIECES_BPE) || suffix)
        return fail(ERR_UNSUPPORTED, "SentencePiece model of kind %llu%s, expected Unigram (1) or BPE (2)",
                    (unsigned long long)kind, suffix ? " with spaces behind words" : "");
    pieces->kind = (PiecesKind)kind;
    return NULL;
}

static Status read_normalizer(Pieces *pieces, const PbufField *message) {
    PbufField field;
    NormalRule *rule = &pieces->rule;
    Pbuf normalizer = pbuf_over(message->bytes, message->size);
    while (pbuf_next(&normalizer, &field)) {
        if (field.number == NORMALIZER_CHARSMAP)
            TRY(pieces_set_charsmap(pieces, field.bytes, field.size));
        else if (field.number == NORMALIZER_PREFIX)
            rule->dummy_prefix = field.value != 0;
        else if (field.number == NORMALIZER_EXTRA)
            rule->remove_extra_spaces = field.value != 0;
        else if (field.number == NORMALIZER_ESCAPE)
            rule->escape_spaces = field.value != 0;
    }
    return normalizer.broken ? fail(ERR_FORMAT, "the normaliser's field is broken") : NULL;
}

static Status read_model(Pieces *pieces, const void *bytes, size_t size) {
    size_t count, text_bytes, id = 0;
    PbufField field;
    Pbuf model = pbuf_over(bytes, size);
    TRY(count_pieces(bytes, size, &count, &text_bytes));
    TRY(pieces_begin(pieces, count, text_bytes));
    pieces->kind = PIECES_UNIGRAM;
    pieces->rule.dummy_prefix = pieces->rule.remove_extra_spaces = pieces->rule.escape_spaces = true;
    while (pbuf_next(&model, &field)) {
        if (field.number == MODEL_PIECE)
            TRY(read_piece(pieces, id++, &field));
        else if (field.number == MODEL_TRAINER)
            TRY(read_trainer(pieces, &field));
        else if (field.number == MODEL_NORMALIZER)
            TRY(read_normalizer(pieces, &field));
    }
    TRY(pieces_finish(pieces));
    return pieces->unknown == NO_PIECE ? fail(ERR_FORMAT, "no piece for unknown text") : NULL;
}

Status pieces_from_sentencepiece(Pieces *pieces, const void *bytes, size_t size, const char *name) {
    return note(read_model(pieces, bytes, size), "%s", name);
}
