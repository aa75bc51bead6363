/* gallery: what becomes of pictures after they are made (product.md 5, H5): the index and what it outlives,
 * :gallery, :star, :view, :open, and what a surface asks to draw a screen of them. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "io/json.h"
#include "io/png.h"
#include "tests/run/talk.h"

#define INDEX ".local/state/newbie/gallery.ndjson"

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

static const char *index_text(void) {
    static Buf text;
    buf_truncate(&text, 0);
    Status st = file_read(&text, INDEX, 1 << 20);
    return st ? st->message : buf_string(&text);
}

static void a_saved_picture_is_in_the_index(Talk *talk) {
    command(talk, "steps 2");
    command(talk, "neg blurry");
    command(talk, "seed 7");
    prompt(talk, "<character_1>\n<n>miku</n>\n</character_1>");
    command(talk, "reset neg");
    prompt(talk, "1girl, 蓝发, beach");
    Json *json = NULL;
    const char *text = index_text();
    CHECK_EQ(count_of(text, "\n"), 2, "one line for each picture");
    CHECK_OK(json_parse(&json, text, strcspn(text, "\n")), "which is JSON");
    CHECK_STR(json_get_string(json, "prompt", ""), "<character_1>\n<n>miku</n>\n</character_1>",
              "with the exact prompt");
    CHECK_STR(json_get_string(json, "negative", ""), "blurry", "the negative");
    CHECK_STR(json_get_string(json_get(json, "settings"), "seed", ""), "7", "the settings");
    CHECK_EQ(json_get_integer(json, "number", 0), 1, "the number");
    CHECK_EQ(strlen(json_get_string(json, "sha256", "")), 64, "and the file's SHA-256");
    json_free(json);
    struct stat facts;
    CHECK(!stat(INDEX, &facts) && (facts.st_mode & 0777) == 0600, "nobody else reads the index");
}

static void pictures_are_listed(Talk *talk) {
    const char *said = command(talk, "gallery");
    CHECK(strstr(said, "#2  output_002.png") && strstr(said, "#1  output_001.png") > strstr(said, "#2 "),
          ":gallery lists them, the newest first");
    CHECK_HAS(said, "seed 7, 128x128, 2 steps", "with what they were made from");
    CHECK_HAS(said, "1girl, 蓝发, beach", "and their prompt");
    said = command(talk, "gallery MIKU");
    CHECK(strstr(said, "#1") && !strstr(said, "#2"), ":gallery TEXT finds those with it in the prompt");
    CHECK_HAS(command(talk, "gallery 蓝发"), "#2", "in any script");
    CHECK_HAS(command(talk, "gallery nowhere"), "[INFO] No picture in . with \"nowhere\"", "none is said");
}

static void stars_are_kept(Talk *talk) {
    CHECK_HAS(command(talk, "gallery starred"), "[INFO] No picture in . has a star", "no star at first");
    CHECK_HAS(command(talk, "star #1"), "[INFO] #1 has a star", ":star gives one");
    const char *said = command(talk, "gallery starred");
    CHECK(strstr(said, "#1") && !strstr(said, "#2"), ":gallery starred lists it");
    command(talk, "star");
    CHECK_HAS(command(talk, "star last"), "[INFO] #2 has no star any more", "the second :star takes it away");
    CHECK_HAS(command(talk, "star #99"), "[ERROR] #99: there is no output_099.png in .",
              "of none there is none");
}

static void deleted_pictures_are_remembered(Talk *talk) {
    unlink("output_001.png");
    CHECK_HAS(command(talk, "gallery"), "star, missing", "a deleted picture is marked");
    CHECK_HAS(command(talk, "show #1"), "<n>miku</n>", "its prompt is still there");
    CHECK_HAS(command(talk, "info #1"), "the file is gone; data from the gallery index", ":info says so");
    CHECK_HAS(command(talk, "view output_001.png"), "[ERROR]", "its pixels are not");
    CHECK_HAS(command(talk, "open #1"), "[ERROR]", "nor can it be opened");
}

static void another_session_knows_them(Talk *talk) {
    end(talk);
    begin(talk);
    const char *said = command(talk, "gallery starred");
    CHECK_HAS(said, "#1  output_001.png  star, missing", "another session knows picture and star");
    CHECK_HAS(command(talk, "info #1"), "Negative prompt: blurry", "and its data");
}

static void damage_is_skipped(Talk *talk) {
    file_append(INDEX, "{\"t\":\"broken\n", 13, 0600);
    const char *said = command(talk, "gallery");
    CHECK_HAS(said, "[WARN] The gallery index has 1 damaged line, the first is line ", "damage is counted");
    CHECK(strstr(said, "#2") && strstr(said, "#1"), "the rest is there");
}

static void a_lost_index_is_rebuilt(Talk *talk) {
    prompt(talk, "2girls, kimono");
    unlink(INDEX);
    const char *said = command(talk, "gallery");
    CHECK(strstr(said, "#3  output_003.png") && strstr(said, "2girls, kimono"),
          "a lost index is rebuilt from the pictures");
    CHECK(!strstr(said, "missing"), "a picture that is gone is then forgotten");
    CHECK_EQ(count_of(index_text(), "\n"), 2, "and written again");
}

/* A PNG that says nothing, and one that is none. */
static void strangers_are_listed(Talk *talk) {
    Buf png = {0};
    uint8_t pixels[4 * 2 * 3] = {0};
    CHECK_OK(png_encode(&png, (PngPixels){pixels, 4, 2}, NULL, 0), "a picture of somebody else's");
    file_write("photo.png", png.data, png.size, 0666);
    file_write("fake.png", "<html>", 6, 0666);
    buf_done(&png);
    const char *said = command(talk, "gallery photo");
    CHECK_HAS(said, "photo.png", "is listed by its name");
    CHECK_HAS(said, "4x2", "with its size");
    CHECK(!strstr(command(talk, "gallery"), "fake"), "a file that is no PNG is not listed");
    int images = talk->images;
    command(talk, "view photo.png");
    CHECK_EQ(talk->images, images + 1, "and :view shows it");
    CHECK_HAS(command(talk, "view fake.png"), "[ERROR] fake.png is not a PNG", "what is no PNG is said");
    CHECK_HAS(command(talk, "view nothing.png"), "[ERROR]", "as is what is not there");
    CHECK_HAS(command(talk, "star photo.png"), "[INFO] photo.png has a star", "it may have a star");
    CHECK_HAS(command(talk, "gallery starred"), "photo.png", "which is kept");
}

static void the_viewer_gets_the_file(Talk *talk) {
    mkfifo("opened", 0600); /* reading it waits for the viewer, which nobody waits for */
    static const char waiting[] = "#!/bin/sh\nprintf '%s' \"$2\" > opened\n";
    file_write("viewer.sh", waiting, sizeof waiting - 1, 0777);
    chmod("viewer.sh", 0777);
    setenv("NEWBIE_VIEWER", "./viewer.sh --large", 1);
    CHECK_HAS(command(talk, "open #2"), "[INFO] Opened output_002.png", ":open says what it opens");
    Buf got = {0};
    CHECK_OK(file_read_stream(&got, "opened", 4096), "the viewer runs");
    char *expected = realpath("output_002.png", NULL);
    CHECK_STR(buf_string(&got), expected, "and gets the file, whole path, with its own options before it");
    free(expected);
    buf_done(&got);
    setenv("NEWBIE_VIEWER", "no-such-viewer", 1);
    CHECK_HAS(command(talk, "open #2"), "[ERROR] the viewer \"no-such-viewer\" of NEWBIE_VIEWER was not",
              "a viewer that is not there is said");
    char *path = must_copy(getenv("PATH"));
    unsetenv("NEWBIE_VIEWER");
    setenv("PATH", "/nowhere", 1);
    const char *said = command(talk, "open #2");
    CHECK_HAS(said, "[ERROR] there is no viewer", "no viewer at all is said");
    CHECK_HAS(said, "[HINT] NEWBIE_VIEWER=", "with the way out");
    setenv("PATH", path, 1);
    free(path);
}

static size_t index_of(Talk *talk, int64_t number) {
    GalleryPicture picture;
    for (size_t i = 0; i < app_gallery_count(talk->app); i++) {
        app_gallery_at(&picture, talk->app, i);
        if (picture.number == number)
            return i;
    }
    return 0;
}

static void a_surface_can_draw_them(Talk *talk) {
    GalleryPicture picture;
    CHECK_OK(app_gallery_open(talk->app, NULL), "a surface opens the gallery");
    size_t at = index_of(talk, 3);
    app_gallery_at(&picture, talk->app, at);
    CHECK(picture.has_prompt && !picture.missing && !picture.star, "what it needs is there");
    CHECK_STR(picture.caption, "2girls, kimono", "the prompt in one line");
    command(talk, "set prefix a_"); /* sorts before all others */
    prompt(talk, "saved meanwhile");
    command(talk, "reset prefix");
    app_gallery_at(&picture, talk->app, at);
    CHECK_STR(picture.caption, "2girls, kimono", "a picture that is saved meanwhile moves none of them");
    Image image;
    CHECK_OK(app_thumbnail(&image, talk->app, at, 32), "a thumbnail is made");
    CHECK(image.width == 32 && image.height == 32, "of the size that was asked for");
    CHECK_OK(app_thumbnail(&image, talk->app, at, 1), "of one pixel");
    PngPicture whole;
    CHECK_OK(png_load(&whole, "output_003.png"), "beside the whole picture");
    long sum = 0, count = (long)whole.width * whole.height;
    for (long i = 0; i < count; i++)
        sum += whole.pixels[3 * i];
    CHECK_NEAR(image.pixels[0], (double)sum / (double)count, 0.51, "a pixel is the mean of what it covers");
    free(whole.pixels);
    CHECK_OK(app_gallery_star(talk->app, at), "a star from the screen");
    app_gallery_at(&picture, talk->app, at);
    CHECK(picture.star, "is seen at once");
    buf_truncate(&talk->edited, 0);
    CHECK_OK(app_gallery_take(talk->app, index_of(talk, 2)), "Enter takes a picture");
    CHECK_STR(buf_string(&talk->edited), "1girl, 蓝发, beach", "its prompt goes into the edit area");
    CHECK_STR(settings_text(app_settings(talk->app), SET_SEED), "7", "its settings become current");
    CHECK_HAS(command(talk, "undo"), "1 state undone", "and that is one step to undo");
}

static void no_writing_no_loss(Talk *talk) {
    if (geteuid() == 0) {
        SKIP("an index that cannot be written is said once", "the superuser writes everywhere");
        return;
    }
    chmod(INDEX, 0400);
    CHECK_HAS(prompt(talk, "a"), "[WARN] cannot open ", "an index that cannot be written is said");
    CHECK(!strstr(prompt(talk, "b"), "[WARN] cannot"), "once");
    CHECK_HAS(command(talk, "gallery"), "output_005.png", "the pictures are listed all the same");
    chmod(INDEX, 0600);
}

int main(void) {
    Talk talk;
    if (!scratch("gallery"))
        return 1;
    begin(&talk);
    a_saved_picture_is_in_the_index(&talk);
    pictures_are_listed(&talk);
    stars_are_kept(&talk);
    deleted_pictures_are_remembered(&talk);
    another_session_knows_them(&talk);
    damage_is_skipped(&talk);
    a_lost_index_is_rebuilt(&talk);
    strangers_are_listed(&talk);
    the_viewer_gets_the_file(&talk);
    a_surface_can_draw_them(&talk);
    no_writing_no_loss(&talk);
    end(&talk);
    return tap_end();
}
