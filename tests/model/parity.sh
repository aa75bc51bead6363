#!/bin/bash
# parity.sh: every reference case is met on every path of this CPU and by the backend in double precision.
# The emulated card has a script of its own, parity_card.sh.
# The numbers come from the original code; without the reference data there is nothing to compare with.
folder=${NEWBIE_REFERENCE:-$srcdir/../shared/reference}
cases=("$folder"/*/case.json)
if [ ! -f "${cases[0]}" ]; then
    echo "ok 1 - reference cases # SKIP no reference data: set NEWBIE_REFERENCE to its folder"
    echo "1..1"
    exit 0
fi

# The demo model in double precision takes half a minute; it runs on the paths that people use.
compare() {
    "$builddir/tests/parity" --tap "$@"
}
{
    others=() whole=()
    for case in "${cases[@]%/case.json}"; do
        if [ "${case##*/}" = pipeline-demo ]; then whole+=("$case"); else others+=("$case"); fi
    done
    compare --all-paths "${others[@]}"
    [ "${#whole[@]}" = 0 ] || compare "${whole[@]}"
    [ "${#whole[@]}" = 0 ] || compare --backend portable "${whole[@]}"
    networks=()
    for case in "${others[@]}"; do
        case ${case##*/} in dit-* | gemma-* | jina-* | vae-* | solver-* | pipeline-*) networks+=("$case") ;; esac
    done
    compare --bf16 "${networks[@]}"
} | awk '/^1\.\./ { count += substr($0, 4); next } { print } END { print "1.." count }'
