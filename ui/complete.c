/* complete.c: see complete.h. */
#include "config.h"

#include "ui/complete.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "prompt/known.h"
#include "prompt/scan.h"

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

/* ---- in a prompt --------------------------------------------------------------------------------------- */

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

static void complete_tag(Completions *out, const CompletePlace *place) {
    size_t size = unfinished_tag(place->line, place->point);
    if (!size)
        return;
    out->from = place->point - size;
    Offer to = {out, place->line + out->from, size};
    Buf text = {0}, path = {0};
    Scan scan;
    buf_add(&text, place->above, place->above_size);
    buf_add(&text, place->line, out->from);
    scan_text(&scan, buf_string(&text), text.size);
    scan_path(&path, &scan, text.size);
    const char *slash = strrchr(buf_string(&path), '/');
    const char *innermost = slash ? slash + 1 : path.size ? path.data : NULL;
    if (innermost)
        offer_tag(&to, "/", innermost);
    offer_elements(&to, &scan, innermost);
    scan_done(&scan);
    buf_done(&text);
    buf_done(&path);
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* Offers a file as C5 wants it: in quotes when they were typed or a space would split it. A directory may
 * go on. */
static void offer_file(Offer *to, const char *directory, const char *name, bool quoted) {
    Buf path = {0}, word = {0};
    buf_print(&path, "%s%s", directory, name);
    bool folder = file_is_directory(path.data);
    if (folder)
        buf_byte(&path, '/');
    if (quoted)
        buf_print(&word, "\"%s%s", path.data, folder ? "" : "\"");
    else
        buf_text(&word, path.data);
    size_t count = to->out->count;
    offer(to, word.data);
    if (folder && to->out->count > count)
        to->out->append = 0;
    buf_done(&path);
    buf_done(&word);
}

/* Where the directory part of what is typed ends, without an opening quote. */
static size_t directory_size(const char *typed, size_t size) {
    const char *slash = size ? memrchr(typed, '/', size) : NULL;
    return slash ? (size_t)(slash + 1 - typed) : 0;
}

/* A file whose name has a space can only be offered beside others when the quote is typed already: what
 * is common to all words takes the place of what was typed. Alone it brings its quotes. */
static void offer_files(Offer *to) {
    bool quoted = to->size && to->word[0] == '"';
    const char *typed = to->word + quoted;
    size_t size = to->size - quoted, head = directory_size(typed, size), count = 0;
    char *directory = must_copy_n(typed, head);
    struct dirent **entries;
    int all = scandir(head ? directory : ".", &entries, NULL, alphasort);
    for (int i = 0; i < all; i++) { /* those that fit come to the front */
        const char *name = entries[i]->d_name;
        bool fits = !strncmp(name, typed + head, size - head) && (name[0] != '.' || size > head);
        struct dirent *entry = entries[i];
        entries[i] = entries[count];
        entries[count] = entry;
        count += fits;
    }
    bool alone = count == 1 && !quoted && strchr(entries[0]->d_name, ' ');
    for (size_t i = 0; i < count; i++)
        offer_file(alone ? &(Offer){to->out, "", 0} : to, directory, entries[i]->d_name, quoted || alone);
    for (int i = 0; i < all; i++)
        free(entries[i]);
    if (all >= 0)
        free(entries);
    free(directory);
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
    else if (!to->out->count)
        offer(to, settings_default(app_settings(app), (SettingId)(setting - SETTINGS)));
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
    case ARGUMENT_VALUE: offer_values(to, app, before); break;
    case ARGUMENT_JOB: offer_jobs(to, app); break;
    case ARGUMENT_FILE: offer_files(to); break;
    case ARGUMENT_COMMAND: offer_commands(to); offer_settings(to); break;
    case ARGUMENT_NONE: case ARGUMENT_NUMBER: case ARGUMENT_WORD: case ARGUMENT_TEXT: break;
    }
}

/* Byte behind the word that begins at `at`; spaces in quotes belong to it (C5). */
static size_t word_end(const char *line, size_t at, size_t point) {
    bool quoted = false;
    for (; at < point && (quoted || line[at] != ' '); at++)
        quoted ^= line[at] == '"';
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

void complete_at(Completions *out, const CompletePlace *place) {
    if (reader_area_raw(place->reader, place->above, place->above_size, place->above_size))
        return;
    if (!place->above_size && !place->reader->pasted && place->line[0] == ':' && place->point > 0)
        complete_command(out, place);
    else
        complete_tag(out, place);
}
