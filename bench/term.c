/* term.c: how the full screen feels, measured at a pseudo-terminal by the harness of tests/term: from a key
 * to its character in a cell, idle and while a picture is computed on all cores; the processor that idling
 * costs; the bytes that progress costs. product.md F7; asked for: 10 ms median and 30 ms at 99 %, 0.2 %, 20
 * kB/s.
 *
 *   bench/term [SECONDS]     SECONDS of each measurement, 10
 *
 * A key counts from the write into the terminal to the cell being right in libvterm, which is also this
 * program's work. Run it on a machine that does nothing else. */
#include "config.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/term/terminal.h"

#define ROWS 40
#define COLUMNS 120
#define KEYS_MAX 4096
#define GAP_MILLISECONDS 20 /* between keys: a very quick typist */

static double seconds_wanted = 10;

static int ascending(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void row(const char *what, double value, const char *unit, const char *target) {
    printf("| %-44s | %9.3f %-4s | %s |\n", what, value, unit, target);
    fflush(stdout);
}

/* Reads what comes for so long. */
static void wait_for(Terminal *terminal, double seconds) {
    double until = clock_seconds() + seconds;
    for (double left; (left = until - clock_seconds()) > 0;)
        terminal_pump(terminal, (int)(left * 1000) + 1);
}

/* Milliseconds until the key is in the cell where the cursor stood. */
static double time_key(Terminal *terminal, char key) {
    int at_row = terminal_cursor_row(terminal), column = terminal_cursor_column(terminal);
    const char bytes[] = {key, 0};
    double begun = clock_seconds();
    terminal_type(terminal, bytes);
    while (terminal_cell(terminal, at_row, column).code != (unsigned char)key && clock_seconds() - begun < 5)
        terminal_pump(terminal, 1000);
    return 1e3 * (clock_seconds() - begun);
}

static void keys(Terminal *terminal, const char *state) {
    static double times[KEYS_MAX];
    char what[80];
    int count = 0;
    double until = clock_seconds() + seconds_wanted;
    while (clock_seconds() < until && count < KEYS_MAX) {
        if (count % 60 == 0) { /* a fresh line */
            terminal_type(terminal, "\025");
            terminal_expect_cursor(terminal, "newbie> ");
        }
        wait_for(terminal, GAP_MILLISECONDS / 1e3);
        times[count] = time_key(terminal, (char)('a' + count % 26));
        count++;
    }
    terminal_type(terminal, "\025");
    qsort(times, (size_t)count, sizeof *times, ascending);
    snprintf(what, sizeof what, "key to screen, %s, median of %d", state, count);
    row(what, times[count / 2], "ms", "10");
    snprintf(what, sizeof what, "key to screen, %s, 99 %%", state);
    row(what, times[count * 99 / 100], "ms", "30");
}

/* Nanoseconds on a processor, of all threads. */
static double processor_time(pid_t pid) {
    char path[300];
    double sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        double ran;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, task->d_name);
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%lf", &ran) == 1)
            sum += ran;
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return sum;
}

static void idle(Terminal *terminal) {
    terminal_settle(terminal);
    double before = processor_time(terminal_pid(terminal));
    size_t sent = terminal_sent_size(terminal);
    wait_for(terminal, seconds_wanted);
    row("idle, of one processor", (processor_time(terminal_pid(terminal)) - before) / 1e7 / seconds_wanted,
        "%", "0.2");
    row("idle, sent", (double)(terminal_sent_size(terminal) - sent) / seconds_wanted, "B/s", "");
}

static void traffic(Terminal *terminal, const char *what, const char *target) {
    size_t sent = terminal_sent_size(terminal);
    wait_for(terminal, seconds_wanted);
    row(what, (double)(terminal_sent_size(terminal) - sent) / 1e3 / seconds_wanted, "kB/s", target);
}

static void start_job(Terminal *terminal) {
    terminal_type(terminal, "1girl, beach\033\r");
    terminal_expect(terminal, "%  sigma ");
}

/* It must have lasted as long as the measurement. */
static void stop_job(Terminal *terminal) {
    if (!strstr(terminal_screen(terminal), "%  sigma "))
        printf("| the job ended too early | | |\n");
    terminal_type(terminal, "\003\003");
    terminal_expect(terminal, "ready  ");
}

int main(int argc, char **argv) {
    static const char *const arguments[] = {"--no-rc", "--steps=1000", "--seed=1", "--size=256x256", NULL};
    if (argc > 1)
        seconds_wanted = strtod(argv[1], NULL);
    program_world();
    Terminal *terminal =
        terminal_start(&(TerminalHow){.rows = ROWS, .columns = COLUMNS, .arguments = arguments});
    terminal_expect(terminal, "Model loaded in ");
    printf("| %dx%d, %ld processors | measured | asked |\n|---|---|---|\n", COLUMNS, ROWS,
           sysconf(_SC_NPROCESSORS_ONLN));
    idle(terminal);
    keys(terminal, "idle");
    start_job(terminal);
    keys(terminal, "running with previews");
    traffic(terminal, "sent while running, with previews", "");
    stop_job(terminal);
    terminal_type(terminal, ":set picture none\r:set preview off\r");
    start_job(terminal);
    traffic(terminal, "sent while running, no pictures", "20");
    stop_job(terminal);
    terminal_type(terminal, "\003quit\r");
    int status = terminal_wait(terminal);
    terminal_close(terminal);
    return status;
}
