/* commands.h: the commands. One table row each; dispatch, :help, completion and the manual page come from it.
 * product.md 4.3 and 5. Handlers are in cmd_*.c by topic. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct App App;

typedef enum ArgumentKind {
    ARGUMENT_NONE,
    ARGUMENT_NUMBER,
    ARGUMENT_WORD,     /* one of the argument's own words, or free when it has none */
    ARGUMENT_TEXT,     /* the rest of the line as it is (C5) */
    ARGUMENT_PICTURE,  /* #12, #-1, last, or a file (C4) */
    ARGUMENT_REF,      /* as a picture, or @macro */
    ARGUMENT_MACRO,
    ARGUMENT_ELEMENT,  /* of the current prompt */
    ARGUMENT_SETTING,
    ARGUMENT_VALUE,    /* of the setting before it, or of the setting that the command is named after */
    ARGUMENT_JOB,      /* j4 */
    ARGUMENT_FILE,
    ARGUMENT_COMMAND,  /* a command or help topic */
} ArgumentKind;

typedef enum ArgumentNeed { REQUIRED, OPTIONAL } ArgumentNeed;

typedef struct Argument {
    const char *name;   /* as help writes it: "NAME"; NULL ends the list */
    ArgumentKind kind;
    ArgumentNeed need;
    const char *const *words; /* that are also (or only) allowed; ends with NULL; NULL for none */
} Argument;

#define ARGUMENTS_MAX 3

/* What a command file waits for before it runs the command. Typed commands never wait. */
typedef enum CommandWait {
    WAIT_NOTHING,
    WAIT_MODEL,
    WAIT_JOBS,
    WAIT_PACE,         /* for jobs, and until it is known how fast a card is */
    WAIT_PICTURE,      /* for jobs, where the argument may name one of their pictures: last, #12, +1 */
} CommandWait;

typedef enum CommandPlace {
    COMMAND_NORMAL,     /* not in the start file */
    COMMAND_START_FILE,    /* also in the start file: `*` in product.md 5 */
    COMMAND_TYPED_ONLY,   /* refused in command files: :! */
} CommandPlace;

typedef enum CommandSource { SOURCE_TYPED, SOURCE_FILE, SOURCE_START_FILE } CommandSource;

/* A command line, split (C5). */
typedef struct Call {
    const struct Command *command;
    CommandSource source;
    int count;                        /* of words */
    char *word[ARGUMENTS_MAX];        /* owned; NULL beyond the count */
} Call;

typedef struct Command {
    const char *name;
    const char *const *aliases;       /* ends with NULL; NULL for none */
    Argument argument[ARGUMENTS_MAX];
    CommandWait wait;
    CommandPlace place;
    const char *group;                /* heading of :help; "": not listed */
    const char *help;                 /* one line, no full stop */
    const char *example;              /* ":set steps 20" */
    Status (*run)(App *app, const Call *call);
} Command;

extern const Command COMMANDS[];      /* ends with a row whose name is NULL; in the order of :help */

/* The row with this name or alias, else NULL. */
const Command *command_find(const char *word);

/* Runs one line without its colon ("set steps 20", "q", "!ls"). A typed word may be a unique prefix of at
 * least two letters. Nothing is reported: the caller does that. Errors: ERR_USAGE (unknown word with the
 * nearest, ambiguous, missing or left-over argument), those of the handler. */
Status command_run(App *app, const char *line, CommandSource source);

/* The row that a line would run, or NULL: what command_run finds, without running it. */
const Command *command_of(const char *line, CommandSource source);

/* The name of topic `index` of :help, NULL behind the last. */
const char *help_topic(int index);

/* Appends ":save NAME [ELEMENT]". */
void command_usage(Buf *out, const Command *command);
