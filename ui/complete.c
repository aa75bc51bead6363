/* complete.c: see complete.h. */
#include "config.h"

#include "ui/complete.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "app/keys.h"
#include "base/file.h"
#include "prompt/known.h"
#include "prompt/scan.h"
#include "prompt/tags.h"

#define PICTURES_MAX 100 /* the newest */

/* What is typed of the word so far, and what is offered for it. */
typedef struct Offer {
    Completions *out;
    const char *word;
    size_t size;
} Offer;

static bool is_offered(const Completions *out, const char *word) {
    for (size_t at = 0; at < out->words.size; at += strlen(out->words.data + at) + 1)
        if (!strcmp(out->words.data + at, word))
            return true;
    return false;
}

static void offer(Offer *offer, const char *word) {
    if (strncmp(word, offer->word, offer->size) || is_offered(offer->out, word))
        return;
    buf_add(&offer->out->words, word, strlen(word) + 1);
    offer->out->count++;
}

/* ---- elements ------------------------------------------------------------------------------------------ */

/* Bytes of the unfinished tag that ends at the cursor, from its "<"; 0 when there is none. */
static size_t unfinished_tag(const char *line, size_t point) {
    size_t begin = point;
    while (begin > 0 && !strchr("<>/ \t\n", line[begin - 1]))
        begin--;
    begin -= begin > 0 && line[begin - 1] == '/';
    return begin > 0 && line[begin - 1] == '<' ? point - begin + 1 : 0;
}

/* The number that the next character gets. */
static int next_character(const Scan *scan) {
    int highest = 0;
    for (size_t i = 0; i < scan->tag_count; i++) {
        int number = known_character(scan->tags[i].name);
        highest = number > highest ? number : highest;
    }
    return highest + 1;
}

static void offer_tag(Offer *to, const char *slash, const char *name) {
    Buf tag = {0};
    buf_print(&tag, "<%s%s>", slash, name);
    offer(to, tag.data);
    buf_done(&tag);
}

static void offer_elements(Offer *to, const Scan *scan, const char *inside) {
    unsigned place = known_inside(inside);
    for (const KnownElement *row = KNOWN_ELEMENTS; row->name; row++) {
        if (!(row->places & place))
            continue;
        Buf name = {0};
        if (known_character(row->name))
            buf_print(&name, "character_%d", next_character(scan));
        else
            buf_text(&name, row->name);
        offer_tag(to, "", name.data);
        buf_done(&name);
    }
}

static void complete_element(Offer *to, const Scan *scan, const char *innermost) {
    if (innermost)
        offer_tag(to, "/", innermost);
    offer_elements(to, scan, innermost);
}

/* ---- tags inside elements ------------------------------------------------------------------------------ */

/* Which tags an element holds. Those that are not listed hold any; what only holds elements holds none. */
static bool holds_tags(TagType *type, const char *element) {
    static const struct { const char *element; int type; } rows[] = {
        {"n", TAG_CHARACTER}, {"name", TAG_CHARACTER}, {"artists", TAG_ARTIST}, {"danbooru_tags", TAG_ANY}};
    *type = TAG_ANY;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].element, element)) {
            *type = (TagType)rows[i].type;
            return true;
        }
    static const char *const sentences[] = {"caption", "system"};
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (!strcmp(sentences[i], element))
            return false;
    return known_inside(element) == PLACE_NOWHERE;
}

/* Bytes of the item that ends at `point`: behind a comma of any script, a tag or a newline, and spaces. */
static size_t item_size(const char *line, size_t point) {
    static const char *const ends[] = {",", ">", "\n", "\t", "，", "、"};
    size_t begin = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t size = strlen(ends[i]);
        for (size_t at = point; at >= size + begin; at--)
            if (!memcmp(line + at - size, ends[i], size)) {
                begin = at;
                break;
            }
    }
    while (begin < point && line[begin] == ' ')
        begin++;
    return point - begin;
}

/* "blue_hair  g 910k"; where an alias answered, "初音未来 > hatsune_miku  c 120k". */
static void put_label(Buf *out, const TagList *list, const TagFound *found) {
    if (found->alias)
        buf_print(out, "%.*s > ", (int)found->alias_size, list->search.data + found->alias);
    buf_print(out, "%s  %c ", list->text.data + found->row->name, tag_letter(found->row->type));
    tag_put_count(out, found->row->count);
    buf_byte(out, 0);
}

/* A tag comes with its underscores and what separates it from the next. */
static void complete_item(Completions *out, const CompletePlace *place, TagType type) {
    TagFound found[TAGS_FOUND_MAX];
    const TagList *list = app_tags(place->app);
    size_t size = item_size(place->line, place->point);
    size_t count = tags_find(found, list, place->line + place->point - size, size, type);
    if (count)
        out->from = place->point - size;
    for (size_t i = 0; i < count; i++) {
        buf_print(&out->words, "%s, ", list->text.data + found[i].row->name);
        buf_byte(&out->words, 0);
        put_label(&out->labels, list, &found[i]);
    }
    out->count = count;
}

/* ---- in a prompt: an element or a tag ------------------------------------------------------------------ */

static bool is_plain_prompt(const Scan *scan, const char *text) {
    return !scan->tag_count && !strchr(text, '<');
}

static void complete_prompt(Completions *out, const CompletePlace *place) {
    size_t size = unfinished_tag(place->line, place->point);
    Buf text = {0}, path = {0};
    Scan scan;
    TagType type = TAG_ANY;
    buf_add(&text, place->above, place->above_size);
    buf_add(&text, place->line, place->point);
    buf_truncate(&text, text.size - size);
    scan_text(&scan, buf_string(&text), text.size);
    scan_path(&path, &scan, text.size);
    const char *slash = strrchr(buf_string(&path), '/');
    const char *innermost = slash ? slash + 1 : path.size ? path.data : NULL;
    if (size) {
        out->from = place->point - size;
        complete_element(&(Offer){out, place->line + out->from, size}, &scan, innermost);
    } else if (innermost ? holds_tags(&type, innermost) : is_plain_prompt(&scan, buf_string(&text)))
        complete_item(out, place, type);
    scan_done(&scan);
    buf_done(&text);
    buf_done(&path);
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* What is typed of a file name, and how: C5 keeps spaces in quotes, with \" and \\ inside. */
typedef struct TypedFile {
    Buf name;        /* without quotes */
    bool quoted;
} TypedFile;

static TypedFile typed_file(const Offer *to) {
    TypedFile typed = {.quoted = to->size && to->word[0] == '"'};
    for (size_t i = typed.quoted; i < to->size; i++) {
        i += typed.quoted && to->word[i] == '\\' && i + 1 < to->size;
        buf_byte(&typed.name, (unsigned char)to->word[i]);
    }
    return typed;
}

typedef enum Quoting { QUOTES_NONE, QUOTES_OPEN, QUOTES_BOTH } Quoting;

static void put_file(Buf *out, const char *name, Quoting quoting) {
    if (quoting == QUOTES_NONE) {
        buf_text(out, name);
        return;
    }
    buf_byte(out, '"');
    for (; *name; name++) {
        if (*name == '"' || *name == '\\')
            buf_byte(out, '\\');
        buf_byte(out, (unsigned char)*name);
    }
    if (quoting == QUOTES_BOTH)
        buf_byte(out, '"');
}

/* Offers `directory`/`name`; a directory may go on. */
static void offer_file(Offer *to, const char *directory, const char *name, Quoting quoting) {
    Buf path = {0}, word = {0};
    buf_print(&path, "%s%s", directory, name);
    char *real = file_expand(path.data);
    bool folder = file_is_directory(real);
    if (folder)
        buf_byte(&path, '/');
    put_file(&word, path.data, folder && quoting == QUOTES_BOTH ? QUOTES_OPEN : quoting);
    size_t count = to->out->count;
    offer(to, word.data);
    if (folder && to->out->count > count)
        to->out->append = 0;
    free(real);
    buf_done(&path);
    buf_done(&word);
}

/* Names of the directory that begin as `begin`; owned, like the array. */
static size_t list_files(struct dirent ***out, const char *directory, const char *begin) {
    char *real = file_expand(*directory ? directory : ".");
    int all = scandir(real, out, NULL, alphasort);
    size_t count = 0, size = strlen(begin);
    for (int i = 0; i < all; i++) {
        struct dirent *entry = (*out)[i];
        if (!strncmp(entry->d_name, begin, size) && (entry->d_name[0] != '.' || size))
            (*out)[count++] = entry;
        else
            free(entry);
    }
    free(real);
    if (all < 0)
        *out = NULL;
    return count;
}

/* A file whose name has a space can only be offered beside others when the quote is typed already: what
 * is common to all words takes the place of what was typed. Alone it brings its quotes. */
static void offer_files(Offer *to) {
    TypedFile typed = typed_file(to);
    const char *name = buf_string(&typed.name), *slash = strrchr(name, '/');
    char *directory = must_copy_n(name, slash ? (size_t)(slash + 1 - name) : 0);
    struct dirent **entries;
    size_t count = list_files(&entries, directory, slash ? slash + 1 : name);
    bool odd = count == 1 && (strpbrk(entries[0]->d_name, " \"") || strchr(directory, ' '));
    bool alone = odd && !typed.quoted;
    Offer anew = {to->out, "", 0};
    for (size_t i = 0; i < count; i++) {
        offer_file(alone ? &anew : to, directory, entries[i]->d_name,
                   typed.quoted || alone ? QUOTES_BOTH : QUOTES_NONE);
        free(entries[i]);
    }
    free(entries);
    free(directory);
    buf_done(&typed.name);
}

/* ---- arguments of a command ---------------------------------------------------------------------------- */

static void offer_lines(Offer *to, const Buf *lines, const char *before) {
    for (const char *line = buf_string(lines), *end; (end = strchr(line, '\n')); line = end + 1) {
        Buf word = {0};
        buf_print(&word, "%s%.*s", before, (int)(end - line), line);
        offer(to, word.data);
        buf_done(&word);
    }
}

static void offer_macros(Offer *to, const App *app, const char *before) {
    Buf names = {0};
    app_macro_names(&names, app);
    offer_lines(to, &names, before);
    buf_done(&names);
}

static void offer_pictures(Offer *to, const App *app) {
    const char *directory = settings_text(app_settings(app), SET_OUTDIR);
    const char *prefix = settings_text(app_settings(app), SET_PREFIX);
    int64_t highest;
    offer(to, "last");
    if (!to->size || to->word[0] != '#' || file_highest_number(&highest, directory, prefix))
        return;
    for (int64_t n = highest; n > 0 && n > highest - PICTURES_MAX; n--) {
        Buf path = {0}, word = {0};
        buf_print(&path, "%s/%s%03lld.png", directory, prefix, (long long)n);
        buf_print(&word, "#%lld", (long long)n);
        if (file_exists(path.data))
            offer(to, word.data);
        buf_done(&path);
        buf_done(&word);
    }
}

/* The elements at the top of the current prompt, seen through the wrappers. */
static void offer_prompt_elements(Offer *to, const App *app) {
    size_t size;
    const char *text = app_prompt(app, &size);
    Scan scan;
    scan_text(&scan, text, size);
    for (size_t i = 0; i < scan.element_count; i++) {
        int32_t parent = scan.elements[i].parent;
        if (known_inside(parent == SCAN_NONE ? NULL : scan.elements[parent].name) == PLACE_TOP)
            offer(to, scan.elements[i].name);
    }
    scan_done(&scan);
}

static void offer_jobs(Offer *to, const App *app) {
    const View *view = app_view(app);
    for (int i = view->job ? -1 : 0; i < view->waiting_id_count; i++) {
        char word[16];
        snprintf(word, sizeof word, "j%d", i < 0 ? view->job : view->waiting_ids[i]);
        offer(to, word);
    }
}

static void offer_commands(Offer *to) {
    for (const Command *row = COMMANDS; row->name; row++) {
        if (!*row->group)
            continue;
        offer(to, row->name);
        for (const char *const *alias = row->aliases; alias && *alias; alias++)
            offer(to, *alias);
    }
}

static void offer_settings(Offer *to) {
    for (size_t i = 0; i < SETTING_COUNT; i++)
        offer(to, SETTINGS[i].name);
}

static void offer_seeds(Offer *to, const App *app) {
    Buf seeds = {0};
    app_seeds(&seeds, app);
    offer_lines(to, &seeds, "");
    buf_done(&seeds);
}

/* What else :help knows; of keys with several names the first. */
static void offer_topics(Offer *to) {
    const char *topic;
    for (int i = 0; (topic = help_topic(i)); i++)
        offer(to, topic);
    for (const Key *key = KEYS; key->name; key++) {
        char *name = must_copy_n(key->name, strcspn(key->name, ","));
        offer(to, name);
        free(name);
    }
}

/* Values of the setting called `name`. */
static void offer_values(Offer *to, const App *app, const char *name) {
    const Setting *setting = setting_find(name);
    if (!setting)
        return;
    const char *choice, *help;
    for (int i = 0; (choice = setting_choice(setting, i, &help)); i++)
        offer(to, choice);
    if (setting->kind == SETTING_PATH)
        offer_files(to);
    else if (setting->kind == SETTING_SEED)
        offer_seeds(to, app);
    else if (!to->out->count)
        offer(to, settings_default(app_settings(app), (SettingId)(setting - SETTINGS)));
}

/* :seed takes the seed of a picture, too. */
static void offer_references(Offer *to, const App *app, const Argument *argument) {
    for (const char *const *word = argument->words; word && *word; word++)
        if (!strcmp(*word, "last"))
            offer_pictures(to, app);
}

/* `before` is the word in front of it: a setting whose values are asked for. */
static void offer_argument(Offer *to, const App *app, const Argument *argument, const char *before) {
    for (const char *const *word = argument->words; word && *word; word++)
        offer(to, *word);
    switch (argument->kind) {
    case ARGUMENT_PICTURE: offer_pictures(to, app); offer_files(to); break;
    case ARGUMENT_REF: offer_pictures(to, app); offer_macros(to, app, "@"); offer_files(to); break;
    case ARGUMENT_MACRO: offer_macros(to, app, ""); break;
    case ARGUMENT_ELEMENT: offer_prompt_elements(to, app); break;
    case ARGUMENT_SETTING: offer_settings(to); break;
    case ARGUMENT_VALUE: offer_values(to, app, before); offer_references(to, app, argument); break;
    case ARGUMENT_JOB: offer_jobs(to, app); break;
    case ARGUMENT_FILE: offer_files(to); break;
    case ARGUMENT_COMMAND: offer_commands(to); offer_settings(to); offer_topics(to); break;
    case ARGUMENT_NONE: case ARGUMENT_NUMBER: case ARGUMENT_WORD: case ARGUMENT_TEXT: break;
    }
}

/* Byte behind the word that begins at `at`; spaces in quotes belong to it (C5). */
static size_t word_end(const char *line, size_t at, size_t point) {
    bool quoted = false;
    for (; at < point && (quoted || line[at] != ' '); at++)
        if (line[at] == '"')
            quoted = !quoted;
        else if (quoted && line[at] == '\\' && at + 1 < point)
            at++;
    return at;
}

static void complete_command(Completions *out, const CompletePlace *place) {
    size_t begin = 1, end = word_end(place->line, 1, place->point);
    char *before = must_copy_n(place->line + 1, end - 1);
    const Command *command = end < place->point ? command_find(before) : NULL;
    out->append = ' ';
    int index = -1;
    while (end < place->point) {
        free(before);
        before = must_copy_n(place->line + begin, end - begin);
        for (begin = end; begin < place->point && place->line[begin] == ' '; begin++)
            continue;
        end = word_end(place->line, begin, place->point);
        index++;
    }
    out->from = begin;
    Offer to = {out, place->line + begin, place->point - begin};
    if (index < 0)
        offer_commands(&to);
    else if (command && index < ARGUMENTS_MAX && command->argument[index].name)
        offer_argument(&to, place->app, &command->argument[index], before);
    free(before);
}

/* Is the line that the cursor is in raw text (I3)? It may be any line of place->line. */
static bool in_raw_text(const CompletePlace *place, size_t line_begin) {
    Buf text = {0};
    buf_add(&text, place->above, place->above_size);
    buf_add(&text, place->line, line_begin);
    bool raw = reader_area_raw(place->reader, buf_string(&text), text.size, text.size);
    buf_done(&text);
    return raw;
}

void complete_at(Completions *out, const CompletePlace *place) {
    const char *newline = place->point ? memrchr(place->line, '\n', place->point) : NULL;
    size_t line_begin = newline ? (size_t)(newline + 1 - place->line) : 0;
    if (in_raw_text(place, line_begin))
        return;
    bool first = !place->above_size && !line_begin && !place->reader->pasted;
    if (first && place->line[0] == ':' && place->point > 0)
        complete_command(out, place);
    else
        complete_prompt(out, place);
}
