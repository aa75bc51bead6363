/* program.c: see program.h. */
#include "config.h"

#include "program.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

void program_world(void) {
    static char directory[256];
    const char *parent = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/world-XXXXXX", parent ? parent : "/tmp");
    char *made = mkdtemp(directory);
    assert(made);
    static char path[4096]; /* tests are run from the build directory, also by hand */
    if (!getenv("builddir") && getcwd(path, sizeof path))
        setenv("builddir", path, 1);
    int changed = chdir(directory);
    assert(!changed);
    setenv("HOME", directory, 1);
    setenv("TMPDIR", directory, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    static const char *const others[] = {"NEWBIE_MODEL", "NEWBIE_FAKE_CLOCK", "XDG_CONFIG_HOME",
                                         "XDG_DATA_HOME",
                                         "XDG_STATE_HOME", "VISUAL", "EDITOR", "NO_COLOR", "ACCESSIBLE"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        unsetenv(others[i]);
    signal(SIGPIPE, SIG_IGN);
}

static const char *under_test = "newbie";

void program_use(const char *name) {
    under_test = name;
}

char *program_path(void) {
    return file_join(getenv("builddir"), under_test);
}

char *program_source(const char *name) {
    const char *root = getenv("srcdir");
    return file_join(root ? root : "..", name);
}

/* ---- starting ------------------------------------------------------------------------------------------ */

static void become_program(const char *const *arguments, int in, int out, int err) {
    const char *words[64] = {"newbie"};
    size_t count = 1;
    for (; *arguments && count < 63; arguments++)
        words[count++] = *arguments;
    char *path = program_path();
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    execv(path, (char *const *)words);
    perror(path);
    _exit(127);
}

Program program_start(const char *const *arguments) {
    int in[2], out[2], err[2];
    int failed = pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC);
    assert(!failed);
    Program program = {.pid = fork(), .in = in[1], .out = out[0], .err = err[0], .status = -1};
    if (program.pid == 0)
        become_program(arguments, in[0], out[1], err[1]);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    return program;
}

/* ---- talking ------------------------------------------------------------------------------------------- */

static void read_stream(int *fd, Buf *into) {
    char bytes[4096];
    ssize_t got = read(*fd, bytes, sizeof bytes);
    if (got > 0) {
        buf_add(into, bytes, (size_t)got);
    } else if (got == 0) {
        close(*fd);
        *fd = -1;
    }
}

/* Waits until something can be read, or written where `writing`; reads it. True when writing is possible. */
static bool pump(Program *program, bool writing, double until) {
    struct pollfd from[] = {{.fd = program->out, .events = POLLIN}, {.fd = program->err, .events = POLLIN},
                            {.fd = writing ? program->in : -1, .events = POLLOUT}};
    double left = until - clock_seconds();
    poll(from, 3, left > 0 ? (int)(left * 1000) + 1 : 0);
    if (from[0].revents)
        read_stream(&program->out, &program->said);
    if (from[1].revents)
        read_stream(&program->err, &program->complained);
    return from[2].revents != 0;
}

void program_send(Program *program, const void *bytes, size_t size) {
    const char *at = bytes;
    double until = clock_seconds() + PROGRAM_SECONDS;
    while (size && clock_seconds() < until) {
        if (!pump(program, true, until))
            continue;
        ssize_t written = write(program->in, at, size < 4096 ? size : 4096);
        if (written < 0 && errno != EINTR)
            return;
        at += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
}

bool program_expect(Program *program, const char *text) {
    double until = clock_seconds() + PROGRAM_SECONDS;
    for (;;) {
        if (strstr(buf_string(&program->said), text) || strstr(buf_string(&program->complained), text))
            return true;
        if (clock_seconds() > until || (program->out < 0 && program->err < 0))
            return false;
        pump(program, false, until);
    }
}

void program_end(Program *program) {
    double until = clock_seconds() + PROGRAM_SECONDS;
    if (program->in >= 0)
        close(program->in);
    program->in = -1;
    while ((program->out >= 0 || program->err >= 0) && clock_seconds() < until)
        pump(program, false, until);
    if (clock_seconds() >= until) {
        printf("# not ended after %d seconds: killed\n", PROGRAM_SECONDS);
        kill(program->pid, SIGKILL);
    }
    int status = 0;
    while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    program->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void program_done(Program *program) {
    buf_done(&program->said);
    buf_done(&program->complained);
}

Program program_run(const char *input, ...) {
    const char *arguments[64];
    size_t count = 0;
    va_list list;
    va_start(list, input);
    while (count < 63 && (arguments[count] = va_arg(list, const char *)))
        count++;
    arguments[count] = NULL;
    va_end(list);
    Program program = program_start(arguments);
    program_send(&program, input, strlen(input));
    program_end(&program);
    return program;
}

/* ---- small things -------------------------------------------------------------------------------------- */

void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert(file);
    fputs(text, file);
    fclose(file);
}

Buf read_bytes(const char *path) {
    Buf bytes = {0};
    file_read(&bytes, path, (size_t)64 << 20);
    return bytes;
}

int count_of(const char *text, const char *part) {
    int count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

const char *last_line(const Buf *text) {
    const char *begin = buf_string(text), *at = begin + text->size;
    at -= at > begin && at[-1] == '\n';
    while (at > begin && at[-1] != '\n')
        at--;
    return at;
}
