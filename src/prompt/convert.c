/* convert.c: see convert.h. Every tag is put into the list of its place, then the lists are written. */
#include "config.h"

#include "prompt/convert.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "prompt/items.h"

#define FIGURES_MAX 9

typedef struct Figure {
    Buf list[TAG_IN_COUNT]; /* of the places in a character */
} Figure;

typedef struct Scene {
    Figure figures[FIGURES_MAX];
    int count;
    int names, positions;        /* given so far: the next goes to the next figure */
    Buf general[TAG_PLACES];
    Buf *unsure;
} Scene;

/* Appends ", " and the tag, with a backslash before its parentheses. */
static void put_tag(Buf *list, const char *tag, size_t size) {
    if (list->size)
        buf_text(list, ", ");
    for (size_t i = 0; i < size; i++) {
        bool parenthesis = tag[i] == '(' || tag[i] == ')';
        if (parenthesis && (i == 0 || tag[i - 1] != '\\'))
            buf_byte(list, '\\');
        buf_byte(list, (unsigned char)tag[i]);
    }
}

/* One figure for each girl, boy and other: "2girls" are two of gender "1girl". */
static void add_figures(Scene *scene, const Item *tag) {
    size_t digits = 0;
    int number = 0;
    for (; digits < tag->size && tag->text[digits] >= '0' && tag->text[digits] <= '9'; digits++)
        number = number > FIGURES_MAX ? number : number * 10 + (tag->text[digits] - '0');
    size_t plural = digits && tag->text[tag->size - 1] == 's';
    for (int i = 0; i < (digits ? number : 1) && scene->count < FIGURES_MAX; i++) {
        Buf *gender = &scene->figures[scene->count++].list[TAG_IN_GENDER];
        if (digits)
            buf_byte(gender, '1');
        buf_add(gender, tag->text + digits, tag->size - digits - plural);
    }
    put_tag(&scene->general[TAG_IN_COUNT], tag->text, tag->size);
}

/* Names and positions are given out in their order, all else is the first figure's. */
static void add_to_figure(Scene *scene, TagPlace place, const Item *tag) {
    int index = place == TAG_IN_NAME ? scene->names++ : place == TAG_IN_POSITION ? scene->positions++ : 0;
    if (!scene->count || index >= scene->count) {
        put_tag(&scene->general[TAG_IN_OTHER], tag->text, tag->size);
        return;
    }
    put_tag(&scene->figures[index].list[place], tag->text, tag->size);
    if (scene->unsure && scene->count > 1 && place != TAG_IN_NAME && place != TAG_IN_POSITION)
        put_tag(scene->unsure, tag->text, tag->size);
}

/* Fills places [tags->count] and makes the figures. */
static void find_figures(Scene *scene, TagPlace *places, const ItemList *tags) {
    bool looks = false, nobody = false;
    for (size_t i = 0; i < tags->count; i++) {
        const Item *tag = &tags->items[i];
        TagPlace place = places[i] = convert_place(tag->text, tag->size);
        if (place == TAG_IN_GENDER)
            add_figures(scene, tag);
        looks |= place < TAG_IN_COUNT && place != TAG_IN_GENDER;
        nobody |= tag->size == 9 && !memcmp(tag->text, "no_humans", 9);
    }
    if (!scene->count && looks && !nobody)
        buf_text(&scene->figures[scene->count++].list[TAG_IN_GENDER], "1girl");
}

static void put_element(Buf *out, TagPlace place, const Buf *list) {
    buf_print(out, "  <%s>", TAG_ELEMENTS[place]);
    buf_add(out, buf_string(list), list->size);
    buf_print(out, "</%s>\n", TAG_ELEMENTS[place]);
}

/* <n> is always there, also when it is empty (model-spec.md 10.1). */
static void put_figure(Buf *out, const Figure *figure, int number) {
    buf_print(out, "<character_%d>\n", number);
    for (int place = 0; place < TAG_IN_COUNT; place++)
        if (figure->list[place].size || place == TAG_IN_NAME)
            put_element(out, place, &figure->list[place]);
    buf_print(out, "</character_%d>\n\n", number);
}

static void put_general(Buf *out, const Scene *scene) {
    size_t size = out->size;
    buf_text(out, "<general_tags>\n");
    size_t empty = out->size;
    for (int place = TAG_IN_COUNT; place < TAG_PLACES; place++)
        if (scene->general[place].size)
            put_element(out, place, &scene->general[place]);
    if (out->size == empty)
        buf_truncate(out, size);
    else
        buf_text(out, "</general_tags>\n");
}

void convert_tags(Buf *out, Buf *unsure, const char *text, size_t size) {
    ItemList tags;
    Scene scene = {.unsure = unsure};
    items_split(&tags, text, 0, size);
    TagPlace *places = must_alloc((tags.count + 1) * sizeof *places);
    find_figures(&scene, places, &tags);
    for (size_t i = 0; i < tags.count; i++) {
        const Item *tag = &tags.items[i];
        if (places[i] >= TAG_IN_COUNT)
            put_tag(&scene.general[places[i]], tag->text, tag->size);
        else if (places[i] != TAG_IN_GENDER)
            add_to_figure(&scene, places[i], tag);
    }
    free(places);
    size_t begin = out->size;
    for (int i = 0; i < scene.count; i++)
        put_figure(out, &scene.figures[i], i + 1);
    put_general(out, &scene);
    while (out->size > begin && out->data[out->size - 1] == '\n')
        buf_truncate(out, out->size - 1);
    for (int i = 0; i < FIGURES_MAX; i++)
        for (int place = 0; place < TAG_IN_COUNT; place++)
            buf_done(&scene.figures[i].list[place]);
    for (int place = 0; place < TAG_PLACES; place++)
        buf_done(&scene.general[place]);
    items_done(&tags);
}
