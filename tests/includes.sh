#!/bin/bash
# includes.sh: the doors between the rooms (architecture.md 1) as text, and a test that nobody climbs through
# a window.
#
# Also: every .c includes config.h first and no header does; third-party headers stay in their one file;
# src/main.c is under 200 lines. The same check is run over a tree with one planted violation of each kind,
# which it must find.
set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}

# room: what it may include besides itself.
doors='
base:
io: base
text: base io
prompt: base
ops: base
cpu: base ops
gpu: base ops
model: base io ops
sample: base ops
engine: base io text ops model sample
app: base io prompt engine
ui: base prompt app
'

# header (a regular expression): the one file or directory of the program that may have it; tests may have
# any.
homes='
(n?curses|ncursesw?/.*|term)[.]h: ui/full.c
readline/.*: ui/edit.c
libxml/.*: src/prompt/xml.c
(zlib|stb/.*|stb_.*)[.]?h?: src/io/png.c
(chafa|glib).*[.]h: ui/image.c
omp[.]h: src/base/team.c
(cuda|cublas).*: gpu/
'

# problems ROOT: one line for each include that should not be where it is, "FILE: what is wrong".
problems() {
    cd "$1" || exit 1
    find src ui gpu bench tests \( -name '*.[ch]' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' \) 2>/dev/null |
        LC_ALL=C sort |
        xargs -r awk -v doors="$doors" -v homes="$homes" '
            BEGIN {
                count = split(doors, line, "\n")
                for (i = 1; i <= count; i++) {
                    words = split(line[i], word, "[: ]+")
                    room_known[word[1]] = 1
                    for (j = 1; j <= words; j++) open[word[1], word[j]] = 1
                }
                home_count = split(homes, home, "\n")
            }
            function finish() {
                if (file ~ /[.]c$/ && !first) print file ": includes nothing, so not config.h either"
                if (file == "src/main.c" && lines >= 200)
                    print file ": has " lines " lines, fewer than 200 allowed"
            }
            function begin() {
                file = FILENAME
                first = ""
                split(file, part, "/")
                room = part[1] == "src" ? part[2] : part[1]
            }
            function visit(name, quoted,   i, at, target) {
                if (!first) {
                    first = name
                    if (file ~ /[.]c$/ && name != "config.h") print file ": includes " name " before config.h"
                }
                if (name == "config.h") {
                    if (file ~ /[.](h|cuh)$/) print file ": a header includes config.h"
                    return
                }
                for (i = 1; i <= home_count && file !~ /^(tests|bench)/; i++) {
                    at = index(home[i], ": ")
                    place = substr(home[i], at + 2)
                    if (at && name ~ ("^" substr(home[i], 1, at - 1) "$") && index(file, place) != 1)
                        print file ": includes " name ", which belongs in " place " only"
                }
                if (!quoted || !(room in room_known)) return
                split(name, part, "/")
                target = part[1]
                if (target != name && (target in room_known)) {
                    if (!((room, target) in open))
                        print file ": includes " name ", but room " room " may not use " target
                } else if (name !~ /^stb_/) {
                    print file ": includes " name ", which is in no room"
                }
            }
            FNR == 1 { if (file) finish(); begin() }
            { lines = FNR }
            /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
                name = $0
                sub(/^[^<"]*/, "", name)
                quoted = substr(name, 1, 1) == "\""
                name = substr(name, 2)
                sub(/[>"].*/, "", name)
                visit(name, quoted)
            }
            END { if (file) finish() }'
}

results=0
failures=0
# check NAME EXPECTED GOT
check() {
    results=$((results + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $results - $1"
    else
        failures=$((failures + 1))
        echo "not ok $results - $1"
        printf '%s\n' "${3:-nothing was found}" | sed 's/^/# /'
    fi
}

check "no file reaches for what its room may not have" "" "$(problems "$srcdir")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src/cpu" "$work/src/text" "$work/src/io" "$work/ui"

# plant FILE LINES SENTENCE: with only this file in the tree, exactly this problem is found.
plant() {
    printf "$2" >"$work/$1"
    check "found: $3" "$1: $3" "$(problems "$work")"
    rm "$work/$1"
}
begin='#include "config.h"\n#include <stdio.h>\n'
plant src/cpu/a.c "$begin#include \"io/json.h\"\n" 'includes io/json.h, but room cpu may not use io'
plant src/io/a.h '#include "text/spm.h"\n' 'includes text/spm.h, but room io may not use text'
plant ui/a.c "$begin  #  include \"engine/run.h\"\n" 'includes engine/run.h, but room ui may not use engine'
plant ui/b.c "$begin#include <curses.h>\n" 'includes curses.h, which belongs in ui/full.c only'
plant src/text/a.c "$begin#include <libxml/parser.h>\n" \
    'includes libxml/parser.h, which belongs in src/prompt/xml.c only'
plant src/io/b.c "$begin#include <stb/stb_image_write.h>\n" \
    'includes stb/stb_image_write.h, which belongs in src/io/png.c only'
plant src/io/c.c "$begin#include <zlib.h>\n" 'includes zlib.h, which belongs in src/io/png.c only'
plant ui/c.c "$begin#include <chafa.h>\n" 'includes chafa.h, which belongs in ui/image.c only'
plant src/text/b.c "$begin#include \"tokenize.h\"\n" 'includes tokenize.h, which is in no room'
plant src/text/c.c '#include <stdio.h>\n#include "config.h"\n' 'includes stdio.h before config.h'
plant src/text/d.c 'int nothing;\n' 'includes nothing, so not config.h either'
plant src/text/e.h '#include "config.h"\n' 'a header includes config.h'
plant src/main.c "$begin$(printf '\\n%.0s' {1..198})" 'has 200 lines, fewer than 200 allowed'

printf "$begin#include \"io/json.h\"\n#include \"base/buf.h\"\n" >"$work/src/text/f.c"
check "an allowed include is no problem" "" "$(problems "$work")"

echo "1..$results"
[ "$failures" = 0 ]
