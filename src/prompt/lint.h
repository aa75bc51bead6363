/* prompt/lint.h: advice about a prompt before it costs a picture (product.md 9). Nothing here changes
 * anything (P0).
 *
 *   LintFacts facts = {.gemma_tokens = 547, .gemma_limit = 512, ...};   what is 0 is not known
 *   LintList list = {0};
 *   lint_prompt(&list, text, size, &facts);
 *   for (size_t i = 0; i < list.count; i++) lint_format(&line, &list.findings[i]);
 *   lint_done(&list);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Attributes in an <appearance>: up to the first are safe, beyond the second details collapse. */
enum { APPEARANCE_SAFE = 5, APPEARANCE_MOST = 8 };

typedef enum LintLevel { LINT_NOTE, LINT_WARN, LINT_ERROR } LintLevel;

/* What the text alone does not tell. A zeroed struct switches the rules that need it off. */
typedef struct LintFacts {
    size_t gemma_tokens, gemma_limit;  /* tokens with the system prompt, and how many Gemma reads */
    size_t gemma_cut;                  /* byte of the prompt where the cut begins, when there are too many */
    size_t jina_tokens, jina_limit;
    const char *system_preset;         /* the preset that is added, or would be without a marker:
                                        * "xml-train"; NULL or "none": none */
    int width, height;                 /* pixels of the picture to come */
    int largest_width, largest_height; /* of the model */
    const char *negative;              /* NUL-terminated; NULL or "" when there is none */
    double cfg;                        /* guidance, used only with a negative prompt */
    const char *rng;                   /* "cpu": seeds have 32 bits */
    bool seed_fixed;                   /* `seed` is a number the user chose */
    uint64_t seed;
} LintFacts;

typedef struct LintCheck LintCheck; /* private */

/* A row of the table. */
typedef struct LintRule {
    const char *id;      /* "gender-unknown" */
    LintLevel level;
    const char *cure;    /* what to do, for :lint */
    void (*check)(LintCheck *check);
} LintRule;

/* Ends with a row whose id is NULL; in the order of product.md 9.2. */
extern const LintRule LINT_RULES[];

typedef struct LintFinding {
    const LintRule *rule;
    char *message;          /* owned by the list; one line */
    size_t offset;          /* byte of the prompt */
    uint32_t line, column;  /* from 1, columns in characters; 0 for findings about settings */
    unsigned count;         /* how often it was found; the place is that of the first */
} LintFinding;

typedef struct LintList {
    LintFinding *findings;  /* owned; by place, those about settings last */
    size_t count;
} LintList;

/* Replaces *list by all findings about text[size] and the facts (NULL: none). Any bytes will do. */
void lint_prompt(LintList *list, const char *text, size_t size, const LintFacts *facts);

void lint_done(LintList *list);

/* The most severe level in the list; LINT_NOTE when it is empty (see count). `lint strict` refuses from
 * LINT_WARN on, and LINT_ERROR always. */
LintLevel lint_worst(const LintList *list);

/* "note", "warn", "error": for NDJSON. */
const char *lint_level_name(LintLevel level);

/* Appends MESSAGE (LINE:COLUMN), with ", N times" in the brackets when it was found more often; no brackets
 * without a place. */
void lint_message(Buf *out, const LintFinding *finding);

/* Appends one line without newline: "[WARN] MESSAGE (LINE:COLUMN)", "[INFO] Note: MESSAGE (LINE:COLUMN)",
 * "[ERROR] MESSAGE". */
void lint_format(Buf *out, const LintFinding *finding);

/* As lint_format, then "  ID: CURE": for :lint. */
void lint_format_full(Buf *out, const LintFinding *finding);
