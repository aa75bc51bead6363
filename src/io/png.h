/* io/png.h: 8-bit RGB pictures to PNG bytes, and the text chunks and pixels of any PNG back. Encoding through
 * stb_image_write, decoding through stb_image; inflating of text through zlib. Source: PNG specification
 * (W3C, third edition), product.md 10. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef enum PngForm {
    PNG_AS_NEEDED, /* tEXt when every byte is printable ASCII or LF, else uncompressed iTXt (product.md M2) */
    PNG_INTERNATIONAL, /* uncompressed iTXt in any case */
} PngForm;

typedef struct PngText {
    const char *keyword; /* 1 to 79 Latin-1 bytes */
    const char *text;    /* UTF-8 */
    size_t size;
    PngForm form;
} PngText;

typedef struct PngPixels {
    const uint8_t *bytes; /* [height, width, 3], borrowed */
    int width, height;
} PngPixels;

/* Appends a PNG of the pixels with the text chunks [count], in order, right after IHDR (byte 33).
 * Errors: ERR_MEMORY, ERR_USAGE (width or height not 1 to 65535). */
Status png_encode(Buf *out, PngPixels pixels, const PngText *texts, size_t count);

typedef struct PngInfo {
    int width, height, bit_depth, color_type;
    struct PngField { char *keyword, *text; size_t size; char chunk[5]; } *fields; /* owned */
    size_t field_count;
    Buf chunks;   /* "IHDR, sRGB, IDAT, IEND": kinds in order, repeats once */
    Buf problems; /* one a line: bad CRC, text too large, broken chunk; empty when none */
} PngInfo;

/* Reads the structure and all text chunks (tEXt, zTXt, iTXt, before and after IDAT); text above 16 MiB is
 * named in `problems` and skipped. Errors: ERR_IO; ERR_FORMAT "X is not a PNG: it starts with FF D8 FF". */
Status png_read(PngInfo *out, const char *path);
Status png_parse(PngInfo *out, const void *bytes, size_t size, const char *name);
void png_done(PngInfo *info);

/* The text of the first field with this keyword; NULL when absent. */
const char *png_text(const PngInfo *info, const char *keyword);

/* A picture of at most this many pixels is decoded: the largest that can be made, 8192x8192. */
#define PNG_PIXELS_MAX (1 << 26)

typedef struct PngPicture {
    uint8_t *pixels; /* [height, width, 3], owned: free */
    int width, height;
} PngPicture;

/* Decodes a PNG of any depth and colour type to 8-bit RGB; what is transparent stands before white, as a
 * browser shows it. `name` is for the sentences. Errors: ERR_FORMAT (not a PNG; broken; more data than its
 * size says), ERR_UNSUPPORTED (more than PNG_PIXELS_MAX), ERR_MEMORY; *out is then empty. */
Status png_decode(PngPicture *out, const void *bytes, size_t size, const char *name);

/* The same of a file. Errors also: ERR_IO. */
Status png_load(PngPicture *out, const char *path);
