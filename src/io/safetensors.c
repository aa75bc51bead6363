/* safetensors.c: opening, checking and looking into safetensors files and their sharded form.
 *
 * Everything that a later reader relies on is checked here, once: the header lies inside the file, every
 * tensor lies inside the data, is as long as its type and shape say, and shares no byte with another. Bytes
 * that belong to no tensor are let pass: they harm nobody. What a file is that is not a safetensors file, the
 * hint says from its first bytes; the sentences are those of product.md 12, rows 2, 3, 7, 8. Source:
 * model-spec.md 8.1 and the README of the format (8 bytes of header length, JSON, data). */
#include "config.h"

#include "io/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/map.h"
#include "io/json.h"

#define HEADER_MAX ((uint64_t)100 << 20) /* the format's own reader takes at most 100 MB */
#define PREFIX 8                         /* bytes of the header length */
#define PROBLEMS_NAMED 4                 /* so many problems of a file are told in full */
#define NAME_SHOWN 200                   /* bytes of a name in a message */

typedef struct Shard {
    FileMap map;
    Json *header;      /* owns the names */
    uint64_t data_at;  /* byte of the file where the data begins */
} Shard;

struct SafeTensors {
    char *path;
    Shard *shards;
    size_t shard_count;
    SafeTensor *tensors;
    size_t count, capacity;
    Map names; /* to index */
};

/* Collects what is wrong, so that one message can tell all of it. */
typedef struct Problems {
    const char *path;
    Buf text;
    size_t count;
    const char *hint;    /* of the first problem that has one; NULL when none has */
    uint64_t cut_first;  /* end of the first tensor that the file does not hold completely; 0: none */
    uint64_t cut_last;   /* end of the last one */
    const char *cut_name;
} Problems;

/* "NAME what is wrong with it". */
__attribute__((format(printf, 3, 4)))
static void problem(Problems *list, const char *name, const char *format, ...) {
    if (list->count++ >= PROBLEMS_NAMED)
        return;
    va_list args;
    va_start(args, format);
    buf_print(&list->text, "%s%.*s ", list->text.size ? "; " : "", NAME_SHOWN, name);
    buf_vprint(&list->text, format, args);
    va_end(args);
}

static Status problems_status(Problems *list) {
    Status st = NULL;
    if (list->count > PROBLEMS_NAMED)
        buf_print(&list->text, "; and %zu more", list->count - PROBLEMS_NAMED);
    if (list->count)
        st = fail(ERR_FORMAT, "%s: %s", list->path, buf_string(&list->text));
    if (list->hint)
        st = hint(st, "%s", list->hint);
    buf_done(&list->text);
    return st;
}

/* ---- what a file is that is not one of ours ---- */

static const struct Look {
    const char *begin;
    size_t size;
    ErrorCode code;
    const char *sentence; /* behind the path; NULL: "is not a safetensors file: ..." */
    const char *hint;
} looks[] = {
    {"PK\003\004", 4, ERR_UNSUPPORTED, "is a Python pickle, which newbie never runs",
     "convert it to safetensors (:help model)"},
    {"\x80\x02", 2, ERR_UNSUPPORTED, "is a Python pickle, which newbie never runs",
     "convert it to safetensors (:help model)"},
    {"GGUF", 4, ERR_UNSUPPORTED, "is a GGUF file, which this version does not read",
     "use the safetensors file"},
    {"version https://git-lfs", 23, ERR_FORMAT, NULL,
     "it starts with \"version https://git-lfs\": a git-lfs pointer; git lfs pull fetches the file"},
    {"<!DOCTYPE", 9, ERR_FORMAT, NULL,
     "it starts with \"<!DOCTYPE\": a web page was saved instead; download it again"},
    {"<!doctype", 9, ERR_FORMAT, NULL,
     "it starts with \"<!doctype\": a web page was saved instead; download it again"},
    {"<html", 5, ERR_FORMAT, NULL,
     "it starts with \"<html\": a web page was saved instead; download it again"},
    {"<?xml", 5, ERR_FORMAT, NULL,
     "it starts with \"<?xml\": an error page was saved instead; download it again"},
};

/* What a file starts with, for a hint: up to 24 characters of text, else up to 8 bytes in hexadecimal. */
static Status hint_begin(Status st, const FileMap *map) {
    char text[32] = "";
    size_t n = map->size < 24 ? map->size : 24, readable = 0;
    while (readable < n && map->data[readable] >= 0x20 && map->data[readable] < 0x7F)
        readable++;
    if (readable >= 4 || (readable && readable == map->size))
        return hint(st, "it starts with \"%.*s\": this looks like a text file", (int)readable,
                    (const char *)map->data);
    for (size_t i = 0; i < n && i < PREFIX; i++)
        snprintf(text + 3 * i, sizeof text - 3 * i, " %02X", map->data[i]);
    return hint(st, "it starts with%s; download it again", text);
}

/* The little-endian number a file begins with; 0 when it is shorter. */
static uint64_t header_length(const FileMap *map) {
    uint64_t length = 0;
    for (int i = PREFIX - 1; i >= 0 && map->size >= PREFIX; i--)
        length = length << 8 | map->data[i];
    return length;
}

static Status not_safetensors(const FileMap *map) {
    const struct Look *look = NULL;
    if (!map->size)
        return hint(fail(ERR_FORMAT, "%s is not a safetensors file: it is empty", map->path),
                    "download it again");
    for (size_t i = 0; i < sizeof looks / sizeof *looks && !look; i++)
        if (map->size >= looks[i].size && !memcmp(map->data, looks[i].begin, looks[i].size))
            look = &looks[i];
    if (look && look->sentence)
        return hint(fail(look->code, "%s %s", map->path, look->sentence), "%s", look->hint);
    Status st;
    if (map->size < PREFIX) {
        st = fail(ERR_FORMAT, "%s is not a safetensors file: it has %zu bytes, expected at least %d",
                  map->path, map->size, PREFIX + 2);
    } else {
        st = fail(ERR_FORMAT, "%s is not a safetensors file: its header length reads %" PRIu64
                  ", the file has %zu bytes", map->path, header_length(map), map->size);
    }
    return look ? hint(st, "%s", look->hint) : hint_begin(st, map);
}

/* ---- one header ---- */

static const struct TypeName {
    const char *name;
    DType type;
} type_names[] = {
    {"F32", DT_F32}, {"F16", DT_F16}, {"BF16", DT_BF16}, {"F64", DT_F64}, {"F8_E4M3", DT_F8_E4M3},
    {"F8_E5M2", DT_F8_E5M2}, {"I8", DT_I8}, {"U8", DT_U8}, {"I32", DT_I32}, {"I64", DT_I64},
    {"BOOL", DT_BOOL},
};

/* The file's own name of a type, for the writer. */
static const char *type_name(DType type) {
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
        if (type_names[i].type == type)
            return type_names[i].name;
    return "F32";
}

static bool read_type(Problems *list, SafeTensor *tensor, const Json *entry) {
    size_t size;
    const char *name = json_string(json_get(entry, "dtype"), &size);
    if (!name) {
        problem(list, tensor->name, "has no dtype");
        return false;
    }
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (strcmp(type_names[i].name, name))
            continue;
        tensor->type = type_names[i].type;
        return true;
    }
    problem(list, tensor->name, "is stored as %.40s; readable are f32 f16 bf16 f8_e4m3 f8_e5m2", name);
    if (!list->hint)
        list->hint = "use the bf16 file";
    return false;
}

/* Fills rank, dims, count and bytes. */
static bool read_shape(Problems *list, SafeTensor *tensor, const Json *entry) {
    const Json *shape = json_get(entry, "shape");
    if (json_kind(shape) != JSON_ARRAY) {
        problem(list, tensor->name, "has no shape");
        return false;
    }
    if (json_count(shape) > SAFETENSORS_RANK_MAX) {
        problem(list, tensor->name, "has %zu dimensions, expected at most %d", json_count(shape),
                SAFETENSORS_RANK_MAX);
        return false;
    }
    tensor->count = 1;
    for (JsonIter i = json_first(shape); i.value; json_next(&i)) {
        int64_t dim = json_integer(i.value, -1);
        if (dim < 0) {
            problem(list, tensor->name, "has a dimension that is not a whole number from 0 up");
            return false;
        }
        tensor->dims[tensor->rank++] = dim;
        if (__builtin_mul_overflow(tensor->count, dim, &tensor->count) || tensor->count > INT64_MAX / 8) {
            problem(list, tensor->name, "has a shape of too many elements");
            return false;
        }
    }
    tensor->bytes = (size_t)tensor->count * dtype_size(tensor->type); /* count was kept below 2^63 / 8 */
    return true;
}

/* "[2, 3]" into out. */
static const char *shape_text(char out[SAFETENSORS_RANK_MAX * 22 + 3], const SafeTensor *tensor) {
    char *at = out + sprintf(out, "[");
    for (int i = 0; i < tensor->rank; i++)
        at += sprintf(at, "%s%" PRId64, i ? ", " : "", tensor->dims[i]);
    strcpy(at, "]");
    return out;
}

/* Fills data. A tensor behind the end of the file is noted as cut off, not as a problem of its own. */
static void read_offsets(Problems *list, SafeTensor *tensor, const Json *entry, const Shard *shard) {
    const Json *offsets = json_get(entry, "data_offsets");
    int64_t begin = json_integer(json_at(offsets, 0), -1), end = json_integer(json_at(offsets, 1), -1);
    char shape[SAFETENSORS_RANK_MAX * 22 + 3];
    if (json_count(offsets) != 2 || begin < 0 || end < 0) {
        problem(list, tensor->name, "has data_offsets that are not two whole numbers from 0 up");
    } else if (begin > end) {
        problem(list, tensor->name, "begins at byte %" PRId64 " of the data and ends before it, at %" PRId64,
                begin, end);
    } else if ((uint64_t)(end - begin) != tensor->bytes) {
        problem(list, tensor->name, "has %" PRId64 " bytes, expected %zu for %s %s", end - begin,
                tensor->bytes, dtype_name(tensor->type), shape_text(shape, tensor));
    } else if ((uint64_t)end > shard->map.size - shard->data_at) {
        uint64_t file_end = shard->data_at + (uint64_t)end;
        if (!list->cut_first || file_end < list->cut_first) {
            list->cut_first = file_end;
            list->cut_name = tensor->name;
        }
        list->cut_last = file_end > list->cut_last ? file_end : list->cut_last;
    } else {
        tensor->data = shard->map.data + shard->data_at + begin;
    }
}

static void add_tensor(Problems *list, SafeTensors *file, const SafeTensor *tensor) {
    if (file->count == file->capacity) {
        file->capacity = file->capacity ? file->capacity * 2 : 64;
        file->tensors = must_realloc(file->tensors, file->capacity * sizeof *file->tensors);
    }
    if (!map_put(&file->names, tensor->name, strlen(tensor->name), (int64_t)file->count)) {
        problem(list, tensor->name, "is there twice");
        return;
    }
    file->tensors[file->count++] = *tensor;
}

static void read_entry(Problems *list, SafeTensors *file, const Shard *shard, const JsonIter *entry) {
    SafeTensor tensor = {.name = entry->key};
    if (strlen(entry->key) != entry->key_size)
        problem(list, entry->key, "has a zero byte in its name");
    else if (json_kind(entry->value) != JSON_OBJECT)
        problem(list, entry->key, "is not described by an object");
    else if (read_type(list, &tensor, entry->value) && read_shape(list, &tensor, entry->value)) {
        read_offsets(list, &tensor, entry->value, shard);
        add_tensor(list, file, &tensor);
    }
}

static void check_metadata(Problems *list, const Json *metadata) {
    if (json_kind(metadata) != JSON_OBJECT) {
        problem(list, "__metadata__", "is not an object of strings");
        return;
    }
    for (JsonIter i = json_first(metadata); i.value; json_next(&i))
        if (json_kind(i.value) != JSON_STRING)
            problem(list, "__metadata__", "\"%.40s\" is not a string", i.key);
}

static int by_address(const void *a, const void *b) {
    const SafeTensor *const *left = a, *const *right = b;
    return ((*left)->data > (*right)->data) - ((*left)->data < (*right)->data);
}

/* Finds tensors of one shard, [first, file->count), that share bytes. */
static void check_overlaps(Problems *list, const SafeTensors *file, size_t first) {
    size_t count = 0;
    const SafeTensor **sorted = must_alloc((file->count - first + 1) * sizeof *sorted);
    for (size_t i = first; i < file->count; i++)
        if (file->tensors[i].data && file->tensors[i].bytes)
            sorted[count++] = &file->tensors[i];
    qsort(sorted, count, sizeof *sorted, by_address);
    for (size_t i = 1; i < count; i++)
        if ((const char *)sorted[i - 1]->data + sorted[i - 1]->bytes > (const char *)sorted[i]->data)
            problem(list, sorted[i - 1]->name, "and %.*s overlap", NAME_SHOWN, sorted[i]->name);
    free(sorted);
}

static Status cut_off(const Problems *list, const Shard *shard) {
    return hint(fail(ERR_FORMAT, "%s is cut off: %.*s ends at byte %" PRIu64 ", the file has %zu",
                     shard->map.path, NAME_SHOWN, list->cut_name, list->cut_first, shard->map.size),
                "download it again; the whole file has %" PRIu64 " bytes", list->cut_last);
}

/* Length and JSON of the header; sets header and data_at. */
static Status read_header(Shard *shard) {
    const FileMap *map = &shard->map;
    uint64_t length = header_length(map);
    if (length < 2 || length > HEADER_MAX)
        return not_safetensors(map);
    if (length > map->size - PREFIX) {
        if (map->size > PREFIX && map->data[PREFIX] != '{')
            return not_safetensors(map);
        return hint(fail(ERR_FORMAT, "%s is cut off: its header ends at byte %" PRIu64 ", the file has %zu",
                         map->path, length + PREFIX, map->size),
                    "download it again");
    }
    if (map->data[PREFIX] != '{')
        return hint(fail(ERR_FORMAT, "%s is not a safetensors file: its header is no JSON object", map->path),
                    "download it again");
    shard->data_at = PREFIX + length;
    return note(json_parse(&shard->header, map->data + PREFIX, (size_t)length), "%s: the header", map->path);
}

/* Reads the header of a mapped shard and adds its tensors to the file. */
static Status read_shard(SafeTensors *file, Shard *shard) {
    Problems list = {.path = shard->map.path};
    size_t first = file->count;
    TRY(read_header(shard));
    for (JsonIter i = json_first(shard->header); i.value; json_next(&i)) {
        if (!strcmp(i.key, "__metadata__"))
            check_metadata(&list, i.value);
        else
            read_entry(&list, file, shard, &i);
    }
    check_overlaps(&list, file, first);
    if (!list.count && list.cut_name)
        return cut_off(&list, shard);
    if (list.cut_name)
        problem(&list, list.cut_name, "ends at byte %" PRIu64 ", the file has %zu", list.cut_first,
                shard->map.size);
    return problems_status(&list);
}

static Status add_shard(SafeTensors *file, const char *path) {
    Shard *shard = &file->shards[file->shard_count];
    TRY(file_map(&shard->map, path));
    file->shard_count++;
    return read_shard(file, shard);
}

/* ---- sharded files ---- */

static bool is_index(const char *path) {
    static const char ending[] = ".index.json";
    size_t size = strlen(path);
    return size > strlen(ending) && !strcmp(path + size - strlen(ending), ending);
}

/* A shard lies beside its index: its name must not lead anywhere else. */
static bool is_plain_name(const char *name, size_t size) {
    return size && strlen(name) == size && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

/* Opens the files that weight_map names, each once, in order of appearance. */
static Status open_shards(SafeTensors *file, const Json *weights) {
    Map seen = {0};
    Status st = NULL;
    char *slash = strrchr(file->path, '/');
    char *directory = slash ? must_copy_n(file->path, (size_t)(slash - file->path) + 1) : must_copy(".");
    for (JsonIter i = json_first(weights); i.value && !st; json_next(&i)) {
        size_t size;
        const char *name = json_string(i.value, &size);
        if (!name || !is_plain_name(name, size)) {
            st = fail(ERR_FORMAT, "%s: %.*s is not in a file beside the index", file->path, NAME_SHOWN,
                      i.key);
        } else if (map_put(&seen, name, size, 0)) {
            char *path = slash ? file_join(directory, name) : must_copy(name);
            file->shards = must_realloc(file->shards, (file->shard_count + 1) * sizeof *file->shards);
            file->shards[file->shard_count] = (Shard){0};
            st = add_shard(file, path);
            free(path);
        }
    }
    free(directory);
    map_done(&seen);
    return st;
}

/* Every tensor of the index must be in one of the shards. */
static Status check_index(const SafeTensors *file, const Json *weights) {
    Problems list = {.path = file->path, .hint = "download the shards again"};
    for (JsonIter i = json_first(weights); i.value; json_next(&i))
        if (!map_get(&file->names, i.key, i.key_size, NULL))
            problem(&list, i.key, "is not in %s", json_string(i.value, NULL));
    return problems_status(&list);
}

static Status open_index(SafeTensors *file) {
    Json *index;
    TRY(json_read(&index, file->path));
    const Json *weights = json_get(index, "weight_map");
    Status st = NULL;
    if (json_kind(weights) != JSON_OBJECT || !json_count(weights))
        st = fail(ERR_FORMAT, "%s has no weight_map, expected an index of safetensors files", file->path);
    if (!st)
        st = open_shards(file, weights);
    if (!st)
        st = check_index(file, weights);
    json_free(index);
    return st;
}

/* ---- the public functions ---- */

Status safetensors_open(SafeTensors **out, const char *path) {
    SafeTensors *file = must_alloc(sizeof *file);
    file->path = must_copy(path);
    file->shards = must_alloc(sizeof *file->shards);
    Status st = is_index(path) ? open_index(file) : add_shard(file, path);
    if (st) {
        safetensors_close(file);
        return st;
    }
    *out = file;
    return NULL;
}

void safetensors_close(SafeTensors *file) {
    if (!file)
        return;
    for (size_t i = 0; i < file->shard_count; i++) {
        json_free(file->shards[i].header);
        file_unmap(&file->shards[i].map);
    }
    map_done(&file->names);
    free(file->tensors);
    free(file->shards);
    free(file->path);
    free(file);
}

const char *safetensors_path(const SafeTensors *file) {
    return file->path;
}

size_t safetensors_count(const SafeTensors *file) {
    return file->count;
}

const SafeTensor *safetensors_at(const SafeTensors *file, size_t index) {
    return index < file->count ? &file->tensors[index] : NULL;
}

const SafeTensor *safetensors_find(const SafeTensors *file, const char *name) {
    int64_t index;
    return map_get(&file->names, name, strlen(name), &index) ? &file->tensors[index] : NULL;
}

const char *safetensors_metadata(const SafeTensors *file, const char *key) {
    const char *text = NULL;
    for (size_t i = 0; i < file->shard_count && !text; i++)
        text = json_get_string(json_get(file->shards[i].header, "__metadata__"), key, NULL);
    return text;
}

uint64_t safetensors_bytes(const SafeTensors *file) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < file->shard_count; i++)
        bytes += file->shards[i].map.size;
    return bytes;
}

const struct FileMap *safetensors_map(const SafeTensors *file, const SafeTensor *tensor) {
    const unsigned char *data = tensor->data;
    for (size_t i = 0; i < file->shard_count; i++) {
        const FileMap *map = &file->shards[i].map;
        if (map->data && data >= map->data && data < map->data + map->size)
            return map;
    }
    return NULL;
}

void safetensors_forget(const SafeTensors *file, const SafeTensor *tensor) {
    const FileMap *map = safetensors_map(file, tensor);
    if (map)
        file_map_forget(map, tensor->data, tensor->bytes);
}

/* ---- writing ---- */

static void describe(Buf *header, const SafeTensor *tensor, uint64_t begin) {
    json_key(header, tensor->name);
    json_open(header, '{');
    json_key(header, "dtype");
    json_put_string(header, type_name(tensor->type));
    json_key(header, "shape");
    json_open(header, '[');
    for (int i = 0; i < tensor->rank; i++)
        json_put_integer(header, tensor->dims[i]);
    json_close(header, ']');
    json_key(header, "data_offsets");
    json_open(header, '[');
    json_put_integer(header, (int64_t)begin);
    json_put_integer(header, (int64_t)(begin + tensor->bytes));
    json_close(header, ']');
    json_close(header, '}');
}

Status safetensors_write(const char *path, const SafeTensor *tensors, size_t count) {
    Buf out = {0};
    uint64_t at = 0;
    buf_add(&out, "\0\0\0\0\0\0\0", PREFIX);
    json_open(&out, '{');
    /* Large elements first: then every tensor is aligned to its element without holes, which the format
     * forbids. */
    for (size_t element = 8; element; element /= 2)
        for (size_t i = 0; i < count; i++)
            if (dtype_size(tensors[i].type) == element) {
                describe(&out, &tensors[i], at);
                at += tensors[i].bytes;
            }
    json_close(&out, '}');
    while (out.size % 8)
        buf_byte(&out, ' ');
    for (int i = 0; i < PREFIX; i++)
        out.data[i] = (char)((out.size - PREFIX) >> (8 * i));
    for (size_t element = 8; element; element /= 2)
        for (size_t i = 0; i < count; i++)
            if (dtype_size(tensors[i].type) == element)
                buf_add(&out, tensors[i].data, tensors[i].bytes);
    Status st = file_write(path, out.data, out.size, 0644);
    buf_done(&out);
    return st;
}
