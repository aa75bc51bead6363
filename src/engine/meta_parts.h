/* meta_parts.h: what the files of engine/meta share; nobody else includes it. meta.c has the struct and the `newbie`
 * chunk, meta_a1111.c the `parameters` chunk, meta_comfy.c reads the graph of ComfyUI. */
#pragma once

#include "engine/meta.h"

/* A name of our settings table and what A1111 calls it. */
typedef struct MetaName {
    const char *ours, *theirs;
} MetaName;

extern const MetaName META_SAMPLERS[], META_SCHEDULES[], META_RNGS[]; /* end with a row of NULLs */

/* Sets *field to our name of `text`, which may be of either kind, in any case. False when it is none. */
bool meta_set_name(char **field, const MetaName *names, const char *text);

/* Texts to values. False, and nothing changed, when the text is not exactly such a value. Numbers have a point,
 * whatever the locale. */
bool meta_parse_seed(RunMeta *meta, const char *text);
bool meta_parse_real(double *out, const char *text);
bool meta_parse_count(int *out, const char *text);        /* 1 to INT_MAX */
bool meta_parse_size(RunMeta *meta, const char *text);    /* "1024x768" */

/* "\(" and "\)" become plain parentheses, as ComfyUI would read them; says so in the remarks. product.md 10.2. */
void meta_plain_parentheses(char **field, Buf *remarks);

/* Appends one remark and its LF. */
void meta_remark(Buf *remarks, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The name behind the last slash. A path never leaves the machine (product.md M9). */
const char *meta_base_name(const char *path);

/* The chunk `parameters`: written, and read into a begun RunMeta. False when `text` has no settings line. */
void meta_write_parameters(Buf *out, const RunMeta *meta);
bool meta_read_parameters(RunMeta *out, Buf *remarks, const char *text);

/* The chunk `prompt`, a ComfyUI graph, into a begun RunMeta. False when it is none or leads to no prompt. */
bool meta_read_comfy(RunMeta *out, Buf *remarks, const char *text);
