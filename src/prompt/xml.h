/* prompt/xml.h: the shielded copy of a prompt (product.md S5), and what libxml2 says about it.
 *
 * The copy has one root, the scanner's pairs as tags, and every other "<", ">" and "&" escaped (comments
 * too), so that the only faults left are what XML itself cannot express: a forbidden character, a name that
 * is no XML name, more than 256 levels.
 * Neither the copy nor libxml2 ever reaches the encoders. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "prompt/scan.h"

/* A place where copy and raw text differ: from here on raw offset = copy offset - (copy - raw). */
typedef struct XmlShift {
    size_t copy, raw;
} XmlShift;

typedef struct XmlShield {
    Buf text;           /* the copy: <prompt>...</prompt>; its line breaks are those of the raw text */
    XmlShift *shifts;   /* owned; ascending in both */
    size_t shift_count;
} XmlShield;

/* Builds the copy of a finished scan. */
void xml_shield(XmlShield *out, const Scan *scan);

/* The raw offset that a byte of the copy came from; an escape maps to the character it stands for. */
size_t xml_raw_offset(const XmlShield *shield, size_t copy_offset);

void xml_shield_done(XmlShield *shield);

typedef struct XmlProblem {
    char *message;   /* owned; libxml2's sentence without its newline */
    Place place;     /* in the raw text */
} XmlProblem;

typedef struct XmlProblems {
    XmlProblem *problems; /* owned */
    size_t count;         /* at most 100 are kept */
} XmlProblems;

/* Parses the copy with libxml2 (no network, no DTD, no entities, nothing printed) and lists what it
 * says. A fault stops libxml2, so there is rarely more than one. Prompts are at most 1 MiB (I6); a
 * copy of more than 2^31 - 1 bytes is not looked at. */
void xml_check(XmlProblems *out, const Scan *scan);

void xml_problems_done(XmlProblems *problems);

/* "libxml2 2.9.14". */
const char *xml_library(void);
