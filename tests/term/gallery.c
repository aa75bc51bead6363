/* gallery.c: what a person at a terminal does with pictures and tags: Alt-K, the gallery, Tab inside
 * elements. product.md 4.4, 4.5, 5. */
#include "config.h"

#include <unistd.h>

#include "terminal.h"

static void a_step_is_kept(void) {
    static const char *const arguments[] = {"--plain", "--steps=1000", "--no-rc", "--seed=1", NULL};
    Terminal *terminal = terminal_open(40, 100, arguments);
    terminal_type(terminal, "1girl, beach\033\r");
    EXPECT(terminal, "[INFO] Denoising step 1/1000...\n", "a picture is being made");
    terminal_type(terminal, "\033k");
    EXPECT(terminal, "/1000 will be kept as a picture\n", "Alt-K keeps the next step");
    EXPECT(terminal, "/1000 kept. Output saved to output_001.png\n", "as a numbered picture");
    terminal_type(terminal, "\033p");
    EXPECT(terminal, "[ERROR] lines cannot show a preview\n", "Alt-P has nothing to show it on");
    terminal_type(terminal, "\033s");
    EXPECT(terminal, "Output saved to output_002.png\n", "the job makes its own picture");
    terminal_type(terminal, "\033k");
    EXPECT(terminal, "[ERROR] nothing is running\n", "without a job Alt-K says so");
    terminal_type(terminal, "\025quit\r");
    EXPECT_STATUS(terminal, 0, "and the session ends");
    terminal_close(terminal);
}

#ifdef HAVE_READLINE
static void tags_are_completed(void) {
    static const char *const arguments[] = {"--plain", "--no-rc", NULL};
    Terminal *terminal = terminal_open(40, 100, arguments);
    EXPECT(terminal, "[INFO] Model loaded in ", "the model loads");
    terminal_type(terminal, "<character_1>\r<appearance>\rblue ha\t");
    EXPECT_CURSOR(terminal, "character_1/appearance> blue_hair, ", "Tab puts in the only tag, and a comma");
    terminal_type(terminal, "hair\t\t");
    EXPECT(terminal, "hair_bow  g 11k", "of several it shows type and count");
    EXPECT_CURSOR(terminal, "blue_hair, hair", "and leaves what was typed");
    terminal_type(terminal, "\003quit\r");
    EXPECT_STATUS(terminal, 0, "and the session ends");
    terminal_close(terminal);
}

static void the_gallery_is_drawn(void) {
    static const char *const arguments[] = {"--full", "--no-rc", NULL};
    Terminal *terminal = terminal_open(30, 100, arguments);
    EXPECT(terminal, "[INFO] Model loaded in ", "the full screen loads the model");
    unlink("output_001.png");
    terminal_type(terminal, ":gallery\r");
    EXPECT(terminal, " gallery | 2 pictures", "the gallery is a screen of its own");
    EXPECT(terminal, "▀", "its small pictures come by themselves");
    EXPECT(terminal, "(the file is gone)", "a deleted one is said");
    terminal_resize(terminal, 30, 42);
    EXPECT(terminal, " gallery | 2 pictures, newe 1 of 2\n", "a narrow one cuts its title");
    terminal_resize(terminal, 30, 100);
    terminal_type(terminal, "s");
    EXPECT(terminal, "[#2 *", "s gives a star");
    terminal_type(terminal, "\r");
    EXPECT(terminal, "Prompt and settings of #2 are current", "Enter takes prompt and settings");
    EXPECT_CURSOR(terminal, "newbie> 1girl, beach", "into the edit area");
    terminal_type(terminal, "\003:view #2\r");
    EXPECT(terminal, "▀", ":view shows one in the log");
    terminal_type(terminal, "quit\r");
    EXPECT_STATUS(terminal, 0, "and the session ends");
    terminal_close(terminal);
}
#endif

int main(void) {
    program_world();
    a_step_is_kept();
#ifdef HAVE_READLINE
    tags_are_completed();
    the_gallery_is_drawn();
#endif
    return tap_end();
}
