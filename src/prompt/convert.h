/* prompt/convert.h: a list of tags to XML, by word lists and nothing cleverer (product.md :xml;
 * model-spec.md 10.5).
 *
 *   1girl, blue_hair, waving, beach
 *
 *   <character_1>
 *     <n></n>
 *     <gender>1girl</gender>
 *     <appearance>blue_hair</appearance>
 *     <pose>waving</pose>
 *   </character_1>
 *
 *   <general_tags>
 *     <count>1girl</count>
 *     <background>beach</background>
 *   </general_tags>
 *
 * Every tag is kept as it is spelled, but for a backslash before parentheses, and stands once, genders twice:
 * they are the count, too. Nothing is added that the list does not say, except the gender 1girl where only
 * the looks of a figure are given. What no list knows goes into <other>. */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/* Where the tags of one kind go. In the order of the layout. */
typedef enum TagPlace {
    TAG_IN_NAME,
    TAG_IN_GENDER,
    TAG_IN_APPEARANCE,
    TAG_IN_CLOTHING,
    TAG_IN_EXPRESSION,
    TAG_IN_ACTION,
    TAG_IN_POSE,
    TAG_IN_INTERACTION,
    TAG_IN_POSITION, /* in a character, up to here */
    TAG_IN_COUNT,
    TAG_IN_ARTISTS,
    TAG_IN_STYLE,
    TAG_IN_BACKGROUND,
    TAG_IN_ENVIRONMENT,
    TAG_IN_PERSPECTIVE,
    TAG_IN_ATMOSPHERE,
    TAG_IN_LIGHTING,
    TAG_IN_RESOLUTION,
    TAG_IN_QUALITY,
    TAG_IN_OBJECTS,
    TAG_IN_OTHER,
    TAG_PLACES
} TagPlace;

/* The name of the element of a place: "appearance". */
extern const char *const TAG_ELEMENTS[TAG_PLACES];

/* Where a tag belongs; case, spaces for underscores, backslashes and emphasis "(tag:1.2)" do not matter.
 * (convert_words.c) */
TagPlace convert_place(const char *tag, size_t size);

/* Appends the XML of a list of tags. Tags that could be any figure's are given to the first; *unsure (may be
 * NULL) gets them with ", " between, where there are several figures. An empty list appends nothing. */
void convert_tags(Buf *out, Buf *unsure, const char *text, size_t size);
