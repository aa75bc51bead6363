/* compare.c: newbie check: two backends against each other, op by op, without a session. product.md 1. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "app/batch.h"
#include "app/places.h"
#include "app/state.h"
#include "base/clock.h"
#include "engine/selfcheck.h"

#define STANDARD_PAIR "cpu,ref"

static const struct Backend *find_backend(const struct Backend *const *backends, const char *name,
                                          size_t size) {
    for (; *backends; backends++)
        if (strlen((*backends)->name) == size && !memcmp((*backends)->name, name, size))
            return *backends;
    return NULL;
}

/* The two names of a pair "cpu,ref". */
static Status find_pair(const struct Backend *pair[2], const struct Backend *const *backends,
                        const char *text) {
    const char *at = text;
    for (int i = 0; i < 2; i++) {
        size_t size = strcspn(at, ",");
        pair[i] = find_backend(backends, at, size);
        bool ended = at[size] == 0;
        if (!pair[i] || ended != (i == 1)) {
            Buf names = {0};
            for (const struct Backend *const *b = backends; *b; b++)
                buf_print(&names, "%s%s", names.size ? ", " : "", (*b)->name);
            Status st = fail(ERR_USAGE, "check is \"%s\", expected two of %s with a comma", text, names.data);
            buf_done(&names);
            return hint(st, "newbie check " STANDARD_PAIR);
        }
        at += size + !ended;
    }
    return NULL;
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

int batch_backends(const Arguments *arguments, Report *report, const struct Backend *const *backends) {
    const struct Backend *pair[2];
    Status st = find_pair(pair, backends, arguments->operand_count ? arguments->operands[0] : STANDARD_PAIR);
    if (st) {
        report_fault(report, st);
        return EXIT_USAGE;
    }
    char *path = model_path(arguments);
    const char *threads = arguments->setting[SET_THREADS], *precision = arguments->setting[SET_PRECISION];
    SessionOptions options = {
        .path = path,
        .precision = precision && !strcmp(precision, "bf16") ? CHOOSE_BF16 : CHOOSE_F32,
        .threads = threads ? atoi(threads) : 0,
        .backend = pair[0],
        .check = pair[1],
    };
    double seconds = 0;
    st = path ? selfcheck_run(&seconds, &options)
              : hint(fail(ERR_IO, "the demo model is not installed"), "-m PATH");
    free(path);
    if (st) {
        report_fault(report, st);
        return st->code == ERR_BUG ? EXIT_SOME : EXIT_MODEL;
    }
    char text[24];
    clock_format(text, seconds);
    report_line(report, LINE_INFO, "%s and %s agree on every op, %s, %s", pair[0]->name, pair[1]->name,
                options.precision == CHOOSE_BF16 ? "bf16" : "f32", text);
    return EXIT_DONE;
}
