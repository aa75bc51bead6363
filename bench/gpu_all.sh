#!/bin/bash
# gpu_all.sh: everything that a card has to show, in one call of under nine minutes: build, checks, times, PyTorch on
# the same weights, results. performance.md 4. Without a card the same sections run on the processor with the demo model.
#
# usage: bench/gpu_all.sh [--cpu] [--out DIR]      from a source tree with a configure (autoreconf -fi makes it)
#
# Needs gcc, make and, for a card, nvcc and python3 with PyTorch. Every section runs under a time limit and is named
# with its end in the last line; the next one runs whatever happened. Clocks and power stay as they are found. Rows
# are added to bench/results/DATE-CARD-REV.csv. Predictions stand in bench/NOTES.md and are written before the run.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
device=cuda out=
while [ $# -gt 0 ]; do
    case $1 in
    --cpu) device=cpu ;;
    --out) out=${2:?--out needs a folder} && shift ;;
    *) sed -n 's/^# usage: /usage: /p' "$0" >&2 && exit 2 ;;
    esac
    shift
done
python=${PYTHON:-python3}
cores=$(nproc)
work=${out:-$(mktemp -d "${TMPDIR:-/tmp}/gpu-all-XXXXXX")}
mkdir -p "$work" "$root/bench/results"
: >"$work/rows.csv"
ends=()

card=none driver=none cuda=none architecture=
if [ $device = cuda ] && command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
    card=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -1)
    architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
else
    device=cpu
fi
export PATH=$PATH:/usr/local/cuda/bin
command -v nvcc >/dev/null && cuda=$(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')
revision=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || cat "$root/revision" 2>/dev/null || echo unknown)
date=$(date +%F)
[ $device = cpu ] && card="CPU $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"

# section NAME SECONDS FUNCTION: runs it under its limit, keeps what it said, prints one line.
section() {
    local name=$1 limit=$2 begun=$SECONDS status
    [ $device = cpu ] && limit=$((4 * limit)) # nobody pays for its minutes
    export -f "$3"
    timeout -k 5 "$limit" bash -c "$3" >"$work/$name.log" 2>&1
    status=$?
    [ $status = 124 ] && status="over ${limit}s"
    ends+=("$name=$status")
    printf '%-12s %4d s  %-10s %s\n' "$name" $((SECONDS - begun)) "$status" "$(tail -1 "$work/$name.log" | cut -c1-90)"
}

environment() {
    uname -srm && nproc && free -g | head -2
    local facts=name,driver_version,memory.total,memory.used,clocks.sm,clocks.mem,power.draw,power.limit,compute_cap
    [ "$device" = cpu ] || nvidia-smi --query-gpu=$facts --format=csv
    echo "$card, driver $driver, CUDA $cuda, $revision"
}

# Only the card's own architecture: one file takes seconds for one, minutes for all.
build() {
    mkdir -p "$work/build" && cd "$work/build" || exit
    [ -x "$root/configure" ] || { echo "no configure: autoreconf -fi makes it" && exit 1; }
    local with=--without-cuda cards= make="make -s -j$cores ACLOCAL=: AUTOCONF=: AUTOMAKE=: AUTOHEADER=:"
    if [ "$device" = cuda ]; then
        local code=$architecture
        [ "$code" = 90 ] && code=90a
        with=--with-cuda=$(dirname "$(dirname "$(command -v nvcc)")")
        cards="NVCC_CARDS=-gencode arch=compute_$code,code=sm_$code" # instead of those that configure found
    fi
    "$root/configure" -q --disable-ui $with >configure.out 2>&1 || { tail -3 configure.out && exit 1; }
    $make ${cards:+"$cards"} all 2>&1 | tail -20
    [ "${PIPESTATUS[0]}" = 0 ] || exit 1
    $make ${cards:+"$cards"} tests/ops/ops tests/parity gpu/emu/newbie-emu.so 2>&1 | tail -5
    [ -x bench/networks ] && [ -x bench/make_model ] || exit 1
    [ "$device" = cpu ] || [ -f newbie-cuda.so ] || { echo "newbie-cuda.so was not built" && exit 1; }
    echo built
}

ceilings() { "$python" "$root/bench/peer_torch.py" "$model" "$work" --device "$device" --part ceilings; }

# Every op on odd shapes against plain double arithmetic, then the reference cases where they are at hand.
kernels() {
    cd "$work/build" || exit
    local status=0
    export srcdir=$root builddir=$work/build
    tests/ops/ops | grep -E '^not ok|^1\.\.' || status=1
    [ -x tests/gpu/device ] && { tests/gpu/device | grep -E '^not ok|^1\.\.' || status=1; }
    local cases=${NEWBIE_REFERENCE:-$root/../shared/reference}
    if [ -d "$cases" ]; then
        tests/parity $([ "$device" = cpu ] || echo --device cuda) "$cases"/*/ >"$work/parity.txt" || status=1
        echo "parity: $(grep -c '^ok' "$work/parity.txt") ok, $(grep -c '^not ok' "$work/parity.txt") not ok"
    fi
    exit $status
}

# Random numbers in the published shapes, in memory where there is room: both sides read the same files.
checkpoint() {
    [ "$device" = cuda ] || { echo "the demo model: $model" && exit; }
    mkdir -p "$model" && "$work/build/bench/make_model" "$model" | tail -1
}

own() { "$work/build/bench/networks" "$device" "$model" "$work" $([ "$device" = cpu ] && echo f32 || echo bf16); }
int8() { [ "$device" = cuda ] && "$work/build/bench/networks" cuda "$model" "$work" int8 || echo "only on a card"; }
peer() { "$python" "$root/bench/peer_torch.py" "$model" "$work" --device "$device" --part dit; }
rest() { "$python" "$root/bench/peer_torch.py" "$model" "$work" --device "$device" --part rest; }

model=$root/samples/demo-model
if [ $device = cuda ]; then
    model=$work/model
    [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -1)" -gt 20000000 ] 2>/dev/null && model=/dev/shm/newbie-$$
fi
export device python work root model card driver cuda architecture revision cores
section environment 15 environment
section build 180 build
section ceilings 45 ceilings
section kernels 60 kernels
section checkpoint 60 checkpoint
section times 120 own
section int8 60 int8
section peer 150 peer
section rest 90 rest
[ $device = cuda ] && [[ $model == /dev/shm/* ]] && rm -rf "$model"

slug=$(printf '%s' "$card" | tr -cs 'A-Za-z0-9' - | sed 's/^-*//; s/-*$//' | cut -c1-40)
echo
"$python" "$root/bench/table.py" "$work" "$root/bench/results/$date-$slug-$revision.csv" "$date" "$revision" "$card" \
    "$driver" "$cuda" "${ends[@]}" | tee "$work/table.txt"
[ -n "$out" ] && cp "$root/bench/results/$date-$slug-$revision.csv" "$work/" 2>/dev/null
failed=0
for end in "${ends[@]}"; do [[ $end == *=0 ]] || failed=1; done
exit $failed
