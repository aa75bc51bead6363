/* loop.c: see loop.h. The edit area is what stands above the line being edited (`above`, every line with
 * its newline) and that line, which readline holds. Facts: product.md 4 and 14, architecture.md 8 and
 * 9.2.
 */
#include "config.h"

#include "ui/loop.h"

#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/signals.h"
#include "prompt/input.h"
#include "prompt/reader.h"
#include "ui/complete.h"
#include "ui/edit.h"

/* A pasted block of more lines or bytes is told, not shown. */
#define SHOWN_LINES_MAX 200
#define SHOWN_BYTES_MAX ((size_t)64 << 10)

typedef struct Loop {
    App *app;
    Plain *plain;
    Reader reader;      /* rules only: it holds no text */
    Buf above;
    size_t history;     /* entries of app_history that the editor knows */
} Loop;

/* ---- the edit area ------------------------------------------------------------------------------------- */

/* Appends all of it. */
static void add_area(Buf *out, const Loop *loop) {
    size_t size;
    const char *line = edit_text(&size, NULL);
    buf_add(out, loop->above.data, loop->above.size);
    buf_add(out, line, size);
}

/* To be called whenever what stands above has changed. */
static void update_prompt(const Loop *loop) {
    Buf prompt = {0};
    reader_area_prompt(&prompt, &loop->reader, loop->above.data, loop->above.size, loop->above.size);
    edit_prompt(buf_string(&prompt));
    buf_done(&prompt);
}

/* Control characters as ^X: whatever the text is, the terminal stays as it is. */
static void print_safely(FILE *out, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '\177' || (byte < ' ' && byte != '\t'))
            fprintf(out, "^%c", byte ^ 0x40);
        else
            fputc(byte, out);
    }
}

/* Puts whole lines above the one being edited and shows them as if they had been typed. */
static void push_lines_shown(Loop *loop, const char *text, size_t size) {
    FILE *out = loop->plain->stream.out;
    const char *end = text + size;
    edit_hide();
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        Buf prompt = {0};
        reader_area_prompt(&prompt, &loop->reader, loop->above.data, loop->above.size, loop->above.size);
        fputs(buf_string(&prompt), out);
        print_safely(out, text, (size_t)(newline - text));
        fputc('\n', out);
        buf_add(&loop->above, text, (size_t)(newline - text) + 1);
        buf_done(&prompt);
        text = newline + 1;
    }
    fflush(out);
}

static size_t count_lines(const char *text, size_t size) {
    size_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

/* The same for lines of any number. */
static void push_lines(Loop *loop, const char *text, size_t size) {
    size_t lines = count_lines(text, size);
    if (lines <= SHOWN_LINES_MAX && size <= SHOWN_BYTES_MAX) {
        push_lines_shown(loop, text, size);
    } else {
        buf_add(&loop->above, text, size);
        report_line(app_report(loop->app), LINE_INFO, "%zu lines taken, %zu bytes; Ctrl-G shows them", lines,
                    size);
    }
    update_prompt(loop);
}

/* I4: a block with a newline. What stood before the cursor is joined to its first line, what stood behind
 * it to its last; nothing is submitted and nothing is a command. */
static void insert_block(Loop *loop, const char *text, size_t size) {
    size_t line_size, point;
    const char *line = edit_text(&line_size, &point);
    Buf block = {0}, last = {0};
    buf_add(&block, line, point);
    buf_add(&block, text, size);
    size_t whole = (size_t)((char *)memrchr(block.data, '\n', block.size) + 1 - block.data);
    buf_text(&last, block.data + whole);
    size_t cursor = last.size;
    buf_add(&last, line + point, line_size - point);
    edit_set("", 0);
    loop->reader.pasted = true;
    push_lines(loop, block.data, whole);
    edit_set(buf_string(&last), cursor);
    buf_done(&block);
    buf_done(&last);
}

static void insert_text(Loop *loop, const char *text, size_t size) {
    if (size && memchr(text, '\n', size))
        insert_block(loop, text, size);
    else
        edit_insert(text);
}

static void clear_area(Loop *loop) {
    buf_truncate(&loop->above, 0);
    reader_clear(&loop->reader);
    update_prompt(loop);
}

/* Replaces all of it, by text from elsewhere: the editor, the history, an autosave. */
static void replace_area(Loop *loop, const char *text, size_t size) {
    clear_area(loop);
    edit_set("", 0);
    insert_text(loop, text, size);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static void refuse(Loop *loop, Status st) {
    report_fault(app_report(loop->app), st);
}

/* What the reader made of the edit area. A command that is refused comes back to be mended (C2). */
static void act(Loop *loop, const ReaderAnswer *answer, const char *line) {
    bool done = app_answer(loop->app, answer);
    clear_area(loop);
    if (!done)
        edit_set(line, strlen(line));
}

/* The keys that end a line: Enter, Ctrl-J, Alt-Enter, Ctrl-D. */
static void end_line(Loop *loop, EditKey key) {
    size_t size, above = loop->above.size;
    const char *line = edit_taken(&size);
    ReaderAnswer answer = {.kind = ANSWER_MORE};
    if (key == EDIT_END && !above && !size) {
        app_leave(loop->app, LEAVE_ASKING, EXIT_DONE);
        return;
    }
    if (size && memchr(line, '\n', size))
        loop->reader.pasted = true; /* it came back from the history as a whole */
    buf_add(&loop->above, line, size);
    loop->reader.submit = settings_is(app_settings(loop->app), SET_SUBMIT, "go") ? SUBMIT_GO : SUBMIT_BLANK;
    Status st = NULL;
    if (key != EDIT_NEW_LINE)
        st = reader_area(&answer, &loop->reader, key == EDIT_ENTER ? AREA_ENTER : AREA_FORCE,
                         loop->above.data,
                         loop->above.size);
    if (st) {
        buf_truncate(&loop->above, above);
        refuse(loop, st);
        edit_set(line, size);
    } else if (answer.kind == ANSWER_MORE) {
        buf_byte(&loop->above, '\n');
        update_prompt(loop);
    } else {
        act(loop, &answer, line);
    }
}

static void open_editor(Loop *loop) {
    Buf text = {0}, edited = {0};
    add_area(&text, loop);
    Status st = app_edit(loop->app, &edited, buf_string(&text), text.size);
    if (st)
        refuse(loop, st);
    else
        replace_area(loop, buf_string(&edited), edited.size);
    buf_done(&text);
    buf_done(&edited);
}

/* A key that stands for a command. Nothing is remembered of it. */
static void run_command(Loop *loop, const char *line) {
    Status st = command_run(loop->app, line, SOURCE_TYPED);
    if (st)
        refuse(loop, st);
}

/* Tells the session what is here; it knows when to write it down. */
static void save_area(Loop *loop, AutosaveWhen when) {
    Buf text = {0};
    add_area(&text, loop);
    app_autosave(loop->app, buf_string(&text), text.size, when);
    buf_done(&text);
}

/* K1. With nothing running, the text goes away, and Up brings it back. */
static void interrupt(Loop *loop) {
    if (app_interrupt(loop->app))
        return;
    Buf text = {0};
    add_area(&text, loop);
    if (text.size && text.data[text.size - 1] == '\n')
        buf_truncate(&text, text.size - 1);
    if (text.size)
        edit_history_add(buf_string(&text));
    edit_abandon("^C");
    clear_area(loop);
    buf_done(&text);
}

static void stop(Loop *loop) {
    save_area(loop, AUTOSAVE_AT_ONCE);
    edit_hide();
    tty_stop();
    edit_resize();
}

/* I6: what is typed is UTF-8, too. */
static Status check_key(const Loop *loop, const Unit *unit) {
    size_t line_size;
    edit_text(&line_size, NULL);
    bool beyond_ascii = (unsigned char)unit->bytes[0] >= 0x80;
    return beyond_ascii ? input_check("the prompt", unit->bytes, unit->size,
                                      loop->above.size + line_size) : NULL;
}

static void feed_key(Loop *loop, const Unit *unit) {
    EditKey key = edit_feed(unit->bytes, unit->size);
    switch (key) {
    case EDIT_NOTHING: break;
    case EDIT_EXTERNAL: open_editor(loop); break;
    case EDIT_HELP: run_command(loop, "help"); break;
    case EDIT_STOP: run_command(loop, "stop"); break;
    case EDIT_SKIP: run_command(loop, "skip"); break;
    default: end_line(loop, key);
    }
}

static void take_key(Loop *loop, const Unit *unit) {
    Status st = check_key(loop, unit);
    if (st)
        refuse(loop, st);
    else if (unit->bytes[0] == KEY_INTERRUPT)
        interrupt(loop);
    else if (unit->bytes[0] == KEY_STOP)
        stop(loop);
    else
        feed_key(loop, unit);
}

static void take_paste(Loop *loop, const Unit *unit) {
    Buf text = {0};
    size_t dropped = input_from_paste(&text, unit->bytes, unit->size), line_size;
    size_t size = unit->whole > unit->size ? unit->whole : text.size;
    edit_text(&line_size, NULL);
    Status st = input_check("the prompt with this paste", buf_string(&text), size,
                            loop->above.size + line_size);
    if (st) {
        refuse(loop, size < PROMPT_SIZE_MAX ? st : hint(st, "newbie -p FILE reads a prompt from a file"));
    } else {
        if (dropped)
            report_line(app_report(loop->app), LINE_INFO,
                        "Note: %zu control characters of the paste were left out",
                        dropped);
        insert_text(loop, buf_string(&text), text.size);
    }
    buf_done(&text);
}

static void take_units(Loop *loop, CutterPatience patience) {
    while (!app_leaving(loop->app)) {
        Unit unit = cutter_next(&loop->plain->keys, patience);
        if (unit.kind == UNIT_NONE)
            return;
        if (unit.kind == UNIT_END) {
            app_leave(loop->app, LEAVE_STOPPED, EXIT_HANGUP);
            return;
        }
        if (unit.kind != UNIT_STRING) /* nothing was asked: an answer is meant for somebody else */
            (unit.kind == UNIT_PASTE ? take_paste : take_key)(loop, &unit);
    }
}

/* ---- what goes on around the keys ---------------------------------------------------------------------- */

static void end_by_signal(Loop *loop, int status) {
    save_area(loop, AUTOSAVE_AT_ONCE);
    app_leave(loop->app, LEAVE_STOPPED, status);
}

static void take_signals(Loop *loop) {
    for (int number; (number = signals_next());)
        switch (number) {
        case SIGINT: interrupt(loop); break;
        case SIGHUP: end_by_signal(loop, EXIT_HANGUP); break;
        case SIGTERM: end_by_signal(loop, EXIT_TERMINATED); break;
        case SIGTSTP: stop(loop); break;
        case SIGCONT: tty_resume(); edit_redraw(); break;
        case SIGWINCH: edit_resize(); break;
        }
}

static void take_news(Loop *loop) {
    Plain *plain = loop->plain;
    app_drain(loop->app);
    plain->stream.color = settings_is(app_settings(loop->app), SET_COLOR, "always");
    for (size_t count = app_history_count(loop->app); loop->history < count; loop->history++)
        edit_history_add(app_history(loop->app, loop->history));
    if (plain->has_edit_request) {
        plain->has_edit_request = false;
        replace_area(loop, buf_string(&plain->edit_request), plain->edit_request.size);
    }
}

/* The only place that waits. */
static CutterPatience wait_for_news(Loop *loop) {
    struct pollfd from[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = loop->plain->signals, .events = POLLIN},
                            {.fd = app_fd(loop->app), .events = POLLIN}};
    int limit = app_timeout(loop->app), half = cutter_limit(&loop->plain->keys);
    if (half >= 0 && (limit < 0 || limit > half))
        limit = half;
    int ready = poll(from, 3, limit);
    if (ready > 0 && from[0].revents)
        plain_read(loop->plain);
    return half >= 0 && ready == 0 && limit == half ? CUTTER_GIVES_UP : CUTTER_WAITS;
}

static void turn(Loop *loop) {
    edit_show();
    CutterPatience patience = wait_for_news(loop);
    take_signals(loop);
    take_units(loop, patience);
    take_news(loop);
    save_area(loop, AUTOSAVE_LATER);
}

/* ---- beginning and end --------------------------------------------------------------------------------- */

/* X3. Readline measures characters by the locale. */
static void use_utf8(Loop *loop) {
    setlocale(LC_CTYPE, "");
    if (!strcmp(nl_langinfo(CODESET), "UTF-8"))
        return;
    setlocale(LC_CTYPE, "C.UTF-8");
    report_line(app_report(loop->app), LINE_WARN,
                "The locale is not UTF-8; text is read and written as UTF-8 anyway");
}

static void complete(void *context, Completions *out, const char *line, size_t point) {
    const Loop *loop = context;
    complete_at(out, &(CompletePlace){loop->app, &loop->reader, buf_string(&loop->above), loop->above.size,
                                      line, point});
}

static Status open_terminal(Loop *loop) {
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH};
    TRY(signals_open(&loop->plain->signals, caught, sizeof caught / sizeof *caught));
    TRY(tty_open());
    edit_open(complete, loop);
    return NULL;
}

int loop_run(App *app, Plain *plain) {
    Loop loop = {.app = app, .plain = plain};
    reader_init(&loop.reader, READER_TYPED);
    use_utf8(&loop);
    Status st = open_terminal(&loop);
    if (st) {
        report_fault(app_report(app), st);
        return EXIT_INPUT;
    }
    update_prompt(&loop);
    app_start(app);
    const char *restored = app_restored(app);
    if (restored)
        replace_area(&loop, restored, strlen(restored));
    while (!app_leaving(app))
        turn(&loop);
    edit_close();
    int status = app_finish(app);
    tty_close();
    reader_done(&loop.reader);
    buf_done(&loop.above);
    plain_done(plain);
    return status;
}
