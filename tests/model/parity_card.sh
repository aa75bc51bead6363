#!/bin/bash
# parity_card.sh: the reference cases of the networks and of the whole pipeline are met by the CUDA module on the
# emulated device: with bf16 numbers and its threads in three orders, and with float32 numbers.
folder=${NEWBIE_REFERENCE:-$srcdir/../shared/reference}
skip() {
    echo "ok 1 - reference cases on the emulated card # SKIP $1"
    echo "1..1"
    exit 0
}
cases=()
for case in "$folder"/{dit,gemma,jina,vae,solver,pipeline}-*/case.json; do
    # a minute for a picture of the demo model there: the tiny pipeline will do
    [ ! -f "$case" ] || [[ $case = */pipeline-demo/* ]] || cases+=("${case%/case.json}")
done
[ "${#cases[@]}" -gt 0 ] || skip "no reference data: set NEWBIE_REFERENCE to its folder"
[ -f "$builddir/gpu/emu/newbie-emu.so" ] || skip "this build has none"

compare() {
    "$builddir/tests/parity-emu" --tap --device emu "$@" "${cases[@]}"
}
{
    for order in forward reverse random; do
        compare --order "$order"
    done
    compare --f32
} | awk '/^1\.\./ { count += substr($0, 4); next } { print } END { print "1.." count }'
