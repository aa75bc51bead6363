#!/bin/bash
# listed.sh: every source file is named in a fragment of the Makefile, else it is missing from `make dist`.
set -u
cd "${srcdir:-$(dirname "$0")/..}" || exit 1

unlisted=
for file in $(find src ui gpu bench tests \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' \) 2>/dev/null); do
    grep -q -s -E "(^|[[:space:]])$file([[:space:]]|$)" Makefile.am ./*/*.am ./*/*/*.am || unlisted+="# $file"$'\n'
done
if [ -z "$unlisted" ]; then
    echo "ok 1 - every source file is in a fragment"
else
    echo "not ok 1 - every source file is in a fragment"
    printf '%s' "$unlisted"
fi
echo "1..1"
[ -z "$unlisted" ]
