/* edit.c: GNU readline inside our own loop. It reads from our queue of units and never touches the
 * terminal's modes. By line it draws the line itself; of the whole area it draws nothing. Facts:
 * architecture.md 9.2, readline(3).
 */
#include "config.h"

#include "ui/edit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_READLINE

#include <readline/history.h>
#include <readline/readline.h>

#include "base/utf8.h"

#define EDIT_UNIT_MAX 8 /* bytes of a key with Alt: ESC and a character */

/* Readline's callbacks carry no context. */
static struct {
    EditHow how;
    const char *unit;       /* bytes of the unit being fed */
    size_t left;
    bool visible;           /* prompt and line are on the screen */
    EditKey key;            /* what the unit asked for */
    Buf taken;
    Completions completions;
    size_t next;            /* byte of the next completion */
    int goal;               /* column that Up and Down aim for; -1: none */
    bool escaped;           /* an ESC alone came: the next key may be one with Alt */
    bool walked;            /* in the history, since the line was begun */
} editor;

static bool is_whole(void) {
    return editor.how.style == EDIT_WHOLE;
}

static int next_byte(FILE *unused) {
    (void)unused;
    if (editor.left) {
        editor.left--;
        return (unsigned char)*editor.unit++;
    }
    unsigned char byte; /* a command of readline's asks for a key of its own: only then is waiting right */
    return read(STDIN_FILENO, &byte, 1) == 1 ? byte : EOF;
}

static int has_byte(void) {
    return editor.left > 0;
}

/* Readline's setting up of the next line draws it at once, before anybody can print. */
static void draw_nothing(void) {
}

static void on_line(char *text) {
    if (!text) { /* readline's own reading of Ctrl-D on an empty line, which stays in its row */
        editor.key = EDIT_END;
        if (!is_whole())
            fputc('\n', rl_outstream);
    } else if (editor.key == EDIT_NOTHING) {
        editor.key = EDIT_ENTER;
    }
    buf_truncate(&editor.taken, 0);
    if (text)
        buf_text(&editor.taken, text);
    free(text);
    editor.visible = false;
    rl_redisplay_function = draw_nothing; /* until edit_feed has it back */
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

/* Entries, and the line that was left for them, may hold older parts of the line's undo list, after a search
 * not only the one at the present place. Readline 8.2 would free such a list with the line and use it again:
 * so they are forgotten, a few hundred bytes of them not given back. */
static void forget_undo(void) {
    HIST_ENTRY **entries = history_list();
    char *text = must_copy(rl_line_buffer);
    int point = rl_point;
    for (int i = 0; entries && entries[i]; i++)
        entries[i]->data = NULL;
    rl_maybe_save_line(); /* so that there is one to be taken back */
    rl_maybe_unsave_line();
    rl_undo_list = NULL;
    rl_replace_line(text, 0);
    rl_point = point < rl_end ? point : rl_end;
    free(text);
}

/* Walks to the end. */
static void leave_history(void) {
    if (editor.walked)
        forget_undo();
    editor.walked = false;
    using_history();
}

static int take_line(EditKey key) {
    editor.key = key;
    leave_history();
    return rl_newline(1, '\n');
}

static int ask(EditKey key) {
    editor.key = key;
    return 0;
}

static int new_line_key(int count, int key) {
    (void)count, (void)key;
    return is_whole() ? rl_insert_text("\n") : take_line(EDIT_NEW_LINE);
}

/* Return: what it does is the prompt's business. */
static int enter_key(int count, int key) {
    if (!is_whole()) {
        leave_history();
        return rl_newline(count, key);
    }
    EnterEffect effect =
        editor.how.enter(editor.how.context, rl_line_buffer, (size_t)rl_end, (size_t)rl_point);
    return effect == ENTER_TAKES ? take_line(EDIT_ENTER) : rl_insert_text("\n");
}

static int redraw_key(int count, int key) {
    return is_whole() ? ask(EDIT_REDRAW) : rl_clear_screen(count, key);
}

static int submit_key(int count, int key) { return (void)count, (void)key, take_line(EDIT_SUBMIT); }
static int end_key(int count, int key) { return (void)count, (void)key, take_line(EDIT_END); }
static int external_key(int count, int key) { return (void)count, (void)key, ask(EDIT_EXTERNAL); }
static int help_key(int count, int key) { return (void)count, (void)key, ask(EDIT_HELP); }
static int stop_key(int count, int key) { return (void)count, (void)key, ask(EDIT_STOP); }
static int skip_key(int count, int key) { return (void)count, (void)key, ask(EDIT_SKIP); }
static int preview_key(int count, int key) { return (void)count, (void)key, ask(EDIT_PREVIEW); }
static int keep_key(int count, int key) { return (void)count, (void)key, ask(EDIT_KEEP); }
static int command_key(int count, int key) { return (void)count, (void)key, ask(EDIT_COMMAND); }

/* Offset of the row that begins behind the last newline before `at`. */
static int row_begin(int at) {
    while (at > 0 && rl_line_buffer[at - 1] != '\n')
        at--;
    return at;
}

static int row_end(int at) {
    while (at < rl_end && rl_line_buffer[at] != '\n')
        at++;
    return at;
}

/* Puts the cursor into the row that begins at `begin`, as far to the right as it was in the row at `from`. */
static void move_to_row(int begin, int from) {
    size_t cells = utf8_text_width(rl_line_buffer + from, (size_t)(rl_point - from));
    size_t size = (size_t)(row_end(begin) - begin);
    rl_point = begin + (int)utf8_fit(rl_line_buffer + begin, size, cells);
}

static int step_key(int rows, int count, int key);

/* By rows; history at the first and the last. */
static int up_key(int count, int key) {
    int row = row_begin(rl_point);
    if (is_whole())
        return step_key(-1, count, key);
    if (row == 0)
        return rl_get_previous_history(count, key);
    move_to_row(row_begin(row - 1), row);
    return 0;
}

static int down_key(int count, int key) {
    int end = row_end(rl_point);
    if (is_whole())
        return step_key(1, count, key);
    if (end == rl_end)
        return rl_get_next_history(count, key);
    move_to_row(end + 1, row_begin(rl_point));
    return 0;
}

/* The same by the rows of the screen. A walk through short rows keeps its column. */
static int step_key(int rows, int count, int key) {
    if (rl_last_func != up_key && rl_last_func != down_key)
        editor.goal = -1;
    size_t point = editor.how.step(editor.how.context, rows, &editor.goal);
    if (point != SIZE_MAX) {
        rl_point = (int)point;
        return 0;
    }
    int status = rows < 0 ? rl_get_previous_history(count, key) : rl_get_next_history(count, key);
    rl_point = rl_end;
    return status;
}

/* Of the row, where readline means the whole text. */
static int begin_key(int count, int key) {
    (void)count, (void)key;
    rl_point = row_begin(rl_point);
    return 0;
}

static int line_end_key(int count, int key) {
    (void)count, (void)key;
    rl_point = row_end(rl_point);
    return 0;
}

/* The newline itself goes when there is nothing else, so that the key can be pressed again. */
static int kill_end_key(int count, int key) {
    (void)count, (void)key;
    int end = row_end(rl_point);
    return rl_kill_text(rl_point, end > rl_point || end == rl_end ? end : end + 1);
}

static int kill_begin_key(int count, int key) {
    (void)count, (void)key;
    int begin = row_begin(rl_point), from = begin < rl_point || !begin ? begin : begin - 1;
    rl_kill_text(from, rl_point);
    rl_point = from;
    return 0;
}

static void bind_keys(void) {
    static const struct { const char *keys; rl_command_func_t *run; } rows[] = {
        {"\n", new_line_key}, {"\033\r", submit_key}, {"\033\n", submit_key}, {"\004", end_key},
        {"\007", external_key}, {"\030\005", external_key},
        {"\033OP", help_key}, {"\033[11~", help_key}, {"\033[[A", help_key},
        {"\033s", stop_key}, {"\033n", skip_key},
        {"\033p", preview_key}, {"\033k", keep_key}, {"\033x", command_key},
        {"\033[A", up_key}, {"\033OA", up_key}, {"\033[B", down_key}, {"\033OB", down_key},
    };
    Keymap maps[] = {emacs_standard_keymap, vi_insertion_keymap};
    for (size_t m = 0; m < sizeof maps / sizeof *maps; m++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            rl_bind_keyseq_in_map(rows[i].keys, rows[i].run, maps[m]);
}

typedef struct Replacement { rl_command_func_t *old, *new; } Replacement;
static int read_again_key(int count, int key);

/* Whatever keys the user bound readline's functions to, these are ours, or nobody's: recorded keys bypass
 * what edit_feed keeps from readline 8.2, and the others end a line as a shell does. */
static const Replacement IN_EVERY_STYLE[] = {
    {rl_newline, enter_key},         {rl_re_read_init_file, read_again_key},
    {rl_start_kbd_macro, NULL},      {rl_end_kbd_macro, NULL},
    {rl_call_last_kbd_macro, NULL},  {rl_insert_comment, NULL},
    {rl_operate_and_get_next, NULL}, {0},
};

/* Of rows, where readline means the whole text. Two would clear the terminal behind the back of the screen,
 * and a list of one completion is printed there. */
static const Replacement IN_WHOLE_TEXTS[] = {
    {rl_beg_of_line, begin_key},            {rl_end_of_line, line_end_key},
    {rl_kill_line, kill_end_key},           {rl_unix_line_discard, kill_begin_key},
    {rl_get_previous_history, up_key},      {rl_get_next_history, down_key},
    {rl_clear_screen, redraw_key},          {rl_clear_display, redraw_key},
    {rl_possible_completions, rl_complete}, {rl_vi_complete, rl_complete},
    {0},
};

static void replace_functions(Keymap map, const Replacement *rows) {
    for (int key = 0; key < KEYMAP_SIZE; key++) {
        if (map[key].type == ISKMAP && map[key].function)
            replace_functions((Keymap)map[key].function, rows);
        const Replacement *row = rows;
        while (row->old && (map[key].type != ISFUNC || map[key].function != row->old))
            row++;
        if (row->old)
            map[key].function = row->new;
    }
}

/* What the user's inputrc may not change. */
static void bind_ours(void) {
    Keymap maps[] = {emacs_standard_keymap, vi_insertion_keymap, vi_movement_keymap};
    rl_variable_bind("page-completions", "off"); /* its pager waits for keys of its own */
    bind_keys();
    if (vi_insertion_keymap['\f'].function == rl_insert) /* where vi has no Ctrl-L */
        vi_insertion_keymap['\f'].function = redraw_key;
    for (size_t m = 0; m < sizeof maps / sizeof *maps; m++) {
        replace_functions(maps[m], IN_EVERY_STYLE);
        if (is_whole())
            replace_functions(maps[m], IN_WHOLE_TEXTS);
    }
}

static int read_again_key(int count, int key) {
    int failed = rl_re_read_init_file(count, key);
    bind_ours();
    return failed;
}

/* ---- completion ---------------------------------------------------------------------------------------- */

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

static void forget_completions(void) {
    buf_done(&editor.completions.words);
    buf_done(&editor.completions.labels);
    editor.completions = (Completions){0};
}

/* Readline asks where the word begins before it asks for words; our answer knows both. */
static char *word_breaks(void) {
    static char none[] = "";
    forget_completions();
    editor.how.complete(editor.how.context, &editor.completions, rl_line_buffer, (size_t)rl_point);
    return none; /* the whole line is one word: complete_line cuts it */
}

/* What is common to words that need not begin with what was typed may be less than that, and would take its
 * place. */
static char **keep_typed(char **matches, const char *typed) {
    if (matches && matches[1] && strlen(matches[0]) < strlen(typed)) {
        free(matches[0]);
        matches[0] = strdup(typed);
    }
    return matches;
}

static char **complete_line(const char *text, int start, int end) {
    (void)start;
    Completions *found = &editor.completions;
    if (!end) /* nothing before the cursor: readline has not asked */
        word_breaks();
    rl_attempted_completion_over = 1; /* never file names where we offer nothing */
    rl_completion_append_character = found->append;
    rl_completion_suppress_append = !found->append;
    if (!found->count)
        return NULL;
    Buf full = {0}; /* words come with what stands before them, because readline replaces the whole text */
    for (size_t at = 0; at < found->words.size; at += strlen(found->words.data + at) + 1) {
        buf_add(&full, text, found->from);
        buf_add(&full, found->words.data + at, strlen(found->words.data + at) + 1);
    }
    buf_done(&found->words);
    found->words = full;
    return keep_typed(rl_completion_matches(text, next_completion), text);
}

/* Lists show the words alone, or their labels. */
static void show_matches(char **matches, int count, int longest) {
    size_t cut = editor.completions.from;
    const char *label = editor.completions.labels.data;
    longest = 0;
    for (int i = 1; i <= count; i++) {
        char *shown = strdup(label ? label : matches[i] + cut);
        label += label ? strlen(label) + 1 : 0;
        free(matches[i]);
        matches[i] = shown;
        int cells = (int)utf8_text_width(shown, strlen(shown));
        longest = cells > longest ? cells : longest;
    }
    if (is_whole()) {
        editor.how.matches(editor.how.context, matches + 1, (size_t)count);
        return;
    }
    rl_display_match_list(matches, count, longest);
    rl_forced_update_display();
}

/* ---- the editor ---------------------------------------------------------------------------------------- */

static void leave_terminal_alone(void) {
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_getc_function = next_byte;
    rl_input_available_hook = has_byte;
}

void edit_open(const EditHow *how) {
    editor.how = *how;
    editor.goal = -1;
    leave_terminal_alone();
    rl_readline_name = "newbie";
    rl_attempted_completion_function = complete_line;
    rl_completion_word_break_hook = word_breaks;
    rl_completion_display_matches_hook = show_matches;
    rl_sort_completion_matches = 0;
    if (is_whole()) {
        rl_variable_bind("show-all-if-ambiguous", "on"); /* inputrc may say otherwise */
        rl_variable_bind("bell-style", "none");
    }
    rl_initialize();
    rl_tty_set_echoing(1);                       /* readline asks the terminal only in what we switched off */
    bind_ours();
    rl_redisplay_function = draw_nothing;
    rl_callback_handler_install("", on_line);
    rl_redisplay_function = is_whole() ? draw_nothing : rl_redisplay;
}

void edit_close(void) {
    edit_hide();
    rl_callback_handler_remove();
    clear_history();
    forget_completions();
    buf_done(&editor.taken);
}

/* Readline would type what is left of a function key that it does not know. */
static bool is_unknown_key(const char *bytes, size_t size) {
    bool sequence = size > 2 && bytes[0] == '\033' && (bytes[1] == '[' || bytes[1] == 'O');
    return sequence && !rl_function_of_keyseq_len(bytes, size, NULL, NULL);
}

static void feed(const char *bytes, size_t size) {
    editor.unit = bytes;
    editor.left = size;
    while (editor.left && editor.key == EDIT_NOTHING)
        rl_callback_read_char();
    editor.walked = editor.walked || current_history() || RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH);
}

/* A sequence ends a search. Readline would begin it from within (isearch.c, rl_execute_next), and then jumps
 * to a place that it has left: 8.2 crashes so at Alt-Y and at Ctrl-X E in Ctrl-R. An ESC alone ends the
 * search as well. Returns how many bytes are used up. */
static size_t end_search(const char *bytes, size_t size) {
    bool prefix = rl_get_keymap()[(unsigned char)bytes[0]].type == ISKMAP;
    if (!RL_ISSTATE(RL_STATE_ISEARCH) || !prefix || (size == 1 && bytes[0] == '\033'))
        return 0;
    feed("\033", 1);
    if (!RL_ISSTATE(RL_STATE_MULTIKEY))
        return 0;
    if (bytes[0] == '\033') /* where the user let other keys end searches */
        return 1;
    rl_callback_sigcleanup();
    return 0;
}

/* An ESC alone means Alt with the next key, where emacs keys are used. Readline would wait for that key and
 * lose it when there is no such command: so the ESC waits here. In vi mode and in a search it is a key. */
static bool holds_escape(const char *bytes, size_t size) {
    bool emacs = rl_editing_mode == 1, escape = size == 1 && bytes[0] == '\033';
    unsigned long takes = RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_MULTIKEY | RL_STATE_CHARSEARCH;
    return emacs && escape && !RL_ISSTATE(takes);
}

/* The unit with the ESC that came before it, when that is a command; else the unit. */
static size_t with_escape(char joined[EDIT_UNIT_MAX], const char *bytes, size_t size) {
    size_t all = size + 1;
    if (!editor.escaped || all > EDIT_UNIT_MAX)
        return 0;
    joined[0] = '\033';
    memcpy(joined + 1, bytes, size);
    return rl_function_of_keyseq_len(joined, all, NULL, NULL) ? all : 0;
}

/* True for Alt with a character of several bytes: readline would take the first for the key and type the
 * rest. */
static bool is_alt_character(const char *bytes, size_t size) {
    return size > 2 && bytes[0] == '\033' && (unsigned char)bytes[1] >= 0x80;
}

/* The same of the first half of a command, such as Ctrl-X, that was typed before such a character. */
static void forget_prefix(const char *bytes) {
    if (RL_ISSTATE(RL_STATE_MULTIKEY) && (unsigned char)bytes[0] >= 0x80)
        rl_callback_sigcleanup();
}

/* Ctrl-] and Ctrl-V wait for a character. A sequence is none; readline would look in it for the beginning of
 * a paste, push back what it took, and crash (8.2 at Ctrl-] Alt-Ctrl-C). */
static void forget_wait(const char *bytes, size_t size) {
    unsigned long goes_on = RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_NUMERICARG | RL_STATE_MULTIKEY |
                            RL_STATE_VIMOTION;
    if (size > 1 && bytes[0] == '\033' && !RL_ISSTATE(goes_on))
        rl_callback_sigcleanup();
}

EditKey edit_feed(const char *bytes, size_t size) {
    char joined[EDIT_UNIT_MAX];
    if (holds_escape(bytes, size)) {
        editor.escaped = !editor.escaped; /* again: never mind */
        return EDIT_NOTHING;
    }
    size_t all = with_escape(joined, bytes, size);
    editor.escaped = false;
    if (all) {
        bytes = joined;
        size = all;
    }
    if (is_unknown_key(bytes, size) || is_alt_character(bytes, size))
        return EDIT_NOTHING;
    forget_prefix(bytes);
    forget_wait(bytes, size);
    edit_show();
    editor.key = EDIT_NOTHING;
    size_t used = end_search(bytes, size);
    feed(bytes + used, size - used);
    rl_redisplay_function = is_whole() ? draw_nothing : rl_redisplay;
    return editor.key;
}

const char *edit_taken(size_t *size) {
    *size = editor.taken.size;
    return buf_string(&editor.taken);
}

void edit_prompt(const char *prompt) {
    if (is_whole() || (rl_prompt && !strcmp(rl_prompt, prompt)))
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
    if (editor.visible || is_whole())
        return;
    editor.visible = true;
    rl_on_new_line();
    rl_redisplay();
}

const char *edit_message(void) {
    if (editor.escaped)
        return "Esc: the next key is one with Alt; Esc again takes it back";
    return rl_display_prompt && rl_display_prompt != rl_prompt ? rl_display_prompt : "";
}

bool edit_recalled(void) {
    return where_history() < history_length;
}

/* Begins the next line as after Enter: the line that was left to walk in the history is forgotten, too. */
static void begin_anew(void) {
    rl_clear_message();
    rl_replace_line("", 1);
    rl_redisplay_function = draw_nothing;
    rl_callback_handler_install("", on_line);
}

void edit_abandon(const char *mark) {
    editor.escaped = false;
    leave_history();
    rl_free_line_state();
    rl_callback_sigcleanup();
    if (is_whole()) {
        begin_anew();
        return;
    }
    edit_show();
    rl_point = rl_end;
    rl_redisplay();
    fprintf(rl_outstream, "%s\n", mark);
    fflush(rl_outstream);
    rl_replace_line("", 1);
    rl_point = 0;
    editor.visible = false;
}

void edit_redraw(void) {
    edit_hide();
    edit_show();
}

void edit_resize(void) {
    if (editor.visible && !is_whole())
        rl_resize_terminal();
    else
        rl_reset_screen_size();
}

/* In the midst of a search readline's point can be inside a character, or behind the text. */
static size_t point_on_character(void) {
    int at = rl_point < rl_end ? rl_point : rl_end;
    while (at > 0 && at < rl_end && ((unsigned char)rl_line_buffer[at] & 0xc0) == 0x80)
        at--;
    return (size_t)at;
}

const char *edit_text(size_t *size, size_t *point) {
    *size = (size_t)rl_end;
    if (point)
        *point = point_on_character();
    return rl_line_buffer ? rl_line_buffer : "";
}

void edit_set(const char *text, size_t point) {
    edit_hide();
    rl_begin_undo_group();
    rl_delete_text(0, rl_end);
    rl_point = 0;
    rl_insert_text(text);
    rl_end_undo_group();
    rl_point = (int)point;
}

void edit_insert(const char *text) {
    edit_hide();
    rl_insert_text(text);
}

void edit_history_add(const char *text) {
    add_history(text);
    leave_history();
}

#else /* our own few lines */

#include "base/utf8.h"
#include "ui/tty.h"

static struct {
    EditHow how;
    Buf prompt, line, taken;
    bool visible;
} editor;

static bool is_whole(void) {
    return editor.how.style == EDIT_WHOLE;
}

void edit_open(const EditHow *how) {
    editor.how = *how; /* words need readline, as history does */
}

void edit_close(void) {
    edit_hide();
    buf_done(&editor.prompt);
    buf_done(&editor.line);
    buf_done(&editor.taken);
}

const char *edit_taken(size_t *size) {
    *size = editor.taken.size;
    return buf_string(&editor.taken);
}

void edit_prompt(const char *prompt) {
    if (!strcmp(buf_string(&editor.prompt), prompt))
        return;
    edit_hide();
    buf_truncate(&editor.prompt, 0);
    buf_text(&editor.prompt, prompt);
}

void edit_hide(void) {
    if (!editor.visible)
        return;
    editor.visible = false;
    size_t cells = utf8_text_width(buf_string(&editor.prompt), editor.prompt.size) +
                   utf8_text_width(buf_string(&editor.line), editor.line.size);
    size_t rows = cells ? (cells - 1) / tty_columns() : 0;
    if (rows)
        printf("\033[%zuA", rows);
    fputs("\r\033[J", stdout);
    fflush(stdout);
}

const char *edit_message(void) {
    return "";
}

bool edit_recalled(void) {
    return false;
}

void edit_show(void) {
    if (is_whole())
        return;
    if (!editor.visible)
        printf("%s%s", buf_string(&editor.prompt), buf_string(&editor.line));
    fflush(stdout);
    editor.visible = true;
}

void edit_abandon(const char *mark) {
    edit_show();
    if (!is_whole())
        printf("%s\n", mark);
    fflush(stdout);
    buf_truncate(&editor.line, 0);
    editor.visible = false;
}

void edit_redraw(void) {
    edit_hide();
    edit_show();
}

void edit_resize(void) {
}

const char *edit_text(size_t *size, size_t *point) {
    *size = editor.line.size;
    if (point)
        *point = editor.line.size; /* the cursor is always at the end */
    return buf_string(&editor.line);
}

void edit_set(const char *text, size_t point) {
    (void)point;
    edit_hide();
    buf_truncate(&editor.line, 0);
    buf_text(&editor.line, text);
}

void edit_insert(const char *text) {
    edit_hide();
    buf_text(&editor.line, text);
}

void edit_history_add(const char *text) {
    (void)text;
}

static EditKey take_line(EditKey key) {
    buf_truncate(&editor.taken, 0);
    buf_text(&editor.taken, buf_string(&editor.line));
    edit_abandon("");
    return key;
}

static void erase_character(void) {
    size_t size = editor.line.size;
    while (size && (editor.line.data[--size] & 0xc0) == 0x80)
        continue;
    edit_hide();
    buf_truncate(&editor.line, size);
}

static void type(const char *bytes, size_t size) {
    buf_add(&editor.line, bytes, size);
    if (is_whole())
        return;
    fwrite(bytes, 1, size, stdout);
    fflush(stdout);
}

/* Return and Ctrl-J of the whole area. True when the key was one of them and is done. */
static bool breaks_line(const char *bytes, size_t size) {
    if (!is_whole() || size != 1 || (bytes[0] != '\r' && bytes[0] != '\n'))
        return false;
    const char *text = buf_string(&editor.line);
    if (bytes[0] == '\r' &&
        editor.how.enter(editor.how.context, text, editor.line.size, editor.line.size) == ENTER_TAKES)
        return false;
    buf_byte(&editor.line, '\n');
    return true;
}

EditKey edit_feed(const char *bytes, size_t size) {
    static const struct { const char *keys; EditKey key; } rows[] = {
        {"\r", EDIT_ENTER},      {"\n", EDIT_NEW_LINE},  {"\033\r", EDIT_SUBMIT},    {"\033\n", EDIT_SUBMIT},
        {"\004", EDIT_END},      {"\007", EDIT_EXTERNAL}, {"\033OP", EDIT_HELP},     {"\033[11~", EDIT_HELP},
        {"\033s", EDIT_STOP},    {"\033n", EDIT_SKIP},      {"\033p", EDIT_PREVIEW},  {"\033k", EDIT_KEEP},
        {"\033x", EDIT_COMMAND}, {"\014", EDIT_REDRAW},
    };
    edit_show();
    if (breaks_line(bytes, size))
        return EDIT_NOTHING;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (size == strlen(rows[i].keys) && !memcmp(bytes, rows[i].keys, size))
            return rows[i].key <= EDIT_END ? take_line(rows[i].key) : rows[i].key;
    if (bytes[0] == '\177' || bytes[0] == '\b')
        erase_character();
    else if (bytes[0] == '\025') /* Ctrl-U */
        edit_set("", 0);
    else if ((unsigned char)bytes[0] >= ' ')
        type(bytes, size);
    return EDIT_NOTHING;
}

#endif
