/* keys.c: see keys.h. */
#include "config.h"

#include "app/keys.h"

#include <string.h>
#include <strings.h>

const Key KEYS[] = {
    {"Enter", "new line; on an empty line under complete text: render"},
    {"Alt-Enter", "render the text as it is, also what is not closed"},
    {"Ctrl-J", "new line, always"},
    {"Tab", "complete commands, settings, files, elements, tags"},
    {"Ctrl-G, Ctrl-X Ctrl-E", "the whole text in your editor"},
    {"Ctrl-C", "clear the text; stop the running job, again: drop it"},
    {"Ctrl-D", "render the text as it is; without text: leave"},
    {"Up, Down", "by rows; at the first and last row through the history"},
    {"Home, End, Left, Right", "within the line"},
    {"PageUp, PageDown", "through what was said, on the full screen"},
    {"Ctrl-R", "search the history"},
    {"Ctrl-_", "undo typing"},
    {"Ctrl-L", "draw everything again"},
    {"Ctrl-Z", "suspend; fg comes back"},
    {"Alt-S", "stop after this step and keep the picture"},
    {"Alt-N", "drop this job and begin the next"},
    {"Alt-P", "show a preview now"},
    {"Alt-K", "keep this step as a picture with a number"},
    {"Alt-X", "one command over a text that stays"},
    {"F1", "as :?"},
    {0},
};

/* Whether `name` is one of the names in `list`, which have ", " between them. */
static int is_among(const char *list, const char *name) {
    size_t size = strlen(name);
    for (;;) {
        size_t length = strcspn(list, ",");
        if (length == size && !strncasecmp(list, name, size))
            return 1;
        if (!list[length])
            return 0;
        list += length + strspn(list + length, ", ");
    }
}

const Key *key_find(const char *name) {
    for (const Key *key = KEYS; key->name; key++)
        if (is_among(key->name, name))
            return key;
    return NULL;
}
