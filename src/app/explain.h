/* explain.h: words of the field in plain words: what :explain says. product.md T2. */
#pragma once

/* One term. */
typedef struct Term {
    const char *name; /* "sigma" */
    const char *text; /* a paragraph of at most 60 words, without line breaks */
} Term;

extern const Term TERMS[]; /* ends with a row whose name is NULL; in the order of T2 */
