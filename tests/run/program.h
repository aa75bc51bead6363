/* program.h: runs the real program on pipes, for the tests in tests/run. Each test program calls
 * program_world once: an empty directory of its own as HOME and working directory, and nothing of the
 * user's surroundings. Nothing here waits longer than PROGRAM_SECONDS; a program that has not ended by
 * then is killed, and the check that follows fails. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

#define PROGRAM_SECONDS 60

/* The options of a picture that costs little, for tests of what happens around pictures. */
#define CHEAP "--steps=1", "--size=64x64"

/* A program that runs, and what it has said. */
typedef struct Program {
    pid_t pid;
    int in, out, err;      /* our ends; -1: closed */
    Buf said, complained;  /* standard output and standard error so far */
    int status;            /* exit status, or 128 + signal; set by program_end */
} Program;

/* Makes the world; asserts that it can. */
void program_world(void);

/* The whole path of the program under test, and of a file in the source tree. Owned by the caller. */
char *program_path(void);
char *program_source(const char *name);

/* From now on the program under test is file `name` of the build folder, not "newbie". Borrows name. */
void program_use(const char *name);

/* Starts newbie with these arguments (ends with NULL; --no-rc need not be said, there is no start file). */
Program program_start(const char *const *arguments);

/* Writes to its standard input, reading meanwhile what it says. A program that does not read any more is
 * no error. */
void program_send(Program *program, const void *bytes, size_t size);

/* Waits until `text` was said on either stream. */
bool program_expect(Program *program, const char *text);

/* Closes its input, collects the rest and the status. */
void program_end(Program *program);
void program_done(Program *program);

/* All of it: newbie ARGUMENT... < input. The last argument is NULL. */
Program program_run(const char *input, ...);

/* Small things that tests need. */
void write_text(const char *path, const char *text);
Buf read_bytes(const char *path);              /* empty when it cannot be read */
int count_of(const char *text, const char *part);
const char *last_line(const Buf *text);        /* borrowed; without looking behind the final newline */
