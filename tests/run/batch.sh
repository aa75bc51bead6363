#!/bin/bash
# batch: the program without a terminal (product.md 1, 8, 12): streams, statuses, events, signals, and bad input, each with
# a sentence, a hint and nothing lost. Prints TAP.
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

# is_empty FILE NAME
is_empty() { result "$([ ! -s "$1" ] && echo 1)" "$2"; }

## ---- what works

run --steps 2 -s 42 '1girl, blue_hair' </dev/null
ends 0 "one prompt from the command line ends with status 0"
says out '[INFO] VAE decode completed. Output saved to output_001.png' "the picture is named"
says out '[INFO] #1 output_001.png: seed 42, 128x128, 2 steps, cfg 4, ' "with the facts of the run"
is_empty err "standard error is empty"

run -q --steps 2 -n 2 -s 42 '1girl' </dev/null
result "$([ "$(cat out)" = $'output_002.png\noutput_003.png' ] && echo 1)" "-q prints only file names, -n numbers them"
run info output_003.png </dev/null
says out '43' "a fixed seed counts up by one"

run --steps 1 -o - '1girl' </dev/null
result "$(head -c 4 out | grep -qa PNG && echo 1)" "-o - writes the PNG to standard output"
says err '[INFO] Model loaded in' "and the [INFO] lines go to standard error"

run --steps 1 -o best.png '1girl' </dev/null
ends 0 "-o writes exactly this file"
run --steps 1 -o best.png '1girl' </dev/null
ends 5 "and refuses to replace it"
says err 'newbie: best.png exists' "with a sentence"
says err 'newbie: --force replaces it' "and a hint"
run --force --steps 1 -o best.png '1girl' </dev/null
ends 0 "--force replaces it"

run --steps 1 <<<$'1girl\n\n1boy'
ends 0 "a pipe ends with status 0"
says out 'newbie: 2 pictures in' "an empty line and the end of the input submit"
run --steps 1 <<<$':set submit go\na\n\nb\n:go\nquit\nnever'
says out 'newbie: 1 picture in' "with submit go only :go does, and quit leaves"

printf '\xef\xbb\xbf1girl,\r\nwaving\r\n' >dos.xml
run --steps 1 -o dos.png -p dos.xml </dev/null
ends 0 "a file with byte order mark and CR LF is a prompt"
run info dos.png </dev/null
result "$(grep -qx '1girl,' out && grep -qx 'waving' out && echo 1)" "they are not part of it"

run --json --steps 2 -s 18446744073709551615 '1girl' </dev/null
result "$(grep -vq '^{"event":"[a-z]*","t":[0-9.]*[,}]' out || echo 1)" "--json writes one object a line, and nothing else"
says out '"seed":"18446744073709551615"' "seeds are decimal strings"
result "$(tail -n 1 out | grep -q '"event":"bye".*"pictures":1.*"status":0' && echo 1)" "the last event is bye"

run check </dev/null
ends 0 "check ends with status 0"
says out '[INFO] cpu and ref agree on every op, f32' "when both backends agree"
run check cpu,gpu </dev/null
ends 2 "a backend that is not there is refused"
says err 'check is "cpu,gpu", expected two of cpu, ref with a comma' "with those that are"

run doctor </dev/null
ends 0 "doctor ends with status 0 where nothing is wrong"
says out '[INFO] No fault found' "and says so"
result "$(grep -q "$(hostname)" out || echo 1)" "without the name of the machine"

mkdir -p config/newbie
printf '# mine\n:steps 3\n:go\n:stpes 4\n:cfg 2\n' >config/newbie/newbierc
XDG_CONFIG_HOME=$work/config run -s 1 '1girl' </dev/null
says out '3 steps, cfg 2,' "the start file sets settings, and goes on after a mistake"
says err '[ERROR] newbierc:3: :go is not allowed in the start file' "each mistake has its line"
says err '[ERROR] newbierc:4: unknown command :stpes' "and its sentence"

## ---- bad input

printf '1girl\n\n:stpes\n:go\n' >lesson.nbi
run --steps 1 -f lesson.nbi </dev/null
ends 2 "a command file stops at the first failure"
says err '[ERROR] lesson.nbi:3: unknown command :stpes; did you mean :steps?' "and names the line"
says err '[HINT] the 2 lines before it were done' "and what was done"
run --steps 1 --keep-going -f lesson.nbi </dev/null
ends 1 "--keep-going goes on, and ends with status 1"
says out 'newbie: 2 pictures in' "what comes after is done"
run --steps 1 <<<$':set stpes 3\n:set sampler nope\n:load nobody\n1girl'
says err 'unknown setting stpes; did you mean steps?' "an unknown setting has a neighbour"
says err 'there is no macro nobody' "an unknown macro is said"
says out 'newbie: 1 picture in' "and the prompt after them is rendered"

printf 'a\xc4b' >latin.xml
run -p latin.xml </dev/null
ends 6 "a prompt that is not UTF-8 is refused"
says err 'latin.xml is not UTF-8: byte 0xC4 at offset 1' "with the offset"
says err '[HINT] iconv' "and a cure"
printf 'a\0b' >nul.xml
run -p nul.xml </dev/null
ends 6 "so is a NUL byte"
head -c 10000000 /dev/zero | tr '\0' a >big.txt
run <big.txt
says err '10000000 bytes, at most 1048576 are read' "10 MB on a pipe are refused"
run --steps 1 <<<$'bad \xff byte\n\n1girl'
says err 'not UTF-8: byte 0xFF at offset 4' "a bad byte on a pipe spoils its prompt"
says out 'newbie: 1 picture in' "and only that"
run --steps 1 <<<$'<character_1>\n<n>miku</n>'
says err '<character_1> is never closed' "an unclosed tag at the end of the input is said"
says out 'newbie: 1 picture in' "and the prompt rendered as it is"
yes 'blue_hair,' | head -n 300 >long.txt
run --steps 1 -p long.txt </dev/null
says err 'Gemma reads 512; cut: "' "what does not fit into 512 tokens is shown"

for value in 0 17 100000 1000x1000; do
    run --size $value a </dev/null
    ends 2 "size $value is refused"
done
for value in 0 10001; do
    run --steps $value a </dev/null
    ends 2 "steps $value is refused"
    says err "newbie: steps is $value, expected 1 to 1000" "with the range"
done

mkdir empty
run -m empty a </dev/null
ends 3 "an empty model folder ends with status 3"
says err 'no model in empty: expected model_index.json or *.safetensors, found an empty directory' "with a sentence"
says err '[HINT] :model PATH chooses another' "and a hint"
echo '<!DOCTYPE html>' >model.safetensors
run -m model.safetensors a </dev/null
ends 3 "a web page named .safetensors is no model"
run -m nowhere <<<$'1girl'
ends 1 "a pipe without a model reports its prompts as failed"
run --outdir missing/place a </dev/null
ends 5 "a directory that cannot be made ends with status 5"
says err '[HINT] :set outdir DIR' "with a hint"
run info /dev/null model.safetensors </dev/null
ends 6 "what is no PNG ends info with status 6"
run info </dev/null
ends 2 "info needs a file"

## ---- streams and signals

run --steps 1 <&-
ends 0 "a closed standard input is an empty one"
"$newbie" --steps 400 1girl 2>err </dev/null | head -n 1 >out
echo "${PIPESTATUS[0]}" >status
ends 5 "a reader that goes away is an output error"
says err 'newbie: cannot write to standard output: Broken pipe' "with its name"
if [ -w /dev/full ]; then
    run --help >/dev/full
    "$newbie" --version >/dev/full 2>err
    echo $? >status
    ends 5 "a full disk behind standard output is one too"
fi

# signal NAME...: sends each, 0.2 seconds apart, to a run that is past its first step.
signal() {
    local name tries=0
    rm -f out
    "$newbie" --steps 1000 --json 1girl >out 2>err </dev/null &
    until grep -q '"event":"step"' out 2>/dev/null || [ $((tries += 1)) -gt 300 ]; do sleep 0.1; done
    for name; do
        kill -s "$name" $!
        sleep 0.2
    done
    wait $!
    echo $? >status
}

signal INT
ends 130 "Ctrl-C ends with status 130"
says out '"event":"saved"' "and keeps the partial picture"
says out '"kept":true' "and says so"
signal TERM
ends 143 "TERM ends with status 143"
says out '"event":"saved"' "and keeps the partial picture, too"
signal HUP
ends 129 "HUP with 129"

echo "1..$count"
exit $failed
