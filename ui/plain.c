/* plain.c: see plain.h. */
#include "config.h"

#include "ui/plain.h"

#include <stdlib.h>
#include <string.h>

#include "app/signals.h"
#include "ui/caps.h"
#include "ui/image.h"

static Status plain_open(void *context, Console *console) {
    ((Plain *)context)->console = console;
    return NULL;
}

static void plain_line(void *context, LineKind kind, const char *text) {
    Plain *plain = context;
    edit_hide();
    stream_line(&plain->stream, kind, text);
}

/* Lines ask no terminal: what the environment says must do. Terminfo is full's. */
static ColorDepth picture_depth(const Plain *plain) {
    const Settings *settings = app_settings(plain->console->app);
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool forbidden = settings_is(settings, SET_COLOR, "auto") && no_color && *no_color;
    if (forbidden || settings_is(settings, SET_COLOR, "never"))
        return DEPTH_NONE;
    CapsFacts facts = caps_facts(term && strstr(term, "256color") ? 256 : 8);
    Caps caps;
    caps_begin(&caps, &facts);
    return caps.depth;
}

/* Only where `picture` says so, and always as half blocks: lines never move the cursor. */
static void plain_image(void *context, const Image *image) {
    Plain *plain = context;
    ColorDepth depth = picture_depth(plain);
    if (depth == DEPTH_NONE) {
        plain_line(plain, LINE_WARN,
                   "A picture here is made of colours, which NO_COLOR or :set color forbids");
        return;
    }
    Caps caps = {.protocol = IMAGE_HALF};
    int rows = (int)tty_rows() - 2;
    int most = image->kind == IMAGE_VIEW ? rows : rows / 2;
    ImageBox box = image_fit(image, (ImageBox){(int)tty_columns(), most > 1 ? most : 1}, &caps);
    ImageCell *cells = must_alloc((size_t)box.columns * (size_t)box.rows * sizeof *cells);
    Buf text = {0};
    image_cells(cells, image, box, depth);
    image_lines(&text, cells, box, depth);
    edit_hide();
    fwrite(text.data, 1, text.size, plain->stream.out);
    fflush(plain->stream.out);
    buf_done(&text);
    free(cells);
}

static void plain_stop(void *context) {
    (void)context;
    edit_hide();
    tty_stop();
    edit_resize();
}

static void on_signal(void *context, int number) {
    if (number == SIGTSTP)
        plain_stop(context);
    else if (number == SIGCONT)
        tty_resume();
    else
        edit_resize();
}

static char plain_ask(void *context, const Question *question) {
    Plain *plain = context;
    edit_hide();
    fputs(question->text, plain->stream.out);
    fflush(plain->stream.out);
    char answer = console_ask(plain->console, question, on_signal, plain);
    fprintf(plain->stream.out, "%.1s\n", answer > ' ' ? &answer : "");
    fflush(plain->stream.out);
    return answer;
}

static void plain_edit(void *context, const char *text, size_t size) {
    console_request_edit(((Plain *)context)->console, text, size);
}

/* Ctrl-Z now stops this program together with the child. */
static void plain_suspend(void *context) {
    Plain *plain = context;
    struct sigaction stop = {.sa_handler = SIG_DFL};
    edit_hide();
    tty_suspend();
    sigaction(SIGTSTP, &stop, &plain->on_stop);
}

/* Ctrl-C was meant for the child. */
static void plain_resume(void *context) {
    Plain *plain = context;
    int fatal = 0;
    sigaction(SIGTSTP, &plain->on_stop, NULL);
    tty_resume();
    for (int number; (number = signals_next());)
        fatal = number == SIGHUP || number == SIGTERM ? number : fatal;
    if (fatal)
        raise(fatal);
    edit_resize(); /* the window may have changed meanwhile */
}

static void plain_bell(void *context) {
    Plain *plain = context;
    fputc('\a', plain->stream.out);
    fflush(plain->stream.out);
}

/* ---- the loop's side ----------------------------------------------------------------------------------- */

static void plain_show(void *context) {
    Plain *plain = context;
    plain->stream.color = settings_is(app_settings(plain->console->app), SET_COLOR, "always");
    edit_show();
}

static void plain_resized(void *context) {
    (void)context;
    edit_resize();
}

static void plain_redraw(void *context) {
    (void)context;
    edit_redraw();
}

static const Surface PLAIN_SURFACE = {
    .name = "plain", .by_request = true, .line = plain_line, .image = plain_image, .ask = plain_ask,
    .edit = plain_edit, .suspend = plain_suspend, .resume = plain_resume, .bell = plain_bell,
};

const Face PLAIN_FACE = {
    .surface = &PLAIN_SURFACE, .style = EDIT_BY_LINE, .open = plain_open,
    .show = plain_show, .resized = plain_resized, .redraw = plain_redraw, .stop = plain_stop,
};
