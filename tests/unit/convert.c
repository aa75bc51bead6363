/* convert: a list of tags becomes XML (prompt/convert.h; model-spec.md 10.5). */
#include "config.h"

#include "prompt/convert.h"

#include "prompt/lint.h"
#include "tests/tap.h"

typedef struct Kind {
    const char *element, *tags;
} Kind;

static void tags_find_their_element(void) {
    static const Kind kinds[] = {
        {"n", "miku, kaito, 初音未来, rem_(re:zero), saber_\\(fate\\)"},
        {"gender", "1girl, 2boys, 1other, 女孩"},
        {"appearance", "blue_hair, teal_eyes, long hair, twintails, cat_ears, double_bun, spiky_hair, "
                       "bob_cut, "
                       "(blue_hair:1.2), Blonde_Hair, 青发, 蓝色的头发, 青眼, 猫耳, huge_breasts, fox_tail"},
        {"clothing", "black_dress, red_hoodie, white_kimono, blue_school_uniform, green_coat, pink_shirt, "
                     "hat, scarf, "
                     "glasses, headphones, hair_bow, 黑色卫衣, 白色水手服, miku_(cosplay), thighhighs"},
        {"expression", "smile, open_mouth, closed_eyes, angry, sad, expressionless, >_<, 微笑, light_smile"},
        {"action", "looking_at_viewer, holding_umbrella, hands_in_pockets, reading, arms_up"},
        {"pose", "standing, sitting, jumping, waving, leaning_against_wall, 挥手"},
        {"interaction", "holding_hands, hug, 牵手"},
        {"position", "left, center, right, 左边"},
        {"count", "solo, multiple_girls, no_humans"},
        {"artists", "artist:wlop, by_someone"},
        {"style", "anime_style, sketch, monochrome, cyberpunk_anime, style_of_x_(style), 动漫风格, 油画风格"},
        {"background", "beach, forest, classroom, night_sky, cherry_blossoms, neon_lights, sunset, "
                       "white_background, 海滩, 白色背景"},
        {"environment", "outdoors, rain, night, 下雨"},
        {"perspective", "from_above, upper_body, cowboy_shot, 全身"},
        {"atmosphere", "peaceful, dreamy_atmosphere"},
        {"lighting", "backlighting, soft_lighting, golden_light"},
        {"resolution", "highres, absurdres"},
        {"quality", "masterpiece, low_quality, very aesthetic, score_9, 高质量"},
        {"objects", "umbrella, red_rose_flower, cat, aegis_sword_(weapon)"},
        {"other", "vocaloid, qwertz, (, \\(\\), :"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (const char *tag = kinds[i].tags; *tag;) {
            size_t size = strcspn(tag, ",");
            char name[96];
            snprintf(name, sizeof name, "%.*s belongs in %s", (int)size, tag, kinds[i].element);
            CHECK_STR(TAG_ELEMENTS[convert_place(tag, size)], kinds[i].element, name);
            tag += size + (tag[size] == ',') + (tag[size] == ',');
        }
}

typedef struct Case {
    const char *tags, *xml, *unsure;
} Case;

static void lists_become_xml(void) {
    static const Case cases[] = {
        {"1girl, blue_hair, twintails, blue_eyes, blue_school_uniform, smile, waving, beach, anime_style, "
         "masterpiece",
         "<character_1>\n  <n></n>\n  <gender>1girl</gender>\n"
         "  <appearance>blue_hair, twintails, blue_eyes</appearance>\n  "
         "<clothing>blue_school_uniform</clothing>\n"
         "  <expression>smile</expression>\n  <pose>waving</pose>\n</character_1>\n\n"
         "<general_tags>\n  <count>1girl</count>\n  <style>anime_style</style>\n  "
         "<background>beach</background>\n"
         "  <quality>masterpiece</quality>\n</general_tags>",
         ""},
        {"miku, len, 1girl, 1boy, left, right, red_hair",
         "<character_1>\n  <n>miku</n>\n  <gender>1girl</gender>\n  <appearance>red_hair</appearance>\n"
         "  <position>left</position>\n</character_1>\n\n"
         "<character_2>\n  <n>len</n>\n  <gender>1boy</gender>\n  "
         "<position>right</position>\n</character_2>\n\n"
         "<general_tags>\n  <count>1girl, 1boy</count>\n</general_tags>",
         "red_hair"},
        {"2girls, solo",
         "<character_1>\n  <n></n>\n  <gender>1girl</gender>\n</character_1>\n\n"
         "<character_2>\n  <n></n>\n  <gender>1girl</gender>\n</character_2>\n\n"
         "<general_tags>\n  <count>2girls, solo</count>\n</general_tags>",
         ""},
        {"rem_(re:zero), hatsune_miku_\\(vocaloid\\)",
         "<character_1>\n  <n>rem_\\(re:zero\\)</n>\n  <gender>1girl</gender>\n</character_1>\n\n"
         "<general_tags>\n  <other>hatsune_miku_\\(vocaloid\\)</other>\n</general_tags>",
         ""},
        {"beach, sunset,, no_humans, walking",
         "<general_tags>\n  <count>no_humans</count>\n  <background>beach, sunset</background>\n"
         "  <other>walking</other>\n</general_tags>",
         ""},
        {"女孩，蓝色头发、 微笑",
         "<character_1>\n  <n></n>\n  <gender>女孩</gender>\n  <appearance>蓝色头发</appearance>\n"
         "  <expression>微笑</expression>\n</character_1>\n\n<general_tags>\n  "
         "<count>女孩</count>\n</general_tags>",
         ""},
        {"", "", ""},
        {" , ,", "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Buf xml = {0}, unsure = {0};
        convert_tags(&xml, &unsure, cases[i].tags, strlen(cases[i].tags));
        CHECK_STR(buf_string(&xml), cases[i].xml, cases[i].tags);
        CHECK_STR(buf_string(&unsure), cases[i].unsure, "what could be anybody's");
        LintList advice = {0};
        lint_prompt(&advice, buf_string(&xml), xml.size, NULL);
        bool good = true;
        for (size_t k = 0; k < advice.count; k++)
            good = good && (advice.findings[k].rule->level == LINT_NOTE);
        CHECK(good, "no advice against what was made");
        lint_done(&advice);
        buf_done(&xml);
        buf_done(&unsure);
    }
}

static void many_tags_are_taken(void) {
    Buf tags = {0}, xml = {0};
    buf_text(&tags, "99999999999999girls");
    while (tags.size < 1 << 20)
        buf_text(&tags, ", blue_hair, x(");
    convert_tags(&xml, NULL, tags.data, tags.size);
    CHECK(strstr(xml.data, "<character_9>") && !strstr(xml.data, "<character_10>"), "nine figures at most");
    CHECK(xml.size > tags.size, "a mebibyte of tags is kept");
    buf_done(&tags);
    buf_done(&xml);
}

int main(void) {
    tags_find_their_element();
    lists_become_xml();
    many_tags_are_taken();
    return tap_end();
}
