/* pbuf.c: protobuf wire format, bounds-checked. */
#include "config.h"

#include "io/pbuf.h"

#include <string.h>

Pbuf pbuf_over(const void *bytes, size_t size) {
    return (Pbuf){.at = bytes, .end = size ? (const unsigned char *)bytes + size : bytes};
}

static bool read_varint(Pbuf *reader, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        unsigned char byte = *reader->at++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool read_fixed(Pbuf *reader, uint64_t *value, size_t size) {
    if ((size_t)(reader->end - reader->at) < size)
        return false;
    *value = 0;
    for (size_t i = 0; i < size; i++)
        *value |= (uint64_t)reader->at[i] << (8 * i);
    reader->at += size;
    return true;
}

static bool read_bytes(Pbuf *reader, PbufField *field) {
    uint64_t size;
    if (!read_varint(reader, &size) || size > (size_t)(reader->end - reader->at))
        return false;
    field->bytes = reader->at;
    field->size = (size_t)size;
    reader->at += size;
    return true;
}

static bool read_field(Pbuf *reader, PbufField *field) {
    uint64_t tag;
    *field = (PbufField){0};
    if (!read_varint(reader, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX)
        return false;
    field->number = (uint32_t)(tag >> 3);
    field->wire = (PbufWire)(tag & 7);
    switch (field->wire) {
    case PBUF_VARINT: return read_varint(reader, &field->value);
    case PBUF_FIXED64: return read_fixed(reader, &field->value, 8);
    case PBUF_FIXED32: return read_fixed(reader, &field->value, 4);
    case PBUF_BYTES: return read_bytes(reader, field);
    }
    return false;
}

bool pbuf_next(Pbuf *reader, PbufField *field) {
    if (reader->at == reader->end || reader->broken)
        return false;
    reader->broken = !read_field(reader, field);
    return !reader->broken;
}

float pbuf_float(const PbufField *field) {
    uint32_t bits = (uint32_t)field->value;
    float value;
    if (field->wire != PBUF_FIXED32)
        return 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}
