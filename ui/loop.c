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
#include "ui/console.h"
#include "ui/full.h"
#include "ui/plain.h"

/* A pasted block of more lines or bytes is told, not shown, on a surface that edits by line. */
#define SHOWN_LINES_MAX 200
#define SHOWN_BYTES_MAX ((size_t)64 << 10)

struct Loop {
    App *app;
    Console console;
    const Face *face;   /* NULL: not yet chosen */
    void *context;      /* of the face */
    Plain plain;
    Full *full;         /* owned; NULL: not in use */
    SurfaceWish wish;
    Buf said;           /* before there was a face: for each line its kind, its text, NUL */
    Buf above;          /* of a face that edits by line */
    size_t history;     /* entries of app_history that the editor knows */
    Buf aside;          /* the text that Alt-X put aside */
    size_t aside_point;
    bool has_aside, aside_pasted;
};

static bool is_whole(const Loop *loop) {
    return loop->face->style == EDIT_WHOLE;
}

/* ---- before there is a surface ------------------------------------------------------------------------- */

static void keep_line(void *context, LineKind kind, const char *text) {
    Loop *loop = context;
    buf_byte(&loop->said, (unsigned char)kind);
    buf_add(&loop->said, text, strlen(text) + 1);
}

const Surface *loop_surface(void) {
    static const Surface surface = {.name = "starting", .line = keep_line};
    return &surface;
}

static void say_kept(Loop *loop) {
    for (size_t at = 0; at < loop->said.size; at += strlen(loop->said.data + at) + 1) {
        LineKind kind = (LineKind)(unsigned char)loop->said.data[at++];
        loop->face->surface->line(loop->context, kind, loop->said.data + at);
    }
    buf_done(&loop->said);
}

/* ---- the edit area ------------------------------------------------------------------------------------- */

/* Appends all of it. */
static void add_area(Buf *out, const Loop *loop) {
    size_t size;
    const char *line = edit_text(&size, NULL);
    buf_add(out, loop->above.data, loop->above.size);
    buf_add(out, line, size);
}

/* The prompt string of the line below what stands above it. Appends to *out. */
static void put_prompt(Buf *out, const Loop *loop) {
    Scan scan;
    scan_text(&scan, buf_string(&loop->above), loop->above.size);
    reader_area_prompt(out, &loop->console.reader, &scan, loop->above.size);
    scan_done(&scan);
}

/* To be called whenever what stands above has changed. */
static void update_prompt(const Loop *loop) {
    Buf prompt = {0};
    put_prompt(&prompt, loop);
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
    FILE *out = loop->plain.stream.out;
    const char *end = text + size;
    edit_hide();
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        Buf prompt = {0};
        put_prompt(&prompt, loop);
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
    loop->console.reader.pasted = true;
    push_lines(loop, block.data, whole);
    edit_set(buf_string(&last), cursor);
    buf_done(&block);
    buf_done(&last);
}

static void insert_text(Loop *loop, const char *text, size_t size) {
    bool block = size && memchr(text, '\n', size);
    if (block && !is_whole(loop)) {
        insert_block(loop, text, size);
        return;
    }
    loop->console.reader.pasted |= block;
    edit_insert(text);
}

static void clear_area(Loop *loop) {
    buf_truncate(&loop->above, 0);
    reader_clear(&loop->console.reader);
    update_prompt(loop);
}

/* Replaces all of it, by text from elsewhere: the editor, the history, an autosave. */
static void replace_area(Loop *loop, const char *text, size_t size) {
    clear_area(loop);
    if (is_whole(loop)) {
        edit_set(text, size);
        loop->console.reader.pasted = memchr(text, '\n', size) != NULL;
        return;
    }
    edit_set("", 0);
    insert_text(loop, text, size);
}

/* The text that Alt-X put aside comes back. */
static void take_aside_back(Loop *loop) {
    if (!loop->has_aside)
        return;
    loop->has_aside = false;
    edit_set(buf_string(&loop->aside), loop->aside_point);
    loop->console.reader.pasted = loop->aside_pasted;
}

/* Alt-X: the text goes aside, and one command can be typed. */
static void put_aside(Loop *loop) {
    if (!is_whole(loop) || loop->has_aside)
        return;
    size_t size;
    const char *text = edit_text(&size, &loop->aside_point);
    buf_truncate(&loop->aside, 0);
    buf_add(&loop->aside, text, size);
    loop->aside_pasted = loop->console.reader.pasted;
    loop->has_aside = true;
    loop->console.reader.pasted = false;
    edit_set(":", 1);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static void refuse(Loop *loop, Status st) {
    report_fault(app_report(loop->app), st);
}

/* What the reader made of the edit area. A command that is refused comes back to be mended (C2). */
static void act(Loop *loop, const ReaderAnswer *answer, const char *line, size_t size) {
    if (loop->face->echo && answer->kind != ANSWER_NOTHING)
        loop->face->echo(loop->context, line, size);
    bool command = answer->kind == ANSWER_COMMAND; /* the answer's text may be gone afterwards */
    bool done = app_answer(loop->app, answer);
    if (command && loop->face->answered)
        loop->face->answered(loop->context);
    clear_area(loop);
    if (!done)
        edit_set(line, strlen(line));
    else
        take_aside_back(loop);
}

static SubmitRule submit_rule(const Loop *loop) {
    return settings_is(app_settings(loop->app), SET_SUBMIT, "go") ? SUBMIT_GO : SUBMIT_BLANK;
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
    if (size && memchr(line, '\n', size) && !is_whole(loop))
        loop->console.reader.pasted = true; /* it came back from the history as a whole */
    buf_add(&loop->above, line, size);
    loop->console.reader.submit = submit_rule(loop);
    Status st = NULL;
    if (key != EDIT_NEW_LINE)
        st = reader_area(&answer, &loop->console.reader, key == EDIT_ENTER ? AREA_ENTER : AREA_FORCE,
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
        act(loop, &answer, line, size);
    }
}

/* EDIT_WHOLE: what Enter means with the cursor at `point` (I1). What is refused is taken, and comes back. */
static EnterEffect on_enter(void *context, const char *text, size_t size, size_t point) {
    Loop *loop = context;
    Reader *reader = &loop->console.reader;
    bool pasted = reader->pasted;
    ReaderAnswer answer;
    if (memchr(text + point, '\n', size - point))
        return ENTER_NEW_LINE;
    reader->submit = submit_rule(loop);
    Status st = reader_area(&answer, reader, AREA_ENTER, text, size);
    reader->pasted = pasted; /* judged, not taken */
    return !st && answer.kind == ANSWER_MORE ? ENTER_NEW_LINE : ENTER_TAKES;
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
    take_aside_back(loop);
    buf_done(&text);
}

static void stop(Loop *loop) {
    save_area(loop, AUTOSAVE_AT_ONCE);
    loop->face->stop(loop->context);
}

/* I6: what is typed is UTF-8, too. */
static Status check_key(const Loop *loop, const Unit *unit) {
    size_t line_size;
    edit_text(&line_size, NULL);
    bool beyond_ascii = (unsigned char)unit->bytes[0] >= 0x80;
    return beyond_ascii ? input_check("the prompt", unit->bytes, unit->size,
                                      loop->above.size + line_size) : NULL;
}

/* An area that became empty is as new; a prompt of the history is as pasted. */
static void note_change(Loop *loop) {
    size_t size;
    const char *text = edit_text(&size, NULL);
    if (!is_whole(loop))
        return;
    if (!size)
        loop->console.reader.pasted = false;
    else if (edit_recalled() && memchr(text, '\n', size))
        loop->console.reader.pasted = true;
}

static void feed_key(Loop *loop, const Unit *unit) {
    EditKey key = edit_feed(unit->bytes, unit->size);
    note_change(loop);
    switch (key) {
    case EDIT_NOTHING: break;
    case EDIT_EXTERNAL: open_editor(loop); break;
    case EDIT_HELP: run_command(loop, "help"); break;
    case EDIT_STOP: run_command(loop, "stop"); break;
    case EDIT_SKIP: run_command(loop, "skip"); break;
    case EDIT_COMMAND: put_aside(loop); break;
    case EDIT_REDRAW: loop->face->redraw(loop->context); break;
    case EDIT_PREVIEW: refuse(loop, app_preview_now(loop->app)); break;
    case EDIT_KEEP: refuse(loop, app_keep(loop->app)); break;
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
        Unit unit = cutter_next(&loop->console.keys, patience);
        if (unit.kind == UNIT_NONE)
            return;
        if (unit.kind == UNIT_END) {
            app_leave(loop->app, LEAVE_STOPPED, EXIT_HANGUP);
            return;
        }
        if (loop->face->unit && loop->face->unit(loop->context, &unit))
            continue;
        if (unit.kind != UNIT_STRING) /* an answer to nobody's question */
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
        case SIGCONT: tty_resume(); loop->face->redraw(loop->context); break;
        case SIGWINCH: loop->face->resized(loop->context); break;
        }
}

static void take_news(Loop *loop) {
    Console *console = &loop->console;
    app_drain(loop->app);
    for (size_t count = app_history_count(loop->app); loop->history < count; loop->history++)
        edit_history_add(app_history(loop->app, loop->history));
    if (console->has_edit_request) {
        console->has_edit_request = false;
        replace_area(loop, buf_string(&console->edit_request), console->edit_request.size);
    }
}

/* The only place that waits. */
static CutterPatience wait_for_news(Loop *loop) {
    struct pollfd from[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = loop->console.signals, .events = POLLIN},
                            {.fd = app_fd(loop->app), .events = POLLIN}};
    int half = cutter_limit(&loop->console.keys), limit = console_sooner(app_timeout(loop->app), half);
    if (loop->face->wait)
        limit = console_sooner(limit, loop->face->wait(loop->context));
    int ready = poll(from, 3, limit);
    if (ready > 0 && from[0].revents)
        console_read(&loop->console);
    return half >= 0 && ready == 0 && limit == half ? CUTTER_GIVES_UP : CUTTER_WAITS;
}

static void turn(Loop *loop) {
    loop->face->show(loop->context);
    CutterPatience patience = wait_for_news(loop);
    take_signals(loop);
    take_units(loop, patience);
    take_news(loop);
    save_area(loop, AUTOSAVE_LATER);
}

/* ---- beginning and end --------------------------------------------------------------------------------- */

/* X3. Readline measures characters by the locale, and asks the environment for it before every line. The
 * editor that Ctrl-G opens gets UTF-8, and inherits that it does. */
static void use_utf8(Loop *loop) {
    const char *all = getenv("LC_ALL");
    setlocale(LC_CTYPE, "");
    if (!strcmp(nl_langinfo(CODESET), "UTF-8"))
        return;
    setlocale(LC_CTYPE, "C.UTF-8");
    setenv(all && *all ? "LC_ALL" : "LC_CTYPE", "C.UTF-8", 1);
    report_line(app_report(loop->app), LINE_WARN,
                "The locale is not UTF-8; text is read and written as UTF-8 anyway");
}

static void complete(void *context, Completions *out, const char *line, size_t point) {
    const Loop *loop = context;
    complete_at(out, &(CompletePlace){loop->app, &loop->console.reader, buf_string(&loop->above),
                                      loop->above.size, line, point});
}

static void show_matches(void *context, char *const *words, size_t count) {
    Loop *loop = context;
    loop->face->matches(loop->context, words, count);
}

static size_t step(void *context, int rows, int *goal) {
    Loop *loop = context;
    return loop->face->step(loop->context, rows, goal);
}

static Status open_terminal(Loop *loop) {
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH};
    TRY(signals_open(&loop->console.signals, caught, sizeof caught / sizeof *caught));
    return tty_open();
}

static void use_face(Loop *loop, const Face *face, void *context) {
    loop->face = face;
    loop->context = context;
}

/* Curses may find that it cannot. */
static void open_face(Loop *loop) {
    Status st = NULL;
    Buf why = {0};
    if (full_wanted(&why, loop->app, loop->wish)) {
        loop->full = full_new();
        use_face(loop, &FULL_FACE, loop->full);
        st = loop->face->open(loop->context, &loop->console);
    }
    if (!loop->full || st) {
        use_face(loop, &PLAIN_FACE, &loop->plain);
        loop->face->open(loop->context, &loop->console);
    }
    Report *report = app_report(loop->app);
    report->surface = loop->face->surface;
    report->context = loop->context;
    say_kept(loop);
    if (st)
        report_line(report, LINE_WARN, "%s; using the plain surface", st->message);
    else if (why.size)
        report_line(report, LINE_INFO, "%s", why.data);
    buf_done(&why);
}

/* Everything that begins before the first turn. */
static void begin(Loop *loop) {
    app_start(loop->app);
    open_face(loop);
    edit_open(&(EditHow){.style = loop->face->style, .context = loop, .complete = complete, .enter = on_enter,
                         .step = step, .matches = show_matches});
    update_prompt(loop);
    const char *restored = app_restored(loop->app);
    if (restored)
        replace_area(loop, restored, strlen(restored));
}

Loop *loop_new(const LoopParts *parts) {
    Loop *loop = must_alloc(sizeof *loop);
    loop->plain.stream = parts->stream;
    loop->wish = parts->wish;
    reader_init(&loop->console.reader, READER_TYPED);
    return loop;
}

void loop_free(Loop *loop) {
    full_free(loop->full);
    reader_done(&loop->console.reader);
    cutter_done(&loop->console.keys);
    buf_done(&loop->console.edit_request);
    buf_done(&loop->said);
    buf_done(&loop->above);
    buf_done(&loop->aside);
    free(loop);
}

int loop_run(Loop *loop, App *app) {
    loop->app = loop->console.app = app;
    use_utf8(loop);
    Status st = open_terminal(loop);
    if (st) {
        use_face(loop, &PLAIN_FACE, &loop->plain);
        say_kept(loop);
        stream_line(&loop->plain.stream, LINE_ERROR, st->message);
        return EXIT_INPUT;
    }
    begin(loop);
    while (!app_leaving(app))
        turn(loop);
    edit_close();
    if (loop->face->close)
        loop->face->close(loop->context);
    int status = app_finish(app);
    tty_close();
    full_show_errors(loop->full);
    return status;
}
