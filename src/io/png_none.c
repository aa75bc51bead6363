/* png_none.c: what stands in for png.c where zlib or stb is missing (configure --disable-ui allows that). */
#include "config.h"

#include "io/png.h"

static Status missing(void) {
    return fail(ERR_UNSUPPORTED,
                "this program was built without PNG (zlib and stb_image_write were not found)");
}

Status png_encode(Buf *out, PngPixels pixels, const PngText *texts, size_t count) {
    (void)out, (void)pixels, (void)texts, (void)count;
    return missing();
}

Status png_parse(PngInfo *out, const void *bytes, size_t size, const char *name) {
    (void)bytes, (void)size, (void)name;
    *out = (PngInfo){0};
    return missing();
}

Status png_read(PngInfo *out, const char *path) {
    return png_parse(out, NULL, 0, path);
}

void png_done(PngInfo *info) {
    (void)info;
}

const char *png_text(const PngInfo *info, const char *keyword) {
    (void)info, (void)keyword;
    return NULL;
}

Status png_decode(PngPicture *out, const void *bytes, size_t size, const char *name) {
    (void)bytes, (void)size, (void)name;
    *out = (PngPicture){0};
    return missing();
}

Status png_load(PngPicture *out, const char *path) {
    return png_decode(out, NULL, 0, path);
}
