/* safetensors.c: good and bad safetensors files. Sentences and hints are those of product.md 12, rows 2, 3,
 * 7, 8. */
#include "config.h"

#include "base/buf.h"
#include "base/file.h"
#include "io/safetensors.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <unistd.h>

static char directory[] = "/tmp/newbie-safetensors.XXXXXX";

static char *place(const char *name) {
    return file_join(directory, name);
}

/* Writes `size` bytes under a name and opens them, which must fail. The caller reads the result at once. */
static Status open_bytes(const char *name, const void *bytes, size_t size) {
    char *path = place(name);
    SafeTensors *file = NULL;
    CHECK_OK(file_write(path, bytes, size, 0600), name);
    Status st = safetensors_open(&file, path);
    if (!st)
        safetensors_close(file);
    free(path);
    return st;
}

/* A file with this header (its length is put in front) and `data` zero bytes. */
static void add_file(Buf *out, const char *header, size_t data) {
    for (int i = 0; i < 8; i++)
        buf_byte(out, (unsigned char)(strlen(header) >> (8 * i)));
    buf_text(out, header);
    for (size_t i = 0; i < data; i++)
        buf_byte(out, 0);
}

static Status open_header(const char *header, size_t data) {
    Buf out = {0};
    add_file(&out, header, data);
    Status st = open_bytes("header.safetensors", out.data, out.size);
    buf_done(&out);
    return st;
}

static void bad_header(const char *header, size_t data, const char *part) {
    Status st = open_header(header, data);
    CHECK_HAS(st ? st->message : "it was taken", part, part);
}

static void bad_file(const void *bytes, size_t size, const char *part, const char *hint_part) {
    Status st = open_bytes("model.safetensors", bytes, size);
    CHECK_HAS(st ? st->message : "it was taken", part, part);
    CHECK_HAS(st ? st->hint : "it was taken", hint_part, hint_part);
}

#define TEXT(t) (t), sizeof(t) - 1

static void not_safetensors(void) {
    bad_file(TEXT(""), "is not a safetensors file: it is empty", "download it again");
    bad_file(TEXT("abc"), "is not a safetensors file: it has 3 bytes, expected at least 10",
             "it starts with \"abc\": this looks like a text file");
    bad_file(TEXT("\0\0\0\0\0\0\0\x10{}"),
             "is not a safetensors file: its header length reads 1152921504606846976, the file has 10 bytes",
             "it starts with 00 00 00 00 00 00 00 10; download it again");
    bad_file(TEXT("\0\0\0\0\0\0\0\0"), "its header length reads 0, the file has 8 bytes",
             "it starts with 00 00");
    bad_file(TEXT("<!DOCTYPE html><html></html>"),
             "its header length reads 5789751444030890300, the file has 28 bytes",
             "it starts with \"<!DOCTYPE\": a web page was saved instead; download it again");
    bad_file(TEXT("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "is not a safetensors file",
             "git lfs pull");
    bad_file(TEXT("Once upon a time there was a model.\n"), "is not a safetensors file",
             "it starts with \"Once upon a time there w\": this looks like a text file");
    bad_file(TEXT("PK\3\4zip"), "is a Python pickle, which newbie never runs", "convert it to safetensors");
    bad_file(TEXT("\x80\x02}q\0."), "is a Python pickle, which newbie never runs",
             "convert it to safetensors");
    bad_file(TEXT("GGUF\3\0\0\0"), "is a GGUF file", "safetensors");
    bad_file(TEXT("\x20\0\0\0\0\0\0\0{\"a\":{\"dtype\":"),
             "is cut off: its header ends at byte 40, the file has 22",
             "download it again");
    bad_file(TEXT("\x04\0\0\0\0\0\0\0[{}]"), "its header is no JSON object", "download it again");
    char *path = place("nowhere.safetensors");
    SafeTensors *file;
    Status st = safetensors_open(&file, path);
    CHECK(st && st->code == ERR_IO, "a missing file is an error of the system");
    st = safetensors_open(&file, directory);
    CHECK(st && st->code == ERR_IO, "so is a directory");
    free(path);
}

#define ENTRY(name, type, shape, begin, end) \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static void bad_headers(void) {
    bad_header("{" ENTRY("w", "F32", "[2,3]", 0, 24) "," ENTRY("w", "F32", "[2,3]", 24, 48) "}", 48,
               "the key \"w\" appears twice");
    bad_header("{" ENTRY("a", "F32", "[2]", 0, 8) "," ENTRY("b", "F32", "[2]", 4, 12) "}", 12,
               "a and b overlap");
    bad_header("{" ENTRY("a", "F32", "[2]", 8, 0) "}", 8,
               "a begins at byte 8 of the data and ends before it, at 0");
    bad_header("{" ENTRY("a", "F32", "[2,3]", 0, 20) "}", 20, "a has 20 bytes, expected 24 for f32 [2, 3]");
    bad_header("{" ENTRY("a", "F32", "[2]", -8, 0) "}", 8,
               "a has data_offsets that are not two whole numbers");
    bad_header("{" ENTRY("a", "F32", "[4294967296,4294967296]", 0, 8) "}", 8, "a shape of too many elements");
    bad_header("{" ENTRY("a", "F32", "[1152921504606846976]", 0, 0) "}", 8, "a shape of too many elements");
    bad_header("{" ENTRY("a", "F32", "[-1]", 0, 0) "}", 8, "a dimension that is not a whole number");
    bad_header("{" ENTRY("a", "F32", "[1.5]", 0, 4) "}", 8, "a dimension that is not a whole number");
    bad_header("{" ENTRY("a", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4,
               "a has 9 dimensions, expected at most 8");
    bad_header("{" ENTRY("a", "F32", "7", 0, 4) "}", 4, "a has no shape");
    bad_header("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a has no dtype");
    bad_header("{\"a\":{\"shape\":[1],\"dtype\":\"F32\"}}", 4,
               "a has data_offsets that are not two whole numbers");
    bad_header("{\"a\":5}", 4, "a is not described by an object");
    bad_header("{\"__metadata__\":{\"format\":3}}", 0, "__metadata__ \"format\" is not a string");
    bad_header("{\"__metadata__\":[]}", 0, "__metadata__ is not an object of strings");
    bad_header("{\"a\":", 0, "the header: line 1 column 6: the text ends too early");

    Status st = open_header("{" ENTRY("layers.0.feed_forward.w1.weight", "nf4", "[2]", 0, 1) "}", 1);
    CHECK_HAS(st ? st->message : "",
              "layers.0.feed_forward.w1.weight is stored as nf4; readable are f32 f16 bf16",
              "an unknown type is named");
    CHECK_STR(st ? st->hint : "", "use the bf16 file", "and the way out");
    st = open_header("{" ENTRY("a", "F32", "[2]", 0, 4) "," ENTRY("b", "X", "[2]", 0, 4) ","
                     ENTRY("c", "F32", "[2]", 0, 4) "," ENTRY("d", "F32", "[2]", 0, 4) ","
                     ENTRY("e", "F32", "[2]", 0, 4) "," ENTRY("f", "F32", "[2]", 0, 4) "}", 64);
    CHECK_HAS(st ? st->message : "", "a has 4 bytes",
              "all problems come in one message, the first with its name");
    CHECK_HAS(st ? st->message : "", "b is stored as X", "the second too");
    CHECK_HAS(st ? st->message : "", "; and 2 more", "the last ones are counted");
}

static void truncated(void) {
    Status st = open_header("{" ENTRY("a", "F32", "[2]", 0, 8) "," ENTRY("b", "BF16", "[4]", 8, 16) ","
                            ENTRY("c", "U8", "[100]", 16, 116) "}", 10);
    char expected[100];
    CHECK_HAS(st ? st->message : "", " is cut off: b ends at byte ",
              "a cut file names the first tensor it lost");
    snprintf(expected, sizeof expected, "the whole file has %d bytes",
             8 + (int)strlen("{" ENTRY("a", "F32", "[2]", 0, 8) "," ENTRY("b", "BF16", "[4]", 8, 16) ","
                             ENTRY("c", "U8", "[100]", 16, 116) "}") + 116);
    CHECK_HAS(st ? st->hint : "", expected, "and how long the whole file is");
}

static const float matrix[6] = {1, 2, 3, 4, 5, 6};
static const unsigned char bytes[3] = {7, 8, 9};
static const SafeTensor pair[] = {
    {.name = "tokens", .type = DT_U8, .rank = 1, .dims = {3}, .count = 3, .data = bytes, .bytes = 3},
    {.name = "w", .type = DT_F32, .rank = 2, .dims = {2, 3}, .count = 6, .data = matrix, .bytes = 24},
    {.name = "scalar", .type = DT_F32, .rank = 0, .count = 1, .data = matrix, .bytes = 4},
    {.name = "empty", .type = DT_F32, .rank = 2, .dims = {0, 5}, .count = 0, .data = matrix, .bytes = 0},
};

static void round_trip(void) {
    char *path = place("good.safetensors");
    SafeTensors *file = NULL;
    CHECK_OK(safetensors_write(path, pair, 4), "a file is written");
    CHECK_OK(safetensors_open(&file, path), "and opened again");
    if (!file)
        return;
    const SafeTensor *w = safetensors_find(file, "w"), *scalar = safetensors_find(file, "scalar");
    CHECK_EQ(safetensors_count(file), 4, "it has all tensors");
    CHECK(w && w->type == DT_F32 && w->rank == 2 && w->dims[0] == 2 && w->dims[1] == 3 && w->count == 6,
          "as described");
    CHECK(w && w->bytes == 24 && !memcmp(w->data, matrix, 24), "with their bytes");
    CHECK(w && (uintptr_t)w->data % 4 == 0, "aligned to their elements");
    CHECK(scalar && scalar->rank == 0 && scalar->count == 1 && scalar->bytes == 4,
          "a scalar has rank 0 and one element");
    CHECK(!safetensors_find(file, "absent"), "what is not there is not found");
    CHECK(!safetensors_at(file, 4), "there is nothing behind the last one");
    CHECK(!safetensors_metadata(file, "format"), "there is no metadata");
    CHECK_STR(safetensors_path(file), path, "the path is as given");
    safetensors_forget(file, w);
    CHECK(!memcmp(w->data, matrix, 24), "a forgotten tensor can still be read");
    safetensors_close(file);
    free(path);
}

static void metadata(void) {
    Buf out = {0};
    char *path = place("meta.safetensors");
    SafeTensors *file = NULL;
    add_file(&out, "{\"__metadata__\":{\"format\":\"pt\"}," ENTRY("a", "I64", "[1]", 0, 8) "}   ", 20);
    CHECK_OK(file_write(path, out.data, out.size, 0600), "a file with metadata, padding and bytes left over");
    CHECK_OK(safetensors_open(&file, path), "is opened");
    if (file) {
        CHECK_STR(safetensors_metadata(file, "format"), "pt", "metadata is read");
        CHECK_EQ(safetensors_count(file), 1, "and is not a tensor");
        CHECK_EQ(safetensors_bytes(file), out.size, "the size is that of the file");
    }
    safetensors_close(file);
    buf_done(&out);
    free(path);
}

static Status open_index(SafeTensors **file, const char *index) {
    char *path = place("model.safetensors.index.json");
    Status st = file_write(path, index, strlen(index), 0600);
    if (!st)
        st = safetensors_open(file, path);
    free(path);
    return st;
}

static void shards(void) {
    char *one = place("model-1.safetensors"), *two = place("model-2.safetensors");
    SafeTensors *file = NULL;
    CHECK_OK(safetensors_write(one, pair, 1), "the first shard");
    CHECK_OK(safetensors_write(two, pair + 1, 2), "the second shard");
    CHECK_OK(open_index(&file,
                        "{\"weight_map\":{\"tokens\":\"model-1.safetensors\",\"w\":\"model-2.safetensors\","
                               "\"scalar\":\"model-2.safetensors\"}}"), "an index opens its shards");
    if (file) {
        const SafeTensor *w = safetensors_find(file, "w");
        CHECK_EQ(safetensors_count(file), 3, "they look like one file");
        CHECK(w && !memcmp(w->data, matrix, 24), "with all tensors");
        safetensors_close(file);
    }
    static const struct { const char *index, *part; } bad[] = {
        {"{\"weight_map\":{\"v\":\"model-1.safetensors\"}}", "v is not in model-1.safetensors"},
        {"{\"weight_map\":{\"v\":\"../model-1.safetensors\"}}", "v is not in a file beside the index"},
        {"{\"weight_map\":{\"v\":5}}", "v is not in a file beside the index"},
        {"{\"weight_map\":{\"v\":\"model-3.safetensors\"}}", "model-3.safetensors"},
        {"{}", "has no weight_map"},
        {"{\"weight_map\"", "line 1 column 14"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Status st = open_index(&file, bad[i].index);
        CHECK_HAS(st ? st->message : "it was taken", bad[i].part, bad[i].part);
    }
    CHECK_OK(safetensors_write(one, pair + 1, 1), "a shard with a tensor of the other one");
    Status st = open_index(&file,
                           "{\"weight_map\":{\"x\":\"model-1.safetensors\",\"w\":\"model-2.safetensors\"}}");
    CHECK_HAS(st ? st->message : "it was taken", "w is there twice", "a tensor in two shards is refused");
    free(one);
    free(two);
}

int main(void) {
    static const char *const names[] = {"model.safetensors", "header.safetensors", "good.safetensors",
                                        "meta.safetensors", "model-1.safetensors", "model-2.safetensors",
                                        "model.safetensors.index.json"};
    if (!mkdtemp(directory))
        return 1;
    not_safetensors();
    bad_headers();
    truncated();
    round_trip();
    metadata();
    shards();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = place(names[i]);
        unlink(path);
        free(path);
    }
    CHECK_EQ(rmdir(directory), 0, "nothing is left behind");
    return tap_end();
}
