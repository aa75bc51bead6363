/* hint: the live facts of the hint row (app/hint.h): where the cursor is, attributes, tokens. */
#include "config.h"

#include "app/hint.h"

#include "tests/run/talk.h"

/* What app_hint says of a text whose first "|" is the cursor. */
static Hint hint_of(App *app, const char *marked) {
    Buf text = {0};
    size_t point = strcspn(marked, "|");
    buf_add(&text, marked, point);
    buf_text(&text, marked[point] ? marked + point + 1 : "");
    Hint hint;
    app_hint(app, &hint, buf_string(&text), text.size, point);
    buf_done(&text);
    return hint;
}

typedef struct PlaceCase {
    const char *text, *path, *open;
    size_t attributes;
    HintLevel level;
} PlaceCase;

static void the_cursor_is_found(App *app) {
    static const PlaceCase cases[] = {
        {"1girl, blue_hair|", "", "", 0, HINT_FINE},
        {"<character_1><gender>1gi|", "character_1/gender", "character_1/gender", 1, HINT_FINE},
        {"<character_1> <appearance>a, b，c、 d,|</appearance> </character_1>", "character_1/appearance", "",
         4, HINT_FINE},
        {"<character_1>| <appearance>a, b</appearance> </character_1>", "character_1", "", 0, HINT_FINE},
        {"<character_1><appearance>a,b,c,d,e,f|</appearance></character_1>", "character_1/appearance", "", 6,
         HINT_MANY},
        {"<character_1><appearance>a,b,c,d,e,f,g,h,i|</appearance></character_1>", "character_1/appearance",
         "", 9, HINT_TOO_MANY},
        {"<character_1><clothing>a,b,c,d,e,f,g,h,i|</clothing></character_1>", "character_1/clothing", "", 9,
         HINT_FINE},
        {"<character_1><appearance>rem_\\(re:zero, x\\)|, y", "character_1/appearance",
         "character_1/appearance", 2, HINT_FINE},
        {"<character_1><gender>x</character_1> |y", "", "gender", 0, HINT_FINE},
        {"<general_tags><style>x</style>|", "general_tags", "general_tags", 0, HINT_FINE},
        {"<general_tags><sty|le>x</style></general_tags>", "general_tags", "", 0, HINT_FINE},
        {"<caption>A girl, in the rain|</caption>", "caption", "", 0, HINT_FINE},
        {"<character_1><action>>_<, <o>_<o>, heckler_&_koch|</action></character_1>", "character_1/action",
         "", 3, HINT_FINE},
        {"<image><document><image><document><character_1><name>|", ".../name", ".../name", 0, HINT_FINE},
        {"<character_1><clothing>蓝色的裙子、白衬衫|</clothing></character_1>", "character_1/clothing", "", 2,
         HINT_FINE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const PlaceCase *c = &cases[i];
        Hint hint = hint_of(app, c->text);
        CHECK_STR(hint.path, c->path, c->text);
        CHECK_STR(hint.open, c->open, "what is open");
        CHECK_EQ(hint.attributes, c->attributes, "attributes");
        CHECK_EQ(hint.level, c->level, "and what advice says of them");
    }
}

static void commands_are_known(App *app) {
    Hint hint = hint_of(app, ":se 4|");
    CHECK(hint.is_command && !hint.command, ":se is a command line that could be several");
    hint = hint_of(app, ":seed 4|");
    CHECK_STR(hint.command ? hint.command->name : NULL, "seed", ":seed is the row of its usage");
    CHECK_EQ(hint.tokens, 0, "a command has no tokens");
    CHECK(!hint_of(app, ":seed 4\nx|").is_command, "two lines are text");
    CHECK(!hint_of(app, ":d|").is_command, "and so is the tag :d");
}

/* The number that a line of :tokens says before `word`. */
static size_t number_before(const char *said, const char *word) {
    const char *at = strstr(said, word);
    while (at && at > said && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return at ? strtoul(at, NULL, 10) : 0;
}

static void tokens_are_those_of_the_command(Talk *talk) {
    static const char *const texts[] = {"1girl, blue_hair", "<character_1><n>miku</n></character_1>",
                                        "蓝色的头发", "a <Prompt Start> b"};
    command(talk, "steps 1");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        prompt(talk, texts[i]);
        size_t counted = number_before(command(talk, "tokens gemma"), " tokens");
        Hint hint = hint_of(talk->app, texts[i]);
        CHECK(counted > 0, texts[i]);
        CHECK_EQ(hint.tokens, counted, "has as many tokens in the hint as :tokens says");
        CHECK_EQ(hint.token_limit, 512, "of 512");
    }
}

static void anything_may_be_typed(Talk *talk) {
    static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        Buf text = {0};
        for (size_t k = 0; k < sizes[i]; k++) /* tags, their halves, bytes that are no UTF-8 */
            buf_byte(&text, (unsigned char)"<character_1>\n</\xC4,<x>"[k % 22]);
        Hint hint;
        app_hint(talk->app, &hint, buf_string(&text), text.size, sizes[i] * 2);
        CHECK_EQ(hint.tokens > 0, sizes[i] > 0, "any bytes of any length have a number of tokens");
        CHECK_EQ(hint.tokens_at_least, sizes[i] > 16384, "which is a least one where the text is very long");
        CHECK(sizes[i] < 16384 || hint.tokens > hint.token_limit, "and then above the limit");
        buf_done(&text);
    }
    command(talk, "model unload");
    for (int i = 0; i < 600 && app_view(talk->app)->model != VIEW_NO_MODEL; i++)
        drain(talk);
    CHECK_EQ(hint_of(talk->app, "1girl").tokens, 0, "without a model no tokens are known");
    CHECK_STR(hint_of(talk->app, "<pose>|").path, "pose", "but the place is");
}

int main(void) {
    if (!scratch("hint"))
        return 1;
    Talk talk;
    begin(&talk);
    the_cursor_is_found(talk.app);
    commands_are_known(talk.app);
    tokens_are_those_of_the_command(&talk);
    anything_may_be_typed(&talk);
    end(&talk);
    return tap_end();
}
