#!/bin/bash
# runner.sh: tests/run-tests counts what is good, and nothing that is not good gets past it.
set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
results=0
failures=0

# program NAME LINE...: makes a test program of these shell lines.
program() {
    local path=$work/$1
    shift
    printf '%s\n' '#!/bin/bash' "$@" >"$path"
    chmod +x "$path"
}

# expect NAME STATUS PATTERN PROGRAM...: the runner ends with this status and says something like PATTERN.
expect() {
    local name=$1 status=$2 pattern=$3 output got
    shift 3
    output=$(builddir=$work TEST_LIMIT=1 "$srcdir/tests/run-tests" "${@/#/$work/}" 2>&1)
    got=$?
    results=$((results + 1))
    if [ "$got" = "$status" ] && grep -q -E -e "$pattern" <<<"$output"; then
        echo "ok $results - $name"
    else
        failures=$((failures + 1))
        echo "not ok $results - $name"
        echo "# expected status $status and $pattern, got status $got and"
        sed 's/^/# /' <<<"$output"
    fi
}

program good 'echo "ok 1 - a"; echo "ok 2 - b"; echo 1..2'
program bad 'echo "ok 1 - a"; echo "not ok 2 - b"; echo "# got 7"; echo 1..2; exit 1'
program skips 'echo "ok 1 - a # SKIP no card"; echo 1..1'
program crashes 'echo "ok 1 - a"; kill -SEGV $$'
program hangs 'echo "ok 1 - a"; sleep 60'
program silent 'exit 0'
program short 'echo "ok 1 - a"; echo 1..2'
program wrong_status 'echo "ok 1 - a"; echo 1..1; exit 3'
program home '[ -d "$HOME" ] && [ -z "$(ls -A "$HOME")" ] && echo "ok 1 - a"; echo 1..1'

expect "good results are counted" 0 '^2 passed, 0 failed$' good
expect "results are summed over programs" 0 '^4 passed, 0 failed$' good good
expect "a bad result fails the run" 1 '^3 passed, 1 failed$' good bad
expect "the output of a program with a bad result is shown" 1 '^ *# got 7$' bad
expect "skipped results are no passed results" 1 '^0 passed, 0 failed$' skips
expect "skipped results are named with their reason" 0 'skipped: a \(no card\)' skips good
expect "a crash is a failure" 1 'killed by signal 11' crashes good
expect "a crash is counted beside its good results" 1 '^1 passed, 1 failed$' crashes
expect "a program that hangs is stopped and fails" 1 'stopped after 1 seconds' hangs
expect "a program without a plan fails" 1 '^0 passed, 1 failed$' silent
expect "a program that ends early fails" 1 'planned 2 results, printed 1' short
expect "good results do not hide a bad exit status" 1 'ended with status 3' wrong_status
expect "a program that is not there fails" 1 'status 127' missing
expect "a run without programs is no success" 1 '^0 passed, 0 failed$'
expect "each program has an empty HOME" 0 '^1 passed, 0 failed$' home

echo "1..$results"
[ "$failures" = 0 ]
