/* cmd_diff.c: what changed between the present, pictures, macros and jobs: :diff. Rows: prompt/edit.h. */
#include "config.h"

#include <string.h>

#include "app/cmd.h"
#include "app/recipe.h"

/* "neg (empty) -> blurry"; what one side does not say is no difference. */
static void compare_setting(DiffList *list, const char *name, const char *old, const char *new) {
    if (!old || !new || !strcmp(old, new))
        return;
    diff_setting(list, name, *old ? old : "(empty)", *new ? new : "(empty)");
}

static void say_difference(App *app, const Recipe *old, const Recipe *new) {
    DiffList list = {0};
    Buf out = {0};
    diff_prompts(&list, buf_string(&old->prompt), old->prompt.size, buf_string(&new->prompt),
                 new->prompt.size);
    SettingId id;
    for (int i = 0; (id = recipe_setting(i)) != SETTING_COUNT; i++)
        compare_setting(&list, SETTINGS[id].name, old->value[id], new->value[id]);
    compare_setting(&list, "model", old->model, new->model);
    diff_print(&out, &list);
    report_lines(&app->report, LINE_PLAIN, buf_string(&out));
    buf_done(&out);
    diff_done(&list);
}

/* Against the present a seed that was drawn counts as what the setting was then. */
static void forget_drawn_seed(Recipe *recipe) {
    if (recipe->drawn)
        meta_set(&recipe->value[SET_SEED], "random");
}

Status cmd_diff(App *app, const Call *call) {
    Recipe old, new;
    TRY(recipe_of(&old, app, call->count ? call->word[0] : "last"));
    Status st = NULL;
    if (call->count > 1)
        st = recipe_of(&new, app, call->word[1]);
    else {
        recipe_now(&new, app);
        forget_drawn_seed(&old);
    }
    if (!st) {
        say_difference(app, &old, &new);
        recipe_done(&new);
    }
    recipe_done(&old);
    return st;
}
