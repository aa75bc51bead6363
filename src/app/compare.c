/* compare.c: newbie check: two backends against each other, op by op, without a session. product.md 1. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/batch.h"
#include "app/places.h"
#include "app/state.h"
#include "base/clock.h"
#include "engine/device.h"
#include "engine/quality.h"
#include "engine/selfcheck.h"

#define STANDARD_PAIR "cpu,ref"

/* One of those that are built in, else the card that a name such as "cuda:1" means. */
static Status find_backend(Device *out, const struct Backend *const *backends, const char *name) {
    for (; *backends; backends++)
        if (!strcmp((*backends)->name, name)) {
            *out = device_host(*backends, false);
            return NULL;
        }
    return device_choose(out, name, NULL);
}

static Status no_pair(const struct Backend *const *backends, const char *text) {
    Buf names = {0};
    for (; *backends; backends++)
        buf_print(&names, "%s, ", (*backends)->name);
    Status st = fail(ERR_USAGE, "check is \"%s\", expected two of %scuda with a comma", text, names.data);
    buf_done(&names);
    return hint(st, "newbie check " STANDARD_PAIR);
}

/* The two names of a pair "cpu,ref". */
static Status find_pair(Device pair[2], const struct Backend *const *backends, const char *text) {
    const char *comma = strchr(text, ',');
    if (!comma || strchr(comma + 1, ','))
        return no_pair(backends, text);
    char *first = must_copy_n(text, (size_t)(comma - text));
    Status st = find_backend(&pair[0], backends, first);
    free(first);
    if (!st)
        st = find_backend(&pair[1], backends, comma + 1);
    return st && st->code == ERR_USAGE ? no_pair(backends, text) : st;
}

/* The model that is named, else the demo; owned by the caller. */
static char *model_path(const Arguments *arguments) {
    const char *variable = getenv("NEWBIE_MODEL");
    const char *name = arguments->setting[SET_MODEL] ? arguments->setting[SET_MODEL] : variable;
    if (arguments->demo || !name || !*name)
        return places_demo_model();
    Places places;
    places_find(&places);
    char *path = places_model(&places, name);
    places_done(&places);
    return path;
}

static PrecisionChoice precision_of(const Arguments *arguments, PrecisionChoice otherwise) {
    return precision_named(arguments->setting[SET_PRECISION], otherwise);
}

/* Size and steps as they were said, else those of the demo model, at which twenty pictures are quick. */
static Job like_of(const Arguments *arguments) {
    Job like = {.width = 128, .height = 128, .steps = 28};
    const char *size = arguments->setting[SET_SIZE], *steps = arguments->setting[SET_STEPS];
    if (size)
        sscanf(size, "%d%*1[xX]%d", &like.width, &like.height); /* checked when it was read */
    if (steps)
        like.steps = atoi(steps);
    return like;
}

static Status check_quality(const Arguments *arguments, Report *report, const struct Backend *host) {
    const char *wish = arguments->setting[SET_DEVICE];
    Device device, cpu = device_host(host, true);
    Quality quality;
    TRY(device_choose(&device, wish ? wish : "auto", &cpu));
    char *path = model_path(arguments);
    if (!path)
        return hint(fail(ERR_IO, "the demo model is not installed"), "-m PATH");
    SessionOptions options = {.path = path, .precision = precision_of(arguments, CHOOSE_INT8),
                              .backend = device.backend, .device = device.index};
    Job like = like_of(arguments);
    Status st = quality_run(&quality, &options, &like);
    free(path);
    TRY(st);
    report_line(report, LINE_INFO,
                "%d pictures of %dx%d in %d steps against bf16: PSNR %.1f dB (median, "
                "at least %.0f), %.1f dB (worst), %d of one colour",
                quality.pictures, like.width, like.height, like.steps, quality.median, QUALITY_PSNR,
                quality.worst, quality.black);
    for (int i = 0; i < QUALITY_TIMES; i++) {
        const VelocityGate *gate = &quality.velocity[i];
        report_line(report, LINE_INFO,
                    "velocity at t = %g against bf16: relative L2 %.2g (at most %g), cosine %.5f "
                    "(at least %g)",
                    gate->time, gate->difference, quality.most, gate->cosine, quality.least);
    }
    return quality_judge(&quality);
}

/* What was compared, and how to compare more. */
static void say_compared(Report *report, const SelfCheck *check, const Device pair[2],
                         const char *precision) {
    char time[24], what[32] = "every op";
    clock_format(time, check->seconds);
    if (check->stages)
        snprintf(what, sizeof what, "%d stages", check->stages);
    report_line(report, LINE_INFO, "%s and %s agree on %s of a picture of %dx%d, %s, %s", pair[0].name,
                pair[1].name, what, SELFCHECK_SIDE, SELFCHECK_SIDE, precision, time);
    if (check->stages)
        report_line(report, LINE_INFO, "each made it by itself; newbie check %s,%s compares op by op",
                    pair[1].name, pair[0].name);
}

int batch_backends(const Arguments *arguments, Report *report, const struct Backend *const *backends) {
    if (arguments->quality) {
        Status st = check_quality(arguments, report, backends[0]);
        report_fault(report, st);
        return !st ? EXIT_DONE : st->code == ERR_DEVICE ? EXIT_DEVICE : EXIT_SOME;
    }
    Device pair[2];
    Status st = find_pair(pair, backends, arguments->operand_count ? arguments->operands[0] : STANDARD_PAIR);
    if (st) {
        report_fault(report, st);
        return st->code == ERR_DEVICE ? EXIT_DEVICE : EXIT_USAGE;
    }
    char *path = model_path(arguments);
    const char *threads = arguments->setting[SET_THREADS], *precision = arguments->setting[SET_PRECISION];
    if (!precision)
        precision = pair[0].backend->devices ? "bf16" : "f32";
    SessionOptions options = {
        .path = path,
        .precision = precision_named(precision, CHOOSE_F32),
        .threads = threads ? atoi(threads) : 0,
        .backend = pair[0].backend,
        .device = pair[0].index,
    };
    SelfCheck check;
    st = path ? selfcheck_run(&check, &options, &pair[1])
              : hint(fail(ERR_IO, "the demo model is not installed"), "-m PATH");
    free(path);
    if (st) {
        report_fault(report, st);
        return st->code == ERR_BUG ? EXIT_SOME : EXIT_MODEL;
    }
    say_compared(report, &check, pair, precision);
    return EXIT_DONE;
}
