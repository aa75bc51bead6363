/* recall: what changed and what was: :diff, :fetch and :replay in a session with the demo model (product.md
 * H4, C4, H5, 10.2). */
#include "config.h"

#include <sys/stat.h>

#include "base/file.h"
#include "tests/run/talk.h"
#include "tests/unit/png_tools.h"

static void the_example_of_the_manual(Talk *talk) {
    CHECK_HAS(command(talk, "diff"), "[ERROR] last: there is no such picture yet",
              "without a picture nothing");
    command(talk, "steps 1");
    prompt(talk, "<character_1>\n<gender>girl</gender>\n<pose>dancing_ballet</pose>\n</character_1>");
    CHECK_STR(command(talk, "diff"), "no difference\n", "nothing changed since the last picture");
    command(talk, "seed last");
    command(talk, "set editor sed -i -e s/girl/1girl/ -e s/dancing_ballet/waving/");
    command(talk, "edit");
    const char *said = command(talk, "diff");
    CHECK_HAS(said, "  character_1/gender  - girl            + 1girl\n", "an element that changed");
    CHECK_HAS(said, "  character_1/pose    - dancing_ballet  + waving\n", "another");
    CHECK_HAS(said, "  setting             seed random -> ", "a seed that was drawn and is pinned");
    command(talk, "reset editor");
}

static void two_references_are_compared(Talk *talk) {
    command(talk, "seed 42");
    prompt(talk, "<general_tags><style>anime_style</style></general_tags>");
    command(talk, "cfg 3.5");
    command(talk, "seed 43");
    command(talk, "neg blurry");
    prompt(talk, "<general_tags><style>anime_style</style></general_tags>");
    CHECK_STR(command(talk, "diff #2 #3"),
              "  setting  seed 42 -> 43\n  setting  cfg 4 -> 3.5\n  setting  neg (empty) -> blurry\n",
              "two pictures of this session");
    CHECK_STR(command(talk, "diff output_002.png output_003.png"),
              "  setting  seed 42 -> 43\n  setting  cfg 4 -> 3.5\n  setting  neg (empty) -> blurry\n",
              "two files, from their metadata");
    CHECK_STR(command(talk, "diff output_003.png last"), "no difference\n",
              "both say the same of one picture");
    CHECK_STR(command(talk, "diff #3"), "no difference\n", "REF against the present");
    command(talk, "sys lumina-1");
    CHECK_STR(command(talk, "diff last"), "  setting  sys model -> lumina-1\n",
              "auto is what it means: the text of the demo model itself");
    command(talk, "reset sys");
    command(talk, "save three");
    command(talk, "undo");
    command(talk, "cfg 4");
    CHECK_HAS(command(talk, "diff @three"), "  setting  cfg 3.5 -> 4\n", "a macro");
    CHECK_HAS(command(talk, "diff @nobody"), "[ERROR] there is no macro nobody", "which must be there");
    CHECK_HAS(command(talk, "diff #2 #9"), "[ERROR] #9: there is no output_009.png", "and so must a picture");
    CHECK_HAS(command(talk, "diff j99"), "[ERROR] there is no job j99", "and a job");
}

/* ---- :fetch -------------------------------------------------------------------------------------------- */

static const char *value_of(const Talk *talk, SettingId id) {
    return settings_text(app_settings(talk->app), id);
}

static void a_picture_is_taken_over(Talk *talk) {
    static const char text[] = "<character_1><n>rin</n><gender>1girl</gender></character_1>";
    size_t size;
    command(talk, "reset all");
    command(talk, "steps 2");
    command(talk, "cfg 3");
    command(talk, "neg blurry, 低质量");
    prompt(talk, text);
    command(talk, "reset all");
    command(talk, "steps 1");
    prompt(talk, "something else");
    const char *said = command(talk, "fetch #4");
    CHECK_HAS(said, "[INFO] Prompt and settings of #4 are current; :go renders, :undo goes back\n", ":fetch");
    CHECK_HAS(said, "[INFO] steps 1 -> 2\n", "says what it changed");
    CHECK_HAS(said, "[INFO] neg (empty) -> blurry, 低质量\n", "the negative prompt too");
    CHECK_HAS(said, "[INFO] seed random -> ", "and the seed");
    CHECK(!strstr(said, "[WARN]") && !strstr(said, "Not said"), "all of an own picture can be honoured");
    CHECK_STR(app_prompt(talk->app, &size), text, "the prompt is its prompt");
    CHECK_STR(value_of(talk, SET_SYS), "auto", "the system prompt that auto would choose stays auto");
    CHECK_HAS(command(talk, "undo"), "[INFO] 1 state undone\n", "one :undo");
    CHECK_STR(app_prompt(talk->app, &size), "something else", "brings the old prompt back");
    CHECK_STR(value_of(talk, SET_STEPS), "1", "with its settings");
}

/* What :info says behind "latent SHA-256". */
static void latent_of(char out[65], Talk *talk, const char *line) {
    const char *at = strstr(command(talk, line), "latent SHA-256");
    snprintf(out, 65, "%s",
             at ? at + strlen("latent SHA-256") + strspn(at + strlen("latent SHA-256"), " ") : "");
    out[strcspn(out, "\n")] = 0;
}

/* M9: where a picture was made is nobody's business. */
static void no_picture_tells_where_it_was_made(Talk *talk) {
    static const char *const levels[] = {"full", "share", "off"};
    char line[4200], place[4096], host[256] = "";
    command(talk, "seed 3");
    if (!getcwd(place, sizeof place) || gethostname(host, sizeof host - 1))
        return;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        char name[64];
        Buf bytes = {0};
        snprintf(line, sizeof line, "set metadata %s", levels[i]);
        command(talk, line);
        snprintf(line, sizeof line, "set outdir %s/%s", place, levels[i]);
        command(talk, line);
        prompt(talk, "1girl");
        snprintf(name, sizeof name, "%s/output_001.png", levels[i]);
        CHECK_OK(file_read(&bytes, name, 1 << 20), name);
        CHECK(!memmem(bytes.data, bytes.size, place + 1, strlen(place) - 1), "its directory is not in the "
                                                                             "file");
        CHECK(strlen(host) < 4 || !memmem(bytes.data, bytes.size, host, strlen(host)), "nor the name of the "
                                                                                       "machine");
        CHECK_EQ(memmem(bytes.data, bytes.size, "tEXt", 4) != NULL, strcmp(levels[i], "off") != 0,
                 "text is there, unless metadata is off");
        buf_done(&bytes);
    }
    command(talk, "reset all");
    command(talk, "steps 1");
}

static void a_replay_is_the_same_picture(Talk *talk) {
    char first[65], second[65];
    CHECK_HAS(command(talk, "replay output_004.png"), "Output saved to output_006.png", ":replay renders");
    latent_of(first, talk, "info #4");
    latent_of(second, talk, "info #6");
    CHECK(*first, "a picture tells what its latent was");
    CHECK_STR(second, first, "and the replay has the same one");
}

static void what_is_gone_is_in_the_index(void) {
    Talk talk;
    begin(&talk);
    size_t size;
    unlink("output_004.png");
    const char *said = command(&talk, "fetch #4");
    CHECK_HAS(said, "Prompt and settings of #4 are current", "H5: in another session, its file deleted");
    CHECK_HAS(said, "its file is gone; this is from the gallery index", "which is said");
    CHECK_HAS(app_prompt(talk.app, &size), "<n>rin</n>", "its prompt is there");
    CHECK_STR(value_of(&talk, SET_NEG), "blurry, 低质量", "and its settings");
    CHECK_HAS(command(&talk, "diff #4 #6"), "no difference\n", ":diff knows it too");
    end(&talk);
}

/* ---- pictures of other programs ------------------------------------------------------------------------ */

static void write_foreign(const char *name, const char *keyword, const char *text) {
    Buf png = {0}, data = {0};
    make_start(&png);
    buf_text(&data, text);
    if (keyword)
        make_text(&png, "tEXt", keyword, &data);
    make_pixels(&png);
    make_chunk(&png, "IEND", "", 0);
    file_write(name, png.data, png.size, 0666);
    buf_done(&png);
    buf_done(&data);
}

static void others_are_honoured_as_far_as_can_be(Talk *talk) {
    size_t size;
    command(talk, "reset all");
    command(talk, "shift 5");
    write_foreign("a1111.png", "parameters",
                  "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler, Schedule type: Normal, "
                  "CFG scale: 7, Seed: 99, Size: 500x512, RNG: NV, Model: other, Hires upscale: 2");
    const char *said = command(talk, "fetch a1111.png");
    CHECK_STR(app_prompt(talk->app, &size), "a cat", "A1111: the prompt");
    CHECK_STR(value_of(talk, SET_NEG), "dog", "the negative prompt");
    CHECK_STR(value_of(talk, SET_SEED), "99", "the seed");
    CHECK_STR(value_of(talk, SET_CFG), "7", "the guidance");
    CHECK_STR(value_of(talk, SET_SHIFT), "5", "what it does not say is left alone");
    CHECK_HAS(said, "[INFO] Not said, left as it is: shift, sys\n", "and listed");
    CHECK_HAS(said, "a1111.png are current; :go renders, :undo goes back\n[INFO] seed ",
              "first what was done");
    CHECK_HAS(said, "[WARN] Not honoured: size 500x512 is not a multiple of 16; size stays 128x128\n",
              "a size that cannot be");
    CHECK_HAS(said, "[WARN] Not honoured: rng is a1111, expected cpu; rng stays cpu\n", "noise of others");
    CHECK_HAS(said, "[WARN] Not honoured: model other; demo world is loaded\n", "another model");
    CHECK_HAS(said, "[INFO] Hires upscale cannot be honoured: 2\n", "a field that newbie does not have");
    write_foreign("comfy.png", "prompt",
                  "{\"1\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":7,\"steps\":3,\"cfg\":5.5,"
                  "\"sampler_name\":\"euler\",\"scheduler\":\"simple\",\"positive\":[\"2\",0],"
                  "\"negative\":[\"2\",0]}},\"2\":{\"class_type\":\"CLIPTextEncode\","
                  "\"inputs\":{\"text\":\"\\u732b \\\\(x\\\\)\"}}}");
    said = command(talk, "replay comfy.png");
    CHECK_STR(app_prompt(talk->app, &size), "猫 (x)", "ComfyUI: the prompt");
    CHECK_HAS(said, "were turned into plain parentheses", "and how it was changed");
    CHECK_HAS(said, "ComfyUI gives both encoders the same text, so the picture will differ",
              "and what remains");
    CHECK_HAS(said, "seed 7, 128x128, 3 steps, cfg 5.5", "is rendered with its settings");
}

static void a_graph_for_comfy_is_written(Talk *talk) {
    command(talk, "reset all");
    command(talk, "steps 1");
    command(talk, "set comfy on");
    prompt(talk, "一个女孩");
    const char *said = command(talk, "info last");
    CHECK_HAS(said, "data from the chunk \"newbie\"", "comfy on: our own data come first");
    CHECK_HAS(said, "it holds a graph for ComfyUI", "and the graph is named");
    command(talk, "reset comfy");
    prompt(talk, "一个女孩");
    CHECK(!strstr(command(talk, "info last"), "ComfyUI"), "comfy off: none");
}

static void refusals_change_nothing(Talk *talk) {
    size_t size;
    write_foreign("bare.png", NULL, "");
    file_write("photo.jpg", "\xFF\xD8\xFF\xE0", 4, 0666);
    command(talk, "clear");
    static const char *const cases[][2] = {
        {"fetch bare.png", "[ERROR] bare.png has no generation data; it has IHDR, IDAT, IEND\n"},
        {"fetch photo.jpg", "[ERROR] photo.jpg is not a PNG: it starts with FF D8 FF\n"},
        {"fetch nowhere.png", "[ERROR] "},
        {"fetch #99", "[ERROR] #99: there is no output_099.png in .\n"},
        {"replay #99", "[ERROR] #99: there is no output_099.png in .\n"},
        {"fetch", "[ERROR] :fetch needs a REF\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_HAS(command(talk, cases[i][0]), cases[i][1], cases[i][0]);
    app_prompt(talk->app, &size);
    CHECK_EQ(size, 0, "nothing of this changed the prompt");
}

int main(void) {
    if (!scratch("recall"))
        return 1;
    Talk talk;
    begin(&talk);
    the_example_of_the_manual(&talk);
    two_references_are_compared(&talk);
    a_picture_is_taken_over(&talk);
    a_replay_is_the_same_picture(&talk);
    no_picture_tells_where_it_was_made(&talk);
    others_are_honoured_as_far_as_can_be(&talk);
    a_graph_for_comfy_is_written(&talk);
    refusals_change_nothing(&talk);
    CHECK_EQ(end(&talk), 0, "the session ends well");
    what_is_gone_is_in_the_index();
    return tap_end();
}
