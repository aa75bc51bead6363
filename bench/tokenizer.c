/* tokenizer.c: how long a tokenizer.json of Gemma's size takes to open, and ten megabytes to encode.
 *
 *   bench/tokenizer [FILE [gemma|jina]]
 *
 * Without FILE one is made up in the temporary directory: 262144 pieces and every merge that makes one of
 * them, some half a million, written as the library writes them. The pieces are random, so the text is made
 * of them too. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"
#include "io/json.h"
#include "text/tokenize.h"

#define PIECES 262144
#define PIECE_MAX 40      /* bytes */
#define POOL 1500         /* pieces that others are made of; few, so that most can be made in several ways */
#define OPENINGS 5
#define TEXT_BYTES 10000000

typedef struct World {
    char (*pieces)[PIECE_MAX + 1];
    size_t count, first_made; /* from here on pieces are made of two others */
    Map ids;
    uint64_t random;
} World;

static size_t random_below(World *world, size_t limit) {
    world->random = world->random * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(world->random >> 33) % limit;
}

static void add_piece(World *world, const char *text) {
    char *piece = world->pieces[world->count];
    snprintf(piece, PIECE_MAX + 1, "%s", text);
    if (map_put(&world->ids, piece, strlen(piece), (int64_t)world->count))
        world->count++;
}

/* A letter or one of the first pieces that were made. */
static const char *part(World *world, size_t letters) {
    size_t made = world->count - world->first_made, most = made < POOL ? made : POOL;
    if (most && random_below(world, 3))
        return world->pieces[world->first_made + random_below(world, most)];
    return world->pieces[letters + random_below(world, 94)];
}

static void make_pieces(World *world) {
    static const char *const specials[] = {"<pad>", "<eos>", "<bos>", "<unk>"};
    char text[2 * PIECE_MAX + 1];
    world->pieces = must_alloc((PIECES + 1) * sizeof *world->pieces);
    map_reserve(&world->ids, PIECES);
    for (int i = 0; i < 4; i++)
        add_piece(world, specials[i]);
    for (int i = 0; i < 256; i++) {
        snprintf(text, sizeof text, "<0x%02X>", i);
        add_piece(world, text);
    }
    size_t singles = world->count;
    for (unsigned code = '!'; code < 0x4E00 + 20000; code = code == '~' ? 0x4E00 : code + 1) {
        if (code < 0x80)
            snprintf(text, sizeof text, "%c", (int)code);
        else
            snprintf(text, sizeof text, "%c%c%c", (int)(0xE0 | code >> 12), (int)(0x80 | (code >> 6 & 63)),
                     (int)(0x80 | (code & 63)));
        add_piece(world, text);
    }
    add_piece(world, "\xe2\x96\x81");
    world->first_made = world->count;
    while (world->count < PIECES) {
        const char *left = part(world, singles), *right = part(world, singles);
        if (strlen(left) + strlen(right) > 14)
            continue;
        snprintf(text, sizeof text, "%s%s", left, right);
        add_piece(world, text);
    }
}

/* Every way to cut a piece into two pieces is a merge. Returns how many there are. */
static size_t put_merges(Buf *out, const World *world) {
    size_t count = 0;
    for (size_t i = world->first_made; i < world->count; i++) {
        const char *piece = world->pieces[i];
        size_t size = strlen(piece);
        for (size_t cut = 1; cut < size; cut++) {
            if (!map_get(&world->ids, piece, cut, NULL) ||
                !map_get(&world->ids, piece + cut, size - cut, NULL))
                continue;
            buf_text(out, count++ ? ",\n      [\n        " : "\n      [\n        ");
            json_put_bytes(out, piece, cut);
            buf_text(out, ",\n        ");
            json_put_bytes(out, piece + cut, size - cut);
            buf_text(out, "\n      ]");
        }
    }
    return count;
}

static void write_file(World *world, const char *path) {
    Buf out = {0};
    make_pieces(world);
    buf_text(&out, "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
                   "\"content\":\"\xe2\x96\x81\"},\n\"model\":{\"type\":\"BPE\","
                   "\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":true,\n\"vocab\":{");
    for (size_t i = 0; i < world->count; i++) {
        json_key(&out, world->pieces[i]);
        json_put_integer(&out, (int64_t)i);
        buf_text(&out, i + 1 < world->count ? ",\n      " : "},\n");
    }
    buf_text(&out, "\"merges\":[");
    size_t merges = put_merges(&out, world);
    buf_text(&out, "]}}\n");
    Status st = file_write(path, out.data, out.size, 0600);
    printf("%s: %zu pieces, %zu merges, %.1f MB%s\n", path, world->count, merges, (double)out.size / 1e6,
           st ? " (not written)" : "");
    buf_done(&out);
}

static int by_value(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static int measure(const char *path, TokenRule rule) {
    double seconds[OPENINGS];
    Tokenizer *tokenizer = NULL;
    for (int i = 0; i < OPENINGS; i++) {
        tokenizer_free(tokenizer);
        double start = clock_seconds();
        Status st = tokenizer_open(&tokenizer, rule, path);
        seconds[i] = clock_seconds() - start;
        if (st) {
            fprintf(stderr, "%s\n", st->message);
            return 1;
        }
    }
    qsort(seconds, OPENINGS, sizeof *seconds, by_value);
    printf("opening: median %.3f s, best %.3f s\n", seconds[OPENINGS / 2], seconds[0]);

    World world = {.random = 2};
    Buf text = {0};
    while (text.size < TEXT_BYTES) {
        size_t id = random_below(&world, tokenizer_pieces(tokenizer));
        const char *piece = tokenizer_piece(tokenizer, (int32_t)id);
        buf_text(&text, piece ? piece : " ");
    }
    TokenList list = {0};
    double start = clock_seconds();
    Status st = tokenizer_encode(tokenizer, &list, text.data, text.size);
    printf("encoding: %zu bytes to %zu tokens in %.2f s%s\n", text.size, list.count, clock_seconds() - start,
           st ? st->message : "");
    token_list_done(&list);
    buf_done(&text);
    tokenizer_free(tokenizer);
    return st != NULL;
}

int main(int argc, char **argv) {
    const char *directory = getenv("TMPDIR");
    TokenRule rule = argc > 2 && !strcmp(argv[2], "jina") ? TOKENS_JINA : TOKENS_GEMMA;
    if (argc > 1)
        return measure(argv[1], rule);
    World world = {.random = 1};
    char *path = file_join(directory ? directory : "/tmp", "newbie-bench-tokenizer.json");
    write_file(&world, path);
    int result = measure(path, rule);
    unlink(path);
    free(path);
    free(world.pieces);
    map_done(&world.ids);
    return result;
}
