/* hf.c: reads a tokenizer.json of the Hugging Face tokenizers library, as far as the two encoders use it.
 *
 * Two shapes are known: BPE with a list of merges over a text whose spaces became U+2581 (Gemma), and Unigram
 * behind a precompiled charsmap, cut at white space (XLM-RoBERTa). Everything else is refused by name rather
 * than guessed. Added tokens that are not special are cut out of the text first; special ones ("<s>") are
 * plain text here, because the text is the user's. Facts: model-spec.md 6.2, 6.3; the library's normalizers,
 * pre_tokenizers and models.
 *
 * A known difference: the library replaces grapheme clusters below six bytes by the shortest entry of the
 * charsmap and so loses a second accent ("e" U+0302 U+0301). Here, as in SentencePiece, the longest entry
 * counts. */
#include "config.h"

#include "text/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "io/json.h"

#define SPACE_MARK "\xe2\x96\x81"

static bool is(const Json *value, const char *text) {
    const char *string = json_string(value, NULL);
    return string && !strcmp(string, text);
}

static const char *type_of(const Json *object) {
    return json_get_string(object, "type", "nothing");
}

/* ---- normalizer and pre_tokenizer ---- */

typedef Status ReadStep(Pieces *pieces, const Json *step);

static Status read_steps(Pieces *pieces, const Json *step, const char *what);

static Status base64_decode(unsigned char *out, size_t *size, const char *text, size_t length) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int count = 0;
    *size = 0;
    while (length && text[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return fail(ERR_FORMAT, "precompiled_charsmap is not base64: byte %zu", i);
        bits = bits << 6 | (uint32_t)(digit - digits);
        if ((count += 6) >= 8)
            out[(*size)++] = (unsigned char)(bits >> (count -= 8));
    }
    return NULL;
}

static Status step_precompiled(Pieces *pieces, const Json *step) {
    size_t length, size;
    const char *text = json_string(json_get(step, "precompiled_charsmap"), &length);
    if (!text)
        return fail(ERR_FORMAT, "Precompiled without precompiled_charsmap");
    unsigned char *bytes = malloc(length + 1);
    if (!bytes)
        return fail(ERR_MEMORY, "no memory for a charsmap of %zu bytes", length);
    Status st = base64_decode(bytes, &size, text, length);
    if (!st)
        st = pieces_set_charsmap(pieces, bytes, size);
    free(bytes);
    return st;
}

/* " " to U+2581, or runs of spaces to one U+2581 or one space. */
static Status step_replace(Pieces *pieces, const Json *step) {
    const Json *pattern = json_get(step, "pattern"), *content = json_get(step, "content");
    if (is(json_get(pattern, "String"), " ") && is(content, SPACE_MARK))
        pieces->rule.escape_spaces = true;
    else if (is(json_get(pattern, "Regex"), " {2,}") && (is(content, SPACE_MARK) || is(content, " ")))
        pieces->rule.remove_extra_spaces = true;
    else
        return fail(ERR_UNSUPPORTED, "a Replace that does not concern spaces");
    return NULL;
}

static Status step_prepend(Pieces *pieces, const Json *step) {
    if (!is(json_get(step, "prepend"), SPACE_MARK))
        return fail(ERR_UNSUPPORTED, "a Prepend of something else than U+2581");
    pieces->rule.dummy_prefix = true;
    return NULL;
}

static Status step_metaspace(Pieces *pieces, const Json *step) {
    bool never = is(json_get(step, "prepend_scheme"), "never");
    if (!is(json_get(step, "replacement"), SPACE_MARK))
        return fail(ERR_UNSUPPORTED, "a Metaspace with another replacement than U+2581");
    pieces->rule.escape_spaces = true;
    pieces->rule.dummy_prefix = !never && json_bool(json_get(step, "add_prefix_space"), true);
    return NULL;
}

/* Cutting at white space. What else than spaces is white space has become a space in the charsmap by now. */
static Status step_whitespace(Pieces *pieces, const Json *step) {
    (void)step;
    pieces->rule.remove_extra_spaces = true;
    return NULL;
}

/* After the spaces are replaced there is nothing left to split at. */
static Status step_split(Pieces *pieces, const Json *step) {
    if (is(json_get(json_get(step, "pattern"), "String"), " ") && pieces->rule.escape_spaces)
        return NULL;
    return fail(ERR_UNSUPPORTED, "a Split at something else than spaces");
}

static Status step_sequence(Pieces *pieces, const Json *step) {
    const Json *list = json_get(step, "normalizers");
    if (!list)
        list = json_get(step, "pretokenizers");
    for (JsonIter i = json_first(list); i.value; json_next(&i))
        TRY(read_steps(pieces, i.value, "step"));
    return NULL;
}

static const struct {
    const char *type;
    ReadStep *read;
} steps[] = {
    {"Sequence", step_sequence},
    {"Precompiled", step_precompiled},
    {"Replace", step_replace},
    {"Prepend", step_prepend},
    {"Metaspace", step_metaspace},
    {"WhitespaceSplit", step_whitespace},
    {"Strip", step_whitespace},
    {"Split", step_split},
};

static Status read_steps(Pieces *pieces, const Json *step, const char *what) {
    if (json_kind(step) != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (!strcmp(steps[i].type, type_of(step)))
            return steps[i].read(pieces, step);
    return fail(ERR_UNSUPPORTED, "the %s is of type %s, which newbie does not know", what, type_of(step));
}

/* ---- pieces ---- */

/* The highest id of the vocabulary and the added tokens, plus one, and the bytes of all texts. */
typedef struct Extent {
    int64_t count;
    size_t text_bytes;
} Extent;

static Status extend(Extent *extent, size_t size, int64_t id) {
    if (id < 0 || id >= PIECES_MAX)
        return fail(ERR_FORMAT, "a token has the id %lld, expected 0 to %d", (long long)id, PIECES_MAX - 1);
    extent->count = id + 1 > extent->count ? id + 1 : extent->count;
    extent->text_bytes += size;
    return NULL;
}

static Status measure(Extent *extent, const Json *vocabulary, const Json *added) {
    size_t size, tokens = json_count(vocabulary) + json_count(added);
    int64_t index = 0;
    for (JsonIter i = json_first(vocabulary); i.value; json_next(&i), index++) {
        if (i.key)
            TRY(extend(extent, i.key_size, json_integer(i.value, -1)));
        else if (json_string(json_at(i.value, 0), &size))
            TRY(extend(extent, size, index));
        else
            return fail(ERR_FORMAT, "token %lld is not a pair of a string and a number", (long long)index);
    }
    for (JsonIter i = json_first(added); i.value; json_next(&i)) {
        if (!json_string(json_get(i.value, "content"), &size))
            return fail(ERR_FORMAT, "an added token has no content");
        TRY(extend(extent, size, json_get_integer(i.value, "id", -1)));
    }
    extent->text_bytes += tokens; /* one NUL each, also for a token that is there twice */
    if ((size_t)extent->count > 2 * tokens + 1000)
        return fail(ERR_FORMAT, "the largest id of %zu tokens is %lld", tokens, (long long)extent->count - 1);
    return NULL;
}

static Status set_vocabulary(Pieces *pieces, const Json *vocabulary) {
    int64_t index = 0;
    for (JsonIter i = json_first(vocabulary); i.value; json_next(&i), index++) {
        int64_t id = i.key ? json_integer(i.value, -1) : index;
        size_t size = i.key_size;
        const char *text = i.key ? i.key : json_string(json_at(i.value, 0), &size);
        float score = i.key ? 0 : (float)json_number(json_at(i.value, 1), 0);
        bool is_byte = pieces->byte_fallback && piece_byte(text, size) >= 0;
        if (pieces->list[id].text)
            return fail(ERR_FORMAT, "two tokens have the id %lld", (long long)id);
        Piece piece = {text, size, score, is_byte ? PIECE_BYTE : PIECE_NORMAL};
        TRY(pieces_set(pieces, (size_t)id, piece));
    }
    return NULL;
}

static Status set_added(Pieces *pieces, const Json *added) {
    static const char *const conditions[] = {"single_word", "lstrip", "rstrip"};
    for (JsonIter i = json_first(added); i.value; json_next(&i)) {
        size_t size;
        const char *text = json_string(json_get(i.value, "content"), &size);
        size_t id = (size_t)json_get_integer(i.value, "id", 0);
        bool special = json_bool(json_get(i.value, "special"), false);
        for (size_t k = 0; k < 3 && !special; k++)
            if (json_bool(json_get(i.value, conditions[k]), false))
                return fail(ERR_UNSUPPORTED, "the added token %.100s has the condition %s", text,
                            conditions[k]);
        if (pieces->list[id].text && strcmp(pieces->list[id].text, text))
            return fail(ERR_FORMAT, "two tokens have the id %zu", id);
        TRY(pieces_set(pieces, id, (Piece){text, size, 0, special ? PIECE_CONTROL : PIECE_USER}));
    }
    return NULL;
}

/* ---- merges ---- */

/* The two halves of "a b" or ["a", "b"]; false when it is neither. */
static bool merge_halves(const Json *merge, const char *half[2], size_t size[2]) {
    half[0] = json_string(merge, &size[0]);
    if (!half[0]) {
        half[0] = json_string(json_at(merge, 0), &size[0]);
        half[1] = json_string(json_at(merge, 1), &size[1]);
        return json_count(merge) == 2 && half[0] && half[1];
    }
    const char *space = memchr(half[0], ' ', size[0]);
    if (!space)
        return false;
    half[1] = space + 1;
    size[1] = size[0] - (size_t)(half[1] - half[0]);
    size[0] = (size_t)(space - half[0]);
    return true;
}

static Status read_merge(Pieces *pieces, const Json *source, Merge *merge) {
    char joined[2 * PIECE_BYTES_MAX];
    const char *half[2];
    size_t size[2];
    size_t index = (size_t)(merge - pieces->merges);
    if (!merge_halves(source, half, size) || size[0] > PIECE_BYTES_MAX || size[1] > PIECE_BYTES_MAX)
        return fail(ERR_FORMAT, "merge %zu is not a pair of tokens", index);
    memcpy(joined, half[0], size[0]);
    memcpy(joined + size[0], half[1], size[1]);
    merge->left = pieces_find(pieces, half[0], size[0]);
    merge->right = pieces_find(pieces, half[1], size[1]);
    merge->result = pieces_find(pieces, joined, size[0] + size[1]);
    if (merge->left == NO_PIECE || merge->right == NO_PIECE || merge->result == NO_PIECE)
        return fail(ERR_FORMAT, "merge %zu of \"%.100s\" and \"%.100s\" is not in the vocabulary", index,
                    half[0], half[1]);
    return NULL;
}

static Status read_merges(Pieces *pieces, const Json *merges) {
    size_t count = json_count(merges);
    if (json_kind(merges) != JSON_ARRAY || count >= PIECES_MAX)
        return fail(ERR_FORMAT, "a BPE model without a list of merges, or with 2^24 and more");
    pieces->merges = malloc((count + 1) * sizeof *pieces->merges);
    if (!pieces->merges)
        return fail(ERR_MEMORY, "no memory for %zu merges", count);
    map_reserve(&pieces->merge_ranks, count);
    for (JsonIter i = json_first(merges); i.value; json_next(&i)) {
        Merge *merge = &pieces->merges[pieces->merge_count];
        TRY(read_merge(pieces, i.value, merge));
        map_put(&pieces->merge_ranks, (const char *)&merge->left, 2 * sizeof merge->left,
                (int64_t)pieces->merge_count++);
    }
    return NULL;
}

/* ---- models ---- */

static Status read_bpe(Pieces *pieces, const Json *model) {
    static const char *const refused[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const Json *value = json_get(model, refused[i]);
        if (json_kind(value) != JSON_NONE && json_kind(value) != JSON_NULL && !is(value, ""))
            return fail(ERR_UNSUPPORTED, "a BPE model with %s", refused[i]);
    }
    if (json_bool(json_get(model, "ignore_merges"), false))
        return fail(ERR_UNSUPPORTED, "a BPE model with ignore_merges");
    pieces->kind = PIECES_BPE;
    pieces->rule.raw_symbols = true;
    pieces->split_unknowns = !json_bool(json_get(model, "fuse_unk"), false);
    return json_kind(json_get(model, "vocab")) == JSON_OBJECT
               ? NULL
               : fail(ERR_FORMAT, "a BPE model without vocab");
}

static Status read_unigram(Pieces *pieces, const Json *model) {
    pieces->kind = PIECES_UNIGRAM;
    if (json_kind(json_get(model, "vocab")) != JSON_ARRAY)
        return fail(ERR_FORMAT, "a Unigram model without vocab");
    if (!pieces->rule.units)
        return fail(ERR_UNSUPPORTED, "a Unigram model without a Precompiled normalizer");
    pieces->rule.remove_extra_spaces = true;
    return NULL;
}

/* The unknown token is named in a BPE model and numbered in a Unigram model. */
static void set_unknown(Pieces *pieces, const Json *model) {
    const char *name = json_get_string(model, "unk_token", NULL);
    int64_t id = json_get_integer(model, "unk_id", -1);
    for (size_t i = 0; i < pieces->count && name && id < 0; i++)
        if (pieces->list[i].text && !strcmp(pieces->list[i].text, name))
            id = (int64_t)i;
    if (id >= 0 && (size_t)id < pieces->count && pieces->list[id].text)
        pieces->list[id].type = PIECE_UNKNOWN;
}

static Status read_document(Pieces *pieces, const Json *document) {
    const Json *model = json_get(document, "model"), *added = json_get(document, "added_tokens");
    const Json *vocabulary = json_get(model, "vocab");
    /* Files of older libraries do not name the type of a BPE model. */
    bool bpe = is(json_get(model, "type"), "BPE") || (!json_get(model, "type") && json_get(model, "merges"));
    Extent extent = {0};
    if (!bpe && !is(json_get(model, "type"), "Unigram"))
        return fail(ERR_UNSUPPORTED, "the model is of type %s, expected BPE or Unigram", type_of(model));
    TRY(note(read_steps(pieces, json_get(document, "normalizer"), "normalizer"), "normalizer"));
    TRY(note(read_steps(pieces, json_get(document, "pre_tokenizer"), "pre_tokenizer"), "pre_tokenizer"));
    pieces->byte_fallback = json_bool(json_get(model, "byte_fallback"), false);
    TRY(bpe ? read_bpe(pieces, model) : read_unigram(pieces, model));
    TRY(measure(&extent, vocabulary, added));
    TRY(pieces_begin(pieces, (size_t)extent.count, extent.text_bytes));
    TRY(set_vocabulary(pieces, vocabulary));
    TRY(set_added(pieces, added));
    set_unknown(pieces, model);
    TRY(pieces_finish(pieces));
    return bpe ? read_merges(pieces, json_get(model, "merges")) : NULL;
}

Status pieces_from_json(Pieces *pieces, const char *path) {
    Json *document;
    TRY(json_read(&document, path));
    Status st = note(read_document(pieces, document), "%s", path);
    json_free(document);
    return st;
}
