#!/bin/bash
# gpu_all.sh: everything that a card has to show, in one call of nine minutes at most: build, checks, times, PyTorch on
# the same weights, results. performance.md 4. Without a card the same sections run on the processor with the demo model.
#
# usage: bench/gpu_all.sh [--cpu] [--plan] [--budget SECONDS] [--only NAME,NAME...] [OUT]
#
#   OUT        folder of the results, made when missing; bench/results without it
#   --plan     prints the sections with their limits and the sum, and does nothing
#   --budget   all limits together, 540 s unless said; they shrink and grow with it. --cpu: four times as much
#   --only     these sections only
#
# On a machine that has a card, gcc, make, nvcc and PyTorch, and neither autotools nor terminal libraries, in a copy of
# this tree where `autoreconf -fi` was run before the copying (aclocal.m4, build-aux, config.h.in, configure and
# Makefile.in are not in the repository and have to come along):
#
#   bash bench/gpu_all.sh OUT
#
# The first sections are what matters most. Each may run until the limits up to its own are used up, so what one
# leaves is there for the next, a section that fails or hangs costs the others nothing, and all of it ends in time.
# After each section OUT has everything so far, in five files at most: DATE-CARD-REV.csv (rows are added to one that
# is there), latest.svg, table.txt, log.txt, and parity.txt. Reference cases are looked for in NEWBIE_REFERENCE,
# shared/reference and ../shared/reference. Clocks and power stay as they are found. Predictions stand in
# bench/NOTES.md and are written before the run.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)

# name, seconds, function, what it shows. The sum of the seconds is at most 540.
plan='
environment   5 environment  card, driver, versions, clocks as found
build        85 build        the engine, the module for this card alone; full-size random weights are begun beside it
ops          35 ops          every op on odd shapes on the card against plain code, f32, bf16 and int8
parity       25 parity       the reference cases on the card
demo         25 demo         the demo model: stages of a picture against the CPU, then every op of one
checkpoint   20 checkpoint   the full-size weights are there
times        60 times        full size: step, text, VAE, kernels, 28 steps, twice the same bits
peer         90 peer         PyTorch: our step against its float32; eager, sdpa, flash, cudnn, compiled
rest         50 rest         PyTorch: text encoder and VAE
ceilings     20 ceilings     the card itself: products and copies
layers       35 layers       two joint layers of full width against the CPU in float32
more         40 more         other sizes and lengths, 50 steps, the step again
eight        30 eight        the step in fp8 where the card has it, and in int8
sanitizer    20 sanitizer    compute-sanitizer over the stages of a small picture
'

device=cuda out= budget= only=
while [ $# -gt 0 ]; do
    case $1 in
    --cpu) device=cpu ;;
    --plan) only=: ;;
    --budget) budget=${2:-} && shift ;;
    --only) only=${2:-} && shift ;;
    -*) sed -n 's/^# usage: /usage: /p' "$0" >&2 && exit 2 ;;
    *) out=$1 ;;
    esac
    shift || break
done
sum=$(awk '{ sum += $2 } END { print sum }' <<<"$plan")
if [ "$only" = : ]; then
    awk 'NF { name = $1; limit = $2; $1 = $2 = $3 = ""; sub(/^ +/, ""); printf "%-12s %4d s  %s\n", name, limit, $0 }' <<<"$plan"
    echo "sum          $(printf %4d "$sum") s"
    exit 0
fi

card=none driver=none cuda=none architecture=
if [ $device = cuda ] && command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
    card=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -1)
    architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
else
    device=cpu
    card="CPU $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
fi
[ $device = cpu ] && whole=2160 || whole=540 # nobody pays for a processor's minutes
case ${budget:=$whole} in *[!0-9]* | '') echo "gpu_all.sh: --budget $budget, expected seconds" >&2 && exit 2 ;; esac
export PATH=$PATH:/usr/local/cuda/bin:/usr/local/cuda/compute-sanitizer
command -v nvcc >/dev/null && cuda=$(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')
revision=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || cat "$root/revision" 2>/dev/null || echo unknown)
date=$(date +%F)
python=${PYTHON:-python3}
cores=$(nproc)
work=$(mktemp -d "${TMPDIR:-/tmp}/gpu-all-XXXXXX") || exit 1
mkdir -p "${out:=$root/bench/results}" || exit 1
out=$(cd "$out" && pwd)
results=$out/$date-$(printf '%s' "$card" | tr -cs 'A-Za-z0-9' - | sed 's/^-*//; s/-*$//' | cut -c1-40)-$revision.csv
: >"$work/rows.csv"
: >"$work/before.csv"
: >"$out/log.txt"
[ -f "$results" ] && cp "$results" "$work/before.csv"

# The weights are best in memory, where there is room for them.
model=$root/samples/demo-model layers=$work/layers
if [ $device = cuda ]; then
    model=$work/model
    [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -1)" -gt 20000000 ] 2>/dev/null && model=/dev/shm/newbie-$$
fi
running=
tidy() {
    [ -n "$running" ] && kill "$running" 2>/dev/null # passes it on to all that the section began
    [ -f "$work/checkpoint.pid" ] && kill -- "-$(cat "$work/checkpoint.pid")" 2>/dev/null
    [ $device = cuda ] && rm -rf "$model"
    rm -rf "$work"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Rows, picture and table of what there is so far. Needs no package, so not PyTorch's python.
collect() {
    cp "$work/before.csv" "$work/results.csv"
    [ -s "$work/results.csv" ] || rm "$work/results.csv"
    if python3 "$root/bench/table.py" "$work" "$work/results.csv" "$date" "$revision" "$card" "$driver" "$cuda" "${ends[@]}" \
        >"$work/table.txt" 2>"$work/table.err"; then
        cp "$work/results.csv" "$results"
        cp "$work/latest.svg" "$out/" 2>/dev/null
    else
        { cat "$work/table.err" "$work/rows.csv" && echo "sections: ${ends[*]}"; } >"$work/table.txt"
    fi
    cp "$work/table.txt" "$out/table.txt"
    cp "$work/parity.txt" "$out/" 2>/dev/null
}

# section NAME FUNCTION DEADLINE: runs it until it ends or the clock shows DEADLINE, keeps what it said, prints one line.
section() {
    local name=$1 run=$2 limit=$(($3 - SECONDS - 1)) begun=$SECONDS status # one second for what ends it
    [ $limit -ge 1 ] || limit=1
    export -f "$run"
    timeout -k 1 "$limit" bash -c "$run" >"$work/$name.log" 2>&1 & # so that a signal to this script is answered at once
    running=$!
    wait $running
    status=$?
    running=
    [ $status = 124 ] || [ $status = 137 ] && status="over ${limit}s"
    ends+=("$name=$status")
    { echo "==== $name: $status, $((SECONDS - begun)) s" && cat "$work/$name.log"; } >>"$out/log.txt"
    collect
    printf '%-12s %4d s  %-10s %s\n' "$name" $((SECONDS - begun)) "$status" "$(tail -1 "$work/$name.log" | cut -c1-90)"
}

environment() {
    uname -srm && nproc && free -g | head -2
    local facts=name,driver_version,memory.total,memory.used,clocks.sm,clocks.mem,power.draw,power.limit,compute_cap
    [ "$device" = cpu ] || nvidia-smi --query-gpu=$facts --format=csv
    gcc --version | head -1
    "$python" -c 'import importlib.metadata as m; print("torch", m.version("torch"))' 2>&1 | tail -1 # not loaded: 10 s
    echo "$card, driver $driver, CUDA $cuda, $revision"
}

# Random numbers in the published shapes, beside the rest of the build.
begin_checkpoint() {
    $make bench/make_model || exit 1
    [ "$device" = cuda ] && [[ ,${only:-checkpoint}, == *,checkpoint,* ]] || return 0
    mkdir -p "$model"
    setsid bash -c '"$0" "$1" && touch "$1/done"' "$work/build/bench/make_model" "$model" >"$work/model.log" 2>&1 &
    echo $! >"$work/checkpoint.pid"
}

# Only the card's own architecture: one takes seconds, all take minutes. Times of copied files may be in any order, and
# then make would look for autotools.
build() {
    [ -x "$root/configure" ] || { echo "no configure: autoreconf -fi makes it" && exit 1; }
    mkdir -p "$work/build" && cd "$work/build" || exit
    for file in aclocal.m4 config.h.in Makefile.in configure; do touch "$root/$file" || exit; done
    local with=--without-cuda make="make -s -j$cores ACLOCAL=: AUTOCONF=: AUTOMAKE=: AUTOHEADER=:" cards=()
    if [ "$device" = cuda ]; then
        local code=$architecture
        [ "$code" = 90 ] && code=90a
        with=--with-cuda=$(dirname "$(dirname "$(command -v nvcc)")")
        library_header
        cards=("NVCC_CARDS=-gencode arch=compute_$code,code=sm_$code") # instead of those that configure found
    fi
    "$root/configure" -q --disable-ui "$with" >configure.out 2>&1 || { tail -3 configure.out && exit 1; }
    begin_checkpoint
    $make "${cards[@]}" all tests/ops/ops tests/parity 2>&1 | tail -20
    [ "${PIPESTATUS[0]}" = 0 ] || exit 1
    [ "$device" = cuda ] || { echo built && exit; }
    [ -f newbie-cuda.so ] || { echo "newbie-cuda.so was not built" && exit 1; }
    open_card
}

# A toolkit may be without cuBLAS, where PyTorch has brought it with its header.
library_header() {
    local toolkit header
    toolkit=$(dirname "$(dirname "$(command -v nvcc)")")
    [ -f "$toolkit/include/cublasLt.h" ] && return
    header=$("$python" -c 'import glob, sys
for folder in sys.path:
    for header in glob.glob(folder + "/nvidia/*/include/cublasLt.h"): print(header)' | head -1)
    [ -n "$header" ] && export CPLUS_INCLUDE_PATH=$(dirname "$header") && echo "cuBLASLt of $header"
}

# Without the matrix instructions of Hopper, if it is with them that the card is lost.
open_card() {
    in_build
    bench/verify open cuda && return
    NEWBIE_ATTENTION=mma bench/verify open cuda && touch "$work/mma"
}

# The programs that look for the module beside themselves get it there.
in_build() {
    cd "$work/build" || exit
    export srcdir=$root builddir=$work/build
    [ -f "$work/mma" ] && export NEWBIE_ATTENTION=mma
    [ -f newbie-cuda.so ] && ln -sf "$PWD/newbie-cuda.so" bench/ && ln -sf "$PWD/newbie-cuda.so" tests/ &&
        ln -sf "$PWD/newbie-cuda.so" tests/ops/
    return 0
}

ops() {
    in_build
    [ "$device" = cuda ] && export NEWBIE_OPS_DEVICE=cuda
    tests/ops/ops >ops.txt
    local status=$?
    grep -E '^not ok|^#' ops.txt | head -100
    echo "$(grep -c '^ok' ops.txt) ok, $(grep -c '^not ok' ops.txt) not ok"
    exit $status
}

parity() {
    in_build
    local cases
    for cases in "${NEWBIE_REFERENCE:-}" "$root/shared/reference" "$root/../shared/reference" ""; do
        [ -n "$cases" ] && [ -d "$cases" ] && break
    done
    [ -n "$cases" ] || { echo "no reference cases" && exit 0; }
    local names=("$cases"/{dit,gemma,jina,vae,solver,pipeline}-*/)
    [ "$device" = cuda ] || names=("$cases"/{dit,gemma,jina,vae}-*/)
    tests/parity $([ "$device" = cpu ] || echo --device cuda) "${names[@]}" >"$work/parity.txt" 2>&1
    local status=$?
    grep '^not ok' "$work/parity.txt"
    echo "$(grep -c '^ok' "$work/parity.txt") ok, $(grep -c '^not ok' "$work/parity.txt") not ok"
    exit $status
}

demo() {
    in_build
    local status=0
    if [ "$device" = cuda ]; then
        bench/verify stages cuda "$root/samples/demo-model" || status=1
    fi
    bench/verify ops "$device" "$root/samples/demo-model" || status=1
    exit $status
}

checkpoint() {
    [ "$device" = cuda ] || { echo "the demo model: $model" && exit; }
    while [ ! -f "$model/done" ]; do
        kill -0 "$(cat "$work/checkpoint.pid")" 2>/dev/null || { [ -f "$model/done" ] && break; tail -3 "$work/model.log" && exit 1; }
        sleep 0.3
    done
    du -sh "$model"
}

times() { in_build && bench/networks "$device" "$model" "$work" "$([ "$device" = cpu ] && echo f32 || echo bf16)" main; }
more() { in_build && bench/networks "$device" "$model" "$work" "$([ "$device" = cpu ] && echo f32 || echo bf16)" more; }
eight() {
    [ "$device" = cuda ] || { echo "only on a card" && exit; }
    in_build
    local status=0
    if [ "$architecture" -ge 89 ]; then
        bench/networks cuda "$model" "$work" fp8 step || status=1
    fi
    bench/networks cuda "$model" "$work" int8 step || status=1
    exit $status
}
peer() { "$python" "$root/bench/peer_torch.py" "$model" "$work" --device "$device" --part dit; }
rest() { "$python" "$root/bench/peer_torch.py" "$model" "$work" --device "$device" --part rest; }
ceilings() { "$python" "$root/bench/peer_torch.py" "$model" "$work" --device "$device" --part ceilings; }

layers() {
    in_build
    bench/make_model "$layers" 2 && bench/verify layers "$device" "$layers" "$work"
}

# Reads and writes outside of a tensor, which need not show in the numbers.
sanitizer() {
    [ "$device" = cuda ] || { echo "only on a card" && exit; }
    command -v compute-sanitizer >/dev/null || { echo "no compute-sanitizer" && exit; }
    in_build
    compute-sanitizer --error-exitcode 9 --print-limit 20 bench/verify stages cuda "$root/samples/demo-model"
}

ends=()
export only device python work root model layers card driver cuda architecture revision cores
export -f in_build begin_checkpoint open_card library_header
used=0
while read -r name limit run _; do
    [ -n "$name" ] || continue
    [ -z "$only" ] || [[ ,$only, == *,$name,* ]] || continue
    used=$((used + limit))
    section "$name" "$run" $((used * budget / 540)) </dev/null
done <<<"$plan"

echo
cat "$work/table.txt"
[ ${#ends[@]} -gt 0 ] || { echo "gpu_all.sh: no section called $only; --plan names them" >&2 && exit 2; }
for end in "${ends[@]}"; do [[ $end == *=0 ]] || exit 1; done
