/* places.h: where files live (XDG base directories). product.md 8.1, 8.3. */
#pragma once

#include "base/buf.h"

/* All owned; places_done. NULL where HOME and the XDG variable are missing. */
typedef struct Places {
    char *config;   /* $XDG_CONFIG_HOME/newbie */
    char *state;    /* $XDG_STATE_HOME/newbie */
    char *data;     /* $XDG_DATA_HOME/newbie */
    char *history;  /* STATE/history.ndjson */
    char *autosave; /* STATE/autosave */
    char *gallery;  /* STATE/gallery.ndjson */
    char *macros;   /* DATA/macros */
    char *models;   /* DATA/models */
    char *tags;     /* DATA/tags */
    char *start_file; /* CONFIG/newbierc */
} Places;

void places_find(Places *out);
void places_done(Places *places);

/* A file or folder that comes with the program, below samples/: beside or above the program, else the
 * installed one. Owned by the caller; NULL when there is none. */
char *places_sample(const char *name);

/* The built-in demo model: the sample demo-model. Owned by the caller; NULL when there is none. */
char *places_demo_model(void);

/* What a value of the setting `tags` means: the file itself, or, for a name without a slash that is not here,
 * the one of that name under `tags`; for "" the list that comes with the program. Owned by the caller; NULL:
 * there is none. */
char *places_tags(const Places *places, const char *name);

/* What a model setting means: the path itself, or, for a name without a slash that is not here, the folder of
 * that name under `models`. Owned by the caller. */
char *places_model(const Places *places, const char *name);
