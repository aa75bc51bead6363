#!/bin/bash
# resources.sh: registers, spills and shared memory of every kernel on every kind of card, as the compiler told
# them when the module was built, against the table gpu/resources.txt.
#
# usage: resources.sh [--write]        --write makes the table new from the last build
#
# A line of the table is "KERNEL CARD REGISTERS SPILLED SHARED": bytes that are stored and loaded because
# registers did not suffice, and bytes of static shared memory. Another version of nvcc counts otherwise, so the
# table is compared only with the version that made it. A kernel may become smaller; the table then waits for
# the next --write.
set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
builddir=${builddir:-$PWD}
log=$builddir/gpu/all.log
table=$srcdir/gpu/resources.txt

skip() {
    echo "ok 1 - resources of the kernels # SKIP $1"
    echo "1..1"
    exit 0
}

nvcc=$(sed -n 's/^NVCC = //p' "$builddir/Makefile")
[ -n "$nvcc" ] || skip "this build has no nvcc"
[ -f "$log" ] || skip "the module has not been built"
version=$("$nvcc" --version | sed -n 's/.*release .*, V//p')

# measure: the table of the last build.
measure() {
    awk -v quote="'" '
        /Compiling entry function/ {
            split($0, part, quote)
            kernel = part[2]
            card = part[4]
        }
        /bytes stack frame/ { spilled = $5 + $9 }
        /Used [0-9]+ registers/ {
            shared = 0
            for (i = 1; i < NF; i++) {
                if ($i == "Used") registers = $(i + 1)
                if ($(i + 1) == "bytes" && $(i + 2) ~ /^smem/) shared = $i
            }
            print card, registers, spilled, shared, kernel
        }' "$log" | c++filt | sed -e 's/ void / /' -e 's/(int)//g; s/(bool)//g' |
        awk '{
            rest = $0
            for (i = 0; i < 4; i++) sub(/^[^ ]+ /, "", rest)
            depth = 0
            for (i = 1; i <= length(rest); i++) { # parameters go, template arguments stay
                c = substr(rest, i, 1)
                if (c == "<") depth++
                if (c == ">") depth--
                if (c == "(" && depth == 0) break
            }
            name = substr(rest, 1, i - 1)
            gsub(/ /, "", name)
            print name, $1, $2, $3, $4
        }' | LC_ALL=C sort -u
}

if [ "${1:-}" = --write ]; then
    {
        echo "# nvcc $version: kernel, card, registers, bytes spilled, bytes of shared memory (tests/gpu/resources.sh)"
        measure
    } >"$table"
    exit 0
fi

made_with=$(sed -n '1s/^# nvcc \([^:]*\):.*/\1/p' "$table")
[ "$made_with" = "$version" ] || skip "the table is of nvcc ${made_with:-unknown}, here is $version"

measured=$(measure)
failed=$(echo "$measured" | awk -v table="$table" '
    BEGIN {
        while ((getline line <table) > 0) {
            split(line, part, " ")
            known[part[1] " " part[2]] = line
        }
    }
    {
        key = $1 " " $2
        if (!(key in known)) { print "# " $0 ": not in the table"; next }
        split(known[key], part, " ")
        if ($3 > part[3] + 0) print "# " key ": " $3 " registers, " part[3] " in the table"
        if ($4 > part[4] + 0) print "# " key ": " $4 " bytes spilled, " part[4] " in the table"
        if ($5 > part[5] + 0) print "# " key ": " $5 " bytes of shared memory, " part[5] " in the table"
    }')
count=$(echo "$measured" | wc -l)
if [ -z "$failed" ] && [ "$count" -gt 10 ]; then
    echo "ok 1 - $count kernels use no more registers, spills and shared memory than the table says"
    status=0
else
    echo "not ok 1 - kernels use no more registers, spills and shared memory than the table says"
    echo "$failed" | head -20
    echo "# tests/gpu/resources.sh --write makes the table new; say in the commit why"
    status=1
fi
echo "1..1"
exit $status
