/* recipe.h: what a picture was made from, as far as one can tell: a prompt and values of settings. Of the
 * present state, of a job, of a picture of this session, of a file, of a macro: whatever a reference means
 * (product.md C4). For :diff, :fetch and :replay. Private to the room. */
#pragma once

#include "app/state.h"

typedef struct Recipe {
    Buf prompt;
    char *value[SETTING_COUNT]; /* owned, canonical where the program knows the value; NULL: it is not said.
                                 * Only of the settings that make a picture: see recipe_setting */
    char *model;                /* name of the model, owned; NULL: not said */
    bool drawn;                 /* the seed was drawn: the setting was `random` */
} Recipe; /* a zeroed Recipe says nothing */

void recipe_done(Recipe *recipe);

/* The settings that make a picture, index from 0; SETTING_COUNT behind the last. */
SettingId recipe_setting(int index);

/* The current prompt and settings. `sys` is what it means for this prompt ("xml-train", never "auto"). */
void recipe_now(Recipe *out, App *app);

/* What the data of a picture say. */
void recipe_of_meta(Recipe *out, const RunMeta *meta);

/* What a reference means. *out is set on success and owned by the caller. Errors: as picture_meta and
 * reference_prompt; ERR_USAGE "there is no job j4". */
Status recipe_of(Recipe *out, App *app, const char *reference);
