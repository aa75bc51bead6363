/* cmd.h: the handlers of the commands, by the file they are in. What each does is in its row of COMMANDS.
 * Private to the room. A handler returns a fault; command_run's caller reports it. */
#pragma once

#include "app/commands.h"
#include "app/options.h"
#include "base/status.h"

typedef Status CommandFn(App *app, const Call *call);

/* Word `index` as a whole number from low to high; *out stays as it is when there is no such word. Errors:
 * ERR_USAGE. */
Status call_number(long *out, const Call *call, int index, long low, long high);

/* cmd_prompt.c: the current prompt */
CommandFn cmd_show, cmd_edit, cmd_clear, cmd_undo, cmd_redo, cmd_lint, cmd_tokens, cmd_history;

/* The fault that there is no current prompt. */
Status no_prompt(void);

/* Lines with their numbers. */
void say_numbered(App *app, const char *text);

/* "Prompt changed: 6 lines, 1 character, 74 tokens". */
void say_prompt_changed(App *app);

/* cmd_layout.c: XML that the program writes */
CommandFn cmd_format, cmd_xml, cmd_insert;

/* cmd_bench.c: the review's protocol */
CommandFn cmd_bench;

/* cmd_diff.c: what changed */
CommandFn cmd_diff;

/* fetch.c: prompt and settings of pictures */
CommandFn cmd_fetch, cmd_replay;

/* cmd_macro.c: prompts under a name */
CommandFn cmd_save, cmd_load, cmd_list, cmd_delete, cmd_rename;

/* cmd_set.c: settings */
CommandFn cmd_set, cmd_reset, cmd_seed, cmd_short, cmd_neg;

/* "steps 20 -> 28", one line for each setting that differs. */
void say_settings_changed(App *app, const Settings *before);

/* cmd_make.c: making pictures */
CommandFn cmd_go, cmd_draft, cmd_again, cmd_same, cmd_queue, cmd_stop, cmd_drop, cmd_skip;

/* cmd_picture.c: finished pictures */
CommandFn cmd_info, cmd_last, cmd_export;

/* cmd_gallery.c: the gallery, and looking at pictures */
CommandFn cmd_gallery, cmd_star, cmd_view, cmd_open;

/* cmd_watch.c: the program at work */
CommandFn cmd_top, cmd_screen;

/* cmd_model.c: the model and memory */
CommandFn cmd_model, cmd_demo, cmd_mem;

/* cmd_program.c: help, log, leaving */
CommandFn cmd_help, cmd_log, cmd_doctor, cmd_version, cmd_shell, cmd_quit;

/* cmd_lesson.c: command files and what they say */
CommandFn cmd_run, cmd_say, cmd_pause, cmd_tour;

/* explain.c: words of the field, and what happened */
CommandFn cmd_explain;
