/* hint.h: live facts about the text being typed, for the hint row: where the cursor is, how many attributes
 * stand there, how much of Gemma's limit is used, what is not closed yet. product.md F6, S3, 9.1, 9.2.
 *
 * Facts, not sentences: the surface chooses the words and what fits. Meant to be asked after every pause in
 * typing, also while a picture is computed: a prompt of 512 tokens takes well below a millisecond, 1 MiB some
 * ten milliseconds. Nothing is kept between calls. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "app/commands.h"

typedef enum HintLevel {
    HINT_FINE,
    HINT_MANY,     /* as the rule appearance-many: more than 5 attributes in an <appearance> */
    HINT_TOO_MANY, /* as the rule appearance-collapse: more than 8 */
} HintLevel;

#define HINT_PATH_MAX 128

typedef struct Hint {
    const Command *command;    /* the text is a command line, and this is its row so far; else NULL */
    bool is_command;           /* it is one, known or not; the facts below are then all empty */

    char path[HINT_PATH_MAX];  /* elements around the cursor: "character_1/gender", "" when there is none;
                                * a path over 24 columns is ".../NAME" */
    char open[HINT_PATH_MAX];  /* what is not closed at the end of the text, written so; "" when balanced */

    size_t attributes;         /* in the innermost element around the cursor; 0 where they do not count: in
                                * an element of elements, a caption, outside */
    HintLevel level;           /* what advice would say about that number */

    size_t tokens;             /* Gemma's, with the system prompt; 0: not known, no model is loaded */
    size_t token_limit;        /* that are read */
    bool tokens_at_least;      /* only the beginning of a very long text was counted */
} Hint;

/* Fills *out. text [size]: the edit area, any bytes, with the cursor before byte `point` (more than size: at
 * the end). An empty text has no facts. */
void app_hint(App *app, Hint *out, const char *text, size_t size, size_t point);
