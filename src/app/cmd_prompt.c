/* cmd_prompt.c: commands about the current prompt: :show :edit :clear :undo :redo :lint :tokens :history. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/file.h"
#include "base/utf8.h"
#include "prompt/input.h"
#include "prompt/xml.h"

#define HISTORY_SHOWN 20
#define HISTORY_WIDTH 70

Status no_prompt(void) {
    return hint(fail(ERR_USAGE, "there is no current prompt"), "type one, or :load NAME, or :edit");
}

void say_numbered(App *app, const char *text) {
    int number = 0;
    while (*text) {
        size_t size = strcspn(text, "\n");
        report_line(&app->report, LINE_PLAIN, "%4d  %.*s", ++number, (int)size, text);
        text += size + (text[size] == '\n');
    }
}

Status cmd_show(App *app, const Call *call) {
    Buf text = {0};
    Status st = NULL;
    if (call->count)
        st = reference_prompt(&text, app, call->word[0]);
    else
        buf_add(&text, buf_string(&app->prompt), app->prompt.size);
    if (!st && !text.size)
        st = no_prompt();
    if (!st)
        say_numbered(app, text.data);
    buf_done(&text);
    return st;
}

static bool same_text(const Buf *a, const char *b, size_t size) {
    return a->size == size && !memcmp(buf_string(a), b, size);
}

void say_prompt_changed(App *app) {
    const char *text = buf_string(&app->prompt);
    size_t size = app->prompt.size, lines = size ? 1 : 0, characters = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    Scan scan;
    scan_text(&scan, text, size);
    for (size_t i = 0; i < scan.element_count; i++)
        characters += !strncmp(scan.elements[i].name, "character_", 10);
    scan_done(&scan);
    Buf line = {0};
    buf_print(&line, "Prompt changed: %zu line%s, %zu character%s", lines, lines == 1 ? "" : "s", characters,
              characters == 1 ? "" : "s");
    TokenList tokens;
    if (app->loaded && !worker_tokens(app->worker, &tokens, TOKENS_GEMMA, text, size)) {
        buf_print(&line, ", %zu token%s", tokens.count, tokens.count == 1 ? "" : "s");
        token_list_done(&tokens);
    }
    report_line(&app->report, LINE_INFO, "%s", line.data);
    buf_done(&line);
}

Status cmd_edit(App *app, const Call *call) {
    Buf text = {0}, edited = {0};
    Status st = NULL;
    if (call->count)
        st = reference_prompt(&text, app, call->word[0]);
    else
        buf_add(&text, buf_string(&app->prompt), app->prompt.size);
    if (!st)
        st = app_edit(app, &edited, buf_string(&text), text.size);
    if (!st) {
        bool same = same_text(&app->prompt, buf_string(&edited), edited.size);
        app_set_prompt(app, buf_string(&edited), edited.size);
        if (same)
            report_line(&app->report, LINE_INFO, "Prompt unchanged");
        else
            say_prompt_changed(app);
    }
    buf_done(&text);
    buf_done(&edited);
    return st;
}

Status cmd_clear(App *app, const Call *call) {
    (void)call;
    app_set_prompt(app, "", 0);
    report_line(&app->report, LINE_INFO, "Prompt emptied; :undo brings it back");
    return NULL;
}

static Status walk(App *app, const Call *call, int direction) {
    long steps = 1;
    TRY(call_number(&steps, call, 0, 1, UNDO_STATES_MAX));
    size_t walked = undo_walk(&app->undo, direction * steps);
    if (!walked)
        return fail(ERR_USAGE, "nothing to %s", call->command->name);
    const UndoState *state = undo_now(&app->undo);
    bool same = same_text(&app->prompt, state->prompt, state->size);
    Settings before = {0};
    settings_copy(&before, &app->settings);
    buf_truncate(&app->prompt, 0);
    buf_add(&app->prompt, state->prompt, state->size);
    settings_restore(&app->settings, state->settings);
    report_line(&app->report, LINE_INFO, "%zu state%s %s", walked, walked == 1 ? "" : "s",
                direction > 0 ? "undone" : "redone");
    say_settings_changed(app, &before);
    if (!same && !app->prompt.size)
        report_line(&app->report, LINE_INFO, "Prompt empty, as it was");
    else if (!same)
        say_prompt_changed(app);
    settings_done(&before);
    return NULL;
}

Status cmd_undo(App *app, const Call *call) {
    return walk(app, call, 1);
}

Status cmd_redo(App *app, const Call *call) {
    return walk(app, call, -1);
}

/* ---- advice -------------------------------------------------------------------------------------------- */

/* What XML itself cannot express (a forbidden character, a name that is none). The encoders do not mind.
 * Returns how many lines were said. */
static size_t say_xml_problems(App *app, const char *text, size_t size) {
    Scan scan;
    XmlProblems problems;
    scan_text(&scan, text, size);
    xml_check(&problems, &scan);
    size_t count = problems.count;
    for (size_t i = 0; i < count; i++)
        report_line(&app->report, LINE_INFO, "Note: not XML for other programs: %s (%u:%u)",
                    problems.problems[i].message, problems.problems[i].place.line,
                    problems.problems[i].place.column);
    xml_problems_done(&problems);
    scan_done(&scan);
    return count;
}

static void say_findings(App *app, const char *text, size_t size) {
    LintList list = {0};
    app_lint(app, &list, &app->settings, text, size);
    for (size_t i = 0; i < list.count; i++) {
        Buf line = {0};
        emit_lint(app, &list.findings[i]);
        lint_format_full(&line, &list.findings[i]);
        report_line(&app->report, LINE_PLAIN, "%s", line.data);
        buf_done(&line);
    }
    size_t count = list.count + say_xml_problems(app, text, size);
    if (!count)
        report_line(&app->report, LINE_INFO, "No findings");
    lint_done(&list);
}

Status cmd_lint(App *app, const Call *call) {
    if (!call->count) {
        if (!app->prompt.size)
            return no_prompt();
        say_findings(app, app->prompt.data, app->prompt.size);
        return NULL;
    }
    Buf bytes = {0}, text = {0};
    char *path = app_path(app, call->word[0]);
    Status st = file_read(&bytes, path, PROMPT_SIZE_MAX + 4096);
    if (!st)
        st = input_from_file(&text, call->word[0], buf_string(&bytes), bytes.size);
    if (!st)
        say_findings(app, buf_string(&text), text.size);
    free(path);
    buf_done(&bytes);
    buf_done(&text);
    return st;
}

/* ---- tokens -------------------------------------------------------------------------------------------- */

typedef struct Encoder {
    const char *name;
    TokenRule rule;
    size_t limit;
} Encoder;

static const Encoder ENCODERS[] = {{"gemma", TOKENS_GEMMA, GEMMA_LIMIT},
                                   {"jina", TOKENS_JINA, JINA_LIMIT}};

/* Appends the text with "|" between tokens and "[cut:" where the limit is; line breaks stay. */
static void put_tokens(Buf *out, const TokenList *list, const char *text, size_t from, size_t limit) {
    const char *separator = "";
    for (size_t i = 0; i < list->count; i++) {
        if (i == limit)
            buf_text(out, " [cut from here: ");
        if (list->end[i] <= list->begin[i] || list->end[i] <= from)
            continue; /* a special, or the system prompt */
        size_t begin = list->begin[i] < from ? from : list->begin[i];
        buf_text(out, separator);
        buf_add(out, text + begin, list->end[i] - begin);
        separator = "|";
    }
    if (list->count > limit)
        buf_byte(out, ']');
}

static Status say_tokens(App *app, const Encoder *encoder) {
    const char *prompt = app->prompt.data, *system_name, *system_text = "";
    size_t size = app->prompt.size, jina = scan_jina_text(prompt, size);
    Buf text = {0};
    if (encoder->rule == TOKENS_GEMMA) {
        system_prompt_for(&system_name, &system_text, app, &app->settings, prompt, size);
        buf_print(&text, "%s%s", system_text, prompt);
    } else
        buf_text(&text, prompt + jina);
    TokenList list;
    Status st = worker_tokens(app->worker, &list, encoder->rule, buf_string(&text), text.size);
    if (!st) {
        size_t from = strlen(system_text), before = 0;
        while (before < list.count && list.end[before] <= from)
            before++;
        Buf shown = {0};
        put_tokens(&shown, &list, text.data, from, encoder->limit);
        report_lines(&app->report, LINE_PLAIN, buf_string(&shown));
        if (from)
            report_line(&app->report, LINE_INFO,
                        "%s: %zu tokens, %zu of them the system prompt; %zu are read", encoder->name,
                        list.count, before, encoder->limit);
        else
            report_line(&app->report, LINE_INFO, "%s: %zu tokens; %zu are read", encoder->name, list.count,
                        encoder->limit);
        buf_done(&shown);
        token_list_done(&list);
    }
    buf_done(&text);
    return st;
}

Status cmd_tokens(App *app, const Call *call) {
    if (!app->prompt.size)
        return no_prompt();
    if (!app->loaded)
        return hint(fail(ERR_USAGE, app->loading ? "the model is still being loaded" : "no model is loaded"),
                    app->loading ? "try again in a moment" : ":model PATH or :demo loads one");
    size_t known = 0;
    for (size_t i = 0; i < sizeof ENCODERS / sizeof *ENCODERS; i++)
        if (!call->count || !strcmp(call->word[0], ENCODERS[i].name)) {
            known++;
            TRY(say_tokens(app, &ENCODERS[i]));
        }
    return known ? NULL
                 : hint(fail(ERR_USAGE, "unknown encoder %s, expected gemma or jina", call->word[0]),
                        ":tokens");
}

/* ---- history ------------------------------------------------------------------------------------------- */

/* One entry in one line: number, and as much of the text as fits. */
static void say_entry(App *app, size_t index) {
    Buf flat = {0};
    for (const char *c = app->history.entries[index]; *c; c++)
        buf_byte(&flat, *c == '\n' ? ' ' : (unsigned char)*c);
    size_t fits = utf8_fit(buf_string(&flat), flat.size, HISTORY_WIDTH);
    report_line(&app->report, LINE_PLAIN, "%5zu  %.*s%s", index + 1, (int)fits, buf_string(&flat),
                fits < flat.size ? " ..." : "");
    buf_done(&flat);
}

static Status recall_entry(App *app, size_t number) {
    const Surface *surface = app->report.surface;
    if (number < 1 || number > app->history.count)
        return hint(fail(ERR_USAGE, "there is no history entry %zu", number), ":history lists them");
    const char *text = app->history.entries[number - 1];
    if (surface->edit)
        surface->edit(app->report.context, text, strlen(text));
    else
        say_numbered(app, text);
    return NULL;
}

Status cmd_history(App *app, const Call *call) {
    const char *word = call->count ? call->word[0] : NULL;
    size_t count = app->history.count, first = 0;
    if (word && word[strspn(word, "0123456789")] == 0)
        return recall_entry(app, strtoul(word, NULL, 10));
    if (!word && count > HISTORY_SHOWN)
        first = count - HISTORY_SHOWN;
    size_t said = 0;
    for (size_t i = first; i < count; i++)
        if (!word || strstr(app->history.entries[i], word)) {
            say_entry(app, i);
            said++;
        }
    if (!said)
        report_line(&app->report, LINE_INFO, word ? "No entry holds \"%s\"" : "The history is empty%s",
                    word ? word : "");
    return NULL;
}
