#!/bin/bash
# batch: the program without a terminal where no other test looks: subcommands, the start file, words on a pipe, TERM and
# HUP (product.md 1, 8, A5). Prints TAP.
set -u
newbie=${builddir:-.}/newbie
[[ $newbie == /* ]] || newbie=$PWD/$newbie
work=$(mktemp -d "${TMPDIR:-/tmp}/newbie-batch.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOME=$work NO_COLOR=1
unset NEWBIE_MODEL
count=0 failed=0

# result GOOD NAME: one line of TAP; on failure what was said.
result() {
    count=$((count + 1))
    if [ "$1" = 1 ]; then
        echo "ok $count - $2"
        return
    fi
    failed=1
    echo "not ok $count - $2"
    sed 's/^/# status /' status
    sed 's/^/# out: /' out | head -n 20
    sed 's/^/# err: /' err | head -n 20
}

# run ARGUMENT...: the program, standard input as given; leaves out, err and status.
run() {
    timeout 60 "$newbie" "$@" >out 2>err
    echo $? >status
}

# ends STATUS NAME
ends() { result "$([ "$(cat status)" = "$1" ] && echo 1)" "$2"; }

# says FILE TEXT NAME: a line of FILE (out, err) contains the text.
says() { result "$(grep -qaF -- "$2" "$1" && echo 1)" "$3"; }

## ---- subcommands

run check </dev/null
ends 0 "check ends with status 0"
says out '[INFO] cpu and ref agree on every op of a picture of 64x64, f32' "when both backends agree"
run check cpu,gpu </dev/null
ends 2 "a backend that is not there is refused"
says err 'check is "cpu,gpu", expected two of cpu, ref, cuda with a comma' "with those that are"

run doctor </dev/null
ends 0 "doctor ends with status 0 where nothing is wrong"
says out '[INFO] No fault found' "and says so"
result "$(grep -q "$(hostname)" out || echo 1)" "without the name of the machine"

run --metadata off --steps 1 -o bare.png '1girl' </dev/null
run info bare.png </dev/null
ends 1 "info of a picture without data ends with status 1"
says err 'bare.png has no generation data; it has IHDR, IDAT, IEND' "and says what it has"
run info bare.png /dev/null </dev/null
ends 6 "what is no PNG ends it with status 6"

## ---- the start file

mkdir -p config/newbie
printf '# mine\n:steps 3\n:go\n:stpes 4\n:cfg 2\n' >config/newbie/newbierc
XDG_CONFIG_HOME=$work/config run -s 1 '1girl' </dev/null
ends 0 "a mistake in the start file is no failure"
says out '3 steps, cfg 2,' "it sets settings, and goes on after a mistake"
says err '[ERROR] newbierc:3: :go is not allowed in the start file' "each mistake has its line"
says err '[ERROR] newbierc:4: unknown command :stpes' "and its sentence"
XDG_CONFIG_HOME=$work/config run --no-rc --steps 1 '1girl' </dev/null
ends 0 "--no-rc leaves it out"
printf ':cfg 2.5\n' >other
run --rc=other --steps 1 '1girl' </dev/null
says out 'cfg 2.5,' "--rc names another"
XDG_CONFIG_HOME=$work/config run --no-rc --rc=other --steps 1 --cfg 3 '1girl' </dev/null
says out 'cfg 3,' "the command line wins"

## ---- words on a pipe

run --steps 1 <<<$':set submit go\na\n\nb\n:go\nquit\nnever'
says out 'newbie: 1 picture in' "with submit go only :go does, and what follows quit is not read"
run --steps 1 <<<$':set stpes 3\n:set sampler nope\n:load nobody\n1girl'
ends 1 "a pipe with mistakes ends with status 1"
says err 'unknown setting stpes; did you mean steps?' "an unknown setting has a neighbour"
says err 'sampler is nope, expected euler, ' "a wrong value names the right ones"
says err 'there is no macro nobody' "an unknown macro is said"
says out 'newbie: 1 picture in' "and the prompt after them is rendered"
printf 'a girl\n\n' >one.nbi
run --steps 1 <<<$':run one.nbi\n:show last\n:run none.nbi'
says out '   1  a girl' ":run is done before the next line"
says err '[ERROR] standard input:3: cannot open none.nbi' "a command file that is not there is named"

## ---- streams and signals

if [ -w /dev/full ]; then
    "$newbie" --version >/dev/full 2>err
    echo $? >status
    ends 5 "a full disk behind standard output is an output error"
fi

# ended_by NAME: the signal comes to a run that is past its first step.
ended_by() {
    local tries=0
    rm -f out
    "$newbie" --steps 1000 --json 1girl >out 2>err </dev/null &
    until grep -q '"event":"step"' out 2>/dev/null || [ $((tries += 1)) -gt 300 ]; do sleep 0.1; done
    kill -s "$1" $!
    wait $!
    echo $? >status
}

ended_by TERM
ends 143 "TERM ends with status 143"
says out '"kept":true' "and keeps the partial picture"
says out '"event":"saved"' "which is written"
ended_by HUP
ends 129 "HUP ends with status 129"
says out '"event":"saved"' "and keeps it, too"

echo "1..$count"
exit $failed
