/* cmd_bench.c: :bench and newbie bench: the rounds of bench.h, one child process after the other, beside the
 * loop.
 *
 * The present model is unloaded first and loaded again after: a card holds one. A round's child reads its
 * prompts from a file on its standard input and answers in events; app_drain looks at them. Ctrl-C ends
 * it. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/bench.h"
#include "app/cmd.h"
#include "app/state.h"
#include "base/file.h"
#include "engine/device.h"
#include "io/json.h"

enum { ROUNDS_MAX = 1000, IMAGES_MAX = 1000 };

/* Five scenes, so that each picture of the usual protocol has a text of its own: nothing is remembered. */
static const char *const SCENES[] = {
    "<character_1>\n<n>miku</n>\n<gender>1girl</gender>\n"
    "<appearance>blue_hair, twintails, blue_eyes</appearance>\n<clothing>school_uniform</clothing>\n"
    "<pose>waving</pose>\n</character_1>\n<general_tags>\n"
    "<style>anime_style</style>\n<background>beach</background>\n</general_tags>",
    "<character_1>\n<gender>1boy</gender>\n<appearance>black_hair, short_hair, red_eyes</appearance>\n"
    "<clothing>kimono</clothing>\n<pose>standing</pose>\n</character_1>\n<general_tags>\n"
    "<style>watercolor</style>\n<background>forest</background>\n</general_tags>",
    "<character_1>\n<gender>1girl</gender>\n<appearance>silver_hair, long_hair, green_eyes</appearance>\n"
    "<clothing>black_jacket</clothing>\n<pose>sitting</pose>\n</character_1>\n<general_tags>\n"
    "<style>cyberpunk_anime</style>\n<background>city, night, rain</background>\n</general_tags>",
    "<character_1>\n<gender>1girl</gender>\n<appearance>pink_hair, ponytail</appearance>\n"
    "<clothing>dress</clothing>\n<position>left</position>\n</character_1>\n<character_2>\n"
    "<gender>1boy</gender>\n"
    "<appearance>blonde_hair, blue_eyes</appearance>\n<position>right</position>\n</character_2>\n"
    "<general_tags>\n<count>1girl, 1boy</count>\n<background>classroom</background>\n</general_tags>",
    "<character_1>\n<gender>1girl</gender>\n<appearance>red_hair, short_hair, smile</appearance>\n"
    "<pose>jumping</pose>\n</character_1>\n<general_tags>\n<lighting>sunset</lighting>\n"
    "<background>mountain, sky</background>\n<quality>masterpiece</quality>\n</general_tags>",
};

/* What the pictures and the machine depend on: handed to the child when it differs from its default. */
static const SettingId HANDED_ON[] = {
    SET_STEPS, SET_CFG, SET_CFG_TRUNC, SET_RENORM, SET_SAMPLER, SET_SCHEDULE, SET_SHIFT, SET_SIZE, SET_NEG,
    SET_SYS, SET_MODEL, SET_DEVICE, SET_PRECISION, SET_VRAM, SET_PLAN, SET_THREADS, SET_DETERMINISTIC,
};

struct Bench {
    BenchResult result;
    bool keep;
    bool other;           /* the round more, with the other value of `deterministic` */
    char *directory;      /* of the pictures; NULL: outdir, and they are kept. Owned */
    char *input;          /* file with the prompts, owned */
    /* the round that runs */
    pid_t child;          /* 0: none */
    int from;             /* its standard output */
    Buf line;             /* bytes of it that are not yet a line */
    double began, sampled;
    int pictures;
    double phase[PHASE_COUNT], hot, device_used;
    BenchRound round;
    char complaint[400];  /* its first error */
};

/* ---- a child ------------------------------------------------------------------------------------------- */

static char *option_text(const char *name, const char *value) {
    Buf text = {0};
    buf_print(&text, "--%s=%s", name, value);
    for (char *c = text.data + 2; *c && *c != '='; c++)
        if (*c == '_')
            *c = '-';
    return buf_take(&text);
}

/* Of the round that runs. */
static const char *deterministic_of(const Bench *bench) {
    bool on = !strcmp(bench->result.deterministic, "on");
    return on != bench->other ? "on" : "off";
}

/* The child's arguments, owned, ended by NULL. */
static char **child_arguments(const App *app, const Bench *bench) {
    static const char *const parts[] = {"dit", "gemma", "jina", "vae"};
    const Settings *settings = &app->settings;
    const size_t most = sizeof HANDED_ON / sizeof *HANDED_ON + 16;
    char **arguments = must_alloc(most * sizeof *arguments);
    size_t count = 0;
    static const char *const fixed[] = {"newbie", "--json", "--no-rc", "--lint=off", "--preview=off",
                                        "--count=1"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        arguments[count++] = must_copy(fixed[i]);
    for (size_t i = 0; i < sizeof HANDED_ON / sizeof *HANDED_ON; i++) {
        SettingId id = HANDED_ON[i];
        if (id == SET_DETERMINISTIC)
            arguments[count++] = option_text(SETTINGS[id].name, deterministic_of(bench));
        else if (settings_changed(settings, id))
            arguments[count++] = option_text(SETTINGS[id].name, settings_text(settings, id));
    }
    bool given = false;
    for (int i = 0; i < PART_COUNT; i++)
        if (app->parts.arguments->part[i]) {
            arguments[count++] = option_text(parts[i], app->parts.arguments->part[i]);
            given = true;
        }
    if (!*settings_text(settings, SET_MODEL) && !given)
        arguments[count++] = must_copy("--demo");
    arguments[count++] =
        option_text("outdir", bench->directory ? bench->directory : settings_text(settings, SET_OUTDIR));
    assert(count < most);
    return arguments;
}

static void arguments_done(char **arguments) {
    for (char **argument = arguments; *argument; argument++)
        free(*argument);
    free(arguments);
}

/* Starts the program with standard input from the file of prompts and standard output into our pipe. */
static Status spawn(pid_t *child, int *from, const App *app, const Bench *bench) {
    extern char **environ;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return fail_errno("make a pipe");
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, bench->input, O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0); /* Ctrl-C is ours: we end the child */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    char **arguments = child_arguments(app, bench);
    int error = posix_spawn(child, app->parts.program, &actions, &attributes, arguments, environ);
    arguments_done(arguments);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        errno = error;
        return fail_errno("run %s", app->parts.program);
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *from = ends[0];
    return NULL;
}

static Status begin_round(App *app, Bench *bench) {
    bench->round = (BenchRound){0};
    bench->pictures = 0;
    bench->hot = bench->device_used = 0;
    bench->complaint[0] = 0;
    bench->began = bench->sampled = clock_seconds();
    return spawn(&bench->child, &bench->from, app, bench);
}

/* ---- what it says -------------------------------------------------------------------------------------- */

/* Where the numbers of the round that runs go. */
static Series *series_of(Bench *bench) {
    return bench->other ? bench->result.other : bench->result.series;
}

static void keep_text(char **field, const Json *event, const char *key) {
    const char *text = json_get_string(event, key, NULL);
    if (text && !*field)
        *field = must_copy(text);
}

static double resident_mib(pid_t child) {
    char path[64];
    unsigned long long size, pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)child);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%llu %llu", &size, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void larger(double *peak, double value) {
    *peak = value > *peak ? value : *peak;
}

/* Memory now; into the series once a second. */
static void sample(Bench *bench) {
    double host = resident_mib(bench->child);
    larger(&bench->round.host_peak, host);
    larger(&bench->round.device_peak, bench->device_used);
    if (clock_seconds() - bench->sampled < 1)
        return;
    bench->sampled += 1;
    series_add(&series_of(bench)[MEASURE_HOST], host);
    if (bench->device_used > 0)
        series_add(&series_of(bench)[MEASURE_DEVICE], bench->device_used);
}

static void on_model(Bench *bench, const Json *event) {
    BenchFacts *facts = &bench->result.facts;
    keep_text(&facts->model, event, "name");
    keep_text(&facts->device, event, "device");
    keep_text(&facts->precision, event, "precision");
    keep_text(&facts->plan, event, "plan");
    bench->round.load = json_get_number(event, "seconds", 0);
    series_add(&series_of(bench)[MEASURE_LOAD], bench->round.load);
}

static void on_job(Bench *bench, const Json *event) {
    Buf *out = &bench->result.facts.settings;
    memset(bench->phase, 0, sizeof bench->phase);
    if (out->size)
        return;
    buf_print(out, "%s, %g steps, cfg %g, %s/%s, shift %g", json_get_string(event, "size", "?"),
              json_get_number(event, "steps", 0), json_get_number(event, "cfg", 0),
              json_get_string(event, "sampler", "?"), json_get_string(event, "schedule", "?"),
              json_get_number(event, "shift", 0));
}

static void on_phase(Bench *bench, const Json *event) {
    const char *name = json_get_string(event, "name", "");
    for (int i = 0; i < PHASE_COUNT; i++)
        if (!strcmp(name, PHASE_NAMES[i]))
            bench->phase[i] = json_get_number(event, "seconds", 0);
}

/* What a quick round says of its memory counts where it was over before anybody could look. */
static void on_memory(Bench *bench, const Json *event) {
    const Json *gpu = json_get(event, "gpu"), *host = json_get(event, "host");
    double held = json_get_number(host, "weights", 0) + json_get_number(host, "activations", 0);
    larger(&bench->round.host_peak, held / (1 << 20));
    double used = json_get_number(gpu, "total", 0) - json_get_number(gpu, "free", 0);
    bench->device_used = used / (1 << 20);
    larger(&bench->round.device_peak, bench->device_used);
}

static void on_saved(Bench *bench, const Json *event) {
    Series *series = series_of(bench);
    double seconds = json_get_number(event, "seconds", 0), steps = json_get_number(event, "steps_run", 0);
    const char *file = json_get_string(event, "file", NULL);
    sample(bench);
    if (bench->directory && file)
        unlink(file);
    if (bench->pictures++ == 0) {
        bench->round.cold = clock_seconds() - bench->began;
        series_add(&series[MEASURE_COLD], bench->round.cold);
        return;
    }
    bench->hot += seconds;
    for (int i = 0; i < PHASE_COUNT; i++)
        series_add(&series[MEASURE_TEXT + i], bench->phase[i]);
    series_add(&series[MEASURE_PICTURE], seconds);
    if (steps > 0)
        series_add(&series[MEASURE_STEP], bench->phase[PHASE_DENOISE] / steps);
}

static void on_error(Bench *bench, const Json *event) {
    if (!bench->complaint[0]) /* the first is the cause */
        snprintf(bench->complaint, sizeof bench->complaint, "%s", json_get_string(event, "message", ""));
}

static void take_line(Bench *bench, const char *line, size_t size) {
    static const struct { const char *event; void (*take)(Bench *bench, const Json *event); } rows[] = {
        {"model", on_model}, {"job", on_job}, {"phase", on_phase}, {"memory", on_memory}, {"saved", on_saved},
        {"error", on_error},
    };
    Json *json;
    if (json_parse(&json, line, size))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(json_get_string(json, "event", ""), rows[i].event))
            rows[i].take(bench, json);
    json_free(json);
}

/* Reads what there is; false at the end. */
static bool read_child(Bench *bench) {
    char bytes[16384];
    ssize_t got;
    while ((got = read(bench->from, bytes, sizeof bytes)) > 0) {
        buf_add(&bench->line, bytes, (size_t)got);
        char *newline;
        size_t taken = 0;
        while ((newline = memchr(bench->line.data + taken, '\n', bench->line.size - taken))) {
            size_t size = (size_t)(newline - bench->line.data) - taken;
            take_line(bench, bench->line.data + taken, size);
            taken += size + 1;
        }
        memmove(bench->line.data, bench->line.data + taken, bench->line.size - taken);
        buf_truncate(&bench->line, bench->line.size - taken);
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* ---- rounds -------------------------------------------------------------------------------------------- */

static void remove_all(const char *directory) {
    DIR *names = opendir(directory);
    for (struct dirent *name; names && (name = readdir(names));) {
        char *path = file_join(directory, name->d_name);
        unlink(path); /* not "." and ".." */
        free(path);
    }
    if (names)
        closedir(names);
}

static void bench_free(App *app) {
    Bench *bench = app->bench;
    if (bench->child) {
        kill(bench->child, SIGKILL);
        waitpid(bench->child, NULL, 0);
        close(bench->from);
    }
    if (bench->input)
        unlink(bench->input);
    if (bench->directory) { /* a killed child may leave a part behind */
        remove_all(bench->directory);
        rmdir(bench->directory);
    }
    bench_result_done(&bench->result);
    buf_done(&bench->line);
    free(bench->input);
    free(bench->directory);
    free(bench);
    app->bench = NULL;
    if (app->view.model == VIEW_BENCH)
        app->view.model = VIEW_NO_MODEL; /* until the model is back */
}

/* Says what was measured so far, and gives the model back. */
static void bench_over(App *app, Status st) {
    Bench *bench = app->bench;
    Fault kept;
    fault_copy(&kept, st);
    if (bench->result.rounds_done) {
        Buf text = {0};
        bench_tables(&text, &bench->result);
        report_lines(&app->report, LINE_PLAIN, buf_string(&text));
        buf_done(&text);
    }
    bench_free(app);
    if (kept.code != ERR_NONE)
        script_fault(app, fault_raise(&kept), EXIT_SOME);
    if (app->parts.arguments->task != TASK_BENCH && !app->leaving)
        app_load_model(app);
}

/* What the child's end means. */
static Status round_over(Bench *bench) {
    int status = 0;
    while (waitpid(bench->child, &status, 0) < 0 && errno == EINTR)
        ;
    bench->child = 0;
    close(bench->from);
    const char *why = bench->complaint[0] ? bench->complaint : "the program ended";
    int number = bench->result.rounds_done + 1;
    if (bench->pictures < bench->result.images)
        return fail(ERR_IO, "round %d made %d of %d pictures: %s", number, bench->pictures,
                    bench->result.images, why);
    if (bench->pictures > 1)
        bench->round.hot = bench->hot / (bench->pictures - 1);
    if (!bench->other)
        bench->result.round[bench->result.rounds_done++] = bench->round;
    return NULL;
}

/* After the last round: whether there is one more, for what `deterministic` costs. The CPU has one way only.
 * */
static bool turn_to_other(App *app, Bench *bench) {
    if (bench->other || !bench->result.facts.driver || bench->result.images < 2)
        return false;
    bench->other = true;
    report_line(&app->report, LINE_INFO, "One round more with deterministic %s, for what that gains",
                deterministic_of(bench));
    return true;
}

void app_bench_due(App *app) {
    Bench *bench = app->bench;
    if (!bench || app->loaded || app->loading) /* the model is still to go */
        return;
    Status st = NULL;
    if (!bench->child) {
        st = begin_round(app, bench);
    } else if (!read_child(bench)) {
        st = round_over(bench);
        if (!st && !bench->other)
            report_line(&app->report, LINE_INFO, "Round %d/%d: cold start %.2fs, hot picture %.2fs",
                        bench->result.rounds_done, bench->result.rounds, bench->round.cold, bench->round.hot);
        if (st || (bench->result.rounds_done == bench->result.rounds && !turn_to_other(app, bench))) {
            bench_over(app, st);
            return;
        }
        st = begin_round(app, bench);
    } else {
        sample(bench);
    }
    if (st)
        bench_over(app, st);
}

bool app_bench_end(App *app) {
    if (!app->bench)
        return false;
    report_line(&app->report, LINE_INFO, "The bench was stopped");
    bench_over(app, NULL);
    return true;
}

/* Prompts of one round, as a person would send them to a pipe. */
static Status write_input(Bench *bench, const char *place) {
    Buf text = {0};
    for (int i = 0; i < bench->result.images; i++) {
        const char *scene = SCENES[i % (int)(sizeof SCENES / sizeof *SCENES)];
        buf_print(&text, ":seed %d\n\"\"\"\n%s", i + 1, scene);
        if (i >= (int)(sizeof SCENES / sizeof *SCENES)) /* a text that was not there before */
            buf_print(&text, "\npicture %d", i + 1);
        buf_text(&text, "\n\"\"\"\n");
    }
    bench->input = must_copy(place);
    int fd = mkstemp(bench->input);
    Status st = fd < 0 ? fail_errno("write %s", place) : NULL;
    if (!st && write(fd, text.data, text.size) != (ssize_t)text.size)
        st = fail_errno("write %s", bench->input);
    if (fd >= 0)
        close(fd);
    buf_done(&text);
    return st;
}

static Status prepare(Bench *bench) {
    const char *temporary = getenv("TMPDIR");
    char *input = file_join(temporary && *temporary ? temporary : "/tmp", "newbie-bench-XXXXXX");
    Status st = write_input(bench, input);
    if (!st && !bench->keep) {
        bench->directory = must_copy(input);
        if (!mkdtemp(bench->directory)) {
            st = fail_errno("make %s", bench->directory);
            free(bench->directory);
            bench->directory = NULL;
        }
    }
    free(input);
    return st;
}

/* The driver of the card that will be used, if one is; and the build. */
static void fill_facts(App *app, BenchFacts *facts) {
    Device device, host = device_host(app->parts.backend, app->parts.bf16_in_hardware);
    if (!device_choose(&device, settings_text(&app->settings, SET_DEVICE), &host) && device.info.driver[0])
        facts->driver = must_copy(device.info.driver);
    facts->build = must_copy("newbie " PACKAGE_VERSION ", " COMPILER);
}

Status cmd_bench(App *app, const Call *call) {
    long rounds = 3, images = 5;
    TRY(call_number(&rounds, call, 0, 1, ROUNDS_MAX));
    TRY(call_number(&images, call, 1, 1, IMAGES_MAX));
    bool keep = app->parts.arguments->keep || (call->count > 2 && !strcmp(call->word[2], "keep"));
    if (call->count > 2 && strcmp(call->word[2], "keep"))
        return hint(fail(ERR_USAGE, ":bench: \"%s\" is left over", call->word[2]), "%s",
                    call->command->example);
    if (app->ticket_count || app->order_count)
        return hint(fail(ERR_USAGE, "jobs are waiting, :bench needs the machine for itself"),
                    ":queue clear drops them");
    if (app->bench)
        return hint(fail(ERR_USAGE, "a bench is running"), "Ctrl-C stops it");
    if (!app->parts.program)
        return fail(ERR_UNSUPPORTED, "the program does not know where it lies, and cannot start itself");
    Bench *bench = must_alloc(sizeof *bench);
    bench->result.rounds = (int)rounds;
    bench->result.images = (int)images;
    bench->result.round = must_alloc((size_t)rounds * sizeof *bench->result.round);
    bench->result.deterministic = settings_is(&app->settings, SET_DETERMINISTIC, "on") ? "on" : "off";
    bench->keep = keep;
    app->bench = bench;
    fill_facts(app, &bench->result.facts);
    Status st = prepare(bench);
    if (st) {
        bench_free(app);
        return st;
    }
    report_line(&app->report, LINE_INFO, "Bench: %ld round%s of %ld picture%s, each round a new process; "
                "Ctrl-C stops it", rounds, rounds == 1 ? "" : "s", images, images == 1 ? "" : "s");
    if (app->loaded)
        worker_unload(app->worker);
    return NULL;
}
