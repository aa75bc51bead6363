/* prompt/tags.h: a list of tags with how often each is used, and which of them a few typed letters may mean.
 * product.md 4.5, setting `tags`.
 *
 * The file is that of the danbooru completers: one tag a line, name, type, count, aliases, separated by
 * commas; a field with a comma is in quotes, and "" inside stands for one. Types: 0 general, 1 artist, 3
 * work, 4 character, 5 meta. Lines that are none (a heading, too few fields) are left out and counted. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

#define TAGS_BYTES_MAX ((size_t)256 << 20)
#define TAGS_FOUND_MAX 50

typedef enum TagType { TAG_GENERAL = 0, TAG_ARTIST = 1, TAG_WORK = 3, TAG_CHARACTER = 4, TAG_META = 5,
                       TAG_ANY = -1 } TagType;

typedef struct TagRow {
    uint32_t name, name_size;  /* bytes of TagList.text, as the file spells it */
    uint32_t from;             /* where its name and aliases begin in TagList.search */
    int32_t type;
    int64_t count;
} TagRow;

typedef struct TagList {
    TagRow *rows;         /* owned, [count], most used first */
    size_t count, skipped;
    Buf text;             /* names, NUL behind each */
    Buf search;           /* in small letters, for each row: newline, name, newline, alias ... */
    uint32_t *places;     /* owned: of every pair of bytes of `search`, by pair, in order */
    uint32_t *pairs;      /* owned, [65537]: where in `places` a pair begins */
} TagList; /* a zeroed one is empty and valid */

/* Reads the bytes of a file. *out is owned (tags_done). Errors: ERR_FORMAT: no line is a tag, or there are
 * too many bytes. `name` is for the sentence. */
Status tags_parse(TagList *out, const char *bytes, size_t size, const char *name);

/* The same of a file. Errors also: ERR_IO. */
Status tags_load(TagList *out, const char *path);
void tags_done(TagList *list);

/* How a tag answers what was typed, best first. */
typedef enum TagRank { TAG_EXACT, TAG_PREFIX, TAG_WORD_PREFIX, TAG_PART, TAG_RANKS } TagRank;

typedef struct TagFound {
    const TagRow *row;    /* borrowed */
    TagRank rank;
    uint32_t alias;       /* byte of `search` where the alias that answers begins; 0: the name does */
    uint32_t alias_size;
} TagFound;

/* Fills found [TAGS_FOUND_MAX] and returns how many: by rank, each by count, every tag once. Letters of both
 * cases are one, a space is an underscore. type: TAG_ANY for all. Nothing typed finds nothing. */
size_t tags_find(TagFound *found, const TagList *list, const char *typed, size_t size, TagType type);

/* 'g' general, 'a' artist, 'w' work, 'c' character, 'm' meta; '?' for a type of none of these. */
char tag_letter(int32_t type);

/* Appends a count as people read it: "950", "12k", "1.2M". */
void tag_put_count(Buf *out, int64_t count);
