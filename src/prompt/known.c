/* known.c: the table of product.md 9.1. */
#include "config.h"

#include "prompt/known.h"

#include <string.h>

const KnownElement KNOWN_ELEMENTS[] = {
    {"character_1", PLACE_TOP, "one figure; up to character_99"},
    {"general_tags", PLACE_TOP, "what holds for the whole picture"},
    {"caption", PLACE_TOP, "the scene in plain sentences"},
    {"image", PLACE_TOP, "wrapper around everything"},
    {"document", PLACE_TOP, "wrapper of the older builder"},
    {"style", PLACE_TOP | PLACE_GENERAL, "art style"},
    {"danbooru_tags", PLACE_TOP, "a flat list of tags"},
    {"system", PLACE_TOP, "text for the system prompt"},
    {"n", PLACE_CHARACTER, "name of a known character, or empty"},
    {"name", PLACE_CHARACTER, "as n"},
    {"gender", PLACE_CHARACTER, "1girl, 1boy, ..."},
    {"appearance", PLACE_CHARACTER, "hair, eyes, body; 5 or fewer"},
    {"clothing", PLACE_CHARACTER, "what is worn"},
    {"expression", PLACE_CHARACTER, "face and mood"},
    {"action", PLACE_CHARACTER, "what is done; any tag"},
    {"pose", PLACE_CHARACTER, "standing, sitting, jumping, waving, leaning_against_wall"},
    {"interaction", PLACE_CHARACTER, "with whom or what"},
    {"position", PLACE_CHARACTER, "left, center, right, ..."},
    {"body_type", PLACE_CHARACTER | PLACE_GENERAL, "build"},
    {"count", PLACE_GENERAL, "2girls, 1boy, ..."},
    {"artists", PLACE_GENERAL, "artist:name"},
    {"background", PLACE_GENERAL, "what is behind"},
    {"environment", PLACE_GENERAL, "where it is"},
    {"perspective", PLACE_GENERAL, "camera"},
    {"atmosphere", PLACE_GENERAL, "mood of the scene"},
    {"lighting", PLACE_GENERAL, "light and shadow"},
    {"resolution", PLACE_GENERAL, "max_high_resolution, ..."},
    {"quality", PLACE_GENERAL, "masterpiece, ..."},
    {"objects", PLACE_GENERAL, "things"},
    {"other", PLACE_GENERAL, "anything else"},
    {"extra_tags", PLACE_GENERAL, "more tags"},
    {0},
};

int known_character(const char *name) {
    static const char prefix[] = "character_";
    if (strncmp(name, prefix, sizeof prefix - 1))
        return 0;
    const char *digits = name + sizeof prefix - 1;
    size_t count = strspn(digits, "0123456789");
    if (!count || count > 2 || digits[count] || digits[0] == '0')
        return 0;
    return count == 1 ? digits[0] - '0' : (digits[0] - '0') * 10 + digits[1] - '0';
}

unsigned known_places(const char *name) {
    if (known_character(name))
        return PLACE_TOP;
    for (const KnownElement *row = KNOWN_ELEMENTS; row->name; row++)
        if (!strcmp(row->name, name))
            return row->places;
    return PLACE_NOWHERE;
}

KnownPlace known_inside(const char *name) {
    if (!name || !strcmp(name, "image") || !strcmp(name, "document") || !strcmp(name, "danbooru_tags"))
        return PLACE_TOP;
    if (!strcmp(name, "general_tags"))
        return PLACE_GENERAL;
    return known_character(name) ? PLACE_CHARACTER : PLACE_NOWHERE;
}
