#!/bin/bash
# shells: the completion scripts do what they say in the shells that are here: bash answers through COMPREPLY, fish through
# complete -C, zsh reads its script. That they have every option is tests/unit/arguments. Prints TAP.
set -u
newbie=${builddir:-.}/newbie
[[ $newbie == /* ]] || newbie=$PWD/$newbie
work=$(mktemp -d "${TMPDIR:-/tmp}/newbie-shells.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOME=$work
mkdir pictures
touch 'a prompt.xml' pictures/cat.png
count=0 failed=0

# is NAME EXPECTED GOT
is() {
    count=$((count + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $count - $1"
        return
    fi
    failed=$((failed + 1))
    echo "not ok $count - $1"
    printf 'expected: %s\ngot: %s\n' "$2" "$3" | sed 's/^/# /'
}

for shell in bash zsh fish; do
    "$newbie" completion $shell >"$shell" || echo "# no script for $shell"
done
is "another shell is refused with the names of those there are" \
    'newbie: completion: "tcsh" is unknown, expected bash|zsh|fish newbie: newbie completion bash|zsh|fish 2' \
    "$("$newbie" completion tcsh 2>&1 | tr '\n' ' ')$("$newbie" completion tcsh >/dev/null 2>&1; echo $?)"
is "no shell is a usage error" 2 "$("$newbie" completion >/dev/null 2>&1; echo $?)"

source ./bash || exit 1

# answer WORD...: what bash offers for the last word, joined by |.
answer() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _newbie 2>/dev/null
    local IFS='|'
    echo "${COMPREPLY[*]}"
}

is "bash is told how to complete newbie" "complete -F _newbie newbie" "$(complete -p newbie)"
is "options by their beginning" "--schedule" "$(answer newbie --sch)"
is "short options" "-q" "$(answer newbie -q)"
is "values of a choice" "euler|euler_ancestral" "$(answer newbie --sampler eul)"
is "also behind =, where bash cuts" "euler|euler_ancestral" "$(answer newbie --sampler = eul)"
is "and before anything is typed there" "full|share|off" "$(answer newbie --metadata =)"
is "or where it does not cut" "euler|euler_ancestral" "$(answer newbie --sampler=eul)"
is "by the short option" "random" "$(answer newbie -s r)"
is "files, of any name" "a prompt.xml" "$(answer newbie -p a)"
is "directories where one is meant" "pictures" "$(answer newbie --outdir '')"
is "a free value is left to the person" "" "$(answer newbie --steps 2)"
is "an option without value takes none" "--force" "$(answer newbie --demo --forc)"
is "subcommands in the first place" "info" "$(answer newbie inf)"
is "not in the second" "" "$(answer newbie something inf)"
is "files of info" "pictures/cat.png" "$(answer newbie info pictures/c)"
is "shells of completion" "bash" "$(answer newbie completion b)"

# fish offers TEXT: the words, without what is said about them.
fish_answer() {
    fish --no-config -c 'source fish; complete -C $argv[1]' "$1" 2>&1 | cut -f1 | tr '\n' ' '
}
if command -v fish >/dev/null; then
    is "fish: options" "--schedule " "$(fish_answer 'newbie --sch')"
    is "fish: values of a choice" "--sampler=euler --sampler=euler_ancestral " "$(fish_answer 'newbie --sampler=eul')"
    is "fish: subcommands" "info " "$(fish_answer 'newbie inf')"
    is "fish: shells" "bash fish zsh " "$(fish_answer 'newbie completion ')"
else
    count=$((count + 1))
    echo "ok $count - fish completes # SKIP fish is not here"
fi
if command -v zsh >/dev/null; then
    is "zsh reads its script" "" "$(zsh -f -n ./zsh 2>&1)"
    is "and knows the function" "_newbie" "$(zsh -f -c 'compdef() { print $1 }; source ./zsh' 2>&1)"
else
    count=$((count + 1))
    echo "ok $count - zsh reads its script # SKIP zsh is not here"
fi
echo "1..$count"
[ "$failed" = 0 ]
