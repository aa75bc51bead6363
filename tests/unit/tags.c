/* tags.c: lists of tags are read as danbooru completers write them, and what is typed finds the right ones in
 * the right order, quickly. product.md 4.5. */
#include "config.h"

#include "prompt/tags.h"

#include <stdlib.h>
#include <time.h>

#include "tests/tap.h"

/* Sanitizers slow everything down. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TIME_ALLOWANCE 20
#else
#define TIME_ALLOWANCE 1
#endif

static const char LIST[] =
    "name,category,post_count,alias\n"
    "1girl,0,6008644,\"1girls,sole_female\"\n"
    "long_hair,0,4350743,\"/lh,longhair\"\r\n"
    "blue_hair,0,910000,\"bluehair,青发\"\n"
    "hair_ornament,0,1500000,\n"
    "hair,0,12,\n"
    "chair,0,90000,\n"
    "hatsune_miku,4,120000,\"miku,初音未来\"\n"
    "miku_(artist),1,300,\n"
    "\"d.va_(overwatch),_again\",4,9000,\"dva\"\n"
    "say_\"hi\",0,7\n"
    "\n"
    "no count at all\n"
    "half,0,\n";

static TagList list;

/* What is found, by name; at most six. */
static const char *found(const char *typed, TagType type) {
    static Buf out;
    TagFound all[TAGS_FOUND_MAX];
    size_t count = tags_find(all, &list, typed, strlen(typed), type);
    buf_truncate(&out, 0);
    for (size_t i = 0; i < count && i < 6; i++)
        buf_print(&out, "%s%s", i ? " " : "", list.text.data + all[i].row->name);
    return buf_string(&out);
}

static void reading(void) {
    CHECK_OK(tags_parse(&list, LIST, sizeof LIST - 1, "list.csv"), "a list is read");
    CHECK_EQ(list.count, 10, "every tag of it");
    CHECK_EQ(list.skipped, 3, "what is none is left out and counted");
    CHECK_STR(found("d.va", TAG_ANY), "d.va_(overwatch),_again", "a name in quotes may have a comma");
    CHECK_STR(found("say", TAG_ANY), "say_\"hi\"", "a quote inside a name is one of it");
}

static void order(void) {
    CHECK_STR(found("hair", TAG_ANY), "hair hair_ornament long_hair blue_hair chair",
              "exact, prefix, word prefix, part, each by count");
    CHECK_STR(found("long h", TAG_ANY), "long_hair", "a space is an underscore");
    CHECK_STR(found("LONG", TAG_ANY), "long_hair", "capital letters are small ones");
    CHECK_STR(found("miku", TAG_ANY), "hatsune_miku miku_(artist)", "an alias counts as a name");
    CHECK_STR(found("蓝", TAG_ANY), "", "what stands nowhere is not found");
    CHECK_STR(found("初音", TAG_ANY), "hatsune_miku", "aliases of any script");
    CHECK_STR(found("miku", TAG_ARTIST), "miku_(artist)", "one type alone may be asked for");
    CHECK_STR(found("h", TAG_ANY), "hair_ornament hatsune_miku hair",
              "one letter finds beginnings, by count");
    CHECK_STR(found("1", TAG_ANY), "1girl", "also of the first row");
    CHECK_STR(found("artist", TAG_ANY), "miku_(artist)", "a word may begin behind a bracket");
    CHECK_STR(found("", TAG_ANY), "", "nothing finds nothing");
    CHECK_STR(found("1girls", TAG_ANY), "1girl", "an alias finds its tag once");
    TagFound all[TAGS_FOUND_MAX];
    tags_find(all, &list, "bluehair", 8, TAG_ANY);
    CHECK(all[0].alias && !strncmp(list.search.data + all[0].alias, "bluehair", all[0].alias_size),
          "which alias it was is known");
}

static void words_for_people(void) {
    Buf out = {0};
    tag_put_count(&out, 950);
    tag_put_count(&out, 12345);
    tag_put_count(&out, 1234567);
    CHECK_STR(buf_string(&out), "95012k1.2M", "counts are short");
    CHECK(tag_letter(0) == 'g' && tag_letter(4) == 'c' && tag_letter(9) == '?', "types are letters");
    buf_done(&out);
}

static void hostile(void) {
    TagList bad;
    Status st = tags_parse(&bad, "<html>", 6, "x.csv");
    CHECK_HAS(st ? st->message : "", "x.csv is no list of tags", "a file of something else is refused");
    st = tags_parse(&bad, "", 0, "x.csv");
    CHECK_HAS(st ? st->message : "", "x.csv is no list of tags", "as is an empty one");
    CHECK_OK(tags_parse(&bad, "a\0b,0,1\n\"q,0,1", 14, "x.csv"), "odd bytes harm nobody");
    tags_done(&bad);
    st = tags_load(&bad, "/nowhere.csv");
    CHECK_HAS(st ? st->message : "", "/nowhere.csv", "a file that is not there is named");
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* of this process: others do not count */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As large as the largest list: names of one to four words from a few thousand, half of them with aliases. */
static void make_large(Buf *out) {
    uint64_t state = 1;
    for (int i = 0; i < 150000; i++) {
        for (int part = 0; part < 1 + i % 4; part++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            buf_print(out, "%s%c%c%c%c%s", part ? "_" : "", (int)('a' + (state >> 33) % 20),
                      "aeiou"[(state >> 40) % 5], (int)('a' + (state >> 45) % 20),
                      "aeiou"[(state >> 52) % 5], (state >> 60) & 1 ? "hair" : "n");
        }
        buf_print(out, ",%d,%d,", i % 6 == 2 ? 0 : i % 6, 3000000 / (i + 1));
        if (i % 2)
            buf_print(out, "\"other_name_%d,still_another_%d\"", i, i);
        buf_byte(out, '\n');
    }
}

static void speed(void) {
    static const char *const typed[] = {"h", "ha", "hair", "nothing_like_it", "na", "er_n", "other_name_7"};
    Buf text = {0};
    TagFound all[TAGS_FOUND_MAX];
    make_large(&text);
    double begun = seconds();
    CHECK_OK(tags_parse(&list, text.data, text.size, "large.csv"), "150,000 rows are read");
    double loading = seconds() - begun, slowest = 0;
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        begun = seconds();
        size_t count = tags_find(all, &list, typed[i], strlen(typed[i]), TAG_ANY);
        double took = seconds() - begun;
        slowest = took > slowest ? took : slowest;
        printf("# \"%s\": %zu in %.3f ms\n", typed[i], count, took * 1e3);
    }
    printf("# loading %zu bytes took %.3f s, the slowest answer %.3f ms of processor time\n", text.size,
           loading, slowest * 1e3);
    CHECK(loading < 0.2 * TIME_ALLOWANCE, "in less than 0.2 s");
    CHECK(slowest < 0.005 * TIME_ALLOWANCE, "and answered in less than 5 ms");
    buf_done(&text);
}

int main(void) {
    reading();
    order();
    words_for_people();
    hostile();
    tags_done(&list);
    speed();
    tags_done(&list);
    return tap_end();
}
