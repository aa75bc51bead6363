/* prompt/lint_check.h: what the rules of lint_rules.c get and give. Private to lint*.c. */
#pragma once

#include "base/map.h"
#include "prompt/lint.h"
#include "prompt/scan.h"

struct LintCheck {
    const char *text;       /* [size], any bytes */
    size_t size;
    const Scan *scan;
    const LintFacts *facts;
    bool structured;        /* some known element is there: not a plain prompt */
    size_t broken;          /* where the first opener without closer stands, SIZE_MAX when there is none.
                             * Behind it the levels are a guess, and rules that need them keep quiet: one
                             * message per cause */
    int32_t *mates;         /* [scan->tag_count]: of an unmatched closer, the opener it was probably meant
                             * for, and of that opener the closer; else SCAN_NONE */
    const LintRule *rule;   /* the one being checked */
    LintList *list;
    size_t capacity;
    Map seen;               /* messages of this rule -> index in the list */
};

/* Adds a finding of check->rule at a byte of the text (SIZE_MAX: about the settings), or counts it when its
 * message was given before. */
void lint_add(LintCheck *check, size_t offset, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Appends text for use in a message: control characters become spaces, invalid bytes U+FFFD; of more than 80
 * characters the first and the last 40 are shown. */
void lint_excerpt(Buf *out, const char *text, size_t size);
