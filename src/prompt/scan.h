/* prompt/scan.h: the tolerant tag scanner, the only judge of structure in a prompt (product.md 4.2, S1 to
 * S4).
 *
 * It reads the raw bytes and changes none. Only matched pairs count as tags; every other "<" is text, so
 * ">_<", "<o>_<o>" and "heckler_&_koch" mean nothing to it. Work and memory grow linearly with the text,
 * nothing recurses, and a text can be judged as it grows: what was decided about a line never changes
 * because of a later line.
 *
 *   Scan scan;
 *   scan_text(&scan, text, size);
 *   for (size_t i = 0; i < scan.element_count; i++) ... scan.elements[i].name ...
 *   scan_done(&scan);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SCAN_NONE (-1)

/* The marker of S4. */
#define PROMPT_START "<Prompt Start>"

typedef enum TagKind { TAG_OPEN, TAG_CLOSE, TAG_EMPTY } TagKind;

/* One thing that is spelled like a tag (S1), matched or not. Comments "<!-- ... -->" are skipped (an
 * unclosed one to the end of the text), and so is "<?name ... ?>" within a line. */
typedef struct Tag {
    size_t begin, end;   /* bytes of the text, from "<" to behind ">" */
    const char *name;    /* normalised: <character 1> is character_1. Owned by the scan; equal names, equal
                          * pointers */
    int32_t name_index;  /* private */
    TagKind kind;
    bool holds;          /* an opener that keeps the text open while it has no closer (S3): the name is
                          * known, or the tag stands alone on its line */
    int32_t partner;     /* index of the other tag of the pair, the own index for TAG_EMPTY, SCAN_NONE when
                          * unmatched */
    int32_t element;     /* index of the element this tag begins or ends, SCAN_NONE when unmatched */
} Tag;

/* A matched pair, or <name/>. In order of their openers, so a parent comes before its children. */
typedef struct Element {
    const char *name;                /* as Tag.name */
    int32_t parent;                  /* index of the enclosing element, SCAN_NONE at the top */
    int32_t tag;                     /* index of its opening tag */
    int32_t next;                    /* index of the first element behind it that is not inside it (may be
                                      * the count) */
    size_t begin, end;               /* bytes of the whole element, tags included */
    size_t inner_begin, inner_end;   /* bytes between the tags; equal for <name/> */
} Element;

/* Line and column count from 1; columns count characters, not bytes. */
typedef struct Place {
    uint32_t line, column;
} Place;

typedef struct Scan {
    const char *text;       /* borrowed, [size] */
    size_t size;
    size_t start;           /* structure is judged from here: 0, or behind the last PROMPT_START */
    Tag *tags;              /* owned */
    size_t tag_count;
    Element *elements;      /* owned */
    size_t element_count;
    size_t open_count;      /* unmatched openers that hold; 0 means balanced */
    struct ScanState *state; /* private: names, the stack, places */
} Scan;

/* Scans a whole text, which is borrowed until scan_done. Any bytes will do; at most 2^31 - 1 of them
 * (asserted). */
void scan_text(Scan *scan, const char *text, size_t size);

/* The same in pieces, for text that arrives by lines: scan_begin, then scan_extend with the whole text so
 * far (the address may differ each time, the bytes already scanned may not). All but the last piece end with
 * a newline. `elements` is up to date only after scan_finish, which may be called again and again. */
void scan_begin(Scan *scan);
void scan_extend(Scan *scan, const char *text, size_t size);
void scan_finish(Scan *scan);

void scan_done(Scan *scan);

/* S3 and I1: nothing is open. */
bool scan_balanced(const Scan *scan);

/* Line and column of a byte offset, 0 to scan->size. */
Place scan_place(const Scan *scan, size_t offset);

/* F6: the path of the elements open at `offset`, the beginning of a line ("character_1/clothing", "" when
 * none is). scan->size asks about the end of the text. Appends to *out. */
void scan_path(Buf *out, const Scan *scan, size_t offset);

/* F6: the prompt string of the line that begins at `offset`: "character_1/clothing> ", a path of more than
 * 24 columns as ".../NAME> ", and "   ...> " when nothing is open. Appends to *out. */
void scan_prompt(Buf *out, const Scan *scan, size_t offset);

/* The innermost opener around a byte offset, for a cursor: of a pair that `offset` is inside of, or one that
 * holds the text open; an index in `tags`, SCAN_NONE when nothing is around it. With the
 * begin of an opener it answers which one is around that. */
int32_t scan_around(const Scan *scan, size_t offset);

/* S4: offset behind the last PROMPT_START, or SIZE_MAX when the text has none. *marker (may be NULL) is
 * where it begins. */
size_t scan_marker(const char *text, size_t size, size_t *marker);

/* S4: the bytes that Jina reads: all, or those behind the last marker and one space or newline that follows
 * it. Returns the offset where they begin. */
size_t scan_jina_text(const char *text, size_t size);

/* The first element called `name` (normalised) below `parent` (SCAN_NONE: at the top, looking through the
 * wrappers of product.md 9.1); SCAN_NONE when there is none. */
int32_t scan_find(const Scan *scan, int32_t parent, const char *name);
