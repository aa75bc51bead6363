/* tags.c: see tags.h.
 *
 * Lists have 150,000 rows. All names and aliases stand in one text, the most used tag first, and an index
 * says where each pair of bytes occurs; what is typed is looked for only where its rarest pair stands. Places
 * of one pair are in the order of the text, so they come by count, and the search ends when there is enough
 * of the best kinds. */
#include "config.h"

#include "prompt/tags.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define TYPED_MAX 128

void tags_done(TagList *list) {
    free(list->rows);
    free(list->places);
    free(list->pairs);
    buf_done(&list->text);
    buf_done(&list->search);
    *list = (TagList){0};
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* A row of the file: four fields, borrowed or unquoted into `room`. */
typedef struct Fields {
    Buf field[4];
    int count;
} Fields;

/* Takes the field at *at, which moves behind it and its comma. Returns false at the end of the line. */
static bool next_field(Buf *out, const char **at, const char *end) {
    const char *c = *at;
    bool quoted = c < end && *c == '"';
    buf_truncate(out, 0);
    if (quoted) {
        for (c++; c < end && (*c != '"' || (c + 1 < end && c[1] == '"')); c++) {
            c += *c == '"';
            buf_byte(out, (unsigned char)*c);
        }
        c += c < end;
    }
    const char *comma = memchr(c, ',', (size_t)(end - c));
    if (!quoted)
        buf_add(out, c, (size_t)((comma ? comma : end) - c));
    *at = comma ? comma + 1 : end;
    return comma != NULL;
}

static void read_fields(Fields *fields, const char *line, const char *end) {
    fields->count = 0;
    for (bool more = true; more && fields->count < 4; fields->count++)
        more = next_field(&fields->field[fields->count], &line, end);
}

/* A whole number, all of the text; -1 when it is none. */
static int64_t whole(const Buf *text) {
    char *end;
    const char *start = buf_string(text);
    int64_t value = strtoll(start, &end, 10);
    return *start < '0' || *start > '9' || *end ? -1 : value;
}

/* What a line says, before the rows are in order. */
typedef struct Parsed {
    TagRow row;
    uint32_t aliases, aliases_size; /* bytes of TagList.text */
} Parsed;

static bool parse_line(Parsed *out, TagList *list, Fields *fields, const char *line, const char *end) {
    read_fields(fields, line, end);
    int64_t type = fields->count >= 3 ? whole(&fields->field[1]) : -1;
    int64_t count = fields->count >= 3 ? whole(&fields->field[2]) : -1;
    const Buf *name = &fields->field[0], *aliases = &fields->field[3];
    if (type < 0 || type > 99 || count < 0 || !name->size || name->size >= TYPED_MAX)
        return false;
    *out = (Parsed){.row = {(uint32_t)list->text.size, (uint32_t)name->size, 0, (int32_t)type, count}};
    buf_add(&list->text, buf_string(name), name->size + 1);
    out->aliases = (uint32_t)list->text.size;
    out->aliases_size = fields->count > 3 ? (uint32_t)aliases->size : 0;
    buf_add(&list->text, buf_string(aliases), out->aliases_size);
    buf_byte(&list->text, 0);
    return true;
}

static int by_count(const void *a, const void *b) {
    const Parsed *left = a, *right = b;
    if (left->row.count != right->row.count)
        return left->row.count < right->row.count ? 1 : -1;
    return (left->row.name > right->row.name) - (left->row.name < right->row.name); /* as in the file */
}

static unsigned char folded(unsigned char byte) {
    return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte == ' ' ? '_' : byte;
}

static void add_folded(Buf *out, const char *text, size_t size) {
    buf_byte(out, '\n');
    size_t from = out->size;
    buf_add(out, text, size);
    for (size_t i = from; i < out->size; i++)
        out->data[i] = (char)folded((unsigned char)out->data[i]);
}

static void take_rows(TagList *list, Parsed *parsed) {
    list->rows = must_alloc((list->count + 1) * sizeof *list->rows);
    for (size_t i = 0; i < list->count; i++) {
        const char *aliases = list->text.data + parsed[i].aliases, *end = aliases + parsed[i].aliases_size;
        parsed[i].row.from = (uint32_t)list->search.size;
        list->rows[i] = parsed[i].row;
        add_folded(&list->search, list->text.data + parsed[i].row.name, parsed[i].row.name_size);
        while (aliases < end) {
            const char *comma = memchr(aliases, ',', (size_t)(end - aliases));
            size_t size = (size_t)((comma ? comma : end) - aliases);
            if (size)
                add_folded(&list->search, aliases, size);
            aliases += size + (comma != NULL);
        }
    }
    buf_byte(&list->search, '\n');
}

static unsigned pair_at(const char *text) {
    return (unsigned)(unsigned char)text[0] << 8 | (unsigned char)text[1];
}

/* A counting sort of all places by the pair that stands there. */
static void make_index(TagList *list) {
    const char *text = list->search.data;
    size_t size = list->search.size - 1;
    list->pairs = must_alloc(65537 * sizeof *list->pairs);
    list->places = must_alloc((size + 1) * sizeof *list->places);
    uint32_t *next = must_alloc(65537 * sizeof *next);
    for (size_t i = 0; i < size; i++)
        list->pairs[pair_at(text + i) + 1]++;
    for (size_t p = 0; p < 65536; p++)
        next[p + 1] = list->pairs[p + 1] += list->pairs[p];
    for (size_t i = 0; i < size; i++)
        list->places[next[pair_at(text + i)]++] = (uint32_t)i;
    free(next);
}

Status tags_parse(TagList *out, const char *bytes, size_t size, const char *name) {
    *out = (TagList){0};
    if (size > TAGS_BYTES_MAX)
        return fail(ERR_FORMAT, "%s is %zu bytes, at most %zu are read", name, size, TAGS_BYTES_MAX);
    Fields fields = {0};
    Parsed *parsed = NULL;
    size_t room = 0;
    for (const char *line = bytes, *end = bytes + size, *next; line < end; line = next) {
        const char *newline = memchr(line, '\n', (size_t)(end - line)), *stop = newline ? newline : end;
        next = stop + (newline != NULL);
        stop -= stop > line && stop[-1] == '\r';
        if (out->count == room) {
            room = room ? 2 * room : 1024;
            parsed = must_realloc(parsed, room * sizeof *parsed);
        }
        bool good = parse_line(&parsed[out->count], out, &fields, line, stop);
        out->count += good;
        out->skipped += !good && stop > line;
    }
    for (int i = 0; i < 4; i++)
        buf_done(&fields.field[i]);
    if (out->count) {
        qsort(parsed, out->count, sizeof *parsed, by_count);
        take_rows(out, parsed);
        make_index(out);
    }
    free(parsed);
    if (out->count)
        return NULL;
    tags_done(out);
    return fail(ERR_FORMAT, "%s is no list of tags: no line has a name, a type and a count", name);
}

Status tags_load(TagList *out, const char *path) {
    FileMap map;
    *out = (TagList){0};
    TRY(file_map(&map, path));
    Status st = tags_parse(out, (const char *)map.data, map.size, path);
    file_unmap(&map);
    return hint(st, "its columns are name, type, count, aliases, such as blue_hair,0,910000,\"bluehair\"");
}

/* ---- finding ------------------------------------------------------------------------------------------- */

/* The best of each rank so far. */
typedef struct Best {
    TagFound found[TAG_RANKS][TAGS_FOUND_MAX];
    size_t count[TAG_RANKS];
} Best;

/* The row whose part of the search text holds a place, from `row` on: the next one is mostly near. */
static const TagRow *row_at(const TagList *list, const TagRow *row, uint32_t place) {
    size_t low = (size_t)(row - list->rows), step = 1;
    while (low + step < list->count && list->rows[low + step].from <= place) {
        low += step;
        step *= 2;
    }
    size_t high = low + step < list->count ? low + step : list->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (list->rows[middle].from <= place)
            low = middle;
        else
            high = middle;
    }
    return &list->rows[low];
}

static bool is_letter(unsigned char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
}

static TagRank rank_at(const char *text, uint32_t place, size_t size) {
    if (text[place - 1] == '\n')
        return text[place + size] == '\n' ? TAG_EXACT : TAG_PREFIX;
    return is_letter((unsigned char)text[place - 1]) ? TAG_PART : TAG_WORD_PREFIX;
}

/* What was typed stands at `place`; the tag takes the best place it has. `open` is what was seen of its row
 * so far. */
static void consider(TagFound *open, const TagList *list, uint32_t place, size_t size) {
    const char *text = list->search.data;
    TagRank rank = rank_at(text, place, size);
    if (rank >= open->rank)
        return;
    open->rank = rank;
    uint32_t begin = place;
    while (text[begin - 1] != '\n')
        begin--;
    bool alias = begin != open->row->from + 1;
    open->alias = alias ? begin : 0;
    open->alias_size = alias ? (uint32_t)((const char *)memchr(text + begin, '\n', list->search.size) -
                                          (text + begin)) : 0;
}

static void keep(Best *best, const TagFound *found) {
    if (found->row && found->rank < TAG_RANKS && best->count[found->rank] < TAGS_FOUND_MAX)
        best->found[found->rank][best->count[found->rank]++] = *found;
}

/* The offset in the typed text of the pair that is rarest in the list. */
static size_t rarest_pair(const TagList *list, const char *typed, size_t size) {
    size_t best = 0;
    uint32_t fewest = UINT32_MAX;
    for (size_t i = 0; i + 1 < size; i++) {
        unsigned pair = pair_at(typed + i);
        uint32_t count = list->pairs[pair + 1] - list->pairs[pair];
        if (count < fewest) {
            fewest = count;
            best = i;
        }
    }
    return best;
}

/* What is looked for. */
typedef struct Query {
    const char *text;   /* in small letters */
    size_t size;
    size_t lead;        /* bytes of it in front of what was typed: the newline before a name */
    TagType type;
} Query;

static bool stands_at(const TagList *list, uint32_t place, const Query *query) {
    return place + query->size <= list->search.size &&
           !memcmp(list->search.data + place, query->text, query->size);
}

static void search(Best *best, const TagList *list, const Query *query) {
    uint32_t offset = (uint32_t)rarest_pair(list, query->text, query->size);
    unsigned pair = pair_at(query->text + offset);
    const TagRow *row = list->rows;
    TagFound open = {.rank = TAG_RANKS};
    uint32_t row_end = 0; /* of the open row, in the search text */
    for (uint32_t i = list->pairs[pair]; i < list->pairs[pair + 1]; i++) {
        uint32_t at = list->places[i];
        if (at < offset || !stands_at(list, at - offset, query))
            continue;
        uint32_t place = at - offset + (uint32_t)query->lead;
        if (place >= row_end) {
            keep(best, &open);
            if (best->count[TAG_EXACT] + best->count[TAG_PREFIX] >= TAGS_FOUND_MAX)
                return;
            row = row_at(list, row, place);
            bool last = row + 1 == list->rows + list->count;
            bool wanted = query->type == TAG_ANY || row->type == (int32_t)query->type;
            row_end = last ? (uint32_t)list->search.size : row[1].from;
            open = (TagFound){.row = wanted ? row : NULL, .rank = TAG_RANKS};
        }
        if (open.row)
            consider(&open, list, place, query->size - query->lead);
    }
    keep(best, &open);
}

size_t tags_find(TagFound *found, const TagList *list, const char *typed, size_t size, TagType type) {
    char text[TYPED_MAX + 1] = "\n";
    if (!size || size >= TYPED_MAX || !list->count || memchr(typed, '\n', size))
        return 0;
    for (size_t i = 0; i < size; i++)
        text[i + 1] = (char)folded((unsigned char)typed[i]);
    size_t lead = size == 1; /* one letter stands everywhere: only where names begin */
    Best *best = must_alloc(sizeof *best);
    search(best, list, &(Query){text + 1 - lead, size + lead, lead, type});
    size_t count = 0;
    for (int rank = 0; rank < TAG_RANKS; rank++)
        for (size_t i = 0; i < best->count[rank] && count < TAGS_FOUND_MAX; i++)
            found[count++] = best->found[rank][i];
    free(best);
    return count;
}

char tag_letter(int32_t type) {
    switch (type) {
    case TAG_GENERAL: return 'g';
    case TAG_ARTIST: return 'a';
    case TAG_WORK: return 'w';
    case TAG_CHARACTER: return 'c';
    case TAG_META: return 'm';
    default: return '?';
    }
}

void tag_put_count(Buf *out, int64_t count) {
    if (count >= 1000000)
        buf_print(out, "%.1fM", (double)count / 1e6);
    else if (count >= 1000)
        buf_print(out, "%lldk", (long long)count / 1000);
    else
        buf_print(out, "%lld", (long long)count);
}
