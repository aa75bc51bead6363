/* Tests of engine/meta: the matrix of product.md 10.3. What we write is read back exactly by us and
 * sensibly by three public readers; what must not be told is not in the bytes; what others wrote is
 * understood or named. */
#include "config.h"

#include "engine/meta.h"

#include <locale.h>

#include "base/clock.h"
#include "io/json.h"
#include "meta_readers.h"
#include "png_tools.h"
#include "tests/tap.h"

/* The example run of product.md 10.1, at 16x16 pixels. */
static void begin_example(RunMeta *meta, const char *prompt, const char *negative) {
    static const double SIGMAS[] = {1, 0.9941860465116279, 0.1 + 0.2, 0};
    meta_begin(meta);
    meta_set(&meta->prompt, prompt);
    meta_set(&meta->negative, negative);
    meta_set(&meta->system_preset, "xml-train");
    meta_set(&meta->system_text, "You are an assistant designed to generate images. <Prompt Start> ");
    meta->has_seed = true;
    meta->seed = UINT64_MAX;
    meta_set(&meta->sampler, "euler");
    meta_set(&meta->schedule, "normal");
    meta_set(&meta->rng, "cpu");
    meta_set(&meta->parity, "own");
    meta_sigmas(meta, SIGMAS, 4);
    meta->shift = 6;
    meta->cfg = 4.5;
    meta->cfg_trunc = 1;
    meta->renorm = 0;
    meta->width = meta->height = 16;
    meta->steps = meta->steps_run = 28;
    meta_set(&meta->dtype, "bf16");
    meta_set(&meta->model_name, "NewBie-image-Exp0.1");
    meta_list_add(&meta->hashes, "transformer",
                  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    meta_set(&meta->build, "newbie 0.1.0");
    meta_set(&meta->device, "cpu secretdevice");
    meta_list_add(&meta->libraries, "secretlibrary", "1.2.13");
    meta_phase_add(meta, "text", 0.125);
    meta_phase_add(meta, "denoise", 98.7);
    meta->peak_bytes = 123456789012;
    meta_set(&meta->parent, "/home/alice/secretparent.png");
    meta_set(&meta->latent_sha256, "feedbeef");
}

static void encode(Buf *png, const RunMeta *meta, MetaLevel level) {
    uint8_t pixels[16 * 16 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 31);
    CHECK_OK(meta_encode(png, pixels, meta, level), "a picture with its facts is written");
}

static MetaSource decode(RunMeta *out, Buf *remarks, const Buf *png) {
    PngInfo info;
    CHECK_OK(png_parse(&info, png->data, png->size, "x.png"), "the picture is parsed");
    MetaSource source = meta_read(out, remarks, &info);
    png_done(&info);
    return source;
}

/* --- the matrix ----------------------------------------------------------------------------------------- */

/* What a reader may make of the prompt; NULL: the prompt itself. */
typedef struct Case {
    const char *name, *prompt, *negative, *chunk;
    const char *a1111, *sd_reader, *civitai;
    bool odd; /* the words of M6 are in the prompt: readers may cut it, but must find the settings */
} Case;

static const Case CASES[] = {
    {"ASCII, one line", "1girl, solo, blue hair", "low_quality", "tEXt", NULL, NULL, NULL, false},
    {"no negative", "1girl", "", "tEXt", NULL, NULL, NULL, false},
    {"indentation, trailing spaces, empty lines", "<a>\n  <n>miku</n>  \n\n\tx\n</a>", "", "iTXt",
     "<a>\n<n>miku</n>\n\nx\n</a>", NULL, "<a>\n  <n>miku</n>  \n\tx\n</a>", false},
    {"indentation by spaces", "<a>\n  <n>miku</n>  \n\n</a>", "", "tEXt", "<a>\n<n>miku</n>\n\n</a>", NULL,
     "<a>\n  <n>miku</n>  \n</a>", false},
    {"white space at both ends", "\n  a \n", "", "tEXt", "a\n", "a", "a", false},
    {"Chinese", "一个女孩,蓝色头发。", "低质量", "iTXt", NULL, NULL, NULL, false},
    {"Japanese", "初音ミク、笑顔", "ぼやけた", "iTXt", NULL, NULL, NULL, false},
    {"emoji", "smile \xF0\x9F\x98\x80\xE2\x80\x8D\xF0\x9F\x91\xA7", "", "iTXt", NULL, NULL, NULL, false},
    {"combining marks", "cafe\xCC\x81 o\xCC\x88", "", "iTXt", NULL, NULL, NULL, false},
    {"tab", "a\tb", "", "iTXt", NULL, NULL, NULL, false},
    {"signs", ">_<, a & b, \"quoted\", hatsune_miku_\\(vocaloid\\), {a|b}, 50% %s %n", "c:\\d, e: f", "tEXt",
     NULL, NULL, NULL, false},
    {"a line Negative prompt: x", "a\nNegative prompt: x\nb", "", "tEXt", NULL, NULL, NULL, true},
    {"a line Steps: 5", "Steps: 5, Sampler: x, Seed: 3\nb\nSteps: 6", "Steps: 7", "tEXt", NULL, NULL, NULL,
     true},
    {"negative of three lines", "a\nb", "one\ntwo\nthree", "tEXt", NULL, NULL, NULL, false},
};

typedef void ReadFn(Reading *out, const char *text);

/* One reader on one text: prompt, negative and settings. */
static void check_reader(ReadFn *read, const char *text, const Case *row, const char *prompt,
                         const char *steps) {
    Reading reading;
    read(&reading, text);
    if (!row->odd) {
        CHECK_STR(buf_string(&reading.prompt), prompt ? prompt : row->prompt, row->name);
        CHECK_STR(buf_string(&reading.negative), row->negative, row->name);
    }
    CHECK_STR(reading_field(&reading, "Steps"), steps, row->name);
    CHECK_STR(reading_field(&reading, "CFG scale"), "4.5", row->name);
    CHECK_STR(reading_field(&reading, "Seed"), "18446744073709551615", row->name);
    CHECK_STR(reading_field(&reading, "Size"), "16x16", row->name);
    CHECK_STR(reading_field(&reading, "Sampler"), "Euler", row->name);
    CHECK_STR(reading_field(&reading, "Schedule type"), "Normal", row->name);
    CHECK_STR(reading_field(&reading, "Model hash"), "0123456789", row->name);
    CHECK_STR(reading_field(&reading, "Version"), "newbie 0.1.0", row->name);
    reading_done(&reading);
}

/* What was read back says the same as what was written, to the byte. */
static void check_equal(const RunMeta *read, const RunMeta *meta, const char *name) {
    Buf first = {0}, second = {0}, line_first = {0}, line_second = {0};
    meta_write(&line_first, &first, meta, META_FULL);
    meta_write(&line_second, &second, read, META_FULL);
    CHECK_STR(buf_string(&second), buf_string(&first), name);
    CHECK_STR(buf_string(&line_second), buf_string(&line_first), name);
    CHECK_STR(read->prompt, meta->prompt, name);
    CHECK_STR(read->negative, meta->negative, name);
    CHECK(read->sigma_count == meta->sigma_count
              && !memcmp(read->sigmas, meta->sigmas, meta->sigma_count * sizeof *meta->sigmas),
          "the noise levels are read back to the last bit");
    buf_done(&first);
    buf_done(&second);
    buf_done(&line_first);
    buf_done(&line_second);
}

static void check_case(const Case *row) {
    RunMeta meta, read;
    Buf png = {0}, faults = {0}, remarks = {0};
    begin_example(&meta, row->prompt, row->negative);
    encode(&png, &meta, META_FULL);
    strict_png(&faults, &png);
    CHECK_STR(buf_string(&faults), "", row->name);
    CHECK(!memcmp(png.data + 37, row->chunk, 4), row->name);
    char *text = text_early(&png, "parameters"), *newbie = text_early(&png, "newbie");
    CHECK(newbie != NULL, "a reader that stops at IDAT finds newbie");
    CHECK(*row->negative || row->odd || !strstr(text, "Negative"), "an empty negative prompt has no line");
    CHECK(text && !strchr(strrchr(text, '\n') + 1, '\n') && !strncmp(strrchr(text, '\n'), "\nSteps: ", 8),
          "the settings are the last line");
    check_reader(read_a1111, text, row, row->a1111, "28");
    check_reader(read_sd_reader, text, row, row->sd_reader, "28");
    check_reader(read_civitai, text, row, row->civitai, "28");
    CHECK_EQ(decode(&read, &remarks, &png), META_NEWBIE, "newbie is what is read first");
    CHECK_STR(buf_string(&remarks), "", "nothing of our own picture cannot be honoured");
    meta_set(&meta.parent, "secretparent.png"); /* a path is not written */
    check_equal(&read, &meta, row->name);
    free(text);
    free(newbie);
    meta_done(&read);
    meta_done(&meta);
    buf_done(&png);
    buf_done(&faults);
    buf_done(&remarks);
}

static void check_long(const char *piece, const char *chunk) {
    Buf prompt = {0};
    while (prompt.size < 10000 * strlen(piece))
        buf_text(&prompt, piece);
    Case row = {"a prompt of 10,000 characters", buf_string(&prompt), "", chunk, NULL, NULL, NULL, false};
    check_case(&row);
    buf_done(&prompt);
}

/* --- the settings line ---------------------------------------------------------------------------------- */

static void check_line(RunMeta *meta, const char *expected, const char *name) {
    Buf parameters = {0}, newbie = {0};
    meta_write(&parameters, &newbie, meta, META_FULL);
    const char *line = strrchr(buf_string(&parameters), '\n');
    CHECK_STR(line ? line + 1 : NULL, expected, name);
    buf_done(&parameters);
    buf_done(&newbie);
}

/* The keys of product.md M8, in its order, as far as this run has them. */
static void newbie_is_exact(void) {
    RunMeta meta;
    Buf parameters = {0}, newbie = {0};
    begin_example(&meta, "a\n\"b\"", "");
    meta_set(&meta.prompt_template, "{a|b}");
    meta_set(&meta.variation, "none");
    meta_list_add(&meta.lora, "ink", "aabb");
    meta_write(&parameters, &newbie, &meta, META_FULL);
    CHECK_STR(buf_string(&newbie),
              "{\"newbie\":1,\"prompt\":\"a\\n\\\"b\\\"\",\"negative\":\"\","
              "\"system\":{\"preset\":\"xml-train\",\"text\":"
              "\"You are an assistant designed to generate images. <Prompt Start> \"},"
              "\"template\":\"{a|b}\","
              "\"seed\":\"18446744073709551615\",\"variation\":\"none\",\"sampler\":\"euler\","
              "\"schedule\":\"normal\",\"sigmas\":[1,0.9941860465116279,0.30000000000000004,0],\"shift\":6,"
              "\"cfg\":4.5,\"cfg_trunc\":1,\"renorm\":0,\"size\":\"16x16\",\"steps\":28,\"steps_run\":28,"
              "\"parity\":\"own\",\"rng\":\"cpu\",\"dtype\":\"bf16\","
              "\"model\":{\"name\":\"NewBie-image-Exp0.1\",\"demo\":false,"
              "\"hashes\":{\"transformer\":\"0123456789abcdef0123456789abcdef0123456789abcdef"
              "0123456789abcdef\"}},\"lora\":{\"ink\":\"aabb\"},\"build\":\"newbie 0.1.0\","
              "\"device\":\"cpu secretdevice\",\"libraries\":{\"secretlibrary\":\"1.2.13\"},"
              "\"seconds\":{\"text\":0.125,\"denoise\":98.7},\"peak_bytes\":123456789012,"
              "\"latent_sha256\":\"feedbeef\",\"parent\":\"secretparent.png\"}",
              "the keys of newbie stand in their fixed order, numbers in their shortest form");
    meta_done(&meta);
    buf_done(&parameters);
    buf_done(&newbie);
}

/* Which chunks, in which order (product.md M1). */
static void chunks_are_in_order(void) {
    RunMeta meta;
    PngInfo info;
    Buf png = {0};
    begin_example(&meta, "a cat", "");
    encode(&png, &meta, META_FULL);
    CHECK_OK(png_parse(&info, png.data, png.size, "x.png"), "the picture is parsed");
    CHECK_STR(buf_string(&info.chunks), "IHDR, tEXt, iTXt, tEXt, IDAT, IEND",
              "all text stands before the pixels");
    CHECK_EQ(info.field_count, 3, "there are three texts");
    CHECK_STR(info.fields[0].keyword, "parameters", "parameters is the first");
    CHECK_STR(info.fields[1].keyword, "newbie", "newbie is the second");
    CHECK_STR(png_text(&info, "Software"), "newbie 0.1.0", "the program names itself");
    png_done(&info);
    meta_done(&meta);
    buf_done(&png);
}

static void line_is_exact(void) {
    RunMeta meta;
    begin_example(&meta, "a", "");
    meta.cfg = 5;
    meta.seed = 42;
    meta.width = meta.height = 1024;
    check_line(
        &meta,
        "Steps: 28, Sampler: Euler, Schedule type: Normal, CFG scale: 5, Seed: 42, Size: 1024x1024, "
        "Model hash: 0123456789, Model: NewBie-image-Exp0.1, Shift: 6, RNG: CPU, System prompt: xml-train, "
        "Parity: own, Version: newbie 0.1.0",
        "the line of the documentation is written");
    meta.steps_run = 17;
    meta.cfg_trunc = 0.5;
    meta.renorm = 1;
    meta.cfg = 0.1;
    meta_set(&meta.rng, "cuda");
    meta_set(&meta.system_preset, NULL);
    meta_set(&meta.model_name, "/home/alice/a, b: \"c\"");
    meta_list_add(&meta.lora, "styles/ink: 1", "aabbccddeeff0011");
    meta_list_add(&meta.lora, "b", "0011");
    meta.hashes.rows[0].name[0] = 'x'; /* the hash of the transformer is not ready yet */
    check_line(
        &meta,
        "Steps: 17, Sampler: Euler, Schedule type: Normal, CFG scale: 0.1, Seed: 42, Size: 1024x1024, "
        "Model: a_ b_ _c_, Shift: 6, RNG: GPU, System prompt: custom, Parity: own, CFG trunc: 0.5, "
        "Renorm: 1, Interrupted: 17 of 28, Lora hashes: \"ink_ 1: aabbccddee, b: 0011\", "
        "Version: newbie 0.1.0",
        "a stopped run with unusual values is written");
    meta_done(&meta);
}

/* A run that was stopped, by a model with an odd name: what the three readers find. */
static void readers_find_a_stopped_run(void) {
    static ReadFn *const READERS[] = {read_a1111, read_sd_reader, read_civitai};
    RunMeta meta, read;
    Buf png = {0}, remarks = {0};
    begin_example(&meta, "a cat", "a dog");
    meta.steps_run = 17;
    meta_set(&meta.model_name, "a, b: \"c\"");
    encode(&png, &meta, META_FULL);
    CHECK(!memcmp(png.data + 37, "tEXt", 4), "ASCII stays in a tEXt");
    char *text = text_early(&png, "parameters");
    for (size_t i = 0; i < sizeof READERS / sizeof *READERS; i++) {
        Reading reading;
        READERS[i](&reading, text);
        CHECK_STR(buf_string(&reading.prompt), "a cat", "a stopped run: the prompt");
        CHECK_STR(buf_string(&reading.negative), "a dog", "the negative prompt");
        CHECK_STR(reading_field(&reading, "Steps"), "17", "the steps that were run");
        CHECK_STR(reading_field(&reading, "Interrupted"), "17 of 28", "and of how many");
        CHECK_STR(reading_field(&reading, "Model"), "a_ b_ _c_", "a model's name splits no field");
        CHECK_STR(reading_field(&reading, "Version"), "newbie 0.1.0", "the last field is still found");
        reading_done(&reading);
    }
    CHECK_EQ(decode(&read, &remarks, &png), META_NEWBIE, "newbie itself");
    CHECK_STR(read.model_name, "a, b: \"c\"", "reads the name as it is");
    CHECK(read.steps == 28 && read.steps_run == 17, "and both numbers of steps");
    free(text);
    meta_done(&read);
    meta_done(&meta);
    buf_done(&png);
    buf_done(&remarks);
}

/* Compiles a locale that has nothing but a decimal comma; NULL where localedef is missing. */
static const char *comma_locale(void) {
    static char place[] = "/tmp/newbie-locale-XXXXXX";
    static const char compile[] = "printf 'LC_NUMERIC\\ndecimal_point \",\"\\nthousands_sep \"\"\\ngrouping "
                                  "-1\\nEND LC_NUMERIC\\n' >source &&"
                                  "{ localedef -c --no-archive -i source ./comma >log 2>&1; test -f "
                                  "comma/LC_NUMERIC; }";
    char command[400];
    if (!mkdtemp(place))
        return NULL;
    snprintf(command, sizeof command, "cd %s && %s", place, compile);
    if (system(command))
        return NULL;
    setenv("LOCPATH", place, 1);
    return setlocale(LC_NUMERIC, "comma");
}

static void remove_comma_locale(void) {
    const char *place = getenv("LOCPATH");
    char command[200];
    snprintf(command, sizeof command, "rm -r '%s'", place ? place : "");
    if (place && !strncmp(place, "/tmp/newbie-locale-", 19) && system(command))
        printf("# %s stays\n", place);
    unsetenv("LOCPATH");
}

static void locale_changes_nothing(void) {
    if (!comma_locale()) {
        SKIP("a locale with decimal comma changes nothing", "localedef is missing");
        return;
    }
    CHECK_STR(localeconv()->decimal_point, ",", "the locale has a decimal comma");
    check_case(&CASES[0]);
    setlocale(LC_ALL, "C");
    remove_comma_locale();
}

/* --- levels --------------------------------------------------------------------------------------------- */

static bool contains(const Buf *png, const char *text) {
    return memmem(png->data, png->size, text, strlen(text)) != NULL;
}

static void levels_leak_nothing(void) {
    static const char *const PRIVATE[] = {"secretdevice", "secretlibrary", "98.7", "123456789012",
                                          "secretparent"};
    RunMeta meta;
    Buf full = {0}, share = {0}, off = {0}, faults = {0};
    begin_example(&meta, "a cat", "");
    meta_set(&meta.model_name, "/home/alice/models/tiny");
    encode(&full, &meta, META_FULL);
    encode(&share, &meta, META_SHARE);
    encode(&off, &meta, META_OFF);
    for (size_t i = 0; i < sizeof PRIVATE / sizeof *PRIVATE; i++) {
        CHECK(contains(&full, PRIVATE[i]), "full tells everything");
        CHECK(!contains(&share, PRIVATE[i]), "share tells nothing of the machine");
    }
    CHECK(contains(&share, "a cat") && contains(&share, "feedbeef"), "share tells what made the picture");
    CHECK(!contains(&full, "alice") && !contains(&share, "alice"), "no level tells a directory");
    CHECK(!contains(&off, "tEXt") && !contains(&off, "iTXt") && !contains(&off, "newbie"),
          "off writes no text at all");
    strict_png(&faults, &share);
    strict_png(&faults, &off);
    CHECK_STR(buf_string(&faults), "", "the pictures of all levels are strictly correct");
    meta_done(&meta);
    buf_done(&full);
    buf_done(&share);
    buf_done(&off);
    buf_done(&faults);
}

/* --- pictures of others --------------------------------------------------------------------------------- */

/* Reads a picture that has these chunks only; keyword and text alternate, NULL at the end. */
static MetaSource read_foreign(RunMeta *out, Buf *remarks, const char *const *texts) {
    Buf png = {0};
    make_start(&png);
    for (; *texts; texts += 2) {
        Buf rest = {0};
        buf_text(&rest, texts[1]);
        make_text(&png, "tEXt", texts[0], &rest);
        buf_done(&rest);
    }
    make_pixels(&png);
    make_chunk(&png, "IEND", "", 0);
    buf_truncate(remarks, 0);
    MetaSource source = decode(out, remarks, &png);
    buf_done(&png);
    return source;
}

static void parameters_are_read(void) {
    static const char *const OURS[] = {
        "newbie", "{\"newbie\":1", "parameters",
        "a\n Steps: 5\n  b\nNegative prompt: c\nd\nSteps: 17, Sampler: Euler, Schedule type: Normal, "
        "CFG scale: 4.5, Seed: 18446744073709551615, Size: 640x480, RNG: NV, System prompt: custom, "
        "Interrupted: 17 of 28, Lora hashes: \"x: aa, y: bb\", Version: newbie 0.1.0",
        NULL};
    RunMeta meta;
    Buf remarks = {0};
    CHECK_EQ(read_foreign(&meta, &remarks, OURS), META_PARAMETERS,
             "a broken newbie chunk gives way to parameters");
    CHECK_HAS(buf_string(&remarks), "chunk newbie cannot be read", "the broken chunk is named");
    CHECK_HAS(buf_string(&remarks), "System prompt cannot be honoured: custom",
              "a text that is not there is named");
    CHECK_STR(meta.prompt, "a\nSteps: 5\n  b", "the space that hid a line is taken away, others stay");
    CHECK_STR(meta.negative, "c\nd", "the negative prompt goes up to the settings");
    CHECK(meta.has_seed && meta.seed == UINT64_MAX, "the largest seed is read");
    CHECK(meta.width == 640 && meta.height == 480, "the size is read");
    CHECK(meta.steps == 28 && meta.steps_run == 17, "a stopped run is read");
    CHECK_NEAR(meta.cfg, 4.5, 0, "guidance is read");
    CHECK_STR(meta.sampler, "euler", "the sampler gets our name");
    CHECK_STR(meta.rng, "a1111", "the noise gets our name");
    CHECK_STR(meta_list_get(&meta.lora, "y"), "bb", "LoRA hashes are read");
    Buf missing = {0};
    meta_missing(&missing, &meta);
    CHECK_STR(buf_string(&missing), "shift, model", "what is needed and not there is told");
    meta_done(&meta);
    CHECK(!meta.prompt && !meta.lora.count && isnan(meta.cfg), "afterwards all is unknown");
    buf_done(&missing);
    buf_done(&remarks);
}

static void civitai_is_read(void) {
    static const char *const TEXTS[] = {
        "parameters",
        "miku_\\(vocaloid\\)\nSteps: 20, Sampler: No Such Sampler, Seed: -1, Size: 512x512, Clip skip: 2, "
        "Civitai resources: [{\"type\":\"checkpoint\",\"modelVersionId\":1},{\"a, b\":[2,3]}], Fine: 1.5e400",
        NULL};
    RunMeta meta;
    Buf remarks = {0};
    CHECK_EQ(read_foreign(&meta, &remarks, TEXTS), META_PARAMETERS, "the text of Civitai is read");
    CHECK_STR(meta.prompt, "miku_(vocaloid)", "escaped parentheses of Civitai become plain");
    CHECK_HAS(buf_string(&remarks), "plain parentheses", "that they become plain is told");
    CHECK_HAS(buf_string(&remarks), "Sampler cannot be honoured: No Such Sampler\n",
              "an unknown sampler is named");
    CHECK_HAS(buf_string(&remarks), "Seed cannot be honoured: -1\n", "a seed out of range is named");
    CHECK_HAS(buf_string(&remarks), "Clip skip cannot be honoured: 2\n", "a setting we lack is named");
    CHECK_HAS(buf_string(&remarks), "Civitai resources cannot be honoured: [{\"type\"",
              "a list stays in one piece");
    CHECK_HAS(buf_string(&remarks), "\nFine cannot", "what follows a list is found");
    CHECK(!meta.has_seed && !meta.sampler, "what is named is not set");
    meta_done(&meta);
    buf_done(&remarks);
}

static void comfy_is_read(void) {
    static const char *const PLAIN[] = {
        "prompt",
        "{\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":7,\"steps\":20,\"cfg\":5.5,"
        "\"sampler_name\":\"euler\",\"scheduler\":\"simple\",\"denoise\":1.0,"
        "\"model\":[\"9\",0],\"positive\":[\"8\",0],\"negative\":[\"7\",0],\"latent_image\":[\"5\",0]}},"
        "\"5\":{\"class_type\":\"EmptySD3LatentImage\","
        "\"inputs\":{\"width\":832,\"height\":1216,\"batch_size\":1}},"
        "\"8\":{\"class_type\":\"ConditioningZeroOut\",\"inputs\":{\"conditioning\":[\"6\",0]}},"
        "\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":[\"11\",0],\"clip\":[\"10\",0]}},"
        "\"11\":{\"class_type\":\"PrimitiveString\",\"inputs\":{\"value\":\"miku \\\\(v\\\\)\\nx\"}},"
        "\"7\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"bad\",\"clip\":[\"10\",0]}},"
        "\"9\":{\"class_type\":\"ModelSamplingAuraFlow\",\"inputs\":{\"shift\":3,\"model\":[\"4\",0]}},"
        "\"4\":{\"class_type\":\"UNETLoader\",\"inputs\":{\"unet_name\":\"sub/newbie.safetensors\"}}}",
        NULL};
    RunMeta meta;
    Buf remarks = {0};
    CHECK_EQ(read_foreign(&meta, &remarks, PLAIN), META_COMFY, "a graph of ComfyUI is read");
    CHECK_STR(meta.prompt, "miku (v)\nx", "links lead from the sampler to the prompt");
    CHECK_STR(meta.negative, "bad", "links lead from the sampler to the negative prompt");
    CHECK(meta.has_seed && meta.seed == 7 && meta.steps == 20, "seed and steps are read");
    CHECK(meta.width == 832 && meta.height == 1216, "links lead to the size");
    CHECK_NEAR(meta.shift, 3, 0, "links lead to the shift");
    CHECK_NEAR(meta.cfg, 5.5, 0, "guidance is read");
    CHECK_STR(meta.sampler, "euler", "the sampler is read");
    CHECK_STR(meta.schedule, "simple", "the schedule is read");
    CHECK_STR(meta.model_name, "newbie.safetensors", "the model is read, without its directory");
    CHECK_HAS(buf_string(&remarks), "both encoders", "the difference to ComfyUI is told");
    meta_done(&meta);
    buf_done(&remarks);
}

/* What printable ASCII is. */
static const char ASCII[] = " !\"#$%&'()*+,-./"
                            "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}"
                            "~";

/* Every link of a graph leads to one of its nodes. */
static bool links_resolve(const Json *graph) {
    bool good = true;
    for (JsonIter node = json_first(graph); node.value; json_next(&node))
        for (JsonIter input = json_first(json_get(node.value, "inputs")); input.value; json_next(&input))
            if (json_kind(input.value) == JSON_ARRAY)
                good = good && json_get(graph, json_string(json_at(input.value, 0), NULL));
    return good;
}

/* How many nodes are of this class. */
static int nodes_of(const Json *graph, const char *class_type) {
    int count = 0;
    for (JsonIter node = json_first(graph); node.value; json_next(&node))
        count += !strcmp(json_get_string(node.value, "class_type", ""), class_type);
    return count;
}

static void check_graph(const Json *graph, int shifted) {
    static const char *const CLASSES[] = {"UNETLoader", "DualCLIPLoader", "VAELoader", "EmptySD3LatentImage",
                                          "KSampler",   "VAEDecode",      "SaveImage"};
    for (size_t i = 0; i < sizeof CLASSES / sizeof *CLASSES; i++)
        CHECK_EQ(nodes_of(graph, CLASSES[i]), 1, CLASSES[i]);
    CHECK_EQ(nodes_of(graph, "CLIPTextEncode"), 2, "two prompts are encoded");
    CHECK_EQ(nodes_of(graph, "ModelSamplingAuraFlow"), shifted, "a shift other than 6 has a node");
    CHECK_EQ(json_count(graph), 9 + shifted, "core nodes, and no others");
    CHECK(links_resolve(graph), "all links lead to nodes");
}

static void comfy_is_written(void) {
    static const char PROMPT[] = "<n>初音ミク</n> \xF0\x9F\x98\x80 \"quoted\"\nnext\x7F";
    for (int shifted = 0; shifted < 2; shifted++) {
        RunMeta meta, read;
        PngInfo info;
        Json *graph = NULL;
        Buf png = {0}, faults = {0}, remarks = {0}, text = {0};
        begin_example(&meta, PROMPT, "低质量");
        meta.shift = shifted ? 3 : 6;
        meta.comfy = true;
        encode(&png, &meta, META_FULL);
        strict_png(&faults, &png);
        CHECK_STR(buf_string(&faults), "", "a picture with a graph is strictly correct");
        CHECK_OK(png_parse(&info, png.data, png.size, "x.png"), "and is parsed");
        CHECK_STR(buf_string(&info.chunks), "IHDR, iTXt, tEXt, IDAT, IEND", "M1: all text before the pixels");
        CHECK_EQ(info.field_count, 4, "M1: parameters, newbie, prompt, Software");
        CHECK_STR(info.fields[2].keyword, "prompt", "M1: the graph is the third");
        CHECK_STR(info.fields[2].chunk, "tEXt", "M10: in a tEXt");
        buf_text(&text, png_text(&info, "prompt"));
        CHECK_EQ(strspn(text.data, ASCII), text.size, "M10: of ASCII alone");
        CHECK_OK(json_parse(&graph, text.data, text.size), "M10: it is JSON");
        check_graph(graph, shifted);
        CHECK_EQ(meta_read(&read, &remarks, &info), META_NEWBIE, "we read newbie first");
        CHECK_HAS(buf_string(&remarks), "gives both encoders the same text", "and say what ComfyUI does");
        meta_done(&read);
        const char *const alone[] = {"prompt", text.data, NULL};
        CHECK_EQ(read_foreign(&read, &remarks, alone), META_COMFY, "the graph alone is read");
        CHECK_STR(read.prompt, PROMPT, "its prompt is ours");
        CHECK_STR(read.negative, "低质量", "so is the negative one");
        CHECK(read.steps == 28 && read.width == 16 && read.cfg == 4.5, "and its settings");
        CHECK(read.seed == UINT32_MAX, "a seed too large for JSON draws the same noise");
        json_free(graph);
        png_done(&info);
        meta_done(&read);
        meta_done(&meta);
        buf_done(&png), buf_done(&faults), buf_done(&remarks), buf_done(&text);
    }
}

static void what_comfy_lacks_is_not_written(void) {
    RunMeta meta;
    Buf graph = {0}, png = {0};
    begin_example(&meta, "a", "");
    meta_set(&meta.sampler, "rk4");
    meta_write_comfy(&graph, &meta);
    CHECK_EQ(graph.size, 0, "a sampler that ComfyUI does not have gives no graph");
    meta_set(&meta.sampler, "euler");
    meta_set(&meta.schedule, "lab");
    meta_write_comfy(&graph, &meta);
    CHECK_EQ(graph.size, 0, "nor does such a schedule");
    meta_set(&meta.schedule, "simple");
    encode(&png, &meta, META_FULL);
    CHECK(!contains(&png, "KSampler"), "without comfy on there is none");
    meta.comfy = true;
    buf_truncate(&png, 0);
    encode(&png, &meta, META_OFF);
    CHECK(!contains(&png, "KSampler"), "nor with metadata off");
    meta_done(&meta);
    buf_done(&graph);
    buf_done(&png);
}

static void custom_sampling_is_read(void) {
    static const char *const GUIDED[] = {
        "prompt",
        "{\"1\":{\"class_type\":\"SamplerCustomAdvanced\",\"inputs\":{\"noise\":[\"2\",0],"
        "\"guider\":[\"3\",0],\"sampler\":[\"4\",0],\"sigmas\":[\"5\",0],\"latent_image\":[\"1\",0]}},"
        "\"2\":{\"class_type\":\"RandomNoise\",\"inputs\":{\"noise_seed\":99}},"
        "\"3\":{\"class_type\":\"CFGGuider\","
        "\"inputs\":{\"cfg\":4,\"positive\":[\"6\",0],\"negative\":[\"7\",0]}},"
        "\"4\":{\"class_type\":\"KSamplerSelect\",\"inputs\":{\"sampler_name\":\"euler\"}},"
        "\"5\":{\"class_type\":\"BasicScheduler\","
        "\"inputs\":{\"steps\":9,\"scheduler\":\"normal\",\"denoise\":0.5}},"
        "\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"yes\"}},"
        "\"7\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"no\"}}}",
        NULL};
    RunMeta meta;
    Buf remarks = {0};
    CHECK_EQ(read_foreign(&meta, &remarks, GUIDED), META_COMFY,
             "a graph with a guider, and a circle, is read");
    CHECK_STR(meta.prompt, "yes", "the prompt is found behind the guider");
    CHECK_STR(meta.negative, "no", "the negative prompt is found behind the guider");
    CHECK(meta.has_seed && meta.seed == 99 && meta.steps == 9, "seed and steps are found in their own nodes");
    CHECK_HAS(buf_string(&remarks), "denoise", "a picture made from a picture is named");
    meta_done(&meta);
    buf_done(&remarks);
}

static void rubbish_is_survived(void) {
    static const char *const NOTHING[] = {"Title", "x", NULL};
    static const char *const RUBBISH[] = {
        "newbie",     "{\"prompt\":5,\"seed\":7,\"sigmas\":[\"a\"],\"future\":1}",
        "prompt",     "{\"1\":{\"inputs\":{\"positive\":[\"1\",0],\"latent_image\":[\"1\",0]}}}",
        "parameters", "no settings",
        NULL};
    RunMeta meta;
    Buf remarks = {0};
    CHECK_EQ(read_foreign(&meta, &remarks, NOTHING), META_NONE, "a picture without generation data says so");
    CHECK_STR(buf_string(&remarks), "", "where there is nothing, nothing is remarked");
    CHECK(!meta_chunk(META_NONE), "nothing has no chunk");
    meta_done(&meta);
    CHECK_EQ(read_foreign(&meta, &remarks, RUBBISH), META_NONE,
             "a picture with three useless chunks has no data");
    CHECK_HAS(buf_string(&remarks), "prompt: its value cannot be read\n",
              "a value of the wrong kind is named");
    CHECK_HAS(buf_string(&remarks), "future: unknown to this version\n", "a key of a later version is named");
    CHECK_HAS(buf_string(&remarks), "no ComfyUI graph", "a graph that goes in circles is named");
    CHECK(!meta.has_seed && !meta.prompt, "what a useless chunk said is not kept");
    meta_done(&meta);
    buf_done(&remarks);
}

/* Minutes, if each level were looked for from the start of the list. */
static void long_lists_are_read(void) {
    enum { LEVELS = 300000 };
    Buf text = {0}, remarks = {0};
    buf_text(&text, "{\"newbie\":1,\"prompt\":\"a\",\"sigmas\":[1");
    for (int i = 1; i < LEVELS; i++)
        buf_text(&text, ",0.5");
    buf_text(&text, "]}");
    const char *const texts[] = {"newbie", buf_string(&text), NULL};
    RunMeta meta;
    double begun = clock_seconds();
    CHECK_EQ(read_foreign(&meta, &remarks, texts), META_NEWBIE, "a list of many levels is read");
    CHECK_EQ(meta.sigma_count, LEVELS, "all of it");
    CHECK(clock_seconds() - begun < 5, "in a time that grows with its length only");
    meta_done(&meta);
    buf_done(&text);
    buf_done(&remarks);
}

int main(void) {
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        check_case(&CASES[i]);
    check_long("x", "tEXt");
    check_long("女", "iTXt");
    line_is_exact();
    readers_find_a_stopped_run();
    newbie_is_exact();
    chunks_are_in_order();
    locale_changes_nothing();
    levels_leak_nothing();
    parameters_are_read();
    civitai_is_read();
    comfy_is_read();
    comfy_is_written();
    what_comfy_lacks_is_not_written();
    custom_sampling_is_read();
    rubbish_is_survived();
    long_lists_are_read();
    return tap_end();
}
