/* meta_parts.h: what the files of engine/meta share; nobody else includes it. meta.c has the struct, and each
 * chunk a file of its own: meta_newbie.c, meta_a1111.c (`parameters`), meta_comfy.c (`prompt`, only read). */
#pragma once

#include <stddef.h>

#include "engine/meta.h"

/* A field of a RunMeta, as the row of a table names it. */
#define AT(field) offsetof(RunMeta, field)

static inline void *field_at(const RunMeta *meta, size_t offset) {
    return (char *)meta + offset;
}

/* What a choice (a sampler, a schedule, a generator of noise) is called. All NULL behind the last one. */
typedef struct MetaName {
    const char *ours;    /* in the settings */
    const char *label;   /* in `parameters` */
    const char *aliases; /* other names, with spaces between */
} MetaName;

/* Row `index` of a table of names, from 0. */
typedef MetaName MetaNames(int index);
MetaNames meta_samplers, meta_schedules, meta_generators;

/* The row that `text` names in any way and any case; all NULL when there is none. */
MetaName meta_find_name(MetaNames *names, const char *text);

/* Sets *field to our name of `text`. False when it has none. */
bool meta_set_name(char **field, MetaNames *names, const char *text);

/* Texts to values. False, and nothing changed, when the text is not exactly such a value. Numbers have a
 * point, whatever the locale. */
bool meta_parse_seed(RunMeta *meta, const char *text);
bool meta_parse_real(double *out, const char *text);
bool meta_parse_count(int *out, const char *text);        /* 1 to INT_MAX */
bool meta_parse_size(RunMeta *meta, const char *text);    /* "1024x768" */

/* "\(" and "\)" become plain parentheses, as ComfyUI would read them; says so in the remarks. product.md
 * 10.2. */
void meta_plain_parentheses(char **field, Buf *remarks);

/* Appends one remark and its LF. */
void meta_remark(Buf *remarks, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The name behind the last slash. A path never leaves the machine (product.md M9). */
const char *meta_base_name(const char *path);

/* The chunk `newbie`: what `level` allows of all facts, and read into a begun RunMeta. False when `text`
 * cannot be read, or says nothing of a prompt. */
void meta_write_newbie(Buf *out, const RunMeta *meta, MetaLevel level);
bool meta_read_newbie(RunMeta *out, Buf *remarks, const char *text);

/* The chunk `parameters`: written, and read into a begun RunMeta. False when `text` has no settings line. */
void meta_write_parameters(Buf *out, const RunMeta *meta);
bool meta_read_parameters(RunMeta *out, Buf *remarks, const char *text);

/* The chunk `prompt`, a ComfyUI graph, into a begun RunMeta. False when it is none or leads to no prompt. */
bool meta_read_comfy(RunMeta *out, Buf *remarks, const char *text);
