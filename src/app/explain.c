/* explain.c: the terms of :explain, and what happened in a run, told with its own numbers. Facts about the
 * networks: model-spec.md 1, 2, 7; what a setting does: product.md 6. */
#include "config.h"

#include "app/explain.h"

#include <string.h>

#include "app/cmd.h"
#include "app/state.h"
#include "base/clock.h"
#include "base/nearest.h"

const Term TERMS[] = {
    {"prompt",
     "The text that says what to draw. Plain words work, lists of tags work, and XML elements say "
     "which figure wears what. newbie never changes it: the two text encoders read exactly the bytes "
     "you typed. The current prompt is the last one rendered; :show prints it, :edit changes it."},
    {"xml",
     "Elements such as <character_1> and <appearance> group the words, so that blue hair stays with "
     "the figure it belongs to. The model was trained on captions of this form; to the encoders the "
     "tags are text like any other. :help xml lists the elements, :lint finds mistakes."},
    {"token",
     "Text encoders do not read letters but tokens: words or pieces of words, each with a number. "
     "Underscores, indentation and the tags of XML cost tokens too. Gemma reads 512, the system prompt "
     "included; what comes later is cut off. :tokens shows the borders and counts them."},
    {"gemma",
     "A language model. It reads the system prompt and your prompt and turns every token into a list "
     "of numbers that holds its meaning in this sentence. The image network looks at these lists in "
     "every layer of every step: they say what goes where."},
    {"jina",
     "Jina CLIP, a model that was trained to match pictures with captions. It reads your prompt without "
     "the system prompt and gives one list of numbers for the whole of it. That list steers every "
     "layer of the image network, beside the word for word account that Gemma gives."},
    {"latent",
     "The picture while it is made: not pixels but 16 numbers for each square of 8 by 8 pixels. It is "
     "12 times smaller than the pixels, so all steps work on it. At the end the VAE turns it into a "
     "picture. Two equal latents are two equal pictures: :same compares them."},
    {"noise",
     "Where every picture begins: random numbers, drawn from the seed, one for each number of the "
     "latent. The network has learned to see a picture in them, and step by step the noise is taken "
     "away. Same seed and same size: same noise."},
    {"seed",
     "The number that the noise is drawn from. Another seed is another picture of the same prompt; the "
     "same seed, prompt and settings make the same picture again, to the last pixel. :seed 42 fixes it, "
     ":seed random draws a new one each time, :seed last takes that of the newest picture."},
    {"step",
     "One question to the network: given this latent, which way lies the picture? The sampler goes a "
     "little that way and asks again. More steps follow the path more closely and take longer; from "
     "some number on nothing gets better. :steps 20 sets it."},
    {"sigma",
     "How much noise is in the latent: 1 is nothing but noise, 0 is none. Each step begins at one sigma "
     "and ends at the next lower one. Early steps lay out the scene, late ones draw the details. "
     "Schedule and shift choose the list of sigmas."},
    {"velocity",
     "What the network answers in a step: for each number of the latent the way from noise to picture. "
     "The sampler multiplies it by the drop in sigma and adds it to the latent. With guidance two "
     "velocities are asked for and their difference is made larger."},
    {"sampler",
     "The rule that makes the next latent from velocities. euler goes straight along each answer; other "
     "rules ask twice or look back, to follow a bent path more closely. With many steps they agree. "
     ":set sampler? lists those that are here."},
    {"schedule",
     "How the noise levels of a run are spread from 1 down to 0. normal spreads them evenly, others "
     "spend more steps at one end. Together with the shift it decides how much work goes into the "
     "layout and how much into details. :set schedule? lists them."},
    {"shift",
     "Pushes the noise levels of the schedule towards 1, so that more steps are spent where the layout "
     "is decided. Large pictures need it more. The published model uses 6; other values seldom help. "
     ":shift 6 sets it."},
    {"cfg",
     "Guidance. Each step asks the network twice, with your prompt and with the negative one, and goes "
     "further where the answers differ: this number says how much further. High values follow the "
     "words more closely and look harsher. At 1 it asks once and is twice as fast."},
    {"negative",
     "What the picture should move away from. With cfg above 1 each step compares the answer to your "
     "prompt with the answer to this text; empty is the usual case. At cfg 1 it has no effect. "
     ":neg low_quality sets it, :neg \"\" empties it."},
    {"vae",
     "The network between latent and pixels. Its decoder runs once, at the end of a run, and turns the "
     "16 numbers of each place into 8 by 8 pixels that fit their neighbours. It draws nothing new, but "
     "eyes and fine lines depend on it."},
    {"preview",
     "A small picture of the latent while it is worked on: a weighted sum of the 16 numbers gives a "
     "colour for each place. That costs almost nothing, unlike the VAE. It shows what the picture would "
     "become if it went straight on from here. :preview 4 shows one every four steps."},
    {"precision",
     "How exactly numbers are kept: f32 with about seven digits, bf16 with two or three in half the "
     "memory. Pictures hardly differ, but a seed repeats one exactly only in the same precision. int8 "
     "and fp8 keep most of the network in 8 bits, on a card: quicker, a little further from bf16. "
     ":set precision f32 chooses."},
    {"memory",
     "Weights are the model's own numbers and stay while it is loaded. Activations are what is computed "
     "on the way and grow with the size of the picture. :mem shows both, and what other sizes would "
     "need."},
    {"plan",
     "Before the first step the run is gone through once without computing; that tells what "
     "each part needs. On a card, plan A keeps all weights; B to E leave more of them in the "
     "computer's memory, from where they visit. The first that fits is taken. B8 to E8 hold parts "
     "in 8 bits, when asked for."},
    {"metadata",
     "What made a picture is stored in its PNG: prompt, seed, settings, model. Other programs read it "
     "too. :info prints it, :fetch takes it over, :same makes the picture again. :set metadata share "
     "leaves out what tells of this machine; off stores nothing."},
    {0},
};

/* ---- what happened ------------------------------------------------------------------------------------- */

/* A run as far as it got: of the job that runs, else of the newest picture. */
typedef struct Story {
    const Job *job;
    const double *seconds;  /* [PHASE_COUNT]; negative: not reached */
    const StepInfo *step;   /* the newest */
    Phase phase;            /* now, or the last */
    const char *file;       /* NULL: not written yet */
} Story;

static bool find_story(Story *out, App *app) {
    const Ticket *running = app_running(app);
    if (running && !running->over) {
        *out = (Story){running->job, running->phase_seconds, &running->step, running->phase, NULL};
        return true;
    }
    if (!app->shot_count)
        return false;
    const Shot *shot = &app->shots[app->shot_count - 1];
    *out = (Story){shot->job, shot->phase_seconds, &shot->step, PHASE_SAVE, shot->path};
    return true;
}

/* " in 0.1s", or ", now" for the phase that is not over. */
static void put_time(Buf *out, double seconds) {
    char text[24];
    clock_format(text, seconds);
    if (seconds < 0)
        buf_text(out, ", now");
    else
        buf_print(out, " in %s", text);
}

static void tell_text(Buf *out, App *app, const Story *story) {
    Buf whole = {0};
    TokenList tokens = {0};
    buf_print(&whole, "%s%s", story->job->system_text, story->job->prompt);
    buf_text(out, "text: the encoders read the prompt");
    put_time(out, story->seconds[PHASE_TEXT]);
    if (app->loaded && !worker_tokens(app->worker, &tokens, TOKENS_GEMMA, whole.data, whole.size)) {
        buf_print(out, ". For Gemma it was %zu tokens%s, of %d that it reads", tokens.count,
                  *story->job->system_text ? " with the system prompt" : "", GEMMA_LIMIT);
        token_list_done(&tokens);
    }
    buf_done(&whole);
}

static void tell_denoise(Buf *out, App *app, const Story *story) {
    (void)app;
    const StepInfo *step = story->step;
    buf_print(out, "denoise: from noise of seed %llu towards a picture, step %d of %d",
              (unsigned long long)story->job->seed, step->step, story->job->steps);
    put_time(out, story->seconds[PHASE_DENOISE]);
    if (step->step)
        buf_print(out, ". The newest step began at sigma %.4f and asked the network %s", step->sigma,
                  step->guided ? "twice" : "once");
    if (step->guided)
        buf_print(out, ", with the prompt and %s: cfg %g",
                  *story->job->negative ? "with the negative one" : "without it", story->job->cfg);
}

static void tell_vae(Buf *out, App *app, const Story *story) {
    (void)app;
    int width = story->job->width, height = story->job->height;
    buf_print(out, "vae: a latent of %dx%d places became %dx%d pixels", width / 8, height / 8, width, height);
    put_time(out, story->seconds[PHASE_VAE]);
}

static void tell_save(Buf *out, App *app, const Story *story) {
    (void)app;
    buf_text(out, "save: the picture");
    if (story->file)
        buf_print(out, " went to %s", shown_path(story->file));
    else
        buf_text(out, " is written");
    put_time(out, story->seconds[PHASE_SAVE]);
    buf_text(out, ", with its prompt, seed and settings inside: :info last");
}

/* Every phase from the first to the last seen. */
static void tell(App *app, const Story *story) {
    static void (*const tellers[PHASE_COUNT])(Buf *, App *, const Story *) = {
        [PHASE_TEXT] = tell_text, [PHASE_DENOISE] = tell_denoise, [PHASE_VAE] = tell_vae,
        [PHASE_SAVE] = tell_save};
    for (int phase = 0; phase <= (int)story->phase; phase++) {
        Buf line = {0};
        tellers[phase](&line, app, story);
        report_wrapped(&app->report, LINE_PLAIN, line.data);
        buf_done(&line);
    }
}

static void say_terms(App *app) {
    Buf line = {0};
    buf_text(&line, ":explain TERM says more:");
    for (const Term *term = TERMS; term->name; term++)
        buf_print(&line, " %s", term->name);
    report_wrapped(&app->report, LINE_PLAIN, line.data);
    buf_done(&line);
}

Status cmd_explain(App *app, const Call *call) {
    Story story;
    if (!call->count) {
        if (find_story(&story, app))
            tell(app, &story);
        else
            report_wrapped(&app->report, LINE_PLAIN,
                           "Nothing was made yet. Type a prompt and an empty line: the text is encoded, "
                           "noise is turned into a latent, the latent into a picture.");
        say_terms(app);
        return NULL;
    }
    Nearest nearest = nearest_to(call->word[0], strlen(call->word[0]));
    for (const Term *term = TERMS; term->name; term++) {
        if (!strcmp(term->name, call->word[0])) {
            report_wrapped(&app->report, LINE_PLAIN, term->text);
            return NULL;
        }
        nearest_try(&nearest, term->name);
    }
    Status st = nearest.best ? fail(ERR_USAGE, "%s is not explained; did you mean %s?", call->word[0],
                                    nearest.best)
                             : fail(ERR_USAGE, "%s is not explained", call->word[0]);
    return hint(st, ":explain lists all terms");
}
