#!/bin/bash
# gpu_all: the measuring script fits its nine minutes, goes on after a section that fails or hangs, and leaves results
# also when it is cut off. Builds and measures nothing: only sections that need neither a card nor PyTorch are run.
set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
script=$srcdir/bench/gpu_all.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/newbie-gpu-all.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
count=0 failed=0

# result GOOD NAME: one line of TAP; on failure what was said.
result() {
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
        return
    fi
    failed=1
    echo "not ok $count - $2"
    sed 's/^/# /' "$work/said" | head -n 30
}

# run ARGUMENT...: the script on the processor; leaves what it said and its status.
run() {
    bash "$script" --cpu "$@" >"$work/said" 2>&1
    status=$?
}
says() { grep -q -E -e "$1" "$work/said"; }

bash "$script" --plan >"$work/said" 2>&1
result $? "the plan is shown"
sum=$(awk '/ s  / { sum += $2 } END { print sum }' "$work/said")
[ "$sum" -le 540 ] && [ "$sum" -gt 400 ] && says "^sum +$sum s$"
result $? "the limits add up to nine minutes at most, as it says"
[ "$(awk '/ s  / { printf "%s ", $1 }' "$work/said" | cut -d' ' -f1-8)" = "environment build ops parity demo checkpoint times peer" ]
result $? "the most important sections come first"

printf '#!/bin/sh\nexec sleep 60\n' >"$work/sleeps"
chmod +x "$work/sleeps"
begun=$SECONDS
PYTHON=$work/sleeps run --budget 54 --only ceilings,sanitizer "$work/out"
[ "$status" = 1 ] && says '^ceilings .*over 1s' && says '^sanitizer .* 0 +only on a card$'
result $? "a section that hangs is ended at its limit, and the next one runs"
[ $((SECONDS - begun)) -lt 20 ]
result $? "in time"
says 'sections:.*ceilings=over 1s.*sanitizer=0'
result $? "the last line names every section with its end"

PYTHON=false run --only environment,rest,eight "$work/other/out"
[ "$status" = 1 ] && says '^rest .* 1 ' && says '^eight .* 0 '
result $? "a section that fails costs the others nothing"
grep -q '==== environment: 0' "$work/other/out/log.txt" && grep -q 'rest=1' "$work/other/out/table.txt"
result $? "log and table are in the folder asked for, which is made"

# Cut off in its third section; what the second had found is there. The peer stands for a section with results.
cat >"$work/peer" <<'END'
#!/bin/sh
case "$*" in
*rest*) echo "newbie,bf16,1024,1024,256,1,2,1,step,10,121.0,120.0,122.0,62.4,0,515,0,,13000,,," >>"$3/rows.csv" ;;
*ceilings*) exec sleep 60 ;;
esac
END
chmod +x "$work/peer"
PYTHON=$work/peer bash "$script" --cpu --only environment,rest,ceilings "$work/cut" >"$work/said" 2>&1 &
child=$!
for _ in $(seq 100); do
    grep -q '^rest' "$work/said" && break
    sleep 0.1
done
kill $child 2>/dev/null
wait $child 2>/dev/null
grep -q '^[^,]*,[^,]*,CPU.*,step,10,121.0' "$work"/cut/*.csv && grep -q 'newbie bf16 .*121.00' "$work/cut/table.txt"
result $? "a call that is cut off leaves what it had"
cp "$work"/cut/*.csv "$work/first.csv"
PYTHON=$work/peer run --only rest "$work/cut"
[ "$(grep -c ',step,10,121.0' "$work"/cut/*.csv)" = 2 ] && [ "$(grep -c '^date,' "$work"/cut/*.csv)" = 1 ]
result $? "rows of an earlier call stay"
[ "$(find "$work/cut" -type f | wc -l)" -le 5 ]
result $? "the results are few files"
[ -z "$(find "$work" -maxdepth 1 -name 'gpu-all-*')" ]
result $? "and nothing else stays"

run --only nothing "$work/out"
[ "$status" = 2 ] && says 'no section called nothing'
result $? "a section that is not there is told"
run --budget soon "$work/out"
[ "$status" = 2 ] && says 'budget soon, expected seconds'
result $? "a budget that is no number is refused"

echo "1..$count"
exit $failed
