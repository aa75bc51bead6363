/* io/pbuf.h: walking the fields of one protobuf message, as far as SentencePiece files need it.
 *
 *   PbufField field;
 *   for (Pbuf p = pbuf_over(bytes, size); pbuf_next(&p, &field);) ...   then look at p.broken
 *
 * Nothing is copied or allocated; a field of bytes is borrowed and may be walked as a message itself. Groups
 * (long obsolete) count as broken. Source: the encoding chapter of the protobuf documentation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Pbuf {
    const unsigned char *at, *end;
    bool broken; /* set when the bytes are not a message; pbuf_next then returns false */
} Pbuf;

typedef enum PbufWire { PBUF_VARINT = 0, PBUF_FIXED64 = 1, PBUF_BYTES = 2, PBUF_FIXED32 = 5 } PbufWire;

typedef struct PbufField {
    uint32_t number;
    PbufWire wire;
    uint64_t value;             /* of a number; fixed ones as stored */
    const unsigned char *bytes; /* of PBUF_BYTES: [size], borrowed; else NULL */
    size_t size;
} PbufField;

Pbuf pbuf_over(const void *bytes, size_t size);

/* The next field; false at the end or when the rest is not a message. */
bool pbuf_next(Pbuf *reader, PbufField *field);

/* The float of a PBUF_FIXED32 field; 0 for another kind. */
float pbuf_float(const PbufField *field);
