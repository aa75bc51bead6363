/* fuzz_reader.c: any bytes as lines of a pipe and as lines that are typed, and as a whole edit area. A prompt
 * that comes out is valid text of the input, and no reader is left with text behind its end. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "prompt/input.h"
#include "prompt/reader.h"

static void check_answer(const ReaderAnswer *answer) {
    if (answer->kind == ANSWER_PROMPT && (utf8_check(answer->text, answer->size) != answer->size ||
                                          strlen(answer->text) != answer->size))
        abort();
}

static void feed_lines(ReaderSource source, const char *text, size_t size) {
    Reader reader;
    ReaderAnswer answer;
    reader_init(&reader, source);
    for (size_t i = 0; i < size;) {
        const char *newline = memchr(text + i, '\n', size - i);
        size_t length = newline ? (size_t)(newline - text) - i : size - i;
        if (!reader_line(&answer, &reader, text + i, length))
            check_answer(&answer);
        i += length + 1;
    }
    reader_end(&answer, &reader);
    check_answer(&answer);
    if (!reader_empty(&reader))
        abort();
    reader_done(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = size ? (const char *)data : "";
    feed_lines(READER_FILE, text, size);
    feed_lines(READER_TYPED, text, size);
    Reader reader;
    ReaderAnswer answer;
    reader_init(&reader, READER_TYPED);
    for (int key = AREA_ENTER; key <= AREA_FORCE; key++) {
        reader.pasted = size & 1;
        if (!reader_area(&answer, &reader, (AreaKey)key, text, size))
            check_answer(&answer);
    }
    Buf out = {0};
    Scan scan;
    scan_text(&scan, text, size);
    reader_area_prompt(&out, &reader, &scan, size / 2);
    scan_done(&scan);
    reader_done(&reader);
    buf_done(&out);
    input_from_paste(&out, text, size);
    buf_done(&out);
    return 0;
}
