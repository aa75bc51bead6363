/* cmd_layout.c: commands that write XML for the user: :format :xml :insert. What they do to a text is in
 * prompt/format.h, convert.h and insert.h. */
#include "config.h"

#include <string.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/utf8.h"
#include "prompt/convert.h"
#include "prompt/format.h"
#include "prompt/insert.h"

#define LOOSE_COLUMNS 18 /* so that the question fits a row of 80 */

/* The new text becomes the current prompt; says what that changed. */
static void take_text(App *app, const Buf *text) {
    DiffList list = {0};
    Buf difference = {0};
    diff_prompts(&list, buf_string(&app->prompt), app->prompt.size, buf_string(text), text->size);
    diff_print(&difference, &list);
    app_set_prompt(app, buf_string(text), text->size);
    report_lines(&app->report, LINE_PLAIN, difference.data);
    say_prompt_changed(app);
    buf_done(&difference);
    diff_done(&list);
}

/* ---- :format ------------------------------------------------------------------------------------------- */

/* What is to become of text outside elements: 'k' keep it there, 'c' make it a caption, 'n' nothing at all.
 */
static char ask_about_loose(App *app) {
    Buf loose = {0}, text = {0};
    char answer = 'k';
    format_loose(&loose, buf_string(&app->prompt), app->prompt.size);
    if (loose.size) {
        size_t fits = utf8_fit(loose.data, loose.size, LOOSE_COLUMNS);
        buf_print(&text, "\"%.*s%s\" is outside: [k]eep, make a [c]aption, do [n]othing? ",
                  (int)fits, loose.data, fits < loose.size ? "..." : "");
        answer = report_ask(&app->report, &(Question){text.data, "kcn", .otherwise = 'k', .refusal = 'n'});
    }
    buf_done(&loose);
    buf_done(&text);
    return answer;
}

Status cmd_format(App *app, const Call *call) {
    (void)call;
    Buf text = {0};
    const char *prompt = buf_string(&app->prompt);
    size_t size = app->prompt.size;
    if (!size)
        return no_prompt();
    TRY(format_prompt(&text, prompt, size, FORMAT_KEEP)); /* before anybody is asked */
    char answer = ask_about_loose(app);
    buf_truncate(&text, 0);
    if (answer == 'n') {
        report_line(&app->report, LINE_INFO, "Prompt unchanged");
        return NULL;
    }
    Status st = format_prompt(&text, prompt, size, answer == 'c' ? FORMAT_CAPTION : FORMAT_KEEP);
    if (!st && text.size == size && !memcmp(text.data, prompt, size))
        report_line(&app->report, LINE_INFO, "The prompt is in this layout already");
    else if (!st)
        take_text(app, &text);
    buf_done(&text);
    return st;
}

/* ---- :xml ---------------------------------------------------------------------------------------------- */

static Status refuse_elements(const char *text, size_t size) {
    Scan scan;
    scan_text(&scan, text, size);
    bool elements = scan.element_count > 0;
    scan_done(&scan);
    return elements ? hint(fail(ERR_USAGE, "the text has elements already, expected tags with commas "
                                           "between"),
                           ":format lays out the current prompt")
                    : NULL;
}

Status cmd_xml(App *app, const Call *call) {
    const char *text = call->word[0];
    size_t size = strlen(text);
    Buf xml = {0}, unsure = {0};
    TRY(refuse_elements(text, size));
    convert_tags(&xml, &unsure, text, size);
    if (!xml.size)
        return hint(fail(ERR_USAGE, ":xml needs a TEXT with tags"), "%s", call->command->example);
    app_set_prompt(app, xml.data, xml.size);
    say_numbered(app, xml.data);
    if (unsure.size)
        report_line(&app->report, LINE_INFO, "Note: given to character_1, but could be anybody's: %s",
                    unsure.data);
    report_line(&app->report, LINE_INFO,
                "This is the current prompt; :go renders, :edit changes, :undo goes back");
    buf_done(&xml);
    buf_done(&unsure);
    return NULL;
}

/* ---- :insert ------------------------------------------------------------------------------------------- */

static Status insert(Buf *text, App *app, const Macro *macro, const Call *call) {
    Insertion what = {buf_string(&macro->prompt), macro->prompt.size, call->count > 2 ? call->word[2] : NULL};
    Inserted done;
    Status st = insert_element(text, &done, buf_string(&app->prompt), app->prompt.size, &what);
    if (st && strstr(st->message, "what is stored is not one element"))
        return hint(fail(ERR_USAGE, "%s is not one element", call->word[0]),
                    ":load %s makes it the prompt; :save NAME ELEMENT stores an element", call->word[0]);
    if (!st)
        report_line(&app->report, LINE_INFO, "%s is now %s%s", call->word[0], done.path,
                    done.replaced ? ", in place of what was there" : "");
    return st;
}

Status cmd_insert(App *app, const Call *call) {
    if (call->count > 1 && (strcmp(call->word[1], "into") || call->count == 2))
        return hint(fail(ERR_USAGE, ":insert: expected into ELEMENT behind %s", call->word[0]), "%s",
                    call->command->example);
    Macro macro = {0};
    Buf text = {0};
    TRY(reference_macro(&macro, app, call->word[0]));
    Status st = insert(&text, app, &macro, call);
    if (!st)
        take_text(app, &text);
    macro_done(&macro);
    buf_done(&text);
    return st;
}
