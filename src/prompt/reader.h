/* prompt/reader.h: when is the text finished, and is it a prompt or a command? The rules I1, I3, I5, C1, C3
 * and C6 of product.md as one small machine without any input or output of its own.
 *
 * Two ways to use it. Line by line (pipes, command files, a line editor):
 *
 *   reader_init(&reader, READER_FILE);
 *   while (a line came) {
 *       Status st = reader_line(&answer, &reader, line, size);
 *       if (st) report it; else act on answer.kind;
 *   }
 *   reader_end(&answer, &reader);
 *
 * Or with an editor that holds the whole edit area: reader_area on Enter (Alt-Enter, Ctrl-D) says what that
 * key means.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"
#include "prompt/scan.h"

typedef enum ReaderSource {
    READER_TYPED, /* a person: a bad line is refused and can be typed again */
    READER_FILE,  /* a pipe or a file: a bad line spoils its prompt; "# ..." is a comment (C6) */
} ReaderSource;

/* The setting `submit`. */
typedef enum SubmitRule { SUBMIT_BLANK, SUBMIT_GO } SubmitRule;

typedef enum AnswerKind {
    ANSWER_MORE,    /* the text goes on; show the continuation prompt */
    ANSWER_NOTHING, /* an empty first line, a comment, or nothing to submit */
    ANSWER_PROMPT,  /* text: the prompt, exactly the user's bytes */
    ANSWER_COMMAND, /* text: the command line without the colon: "set steps 20", "q", "!ls -l" */
    ANSWER_LEAVE,   /* the bare word quit or exit (C3) */
    ANSWER_DROPPED, /* the prompt that was refused has ended; carry on */
} AnswerKind;

typedef struct ReaderAnswer {
    AnswerKind kind;
    const char *text; /* borrowed from the reader (or from the area given), until its next call;
                       * NUL-terminated */
    size_t size;
    size_t line;      /* number of the first line of `text` among all lines given, from 1 (for FILE:LINE) */
} ReaderAnswer;

typedef struct Reader {
    ReaderSource source;
    SubmitRule submit;   /* may be changed at any time */
    bool pasted;         /* a paste with a newline is in this edit area: no line of it is a command (I4) */
    bool raw;            /* between fences (I3) */
    size_t lines;        /* given so far */
    /* private */
    Buf text;            /* the edit area so far, every line with its newline */
    Buf answer;          /* what the last answer points to */
    Scan scan;           /* of `text` */
    size_t first_line;   /* of the edit area */
    enum { READER_SOUND, READER_SPOILED, READER_SKIPPING } health;
} Reader;

/* C1: is this first line of an edit area a command? Returns the offset behind its colon (1), or 0 when it is
 * text. */
size_t reader_command(const char *line, size_t size);

void reader_init(Reader *reader, ReaderSource source);
void reader_done(Reader *reader);

/* Forgets the edit area (Ctrl-C). */
void reader_clear(Reader *reader);

/* One line without its newline. From a line editor it may hold newlines that were pasted: all before the
 * last newline is then pasted text, the rest is what was typed.
 * Errors: the sentence and offset of input_check (I6). READER_TYPED: the line is not taken, everything else
 * stays.
 * READER_FILE: that error comes once; the prompt it stands in is read to its end and answered with
 * ANSWER_DROPPED (one that is too long ends at a line ":go" or at the end of the input, because its
 * structure is unknown). */
Status reader_line(ReaderAnswer *answer, Reader *reader, const char *line, size_t size);

/* The end of the input, or Alt-Enter and Ctrl-D after what was given so far: submits it, balanced or not.
 * The answer is ANSWER_PROMPT, ANSWER_DROPPED, or ANSWER_NOTHING when nothing waits. */
void reader_end(ReaderAnswer *answer, Reader *reader);

/* True when no text is waiting. */
bool reader_empty(const Reader *reader);

/* F6: the prompt string for the next line: "newbie> ", the open path, "   ...> ", or "   \"\"\"> " in raw
 * text. Appends to *out. */
void reader_prompt(Buf *out, const Reader *reader);

typedef enum AreaKey {
    AREA_ENTER, /* Enter with the cursor on the last line */
    AREA_FORCE, /* Alt-Enter, Ctrl-D */
} AreaKey;

/* What a key means for an editor that keeps the whole edit area, of which the reader must then hold nothing:
 * ANSWER_MORE asks it to insert a newline (for ANSWER_NOTHING do not even that), anything else takes the
 * whole area. Uses reader->source, submit and pasted; does not change the area, and clears `pasted` unless
 * the answer is MORE.
 * Errors: as reader_line for READER_TYPED. */
Status reader_area(ReaderAnswer *answer, Reader *reader, AreaKey key, const char *text, size_t size);

/* For such an editor: is the line that begins at `offset` of the area raw text (I3)? Uses reader->pasted. */
bool reader_area_raw(const Reader *reader, const char *text, size_t size, size_t offset);

/* Where its raw text begins: the offset of the opening fence, SIZE_MAX when there is none. Uses
 * reader->pasted. */
size_t reader_area_fence(const Reader *reader, const char *text, size_t size);

/* F6 for such an editor: the prompt string of that line, where `scan` is that of the whole area (scan_text).
 * Appends to *out. */
void reader_area_prompt(Buf *out, const Reader *reader, const Scan *scan, size_t offset);
