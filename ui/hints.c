/* hints.c: see hints.h. */
#include "config.h"

#include "ui/hints.h"

#include <string.h>

#include "base/utf8.h"

/* Words of the row, each with a NUL behind it. */
static void add_text_facts(Buf *words, const Hint *hint) {
    static const char *const levels[] = {"", ", many", ", too many: details collapse"};
    if (hint->attributes && hint->level != HINT_FINE)
        buf_item(words, "%s: %zu attributes%s", hint->path, hint->attributes, levels[hint->level]);
    if (hint->open[0])
        buf_item(words, "open: %s", hint->open);
    if (hint->attributes && hint->level == HINT_FINE)
        buf_item(words, "%s: %zu attribute%s", hint->path, hint->attributes,
                 hint->attributes == 1 ? "" : "s");
    if (hint->tokens)
        buf_item(words, "%s%zu of %zu tokens%s", hint->tokens_at_least ? "over " : "", hint->tokens,
                 hint->token_limit, hint->tokens > hint->token_limit ? ": the end is not read" : "");
}

static void add_command_facts(Buf *words, const Hint *hint) {
    if (!hint->command)
        return;
    buf_item(words, "%s", hint->command->help);
    buf_item(words, "%s", hint->command->example);
}

static const char *const IDLE_KEYS[] = {"Alt-Enter renders", "Ctrl-J new line",    "Ctrl-G editor",
                                        "Tab completes",     "Up earlier prompts", NULL};
static const char *const RUNNING_KEYS[] = {"Alt-P preview", "Alt-K keep", "Alt-S stop and decode",
                                           "Alt-N next", NULL};
static const char *const TYPING_KEYS[] = {"Tab completes", "Ctrl-G editor", NULL};

static void add_keys(Buf *words, const char *const *keys) {
    for (; *keys; keys++)
        buf_item(words, "%s", *keys);
}

/* What is worth knowing now, the most useful first. */
static void add_all(Buf *words, const View *view, const Hint *hint, HintTyping typing) {
    if (typing == HINT_EMPTY && view->job) {
        buf_item(words, view->stopping ? "Ctrl-C drops the picture" : "Ctrl-C stops after this step");
        add_keys(words, RUNNING_KEYS);
    } else if (typing == HINT_EMPTY) {
        add_keys(words, IDLE_KEYS);
    } else {
        add_command_facts(words, hint);
        add_text_facts(words, hint);
        buf_item(words, hint->is_command ? "Enter runs it"
                        : hint->open[0]  ? "Alt-Enter renders anyway"
                                         : "Alt-Enter renders");
        buf_item(words, view->job ? "Ctrl-C stops the picture" : "Ctrl-C clears");
        add_keys(words, TYPING_KEYS);
    }
    buf_byte(words, 0);
}

/* As many as there is room for, and always the way to the help. */
void hints_draw(Canvas *canvas, int row, const View *view, const Hint *hint, HintTyping typing) {
    static const char help[] = ":? help";
    Buf words = {0};
    Span at = {row, 1, canvas->columns - (int)sizeof help - 3};
    add_all(&words, view, hint, typing);
    for (const char *word = words.data; *word; word += strlen(word) + 1) {
        if (at.column + (int)utf8_text_width(word, strlen(word)) <= at.end)
            at.column = canvas_text(canvas, at, STYLE_DIM, word, strlen(word)) + 3;
    }
    at.end = canvas->columns;
    canvas_text(canvas, at, STYLE_DIM, help, sizeof help - 1);
    buf_done(&words);
}
