/* The shielded copy is well formed whatever the prompt, and every place is one of the raw text (product.md
 * S5). */
#include "config.h"

#include <stdlib.h>

#include "prompt/xml.h"
#include "tests/tap.h"

static const char *shielded(const char *text) {
    static Buf out;
    Scan scan;
    XmlShield shield;
    scan_text(&scan, text, strlen(text));
    xml_shield(&shield, &scan);
    buf_truncate(&out, 0);
    buf_add(&out, shield.text.data, shield.text.size);
    xml_shield_done(&shield);
    scan_done(&scan);
    return buf_string(&out);
}

/* "MESSAGE (LINE:COLUMN)" of the first problem, "" when there is none. */
static const char *problem(const char *text) {
    static char out[300];
    Scan scan;
    XmlProblems problems;
    scan_text(&scan, text, strlen(text));
    xml_check(&problems, &scan);
    out[0] = 0;
    if (problems.count)
        snprintf(out, sizeof out, "%s (%u:%u)", problems.problems[0].message, problems.problems[0].place.line,
                 problems.problems[0].place.column);
    xml_problems_done(&problems);
    scan_done(&scan);
    return out;
}

static void copies(void) {
    CHECK_STR(shielded("<n>>_<, &amp;</n><o>"), "<prompt><n>&gt;_&lt;, &amp;amp;</n>&lt;o&gt;</prompt>",
              "S5: pairs stay, everything else is escaped");
    CHECK_STR(shielded("<character 1>a</character_1>"), "<prompt><character_1>a</character_1></prompt>",
              "S5: names are normalised");
    CHECK_STR(shielded("<!-- <n>a</n> --><?xml?><n/>"),
              "<prompt>&lt;!-- &lt;n&gt;a&lt;/n&gt; --&gt;&lt;?xml?&gt;<n/></prompt>",
              "S5: comments are text here");
    CHECK_STR(shielded(""), "<prompt></prompt>", "S5: nothing has a root too");
}

static void offsets(void) {
    const char *text = "a<b\n<n>x & y</n>";
    Scan scan;
    XmlShield shield;
    scan_text(&scan, text, strlen(text));
    xml_shield(&shield, &scan);
    const char *copy = shield.text.data;
    CHECK_EQ(xml_raw_offset(&shield, 0), 0, "S5: the root maps to the beginning");
    CHECK_EQ(xml_raw_offset(&shield, (size_t)(strchr(copy, 'a') - copy)), 0, "S5: so does the first byte");
    CHECK_EQ(xml_raw_offset(&shield, (size_t)(strstr(copy, "lt;") - copy)), 1,
             "S5: an escape maps to its character");
    CHECK_EQ(xml_raw_offset(&shield, (size_t)(strchr(copy, 'b') - copy)), 2,
             "S5: what follows it to what follows");
    CHECK_EQ(xml_raw_offset(&shield, (size_t)(strstr(copy, "amp;") - copy)), 9,
             "S5: the same for the second");
    CHECK_EQ(xml_raw_offset(&shield, (size_t)(strchr(copy, 'y') - copy)), 11, "S5: and behind it");
    xml_shield_done(&shield);
    scan_done(&scan);
}

static void faults(void) {
    CHECK_STR(
        problem("<character_1>\n<n>>_<, heckler_&_koch</n>\n<pose>\n</character_1>\n</caption> <!-- -- -->"),
        "", "S5: however broken the prompt, its copy is well formed");
    CHECK_HAS(problem("<n>a</n>\n<pose>x\x01y</pose>"),
              "(2:", "S5: a forbidden character is found in its line");
    CHECK_HAS(problem("<n>a</n>\n<n>b</n><\xe2\x86\x92>c</\xe2\x86\x92>"),
              "(2:", "S5: a name that is no XML name too");
    CHECK_STR(problem("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><n>&b;</n>"), "",
              "no entity is ever declared or read");
}

int main(void) {
    copies();
    offsets();
    faults();
    return tap_end();
}
