/* arguments.h: the command line. GNU conventions, driven by the settings table and a table of the other
 * options. product.md 1, A1 to A3. */
#pragma once

#include <stdbool.h>

#include "app/options.h"
#include "base/buf.h"
#include "base/status.h"

/* What the program is asked to do. */
typedef enum Task {
    TASK_SESSION,  /* nothing but options: a session on the terminal or a pipe */
    TASK_PROMPT,   /* one prompt: `prompt` or `prompt_file` */
    TASK_FILE,     /* -f */
    TASK_INFO, TASK_DOCTOR, TASK_BENCH, TASK_CHECK, TASK_COMPLETION,
    TASK_HELP, TASK_VERSION, TASK_MAN,
} Task;

typedef enum SurfaceWish { SURFACE_AUTO, SURFACE_PLAIN, SURFACE_FULL } SurfaceWish;
typedef enum Verbosity { VERBOSITY_NORMAL, VERBOSITY_QUIET, VERBOSITY_VERBOSE } Verbosity;

typedef struct Arguments {
    Task task;
    const char *prompt;         /* borrowed from argv, like all texts here */
    const char *prompt_file;    /* -p */
    const char *command_file;   /* -f */
    const char *output;         /* -o */
    const char *const *operands; /* of a subcommand; [operand_count] */
    int operand_count;
    const char *setting[SETTING_COUNT]; /* NULL: not said */
    const char *part[4];        /* --dit --gemma --jina --vae, by ModelPart */
    const char *start_file;     /* --rc */
    bool no_start_file, demo, json, force, keep_going, keep, quality;
    SurfaceWish surface;
    Verbosity verbosity;
} Arguments;

/* Reads argv (which may be reordered). Settings are checked. Errors: ERR_USAGE with a hint, without "newbie:
 * ". */
Status arguments_read(Arguments *out, int argc, char **argv);

/* Appends a hint as it is typed on a command line: ":set outdir DIR" as "--outdir=DIR", ":demo" as "--demo".
 * Other words stay. */
void arguments_hint(Buf *out, const char *hint);

/* Option `index` that is no setting, for completion and the manual; false behind the last. */
typedef struct OptionText {
    const char *name;     /* "keep-going" */
    char letter;          /* 0: none */
    const char *metavar;  /* NULL: takes no value */
    const char *help;
} OptionText;
bool arguments_option(OptionText *out, int index);

/* Subcommand `index`, for completion and the manual; false behind the last. */
typedef struct SubcommandText {
    const char *word;              /* "info" */
    const char *operands;          /* "FILE...", "" */
    const char *needs;             /* what one of them is: "FILE"; NULL: there is none */
    const char *const *words;      /* an operand is one of these, ended by NULL; NULL: free */
    const char *help;
} SubcommandText;
bool arguments_subcommand(SubcommandText *out, int index);

/* The completion script of a shell ("bash", "zsh", "fish"; asserted), made from the tables (shells.c). */
void arguments_completion(Buf *out, const char *shell);

/* The texts of --help, --version and of the manual page (roff), made from the tables. */
void arguments_help(Buf *out);
void arguments_version(Buf *out);
void arguments_man(Buf *out);
