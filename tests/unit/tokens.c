/* tokens.c: token ids of the reference cases, and what they do not show: byte ranges, truncation, unused
 * pieces, bad files, long texts.
 *
 * The cases (kind "tokens") were made by the sentencepiece and tokenizers libraries; ids must be equal. */
#include "config.h"

#include "base/clock.h"
#include "base/file.h"
#include "io/json.h"
#include "tests/tap.h"
#include "text/tokenize.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- reference cases ---- */

static void add_hex(Buf *out, const char *hex) {
    unsigned value;
    for (; sscanf(hex, "%2x", &value) == 1; hex += 2)
        buf_byte(out, (unsigned char)value);
}

static bool same_ids(const TokenList *list, const Json *ids) {
    if (list->count != json_count(ids))
        return false;
    size_t k = 0;
    for (JsonIter i = json_first(ids); i.value; json_next(&i))
        if (json_integer(i.value, -1) != list->ids[k++])
            return false;
    return true;
}

/* Ranges lie in the text, in order; specials are empty. */
static bool good_ranges(const TokenList *list, size_t size) {
    for (size_t i = 0; i < list->count; i++)
        if (list->begin[i] < (i ? list->begin[i - 1] : 0) || list->begin[i] > list->end[i] ||
            list->end[i] > size)
            return false;
    return list->begin[0] == 0 && list->end[0] == 0;
}

static bool run_is_equal(const Tokenizer *tokenizer, const Json *run, size_t number) {
    Buf text = {0};
    TokenList list = {0};
    const char *hex = json_get_string(run, "hex", NULL);
    size_t size;
    const char *plain = json_string(json_get(run, "text"), &size);
    if (hex)
        add_hex(&text, hex);
    else if (plain)
        buf_add(&text, plain, size);
    Status st = tokenizer_encode(tokenizer, &list, buf_string(&text), text.size);
    bool good = !st && same_ids(&list, json_get(run, "ids")) && good_ranges(&list, text.size);
    if (!good) {
        printf("# run %zu, text \"%.80s\": %s; got", number, buf_string(&text),
               st ? st->message : "other ids");
        for (size_t i = 0; i < list.count && i < 40; i++)
            printf(" %d[%u,%u)", list.ids[i], list.begin[i], list.end[i]);
        printf("\n");
    }
    token_list_done(&list);
    buf_done(&text);
    return good;
}

static void reference_case(const char *directory, const char *name) {
    char line[300];
    char *folder = file_join(directory, name), *path = file_join(folder, "case.json");
    Json *document = NULL;
    Tokenizer *tokenizer = NULL;
    CHECK_OK(json_read(&document, path), path);
    const char *rule = json_get_string(document, "rule", "gemma");
    char *file = file_join(folder, json_get_string(document, "file", "tokenizer.model"));
    CHECK_OK(tokenizer_open(&tokenizer, strcmp(rule, "jina") ? TOKENS_GEMMA : TOKENS_JINA, file), file);
    size_t equal = 0, count = 0;
    for (JsonIter i = json_first(json_get(document, "runs")); i.value && tokenizer; json_next(&i), count++)
        equal += run_is_equal(tokenizer, i.value, count);
    snprintf(line, sizeof line, "%s: the ids of %zu texts are those of the library", name, count);
    CHECK(count > 0 && equal == count, line);
    tokenizer_free(tokenizer);
    json_free(document);
    free(file);
    free(path);
    free(folder);
}

static void reference_cases(void) {
    struct dirent **entries = NULL;
    const char *directory = getenv("NEWBIE_REFERENCE");
    int count = directory ? scandir(directory, &entries, NULL, alphasort) : 0;
    if (count <= 0)
        SKIP("token ids are those of the libraries", "no reference cases (NEWBIE_REFERENCE)");
    for (int i = 0; i < count; i++) {
        if (!strncmp(entries[i]->d_name, "tokens-", 7))
            reference_case(directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* ---- small models made here ---- */

static void put_field(Buf *out, unsigned number, const void *bytes, size_t size) {
    size_t rest = size;
    buf_byte(out, (unsigned char)(number << 3 | 2));
    for (; rest >= 0x80; rest >>= 7)
        buf_byte(out, (unsigned char)(rest | 0x80));
    buf_byte(out, (unsigned char)rest);
    buf_add(out, bytes, size);
}

static void put_piece(Buf *model, const char *text, float score, unsigned type) {
    Buf piece = {0};
    put_field(&piece, 1, text, strlen(text));
    buf_byte(&piece, 2 << 3 | 5);
    buf_add(&piece, &score, 4);
    buf_byte(&piece, 3 << 3);
    buf_byte(&piece, (unsigned char)type);
    put_field(model, 1, piece.data, piece.size);
    buf_done(&piece);
}

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, UNUSED = 5 };
enum { UNIGRAM = 1, BPE = 2 };

static void put_kind(Buf *model, unsigned kind) {
    const unsigned char trainer[] = {3 << 3, (unsigned char)kind};
    put_field(model, 2, trainer, sizeof trainer);
}

/* No dummy prefix, spaces kept: field 3 with three false booleans. */
static void put_plain_normalizer(Buf *model) {
    put_field(model, 3, "\x18\x00\x20\x00", 4);
}

static void check_tokens(const Tokenizer *tokenizer, const char *text, const char *expected,
                         const char *name) {
    TokenList list = {0};
    Buf got = {0};
    CHECK_OK(tokenizer_encode(tokenizer, &list, text, strlen(text)), name);
    for (size_t i = 0; i < list.count; i++)
        buf_print(&got, "%s%s[%u,%u)", i ? " " : "", tokenizer_piece(tokenizer, list.ids[i]), list.begin[i],
                  list.end[i]);
    CHECK_STR(buf_string(&got), expected, name);
    buf_done(&got);
    token_list_done(&list);
}

static Tokenizer *made(Buf *model, TokenRule rule) {
    Tokenizer *tokenizer = NULL;
    CHECK_OK(tokenizer_from_sentencepiece(&tokenizer, rule, model->data, model->size, "made here"),
             "a made model opens");
    buf_done(model);
    return tokenizer;
}

static void put_specials(Buf *model) {
    put_piece(model, "<unk>", 0, UNKNOWN);
    put_piece(model, "<s>", 0, CONTROL);
    put_piece(model, "</s>", 0, CONTROL);
}

/* Expected pieces follow from the rules by hand. */
static void bpe_rules(void) {
    Buf model = {0};
    put_specials(&model);
    put_kind(&model, BPE);
    put_plain_normalizer(&model);
    put_piece(&model, "ab", -1, UNUSED);
    put_piece(&model, "abc", -2, UNUSED);
    put_piece(&model, "abcd", -3, NORMAL);
    put_piece(&model, "a", -9, NORMAL);
    put_piece(&model, "b", -9, NORMAL);
    put_piece(&model, "c", -9, NORMAL);
    put_piece(&model, "<x>", 0, USER);
    put_piece(&model, "<x>y", 0, USER);
    put_piece(&model, "aa", -4, NORMAL);
    put_piece(&model, "u", -9, UNUSED);
    Tokenizer *tokenizer = made(&model, TOKENS_GEMMA);
    if (!tokenizer)
        return;
    check_tokens(tokenizer, "", "</s>[0,0)", "the empty text is one token");
    check_tokens(tokenizer, "abc", "</s>[0,0) a[0,1) b[1,2) c[2,3)",
                 "an unused piece is taken apart as it was made");
    check_tokens(tokenizer, "au", "</s>[0,0) a[0,1) <unk>[1,2)", "an unused character is unknown");
    check_tokens(tokenizer, "aaa", "</s>[0,0) aa[0,2) a[2,3)", "of equal pairs the left one merges first");
    check_tokens(tokenizer, "a<x>a", "</s>[0,0) a[0,1) <x>[1,4) a[4,5)", "a user symbol stops merges");
    check_tokens(tokenizer, "<x>yab", "</s>[0,0) <x>y[0,4) a[4,5) b[5,6)", "the longest user symbol wins");
    check_tokens(tokenizer, "azqb", "</s>[0,0) a[0,1) <unk>[1,3) b[3,4)",
                 "a run of unknown characters is one token");
    check_tokens(tokenizer, "</s>a", "</s>[0,0) <unk>[0,4) a[4,5)",
                 "a control piece is never matched in text");
    CHECK(!tokenizer_piece(tokenizer, -1) && !tokenizer_piece(tokenizer, 13),
          "ids out of range have no piece");
    CHECK_EQ(tokenizer_id_limit(tokenizer), 13, "ids end with the pieces");
    tokenizer_free(tokenizer);
}

static void unigram_rules(void) {
    Buf model = {0};
    put_specials(&model);
    put_kind(&model, UNIGRAM);
    put_piece(&model, "\xe2\x96\x81", -3, NORMAL);
    put_piece(&model, "\xe2\x96\x81" "a", -2, NORMAL);
    put_piece(&model, "a", -3, NORMAL);
    put_piece(&model, "ba", -2.5, NORMAL);
    put_piece(&model, "b", -3, NORMAL);
    Tokenizer *tokenizer = made(&model, TOKENS_JINA);
    if (!tokenizer)
        return;
    check_tokens(tokenizer, "", "<s>[0,0) </s>[0,0)", "the empty text is two tokens");
    check_tokens(tokenizer, "  aba  a ",
                 "<s>[0,0) \xe2\x96\x81" "a[2,3) ba[3,5) \xe2\x96\x81" "a[5,8) </s>[9,9)",
                 "spaces collapse and ranges are those of the text as typed");
    check_tokens(tokenizer, "xyb", "<s>[0,0) \xe2\x96\x81[0,0) <unk>[0,2) b[2,3) </s>[3,3)",
                 "unknown characters are one token, in XLM-R's order");
    CHECK_EQ(tokenizer_id_limit(tokenizer), 9, "the order of XLM-R has one id more than the file");
    TokenList list;
    CHECK_OK(tokenizer_encode(tokenizer, &list, "a b a b", 7), "a text to cut");
    size_t all = list.count;
    CHECK_EQ(token_list_truncate(&list, TOKENS_JINA, all, 7), 7, "nothing is cut at its own length");
    CHECK_EQ(token_list_truncate(&list, TOKENS_JINA, 4, 7), 2, "a cut says where the lost text begins");
    CHECK(list.count == 4 && list.ids[3] == 2, "and the end mark stays the last token");
    token_list_done(&list);
    tokenizer_free(tokenizer);
}

static void truncation_of_gemma(void) {
    TokenList list = {.count = 3};
    int32_t ids[] = {2, 10, 11};
    uint32_t begin[] = {0, 0, 4}, end[] = {0, 4, 9};
    list.ids = ids;
    list.begin = begin;
    list.end = end;
    CHECK_EQ(token_list_truncate(&list, TOKENS_GEMMA, 2, 9), 4, "the cut begins at the first lost token");
    CHECK(list.count == 2 && list.ids[1] == 10, "the first tokens stay");
}

/* ---- bad files ---- */

static void bad_model(Buf *model, TokenRule rule, const char *part) {
    Tokenizer *tokenizer = NULL;
    Status st = tokenizer_from_sentencepiece(&tokenizer, rule, model->data, model->size, "x.model");
    CHECK_HAS(st ? st->message : "it was taken", part, part);
    tokenizer_free(tokenizer);
    buf_done(model);
}

static void bad_models(void) {
    Buf model = {0};
    buf_text(&model, "<!DOCTYPE html>");
    bad_model(&model, TOKENS_GEMMA, "x.model: not a SentencePiece model");
    bad_model(&model, TOKENS_GEMMA, "a SentencePiece model without pieces");
    put_specials(&model);
    bad_model(&model, TOKENS_GEMMA, "3 pieces, expected at least 4");
    put_piece(&model, "a", 0, NORMAL);
    put_piece(&model, "<unk>", 0, UNKNOWN);
    put_piece(&model, "b", 0, NORMAL);
    put_piece(&model, "c", 0, NORMAL);
    bad_model(&model, TOKENS_JINA, "piece 0 is \"a\", expected <s> or <unk>");
    put_specials(&model);
    put_field(&model, 3, "\x12\x03" "abc", 5);
    bad_model(&model, TOKENS_GEMMA, "the charsmap has 3 bytes");
    put_specials(&model);
    put_field(&model, 3, "\x12\x09" "\xff\xff\0\0" "abcd", 11);
    bad_model(&model, TOKENS_GEMMA, "the charsmap has 9 bytes, its table claims 65535");
    put_specials(&model);
    put_field(&model, 2, "\x18\x02\x98\x02\x01", 5);
    bad_model(&model, TOKENS_GEMMA, "byte fallback is on, but there is no piece <0x00>");
    put_specials(&model);
    put_kind(&model, 3);
    bad_model(&model, TOKENS_GEMMA, "SentencePiece model of kind 3, expected Unigram (1) or BPE (2)");
    put_piece(&model, "a", 0, NORMAL);
    bad_model(&model, TOKENS_GEMMA, "no piece for unknown text");
}

static void json_file(const char *text, const char *part) {
    char path[] = "/tmp/newbie-tokens.XXXXXX";
    Tokenizer *tokenizer = NULL;
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "a file to open");
    close(fd);
    Status st = tokenizer_open(&tokenizer, TOKENS_GEMMA, path);
    CHECK_HAS(st ? st->message : "it was taken", part, part);
    tokenizer_free(tokenizer);
    unlink(path);
}

#define VOCAB "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"<s>\":3}"

static void json_files(void) {
    json_file(" {\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"a b\"]}}", "it was taken");
    json_file("{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[[\"a\",\"b\"]]}}", "it was taken");
    json_file("{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"a c\"]}}",
              "merge 0 of \"a c\" and \"c\" is not in the vocabulary");
    json_file("{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[7]}}", "merge 0 is not a pair of tokens");
    json_file("{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[],\"dropout\":0.5}}",
              "a BPE model with dropout");
    json_file("{\"model\":{\"type\":\"WordPiece\"}}",
              "the model is of type WordPiece, expected BPE or Unigram");
    json_file("{}", "the model is of type nothing");
    json_file("{", "line 1 column 2: the text ends too early");
    json_file("{\"normalizer\":{\"type\":\"NFC\"},\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[]}}",
              "the normalizer is of type NFC, which newbie does not know");
    json_file("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}", "a token has the id -1");
    json_file("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":9999999},\"merges\":[]}}",
              "the largest id of 1 tokens is 9999999");
    json_file("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}",
              "two tokens have the id 0");
    json_file("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]]}}", "without a Precompiled normalizer");
}

/* ---- long texts ---- */

/* A megabyte of each of a few shapes, the worst ones for heaps and for merging. Quadratic time would need
 * minutes. */
static void long_texts(void) {
    static const char *const units[] = {"a", "ab", "a b", "\n", " ", "abc<x>", "\xff"};
    Buf model = {0};
    put_specials(&model);
    put_kind(&model, BPE);
    put_plain_normalizer(&model);
    put_piece(&model, "a", -9, NORMAL);
    put_piece(&model, "aa", -1, NORMAL);
    put_piece(&model, "aaaa", -2, NORMAL);
    put_piece(&model, "aaaaaaaa", -3, NORMAL);
    put_piece(&model, "ab", -4, NORMAL);
    put_piece(&model, "abab", -5, NORMAL);
    Tokenizer *tokenizer = made(&model, TOKENS_GEMMA);
    double start = clock_seconds();
    for (size_t i = 0; i < sizeof units / sizeof *units && tokenizer; i++) {
        Buf text = {0};
        TokenList list = {0};
        while (text.size < 1 << 20)
            buf_text(&text, units[i]);
        CHECK_OK(tokenizer_encode(tokenizer, &list, text.data, text.size), "a megabyte of one shape");
        token_list_done(&list);
        buf_done(&text);
    }
    CHECK(clock_seconds() - start < 60, "long texts take time in proportion to their length");
    tokenizer_free(tokenizer);
}

int main(void) {
    reference_cases();
    bpe_rules();
    unigram_rules();
    truncation_of_gemma();
    bad_models();
    json_files();
    long_texts();
    return tap_end();
}
