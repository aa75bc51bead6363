/* reader.c: lines in, prompts and commands out. Facts: product.md 4.1 (I1 to I7), 4.3 (C1, C3, C6). */
#include "config.h"

#include "prompt/reader.h"

#include <string.h>

#include "prompt/input.h"

#define FENCE "\"\"\""
#define PROMPT_FIRST "newbie> "
#define PROMPT_RAW "   " FENCE "> "

static bool equals(const char *line, size_t size, const char *word) {
    return size == strlen(word) && !memcmp(line, word, size);
}

static bool is_blank(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n')
            return false;
    return true;
}

size_t reader_command(const char *line, size_t size) {
    if (size < 2 || line[0] != ':')
        return 0;
    if (line[1] == '!')
        return 1;
    size_t end = 1 + (line[1] == '?');
    while (line[1] != '?' && end < size && (line[end] | 0x20) >= 'a' && (line[end] | 0x20) <= 'z')
        end++;
    if (end == 1 || (end == 2 && !strchr("q?", line[1]))) /* ":)" and ":p" are text */
        return 0;
    return end == size || line[end] == ' ';
}

/* ---- the first line of an empty edit area ---- */

/* What it is when it is no prompt text; ANSWER_MORE when it is. */
static AnswerKind first_line_kind(ReaderSource source, const char *line, size_t size) {
    if (is_blank(line, size))
        return ANSWER_NOTHING;
    if (source == READER_FILE && (equals(line, size, "#") || (size > 1 && line[0] == '#' && line[1] == ' ')))
        return ANSWER_NOTHING;
    if (reader_command(line, size))
        return ANSWER_COMMAND;
    while (line[size - 1] == ' ' || line[size - 1] == '\t') /* the line is not blank, so this ends */
        size--;
    return equals(line, size, "quit") || equals(line, size, "exit") ? ANSWER_LEAVE : ANSWER_MORE;
}

static void give(ReaderAnswer *answer, Reader *reader, AnswerKind kind) {
    *answer = (ReaderAnswer){kind, buf_string(&reader->answer), reader->answer.size, reader->first_line};
}

static void give_line(ReaderAnswer *answer, Reader *reader, AnswerKind kind, const char *line, size_t size) {
    size_t from = kind == ANSWER_COMMAND ? reader_command(line, size) : 0;
    buf_truncate(&reader->answer, 0);
    buf_add(&reader->answer, line + from, size - from);
    give(answer, reader, kind);
}

/* ---- line by line ---- */

void reader_init(Reader *reader, ReaderSource source) {
    *reader = (Reader){.source = source};
    scan_begin(&reader->scan);
}

void reader_done(Reader *reader) {
    scan_done(&reader->scan);
    buf_done(&reader->text);
    buf_done(&reader->answer);
}

void reader_clear(Reader *reader) {
    scan_done(&reader->scan);
    scan_begin(&reader->scan);
    buf_truncate(&reader->text, 0);
    reader->pasted = reader->raw = false;
    reader->health = READER_SOUND;
}

bool reader_empty(const Reader *reader) {
    return reader->text.size == 0 && !reader->raw && reader->health == READER_SOUND;
}

/* Gives out the edit area and begins a new one. One newline at the end is not part of the prompt (I1). */
static void submit(ReaderAnswer *answer, Reader *reader) {
    bool sound = reader->health == READER_SOUND;
    buf_truncate(&reader->answer, 0);
    if (sound && reader->text.size)
        buf_add(&reader->answer, reader->text.data, reader->text.size - 1); /* every line has its newline */
    give(answer, reader, sound ? ANSWER_PROMPT : ANSWER_DROPPED);
    reader_clear(reader);
}

static void append_line(Reader *reader, const char *line, size_t size) {
    buf_add(&reader->text, line, size);
    buf_byte(&reader->text, '\n');
    if (!reader->raw)
        scan_extend(&reader->scan, reader->text.data, reader->text.size);
}

/* True when this typed line, not the first of its area, submits what stands above it. */
static bool submits(const Reader *reader, const char *line, size_t size) {
    if (reader->raw)
        return equals(line, size, FENCE);
    return equals(line, size, ":go") ||
           (is_blank(line, size) && reader->submit == SUBMIT_BLANK && scan_balanced(&reader->scan));
}

/* A typed line that passed the checks. */
static void take_line(ReaderAnswer *answer, Reader *reader, const char *line, size_t size) {
    bool first = reader_empty(reader);
    AnswerKind kind = first && !reader->pasted ? first_line_kind(reader->source, line, size) : ANSWER_MORE;
    if (kind != ANSWER_MORE) {
        give_line(answer, reader, kind, line, size);
        return;
    }
    if (!first && submits(reader, line, size)) {
        submit(answer, reader);
        return;
    }
    if (!reader->raw && equals(line, size, FENCE))
        reader->raw = true;
    else
        append_line(reader, line, size);
    give_line(answer, reader, ANSWER_MORE, "", 0);
}

/* A bad line of a file: its prompt is lost, and where that prompt ends must still be found. */
static void spoil(ReaderAnswer *answer, Reader *reader, const char *line, size_t size) {
    if (reader_empty(reader) && reader_command(line, size)) {
        give_line(answer, reader, ANSWER_NOTHING, "", 0);
        return;
    }
    if (reader->text.size + size > PROMPT_SIZE_MAX) {
        reader_clear(reader);
        reader->health = READER_SKIPPING;
    } else {
        reader->health = READER_SPOILED;
        append_line(reader, line, size);
    }
    give_line(answer, reader, ANSWER_MORE, "", 0);
}

static void skip_line(ReaderAnswer *answer, Reader *reader, const char *line, size_t size) {
    if (equals(line, size, ":go"))
        submit(answer, reader);
    else
        give_line(answer, reader, ANSWER_MORE, "", 0);
}

/* Number of newlines. */
static size_t count_newlines(const char *text, size_t size) {
    size_t count = 0;
    for (const char *end = text + size; (text = memchr(text, '\n', (size_t)(end - text))); text++)
        count++;
    return count;
}

Status reader_line(ReaderAnswer *answer, Reader *reader, const char *line, size_t size) {
    line = size ? line : "";
    if (reader_empty(reader))
        reader->first_line = reader->lines + 1;
    reader->lines += 1 + count_newlines(line, size);
    if (reader->health == READER_SKIPPING) {
        skip_line(answer, reader, line, size);
        return NULL;
    }
    Status st = input_check("the prompt", line, size, reader->text.size);
    if (st && reader->source == READER_TYPED)
        return st;
    if (st) {
        bool first_error = reader->health == READER_SOUND;
        spoil(answer, reader, line, size);
        return first_error || reader->health == READER_SKIPPING ? st : NULL;
    }
    const char *newline = memrchr(line, '\n', size);
    if (newline) {
        size_t head = (size_t)(newline - line);
        reader->pasted = true;
        append_line(reader, line, head);
        line += head + 1;
        size -= head + 1;
    }
    take_line(answer, reader, line, size);
    return NULL;
}

void reader_end(ReaderAnswer *answer, Reader *reader) {
    if (reader_empty(reader))
        give_line(answer, reader, ANSWER_NOTHING, "", 0);
    else
        submit(answer, reader);
}

void reader_prompt(Buf *out, const Reader *reader) {
    if (reader->raw)
        buf_text(out, PROMPT_RAW);
    else if (reader_empty(reader))
        buf_text(out, PROMPT_FIRST);
    else
        scan_prompt(out, &reader->scan, reader->scan.size);
}

/* ---- the whole edit area at once ---- */

/* The parts of an edit area: text above an opening fence, text below it, and the last line, which an Enter
 * judges. */
typedef struct Area {
    const char *text;
    size_t size;
    size_t last;       /* offset of the last line */
    size_t fence;      /* offset of the opening fence, or SIZE_MAX */
    size_t body;       /* offset behind the fence's line; past `last` while the fence is the last line */
} Area;

/* Offset of the line behind the one at `at`; size + 1 when that was the last. */
static size_t next_line(const char *text, size_t size, size_t at) {
    const char *newline = memchr(text + at, '\n', size - at);
    return newline ? (size_t)(newline - text) + 1 : size + 1;
}

/* Only the first line of a pasted area can open raw text: that one was typed before the paste. */
static Area split_area(const Reader *reader, const char *text, size_t size) {
    Area area = {.text = text, .size = size, .fence = SIZE_MAX};
    const char *newline = size ? memrchr(text, '\n', size) : NULL;
    area.last = newline ? (size_t)(newline - text) + 1 : 0;
    for (size_t at = 0; at <= size && area.fence == SIZE_MAX && (at == 0 || !reader->pasted);) {
        size_t next = next_line(text, size, at);
        if (equals(text + at, next - 1 - at, FENCE)) {
            area.fence = at;
            area.body = next;
        }
        at = next;
    }
    return area;
}

static bool area_balanced(const Area *area) {
    Scan scan;
    scan_begin(&scan);
    scan_extend(&scan, area->text, area->last);
    bool balanced = scan_balanced(&scan);
    scan_done(&scan);
    return balanced;
}

/* What Enter on the last line submits: the offset where the prompt ends, or SIZE_MAX when it only makes a new
 * line. */
static size_t area_submits(const Area *area, SubmitRule rule) {
    const char *line = area->text + area->last;
    size_t size = area->size - area->last;
    if (area->fence != SIZE_MAX)
        return area->last >= area->body && equals(line, size, FENCE) ? area->last : SIZE_MAX;
    if (area->last == 0)
        return SIZE_MAX;
    if (equals(line, size, ":go"))
        return area->last;
    return is_blank(line, size) && rule == SUBMIT_BLANK && area_balanced(area) ? area->last : SIZE_MAX;
}

/* The same for Alt-Enter and Ctrl-D: everything, without a closing fence that is there already. */
static size_t area_forced(const Area *area) {
    size_t closed = area->fence == SIZE_MAX ? SIZE_MAX : area_submits(area, SUBMIT_BLANK);
    return closed == SIZE_MAX ? area->size : closed;
}

static void submit_area(ReaderAnswer *answer, Reader *reader, const Area *area, size_t end) {
    Buf *out = &reader->answer;
    buf_truncate(out, 0);
    if (area->fence == SIZE_MAX) {
        buf_add(out, area->text, end);
    } else {
        buf_add(out, area->text, area->fence);
        if (area->body < end)
            buf_add(out, area->text + area->body, end - area->body);
    }
    if (out->size && out->data[out->size - 1] == '\n')
        buf_truncate(out, out->size - 1);
    give(answer, reader, ANSWER_PROMPT);
    reader_clear(reader);
}

Status reader_area(ReaderAnswer *answer, Reader *reader, AreaKey key, const char *text, size_t size) {
    text = size ? text : "";
    TRY(input_check("the prompt", text, size, 0));
    Area area = split_area(reader, text, size);
    AnswerKind kind = is_blank(text, size) ? ANSWER_NOTHING : ANSWER_MORE;
    if (kind == ANSWER_MORE && area.last == 0 && !reader->pasted)
        kind = first_line_kind(READER_TYPED, text, size);
    size_t end = SIZE_MAX;
    if (kind == ANSWER_MORE)
        end = key == AREA_FORCE ? area_forced(&area) : area_submits(&area, reader->submit);
    if (end != SIZE_MAX) {
        submit_area(answer, reader, &area, end);
        return NULL;
    }
    give_line(answer, reader, kind, text, kind == ANSWER_MORE ? 0 : size);
    if (kind != ANSWER_MORE)
        reader->pasted = false;
    return NULL;
}

size_t reader_area_fence(const Reader *reader, const char *text, size_t size) {
    return split_area(reader, text, size).fence;
}

bool reader_area_raw(const Reader *reader, const char *text, size_t size, size_t offset) {
    return reader_area_fence(reader, text, size) < offset;
}

void reader_area_prompt(Buf *out, const Reader *reader, const Scan *scan, size_t offset) {
    if (offset == 0)
        buf_text(out, PROMPT_FIRST);
    else if (reader_area_raw(reader, scan->text, scan->size, offset))
        buf_text(out, PROMPT_RAW);
    else
        scan_prompt(out, scan, offset);
}
