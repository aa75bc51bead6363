/* shells.c: completion scripts for bash, zsh and fish, from the tables of options, settings and subcommands.
 * A script holds all it needs: it never runs the program. product.md 1, 4.5.
 *
 * Facts: bash(1), Programmable Completion; zshcompsys(1), _arguments; fish's complete(1). */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "app/arguments.h"

/* What stands behind an option. */
typedef enum ValueKind { VALUE_NONE, VALUE_FREE, VALUE_WORDS, VALUE_FILE, VALUE_DIRECTORY } ValueKind;

typedef struct ShellOption {
    char name[32];           /* as typed: "cfg-trunc" */
    OptionText text;
    const Setting *setting;  /* NULL: it is none */
    ValueKind kind;
} ShellOption;

static ValueKind kind_of(const ShellOption *option) {
    const char *metavar = option->text.metavar;
    if (!metavar)
        return VALUE_NONE;
    if (!strcmp(metavar, "DIR"))
        return VALUE_DIRECTORY;
    if (!strcmp(metavar, "FILE") || !strcmp(metavar, "PATH"))
        return VALUE_FILE;
    return option->setting && setting_choice(option->setting, 0, NULL) ? VALUE_WORDS : VALUE_FREE;
}

/* Option `index` of both tables together; false behind the last. */
static bool option_at(ShellOption *out, int index) {
    OptionText text;
    int others = 0;
    *out = (ShellOption){0};
    if (arguments_option(&text, index))
        out->text = text;
    else {
        while (arguments_option(&text, others))
            others++;
        if (index - others >= SETTING_COUNT)
            return false;
        const Setting *s = out->setting = &SETTINGS[index - others];
        out->text = (OptionText){s->name, s->letter, s->metavar, s->help};
    }
    for (size_t i = 0; out->text.name[i] && i < sizeof out->name - 1; i++)
        out->name[i] = out->text.name[i] == '_' ? '-' : out->text.name[i];
    out->kind = kind_of(out);
    return true;
}

static void put_words(Buf *out, const ShellOption *option) {
    const char *word;
    for (int i = 0; (word = setting_choice(option->setting, i, NULL)); i++)
        buf_print(out, "%s%s", i ? " " : "", word);
}

static void put_list(Buf *out, const char *const *words) {
    for (int i = 0; words[i]; i++)
        buf_print(out, "%s%s", i ? " " : "", words[i]);
}

/* ---- bash ---------------------------------------------------------------------------------------------- */

static const char BASH_BEGIN[] =
    "# bash completion for newbie, made by: newbie completion bash\n"
    "_newbie_files() { # compgen's options, the word\n"
    "    local IFS=$'\\n'\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    COMPREPLY=($(compgen $1 -- \"$2\"))\n"
    "}\n"
    "\n"
    "_newbie() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} option= word= i\n"
    "    COMPREPLY=()\n"
    "    case $current in # bash cuts words at =\n"
    "    =) option=$before current= ;;\n"
    "    --*=*) option=${current%%=*} current=${current#*=} ;;\n"
    "    *) option=$before\n"
    "        [[ $before == = ]] && option=${COMP_WORDS[COMP_CWORD-2]} ;;\n"
    "    esac\n"
    "    case $option in\n";

static const char BASH_MIDDLE[] =
    "    esac\n"
    "    if [[ $current == -* ]]; then\n";

static void bash_value(Buf *out, const ShellOption *option) {
    if (option->kind == VALUE_NONE)
        return;
    buf_text(out, "    ");
    if (option->text.letter)
        buf_print(out, "-%c | ", option->text.letter);
    buf_print(out, "--%s) ", option->name);
    switch (option->kind) {
    case VALUE_WORDS:
        buf_text(out, "COMPREPLY=($(compgen -W \"");
        put_words(out, option);
        buf_text(out, "\" -- \"$current\")); return ;;\n");
        break;
    case VALUE_FILE: buf_text(out, "_newbie_files -f \"$current\"; return ;;\n"); break;
    case VALUE_DIRECTORY: buf_text(out, "_newbie_files -d \"$current\"; return ;;\n"); break;
    case VALUE_NONE: case VALUE_FREE: buf_text(out, "return ;;\n"); break;
    }
}

static void bash_operands(Buf *out) {
    SubcommandText text;
    buf_text(out, "    for ((i = 1; i < COMP_CWORD; i++)); do\n        case ${COMP_WORDS[i]} in\n        ");
    for (int i = 0; arguments_subcommand(&text, i); i++)
        buf_print(out, "%s%s", i ? " | " : "", text.word);
    buf_text(out, ") word=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n    case $word in\n    \"\") "
                  "[[ $COMP_CWORD == 1 ]] && COMPREPLY=($(compgen -W \"");
    for (int i = 0; arguments_subcommand(&text, i); i++)
        buf_print(out, "%s%s", i ? " " : "", text.word);
    buf_text(out, "\" -- \"$current\")) ;;\n");
    for (int i = 0; arguments_subcommand(&text, i); i++)
        if (text.words) {
            buf_print(out, "    %s) COMPREPLY=($(compgen -W \"", text.word);
            put_list(out, text.words);
            buf_text(out, "\" -- \"$current\")) ;;\n");
        } else if (text.needs && !strcmp(text.needs, "FILE"))
            buf_print(out, "    %s) _newbie_files -f \"$current\" ;;\n", text.word);
    buf_text(out, "    esac\n}\ncomplete -F _newbie newbie\n");
}

static void put_bash(Buf *out) {
    ShellOption option;
    buf_text(out, BASH_BEGIN);
    for (int i = 0; option_at(&option, i); i++)
        bash_value(out, &option);
    buf_text(out, BASH_MIDDLE);
    buf_text(out, "        COMPREPLY=($(compgen -W \"");
    for (int i = 0; option_at(&option, i); i++) {
        if (option.text.letter)
            buf_print(out, "-%c ", option.text.letter);
        buf_print(out, "--%s ", option.name);
    }
    buf_text(out, "\" -- \"$current\"))\n        return\n    fi\n");
    bash_operands(out);
}

/* ---- zsh ----------------------------------------------------------------------------------------------- */

/* A text inside '...[HERE]...' of _arguments. */
static void zsh_text(Buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\'')
            buf_text(out, "'\\'");
        else if (strchr("[]:\\", *text))
            buf_byte(out, '\\');
        buf_byte(out, (unsigned char)*text);
    }
}

static void zsh_option(Buf *out, const ShellOption *option) {
    bool value = option->kind != VALUE_NONE;
    buf_text(out, "    ");
    if (option->text.letter)
        buf_print(out, "'(-%c --%s)'{-%c%s,--%s%s}'[", option->text.letter, option->name,
                  option->text.letter, value ? "+" : "", option->name, value ? "=" : "");
    else
        buf_print(out, "'--%s%s[", option->name, value ? "=" : "");
    zsh_text(out, option->text.help);
    buf_byte(out, ']');
    if (value)
        buf_print(out, ":%s:", option->text.metavar);
    if (option->kind == VALUE_WORDS) {
        buf_byte(out, '(');
        put_words(out, option);
        buf_byte(out, ')');
    } else if (option->kind == VALUE_FILE)
        buf_text(out, "_files");
    else if (option->kind == VALUE_DIRECTORY)
        buf_text(out, "_directories");
    buf_text(out, "' \\\n");
}

static void put_zsh(Buf *out) {
    ShellOption option;
    SubcommandText text;
    buf_text(out, "#compdef newbie\n# zsh completion for newbie, made by: newbie completion zsh\n"
                  "_newbie() {\n  local curcontext=$curcontext state line\n  typeset -A opt_args\n"
                  "  _arguments -s -S -C \\\n");
    for (int i = 0; option_at(&option, i); i++)
        zsh_option(out, &option);
    buf_text(out, "    '1: :->first' '*: :->rest' && return\n  case $state in\n  first)\n"
                  "    local -a words_\n    words_=(\n");
    for (int i = 0; arguments_subcommand(&text, i); i++) {
        buf_print(out, "      '%s:", text.word);
        zsh_text(out, text.help);
        buf_text(out, "'\n");
    }
    buf_text(out, "    )\n    _describe subcommand words_ ;;\n  rest)\n    case $line[1] in\n");
    for (int i = 0; arguments_subcommand(&text, i); i++)
        if (text.words) {
            buf_print(out, "    %s) compadd -- ", text.word);
            put_list(out, text.words);
            buf_text(out, " ;;\n");
        } else if (text.needs && !strcmp(text.needs, "FILE"))
            buf_print(out, "    %s) _files ;;\n", text.word);
    buf_text(out,
             "    esac ;;\n  esac\n}\n"
             "if [[ $funcstack[1] == _newbie ]]; then _newbie \"$@\"; else compdef _newbie newbie; fi\n");
}

/* ---- fish ---------------------------------------------------------------------------------------------- */

/* A text in '...'. */
static void fish_text(Buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            buf_byte(out, '\\');
        buf_byte(out, (unsigned char)*text);
    }
}

static void fish_option(Buf *out, const ShellOption *option) {
    buf_text(out, "complete -c newbie");
    if (option->text.letter)
        buf_print(out, " -s %c", option->text.letter);
    buf_print(out, " -l %s", option->name);
    switch (option->kind) {
    case VALUE_WORDS:
        buf_text(out, " -x -a '");
        put_words(out, option);
        buf_byte(out, '\'');
        break;
    case VALUE_FILE: buf_text(out, " -r -F"); break;
    case VALUE_DIRECTORY: buf_text(out, " -x -a '(__fish_complete_directories)'"); break;
    case VALUE_FREE: buf_text(out, " -x"); break;
    case VALUE_NONE: break;
    }
    buf_text(out, " -d '");
    fish_text(out, option->text.help);
    buf_text(out, "'\n");
}

static void put_fish(Buf *out) {
    ShellOption option;
    SubcommandText text;
    buf_text(out, "# fish completion for newbie, made by: newbie completion fish\ncomplete -c newbie -f\n");
    for (int i = 0; arguments_subcommand(&text, i); i++) {
        buf_print(out, "complete -c newbie -n __fish_use_subcommand -a %s -d '", text.word);
        fish_text(out, text.help);
        buf_text(out, "'\n");
        if (text.words) {
            buf_print(out, "complete -c newbie -n '__fish_seen_subcommand_from %s' -a '", text.word);
            put_list(out, text.words);
            buf_text(out, "'\n");
        } else if (text.needs && !strcmp(text.needs, "FILE"))
            buf_print(out, "complete -c newbie -n '__fish_seen_subcommand_from %s' -F\n", text.word);
    }
    for (int i = 0; option_at(&option, i); i++)
        fish_option(out, &option);
}

void arguments_completion(Buf *out, const char *shell) {
    static const struct {
        const char *shell;
        void (*put)(Buf *out);
    } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (!strcmp(shells[i].shell, shell)) {
            shells[i].put(out);
            return;
        }
    assert(!"a shell that arguments_read lets through");
}
