#!/bin/bash
# numbers.sh: the headers of the emulated device have NVIDIA's numbers and calls: tests/gpu/numbers.cc, which
# states them, compiles with either.
set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
builddir=${builddir:-$PWD}
variable() { sed -n "s/^$1 = //p" "$builddir/Makefile"; }
cxx=$(variable CXX) nvcc=$(variable NVCC) number=0 failed=0

# check NAME INCLUDE...: one test.
check() {
    local name=$1 said
    shift
    number=$((number + 1))
    if said=$($cxx -std=gnu++17 -fsyntax-only "$@" -I"$srcdir" "$srcdir/tests/gpu/numbers.cc" 2>&1); then
        echo "ok $number - $name"
    else
        failed=1
        echo "not ok $number - $name"
        printf '%s\n' "$said" | sed 's/^/# /' | head -20
    fi
}

if ! echo 'int main() { return 0; }' | $cxx -fsyntax-only -x c++ - 2>/dev/null; then
    echo "ok 1 - headers of the emulated device # SKIP no C++ compiler"
    echo "1..1"
    exit 0
fi
check "the emulated device's headers have the numbers and calls that gpu/ uses" -I"$srcdir/gpu/emu"
toolkit=
[ -n "$nvcc" ] && toolkit=$(dirname "$(dirname "$(readlink -f "$nvcc")")")/include
[ -f "$toolkit/cublasLt.h" ] || toolkit=/usr/local/cuda/include
if [ -f "$toolkit/cublasLt.h" ]; then
    check "and so have NVIDIA's" -I"$toolkit"
else
    number=$((number + 1))
    echo "ok $number - and so have NVIDIA's # SKIP no CUDA toolkit"
fi
echo "1..$number"
exit $failed
