/* png.c: pictures to PNG bytes, and the text chunks and pixels of any PNG back.
 *
 * Writing: stb_image_write makes the file (filters, chunks); zlib compresses, because stb's own compressor
 * is both slower and weaker. The text chunks are spliced in after IHDR, since some readers stop at the
 * first IDAT.
 * Reading: a walk over length, kind, data, CRC. A file is hostile until shown otherwise: every size is
 * checked, text is inflated up to a limit, and what cannot be read is named in `problems` while the rest of
 * the file is still used. Pixels are stb_image's work; how much a file may inflate to is settled before.
 * Facts: PNG specification (W3C, third edition) 5.3 chunk layout, 11.2.1 IHDR, 11.3.3 text; product.md 10. */
#include "config.h"

#include "io/png.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/utf8.h"

/* A 1024x1024 picture took 0.07, 0.09, 0.23, 0.53 s at zlib's levels 1, 4, 6, 9 and 1.63, 1.55,
 * 1.50, 1.48 MB; stb's own compressor 0.18 s and 2.22 MB (one core of a busy two-core machine). */
enum { DEFLATE_LEVEL = 4 };

static unsigned char *deflate_pixels(const unsigned char *bytes, int size, int *out_size) {
    uLongf room = compressBound((uLong)size);
    unsigned char *out = malloc(room);
    if (!out || compress2(out, &room, bytes, (uLong)size, DEFLATE_LEVEL) != Z_OK || room > INT_MAX - 4096) {
        free(out);
        return NULL;
    }
    *out_size = (int)room;
    return out;
}

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBIW_ZLIB_COMPRESS(bytes, size, out_size, quality)                                                  \
    ((void)(quality), deflate_pixels(bytes, size, out_size))
#include <stb/stb_image_write.h>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#pragma GCC diagnostic ignored "-Wunused-function" /* it declares what STBI_ONLY_PNG leaves out */
#include <stb/stb_image.h>

static const unsigned char SIGNATURE[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

enum {
    CHUNK_FRAME = 12,                    /* length, kind and CRC around the data of a chunk */
    HEADER_DATA = 13,                    /* bytes of data in IHDR */
    HEADER_END = 8 + CHUNK_FRAME + HEADER_DATA,
    KEYWORD_LIMIT = 79,
    TEXT_LIMIT = 16 << 20,               /* of one text, inflated (product.md 10.2) */
    TEXT_LIMIT_ALL = 64 << 20,           /* of all texts of a file: many small bombs are one large one */
    FIELD_LIMIT = 1024,
    PROBLEMS_LIMIT = 8192,               /* bytes of Buf `problems`, then no more lines */
    CHUNKS_LIMIT = 4096,                 /* bytes of Buf `chunks` */
};

/* --- writing -------------------------------------------------------------------------------------------- */

static void add_u32(Buf *out, uint32_t value) {
    unsigned char bytes[4] = {value >> 24 & 255, value >> 16 & 255, value >> 8 & 255, value & 255};
    buf_add(out, bytes, 4);
}

static void add_chunk(Buf *out, const char kind[4], const Buf *data) {
    add_u32(out, (uint32_t)data->size);
    size_t start = out->size;
    buf_add(out, kind, 4);
    buf_add(out, buf_string(data), data->size);
    add_u32(out, (uint32_t)crc32_z(0, (const unsigned char *)out->data + start, out->size - start));
}

static bool is_plain(const PngText *text) {
    for (size_t i = 0; i < text->size; i++) {
        unsigned char byte = (unsigned char)text->text[i];
        if (byte != '\n' && (byte < 0x20 || byte > 0x7E))
            return false;
    }
    return true;
}

static void add_text(Buf *out, const PngText *text) {
    size_t keyword_size = strlen(text->keyword);
    assert(keyword_size >= 1 && keyword_size <= KEYWORD_LIMIT && text->size <= INT_MAX);
    Buf data = {0};
    buf_add(&data, text->keyword, keyword_size + 1);
    bool plain = text->form == PNG_AS_NEEDED && is_plain(text);
    if (!plain)
        buf_add(&data, "\0\0\0", 4); /* not compressed, method 0, no language, no translated keyword */
    buf_add(&data, text->text, text->size);
    add_chunk(out, plain ? "tEXt" : "iTXt", &data);
    buf_done(&data);
}

Status png_encode(Buf *out, PngPixels pixels, const PngText *texts, size_t count) {
    int width = pixels.width, height = pixels.height, size = 0;
    if (width < 1 || width > 65535 || height < 1 || height > 65535)
        return fail(ERR_USAGE, "cannot write a PNG of %dx%d pixels, expected 1 to 65535 each", width, height);
    if ((3 * (int64_t)width + 1) * height > INT_MAX) /* stb counts bytes in an int */
        return fail(ERR_USAGE, "cannot write a PNG of %dx%d pixels, the largest is 2 GiB of pixels", width,
                    height);
    unsigned char *png = stbi_write_png_to_mem(pixels.bytes, 3 * width, width, height, 3, &size);
    if (!png)
        return fail(ERR_MEMORY, "no memory to compress a picture of %dx%d pixels", width, height);
    buf_add(out, png, HEADER_END);
    for (size_t i = 0; i < count; i++)
        add_text(out, &texts[i]);
    buf_add(out, png + HEADER_END, (size_t)size - HEADER_END);
    free(png);
    return NULL;
}

/* --- reading -------------------------------------------------------------------------------------------- */

typedef struct Chunk {
    char kind[5];
    const unsigned char *data;
    size_t size;
    bool crc_good;
} Chunk;

typedef struct Span {
    const char *bytes;
    size_t size;
} Span;

static uint32_t read_u32(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

__attribute__((format(printf, 2, 3))) static void problem(PngInfo *info, const char *format, ...) {
    if (info->problems.size > PROBLEMS_LIMIT)
        return;
    va_list args;
    va_start(args, format);
    buf_vprint(&info->problems, format, args);
    va_end(args);
    buf_byte(&info->problems, '\n');
}

/* Takes the chunk at *at and moves behind it. False at the end, or where the file is broken (then named). */
static bool next_chunk(Chunk *chunk, PngInfo *info, Span file, size_t *at) {
    size_t left = file.size - *at;
    const unsigned char *bytes = (const unsigned char *)file.bytes + *at;
    if (left < CHUNK_FRAME) {
        problem(info, "the file ends without IEND");
        return false;
    }
    memcpy(chunk->kind, bytes + 4, 4);
    chunk->kind[4] = 0;
    for (int i = 0; i < 4; i++)
        if ((chunk->kind[i] | 32) < 'a' || (chunk->kind[i] | 32) > 'z') {
            problem(info, "no chunk begins at byte %zu, the rest of the file is not read", *at);
            return false;
        }
    chunk->size = read_u32(bytes);
    if (chunk->size > left - CHUNK_FRAME) {
        problem(info, "chunk %s says %zu bytes, but %zu are left", chunk->kind, chunk->size,
                left - CHUNK_FRAME);
        return false;
    }
    chunk->data = bytes + 8;
    chunk->crc_good = crc32_z(0, bytes + 4, chunk->size + 4) == read_u32(chunk->data + chunk->size);
    *at += chunk->size + CHUNK_FRAME;
    return true;
}

/* Inflates a zlib stream, appended to *out. NULL, or why not. */
static const char *inflate_text(Buf *out, Span packed) {
    z_stream stream = {.next_in = (unsigned char *)packed.bytes, .avail_in = (uInt)packed.size};
    if (inflateInit(&stream) != Z_OK)
        return "no memory to inflate it";
    unsigned char block[16384];
    const char *reason = NULL;
    int result = Z_OK;
    while (!reason && result != Z_STREAM_END) {
        stream.next_out = block;
        stream.avail_out = sizeof block;
        result = inflate(&stream, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END)
            reason = "its compressed data is broken";
        buf_add(out, block, sizeof block - stream.avail_out);
        if (out->size > TEXT_LIMIT)
            reason = "it is larger than 16 MiB";
    }
    inflateEnd(&stream);
    return reason;
}

/* Latin-1 to UTF-8, appended. Many writers put UTF-8 into Latin-1 chunks; bytes that are valid UTF-8 are
 * taken so. */
static void add_latin1(Buf *out, Span text) {
    if (utf8_check(text.bytes, text.size) == text.size) {
        buf_add(out, text.bytes, text.size);
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        char encoded[4];
        buf_add(out, encoded, utf8_encode(encoded, (unsigned char)text.bytes[i]));
    }
}

/* Splits off the bytes before the next NUL; false when there is none. */
static bool take_string(Span *out, Span *rest) {
    const char *end = rest->size ? memchr(rest->bytes, 0, rest->size) : NULL;
    if (!end)
        return false;
    *out = (Span){rest->bytes, (size_t)(end - rest->bytes)};
    *rest = (Span){end + 1, rest->size - out->size - 1};
    return true;
}

/* The parts of a text chunk. NULL, or what is wrong with it. */
static const char *split_text(Span *text, bool *packed, const Chunk *chunk, Span rest) {
    *packed = chunk->kind[0] == 'z';
    if (chunk->kind[0] != 't') { /* zTXt: method; iTXt: flag, method, language, translated keyword */
        size_t fixed = chunk->kind[0] == 'z' ? 1 : 2;
        if (rest.size < fixed)
            return "it is too short";
        *packed |= fixed == 2 && rest.bytes[0] != 0;
        if (*packed && rest.bytes[fixed - 1] != 0)
            return "its compression method is unknown";
        rest = (Span){rest.bytes + fixed, rest.size - fixed};
        Span ignored;
        if (fixed == 2 && (!take_string(&ignored, &rest) || !take_string(&ignored, &rest)))
            return "it is too short";
    }
    *text = rest;
    return NULL;
}

/* Reads the text of a chunk as UTF-8, appended to *out. NULL, or why it cannot be read. */
static const char *decode_text(Buf *out, const Chunk *chunk, Span rest) {
    Span text = {0};
    bool packed;
    const char *reason = split_text(&text, &packed, chunk, rest);
    if (reason)
        return reason;
    Buf inflated = {0};
    if (packed) {
        reason = inflate_text(&inflated, text);
        text = (Span){buf_string(&inflated), inflated.size};
    } else if (text.size > TEXT_LIMIT) {
        reason = "it is larger than 16 MiB";
    }
    if (!reason && text.size && memchr(text.bytes, 0, text.size))
        reason = "it holds a NUL byte";
    if (!reason && chunk->kind[0] == 'i' && utf8_check(text.bytes, text.size) != text.size)
        reason = "it is not valid UTF-8";
    if (!reason && chunk->kind[0] == 'i')
        buf_add(out, text.bytes, text.size);
    else if (!reason)
        add_latin1(out, text);
    buf_done(&inflated);
    return reason;
}

static void add_field(PngInfo *info, const Chunk *chunk, Buf *keyword, Buf *text) {
    if (png_text(info, buf_string(keyword)))
        problem(info, "keyword \"%s\" appears more than once, the first one counts", buf_string(keyword));
    size_t index = info->field_count++;
    info->fields = must_realloc(info->fields, info->field_count * sizeof *info->fields);
    struct PngField *field = &info->fields[index];
    field->size = text->size;
    field->keyword = buf_take(keyword);
    field->text = buf_take(text);
    memcpy(field->chunk, chunk->kind, 5);
}

static void read_text(PngInfo *info, const Chunk *chunk, size_t *room) {
    Span rest = {(const char *)chunk->data, chunk->size}, name;
    if (info->field_count >= FIELD_LIMIT) {
        problem(info, "%s chunk skipped: there are more than %d", chunk->kind, FIELD_LIMIT);
        return;
    }
    if (!take_string(&name, &rest) || name.size < 1 || name.size > KEYWORD_LIMIT) {
        problem(info, "%s chunk skipped: it has no keyword of 1 to %d bytes", chunk->kind, KEYWORD_LIMIT);
        return;
    }
    Buf keyword = {0}, text = {0};
    add_latin1(&keyword, name);
    const char *reason = decode_text(&text, chunk, rest);
    if (!reason && text.size > *room)
        reason = "all texts together are larger than 64 MiB";
    if (reason) {
        problem(info, "%s chunk \"%s\" skipped: %s", chunk->kind, buf_string(&keyword), reason);
    } else {
        *room -= text.size;
        add_field(info, chunk, &keyword, &text);
    }
    buf_done(&keyword);
    buf_done(&text);
}

/* Appends the kind to the list of chunks, a repeat of the last one not. */
static void list_chunk(PngInfo *info, const char *kind) {
    Buf *list = &info->chunks;
    if ((list->size >= 4 && !memcmp(list->data + list->size - 4, kind, 4)) || list->size > CHUNKS_LIMIT)
        return;
    buf_print(list, "%s%s", list->size ? ", " : "", list->size > CHUNKS_LIMIT - 8 ? "..." : kind);
}

/* Checks signature and IHDR, and fills the numbers of the latter. */
static Status read_header(PngInfo *info, Span file, const char *name) {
    const unsigned char *bytes = (const unsigned char *)file.bytes;
    if (file.size == 0)
        return fail(ERR_FORMAT, "%s is not a PNG: it is empty", name);
    if (file.size < sizeof SIGNATURE || memcmp(bytes, SIGNATURE, sizeof SIGNATURE) != 0) {
        char start[3 * 4 + 1] = "";
        for (size_t i = 0; i < 3 && i < file.size; i++)
            snprintf(start + 3 * i, 4, " %02X", bytes[i]);
        return fail(ERR_FORMAT, "%s is not a PNG: it starts with%s", name, start);
    }
    if (file.size < HEADER_END || read_u32(bytes + 8) != HEADER_DATA || memcmp(bytes + 12, "IHDR", 4) != 0)
        return fail(ERR_FORMAT, "%s is not a PNG: its first chunk is not an IHDR of 13 bytes", name);
    uint32_t width = read_u32(bytes + 16), height = read_u32(bytes + 20);
    if (width < 1 || width > INT_MAX || height < 1 || height > INT_MAX)
        return fail(ERR_FORMAT, "%s is broken: its size is %ux%u pixels", name, (unsigned)width,
                    (unsigned)height);
    info->width = (int)width;
    info->height = (int)height;
    info->bit_depth = bytes[24];
    info->color_type = bytes[25];
    return NULL;
}

Status png_parse(PngInfo *out, const void *bytes, size_t size, const char *name) {
    *out = (PngInfo){0};
    Span file = {bytes, size};
    TRY(read_header(out, file, name));
    size_t room = TEXT_LIMIT_ALL, at = sizeof SIGNATURE;
    char bad_crc[5] = ""; /* kind of the last chunk named for its CRC: a thousand bad IDATs are one line */
    Chunk chunk;
    while (next_chunk(&chunk, out, file, &at)) {
        list_chunk(out, chunk.kind);
        if (!chunk.crc_good && strcmp(bad_crc, chunk.kind) != 0) {
            problem(out, "chunk %s has a wrong checksum (CRC)", chunk.kind);
            memcpy(bad_crc, chunk.kind, sizeof bad_crc);
        }
        if (!strcmp(chunk.kind, "tEXt") || !strcmp(chunk.kind, "zTXt") || !strcmp(chunk.kind, "iTXt"))
            read_text(out, &chunk, &room);
        if (!strcmp(chunk.kind, "IEND"))
            break;
    }
    return NULL;
}

Status png_read(PngInfo *out, const char *path) {
    FileMap map;
    *out = (PngInfo){0};
    TRY(file_map(&map, path));
    Status status = png_parse(out, map.data, map.size, path);
    file_unmap(&map);
    return status;
}

void png_done(PngInfo *info) {
    for (size_t i = 0; i < info->field_count; i++) {
        free(info->fields[i].keyword);
        free(info->fields[i].text);
    }
    free(info->fields);
    buf_done(&info->chunks);
    buf_done(&info->problems);
    *info = (PngInfo){0};
}

const char *png_text(const PngInfo *info, const char *keyword) {
    for (size_t i = 0; i < info->field_count; i++)
        if (!strcmp(info->fields[i].keyword, keyword))
            return info->fields[i].text;
    return NULL;
}

/* --- pixels --------------------------------------------------------------------------------------------- */

/* Most bytes that the data of a picture inflate to: rows with their filter byte, those of the seven passes of
 * an interlaced one included. A small file that inflates to gigabytes is no picture. */
static size_t inflated_limit(const PngInfo *info) {
    static const unsigned char channels[8] = {1, 0, 3, 1, 2, 0, 4, 0};
    size_t bits = (size_t)channels[info->color_type & 7] * (size_t)info->bit_depth;
    size_t row = ((size_t)info->width * bits + 7) / 8 + 1;
    return 2 * row * (size_t)info->height + 1024;
}

/* Does the stream of all IDAT chunks stay within the limit? Broken data do: the decoder names them. */
static bool inflates_within(Span file, size_t limit) {
    z_stream stream = {0};
    if (inflateInit(&stream) != Z_OK)
        return false;
    PngInfo unused = {0};
    unsigned char block[16384];
    size_t at = sizeof SIGNATURE, total = 0;
    int result = Z_OK;
    for (Chunk chunk; result == Z_OK && total <= limit && next_chunk(&chunk, &unused, file, &at);) {
        bool data = !strcmp(chunk.kind, "IDAT");
        stream.next_in = (unsigned char *)chunk.data;
        stream.avail_in = data ? (uInt)chunk.size : 0;
        while (result == Z_OK && stream.avail_in && total <= limit) {
            stream.next_out = block;
            stream.avail_out = sizeof block;
            result = inflate(&stream, Z_NO_FLUSH);
            total += sizeof block - stream.avail_out;
        }
    }
    inflateEnd(&stream);
    png_done(&unused);
    return total <= limit;
}

/* [count, 4] to [count, 3] in place, before white. */
static void drop_alpha(uint8_t *pixels, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++) {
            int alpha = pixels[4 * i + 3], mixed = pixels[4 * i + c] * alpha + 255 * (255 - alpha);
            pixels[3 * i + c] = (uint8_t)((mixed + 127) / 255);
        }
}

/* Why the decoder gave up, in the words of the walk over the chunks. */
static Status undecodable(Span file, const char *name) {
    PngInfo info;
    TRY(png_parse(&info, file.bytes, file.size, name));
    const char *problem = buf_string(&info.problems);
    Status st = *problem ? fail(ERR_FORMAT, "%s is broken: %.*s", name, (int)strcspn(problem, "\n"), problem)
                         : fail(ERR_FORMAT, "%s is broken: its pixels cannot be decoded", name);
    png_done(&info);
    return st;
}

Status png_decode(PngPicture *out, const void *bytes, size_t size, const char *name) {
    *out = (PngPicture){0};
    PngInfo info = {0};
    Span file = {bytes, size};
    TRY(read_header(&info, file, name));
    if ((int64_t)info.width * info.height > PNG_PIXELS_MAX)
        return fail(ERR_UNSUPPORTED, "%s is too large to show: %dx%d, at most %d million pixels are decoded",
                    name, info.width, info.height, PNG_PIXELS_MAX / 1000000);
    if (size > INT_MAX || !inflates_within(file, inflated_limit(&info)))
        return fail(ERR_FORMAT, "%s is broken: it holds more data than %dx%d pixels need", name, info.width,
                    info.height);
    int width, height, channels;
    uint8_t *pixels = stbi_load_from_memory(bytes, (int)size, &width, &height, &channels, 4);
    if (!pixels && !strcmp(stbi_failure_reason(), "outofmem"))
        return fail(ERR_MEMORY, "no memory to decode %s", name);
    if (!pixels)
        return undecodable(file, name);
    drop_alpha(pixels, (size_t)width * (size_t)height);
    *out = (PngPicture){pixels, width, height};
    return NULL;
}

Status png_load(PngPicture *out, const char *path) {
    FileMap map;
    *out = (PngPicture){0};
    TRY(file_map(&map, path));
    Status status = png_decode(out, map.data, map.size, path);
    file_unmap(&map);
    return status;
}
