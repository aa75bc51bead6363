/* prompt/paint.h: what the parts of an edit area are, for colours. Looks at the text, changes nothing (P0);
 * which colour a kind gets, and what says the same without colour, is the surface's business (X2).
 *
 *   PaintList list = {0};
 *   paint_area(&list, &reader, text, size);      after every change of the text
 *   for (size_t i = 0; i < list.count; i++) ... list.spans[i] ...
 *   paint_done(&list);
 *
 * The work grows linearly with the text: a tenth of a millisecond for 10,000 characters. */
#pragma once

#include <stddef.h>

#include "prompt/reader.h"

typedef enum PaintKind {
    PAINT_TEXT,     /* anything else: what stands between the spans */
    PAINT_BRACKET,  /* "<", "</", ">", "/>" of a pair */
    PAINT_KNOWN,    /* name in a pair: an element of product.md 9.1, where it belongs */
    PAINT_UNKNOWN,  /* name in a pair: not of that table, or in the wrong place */
    PAINT_OPEN,     /* a whole opener that has no closer (yet) and keeps the text open */
    PAINT_STRAY,    /* a whole closer that closes nothing */
    PAINT_MARKER,   /* the "<Prompt Start>" that counts */
    PAINT_RAW,      /* raw text and its fence (I3) */
    PAINT_COMMAND,  /* a command line (C1): the colon and its word; the rest is text */
} PaintKind;

typedef struct PaintSpan {
    size_t begin, end; /* bytes of the text */
    PaintKind kind;    /* never PAINT_TEXT */
} PaintSpan;

typedef struct PaintList {
    PaintSpan *spans;  /* [count], owned; in order, none overlaps another */
    size_t count, capacity;
} PaintList; /* a zeroed list is empty and valid */

/* Replaces the spans of *list, whose memory is used again, by those of text [size]: any bytes, up to 2^31 - 1
 * of them. Uses reader->pasted (is a line a command, a fence?) and nothing else of the reader. */
void paint_area(PaintList *list, const Reader *reader, const char *text, size_t size);

void paint_done(PaintList *list);
