/* prompt/known.h: the elements that published prompt builders use, and where they belong. Source: product.md
 * 9.1, model-spec.md 10.1. */
#pragma once

#include <stddef.h>

/* Where an element may stand; one bit each. */
typedef enum KnownPlace {
    PLACE_NOWHERE = 0,
    PLACE_TOP = 1,       /* outside everything, or directly in image, document or danbooru_tags */
    PLACE_CHARACTER = 2, /* directly in character_N */
    PLACE_GENERAL = 4,   /* directly in general_tags */
} KnownPlace;

typedef struct KnownElement {
    const char *name;  /* normalised; "character_1" stands for all characters */
    unsigned places;   /* KnownPlace bits */
    const char *about; /* a few words for completion and help */
} KnownElement;

/* Ends with a row whose name is NULL. Top, then character, then general_tags, in the usual order. */
extern const KnownElement KNOWN_ELEMENTS[];

#define KNOWN_CHARACTERS_MAX 99

/* KnownPlace bits of a normalised name, PLACE_NOWHERE when it is not known. Case matters. */
unsigned known_places(const char *name);

/* N of "character_N", 1 to 99 without leading zero; else 0. */
int known_character(const char *name);

/* The place that the content of an element of this name is: PLACE_CHARACTER for character_N, PLACE_GENERAL
 * for general_tags, PLACE_TOP for the wrappers (image, document, danbooru_tags), else PLACE_NOWHERE. NULL is
 * PLACE_TOP. */
KnownPlace known_inside(const char *name);
