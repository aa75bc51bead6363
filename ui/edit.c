/* edit.c: GNU readline inside our own loop. Readline draws the line itself here (the plain surface has no windows), but
 * reads from our queue of units and never touches the terminal's modes. Facts: architecture.md 9.2, readline(3).
 */
#include "config.h"

#include "ui/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_READLINE

#include <readline/history.h>
#include <readline/readline.h>

/* Readline's callbacks carry no context. */
static struct {
    const EditHooks *hooks;
    const char *unit;       /* bytes of the unit being fed */
    size_t left;
    bool visible;           /* prompt and line are on the screen */
    bool submitting;        /* the line that ends now was ended by Alt-Enter or Ctrl-D */
    Completions completions;
    size_t next;            /* byte of the next completion */
} editor;

static int next_byte(FILE *unused) {
    (void)unused;
    if (editor.left) {
        editor.left--;
        return (unsigned char)*editor.unit++;
    }
    unsigned char byte; /* readline wants more than the unit had, as after Ctrl-V: wait for it */
    return read(STDIN_FILENO, &byte, 1) == 1 ? byte : EOF;
}

static int has_byte(void) {
    return editor.left > 0;
}

static void on_line(char *text) {
    const EditHooks *hooks = editor.hooks;
    editor.visible = false;
    bool submitting = editor.submitting;
    editor.submitting = false;
    const char *line = text ? text : "";
    (submitting ? hooks->submit : hooks->line)(hooks->context, line, strlen(line));
    free(text);
    editor.visible = true; /* readline draws the next line by itself */
}

static int submit_key(int count, int key) {
    editor.submitting = true;
    return rl_newline(count, key);
}

static int external_key(int count, int key) {
    (void)count, (void)key;
    editor.hooks->external(editor.hooks->context, rl_line_buffer, (size_t)rl_end);
    return 0;
}

static int help_key(int count, int key) {
    (void)count, (void)key;
    editor.hooks->help(editor.hooks->context);
    return 0;
}

/* ---- completion ------------------------------------------------------------------------------------------------- */

static char *next_completion(const char *text, int state) {
    (void)text;
    if (!state)
        editor.next = 0;
    if (editor.next >= editor.completions.words.size)
        return NULL;
    char *word = strdup(editor.completions.words.data + editor.next);
    editor.next += strlen(editor.completions.words.data + editor.next) + 1;
    return word;
}

/* Readline asks where the word begins before it asks for words; our answer knows both. */
static char *word_breaks(void) {
    static char none[] = "";
    buf_done(&editor.completions.words);
    editor.completions = (Completions){0};
    editor.hooks->complete(editor.hooks->context, &editor.completions, rl_line_buffer, (size_t)rl_point);
    return none; /* the whole line is one word: complete_line cuts it */
}

static char **complete_line(const char *text, int start, int end) {
    (void)start, (void)end;
    rl_attempted_completion_over = 1; /* never file names where we offer nothing */
    rl_completion_append_character = editor.completions.append;
    rl_completion_suppress_append = !editor.completions.append;
    if (!editor.completions.count)
        return NULL;
    /* words come with what stands before them, because readline replaces the whole text */
    Buf full = {0};
    for (const char *word = editor.completions.words.data; word < editor.completions.words.data +
         editor.completions.words.size; word += strlen(word) + 1) {
        buf_add(&full, text, editor.completions.from);
        buf_add(&full, word, strlen(word) + 1);
    }
    buf_done(&editor.completions.words);
    editor.completions.words = full;
    return rl_completion_matches(text, next_completion);
}

/* Lists show the words alone. */
static void show_matches(char **matches, int count, int longest) {
    size_t cut = editor.completions.from;
    for (int i = 1; i <= count; i++)
        memmove(matches[i], matches[i] + cut, strlen(matches[i] + cut) + 1);
    rl_display_match_list(matches, count, longest - (int)cut);
    rl_forced_update_display();
}

/* ---- the editor ------------------------------------------------------------------------------------------------- */

static void bind_keys(void) {
    static const struct { const char *keys; rl_command_func_t *run; } rows[] = {
        {"\033\r", submit_key}, {"\033\n", submit_key}, {"\004", submit_key},
        {"\007", external_key}, {"\030\005", external_key}, {"\033OP", help_key}, {"\033[11~", help_key},
    };
    Keymap maps[] = {emacs_standard_keymap, vi_insertion_keymap};
    for (size_t m = 0; m < sizeof maps / sizeof *maps; m++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            rl_bind_keyseq_in_map(rows[i].keys, rows[i].run, maps[m]);
}

void edit_open(const EditHooks *hooks) {
    editor.hooks = hooks;
    rl_readline_name = "newbie";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_getc_function = next_byte;
    rl_input_available_hook = has_byte;
    rl_attempted_completion_function = complete_line;
    rl_completion_word_break_hook = word_breaks;
    rl_completion_display_matches_hook = show_matches;
    rl_initialize();
    bind_keys();
    rl_callback_handler_install("", on_line);
    editor.visible = true;
    edit_hide();
}

void edit_close(void) {
    edit_hide();
    rl_callback_handler_remove();
    clear_history();
    buf_done(&editor.completions.words);
    editor.hooks = NULL;
}

void edit_feed(const char *bytes, size_t size) {
    edit_show();
    editor.unit = bytes;
    editor.left = size;
    while (editor.left && editor.hooks)
        rl_callback_read_char();
}

void edit_prompt(const char *prompt) {
    if (rl_prompt && !strcmp(rl_prompt, prompt))
        return;
    edit_hide();
    rl_set_prompt(prompt);
}

void edit_hide(void) {
    if (!editor.visible)
        return;
    editor.visible = false;
    rl_clear_visible_line();
    fflush(rl_outstream);
}

void edit_show(void) {
    if (editor.visible)
        return;
    editor.visible = true;
    rl_on_new_line();
    rl_redisplay();
}

void edit_abandon(const char *mark) {
    edit_show();
    rl_point = rl_end;
    rl_redisplay();
    fprintf(rl_outstream, "%s\n", mark);
    rl_replace_line("", 1);
    rl_point = 0;
    rl_on_new_line();
    editor.visible = false;
}

void edit_resize(void) {
    rl_resize_terminal();
}

const char *edit_text(size_t *size) {
    *size = (size_t)rl_end;
    return rl_line_buffer ? rl_line_buffer : "";
}

void edit_set(const char *text) {
    edit_hide();
    rl_replace_line(text, 1);
    rl_point = rl_end;
}

void edit_insert(const char *text) {
    edit_hide();
    rl_insert_text(text);
}

void edit_history_add(const char *text) {
    add_history(text);
    using_history();
}

#else /* our own few lines */

static struct {
    const EditHooks *hooks;
    Buf prompt, line;
    bool visible;
} editor;

void edit_open(const EditHooks *hooks) {
    editor.hooks = hooks;
}

void edit_close(void) {
    buf_done(&editor.prompt);
    buf_done(&editor.line);
    editor.hooks = NULL;
}

void edit_prompt(const char *prompt) {
    if (!strcmp(buf_string(&editor.prompt), prompt))
        return;
    edit_hide();
    buf_truncate(&editor.prompt, 0);
    buf_text(&editor.prompt, prompt);
}

void edit_hide(void) {
    if (editor.visible)
        fputs("\r\033[K", stdout);
    fflush(stdout);
    editor.visible = false;
}

void edit_show(void) {
    if (!editor.visible)
        printf("%s%s", buf_string(&editor.prompt), buf_string(&editor.line));
    fflush(stdout);
    editor.visible = true;
}

void edit_abandon(const char *mark) {
    edit_show();
    printf("%s\n", mark);
    buf_truncate(&editor.line, 0);
    editor.visible = false;
}

void edit_resize(void) {
}

const char *edit_text(size_t *size) {
    *size = editor.line.size;
    return buf_string(&editor.line);
}

void edit_set(const char *text) {
    edit_hide();
    buf_truncate(&editor.line, 0);
    buf_text(&editor.line, text);
}

void edit_insert(const char *text) {
    edit_hide();
    buf_text(&editor.line, text);
}

void edit_history_add(const char *text) {
    (void)text; /* history needs readline */
}

/* Enter and its like: the line leaves the editor before the hook may ask for another. */
static void finish(void (*hook)(void *, const char *, size_t)) {
    char *text = must_copy(buf_string(&editor.line));
    edit_abandon("");
    hook(editor.hooks->context, text, strlen(text));
    free(text);
}

static void erase_character(void) {
    size_t size = editor.line.size;
    while (size && (editor.line.data[--size] & 0xc0) == 0x80)
        continue;
    edit_hide();
    buf_truncate(&editor.line, size);
}

void edit_feed(const char *bytes, size_t size) {
    unsigned char first = (unsigned char)bytes[0];
    if (first == '\r' || first == '\n')
        finish(editor.hooks->line);
    else if (first == 4 || (first == 27 && size == 2 && (bytes[1] == '\r' || bytes[1] == '\n')))
        finish(editor.hooks->submit);
    else if (first == 7)
        editor.hooks->external(editor.hooks->context, buf_string(&editor.line), editor.line.size);
    else if (first == 127 || first == 8)
        erase_character();
    else if (first == 21)
        edit_set("");
    else if (first >= 32) {
        edit_hide();
        buf_add(&editor.line, bytes, size);
    }
}

#endif
