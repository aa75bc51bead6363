/* Every rule of product.md 9.2: its example with the exact message, and the well-formed prompts that must
 * stay silent. */
#include "config.h"

#include <stdlib.h>

#include "base/file.h"
#include "prompt/lint.h"
#include "tests/tap.h"

/* All findings as "ID: [LEVEL] MESSAGE (PLACE)" lines; only those of `id` when it is not NULL. */
static const char *findings(const char *id, const char *text, const LintFacts *facts) {
    static Buf out;
    LintList list = {0};
    buf_truncate(&out, 0);
    lint_prompt(&list, text, strlen(text), facts);
    for (size_t i = 0; i < list.count; i++) {
        if (id && strcmp(list.findings[i].rule->id, id))
            continue;
        if (out.size)
            buf_byte(&out, '\n');
        if (!id)
            buf_print(&out, "%s: ", list.findings[i].rule->id);
        lint_format(&out, &list.findings[i]);
    }
    lint_done(&list);
    return buf_string(&out);
}

#define IN_CHARACTER(inner) "<character_1>\n" inner "\n</character_1>"
#define IN_GENERAL(inner) "<general_tags>" inner "</general_tags>"

/* The examples of the table: rule, text, what it says. */
static const struct {
    const char *id, *text, *says;
} EXAMPLES[] = {
    {"gender-unknown", IN_CHARACTER("<gender>girl</gender>"),
     "[WARN] Unknown gender tag \"girl\", using default female prior (2:9)"},
    {"gender-unknown", IN_CHARACTER("<gender>Male</gender>"),
     "[WARN] Unknown gender tag \"Male\", using default male prior (2:9)"},
    {"gender-unknown", IN_CHARACTER("<gender>男</gender>"),
     "[WARN] Unknown gender tag \"男\", using default male prior (2:9)"},
    {"gender-unknown", IN_CHARACTER("<gender>female</gender>"),
     "[WARN] Unknown gender tag \"female\", using default female prior (2:9)"},
    {"gender-unknown",
     IN_CHARACTER("<gender>1girl, 2boys, multiple_others, no_humans, 女孩, 6+girls</gender>"), ""},
    {"pose-unknown", IN_CHARACTER("<pose>dancing_ballet</pose>"),
     "[WARN] Unknown pose \"dancing_ballet\", falling back to standing (2:7)"},
    {"pose-unknown", IN_CHARACTER("<pose>standing_confident</pose><pose>挥手</pose><action>dancing</action>"),
     ""},
    {"pose-unknown", IN_CHARACTER("<pose>standingroom</pose>"),
     "[WARN] Unknown pose \"standingroom\", falling back to standing (2:7)"},
    {"appearance-collapse", IN_CHARACTER("<appearance>a,b,c,d,e,f,g,h,i，j、k,</appearance>"),
     "[WARN] appearance of character_1 has 11 attributes, details collapse above 8; keep 5 or fewer (2:1)"},
    {"appearance-many", IN_CHARACTER("<appearance>a,b,c,d,e,f (x, y), g</appearance>"),
     "[INFO] Note: appearance of character_1 has 7 attributes; 5 or fewer are safest (2:1)"},
    {"appearance-many", IN_CHARACTER("<appearance>a,b,c,d,e</appearance>"), ""},
    {"appearance-many", IN_CHARACTER("<appearance>a,b,c,d,e,f,g,h,i</appearance>"), ""},
    {"appearance-collapse", IN_CHARACTER("<appearance>a,b,c,d,e,f,g,h</appearance>"), ""},
    {"element-unknown", IN_CHARACTER("<appearence>a</appearence>"),
     "[WARN] Unknown element <appearence>, closest is <appearance> (2:1)"},
    {"element-unknown", "<Character_2>a</Character_2>" IN_CHARACTER("<n>a</n>"),
     "[WARN] Unknown element <Character_2>, closest is <character_2> (1:1)"},
    {"element-unknown", "<charcter_3>a</charcter_3>" IN_GENERAL("a"),
     "[WARN] Unknown element <charcter_3>, closest is <character_3> (1:1)"},
    {"element-unknown", "<zzzzzz>a</zzzzzz>" IN_GENERAL("a"), "[WARN] Unknown element <zzzzzz> (1:1)"},
    {"element-unknown", "<b>bold</b>, 1girl", ""},
    {"element-unclosed", IN_CHARACTER("<n>a</n>") "\n<character_2>",
     "[WARN] <character_2> is never closed (4:1)"},
    {"element-unclosed", "<character_2>", "[WARN] <character_2> is never closed (1:1)"},
    {"close-mismatch", "<character_1>\n<n>a</n>\n</character_2>",
     "[WARN] </character_2> does not match the open <character_1> of line 1 (3:1)"},
    {"close-mismatch", IN_CHARACTER("<clothing>hat</clothng>"),
     "[WARN] </clothng> does not match the open <clothing> of line 2 (2:14)"},
    {"close-stray", IN_CHARACTER("<pose>waving</pose></pose>"), "[WARN] </pose> closes nothing (2:20)"},
    {"element-misplaced", IN_GENERAL("<position>left</position>"),
     "[WARN] <position> belongs inside a character (1:15)"},
    {"element-misplaced", IN_CHARACTER("<style>x</style><count>1girl</count>"),
     "[WARN] <style> belongs inside general_tags or at the top level (2:1)\n"
     "[WARN] <count> belongs inside general_tags (2:17)"},
    {"element-misplaced",
     "<image>" IN_CHARACTER("<n>a</n>") IN_GENERAL("<style>a</style>") "</image><style>a</style>", ""},
    {"element-misplaced", "<charcter_1><n>a</n></charcter_1>", ""},
    {"position-unknown", IN_CHARACTER("<position>centre</position>"),
     "[WARN] Unknown position \"centre\", closest is center (2:11)"},
    {"position-unknown", IN_CHARACTER("<position>uper_left</position>"),
     "[WARN] Unknown position \"uper_left\", closest is upper_left (2:11)"},
    {"position-unknown", IN_CHARACTER("<position>centre_\xff\nx</position>"),
     "[WARN] Unknown position \"centre_\uFFFD x\", closest is center_\uFFFD x (2:11)"},
    {"position-unknown", IN_CHARACTER("<position>kitchen</position>"),
     "[WARN] Unknown position \"kitchen\" (2:11)"},
    {"position-unknown", IN_CHARACTER("<position>upper_left, 中间, foreground</position>"), ""},
    {"position-shared",
     IN_CHARACTER("<position>left</position>") "<character_2><position> left</position></character_2>",
     "[INFO] Note: character_1 and character_2 are both at left and may overlap (3:39)"},
    {"character-number", IN_CHARACTER("<n>a</n>") "\n<character_3><n>b</n></character_3>",
     "[INFO] Note: Characters are numbered 1, 3; expected 1, 2 (4:1)"},
    {"character-number", "<character_2><n>b</n></character_2>" IN_CHARACTER("<n>a</n>"),
     "[INFO] Note: Characters are numbered 2, 1; expected 1, 2 (1:1)"},
    {"character-twice", IN_CHARACTER("<n>a</n>") "\n" IN_CHARACTER("<n>a</n>"),
     "[WARN] <character_1> appears twice (4:1)"},
    {"character-twice", IN_CHARACTER("a") "\n" IN_CHARACTER("a") "\n" IN_CHARACTER("a"),
     "[WARN] <character_1> appears twice (4:1, 2 times)"},
    {"count-mismatch",
     IN_CHARACTER("<gender>1girl</gender>") "<character_2><gender>1boy</gender></character_2>\n" IN_GENERAL(
         "<count>2girls</count>"),
     "[INFO] Note: count says 2girls, the characters are 1girl and 1boy (4:22)"},
    {"count-mismatch", IN_CHARACTER("<gender>1girl</gender>") IN_GENERAL("<count>1girl, solo</count>"), ""},
    {"count-mismatch", IN_CHARACTER("<gender>girl</gender>") IN_GENERAL("<count>2girls</count>"), ""},
    {"count-mismatch", IN_GENERAL("<count>2girls</count>"), ""},
    {"count-mismatch", IN_CHARACTER("<gender>3girls</gender>") IN_GENERAL("<count>multiple_girls</count>"),
     ""},
    {"text-outside", "1girl, solo\n" IN_CHARACTER("<n>a</n>"),
     "[WARN] Text outside elements: \"1girl, solo\" (1:1)"},
    {"text-outside",
     "<!-- a --> <?xml?> <image>" IN_CHARACTER("<n>a</n>") "\nloose</image><caption>b</caption>",
     "[WARN] Text outside elements: \"loose\" (4:1)"},
    {"text-outside", "1girl, solo", ""},
    {"text-outside", "sys text <Prompt Start>" IN_CHARACTER("<n>a</n>"), ""},
    {"paren-comfy", IN_CHARACTER("<n>rem_\\(re:zero\\)</n>"),
     "[INFO] Note: Parentheses are sent as typed; ComfyUI would change 2 of them (parity comfy) (2:9)"},
    {"prompt-start", "You are kind. <Prompt Start> 1girl",
     "[INFO] Note: The prompt brings its own system prompt, none is added (1:15)"},
    {"prompt-start-bare", " <Prompt Start> 1girl",
     "[WARN] The prompt starts with <Prompt Start>, so no system prompt is used; remove the marker to get "
     "xml-train (1:2)"},
    {"entity", IN_GENERAL("<other>a &amp; b &amp; c</other>"),
     "[INFO] Note: &amp; is sent as written, the model does not decode it (1:24, 2 times)"},
    {"entity", "a &#x3c; & &foo; &#; b",
     "[INFO] Note: &#x3c; is sent as written, the model does not decode it (1:3)"},
};

static void examples(void) {
    LintFacts facts = {.system_preset = "xml-train"};
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        char name[300];
        snprintf(name, sizeof name, "%s %s: %.120s", EXAMPLES[i].id,
                 *EXAMPLES[i].says ? "finds" : "is silent about", EXAMPLES[i].text);
        for (char *c = name; *c; c++)
            *c = *c == '\n' || *c == '#' ? ' ' : *c;
        CHECK_STR(findings(EXAMPLES[i].id, EXAMPLES[i].text, &facts), EXAMPLES[i].says, name);
    }
}

static void facts_of_tokens(void) {
    const char *text = IN_GENERAL("<other>sun, rain, reflections</other>");
    LintFacts cut = {.gemma_tokens = 547,
                     .gemma_limit = 512,
                     .gemma_cut = (size_t)(strstr(text, "rain") - text),
                     .system_preset = "xml-train"};
    CHECK_STR(findings("gemma-cut", text, &cut),
              "[WARN] Prompt has 547 tokens with the system prompt, Gemma reads 512; cut: \"rain, "
              "reflections</other></general_tags>\" (35 tokens) (1:27)",
              "gemma-cut shows what is lost");
    char longer[200];
    memset(longer, 'x', sizeof longer);
    longer[0] = '<', longer[100] = '\n', longer[199] = 0;
    cut.system_preset = NULL;
    cut.gemma_cut = 0;
    CHECK_STR(
        findings("gemma-cut", longer, &cut),
        "[WARN] Prompt has 547 tokens, Gemma reads 512; cut: \"<xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ... "
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" (35 tokens) (1:1)",
        "gemma-cut shows the first and last 40");
    cut.gemma_tokens = 512;
    CHECK_STR(findings("gemma-cut", longer, &cut), "", "512 of 512 tokens are not cut");
    CHECK_STR(findings("jina-cut", "a", &(LintFacts){.jina_tokens = 2101, .jina_limit = 2048}),
              "[INFO] Note: Jina reads 2048 tokens, the prompt has 2101", "jina-cut counts");
}

static void facts_of_settings(void) {
    LintFacts size = {.width = 1536, .height = 1536, .largest_width = 1024, .largest_height = 1024};
    CHECK_STR(findings("size-large", "a", &size),
              "[WARN] 1536x1536 is above the model's 1024x1024; expect repeated or broken parts",
              "size-large");
    size = (LintFacts){.width = 832, .height = 1216, .largest_width = 1024, .largest_height = 1024};
    CHECK_STR(findings(NULL, "a", &size), "", "a longer side within the area is fine");
    CHECK_STR(findings("size-step", "a", &(LintFacts){.width = 1000, .height = 1000}),
              "[ERROR] 1000x1000 is not a multiple of 16; nearest are 992x992 and 1008x1008", "size-step");
    CHECK_STR(findings("size-step", "a", &(LintFacts){.width = 1000, .height = 1024}),
              "[ERROR] 1000x1024 is not a multiple of 16; nearest are 992x1024 and 1008x1024",
              "size-step, one side");
    CHECK_STR(findings("neg-unused", "a", &(LintFacts){.cfg = 1, .negative = "blurry"}),
              "[WARN] Negative prompt has no effect at cfg 1", "neg-unused");
    CHECK_STR(findings("neg-unused", "a", &(LintFacts){.cfg = 0.5, .negative = "blurry"}),
              "[WARN] Negative prompt has no effect at cfg 0.5", "neg-unused below 1");
    CHECK_STR(findings("neg-unused", "a", &(LintFacts){.cfg = 4, .negative = "blurry"}), "",
              "a negative with guidance");
    CHECK_STR(findings("seed-32", "a", &(LintFacts){.seed_fixed = true, .seed = 4294967338, .rng = "cpu"}),
              "[INFO] Note: Seed 4294967338 makes the same noise as 42 (rng cpu uses 32 bits)", "seed-32");
    CHECK_STR(findings("seed-32", "a", &(LintFacts){.seed_fixed = true, .seed = 42, .rng = "cpu"}), "",
              "a small seed");
    CHECK_STR(findings("prompt-start-bare", "<Prompt Start>a", NULL),
              "[WARN] The prompt starts with <Prompt Start>, so no system prompt is used (1:1)",
              "prompt-start-bare without a preset");
}

/* The transcript of product.md 3: two findings, in this order, at these places. */
static void transcript(void) {
    CHECK_STR(
        findings(
            NULL,
            "<character_1>\n<n>miku</n>\n<gender>girl</gender>\n<pose>dancing_ballet</pose>\n</character_1>\n"
            "<general_tags><style>anime_style</style><background>beach</background></general_tags>",
            NULL),
        "gender-unknown: [WARN] Unknown gender tag \"girl\", using default female prior (3:9)\n"
        "pose-unknown: [WARN] Unknown pose \"dancing_ballet\", falling back to standing (4:7)",
        "the transcript of the manual");
}

/* The prompts that come with the program. */
static void samples(void) {
    static const char *const files[] = {"tags.txt", "basic.xml",   "one.xml",
                                        "two.xml",  "chinese.xml", "warnings.xml"};
    const char *source = getenv("srcdir");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        Buf path = {0}, text = {0};
        buf_print(&path, "%s/samples/prompts/%s", source ? source : ".", files[i]);
        CHECK_OK(file_read(&text, buf_string(&path), 1 << 20), "a sample prompt is there");
        const char *expected = strcmp(files[i], "warnings.xml") ? "" :
            "gender-unknown: [WARN] Unknown gender tag \"girl\", using default female prior (3:9)\n"
            "pose-unknown: [WARN] Unknown pose \"dancing_ballet\", falling back to standing (5:7)";
        CHECK_STR(findings(NULL, buf_string(&text), NULL), expected, files[i]);
        buf_done(&path);
        buf_done(&text);
    }
}

static void silence(void) {
    CHECK_STR(findings(NULL, "1girl, blue_hair, >_<, heckler_&_koch, <o>_<o>, :d, <b>x</b>, </i>", NULL), "",
              "a plain prompt has no elements to complain about");
    CHECK_STR(findings(NULL, "", NULL), "", "nothing has no faults");
    CHECK_STR(findings("element-misplaced", "<character_1>\n<n>a</n>\n<gender>1girl</gender>", NULL), "",
              "an unclosed character does not make its children misplaced");
    CHECK_STR(findings("text-outside", "<character_1>\nmiku", NULL), "", "nor its text loose");
    CHECK_STR(findings(NULL, "<character_1>\n<n>a</n>\n</character_2>", NULL),
              "close-mismatch: [WARN] </character_2> does not match the open <character_1> of line 1 (3:1)",
              "one cause gives one message");
}

static void table(void) {
    int rules = 0, good = 0;
    for (const LintRule *rule = LINT_RULES; rule->id; rule++, rules++)
        good += *rule->cure && rule->check &&
                strspn(rule->id, "abcdefghijklmnopqrstuvwxyz-0123456789") == strlen(rule->id);
    CHECK_EQ(good, rules, "every rule has an id, a cure and a check");
    CHECK_EQ(rules, 25, "there are as many as stage 1 has");
    Buf out = {0};
    LintList list = {0};
    const char *text = IN_CHARACTER("<pose>x</pose>");
    lint_prompt(&list, text, strlen(text), NULL);
    CHECK_EQ(lint_worst(&list), LINT_WARN, "the worst finding is known");
    lint_format_full(&out, &list.findings[0]);
    CHECK_STR(buf_string(&out),
              "[WARN] Unknown pose \"x\", falling back to standing (2:7)  pose-unknown: use standing, "
              "sitting, jumping, waving or leaning_against_wall, or <action>",
              ":lint adds the rule and the cure");
    buf_done(&out);
    lint_done(&list);
}

static void hostile(void) {
    static const char *const pieces[] = {"<character_1>",
                                         "</pose>",
                                         "<pose>x</pose>",
                                         "((((",
                                         "<!--",
                                         "&amp;",
                                         "<? ",
                                         "<character_1></character_1>",
                                         "<position>a_b_c</position>",
                                         "<n/>loose",
                                         "\xff"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        Buf text = {0};
        LintList list = {0};
        buf_text(&text, "<general_tags></general_tags><gender>");
        while (text.size < (1u << 20))
            buf_text(&text, pieces[i]);
        lint_prompt(&list, text.data, text.size, NULL);
        lint_done(&list);
        buf_done(&text);
    }
    CHECK(1, "a megabyte of any of these is linted");
}

int main(void) {
    examples();
    facts_of_tokens();
    facts_of_settings();
    transcript();
    samples();
    silence();
    table();
    hostile();
    return tap_end();
}
