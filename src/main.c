/* main.c: picks the parts and connects them: the backend, the surface, the session. Only this file exits. */
#include "config.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/app.h"
#include "app/arguments.h"
#include "app/batch.h"
#include "cpu/cpu.h"
#include "ui/loop.h"

/* What `newbie check` can compare. */
static const Backend *const BACKENDS[] = {&CPU_BACKEND, &REF_BACKEND, NULL};

/* A closed standard stream would give its number to the next file that is opened, and what is printed would
 * go there. */
static void keep_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
            _exit(EXIT_OUTPUT);
}

/* Before the program has started, messages are "newbie: SENTENCE" (product.md A5). */
static int complain(Status st, int status) {
    fprintf(stderr, "newbie: %s\n", st->message);
    Buf advice = {0};
    arguments_hint(&advice, st->hint);
    if (advice.size)
        fprintf(stderr, "newbie: %s\n", advice.data);
    buf_done(&advice);
    return status;
}

static int print_text(Buf *text) {
    fputs(buf_string(text), stdout);
    buf_done(text);
    return fflush(stdout) ? EXIT_OUTPUT : EXIT_DONE;
}

static int print(void (*make)(Buf *out)) {
    Buf out = {0};
    make(&out);
    return print_text(&out);
}

static int print_completion(const char *shell) {
    Buf out = {0};
    arguments_completion(&out, shell);
    return print_text(&out);
}

static AppMode mode_of(const Arguments *arguments) {
    if (arguments->task == TASK_SESSION)
        return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !arguments->json ? APP_INTERACTIVE
                                                                                 : APP_BATCH;
    return arguments->task == TASK_FILE ? APP_BATCH : APP_ONE_SHOT;
}

static Stream standard_stream(const Arguments *arguments) {
    bool taken =
        arguments->output && arguments->output[0] == '-' && !arguments->output[1]; /* by the picture */
    return (Stream){.out = taken ? stderr : stdout, .err = stderr,
                    .voice = arguments->verbosity == VERBOSITY_QUIET ? VOICE_QUIET : VOICE_ALL};
}

/* Where this program lies, NULL when the system does not say. */
static const char *program_path(void) {
    static char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    return size > 0 ? path : NULL;
}

static AppParts standard_parts(const Arguments *arguments) {
    return (AppParts){
        .mode = mode_of(arguments),
        .arguments = arguments,
        .backend = &CPU_BACKEND,
        .bf16_in_hardware = cpu_has_bf16(),
        .cpu_path = cpu_paths()[0],
        .cores = cpu_physical_cores(),
        .program = program_path(),
    };
}

/* On a terminal, a person is there: ui. Everything else runs without one. */
static int run_session(const Arguments *arguments) {
    AppParts parts = standard_parts(arguments);
    Stream stream = standard_stream(arguments);
    Loop *loop = NULL;
    if (parts.mode == APP_INTERACTIVE)
        loop = loop_new(&(LoopParts){stream, arguments->surface});
    parts.surface = loop ? loop_surface() : &STREAM_SURFACE;
    parts.surface_context = loop ? (void *)loop : (void *)&stream;
    App *app;
    Status st = app_open(&app, &parts);
    if (st)
        return complain(st, EXIT_MEMORY);
    int status = loop ? loop_run(loop, app) : batch_run(app, arguments, &stream);
    app_free(app);
    if (loop)
        loop_free(loop);
    return status;
}

static int said(int status, Report *report) {
    buf_done(&report->recent);
    return status;
}

int main(int argc, char **argv) {
    keep_standard_streams();
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C"); /* numbers have a point, whatever the locale (product.md X4) */
    Arguments arguments;
    Status st = arguments_read(&arguments, argc, argv);
    if (st)
        return complain(st, st->code == ERR_DEVICE ? EXIT_DEVICE : EXIT_USAGE);
    Stream stream = standard_stream(&arguments);
    Report report = {.surface = &STREAM_SURFACE, .context = &stream};
    switch (arguments.task) {
    case TASK_HELP: return print(arguments_help);
    case TASK_VERSION: return print(arguments_version);
    case TASK_MAN: return print(arguments_man);
    case TASK_COMPLETION: return print_completion(arguments.operands[0]);
    case TASK_INFO: return said(batch_info(&arguments, &report), &report);
    case TASK_CHECK: return said(batch_backends(&arguments, &report, BACKENDS), &report);
    default: break;
    }
    st = batch_check(&arguments);
    return st ? complain(st, EXIT_OUTPUT) : run_session(&arguments);
}
