/* demo.h: what engine tests share: the demo model, a small job, a scratch directory. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "cpu/cpu.h"
#include "engine/worker.h"

static inline char *demo_path(void) {
    const char *source = getenv("srcdir");
    return file_join(source ? source : ".", "samples/demo-model");
}

static inline SessionOptions demo_options(int threads) {
    return (SessionOptions){
        .path = demo_path(), .precision = CHOOSE_F32, .threads = threads, .backend = &CPU_BACKEND};
}

/* Opens the demo model on a card, in bf16; NULL when it cannot. */
static inline Session *demo_session(const Backend *card) {
    SessionOptions options = demo_options(1);
    options.backend = card;
    options.precision = CHOOSE_BF16;
    Session *session = NULL;
    Status st = session_open(&session, &options, NULL);
    if (st)
        printf("# %s\n", st->message);
    session_options_done(&options);
    return session;
}

/* Borrowed strings: job_copy what must live. */
static inline Job demo_job(int id, const char *directory) {
    return (Job){.id = id, .prompt = (char *)"<character_1>\n<n>miku</n>\n</character_1>",
                 .negative = (char *)"", .system_name = (char *)"none", .system_text = (char *)"", .seed = 7,
                 .steps = 4, .cfg = 4, .cfg_trunc = 1, .shift = 3, .sampler = (char *)"euler",
                 .schedule = (char *)"normal", .width = 64, .height = 48, .directory = (char *)directory,
                 .prefix = (char *)"output_", .metadata = META_FULL};
}

/* A fresh directory, owned. */
static inline char *scratch_directory(void) {
    char *path = must_copy("/tmp/newbie-test-XXXXXX");
    return mkdtemp(path) ? path : (free(path), NULL);
}

static inline void scratch_remove(char *path) {
    Buf command = {0};
    buf_print(&command, "rm -rf '%s'", path);
    if (system(command.data))
        printf("# %s stays behind\n", path);
    buf_done(&command);
    free(path);
}
