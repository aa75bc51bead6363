#!/bin/bash
# listed.sh: every source file is named in a fragment of the Makefile, else it is missing from `make dist`.
set -u
cd "${srcdir:-$(dirname "$0")/..}" || exit 1

files() {
    find src ui gpu bench tests \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' \) 2>/dev/null |
        LC_ALL=C sort
}
words() {
    cat Makefile.am ./*/*.am ./*/*/*.am | tr -s '[:space:]' '\n' | LC_ALL=C sort -u
}
unlisted=$(LC_ALL=C comm -23 <(files) <(words) | sed 's/^/# /')
if [ -z "$unlisted" ]; then
    echo "ok 1 - every source file is in a fragment"
else
    echo "not ok 1 - every source file is in a fragment"
    printf '%s\n' "$unlisted"
fi
echo "1..1"
[ -z "$unlisted" ]
