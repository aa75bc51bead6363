/* normal.c: from the user's bytes to what pieces are matched with; each byte remembers where it came from.
 *
 * Follows SentencePiece's normalizer.cc step by step, because ids depend on its corners: user symbols pass
 * unchanged, the charsmap takes the longest match, an invalid byte becomes U+FFFD, spaces are collapsed
 * after replacement, and a trailing U+2581 written by the user is stripped like a space. Source:
 * model-spec.md 6.1. */
#include "config.h"

#include "text/encode.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define SPACE_MARK "\xe2\x96\x81"

/* What one step over the text gives: `consumed` bytes of it become text [size]. */
typedef struct Part {
    const char *text;
    size_t size, consumed;
    int32_t symbol; /* id of the user symbol it is, or NO_PIECE */
} Part;

/* A unit of the double array: where its children are. */
static uint32_t unit_offset(uint32_t unit) {
    return (unit >> 10) << ((unit & 0x200) >> 6);
}

/* Bytes of the longest charsmap entry that text [size] begins with, and where its replacement is; 0 for
 * none. */
static size_t charsmap_longest(const NormalRule *rule, const char *text, size_t size, size_t *replacement) {
    size_t longest = 0;
    uint32_t position = unit_offset(rule->units[0]);
    for (size_t i = 0; i < size; i++) {
        uint32_t byte = (unsigned char)text[i];
        position ^= byte;
        if (position >= rule->unit_count || (rule->units[position] & 0x800000FF) != byte)
            break;
        uint32_t unit = rule->units[position];
        position ^= unit_offset(unit);
        if (position >= rule->unit_count)
            break;
        uint32_t value = rule->units[position] & 0x7FFFFFFF;
        if ((unit >> 8 & 1) && value < rule->replacement_size) {
            longest = i + 1;
            *replacement = value;
        }
    }
    return longest;
}

static Part next_part(const Pieces *pieces, const char *text, size_t size) {
    Part part = {.text = text, .symbol = NO_PIECE};
    size_t replacement;
    bool valid;
    part.size = part.consumed = trie_longest(&pieces->symbols, text, size, &part.symbol);
    if (part.size)
        return part;
    part.consumed = pieces->rule.units ? charsmap_longest(&pieces->rule, text, size, &replacement) : 0;
    if (part.consumed) {
        part.text = pieces->rule.replacements + replacement;
        part.size = strlen(part.text);
        return part;
    }
    part.size = part.consumed = utf8_decode(text, size, NULL, &valid);
    if (!valid) {
        part.text = "\xef\xbf\xbd";
        part.size = 3;
    }
    return part;
}

static Status add(Normal *normal, const char *bytes, size_t size, size_t origin) {
    TRY(list_reserve(&normal->text, &normal->text_capacity, normal->size + size, 1));
    TRY(list_reserve(&normal->origin, &normal->origin_capacity, normal->size + size + 1,
                     sizeof *normal->origin));
    for (size_t i = 0; i < size; i++) {
        normal->text[normal->size] = bytes[i];
        normal->origin[normal->size++] = (uint32_t)origin;
    }
    return NULL;
}

static Status add_space(Normal *normal, const NormalRule *rule, size_t origin) {
    const char *space = rule->escape_spaces ? SPACE_MARK : " ";
    return add(normal, space, strlen(space), origin);
}

static Status add_fixed(Normal *normal, size_t begin, size_t end, int32_t id) {
    TRY(list_reserve(&normal->fixed, &normal->fixed_capacity, normal->fixed_count + 1,
                     sizeof *normal->fixed));
    normal->fixed[normal->fixed_count++] = (Fixed){(uint32_t)begin, (uint32_t)end, id};
    return NULL;
}

static Status add_part(Normal *normal, const NormalRule *rule, const Part *part, size_t origin) {
    if (rule->raw_symbols && part->symbol != NO_PIECE) {
        TRY(add_fixed(normal, normal->size, normal->size + part->size, part->symbol));
        return add(normal, part->text, part->size, origin);
    }
    for (size_t i = 0; i < part->size; i++)
        TRY(part->text[i] == ' ' ? add_space(normal, rule, origin) : add(normal, part->text + i, 1, origin));
    return NULL;
}

/* The byte where trailing spaces begin; their origin becomes the end of the text. */
static void strip_end(Normal *normal, const NormalRule *rule) {
    const char *space = rule->escape_spaces ? SPACE_MARK : " ";
    size_t size = strlen(space);
    while (normal->size >= size && !memcmp(normal->text + normal->size - size, space, size))
        normal->size -= size;
}

/* Finds the user symbols in the normal text, where SentencePiece's BPE looks for them. */
static Status find_symbols(Normal *normal, const Pieces *pieces) {
    for (size_t at = 0, size; at < normal->size; at += size) {
        int32_t id;
        size = trie_longest(&pieces->symbols, normal->text + at, normal->size - at, &id);
        if (size)
            TRY(add_fixed(normal, at, at + size, id));
        else
            size = piece_character(normal->text + at, normal->size - at);
    }
    return NULL;
}

static Status add_parts(Normal *normal, const Pieces *pieces, const char *text, size_t size) {
    const NormalRule *rule = &pieces->rule;
    bool after_space = rule->remove_extra_spaces;
    size_t at = 0;
    for (Part part; at < size && after_space; at += part.consumed) {
        part = next_part(pieces, text + at, size - at);
        if (part.size != 1 || part.text[0] != ' ')
            break;
    }
    if (at < size && rule->dummy_prefix)
        TRY(add_space(normal, rule, at));
    for (Part part; at < size; at += part.consumed) {
        part = next_part(pieces, text + at, size - at);
        for (; after_space && part.size && part.text[0] == ' '; part.size--)
            part.text++;
        if (part.size)
            after_space = rule->remove_extra_spaces && part.text[part.size - 1] == ' ';
        TRY(add_part(normal, rule, &part, at));
    }
    TRY(add(normal, "", 0, at)); /* makes room for the origin of the end */
    normal->origin[normal->size] = (uint32_t)at;
    return NULL;
}

Status normal_make(Normal *normal, const Pieces *pieces, const char *text, size_t size) {
    TRY(add_parts(normal, pieces, text, size));
    if (pieces->rule.remove_extra_spaces)
        strip_end(normal, &pieces->rule);
    return pieces->kind == PIECES_BPE && !pieces->rule.raw_symbols ? find_symbols(normal, pieces) : NULL;
}

void normal_done(Normal *normal) {
    free(normal->text);
    free(normal->origin);
    free(normal->fixed);
    *normal = (Normal){0};
}
